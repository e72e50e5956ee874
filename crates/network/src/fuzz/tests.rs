//! The targets on stable Rust, without a fuzzer: arbitrary bytes, what real kernels and tools wrote (`fuzz/corpus`), and
//! changes of that.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::Result;

type Target = fn(&[u8]) -> bool;

/// Every target, with its seeds.
static TARGETS: LazyLock<Vec<(Target, Vec<Vec<u8>>)>> = LazyLock::new(|| {
    let targets: [(&str, Target); 8] = [
        ("network_kernel_text", kernel_text),
        ("network_tool_output", tool_output),
        ("network_sets", set_messages),
        ("network_probe", probe_datagram),
        ("network_redaction", redaction),
        ("network_profile", profile),
        ("network_journal", journal),
        ("network_arguments", arguments),
    ];
    let read = |path: PathBuf| fs::read(path).unwrap();
    targets
        .into_iter()
        .map(|(name, target)| {
            let paths = fs::read_dir(corpus(name)).unwrap();
            let mut paths: Vec<_> = paths.map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            (target, paths.into_iter().map(read).collect())
        })
        .collect()
});

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target)
}

fn kernel(name: &str) -> String {
    fs::read_to_string(corpus("network_kernel_text").join(name)).unwrap()
}

fn tool(name: &str) -> String {
    fs::read_to_string(corpus("network_tool_output").join(name)).unwrap()
}

/// One change of a seed: at a place, something is put in, taken out or written over.
fn change() -> impl Strategy<Value = (Index, usize, Vec<u8>)> {
    let words = select(vec![
        "99999999999999999999",
        "-1",
        "+1",
        "18446744073709551615",
        "4294967296",
        "ffffffff",
        "\n",
        "\0",
        " ",
        ":",
        "\"",
        "{",
        "]",
        "é",
        ",0-65535",
        "! ",
    ]);
    let words = words.prop_map(|word| word.as_bytes().to_vec());
    let bytes = prop::collection::vec(any::<u8>(), 0..6);
    (any::<Index>(), 0..8_usize, prop_oneof![words, bytes])
}

fn changed(mut bytes: Vec<u8>, changes: &[(Index, usize, Vec<u8>)]) -> Vec<u8> {
    for (at, taken, put) in changes {
        let at = at.index(bytes.len() + 1);
        let end = (at + taken).min(bytes.len());
        bytes.splice(at..end, put.iter().copied());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_break_a_promise(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for (target, _) in &*TARGETS {
            target(&bytes);
        }
    }

    #[test]
    fn no_text_breaks_a_promise(text in "(\\PC{0,12}|[0-9a-f:,+%/-]{0,20}|[ \t\n\r\u{0}\"{}\\[\\]]{1,4}){0,20}") {
        for (target, _) in &*TARGETS {
            target(text.as_bytes());
        }
    }

    #[test]
    fn nothing_near_a_real_text_breaks_a_promise(seed: Index, changes in prop::collection::vec(change(), 1..5)) {
        for (target, seeds) in &*TARGETS {
            target(&changed(seed.get(seeds).clone(), &changes));
        }
    }
}

/// How many rows a reader understood.
type Rows = fn(&str) -> Result<usize>;

/// The readers that refuse a whole text for one line, so that no total is told with a part missing; a real text for
/// each, and the lines before the first that counts.
const STRICT: [(Rows, &str, usize); 10] = [
    (|t| Ok(interfaces::parse(t)?.len()), "dev_namespace", 2),
    (|t| Ok(counters::pairs(t)?.len()), "snmp_whole", 0),
    (|t| Ok(counters::pairs(t)?.len()), "netstat", 0),
    (|t| Ok(counters::names(t)?.len()), "snmp6_whole", 0),
    (|t| Ok(counters::sockets(t)?.len()), "sockstat_whole", 0),
    (|t| Ok(softnet::parse(t)?.len()), "softnet_two", 0),
    (|t| Ok(sockets::parse("udp", t)?.len()), "udp6", 1),
    (|t| Ok(sockets::parse("tcp", t)?.len()), "tcp", 1),
    (
        |t| Ok(conntrack::Stat::parse("stat", t)?.rows.len()),
        "conntrack",
        1,
    ),
    (|t| Ok(interrupts::parse(t)?.len()), "interrupts_vm", 1),
];

#[test]
fn a_garbled_line_is_told_by_its_number_and_not_left_out() {
    for (read, name, header) in STRICT {
        let text = kernel(name);
        assert!(read(&text).unwrap() > 0, "{name}");
        let lines: Vec<&str> = text.lines().collect();
        for at in header..=lines.len() {
            let mut garbled = lines.clone();
            garbled.insert(at, "garbled");
            let Err(error) = read(&garbled.join("\n")) else {
                panic!("{name}: taken with a garbled line {}", at + 1);
            };
            let error = error.to_string();
            // A line of a pair is told by the first of the two.
            let is_told = |line: usize| error.contains(&format!("line {line} is"));
            assert!(is_told(at + 1) || is_told(at), "{name}, {at}: {error}");
        }
    }
}

#[test]
fn a_number_that_no_counter_holds_is_refused_and_never_another_number() {
    const OVER: &str = "99999999999999999999999";
    for (read, name, header) in STRICT {
        let text = kernel(name);
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().skip(header) {
            // The first number behind the name is a counter in all of them, but for tables of sockets: their queues.
            let word = line.split_ascii_whitespace().find(|word| {
                let is_hex = |digit: u8| digit.is_ascii_hexdigit() || digit == b':';
                (word.len() == 17 || !word.contains(':')) && word.bytes().all(is_hex)
            });
            let Some(word) = word.filter(|_| line.contains(' ') || line.contains('\t')) else {
                continue;
            };
            let is_word = |at: &usize| *at == 0 || line.as_bytes()[at - 1].is_ascii_whitespace();
            let mut places = line.match_indices(word).map(|(at, _)| at);
            let from = places.find(is_word).unwrap();
            let over = format!("{}{OVER}{}", &line[..from], &line[from + word.len()..]);
            let mut lines = lines.clone();
            lines[at] = &over;
            assert!(read(&lines.join("\n")).is_err(), "{name}: {over}");
        }
    }
}

#[test]
fn readers_that_look_for_some_lines_are_not_misled_by_others() {
    let garbage = "\ngarbled 99999999999999999999 \u{0} \" : {\n\n";
    let near = |text: &str| format!("{text}{garbage}");
    let (route, ipv6) = (kernel("route"), kernel("ipv6_route"));
    assert_eq!(gather::uplinks(&route, &ipv6), ["u0"]);
    assert_eq!(gather::uplinks(&near(&route), &near(&ipv6)), ["u0"]);
    let found = foreign::iptables(&tool("iptables_save"));
    assert!(found.ports.contains(&("udp".into(), 7_003)) && found.unclear);
    assert_eq!(foreign::iptables(&near(&tool("iptables_save"))), found);
    let status = format!("{garbage}{}", kernel("status"));
    assert!(gather::is_privileged(&status) && gather::parent(&status).is_some());
    let drops = devices::backlog_drops(&near(&kernel("softnet_two")));
    assert_eq!(drops, 0x4914 + 0x627b);
}

#[test]
fn what_real_tools_wrote_is_read() {
    let addresses = gather::addresses(&tool("ip_addr"));
    assert_eq!(addresses["u0"].len(), 3);
    let there = xdp::programs(&tool("ip_link_xdp")).unwrap();
    assert!(
        format!("{there:?}").contains("6080") && format!("{there:?}").contains("st_9632b21db0c9")
    );
    assert_eq!(xdp::programs(r#"[{"ifname": "u0"}]"#).unwrap(), []);
    let qdiscs = qdisc::parse(&tool("tc_real")).unwrap();
    assert_eq!((qdiscs.len(), qdiscs[3].bytes), (4, 320));
    assert!(!actuate::is_default_qdisc(&tool("tc_qdisc")));
    let listing = actuate::in_order(&tool("tc_qdisc"));
    assert!(!listing.contains("refcnt") && listing.contains("qdisc htb 1: root r2q 10"));
    let kept = kept::again("banned4", &tool("set_of_ranges")).unwrap();
    for element in [
        "203.0.113.0/24 timeout 60s expires 59s",
        "203.0.114.1-203.0.114.9 timeout 3600s",
    ] {
        assert!(kept.contains(element), "{kept}");
    }
    let parts = Parts::of_table(&tool("nft_table"));
    assert!(parts.firewall && parts.protect && parts.shape);
    let found = foreign::nft(&tool("ruleset_iptables"), rules::TABLE).unwrap();
    assert!(found.unclear, "a rule for all ports but one");
    assert!(found.ports.contains(&("tcp".into(), 1_024)));
    assert!(found.ports.contains(&("tcp".into(), 1)));
}

#[test]
fn a_number_with_a_sign_is_written_as_the_kernel_reads_it() {
    let written = |now| optimize::value(">=+4096 +8192", now);
    assert_eq!(written(None).as_deref(), Some("4096 8192"));
    assert_eq!(written(Some("9999")).as_deref(), Some("9999 8192"));
}

#[test]
fn a_nic_with_two_programs_has_one_that_is_not_ours() {
    let both = r#"[{"ifname": "u0", "xdp": {"mode": 4, "attached": [{"mode": 1, "prog": {"id": 7, "name": "st_00"}},
        {"mode": 3, "prog": {"id": 8}}]}}]"#;
    let there = xdp::programs(both).unwrap();
    assert_eq!(there.len(), 1);
    assert!(!format!("{there:?}").contains("st_"), "{there:?}");
}

#[test]
fn the_processor_of_most_interrupts_is_told_by_its_number_where_one_is_off() {
    let text = "      CPU0   CPU2   CPU3\n 38:   5   90000   7   virtio2-input.0\n";
    let lines = interrupts::parse(text).unwrap();
    let (cpu, share) = report::gather::busiest_of(&lines, &[38], &[0, 2, 3]).unwrap();
    assert_eq!(cpu, 2);
    assert!(share > 0.99);
    let few = report::gather::busiest_of(&lines, &[39], &[0, 2, 3]);
    assert_eq!(few, None);
}
