//! Counts from the state's changes what no stage of the path sees alone: tickets that begin and end however they do,
//! seats, ended matches. What the director and the loops do, they count themselves.

use std::collections::HashMap;
use std::sync::Arc;

use stadion_core::estimate::Estimate;
use stadion_core::event::EventKind;
use stadion_core::id::{GameModeName, MatchId, PlayerId, Region};
use stadion_core::matches::{AbandonReason, Match, MatchState};
use stadion_core::state::Change;
use stadion_core::ticket::{Ticket, TicketState};

use super::Metrics;

/// Follows the changes of one state. It holds one entry per player with a seat and per open match, so the state's own
/// limits bound it.
#[derive(Debug)]
pub struct Observer {
    metrics: Arc<Metrics>,
    /// Open matches: a change that repeats a state is counted once.
    matches: HashMap<MatchId, Held>,
    /// Seats that live matches offer.
    offered: HashMap<GameModeName, u32>,
    seats: HashMap<PlayerId, (MatchId, Region)>,
    players: HashMap<Region, usize>,
}

/// What is known of an open match.
#[derive(Debug, Default)]
struct Held {
    /// Where it is live.
    live: Option<Region>,
    /// Seats that it offers.
    offers: u32,
}

impl Observer {
    /// Begins with the matches that are `open` now.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, open: &[Arc<Match>]) -> Self {
        let mut observer = Self {
            metrics,
            matches: HashMap::new(),
            offered: HashMap::new(),
            seats: HashMap::new(),
            players: HashMap::new(),
        };
        observer.resync(open);
        observer
    }

    /// Begins anew after [`Change::Lagged`] with the matches that are `open` now. What was missed is not counted.
    /// Players who left a match that goes on are counted again until it ends.
    pub fn resync(&mut self, open: &[Arc<Match>]) {
        self.matches.clear();
        self.seats.clear();
        for count in self.players.values_mut() {
            *count = 0;
        }
        for count in self.offered.values_mut() {
            *count = 0;
        }
        for held in open {
            self.matches.entry(held.id).or_default();
            if held.state == MatchState::Live {
                self.offer(held);
                self.seat_all(held);
            }
        }
        self.publish();
    }

    /// Counts one change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Ticket(ticket) => self.ticket(ticket),
            Change::Match(changed) => self.changed(changed),
            Change::Event(event) => match &event.kind {
                EventKind::SessionEnded { end, .. } => {
                    self.metrics.session_ended(*end);
                    if let Some((_, region)) = self.seats.remove(&event.player_id) {
                        self.leave(&region);
                    }
                }
                EventKind::MatchFound { match_id, .. } => {
                    // The match goes live, or has changed, before its players are told.
                    let held = self.matches.get(match_id);
                    if let Some(region) = held.and_then(|held| held.live.clone()) {
                        self.seat(&event.player_id, *match_id, &region);
                        self.publish_one(&region);
                    }
                }
                _ => {}
            },
            Change::Lagged => {}
        }
    }

    fn ticket(&self, ticket: &Ticket) {
        match &ticket.state {
            TicketState::Searching if ticket.requeues == 0 => {
                self.metrics.ticket_created(&ticket.game_mode);
            }
            TicketState::Searching => self.metrics.ticket_requeued(&ticket.game_mode),
            state if state.is_terminal() => {
                self.metrics.ticket_ended(&ticket.game_mode, state);
            }
            _ => {}
        }
    }

    fn changed(&mut self, changed: &Match) {
        match changed.state {
            MatchState::Proposed => {}
            MatchState::Accepting | MatchState::Placing => {
                self.matches.entry(changed.id).or_default();
                if changed.state == MatchState::Placing {
                    self.answered(changed);
                }
            }
            MatchState::Live => self.offer(changed),
            MatchState::Ended { end } => {
                if let Some(held) = self.matches.remove(&changed.id) {
                    self.count_offer(&changed.game_mode, held.offers, 0);
                    self.metrics.match_ended(&changed.game_mode, end);
                    self.clear(changed);
                }
            }
            MatchState::Abandoned { reason } => {
                // Players end a ready check, not the director.
                if self.matches.remove(&changed.id).is_some()
                    && reason == AbandonReason::NotAccepted
                {
                    self.metrics.match_abandoned(reason);
                    self.answered(changed);
                }
            }
        }
    }

    /// Counts the answers of a ready check that is over. A match is placing for the first time when the last one came.
    fn answered(&self, over: &Match) {
        let Some(check) = &over.acceptance else {
            return;
        };
        let accepted = check.accepted();
        let refused = check.answers.len() - accepted;
        let unanswered = over.players.len().saturating_sub(check.answers.len());
        let mut totals = self.metrics.totals.lock();
        for (result, players) in [
            ("accepted", accepted),
            ("refused", refused),
            ("unanswered", unanswered),
        ] {
            let players = u64::try_from(players).unwrap_or(u64::MAX);
            if players > 0 {
                let labels = [(&over.game_mode).into(), result.into()];
                self.metrics.acceptances.inc_by(labels, players);
                *totals.acceptances.entry(result).or_default() += players;
            }
        }
    }

    /// A live match, and the seats that it offers.
    fn offer(&mut self, live: &Match) {
        let offers = live.backfill.as_ref().map_or(0, |offer| offer.total());
        let held = self.matches.entry(live.id).or_default();
        held.live.get_or_insert_with(|| live.region.clone());
        let before = std::mem::replace(&mut held.offers, offers);
        self.count_offer(&live.game_mode, before, offers);
    }

    fn count_offer(&mut self, mode: &GameModeName, before: u32, after: u32) {
        if before != after {
            let offered = self.offered.entry(mode.clone()).or_default();
            *offered = offered.saturating_sub(before).saturating_add(after);
            let offered = usize::try_from(*offered).unwrap_or(usize::MAX);
            self.metrics.seats_open.set([mode.into()], offered);
        }
    }

    fn seat_all(&mut self, live: &Match) {
        for player in &live.players {
            self.seat(&player.player_id, live.id, &live.region);
        }
    }

    fn seat(&mut self, player_id: &PlayerId, id: MatchId, region: &Region) {
        let seat = (id, region.clone());
        let before = self.seats.insert(player_id.clone(), seat);
        *self.players.entry(region.clone()).or_default() += 1;
        if let Some((_, region)) = before {
            self.leave(&region);
        }
    }

    /// Whoever still has a seat in a match that is over; usually the events were first.
    fn clear(&mut self, ended: &Match) {
        for player in &ended.players {
            let here = |seat: &(MatchId, Region)| seat.0 == ended.id;
            if self.seats.get(&player.player_id).is_some_and(here) {
                self.seats.remove(&player.player_id);
                self.leave(&ended.region);
            }
        }
    }

    fn leave(&mut self, region: &Region) {
        if let Some(count) = self.players.get_mut(region) {
            *count = count.saturating_sub(1);
        }
        self.publish_one(region);
    }

    fn publish_one(&self, region: &Region) {
        let count = self.players.get(region).copied().unwrap_or_default();
        self.metrics.players(region, count);
    }

    fn publish(&self) {
        for (mode, offered) in &self.offered {
            let offered = usize::try_from(*offered).unwrap_or(usize::MAX);
            self.metrics.seats_open.set([mode.into()], offered);
        }
        for (region, count) in &self.players {
            self.metrics.players(region, *count);
        }
    }
}

impl Metrics {
    /// `players` newcomers were put into the live match `filled`.
    pub fn match_filled(&self, filled: &Match, players: u32) {
        let seats = u64::from(players);
        self.players_joined
            .inc_by([(&filled.game_mode).into()], seats);
        self.sessions_opened
            .inc_by([(&filled.region).into()], seats);
        let mut totals = self.totals.lock();
        totals.players_joined += seats;
        totals.sessions_opened += seats;
    }

    /// How long tickets of `mode` wait by now.
    pub fn expected_wait(&self, mode: &GameModeName, expected: Estimate) {
        for (quantile, wait_ms) in [("0.5", expected.p50_ms), ("0.9", expected.p90_ms)] {
            let wait_ms = usize::try_from(wait_ms).unwrap_or(usize::MAX);
            self.expected_wait
                .set([mode.into(), quantile.into()], wait_ms);
        }
    }
}
