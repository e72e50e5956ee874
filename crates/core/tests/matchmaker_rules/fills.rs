//! Properties of fills: free seats of live matches, under all rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use stadion_core::id::{MatchId, PlayerId, TicketId};
use stadion_core::matches::{Fill, MatchPlan, OpenSeats};
use stadion_core::matchmaker::{LiveMatch, Plan, Pool, Seated, Supply};
use stadion_core::mode::GameMode;
use stadion_core::rules::Backfill;
use stadion_core::ticket::Ticket;
use stadion_core::time::Timestamp;

use super::check::{
    RESOLUTION, broken, check_fairness, check_roles, players, spread_is_allowed, team_gap,
};
use super::check_match;
use super::world::{ALL, BEGIN, Sketch, modes, regions, sketches};

/// Who waits, who plays, and where seats are free.
struct World {
    mode: GameMode,
    waiting: BTreeMap<TicketId, Arc<Ticket>>,
    live: BTreeMap<MatchId, LiveMatch>,
    matches: u128,
    tickets: u128,
}

/// A change between two plans.
#[derive(Clone, Debug)]
struct Leaver {
    /// Which match or ticket, as far as there are so many.
    place: usize,
    /// Which player of the match; the ticket leaves if there is none.
    player: Option<usize>,
    /// Whether the seat is offered.
    offered: bool,
}

fn leavers() -> impl Strategy<Value = Vec<Leaver>> {
    let one = (
        0_usize..12,
        prop::option::weighted(0.8, 0_usize..6),
        prop::bool::weighted(0.9),
    );
    vec(
        one.prop_map(|(place, player, offered)| Leaver {
            place,
            player,
            offered,
        }),
        0..6,
    )
}

impl World {
    fn new(mode: GameMode) -> Self {
        Self {
            mode,
            waiting: BTreeMap::new(),
            live: BTreeMap::new(),
            matches: 0,
            tickets: 0,
        }
    }

    fn arrive(&mut self, sketch: &Sketch, now: Timestamp) -> Arc<Ticket> {
        let sketch = sketch.of(self.mode.party_players_max());
        self.tickets += 1;
        let ticket = sketch.ticket(self.tickets, now);
        self.waiting.insert(ticket.id, Arc::clone(&ticket));
        ticket
    }

    /// One ticket leaves the queue, or one player a match; what the pool has to hear of it.
    fn leave(&mut self, leaver: &Leaver, pool: &mut Pool, now: Timestamp) {
        let Some(player) = leaver.player else {
            if let Some(id) = self.waiting.keys().nth(leaver.place).copied() {
                self.waiting.remove(&id);
                pool.remove(id);
            }
            return;
        };
        let Some(live) = self.live.values_mut().nth(leaver.place) else {
            return;
        };
        let who = live.seated.iter().enumerate().flat_map(|(party, seated)| {
            (0..seated.ticket.size()).map(move |player| (party, player))
        });
        let Some((party, player)) = who.clone().nth(player) else {
            return;
        };
        let mut left = Ticket::clone(&live.seated[party].ticket);
        let gone = left.players.remove(player);
        live.roles.remove(&gone.player_id);
        let team = live.seated[party].team as usize;
        live.seated[party].ticket = Arc::new(left);
        live.seated.retain(|seated| seated.ticket.size() > 0);
        if live.seated.is_empty() {
            pool.close(live.id);
            let id = live.id;
            self.live.remove(&id);
        } else if leaver.offered {
            if live.open.total() == 0 {
                live.open.since = now;
            }
            live.open.seats[team] += 1;
            pool.open(live.clone());
        } else if live.open.total() > 0 {
            pool.open(live.clone());
        }
    }

    /// A pool that knows the same and was made just now.
    fn pool(&self, mode: &GameMode) -> Pool {
        let mut pool = Pool::new(mode.clone(), regions());
        for ticket in self.waiting.values() {
            pool.insert(Arc::clone(ticket));
        }
        for live in self.live.values().filter(|live| live.open.total() > 0) {
            pool.open(live.clone());
        }
        pool
    }

    fn begin(&mut self, planned: &MatchPlan, now: Timestamp) {
        self.matches += 1;
        let id = MatchId::from_u128(self.matches);
        let seated = (0_u32..)
            .zip(&planned.teams)
            .flat_map(|(team, ids)| ids.iter().map(move |id| (*id, team)));
        let seated: Vec<_> = seated.map(|(id, team)| self.seat(id, team, now)).collect();
        let live = LiveMatch {
            id,
            region: planned.region.clone(),
            seated,
            open: OpenSeats {
                seats: vec![0; planned.teams.len()],
                since: now,
            },
            labels: BTreeMap::new(),
            max_players: None,
            roles: planned.roles.clone(),
        };
        self.live.insert(id, live);
    }

    fn seat(&mut self, id: TicketId, team: u32, now: Timestamp) -> Seated {
        Seated {
            ticket: self.waiting.remove(&id).expect("I1: planned twice"),
            team,
            joined_at: now,
        }
    }

    /// Carries a fill out: seats are filled at most once.
    fn fill(&mut self, fill: &Fill, pool: &mut Pool, now: Timestamp) {
        for (id, team) in &fill.tickets {
            pool.remove(*id);
            let seated = self.seat(*id, *team, now);
            let size = u32::try_from(seated.ticket.size()).unwrap();
            let live = self.live.get_mut(&fill.match_id).unwrap();
            let free = &mut live.open.seats[*team as usize];
            *free = free.checked_sub(size).expect("a seat is filled once");
            live.seated.push(seated);
        }
        let live = self.live.get_mut(&fill.match_id).unwrap();
        live.roles.extend(fill.roles.clone());
        if live.open.total() > 0 {
            pool.open(live.clone());
        }
    }
}

/// The teams of a live match by now: seated tickets with the age that counts, then whoever joins.
fn teams_with(live: &LiveMatch, joining: &[(&Ticket, u32)]) -> Vec<Vec<Ticket>> {
    let mut teams = vec![Vec::new(); live.open.seats.len()];
    for seated in &live.seated {
        let waited = seated.joined_at.since_ms(seated.ticket.created_at);
        let from = live.open.since.max(seated.joined_at);
        let mut ticket = Ticket::clone(&seated.ticket);
        ticket.created_at = Timestamp(from.0 - waited);
        teams[seated.team as usize].push(ticket);
    }
    for (ticket, team) in joining {
        teams[*team as usize].push((*ticket).clone());
    }
    teams
}

/// I6 between seated and newcomers, and the rules about the whole match.
fn check_fill(world: &World, fill: &Fill, now: Timestamp) {
    let live = &world.live[&fill.match_id];
    let waiting = |id: &TicketId| world.waiting[id].as_ref();
    let joining: Vec<(&Ticket, u32)> = fill
        .tickets
        .iter()
        .map(|(id, team)| (waiting(id), *team))
        .collect();
    assert!(!joining.is_empty());
    let teams = teams_with(live, &joining);
    let teams: Vec<Vec<&Ticket>> = teams.iter().map(|team| team.iter().collect()).collect();
    assert_eq!(
        broken(&world.mode, &teams, &live.region, now, RESOLUTION),
        Ok(()),
        "{fill:?} {live:?}"
    );
    let size = |(ticket, _): &(&Ticket, u32)| ticket.size();
    assert_eq!(
        fill.players as usize,
        joining.iter().map(size).sum::<usize>()
    );
    for (team, free) in (0_u32..).zip(&live.open.seats) {
        let into = joining
            .iter()
            .filter(|(_, to)| *to == team)
            .map(size)
            .sum::<usize>();
        assert!(into <= *free as usize, "free seats only");
    }
    check_fairness(&world.mode, &teams, &fill.quality);
    if let Some(rule) = &world.mode.rules.roles {
        let told: BTreeMap<PlayerId, String> = live
            .roles
            .iter()
            .chain(&fill.roles)
            .map(|(id, role)| (id.clone(), role.clone()))
            .collect();
        let is_new = |ticket: &Ticket| world.waiting.contains_key(&ticket.id);
        check_roles(rule, &teams, &told, is_new, now);
    }
}

/// Whether a ticket alone could join a live match, by the rules as they are written. `None` where that is not simple:
/// who is aimed at, whose roles fit, and chances to win.
fn could_join(world: &World, live: &LiveMatch, ticket: &Ticket, now: Timestamp) -> Option<bool> {
    let rules = &world.mode.rules;
    if rules.aim.is_some() || rules.roles.is_some() || rules.win_chance_max.is_some() {
        return None;
    }
    let fits = (0_u32..).zip(&live.open.seats).any(|(team, free)| {
        let teams = teams_with(live, &[(ticket, team)]);
        let teams: Vec<Vec<&Ticket>> = teams.iter().map(|team| team.iter().collect()).collect();
        let seats = world.mode.team_players_max() as usize;
        *free as usize >= ticket.size()
            && players(&teams)[team as usize] <= seats
            && broken(&world.mode, &teams, &live.region, now, -RESOLUTION).is_ok()
            && spread_is_allowed(&world.mode, &teams, now, RESOLUTION)
            && rules
                .team_gap_max
                .is_none_or(|most| team_gap(&teams) <= most - RESOLUTION)
    });
    Some(fits)
}

fn check_plan(world: &World, plan: &Plan, now: Timestamp) {
    let mut matches = BTreeSet::new();
    for fill in &plan.fills {
        assert!(
            matches.insert(fill.match_id),
            "a match is filled once in a plan"
        );
        check_fill(world, fill, now);
    }
    for planned in &plan.matches {
        check_match(&world.mode, planned, &world.waiting, now);
    }
    let filled = plan
        .fills
        .iter()
        .flat_map(|fill| fill.tickets.iter().map(|(id, _)| *id));
    let matched = plan
        .matches
        .iter()
        .flat_map(|planned| planned.teams.iter().flatten());
    let taken: Vec<TicketId> = filled.chain(matched.copied()).collect();
    let each: BTreeSet<&TicketId> = taken.iter().collect();
    assert_eq!(each.len(), taken.len(), "I1");
    let waiting = plan.waiting;
    let waiting = waiting.for_players + waiting.for_server + waiting.for_fleet + waiting.for_turn;
    assert_eq!(
        taken.len() + waiting as usize,
        world.waiting.len(),
        "everybody counts"
    );
    // Whoever could have joined by the rules does not wait beside a free seat.
    let left = |id: &TicketId| !each.contains(id);
    for live in world
        .live
        .values()
        .filter(|live| !matches.contains(&live.id))
    {
        for ticket in world.waiting.values().filter(|ticket| left(&ticket.id)) {
            let starves = could_join(world, live, ticket, now) == Some(true);
            assert!(!starves, "{ticket:?} waits beside {live:?}");
        }
    }
}

type Ticks = Vec<((Vec<Sketch>, u64, u32), Vec<Leaver>)>;

fn ticks() -> impl Strategy<Value = Ticks> {
    vec(
        ((vec(sketches(), 0..8), 1_u64..2_500, 0_u32..5), leavers()),
        1..14,
    )
}

fn with_backfill() -> impl Strategy<Value = GameMode> {
    let priority = select(vec![Backfill::High, Backfill::Normal, Backfill::Low]);
    (modes(), priority).prop_map(|(mut mode, priority)| {
        mode.rules.backfill = priority;
        mode
    })
}

fn supply(servers: u32) -> Supply {
    Supply {
        servers: regions()
            .into_iter()
            .zip([servers, servers / 2, 3])
            .collect(),
    }
}

/// Has the world go on for all `ticks`; `look` sees every plan with the world before it and a pool made for it.
fn live_through(
    mode: GameMode,
    ticks: &Ticks,
    mut look: impl FnMut(&World, &Plan, u32, Timestamp),
) {
    let mut pool = Pool::new(mode.clone(), regions());
    let mut world = World::new(mode);
    let mut now = BEGIN;
    for ((sketches, ms, servers), leavers) in ticks {
        now = now.plus_ms(*ms);
        for leaver in leavers {
            world.leave(leaver, &mut pool, now);
        }
        for sketch in sketches {
            pool.insert(world.arrive(sketch, now));
        }
        let plan = pool.plan(&supply(*servers), ALL, now);
        look(&world, &plan, *servers, now);
        for fill in &plan.fills {
            world.fill(fill, &mut pool, now);
        }
        for planned in &plan.matches {
            world.begin(planned, now);
            for id in planned.teams.iter().flatten() {
                pool.remove(*id);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn i1_i6_live_matches_are_filled_by_the_rules_and_as_if_the_pool_were_new(
        mode in with_backfill(),
        ticks in ticks(),
    ) {
        live_through(mode, &ticks, |world, plan, servers, now| {
            let anew = world.pool(&world.mode).plan(&supply(servers), ALL, now);
            assert_eq!(plan.fills, anew.fills);
            assert_eq!(plan.matches, anew.matches);
            assert_eq!(plan.unplaced, anew.unplaced);
            check_plan(world, plan, now);
        });
    }

    #[test]
    fn high_fills_before_new_matches_and_low_after_them(
        mode in with_backfill(),
        ticks in ticks(),
    ) {
        live_through(mode, &ticks, |world, plan, servers, now| {
            let mut other = world.pool(&world.mode);
            match world.mode.rules.backfill {
                // Where no match can be placed, whoever joins is the same.
                Backfill::High => {
                    let nowhere = other.plan(&supply(0), ALL, now);
                    assert_eq!(plan.fills, nowhere.fills);
                }
                // Where nobody is live, new matches are the same.
                Backfill::Low => {
                    for id in world.live.keys() {
                        other.close(*id);
                    }
                    let alone = other.plan(&supply(servers), ALL, now);
                    assert_eq!(plan.matches, alone.matches);
                }
                _ => {}
            }
        });
    }
}
