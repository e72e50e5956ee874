//! Between the platform's words and what travels.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use stadion_client::ProblemKind;
use stadion_client::wire;
use stadion_core::flexmatch::SKILL_ATTRIBUTE;
use stadion_core::id::{PlayerId, Region};
use stadion_core::limits::{PARTY_PLAYERS_MAX, REGIONS_MAX};
use stadion_core::matches::Match;
use stadion_core::mode::GameMode;
use stadion_core::rules::Backfill;
use stadion_core::session::{Session, SessionState};
use stadion_core::ticket::{Attribute, Requirements, Ticket, TicketPlayer, TicketState};

use crate::auth::Player;
use crate::refusal::Refusal;

/// The party as it came in, with the caller's own skill from the token.
pub(crate) fn party(
    players: &[wire::Player],
    mode: &GameMode,
    caller: &Player,
) -> Result<Vec<TicketPlayer>, Refusal> {
    let unrated = mode.rules.rule_set.as_ref();
    let unrated = unrated.and_then(|set| set.skill_default()).unwrap_or(0.0);
    if players.len() > PARTY_PLAYERS_MAX {
        let why = format!(
            "a party of {} was sent, at most {PARTY_PLAYERS_MAX} players are possible",
            players.len()
        );
        return Err(Refusal::invalid("players", why));
    }
    let convert = |(index, player): (usize, &wire::Player)| {
        let mut player = ticket_player(player, unrated, &format!("players[{index}]"))?;
        if player.player_id == caller.id
            && let Some(skill) = caller.skill.get(&mode.name)
        {
            player.skill = *skill;
            // A rule set looks at the attribute first: the studio's word must reach it, too.
            if let Some(attribute) = player.attributes.get_mut(SKILL_ATTRIBUTE) {
                *attribute = Attribute::Number(*skill);
            }
        }
        Ok(player)
    };
    players.iter().enumerate().map(convert).collect()
}

fn ticket_player(player: &wire::Player, unrated: f64, path: &str) -> Result<TicketPlayer, Refusal> {
    let player_id = PlayerId::new(&player.player_id)
        .map_err(|error| Refusal::invalid(format!("{path}.player_id"), error.to_string()))?;
    let mut latencies_ms = BTreeMap::new();
    for (region, latency_ms) in &player.latencies_ms {
        let name = Region::new(region)
            .map_err(|error| Refusal::invalid(format!("{path}.latencies_ms"), error.to_string()))?;
        latencies_ms.insert(name, *latency_ms);
    }
    let attribute = |value: &wire::Attribute| match value {
        wire::Attribute::Number(number) => Attribute::Number(*number),
        wire::Attribute::Text(text) => Attribute::Text(text.clone()),
        wire::Attribute::List(texts) => Attribute::List(texts.clone()),
        wire::Attribute::Map(numbers) => Attribute::Map(numbers.clone()),
    };
    let skill = match player.attributes.get(SKILL_ATTRIBUTE) {
        Some(wire::Attribute::Number(number)) => *number,
        _ => unrated,
    };
    Ok(TicketPlayer {
        player_id,
        skill: player.skill.unwrap_or(skill),
        skill_uncertainty: player.skill_uncertainty.unwrap_or(0.0),
        latencies_ms,
        attributes: player
            .attributes
            .iter()
            .map(|(key, value)| (key.clone(), attribute(value)))
            .collect(),
    })
}

pub(crate) fn preference(regions: &[String]) -> Result<Vec<Region>, Refusal> {
    if regions.len() > REGIONS_MAX {
        let why = format!("at most {REGIONS_MAX} regions are possible");
        return Err(Refusal::invalid("region_preference", why));
    }
    let convert = |(index, region): (usize, &String)| {
        Region::new(region).map_err(|error| {
            Refusal::invalid(format!("region_preference[{index}]"), error.to_string())
        })
    };
    regions.iter().enumerate().map(convert).collect()
}

pub(crate) fn requirements(wanted: wire::Requirements) -> Requirements {
    Requirements {
        preferred_zone: wanted.preferred_zone,
        min_players: wanted.min_players,
        labels: wanted.labels,
    }
}

pub(crate) fn ticket_state(state: &TicketState) -> (wire::TicketState, Option<String>) {
    match state {
        TicketState::Searching => (wire::TicketState::Searching, None),
        TicketState::RequiresAcceptance { .. } => (wire::TicketState::RequiresAcceptance, None),
        TicketState::Placing { .. } => (wire::TicketState::Placing, None),
        TicketState::Completed { .. } => (wire::TicketState::Completed, None),
        TicketState::Failed { reason } => (wire::TicketState::Failed, Some(reason.clone())),
        TicketState::Cancelled { reason } => (wire::TicketState::Cancelled, Some(word(reason))),
        TicketState::TimedOut => (wire::TicketState::TimedOut, None),
    }
}

/// The word that a plain enum is written as.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

pub(crate) fn ticket(ticket: &Ticket) -> wire::Ticket {
    let (state, reason) = ticket_state(&ticket.state);
    let attribute = |value: &Attribute| match value {
        Attribute::Number(number) => wire::Attribute::Number(*number),
        Attribute::Text(text) => wire::Attribute::Text(text.clone()),
        Attribute::List(texts) => wire::Attribute::List(texts.clone()),
        Attribute::Map(numbers) => wire::Attribute::Map(numbers.clone()),
    };
    let player = |player: &TicketPlayer| wire::Player {
        player_id: player.player_id.to_string(),
        skill: Some(player.skill),
        skill_uncertainty: (player.skill_uncertainty > 0.0).then_some(player.skill_uncertainty),
        latencies_ms: player
            .latencies_ms
            .iter()
            .map(|(region, latency_ms)| (region.to_string(), *latency_ms))
            .collect(),
        attributes: player
            .attributes
            .iter()
            .map(|(key, value)| (key.clone(), attribute(value)))
            .collect(),
    };
    wire::Ticket {
        ticket_id: ticket.id.to_string(),
        game_mode: ticket.game_mode.to_string(),
        state,
        match_id: ticket.state.match_id().map(|id| id.to_string()),
        reason,
        players: ticket.players.iter().map(player).collect(),
        region_preference: ticket
            .region_preference
            .iter()
            .map(ToString::to_string)
            .collect(),
        requirements: wire::Requirements {
            preferred_zone: ticket.requirements.preferred_zone.clone(),
            min_players: ticket.requirements.min_players,
            labels: ticket.requirements.labels.clone(),
        },
        created_at_ms: ticket.created_at.0,
        expires_at_ms: ticket.expires_at.0,
        changed_at_ms: ticket.changed_at.0,
        requeues: ticket.requeues,
    }
}

/// Where the players of `of` connect to, once it has a server.
pub(crate) fn server_address(of: &Match) -> Option<wire::ServerAddress> {
    of.allocation
        .as_ref()
        .map(|allocation| wire::ServerAddress {
            address: allocation.address.clone(),
            port: allocation.port,
            region: allocation.region.to_string(),
        })
}

pub(crate) fn session(
    session: &Session,
    server: Option<wire::ServerAddress>,
    join_token: Option<String>,
) -> wire::Session {
    let reason = match session.state {
        SessionState::Ended { reason } => Some(word(&reason)),
        _ => None,
    };
    wire::Session {
        session_id: session.id.to_string(),
        player_id: session.player_id.to_string(),
        match_id: session.match_id.to_string(),
        ticket_id: session.ticket_id.to_string(),
        team: session.team,
        role: session.role.clone(),
        server,
        state: session.state.as_str().to_owned(),
        reason,
        join_token,
        created_at_ms: session.created_at.0,
        connected_at_ms: session.connected_at.map(|at| at.0),
    }
}

pub(crate) fn seat(session: &Session) -> wire::Seat {
    wire::Seat {
        session_id: session.id.to_string(),
        player_id: session.player_id.to_string(),
        match_id: session.match_id.to_string(),
        team: session.team,
        role: session.role.clone(),
        region: session.region.to_string(),
    }
}

/// A match, with its `sessions`.
pub(crate) fn line_up(of: &Match, sessions: &[Arc<Session>]) -> wire::Match {
    let seats = sessions.iter().filter(|session| session.state.is_live());
    let seated: HashSet<&PlayerId> = seats.map(|session| &session.player_id).collect();
    wire::Match {
        match_id: of.id.to_string(),
        game_mode: of.game_mode.to_string(),
        region: of.region.to_string(),
        state: of.state.as_str().to_owned(),
        players: of
            .players
            .iter()
            .map(|player| wire::MatchPlayer {
                player_id: player.player_id.to_string(),
                ticket_id: player.ticket_id.to_string(),
                team: player.team,
                role: player.role.clone(),
                seated: seated.contains(&player.player_id),
            })
            .collect(),
        backfill: of.backfill.as_ref().map(|offer| wire::OpenSeats {
            seats: offer.seats.clone(),
        }),
        created_at_ms: of.created_at.0,
        changed_at_ms: of.changed_at.0,
    }
}

/// How the ready check of `of` stands.
pub(crate) fn acceptance(of: &Match) -> wire::Acceptance {
    let check = of.acceptance.as_ref();
    wire::Acceptance {
        match_id: of.id.to_string(),
        state: of.state.as_str().to_owned(),
        players: count(of.players.len()),
        accepted: count(check.map_or(0, |check| check.accepted())),
        accept_until_ms: check.map_or(0, |check| check.until.0),
    }
}

/// At most the players of a match.
fn count(players: usize) -> u32 {
    u32::try_from(players).unwrap_or(u32::MAX)
}

pub(crate) fn game_mode(mode: &GameMode) -> wire::GameMode {
    wire::GameMode {
        name: mode.name.to_string(),
        teams: mode.teams,
        players_target: mode.players_target,
        players_min: mode.players_min,
        party_players_max: u32::try_from(mode.party_players_max()).unwrap_or(u32::MAX),
        latency_max_ms: mode.latency_max_ms,
        backfill: mode.rules.backfill != Backfill::Off,
        accept_timeout_ms: mode.rules.acceptance.map(|rule| rule.timeout_ms),
    }
}

/// An id in a path; one that cannot be is not there.
pub(crate) fn id<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|_| Refusal::not_found(what, text))
}

/// The caller's right to a thing: without it the thing is not there.
pub(crate) fn own(yes: bool, what: &str, text: &str) -> Result<(), Refusal> {
    if yes {
        Ok(())
    } else {
        Err(Refusal::not_found(what, text))
    }
}

/// What is said of a game mode that is not there.
pub(crate) fn unknown_mode<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Refusal {
    let name: String = name.chars().take(64).collect();
    let known = known.map(String::as_str).collect::<Vec<_>>().join(", ");
    let detail = format!("there is no game mode {name:?}; there are {known}");
    Refusal::new(ProblemKind::UnknownGameMode, detail)
}

#[cfg(test)]
mod tests;
