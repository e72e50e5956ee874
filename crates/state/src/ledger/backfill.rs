//! Transitions of live matches whose free seats are filled.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use stadion_core::id::{MatchId, ServerName, TicketId};
use stadion_core::limits::MATCH_SEATS_MAX;
use stadion_core::matches::{Match, MatchPlayer, MatchState, OpenSeats};
use stadion_core::session::Session;
use stadion_core::state::{Fence, StateError};
use stadion_core::ticket::TicketState;

use super::tickets::wrong_state;
use super::{Ledger, Stored, Transition};

impl Ledger {
    /// The tickets of newcomers with these seats, if all of them can still come.
    fn newcomers(&self, game: &Match, sessions: &[Session]) -> Result<Vec<Stored>, StateError> {
        let mut seats: BTreeMap<TicketId, Vec<&Session>> = BTreeMap::new();
        for session in sessions {
            seats.entry(session.ticket_id).or_default().push(session);
        }
        let mut found = Vec::new();
        for (ticket_id, seats) in seats {
            let stale = || StateError::Stale { ticket_id };
            let stored = self.tickets.get(&ticket_id).ok_or_else(stale)?;
            let ticket = &stored.ticket;
            let mut members = ticket.players.iter();
            let busy = members.any(|member| self.match_of(&member.player_id).is_some());
            if busy || ticket.state != TicketState::Searching || ticket.game_mode != game.game_mode
            {
                return Err(stale());
            }
            let whole = ticket.players.len() == seats.len()
                && ticket.players.iter().all(|member| {
                    let mut seats = seats.iter();
                    seats.any(|seat| seat.player_id == member.player_id)
                });
            if !whole || seats.iter().any(|seat| seat.team != seats[0].team) {
                return Err(no_seats(game.id, "not one new seat per player"));
            }
            found.push(stored.clone());
        }
        Ok(found)
    }

    /// Whether `seats` are free beside those that are taken.
    fn check_room(&self, id: MatchId, seats: &[u32], most: &[u32]) -> Result<(), StateError> {
        let live = self.live_sessions_of(id);
        for (team, wanted) in (0_u32..).zip(seats) {
            let taken = live.iter().filter(|session| session.team == team).count();
            let most = usize::try_from(team).map_or(0, |team| most.get(team).copied().unwrap_or(0));
            let room = most.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
            if *wanted > room {
                return Err(StateError::TooManySeats {
                    match_id: id,
                    team,
                    room,
                });
            }
        }
        Ok(())
    }

    /// What is left of the offer of `game` when `sessions` are its new seats.
    fn check_seats(&self, game: &Match, sessions: &[Session]) -> Result<OpenSeats, StateError> {
        let refused = |why| Err(no_seats(game.id, why));
        let (Some(offer), Some(allocation)) = (&game.backfill, &game.allocation) else {
            return refused("without an offer of seats");
        };
        let mut left = offer.clone();
        let (mut ids, mut players) = (HashSet::new(), HashSet::new());
        for session in sessions {
            let good = session.match_id == game.id
                && session.server == allocation.server
                && session.state.is_live()
                && ids.insert(session.id)
                && players.insert(&session.player_id)
                && !self.sessions.contains_key(&session.id);
            if !good {
                return refused("not one new seat per player");
            }
            let team = usize::try_from(session.team).unwrap_or(usize::MAX);
            match left.seats.get_mut(team) {
                Some(free) if *free > 0 => *free -= 1,
                _ => return refused("without so many free seats in that team"),
            }
        }
        Ok(left)
    }
}

fn no_seats(id: MatchId, why: &'static str) -> StateError {
    wrong_state("match", &id, why)
}

impl Transition<'_> {
    pub(super) fn open_seats(
        &mut self,
        id: MatchId,
        server: &ServerName,
        seats: Vec<u32>,
        team_seats: &[u32],
    ) -> Result<Arc<Match>, StateError> {
        let game = self.ledger.found_match(id)?;
        let placed_on = game.allocation.as_ref().map(|placed| &placed.server);
        if placed_on.is_some_and(|placed_on| placed_on != server) {
            return Err(StateError::WrongServer {
                what: "match",
                id: id.to_string(),
            });
        }
        if game.state != MatchState::Live {
            return Err(wrong_state("match", &id, game.state.as_str()));
        }
        self.ledger.check_room(id, &seats, team_seats)?;
        let before = game.backfill.as_ref();
        let since = before.map_or(self.now, |before| before.since);
        let offer = OpenSeats { seats, since };
        let seats = self.ledger.sessions_of.get(&id).map_or(0, Vec::len);
        let seats = seats.saturating_add(usize::try_from(offer.total()).unwrap_or(usize::MAX));
        let backfill = (offer.total() > 0).then_some(offer);
        if backfill.is_some() && seats > MATCH_SEATS_MAX {
            return Err(StateError::Full {
                what: "the list of the match's seats",
                limit: MATCH_SEATS_MAX,
            });
        }
        if game.backfill == backfill {
            return Ok(game);
        }
        Ok(self.set_match(Match {
            backfill,
            ..Match::clone(&game)
        }))
    }

    pub(super) fn fill_match(
        &mut self,
        fence: Fence,
        id: MatchId,
        sessions: Vec<Session>,
    ) -> Result<Arc<Match>, StateError> {
        self.ledger.check_fence(fence)?;
        let game = self.ledger.found_match(id)?;
        let seated = TicketState::Completed { match_id: id };
        let is_repeated = sessions.iter().all(|session| {
            let stored = self.ledger.tickets.get(&session.ticket_id);
            stored.is_some_and(|stored| stored.ticket.state == seated)
        });
        if is_repeated {
            return Ok(game);
        }
        if game.state != MatchState::Live {
            return Err(wrong_state("match", &id, game.state.as_str()));
        }
        let tickets = self.ledger.newcomers(&game, &sessions)?;
        let left = self.ledger.check_seats(&game, &sessions)?;

        let mut requirements = game.requirements.clone();
        for stored in &tickets {
            requirements = requirements.merged(&stored.ticket.requirements);
        }
        let mut players = game.players.clone();
        // Who left may come back, through another ticket.
        players.retain(|seat| sessions.iter().all(|new| new.player_id != seat.player_id));
        players.extend(sessions.iter().map(|session| MatchPlayer {
            player_id: session.player_id.clone(),
            ticket_id: session.ticket_id,
            team: session.team,
            role: session.role.clone(),
        }));
        let game = self.set_match(Match {
            players,
            requirements,
            backfill: (left.total() > 0).then_some(left),
            ..Match::clone(&game)
        });
        self.seat(id, tickets, sessions);
        Ok(game)
    }
}
