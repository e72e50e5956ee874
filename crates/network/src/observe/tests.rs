//! Each parser on a text of a real kernel, and on texts written from arbitrary values: what was written is what is read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::*;

const DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 3708592 12884    0    0    0     0          0         0  3708592   12884    0    0    0     0       0          0
  eth0:444126480 18722    1    2    3     4          5         6  1177926   11250    7    8    9    10      11         12
";

#[test]
fn interfaces_of_a_kernel_are_read_also_where_the_number_touches_the_name() {
    let read = interfaces::parse(DEV).unwrap();
    let eth0 = &read["eth0"];
    assert_eq!(
        (eth0.rx_bytes, eth0.rx_dropped, eth0.rx_fifo),
        (444_126_480, 2, 3)
    );
    assert_eq!(
        (eth0.tx_packets, eth0.tx_errors, eth0.tx_fifo),
        (11_250, 7, 9)
    );
    let short = DEV.replace(" 12\n", "\n");
    let error = interfaces::parse(&short).unwrap_err().to_string();
    assert!(
        error.contains("/proc/net/dev") && error.contains("line 4"),
        "{error}"
    );
}

const SNMP: &str = "\
Tcp: RtoAlgorithm MaxConn CurrEstab OutSegs RetransSegs
Tcp: 1 -1 3 900 7
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
Udp: 6840596 10100 54734 6957249 54730 2 4 0 0
UdpLite: InDatagrams
UdpLite: 9
";
const SNMP6: &str = "Ip6InReceives                   \t5\nUdp6InDatagrams                 \t4\nUdp6RcvbufErrors                \t1\n";
const NETSTAT: &str =
    "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed ListenDrops\nTcpExt: 5 6 7 8\n";

#[test]
fn udp_of_both_families_is_added_and_udplite_is_not() {
    let counters = counters::pairs(SNMP).unwrap();
    let udp = counters::Udp::new(&counters, &counters::names(SNMP6).unwrap());
    assert_eq!(udp.in_datagrams, 6_840_600);
    assert_eq!(udp.receive_buffer_errors, 54_731);
    assert_eq!(
        (udp.send_buffer_errors, udp.checksum_errors, udp.no_ports),
        (2, 4, 10_100)
    );
    let tcp = counters::Tcp::new(&counters, &counters::pairs(NETSTAT).unwrap());
    assert_eq!((tcp.established, tcp.retransmitted), (3, 7));
    assert_eq!(
        (
            tcp.syn_cookies_sent,
            tcp.syn_cookies_failed,
            tcp.listen_drops
        ),
        (5, 7, 8)
    );
    assert!(counters::pairs("Udp: A\nTcp: 1\n").is_err(), "partners");
    assert!(
        counters::pairs("Udp: A B\nUdp: 1\n").is_err(),
        "as many values as names"
    );
    let memory = counters::sockets("sockets: used 18\nUDP: inuse 3 mem 249\n").unwrap();
    assert_eq!(memory["UDP"]["mem"], 249);
    assert!(counters::sockets("UDP: inuse\n").is_err());
}

#[test]
fn softnet_of_new_and_of_old_kernels() {
    let new = "04203d69 0000000a 00000016 0 0 0 0 0 0 00000007 00000001 00000000 00000005 0 0\n";
    let row = softnet::parse(new).unwrap()[0];
    assert_eq!(
        (row.cpu, row.processed, row.dropped, row.squeezed),
        (5, 0x0420_3d69, 10, 22)
    );
    assert_eq!((row.steered, row.flow_limited), (7, 1));
    let old = "1 2 3 4 5 6 7 8 9\n1 2 3 4 5 6 7 8 9\n";
    let rows = softnet::parse(old).unwrap();
    assert_eq!((rows[1].cpu, rows[1].squeezed, rows[1].steered), (1, 3, 0));
    assert!(softnet::parse("1 2\n").is_err());
    assert!(softnet::parse("1 2 x\n").is_err());
}

#[test]
fn tables_of_connection_tracking_and_synproxy() {
    let text = "entries\t\tsyn_received\tcookie_invalid\tcookie_valid\n00000003 0000000a 00000001 00000009\n00000003 00000001 00000000 00000001\n";
    let stat = conntrack::Stat::parse("synproxy", text).unwrap();
    assert_eq!(stat.total("syn_received"), 11);
    assert_eq!(stat.total("nothing"), 0);
    assert!(conntrack::Stat::parse("synproxy", "a b\n1\n").is_err());
    assert!(conntrack::Stat::parse("synproxy", "").is_err());
    assert_eq!(conntrack::number("max", "262144\n").unwrap(), 262_144);
    assert!(conntrack::number("max", "many").is_err());
    let fill = |count, max| conntrack::Fill { count, max }.ratio();
    assert!((fill(80, 100) - 0.8).abs() < 1e-9);
    assert!(fill(80, 0).abs() < 1e-9);
}

const UDP: &str = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            \n\
  641: 0100007F:1B58 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 61023 2 0000000000000000 17        \n";
const TCP6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 28174 1 0000000000000000 100 0 0 10 0\n";

#[test]
#[cfg(target_endian = "little")]
fn sockets_with_their_queues_and_drops() {
    let udp = sockets::parse("udp", UDP).unwrap()[0];
    assert_eq!(udp.local, "127.0.0.1:7000".parse::<SocketAddr>().unwrap());
    assert_eq!(
        (udp.rx_queue, udp.drops, udp.inode),
        (0x300, Some(17), 61_023)
    );
    let tcp = sockets::parse("tcp6", TCP6).unwrap()[0];
    assert_eq!(tcp.local, "[::1]:8080".parse::<SocketAddr>().unwrap());
    assert_eq!(
        (tcp.state, tcp.rx_queue, tcp.drops),
        (sockets::TCP_LISTEN, 2, None)
    );
    assert!(sockets::parse("udp", &UDP.replace("0100007F", "é00007F")).is_err());
}

const INTERRUPTS: &str = "           CPU0       CPU1       \n \
38:          0       9899 PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0\n\
NMI:          0          0   Non-maskable interrupts\nERR:          7\n";

#[test]
fn interrupts_keep_the_names_that_their_devices_gave_them() {
    let read = interrupts::parse(INTERRUPTS).unwrap();
    assert_eq!(
        (read[0].number(), &read[0].counts),
        (Some(38), &vec![0, 9_899])
    );
    assert!(
        read[0].name.ends_with("virtio2-input.0"),
        "{}",
        read[0].name
    );
    assert_eq!((read[1].number(), read[1].id.as_str()), (None, "NMI"));
    assert_eq!(read[2].counts, [7]);
    assert!(interrupts::parse("no header\n").is_err());
    assert_eq!(interrupts::numbers(["39", "38", "x"]), [38, 39]);
}

#[test]
fn queueing_disciplines_with_their_drops() {
    let tc = r#"[{"kind":"htb","handle":"1:","dev":"a0","root":true,"options":{"default":"0x30"},"bytes":9,"packets":2,"drops":1,"overlimits":4,"backlog":0,"qlen":0},
        {"kind":"pfifo","handle":"10:","dev":"a0","parent":"1:10","options":{},"drops":5}]"#;
    let read = qdisc::parse(tc).unwrap();
    assert!(read[0].root && read[0].overlimits == 4);
    assert_eq!((read[1].parent.as_str(), read[1].drops), ("1:10", 5));
    assert!(qdisc::parse("").unwrap().is_empty());
    assert!(qdisc::parse("{").is_err());
}

/// Of nft 1.0.6, shortened.
const RULESET: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}},
    {"table": {"family": "ip", "name": "nat", "handle": 1}},
    {"chain": {"family": "ip", "table": "nat", "name": "pre", "handle": 2, "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"}},
    {"chain": {"family": "ip", "table": "nat", "name": "own", "handle": 3}},
    {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
    {"rule": {"family": "ip", "table": "nat", "chain": "pre", "handle": 10, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 7000}}, {"dnat": {"addr": "10.0.0.2", "port": 7001}}]}},
    {"rule": {"family": "ip", "table": "nat", "chain": "pre", "handle": 12, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [{"range": [8000, 8010]}, 25565]}}}, {"redirect": {"port": 99}}]}},
    {"rule": {"family": "ip", "table": "nat", "chain": "own", "handle": 13, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 9}}, {"drop": null}]}},
    {"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "handle": 4, "expr": [{"xt": {"type": "match", "name": "recent"}}]}},
    {"counter": {"family": "inet", "name": "c1", "table": "mine", "handle": 3, "packets": 3, "bytes": 90}}]}"#;

#[test]
fn rules_of_others_and_counters_of_ours() {
    let read = nftables::ruleset(RULESET).unwrap();
    assert_eq!(read.tables, ["ip nat"]);
    assert_eq!(read.opaque_rules, 1);
    let input = read
        .chains
        .iter()
        .find(|chain| chain.hook == "input")
        .unwrap();
    assert!(input.drops && input.rules == 1 && input.table == "ip filter");
    let counters = nftables::counters(RULESET).unwrap();
    assert_eq!((counters[0].name.as_str(), counters[0].packets), ("c1", 3));
    assert!(nftables::counters(r#"{"other":1}"#).is_err());
}

/// A message as the kernel writes it.
fn set_message(name: &str, size: Option<u32>, count: Option<u32>, flags: u32) -> Vec<u8> {
    let attribute = |kind: u16, value: &[u8]| {
        let mut bytes = Vec::from(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let mut body = vec![1, 0, 0, 0];
    body.extend(attribute(1, b"mine\0"));
    body.extend(attribute(2, &[name.as_bytes(), b"\0"].concat()));
    body.extend(attribute(3, &flags.to_be_bytes()));
    let inner = size.map_or_else(Vec::new, |size| attribute(1, &size.to_be_bytes()));
    body.extend(attribute(9, &inner));
    if let Some(count) = count {
        body.extend(attribute(20, &count.to_be_bytes()));
    }
    let mut message = Vec::from(u32::try_from(16 + body.len()).unwrap().to_ne_bytes());
    message.extend(0x0a09_u16.to_ne_bytes());
    message.extend([0; 10]);
    message.extend(body);
    message
}

proptest! {
    #[test]
    fn interfaces_read_what_was_written(rows in proptest::collection::btree_map("[a-z][a-z0-9.-]{0,14}", any::<[u32; 16]>(), 0..20)) {
        let mut text = String::from("head\nhead\n");
        for (name, numbers) in &rows {
            let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
            writeln!(text, "{name:>6}: {}", numbers.join("  ")).unwrap();
        }
        let read = interfaces::parse(&text).unwrap();
        prop_assert_eq!(read.len(), rows.len());
        for (name, n) in &rows {
            let t = read[name];
            let found = [t.rx_bytes, t.rx_packets, t.rx_errors, t.rx_dropped, t.rx_fifo, t.tx_bytes, t.tx_packets, t.tx_errors, t.tx_dropped, t.tx_fifo];
            let written = [0, 1, 2, 3, 4, 8, 9, 10, 11, 12].map(|column: usize| u64::from(n[column]));
            prop_assert_eq!(found, written);
        }
    }

    #[test]
    fn counters_read_what_was_written(groups in proptest::collection::btree_map("[A-Z][a-z]{1,6}", proptest::collection::btree_map("[A-Z][a-z]{1,9}", any::<i64>(), 0..8), 0..6)) {
        let mut text = String::new();
        for (protocol, values) in &groups {
            let names: Vec<_> = values.keys().cloned().collect();
            let numbers: Vec<_> = values.values().map(i64::to_string).collect();
            writeln!(text, "{protocol}: {}\n{protocol}: {}", names.join(" "), numbers.join(" ")).unwrap();
        }
        prop_assert_eq!(counters::pairs(&text).unwrap(), groups);
    }

    #[test]
    fn sockets_read_what_was_written(local: SocketAddr, state: u8, queues: (u32, u32), inode: u64, drops: u64) {
        let words = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => format!("{:08X}", u32::from_ne_bytes(ip.octets())),
            IpAddr::V6(ip) => ip.octets().chunks_exact(4).map(|word| format!("{:08X}", u32::from_ne_bytes(word.try_into().unwrap()))).collect(),
        };
        let address = format!("{}:{:04X}", words(local.ip()), local.port());
        let text = format!("  sl  local_address drops\n {inode}: {address} {address} {state:02X} {:08X}:{:08X} 00:00000000 00000000 0 0 {inode} 2 0 {drops}\n", queues.0, queues.1);
        let row = sockets::parse("udp", &text).unwrap()[0];
        prop_assert_eq!((row.local.ip(), row.local.port(), row.remote.port()), (local.ip(), local.port(), local.port()));
        prop_assert_eq!((row.state, row.tx_queue, row.rx_queue), (state, queues.0, queues.1));
        prop_assert_eq!((row.inode, row.drops), (inode, Some(drops)));
    }

    #[test]
    fn sets_read_what_the_kernel_wrote(sets in proptest::collection::vec(("[a-z0-9_]{1,40}", any::<Option<u32>>(), any::<Option<u32>>(), any::<bool>()), 0..12)) {
        let mut datagram = Vec::new();
        for (name, size, count, anonymous) in &sets {
            datagram.extend(set_message(name, *size, *count, u32::from(*anonymous)));
        }
        let read = super::sets::parse(&datagram).unwrap();
        let named: Vec<_> = sets.iter().filter(|set| !set.3).map(|(name, size, count, _)| (name.clone(), *size, *count)).collect();
        let found: Vec<_> = read.sets.into_iter().map(|set| (set.name, set.size, set.count)).collect();
        prop_assert_eq!(found, named);
        // Cut anywhere, it is refused or holds fewer sets; never a panic, never one more.
        for end in 0..datagram.len() {
            let cut = super::sets::parse(&datagram[..end]);
            prop_assert!(cut.is_err() || cut.unwrap().sets.len() <= sets.len());
        }
    }

    #[test]
    fn stat_reads_what_was_written(columns in 1_usize..20, values in proptest::collection::vec(any::<u32>(), 0..60)) {
        let names: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
        let mut text = names.join(" ");
        let mut totals = BTreeMap::new();
        for row in values.chunks_exact(columns) {
            text.push('\n');
            for (name, value) in names.iter().zip(row) {
                write!(text, "{value:08x} ").unwrap();
                *totals.entry(name).or_insert(0) += u64::from(*value);
            }
        }
        let stat = conntrack::Stat::parse("stat", &text).unwrap();
        for (name, total) in totals {
            prop_assert_eq!(stat.total(name), total);
        }
    }

    #[test]
    fn no_parser_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        crate::fuzz::kernel_text(&bytes);
        crate::fuzz::tool_output(&bytes);
        crate::fuzz::set_messages(&bytes);
    }

    #[test]
    fn no_parser_panics_on_lines_that_look_right(text in "([ :]?[0-9A-Fa-f]{1,12}[ :,-]){0,40}\n(CPU[0-9] ){0,3}\n([a-zU:]{1,6} [0-9 :]{1,30}\n){0,5}") {
        crate::fuzz::kernel_text(text.as_bytes());
    }
}
