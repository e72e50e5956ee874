//! A 128-tick player behind a line of 50 Mbit/s that is full of bulk traffic.

use std::net::SocketAddr;

use stadion_netlab::{
    Bottleneck, Bulk, BulkKind, Echo, Line, Play, PlaySpec, monotonic, pause, play,
};

use super::hosts::{self, GAME};
use super::{guide, ms};
use crate::Failure;
use crate::figure::Figure;

/// 500 kB at 50 Mbit/s are 80 ms, which is a short queue for an access line.
const LINE: Bottleneck = Bottleneck {
    rate_bits_per_s: 50_000_000,
    queue_bytes: 500_000,
};

/// 94 % of the line.
const SHAPED: &str = "47mbit";
const SHAPED_BITS_PER_S: u64 = 47_000_000;

/// The guide's own rate.
const GUIDE_BITS_PER_S: u64 = 10_000_000_000;

const BUFFER: usize = 4 << 20;
const SECONDS: u32 = 5;
const P99_LIMIT_MS: f64 = 5.0;

pub(super) fn udp() -> (&'static str, BulkKind) {
    let rate_bits_per_s = 60_000_000;
    ("udp", BulkKind::Udp { rate_bits_per_s })
}

pub(super) fn tcp() -> (&'static str, BulkKind) {
    ("tcp", BulkKind::Tcp { streams: 4 })
}

/// Who shapes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shaper {
    None,
    Guide,
    /// The guide's tree at the rate of the line.
    GuideFitted,
    Ours,
}

pub(super) fn run((name, kind): (&str, BulkKind)) -> Result<Vec<Figure>, Failure> {
    let with_guide = guide::is_possible();
    let mut figures = Vec::new();
    for (column, shaper) in [
        ("none", Shaper::None),
        ("guide", Shaper::Guide),
        ("guide_fitted", Shaper::GuideFitted),
        ("ours", Shaper::Ours),
    ] {
        if matches!(shaper, Shaper::Guide | Shaper::GuideFitted) && !with_guide {
            continue;
        }
        let (seen, bulk_mbit) = beside(shaper, kind)?;
        let name = format!("network_shaping_{name}_{column}");
        let p99 = ms(seen.latency(0.99));
        figures.push(Figure::against(
            format!("{name}_p99"),
            p99,
            "ms",
            P99_LIMIT_MS,
            "limit",
        ));
        figures.push(Figure::alone(
            format!("{name}_p50"),
            ms(seen.latency(0.5)),
            "ms",
        ));
        figures.push(Figure::alone(
            format!("{name}_lost"),
            seen.loss() * 100.0,
            "%",
        ));
        figures.push(Figure::alone(format!("{name}_bulk"), bulk_mbit, "Mbit/s"));
    }
    Ok(figures)
}

/// What the player saw, and what arrived of the bulk traffic in megabits per second.
fn beside(shaper: Shaper, kind: BulkKind) -> Result<(Play, f64), Failure> {
    let line = Line::new(LINE)?;
    match shaper {
        Shaper::None => {}
        Shaper::Guide => guide::shape(&line, GUIDE_BITS_PER_S)?,
        Shaper::GuideFitted => guide::shape(&line, SHAPED_BITS_PER_S)?,
        Shaper::Ours => hosts::shape(&line.server, SHAPED)?,
    }
    let _echo = Echo::start(&line.server, GAME, BUFFER)?;
    let bulk = Bulk::start(&line.server, &line.player, 9_000, kind)?;
    pause(std::time::Duration::from_secs(1));
    let server = SocketAddr::new(line.server.address(false), GAME);
    let (from, start) = (bulk.received(), monotonic());
    let seen = play(&line.player, PlaySpec::ticks_128(server, SECONDS))?;
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let bits = (bulk.received() - from) as f64 * 8.0;
    let bulk_mbit = bits / (monotonic() - start).as_secs_f64() / 1e6;
    Ok((seen, bulk_mbit))
}
