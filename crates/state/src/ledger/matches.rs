//! Transitions of matches.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use stadion_core::event::EventKind;
use stadion_core::id::{MatchId, PlayerId};
use stadion_core::matches::{
    AbandonReason, Acceptance, Match, MatchEnd, MatchPlayer, MatchState, NewMatch, Placement,
};
use stadion_core::session::{EndReason, Session, SessionState};
use stadion_core::state::{Fence, StateError};
use stadion_core::ticket::{CancelReason, Requirements, Ticket, TicketState};

use super::tickets::{not_found, wrong_state};
use super::{Ledger, MATCHES_MAX, Player, Stored, Transition};

/// What a plan becomes, when it still holds.
struct LineUp {
    tickets: Vec<Stored>,
    players: Vec<MatchPlayer>,
    requirements: Requirements,
}

impl Ledger {
    pub(super) fn found_match(&self, id: MatchId) -> Result<Arc<Match>, StateError> {
        let game = self.matches.get(&id).map(Arc::clone);
        game.ok_or_else(|| not_found("match", &id))
    }

    /// The open match that a player is in (I1). Who left a live match is in it no more, although the line-up says who was
    /// there.
    pub(super) fn match_of(&self, id: &PlayerId) -> Option<MatchId> {
        let player = self.players.get(id)?;
        let mut open = player.open_matches.iter().copied();
        open.find(|id| self.holds(player, *id))
    }

    /// Whether an open match has a seat for the player, or will have.
    pub(super) fn holds(&self, player: &Player, id: MatchId) -> bool {
        let game = self.matches.get(&id);
        let is_live = game.is_some_and(|game| game.state == MatchState::Live);
        let mut sessions = player
            .sessions
            .iter()
            .filter_map(|id| self.sessions.get(id));
        !is_live || sessions.any(|seat| seat.match_id == id && seat.state.is_live())
    }

    /// The tickets of an open match, in its order.
    pub(super) fn tickets_of(&self, game: &Match) -> Vec<Stored> {
        let ids: BTreeSet<_> = game.players.iter().map(|seat| seat.ticket_id).collect();
        ids.iter()
            .filter_map(|id| self.tickets.get(id).cloned())
            .collect()
    }

    fn line_up(&self, new: &NewMatch) -> Result<LineUp, StateError> {
        let mut taken: HashSet<PlayerId> = HashSet::new();
        let mut line_up = LineUp {
            tickets: Vec::new(),
            players: Vec::new(),
            requirements: Requirements::default(),
        };
        for (team, ticket_id) in (0_u32..)
            .zip(&new.plan.teams)
            .flat_map(|(team, ids)| ids.iter().map(move |id| (team, *id)))
        {
            let stale = || StateError::Stale { ticket_id };
            let stored = self.tickets.get(&ticket_id).ok_or_else(stale)?;
            let ticket = &stored.ticket;
            if ticket.state != TicketState::Searching || ticket.game_mode != new.plan.game_mode {
                return Err(stale());
            }
            for member in &ticket.players {
                let player_id = &member.player_id;
                let busy = self.match_of(player_id);
                if busy.is_some() || !taken.insert(player_id.clone()) {
                    return Err(stale());
                }
                line_up.players.push(MatchPlayer {
                    player_id: player_id.clone(),
                    ticket_id,
                    team,
                    role: new.plan.roles.get(player_id).cloned(),
                });
            }
            line_up.requirements = line_up.requirements.merged(&ticket.requirements);
            line_up.tickets.push(stored.clone());
        }
        if line_up.players.is_empty() {
            return Err(wrong_state("match", &new.id, "without players"));
        }
        Ok(line_up)
    }

    /// One seat per player, all of them on the server that was allocated for this match.
    fn check_placement(&self, game: &Match, placement: &Placement) -> Result<(), StateError> {
        let allocation = &placement.allocation;
        let mut waiting: HashSet<_> = game
            .players
            .iter()
            .map(|seat| (&seat.player_id, seat.ticket_id))
            .collect();
        let mut ids = HashSet::new();
        let good = placement.sessions.iter().all(|session| {
            session.match_id == game.id
                && session.server == allocation.server
                && session.state.is_live()
                && waiting.remove(&(&session.player_id, session.ticket_id))
                && ids.insert(session.id)
                && !self.sessions.contains_key(&session.id)
        });
        if good && waiting.is_empty() && allocation.match_id == game.id {
            Ok(())
        } else {
            let state = "not one new seat per player";
            Err(wrong_state("placement of match", &game.id, state))
        }
    }
}

impl Transition<'_> {
    pub(super) fn commit_match(
        &mut self,
        fence: Fence,
        new: &NewMatch,
    ) -> Result<Arc<Match>, StateError> {
        self.ledger.check_fence(fence)?;
        if let Some(game) = self.ledger.matches.get(&new.id) {
            return Ok(Arc::clone(game));
        }
        if self.ledger.matches.len() >= MATCHES_MAX {
            return Err(StateError::Full {
                what: "the match store",
                limit: MATCHES_MAX,
            });
        }
        let LineUp {
            tickets,
            players,
            requirements,
        } = self.ledger.line_up(new)?;
        let acceptance = new.acceptance.map(|rule| Acceptance {
            until: self.now.plus_ms(rule.timeout_ms),
            answers: BTreeMap::new(),
        });
        let game = self.set_match(Match {
            id: new.id,
            game_mode: new.plan.game_mode.clone(),
            region: new.plan.region.clone(),
            players,
            requirements,
            quality: new.plan.quality,
            state: if acceptance.is_some() {
                MatchState::Accepting
            } else {
                MatchState::Placing
            },
            acceptance,
            allocation: None,
            backfill: None,
            created_at: self.now,
            changed_at: self.now,
            result: None,
        });
        if game.state == MatchState::Placing {
            self.tell_placing(new.id, &tickets);
            return Ok(game);
        }
        for stored in &tickets {
            let match_id = new.id;
            let state = TicketState::RequiresAcceptance { match_id };
            let kind = EventKind::MatchProposed {
                ticket_id: stored.ticket.id,
                match_id,
            };
            self.change_ticket(stored, state, stored.ticket.requeues, &kind);
        }
        Ok(game)
    }

    /// The tickets of a match wait for its server from now on.
    pub(super) fn tell_placing(&mut self, match_id: MatchId, tickets: &[Stored]) {
        for stored in tickets {
            let state = TicketState::Placing { match_id };
            let kind = EventKind::TicketPlacing {
                ticket_id: stored.ticket.id,
                match_id,
            };
            self.change_ticket(stored, state, stored.ticket.requeues, &kind);
        }
    }

    /// A ticket searches again, with the age it had.
    pub(super) fn requeue(&mut self, stored: &Stored, reason: AbandonReason) {
        let requeues = stored.ticket.requeues.saturating_add(1);
        let kind = EventKind::TicketRequeued {
            ticket_id: stored.ticket.id,
            reason,
        };
        self.change_ticket(stored, TicketState::Searching, requeues, &kind);
    }

    pub(super) fn place_match(
        &mut self,
        fence: Fence,
        id: MatchId,
        placement: Placement,
    ) -> Result<Arc<Match>, StateError> {
        self.ledger.check_fence(fence)?;
        let game = self.ledger.found_match(id)?;
        if let Some(allocation) = &game.allocation {
            if allocation.server == placement.allocation.server {
                return Ok(game);
            }
            return Err(wrong_state("match", &id, "placed on another server"));
        }
        if game.state != MatchState::Placing {
            return Err(wrong_state("match", &id, game.state.as_str()));
        }
        self.ledger.check_placement(&game, &placement)?;

        let tickets = self.ledger.tickets_of(&game);
        let game = self.set_match(Match {
            state: MatchState::Live,
            allocation: Some(placement.allocation),
            changed_at: self.now,
            ..Match::clone(&game)
        });
        self.seat(id, tickets, placement.sessions);
        Ok(game)
    }

    /// Tickets come to their end, and their players to their new seats in a live match.
    pub(super) fn seat(&mut self, id: MatchId, tickets: Vec<Stored>, sessions: Vec<Session>) {
        for stored in tickets {
            let ticket = Ticket {
                state: TicketState::Completed { match_id: id },
                changed_at: self.now,
                ..Ticket::clone(&stored.ticket)
            };
            self.set_ticket(Stored {
                ticket: Arc::new(ticket),
                ..stored
            });
        }
        let seated: Vec<_> = sessions
            .into_iter()
            .map(|session| self.set_session(session))
            .collect();
        for session in &seated {
            let kind = EventKind::MatchFound {
                match_id: id,
                session_id: session.id,
            };
            self.tell(&session.player_id, kind);
        }
        for session in &seated {
            self.cancel_others(&session.player_id);
        }
    }

    /// Takes a seated player's remaining tickets out of their queues (I1).
    fn cancel_others(&mut self, player_id: &PlayerId) {
        let others = self
            .ledger
            .players
            .get(player_id)
            .map_or_else(Vec::new, |player| player.searching.clone());
        for id in others {
            if let Some(stored) = self.ledger.tickets.get(&id).cloned() {
                self.cancel_stored(&stored, CancelReason::MatchedElsewhere);
            }
        }
    }

    pub(super) fn abandon_match(
        &mut self,
        fence: Fence,
        id: MatchId,
        reason: AbandonReason,
    ) -> Result<Arc<Match>, StateError> {
        self.ledger.check_fence(fence)?;
        let game = self.ledger.found_match(id)?;
        match game.state {
            MatchState::Abandoned { .. } => return Ok(game),
            MatchState::Placing | MatchState::Accepting => {}
            state => return Err(wrong_state("match", &id, state.as_str())),
        }
        let tickets = self.ledger.tickets_of(&game);
        let game = self.set_match(Match {
            state: MatchState::Abandoned { reason },
            changed_at: self.now,
            ..Match::clone(&game)
        });
        for stored in &tickets {
            self.requeue(stored, reason);
        }
        Ok(game)
    }

    pub(super) fn end_match(
        &mut self,
        id: MatchId,
        end: MatchEnd,
        result: Option<serde_json::Value>,
    ) -> Result<Arc<Match>, StateError> {
        let game = self.ledger.found_match(id)?;
        match game.state {
            MatchState::Ended { .. } => return Ok(game),
            MatchState::Live => {}
            state => return Err(wrong_state("match", &id, state.as_str())),
        }
        let reason = match end {
            MatchEnd::ServerLost => EndReason::ServerLost,
            MatchEnd::Finished | MatchEnd::Empty | MatchEnd::Operator => EndReason::MatchEnded,
        };
        for session in &self.ledger.live_sessions_of(id) {
            self.close_session(session, SessionState::Ended { reason });
        }
        Ok(self.set_match(Match {
            state: MatchState::Ended { end },
            backfill: None,
            changed_at: self.now,
            result,
            ..Match::clone(&game)
        }))
    }

    /// Ends a live match whose last seat is gone.
    pub(super) fn end_if_empty(&mut self, id: MatchId) {
        let live = self
            .ledger
            .matches
            .get(&id)
            .filter(|game| game.state == MatchState::Live);
        if let Some(game) = live.map(Arc::clone)
            && self.ledger.live_sessions_of(id).is_empty()
        {
            self.set_match(Match {
                state: MatchState::Ended {
                    end: MatchEnd::Empty,
                },
                backfill: None,
                changed_at: self.now,
                ..Match::clone(&game)
            });
        }
    }
}
