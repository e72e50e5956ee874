//! Matches that are played: who leaves early, which seats their servers offer, and who fills them. And ready checks,
//! which come before.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::RngExt;
use stadion_core::id::{MatchId, PlayerId, TicketId};
use stadion_core::matches::{Fill, OpenSeats};
use stadion_core::matchmaker::{LiveMatch, Seated};
use stadion_core::rules::{AcceptanceRule, Backfill};

use super::{Event, Placing, Running};
use crate::error::SimError;
use crate::measures::sample::Fate;
use crate::measures::seats::Filled;
use crate::population::Arrival;

/// A match with its server, in a game mode with backfill.
pub(super) struct Game {
    mode: usize,
    region: usize,
    live: LiveMatch,
    /// Whoever may leave early, in the order in which they came.
    crew: Vec<(TicketId, PlayerId)>,
    /// Since when seats are free, by team, the longest first.
    free: Vec<VecDeque<u64>>,
    ends_at: u64,
}

impl Running<'_> {
    /// A match has its server until `ends_at`. Its number, if anything can happen in it.
    pub(super) fn go_live(&mut self, number: u64, placing: &Placing, ends_at: u64) {
        let Some(mode) = placing.tickets.first().map(|arrival| arrival.mode) else {
            return;
        };
        let rules = &self.world.modes[mode].mode;
        if rules.rules.backfill == Backfill::Off {
            return;
        }
        let teams = (0_u32..).zip(&placing.plan.teams);
        let team_of = |id: TicketId| {
            let mut found = teams.clone().filter(|(_, tickets)| tickets.contains(&id));
            found.next().map_or(0, |(team, _)| team)
        };
        let seated = placing.tickets.iter().map(|arrival| Seated {
            ticket: Arc::clone(&arrival.ticket),
            team: team_of(arrival.ticket.id),
            joined_at: placing.planned_at,
        });
        let sizes = rules.team_seats();
        let mut game = Game {
            mode,
            region: placing.region,
            live: LiveMatch {
                id: MatchId::from_u128(number.into()),
                region: self.names[placing.region].clone(),
                seated: seated.collect(),
                open: OpenSeats {
                    seats: vec![0; sizes.len()],
                    since: self.now,
                },
                labels: BTreeMap::new(),
                max_players: None,
                roles: placing.plan.roles.clone(),
            },
            crew: Vec::new(),
            free: vec![VecDeque::new(); sizes.len()],
            ends_at,
        };
        for (team, size) in sizes.into_iter().enumerate() {
            let mine = game
                .live
                .seated
                .iter()
                .filter(|seated| seated.team as usize == team);
            let players: usize = mine.map(|seated| seated.ticket.size()).sum();
            let missing = (size as usize).saturating_sub(players);
            game.free[team].extend(std::iter::repeat_n(self.now.0, missing));
        }
        let tickets: Vec<_> = placing
            .tickets
            .iter()
            .map(|a| Arc::clone(&a.ticket))
            .collect();
        for ticket in tickets {
            self.sign_on(number, &mut game, &ticket);
        }
        let closes_at = ends_at.saturating_sub(self.world.dropouts.closed_before_end_ms);
        if closes_at > self.now.0 {
            self.schedule(closes_at, Event::Close { game: number });
        }
        self.offer(&mut game);
        self.games.insert(number, game);
    }

    /// Draws who of a party leaves early, and when.
    fn sign_on(&mut self, number: u64, game: &mut Game, ticket: &stadion_core::ticket::Ticket) {
        for player in &ticket.players {
            let place = game.crew.len();
            game.crew.push((ticket.id, player.player_id.clone()));
            let leaves = self.chance.random::<f64>() < self.world.dropouts.share;
            if leaves && self.now.0 + 1 < game.ends_at {
                let at = self.chance.random_range(self.now.0 + 1..game.ends_at);
                self.schedule(
                    at,
                    Event::DropOut {
                        game: number,
                        place,
                    },
                );
            }
        }
    }

    /// Tells the planner which seats are free, if any may be filled still.
    fn offer(&mut self, game: &mut Game) {
        let closed_ms = self.world.dropouts.closed_before_end_ms;
        if self.now.plus_ms(closed_ms).0 >= game.ends_at || game.live.seated.is_empty() {
            return;
        }
        let free = |seats: &VecDeque<u64>| u32::try_from(seats.len()).unwrap_or(u32::MAX);
        let seats: Vec<u32> = game.free.iter().map(free).collect();
        let before = game.live.open.total();
        let now: u32 = seats.iter().sum();
        if before == 0 {
            game.live.open.since = self.now;
        }
        self.collector.offered(now.saturating_sub(before));
        game.live.open.seats = seats;
        if now > 0 {
            self.lanes[game.mode].planner.open(game.live.clone());
            self.poke(game.mode, self.now.0);
        }
    }

    /// A player leaves early.
    pub(super) fn drop_out(&mut self, number: u64, place: usize) {
        let Some(mut game) = self.games.remove(&number) else {
            return;
        };
        let (ticket, player) = game.crew[place].clone();
        let seated = game
            .live
            .seated
            .iter_mut()
            .find(|seated| seated.ticket.id == ticket);
        if let Some(seated) = seated {
            let team = seated.team as usize;
            let left = Arc::make_mut(&mut seated.ticket);
            left.players.retain(|other| other.player_id != player);
            game.free[team].push_back(self.now.0);
            game.live.roles.remove(&player);
            game.live.seated.retain(|seated| seated.ticket.size() > 0);
            self.collector.dropped_out();
        }
        if game.live.seated.is_empty() {
            self.lanes[game.mode].planner.close(game.live.id);
        } else {
            self.offer(&mut game);
            self.games.insert(number, game);
        }
    }

    /// Its server wants nobody any more, or the match is over.
    pub(super) fn close(&mut self, number: u64, is_over: bool) {
        let Some(game) = self.games.get(&number) else {
            return;
        };
        if game.live.open.total() > 0 {
            self.lanes[game.mode].planner.close(game.live.id);
        }
        if is_over {
            self.games.remove(&number);
        }
    }

    /// Carries a fill out: the newcomers have their seats at once.
    pub(super) fn fill(&mut self, fill: &Fill) -> Result<(), SimError> {
        let number = u64::try_from(fill.match_id.as_u128()).unwrap_or(u64::MAX);
        let Some(mut game) = self.games.remove(&number) else {
            return Err(SimError::NoSeat {
                game: fill.match_id,
            });
        };
        let mut joining: Vec<Arrival> = Vec::with_capacity(fill.tickets.len());
        let mut free_ms = Vec::new();
        for (ticket, team) in &fill.tickets {
            let Some(arrival) = self.searching.remove(ticket) else {
                return Err(SimError::NotWaiting { ticket: *ticket });
            };
            self.forget(&arrival);
            for _ in 0..arrival.ticket.size() {
                let seat = game
                    .free
                    .get_mut(*team as usize)
                    .and_then(VecDeque::pop_front);
                let Some(since) = seat else {
                    return Err(SimError::NoSeat {
                        game: fill.match_id,
                    });
                };
                free_ms.push(self.now.0 - since);
                game.live.open.seats[*team as usize] -= 1;
            }
            self.sign_on(number, &mut game, &arrival.ticket);
            game.live.seated.push(Seated {
                ticket: Arc::clone(&arrival.ticket),
                team: *team,
                joined_at: self.now,
            });
            joining.push(arrival);
        }
        game.live.roles.extend(fill.roles.clone());
        self.collector.filled(&Filled {
            live: &game.live,
            region: game.region,
            joining: &joining,
            free_ms: &free_ms,
            at: self.now.0,
        });
        if game.live.open.total() > 0 {
            self.lanes[game.mode].planner.open(game.live.clone());
        }
        self.games.insert(number, game);
        Ok(())
    }

    /// Asks the players of a match; whoever does not say yes does not answer.
    pub(super) fn ask(&mut self, placement: u64, rule: AcceptanceRule) {
        let Some(mut placing) = self.placing.remove(&placement) else {
            return;
        };
        let asked = self.world.ready_check;
        let mut last_ms = 0;
        for arrival in &placing.tickets {
            let mut all = true;
            for _ in &arrival.ticket.players {
                let (from, to) = asked.answer_ms;
                let answer_ms = self.chance.random_range(from..=to);
                let yes = self.chance.random::<f64>() < asked.yes && answer_ms <= rule.timeout_ms;
                all &= yes;
                last_ms = last_ms.max(if yes { answer_ms } else { rule.timeout_ms });
            }
            placing.accepted.push(all);
        }
        self.placing.insert(placement, placing);
        self.schedule(self.now.0 + last_ms, Event::Checked { placement });
    }

    /// A ready check is over: the match gets its server, or those who said yes go back with their age.
    pub(super) fn checked(&mut self, placement: u64) {
        let Some(placing) = self.placing.get_mut(&placement) else {
            return;
        };
        let accepted = std::mem::take(&mut placing.accepted);
        let all = accepted.iter().all(|yes| *yes);
        let region = placing.region;
        self.collector.checked(all);
        if all && self.free[region] > 0 {
            self.take_server(placement);
            return;
        }
        let Some(placing) = self.placing.remove(&placement) else {
            return;
        };
        if all {
            self.collector.placement_failed();
        }
        let mut back = Vec::new();
        for (arrival, yes) in placing.tickets.into_iter().zip(accepted) {
            if yes {
                back.push(arrival);
            } else {
                self.collector.ended(&arrival, Fate::Left, self.now.0);
            }
        }
        self.go_back(back);
    }
}

#[cfg(test)]
mod tests;
