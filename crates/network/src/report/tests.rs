//! A host made of files with every fault that files can show; what the report says about it, and that redaction leaves
//! no address.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::engine::{Drift, Pending};
use crate::host::Host;
use crate::host::of_files::{program, write};
use crate::monitor::sample::Watch;
use crate::profile::Base;
use crate::subject::{Change, Risk, Scope, Subject, Wish};

const RULES: &str = r#"{"nftables": [
    {"table": {"family": "ip", "name": "filter"}},
    {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
    {"chain": {"family": "ip", "table": "filter", "name": "GAMING_RATELIMIT"}},
    {"chain": {"family": "inet", "table": "stadion", "name": "in", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
    {"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "expr": [{"xt": {"type": "match", "name": "recent"}}]}}]}"#;

/// An old server: four processors, one queue, jumbo frames towards the internet, a full table of connections.
fn bad_host(root: &Path) -> Facts {
    write(root, "proc/sys/kernel/hostname", "edge-7.example.net\n");
    write(root, "proc/sys/kernel/osrelease", "5.10.0\n");
    write(root, "sys/devices/system/cpu/online", "0-3\n");
    write(
        root,
        "proc/net/dev",
        "h\nh\n eth0: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0\n",
    );
    write(
        root,
        "proc/net/route",
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t010000C6\t0003\t0\t0\t0\t00000000\n",
    );
    write(
        root,
        "proc/net/softnet_stat",
        "000f4240 000003e8 00000000\n",
    );
    write(
        root,
        "proc/net/snmp",
        "Udp: InDatagrams RcvbufErrors\nUdp: 1000000 500\n",
    );
    write(root, "proc/net/ip_tables_names", "filter\n");
    write(root, "proc/sys/net/netfilter/nf_conntrack_count", "95\n");
    write(root, "proc/sys/net/netfilter/nf_conntrack_max", "100\n");
    write(
        root,
        "proc/interrupts",
        "  CPU0 CPU1 CPU2 CPU3\n 30: 5 0 0 0 PCI eth0-config\n 31: 1000000 2 0 0 PCI eth0-rx\n",
    );
    write(root, "proc/712/comm", "irqbalance\n");
    let net = "sys/class/net/eth0";
    for (file, text) in [
        ("flags", "0x1003"),
        ("mtu", "9000"),
        ("speed", "1000"),
        ("device/msi_irqs/31", "msi"),
        ("queues/rx-0/rps_cpus", "0"),
        ("queues/tx-0/xps_cpus", "0"),
    ] {
        write(root, &format!("{net}/{file}"), text);
    }
    program(
        root,
        "ip",
        r#"[{"ifname":"eth0","addr_info":[{"family":"inet","local":"198.0.0.7","prefixlen":24}]}]"#,
    );
    program(root, "tc", "[]");
    program(root, "nft", RULES);
    let host = Host::below(root);
    let mut facts = Facts::gather(&host, &BTreeMap::new()).unwrap();
    facts.dnat_ports = vec![("udp".into(), 7_777), ("tcp".into(), 80)];
    facts
}

fn look(root: &Path, facts: &Facts) -> Observed {
    let watch = Watch {
        interfaces: Vec::new(),
        ports: Vec::new(),
        table: "inet stadion".into(),
    };
    observe(
        &Arc::new(Host::below(root)),
        facts,
        watch,
        Duration::from_millis(10),
    )
}

fn plan(changes: usize) -> Plan {
    let change = |n: usize| Change {
        now: None,
        wish: Wish {
            subject: Subject::Sysctl(format!("net/core/key{n}")),
            want: Some("1".into()),
            scope: Scope::Node,
            reason: "a test".into(),
            risk: Risk::Low,
        },
    };
    let mut plan = Plan::default();
    plan.changes.extend((0..changes).map(change));
    plan
}

fn ids(report: &Report) -> Vec<&str> {
    report
        .findings
        .iter()
        .map(|finding| finding.id.as_str())
        .collect()
}

/// Plans with everything in them that a report tells.
fn plans() -> [Planned; 4] {
    let mut drifted = plan(1);
    drifted.drift.push(Drift {
        subject: Subject::Sysctl("net/core/rmem_max".into()),
        ours: Some("1".into()),
        now: Some("2".into()),
    });
    drifted.pending = Some(Pending {
        waits_for_confirm: true,
        remaining_ms: 30_000,
        is_watched: true,
    });
    let refused = Error::Refused("the rate of the uplink is not known".into());
    [
        Planned {
            verb: "optimize",
            plan: Ok(drifted),
        },
        Planned {
            verb: "ddos-protect",
            plan: Ok(plan(20)),
        },
        Planned {
            verb: "firewall",
            plan: Ok(plan(0)),
        },
        Planned {
            verb: "traffic-shape",
            plan: Err(refused),
        },
    ]
}

fn bad_report() -> Report {
    let root = TempDir::new().unwrap();
    let facts = bad_host(root.path());
    let observed = look(root.path(), &facts);
    Report::new(&observed, &facts, &plans(), &Profile::default())
}

#[test]
fn a_bad_host_has_every_finding_once_and_the_worst_first() {
    let report = bad_report();
    let found = ids(&report);
    for id in [
        "optimize-pending",
        "ddos-protect-pending",
        "drift",
        "unconfirmed",
        "foreign-drop-policy",
        "guide-rules",
        "opaque-rules",
        "legacy-iptables",
        "dnat-game-ports",
        "single-queue",
        "mtu-above-internet",
        "interrupts-on-one-processor",
        "irqbalance",
        "conntrack-fill",
        "udp-buffer-errors-since-start",
        "softnet-drops-since-start",
    ] {
        assert_eq!(
            found.iter().filter(|known| **known == id).count(),
            1,
            "{id} in {found:?}"
        );
    }
    assert!(!found.contains(&"firewall-pending"), "nothing to change");
    assert!(
        report
            .findings
            .is_sorted_by_key(|finding| std::cmp::Reverse(finding.severity))
    );
    assert_eq!(report.worst(), Some(Severity::Critical));
    assert!(
        report.gaps.iter().any(|gap| gap.what == "traffic-shape"),
        "{:?}",
        report.gaps
    );
}

#[test]
fn what_must_be_mended_has_commands_for_it() {
    let report = bad_report();
    for finding in &report.findings {
        let is_to_mend = finding.severity > Severity::Info;
        assert!(!is_to_mend || finding.mend.is_some(), "{finding:?}");
        let commands = finding.mend.iter().flat_map(|mend| mend.split(';'));
        for command in commands {
            let program = command.split_whitespace().next().unwrap_or_default();
            let known = [
                "stadion",
                "sysctl",
                "ip",
                "nft",
                "iptables",
                "iptables-legacy-save",
                "ip6tables-legacy-save",
                "ethtool",
                "apt-get",
            ];
            assert!(known.contains(&program), "{command}");
        }
    }
}

#[test]
fn a_report_names_some_and_counts_the_rest_for_people_and_for_machines() {
    let report = bad_report();
    let detail = |id: &str| {
        let finding = report.findings.iter().find(|finding| finding.id == id);
        finding.unwrap().detail.as_str()
    };
    assert!(detail("ddos-protect-pending").contains("and 12 more"));
    let foreign = detail("foreign-drop-policy");
    assert!(
        !foreign.contains("stadion"),
        "our own table is not foreign: {foreign}"
    );
    let markdown = report.markdown();
    for text in [
        "# Network report of edge-7.example.net",
        "Mend: `stadion network ddos-protect --apply`",
        "## For your provider",
        "198.0.0.7",
    ] {
        assert!(markdown.contains(text), "{text} in\n{markdown}");
    }
    let again: Report = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(ids(&again), ids(&report));
}

#[test]
fn a_good_host_has_nothing_to_mend() {
    let root = TempDir::new().unwrap();
    bad_host(root.path());
    write(
        root.path(),
        "proc/net/snmp",
        "Udp: InDatagrams RcvbufErrors\nUdp: 1000000 0\n",
    );
    write(
        root.path(),
        "proc/net/softnet_stat",
        "000f4240 00000000 00000000\n",
    );
    write(
        root.path(),
        "proc/sys/net/netfilter/nf_conntrack_count",
        "5\n",
    );
    write(
        root.path(),
        "proc/interrupts",
        "  CPU0 CPU1 CPU2 CPU3\n 31: 1000000 900000 800000 700000 PCI eth0-rx\n",
    );
    write(root.path(), "proc/net/ip_tables_names", "");
    write(root.path(), "sys/class/net/eth0/mtu", "1500");
    write(
        root.path(),
        "sys/class/net/eth0/queues/rx-0/rps_cpus",
        "0000000f",
    );
    fs::remove_dir_all(root.path().join("proc/712")).unwrap();
    program(root.path(), "nft", r#"{"nftables": []}"#);
    let facts = Facts::gather(&Host::below(root.path()), &BTreeMap::new()).unwrap();
    let report = Report::new(&look(root.path(), &facts), &facts, &[], &Profile::default());
    assert_eq!(ids(&report), Vec::<&str>::new(), "{}", report.markdown());
    assert!(report.markdown().contains("None."));
}

#[test]
fn a_host_that_shows_nothing_is_a_report_of_gaps() {
    let root = TempDir::new().unwrap();
    let facts = Facts::default();
    let report = Report::new(&look(root.path(), &facts), &facts, &[], &Profile::default());
    let gaps: Vec<&str> = report.gaps.iter().map(|gap| gap.what.as_str()).collect();
    for gap in [
        "rules of nftables",
        "interfaces",
        "softnet",
        "connection tracking",
    ] {
        assert!(gaps.contains(&gap), "{gap} in {gaps:?}");
    }
    let markdown = report.markdown();
    assert!(
        markdown.contains("install the package nftables"),
        "{markdown}"
    );
    assert!(markdown.contains("without privileges"), "{markdown}");
}

#[test]
fn the_provider_is_asked_for_what_the_profile_opens_and_no_more() {
    let text = "firewall:\n  games: [cs2]\n  ports: []\n  trusted: [203.0.113.0/24]\n";
    let profile = Profile::parse("test", text).unwrap();
    let lines = acl::lines(&Facts::default(), &profile);
    let all = lines.join("\n");
    assert!(
        all.contains("permit udp from any to THIS-HOST port 27015,27020"),
        "{all}"
    );
    assert!(
        all.contains("permit tcp from 203.0.113.0/24 to THIS-HOST port 22,27015"),
        "RCON is not for any: {all}"
    );
    assert!(!all.contains("permit tcp from any"), "{all}");
    assert!(lines.last().unwrap().starts_with("deny any to THIS-HOST"));
    let guide = acl::lines(&Facts::default(), &Profile::builtin(Base::Guide)).join("\n");
    assert!(
        guide.contains("permit tcp from any to THIS-HOST port 2456-2458,7000-8000,25565,27015"),
        "{guide}"
    );
}

#[test]
fn a_redacted_report_has_no_address_and_no_name_of_the_host() {
    let root = TempDir::new().unwrap();
    let mut facts = bad_host(root.path());
    facts.session = Some(crate::facts::Session {
        peer: "192.0.2.9".parse().unwrap(),
        local_port: 22,
    });
    let report = Report::new(&look(root.path(), &facts), &facts, &[], &Profile::default());
    let redacted = report.redacted().unwrap();
    for text in [redacted.markdown(), redacted.json().unwrap()] {
        for secret in ["198.0.0.7", "192.0.2.9", "edge-7"] {
            assert!(!text.contains(secret), "{secret} in\n{text}");
        }
        assert!(text.contains("<host-1>"), "{text}");
    }
    assert!(redacted.markdown().contains("to <ipv4-1> port"));
    assert_eq!(ids(&redacted), ids(&report), "nothing else is lost");
}

#[test]
fn redaction_keeps_what_is_the_same_everywhere_and_numbers_what_is_not() {
    let cases = [
        (
            "from 192.0.2.1:7000 to 192.0.2.2, again 192.0.2.1.",
            "from <ipv4-1>:7000 to <ipv4-2>, again <ipv4-1>.",
        ),
        ("127.0.0.1 ::1 0.0.0.0 ::", "127.0.0.1 ::1 0.0.0.0 ::"),
        (
            "[2001:db8::1]:80 and 2001:DB8:0::1/64",
            "[<ipv6-1>]:80 and <ipv6-1>/64",
        ),
        ("::ffff:192.0.2.1", "<ipv4-1>"),
        ("1e:f8:96:ca:99:8f enx1ef896ca998f", "<mac-1> enx<mac-2>"),
        (
            "Edge-7 edge-7.lan bedge-7 edge-77",
            "<host-1> <host-2> bedge-7 edge-77",
        ),
        (
            "kernel 6.18.44, nft 1.0.6, 12:30:01, eth0: add",
            "kernel 6.18.44, nft 1.0.6, 12:30:01, eth0: add",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(redact(text, &["edge-7.lan"]), wanted);
    }
    // One of the letters that are longer in lower case.
    assert_eq!(redact("\u{23a}\u{fffc}", &["\u{23a}"]), "<host-1>\u{fffc}");
}

proptest! {
    #[test]
    fn no_address_survives_redaction(
        v4: Ipv4Addr, v6: Ipv6Addr, mac: [u8; 6],
        parts in proptest::collection::vec("[ -~é]{0,20}", 4),
    ) {
        let mac: Vec<String> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        let secrets = [v4.to_string(), v6.to_string(), mac.join(":")];
        let is_same_everywhere = v4.is_loopback() || v4.is_unspecified() || v6.is_loopback() || v6.is_unspecified();
        prop_assume!(!is_same_everywhere);
        let text = format!("{} {} {} {} {} {} {}", parts[0], secrets[0], parts[1], secrets[1], parts[2], secrets[2], parts[3]);
        let out = redact(&text, &[]);
        for secret in &secrets {
            prop_assert!(!out.contains(secret), "{secret} of {text:?} in {out:?}");
        }
        prop_assert_eq!(redact(&out, &[]), out, "redacted is redacted");
    }

    #[test]
    fn redaction_never_panics(text in "\\PC{0,80}", name in "\\PC{0,8}") {
        assert!(redact(&text, &[&name]).len() < 10_000);
        crate::fuzz::redaction(text.as_bytes());
    }
}
