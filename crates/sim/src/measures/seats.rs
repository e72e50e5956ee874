//! Seats of live matches and ready checks: what is kept of them.

use stadion_core::matchmaker::LiveMatch;

use super::sample::Collector;
use super::win::win_chance;
use super::{BackfillFigures, Percentiles, ReadyCheckFigures};
use crate::number::{float, percent};
use crate::population::Arrival;

/// Free seats of a live match that were filled.
pub(crate) struct Filled<'a> {
    /// The match, with the newcomers.
    pub(crate) live: &'a LiveMatch,
    pub(crate) region: usize,
    pub(crate) joining: &'a [Arrival],
    /// How long each seat was free, milliseconds.
    pub(crate) free_ms: &'a [u64],
    pub(crate) at: u64,
}

/// What is kept of backfill and ready checks.
#[derive(Default)]
pub(super) struct Tally {
    dropouts: u64,
    offered: u64,
    free_ms: Vec<f64>,
    wait_ms: Vec<f64>,
    spread: Vec<f64>,
    checks: u64,
    checks_failed: u64,
}

impl Tally {
    pub(super) fn backfill(&self) -> BackfillFigures {
        let filled = self.free_ms.len() as u64;
        BackfillFigures {
            dropouts: self.dropouts,
            offered: self.offered,
            filled,
            filled_percent: percent(filled, self.offered),
            free_ms: Percentiles::of(&mut self.free_ms.clone()),
            wait_ms: Percentiles::of(&mut self.wait_ms.clone()),
            spread: Percentiles::of(&mut self.spread.clone()),
        }
    }

    pub(super) fn ready_checks(&self) -> ReadyCheckFigures {
        ReadyCheckFigures {
            checks: self.checks,
            failed: self.checks_failed,
            failed_percent: percent(self.checks_failed, self.checks),
        }
    }
}

impl Collector<'_> {
    pub(crate) fn dropped_out(&mut self) {
        self.tally.dropouts += 1;
    }

    pub(crate) fn offered(&mut self, seats: u32) {
        self.tally.offered += u64::from(seats);
    }

    pub(crate) fn checked(&mut self, all: bool) {
        self.tally.checks += 1;
        self.tally.checks_failed += u64::from(!all);
    }

    pub(crate) fn filled(&mut self, filled: &Filled<'_>) {
        let players = filled.free_ms.len() as u64;
        self.slice(filled.at).matched += players;
        self.waiting -= players;
        let seated = || filled.live.seated.iter();
        let skills = || seated().map(|seated| seated.ticket.skill());
        let spread =
            skills().fold(f64::NEG_INFINITY, f64::max) - skills().fold(f64::INFINITY, f64::min);
        let team = |team: u32| -> Vec<(f64, f64)> {
            let mine = seated().filter(|seated| seated.team == team);
            let players = mine.flat_map(|seated| &seated.ticket.players);
            players.map(|p| (p.skill, p.skill_uncertainty)).collect()
        };
        let chance = if filled.live.open.seats.len() == 2 {
            win_chance(&team(0), &team(1))
        } else {
            f64::NAN
        };
        for arrival in filled.joining {
            self.sample(arrival, filled.region, filled.at, (spread, chance));
            let wait_ms = float(filled.at - arrival.ticket.created_at.0);
            let waits = std::iter::repeat_n(wait_ms, arrival.ticket.size());
            self.tally.wait_ms.extend(waits);
        }
        self.tally.spread.push(spread);
        let free_ms = filled.free_ms.iter().map(|ms| float(*ms));
        self.tally.free_ms.extend(free_ms);
    }
}
