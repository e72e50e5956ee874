//! A 128-tick player beside a flood at the highest rate that one core makes.

use std::net::SocketAddr;
use std::time::Duration;

use stadion_netlab::{
    Echo, Flood, FloodReport, FloodSpec, Play, PlaySpec, Sources, Wire, keep_off, pause, play,
};

use super::hosts::{GAME, defend};
use super::{Column, guide, ms};
use crate::Failure;
use crate::figure::Figure;

/// What the server asks of the kernel: some 5,000 waiting datagrams.
const BUFFER: usize = 4 << 20;

/// Of play beside a flood: 640 ticks.
const SECONDS: u32 = 5;

/// Of play before the flood, so that the player is one whom the server knows.
const BEFORE: u32 = 1;

/// Of the flood before the player, where the rules keep the first hundred sources that they see: a player who came first
/// would be judged by another rule than in the flood.
const FLOOD_FIRST: Duration = Duration::from_millis(300);

/// What a player may lose by a flood: nothing of latency that anybody feels.
const ADDED_P99_MS: f64 = 1.0;

pub(super) fn run(v6: bool) -> Result<Vec<Figure>, Failure> {
    let family = if v6 { "v6" } else { "v4" };
    let with_guide = guide::is_possible();
    // Games beside the core that takes the flood, as `optimize` places interrupts and games.
    let _games = super::stages::last_core().map(keep_off).transpose()?;
    let mut figures = Vec::new();
    let alone = alone(v6, Column::None)?;
    figures.push(Figure::alone(
        format!("network_{family}_alone_p99"),
        ms(alone.latency(0.99)),
        "ms",
    ));
    if with_guide && !v6 {
        let lost = self::alone(v6, Column::Guide)?;
        figures.push(percent_lost("network_v4_alone_guide_lost", &lost));
    }
    for (what, sources) in [
        ("spoofed", Sources::Spoofed(50_000)),
        ("one", Sources::One { ports: 1 }),
    ] {
        for column in Column::ALL {
            if column == Column::Guide && !with_guide {
                continue;
            }
            let (seen, flood, served) = beside(v6, column, sources)?;
            let name = format!("network_{family}_{what}_{}", column.name());
            figures.push(percent_lost(format!("{name}_lost"), &seen));
            let added = seen.latency(0.99).saturating_sub(alone.latency(0.99));
            figures.push(Figure::against(
                format!("{name}_added_p99"),
                ms(added),
                "ms",
                ADDED_P99_MS,
                "limit",
            ));
            figures.push(Figure::alone(
                format!("{name}_flood"),
                flood.rate_per_s() / 1e3,
                "kpps",
            ));
            figures.push(Figure::alone(format!("{name}_served"), served, "%"));
        }
    }
    Ok(figures)
}

fn percent_lost(name: impl Into<String>, seen: &Play) -> Figure {
    Figure::alone(name, seen.loss() * 100.0, "%")
}

fn alone(v6: bool, column: Column) -> Result<Play, Failure> {
    let wire = Wire::new()?;
    let _echo = Echo::start(&wire.server, GAME, BUFFER)?;
    defend(&wire.server, column)?;
    let server = SocketAddr::new(wire.server.address(v6), GAME);
    Ok(play(&wire.internet, PlaySpec::ticks_128(server, SECONDS))?)
}

/// What the player saw, what the flood was, and how much of it the server saw, in percent.
fn beside(v6: bool, column: Column, sources: Sources) -> Result<(Play, FloodReport, f64), Failure> {
    let wire = Wire::new()?;
    let echo = Echo::start(&wire.server, GAME, BUFFER)?;
    defend(&wire.server, column)?;
    let server = SocketAddr::new(wire.server.address(v6), GAME);
    if column != Column::Guide {
        play(&wire.internet, PlaySpec::ticks_128(server, BEFORE))?;
    }
    let before = echo.received();
    let spec = FloodSpec {
        core: super::stages::last_core(),
        ..FloodSpec::udp(server, sources)
    };
    let flood = Flood::start(&wire.internet, spec)?;
    if column == Column::Guide {
        pause(FLOOD_FIRST);
    }
    let seen = play(&wire.internet, PlaySpec::ticks_128(server, SECONDS))?;
    let report = flood.stop();
    let players = u64::from(seen.sent - seen.lost);
    let served = echo.received().saturating_sub(before + players);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 packets")]
    let served = served as f64 / report.sent.max(1) as f64 * 100.0;
    Ok((seen, report, served))
}
