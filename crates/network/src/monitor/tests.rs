//! Rates, alarms and ports on values; the whole on a directory that stands for a host, and over a real socket.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::alarms::alarms;
use super::ports::PortTotals;
use super::rates::rates;
use super::*;
use crate::host::of_files::{program, write};
use crate::observe::sockets::{Socket, TCP_LISTEN};
use crate::profile::firewall::Ports;

fn sample(at_s: u64, counters: &[(c::Metric, &str, u64)]) -> Sample {
    let mut sample = Sample {
        at: Duration::from_secs(at_s),
        ..Sample::default()
    };
    for (metric, of, value) in counters {
        sample.counters.set(*metric, *of, *value);
    }
    sample
}

fn near(found: Option<f64>, wanted: f64) -> bool {
    found.is_some_and(|found| (found - wanted).abs() < 1e-6)
}

#[test]
fn rates_are_differences_over_time() {
    let before = sample(10, &[(c::RX_BYTES, "eth0", 1_000), (c::UDP_IN, "", 5)]);
    let after = sample(14, &[(c::RX_BYTES, "eth0", 9_000), (c::UDP_IN, "", 5)]);
    let rates = rates(&before, &after);
    assert!(near(rates.per_second.get(c::RX_BYTES, "eth0"), 2_000.0));
    assert!(near(rates.per_second.get(c::UDP_IN, ""), 0.0));
    assert!(near(Some(rates.seconds), 4.0));
    let json = serde_json::to_value(&rates).unwrap();
    assert_eq!(
        json["per_second"]["interface_receive_bytes"]["eth0"],
        2_000.0
    );
    assert_eq!(json["per_second"]["udp_in_datagrams"], 0.0);
}

#[test]
fn a_counter_that_begins_again_counts_from_zero_and_one_of_32_bits_goes_round() {
    let before = sample(
        0,
        &[
            (c::RX_BYTES, "eth0", 5_000),
            (c::SOFTNET_DROPS, "0", 4_294_967_290),
            (c::SOFTNET_DROPS, "1", 900),
        ],
    );
    let after = sample(
        1,
        &[
            (c::RX_BYTES, "eth0", 300),
            (c::SOFTNET_DROPS, "0", 10),
            (c::SOFTNET_DROPS, "1", 7),
        ],
    );
    let rates = rates(&before, &after);
    assert!(near(rates.per_second.get(c::RX_BYTES, "eth0"), 300.0));
    assert!(
        near(rates.per_second.get(c::SOFTNET_DROPS, "0"), 16.0),
        "round"
    );
    assert!(
        near(rates.per_second.get(c::SOFTNET_DROPS, "1"), 7.0),
        "began again"
    );
    assert_eq!(rates.began_again, ["cpu 1", "interface eth0"]);
}

#[test]
fn interfaces_that_come_and_go_have_no_rate_and_are_named() {
    let before = sample(0, &[(c::RX_BYTES, "eth0", 5), (c::RX_BYTES, "old", 5)]);
    let after = sample(
        1,
        &[(c::RX_BYTES, "eth0", 6), (c::RX_BYTES, "new", 9_999_999)],
    );
    let found = rates(&before, &after);
    assert_eq!(found.appeared, ["interface new"]);
    assert_eq!(found.vanished, ["interface old"]);
    assert_eq!(found.per_second.of(c::RX_BYTES).count(), 1);
    let same = rates(&before, &before);
    assert!(same.per_second.0.is_empty(), "no time, no rate");
}

proptest! {
    #[test]
    fn no_rate_is_negative_or_infinite(was: u64, now: u64, small in 0..100_u64, ms in 0..10_000_u64) {
        let narrow = |value: u64| value & u64::from(u32::MAX);
        for (was, now) in [(was, now), (small, now), (was, small)] {
            let mut before = sample(1, &[(c::RX_BYTES, "a", was), (c::SOFTNET_DROPS, "0", narrow(was))]);
            let mut after = sample(1, &[(c::RX_BYTES, "a", now), (c::SOFTNET_DROPS, "0", narrow(now))]);
            before.at = Duration::from_secs(1);
            after.at = before.at + Duration::from_millis(ms);
            let found = rates(&before, &after);
            for (key, value) in &found.per_second.0 {
                prop_assert!(value.is_finite() && *value >= 0.0, "{key:?} {value}");
            }
            if ms > 0 && now >= was {
                let counted = found.per_second.get(c::RX_BYTES, "a").unwrap() * found.seconds;
                let wanted = crate::observe::float(now - was);
                prop_assert!((counted - wanted).abs() <= wanted * 1e-9 + 1e-6);
            }
        }
    }
}

#[test]
fn every_threshold_raises_its_alarm_above_it_and_not_at_it() {
    let thresholds = Thresholds::default();
    let written = serde_json::to_value(&thresholds).unwrap();
    // A measure for each key; the value is in the key's unit.
    let cases: &[(&str, c::Metric, f64)] = &[
        ("udp_buffer_errors_per_second", c::UDP_RECEIVE_BUFFER, 1.0),
        ("socket_drops_per_second", c::PORT_DROPS, 1.0),
        ("interface_drops_per_second", c::TX_DROPS, 1.0),
        ("softnet_drops_per_second", c::SOFTNET_DROPS, 1.0),
        ("softnet_squeezes_per_second", c::SOFTNET_SQUEEZES, 1.0),
        ("listen_drops_per_second", c::TCP_LISTEN_DROPS, 1.0),
        ("conntrack_fill_percent", c::CONNTRACK_FILL, 100.0),
        ("conntrack_drops_per_second", c::CONNTRACK_DROPS, 1.0),
        ("set_fill_percent", c::SET_FILL, 100.0),
        ("probe_loss_percent", c::PROBE_LOSS, 100.0),
        ("probe_p99_ms", c::PROBE_P99, 1_000.0),
        ("probe_jitter_ms", c::PROBE_JITTER, 1_000.0),
    ];
    let keys = written.as_object().unwrap();
    assert_eq!(keys.len(), cases.len(), "a case for every threshold");
    for (key, metric, unit) in cases {
        let limit = keys[*key].as_f64().unwrap();
        let with = |value: f64| {
            let mut rates = Rates::default();
            let values = match metric.kind {
                c::Kind::Gauge => &mut rates.now,
                _ => &mut rates.per_second,
            };
            values.set(*metric, "x", value / unit);
            alarms(&rates, &thresholds)
        };
        assert!(with(limit).is_empty(), "{key} at its limit");
        let raised = with(limit + 1.0);
        assert_eq!(raised.len(), 1, "{key}");
        assert_eq!((raised[0].threshold, raised[0].of.as_str()), (*key, "x"));
        assert!(raised[0].to_string().contains(key), "{}", raised[0]);
    }
}

fn socket(port: u16, inode: u64, drops: Option<u64>, state: u8) -> Socket {
    Socket {
        local: ([0, 0, 0, 0], port).into(),
        remote: ([0, 0, 0, 0], 0).into(),
        state,
        tx_queue: 3,
        rx_queue: 5,
        inode,
        drops,
    }
}

#[test]
fn drops_of_a_port_outlive_its_sockets() {
    const GAMES: [Ports; 1] = [Ports {
        first: 7_000,
        last: 7_001,
    }];
    let mut totals = PortTotals::default();
    let mut look = |sockets: &[Socket]| {
        let found: Vec<_> = sockets.iter().map(|socket| ("udp", *socket)).collect();
        let mut sample = Sample::default();
        totals.add(&GAMES, &found, &mut sample);
        sample.counters.get(c::PORT_DROPS, "7000/udp")
    };
    let udp = |inode, drops| socket(7_000, inode, Some(drops), 7);
    assert_eq!(
        look(&[udp(1, 100), socket(9, 9, Some(9), 7)]),
        Some(0),
        "old drops are not new"
    );
    assert_eq!(look(&[udp(1, 110)]), Some(10));
    assert_eq!(
        look(&[udp(1, 110), udp(2, 5)]),
        Some(15),
        "a new socket drops from its first moment"
    );
    assert_eq!(
        look(&[udp(2, 6)]),
        Some(16),
        "and one that closes takes nothing back"
    );
    assert_eq!(look(&[udp(2, 1)]), Some(17), "an inode that is used again");
    assert_eq!(look(&[]), None);
    assert_eq!(look(&[udp(3, 4)]), Some(4));
}

#[test]
fn queues_and_connections_of_tcp_are_told_apart() {
    let mut sample = Sample::default();
    let found = [
        ("tcp", socket(25_565, 1, None, TCP_LISTEN)),
        ("tcp", socket(25_565, 2, None, 1)),
        ("tcp", socket(25_565, 3, None, 1)),
    ];
    PortTotals::default().add(&["25565".parse().unwrap()], &found, &mut sample);
    let gauge = |metric| sample.gauges.get(metric, "25565/tcp");
    assert!(near(gauge(c::PORT_SOCKETS), 1.0) && near(gauge(c::PORT_CONNECTIONS), 2.0));
    assert!(
        near(gauge(c::PORT_RECEIVE_QUEUE), 5.0),
        "the accept queue alone"
    );
    assert!(
        near(gauge(c::PORT_SEND_QUEUE), 6.0),
        "of the two connections"
    );
}

/// A host as files; the counters are what `n` makes of them.
fn host_of_files(root: &Path, n: u64) {
    write(
        root,
        "proc/net/dev",
        &format!(
            "h\nh\n eth0: {} {} 0 {n} 0 0 0 0 {} {n} 0 0 0 0 0 0\n",
            n * 1_000,
            n * 10,
            n * 500
        ),
    );
    write(
        root,
        "proc/net/softnet_stat",
        &format!("{n:08x} {n:08x} 00000000\n"),
    );
    write(
        root,
        "proc/net/snmp",
        &format!("Tcp: CurrEstab\nTcp: 4\nUdp: InDatagrams RcvbufErrors\nUdp: {n} {n}\n"),
    );
    write(
        root,
        "proc/net/udp",
        &format!(
            "h drops\n 1: 00000000:1B58 00000000:0000 07 00000000:00000300 00:00000000 00000000 0 0 99 2 0 {n}\n"
        ),
    );
    write(root, "proc/sys/net/netfilter/nf_conntrack_count", "90\n");
    write(root, "proc/sys/net/netfilter/nf_conntrack_max", "100\n");
    program(
        root,
        "tc",
        &format!(
            r#"[{{"kind":"htb","dev":"eth0","root":true,"packets":{n},"drops":{n},"qlen":2}}]"#
        ),
    );
    program(
        root,
        "nft",
        &format!(
            r#"{{"nftables":[{{"counter":{{"family":"inet","table":"stadion","name":"drop_meter","packets":{n},"bytes":{n}}}}}]}}"#
        ),
    );
}

fn watch_all() -> Watch {
    Watch {
        interfaces: Vec::new(),
        ports: vec!["7000".parse().unwrap()],
        table: "inet stadion".into(),
    }
}

#[test]
fn a_host_made_of_files_is_measured_and_what_it_lacks_is_a_gap_with_a_reason() {
    let root = TempDir::new().unwrap();
    host_of_files(root.path(), 100);
    let mut sampler = Sampler::new(Arc::new(Host::below(root.path())), watch_all());
    let mut before = sampler.sample();
    host_of_files(root.path(), 300);
    let mut after = sampler.sample();
    before.at = Duration::from_secs(0);
    after.at = Duration::from_secs(2);
    let found = rates(&before, &after);
    let per_second = |metric, of| found.per_second.get(metric, of);
    assert!(near(per_second(c::RX_BYTES, "eth0"), 100_000.0));
    assert!(near(per_second(c::RX_DROPS, "eth0"), 100.0));
    assert!(near(per_second(c::SOFTNET_DROPS, "0"), 100.0));
    assert!(near(per_second(c::UDP_RECEIVE_BUFFER, ""), 100.0));
    assert!(near(per_second(c::PORT_DROPS, "7000/udp"), 100.0));
    assert!(near(per_second(c::TABLE_PACKETS, "drop_meter"), 100.0));
    assert!(near(per_second(c::QDISC_DROPS, "eth0 root htb"), 100.0));
    assert!(near(found.now.get(c::CONNTRACK_FILL, ""), 0.9));
    assert!(sampler.gaps().is_empty(), "{:?}", sampler.gaps());

    let interval = Interval {
        at_seconds: 2.0,
        alarms: alarms(&found, &Thresholds::default()),
        rates: found,
        gaps: Vec::new(),
    };
    let table = show::table(&interval);
    for shown in [
        "eth0",
        "800.0k",
        "drop_meter",
        "7000/udp",
        "90%",
        "ALARM conntrack_fill_ratio",
    ] {
        assert!(table.contains(shown), "{shown} in\n{table}");
    }

    for gone in ["proc/net/softnet_stat", "bin/nft"] {
        fs::remove_file(root.path().join(gone)).unwrap();
    }
    write(root.path(), "proc/net/dev", "h\nh\n eth0: broken\n");
    sampler.sample();
    let sample = sampler.sample();
    assert!(
        sample.gauges.get(c::CONNTRACK_FILL, "").is_some(),
        "the rest goes on"
    );
    let gaps: Vec<String> = sampler
        .gaps()
        .iter()
        .map(|gap| format!("{}: {}", gap.what, gap.reason))
        .collect();
    assert_eq!(gaps.len(), 3, "each once: {gaps:?}");
    let all = gaps.join("\n");
    assert!(all.contains("no /proc/net/softnet_stat"), "{all}");
    assert!(all.contains("install the package nftables"), "{all}");
    assert!(all.contains("/proc/net/dev: line 3"), "{all}");
}

fn options(form: Form) -> Options {
    Options {
        watch: watch_all(),
        interval: Duration::from_millis(20),
        count: Some(3),
        form,
        listen: None,
        probe: None,
        probe_interval: probe::INTERVAL,
    }
}

#[test]
fn it_ends_after_its_count_and_says_whether_a_threshold_was_passed() {
    let root = TempDir::new().unwrap();
    host_of_files(root.path(), 100);
    let look = |thresholds: &Thresholds, form| {
        let mut out = Vec::new();
        let host = Host::below(root.path());
        let alarmed = run(host, thresholds, &options(form), &mut out).unwrap();
        (alarmed, String::from_utf8(out).unwrap())
    };
    let (alarmed, text) = look(&Thresholds::default(), Form::Json);
    assert!(alarmed, "90 of 100 connections");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    for line in &lines {
        assert_eq!(line["alarms"][0]["threshold"], "conntrack_fill_percent");
        assert_eq!(line["now"]["conntrack_entries"], 90.0);
        assert!(line["per_second"]["interface_receive_bytes"]["eth0"].is_number());
    }
    let calm = Thresholds {
        conntrack_fill_percent: 95.0,
        ..Thresholds::default()
    };
    let (alarmed, text) = look(&calm, Form::Lines);
    assert!(!alarmed, "{text}");
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains("conntrack=90%"), "{text}");
    let (_, text) = look(&calm, Form::Live);
    assert_eq!(text.matches("\x1b[H").count(), 3);
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn prometheus_gets_totals_and_alarms_and_others_get_little() {
    let mut sample = sample(1, &[(c::RX_BYTES, "eth0", 7_000), (c::UDP_IN, "", 42)]);
    sample.gauges.set(c::SET_FILL, "known\"4\n", 0.93);
    let mut rates = Rates::default();
    rates.now.set(c::SET_FILL, "known4", 0.93);
    let alarms = alarms(&rates, &Thresholds::default());
    let (page, pages) = watch::channel(endpoint::page(&sample, &alarms));
    let endpoint = endpoint::Endpoint::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = endpoint.address();
    let asking = async {
        // Others that say nothing do not keep it from answering.
        let idle = [
            TcpStream::connect(address).await.unwrap(),
            TcpStream::connect(address).await.unwrap(),
        ];
        let answer = ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("application/openmetrics-text"), "{answer}");
        for line in [
            "stadion_network_interface_receive_bytes_total{interface=\"eth0\"} 7000\n",
            "stadion_network_udp_in_datagrams_total 42\n",
            "stadion_network_set_fill_ratio{set=\"known\\\"4\\n\"} 0.93\n",
            "stadion_network_alarms{threshold=\"set_fill_percent\"} 1.0\n",
            "# EOF\n",
        ] {
            assert!(answer.contains(line), "{line} in\n{answer}");
        }
        assert!(
            ask(
                address,
                "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
            )
            .await
            .starts_with("HTTP/1.1 405")
        );
        assert!(
            ask(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                .await
                .starts_with("HTTP/1.1 404")
        );
        let long = format!(
            "GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n",
            "x".repeat(100_000)
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(long.as_bytes()).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        assert!(
            !answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        drop(idle);
    };
    tokio::select! {
        ended = endpoint.serve(pages) => panic!("{ended:?}"),
        () = asking => {}
    }
    drop(page);
}

#[test]
fn numbers_are_short() {
    let shown = [0.0, 12.0, 1.25, 999.0, 1_000.0, 1_234_567.0, 9.9e9].map(show::short);
    assert_eq!(shown, ["0", "12", "1.2", "999", "1.0k", "1.2M", "9.9G"]);
}

#[test]
fn the_documentation_names_every_measure_and_every_threshold_with_its_default() {
    let text = include_str!("../../../../docs/network.md");
    for metric in c::ALL {
        let name = format!("`{}`", metric.name);
        assert_eq!(text.matches(&name).count(), 1, "{name}, once");
    }
    let thresholds = serde_json::to_value(Thresholds::default()).unwrap();
    for (name, default) in thresholds.as_object().unwrap() {
        let told = format!("| `{name}` ({}) |", default.as_f64().unwrap());
        assert!(text.contains(&told), "{told}");
    }
}
