//! Which game server of several a match gets.

use crate::fleet::{AllocationRequest, GameServer, GameServerState};
use crate::time::Timestamp;

/// Points for an empty server; a full one gets none. The guide's weights throughout.
pub const LOAD_POINTS: f64 = 100.0;
/// Points in the zone that the tickets prefer.
pub const ZONE_POINTS: f64 = 30.0;

/// Points for being young: a fresh process has had less time to go wrong.
fn age_points(age_ms: u64) -> f64 {
    match age_ms / 60_000 {
        0..60 => 20.0,
        60..240 => 10.0,
        _ => 0.0,
    }
}

/// Whether `server` can serve `request` at all.
#[must_use]
pub fn fits(server: &GameServer, request: &AllocationRequest) -> bool {
    server.state == GameServerState::Ready
        && server.region == request.region
        && server.plays(&request.game_mode)
        && request.players <= server.max_players
        && request.requirements.met_by(server)
}

/// How well `server` suits `request`; higher is better.
#[must_use]
pub fn score(server: &GameServer, request: &AllocationRequest, now: Timestamp) -> f64 {
    let load = f64::from(server.players) / f64::from(server.max_players.max(1));
    let zone = request
        .requirements
        .preferred_zone
        .as_ref()
        .is_some_and(|wanted| server.zone.as_ref() == Some(wanted));
    (1.0 - load) * LOAD_POINTS
        + age_points(now.since_ms(server.created_at))
        + if zone { ZONE_POINTS } else { 0.0 }
}

/// The best of `servers` for `request`, in one pass; the smallest server that fits wins a tie (a duel leaves the
/// battle royale servers alone), then the lower name, so that equal input gives an equal answer.
pub fn select<'a>(
    servers: impl IntoIterator<Item = &'a GameServer>,
    request: &AllocationRequest,
    now: Timestamp,
) -> Option<&'a GameServer> {
    servers
        .into_iter()
        .filter(|server| fits(server, request))
        .max_by(|a, b| {
            score(a, request, now)
                .total_cmp(&score(b, request, now))
                .then_with(|| b.max_players.cmp(&a.max_players))
                .then_with(|| b.name.cmp(&a.name))
        })
}

#[cfg(test)]
mod tests;
