//! Reading and writing of each kind of subject.

use super::persist::OWN_DIR;
use crate::host::Host;
use crate::rules;
use crate::subject::Subject;
use crate::xdp;
use crate::{Error, Result};

/// Files of ours that others may read.
const OWNED_MODE: u32 = 0o644;
/// What the kernel gives an interface that nobody has shaped.
const DEFAULT_QDISCS: [&str; 6] = ["noqueue", "pfifo_fast", "mq", "fq_codel", "fq", "pfifo"];

/// The state of `subject`; nothing: it is not there. For a table and a qdisc it is what the tool lists, not what
/// made it.
pub(super) fn read(host: &Host, subject: &Subject) -> Result<Option<String>> {
    match subject {
        Subject::Sysctl(path) => Ok(host.read(&format!("/proc/sys/{path}"))?.map(one_line)),
        Subject::Kernel(path) => Ok(host
            .read(path)?
            .map(one_line)
            .map(|text| canonical(path, text))),
        Subject::Mtu(interface) => Ok(host.read(&mtu_path(interface))?.map(one_line)),
        Subject::NftTable(table) => nft_listing(host, table, true),
        Subject::Qdisc(interface) => qdisc_listing(host, interface),
        Subject::Xdp(interface) => xdp::read(host, interface),
        Subject::Owned(path) => host.read(path),
        Subject::Link(path) => Ok(host.read_link(path)),
    }
}

/// Gives `subject` the state that `program` makes: a value, or text for `nft -f` and `tc -batch`. Nothing: as if it
/// had never been.
pub(super) fn write(host: &Host, subject: &Subject, program: Option<&str>) -> Result<()> {
    match (subject, program) {
        (Subject::Sysctl(path), Some(value)) => {
            host.write_kernel(&format!("/proc/sys/{path}"), value)
        }
        (Subject::Kernel(path), Some(value)) => host.write_kernel(path, value),
        (Subject::Mtu(interface), Some(value)) => host.write_kernel(&mtu_path(interface), value),
        (Subject::Sysctl(_) | Subject::Kernel(_) | Subject::Mtu(_), None) => Err(Error::Refused(
            format!("{subject} cannot be removed, it belongs to the kernel"),
        )),
        (Subject::NftTable(table), program) => {
            let text = nft_transaction(table, program);
            let learned = program.map_or_else(String::new, |program| learned(host, program));
            let with = format!("{text}{learned}");
            if !learned.is_empty() && host.run("nft", &["-f", "-"], &with)?.success {
                return Ok(());
            }
            host.must_run("nft", &["-f", "-"], &text).map(|_| ())
        }
        (Subject::Qdisc(interface), program) => write_qdisc(host, interface, program),
        (Subject::Xdp(interface), program) => xdp::write(host, interface, program),
        (Subject::Owned(path), Some(text)) => host.replace(path, text, OWNED_MODE),
        (Subject::Link(path), Some(target)) => host.link(path, target),
        (Subject::Owned(path) | Subject::Link(path), None) => {
            host.remove(path)?;
            if path.starts_with(&format!("{OWN_DIR}/")) {
                host.remove_empty(OWN_DIR);
            }
            Ok(())
        }
    }
}

/// Asks the kernel whether it would take `program`, as far as it can be asked without taking it.
pub(super) fn check(host: &Host, subject: &Subject, program: Option<&str>) -> Result<()> {
    match subject {
        Subject::NftTable(table) => {
            let text = nft_transaction(table, program);
            host.must_run("nft", &["-c", "-f", "-"], &text).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// What makes the state that `listing` shows, or why that cannot be said.
pub(super) fn restorer(
    host: &Host,
    subject: &Subject,
    listing: Option<&str>,
) -> Result<Option<String>> {
    match (subject, listing) {
        (_, None) => Ok(None),
        // With the elements of its sets, which the listing for comparison leaves out.
        (Subject::NftTable(table), Some(_)) => nft_listing(host, table, false),
        (Subject::Qdisc(interface), Some(listing)) => {
            if is_default_qdisc(listing) {
                Ok(None)
            } else {
                Err(Error::Refused(format!(
                    "{interface} is shaped by somebody else, and that could not be put back; remove it first with `tc qdisc del dev {interface} root`"
                )))
            }
        }
        (Subject::Xdp(interface), Some(state)) if !xdp::is_ours(state) => {
            Err(Error::Refused(format!(
                "{interface} has a program of XDP that is not ours ({state}); remove it first with `ip link set dev {interface} xdp off`"
            )))
        }
        (_, Some(state)) => Ok(Some(state.to_owned())),
    }
}

fn mtu_path(interface: &str) -> String {
    format!("/sys/class/net/{interface}/mtu")
}

/// The text with runs of white space made one blank: the kernel separates with tabs, people with blanks.
pub(crate) fn one_line(text: impl AsRef<str>) -> String {
    let words: Vec<&str> = text.as_ref().split_whitespace().collect();
    words.join(" ")
}

/// A mask of CPUs without leading zeros and separators, which differ with the number of CPUs.
pub(crate) fn canonical(path: &str, text: String) -> String {
    if !path.ends_with("_cpus") {
        return text;
    }
    let digits: String = text.chars().filter(|c| *c != ',').collect();
    match digits.trim_start_matches('0') {
        "" => "0".into(),
        short => short.to_ascii_lowercase(),
    }
}

/// The table as `nft` lists it, without counts; nothing when it is not there. `terse` leaves out the elements of sets.
fn nft_listing(host: &Host, table: &str, terse: bool) -> Result<Option<String>> {
    let mut args = vec!["-s"];
    if terse {
        args.push("-t");
    }
    args.extend(["list", "table"]);
    args.extend(table.split(' '));
    let output = host.run("nft", &args, "")?;
    if output.success {
        return Ok(Some(output.stdout));
    }
    if output.stderr.contains("No such file or directory") {
        return Ok(None);
    }
    host.must_run("nft", &args, "").map(Some)
}

/// One transaction that replaces the table whole, or removes it; other tables are not named in it.
fn nft_transaction(table: &str, program: Option<&str>) -> String {
    // Adding it first makes the removal right whether or not it is there.
    let gone = format!("add table {table}\ndelete table {table}\n");
    match program {
        Some(program) => format!("{gone}{program}\n"),
        None => gone,
    }
}

/// What our table learned while it ran, as commands that follow `program`: players are known still.
fn learned(host: &Host, program: &str) -> String {
    let mut commands = String::new();
    for set in rules::kept::SETS {
        if !program.contains(&format!("set {set} {{")) {
            continue;
        }
        let mut args = vec!["-j", "list", "set"];
        args.extend(rules::TABLE.split(' '));
        args.push(set);
        let listing = host.run("nft", &args, "").ok().filter(|done| done.success);
        if let Some(again) = listing.and_then(|done| rules::kept::again(set, &done.stdout).ok()) {
            commands.push_str(&again);
        }
    }
    commands
}

fn qdisc_listing(host: &Host, interface: &str) -> Result<Option<String>> {
    let of = |what: &str| -> Result<String> {
        host.must_run("tc", &[what, "show", "dev", interface], "")
            .map(|text| in_order(&text))
    };
    let qdiscs = match of("qdisc") {
        // Gone, with its queues.
        Err(Error::Tool { said, .. }) if said.contains("Cannot find device") => return Ok(None),
        found => found?,
    };
    if is_default_qdisc(&qdiscs) {
        return Ok(Some(qdiscs));
    }
    Ok(Some(format!(
        "{qdiscs}\n{}\n{}",
        without_flows(&of("class")?),
        of("filter")?
    )))
}

/// What `tc` lists, so that two listings of one state are equal.
pub(crate) fn in_order(listing: &str) -> String {
    let lines = listing.lines().map(str::trim_end);
    let mut lines: Vec<String> = lines
        .filter(|line| !line.is_empty())
        .map(without_counts)
        .collect();
    // The kernel lists them in the order of a hash.
    lines.sort_unstable();
    lines.join("\n")
}

/// The classes that somebody made. Disciplines that keep flows apart list as classes those that have packets now.
pub(crate) fn without_flows(classes: &str) -> String {
    const KEEP_FLOWS: [&str; 4] = ["cake", "fq_codel", "fq_pie", "sfq"];
    let is_made = |line: &&str| {
        let kind = line.strip_prefix("class ").unwrap_or_default();
        !KEEP_FLOWS.contains(&kind.split(' ').next().unwrap_or_default())
    };
    let made: Vec<&str> = classes.lines().filter(is_made).collect();
    made.join("\n")
}

/// A line of `tc` without what changes by itself.
fn without_counts(line: &str) -> String {
    let mut words = line.split(' ');
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if matches!(word, "refcnt" | "direct_packets_stat") {
            words.next();
        } else {
            kept.push(word);
        }
    }
    kept.join(" ")
}

/// Why an interrupt stays where it is.
pub(super) const MANAGED: &str = "the kernel places this interrupt itself, one per queue";

/// Whether `error` says that the kernel keeps this interrupt where it is: with NICs that have a queue per CPU it does so
/// on its own, and answers EIO to whoever wants to move one (kernel/irq/proc.c).
pub(super) fn is_managed(subject: &Subject, error: &Error) -> bool {
    /// EIO, errno-base.h of the kernel.
    const EIO: i32 = 5;
    matches!((subject, error), (Subject::Kernel(path), Error::File { source, .. })
        if path.starts_with("/proc/irq/") && source.raw_os_error() == Some(EIO))
}

/// Whether the root qdisc is one that the kernel made: those have the handle 0.
pub(crate) fn is_default_qdisc(listing: &str) -> bool {
    listing
        .lines()
        .filter(|line| line.starts_with("qdisc ") && line.split(' ').any(|word| word == "root"))
        .all(|line| {
            let mut words = line.split(' ').skip(1);
            let kind = words.next().unwrap_or_default();
            words.next() == Some("0:") && DEFAULT_QDISCS.contains(&kind)
        })
}

fn write_qdisc(host: &Host, interface: &str, program: Option<&str>) -> Result<()> {
    let now = qdisc_listing(host, interface)?.unwrap_or_default();
    if !is_default_qdisc(&now) {
        host.must_run("tc", &["qdisc", "del", "dev", interface, "root"], "")?;
    }
    match program {
        Some(program) => host.must_run("tc", &["-batch", "-"], program).map(|_| ()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_are_equal_when_their_numbers_are(mask: u64, zeros in 0usize..12) {
            let written = format!("{}{mask:x}", "0".repeat(zeros));
            let grouped = written
                .as_bytes()
                .rchunks(8)
                .rev()
                .map(|chunk| std::str::from_utf8(chunk).expect("hex digits"))
                .collect::<Vec<_>>()
                .join(",");
            prop_assert_eq!(canonical("/x/rps_cpus", grouped), format!("{mask:x}"));
        }

        #[test]
        fn white_space_never_makes_a_difference(words in prop::collection::vec("[0-9a-z]{1,6}", 0..5), gap in "[ \t]{1,3}") {
            prop_assert_eq!(one_line(words.join(&gap)), words.join(" "));
        }

        #[test]
        fn reading_a_listing_never_panics(text in ".{0,200}") {
            let _ = is_default_qdisc(&text);
            let _ = canonical("/x/rps_cpus", text);
        }
    }

    #[test]
    fn flows_that_have_packets_now_are_no_change_of_the_queues() {
        // As tc of iproute2 6.1 prints them.
        let busy = "class cake 1:2b1 parent 1:\nclass fq_codel 30:1e9 parent 30:\nclass htb 1:2 parent 1:1 leaf 20: prio 1";
        assert_eq!(
            without_flows(busy),
            "class htb 1:2 parent 1:1 leaf 20: prio 1"
        );
        assert_eq!(without_flows(""), "");
    }

    #[test]
    fn our_directory_goes_with_the_last_file_and_stays_with_one_of_somebody_else() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::below(root.path());
        let dir = root.path().join("etc/stadion");
        let [first, last] =
            ["network.nft", "network.tc"].map(|name| Subject::Owned(format!("{OWN_DIR}/{name}")));
        for theirs in [None, Some("serve.yaml")] {
            write(&host, &first, Some("x")).unwrap();
            write(&host, &last, Some("x")).unwrap();
            if let Some(name) = theirs {
                std::fs::write(dir.join(name), "x").unwrap();
            }
            write(&host, &first, None).unwrap();
            assert!(dir.exists());
            write(&host, &last, None).unwrap();
            assert_eq!(dir.exists(), theirs.is_some());
        }
    }

    #[test]
    fn a_qdisc_with_a_handle_was_made_by_somebody() {
        assert!(is_default_qdisc("qdisc noqueue 0: root refcnt 2 "));
        assert!(is_default_qdisc(
            "qdisc mq 0: root \nqdisc fq_codel 0: parent :1 limit 10240p"
        ));
        assert!(!is_default_qdisc(
            "qdisc htb 1: root refcnt 2 r2q 10 default 0x30"
        ));
        assert!(!is_default_qdisc("qdisc fq 8001: root refcnt 2"));
    }
}
