//! The state machine behind the embedded store: commands in, rows out. No clock, no I/O.
//!
//! A transition checks everything first and changes the ledger afterwards, so an error has changed nothing. Every change
//! goes through [`Ledger::put`], which also keeps the indexes: recovery, readers and transitions share that one way in.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stadion_core::event::{EventKind, PlayerEvent};
use stadion_core::id::{GameModeName, MatchId, PlayerId, ServerName, SessionId, TicketId};
use stadion_core::limits::EVENTS_PER_PLAYER_MAX;
use stadion_core::matches::{AbandonReason, Match, MatchEnd, NewMatch, Placement};
use stadion_core::session::{EndReason, Heartbeat, Session, SessionRules};
use stadion_core::state::{Change, Created, Fence, StateError, Verdict};
use stadion_core::ticket::{CancelReason, Idempotency, NewTicket, Ticket};
use stadion_core::time::Timestamp;

mod acceptance;
mod backfill;
mod check;
mod index;
mod lease;
mod matches;
mod read;
mod sessions;
#[cfg(test)]
pub(crate) mod tests;
mod tickets;
mod walk;

pub(crate) use walk::Cursor;

/// Tickets kept, ended ones included. A ticket of one player with five latencies is about 1 KiB here, so this is 1 GiB;
/// 100,000 players with a match every ten minutes make 600,000 tickets an hour, so it keeps an hour and a half.
pub(crate) const TICKETS_MAX: usize = 1_000_000;

/// Players known, by ticket or by unread events: ten times the 100,000 that play at once. One is about 400 bytes, and at
/// most 32 events of 150 bytes, of which six are usual: about 1.3 GiB.
pub(crate) const PLAYERS_MAX: usize = 1_000_000;

/// Matches kept, ended ones included: one per two tickets is the most that a duel needs. About 1 KiB each.
pub(crate) const MATCHES_MAX: usize = 500_000;

/// Things that one expiry or purge handles; the next call goes on. 10,000 rows are one commit of about 50 ms.
pub(crate) const SWEEP_MAX: usize = 10_000;

/// Everything that changes the state, as [`stadion_core::state::State`] has it.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Lease {
        holder: String,
        ttl_ms: u64,
    },
    CreateTicket(Box<NewTicket>),
    CancelTicket {
        id: TicketId,
        reason: CancelReason,
    },
    ExpireTickets {
        fence: Fence,
    },
    MoveTicket {
        fence: Fence,
        id: TicketId,
        to: GameModeName,
        expires_at: Timestamp,
    },
    CommitMatch {
        fence: Fence,
        new: Box<NewMatch>,
    },
    Respond {
        id: MatchId,
        player_id: PlayerId,
        accept: bool,
    },
    ExpireAcceptances {
        fence: Fence,
    },
    PlaceMatch {
        fence: Fence,
        id: MatchId,
        placement: Box<Placement>,
    },
    OpenSeats {
        id: MatchId,
        server: ServerName,
        seats: Vec<u32>,
        team_seats: Vec<u32>,
    },
    FillMatch {
        fence: Fence,
        id: MatchId,
        sessions: Vec<Session>,
    },
    AbandonMatch {
        fence: Fence,
        id: MatchId,
        reason: AbandonReason,
    },
    EndMatch {
        id: MatchId,
        end: MatchEnd,
        result: Option<serde_json::Value>,
    },
    Redeem {
        id: SessionId,
        match_id: MatchId,
        server: ServerName,
        key: Option<String>,
    },
    Heartbeats {
        server: ServerName,
        beats: Vec<Heartbeat>,
    },
    EndSession {
        id: SessionId,
        reason: EndReason,
    },
    Kick {
        id: SessionId,
    },
    ExpireSessions {
        fence: Fence,
        rules: SessionRules,
    },
    Purge {
        fence: Fence,
        before: Timestamp,
    },
}

/// What a command answers.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Lease(Option<Fence>),
    Created(Created),
    Ticket(Arc<Ticket>),
    Match(Arc<Match>),
    Session(Arc<Session>),
    Verdicts(Vec<Verdict>),
    Count(usize),
}

/// A ticket with the key that made its creation repeatable; the key lives as long as the ticket is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) idempotency: Option<Arc<Idempotency>>,
}

/// The few values of which there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// The newest fence that was given out.
    pub(crate) fence: u64,
    /// Who holds the lease.
    pub(crate) holder: Option<String>,
    /// Until when.
    pub(crate) held_until: Timestamp,
    /// No forgotten mailbox had a higher number than this, so a new one begins above it and a client's cursor never
    /// points past events it has not seen.
    pub(crate) event_floor: u64,
}

/// One row of the store: `None` deletes it.
#[derive(Clone, Debug)]
pub(crate) enum Row {
    Ticket(TicketId, Option<Stored>),
    Match(MatchId, Option<Arc<Match>>),
    Session(SessionId, Option<Arc<Session>>),
    /// Keyed by a running number over all players, so that new events share a page on disk.
    Event(u64, Arc<PlayerEvent>),
    EventGone(u64, PlayerId),
    Meta(Meta),
}

/// What the ledger knows of one player.
#[derive(Clone, Debug, Default, PartialEq)]
struct Player {
    /// Sorted by id, as the lists below.
    tickets: Vec<TicketId>,
    searching: Vec<TicketId>,
    matches: Vec<MatchId>,
    sessions: Vec<SessionId>,
    /// Those that are not over, also where the player has left.
    open_matches: Vec<MatchId>,
    /// With the number of the row, oldest first.
    mailbox: VecDeque<(u64, Arc<PlayerEvent>)>,
}

/// The searching tickets of a game mode by (creation, id).
type Queue = BTreeMap<(Timestamp, TicketId), Arc<Ticket>>;

/// Tickets, matches, sessions and mailboxes, with their indexes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ledger {
    tickets: BTreeMap<TicketId, Stored>,
    matches: BTreeMap<MatchId, Arc<Match>>,
    sessions: BTreeMap<SessionId, Arc<Session>>,
    meta: Meta,
    /// Rows of the mailboxes, by number.
    events: BTreeMap<u64, PlayerId>,
    /// In boxes: a table of a million moves when it grows, and everybody waits for that.
    players: HashMap<PlayerId, Box<Player>>,
    /// (creator, idempotency key) of every kept ticket that has one.
    keys: HashMap<(PlayerId, String), TicketId>,
    queues: HashMap<GameModeName, Queue>,
    expiring: BTreeSet<(Timestamp, TicketId)>,
    open_matches: BTreeSet<MatchId>,
    /// Matches in their ready check, by its end.
    accepting: BTreeSet<(Timestamp, MatchId)>,
    sessions_of: HashMap<MatchId, Vec<SessionId>>,
    live_sessions: BTreeSet<SessionId>,
    live_on: HashMap<ServerName, BTreeSet<SessionId>>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) outcome: Outcome,
    pub(crate) rows: Vec<Row>,
    /// What each row was before: put in the opposite order, they take everything back.
    pub(crate) undo: Vec<Row>,
    pub(crate) changes: Vec<Change>,
}

/// One transition under way: what was written, and what others will be told.
struct Transition<'a> {
    ledger: &'a mut Ledger,
    now: Timestamp,
    rows: Vec<Row>,
    undo: Vec<Row>,
    changes: Vec<Change>,
}

impl Transition<'_> {
    fn write(&mut self, row: Row) {
        self.undo.push(self.ledger.put(&row));
        self.rows.push(row);
    }

    fn set_ticket(&mut self, stored: Stored) -> Arc<Ticket> {
        let ticket = Arc::clone(&stored.ticket);
        self.changes.push(Change::Ticket(Arc::clone(&ticket)));
        self.write(Row::Ticket(ticket.id, Some(stored)));
        ticket
    }

    fn set_match(&mut self, game: Match) -> Arc<Match> {
        let game = Arc::new(game);
        self.changes.push(Change::Match(Arc::clone(&game)));
        self.write(Row::Match(game.id, Some(Arc::clone(&game))));
        game
    }

    fn set_session(&mut self, session: Session) -> Arc<Session> {
        let session = Arc::new(session);
        self.write(Row::Session(session.id, Some(Arc::clone(&session))));
        session
    }

    /// Puts an event into the player's mailbox, and drops the oldest one beyond the limit.
    fn tell(&mut self, player_id: &PlayerId, kind: EventKind) {
        let mailbox = self.ledger.players.get(player_id).map(|p| &p.mailbox);
        let number = 1 + mailbox
            .and_then(|mailbox| mailbox.back())
            .map_or(self.ledger.meta.event_floor, |(_, event)| event.number);
        let surplus = mailbox
            .filter(|mailbox| mailbox.len() >= EVENTS_PER_PLAYER_MAX)
            .and_then(|mailbox| mailbox.front().map(|(row, _)| *row));
        if let Some(row) = surplus {
            self.write(Row::EventGone(row, player_id.clone()));
        }
        let row = self
            .ledger
            .events
            .last_key_value()
            .map_or(0, |(row, _)| row + 1);
        let event = Arc::new(PlayerEvent {
            player_id: player_id.clone(),
            number,
            at: self.now,
            kind,
        });
        self.changes.push(Change::Event(Arc::clone(&event)));
        self.write(Row::Event(row, event));
    }
}

impl Ledger {
    /// Carries out `command`, or changes nothing.
    pub(crate) fn apply(
        &mut self,
        command: Command,
        now: Timestamp,
    ) -> Result<Applied, StateError> {
        let mut transition = Transition {
            ledger: self,
            now,
            rows: Vec::new(),
            undo: Vec::new(),
            changes: Vec::new(),
        };
        let outcome = transition.run(command)?;
        let Transition {
            rows,
            undo,
            changes,
            ..
        } = transition;
        Ok(Applied {
            outcome,
            rows,
            undo,
            changes,
        })
    }
}

impl Transition<'_> {
    fn run(&mut self, command: Command) -> Result<Outcome, StateError> {
        Ok(match command {
            Command::Lease { holder, ttl_ms } => Outcome::Lease(self.lease(holder, ttl_ms)),
            Command::CreateTicket(new) => Outcome::Created(self.create_ticket(*new)?),
            Command::CancelTicket { id, reason } => {
                Outcome::Ticket(self.cancel_ticket(id, reason)?)
            }
            Command::ExpireTickets { fence } => Outcome::Count(self.expire_tickets(fence)?),
            Command::MoveTicket {
                fence,
                id,
                to,
                expires_at,
            } => Outcome::Ticket(self.move_ticket(fence, id, to, expires_at)?),
            Command::CommitMatch { fence, new } => Outcome::Match(self.commit_match(fence, &new)?),
            Command::Respond {
                id,
                player_id,
                accept,
            } => Outcome::Match(self.respond(id, &player_id, accept)?),
            Command::ExpireAcceptances { fence } => Outcome::Count(self.expire_acceptances(fence)?),
            Command::PlaceMatch {
                fence,
                id,
                placement,
            } => Outcome::Match(self.place_match(fence, id, *placement)?),
            Command::OpenSeats {
                id,
                server,
                seats,
                team_seats,
            } => Outcome::Match(self.open_seats(id, &server, seats, &team_seats)?),
            Command::FillMatch {
                fence,
                id,
                sessions,
            } => Outcome::Match(self.fill_match(fence, id, sessions)?),
            Command::AbandonMatch { fence, id, reason } => {
                Outcome::Match(self.abandon_match(fence, id, reason)?)
            }
            Command::EndMatch { id, end, result } => {
                Outcome::Match(self.end_match(id, end, result)?)
            }
            Command::Redeem {
                id,
                match_id,
                server,
                key,
            } => Outcome::Session(self.redeem(id, match_id, &server, key)?),
            Command::Heartbeats { server, beats } => {
                Outcome::Verdicts(self.heartbeats(&server, &beats))
            }
            Command::EndSession { id, reason } => Outcome::Session(self.end_session(id, reason)?),
            Command::Kick { id } => Outcome::Session(self.kick(id)?),
            Command::ExpireSessions { fence, rules } => {
                Outcome::Count(self.expire_sessions(fence, rules)?)
            }
            Command::Purge { fence, before } => Outcome::Count(self.purge(fence, before)?),
        })
    }
}
