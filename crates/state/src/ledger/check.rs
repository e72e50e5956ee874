//! What must hold of every ledger, whatever happened to it.

use std::collections::HashSet;

use stadion_core::limits::EVENTS_PER_PLAYER_MAX;
use stadion_core::matches::{Match, MatchState};
use stadion_core::ticket::{Ticket, TicketState};

use super::{Ledger, Player};

macro_rules! hold {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err(format!($($text)+));
        }
    };
}

impl Ledger {
    /// Walks everything: the invariants I1 to I3, and every index against the rows it is made of.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub(crate) fn check_invariants(&self) -> Result<(), String> {
        let mut rebuilt = Self::default();
        for row in self.rows() {
            rebuilt.put(&row);
        }
        hold!(rebuilt == *self, "an index is not what its rows say");
        for (id, player) in &self.players {
            self.check_player(player)
                .map_err(|why| format!("player {id}: {why}"))?;
        }
        for stored in self.tickets.values() {
            let ticket = &stored.ticket;
            self.check_ticket(ticket)
                .map_err(|why| format!("ticket {}: {why}", ticket.id))?;
        }
        for game in self.matches.values() {
            self.check_match(game)
                .map_err(|why| format!("match {}: {why}", game.id))?;
        }
        for session in self.sessions.values().filter(|s| s.state.is_live()) {
            let game = self.matches.get(&session.match_id);
            let live = game.is_some_and(|game| game.state == MatchState::Live);
            hold!(live, "session {}: its match is not live", session.id);
        }
        Ok(())
    }

    fn check_player(&self, player: &Player) -> Result<(), String> {
        let mut modes = HashSet::new();
        for id in &player.searching {
            let stored = self.tickets.get(id);
            let mode = stored.map(|stored| &stored.ticket.game_mode);
            hold!(modes.insert(mode), "I1: searches twice in {mode:?}");
        }
        let open = player
            .matches
            .iter()
            .filter(|id| self.open_matches.contains(id) && self.holds(player, **id));
        hold!(open.count() <= 1, "I1: is in several open matches");
        let mailbox = &player.mailbox;
        hold!(
            mailbox.len() <= EVENTS_PER_PLAYER_MAX,
            "the mailbox overflows"
        );
        let numbers = mailbox.iter().map(|(_, event)| event.number);
        let gapless = numbers
            .clone()
            .zip(numbers.skip(1))
            .all(|(a, b)| a + 1 == b);
        hold!(gapless, "the events have gaps");
        Ok(())
    }

    fn check_ticket(&self, ticket: &Ticket) -> Result<(), String> {
        let game = ticket.state.match_id().and_then(|id| self.matches.get(&id));
        let state = game.map(|game| game.state);
        match ticket.state {
            TicketState::RequiresAcceptance { .. } => {
                hold!(
                    state == Some(MatchState::Accepting),
                    "I2: requires acceptance, its match is {state:?}"
                );
            }
            TicketState::Placing { .. } => {
                hold!(
                    state == Some(MatchState::Placing),
                    "I2: is placing, its match is {state:?}"
                );
            }
            TicketState::Completed { .. } => {
                let seated = matches!(
                    state,
                    None | Some(MatchState::Live | MatchState::Ended { .. })
                );
                hold!(seated, "I2: is completed, its match is {state:?}");
            }
            _ => {}
        }
        Ok(())
    }

    fn check_match(&self, game: &Match) -> Result<(), String> {
        let tickets = game.players.iter().map(|seat| {
            let stored = self.tickets.get(&seat.ticket_id);
            stored.map(|stored| stored.ticket.state.clone())
        });
        let match_id = game.id;
        let mut players = HashSet::new();
        for seat in &game.players {
            hold!(
                players.insert(&seat.player_id),
                "{} is in the line-up twice",
                seat.player_id
            );
        }
        let offer = game.backfill.as_ref();
        hold!(
            offer.is_none_or(|offer| game.state == MatchState::Live && offer.total() > 0),
            "offers seats that nobody can have"
        );
        let sessions = self.live_sessions_of(match_id);
        let yes = game.acceptance.as_ref().map(|check| check.accepted());
        match game.state {
            MatchState::Accepting => {
                let wanted = Some(TicketState::RequiresAcceptance { match_id });
                hold!(
                    tickets.clone().all(|t| t == wanted),
                    "I2: a ticket does not require acceptance"
                );
                hold!(
                    yes.is_some_and(|yes| yes < game.players.len()),
                    "everybody has accepted and nothing happens"
                );
                hold!(
                    game.allocation.is_none(),
                    "I3: is accepting and has a server"
                );
            }
            MatchState::Placing => {
                hold!(
                    yes.is_none_or(|yes| yes == game.players.len()),
                    "is placing, but not everybody has accepted"
                );
                let wanted = Some(TicketState::Placing { match_id });
                hold!(
                    tickets.clone().all(|t| t == wanted),
                    "I2: a ticket is not placing"
                );
                hold!(game.allocation.is_none(), "I3: is placing and has a server");
            }
            MatchState::Live => {
                let wanted = Some(TicketState::Completed { match_id });
                hold!(
                    tickets.clone().all(|t| t == wanted),
                    "I2: a ticket is not completed"
                );
                hold!(!sessions.is_empty(), "is live without a live session");
                let server = game.allocation.as_ref().map(|a| &a.server);
                let there = sessions.iter().all(|s| Some(&s.server) == server);
                hold!(there, "I3: a session is on another server");
            }
            _ => hold!(sessions.is_empty(), "is over and has a live session"),
        }
        Ok(())
    }
}
