//! Keeps a few bytes of every player and match, and makes the measures of them at the end: exact percentiles, and any
//! grouping.

use stadion_core::matches::MatchPlan;
use stadion_core::mode::GameMode;
use stadion_core::ticket::Ticket;

use super::seats::Tally;
use super::{Distribution, Figures, Group, MatchFigures, Measures, Percentiles, SLICES, Slice};
use crate::measures::win::win_chance;
use crate::number::{float, index, len, percent, short};
use crate::population::Arrival;
use crate::world::World;

/// How a player's wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Matched,
    Left,
    Waiting,
}

/// A match that has its server.
pub(crate) struct Formed<'a> {
    pub(crate) plan: &'a MatchPlan,
    pub(crate) region: usize,
    pub(crate) tickets: &'a [Arrival],
    pub(crate) placed_at: u64,
}

/// One player: 40 bytes.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at_ms: u64,
    wait_ms: f32,
    skill: f32,
    latency_ms: f32,
    spread: f32,
    /// NaN where there are not two teams.
    win_chance: f32,
    mode: u16,
    home: u16,
    fate: Fate,
    acceptable: bool,
}

/// One match.
#[derive(Clone, Copy, Debug)]
struct Played {
    spread: f32,
    win_chance: f32,
    players: u32,
    target: u32,
    common: bool,
}

/// See the module.
pub(crate) struct Collector<'a> {
    world: &'a World,
    samples: Vec<Sample>,
    played: Vec<Played>,
    slices: Vec<Slice>,
    pub(super) waiting: u64,
    players: u64,
    servers: u64,
    servers_peak: u64,
    failed: u64,
    plans: u64,
    pub(super) tally: Tally,
    /// Slice in which the last change was.
    slice: usize,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let slice = |number: u64| Slice {
            at_ms: world.duration_ms * number / SLICES,
            ..Slice::default()
        };
        Self {
            samples: Vec::new(),
            played: Vec::new(),
            slices: (0..SLICES).map(slice).collect(),
            waiting: 0,
            players: 0,
            servers: 0,
            servers_peak: 0,
            failed: 0,
            plans: 0,
            tally: Tally::default(),
            slice: 0,
            world,
        }
    }

    /// Players who have come.
    pub(crate) fn players(&self) -> u64 {
        self.players
    }

    /// The slice of now; those that are over get what was true at their end.
    pub(super) fn slice(&mut self, now_ms: u64) -> &mut Slice {
        let number = (now_ms * SLICES / self.world.duration_ms).min(SLICES - 1);
        let number = usize::try_from(number).unwrap_or(0);
        while self.slice < number {
            self.close_slice();
            self.slice += 1;
        }
        &mut self.slices[number]
    }

    fn close_slice(&mut self) {
        let slice = &mut self.slices[self.slice];
        slice.waiting = self.waiting;
        slice.servers = self.servers;
    }

    pub(crate) fn arrived(&mut self, now_ms: u64, players: usize) {
        self.slice(now_ms).arrived += players as u64;
        self.waiting += players as u64;
        self.players += players as u64;
    }

    pub(crate) fn planned(&mut self) {
        self.plans += 1;
    }

    pub(crate) fn placement_failed(&mut self) {
        self.failed += 1;
    }

    pub(crate) fn server_freed(&mut self, now_ms: u64) {
        self.slice(now_ms);
        self.servers = self.servers.saturating_sub(1);
    }

    /// A ticket without a match: its players left, or the run is over.
    pub(crate) fn ended(&mut self, arrival: &Arrival, fate: Fate, now_ms: u64) {
        let players = arrival.ticket.size() as u64;
        if fate == Fate::Left {
            self.slice(now_ms).left += players;
            self.waiting -= players;
        }
        let wait_ms = float(now_ms - arrival.ticket.created_at.0);
        for player in &arrival.ticket.players {
            self.samples.push(Sample {
                at_ms: arrival.ticket.created_at.0,
                wait_ms: short(wait_ms),
                skill: short(player.skill),
                latency_ms: f32::NAN,
                spread: f32::NAN,
                win_chance: f32::NAN,
                mode: narrow(arrival.mode),
                home: narrow(arrival.home),
                fate,
                acceptable: true,
            });
        }
    }

    pub(crate) fn formed(&mut self, formed: &Formed<'_>) {
        let players: usize = formed
            .tickets
            .iter()
            .map(|arrival| arrival.ticket.size())
            .sum();
        self.slice(formed.placed_at).matched += players as u64;
        self.waiting -= players as u64;
        self.servers += 1;
        self.servers_peak = self.servers_peak.max(self.servers);
        let Some(first) = formed.tickets.first() else {
            return;
        };
        let mode = &self.world.modes[first.mode].mode;
        let regions = &self.world.regions;
        let accepted = |region: usize| {
            let all = |arrival: &Arrival| {
                let ticket = &arrival.ticket;
                (0..ticket.size())
                    .all(|at| self.acceptable(mode, ticket, at, region, formed.placed_at))
            };
            formed.tickets.iter().all(all)
        };
        let spread = spread(formed.tickets);
        let chance = teams_chance(formed);
        self.played.push(Played {
            spread: short(spread),
            win_chance: short(chance),
            players: u32::try_from(players).unwrap_or(u32::MAX),
            target: mode.players_target,
            common: (0..regions.len()).any(accepted),
        });
        for arrival in formed.tickets {
            self.sample(arrival, formed.region, formed.placed_at, (spread, chance));
        }
    }

    /// The players of a ticket have their seats.
    pub(super) fn sample(
        &mut self,
        arrival: &Arrival,
        region: usize,
        placed_at: u64,
        (spread, chance): (f64, f64),
    ) {
        let mode = &self.world.modes[arrival.mode].mode;
        let ticket = &arrival.ticket;
        for (at, player) in ticket.players.iter().enumerate() {
            let latency = player.latencies_ms.get(&self.world.regions[region].region);
            let sample = Sample {
                at_ms: ticket.created_at.0,
                wait_ms: short(float(placed_at - ticket.created_at.0)),
                skill: short(player.skill),
                latency_ms: latency.map_or(f32::NAN, |ms| short(f64::from(*ms))),
                spread: short(spread),
                win_chance: short(chance),
                mode: narrow(arrival.mode),
                home: narrow(arrival.home),
                fate: Fate::Matched,
                acceptable: self.acceptable(mode, ticket, at, region, placed_at),
            };
            self.samples.push(sample);
        }
    }

    /// Whether the region was acceptable to the ticket's player `at` when the match was placed.
    fn acceptable(
        &self,
        mode: &GameMode,
        ticket: &Ticket,
        at: usize,
        region: usize,
        placed_at: u64,
    ) -> bool {
        let region = &self.world.regions[region].region;
        let preferred = ticket.region_preference.contains(region);
        let waited_ms = placed_at - ticket.created_at.0;
        let steps = mode.rules.latency.iter();
        let reached = steps.filter(|step| step.after_ms <= waited_ms);
        let limit_ms = reached
            .map(|step| step.max_ms)
            .fold(mode.latency_max_ms, u32::max);
        let player = &ticket.players[at];
        (preferred || ticket.region_preference.is_empty())
            && player
                .latencies_ms
                .get(region)
                .map_or(preferred && player.latencies_ms.is_empty(), |ms| {
                    *ms <= limit_ms
                })
    }

    pub(crate) fn finish(mut self, seed: u64) -> Measures {
        self.slice(self.world.duration_ms);
        self.close_slice();
        let over_time = self.time_slices();
        let warm_up_ms = self.world.warm_up_ms;
        self.samples.retain(|sample| sample.at_ms >= warm_up_ms);
        let samples: Vec<&Sample> = self.samples.iter().collect();
        let mut spreads: Vec<f64> = self
            .played
            .iter()
            .map(|played| played.spread.into())
            .collect();
        let mut chances: Vec<f64> = real(self.played.iter().map(|played| played.win_chance));
        let mut overall = figures(&samples);
        overall.spread = Percentiles::of(&mut spreads);
        overall.win_chance = (!chances.is_empty()).then(|| Percentiles::of(&mut chances));
        let mut waits: Vec<f64> = matched(&samples)
            .map(|sample| sample.wait_ms.into())
            .collect();
        waits.sort_unstable_by(f64::total_cmp);
        let by = |number: fn(&Sample) -> u16, at: usize| -> Vec<&Sample> {
            let mine = samples
                .iter()
                .filter(|sample| usize::from(number(sample)) == at);
            mine.copied().collect()
        };
        let group = |name: &str, samples: &[&Sample]| Group {
            name: name.to_owned(),
            skill: None,
            figures: figures(samples),
        };
        let regions = self.world.regions.iter().enumerate();
        let modes = self.world.modes.iter().enumerate();
        Measures {
            world: self.world.title.clone(),
            seed,
            duration_ms: self.world.duration_ms,
            warm_up_ms,
            overall,
            matches: self.match_figures(&samples),
            by_decile: deciles(samples.clone()),
            by_region: regions
                .map(|(at, place)| group(place.region.as_str(), &by(|sample| sample.home, at)))
                .collect(),
            by_mode: modes
                .map(|(at, share)| group(share.mode.name.as_str(), &by(|sample| sample.mode, at)))
                .collect(),
            over_time,
            wait_ms: Distribution::of_sorted(&waits),
            spread: Distribution::of_sorted(&spreads),
        }
    }

    fn match_figures(&self, samples: &[&Sample]) -> MatchFigures {
        let matches = self.played.len() as u64;
        let mean = |sum: f64| sum / len(self.played.len().max(1));
        let without = self.played.iter().filter(|played| !played.common).count() as u64;
        let waiting = samples.iter().filter(|sample| sample.fate == Fate::Waiting);
        let oldest = waiting
            .map(|sample| f64::from(sample.wait_ms))
            .fold(0.0, f64::max);
        let players = self.played.iter().map(|played| f64::from(played.players));
        let fills = self
            .played
            .iter()
            .map(|played| 100.0 * f64::from(played.players) / f64::from(played.target.max(1)));
        MatchFigures {
            matches,
            players_mean: mean(players.sum()),
            fill_percent: mean(fills.sum()),
            without_common_region: without,
            without_common_region_percent: percent(without, matches),
            placements_failed: self.failed,
            servers_peak: self.servers_peak,
            oldest_waiting_ms: crate::number::whole(oldest),
            plans: self.plans,
            backfill: self.tally.backfill(),
            ready_checks: self.tally.ready_checks(),
        }
    }

    fn time_slices(&mut self) -> Vec<Slice> {
        let mut waits: Vec<Vec<f64>> = self.slices.iter().map(|_| Vec::new()).collect();
        for sample in self
            .samples
            .iter()
            .filter(|sample| sample.fate == Fate::Matched)
        {
            let at = float(sample.at_ms) + f64::from(sample.wait_ms);
            let slice = index((at * float(SLICES) / float(self.world.duration_ms)).floor());
            if let Some(waits) = waits.get_mut(slice) {
                waits.push(sample.wait_ms.into());
            }
        }
        let mut slices = std::mem::take(&mut self.slices);
        for (slice, waits) in slices.iter_mut().zip(&mut waits) {
            let waits = Percentiles::of(waits);
            slice.wait_p50_ms = waits.p50;
            slice.wait_p95_ms = waits.p95;
        }
        slices
    }
}

fn narrow(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Those that are numbers.
fn real(values: impl Iterator<Item = f32>) -> Vec<f64> {
    values
        .filter(|value| !value.is_nan())
        .map(f64::from)
        .collect()
}

fn matched<'a>(samples: &'a [&Sample]) -> impl Iterator<Item = &'a Sample> {
    samples
        .iter()
        .copied()
        .filter(|sample| sample.fate == Fate::Matched)
}

fn spread(tickets: &[Arrival]) -> f64 {
    let skills = || tickets.iter().map(|arrival| arrival.ticket.skill());
    skills().fold(f64::NEG_INFINITY, f64::max) - skills().fold(f64::INFINITY, f64::min)
}

/// NaN where there are not two teams with players.
fn teams_chance(formed: &Formed<'_>) -> f64 {
    let [one, other] = formed.plan.teams.as_slice() else {
        return f64::NAN;
    };
    let players = |ids: &Vec<stadion_core::id::TicketId>| -> Vec<(f64, f64)> {
        let mine = |arrival: &&Arrival| ids.contains(&arrival.ticket.id);
        let tickets = formed.tickets.iter().filter(mine);
        let players = tickets.flat_map(|arrival| &arrival.ticket.players);
        players
            .map(|player| (player.skill, player.skill_uncertainty))
            .collect()
    };
    win_chance(&players(one), &players(other))
}

fn figures(samples: &[&Sample]) -> Figures {
    let count = |fate: Fate| samples.iter().filter(|sample| sample.fate == fate).count() as u64;
    let players = samples.len() as u64;
    let all = count(Fate::Matched);
    let of = |value: fn(&Sample) -> f32| real(matched(samples).map(value));
    let mut chances = of(|sample| sample.win_chance);
    let mut everybody = real(samples.iter().map(|sample| sample.wait_ms));
    let unacceptable = matched(samples).filter(|sample| !sample.acceptable).count() as u64;
    Figures {
        players,
        matched: all,
        left: count(Fate::Left),
        waiting: count(Fate::Waiting),
        unmatched_percent: percent(players - all, players),
        wait_ms: Percentiles::of(&mut of(|sample| sample.wait_ms)),
        wait_all_ms: Percentiles::of(&mut everybody),
        spread: Percentiles::of(&mut of(|sample| sample.spread)),
        win_chance: (!chances.is_empty()).then(|| Percentiles::of(&mut chances)),
        latency_ms: Percentiles::of(&mut of(|sample| sample.latency_ms)),
        unacceptable,
        unacceptable_percent: percent(unacceptable, all),
    }
}

/// Ten equal parts by skill, the lowest first.
fn deciles(mut samples: Vec<&Sample>) -> Vec<Group> {
    samples.sort_by(|a, b| a.skill.total_cmp(&b.skill));
    let part = |number: usize| {
        let part = &samples[samples.len() * number / 10..samples.len() * (number + 1) / 10];
        let ends = part.first().zip(part.last());
        Group {
            name: format!("{}", number + 1),
            skill: ends.map(|(low, high)| (low.skill.into(), high.skill.into())),
            figures: figures(part),
        }
    };
    (0..10).map(part).collect()
}
