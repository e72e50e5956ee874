//! The rules of a game mode beyond its sizes, its skill window and its latency limit. All are optional; the default is
//! none.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::flexmatch::RuleSet;
use crate::id::GameModeName;
use crate::mode::SkillWindow;

/// One of several different teams; equal teams need no such rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamRule {
    /// Its name, unique in the game mode.
    pub name: String,
    /// Players that it needs at least, once the match may settle for its minimum.
    pub players_min: u32,
    /// Players that it takes at most.
    pub players_max: u32,
}

/// A smaller match that is enough after longer waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeStep {
    /// Waiting of the oldest ticket of the match, milliseconds.
    pub after_ms: u64,
    /// Players that are enough from then on.
    pub players_min: u32,
}

/// A higher latency limit for players who have waited longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyStep {
    /// The player's own waiting, milliseconds.
    pub after_ms: u64,
    /// Latency that the player accepts from then on, milliseconds.
    pub max_ms: u32,
}

/// A wider skill window after longer waiting, beside the steady widening of [`crate::mode::SkillWindow`]; the wider of
/// both counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkillStep {
    /// The ticket's own waiting, milliseconds.
    pub after_ms: u64,
    /// Spread of a match that it allows from then on.
    pub spread_max: f64,
}

/// How skill is spread over the players of a game mode, about normally. Where players are rare, waiting brings nobody
/// nearer: they have a head start towards wider aims.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Mean skill.
    pub mean: f64,
    /// Standard deviation of skill, above 0.
    pub deviation: f64,
    /// Head start of a ticket one deviation from the mean, milliseconds; it grows with the square of the distance, as
    /// the logarithm of a normal density falls.
    pub head_start_ms: f64,
}

/// What makes one region of several acceptable ones the best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionBy {
    /// The latency of the worst-placed player.
    #[default]
    Worst,
    /// The mean latency of all players.
    Mean,
}

/// How a party's values become one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Arithmetic mean.
    #[default]
    Mean,
    /// Lowest.
    Min,
    /// Highest: a party plays as well as its best player.
    Max,
    /// Sum.
    Sum,
}

/// Roles that every team needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRule {
    /// Attribute that lists a player's roles, best first: a list of texts, or one text.
    pub attribute: String,
    /// Seats of each role in a full team.
    pub per_team: BTreeMap<String, u32>,
    /// Waiting after which a player takes a role that is not listed, milliseconds. Players who list none take any.
    pub autofill_after_ms: u64,
}

/// A ready check before a server is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptanceRule {
    /// Time in which every player must say yes, milliseconds; 1 s to 600 s as in FlexMatch.
    pub timeout_ms: u64,
}

/// When free seats of live matches are filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backfill {
    /// Never.
    #[default]
    Off,
    /// After new matches have been made of whoever fits.
    Low,
    /// By age, like any ticket.
    Normal,
    /// Before new matches are opened.
    High,
}

/// What becomes of a ticket that has waited long enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HardStop {
    /// Waiting, milliseconds.
    pub after_ms: u64,
    /// What happens then.
    pub then: HardStopAction,
}

/// See [`HardStop`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HardStopAction {
    /// The ticket ends, and the player is told so.
    GiveUp,
    /// A match is made of whoever fits, down to one party; the game server adds bots.
    Bots,
    /// The ticket goes on in another game mode, with its age.
    Mode(GameModeName),
}

/// The rules beyond the basic ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Different teams, in place of equal ones. Together they seat the mode's `players_target`, and need at most its
    /// smallest size.
    pub teams: Vec<TeamRule>,
    /// Smaller sizes after longer waiting, in order.
    pub sizes: Vec<SizeStep>,
    /// Higher latency limits after longer waiting, in order.
    pub latency: Vec<LatencyStep>,
    /// Choice among acceptable regions.
    pub region_by: RegionBy,
    /// Wider skill windows after longer waiting, in order.
    pub skill_steps: Vec<SkillStep>,
    /// Spread that a match of the target size should have for the mean waiting of its tickets. Within what the windows of
    /// all allow, a wider one is not made yet: somebody nearer may come. Left out, what is allowed is made at once.
    pub aim: Option<SkillWindow>,
    /// Wider aims after longer waiting on average, beside the steady widening.
    pub aim_steps: Vec<SkillStep>,
    /// Who gets a head start towards wider aims.
    pub population: Option<Population>,
    /// A party's skill.
    pub party_skill: Aggregate,
    /// Waiting that each point of a ticket's skill uncertainty counts for when its window widens, milliseconds: whoever
    /// is not yet known well may meet more.
    pub uncertainty_ms_per_point: f64,
    /// Largest gap between the mean skills of two teams.
    pub team_gap_max: Option<f64>,
    /// Largest predicted win chance of the stronger of two teams, 0.5 to 1.
    pub win_chance_max: Option<f64>,
    /// How much one player's performance varies from game to game, in points of skill (β of `TrueSkill`); half of the
    /// gap at which Elo's scale says 10 : 1, that is 200, where nothing is known.
    pub performance_deviation: f64,
    /// Attributes that must be equal for all players of a match (build, platform, input).
    pub same: Vec<String>,
    /// Attribute that lists players whom the player does not want to meet.
    pub avoid: Option<String>,
    /// Roles.
    pub roles: Option<RoleRule>,
    /// Ready check.
    pub acceptance: Option<AcceptanceRule>,
    /// Free seats of live matches.
    pub backfill: Backfill,
    /// The end of waiting.
    pub hard_stop: Option<HardStop>,
    /// A `FlexMatch` rule set, which every match must keep beside the rules above; as its JSON.
    pub rule_set: Option<Arc<RuleSet>>,
}

/// See [`Rules::performance_deviation`].
pub const PERFORMANCE_DEVIATION: f64 = 200.0;

impl Default for Rules {
    fn default() -> Self {
        Self {
            teams: Vec::new(),
            sizes: Vec::new(),
            latency: Vec::new(),
            region_by: RegionBy::default(),
            skill_steps: Vec::new(),
            aim: None,
            aim_steps: Vec::new(),
            population: None,
            party_skill: Aggregate::default(),
            uncertainty_ms_per_point: 0.0,
            team_gap_max: None,
            win_chance_max: None,
            performance_deviation: PERFORMANCE_DEVIATION,
            same: Vec::new(),
            avoid: None,
            roles: None,
            acceptance: None,
            backfill: Backfill::default(),
            hard_stop: None,
            rule_set: None,
        }
    }
}
