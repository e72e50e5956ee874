//! Groups of parties and single players around the newest of them, where more than skill, region and number decide.

use super::compiled::Compiled;
use super::index::{Index, item};
use super::judged::Judged;
use super::near::{Around, CROWD_LOOK_MS, Limits, Near};
use super::roles::RoleSeats;
use super::seats;
use super::slots::Slots;
use super::teams::{self, Teams};
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Tickets of each side that are considered at first: a match full, and some that do not fit.
fn side_few(target: u32) -> usize {
    target as usize + 8
}

/// Tickets of each side that are considered: four matches full, and some more for small modes.
fn side_max(target: u32) -> usize {
    4 * target as usize + 32
}

/// A match that may be played.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) teams: Teams,
    pub(super) players: u32,
    pub(super) spread: i64,
    pub(super) oldest: u64,
    /// When its tickets began to wait, on average, head starts included.
    pub(super) eager: u64,
}

/// In which order a walk goes away from its anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// The nearer side next.
    Nearest,
    /// Lower skill first, then higher.
    Down,
    /// Higher skill first, then lower.
    Up,
}

/// A match being put together.
struct Growing<'a> {
    index: &'a Index,
    now: u64,
    members: Vec<u32>,
    /// One of them does not go with everybody.
    touchy: bool,
    lowest: i32,
    highest: i32,
    players: u32,
    room: Vec<u32>,
    teams: Teams,
    roles: Vec<RoleSeats>,
}

impl<'a> Growing<'a> {
    fn new(index: &'a Index, anchor: u32, now: u64) -> Self {
        let rules = &index.rules;
        let skill = index.slots.hot(anchor).skill;
        let roles = rules.rules.roles.as_ref().map_or_else(Vec::new, |rule| {
            let seats = |shape: &super::compiled::Shape| RoleSeats::new(rule, shape.max);
            rules.shapes.iter().map(seats).collect()
        });
        Self {
            index,
            now,
            members: Vec::with_capacity(rules.target as usize),
            touchy: false,
            lowest: skill,
            highest: skill,
            players: 0,
            room: rules.shapes.iter().map(|shape| shape.max).collect(),
            teams: vec![Vec::new(); rules.shapes.len()],
            roles,
        }
    }

    fn spread_with(&self, skill: i32) -> i64 {
        i64::from(self.highest.max(skill)) - i64::from(self.lowest.min(skill))
    }

    fn tolerates(&self, slot: u32) -> bool {
        let slots = &self.index.slots;
        if let Some(set) = &self.index.rules.rules.rule_set {
            let members: Vec<&Ticket> = self
                .members
                .iter()
                .map(|slot| slots.ticket(*slot))
                .collect();
            if !set.could_join(&members, slots.ticket(slot), Timestamp(self.now)) {
                return false;
            }
        }
        if !self.touchy && !slots.hot(slot).touchy {
            return true;
        }
        let cold = slots.cold(slot);
        let mut members = self.members.iter();
        members.all(|member| cold.goes_with(slots.cold(*member)))
    }

    /// Seats a ticket in the fullest team that has room for it, so that large parties find room as long as possible.
    fn seat(&mut self, slot: u32) -> bool {
        let size = self.index.slots.hot(slot).size();
        let mut tried = 0_u64;
        loop {
            let open = (0..self.room.len())
                .filter(|team| self.room[*team] >= size && tried >> (team % 64) & 1 == 0);
            let Some(team) = open.min_by_key(|team| self.room[*team]) else {
                return false;
            };
            let seats = self.roles.get_mut(team);
            let wishes = teams::wishes(&self.index.slots, &self.index.rules, slot, self.now);
            if seats.is_none_or(|seats| seats.seat(wishes)) {
                self.room[team] -= size;
                self.teams[team].push(slot);
                self.join(slot);
                return true;
            }
            tried |= 1 << (team % 64);
        }
    }

    fn join(&mut self, slot: u32) {
        let hot = self.index.slots.hot(slot);
        self.touchy |= hot.touchy;
        self.members.push(slot);
        self.players += hot.size();
        self.lowest = self.lowest.min(hot.skill);
        self.highest = self.highest.max(hot.skill);
    }

    fn is_full(&self) -> bool {
        self.room.iter().all(|room| *room == 0)
    }

    fn oldest(&self) -> u64 {
        let created = |slot: &u32| self.index.slots.hot(*slot).created;
        self.members.iter().map(created).min().unwrap_or(self.now)
    }
}

/// The largest and then narrowest match around `anchor` on the shelf of `region`, or the first moment at which there may
/// be one. Its teams are not balanced yet, unless the rules ask how even they are.
pub(super) fn around(
    index: &Index,
    around: &mut Around,
    anchor: u32,
    region: usize,
    now: u64,
) -> Result<Group, u64> {
    let rules = &index.rules;
    let hot = index.slots.hot(anchor);
    let shelf = &index.shelves[index.shelf_index(hot.partition, region)];
    if shelf.players < u64::from(rules.players_floor()) {
        return Err(u64::MAX);
    }
    let allowed = rules.allowance.after(now.saturating_sub(hot.since));
    let mut limits = Limits {
        reach: rules.allowance.widest(),
        side_max: side_few(rules.target),
        narrowest_only: false,
    };
    // Most find their match among the nearest; the others look farther.
    around.collect(&index.slots, shelf, &item(hot, anchor), limits);
    if around.cut {
        if let Ok(group) = grow(
            index,
            around,
            (anchor, region),
            Order::Nearest,
            allowed,
            now,
        ) && group.players == rules.target
        {
            return Ok(group);
        }
        limits.side_max = side_max(rules.target);
        around.collect(&index.slots, shelf, &item(hot, anchor), limits);
    }
    let players = |side: &[Near]| -> u32 {
        let distance = |near: &Near| (i64::from(near.skill) - i64::from(hot.skill)).abs();
        let within = side.iter().take_while(|near| distance(near) <= allowed);
        within.map(|near| index.slots.hot(near.slot).size()).sum()
    };
    let mut best: Option<Group> = None;
    let mut aimed = u64::MAX;
    if hot.size() + players(&around.low) + players(&around.high) >= rules.players_floor() {
        for order in [Order::Nearest, Order::Down, Order::Up] {
            let rank = |group: &Group| (group.players, -group.spread);
            match grow(index, around, (anchor, region), order, allowed, now) {
                Ok(found) => best = best.into_iter().chain([found]).max_by_key(rank),
                Err(at) => aimed = aimed.min(at),
            }
            if best
                .as_ref()
                .is_some_and(|group| group.players == rules.target)
            {
                break;
            }
        }
    }
    best.ok_or_else(|| later(index, around, anchor, allowed, now).min(aimed))
}

/// The first moment after `now` at which anything around `anchor` is different, if nobody comes or goes.
fn later(index: &Index, around: &Around, anchor: u32, allowed: i64, now: u64) -> u64 {
    let rules = &index.rules;
    let hot = index.slots.hot(anchor);
    let wider = around
        .next_spread(hot.skill, allowed)
        .and_then(|spread| rules.allowance.until(spread))
        .map(|waited| hot.since.saturating_add(waited));
    let settled = around.next_settling(rules, hot.created, now);
    let autofill = rules.rules.roles.as_ref().and_then(|rule| {
        let near = around
            .low
            .iter()
            .chain(&around.high)
            .map(|near| near.created);
        near.chain([hot.created])
            .map(|created| created.saturating_add(rule.autofill_after_ms))
            .filter(|at| *at > now)
            .min()
    });
    let crowd = (around.cut || around.crowded).then(|| now.saturating_add(CROWD_LOOK_MS));
    // Rule sets change over time in ways of their own.
    let rule_set = rules.rules.rule_set.is_some();
    let expanded = rule_set.then(|| now.saturating_add(CROWD_LOOK_MS));
    [wider, settled, autofill, crowd, expanded]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(u64::MAX)
}

fn grow(
    index: &Index,
    around: &Around,
    (anchor, region): (u32, usize),
    order: Order,
    allowed: i64,
    now: u64,
) -> Result<Group, u64> {
    let rules = &index.rules;
    let mut growing = Growing::new(index, anchor, now);
    if !growing.seat(anchor) {
        return Err(u64::MAX);
    }
    // Parties that fitted the rules and not the seats that were left, for another try at the seating.
    let mut spare = Vec::new();
    let mut spare_players = 0;
    let candidates = in_order(index, around, anchor, order, allowed);
    if !growing.roles.is_empty() {
        let first = candidates.iter().take(super::near::TOUCHED_MAX);
        index.slots.touch_roles(first.map(|near| near.slot));
    }
    for near in &candidates {
        // Twice a match is choice enough; without this, pairs would be collected for a hole that only a solo fills.
        if growing.is_full() || spare_players >= 2 * rules.target {
            break;
        }
        if growing.spread_with(near.skill) > allowed || !growing.tolerates(near.slot) {
            continue;
        }
        if !growing.seat(near.slot) {
            spare.push(near.slot);
            spare_players += index.slots.hot(near.slot).size();
        }
    }
    let mut group = if growing.is_full() {
        let teams = std::mem::take(&mut growing.teams);
        finish(&growing, teams)
    } else {
        settle(&mut growing, &spare, allowed).ok_or(u64::MAX)?
    };
    if group.players == rules.target {
        let at = rules.aimed_at(group.spread, group.eager);
        if at > now {
            return Err(at);
        }
    }
    if !rules.asks_for_teams() {
        return Ok(group);
    }
    teams::balance(&index.slots, rules, &mut group.teams, now);
    if let Some(set) = &rules.rules.rule_set {
        let others: Vec<u32> = candidates.iter().map(|near| near.slot).collect();
        let judged = Judged {
            index,
            set,
            region,
            now,
            anchor,
        };
        group = judged.repair(group, &others, allowed).ok_or(u64::MAX)?;
    }
    if is_fair(index, rules, &group) {
        Ok(group)
    } else {
        Err(u64::MAX)
    }
}

/// Those around the anchor that its window allows, in the order in which they are tried.
fn in_order<'a>(
    index: &Index,
    around: &'a Around,
    anchor: u32,
    order: Order,
    allowed: i64,
) -> Vec<&'a Near> {
    let own = i64::from(index.slots.hot(anchor).skill);
    let distance = |near: &Near| (i64::from(near.skill) - own).abs();
    let low = around
        .low
        .iter()
        .take_while(|near| distance(near) <= allowed);
    let high = around
        .high
        .iter()
        .take_while(|near| distance(near) <= allowed);
    let mut all: Vec<&Near> = Vec::with_capacity(around.low.len() + around.high.len());
    match order {
        Order::Down => all.extend(low.chain(high)),
        Order::Up => all.extend(high.chain(low)),
        Order::Nearest => {
            let (mut low, mut high) = (low.peekable(), high.peekable());
            loop {
                let down = match (low.peek(), high.peek()) {
                    (None, None) => break,
                    (Some(_), None) => true,
                    (None, Some(_)) => false,
                    (Some(below), Some(above)) => distance(below) <= distance(above),
                };
                all.extend(if down { low.next() } else { high.next() });
            }
        }
    }
    if let Some(set) = &index.rules.rules.rule_set
        && set.sorts()
    {
        let ticket = index.slots.ticket(anchor);
        let order = |a: &&Near, b: &&Near| {
            set.order(
                ticket,
                index.slots.ticket(a.slot),
                index.slots.ticket(b.slot),
            )
        };
        all.sort_by(order);
    }
    all
}

/// A match below the target, if its oldest has waited long enough.
fn settle(growing: &mut Growing<'_>, spare: &[u32], allowed: i64) -> Option<Group> {
    let rules = &growing.index.rules;
    let slots = &growing.index.slots;
    if rules.sizes.is_empty() && spare.is_empty() {
        return None;
    }
    let waited = |oldest: u64| growing.now.saturating_sub(oldest);
    if growing.roles.is_empty() && rules.equal {
        for slot in spare {
            if growing.spread_with(slots.hot(*slot).skill) <= allowed && growing.tolerates(*slot) {
                growing.join(*slot);
            }
        }
        let least = rules.players_least(growing.now.saturating_sub(growing.oldest()));
        let sizes: Vec<u32> = growing
            .members
            .iter()
            .map(|slot| slots.hot(*slot).size())
            .collect();
        let bots = rules
            .bots_after
            .is_some_and(|after| growing.now.saturating_sub(growing.oldest()) >= after);
        let teams = match seats::pack(
            super::count(rules.shapes.len()),
            rules.target,
            &sizes,
            least,
        ) {
            Some(plan) => seats::deal(slots, &growing.members, &plan),
            None if bots => growing.teams.clone(),
            None => return None,
        };
        let group = finish(growing, teams);
        return (group.players >= rules.players_least(growing.now.saturating_sub(group.oldest)))
            .then_some(group);
    }
    let group = finish(growing, growing.teams.clone());
    let players =
        |team: &Vec<u32>| -> u32 { team.iter().map(|slot| slots.hot(*slot).size()).sum() };
    let counts: Vec<u32> = group.teams.iter().map(players).collect();
    let parties = growing
        .members
        .iter()
        .any(|slot| slots.hot(*slot).size() > 1);
    let least = counts.iter().min().copied().unwrap_or(0);
    let most = counts.iter().max().copied().unwrap_or(0);
    let bots = rules
        .bots_after
        .is_some_and(|after| waited(group.oldest) >= after);
    let even = bots
        || if rules.equal {
            most - least <= u32::from(parties)
        } else {
            counts
                .iter()
                .zip(&rules.shapes)
                .all(|(players, shape)| *players >= shape.min)
        };
    (even && group.players >= rules.players_least(waited(group.oldest))).then_some(group)
}

fn finish(growing: &Growing<'_>, teams: Teams) -> Group {
    Group::of(&growing.index.slots, teams, growing.now)
}

impl Group {
    pub(super) fn of(slots: &Slots, teams: Teams, now: u64) -> Self {
        let hots = || teams.iter().flatten().map(|slot| slots.hot(*slot));
        let skills = || hots().map(|hot| i64::from(hot.skill));
        let began = hots().map(|hot| hot.eager()).sum::<u64>();
        Self {
            players: hots().map(|hot| hot.size()).sum(),
            spread: skills().max().unwrap_or(0) - skills().min().unwrap_or(0),
            oldest: hots().map(|hot| hot.created).min().unwrap_or(now),
            eager: began / hots().count().max(1) as u64,
            teams,
        }
    }
}

fn is_fair(index: &Index, rules: &Compiled, group: &Group) -> bool {
    teams::fairness(&index.slots, rules, &group.teams).keeps(&rules.rules)
}
