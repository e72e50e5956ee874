//! The stage before nftables: a small program that drops what is blocked and what one source sends too much of, before the
//! kernel makes a packet of it (XDP). A drop here costs about a sixth of one by nftables.
//!
//! The program is written in instructions ([`program`]), so that no compiler is needed where it is built or loaded. It judges
//! by less than the rules do and passes everything that it does not know (VLAN tags, IP options, fragments): behind it, the
//! rules hold as if it were not there.

mod assemble;
pub(crate) mod interface;
mod kernel;
mod program;

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::facts::Facts;
use crate::host::{Host, file_error};
use crate::profile::Profile;
use crate::profile::firewall::{Ports, Protocol};
use crate::profile::protect::{Rate, Xdp};
use crate::rules::net::{self, Net};
use crate::rules::ports::PortMap;
use crate::subject::{Risk, Scope, Subject, Wish};
use crate::{Error, Result, Skip};
use kernel::{Kind, Loaded, Map};
use program::{COUNTERS, DROPPED_BLOCKED, DROPPED_SOURCE, MEASURED, Maps};

/// How a program is attached to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the driver, before there is a packet: not every driver can.
    Native,
    /// In the kernel, right behind the driver: every interface can, and it costs more.
    Generic,
}

impl Mode {
    /// `XDP_FLAGS_DRV_MODE` and `XDP_FLAGS_SKB_MODE`.
    const fn flags(self) -> u32 {
        match self {
            Self::Native => 4,
            Self::Generic => 2,
        }
    }
}

/// What the program measures by.
#[derive(Clone, Copy, Debug)]
struct Limits {
    source: Rate,
}

impl Limits {
    /// What one datagram takes from a bucket, as time.
    const fn token_ns(self) -> u64 {
        let per_second = if self.source.per_second == 0 {
            1
        } else {
            self.source.per_second
        };
        1_000_000_000 / per_second as u64
    }

    /// How far ahead of now an empty bucket is.
    const fn empty_ns(self) -> u64 {
        self.source.burst.saturating_sub(1) as u64 * self.token_ns()
    }
}

/// What the stage shall do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// How it is attached.
    pub xdp: Xdp,
    /// UDP ports whose sources are measured.
    pub ports: Vec<Ports>,
    /// Sources that are always dropped, of both families.
    pub blocked: Vec<Net>,
    /// Datagrams of one source: an IPv4 address or an IPv6 /64.
    pub source: Rate,
    /// Sources that are remembered; the one that was quiet for longest is forgotten first.
    pub sources: u32,
}

impl Wanted {
    /// The share of a profile that can be decided so early: sources that are blocked, and the limit of one source. Relays
    /// that are trusted may send more than one source, so with any of them the limit is theirs.
    ///
    /// # Errors
    /// [`crate::Error::Profile`] for a game that the catalogue does not know.
    pub fn of(profile: &Profile) -> Result<Self> {
        let protect = &profile.ddos_protect;
        let map = PortMap::of(&profile.firewall)?;
        let mut blocked = net::family(&protect.blocked, false);
        blocked.extend(net::family(&protect.blocked, true));
        let source = if profile.firewall.trusted.is_empty() {
            protect.source
        } else {
            Rate {
                per_second: protect.source.per_second.max(protect.trusted.per_second),
                burst: protect.source.burst.max(protect.trusted.burst),
            }
        };
        Ok(Self {
            xdp: protect.xdp,
            ports: map.ranges(Protocol::Udp, |role, _| !role.is_private()),
            blocked,
            source,
            sources: protect.set_size,
        })
    }
}

/// What the stage has done since it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets of sources that are blocked.
    pub dropped_blocked: u64,
    /// Datagrams beyond the limit of one source.
    pub dropped_source: u64,
    /// Datagrams that were measured and let through.
    pub measured: u64,
}

/// The program with its maps, in the kernel.
#[derive(Debug)]
pub struct Stage {
    program: Loaded,
    counters: Map,
    /// The kernel keeps them as long as the program lives; we, to look at them.
    _maps: [Map; 3],
}

impl Stage {
    /// Gives the program and what it needs to the kernel.
    ///
    /// # Errors
    /// What the kernel answers; [`skip`] says it in words.
    pub fn load(wanted: &Wanted) -> io::Result<Self> {
        Self::named("stadion_guard", wanted)
    }

    fn named(name: &str, wanted: &Wanted) -> io::Result<Self> {
        let nets = u32::try_from(wanted.blocked.len()).map_err(io::Error::other)?;
        let blocked = Map::new(Kind::PrefixTrie, "stadion_block", 20, 1, nets.max(1))?;
        for net in &wanted.blocked {
            blocked.update(&trie_key(*net), &[1])?;
        }
        let ports = Map::new(Kind::Array, "stadion_ports", 4, 1, u32::from(u16::MAX) + 1)?;
        for range in &wanted.ports {
            for port in range.first..=range.last {
                ports.update(&u32::from(port).to_ne_bytes(), &[1])?;
            }
        }
        let buckets = Map::new(Kind::LruHash, "stadion_source", 16, 8, wanted.sources)?;
        let counters = Map::new(Kind::PerCpuArray, COUNTERS_NAME, 4, 8, COUNTERS)?;
        let maps = Maps {
            blocked: blocked.number(),
            ports: ports.number(),
            buckets: buckets.number(),
            counters: counters.number(),
        };
        let code = program::assemble(
            Limits {
                source: wanted.source,
            },
            maps,
        );
        Ok(Self {
            program: Loaded::new(name, &code)?,
            counters,
            _maps: [blocked, ports, buckets],
        })
    }

    /// Puts the program at an interface of the network namespace that the calling thread is in, where it stays.
    ///
    /// # Errors
    /// What the kernel answers; [`skip`] says it in words.
    pub fn attach(&self, interface: &str, mode: Mode) -> io::Result<()> {
        interface::put(interface, Some(self.program.descriptor()), mode)
    }

    /// What it has done.
    ///
    /// # Errors
    /// When the kernel does not say it.
    pub fn counts(&self) -> io::Result<Counts> {
        Counts::of(&self.counters)
    }
}

impl Counts {
    fn of(counters: &Map) -> io::Result<Self> {
        Ok(Self {
            dropped_blocked: counters.sum(DROPPED_BLOCKED)?,
            dropped_source: counters.sum(DROPPED_SOURCE)?,
            measured: counters.sum(MEASURED)?,
        })
    }
}

/// What our program at each interface has done since it was put there.
///
/// # Errors
/// [`Error::Privilege`] for those who may not look, and when `ip` is not there or says what we do not understand.
pub fn counts(host: &Host) -> Result<Vec<(String, Counts)>> {
    let mut found = Vec::new();
    // A directory has no kernel of its own.
    if !host.is_real() {
        return Ok(found);
    }
    for there in programs(&host.must_run("ip", &["-j", "link", "show"], "")?)? {
        // Only who may ask for programs is told their names.
        let Some(name) = there.name else {
            return Err(Error::Privilege {
                what: "looking at programs of XDP".into(),
                needs: "CAP_BPF",
                hint: "run it as root".into(),
            });
        };
        if !name.starts_with(NAME_START) {
            continue;
        }
        let failed = |source| {
            file_error(
                "asking the program of XDP at",
                Path::new(&there.interface),
                source,
            )
        };
        let counts = kernel::counters_of(there.number, COUNTERS_NAME)
            .and_then(|map| map.map(|map| Counts::of(&map)).transpose());
        match counts {
            // Taken away in this moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            counts => found.extend(
                counts
                    .map_err(failed)?
                    .map(|counts| (there.interface, counts)),
            ),
        }
    }
    Ok(found)
}

/// A program of XDP at an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct There {
    interface: String,
    number: u32,
    name: Option<String>,
}

/// The programs that `ip -j link show` lists.
pub(crate) fn programs(json: &str) -> Result<Vec<There>> {
    let links: Vec<Value> = serde_json::from_str(json).map_err(|error| Error::Parse {
        what: "ip -j link show".into(),
        said: error.to_string(),
    })?;
    let there = |link: &Value| {
        let interface = link["ifname"].as_str()?.to_owned();
        let program = &link["xdp"]["prog"];
        // A NIC with a processor of its own can have two, and then none is the one (`xdp_dump_json` of iproute2).
        if program.is_null() && link["xdp"]["attached"].get(0).is_some() {
            return Some(There {
                interface,
                number: 0,
                name: Some("beside another".into()),
            });
        }
        Some(There {
            interface,
            number: u32::try_from(program["id"].as_u64()?).ok()?,
            name: program["name"].as_str().map(str::to_owned),
        })
    };
    Ok(links.iter().filter_map(there).collect())
}

/// The key of a network in a trie of prefixes (`struct bpf_lpm_trie_key`): bits that count, then the address as IPv6.
fn trie_key(net: Net) -> [u8; 20] {
    let (address, bits) = net.as_v6();
    let mut key = [0; 20];
    key[..4].copy_from_slice(&u32::from(bits).to_ne_bytes());
    key[4..].copy_from_slice(&address.octets());
    key
}

/// Why the stage is left out, in words.
#[must_use]
pub fn skip(facts: &Facts, error: &io::Error) -> Skip {
    let reason = match error.kind() {
        io::ErrorKind::PermissionDenied if facts.container => {
            "loading programs of XDP needs CAP_BPF and CAP_NET_ADMIN of the node, which this container has not".into()
        }
        io::ErrorKind::PermissionDenied => "loading programs of XDP needs root (CAP_BPF, CAP_NET_ADMIN)".into(),
        io::ErrorKind::ResourceBusy => "another program of XDP is attached there".into(),
        io::ErrorKind::Unsupported => "this kernel or the interface's driver has no XDP".into(),
        io::ErrorKind::InvalidInput => format!("this kernel's XDP lacks something: {error}"),
        _ => error.to_string(),
    };
    Skip::new(
        "xdp",
        format!("{reason}; the rules of nftables do the same at a higher price"),
    )
}

/// Why this machine cannot load the program; nothing: it can.
#[must_use]
pub fn probe(facts: &Facts) -> Option<Skip> {
    let least = Wanted {
        xdp: Xdp::Auto,
        ports: Vec::new(),
        blocked: Vec::new(),
        source: Rate::new(1, 1),
        sources: 1,
    };
    Stage::load(&least).err().map(|error| skip(facts, &error))
}

/// The stage that `profile` asks for, at each uplink.
///
/// # Errors
/// [`Error::Profile`] for a game that the catalogue does not know.
pub fn wishes(profile: &Profile, facts: &Facts) -> Result<(Vec<Wish>, Vec<Skip>)> {
    if profile.ddos_protect.xdp == Xdp::Off {
        return Ok((Vec::new(), Vec::new()));
    }
    if let Some(skip) = &facts.xdp_lacks {
        return Ok((Vec::new(), vec![skip.clone()]));
    }
    let text = serde_json::to_string(&Wanted::of(profile)?).map_err(|error| unreadable(&error))?;
    let wishes: Vec<Wish> = facts
        .uplinks()
        .map(|uplink| Wish {
            subject: Subject::Xdp(uplink.name.clone()),
            want: Some(text.clone()),
            scope: Scope::Netns,
            reason: "a drop before there is a packet costs a sixth of one by rules".into(),
            risk: Risk::Medium,
        })
        .collect();
    let skips = if wishes.is_empty() {
        vec![Skip::new(
            "xdp",
            "no interface has a default route, so none is known to face the outside",
        )]
    } else {
        Vec::new()
    };
    Ok((wishes, skips))
}

/// Where the text of the program `name` is kept until the next boot. By that name, because those of interfaces change, and
/// several may have one program.
fn text_path(name: &str) -> String {
    format!("/run/stadion-network-xdp/{name}")
}

/// The map that counts, by its name in the kernel.
const COUNTERS_NAME: &str = "stadion_count";
/// Keeps the text of a program where [`read`] finds it. Another run may keep the same one at the same time, in another
/// namespace: each writes for itself, and what is there has always been whole.
fn keep(host: &Host, text: &str) -> Result<()> {
    let path = text_path(&program_name(text));
    if host.read(&path)?.as_deref() == Some(text) {
        return Ok(());
    }
    let own = format!("{path}.{}", std::process::id());
    host.replace(&own, text, 0o600)?;
    fs::rename(host.at(&own), host.at(&path))
        .map_err(|source| file_error("writing", Path::new(&path), source))
}

/// What the names of our programs begin with.
const NAME_START: &str = "st_";

/// Begins with what tells our programs; 48 bits of a digest of the text tell them apart (the kernel takes 15 letters).
fn program_name(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(6)
        .fold(String::from(NAME_START), |name, byte| {
            name + &format!("{byte:02x}")
        })
}

fn unreadable(error: &serde_json::Error) -> Error {
    Error::Parse {
        what: "what XDP shall do".into(),
        said: error.to_string(),
    }
}

/// What is at an interface: the text that it was made from where it is ours, else who it is; nothing: no program.
///
/// # Errors
/// When `ip` is not there or says what we do not understand.
pub fn read(host: &Host, interface: &str) -> Result<Option<String>> {
    let output = host.run("ip", &["-j", "link", "show", "dev", interface], "")?;
    let command = format!("ip -j link show dev {interface}");
    if !output.success {
        // Only an interface that is gone has surely no program; any other failure is not to be taken for one.
        return if output.stderr.contains("does not exist") {
            Ok(None)
        } else {
            Err(Error::Tool {
                command,
                said: output.stderr,
            })
        };
    }
    let Some(there) = programs(&output.stdout)?.pop() else {
        return Ok(None);
    };
    let name = there.name.as_deref().unwrap_or("without a name");
    // The name is somebody else's word.
    let text = match name.strip_prefix(NAME_START) {
        Some(digest) if digest.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            host.read(&text_path(name))?
        }
        _ => None,
    };
    Ok(Some(match text {
        Some(text) if program_name(&text) == name => text,
        _ => format!("program {} {name}", there.number),
    }))
}

/// Whether a state that [`read`] told is one of ours, and can be put back.
#[must_use]
pub fn is_ours(state: &str) -> bool {
    serde_json::from_str::<Wanted>(state).is_ok()
}

/// Puts the program of `text` at an interface; nothing: takes ours away.
///
/// # Errors
/// [`Error::Refused`] when somebody else's program is there, and what the kernel answers.
pub fn write(host: &Host, interface: &str, text: Option<&str>) -> Result<()> {
    let failed = |what: &'static str| {
        move |source: io::Error| Error::File {
            what,
            path: interface.into(),
            source,
        }
    };
    if let Some(there) = read(host, interface)? {
        if !is_ours(&there) {
            return Err(Error::Refused(format!(
                "{interface} has a program of XDP that is not ours ({there})"
            )));
        }
        // One mode cannot take the place of the other.
        let gone = [Mode::Native, Mode::Generic].map(|mode| interface::put(interface, None, mode));
        if read(host, interface)?.is_some() {
            gone.into_iter()
                .collect::<io::Result<Vec<()>>>()
                .map_err(failed("taking the program of XDP from"))?;
        }
    }
    let Some(text) = text else {
        return Ok(());
    };
    // fuzzed as xdp::is_ours
    let wanted: Wanted = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    let stage = Stage::named(&program_name(text), &wanted)
        .map_err(failed("loading the program of XDP for"))?;
    // First the text: a program whose text nobody has could not be told from somebody else's.
    keep(host, text)?;
    let attach = |mode| stage.attach(interface, mode);
    match wanted.xdp {
        Xdp::Off => Ok(()),
        Xdp::Native => attach(Mode::Native),
        Xdp::Generic => attach(Mode::Generic),
        Xdp::Auto => attach(Mode::Native).or_else(|_| attach(Mode::Generic)),
    }
    .map_err(failed("attaching the program of XDP to"))
}

#[cfg(test)]
mod tests;
