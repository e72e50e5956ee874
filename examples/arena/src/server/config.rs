//! What the environment says, under the names that fleets give it.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use super::ServerError;
use crate::protocol::SEATS_MAX;

/// Fastest simulation, steps per second: beyond it a step is shorter than the clock's millisecond is precise.
const TICK_RATE_MAX: u16 = 250;
/// Length of a match when `ARENA_MATCH_SECONDS` is not set, seconds.
const MATCH_SECONDS: u64 = 60;
/// Longest match, seconds: a day, the life of a session.
const MATCH_SECONDS_MAX: u64 = 24 * 60 * 60;

/// A game server's settings.
#[derive(Clone)]
pub struct ServerConfig {
    /// Own name (`SERVER_ID`), for the log.
    pub server_id: String,
    /// Where it is (`REGION`), for the log.
    pub region: String,
    /// Address to listen on for players (`GAME_HOST`); this machine only unless it says otherwise.
    pub game_host: IpAddr,
    /// UDP port of the game (`GAME_PORT`); 0 for any.
    pub game_port: u16,
    /// Seats (`MAX_PLAYERS`), at most [`SEATS_MAX`].
    pub max_players: usize,
    /// Simulation steps per second (`TICK_RATE`).
    pub tick_rate: u16,
    /// Whether inputs are checked and cheats are thrown out (`ANTI_CHEAT`).
    pub anti_cheat: bool,
    /// Whether one match is all (`SERVER_TYPE` is `match`); else the server is Ready again after each.
    pub one_match: bool,
    /// Play time of a match, seconds (`ARENA_MATCH_SECONDS`).
    pub match_seconds: u64,
    /// The edge of Stadion (`STADION_URL`).
    pub stadion_url: String,
    /// Credential for it (`STADION_SERVER_TOKEN`).
    pub stadion_token: String,
    /// Host of the SDK server (`AGONES_SDK_GRPC_HOST`).
    pub sdk_host: String,
    /// Port of the SDK server (`AGONES_SDK_GRPC_PORT`).
    pub sdk_port: u16,
}

impl std::fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConfig")
            .field("server_id", &self.server_id)
            .field("game_port", &self.game_port)
            .field("stadion_url", &self.stadion_url)
            .finish_non_exhaustive()
    }
}

impl ServerConfig {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// [`ServerError::Environment`] for a variable that is missing or out of its range.
    pub fn from_env() -> Result<Self, ServerError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads variables from `lookup`.
    ///
    /// # Errors
    /// As [`Self::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ServerError> {
        let set = |name| lookup(name).filter(|value| !value.is_empty());
        let needed = |name: &'static str| {
            set(name).ok_or(ServerError::Environment {
                name,
                why: "is not set".into(),
            })
        };
        let seats = SEATS_MAX as u64;
        let max_players = number("MAX_PLAYERS", set("MAX_PLAYERS"), 64, 1..=seats)?;
        Ok(Self {
            server_id: set("SERVER_ID").unwrap_or_else(|| "arena".into()),
            region: set("REGION").unwrap_or_else(|| "local".into()),
            game_host: match set("GAME_HOST") {
                None => Ipv4Addr::LOCALHOST.into(),
                Some(text) => text.parse().map_err(|_| ServerError::Environment {
                    name: "GAME_HOST",
                    why: format!("is {text:?}, not an IP address"),
                })?,
            },
            game_port: number("GAME_PORT", set("GAME_PORT"), 7777, 0..=u16::MAX)?,
            max_players: usize::try_from(max_players).unwrap_or(SEATS_MAX),
            tick_rate: number("TICK_RATE", set("TICK_RATE"), 64, 1..=TICK_RATE_MAX)?,
            anti_cheat: match set("ANTI_CHEAT").as_deref() {
                None | Some("true") => true,
                Some("false") => false,
                Some(other) => {
                    return Err(ServerError::Environment {
                        name: "ANTI_CHEAT",
                        why: format!("is {other:?}, neither true nor false"),
                    });
                }
            },
            one_match: set("SERVER_TYPE").as_deref() == Some("match"),
            match_seconds: number(
                "ARENA_MATCH_SECONDS",
                set("ARENA_MATCH_SECONDS"),
                MATCH_SECONDS,
                1..=MATCH_SECONDS_MAX,
            )?,
            stadion_url: needed("STADION_URL")?,
            stadion_token: needed("STADION_SERVER_TOKEN")?,
            sdk_host: set("AGONES_SDK_GRPC_HOST").unwrap_or_else(|| "localhost".into()),
            sdk_port: number(
                "AGONES_SDK_GRPC_PORT",
                set("AGONES_SDK_GRPC_PORT"),
                9357,
                1..=u16::MAX,
            )?,
        })
    }
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    name: &'static str,
    value: Option<String>,
    default: T,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, ServerError> {
    let Some(value) = value else {
        return Ok(default);
    };
    value
        .parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| ServerError::Environment {
            name,
            why: format!(
                "is {value:?}, not a number from {} to {}",
                range.start(),
                range.end()
            ),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(changes: &[(&str, &str)]) -> Result<ServerConfig, ServerError> {
        ServerConfig::from_lookup(|name| {
            let needed = [
                ("STADION_URL", "http://127.0.0.1:1"),
                ("STADION_SERVER_TOKEN", "hush"),
            ];
            let mut all = changes.iter().chain(&needed);
            all.find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_is_checked_and_its_secret_is_not_shown() {
        let given = config(&[("TICK_RATE", "20"), ("SERVER_TYPE", "match")]).unwrap();
        assert_eq!((given.tick_rate, given.one_match), (20, true));
        assert!(!format!("{given:?}").contains("hush"));
        for wrong in [
            ("TICK_RATE", "0"),
            ("MAX_PLAYERS", "129"),
            ("GAME_PORT", "70000"),
            ("ANTI_CHEAT", "yes"),
            ("STADION_URL", ""),
        ] {
            let said = config(&[wrong]).unwrap_err().to_string();
            assert!(said.contains(wrong.0), "{said}");
        }
    }
}
