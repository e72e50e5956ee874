//! The rules of nftables: protection and firewall, as text for one table that is ours alone.
//!
//! Everything here is a pure function of a profile and of what the host is. The text describes the whole table; whoever
//! loads it puts [`replace`] around it, so that the kernel changes from the old rules to the new ones between two packets.
//! A *drop* of ours is final, an *accept* ends only our own chain: rules of other software still apply.

pub mod catalogue;
mod firewall;
pub mod foreign;
mod guard;
pub mod kept;
pub mod net;
pub(crate) mod ports;
mod protect;
pub(crate) mod text;

pub use protect::COUNTERS;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::facts::Facts;
use crate::profile::Profile;
use crate::subject::{Risk, Scope, Subject, Wish};
use crate::{Result, Skip};
use ports::PortMap;
use text::Text;

/// The family and the name of our table.
pub const TABLE: &str = "inet stadion";

/// Which halves of the table are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The ports that are open.
    pub firewall: bool,
    /// The defence against floods.
    pub protect: bool,
    /// Which packets that leave are a game's, for [`crate::shape`].
    pub shape: bool,
}

impl Parts {
    /// The halves that are in a table, from its listing or its text: its comment names them.
    #[must_use]
    pub fn of_table(listing: &str) -> Self {
        let comment = listing
            .lines()
            .find_map(|line| line.trim().strip_prefix("comment \""))
            .unwrap_or_default();
        let has = |word| comment.split([' ', '"']).any(|part| part == word);
        Self {
            firewall: has("firewall"),
            protect: has("ddos-protect"),
            shape: has("traffic-shape"),
        }
    }

    /// Both what is here and what is in `other`: one verb leaves alone what the other one made.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            firewall: self.firewall || other.firewall,
            protect: self.protect || other.protect,
            shape: self.shape || other.shape,
        }
    }
}

/// Something of nftables that a kernel can be without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// `notrack`.
    Notrack,
    /// `synproxy`.
    Synproxy,
    /// `ct count`.
    ConnectionCount,
}

impl Feature {
    /// Every one, with a table that `nft -c` takes only where the kernel has it.
    pub const PROBES: [(Self, &str); 3] = [
        (
            Self::Notrack,
            "table inet stadion_probe { chain c { type filter hook prerouting priority raw; notrack; }; }",
        ),
        (
            Self::Synproxy,
            "table inet stadion_probe { chain c { type filter hook input priority filter; synproxy mss 1460 wscale 7; }; }",
        ),
        (
            Self::ConnectionCount,
            "table inet stadion_probe { set s { type ipv4_addr; size 16; flags dynamic; }; \
             chain c { type filter hook input priority filter; add @s { ip saddr ct count over 1 } drop; }; }",
        ),
    ];
}

/// What the rules of a profile come to on a host.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The table first, then the settings of the kernel that it needs.
    pub wishes: Vec<Wish>,
    /// What this host cannot have, and why.
    pub skips: Vec<Skip>,
    /// What the one who reads the plan should know.
    pub notes: Vec<String>,
}

/// The rules of `profile` on a host.
///
/// # Errors
/// [`crate::Error::Profile`] for numbers and names that cannot be, and [`crate::Error::Refused`] when the session that
/// applies the rules could not come back.
pub fn rules(profile: &Profile, facts: &Facts, parts: Parts) -> Result<Rules> {
    let mut rules = Rules::default();
    if parts == Parts::default() {
        return Ok(rules);
    }
    let (firewall, protect) = (&profile.firewall, &profile.ddos_protect);
    guard::numbers(firewall, protect)?;
    let map = PortMap::of(firewall)?;
    guard::session(profile, facts, parts, &map)?;
    rules.skips.extend(map.skips.iter().cloned());
    let mut body = Text::new();
    let plan = protect::Plan::of(protect, facts, &map);
    if parts.firewall {
        firewall::declare(&mut body, firewall, &map);
    }
    if parts.protect {
        protect::declare(&mut body, protect, facts, &map, &plan);
        protect::chains(&mut body, profile, facts, &plan);
        rules.skips.extend(plan.skips.iter().cloned());
    }
    protect::shared_sets(&mut body, firewall, &map);
    if parts.firewall {
        firewall::chains(&mut body, firewall, facts);
        firewall::tell(&mut rules, firewall, facts, &map);
    }
    if parts.shape {
        crate::shape::classify(&mut body, &profile.traffic_shape, facts, &map);
    }
    rules.wishes.push(table(parts, &body));
    if parts.protect {
        rules.wishes.extend(protect::settings(&plan));
        rules.notes.extend(protect::notes(&plan));
        let (wishes, skips) = crate::xdp::wishes(profile, facts)?;
        rules.wishes.extend(wishes);
        rules.skips.extend(skips);
    }
    Ok(rules)
}

fn table(parts: Parts, body: &Text) -> Wish {
    let mut names = Vec::new();
    if parts.firewall {
        names.push("firewall");
    }
    if parts.protect {
        names.push("ddos-protect");
    }
    if parts.shape {
        names.push("traffic-shape");
    }
    // 64 bits tell versions of one table apart; this is no signature.
    let digest = Sha256::digest(body.as_str().as_bytes());
    let digest: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let comment = format!("{} {digest}", names.join(" "));
    let body = body.as_str();
    Wish {
        subject: Subject::NftTable(TABLE.into()),
        want: Some(format!(
            "table {TABLE} {{\n\tcomment \"{comment}\"\n{body}}}\n"
        )),
        scope: Scope::Netns,
        reason: match (parts.firewall, parts.protect) {
            (true, false) => {
                "only the ports of the profile are open, RCON and administration to trusted sources"
            }
            (false, false) => "packets of games are told from others, for the queue of the uplink",
            (false, true) => "floods are dropped before they cost the servers anything",
            (true, true) => "floods are dropped, and only the ports of the profile are open",
        }
        .into(),
        risk: if parts.firewall {
            Risk::High
        } else {
            Risk::Medium
        },
    }
}

/// The digest that the comment of our table carries, from its listing or its text: two tables with the same one were made
/// from the same text.
#[must_use]
pub fn digest(listing: &str) -> Option<&str> {
    listing
        .lines()
        .find_map(|line| line.trim().strip_prefix("comment \""))?
        .trim_end_matches('"')
        .rsplit(' ')
        .next()
}

/// `text` of a whole table so that it takes the place of the one that is there, in one transaction: a table that is not
/// there yet is added first, because only what exists can be deleted.
#[must_use]
pub fn replace(text: &str) -> String {
    format!("add table {TABLE}\ndelete table {TABLE}\n{text}")
}

#[cfg(test)]
mod tests;
