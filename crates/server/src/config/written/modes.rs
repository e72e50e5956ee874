//! Game modes, as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rules of one game mode. What is left out comes from the mode of the same name that Stadion brings, or from the
/// defaults named here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GameMode {
    /// Its name: `a-z`, `0-9`, `_` and `-`.
    pub name: String,
    /// File with an Amazon GameLift FlexMatch rule set (JSON), which then says teams, sizes, skill, latency, `same`
    /// and `avoid` in place of the keys here; a relative name counts from the directory of this file.
    #[serde(default)]
    #[schemars(length(min = 1, max = 4_096))]
    pub flexmatch: Option<String>,
    /// Teams; 1 where everybody plays for themselves, which is the default.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000))]
    pub teams: Option<u32>,
    /// Different teams, in place of equal ones; `teams`, `players_target` and `players_min` then follow from them.
    #[serde(default)]
    pub named_teams: Option<Vec<NamedTeam>>,
    /// Players that a match wants, a multiple of `teams`. A new mode has to say it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000))]
    pub players_target: Option<u32>,
    /// Players that a match settles for after `settle_after_ms`; left out: `players_target`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000))]
    pub players_min: Option<u32>,
    /// Wait of the oldest ticket before `players_min` is enough, milliseconds; left out: 10000, or 0 with
    /// `flexmatch`.
    #[serde(default)]
    pub settle_after_ms: Option<u64>,
    /// Smaller matches that are enough after longer waiting, in order.
    #[serde(default)]
    pub sizes: Option<Vec<SizeStep>>,
    /// Latency that no player of a match exceeds, milliseconds; left out: 100.
    #[serde(default)]
    #[schemars(range(min = 1, max = 60_000))]
    pub latency_max_ms: Option<u32>,
    /// Higher latency limits for players who have waited longer, in order.
    #[serde(default)]
    pub latency: Option<Vec<LatencyStep>>,
    /// What makes one of several acceptable regions the best: the latency of the `worst` placed player, which is the
    /// default, or the `mean`.
    #[serde(default)]
    pub region_by: Option<RegionBy>,
    /// How far apart in skill players may be.
    #[serde(default)]
    pub skill: Skill,
    /// Wider skill windows after longer waiting, in order, beside the steady widening of `skill`; the wider counts.
    #[serde(default)]
    pub skill_steps: Option<Vec<SkillStep>>,
    /// Spread of skill that a match should have for the waiting of its oldest ticket: a wider one that everybody would
    /// allow is not made yet, because somebody nearer may come. Left out: what is allowed is made at once.
    #[serde(default)]
    pub aim: Option<Aim>,
    /// Wider aims after longer waiting, in order, beside the steady widening of `aim`; the wider counts.
    #[serde(default)]
    pub aim_steps: Option<Vec<SkillStep>>,
    /// How skill is spread over the players: the rarer a skill, the sooner its aim widens. Left out: all are alike.
    #[serde(default)]
    pub population: Option<Population>,
    /// How the skills of a party become one; left out: `mean`.
    #[serde(default)]
    pub party_skill: Option<PartySkill>,
    /// Waiting that each point of uncertainty of a skill counts for when its window widens, milliseconds: whoever is
    /// not yet known well may meet more; left out: 0.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub uncertainty_ms_per_point: Option<f64>,
    /// Largest gap between the mean skills of two teams; left out: any.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub team_gap_max: Option<f64>,
    /// Largest predicted win chance of the stronger of two teams, 0.5 to 1; left out: any.
    #[serde(default)]
    pub win_chance_max: Option<f64>,
    /// How much one player's performance varies from game to game, in points of skill; left out: 200.
    #[serde(default)]
    pub performance_deviation: Option<f64>,
    /// Attributes that must be equal for all players of a match, such as build, platform or input.
    #[serde(default)]
    pub same: Option<Vec<String>>,
    /// Attribute that lists players whom the player does not want to meet.
    #[serde(default)]
    pub avoid: Option<String>,
    /// Roles that every team needs.
    #[serde(default)]
    pub roles: Option<Roles>,
    /// A ready check before a server is taken; left out: none.
    #[serde(default)]
    pub acceptance: Option<Acceptance>,
    /// When free seats of live matches are filled: never (`off`, the default), after new matches (`low`), by age like
    /// any ticket (`normal`), or before new matches are opened (`high`). Their game servers say which seats those are.
    #[serde(default)]
    pub backfill: Option<Backfill>,
    /// What becomes of a ticket that has waited long enough; left out: it waits for its whole life.
    #[serde(default)]
    pub hard_stop: Option<HardStop>,
}

/// How far apart in skill players may be, and how that widens while they wait.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Skill {
    /// Difference allowed at once; left out: 200.
    #[schemars(range(min = 0.0))]
    pub initial: Option<f64>,
    /// Widening per second of waiting; left out: 20/3, which is 600 points after a minute.
    #[schemars(range(min = 0.0))]
    pub growth_per_second: Option<f64>,
    /// Never wider; left out: 1000.
    #[schemars(range(min = 0.0))]
    pub max: Option<f64>,
}

/// The spread of skill that is aimed at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Aim {
    /// Spread that is good enough at once.
    #[schemars(range(min = 0.0))]
    pub initial: f64,
    /// Widening per second of waiting.
    #[schemars(range(min = 0.0))]
    pub growth_per_second: f64,
    /// Never wider.
    #[schemars(range(min = 0.0))]
    pub max: f64,
}

/// How skill is spread over the players of a game mode, about normally.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Mean skill.
    pub mean: f64,
    /// Standard deviation of skill.
    pub deviation: f64,
    /// Waiting that a ticket one deviation from the mean is ahead of others, milliseconds; it grows with the square of
    /// the distance.
    #[schemars(range(min = 0.0))]
    pub head_start_ms: f64,
}

/// One of several different teams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedTeam {
    /// Its name, unique in the game mode.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Players that it needs at least, once the match may settle for its minimum; left out: `players_max`.
    #[serde(default)]
    #[schemars(range(max = 10_000))]
    pub players_min: Option<u32>,
    /// Players that it takes at most.
    #[schemars(range(min = 1, max = 10_000))]
    pub players_max: u32,
}

/// A smaller match that is enough after longer waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizeStep {
    /// Waiting of the oldest ticket of the match, milliseconds.
    pub after_ms: u64,
    /// Players that are enough from then on.
    #[schemars(range(min = 1, max = 10_000))]
    pub players_min: u32,
}

/// A higher latency limit after longer waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyStep {
    /// The player's own waiting, milliseconds.
    pub after_ms: u64,
    /// Latency that the player accepts from then on, milliseconds.
    #[schemars(range(min = 1, max = 60_000))]
    pub max_ms: u32,
}

/// A wider skill window after longer waiting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkillStep {
    /// The ticket's own waiting, milliseconds.
    pub after_ms: u64,
    /// Spread of a match that it allows from then on.
    #[schemars(range(min = 0.0))]
    pub spread_max: f64,
}

/// What makes a region the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegionBy {
    /// The latency of the worst-placed player.
    Worst,
    /// The mean latency of all players.
    Mean,
}

/// How the skills of a party become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartySkill {
    /// Arithmetic mean.
    Mean,
    /// Lowest.
    Min,
    /// Highest.
    Max,
    /// Sum.
    Sum,
}

/// Roles that every team needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Attribute that lists a player's roles, best first: a list of texts, or one text.
    #[schemars(length(min = 1, max = 100))]
    pub attribute: String,
    /// Seats of each role in a full team; together all its seats.
    pub per_team: BTreeMap<String, u32>,
    /// Waiting after which a player takes a role that is not listed, milliseconds; left out: 30000.
    #[serde(default)]
    pub autofill_after_ms: Option<u64>,
}

/// A ready check before a server is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// Time in which every player must say yes, milliseconds.
    #[schemars(range(min = 1_000, max = 600_000))]
    pub timeout_ms: u64,
}

/// When free seats of live matches are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backfill {
    /// Never.
    Off,
    /// After new matches have been made of whoever fits.
    Low,
    /// By age, like any ticket.
    Normal,
    /// Before new matches are opened.
    High,
}

/// What becomes of a ticket that has waited long enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HardStop {
    /// Waiting, milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub after_ms: u64,
    /// What happens then: the ticket ends and the player is told so (`give_up`), a match is made of whoever fits and
    /// the game server adds `bots`, or the ticket goes on in another `mode` with its age.
    pub then: HardStopAction,
    /// The other game mode; needed with `then: mode`.
    #[serde(default)]
    pub mode: Option<String>,
}

/// See [`HardStop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HardStopAction {
    /// The ticket ends.
    GiveUp,
    /// The game server adds bots.
    Bots,
    /// Another game mode.
    Mode,
}
