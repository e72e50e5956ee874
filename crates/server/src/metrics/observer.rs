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
    /// Matches that are placing (`false`) or live (`true`): a change that repeats a state is counted once.
    matches: HashMap<MatchId, bool>,
    seats: HashMap<PlayerId, (MatchId, Region)>,
    players: HashMap<Region, usize>,
}

impl Observer {
    /// Begins with the matches that are `open` now.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, open: &[Arc<Match>]) -> Self {
        let mut observer = Self {
            metrics,
            matches: HashMap::new(),
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
        for held in open {
            let live = matches!(held.state, MatchState::Live);
            self.matches.insert(held.id, live);
            if live {
                self.seat(held);
            }
        }
        self.publish();
    }

    /// Counts one change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Ticket(ticket) => self.ticket(ticket),
            Change::Match(changed) => self.changed(changed),
            Change::Event(event) => {
                if let EventKind::SessionEnded { end, .. } = event.kind {
                    self.metrics.session_ended(end);
                    if let Some((_, region)) = self.seats.remove(&event.player_id) {
                        self.leave(&region);
                    }
                }
            }
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
                self.matches.entry(changed.id).or_insert(false);
                if changed.state == MatchState::Placing {
                    self.answered(changed);
                }
            }
            MatchState::Live => {
                if self.matches.insert(changed.id, true) != Some(true) {
                    self.seat(changed);
                    self.publish_one(&changed.region);
                }
            }
            MatchState::Ended { end } => {
                if self.matches.remove(&changed.id).is_some() {
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

    fn seat(&mut self, live: &Match) {
        for player in &live.players {
            let seat = (live.id, live.region.clone());
            let before = self.seats.insert(player.player_id.clone(), seat);
            *self.players.entry(live.region.clone()).or_default() += 1;
            if let Some((_, region)) = before {
                self.leave(&region);
            }
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
        for (region, count) in &self.players {
            self.metrics.players(region, *count);
        }
    }
}

impl Metrics {
    /// How long tickets of `mode` wait by now.
    pub fn expected_wait(&self, mode: &GameModeName, expected: Estimate) {
        for (quantile, wait_ms) in [("0.5", expected.p50_ms), ("0.9", expected.p90_ms)] {
            let wait_ms = usize::try_from(wait_ms).unwrap_or(usize::MAX);
            self.expected_wait
                .set([mode.into(), quantile.into()], wait_ms);
        }
    }
}
