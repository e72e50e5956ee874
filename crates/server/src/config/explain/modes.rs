//! The rules of a game mode in plain words.

use stadion_core::limits::{LATENCY_MAX_MS, SKILL_MAX};
use stadion_core::mode::{GameMode, SkillWindow};
use stadion_core::rules::{Aggregate, Backfill, HardStopAction, RegionBy, Rules, SkillStep};

/// What is wanted at once, what is enough later, and what ends the wait, a sentence each.
pub(super) fn lines(mode: &GameMode) -> Vec<String> {
    let rules = &mode.rules;
    let mut out = vec![format!(
        "{}: {} players in {}",
        mode.name,
        mode.players_target,
        teams(mode)
    )];
    if mode.players_min < mode.players_target {
        let when = after(mode.settle_after_ms);
        out.push(format!("{} players are enough {when}", mode.players_min));
    }
    let sizes = rules.sizes.iter();
    out.extend(sizes.map(|step| {
        let when = after(step.after_ms);
        format!("{} players are enough {when}", step.players_min)
    }));
    out.push(latency(mode));
    // What a rule set does not bound has a window that nobody fills.
    if mode.skill.initial < SKILL_MAX {
        out.push(skill(mode));
    }
    fairness(rules, &mut out);
    company(rules, &mut out);
    if let Some(rule_set) = &rules.rule_set {
        let described = rule_set.describe().into_iter();
        out.extend(described.map(|line| format!("rule set: {line}")));
    }
    endings(rules, &mut out);
    out
}

fn teams(mode: &GameMode) -> String {
    let named = &mode.rules.teams;
    if !named.is_empty() {
        let named: Vec<String> = named
            .iter()
            .map(|team| {
                format!(
                    "{} of {}",
                    team.name,
                    range(team.players_min, team.players_max)
                )
            })
            .collect();
        return format!("different teams: {}", named.join(", "));
    }
    match mode.teams {
        1 => "one team, or each for themselves".into(),
        teams => format!("{teams} teams of {}", mode.team_players_max()),
    }
}

fn range(least: u32, most: u32) -> String {
    if least == most {
        return least.to_string();
    }
    format!("{least} to {most}")
}

fn after(ms: u64) -> String {
    if ms == 0 {
        return "at once".into();
    }
    format!("after {}", seconds(ms))
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1_000) {
        return format!("{} s", ms / 1_000);
    }
    format!("{ms} ms")
}

/// `a, b after 5 s, c after 20 s`.
fn steps<T>(first: String, steps: impl Iterator<Item = (u64, T)>) -> String
where
    T: std::fmt::Display,
{
    steps.fold(first, |text, (after_ms, value)| {
        format!("{text}, {value} {}", after(after_ms))
    })
}

fn latency(mode: &GameMode) -> String {
    let best = match mode.rules.region_by {
        RegionBy::Worst => "the best region is best for the worst-placed player",
        RegionBy::Mean => "the best region is best for the mean of all players",
    };
    if mode.latency_max_ms == LATENCY_MAX_MS {
        return format!("any latency is played with; {best}");
    }
    let limits = mode.rules.latency.iter();
    let limits = steps(
        format!("{} ms", mode.latency_max_ms),
        limits.map(|step| (step.after_ms, format!("{} ms", step.max_ms))),
    );
    format!("nobody plays with more than {limits}; {best}")
}

fn skill(mode: &GameMode) -> String {
    let windows = widening(&mode.skill, &mode.rules.skill_steps);
    let party = match mode.rules.party_skill {
        Aggregate::Mean => "mean",
        Aggregate::Min => "lowest",
        Aggregate::Max => "highest",
        Aggregate::Sum => "sum",
    };
    format!("skills are within {windows}; of a party the {party} counts")
}

fn widening(window: &SkillWindow, later: &[SkillStep]) -> String {
    let first = if window.growth_per_second > 0.0 && window.max > window.initial {
        format!(
            "{} at once, growing by {:.4} a second to {}",
            window.initial, window.growth_per_second, window.max
        )
    } else {
        window.initial.to_string()
    };
    let later = later.iter();
    steps(first, later.map(|step| (step.after_ms, step.spread_max)))
}

fn fairness(rules: &Rules, out: &mut Vec<String>) {
    if let Some(aim) = &rules.aim {
        let aims = widening(aim, &rules.aim_steps);
        out.push(format!(
            "a match within {aims} is made by the waiting of its oldest, a wider one later"
        ));
    }
    if let Some(players) = &rules.population {
        out.push(format!(
            "aims widen {} ms sooner one deviation ({}) from a skill of {}, and more the rarer a skill is",
            players.head_start_ms, players.deviation, players.mean
        ));
    }
    if rules.uncertainty_ms_per_point > 0.0 {
        out.push(format!(
            "each point of a skill's uncertainty counts as {} ms of waiting",
            rules.uncertainty_ms_per_point
        ));
    }
    if let Some(gap) = rules.team_gap_max {
        out.push(format!("mean skills of teams are at most {gap} apart"));
    }
    if let Some(chance) = rules.win_chance_max {
        out.push(format!(
            "the stronger team wins {:.1} % of the time at most, with performances that vary by {}",
            100.0 * chance,
            rules.performance_deviation
        ));
    }
}

fn company(rules: &Rules, out: &mut Vec<String>) {
    if !rules.same.is_empty() {
        out.push(format!(
            "all players have the same {}",
            rules.same.join(", ")
        ));
    }
    if let Some(avoid) = &rules.avoid {
        out.push(format!("nobody meets those listed in their {avoid}"));
    }
    if let Some(roles) = &rules.roles {
        let seats: Vec<String> = roles
            .per_team
            .iter()
            .map(|(role, seats)| format!("{seats} {role}"))
            .collect();
        out.push(format!(
            "every full team has {}, by the players' {}; any role {}",
            seats.join(", "),
            roles.attribute,
            after(roles.autofill_after_ms)
        ));
    }
}

fn endings(rules: &Rules, out: &mut Vec<String>) {
    if let Some(acceptance) = rules.acceptance {
        out.push(format!(
            "every player says yes within {} before a server is taken",
            seconds(acceptance.timeout_ms)
        ));
    }
    let seats = "free seats of live matches, when their game server offers them, are filled";
    match rules.backfill {
        Backfill::Off => {}
        Backfill::Low => out.push(format!("{seats} by whoever no new match was found for")),
        Backfill::Normal => out.push(format!("{seats} by age, beside new matches")),
        Backfill::High => out.push(format!("{seats} before new matches are opened")),
    }
    let Some(stop) = &rules.hard_stop else {
        return;
    };
    let when = after(stop.after_ms);
    out.push(match &stop.then {
        HardStopAction::GiveUp => format!("{when} the wait ends, and the player is told"),
        HardStopAction::Bots => {
            format!("{when} a match is made of whoever fits, and the server adds bots")
        }
        HardStopAction::Mode(name) => format!("{when} the ticket goes on in {name} with its age"),
    });
}
