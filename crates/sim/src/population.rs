//! The people: drawn from the world's distributions by a generator of their own, so that every planner and every set
//! of rules meets the same ones.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use stadion_core::id::{PlayerId, Region, TicketId};
use stadion_core::limits::SKILL_MAX;
use stadion_core::mode::GameMode;
use stadion_core::ticket::{Attribute, NewTicket, Requirements, Ticket, TicketPlayer, TicketState};
use stadion_core::time::Timestamp;

use crate::error::SimError;
use crate::number::{float, whole};
use crate::world::{Arrivals, Distance, Place, Recorded, Roles, Skill, World};

/// Mean radius of the Earth, km.
const EARTH_KM: f64 = 6_371.0;

/// A ticket with what only the world knows.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) ticket: Arc<Ticket>,
    /// Index of its game mode.
    pub(crate) mode: usize,
    /// Index of the region where its first player lives.
    pub(crate) home: usize,
    /// When its players lose patience.
    pub(crate) leaves_at: Option<u64>,
    /// Whether it went on in another game mode; it does so once.
    pub(crate) widened: bool,
}

/// Where tickets come from.
pub(crate) struct Population<'a> {
    world: &'a World,
    /// Decides when tickets come.
    times: ChaCha8Rng,
    /// Decides what one ticket is like. It begins anew with each, so that a change of the rules (a smaller team has no
    /// room for a large party) changes that ticket only.
    random: ChaCha8Rng,
    /// Round trips between homes and regions, milliseconds.
    distances: Vec<Vec<f64>>,
    names: Vec<Region>,
    recorded: Option<VecDeque<&'a Recorded>>,
    tickets: u64,
    players: u64,
    at_ms: f64,
}

impl<'a> Population<'a> {
    pub(crate) fn new(world: &'a World, seed: u64) -> Self {
        let places = &world.regions;
        let row = |from: usize| {
            let to = |to: usize| between_ms(world.latency.distance, places, from, to);
            (0..places.len()).map(to).collect()
        };
        let recorded = world.recorded.as_ref().map(|all| {
            let mut all: Vec<&Recorded> = all.iter().collect();
            all.sort_by_key(|recorded| recorded.at_ms);
            VecDeque::from(all)
        });
        Self {
            times: ChaCha8Rng::seed_from_u64(seed),
            random: ChaCha8Rng::seed_from_u64(seed),
            distances: (0..places.len()).map(row).collect(),
            names: world.region_names(),
            recorded,
            tickets: 0,
            players: 0,
            at_ms: 0.0,
            world,
        }
    }

    /// The next ticket, in order of time; `None` when nobody comes any more.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        let arrival = match &mut self.recorded {
            Some(left) => {
                let recorded = left.pop_front()?;
                self.replayed(recorded)
            }
            None => self.drawn(),
        };
        (arrival.ticket.created_at.0 < self.world.duration_ms).then_some(arrival)
    }

    /// Whether another player may come.
    pub(crate) fn has_room(&self) -> bool {
        let most = self.world.arrivals.players_max.unwrap_or(u64::MAX);
        self.players < most.min(crate::world::PLAYERS_MAX)
    }

    fn drawn(&mut self) -> Arrival {
        self.at_ms += self.pause_ms();
        let at_ms = whole(self.at_ms.floor());
        // Stream 0 is that of the times.
        self.random.set_stream(self.tickets + 1);
        self.random.set_word_pos(0);
        let shares = self.world.modes.iter().map(|mode| mode.share);
        let mode = pick(&mut self.random, shares);
        let most = self.world.modes[mode].mode.party_players_max().max(1);
        let sizes = self.world.parties.iter().copied().take(most);
        let size = pick(&mut self.random, sizes) + 1;
        let shares = self.world.regions.iter().map(|place| place.share);
        let home = pick(&mut self.random, shares);
        let first = self.skill();
        let players = (0..size)
            .map(|index| self.player(index, first, home))
            .collect();
        let leaves_after = self
            .world
            .patience_mean_ms
            .map(|mean_ms| whole(exponential(&mut self.random) * float(mean_ms)).max(1));
        self.arrival(at_ms, mode, home, players, Vec::new(), leaves_after)
    }

    fn replayed(&mut self, recorded: &Recorded) -> Arrival {
        let modes = &self.world.modes;
        let mode = modes
            .iter()
            .position(|share| share.mode.name == recorded.game_mode);
        let latencies = recorded.players.first().map(|player| &player.latencies_ms);
        let nearest = latencies.and_then(|all| all.iter().min_by_key(|(_, ms)| **ms));
        let nearest = nearest
            .map(|(region, _)| region)
            .or(recorded.region_preference.first());
        let home = nearest.and_then(|region| self.names.iter().position(|name| name == region));
        self.arrival(
            recorded.at_ms,
            mode.expect("invariant: checked when the run began"),
            home.unwrap_or(0),
            recorded.players.clone(),
            recorded.region_preference.clone(),
            recorded.leaves_after_ms,
        )
    }

    fn arrival(
        &mut self,
        at_ms: u64,
        mode: usize,
        home: usize,
        players: Vec<TicketPlayer>,
        region_preference: Vec<Region>,
        leaves_after_ms: Option<u64>,
    ) -> Arrival {
        let now = Timestamp(at_ms);
        let ttl_ms = self.world.ttl_ms.unwrap_or(u64::MAX);
        let leaves_after = leaves_after_ms.map_or(ttl_ms, |ms| ms.min(ttl_ms));
        self.tickets += 1;
        self.players += players.len() as u64;
        let ticket = Ticket {
            id: TicketId::new(now, u128::from(self.tickets)),
            game_mode: self.world.modes[mode].mode.name.clone(),
            players,
            region_preference,
            requirements: Requirements::default(),
            state: TicketState::Searching,
            created_at: now,
            expires_at: now.plus_ms(ttl_ms),
            changed_at: now,
            requeues: 0,
        };
        Arrival {
            ticket: Arc::new(ticket),
            mode,
            home,
            leaves_at: (leaves_after < u64::MAX).then(|| at_ms + leaves_after),
            widened: false,
        }
    }

    /// Time to the next ticket, by thinning: candidates come at the highest rate and are kept in proportion to the
    /// rate at their moment.
    fn pause_ms(&mut self) -> f64 {
        let arrivals = &self.world.arrivals;
        let highest = highest_rate(arrivals);
        let mut pause_ms = 0.0;
        loop {
            pause_ms += exponential(&mut self.times) * 1_000.0 / highest;
            let at_ms = self.at_ms + pause_ms;
            // Beyond the end nobody is asked; with a rate of 0 at night this would never end.
            let over = at_ms >= float(self.world.duration_ms);
            if over || self.times.random::<f64>() * highest < rate_at(arrivals, at_ms) {
                return pause_ms;
            }
        }
    }

    fn skill(&mut self) -> f64 {
        let skill = match self.world.skill {
            Skill::Normal { mean, deviation } => mean + deviation * normal(&mut self.random),
            Skill::Uniform { low, high } => low + (high - low) * self.random.random::<f64>(),
        };
        skill.clamp(-SKILL_MAX, SKILL_MAX)
    }

    fn player(&mut self, index: usize, first: f64, home: usize) -> TicketPlayer {
        let apart = if index == 0 || self.world.party_deviation == 0.0 {
            0.0
        } else {
            self.world.party_deviation * normal(&mut self.random)
        };
        let line_ms = between(&mut self.random, self.world.latency.line_ms);
        let mut latencies_ms = BTreeMap::new();
        for (region, distance_ms) in self.names.iter().zip(&self.distances[home]) {
            let jitter_ms = between(&mut self.random, self.world.latency.jitter_ms);
            let ms = whole(line_ms + distance_ms + jitter_ms);
            latencies_ms.insert(region.clone(), u32::try_from(ms).unwrap_or(u32::MAX));
        }
        let mut attributes = BTreeMap::new();
        if let Some(roles) = &self.world.roles {
            let liked = liked_roles(&mut self.random, roles);
            attributes.insert(roles.attribute.clone(), Attribute::List(liked));
        }
        let id = format!("p{}", self.players + index as u64 + 1);
        TicketPlayer {
            player_id: PlayerId::new(id).expect("invariant: letters and digits only"),
            skill: (first + apart).clamp(-SKILL_MAX, SKILL_MAX),
            skill_uncertainty: 0.0,
            latencies_ms,
            attributes,
        }
    }
}

fn highest_rate(arrivals: &Arrivals) -> f64 {
    let day = arrivals.day.map_or(1.0, |day| 1.0 + day.amplitude);
    // Spikes may overlap: their factors multiply.
    let spikes: f64 = arrivals.spikes.iter().map(|spike| spike.factor).product();
    arrivals.rate_per_second * day * spikes
}

/// Tickets per second at a moment.
pub(crate) fn rate_at(arrivals: &Arrivals, at_ms: f64) -> f64 {
    let day = arrivals.day.map_or(1.0, |day| {
        let turn = (at_ms - float(day.peak_at_ms)) / float(day.period_ms);
        1.0 + day.amplitude * (turn * std::f64::consts::TAU).cos()
    });
    let now = |spike: &&crate::world::Spike| {
        at_ms >= float(spike.at_ms) && at_ms < float(spike.at_ms + spike.duration_ms)
    };
    let spikes = arrivals.spikes.iter().filter(now);
    arrivals.rate_per_second * day * spikes.map(|spike| spike.factor).product::<f64>()
}

fn between_ms(distance: Distance, places: &[Place], from: usize, to: usize) -> f64 {
    match distance {
        Distance::Ring { hop_ms } => {
            let straight = from.abs_diff(to);
            let hops = straight.min(places.len() - straight);
            crate::number::len(hops) * hop_ms
        }
        Distance::Map { ms_per_1000_km } => {
            let km = great_circle_km(&places[from], &places[to]);
            km / 1_000.0 * ms_per_1000_km
        }
    }
}

/// The haversine formula.
fn great_circle_km(a: &Place, b: &Place) -> f64 {
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let across = a.latitude.to_radians().cos() * b.latitude.to_radians().cos();
    let chord = half(a.latitude, b.latitude) + across * half(a.longitude, b.longitude);
    2.0 * EARTH_KM * chord.sqrt().min(1.0).asin()
}

fn liked_roles(random: &mut ChaCha8Rng, roles: &Roles) -> Vec<String> {
    let first = pick(random, roles.shares.values().copied());
    let others = roles.shares.values().enumerate();
    let others = others.map(|(index, share)| if index == first { 0.0 } else { *share });
    let others: Vec<f64> = others.collect();
    let name = |index: usize| roles.shares.keys().nth(index).cloned();
    let second = others
        .iter()
        .any(|share| *share > 0.0)
        .then(|| pick(random, others.into_iter()));
    [Some(first), second]
        .into_iter()
        .flatten()
        .filter_map(name)
        .collect()
}

/// An index, in proportion to the shares.
fn pick(random: &mut ChaCha8Rng, shares: impl Iterator<Item = f64> + Clone) -> usize {
    let sum: f64 = shares.clone().sum();
    let mut at = random.random::<f64>() * sum;
    let mut last = 0;
    for (index, share) in shares.enumerate() {
        if share > 0.0 {
            last = index;
            if at < share {
                break;
            }
            at -= share;
        }
    }
    last
}

fn between(random: &mut ChaCha8Rng, (from, to): (f64, f64)) -> f64 {
    from + (to - from) * random.random::<f64>()
}

/// With mean 1. `1 − u` is never 0.
fn exponential(random: &mut ChaCha8Rng) -> f64 {
    -(1.0 - random.random::<f64>()).ln()
}

/// Standard normal, by Box and Muller.
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let radius = (2.0 * exponential(random)).sqrt();
    let angle = std::f64::consts::TAU * random.random::<f64>();
    radius * angle.cos()
}

/// Whether recorded tickets can be played back in this world.
pub(crate) fn check(world: &World, recorded: &[Recorded]) -> Result<(), SimError> {
    let names = world.region_names();
    for (number, ticket) in (1..).zip(recorded) {
        if let Err(why) = check_ticket(world, &names, ticket) {
            return Err(match ticket.line {
                0 => SimError::world(format!("ticket {number}"), why),
                line => SimError::line(line, why),
            });
        }
    }
    Ok(())
}

fn check_ticket(world: &World, names: &[Region], ticket: &Recorded) -> Result<(), String> {
    let modes = || world.modes.iter().map(|share| &share.mode);
    let Some(mode) = modes().find(|mode| mode.name == ticket.game_mode) else {
        let known: Vec<&str> = modes().map(|mode| mode.name.as_str()).collect();
        return Err(format!(
            "there is no game mode {:?}; there are {}",
            ticket.game_mode.as_str(),
            known.join(", ")
        ));
    };
    let request = NewTicket {
        id: TicketId::from_u128(0),
        game_mode: ticket.game_mode.clone(),
        players: ticket.players.clone(),
        region_preference: ticket.region_preference.clone(),
        requirements: Requirements::default(),
        idempotency: None,
        ttl_ms: 1,
    };
    // A player whom no region suits is no mistake of the file: that they wait in vain is what the run shows.
    let anywhere = GameMode {
        latency_max_ms: u32::MAX,
        ..mode.clone()
    };
    request
        .check(&anywhere, names)
        .map_err(|invalid| invalid.to_string())
}

#[cfg(test)]
mod tests;
