//! What is wrong with a game mode, before anybody waits in it.

use std::collections::BTreeSet;

use super::GameMode;
use crate::limits::{
    ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, LATENCY_MAX_MS, MATCH_SEATS_MAX, ROLE_SEATS_MAX, ROLES_MAX,
};
use crate::rules::{Backfill, HardStopAction, RoleRule, Rules, SkillStep};

/// A ready check lasts at least this long, milliseconds; `FlexMatch`'s bounds are 1 s and 600 s.
pub const ACCEPTANCE_MS_MIN: u64 = 1_000;
/// A ready check lasts at most this long, milliseconds.
pub const ACCEPTANCE_MS_MAX: u64 = 600_000;

type Checked = Result<(), String>;

fn wrong(field: &str, why: impl std::fmt::Display) -> Checked {
    Err(format!("{field}: {why}"))
}

/// See [`GameMode::check`].
pub(super) fn check(mode: &GameMode) -> Checked {
    sizes(mode)?;
    skill(mode)?;
    aims(&mode.rules)?;
    latency(mode)?;
    teams_against_each_other(mode)?;
    attributes(&mode.rules)?;
    if let Some(roles) = &mode.rules.roles {
        role_seats(mode, roles)?;
    }
    endings(mode)
}

fn sizes(mode: &GameMode) -> Checked {
    let (teams, target) = (mode.teams, mode.players_target);
    if teams == 0 {
        return wrong("teams", "at least 1");
    }
    let different = !mode.rules.teams.is_empty();
    if different {
        different_teams(mode)?;
    } else if target < teams || !target.is_multiple_of(teams) {
        let why = format!("{target} cannot be divided into {teams} equal teams");
        return wrong("players_target", why);
    }
    let many = usize::try_from(target).map_or(true, |target| target > MATCH_SEATS_MAX);
    if many && mode.rules.backfill != Backfill::Off {
        let why = format!("is {target}; with backfill a match has at most {MATCH_SEATS_MAX} seats");
        return wrong("players_target", why);
    }
    if mode.players_min == 0 || mode.players_min > target {
        return wrong(
            "players_min",
            format!("must be 1 to players_target ({target})"),
        );
    }
    // Equal teams are never empty; of different ones each says how few it can be.
    let least = if mode.rules.rule_set.is_some() {
        1
    } else if different {
        mode.rules.teams.iter().map(|team| team.players_min).sum()
    } else {
        teams
    };
    if mode.players_min < least {
        let why = format!("{teams} teams need at least {least} players");
        return wrong("players_min", why);
    }
    let mut before = (0, mode.players_min);
    for (i, step) in mode.rules.sizes.iter().enumerate() {
        let field = format!("sizes[{i}]");
        if i > 0 {
            later(&field, step.after_ms, before.0)?;
        } else if mode.players_min < target && step.after_ms < mode.settle_after_ms {
            let why = format!(
                "is {}, must not be below settle_after_ms ({}), when players_min is enough",
                step.after_ms, mode.settle_after_ms
            );
            return wrong(&format!("{field}.after_ms"), why);
        }
        if step.players_min >= before.1 || step.players_min < least {
            let why = format!(
                "is {}, must be at least {least} and below {}, which is enough before",
                step.players_min, before.1
            );
            return wrong(&format!("{field}.players_min"), why);
        }
        before = (step.after_ms, step.players_min);
    }
    Ok(())
}

fn different_teams(mode: &GameMode) -> Checked {
    let teams = &mode.rules.teams;
    let mut names = BTreeSet::new();
    for (i, team) in teams.iter().enumerate() {
        let field = format!("named_teams[{i}]");
        if team.name.is_empty() || !names.insert(team.name.as_str()) {
            let why = format!("{:?} is empty or there twice", team.name);
            return wrong(&format!("{field}.name"), why);
        }
        if team.players_max == 0 {
            return wrong(&format!("{field}.players_max"), "at least 1");
        }
        if team.players_min > team.players_max {
            let why = format!(
                "is {}, must not be above players_max ({})",
                team.players_min, team.players_max
            );
            return wrong(&format!("{field}.players_min"), why);
        }
    }
    if usize::try_from(mode.teams) != Ok(teams.len()) {
        let why = format!(
            "is {}, and named_teams are {}; leave it out",
            mode.teams,
            teams.len()
        );
        return wrong("teams", why);
    }
    let seats: u64 = teams.iter().map(|team| u64::from(team.players_max)).sum();
    if u64::from(mode.players_target) != seats {
        let why = format!(
            "is {}, and named_teams have {seats} seats; leave it out",
            mode.players_target
        );
        return wrong("players_target", why);
    }
    Ok(())
}

/// Steps come one after the other.
fn later(field: &str, after_ms: u64, before_ms: u64) -> Checked {
    if after_ms > before_ms {
        return Ok(());
    }
    let why = format!("is {after_ms}, must be more than the {before_ms} of the step before");
    wrong(&format!("{field}.after_ms"), why)
}

fn aims(rules: &Rules) -> Checked {
    let good = |value: f64| value.is_finite() && value >= 0.0;
    if let Some(players) = &rules.population {
        if !players.mean.is_finite() || !good(players.deviation) || players.deviation == 0.0 {
            let why = "the mean must be finite, and the deviation above 0";
            return wrong("population.deviation", why);
        }
        if !good(players.head_start_ms) {
            let why = "must be finite and not negative";
            return wrong("population.head_start_ms", why);
        }
    }
    let Some(aim) = &rules.aim else {
        if !rules.aim_steps.is_empty() {
            return wrong("aim_steps", "need `aim`, which they widen");
        }
        return Ok(());
    };
    if !good(aim.initial) || !good(aim.growth_per_second) || !good(aim.max) {
        let why = "initial, growth_per_second and max must be finite and not negative";
        return wrong("aim", why);
    }
    if aim.max < aim.initial {
        return wrong("aim.max", "must not be below aim.initial");
    }
    widening("aim_steps", &rules.aim_steps, aim.initial)
}

/// Steps come later and later, and each is wider than the one before.
fn widening(list: &str, steps: &[SkillStep], initial: f64) -> Checked {
    let mut before = (0, initial);
    for (i, step) in steps.iter().enumerate() {
        let field = format!("{list}[{i}]");
        if i > 0 {
            later(&field, step.after_ms, before.0)?;
        }
        // NaN fails here, too.
        if !step.spread_max.is_finite() || step.spread_max <= before.1 {
            let why = format!(
                "is {}, must be wider than the {} before",
                step.spread_max, before.1
            );
            return wrong(&format!("{field}.spread_max"), why);
        }
        before = (step.after_ms, step.spread_max);
    }
    Ok(())
}

fn skill(mode: &GameMode) -> Checked {
    let skill = &mode.skill;
    let good = |value: f64| value.is_finite() && value >= 0.0;
    if !good(skill.initial) || !good(skill.growth_per_second) || !good(skill.max) {
        let why = "initial, growth_per_second and max must be finite and not negative";
        return wrong("skill", why);
    }
    if skill.max < skill.initial {
        return wrong("skill.max", "must not be below skill.initial");
    }
    widening("skill_steps", &mode.rules.skill_steps, skill.initial)?;
    if !good(mode.rules.uncertainty_ms_per_point) {
        let why = "must be finite and not negative";
        return wrong("uncertainty_ms_per_point", why);
    }
    if !good(mode.rules.performance_deviation) || mode.rules.performance_deviation == 0.0 {
        return wrong("performance_deviation", "must be finite and more than 0");
    }
    Ok(())
}

fn latency(mode: &GameMode) -> Checked {
    let mut before = (0, mode.latency_max_ms);
    for (i, step) in mode.rules.latency.iter().enumerate() {
        let field = format!("latency[{i}]");
        if i > 0 {
            later(&field, step.after_ms, before.0)?;
        }
        if step.max_ms <= before.1 || step.max_ms > LATENCY_MAX_MS {
            let why = format!(
                "is {}, must be more than the {} before and at most {LATENCY_MAX_MS}",
                step.max_ms, before.1
            );
            return wrong(&format!("{field}.max_ms"), why);
        }
        before = (step.after_ms, step.max_ms);
    }
    Ok(())
}

fn teams_against_each_other(mode: &GameMode) -> Checked {
    if let Some(gap) = mode.rules.team_gap_max {
        if !gap.is_finite() || gap < 0.0 {
            return wrong("team_gap_max", "must be finite and not negative");
        }
        if mode.teams < 2 {
            return wrong(
                "team_gap_max",
                "a gap is between two teams, and there is one",
            );
        }
    }
    if let Some(chance) = mode.rules.win_chance_max {
        if !(0.5..=1.0).contains(&chance) {
            let why = format!(
                "is {chance}, must be 0.5 to 1: the stronger team wins at least every second time"
            );
            return wrong("win_chance_max", why);
        }
        if mode.teams < 2 {
            let why = "one team wins against another, and there is one";
            return wrong("win_chance_max", why);
        }
    }
    Ok(())
}

fn attribute(field: &str, name: &str) -> Checked {
    if name.is_empty() || name.len() > ATTRIBUTE_BYTES_MAX {
        let why = format!("the name of an attribute has 1 to {ATTRIBUTE_BYTES_MAX} bytes");
        return wrong(field, why);
    }
    Ok(())
}

fn attributes(rules: &Rules) -> Checked {
    if rules.same.len() > ATTRIBUTES_MAX {
        let why = format!("a player has at most {ATTRIBUTES_MAX} attributes");
        return wrong("same", why);
    }
    for (i, name) in rules.same.iter().enumerate() {
        attribute(&format!("same[{i}]"), name)?;
        if rules.same[..i].contains(name) {
            return wrong(&format!("same[{i}]"), format!("{name:?} is there twice"));
        }
    }
    rules
        .avoid
        .as_ref()
        .map_or(Ok(()), |name| attribute("avoid", name))
}

fn role_seats(mode: &GameMode, roles: &RoleRule) -> Checked {
    attribute("roles.attribute", &roles.attribute)?;
    if let Some((role, _)) = roles
        .per_team
        .iter()
        .find(|(role, seats)| role.is_empty() || **seats == 0)
    {
        let why = format!("{role:?} needs a name and at least one seat");
        return wrong("roles.per_team", why);
    }
    if roles.per_team.len() > ROLES_MAX {
        let why = format!(
            "{} roles, at most {ROLES_MAX} are possible",
            roles.per_team.len()
        );
        return wrong("roles.per_team", why);
    }
    let teams = &mode.rules.teams;
    if teams
        .windows(2)
        .any(|pair| pair[0].players_max != pair[1].players_max)
    {
        let why = "every team has the same roles, and named_teams have different sizes";
        return wrong("roles", why);
    }
    let seats: u64 = roles.per_team.values().map(|seats| u64::from(*seats)).sum();
    if seats != u64::from(mode.team_players_max()) {
        let why = format!(
            "{seats} seats together, and a full team has {}",
            mode.team_players_max()
        );
        return wrong("roles.per_team", why);
    }
    if seats > u64::from(ROLE_SEATS_MAX) {
        let why = format!("{seats} seats together, at most {ROLE_SEATS_MAX} can have roles");
        return wrong("roles.per_team", why);
    }
    Ok(())
}

fn endings(mode: &GameMode) -> Checked {
    if let Some(acceptance) = mode.rules.acceptance
        && !(ACCEPTANCE_MS_MIN..=ACCEPTANCE_MS_MAX).contains(&acceptance.timeout_ms)
    {
        let why = format!(
            "is {}, must be {ACCEPTANCE_MS_MIN} to {ACCEPTANCE_MS_MAX}",
            acceptance.timeout_ms
        );
        return wrong("acceptance.timeout_ms", why);
    }
    let Some(stop) = &mode.rules.hard_stop else {
        return Ok(());
    };
    if stop.after_ms == 0 {
        return wrong("hard_stop.after_ms", "at least 1, or nobody waits at all");
    }
    if stop.then == HardStopAction::Mode(mode.name.clone()) {
        return wrong("hard_stop.mode", "is the game mode itself");
    }
    Ok(())
}

/// Checks that every hard stop that leads to another game mode leads somewhere, takes every party along, and never
/// comes back to where it began.
///
/// # Errors
/// The place of the game mode among `modes`, and what is wrong with it, with the field's name first.
pub fn check_hard_stops(modes: &[GameMode]) -> Result<(), (usize, String)> {
    let next = |mode: &GameMode| match mode.rules.hard_stop.as_ref().map(|stop| &stop.then) {
        Some(HardStopAction::Mode(name)) => Some(name.clone()),
        _ => None,
    };
    for (place, mode) in modes.iter().enumerate() {
        let Some(name) = next(mode) else {
            continue;
        };
        let wrong = |why: String| Err((place, format!("hard_stop.mode: {why}")));
        let Some(other) = modes.iter().find(|other| other.name == name) else {
            let known: Vec<&str> = modes.iter().map(|mode| mode.name.as_str()).collect();
            return wrong(format!(
                "{:?} is no game mode; there are {}",
                name.as_str(),
                known.join(", ")
            ));
        };
        if other.party_players_max() < mode.party_players_max() {
            return wrong(format!(
                "parties of {} come from here, and {name} takes at most {}",
                mode.party_players_max(),
                other.party_players_max()
            ));
        }
        let mut passed = vec![mode.name.clone()];
        let mut at = Some(other);
        while let Some(mode) = at {
            if passed.contains(&mode.name) {
                passed.push(mode.name.clone());
                let way: Vec<&str> = passed.iter().map(AsRef::as_ref).collect();
                return wrong(format!("goes round in a circle: {}", way.join(" → ")));
            }
            passed.push(mode.name.clone());
            at = next(mode).and_then(|name| modes.iter().find(|mode| mode.name == name));
        }
    }
    Ok(())
}
