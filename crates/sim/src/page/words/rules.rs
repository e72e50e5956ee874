//! The rules of a game mode in words.

use stadion_core::mode::GameMode;
use stadion_core::rules::{HardStopAction, Rules};

use crate::page::{duration, trimmed};

/// Characters of a rule that has no words of its own: some lines of a table.
const RULE_CHARS_MAX: usize = 300;

/// The rules of a game mode, a line each; empty where there is none. The lines are the same for every mode.
pub(in crate::page) fn rules(mode: &GameMode) -> Vec<(String, String)> {
    let rules = &mode.rules;
    let skill = &mode.skill;
    let window = format!(
        "{} points, {} more each second, at most {}",
        trimmed(skill.initial),
        trimmed(skill.growth_per_second),
        trimmed(skill.max)
    );
    let after = |value: String, ms: u64| format!("{value} after {}", duration(ms));
    let steps = rules.skill_steps.iter();
    let steps = steps.map(|step| after(trimmed(step.spread_max), step.after_ms));
    let limits = rules.latency.iter();
    let limits = limits.map(|step| after(format!("{} ms", step.max_ms), step.after_ms));
    let sizes = rules.sizes.iter();
    let sizes = sizes.map(|step| after(step.players_min.to_string(), step.after_ms));
    let optional = |value: Option<f64>| value.map_or(String::new(), trimmed);
    let players = match mode.teams {
        1 => mode.players_target.to_string(),
        teams => format!("{} in {teams} teams", mode.players_target),
    };
    let smaller = if mode.players_min == mode.players_target {
        String::new()
    } else {
        after(mode.players_min.to_string(), mode.settle_after_ms)
    };
    let worded = [
        ("players wanted", players),
        ("smaller match", smaller),
        ("smaller still", listed(sizes)),
        ("skill window", window),
        ("wider window", listed(steps)),
        ("latency limit", format!("{} ms", mode.latency_max_ms)),
        ("higher limit", listed(limits)),
        ("gap of team means", optional(rules.team_gap_max)),
        ("win chance at most", optional(rules.win_chance_max)),
        ("roles of a team", roles(mode)),
        ("equal for all", rules.same.join(", ")),
        ("end of waiting", hard_stop(mode)),
    ];
    let worded = worded.into_iter();
    let mut lines: Vec<_> = worded
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    lines.extend(other_rules(rules));
    lines
}

/// Rules that have lines of their own.
const WORDED: [&str; 9] = [
    "skill_steps",
    "latency",
    "sizes",
    "team_gap_max",
    "win_chance_max",
    "roles",
    "same",
    "hard_stop",
    "performance_deviation",
];

/// All other rules as they are written, where they are not the default.
fn other_rules(rules: &Rules) -> Vec<(String, String)> {
    let written = |rules: &Rules| match serde_json::to_value(rules) {
        Ok(serde_json::Value::Object(keys)) => keys,
        _ => serde_json::Map::new(),
    };
    let defaults = written(&Rules::default());
    let others = written(rules).into_iter();
    let others = others.filter(|(key, _)| !WORDED.contains(&key.as_str()));
    others
        .map(|(key, value)| {
            let shown = if defaults.get(&key) == Some(&value) {
                String::new()
            } else {
                value.to_string().chars().take(RULE_CHARS_MAX).collect()
            };
            (key.replace('_', " "), shown)
        })
        .collect()
}

fn listed(steps: impl Iterator<Item = String>) -> String {
    steps.collect::<Vec<_>>().join(", ")
}

fn roles(mode: &GameMode) -> String {
    mode.rules.roles.as_ref().map_or(String::new(), |roles| {
        let each = roles.per_team.iter();
        let each = each.map(|(role, seats)| format!("{seats} {role}"));
        let after = duration(roles.autofill_after_ms);
        format!("{}; any role after {after}", listed(each))
    })
}

fn hard_stop(mode: &GameMode) -> String {
    mode.rules.hard_stop.as_ref().map_or(String::new(), |stop| {
        let then = match &stop.then {
            HardStopAction::GiveUp => "give up".to_owned(),
            HardStopAction::Bots => "fill with bots".to_owned(),
            HardStopAction::Mode(mode) => format!("go on in {mode}"),
        };
        format!("after {}: {then}", duration(stop.after_ms))
    })
}
