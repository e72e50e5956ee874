//! The qdiscs of an interface, as lines for `tc -batch` (tc(8), tc-htb(8), tc-cake(8)).

use std::fmt::Write as _;

use super::{BULK, GAME, share};
use crate::facts::Interface;
use crate::profile::shape::{BitRate, Shape};

/// The header of Ethernet, which the kernel counts as part of a packet.
const ETHERNET_BYTES: u64 = 14;

/// What a class may send at once, beyond two full packets: as much as leaves in this many microseconds. More would stand
/// in the queue beyond; less costs a timer per packet at high rates.
const BURST_US: u64 = 100;

/// A full queue of game packets delays by this much at most; older ticks are worth nothing.
const GAME_QUEUE_US: u64 = 20_000;

/// The same for everything else, where the kernel has no queue that manages itself.
const BULK_QUEUE_US: u64 = 100_000;

/// Bounds of a queue in packets: enough for one tick of a full server, and the length that the kernel gives interfaces.
const QUEUE_PACKETS: (u64, u64) = (64, 1_000);

/// A root class, whose rate all share, and below it games before everything else.
pub(super) fn htb(
    profile: &Shape,
    interface: &Interface,
    rate: BitRate,
    kinds: &[String],
) -> String {
    let name = &interface.name;
    let packet = u64::from(interface.mtu.max(1_500)) + ETHERNET_BYTES;
    let bulk = share(rate, 100 - profile.game_percent);
    let ceiling = share(rate, profile.bulk_ceiling_percent);
    let mut lines = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        writeln!(lines, "{text}").expect("invariant: writing to a string cannot fail");
    };
    let default = BULK.trim_start_matches("1:");
    line(format_args!(
        "qdisc add dev {name} root handle 1: htb default {default}"
    ));
    let mut class = |parent: &str, id: &str, rate: BitRate, ceiling: BitRate, rest: &str| {
        let (burst, cburst) = (burst(rate, packet), burst(ceiling, packet));
        line(format_args!(
            "class add dev {name} parent {parent} classid {id} htb rate {rate} ceil {ceiling} burst {burst} cburst {cburst}{rest}"
        ));
    };
    class("1:", "1:1", rate, rate, "");
    // Packets that a class may send in its turn when both borrow: without it tc derives one that is far too large.
    let game = share(rate, profile.game_percent);
    class(
        "1:1",
        GAME,
        game,
        rate,
        &format!(" prio 0 quantum {packet}"),
    );
    class(
        "1:1",
        BULK,
        bulk,
        ceiling,
        &format!(" prio 1 quantum {}", 2 * packet),
    );
    for (id, handle, leaf) in [
        (GAME, "30:", game_leaf(rate, packet, kinds)),
        (BULK, "20:", bulk_leaf(ceiling, packet, kinds)),
    ] {
        line(format_args!(
            "qdisc add dev {name} parent {id} handle {handle} {leaf}"
        ));
    }
    lines
}

/// One qdisc that does all of it; its tins are chosen by the priority and by the mark.
pub(super) fn cake(name: &str, rate: BitRate) -> String {
    format!("qdisc add dev {name} root handle 1: cake bandwidth {rate} diffserv4\n")
}

fn burst(rate: BitRate, packet: u64) -> u64 {
    (rate.0 / 8 * BURST_US / 1_000_000).max(2 * packet)
}

fn packets(rate: BitRate, packet: u64, queue_us: u64) -> u64 {
    let (least, most) = QUEUE_PACKETS;
    (rate.0 / 8 * queue_us / 1_000_000 / packet).clamp(least, most)
}

/// Flows of players apart from each other where that does not reorder; a short queue otherwise. Never `sfq`: its buckets
/// are shared by chance, and with `perturb` it reorders.
fn game_leaf(rate: BitRate, packet: u64, kinds: &[String]) -> String {
    if has(kinds, "fq_codel") {
        return "fq_codel".into();
    }
    format!("pfifo limit {}", packets(rate, packet, GAME_QUEUE_US))
}

fn bulk_leaf(rate: BitRate, packet: u64, kinds: &[String]) -> String {
    match ["fq_codel", "sfq"]
        .into_iter()
        .find(|kind| has(kinds, kind))
    {
        Some(kind) => kind.into(),
        None => format!("pfifo limit {}", packets(rate, packet, BULK_QUEUE_US)),
    }
}

fn has(kinds: &[String], kind: &str) -> bool {
    kinds.iter().any(|known| known == kind)
}
