//! Game modes: what is left out filled in, and rules that can be met.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use stadion_core::flexmatch::{RULE_SET_CHARACTERS_MAX, RuleSet, SKILL_ATTRIBUTE};
use stadion_core::id::GameModeName;
use stadion_core::mode::{self, GameMode, SkillWindow};
use stadion_core::rules::{
    AcceptanceRule, Aggregate, Backfill, HardStop, HardStopAction, LatencyStep, Population,
    RegionBy, RoleRule, Rules, SizeStep, SkillStep, TeamRule,
};

use super::Checker;
use crate::config::source::join;
use crate::config::written;

/// Waiting after which a player takes a role that is not listed, where the mode does not say, milliseconds: three times
/// the wait after which a smaller match is enough.
const AUTOFILL_AFTER_MS: u64 = 30_000;

/// Bytes of a file with a rule set: its characters have four at most.
const RULE_SET_BYTES_MAX: u64 = 4 * RULE_SET_CHARACTERS_MAX as u64;

impl Checker<'_> {
    /// The game modes, or those that come with Stadion.
    pub(super) fn game_modes(&mut self, modes: Option<&[written::GameMode]>) -> Vec<GameMode> {
        let known = mode::guide_modes();
        let Some(modes) = modes else {
            return known;
        };
        if modes.is_empty() {
            self.report("game_modes", "at least one game mode is needed");
        }
        let mut kept: BTreeMap<GameModeName, usize> = BTreeMap::new();
        let mut out = Vec::new();
        for (i, written) in modes.iter().enumerate() {
            let path = format!("game_modes[{i}]");
            let name_path = format!("{path}.name");
            let Some(name) = self.keep(&name_path, GameModeName::new(&written.name)) else {
                continue;
            };
            if let Some(first) = kept.insert(name.clone(), i) {
                self.report(&name_path, format!("{name:?} is game_modes[{first}] too"));
                continue;
            }
            let base = known.iter().find(|mode| mode.name == name);
            match self.game_mode(name, written, base, &path) {
                Ok(mode) => out.push(mode),
                Err(what) => self.report_field(&path, &what),
            }
        }
        // Modes that are broken themselves would seem not to be there.
        if self.intact("game_modes")
            && let Err((place, what)) = mode::check_hard_stops(&out)
        {
            self.report_field(&format!("game_modes[{place}]"), &what);
        }
        out
    }

    /// What core says begins with the field's name.
    fn report_field(&mut self, path: &str, what: &str) {
        let (field, what) = what.split_once(": ").unwrap_or(("", what));
        self.report(&join(path, field), what);
    }

    /// One game mode, with what it leaves out filled in.
    fn game_mode(
        &mut self,
        name: GameModeName,
        written: &written::GameMode,
        base: Option<&GameMode>,
        path: &str,
    ) -> Result<GameMode, String> {
        let mut mode = match &written.flexmatch {
            Some(file) => self.flexmatch(name, written, file, path)?,
            None => own_rules(name, written, base)?,
        };
        if let Some(settle_after_ms) = written.settle_after_ms {
            mode.settle_after_ms = settle_after_ms;
        }
        more_rules(&mut mode.rules, written)?;
        mode.check().map(|()| mode)
    }

    /// A game mode by a FlexMatch rule set.
    fn flexmatch(
        &mut self,
        name: GameModeName,
        written: &written::GameMode,
        file: &str,
        path: &str,
    ) -> Result<GameMode, String> {
        let skill = &written.skill;
        let also = [
            ("teams", written.teams.is_some()),
            ("named_teams", written.named_teams.is_some()),
            ("players_target", written.players_target.is_some()),
            ("players_min", written.players_min.is_some()),
            ("sizes", written.sizes.is_some()),
            ("latency_max_ms", written.latency_max_ms.is_some()),
            ("latency", written.latency.is_some()),
            ("skill", *skill != written::Skill::default()),
            ("skill_steps", written.skill_steps.is_some()),
            ("party_skill", written.party_skill.is_some()),
            ("team_gap_max", written.team_gap_max.is_some()),
            ("same", written.same.is_some()),
            ("avoid", written.avoid.is_some()),
        ];
        if let Some((key, _)) = also.iter().find(|(_, there)| *there) {
            return Err(format!(
                "{key}: flexmatch says this by its rule set, and neither wins over the other; leave one of them out"
            ));
        }
        let text = rule_set_text(&self.source.directory.join(file))
            .map_err(|what| format!("flexmatch: cannot read {file}: {what}"))?;
        let set =
            RuleSet::parse(&text).map_err(|error| format!("flexmatch: in {file}: {error}"))?;
        if let Some(attribute) = &set.algorithm().balanced_attribute
            && attribute != SKILL_ATTRIBUTE
        {
            self.warn(
                &join(path, "flexmatch"),
                format_args!("teams are balanced by skill, not by {attribute}"),
            );
        }
        Ok(set.mode(name))
    }
}

fn rule_set_text(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(file).map_err(|error| error.to_string())?;
    // One byte more than allowed shows that there is more.
    file.take(RULE_SET_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    Ok(text)
}

/// Teams, sizes, skill and latency as they are written.
fn own_rules(
    name: GameModeName,
    written: &written::GameMode,
    base: Option<&GameMode>,
) -> Result<GameMode, String> {
    let named = steps(&written.named_teams, |team| TeamRule {
        name: team.name.clone(),
        players_min: team.players_min.unwrap_or(team.players_max),
        players_max: team.players_max,
    });
    let (teams, players_target, players_min) = if named.is_empty() {
        equal_teams(written, base)?
    } else {
        let sum = |seats: fn(&TeamRule) -> u32| {
            let seats = named.iter().map(seats);
            seats.fold(0, u32::saturating_add)
        };
        let teams = u32::try_from(named.len()).unwrap_or(u32::MAX);
        (
            written.teams.unwrap_or(teams),
            written
                .players_target
                .unwrap_or(sum(|team| team.players_max)),
            written.players_min.unwrap_or(sum(|team| team.players_min)),
        )
    };
    let skill = &written.skill;
    let window = mode::SKILL_WINDOW;
    Ok(GameMode {
        name,
        teams,
        players_target,
        players_min,
        settle_after_ms: mode::SETTLE_AFTER_MS,
        latency_max_ms: written.latency_max_ms.unwrap_or(mode::LATENCY_MAX_MS),
        skill: SkillWindow {
            initial: skill.initial.unwrap_or(window.initial),
            growth_per_second: skill.growth_per_second.unwrap_or(window.growth_per_second),
            max: skill.max.unwrap_or(window.max),
        },
        rules: Rules {
            teams: named,
            sizes: steps(&written.sizes, |step| SizeStep {
                after_ms: step.after_ms,
                players_min: step.players_min,
            }),
            latency: steps(&written.latency, |step| LatencyStep {
                after_ms: step.after_ms,
                max_ms: step.max_ms,
            }),
            skill_steps: steps(&written.skill_steps, |step| SkillStep {
                after_ms: step.after_ms,
                spread_max: step.spread_max,
            }),
            party_skill: match written.party_skill {
                None | Some(written::PartySkill::Mean) => Aggregate::Mean,
                Some(written::PartySkill::Min) => Aggregate::Min,
                Some(written::PartySkill::Max) => Aggregate::Max,
                Some(written::PartySkill::Sum) => Aggregate::Sum,
            },
            team_gap_max: written.team_gap_max,
            same: written.same.clone().unwrap_or_default(),
            avoid: written.avoid.clone(),
            ..Rules::default()
        },
    })
}

/// A list as it is meant.
fn steps<T, U>(written: &Option<Vec<T>>, meant: impl Fn(&T) -> U) -> Vec<U> {
    written.iter().flatten().map(meant).collect()
}

/// Teams, target and minimum.
fn equal_teams(
    written: &written::GameMode,
    base: Option<&GameMode>,
) -> Result<(u32, u32, u32), String> {
    let teams = written.teams.or(base.map(|base| base.teams)).unwrap_or(1);
    let players_target = written
        .players_target
        .or(base.map(|base| base.players_target))
        .ok_or(
            "players_target: is missing; a mode that does not come with Stadion has to say it",
        )?;
    // The minimum that comes with Stadion belongs to the target that does.
    let base_min = base
        .filter(|base| {
            let target = written.players_target;
            target.is_none_or(|target| target == base.players_target)
        })
        .map(|base| base.players_min);
    let players_min = written.players_min.or(base_min).unwrap_or(players_target);
    Ok((teams, players_target, players_min))
}

/// The rules that a rule set leaves open, too.
fn more_rules(rules: &mut Rules, written: &written::GameMode) -> Result<(), String> {
    rules.region_by = match written.region_by {
        Some(written::RegionBy::Mean) => RegionBy::Mean,
        None | Some(written::RegionBy::Worst) => RegionBy::Worst,
    };
    rules.aim = written.aim.as_ref().map(|aim| SkillWindow {
        initial: aim.initial,
        growth_per_second: aim.growth_per_second,
        max: aim.max,
    });
    rules.aim_steps = steps(&written.aim_steps, |step| SkillStep {
        after_ms: step.after_ms,
        spread_max: step.spread_max,
    });
    rules.population = written.population.as_ref().map(|players| Population {
        mean: players.mean,
        deviation: players.deviation,
        head_start_ms: players.head_start_ms,
    });
    rules.uncertainty_ms_per_point = written.uncertainty_ms_per_point.unwrap_or(0.0);
    rules.win_chance_max = written.win_chance_max;
    if let Some(deviation) = written.performance_deviation {
        rules.performance_deviation = deviation;
    }
    rules.roles = written.roles.as_ref().map(|roles| RoleRule {
        attribute: roles.attribute.clone(),
        per_team: roles.per_team.clone(),
        autofill_after_ms: roles.autofill_after_ms.unwrap_or(AUTOFILL_AFTER_MS),
    });
    rules.acceptance = written.acceptance.as_ref().map(|rule| AcceptanceRule {
        timeout_ms: rule.timeout_ms,
    });
    if let Some(backfill) = written.backfill {
        rules.backfill = match backfill {
            written::Backfill::Off => Backfill::Off,
            written::Backfill::Low => Backfill::Low,
            written::Backfill::Normal => Backfill::Normal,
            written::Backfill::High => Backfill::High,
        };
    }
    rules.hard_stop = written.hard_stop.as_ref().map(hard_stop).transpose()?;
    Ok(())
}

fn hard_stop(written: &written::HardStop) -> Result<HardStop, String> {
    let then = match (written.then, &written.mode) {
        (written::HardStopAction::GiveUp, None) => HardStopAction::GiveUp,
        (written::HardStopAction::Bots, None) => HardStopAction::Bots,
        (written::HardStopAction::Mode, Some(name)) => {
            let name = GameModeName::new(name);
            HardStopAction::Mode(name.map_err(|error| format!("hard_stop.mode: {error}"))?)
        }
        (written::HardStopAction::Mode, None) => {
            return Err("hard_stop.mode: is missing; `then: mode` needs it".into());
        }
        (_, Some(_)) => return Err("hard_stop.mode: belongs to `then: mode`".into()),
    };
    Ok(HardStop {
        after_ms: written.after_ms,
        then,
    })
}
