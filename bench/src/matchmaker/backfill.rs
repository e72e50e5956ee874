//! W4: free seats of live matches. Open Match's `backfill` scenario is 1,000 live matches from the start, tickets that
//! say nothing, matches of four, and free seats before new matches; a variant has matches of ten with six players in
//! them, skill and the ring of regions.
//!
//! The guide's algorithm has no backfill: beside it stands what it takes to open new matches for the same tickets.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use stadion_core::id::{MatchId, TicketId};
use stadion_core::matches::OpenSeats;
use stadion_core::matchmaker::{LiveMatch, Plan, Pool, Seated};
use stadion_core::mode::GameMode;
use stadion_core::rules::Backfill;

use super::contest::{BUDGET, Instant, Scene, carry_out, ms_since, supply};
use super::crowd::{ANY_SKILL, Crowd, NOW, mode, regions, window};
use crate::Failure;
use crate::figure::Figure;

const LIVE: u128 = 1_000;
/// Free seats of each live match.
const SEATS: u32 = 4;
/// Fills exactly the free seats.
const TICKETS_FEW: usize = 4_000;
/// As many as the other workloads have.
const TICKETS_MANY: usize = 100_000;
const REPEATS: usize = 5;
/// Looks in which nothing has changed.
const QUIET_LOOKS: usize = 20;
/// Since when the seats are free, milliseconds.
const FREE_MS: u64 = 1_000;

/// Live matches and tickets.
struct Seats {
    scene: Scene,
    live: Vec<LiveMatch>,
}

/// The best times of some runs, and what came of one.
struct Outcome {
    build_ms: f64,
    plan_ms: f64,
    quiet_ms: f64,
    one_arrived_ms: f64,
    filled: usize,
    matches: usize,
}

pub(super) fn run() -> Result<Vec<Figure>, Failure> {
    let mut figures = plain(TICKETS_FEW).figures("w4_few")?;
    figures.extend(plain(TICKETS_MANY).figures("w4_many")?);
    figures.extend(skilled().figures("w4_skill")?);
    Ok(figures)
}

fn with_backfill(mut mode: GameMode) -> GameMode {
    mode.rules.backfill = Backfill::High;
    mode
}

/// Matches of four with nobody in them yet.
fn plain(count: usize) -> Seats {
    let mode = with_backfill(mode("backfill", 1, (4, 4), ANY_SKILL));
    let regions = regions(1);
    let mut crowd = Crowd::new(10, &mode, &regions);
    let tickets = (0..count).map(|_| crowd.local(0.0, 0, 0)).collect();
    let scene = Scene {
        modes: vec![mode],
        regions,
        tickets,
    };
    let live = (1..=LIVE).map(|id| live(id, &scene, 0, Vec::new(), vec![SEATS]));
    Seats {
        live: live.collect(),
        scene,
    }
}

/// Five against five, where two of each team are missing: whoever joins is within 200 points of everybody, in the
/// match's region.
fn skilled() -> Seats {
    let mode = with_backfill(mode("five", 2, (10, 10), window(200.0, 0.0, 200.0)));
    let regions = regions(super::crowd::RING);
    let mut crowd = Crowd::new(11, &mode, &regions);
    let tickets = (0..TICKETS_MANY).map(|_| crowd.of_ring(0)).collect();
    let scene = Scene {
        modes: vec![mode],
        regions,
        tickets,
    };
    let mut matches = Vec::new();
    for id in 1..=LIVE {
        let middle = crowd.random.normal(1_500.0, 350.0);
        let region = crowd.random.below(scene.regions.len());
        let seated = (0..6).map(|place| Seated {
            ticket: crowd.local(middle + f64::from(place) * 10.0, region, 10_000),
            team: place % 2,
            joined_at: NOW.minus_ms(5_000),
        });
        let seated = seated.collect();
        matches.push(live(id, &scene, region, seated, vec![SEATS / 2; 2]));
    }
    Seats {
        live: matches,
        scene,
    }
}

fn live(id: u128, scene: &Scene, region: usize, seated: Vec<Seated>, seats: Vec<u32>) -> LiveMatch {
    LiveMatch {
        id: MatchId::from_u128(id),
        region: scene.regions[region].clone(),
        seated,
        open: OpenSeats {
            seats,
            since: NOW.minus_ms(FREE_MS),
        },
        labels: BTreeMap::new(),
        max_players: None,
        roles: BTreeMap::new(),
    }
}

impl Seats {
    fn pool(&self) -> Result<Pool, Failure> {
        let mut pool = self.scene.pools().pop().ok_or("a scene without a mode")?;
        for live in &self.live {
            pool.open(live.clone());
        }
        Ok(pool)
    }

    fn figures(&self, name: &str) -> Result<Vec<Figure>, Failure> {
        let mut best = self.once()?;
        for _ in 1..REPEATS {
            let next = self.once()?;
            best.build_ms = best.build_ms.min(next.build_ms);
            best.plan_ms = best.plan_ms.min(next.plan_ms);
            best.quiet_ms = best.quiet_ms.min(next.quiet_ms);
            best.one_arrived_ms = best.one_arrived_ms.min(next.one_arrived_ms);
        }
        let baseline = self.scene.baseline();
        let tickets = self.scene.tickets.len() as f64;
        let seats = self.live.iter().map(|live| live.open.total()).sum::<u32>();
        let beside = |what: &str, value: f64, unit: &'static str, reference: f64| {
            baseline.beside(format!("{name}_{what}"), value, unit, reference)
        };
        let rate = |ms: f64| tickets * 1_000.0 / ms;
        Ok(vec![
            Figure::alone(format!("{name}_tickets"), tickets, ""),
            Figure::alone(
                format!("{name}_seats_filled"),
                100.0 * best.filled as f64 / f64::from(seats),
                "%",
            ),
            beside(
                "new_matches",
                best.matches as f64,
                "",
                baseline.matches() as f64,
            ),
            beside("plan", best.plan_ms, "ms", baseline.plan_ms),
            beside(
                "rate",
                rate(best.build_ms + best.plan_ms),
                "1/s",
                rate(baseline.build_ms + baseline.plan_ms),
            ),
            beside("nothing_changed", best.quiet_ms, "ms", baseline.plan_ms),
            beside("one_arrived", best.one_arrived_ms, "ms", baseline.plan_ms),
        ])
    }

    fn once(&self) -> Result<Outcome, Failure> {
        let supply = supply(&self.scene.regions);
        let started = Instant::now();
        let mut pool = self.pool()?;
        let build_ms = ms_since(started);
        let started = Instant::now();
        let plan = pool.plan(&supply, BUDGET, NOW);
        let plan_ms = ms_since(started);
        self.check(&plan)?;
        let (quiet_ms, one_arrived_ms) = self.afterwards(&mut pool, &plan)?;
        let filled = plan.fills.iter().map(|fill| fill.players as usize).sum();
        Ok(Outcome {
            build_ms,
            plan_ms,
            quiet_ms,
            one_arrived_ms,
            filled,
            matches: plan.matches.len(),
        })
    }

    /// Looks in which nothing changed, and looks after one ticket came, while all matches have one more free seat that
    /// nobody who waits can have.
    fn afterwards(&self, pool: &mut Pool, plan: &Plan) -> Result<(f64, f64), Failure> {
        let supply = supply(&self.scene.regions);
        carry_out(pool, plan, &mut Vec::new());
        for (id, _) in plan.fills.iter().flat_map(|fill| &fill.tickets) {
            drop(pool.remove(*id));
        }
        for id in self.scene.tickets.iter().map(|ticket| ticket.id) {
            drop(pool.remove(id));
        }
        for live in &self.live {
            pool.open(live.clone());
        }
        drop(pool.plan(&supply, BUDGET, NOW));
        let (mut quiet_ms, mut one_ms) = (f64::MAX, f64::MAX);
        for ticket in self.scene.tickets.iter().take(QUIET_LOOKS) {
            let started = Instant::now();
            let nothing = pool.plan(&supply, BUDGET, NOW);
            quiet_ms = quiet_ms.min(ms_since(started));
            if !nothing.fills.is_empty() {
                return Err("a seat was filled by nobody".into());
            }
            let started = Instant::now();
            pool.insert(Arc::clone(ticket));
            let found = pool.plan(&supply, BUDGET, NOW);
            one_ms = one_ms.min(ms_since(started));
            drop(pool.remove(ticket.id));
            for fill in found.fills {
                let again = self.live.iter().find(|live| live.id == fill.match_id);
                pool.open(again.ok_or("a match of nobody was filled")?.clone());
            }
            drop(pool.plan(&supply, BUDGET, NOW));
        }
        Ok((quiet_ms, one_ms))
    }

    /// No ticket twice, no seat twice, and in the match's region.
    fn check(&self, plan: &Plan) -> Result<(), Failure> {
        let live: HashMap<MatchId, &LiveMatch> =
            self.live.iter().map(|live| (live.id, live)).collect();
        let tickets: HashMap<TicketId, _> = self.scene.tickets.iter().map(|t| (t.id, t)).collect();
        let mut taken = HashSet::new();
        let matched = plan
            .matches
            .iter()
            .flat_map(|found| found.teams.iter().flatten());
        if !matched.copied().all(|id| taken.insert(id)) {
            return Err("a ticket was planned twice".into());
        }
        let mut filled = HashSet::new();
        for fill in &plan.fills {
            let game = live.get(&fill.match_id).ok_or("a fill of no match")?;
            if !filled.insert(fill.match_id) {
                return Err("a match was filled twice".into());
            }
            let mut seats = game.open.seats.clone();
            for (id, team) in &fill.tickets {
                let ticket = tickets.get(id).ok_or("a fill with nobody")?;
                let free = seats.get_mut(*team as usize).ok_or("a seat in no team")?;
                *free = free.checked_sub(1).ok_or("a seat was filled twice")?;
                if !taken.insert(*id) || !ticket.accepts(&self.scene.modes[0], &game.region) {
                    return Err("a ticket was planned twice, or where it does not play".into());
                }
            }
        }
        Ok(())
    }
}
