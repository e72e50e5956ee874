//! The rules as they are written, judged without the planner.

use std::collections::BTreeMap;

use stadion_core::id::{PlayerId, Region};
use stadion_core::matches::Quality;
use stadion_core::mode::GameMode;
use stadion_core::rules::{Aggregate, RoleRule};
use stadion_core::ticket::{Attribute, Ticket};
use stadion_core::time::Timestamp;

/// Skill is planned with a resolution of 1/1,024 of a point.
pub(super) const RESOLUTION: f64 = 2.0 / 1_024.0;

/// Skill, and the spread that a ticket allows, as the rules define them.
fn skill(mode: &GameMode, ticket: &Ticket) -> f64 {
    let skills = ticket.players.iter().map(|player| player.skill);
    match mode.rules.party_skill {
        Aggregate::Min => skills.fold(f64::INFINITY, f64::min),
        Aggregate::Max => skills.fold(f64::NEG_INFINITY, f64::max),
        _ => ticket.skill(),
    }
}

fn allowed(mode: &GameMode, ticket: &Ticket, now: Timestamp) -> f64 {
    let uncertainty = ticket.players[0].skill_uncertainty;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let known_ms = (mode.rules.uncertainty_ms_per_point * uncertainty) as u64;
    let waited = ticket.waited_ms(now) + known_ms;
    let steps = mode
        .rules
        .skill_steps
        .iter()
        .filter(|step| step.after_ms <= waited);
    steps
        .map(|step| step.spread_max)
        .fold(mode.skill.after_ms(waited), f64::max)
}

fn latency_max(mode: &GameMode, waited_ms: u64) -> u32 {
    let steps = mode
        .rules
        .latency
        .iter()
        .filter(|step| step.after_ms <= waited_ms);
    steps
        .map(|step| step.max_ms)
        .fold(mode.latency_max_ms, u32::max)
}

fn avoids(one: &Ticket, other: &Ticket) -> bool {
    match &one.players[0].attributes["avoid"] {
        Attribute::List(names) => other
            .players
            .iter()
            .any(|player| names.iter().any(|name| name == player.player_id.as_str())),
        _ => false,
    }
}

/// What a match breaks of the rules about each pair (I6), its region and its largest size; `slack` is how exactly skill
/// is looked at, points.
pub(super) fn broken(
    mode: &GameMode,
    teams: &[Vec<&Ticket>],
    region: &Region,
    now: Timestamp,
    slack: f64,
) -> Result<(), &'static str> {
    let members: Vec<&Ticket> = teams.iter().flatten().copied().collect();
    for (index, a) in members.iter().enumerate() {
        let limit = latency_max(mode, a.waited_ms(now));
        if a.latency_ms(region).is_none_or(|ms| ms > limit) {
            return Err("region");
        }
        for b in &members[..index] {
            let gap = (skill(mode, a) - skill(mode, b)).abs();
            if gap > allowed(mode, a, now).min(allowed(mode, b, now)) + slack {
                return Err("skill");
            }
            let attribute = |t: &Ticket, name: &String| t.players[0].attributes[name].clone();
            let mut same = mode.rules.same.iter();
            if !same.all(|name| attribute(a, name) == attribute(b, name)) {
                return Err("same");
            }
            if mode.rules.avoid.is_some() && (avoids(a, b) || avoids(b, a)) {
                return Err("avoid");
            }
        }
    }
    let seats = mode.team_players_max() as usize;
    if players(teams).into_iter().any(|players| players > seats) {
        return Err("seats");
    }
    Ok(())
}

/// Whether everybody allows the spread of the whole match, and not only of each pair, by more than `slack`.
pub(super) fn spread_is_allowed(
    mode: &GameMode,
    teams: &[Vec<&Ticket>],
    now: Timestamp,
    slack: f64,
) -> bool {
    let members = || teams.iter().flatten();
    let skills = || members().map(|ticket| skill(mode, ticket));
    let spread =
        skills().fold(f64::NEG_INFINITY, f64::max) - skills().fold(f64::INFINITY, f64::min);
    let least = members().map(|ticket| allowed(mode, ticket, now));
    spread <= least.fold(f64::INFINITY, f64::min) - slack
}

/// Players by team.
pub(super) fn players(teams: &[Vec<&Ticket>]) -> Vec<usize> {
    teams
        .iter()
        .map(|team| team.iter().map(|ticket| ticket.size()).sum())
        .collect()
}

/// The largest gap between the mean skills of two teams with players.
pub(super) fn team_gap(teams: &[Vec<&Ticket>]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "teams are small")]
    let mean = |team: &Vec<&Ticket>| {
        let skills: Vec<f64> = team
            .iter()
            .flat_map(|t| &t.players)
            .map(|p| p.skill)
            .collect();
        skills.iter().sum::<f64>() / skills.len().max(1) as f64
    };
    let means = || teams.iter().map(mean);
    means().fold(0.0, f64::max) - means().fold(f64::INFINITY, f64::min)
}

/// The rules about how even the teams are.
pub(super) fn check_fairness(mode: &GameMode, teams: &[Vec<&Ticket>], quality: &Quality) {
    if mode.teams > 1 {
        assert!(
            (quality.team_gap - team_gap(teams)).abs() < 1e-6,
            "{quality:?}"
        );
    }
    if let Some(most) = mode.rules.team_gap_max {
        assert!(quality.team_gap <= most + RESOLUTION);
    }
    if let (Some(most), Some(chance)) = (mode.rules.win_chance_max, quality.win_chance) {
        assert!(chance <= most + 1e-6);
    }
}

/// Everybody has a role, nobody one that is taken, and newcomers one that they list, unless they have waited.
pub(super) fn check_roles(
    rule: &RoleRule,
    teams: &[Vec<&Ticket>],
    told: &BTreeMap<PlayerId, String>,
    is_new: impl Fn(&Ticket) -> bool,
    now: Timestamp,
) {
    for team in teams {
        let mut taken: BTreeMap<&String, u32> = BTreeMap::new();
        for ticket in team {
            for player in &ticket.players {
                let role = &told[&player.player_id];
                *taken.entry(role).or_default() += 1;
                let free = ticket.waited_ms(now) >= rule.autofill_after_ms;
                match &player.attributes["roles"] {
                    Attribute::List(listed) if !listed.is_empty() && !free && is_new(ticket) => {
                        assert!(listed.contains(role), "{listed:?} {role}");
                    }
                    _ => {}
                }
            }
        }
        for (role, seats) in taken {
            assert!(seats <= rule.per_team[role], "{role}");
        }
    }
}
