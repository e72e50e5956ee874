//! What the platform offers: regions, game modes, keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Region {
    /// Its name, the key of `latencies_ms`.
    pub name: String,
}

/// The regions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Regions {
    /// They.
    pub regions: Vec<Region>,
}

/// What a client has to know of a game mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GameMode {
    /// Its name.
    pub name: String,
    /// Teams of a match.
    pub teams: u32,
    /// Players that a match wants.
    pub players_target: u32,
    /// Players that a match settles for after a while.
    pub players_min: u32,
    /// Largest party.
    pub party_players_max: u32,
    /// Latency that no player of a match exceeds, milliseconds.
    pub latency_max_ms: u32,
    /// Whether free seats of live matches are filled, when their game server offers them.
    #[serde(default)]
    pub backfill: bool,
    /// Time in which every player must accept a proposed match, milliseconds; absent where nobody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_timeout_ms: Option<u64>,
}

/// The game modes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GameModes {
    /// They.
    pub game_modes: Vec<GameMode>,
}

/// Where players connect to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerAddress {
    /// Host name or address.
    pub address: String,
    /// Port.
    pub port: u16,
    /// Region.
    pub region: String,
}

/// A public key that join tokens are checked with: a JSON Web Key (RFC 7517, RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinKey {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// `EdDSA`.
    pub alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// Which key; the `kid` of a join token's header.
    pub kid: String,
    /// The key, base64url without padding.
    pub x: String,
}

/// The keys of join tokens: a JSON Web Key Set (RFC 7517).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinKeys {
    /// They.
    pub keys: Vec<JoinKey>,
}
