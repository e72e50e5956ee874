//! What a packet costs at each stage of its way through a host, beside a plain delivery to a socket.
//!
//! One core sends raw frames over a cable of two virtual interfaces, and the same core works on them where they arrive, so
//! the time of sending a fixed number is the time of all their stages. What the sending takes by itself is measured on a
//! cable that ends nowhere, and subtracted.

use std::net::SocketAddr;

use stadion_netlab::{Flood, FloodSpec, Host, Sources, Wire};

use stadion_network::profile::Profile;
use stadion_network::xdp::{self, Mode, Wanted};

use super::hosts::{GAME, defend};
use super::{Column, guide};
use crate::Failure;
use crate::figure::Figure;

/// Long beside a tick of the scheduler, short beside a minute for all stages.
const PACKETS: u64 = 200_000;

/// The best of this many counts: everything that disturbs makes it slower.
const RUNS: usize = 7;

const SPOOFED: Sources = Sources::Spoofed(50_000);
const ONE: Sources = Sources::One { ports: 1 };

/// A way of a packet.
struct Stage {
    name: &'static str,
    /// Rules of nftables, in the server's namespace.
    rules: &'static str,
    sources: Sources,
}

const fn stage(name: &'static str, sources: Sources, rules: &'static str) -> Stage {
    Stage {
        name,
        rules,
        sources,
    }
}

const STAGES: [Stage; 10] = [
    stage("ingress_drop", ONE, "table netdev s { chain c { type filter hook ingress device eth0 priority 0;\n udp dport 7000 drop\n }\n }"),
    stage("prerouting_drop", ONE, "table inet s { chain c { type filter hook prerouting priority -300;\n udp dport 7000 drop\n }\n }"),
    stage("gate_drop", SPOOFED, "table inet s { set known { type ipv4_addr; size 131072; flags dynamic,timeout; timeout 120s; }
        chain c { type filter hook prerouting priority -300;
        ip saddr @known accept
        udp dport 7000 limit rate over 500/second burst 500 packets drop
        add @known { ip saddr }
        }\n }"),
    stage("meter_drop", ONE, METER),
    stage("meter_pass", SPOOFED, METER),
    stage("conntrack_established", ONE, "table inet s { chain c { type filter hook input priority 0;\n ct state established accept\n }\n }"),
    stage("conntrack_new", SPOOFED, "table inet s { chain c { type filter hook input priority 0;\n ct state established accept\n }\n }"),
    stage("input_drop", ONE, "table inet s { chain c { type filter hook input priority 0;\n udp dport 7000 drop\n }\n }"),
    stage("input_drop_conntrack_one", ONE, INPUT_DROP),
    stage("input_drop_conntrack", SPOOFED, INPUT_DROP),
];

const METER: &str = "table inet s { set flows { type ipv4_addr . inet_service; size 131072; flags dynamic,timeout; timeout 20s; }
    chain c { type filter hook prerouting priority -300;
    update @flows { ip saddr . udp sport limit rate over 200/second burst 100 packets } drop
    }\n }";

const INPUT_DROP: &str = "table inet s { chain c { type filter hook input priority 0;
    ct state established accept
    udp dport 7000 drop
    }\n }";

pub(super) fn run() -> Result<Vec<Figure>, Failure> {
    let sending = |sources| {
        let host = Host::alone()?;
        // Of the same family and as far away as the server is.
        best(&host, "26.200.0.1:7000".parse()?, sources)
    };
    let (sending_one, sending_spoofed) = (sending(ONE)?, sending(SPOOFED)?);
    let of_sending = |sources: Sources| match sources {
        Sources::Spoofed(_) => sending_spoofed,
        Sources::One { .. } => sending_one,
    };
    let delivery = on_server(ONE, |_| Ok(()))? - sending_one;
    let delivery_spoofed = on_server(SPOOFED, |_| Ok(()))? - sending_spoofed;
    let mut figures = vec![
        Figure::alone("network_stage_sending", sending_one, "ns"),
        Figure::alone("network_stage_delivery", delivery, "ns"),
        Figure::against(
            "network_stage_delivery_spoofed",
            delivery_spoofed,
            "ns",
            delivery,
            DELIVERY,
        ),
    ];
    for stage in STAGES {
        let cost = on_server(stage.sources, |wire| {
            wire.server.space.nft(stage.rules)?;
            Ok(())
        })?;
        figures.push(figure(
            stage.name,
            cost - of_sending(stage.sources),
            delivery,
        ));
    }
    for (name, mode) in [
        ("xdp_generic_drop", Mode::Generic),
        ("xdp_native_drop", Mode::Native),
    ] {
        match on_server(ONE, |wire| attach(wire, mode)) {
            Ok(cost) => figures.push(figure(name, cost - sending_one, delivery)),
            Err(error) => eprintln!("stadion-bench: {name} is left out: {error}"),
        }
    }
    let mut columns = vec![
        (Column::Ours, "whole_table_spoofed", SPOOFED),
        (Column::Ours, "whole_table_one", ONE),
    ];
    if guide::is_possible() {
        columns.extend([
            (Column::Guide, "guide_recent_spoofed", SPOOFED),
            (Column::Guide, "guide_recent_one", ONE),
        ]);
    }
    for (column, name, sources) in columns {
        let cost = on_server(sources, |wire| defend(&wire.server, column))?;
        figures.push(figure(name, cost - of_sending(sources), delivery));
    }
    Ok(figures)
}

/// Puts the stage of XDP before the rules; it drops what one source sends beyond its limit.
fn attach(wire: &Wire, mode: Mode) -> Result<(), Failure> {
    let wanted = Wanted::of(&Profile::default())?;
    let attached = wire.server.space.run(|| {
        let stage = xdp::Stage::load(&wanted)?;
        stage.attach(wire.server.interface(), mode)
    })?;
    Ok(attached?)
}

const DELIVERY: &str = "a plain delivery";

fn figure(name: &str, cost: f64, delivery: f64) -> Figure {
    Figure::against(
        format!("network_stage_{name}"),
        cost,
        "ns",
        delivery,
        DELIVERY,
    )
}

/// Nanoseconds per packet on a wire whose server was prepared, with a socket that is full and never read.
fn on_server(
    sources: Sources,
    prepare: impl FnOnce(&Wire) -> Result<(), Failure>,
) -> Result<f64, Failure> {
    let wire = Wire::new()?;
    prepare(&wire)?;
    let address = (wire.server.v4, GAME);
    let socket = wire
        .server
        .space
        .run(|| std::net::UdpSocket::bind(address))??;
    let cost = best(&wire.internet, address.into(), sources);
    drop(socket);
    cost
}

/// Nanoseconds per packet of the best run.
fn best(host: &Host, to: SocketAddr, sources: Sources) -> Result<f64, Failure> {
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let spec = FloodSpec {
            packets: Some(PACKETS),
            core: last_core(),
            ..FloodSpec::udp(to, sources)
        };
        let report = Flood::start(host, spec)?.finish();
        #[expect(clippy::cast_precision_loss, reason = "a million packets at most")]
        let packets = (report.sent + report.refused) as f64;
        best = best.min(report.lasted.as_secs_f64() * 1e9 / packets);
    }
    Ok(best)
}

/// The core that floods: the last one, since most of what a machine does by itself is on the first.
pub(super) fn last_core() -> Option<usize> {
    let cores = std::thread::available_parallelism().ok()?;
    (cores.get() > 1).then(|| cores.get() - 1)
}
