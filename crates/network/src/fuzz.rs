//! For a fuzzer: what reaches this crate from outside, bytes in. Each function says whether the bytes were accepted, and
//! panics where a promise is broken, which is the defect to find.
//!
//! Whatever in this crate takes a text or bytes apart is called here by its name, or by a function of its own file that is:
//! `cargo xtask tidy` compares.

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::actuate;
use crate::engine::journal::{self, Baseline, Outcome, Transaction};
use crate::engine::told;
use crate::facts::{Facts, gather, list_of};
use crate::observe::{
    self, conntrack, counters, interfaces, interrupts, nftables, qdisc, sets, sockets, softnet,
};
use crate::optimize::{self, devices};
use crate::probe::{HEADER_BYTES, Probe};
use crate::profile::Profile;
use crate::profile::firewall::Ports;
use crate::profile::shape::BitRate;
use crate::report::{self, Report, redact};
use crate::rules::net::Net;
use crate::rules::{self, Parts, foreign, kept};
use crate::xdp::interface;
use crate::{cli, host, xdp};

/// A text of `/proc` or `/sys`: every parser, and what it understood is bounded by the text.
///
/// # Panics
/// When a parser makes more out of a text than is in it, or two of them read one text in different ways.
pub fn kernel_text(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let lines = text.lines().count();
    let mut accepted = false;
    let mut rows = |rows: Option<usize>| {
        if let Some(rows) = rows {
            accepted |= rows > 0;
            assert!(rows <= lines, "{rows} rows in {lines} lines");
        }
    };
    rows(interfaces::parse(text).ok().map(|read| read.len()));
    rows(counters::sockets(text).ok().map(|read| read.len()));
    rows(sockets::parse("sockets", text).ok().map(|read| read.len()));
    rows(Some(gather::uplinks(text, text).len()));
    let pairs = counters::pairs(text).unwrap_or_default();
    let names = counters::names(text).unwrap_or_default();
    rows(Some(pairs.len()));
    rows(Some(names.len()));
    let v6 = names.get("Udp6InDatagrams").copied().unwrap_or(0);
    assert!(
        counters::Udp::new(&pairs, &names).in_datagrams >= v6,
        "added"
    );
    let sent = pairs.get("Tcp").and_then(|tcp| tcp.get("OutSegs"));
    let sent = sent.and_then(|sent| u64::try_from(*sent).ok());
    let tcp = counters::Tcp::new(&pairs, &pairs);
    assert_eq!(tcp.out_segments, sent.unwrap_or(0), "never negative");
    let stat = conntrack::Stat::parse("stat", text);
    if let Ok(stat) = &stat {
        for (name, cell) in stat.names.iter().zip(stat.rows.iter().flatten()) {
            let is_first = stat.names.iter().position(|known| known == name);
            let of_name = is_first.is_some_and(|at| stat.rows[0][at] == *cell);
            assert!(
                !of_name || stat.total(name) >= *cell,
                "a total has its parts"
            );
        }
    }
    rows(stat.ok().map(|stat| stat.rows.len()));
    let softnet = softnet::parse(text).ok();
    if let Some(read) = &softnet {
        let dropped = read.iter().map(|row| u64::from(row.dropped));
        assert_eq!(
            devices::backlog_drops(text),
            dropped.sum::<u64>(),
            "read twice"
        );
    }
    rows(softnet.map(|read| read.len()));
    let interrupts = interrupts::parse(text).unwrap_or_default();
    rows(Some(interrupts.len()));
    busiest(&interrupts);
    assert!(observe::words(text).len() <= text.len());
    rows(Some(devices::tcp_modules(text).len()));
    accepted |= conntrack::number("a number", text).is_ok();
    accepted |= list(text);
    accepted | process(text) | device(text)
}

/// Processors that are online have the most of all interrupts, and a share of them.
fn busiest(lines: &[interrupts::Interrupt]) {
    let numbers: Vec<u32> = lines
        .iter()
        .filter_map(interrupts::Interrupt::number)
        .collect();
    let names = lines.iter().map(|line| line.id.as_str());
    assert_eq!(interrupts::numbers(names).len(), numbers.len());
    if let Some((cpu, share)) = report::gather::busiest_of(lines, &numbers, &[0, 2, 5]) {
        assert!([0, 2, 5].contains(&cpu), "{cpu} is not online");
        assert!((0.0..=1.0).contains(&share), "{share}");
    }
}

/// A list of processors or ports is the same after it was written.
fn list(text: &str) -> bool {
    let Some(cpus) = gather::parse_list(text) else {
        return false;
    };
    let again = gather::parse_list(&list_of(&cpus));
    assert_eq!(again, Some(cpus), "read again");
    true
}

/// What the files of a process say.
fn process(text: &str) -> bool {
    let session = gather::ssh_connection(text).and_then(gather::session);
    [
        gather::is_privileged(text),
        gather::parent(text).is_some(),
        session.is_some(),
    ]
    .contains(&true)
}

/// What the small files of a device say, and how a state is compared with another.
fn device(text: &str) -> bool {
    gather::names(text).for_each(|name| assert!(!name.contains(':')));
    let speed = gather::speed_mbps(text);
    assert!(!speed.is_some_and(|speed| speed == 0 || speed == u32::MAX));
    let line = actuate::one_line(text);
    assert_eq!(actuate::one_line(&line), line, "one line stays as it is");
    let mask = actuate::canonical("/rps_cpus", line);
    let again = actuate::canonical("/rps_cpus", mask.clone());
    assert_eq!(again, mask, "a mask stays as it is");
    gather::flags(text).is_some() | report::gather::names_a_cpu(text)
}

/// What `tc`, `nft`, `ip` and `iptables-save` print.
///
/// # Panics
/// When more ports are found than there are, or something else than addresses is kept.
pub fn tool_output(data: &[u8]) -> bool {
    /// Every number of the two protocols that matter, and some that a rule calls otherwise.
    const PORTS_MAX: usize = 1 << 20;
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    assert!(host::shorten(text).chars().count() <= 601, "600 and dots");
    actuate::is_default_qdisc(text);
    let listed = |classes: &str| actuate::in_order(&actuate::without_flows(classes));
    let made = actuate::without_flows(text);
    assert_eq!(listed(&made), listed(text), "what was made is kept");
    let reversed: Vec<&str> = text.lines().rev().collect();
    assert_eq!(
        actuate::in_order(&reversed.join("\n")),
        actuate::in_order(text),
        "the order of lines does not count"
    );
    let parts = Parts::of_table(text);
    let comment = rules::digest(text);
    let addresses = gather::addresses(text);
    for (address, prefix) in addresses.values().flatten() {
        assert!(*prefix <= if address.is_ipv4() { 32 } else { 128 });
    }
    let saved = foreign::iptables(text);
    let listed = foreign::nft(text, rules::TABLE);
    for found in [Some(&saved), listed.as_ref().ok()].into_iter().flatten() {
        assert!(found.ports.len() <= PORTS_MAX);
    }
    for set in kept::SETS {
        let command = kept::again(set, text).unwrap_or_default();
        let adds = format!("add element {} {set} {{ ", rules::TABLE);
        assert!(command.is_empty() || command.starts_with(&adds));
        assert!(!command.contains(';') && command.lines().count() <= 1);
    }
    let programs = xdp::programs(text);
    [
        observe::json("a tool", text).is_ok(),
        qdisc::parse(text).is_ok(),
        nftables::counters(text).is_ok(),
        nftables::ruleset(text).is_ok(),
        listed.is_ok(),
        programs.is_ok_and(|programs| !programs.is_empty()),
        parts != Parts::default(),
        comment.is_some(),
        !saved.ports.is_empty(),
        !addresses.is_empty(),
    ]
    .contains(&true)
}

/// What the kernel answers over netlink: about sets, and about a program that was put at an interface.
///
/// # Panics
/// When more is found than bytes can hold.
pub fn set_messages(data: &[u8]) -> bool {
    let acknowledged = interface::read(data).is_ok();
    let Ok(answer) = sets::parse(data) else {
        return acknowledged;
    };
    assert!(answer.sets.len() <= data.len() / 20, "a header is 20 bytes");
    assert!(answer.elements <= data.len() as u64 / 4, "an element is 4");
    assert!(answer.done || answer.refused.is_none(), "a refusal ends it");
    true
}

/// A datagram at the probe's server or at its client.
///
/// # Panics
/// When an answer is longer than what it answers, or would be answered itself.
pub fn probe_datagram(data: &[u8]) -> bool {
    if let Some(reply) = Probe::reply_to(data) {
        assert!(reply.len() <= data.len(), "an answer never gains");
        assert_eq!(Probe::reply_to(&reply), None, "no answer to an answer");
    }
    let probe = Probe::decode(data);
    if let Some(probe) = probe {
        assert_eq!(Some(&probe.encode()[..]), data.get(..HEADER_BYTES));
    }
    probe.is_some()
}

/// A text that is shown to others: redacted twice is redacted once.
///
/// # Panics
/// When an address is left after the first time, or a report is none any more.
pub fn redaction(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let once = redact::redact(text, &[]);
    let twice = redact::redact(&once, &[]);
    assert_eq!(twice, once, "nothing is left to redact");
    let report = Report {
        host: text.to_owned(),
        seconds: 1.0,
        facts: Facts {
            kernel: text.to_owned(),
            ..Facts::default()
        },
        findings: Vec::new(),
        gaps: vec![crate::Skip::new(text, text)],
        provider_acl: vec![text.to_owned()],
    };
    let redacted = Report::redacted(&report).ok();
    assert!(redacted.is_some(), "a redacted report is one");
    once != text
}

/// A profile: what was understood is the same after it was written and read again.
///
/// # Panics
/// When it is not.
pub fn profile(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Ok(profile) = Profile::parse("fuzz", text) else {
        return false;
    };
    let written = serde_saphyr::to_string(&profile).expect("what was read can be written");
    let again = Profile::parse("written", &written).ok();
    assert_eq!(again.as_ref(), Some(&profile), "written and read again");
    true
}

/// The files that say what was changed on a host, and what is at an interface.
///
/// # Panics
/// When what was read is something else after it was written.
pub fn journal(data: &[u8]) -> bool {
    fn again<T: DeserializeOwned + Serialize + PartialEq>(data: &[u8]) -> bool {
        let path = Path::new("journal");
        let Ok(read) = journal::parse::<T>(path, data) else {
            return false;
        };
        let written = serde_json::to_vec_pretty(&read).expect("what was read can be written");
        let same = journal::parse::<T>(path, &written).is_ok_and(|again| again == read);
        assert!(same, "written and read again");
        true
    }
    let baseline = journal::parse::<Baseline>(Path::new("journal"), data);
    let told =
        baseline.is_ok_and(|baseline| told::told_of(&baseline).is_ok_and(|told| told.is_some()));
    let is_ours = std::str::from_utf8(data).is_ok_and(xdp::is_ours);
    again::<Transaction>(data) | again::<Baseline>(data) | again::<Outcome>(data) | is_ours | told
}

/// What people write in arguments, variables and the values of a profile.
///
/// # Panics
/// When something is understood that cannot be, or is something else after it was written.
pub fn arguments(data: &[u8]) -> bool {
    fn again<T: FromStr<Err = String> + Display + PartialEq>(read: &Result<T, String>) -> bool {
        if let Ok(read) = read {
            let again = T::from_str(&read.to_string());
            assert!(again.as_ref() == Ok(read), "{read} written and read again");
        }
        read.is_ok()
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let ports = Ports::from_str(text);
    if let Ok(ports) = &ports {
        assert!(ports.first > 0 && ports.first <= ports.last);
    }
    let time = cli::duration(text);
    if let Ok(time) = &time {
        assert!(!time.is_zero() && time.as_secs() <= 86_400, "{time:?}");
    }
    let (want, now) = text.split_once('\n').unwrap_or((text, text));
    let value = optimize::value(want, Some(now));
    if let Some(value) = &value {
        assert!(!value.trim().is_empty() && !value.contains('\n'));
        let again = optimize::value(want, Some(value));
        assert!(again.as_ref() == Some(value), "reached is reached");
    }
    [
        again(&ports),
        again(&BitRate::from_str(text)),
        again(&Net::from_str(text)),
        time.is_ok(),
        gather::session(text).is_some(),
        value.is_some(),
        list(text),
    ]
    .contains(&true)
}
