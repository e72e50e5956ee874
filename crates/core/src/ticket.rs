//! Tickets: one party's request for one game mode.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::check::{check_labels, check_player, known_region};
use crate::fleet::GameServer;
use crate::id::{GameModeName, MatchId, PlayerId, Region, TicketId};
use crate::limits::{PARTY_PLAYERS_MAX, REGIONS_MAX};
use crate::mode::GameMode;
use crate::time::Timestamp;

mod check;

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Attribute {
    /// A number; finite.
    Number(f64),
    /// A text.
    Text(String),
    /// Texts, in order.
    List(Vec<String>),
    /// Numbers by name.
    Map(BTreeMap<String, f64>),
}

/// One player of a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TicketPlayer {
    /// Who.
    pub player_id: PlayerId,
    /// Rating in this game mode; finite, within ±[`crate::limits::SKILL_MAX`].
    pub skill: f64,
    /// How uncertain the rating is: its standard deviation, in the same points; finite, 0 to [`crate::limits::SKILL_MAX`].
    #[serde(default)]
    pub skill_uncertainty: f64,
    /// Measured latency per region, milliseconds. Empty means not measured: the ticket's preference decides.
    pub latencies_ms: BTreeMap<Region, u32>,
    /// What rules may look at.
    pub attributes: BTreeMap<String, Attribute>,
}

/// What a ticket asks of its game server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requirements {
    /// Zone that scores higher; not a must.
    pub preferred_zone: Option<String>,
    /// Seats that the server must have at least, players.
    pub min_players: Option<u32>,
    /// Labels that the server must not contradict (`tick_rate`, `anti_cheat`, …), without regard to case.
    pub labels: BTreeMap<String, String>,
}

impl Requirements {
    /// Whether `server` can be used: a label that it does not carry is no contradiction, as in the guide.
    #[must_use]
    pub fn met_by(&self, server: &GameServer) -> bool {
        self.min_players
            .is_none_or(|least| least <= server.max_players)
            && self.labels.iter().all(|(key, wanted)| {
                server
                    .labels
                    .get(key)
                    .is_none_or(|has| has.eq_ignore_ascii_case(wanted))
            })
    }

    /// Whether one server could meet both.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.labels.iter().all(|(key, wanted)| {
            other
                .labels
                .get(key)
                .is_none_or(|o| o.eq_ignore_ascii_case(wanted))
        })
    }

    /// Both together; where they disagree on a wish, the first speaks.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let mut labels = other.labels.clone();
        labels.extend(self.labels.clone());
        Self {
            preferred_zone: self
                .preferred_zone
                .clone()
                .or_else(|| other.preferred_zone.clone()),
            min_players: self.min_players.max(other.min_players),
            labels,
        }
    }
}

/// Why a ticket ended without a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The player (or the studio's backend) asked.
    Requested,
    /// One of its players was matched through another ticket.
    MatchedElsewhere,
    /// An operator asked.
    Operator,
    /// One of its players refused a match, or did not answer in time.
    NotAccepted,
}

/// Where a ticket is in its life; FlexMatch's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TicketState {
    /// Waits for a match.
    Searching,
    /// In a proposed match that waits for every player's yes.
    RequiresAcceptance {
        /// The match.
        match_id: MatchId,
    },
    /// In a committed match that waits for its server.
    Placing {
        /// The match.
        match_id: MatchId,
    },
    /// Its players have their seats.
    Completed {
        /// The match.
        match_id: MatchId,
    },
    /// Could not be served.
    Failed {
        /// Why, for people.
        reason: String,
    },
    /// Taken back.
    Cancelled {
        /// Why.
        reason: CancelReason,
    },
    /// Waited its whole life.
    TimedOut,
}

impl TicketState {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Searching => "searching",
            Self::RequiresAcceptance { .. } => "requires_acceptance",
            Self::Placing { .. } => "placing",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }

    /// Nothing comes after it.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Completed { .. } | Self::Failed { .. } | Self::Cancelled { .. } | Self::TimedOut
        )
    }

    /// The match it is in, if any.
    #[must_use]
    pub const fn match_id(&self) -> Option<MatchId> {
        match self {
            Self::RequiresAcceptance { match_id }
            | Self::Placing { match_id }
            | Self::Completed { match_id } => Some(*match_id),
            _ => None,
        }
    }
}

/// A request as it came in, checked by [`NewTicket::check`].
#[derive(Clone, Debug, PartialEq)]
pub struct NewTicket {
    /// The id that it will have.
    pub id: TicketId,
    /// What to play.
    pub game_mode: GameModeName,
    /// The party; never split.
    pub players: Vec<TicketPlayer>,
    /// Regions that are acceptable when no latency was measured, best first; with latencies, a further restriction.
    pub region_preference: Vec<Region>,
    /// Wishes for the server.
    pub requirements: Requirements,
    /// The creator's key: the same key from the same creator finds the first ticket instead of making a second.
    pub idempotency: Option<Idempotency>,
    /// How long it may search, milliseconds.
    pub ttl_ms: u64,
}

/// What makes a creation repeatable.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Idempotency {
    /// Who created; keys of different creators do not meet.
    pub creator: PlayerId,
    /// The key they chose.
    pub key: String,
    /// Digest of the request: the same key with another request is an error.
    pub digest: [u8; 32],
}

/// One party's request for one game mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// What to play.
    pub game_mode: GameModeName,
    /// The party.
    pub players: Vec<TicketPlayer>,
    /// Acceptable regions, best first; may be empty when latencies say it.
    pub region_preference: Vec<Region>,
    /// Wishes for the server.
    pub requirements: Requirements,
    /// Where it is in its life.
    #[serde(flatten)]
    pub state: TicketState,
    /// When it was created; its age counts from here, also after a requeue.
    pub created_at: Timestamp,
    /// When it gives up searching.
    pub expires_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// How often it came back from a match that could not be placed.
    pub requeues: u32,
}

/// What is wrong with a request; the caller's fault, do not retry.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct InvalidTicket {
    /// JSON path of the offending field.
    pub field: String,
    /// What is wrong and what would be right.
    pub why: String,
}

fn invalid(field: impl Into<String>, why: impl Into<String>) -> InvalidTicket {
    InvalidTicket {
        field: field.into(),
        why: why.into(),
    }
}

impl NewTicket {
    /// Checks the request against the platform's `regions` and the rules of its `mode`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, mode: &GameMode, regions: &[Region]) -> Result<(), InvalidTicket> {
        let party_max = mode.party_players_max().min(PARTY_PLAYERS_MAX);
        if self.players.is_empty() || self.players.len() > party_max {
            let why = format!(
                "a party of {} was sent, 1 to {party_max} players are possible in {}",
                self.players.len(),
                mode.name
            );
            return Err(invalid("players", why));
        }
        if self.region_preference.len() > REGIONS_MAX {
            return Err(invalid(
                "region_preference",
                format!("at most {REGIONS_MAX} regions are possible"),
            ));
        }
        for (index, region) in self.region_preference.iter().enumerate() {
            known_region(region, regions, &format!("region_preference[{index}]"))?;
        }
        for (index, player) in self.players.iter().enumerate() {
            check_player(player, regions, index)?;
            if self.players[..index]
                .iter()
                .any(|other| other.player_id == player.player_id)
            {
                let why = format!("{:?} is in the party twice", player.player_id.as_str());
                return Err(invalid(format!("players[{index}].player_id"), why));
            }
        }
        check_labels(&self.requirements)?;
        let mut rule_set = mode.rules.rule_set.iter();
        rule_set.try_for_each(|set| set.check_ticket(self))?;
        if self.acceptable_regions(mode, regions).next().is_none() {
            let why = format!(
                "no region is acceptable to every player: {} wants at most {} ms, or a region_preference",
                mode.name,
                mode.latency_last_ms()
            );
            return Err(invalid("players", why));
        }
        Ok(())
    }

    fn acceptable_regions<'a>(
        &'a self,
        mode: &'a GameMode,
        regions: &'a [Region],
    ) -> impl Iterator<Item = &'a Region> {
        regions.iter().filter(|region| {
            // Whoever waits may accept more later.
            let limit = mode.latency_last_ms();
            accepts(&self.players, &self.region_preference, limit, region)
        })
    }

    /// The ticket that this request becomes.
    #[must_use]
    pub fn into_ticket(self, now: Timestamp) -> Ticket {
        Ticket {
            id: self.id,
            game_mode: self.game_mode,
            players: self.players,
            region_preference: self.region_preference,
            requirements: self.requirements,
            state: TicketState::Searching,
            created_at: now,
            expires_at: now.plus_ms(self.ttl_ms),
            changed_at: now,
            requeues: 0,
        }
    }
}

/// Whether the whole party can play in `region`: preferred (when preferences are given) and measured by every player
/// within `latency_max_ms` (when they measured at all). A party that says nothing at all accepts nothing.
fn accepts(
    players: &[TicketPlayer],
    preference: &[Region],
    latency_max_ms: u32,
    region: &Region,
) -> bool {
    let preferred = preference.contains(region);
    (preferred || preference.is_empty())
        && players
            .iter()
            .all(|player| match player.latencies_ms.get(region) {
                Some(&latency_ms) => latency_ms <= latency_max_ms,
                None => preferred && player.latencies_ms.is_empty(),
            })
}

impl Ticket {
    /// Number of players.
    #[must_use]
    pub fn size(&self) -> usize {
        self.players.len()
    }

    /// The party's skill: the mean of its players'.
    #[must_use]
    pub fn skill(&self) -> f64 {
        let sum: f64 = self.players.iter().map(|player| player.skill).sum();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a party has at most PARTY_PLAYERS_MAX players"
        )]
        let size = self.players.len().max(1) as f64;
        sum / size
    }

    /// Whether a player is in both.
    #[must_use]
    pub fn shares_player_with(&self, other: &Self) -> bool {
        let has = |id: &PlayerId| self.players.iter().any(|player| player.player_id == *id);
        other.players.iter().any(|player| has(&player.player_id))
    }

    /// How long it has waited, milliseconds.
    #[must_use]
    pub const fn waited_ms(&self, now: Timestamp) -> u64 {
        now.since_ms(self.created_at)
    }

    /// Whether its whole party can play in `region` under `mode`.
    #[must_use]
    pub fn accepts(&self, mode: &GameMode, region: &Region) -> bool {
        accepts(
            &self.players,
            &self.region_preference,
            mode.latency_max_ms,
            region,
        )
    }

    /// The latency of its worst-placed player to `region`, milliseconds, if everybody measured it.
    #[must_use]
    pub fn latency_ms(&self, region: &Region) -> Option<u32> {
        let worst =
            |worst: u32, player: &TicketPlayer| Some(worst.max(*player.latencies_ms.get(region)?));
        self.players.iter().try_fold(0, worst)
    }
}

#[cfg(test)]
mod tests;
