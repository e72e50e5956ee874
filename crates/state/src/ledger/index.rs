//! The one way into the ledger: a row, with everything that is derived from it.

use std::sync::Arc;

use stadion_core::event::PlayerEvent;
use stadion_core::id::{MatchId, PlayerId, SessionId, TicketId};
use stadion_core::matches::{Match, MatchState};
use stadion_core::session::Session;
use stadion_core::ticket::TicketState;

use super::{Ledger, Player, Row, Stored};

fn insert<T: Ord>(sorted: &mut Vec<T>, item: T) {
    if let Err(at) = sorted.binary_search(&item) {
        // Most lists have one item, and a million players have three lists: no room for four at once.
        if sorted.is_empty() {
            sorted.reserve_exact(1);
        }
        sorted.insert(at, item);
    }
}

fn remove<T: Ord>(sorted: &mut Vec<T>, item: &T) {
    if let Ok(at) = sorted.binary_search(item) {
        sorted.remove(at);
    }
}

impl Player {
    fn is_forgotten(&self) -> bool {
        self.tickets.is_empty()
            && self.matches.is_empty()
            && self.sessions.is_empty()
            && self.mailbox.is_empty()
    }
}

impl Ledger {
    /// Takes over one row; the row that takes this back.
    pub(crate) fn put(&mut self, row: &Row) -> Row {
        match row {
            Row::Ticket(id, stored) => Row::Ticket(*id, self.put_ticket(*id, stored.clone())),
            Row::Match(id, game) => Row::Match(*id, self.put_match(*id, game.clone())),
            Row::Session(id, session) => Row::Session(*id, self.put_session(*id, session.clone())),
            Row::Event(row, event) => {
                self.put_event(*row, event);
                Row::EventGone(*row, event.player_id.clone())
            }
            Row::EventGone(row, player_id) => {
                let old = self.event_row(*row, player_id);
                self.events.remove(row);
                self.with_player(player_id, |player| {
                    player.mailbox.retain(|(kept, _)| kept != row);
                });
                old.unwrap_or_else(|| Row::EventGone(*row, player_id.clone()))
            }
            Row::Meta(meta) => Row::Meta(std::mem::replace(&mut self.meta, meta.clone())),
        }
    }

    fn put_event(&mut self, row: u64, event: &Arc<PlayerEvent>) {
        self.events.insert(row, event.player_id.clone());
        let player = self.players.entry(event.player_id.clone()).or_default();
        let mailbox = &mut player.mailbox;
        if mailbox.is_empty() {
            mailbox.reserve_exact(1);
        }
        // Nearly always the last one. A journal may hold a row twice, the second time out of its order.
        if let Err(place) = mailbox.binary_search_by_key(&row, |(kept, _)| *kept) {
            mailbox.insert(place, (row, Arc::clone(event)));
        }
    }

    fn with_player(&mut self, id: &PlayerId, change: impl FnOnce(&mut Player)) {
        if let Some(player) = self.players.get_mut(id) {
            change(player);
            if player.is_forgotten() {
                self.players.remove(id);
            }
        }
    }

    fn put_ticket(&mut self, id: TicketId, stored: Option<Stored>) -> Option<Stored> {
        let old = match &stored {
            Some(stored) => self.tickets.insert(id, stored.clone()),
            None => self.tickets.remove(&id),
        };
        if let Some(old) = &old {
            self.unindex_ticket(old, stored.is_none());
        }
        let Some(stored) = stored else {
            return old;
        };
        let ticket = &stored.ticket;
        let searching = ticket.state == TicketState::Searching;
        for member in &ticket.players {
            let player = self.players.entry(member.player_id.clone()).or_default();
            insert(&mut player.tickets, id);
            if searching {
                insert(&mut player.searching, id);
            }
        }
        if searching {
            self.queues
                .entry(ticket.game_mode.clone())
                .or_default()
                .insert((ticket.created_at, id), Arc::clone(ticket));
            self.expiring.insert((ticket.expires_at, id));
        }
        if let Some(key) = &stored.idempotency {
            self.keys.insert((key.creator.clone(), key.key.clone()), id);
        }
        old
    }

    fn unindex_ticket(&mut self, old: &Stored, gone: bool) {
        let ticket = &old.ticket;
        if ticket.state == TicketState::Searching {
            if let Some(queue) = self.queues.get_mut(&ticket.game_mode) {
                queue.remove(&(ticket.created_at, ticket.id));
                if queue.is_empty() {
                    self.queues.remove(&ticket.game_mode);
                }
            }
            self.expiring.remove(&(ticket.expires_at, ticket.id));
        }
        for member in &ticket.players {
            self.with_player(&member.player_id, |player| {
                remove(&mut player.searching, &ticket.id);
                if gone {
                    remove(&mut player.tickets, &ticket.id);
                }
            });
        }
        if gone && let Some(key) = &old.idempotency {
            self.keys.remove(&(key.creator.clone(), key.key.clone()));
        }
    }

    fn put_match(&mut self, id: MatchId, game: Option<Arc<Match>>) -> Option<Arc<Match>> {
        let old = self.matches.remove(&id);
        if let Some(old) = &old {
            self.open_matches.remove(&id);
            if let Some(check) = &old.acceptance {
                self.accepting.remove(&(check.until, id));
            }
            for seat in &old.players {
                self.with_player(&seat.player_id, |player| {
                    remove(&mut player.open_matches, &id);
                    remove(&mut player.matches, &id);
                });
            }
        }
        let Some(game) = game else {
            return old;
        };
        let open = game.state.is_open();
        for seat in &game.players {
            let player = self.players.entry(seat.player_id.clone()).or_default();
            insert(&mut player.matches, id);
            if open {
                insert(&mut player.open_matches, id);
            }
        }
        if open {
            self.open_matches.insert(id);
        }
        if let (MatchState::Accepting, Some(check)) = (game.state, &game.acceptance) {
            self.accepting.insert((check.until, id));
        }
        self.matches.insert(id, game);
        old
    }

    fn put_session(
        &mut self,
        id: SessionId,
        session: Option<Arc<Session>>,
    ) -> Option<Arc<Session>> {
        let old = self.sessions.remove(&id);
        if let Some(old) = &old {
            self.live_sessions.remove(&id);
            if let Some(live) = self.live_on.get_mut(&old.server) {
                live.remove(&id);
                if live.is_empty() {
                    self.live_on.remove(&old.server);
                }
            }
            if session.is_none() {
                self.with_player(&old.player_id, |player| remove(&mut player.sessions, &id));
                if let Some(of_match) = self.sessions_of.get_mut(&old.match_id) {
                    remove(of_match, &id);
                    if of_match.is_empty() {
                        self.sessions_of.remove(&old.match_id);
                    }
                }
            }
        }
        let Some(session) = session else {
            return old;
        };
        insert(
            &mut self
                .players
                .entry(session.player_id.clone())
                .or_default()
                .sessions,
            id,
        );
        insert(self.sessions_of.entry(session.match_id).or_default(), id);
        if session.state.is_live() {
            self.live_sessions.insert(id);
            self.live_on
                .entry(session.server.clone())
                .or_default()
                .insert(id);
        }
        self.sessions.insert(id, session);
        old
    }
}
