//! Random commands against the ledger: whatever comes, in whatever order, its invariants hold.

use std::sync::Arc;

use proptest::prelude::{ProptestConfig, any};
use proptest::proptest;
use stadion_core::id::{GameModeName, TicketId};
use stadion_core::matches::{AbandonReason, Match, MatchEnd, MatchState};
use stadion_core::rules::AcceptanceRule;
use stadion_core::session::{EndReason, Heartbeat, SessionRules};
use stadion_core::state::Fence;
use stadion_core::ticket::{CancelReason, NewTicket};
use stadion_core::time::Timestamp;
use stadion_testkit::build;
use stadion_testkit::random::Random;

use super::{Command, Ledger};

const PLAYERS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
const MODES: [&str; 2] = ["duel", "brawl"];
const SERVERS: [&str; 3] = ["server-1", "server-2", "server-3"];
const LEASE_MS: u64 = 5_000;
const NOT_ACCEPTED: MatchState = MatchState::Abandoned {
    reason: AbandonReason::NotAccepted,
};

/// Draws commands that mostly make sense, and sometimes do not.
pub(crate) struct Dice {
    pub(crate) random: Random,
    pub(crate) now: Timestamp,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            now: Timestamp(1_700_000_000_000),
        }
    }

    fn one_of<T: Clone>(&mut self, items: impl Iterator<Item = T>) -> Option<T> {
        let items: Vec<T> = items.collect();
        (!items.is_empty()).then(|| self.random.pick(&items).clone())
    }

    fn number(&mut self, below: usize) -> u32 {
        u32::try_from(self.random.below(below)).unwrap()
    }

    fn fence(&mut self, ledger: &Ledger) -> Fence {
        let stale = u64::from(self.random.once_in(12));
        Fence(ledger.meta.fence.saturating_sub(stale))
    }

    /// The next command, for a ledger that looks like `ledger`.
    pub(crate) fn command(&mut self, ledger: &Ledger) -> Command {
        let step = self.random.below(2_000);
        self.now = self.now.plus_ms(step as u64);
        let command = match self.random.below(20) {
            0..=5 => Some(self.create()),
            6 => self.cancel(ledger),
            7 => self.move_on(ledger),
            8..=10 => self.commit(ledger),
            11..=14 => self.on_match(ledger),
            15..=17 => self.on_session(ledger),
            _ => Some(self.sweep(ledger)),
        };
        command.unwrap_or_else(|| {
            let holder = (*self.random.pick(&["one", "two"])).to_owned();
            Command::Lease {
                holder,
                ttl_ms: LEASE_MS,
            }
        })
    }

    fn create(&mut self) -> Command {
        let first = self.random.below(PLAYERS.len());
        let size = 1 + self.random.below(2);
        let party: Vec<&str> = (first..first + size)
            .map(|at| PLAYERS[at % PLAYERS.len()])
            .collect();
        let key = format!("key-{}", self.random.below(8));
        let digest = u8::from(self.random.once_in(8));
        let keyed = self.random.once_in(3);
        let mode = *self.random.pick(&MODES);
        Command::CreateTicket(Box::new(NewTicket {
            game_mode: build::mode_name(mode),
            idempotency: keyed.then(|| build::idempotency(party[0], &key, digest)),
            ttl_ms: 10_000,
            ..build::new_ticket(&party, self.now)
        }))
    }

    fn cancel(&mut self, ledger: &Ledger) -> Option<Command> {
        let id = self.one_of(ledger.tickets.keys().copied())?;
        let reason = CancelReason::Requested;
        Some(Command::CancelTicket { id, reason })
    }

    fn move_on(&mut self, ledger: &Ledger) -> Option<Command> {
        let id = self.one_of(ledger.tickets.keys().copied())?;
        let ahead_ms = self.random.below(20_000) as u64;
        let to: &&str = self.random.pick(&MODES);
        let to = build::mode_name(to);
        Some(Command::MoveTicket {
            fence: self.fence(ledger),
            id,
            to,
            expires_at: self.now.plus_ms(ahead_ms),
        })
    }

    fn commit(&mut self, ledger: &Ledger) -> Option<Command> {
        let mode = self.one_of(ledger.queues.keys().cloned())?;
        let one = self.waiting(ledger, &mode)?;
        let two = if self.random.once_in(10) {
            self.one_of(ledger.tickets.keys().copied())?
        } else {
            self.waiting(ledger, &mode)?
        };
        let mut new = build::new_match(&[one, two], self.now);
        new.plan.game_mode = mode;
        let timeout_ms = 5_000;
        new.acceptance = (!self.random.once_in(3)).then_some(AcceptanceRule { timeout_ms });
        let fence = self.fence(ledger);
        let new = Box::new(new);
        Some(Command::CommitMatch { fence, new })
    }

    fn waiting(&mut self, ledger: &Ledger, mode: &GameModeName) -> Option<TicketId> {
        let queue = ledger.queues.get(mode)?;
        self.one_of(queue.keys().map(|(_, id)| *id))
    }

    fn on_match(&mut self, ledger: &Ledger) -> Option<Command> {
        let id = if self.random.once_in(8) {
            self.one_of(ledger.matches.keys().copied())?
        } else {
            self.one_of(ledger.open_matches.iter().copied())?
        };
        let game = ledger.matches.get(&id)?;
        if game.state == MatchState::Accepting && !self.random.once_in(8) || self.random.once_in(20)
        {
            let mut player_id = self.one_of(game.players.iter().map(|p| p.player_id.clone()))?;
            if self.random.once_in(20) {
                player_id = build::player_id(self.random.pick::<&str>(&PLAYERS));
            }
            return Some(Command::Respond {
                id,
                player_id,
                accept: !self.random.once_in(6),
            });
        }
        let fence = self.fence(ledger);
        if game.state == MatchState::Live && !self.random.once_in(3) {
            return self.on_seats(ledger, game);
        }
        Some(match self.random.below(6) {
            0..=2 => {
                let server = *self.random.pick(&SERVERS);
                let mut placement = build::placement(game, server, self.now);
                if self.random.once_in(10) {
                    placement.sessions.pop();
                }
                let placement = Box::new(placement);
                Command::PlaceMatch {
                    fence,
                    id,
                    placement,
                }
            }
            3 => Command::AbandonMatch {
                fence,
                id,
                reason: AbandonReason::NoCapacity,
            },
            _ => Command::EndMatch {
                id,
                end: *self
                    .random
                    .pick(&[MatchEnd::Finished, MatchEnd::ServerLost]),
                result: Some(serde_json::json!({ "score": [1, 0.1] })),
            },
        })
    }

    /// Offers seats of a live match, or fills some: mostly offered ones, with somebody who waits.
    fn on_seats(&mut self, ledger: &Ledger, game: &Match) -> Option<Command> {
        let id = game.id;
        let placed = game.allocation.as_ref()?;
        if game.backfill.is_none() || self.random.once_in(4) {
            let mut server = placed.server.clone();
            if self.random.once_in(10) {
                server = build::server_name(self.random.pick::<&str>(&SERVERS));
            }
            let many = self.random.once_in(20);
            let seats = (0..2).map(|_| self.number(if many { 2_000 } else { 3 }));
            return Some(Command::OpenSeats {
                id,
                server,
                seats: seats.collect(),
                team_seats: vec![if many { 4_000 } else { 3 }; 2],
            });
        }
        let ticket_id = if self.random.once_in(8) {
            self.one_of(ledger.tickets.keys().copied())?
        } else {
            self.waiting(ledger, &game.game_mode)?
        };
        let ticket = &ledger.tickets.get(&ticket_id)?.ticket;
        let team = self.number(2);
        let mut sessions = build::seats(game, ticket, team, self.now);
        if self.random.once_in(10) {
            sessions.pop();
        }
        let fence = self.fence(ledger);
        Some(Command::FillMatch {
            fence,
            id,
            sessions,
        })
    }

    fn on_session(&mut self, ledger: &Ledger) -> Option<Command> {
        let id = self.one_of(ledger.sessions.keys().copied())?;
        let session = ledger.sessions.get(&id)?;
        let server = if self.random.once_in(8) {
            build::server_name(self.random.pick::<&str>(&SERVERS))
        } else {
            session.server.clone()
        };
        Some(match self.random.below(6) {
            0 | 1 => Command::Redeem {
                id,
                match_id: session.match_id,
                server,
                key: (!self.random.once_in(3)).then(|| format!("key-{}", self.random.below(2))),
            },
            2 | 3 => {
                let latency_ms = Some(12.3);
                let live = ledger.live_on.get(&server).into_iter().flatten();
                let beats = live.map(|id| Heartbeat {
                    session_id: *id,
                    latency_ms,
                });
                let beats = beats.collect();
                Command::Heartbeats { server, beats }
            }
            4 => Command::EndSession {
                id,
                reason: EndReason::Left,
            },
            _ => Command::Kick { id },
        })
    }

    fn sweep(&mut self, ledger: &Ledger) -> Command {
        let fence = self.fence(ledger);
        match self.random.below(5) {
            0 => Command::ExpireTickets { fence },
            3 => Command::ExpireAcceptances { fence },
            1 => Command::ExpireSessions {
                fence,
                rules: SessionRules {
                    stale_after_ms: 20_000,
                    life_ms: 100_000,
                },
            },
            2 => Command::Purge {
                fence,
                before: self.now.minus_ms(30_000),
            },
            _ => Command::Lease {
                holder: (*self.random.pick(&["one", "two"])).to_owned(),
                ttl_ms: LEASE_MS,
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    /// I1 to I3 and every index hold after every command; a refused one changed nothing; the rows alone make the same
    /// ledger elsewhere; and what is undone was never there.
    #[test]
    fn i1_i2_i3_hold_after_every_command(seed in any::<u64>(), steps in 1_usize..500) {
        let mut dice = Dice::new(seed);
        let mut ledger = Ledger::default();
        let mut follower = Ledger::default();
        for _ in 0..steps {
            let command = dice.command(&ledger);
            let before = ledger.clone();
            let text = format!("{command:?}");
            match ledger.apply(command, dice.now) {
                Ok(applied) => {
                    for row in applied.undo.iter().rev() {
                        ledger.put(row);
                    }
                    assert!(ledger == before, "something of {text} stays behind");
                    for row in &applied.rows {
                        follower.put(row);
                        ledger.put(row);
                    }
                }
                Err(_) => assert!(ledger == before, "a refused command changed something: {text}"),
            }
            assert_eq!(ledger.check_invariants(), Ok(()), "after {text}");
            assert!(follower == ledger, "the rows miss a part of {text}");
        }
    }
}

/// How far the free seats of a match have come.
fn progress(game: &Arc<Match>) -> Option<&'static str> {
    let tickets: std::collections::BTreeSet<_> = game.players.iter().map(|p| p.ticket_id).collect();
    let newcomers = tickets.len() > 2;
    match (&game.backfill, newcomers) {
        (Some(_), false) => Some("offered"),
        (Some(_), true) => Some("filled in part"),
        (None, true) => Some("filled"),
        (None, false) => None,
    }
}

/// The dice reach every outcome, or the test above would prove little.
#[test]
fn the_dice_reach_the_whole_life() {
    let mut dice = Dice::new(7);
    let mut ledger = Ledger::default();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20_000 {
        let command = dice.command(&ledger);
        if let Err(error) = ledger.apply(command, dice.now) {
            let text = format!("{error:?}");
            seen.insert(text.split([' ', '(']).next().unwrap().to_owned());
        }
        for stored in ledger.tickets.values() {
            seen.insert(stored.ticket.state.as_str().to_owned());
        }
        seen.extend(ledger.matches.values().map(|g| g.state.as_str().to_owned()));
        seen.extend(
            ledger
                .matches
                .values()
                .filter_map(progress)
                .map(str::to_owned),
        );
        let not_accepted = |g: &&Arc<Match>| g.state == NOT_ACCEPTED;
        let of = ledger.matches.values().find(not_accepted);
        seen.extend(of.map(|_| "not_accepted".to_owned()));
        seen.extend(
            ledger
                .sessions
                .values()
                .map(|s| s.state.as_str().to_owned()),
        );
    }
    for wanted in [
        "searching",
        "requires_acceptance",
        "accepting",
        "placing",
        "completed",
        "cancelled",
        "timed_out",
        "live",
        "ended",
        "abandoned",
        "reserved",
        "active",
        "expired",
        "kicked",
        "AlreadyQueued",
        "AlreadyAnswered",
        "not_accepted",
        "InMatch",
        "Stale",
        "Fenced",
        "WrongState",
        "WrongServer",
        "AlreadyRedeemed",
        "IdempotencyMismatch",
        "offered",
        "filled",
        "filled in part",
        "TooManySeats",
        "Full",
    ] {
        assert!(seen.contains(wanted), "{wanted} is not in {seen:?}");
    }
}
