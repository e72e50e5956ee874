//! Hosts with one set of rules or another.

use std::collections::BTreeMap;

use stadion_netlab::{Host, Namespace};
use stadion_network::facts::Facts;
use stadion_network::profile::Profile;
use stadion_network::rules::{self, Parts};
use stadion_network::shape;
use stadion_network::subject::{Subject, Wish};

use super::{Column, guide};
use crate::Failure;

/// The port of the game on UDP, and where bulk traffic goes.
pub(super) const GAME: u16 = 7_000;

/// The port of the game on TCP.
pub(super) const GAME_TCP: u16 = 25_565;

/// Gives `host` the defence of a column.
pub(super) fn defend(host: &Host, column: Column) -> Result<(), Failure> {
    match column {
        Column::None => Ok(()),
        Column::Guide => guide::protect(&host.space),
        Column::Ours => {
            let profile = profile("firewall:\n  games: [agones, minecraft]\n")?;
            let parts = Parts {
                firewall: true,
                protect: true,
                ..Parts::default()
            };
            carry_out(&host.space, &wishes(&host.space, &profile, parts)?)
        }
    }
}

/// Shapes what leaves `host` to `rate` as `stadion network traffic-shape` does.
pub(super) fn shape(host: &Host, rate: &str) -> Result<(), Failure> {
    let profile = profile(&format!("traffic_shape:\n  rate: {rate}\n"))?;
    let parts = Parts {
        shape: true,
        ..Parts::default()
    };
    carry_out(&host.space, &wishes(&host.space, &profile, parts)?)
}

fn profile(text: &str) -> Result<Profile, Failure> {
    Ok(Profile::parse("benchmark", text)?)
}

/// What the profile comes to on the host in `space`. To enter a namespace is for good, so a thread of its own does it.
fn wishes(space: &Namespace, profile: &Profile, parts: Parts) -> Result<Vec<Wish>, Failure> {
    let work = || -> Result<Vec<Wish>, String> {
        let text = |error: stadion_network::Error| error.to_string();
        let host = stadion_network::host::Host::netns(space.name()).map_err(text)?;
        let mut facts = Facts::gather(&host, &BTreeMap::new()).map_err(text)?;
        facts.qdiscs = shape::kinds::probe(&host);
        let mut made = rules::rules(profile, &facts, parts).map_err(text)?;
        if parts.shape {
            let shaping = shape::shape(&profile.traffic_shape, &facts).map_err(text)?;
            made.wishes.extend(shaping.wishes);
            made.skips.extend(shaping.skips);
        }
        match made.skips.as_slice() {
            [] => Ok(made.wishes),
            skips => Err(format!("this machine cannot have all rules: {skips:?}")),
        }
    };
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    Ok(done.map_err(|_| "the thread in the namespace panicked")??)
}

fn carry_out(space: &Namespace, wishes: &[Wish]) -> Result<(), Failure> {
    for wish in wishes {
        let want = wish.want.as_deref().unwrap_or_default();
        match &wish.subject {
            Subject::NftTable(_) => {
                space.nft(&rules::replace(want))?;
            }
            Subject::Qdisc(_) => {
                for line in want.lines() {
                    space.tool("tc", line)?;
                }
            }
            Subject::Sysctl(path) => {
                space.set(path.trim_start_matches("net/"), want)?;
            }
            other => return Err(format!("a benchmark does not change {other}").into()),
        }
    }
    Ok(())
}
