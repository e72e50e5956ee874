//! Time passes: an event queue on simulated milliseconds, around one planner per game mode.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use stadion_core::id::{Region, TicketId};
use stadion_core::matches::MatchPlan;
use stadion_core::matchmaker::{Budget, Supply};
use stadion_core::rules::HardStopAction;
use stadion_core::time::Timestamp;

use crate::error::SimError;
use crate::measures::Measures;
use crate::measures::sample::{Collector, Fate, Formed};
use crate::planner::{MakePlanner, Planner};
use crate::population::{Arrival, Population};
use crate::world::World;

use self::live::Game;

mod live;
#[cfg(test)]
mod tests;

/// Servers of a region without a limit; a plan never has as many matches.
const UNLIMITED: u32 = 1_000_000_000;
/// Events between two calls that tell of progress: some milliseconds of work.
const PROGRESS_EVENTS: u64 = 4_096;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Simulated time, milliseconds.
    pub now_ms: u64,
    /// Its end.
    pub duration_ms: u64,
    /// Players who have come.
    pub players: u64,
    /// Tickets that wait now.
    pub waiting: usize,
}

/// Runs the world.
///
/// # Errors
/// [`SimError::World`] when it cannot be, [`SimError::NotWaiting`] and [`SimError::NoServer`] when a plan cannot be
/// carried out.
pub fn run(world: &World, make: &MakePlanner<'_>, seed: u64) -> Result<Measures, SimError> {
    run_watched(world, make, seed, &mut |_| {})
}

/// Runs the world and tells now and then how far it is.
///
/// # Errors
/// As [`run()`].
pub fn run_watched(
    world: &World,
    make: &MakePlanner<'_>,
    seed: u64,
    watch: &mut dyn FnMut(Progress),
) -> Result<Measures, SimError> {
    world.check()?;
    crate::world::check_recorded(world)?;
    let mut running = Running::new(world, make, seed);
    running.schedule_arrival();
    let mut events = 0_u64;
    while let Some(Reverse((at_ms, event, _))) = running.events.pop() {
        if at_ms >= world.duration_ms {
            break;
        }
        running.now = Timestamp(at_ms);
        running.handle(event)?;
        events += 1;
        if events.is_multiple_of(PROGRESS_EVENTS) {
            watch(running.progress());
        }
    }
    running.now = Timestamp(world.duration_ms);
    watch(running.progress());
    Ok(running.finish(seed))
}

/// What happens. In this order within one millisecond: whatever a plan could use comes before the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A match is over, and its server is free.
    MatchEnd { region: usize, game: u64 },
    /// A match wants nobody any more.
    Close { game: u64 },
    /// A player leaves a match.
    DropOut { game: u64, place: usize },
    /// A ready check is over.
    Checked { placement: u64 },
    /// A placement is over.
    Placed { placement: u64 },
    /// A ticket's players lose patience.
    Leave { ticket: TicketId },
    /// A ticket has waited as long as its game mode allows.
    HardStop { ticket: TicketId },
    /// The next ticket comes.
    Arrive,
    /// A planner is asked.
    Tick { mode: usize },
}

struct Lane {
    planner: Box<dyn Planner>,
    waiting: usize,
    planned_at: Option<u64>,
    /// The tick that is scheduled, if one is; earlier ones that were scheduled before count no more.
    tick_at: Option<u64>,
}

struct Placing {
    tickets: Vec<Arrival>,
    plan: MatchPlan,
    region: usize,
    planned_at: Timestamp,
    /// By ticket, whether all of its players have said yes, while that matters.
    accepted: Vec<bool>,
    fails: bool,
}

struct Running<'a> {
    world: &'a World,
    now: Timestamp,
    population: Population<'a>,
    /// Decides how placements and matches go; another generator than the population's.
    chance: ChaCha8Rng,
    events: BinaryHeap<Reverse<(u64, Event, u64)>>,
    scheduled: u64,
    coming: Option<Arrival>,
    lanes: Vec<Lane>,
    searching: HashMap<TicketId, Arrival>,
    placing: HashMap<u64, Placing>,
    placements: u64,
    /// Matches in which something may happen yet, by their placement.
    games: HashMap<u64, Game>,
    names: Vec<Region>,
    free: Vec<u32>,
    collector: Collector<'a>,
}

impl<'a> Running<'a> {
    fn new(world: &'a World, make: &MakePlanner<'_>, seed: u64) -> Self {
        let names = world.region_names();
        let lane = |share: &crate::world::ModeShare| Lane {
            planner: make(&share.mode, &names),
            waiting: 0,
            planned_at: None,
            tick_at: None,
        };
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        chance.set_stream(u64::MAX);
        Self {
            now: Timestamp(0),
            population: Population::new(world, seed),
            chance,
            events: BinaryHeap::new(),
            scheduled: 0,
            coming: None,
            lanes: world.modes.iter().map(lane).collect(),
            searching: HashMap::new(),
            placing: HashMap::new(),
            placements: 0,
            games: HashMap::new(),
            free: vec![world.servers.per_region.unwrap_or(UNLIMITED); names.len()],
            names,
            collector: Collector::new(world),
            world,
        }
    }

    fn schedule(&mut self, at_ms: u64, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at_ms, event, self.scheduled)));
    }

    fn schedule_arrival(&mut self) {
        if self.population.has_room() {
            self.coming = self.population.next();
        }
        if let Some(arrival) = &self.coming {
            let at_ms = arrival.ticket.created_at.0;
            self.schedule(at_ms, Event::Arrive);
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), SimError> {
        match event {
            Event::MatchEnd { region, game } => {
                self.close(game, true);
                self.free_server(region);
            }
            Event::Close { game } => self.close(game, false),
            Event::DropOut { game, place } => self.drop_out(game, place),
            Event::Checked { placement } => self.checked(placement),
            Event::Placed { placement } => self.placed(placement),
            Event::Leave { ticket } => self.leave(ticket),
            Event::HardStop { ticket } => self.hard_stop(ticket),
            Event::Arrive => {
                if let Some(arrival) = self.coming.take() {
                    self.collector.arrived(self.now.0, arrival.ticket.size());
                    if let Some(at_ms) = arrival.leaves_at {
                        let ticket = arrival.ticket.id;
                        self.schedule(at_ms, Event::Leave { ticket });
                    }
                    self.search(arrival);
                }
                self.schedule_arrival();
            }
            Event::Tick { mode } => {
                if self.lanes[mode].tick_at == Some(self.now.0) {
                    self.lanes[mode].tick_at = None;
                    self.tick(mode)?;
                }
            }
        }
        Ok(())
    }

    fn search(&mut self, arrival: Arrival) {
        let mode = arrival.mode;
        let lane = &mut self.lanes[mode];
        lane.planner.insert(arrival.ticket.clone());
        lane.waiting += 1;
        // With bots the planner itself makes the match.
        let stop = self.world.modes[mode].mode.rules.hard_stop.as_ref();
        let stop = stop.filter(|stop| stop.then != HardStopAction::Bots);
        if let Some(stop) = stop {
            let at = arrival.ticket.created_at.plus_ms(stop.after_ms);
            let ticket = arrival.ticket.id;
            self.schedule(at.max(self.now).0, Event::HardStop { ticket });
        }
        self.searching.insert(arrival.ticket.id, arrival);
        self.poke(mode, self.now.0);
    }

    /// The ticket gives up, or goes on in another game mode with its age. A mode that the world does not have is as
    /// good as none.
    fn hard_stop(&mut self, ticket: TicketId) {
        let Some(mut arrival) = self.searching.remove(&ticket) else {
            return;
        };
        let modes = &self.world.modes;
        let stop = modes[arrival.mode].mode.rules.hard_stop.as_ref();
        let due = stop.filter(|stop| arrival.ticket.waited_ms(self.now) >= stop.after_ms);
        let Some(stop) = due else {
            // It went on in another mode meanwhile.
            self.searching.insert(ticket, arrival);
            return;
        };
        self.forget(&arrival);
        let next = match &stop.then {
            HardStopAction::Mode(name) => modes.iter().position(|share| share.mode.name == *name),
            HardStopAction::GiveUp | HardStopAction::Bots => None,
        };
        let poked = arrival.mode;
        match next.filter(|next| *next != arrival.mode && !arrival.widened) {
            Some(next) => {
                arrival.mode = next;
                arrival.widened = true;
                Arc::make_mut(&mut arrival.ticket).game_mode = modes[next].mode.name.clone();
                self.search(arrival);
            }
            None => self.collector.ended(&arrival, Fate::Left, self.now.0),
        }
        self.poke(poked, self.now.0);
    }

    /// Something changed, or will have at `at_ms`: the planner is asked as soon as its interval allows.
    fn poke(&mut self, mode: usize, at_ms: u64) {
        let lane = &self.lanes[mode];
        if lane.waiting == 0 {
            return;
        }
        let tick = self.world.tick;
        let earliest = lane.planned_at.map_or(0, |at| at + tick.interval_ms);
        let mut at_ms = at_ms.max(earliest).max(self.now.0);
        if tick.aligned {
            at_ms = at_ms.next_multiple_of(tick.interval_ms);
        }
        if lane.tick_at.is_none_or(|scheduled| at_ms < scheduled) {
            self.lanes[mode].tick_at = Some(at_ms);
            self.schedule(at_ms, Event::Tick { mode });
        }
    }

    fn leave(&mut self, ticket: TicketId) {
        let Some(arrival) = self.searching.remove(&ticket) else {
            return;
        };
        self.forget(&arrival);
        self.collector.ended(&arrival, Fate::Left, self.now.0);
        // Fewer tickets can change a plan, too: the one that left may have stood between two others.
        self.poke(arrival.mode, self.now.0);
    }

    fn forget(&mut self, arrival: &Arrival) {
        let lane = &mut self.lanes[arrival.mode];
        lane.planner.remove(arrival.ticket.id);
        lane.waiting -= 1;
    }

    fn supply(&self) -> Supply {
        let servers: BTreeMap<Region, u32> = self
            .names
            .iter()
            .cloned()
            .zip(self.free.iter().copied())
            .collect();
        Supply { servers }
    }

    fn tick(&mut self, mode: usize) -> Result<(), SimError> {
        if self.lanes[mode].waiting == 0 {
            return Ok(());
        }
        let budget = Budget {
            matches_max: self.world.tick.matches_max,
        };
        let supply = self.supply();
        let lane = &mut self.lanes[mode];
        lane.planned_at = Some(self.now.0);
        let plan = lane.planner.plan(&supply, budget, self.now);
        self.collector.planned();
        let next_at = plan.next_at;
        for fill in &plan.fills {
            self.fill(fill)?;
        }
        for planned in plan.matches {
            self.place(planned)?;
        }
        if plan.carry_over {
            self.poke(mode, self.now.0);
        } else if let Some(at) = next_at {
            self.poke(mode, at.0.max(self.now.0 + 1));
        }
        Ok(())
    }

    fn place(&mut self, plan: MatchPlan) -> Result<(), SimError> {
        let named = self.names.iter().position(|name| *name == plan.region);
        let region = named.filter(|region| self.free[*region] > 0);
        let Some(region) = region else {
            return Err(SimError::NoServer {
                region: plan.region.to_string(),
            });
        };
        let mut tickets = Vec::new();
        for ticket in plan.teams.iter().flatten() {
            let Some(arrival) = self.searching.remove(ticket) else {
                return Err(SimError::NotWaiting { ticket: *ticket });
            };
            self.forget(&arrival);
            tickets.push(arrival);
        }
        let mode = tickets.first().map_or(0, |arrival| arrival.mode);
        self.placements += 1;
        let placement = self.placements;
        let placing = Placing {
            tickets,
            plan,
            region,
            planned_at: self.now,
            accepted: Vec::new(),
            fails: false,
        };
        self.placing.insert(placement, placing);
        match self.world.modes[mode].mode.rules.acceptance {
            Some(rule) => self.ask(placement, rule),
            None => self.take_server(placement),
        }
        Ok(())
    }

    /// Looks for the server of a match.
    fn take_server(&mut self, placement: u64) {
        let (from, to) = self.world.placement.delay_ms;
        let delay_ms = self.chance.random_range(from..=to);
        let fails = self.chance.random::<f64>() < self.world.placement.failure;
        let Some(placing) = self.placing.get_mut(&placement) else {
            return;
        };
        placing.fails = fails;
        self.free[placing.region] -= 1;
        if delay_ms == 0 {
            self.placed(placement);
        } else {
            self.schedule(self.now.0 + delay_ms, Event::Placed { placement });
        }
    }

    fn placed(&mut self, placement: u64) {
        let Some(placing) = self.placing.remove(&placement) else {
            return;
        };
        if placing.fails {
            self.collector.placement_failed();
            self.free_server(placing.region);
            self.go_back(placing.tickets);
            return;
        }
        let (from, to) = self.world.servers.match_ms;
        let match_ms = self.chance.random_range(from..=to);
        let region = placing.region;
        let ends_at = self.now.0 + match_ms;
        let game = placement;
        self.schedule(ends_at, Event::MatchEnd { region, game });
        let formed = Formed {
            plan: &placing.plan,
            region,
            tickets: &placing.tickets,
            placed_at: self.now.0,
        };
        self.collector.formed(&formed);
        self.go_live(placement, &placing, ends_at);
    }

    /// Tickets of a match that came to nothing search again with the age they had.
    fn go_back(&mut self, tickets: Vec<Arrival>) {
        for mut arrival in tickets {
            if arrival.leaves_at.is_some_and(|at| at <= self.now.0) {
                self.collector.ended(&arrival, Fate::Left, self.now.0);
                continue;
            }
            Arc::make_mut(&mut arrival.ticket).requeues += 1;
            self.search(arrival);
        }
    }

    fn free_server(&mut self, region: usize) {
        self.free[region] += 1;
        self.collector.server_freed(self.now.0);
        if self.world.servers.per_region.is_some() {
            for mode in 0..self.lanes.len() {
                self.poke(mode, self.now.0);
            }
        }
    }

    fn progress(&self) -> Progress {
        Progress {
            now_ms: self.now.0,
            duration_ms: self.world.duration_ms,
            players: self.collector.players(),
            waiting: self.searching.len(),
        }
    }

    fn finish(mut self, seed: u64) -> Measures {
        let placing = std::mem::take(&mut self.placing).into_values();
        let placing = placing.flat_map(|placing| placing.tickets);
        let searching = std::mem::take(&mut self.searching).into_values();
        let mut left: Vec<Arrival> = searching.chain(placing).collect();
        left.sort_unstable_by_key(|arrival| arrival.ticket.id);
        for arrival in &left {
            self.collector.ended(arrival, Fate::Waiting, self.now.0);
        }
        self.collector.finish(seed)
    }
}
