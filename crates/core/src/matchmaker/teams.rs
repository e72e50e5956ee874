//! Sides: which tickets of a match play together, so that nobody is sure to win.

use super::compiled::Compiled;
use super::roles::RoleSeats;
use super::slots::Slots;
use super::wishes::{Roles, Wishes};
use crate::id::PlayerId;
use crate::rules::{RoleRule, Rules};
use crate::ticket::Ticket;

/// Tickets up to which every split into two teams is tried: 2^11 splits take some microseconds. 5v5 has 126 different
/// ones and 6v6 has 462.
const SPLIT_TICKETS_MAX: usize = 12;

/// Rounds of swaps where not everything can be tried; each round makes the gap smaller or is the last.
const SWAP_ROUNDS_MAX: usize = 32;

/// Points of skill, in the sum of a team, that a premade party against single players is taken to be worth, per
/// player that the party has more: mirrored parties are preferred unless skill speaks against it.
const PARTY_POINTS: f64 = 25.0;

/// Tickets by team.
pub(super) type Teams = Vec<Vec<u32>>;

/// What is known about one ticket when sides are made.
struct Side {
    slot: u32,
    players: u32,
    /// Sum of its players' skills, points.
    strength: f64,
    /// Its players, squared: how much of a premade it is.
    premade: f64,
}

fn side(slots: &Slots, rules: &Compiled, slot: u32) -> Side {
    let hot = slots.hot(slot);
    let players = f64::from(hot.size());
    Side {
        slot,
        players: hot.size(),
        strength: rules.allowance.points(i64::from(hot.skill)) * players,
        premade: players * players,
    }
}

/// Deals single players and parties into `rules`' teams, each into the weakest that has room.
pub(super) fn deal(slots: &Slots, rules: &Compiled, members: &[u32], players: u32) -> Teams {
    let teams = rules.shapes.len();
    if teams == 1 {
        return vec![members.to_vec()];
    }
    let count = super::count(teams);
    let mut room: Vec<u32> = (0..count)
        .map(|team| players / count + u32::from(team < players % count))
        .collect();
    let mut sides: Vec<Side> = members
        .iter()
        .map(|slot| side(slots, rules, *slot))
        .collect();
    sides.sort_by(|a, b| {
        b.strength
            .total_cmp(&a.strength)
            .then_with(|| slots.hot(a.slot).id.cmp(&slots.hot(b.slot).id))
    });
    let mut strength = vec![0.0_f64; teams];
    let mut dealt = vec![Vec::new(); teams];
    for side in sides {
        let open = (0..teams).filter(|team| room[*team] >= side.players);
        let weakest = open.min_by(|a, b| strength[*a].total_cmp(&strength[*b]));
        let team = weakest.unwrap_or(0);
        room[team] = room[team].saturating_sub(side.players);
        strength[team] += side.strength;
        dealt[team].push(side.slot);
    }
    dealt
}

/// Makes the teams as even as can be: exactly for two of up to [`SPLIT_TICKETS_MAX`] tickets, else by swapping tickets
/// of one size for as long as that helps. Sizes of teams stay.
pub(super) fn balance(slots: &Slots, rules: &Compiled, teams: &mut Teams, now: u64) {
    let tickets: usize = teams.iter().map(Vec::len).sum();
    if teams.len() < 2 || tickets < 3 {
        return;
    }
    if teams.len() == 2 && tickets <= SPLIT_TICKETS_MAX {
        split(slots, rules, teams, now);
    } else {
        swap(slots, rules, teams, now);
    }
}

/// All splits of the tickets into the two teams' sizes. The first ticket stays where it is: a mirrored split is no other
/// where teams are alike.
fn split(slots: &Slots, rules: &Compiled, teams: &mut Teams, now: u64) {
    let first_players: u32 = teams[0].iter().map(|slot| slots.hot(*slot).size()).sum();
    let sides: Vec<Side> = teams
        .iter()
        .flatten()
        .map(|slot| side(slots, rules, *slot))
        .collect();
    let full = (1_usize << sides.len()) - 1;
    let mut sums = vec![(0_u32, 0.0_f64, 0.0_f64); full + 1];
    for mask in 1..=full {
        let (players, strength, premade) = sums[mask & (mask - 1)];
        let lowest = &sides[mask.trailing_zeros() as usize];
        sums[mask] = (
            players + lowest.players,
            strength + lowest.strength,
            premade + lowest.premade,
        );
    }
    let cost = |mask: usize| {
        let ((players, mine, premade), (others, theirs, facing)) = (sums[mask], sums[full & !mask]);
        // Means where teams differ in size, sums where they do not: the same order.
        let gap = mine / f64::from(players.max(1)) - theirs / f64::from(others.max(1));
        gap.abs() * f64::from(players) + PARTY_POINTS * (premade - facing).abs() / 2.0
    };
    let begin = (1_usize << teams[0].len()) - 1;
    let (mut best, mut least) = (begin, cost(begin));
    let members = |mask: usize| {
        let team = |wanted: bool| -> Vec<u32> {
            let inside = sides
                .iter()
                .enumerate()
                .filter(|(at, _)| (mask >> at & 1 == 1) == wanted);
            inside.map(|(_, side)| side.slot).collect()
        };
        vec![team(true), team(false)]
    };
    for mask in (1..=full).step_by(2) {
        if sums[mask].0 == first_players && mask != full {
            let cost = cost(mask);
            if cost < least && roles_fit(slots, rules, &members(mask), now) {
                (best, least) = (mask, cost);
            }
        }
    }
    if best != begin {
        *teams = members(best);
    }
}

fn swap(slots: &Slots, rules: &Compiled, teams: &mut Teams, now: u64) {
    let sum = |team: &Vec<u32>| -> f64 {
        team.iter()
            .map(|slot| side(slots, rules, *slot).strength)
            .sum()
    };
    for _ in 0..SWAP_ROUNDS_MAX {
        let sums: Vec<f64> = teams.iter().map(sum).collect();
        let by = |a: &usize, b: &usize| sums[*a].total_cmp(&sums[*b]);
        let all = 0..teams.len();
        let (Some(weak), Some(strong)) = (all.clone().min_by(by), all.max_by(by)) else {
            return;
        };
        let gap = sums[strong] - sums[weak];
        let mut best: Option<(f64, usize, usize)> = None;
        for (i, mine) in teams[strong].iter().enumerate() {
            let mine = side(slots, rules, *mine);
            for (j, theirs) in teams[weak].iter().enumerate() {
                let theirs = side(slots, rules, *theirs);
                let left = (gap - 2.0 * (mine.strength - theirs.strength)).abs();
                if mine.players == theirs.players && best.is_none_or(|(least, ..)| left < least) {
                    best = Some((left, i, j));
                }
            }
        }
        // A hundredth of a point is no difference, and keeps rounding from going on for ever.
        let Some((_, i, j)) = best.filter(|(left, ..)| *left + 0.01 < gap) else {
            return;
        };
        let mut swapped = teams.clone();
        (swapped[strong][i], swapped[weak][j]) = (teams[weak][j], teams[strong][i]);
        if !roles_fit(slots, rules, &swapped, now) {
            return;
        }
        *teams = swapped;
    }
}

/// The roles that a ticket's players would take by now.
pub(super) fn wishes<'a>(
    slots: &'a Slots,
    rules: &Compiled,
    slot: u32,
    now: u64,
) -> impl Iterator<Item = Roles> + use<'a> {
    let wishes = slots.cold(slot).wishes.as_deref();
    wishes_of(rules, wishes, slots.hot(slot).created, now)
}

/// The same, of whoever waits since `created`.
pub(super) fn wishes_of<'a>(
    rules: &Compiled,
    wishes: Option<&'a Wishes>,
    created: u64,
    now: u64,
) -> impl Iterator<Item = Roles> + use<'a> {
    let waited = now.saturating_sub(created);
    let autofill = rules
        .rules
        .roles
        .as_ref()
        .is_some_and(|rule| waited >= rule.autofill_after_ms);
    let roles = wishes.map_or(&[][..], |wishes| &wishes.roles);
    roles.iter().map(move |roles| Roles {
        listed: if autofill { u32::MAX } else { roles.listed },
        ..*roles
    })
}

/// The seats of one team, if its roles can be filled.
pub(super) fn role_seats(
    slots: &Slots,
    rules: &Compiled,
    team: usize,
    tickets: &[u32],
    now: u64,
) -> Option<RoleSeats> {
    let rule = rules.rules.roles.as_ref()?;
    let mut seats = RoleSeats::new(rule, rules.shapes[team].max);
    let fits = tickets
        .iter()
        .all(|slot| seats.seat(wishes(slots, rules, *slot, now)));
    fits.then_some(seats)
}

/// What each of `players`, who were seated last, plays, by the name of the role; nobody who takes any seat.
pub(super) fn roles_of(
    rule: &RoleRule,
    seats: &RoleSeats,
    players: &[&PlayerId],
) -> Vec<(PlayerId, String)> {
    let names: Vec<&String> = rule.per_team.keys().collect();
    let roles = seats.roles();
    let before = roles.len().saturating_sub(players.len());
    let named = players
        .iter()
        .zip(&roles[before..])
        .filter_map(|(player, role)| {
            let name = *names.get((*role)?)?;
            Some(((*player).clone(), name.clone()))
        });
    named.collect()
}

fn roles_fit(slots: &Slots, rules: &Compiled, teams: &Teams, now: u64) -> bool {
    rules.rules.roles.is_none()
        || teams
            .iter()
            .enumerate()
            .all(|(team, tickets)| role_seats(slots, rules, team, tickets, now).is_some())
}

/// How even two or more teams are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Fairness {
    /// Largest gap between the mean skills of two teams, points.
    pub(super) gap: f64,
    /// Predicted win chance of the strongest team against the weakest, 0.5 to 1; `None` for a single team.
    pub(super) win_chance: Option<f64>,
}

impl Fairness {
    /// Whether the rules about how even teams are hold.
    pub(super) fn keeps(&self, rules: &Rules) -> bool {
        let chances = rules.win_chance_max.zip(self.win_chance);
        rules.team_gap_max.is_none_or(|most| self.gap <= most)
            && chances.is_none_or(|(most, chance)| chance <= most)
    }
}

/// What a team's chances depend on.
#[derive(Clone, Copy)]
struct Strength {
    players: f64,
    /// Mean skill, points.
    mean: f64,
    /// Sum of the uncertainties, squared.
    variance: f64,
}

impl Strength {
    fn of(slots: &Slots, rules: &Compiled, team: &[u32]) -> Self {
        let (mut players, mut sum, mut variance) = (0.0_f64, 0.0_f64, 0.0_f64);
        for slot in team {
            let (hot, cold) = (slots.hot(*slot), slots.cold(*slot));
            players += f64::from(hot.size());
            variance += f64::from(cold.variance);
            sum += if hot.size() == 1 {
                rules.allowance.points(i64::from(hot.skill))
            } else {
                cold.ticket.players.iter().map(|player| player.skill).sum()
            };
        }
        Self {
            players,
            mean: sum / players.max(1.0),
            variance,
        }
    }

    fn of_tickets<'a>(team: impl IntoIterator<Item = &'a Ticket>) -> Self {
        let (mut players, mut sum, mut variance) = (0.0_f64, 0.0_f64, 0.0_f64);
        for player in team.into_iter().flat_map(|ticket| &ticket.players) {
            players += 1.0;
            sum += player.skill;
            variance += player.skill_uncertainty.powi(2);
        }
        Self {
            players,
            mean: sum / players.max(1.0),
            variance,
        }
    }
}

/// See [`chances`].
pub(super) fn fairness(slots: &Slots, rules: &Compiled, teams: &Teams) -> Fairness {
    let strength = |team: &Vec<u32>| Strength::of(slots, rules, team);
    chances(rules, teams.iter().map(strength))
}

/// See [`chances`].
pub(super) fn fairness_of<'a, T: IntoIterator<Item = &'a Ticket>>(
    rules: &Compiled,
    teams: impl ExactSizeIterator<Item = T>,
) -> Fairness {
    chances(rules, teams.map(Strength::of_tickets))
}

/// P = Φ(Δ / √(nβ² + Σσ²)) with the sums of skill of both teams (Herbrich, Minka, Graepel: `TrueSkill`, 2006).
fn chances(rules: &Compiled, teams: impl ExactSizeIterator<Item = Strength>) -> Fairness {
    let several = teams.len() > 1;
    let ends = teams.fold(None, |ends, team| {
        let (weak, strong) = ends.unwrap_or((team, team));
        let is_weaker = team.mean < weak.mean;
        let is_stronger = team.mean >= strong.mean;
        Some((
            if is_weaker { team } else { weak },
            if is_stronger { team } else { strong },
        ))
    });
    let Some((weak, strong)) = ends.filter(|_| several) else {
        return Fairness::default();
    };
    let beta = rules.rules.performance_deviation;
    let players = weak.players + strong.players;
    // Teams of different size are compared by their means, scaled to half of the players each.
    let lead = (strong.mean - weak.mean) * players / 2.0;
    let spread = (players * beta * beta + weak.variance + strong.variance).sqrt();
    let win_chance = if spread > 0.0 {
        normal_cdf(lead / spread)
    } else if lead > 0.0 {
        1.0
    } else {
        0.5
    };
    Fairness {
        gap: strong.mean - weak.mean,
        win_chance: Some(win_chance),
    }
}

/// The standard normal distribution, to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
fn normal_cdf(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let erf = 1.0 - series * (-z * z).exp();
    if x >= 0.0 {
        0.5 * (1.0 + erf)
    } else {
        0.5 * (1.0 - erf)
    }
}
