//! Traffic shaping: what leaves a host queues on the host, and games do not wait in that queue.
//!
//! Two halves. The rules of our table tell which packets are a game's, by the port that they come *from* (clients have
//! any), and give them the priority [`GAME`]; `rules` puts [`classify`] into the table. The qdisc of each interface, made
//! by [`shape`], sends what has that priority first. Packets that arrive cannot be shaped, only dropped: that is
//! `ddos_protect`.

mod classify;
pub mod kinds;
mod tree;

pub(crate) use classify::classify;

use crate::facts::{Facts, Interface};
use crate::profile::shape::{BitRate, Discipline, Shape};
use crate::subject::{Risk, Scope, Subject, Wish};
use crate::{Error, Result, Skip};

/// The class of game packets, as a priority that both disciplines understand: of HTB it is the class that we make, and
/// for CAKE with four tins it is the third, "video", in which it puts CS4 as well (`sch_cake.c`, `cake_select_tin`).
pub const GAME: &str = "1:3";

/// Everything else: of HTB the default class, of CAKE the tin "best effort".
pub const BULK: &str = "1:2";

/// Beyond this, CAKE's one lock costs more than its better queue is worth.
const CAKE_MAX: BitRate = BitRate(2_000_000_000);

/// Beyond this, one root qdisc in place of one per queue of the NIC costs throughput.
const ONE_QUEUE_MAX: BitRate = BitRate(5_000_000_000);

/// What shaping comes to on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shaping {
    /// One qdisc for each interface.
    pub wishes: Vec<Wish>,
    /// What this host cannot have, and why.
    pub skips: Vec<Skip>,
    /// What the one who reads the plan should know.
    pub notes: Vec<String>,
}

/// The qdiscs that `profile` wants on a host. They do nothing without the rules of [`crate::rules`] with their part
/// `shape`.
///
/// # Errors
/// [`Error::Refused`] with the next step: the rate is not known, an interface is not there. [`Error::Profile`] for shares
/// that cannot be.
pub fn shape(profile: &Shape, facts: &Facts) -> Result<Shaping> {
    check(profile)?;
    let mut shaping = Shaping::default();
    let Some(kinds) = &facts.qdiscs else {
        shaping.skips.push(Skip::new(
            "traffic_shape",
            "cannot tell which queueing disciplines this kernel has: run it as root, with `tc` (iproute2) and `unshare` \
             (util-linux) installed",
        ));
        return Ok(shaping);
    };
    for interface in interfaces(profile, facts)? {
        let rate = rate(profile, interface)?;
        let cake = kinds.iter().any(|kind| kind == "cake");
        let htb = kinds.iter().any(|kind| kind == "htb");
        let take_cake = match profile.discipline {
            Discipline::Auto => cake && rate <= CAKE_MAX,
            Discipline::Htb => false,
            Discipline::Cake => true,
        };
        let missing = match (take_cake, cake, htb) {
            (true, false, _) => Some("cake"),
            (false, _, false) => Some("htb"),
            _ => None,
        };
        if let Some(kind) = missing {
            shaping.skips.push(Skip::new(
                format!("traffic_shape of {}", interface.name),
                format!("this kernel has no `{kind}` (module sch_{kind})"),
            ));
            continue;
        }
        let want = if take_cake {
            tree::cake(&interface.name, rate)
        } else {
            tree::htb(profile, interface, rate, kinds)
        };
        shaping.notes.extend(notes(interface, rate));
        shaping.wishes.push(Wish {
            subject: Subject::Qdisc(interface.name.clone()),
            want: Some(want),
            scope: Scope::Netns,
            reason: format!("games pass the queue of everything else, which leaves at {rate}"),
            risk: Risk::Medium,
        });
    }
    Ok(shaping)
}

/// The interfaces that are shaped.
pub(crate) fn interfaces<'a>(profile: &Shape, facts: &'a Facts) -> Result<Vec<&'a Interface>> {
    let known = || {
        let outward = facts.interfaces.iter().filter(|known| !known.loopback);
        let names: Vec<&str> = outward.map(|known| known.name.as_str()).collect();
        match names[..] {
            [] => "there is none but the loopback interface".to_owned(),
            _ => format!("there are: {}", names.join(", ")),
        }
    };
    if profile.interfaces.is_empty() {
        let uplinks: Vec<&Interface> = facts.uplinks().collect();
        if uplinks.is_empty() {
            return Err(Error::Refused(format!(
                "no default route tells which interface is the uplink: name it with `--interface` ({})",
                known()
            )));
        }
        return Ok(uplinks);
    }
    let find = |name: &String| {
        let found = facts.interface(name).filter(|found| !found.loopback);
        found.ok_or_else(|| {
            Error::Refused(format!(
                "there is no interface `{name}` to shape ({})",
                known()
            ))
        })
    };
    profile.interfaces.iter().map(find).collect()
}

fn check(profile: &Shape) -> Result<()> {
    let wrong = |what: &str| {
        Err(Error::Profile {
            path: "traffic_shape".into(),
            what: what.into(),
        })
    };
    // Bulk keeps a tenth: without any, downloads stall, and with them the updates of the host itself.
    if !(1..=90).contains(&profile.game_percent) {
        return wrong("`game_percent` is a share from 1 to 90");
    }
    if !(100 - profile.game_percent..=100).contains(&profile.bulk_ceiling_percent) {
        return wrong(
            "`bulk_ceiling_percent` is a share between what `game_percent` leaves and 100",
        );
    }
    if profile
        .rate_percent
        .is_some_and(|percent| !(1..=100).contains(&percent))
    {
        return wrong("`rate_percent` is a share from 1 to 100");
    }
    Ok(())
}

fn rate(profile: &Shape, interface: &Interface) -> Result<BitRate> {
    if let Some(rate) = profile.rate {
        return Ok(rate);
    }
    let name = &interface.name;
    let Some(percent) = profile.rate_percent else {
        return Err(Error::Refused(format!(
            "the rate of the uplink behind {name} is not known, and shaping without it does nothing: measure what leaves \
             by it and give 90 to 95 % of that with `--rate`, such as `--rate 950mbit`"
        )));
    };
    let speed = interface.speed_mbps.filter(|speed| *speed > 0).ok_or_else(|| {
        Error::Refused(format!(
            "the driver of {name} does not know the speed of its link, so {percent} % of it is not known either: give the \
             rate with `--rate`, such as `--rate 950mbit`"
        ))
    })?;
    Ok(share(BitRate(u64::from(speed) * 1_000_000), percent))
}

/// `percent` of `rate`.
fn share(rate: BitRate, percent: u8) -> BitRate {
    BitRate(rate.0 / 100 * u64::from(percent))
}

fn notes(interface: &Interface, rate: BitRate) -> Vec<String> {
    let name = &interface.name;
    let mut notes = Vec::new();
    if let Some(speed) = interface.speed_mbps
        && rate.0 >= u64::from(speed) * 1_000_000
    {
        notes.push(format!(
            "{name}: {rate} is not below the speed of the link ({speed} Mbit/s): nothing will queue here, so nothing is \
             shaped"
        ));
    }
    if interface.tx_queues > 1 && rate > ONE_QUEUE_MAX {
        notes.push(format!(
            "{name}: one queue takes the place of the {} of the NIC, and at {rate} its lock can cost throughput; \
             consider `fq` with a pacing rate per socket, or the bandwidth manager of Cilium",
            interface.tx_queues
        ));
    }
    notes
}

#[cfg(test)]
mod tests;
