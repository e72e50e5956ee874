//! Questions to the ledger.

use std::cmp::Reverse;
use std::sync::Arc;

use stadion_core::event::PlayerEvent;
use stadion_core::id::{GameModeName, MatchId, PlayerId, SessionId, TicketId};
use stadion_core::limits::LIST_MAX;
use stadion_core::matches::Match;
use stadion_core::session::Session;
use stadion_core::state::{Counts, Filter, StateError};
use stadion_core::ticket::Ticket;

use super::Ledger;
use super::tickets::not_found;

fn wants<T: PartialEq>(wanted: Option<&T>, has: Option<&T>) -> bool {
    wanted.is_none() || wanted == has
}

/// The newest of `found`, newest first.
fn newest<T, K: Ord>(mut found: Vec<Arc<T>>, key: impl Fn(&T) -> K) -> Vec<Arc<T>> {
    found.sort_by_key(|item| Reverse(key(item)));
    found.truncate(LIST_MAX);
    found
}

impl Ledger {
    pub(crate) fn ticket(&self, id: TicketId) -> Result<Arc<Ticket>, StateError> {
        let stored = self.tickets.get(&id);
        stored
            .map(|stored| Arc::clone(&stored.ticket))
            .ok_or_else(|| not_found("ticket", &id))
    }

    pub(crate) fn get_match(&self, id: MatchId) -> Result<Arc<Match>, StateError> {
        self.found_match(id)
    }

    pub(crate) fn session(&self, id: SessionId) -> Result<Arc<Session>, StateError> {
        self.found_session(id)
    }

    /// With a player the cost is the player's own history; with a searching state the queue; otherwise a walk from the
    /// newest id on, which ends when enough are found.
    pub(crate) fn tickets(&self, filter: &Filter) -> Vec<Arc<Ticket>> {
        let good = |ticket: &&Arc<Ticket>| {
            let played = ticket.state.match_id();
            let on = played
                .and_then(|id| self.matches.get(&id))
                .and_then(|game| game.allocation.as_ref())
                .map(|allocation| &allocation.server);
            filter
                .player_id
                .as_ref()
                .is_none_or(|id| ticket.players.iter().any(|p| p.player_id == *id))
                && wants(filter.game_mode.as_ref(), Some(&ticket.game_mode))
                && filter
                    .state
                    .is_none_or(|state| state == ticket.state.as_str())
                && wants(filter.match_id.as_ref(), played.as_ref())
                && wants(filter.server.as_ref(), on)
        };
        let by_id = |id: &TicketId| self.tickets.get(id).map(|stored| &stored.ticket);
        let found: Vec<_> = if let Some(player_id) = &filter.player_id {
            let player = self.players.get(player_id);
            let ids = player.map(|player| &player.tickets).into_iter().flatten();
            ids.filter_map(by_id).filter(good).map(Arc::clone).collect()
        } else if filter.state == Some("searching") {
            let queues = self.queues.values().flat_map(|queue| queue.values());
            queues.filter(good).map(Arc::clone).collect()
        } else {
            let all = self.tickets.values().rev().map(|stored| &stored.ticket);
            all.filter(good).take(LIST_MAX).map(Arc::clone).collect()
        };
        newest(found, |ticket| ticket.id)
    }

    pub(crate) fn searching(&self, mode: &GameModeName) -> Vec<Arc<Ticket>> {
        let queue = self.queues.get(mode).into_iter();
        queue
            .flat_map(|queue| queue.values())
            .map(Arc::clone)
            .collect()
    }

    pub(crate) fn matches(&self, filter: &Filter) -> Vec<Arc<Match>> {
        let good = |game: &&Arc<Match>| {
            let server = game.allocation.as_ref().map(|a| &a.server);
            filter
                .player_id
                .as_ref()
                .is_none_or(|id| game.players.iter().any(|p| p.player_id == *id))
                && wants(filter.game_mode.as_ref(), Some(&game.game_mode))
                && filter
                    .state
                    .is_none_or(|state| state == game.state.as_str())
                && wants(filter.match_id.as_ref(), Some(&game.id))
                && wants(filter.server.as_ref(), server)
        };
        let by_id = |id: &MatchId| self.matches.get(id);
        let found: Vec<_> = if let Some(player_id) = &filter.player_id {
            let player = self.players.get(player_id);
            let ids = player.map(|player| &player.matches).into_iter().flatten();
            ids.filter_map(by_id).filter(good).map(Arc::clone).collect()
        } else if matches!(filter.state, Some("accepting" | "placing" | "live")) {
            let open = self.open_matches.iter().filter_map(by_id);
            open.filter(good).map(Arc::clone).collect()
        } else {
            let all = self.matches.values().rev();
            all.filter(good).take(LIST_MAX).map(Arc::clone).collect()
        };
        newest(found, |game| game.id)
    }

    pub(crate) fn open_matches(&self) -> Vec<Arc<Match>> {
        let ids = self.open_matches.iter();
        ids.filter_map(|id| self.matches.get(id))
            .map(Arc::clone)
            .collect()
    }

    pub(crate) fn sessions(&self, filter: &Filter) -> Vec<Arc<Session>> {
        let good = |session: &&Arc<Session>| {
            let mode = self
                .matches
                .get(&session.match_id)
                .map(|game| &game.game_mode);
            wants(filter.player_id.as_ref(), Some(&session.player_id))
                && wants(filter.game_mode.as_ref(), mode)
                && filter
                    .state
                    .is_none_or(|state| state == session.state.as_str())
                && wants(filter.match_id.as_ref(), Some(&session.match_id))
                && wants(filter.server.as_ref(), Some(&session.server))
        };
        let by_id = |id: &SessionId| self.sessions.get(id);
        let live = matches!(filter.state, Some("reserved" | "active"));
        let found: Vec<_> = if let Some(player_id) = &filter.player_id {
            let player = self.players.get(player_id);
            let ids = player.map(|player| &player.sessions).into_iter().flatten();
            ids.filter_map(by_id).filter(good).map(Arc::clone).collect()
        } else if let Some(match_id) = &filter.match_id {
            let ids = self.sessions_of.get(match_id).into_iter().flatten();
            ids.filter_map(by_id).filter(good).map(Arc::clone).collect()
        } else if let (true, Some(server)) = (live, &filter.server) {
            let ids = self.live_on.get(server).into_iter().flatten();
            ids.filter_map(by_id).filter(good).map(Arc::clone).collect()
        } else {
            let all = self.sessions.values().rev();
            all.filter(good).take(LIST_MAX).map(Arc::clone).collect()
        };
        newest(found, |session| session.id)
    }

    pub(crate) fn events(&self, player_id: &PlayerId, after: u64) -> Vec<Arc<PlayerEvent>> {
        let player = self.players.get(player_id);
        let mailbox = player.map(|player| &player.mailbox).into_iter().flatten();
        mailbox
            .filter(|(_, event)| event.number > after)
            .map(|(_, event)| Arc::clone(event))
            .collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            tickets_searching: self.expiring.len(),
            matches_open: self.open_matches.len(),
            sessions_live: self.live_sessions.len(),
        }
    }

    /// Tickets, matches and sessions, ended ones included.
    pub(crate) fn sizes(&self) -> [usize; 3] {
        [self.tickets.len(), self.matches.len(), self.sessions.len()]
    }
}
