//! Whether players connect over TCP while somebody sends first segments and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use stadion_netlab::{Acceptor, Connects, Flood, FloodReport, FloodSpec, Sources, Wire, connects};

use super::hosts::{GAME_TCP, defend};
use super::{Column, guide, ms};
use crate::Failure;
use crate::figure::Figure;

const ATTEMPTS: u32 = 20;

/// Beyond this a player has gone. The kernel repeats the first segment after a second.
const TIMEOUT: Duration = Duration::from_millis(500);

pub(super) fn run() -> Result<Vec<Figure>, Failure> {
    let with_guide = guide::is_possible();
    let mut figures = Vec::new();
    for v6 in [false, true] {
        for column in Column::ALL {
            if column == Column::Guide && !with_guide {
                continue;
            }
            let (tried, flood) = beside(v6, column)?;
            let family = if v6 { "v6" } else { "v4" };
            let name = format!("network_syn_{family}_{}", column.name());
            figures.push(Figure::against(
                format!("{name}_connected"),
                tried.succeeded().into(),
                "",
                ATTEMPTS.into(),
                "attempts",
            ));
            if let Some(slowest) = tried.took.iter().max() {
                figures.push(Figure::alone(format!("{name}_slowest"), ms(*slowest), "ms"));
            }
            figures.push(Figure::alone(
                format!("{name}_flood"),
                flood.rate_per_s() / 1e3,
                "kpps",
            ));
        }
    }
    Ok(figures)
}

fn beside(v6: bool, column: Column) -> Result<(Connects, FloodReport), Failure> {
    let wire = Wire::new()?;
    let _acceptor = Acceptor::start(&wire.server, GAME_TCP)?;
    defend(&wire.server, column)?;
    let server = SocketAddr::new(wire.server.address(v6), GAME_TCP);
    let spec = FloodSpec {
        core: super::stages::last_core(),
        ..FloodSpec::syn(server, Sources::Spoofed(50_000))
    };
    let flood = Flood::start(&wire.internet, spec)?;
    // Every queue that can fill has to be full before the first attempt.
    stadion_netlab::pause(TIMEOUT);
    let tried = connects(&wire.internet, server, ATTEMPTS, TIMEOUT)?;
    Ok((tried, flood.stop()))
}
