//! The lease on the loops, and forgetting.

use std::collections::HashSet;

use stadion_core::matches::MatchState;
use stadion_core::state::{Fence, StateError};
use stadion_core::ticket::TicketState;
use stadion_core::time::Timestamp;

use super::{Ledger, Meta, Row, SWEEP_MAX, Transition};

impl Ledger {
    /// Refuses every fence but the newest (I9).
    pub(super) fn check_fence(&self, fence: Fence) -> Result<(), StateError> {
        if fence.0 == self.meta.fence && fence.0 > 0 {
            Ok(())
        } else {
            Err(StateError::Fenced)
        }
    }

    /// Lets go of the lease, keeping its fence: for a process that has just opened the file and thereby knows that the
    /// last holder is gone.
    pub(crate) fn release_lease(&mut self) {
        self.meta.holder = None;
    }
}

impl Transition<'_> {
    pub(super) fn lease(&mut self, holder: String, ttl_ms: u64) -> Option<Fence> {
        let meta = &self.ledger.meta;
        let mine = meta.holder.as_deref() == Some(holder.as_str());
        if !mine && meta.holder.is_some() && self.now < meta.held_until {
            return None;
        }
        let fence = if mine { meta.fence } else { meta.fence + 1 };
        let event_floor = meta.event_floor;
        self.write(Row::Meta(Meta {
            fence,
            holder: Some(holder),
            held_until: self.now.plus_ms(ttl_ms),
            event_floor,
        }));
        Some(Fence(fence))
    }

    pub(super) fn purge(&mut self, fence: Fence, before: Timestamp) -> Result<usize, StateError> {
        self.ledger.check_fence(fence)?;
        let mut rows = self.ledger.old_matches(before);
        let room = SWEEP_MAX.saturating_sub(rows.len());
        rows.extend(self.ledger.old_tickets(before, room));
        let room = SWEEP_MAX.saturating_sub(rows.len());
        let (events, floor) = self.ledger.old_events(before, room);
        rows.extend(events);
        let count = rows.len();
        for row in rows {
            self.write(row);
        }
        if floor > self.ledger.meta.event_floor {
            let meta = Meta {
                event_floor: floor,
                ..self.ledger.meta.clone()
            };
            self.write(Row::Meta(meta));
        }
        Ok(count)
    }
}

impl Ledger {
    /// Matches that are over, with their sessions. The last match may exceed the limit by its sessions.
    fn old_matches(&self, before: Timestamp) -> Vec<Row> {
        let mut rows = Vec::new();
        let over = self.matches.values().filter(|game| {
            game.changed_at < before
                && matches!(
                    game.state,
                    MatchState::Ended { .. } | MatchState::Abandoned { .. }
                )
        });
        for game in over {
            if rows.len() >= SWEEP_MAX {
                break;
            }
            let sessions = self.sessions_of.get(&game.id).into_iter().flatten();
            rows.extend(sessions.map(|id| Row::Session(*id, None)));
            rows.push(Row::Match(game.id, None));
        }
        rows
    }

    /// Tickets that are over. One whose match is still open stays, so that it can be asked for while it is played.
    fn old_tickets(&self, before: Timestamp, room: usize) -> Vec<Row> {
        let over = self.tickets.values().map(|stored| &stored.ticket);
        over.filter(|ticket| {
            let played = matches!(ticket.state, TicketState::Completed { match_id }
                if self.open_matches.contains(&match_id));
            ticket.changed_at < before && ticket.state.is_terminal() && !played
        })
        .take(room)
        .map(|ticket| Row::Ticket(ticket.id, None))
        .collect()
    }

    /// Old events, and the highest number among them.
    fn old_events(&self, before: Timestamp, room: usize) -> (Vec<Row>, u64) {
        let mut floor = 0;
        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        for player_id in self.events.values() {
            if rows.len() >= room {
                break;
            }
            if !seen.insert(player_id) {
                continue;
            }
            let mailbox = self.players.get(player_id).map(|player| &player.mailbox);
            // From the oldest on: a gap in the middle would tell a client that it missed something.
            let old = mailbox.into_iter().flatten();
            for (row, event) in old.take_while(|(_, event)| event.at < before) {
                floor = floor.max(event.number);
                rows.push(Row::EventGone(*row, player_id.clone()));
            }
        }
        (rows, floor)
    }
}
