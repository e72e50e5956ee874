//! Worlds to begin with.

use std::str::FromStr;

use stadion_core::id::{GameModeName, Region};
use stadion_core::mode::{GUIDE_REGIONS, GameMode, LATENCY_MAX_MS, SkillWindow, guide_modes};
use stadion_core::rules::{Rules, SizeStep};

use super::{
    Arrivals, DayCurve, Distance, Dropouts, Latency, ModeShare, Place, Placement, ReadyCheck,
    Servers, Skill, Spike, Tick, World,
};

/// Share of each party size from 1 to 5 players, per cent.
const PARTIES: [f64; 5] = [60.0, 20.0, 10.0, 6.0, 4.0];
/// The guide's regions: share of the players, latitude, longitude.
const HOMES: [(f64, f64, f64); 5] = [
    (30.0, 39.0, -77.5),
    (20.0, 45.8, -119.7),
    (30.0, 53.3, -6.3),
    (12.0, 35.7, 139.7),
    (8.0, -33.9, 151.2),
];
/// Nobody leaves early unless a world says so; a minute before the end nobody is wanted any more.
const DROPOUTS: Dropouts = Dropouts {
    share: 0.0,
    closed_before_end_ms: 60_000,
};
/// 19 of 20 players say yes, within some seconds.
const READY_CHECK: ReadyCheck = ReadyCheck {
    yes: 0.95,
    answer_ms: (1_000, 6_000),
};
/// Share of the tickets for each of the guide's game modes.
const GUIDE_SHARES: [f64; 5] = [35.0, 25.0, 15.0, 15.0, 10.0];

/// A world that is built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The guide's game modes and regions on the map of the Earth, with parties and players who lose patience.
    Guide,
    /// The same on the day of a launch: four times as many players for two minutes, too few servers, and one
    /// placement of 50 fails.
    Launch,
    /// Three modes of ten players and eight regions on a ring: the world in which the greedy matchmaker of the guide
    /// was measured.
    Reference,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Guide, Self::Launch, Self::Reference];

    /// Its name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::Launch => "launch",
            Self::Reference => "reference",
        }
    }

    /// The world.
    #[must_use]
    pub fn world(self) -> World {
        match self {
            Self::Guide => guide(),
            Self::Launch => launch(),
            Self::Reference => reference(20.0, 10, 10),
        }
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|preset| preset.as_str() == text)
            .ok_or_else(|| format!("there is no preset {text:?}; there are {known}"))
    }
}

impl World {
    /// The world of [`Preset::Reference`] with `rate_per_second` tickets and matches of `players_target`, at least
    /// `players_min` players.
    #[must_use]
    pub fn reference(rate_per_second: f64, players_target: u32, players_min: u32) -> Self {
        reference(rate_per_second, players_target, players_min)
    }
}

fn guide() -> World {
    let places = GUIDE_REGIONS.into_iter().zip(HOMES);
    World {
        title: "The guide's five game modes on the map of the Earth".into(),
        duration_ms: 15 * 60_000,
        warm_up_ms: 60_000,
        tick: Tick {
            interval_ms: 250,
            aligned: false,
            matches_max: 1_000,
        },
        arrivals: Arrivals {
            rate_per_second: 50.0,
            day: Some(DayCurve {
                period_ms: 15 * 60_000,
                peak_at_ms: 8 * 60_000,
                amplitude: 0.4,
            }),
            spikes: Vec::new(),
            players_max: None,
        },
        modes: guide_modes()
            .into_iter()
            .zip(GUIDE_SHARES)
            .map(|(mode, share)| ModeShare { mode, share })
            .collect(),
        regions: places
            .map(|(name, (share, latitude, longitude))| Place {
                region: region(name),
                share,
                latitude,
                longitude,
            })
            .collect(),
        latency: Latency {
            distance: Distance::Map {
                ms_per_1000_km: 15.0,
            },
            line_ms: (6.0, 40.0),
            jitter_ms: (0.0, 10.0),
        },
        skill: NORMAL,
        parties: PARTIES.to_vec(),
        party_deviation: 100.0,
        roles: None,
        patience_mean_ms: Some(5 * 60_000),
        ttl_ms: Some(10 * 60_000),
        placement: Placement {
            delay_ms: (100, 900),
            failure: 0.0,
        },
        servers: Servers {
            per_region: None,
            match_ms: (8 * 60_000, 12 * 60_000),
        },
        dropouts: DROPOUTS,
        ready_check: READY_CHECK,
        recorded: None,
    }
}

const NORMAL: Skill = Skill::Normal {
    mean: 1_500.0,
    deviation: 350.0,
};

fn launch() -> World {
    let mut world = guide();
    world.title = "A launch: a rush of players, too few servers, some placements fail".into();
    world.arrivals.day = None;
    world.arrivals.spikes.push(Spike {
        at_ms: 4 * 60_000,
        duration_ms: 2 * 60_000,
        factor: 4.0,
    });
    world.patience_mean_ms = Some(3 * 60_000);
    world.placement.failure = 0.02;
    world.servers.per_region = Some(1_500);
    // A plan costs more while servers are short, since it says what they are short of; the platform then pauses
    // longer, so that planning takes a tenth of a core.
    world.tick.interval_ms = 1_000;
    world
}

/// 900 one-second ticks; modes .74/.186/.074; skill N(1500, 350); 8 regions on a ring; home is the lower of two
/// uniform draws, which makes shares of 15 : 13 : … : 1; latency U(15, 40) + 55·hops + U(0, 10); at most 100 ms.
fn reference(rate_per_second: f64, players_target: u32, players_min: u32) -> World {
    let modes = [("busy", 0.74), ("normal", 0.186), ("quiet", 0.074)];
    World {
        title: format!(
            "Reference: {players_target} players (at least {players_min}), three game modes, eight regions on a ring"
        ),
        duration_ms: 900_000,
        warm_up_ms: 0,
        tick: Tick {
            interval_ms: 1_000,
            aligned: true,
            matches_max: 1_000_000,
        },
        arrivals: Arrivals {
            rate_per_second,
            day: None,
            spikes: Vec::new(),
            players_max: None,
        },
        modes: modes
            .into_iter()
            .map(|(name, share)| ModeShare {
                mode: reference_mode(name, players_target, players_min),
                share,
            })
            .collect(),
        regions: (0..8_u32)
            .map(|index| Place {
                region: region(&format!("region-{}", index + 1)),
                share: f64::from(15 - 2 * index),
                latitude: 0.0,
                longitude: 0.0,
            })
            .collect(),
        latency: Latency {
            distance: Distance::Ring { hop_ms: 55.0 },
            line_ms: (15.0, 40.0),
            jitter_ms: (0.0, 10.0),
        },
        skill: NORMAL,
        parties: vec![1.0],
        party_deviation: 0.0,
        roles: None,
        patience_mean_ms: None,
        ttl_ms: None,
        placement: Placement {
            delay_ms: (0, 0),
            failure: 0.0,
        },
        servers: Servers {
            per_region: None,
            match_ms: (600_000, 600_000),
        },
        dropouts: DROPOUTS,
        ready_check: READY_CHECK,
        recorded: None,
    }
}

/// Two teams where the size can be halved. Nearly everybody may meet, but narrow matches are aimed at; who has waited for
/// a minute plays in smaller ones, so that nobody waits for two.
fn reference_mode(name: &str, players_target: u32, players_min: u32) -> GameMode {
    let halves = players_target.is_multiple_of(2) && players_min >= 2;
    let teams = if halves { 2 } else { 1 };
    let smaller = [(60_000, 8), (75_000, 6), (90_000, 4), (105_000, 2)];
    let sizes = smaller
        .map(|(after_ms, tenths)| SizeStep {
            after_ms,
            players_min: (players_target * tenths / 10 / teams * teams).max(teams),
        })
        .into_iter()
        .filter(|step| step.players_min < players_min)
        .collect();
    GameMode {
        name: GameModeName::new(name).expect("a constant that keeps the rules of names"),
        teams,
        players_target,
        players_min,
        settle_after_ms: 20_000,
        latency_max_ms: LATENCY_MAX_MS,
        skill: SkillWindow {
            initial: 1_500.0,
            growth_per_second: 60.0,
            max: 5_000.0,
        },
        rules: Rules {
            aim: Some(SkillWindow {
                initial: 20.0,
                growth_per_second: 36.0,
                max: 5_000.0,
            }),
            sizes,
            ..Rules::default()
        },
    }
}

fn region(name: &str) -> Region {
    Region::new(name).expect("a constant that keeps the rules of names")
}
