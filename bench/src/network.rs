//! The host's network: players beside floods, connections beside half-open ones, games on a full uplink, and what each
//! stage of a packet's way costs. Everything happens in network namespaces that the benchmark makes (`stadion-netlab`).
//!
//! Three columns each: with the rules of `stadion network`, with the guide's own, and with none.

mod flood;
mod guide;
mod hosts;
mod shaping;
mod stages;
mod syn;

use crate::Failure;
use crate::figure::Figure;

pub(crate) const NAMES: [&str; 6] = [
    "network_flood_v4",
    "network_flood_v6",
    "network_syn",
    "network_shaping_udp",
    "network_shaping_tcp",
    "network_stages",
];

/// Which rules a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Ours,
    Guide,
    None,
}

impl Column {
    /// `None` first: it is what the others are compared with.
    const ALL: [Self; 3] = [Self::None, Self::Guide, Self::Ours];

    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Guide => "guide",
            Self::None => "none",
        }
    }
}

pub(crate) fn run(name: &str) -> Result<Vec<Figure>, Failure> {
    if let Some(reason) = stadion_netlab::unable() {
        return Err(reason.into());
    }
    match name {
        "network_flood_v4" => flood::run(false),
        "network_flood_v6" => flood::run(true),
        "network_syn" => syn::run(),
        "network_shaping_udp" => shaping::run(shaping::udp()),
        "network_shaping_tcp" => shaping::run(shaping::tcp()),
        _ => stages::run(),
    }
}

fn ms(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
