//! The ports of games, each with what it is for.
//!
//! From the documentation of each game's dedicated server. 27015/tcp of Source games is RCON (the guide opens it to
//! everybody), and play over UDP needs no TCP port of the same number.

use crate::profile::firewall::PortRule;
use crate::profile::firewall::Protocol::{Tcp, Udp};
use crate::profile::firewall::Role::{self, Game, Query, Rcon, Voice};

/// A game and its ports.
#[derive(Debug)]
pub struct Entry {
    /// What a profile calls it.
    pub name: &'static str,
    /// Its ports.
    pub ports: &'static [PortRule],
}

const fn udp(port: u16, role: Role) -> PortRule {
    PortRule::new(port, port, Udp, role)
}

const fn tcp(port: u16, role: Role) -> PortRule {
    PortRule::new(port, port, Tcp, role)
}

/// A Source server: play and A2S on one port, RCON on the same number of TCP, Source TV beside it.
const SOURCE: &[PortRule] = &[udp(27015, Game), tcp(27015, Rcon), udp(27020, Game)];

/// All games that are known, by name.
pub const GAMES: &[Entry] = &[
    Entry {
        name: "agones",
        ports: &[PortRule::new(7000, 8000, Udp, Game)],
    },
    Entry {
        name: "ark",
        ports: &[
            PortRule::new(7777, 7778, Udp, Game),
            udp(27015, Query),
            tcp(27020, Rcon),
        ],
    },
    Entry {
        name: "assetto_corsa",
        ports: &[udp(9600, Game), tcp(9600, Game), tcp(8081, Query)],
    },
    Entry {
        name: "conan_exiles",
        ports: &[
            PortRule::new(7777, 7778, Udp, Game),
            udp(27015, Query),
            tcp(25575, Rcon),
        ],
    },
    Entry {
        name: "cs2",
        ports: SOURCE,
    },
    Entry {
        name: "csgo",
        ports: SOURCE,
    },
    Entry {
        name: "dayz",
        ports: &[
            PortRule::new(2302, 2305, Udp, Game),
            udp(27016, Query),
            udp(2306, Rcon),
        ],
    },
    Entry {
        name: "enshrouded",
        ports: &[udp(15636, Game), udp(15637, Query)],
    },
    Entry {
        name: "factorio",
        ports: &[udp(34197, Game), tcp(27015, Rcon)],
    },
    Entry {
        name: "garrys_mod",
        ports: SOURCE,
    },
    Entry {
        name: "left4dead2",
        ports: SOURCE,
    },
    Entry {
        name: "minecraft",
        ports: &[tcp(25565, Game), udp(25565, Query), tcp(25575, Rcon)],
    },
    Entry {
        name: "minecraft_bedrock",
        ports: &[PortRule::new(19132, 19133, Udp, Game)],
    },
    Entry {
        name: "mumble",
        ports: &[udp(64738, Voice), tcp(64738, Voice)],
    },
    Entry {
        name: "palworld",
        ports: &[
            udp(8211, Game),
            udp(27015, Query),
            tcp(25575, Rcon),
            tcp(8212, Rcon),
        ],
    },
    Entry {
        name: "project_zomboid",
        ports: &[PortRule::new(16261, 16262, Udp, Game), tcp(27015, Rcon)],
    },
    Entry {
        name: "rust",
        ports: &[
            udp(28015, Game),
            udp(28014, Query),
            udp(28017, Query),
            tcp(28016, Rcon),
        ],
    },
    Entry {
        name: "satisfactory",
        ports: &[udp(7777, Game), tcp(7777, Game), tcp(8888, Game)],
    },
    Entry {
        name: "squad",
        ports: &[
            PortRule::new(7787, 7788, Udp, Game),
            udp(27165, Query),
            tcp(21114, Rcon),
        ],
    },
    Entry {
        name: "teamspeak",
        ports: &[udp(9987, Voice), tcp(30033, Voice), tcp(10011, Role::Admin)],
    },
    Entry {
        name: "terraria",
        ports: &[tcp(7777, Game)],
    },
    Entry {
        name: "tf2",
        ports: SOURCE,
    },
    Entry {
        name: "unreal",
        ports: &[udp(7777, Game)],
    },
    Entry {
        name: "valheim",
        ports: &[udp(2456, Game), udp(2457, Query), udp(2458, Game)],
    },
    Entry {
        name: "v_rising",
        ports: &[udp(9876, Game), udp(9877, Query), tcp(25575, Rcon)],
    },
];

/// The game called `name`.
#[must_use]
pub fn game(name: &str) -> Option<&'static Entry> {
    GAMES.iter().find(|game| game.name == name)
}

/// What to say to someone who asked for a game that is not known.
pub(crate) fn unknown(name: &str) -> String {
    let nearest = GAMES
        .iter()
        .map(|game| (strsim::damerau_levenshtein(name, game.name), game.name))
        .min()
        .filter(|(distance, _)| *distance <= name.len() / 2)
        .map_or_else(String::new, |(_, near)| format!("; did you mean `{near}`?"));
    format!(
        "the game `{name}` is not in the catalogue{nearest} (name its ports in `firewall.ports` instead)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_game_is_named_once_and_has_a_port_to_play_on() {
        let names: Vec<_> = GAMES.iter().map(|game| game.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len());
        for entry in GAMES {
            assert!(
                entry
                    .ports
                    .iter()
                    .any(|rule| matches!(rule.role, Game | Voice)),
                "{}",
                entry.name
            );
        }
    }

    #[test]
    fn the_games_of_the_guide_are_known() {
        for name in ["minecraft", "csgo", "rust", "valheim", "ark"] {
            assert!(game(name).is_some(), "{name}");
        }
    }
}
