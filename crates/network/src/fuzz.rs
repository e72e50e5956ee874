//! For a fuzzer: what reaches this crate from outside, bytes in. Each function says whether the bytes were accepted, and
//! panics where a promise is broken, which is the defect to find.

use crate::facts::{list_of, parse_list};
use crate::observe::{
    conntrack, counters, interfaces, interrupts, nftables, qdisc, sets, sockets, softnet,
};
use crate::probe::{HEADER_BYTES, Probe};
use crate::profile::Profile;
use crate::report::redact;
use crate::rules::{self, foreign, kept};

/// A text of `/proc` or `/sys`: every parser, and what it understood is bounded by the text.
///
/// # Panics
/// When a parser makes more out of a text than is in it, or reads a list of processors otherwise than it wrote it.
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
    rows(counters::pairs(text).ok().map(|read| read.len()));
    rows(counters::names(text).ok().map(|read| read.len()));
    rows(counters::sockets(text).ok().map(|read| read.len()));
    rows(softnet::parse(text).ok().map(|read| read.len()));
    rows(sockets::parse("sockets", text).ok().map(|read| read.len()));
    rows(interrupts::parse(text).ok().map(|read| read.len()));
    let stat = conntrack::Stat::parse("stat", text);
    rows(stat.ok().map(|stat| stat.rows.len()));
    accepted |= conntrack::number("a number", text).is_ok();
    accepted |= !foreign::iptables(text).ports.is_empty();
    if let Some(cpus) = parse_list(text) {
        accepted = true;
        assert_eq!(
            parse_list(&list_of(&cpus)),
            Some(cpus),
            "written and read again"
        );
    }
    accepted
}

/// What `tc` and `nft` print.
pub fn tool_output(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    [
        qdisc::parse(text).is_ok(),
        nftables::counters(text).is_ok(),
        nftables::ruleset(text).is_ok(),
        foreign::nft(text, rules::TABLE).is_ok(),
        kept::again("known4", text).is_ok(),
    ]
    .contains(&true)
}

/// What the kernel answers about sets.
///
/// # Panics
/// When more is found than bytes can hold.
pub fn set_messages(data: &[u8]) -> bool {
    let Ok(answer) = sets::parse(data) else {
        return false;
    };
    assert!(answer.sets.len() <= data.len() / 20, "a header is 20 bytes");
    assert!(answer.elements <= data.len() as u64 / 4, "an element is 4");
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
/// When an address is left after the first time.
pub fn redaction(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let once = redact(text, &[]);
    assert_eq!(redact(&once, &[]), once, "nothing is left to redact");
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
