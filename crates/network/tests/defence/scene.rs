//! The host to be defended, its profile, and what is read from it.

use std::net::IpAddr;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use stadion_netlab::{Host, Namespace, Play, PlaySpec, monotonic, pause, play, unable};
use stadion_network::facts::{Facts, Interface};
use stadion_network::profile::Profile;
use stadion_network::profile::protect::Rate;
use stadion_network::rules::{self, Parts};
use stadion_network::subject::Subject;

pub(crate) const GAME: u16 = 7_000;
pub(crate) const QUERY: u16 = 28_014;
pub(crate) const STREAM: u16 = 25_565;
pub(crate) const RCON: u16 = 27_015;
pub(crate) const CLOSED: u16 = 6_379;
pub(crate) const BUFFER: usize = 8 << 20;
/// More than the kernel tracks here (262,144), so that whatever tracks a flood is full of it.
pub(crate) const FULL: u64 = 400_000;
/// On a machine that does other things as well, a flood comes slowly.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Players who may try: see [`play_once_whole`].
pub(crate) const PLAYS_MAX: u64 = 3;

pub(crate) const PROTECT: Parts = Parts {
    firewall: false,
    protect: true,
    shape: false,
};
pub(crate) const BOTH: Parts = Parts {
    firewall: true,
    protect: true,
    shape: false,
};

/// One scene at a time, so that a flood of one test does not starve the player of another.
pub(crate) static SCENE: Mutex<()> = Mutex::new(());

pub(crate) fn able() -> Option<MutexGuard<'static, ()>> {
    if let Some(reason) = unable() {
        eprintln!("skipped: {reason}");
        return None;
    }
    Some(SCENE.lock())
}

pub(crate) fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let end = monotonic() + PATIENCE;
    while !reached() {
        assert!(monotonic() < end, "{what}");
        pause(Duration::from_millis(10));
    }
}

/// Plays until nothing was lost, three times at most: rules that drop players drop some of each, but a machine that does
/// other things as well loses a packet now and then by itself.
pub(crate) fn play_once_whole(host: &Host, spec: PlaySpec) -> Play {
    let mut seen = play(host, spec).expect("a player");
    for _ in 1..PLAYS_MAX {
        if seen.lost == 0 {
            break;
        }
        seen = play(host, spec).expect("a player");
    }
    seen
}

/// A profile with games over UDP and TCP, RCON and queries, that trusts `trusted`.
pub(crate) fn profile(trusted: &[IpAddr]) -> Profile {
    let mut profile = Profile::default();
    profile.firewall.games = ["minecraft", "csgo", "rust"].map(str::to_owned).to_vec();
    profile.firewall.trusted = trusted
        .iter()
        .map(|address| rules::net::Net::new(*address, 128))
        .collect();
    profile
}

/// What `host` is, as far as rules need it.
pub(crate) fn facts(host: &Host) -> Facts {
    let uplink = Interface {
        name: host.interface().into(),
        default_route: true,
        addresses: vec![(host.v4.into(), 24), (host.v6.into(), 64)],
        ..Interface::default()
    };
    Facts {
        privileged: true,
        interfaces: vec![uplink],
        ..Facts::default()
    }
}

/// Loads the rules, and sets what they need.
pub(crate) fn apply(space: &Namespace, profile: &Profile, facts: &Facts, parts: Parts) {
    let made = rules::rules(profile, facts, parts).unwrap();
    for wish in &made.wishes {
        let want = wish.want.as_deref().unwrap();
        match &wish.subject {
            Subject::NftTable(_) => drop(space.nft(&rules::replace(want)).unwrap()),
            Subject::Sysctl(path) => space.set(path.strip_prefix("net/").unwrap(), want).unwrap(),
            other => panic!("{other} is not of the rules"),
        }
    }
}

pub(crate) fn counter(space: &Namespace, name: &str) -> u64 {
    let listed = space
        .tool("nft", &format!("list counter inet stadion {name}"))
        .unwrap();
    let after = listed.split("packets ").nth(1).unwrap();
    after.split(' ').next().unwrap().parse().unwrap()
}

pub(crate) fn elements(space: &Namespace, set: &str) -> usize {
    let listed = space
        .tool("nft", &format!("-j list set inet stadion {set}"))
        .unwrap();
    listed.matches("\"val\"").count()
}

/// What a full bucket can have let through at most while a flood `lasted`, in whole seconds.
pub(crate) fn most(rate: Rate, lasted: Duration) -> u64 {
    u64::from(rate.per_second) * (lasted.as_secs() + 1) + u64::from(rate.burst)
}
