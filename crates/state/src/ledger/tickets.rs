//! Transitions of tickets.

use std::sync::Arc;

use stadion_core::event::EventKind;
use stadion_core::id::{GameModeName, PlayerId, TicketId};
use stadion_core::state::{Created, Fence, StateError};
use stadion_core::ticket::{CancelReason, Idempotency, NewTicket, Ticket, TicketState};
use stadion_core::time::Timestamp;

use super::{Ledger, PLAYERS_MAX, SWEEP_MAX, Stored, TICKETS_MAX, Transition};

pub(super) fn not_found(what: &'static str, id: &impl ToString) -> StateError {
    StateError::NotFound {
        what,
        id: id.to_string(),
    }
}

pub(super) fn wrong_state(
    what: &'static str,
    id: &impl ToString,
    state: &'static str,
) -> StateError {
    StateError::WrongState {
        what,
        id: id.to_string(),
        state,
    }
}

impl Ledger {
    fn stored(&self, id: TicketId) -> Result<&Stored, StateError> {
        self.tickets
            .get(&id)
            .ok_or_else(|| not_found("ticket", &id))
    }

    /// The first creation with the same key (or the same id), if there was one.
    fn earlier(&self, new: &NewTicket) -> Result<Option<Created>, StateError> {
        let by_key = new.idempotency.as_ref().and_then(|key| {
            let id = self.keys.get(&(key.creator.clone(), key.key.clone()))?;
            self.tickets.get(id)
        });
        if let Some(stored) = by_key {
            let digest = |key: &Idempotency| key.digest;
            if stored.idempotency.as_deref().map(digest) != new.idempotency.as_ref().map(digest) {
                return Err(StateError::IdempotencyMismatch);
            }
        }
        let earlier = by_key.or_else(|| self.tickets.get(&new.id));
        Ok(earlier.map(|stored| Created {
            ticket: Arc::clone(&stored.ticket),
            repeated: true,
        }))
    }

    fn check_player_free(&self, id: &PlayerId, mode: &GameModeName) -> Result<(), StateError> {
        let Some(player) = self.players.get(id) else {
            return Ok(());
        };
        if let Some(match_id) = self.match_of(id) {
            return Err(StateError::InMatch {
                player_id: id.clone(),
                match_id,
            });
        }
        let same_mode = |ticket_id: &&TicketId| {
            let stored = self.tickets.get(ticket_id);
            stored.is_some_and(|stored| stored.ticket.game_mode == *mode)
        };
        match player.searching.iter().find(same_mode) {
            Some(ticket_id) => Err(StateError::AlreadyQueued {
                player_id: id.clone(),
                ticket_id: *ticket_id,
            }),
            None => Ok(()),
        }
    }
}

impl Transition<'_> {
    /// Gives a ticket another state and tells its players.
    pub(super) fn change_ticket(
        &mut self,
        stored: &Stored,
        state: TicketState,
        requeues: u32,
        kind: &EventKind,
    ) -> Arc<Ticket> {
        let ticket = self.set_ticket(Stored {
            ticket: Arc::new(Ticket {
                state,
                requeues,
                changed_at: self.now,
                ..Ticket::clone(&stored.ticket)
            }),
            idempotency: stored.idempotency.clone(),
        });
        for player in &ticket.players {
            self.tell(&player.player_id, kind.clone());
        }
        ticket
    }

    pub(super) fn create_ticket(&mut self, mut new: NewTicket) -> Result<Created, StateError> {
        if let Some(created) = self.ledger.earlier(&new)? {
            return Ok(created);
        }
        for player in &new.players {
            self.ledger
                .check_player_free(&player.player_id, &new.game_mode)?;
        }
        let full = |what, limit| Err(StateError::Full { what, limit });
        if self.ledger.tickets.len() >= TICKETS_MAX {
            return full("the ticket store", TICKETS_MAX);
        }
        if self.ledger.players.len() + new.players.len() > PLAYERS_MAX {
            return full("the player store", PLAYERS_MAX);
        }
        let idempotency = new.idempotency.take().map(Arc::new);
        let ticket = self.set_ticket(Stored {
            ticket: Arc::new(new.into_ticket(self.now)),
            idempotency,
        });
        for player in &ticket.players {
            let ticket_id = ticket.id;
            self.tell(&player.player_id, EventKind::TicketSearching { ticket_id });
        }
        Ok(Created {
            ticket,
            repeated: false,
        })
    }

    pub(super) fn cancel_ticket(
        &mut self,
        id: TicketId,
        reason: CancelReason,
    ) -> Result<Arc<Ticket>, StateError> {
        let stored = self.ledger.stored(id)?.clone();
        match &stored.ticket.state {
            TicketState::Searching => Ok(self.cancel_stored(&stored, reason)),
            TicketState::Cancelled { .. } => Ok(stored.ticket),
            TicketState::RequiresAcceptance { match_id } => {
                self.withdraw(*match_id, id, reason)?;
                Ok(Arc::clone(&self.ledger.stored(id)?.ticket))
            }
            state => Err(wrong_state("ticket", &id, state.as_str())),
        }
    }

    pub(super) fn cancel_stored(&mut self, stored: &Stored, reason: CancelReason) -> Arc<Ticket> {
        let kind = EventKind::TicketCancelled {
            ticket_id: stored.ticket.id,
            reason,
        };
        let requeues = stored.ticket.requeues;
        self.change_ticket(stored, TicketState::Cancelled { reason }, requeues, &kind)
    }

    pub(super) fn expire_tickets(&mut self, fence: Fence) -> Result<usize, StateError> {
        self.ledger.check_fence(fence)?;
        let over: Vec<Stored> = self
            .ledger
            .expiring
            .iter()
            .take_while(|(expires_at, _)| *expires_at <= self.now)
            .take(SWEEP_MAX)
            .filter_map(|(_, id)| self.ledger.tickets.get(id).cloned())
            .collect();
        for stored in &over {
            let ticket_id = stored.ticket.id;
            let requeues = stored.ticket.requeues;
            let kind = EventKind::TicketTimedOut { ticket_id };
            self.change_ticket(stored, TicketState::TimedOut, requeues, &kind);
        }
        Ok(over.len())
    }

    pub(super) fn move_ticket(
        &mut self,
        fence: Fence,
        id: TicketId,
        to: GameModeName,
        expires_at: Timestamp,
    ) -> Result<Arc<Ticket>, StateError> {
        self.ledger.check_fence(fence)?;
        let stored = self.ledger.stored(id)?.clone();
        let ticket = &stored.ticket;
        if ticket.state != TicketState::Searching {
            return Err(wrong_state("ticket", &id, ticket.state.as_str()));
        }
        if ticket.game_mode == to {
            return Ok(stored.ticket);
        }
        for player in &ticket.players {
            // A match that comes to nothing puts its tickets back where they were.
            self.ledger.check_player_free(&player.player_id, &to)?;
        }
        let kind = EventKind::TicketMoved {
            ticket_id: id,
            game_mode: to.clone(),
        };
        let moved = Stored {
            ticket: Arc::new(Ticket {
                game_mode: to,
                expires_at: ticket.expires_at.min(expires_at),
                ..Ticket::clone(ticket)
            }),
            idempotency: stored.idempotency,
        };
        let requeues = moved.ticket.requeues;
        Ok(self.change_ticket(&moved, TicketState::Searching, requeues, &kind))
    }
}
