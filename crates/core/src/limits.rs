//! Named limits that more than one room must agree on (I7). Limits of one room live in that room.

/// Players of one ticket. The largest party that any known matchmaker takes is FlexMatch's 10; a squad game wants a
/// little more, and the ticket stays under 4 KiB with 16 players and 32 latencies each.
pub const PARTY_PLAYERS_MAX: usize = 16;

/// Regions of one platform: a set of them is one `u64`.
pub const REGIONS_MAX: usize = 64;

/// Attributes of one player; FlexMatch's limit.
pub const ATTRIBUTES_MAX: usize = 10;

/// Bytes of an attribute or requirement, key and value each; FlexMatch's limit for strings.
pub const ATTRIBUTE_BYTES_MAX: usize = 100;

/// Texts of one attribute that is a list; FlexMatch's limit.
pub const ATTRIBUTE_LIST_MAX: usize = 100;

/// Numbers of one attribute that is a map; FlexMatch's limit.
pub const ATTRIBUTE_MAP_MAX: usize = 10;

/// Skill is a rating between minus and plus this: beyond every rating system in use (Elo, Glicko-2, `TrueSkill` × 100),
/// and far inside what an `f64` counts exactly.
pub const SKILL_MAX: f64 = 1e6;

/// Latency that counts as unreachable, milliseconds; larger measurements are refused as nonsense.
pub const LATENCY_MAX_MS: u32 = 60_000;

/// Events kept for one player until they are read: one life of a ticket is usually at most
/// searching + 8 requeues + placing + found + seat changes = 16, so two lives; with a ready check each requeue comes with
/// a proposal, which makes it 24.
pub const EVENTS_PER_PLAYER_MAX: usize = 32;

/// Heartbeats of one call: the largest default game mode has 100 players, twice that for shared servers.
pub const HEARTBEATS_PER_CALL_MAX: usize = 256;

/// Seats of one match over its whole life, also of those who left: every seat of the largest default game mode taken ten
/// times, and all seats of the largest with backfill there may be. At 120 bytes each in the line-up, the match is 120 KB at
/// most, and written again with every change.
pub const MATCH_SEATS_MAX: usize = 1_000;

/// Roles of one game mode: a set of them is one `u32`.
pub const ROLES_MAX: usize = 32;

/// Seats of one team where seats have roles: a set of them is one `u128`.
pub const ROLE_SEATS_MAX: u32 = 128;

/// Tickets that one call may list.
pub const LIST_MAX: usize = 1_000;
