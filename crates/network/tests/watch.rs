//! `monitor`, `report` and the probe as processes: on real packets in network namespaces, and without privileges.
#![cfg(test)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use stadion_netlab::{Flood, FloodSpec, Sources, Wire, lose, unable};
use stadion_network::Error;
use stadion_network::host::Host;
use stadion_network::monitor::ask;
use tempfile::TempDir;

const TOOL: &str = env!("CARGO_BIN_EXE_stadion-network");
const NOBODY: u32 = 65_534;
const GAME_PORT: u16 = 7_000;
const PROBE_PORT: u16 = 9_710;
const PROMETHEUS_PORT: u16 = 9_711;

fn wire() -> Option<Wire> {
    if let Some(reason) = unable() {
        eprintln!("skipped: {reason}");
        return None;
    }
    Some(Wire::new().unwrap())
}

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(child.spawn().unwrap())
    }

    /// The lines that it writes.
    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        let lines = BufReader::new(self.0.stdout.take().unwrap()).lines();
        lines.map(Result::unwrap)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn tool(args: &[&str]) -> Command {
    let mut command = Command::new(TOOL);
    command.args(args);
    command
}

/// Runs it to its end: exit code, standard output, standard error.
fn finish(command: &mut Command) -> (i32, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!err.contains("panicked"), "{err}");
    (output.status.code().unwrap_or(-1), out, err)
}

fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn most(lines: &[Value], of: &str) -> f64 {
    let read = |line: &Value| line.pointer(of)?.as_f64();
    lines.iter().filter_map(read).fold(0.0, f64::max)
}

/// A set that 200 sources overflow, and a counter.
const METERS: &str = "table inet stadion {
 counter pass_udp {
 }
 set src4 {
  type ipv4_addr
  size 64
  flags dynamic,timeout
  timeout 60s
 }
 chain pre {
  type filter hook prerouting priority -300
  update @src4 { ip saddr }
  udp dport 7000 counter name pass_udp
 }
}
";

#[test]
fn a_flood_shows_as_drops_of_the_socket_and_as_a_full_set() {
    let Some(wire) = wire() else { return };
    let server = &wire.server;
    server.space.nft(METERS).unwrap();
    // Nobody reads it: what does not fit into its buffer is lost.
    let _stalled = server
        .space
        .run(|| UdpSocket::bind(("0.0.0.0", GAME_PORT)).unwrap())
        .unwrap();
    let flood = FloodSpec {
        rate_per_s: Some(20_000),
        ..FloodSpec::udp(
            SocketAddr::from((server.v4, GAME_PORT)),
            Sources::Spoofed(200),
        )
    };
    let flood = Flood::start(&wire.internet, flood).unwrap();
    let (code, out, err) = finish(&mut tool(&[
        "monitor",
        "--netns",
        server.space.name(),
        "--json",
        "--count",
        "4",
        "--interval",
        "300ms",
        "--port",
        "7000",
    ]));
    assert!(flood.stop().sent > 0);
    assert_eq!(code, 6, "thresholds were passed: {err}\n{out}");
    let lines = objects(&out);
    assert_eq!(lines.len(), 4);
    for measure in [
        "/per_second/interface_receive_packets/eth0",
        "/per_second/port_drops/7000~1udp",
        "/per_second/udp_receive_buffer_errors",
        "/per_second/table_packets/pass_udp",
    ] {
        assert!(most(&lines, measure) > 100.0, "{measure}: {out}");
    }
    assert!(
        (most(&lines, "/now/set_fill_ratio/src4") - 1.0).abs() < 1e-9,
        "{out}"
    );
    let gone = |name: &str| !out.contains(&format!("\"threshold\":\"{name}\""));
    for threshold in [
        "udp_buffer_errors_per_second",
        "socket_drops_per_second",
        "set_fill_percent",
    ] {
        assert!(!gone(threshold), "{threshold}: {out}");
    }
    assert_eq!(
        lines[3]["gaps"],
        serde_json::json!([]),
        "root sees everything: {out}"
    );
    let interfaces = lines[3]
        .pointer("/per_second/interface_receive_bytes")
        .unwrap();
    assert!(
        interfaces.as_object().unwrap().len() <= 2,
        "eth0 and lo, and none of the machine: {interfaces}"
    );
}

#[test]
fn kernels_that_count_sets_and_kernels_that_do_not_say_the_same() {
    let Some(wire) = wire() else { return };
    let space = &wire.server.space;
    let addresses: Vec<String> = (0..3_000_u32)
        .map(|n| format!("10.1.{}.{}", n / 250, n % 250))
        .collect();
    let rules = format!(
        "table inet stadion {{\n set many4 {{\n type ipv4_addr\n size 4096\n elements = {{ {} }}\n }}\n\
         chain in {{\n udp dport {{ 1, 2 }} accept\n }}\n}}\n",
        addresses.join(", ")
    );
    space.nft(&rules).unwrap();
    let asked = space.run(|| {
        let sets = ask::sets(&Host::node())?;
        let counted: Result<Vec<u64>, Error> = sets.iter().map(ask::count).collect();
        Ok::<_, Error>((sets, counted?))
    });
    let (sets, counted) = asked.unwrap().unwrap();
    assert_eq!(sets.len(), 1, "the set inside a rule has no name: {sets:?}");
    assert_eq!(
        (sets[0].name.as_str(), sets[0].size),
        ("many4", Some(4_096))
    );
    assert_eq!(counted, [3_000], "one by one");
    match sets[0].count {
        Some(count) => assert_eq!(count, 3_000, "as the kernel says"),
        None => eprintln!("this kernel does not count (Linux 6.16 does)"),
    }
}

fn probe_server(wire: &Wire) -> Running {
    let server = &wire.server;
    let listen = format!("{}:{PROBE_PORT}", server.v4);
    let args = [
        "probe-server",
        "--netns",
        server.space.name(),
        "--listen",
        &listen,
    ];
    let mut running = Running::start(&mut tool(&args));
    let said = running.lines().next().unwrap();
    assert_eq!(said, format!("answering probes on {listen}"));
    running
}

#[test]
fn probes_cross_a_cable_and_a_lossy_one_raises_the_alarm() {
    let Some(wire) = wire() else { return };
    let _server = probe_server(&wire);
    let peer = format!("{}:{PROBE_PORT}", wire.server.v4);
    let profile = TempDir::new().unwrap();
    let profile = profile.path().join("p.yaml");
    // Processors are shared with whatever else runs here, floods of other tests included: only loss is judged.
    let calm = [
        "udp_buffer_errors",
        "interface_drops",
        "softnet_drops",
        "softnet_squeezes",
        "listen_drops",
        "conntrack_drops",
    ];
    let mut text = String::from(
        "thresholds:\n  probe_p99_ms: 1e6\n  probe_jitter_ms: 1e6\n  probe_loss_percent: 5\n",
    );
    text.extend(calm.map(|name| format!("  {name}_per_second: 1e9\n")));
    fs::write(&profile, text).unwrap();
    let look = || {
        finish(&mut tool(&[
            "monitor",
            "--netns",
            wire.internet.space.name(),
            "--json",
            "--count",
            "4",
            "--interval",
            "500ms",
            "--probe",
            &peer,
            "--probe-interval",
            "5ms",
            "--profile",
            profile.to_str().unwrap(),
        ]))
    };
    let (code, out, err) = look();
    let last = &objects(&out)[3]["now"];
    assert_eq!(code, 0, "{err}{out}");
    assert!(
        last["probe_loss_ratio"][&peer].as_f64().unwrap() < 0.05,
        "{out}"
    );
    let seconds = |what: &str| last[what][&peer].as_f64().unwrap();
    let p50 = seconds("probe_latency_p50_seconds");
    let p99 = seconds("probe_latency_p99_seconds");
    assert!(0.0 < p50 && p50 <= p99, "{out}");
    eprintln!(
        "over a cable: p50 {:.3} ms, p99 {:.3} ms",
        p50 * 1e3,
        p99 * 1e3
    );

    lose(&wire.server.space, 200).unwrap();
    let (code, out, err) = look();
    let lost = &objects(&out)[3]["now"]["probe_loss_ratio"][&peer];
    let lost = lost.as_f64().unwrap();
    assert_eq!(code, 6, "{err}{out}");
    assert!((0.1..0.35).contains(&lost), "two in ten: {lost}");
}

#[test]
fn an_interface_that_goes_away_is_named_and_the_monitor_goes_on() {
    let Some(wire) = wire() else { return };
    let space = &wire.server.space;
    space
        .ip("link add gone0 type veth peer name gone1")
        .unwrap();
    let args = [
        "monitor",
        "--netns",
        space.name(),
        "--json",
        "--interval",
        "100ms",
    ];
    let mut running = Running::start(&mut tool(&args));
    let mut lines = running.lines();
    assert!(lines.next().unwrap().contains("gone0"));
    space.ip("link del gone0").unwrap();
    // It is in one of the next lines, whenever the kernel has it.
    let told = lines
        .by_ref()
        .take(100)
        .find(|line| line.contains("\"interface gone0\""));
    let told: Value = serde_json::from_str(&told.unwrap()).unwrap();
    let vanished = told["vanished"].as_array().unwrap();
    assert!(vanished.contains(&"interface gone0".into()), "{told}");
    let after = lines.next().unwrap();
    assert!(!after.contains("gone0"), "{after}");
}

#[test]
fn prometheus_reads_totals_of_the_namespace() {
    let Some(wire) = wire() else { return };
    let space = &wire.server.space;
    let listen = format!("127.0.0.1:{PROMETHEUS_PORT}");
    let args = [
        "monitor",
        "--netns",
        space.name(),
        "--interval",
        "100ms",
        "--listen",
        &listen,
    ];
    let mut running = Running::start(&mut tool(&args));
    assert!(
        running.lines().next().unwrap().starts_with("+0."),
        "a line for each interval"
    );
    let page = space.run(|| {
        let mut stream = TcpStream::connect(&listen).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page
    });
    let page = page.unwrap();
    assert!(
        page.contains("stadion_network_interface_receive_bytes_total{interface=\"eth0\"}"),
        "{page}"
    );
    assert!(
        page.contains("# TYPE stadion_network_conntrack_fill_ratio gauge"),
        "{page}"
    );
    assert!(
        TcpStream::connect(&listen).is_err(),
        "it listens in the namespace alone"
    );
}

#[test]
fn a_report_of_a_namespace_says_what_to_mend_and_hides_addresses_when_asked() {
    let Some(wire) = wire() else { return };
    let server = &wire.server;
    let dir = TempDir::new().unwrap();
    let state = dir.path().to_str().unwrap();
    let report = |more: &[&str]| {
        let args = [
            "report",
            "--netns",
            server.space.name(),
            "--interval",
            "100ms",
            "--state-dir",
            state,
        ];
        finish(&mut tool(&[&args[..], more].concat()))
    };
    let (code, out, err) = report(&["--json"]);
    assert_eq!(code, 0, "{err}");
    let json: Value = serde_json::from_str(&out).unwrap();
    let ids: Vec<_> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.contains(&"ddos-protect-pending") && ids.contains(&"firewall-pending"),
        "{ids:?}"
    );
    assert!(out.contains(&server.v4.to_string()));

    server.space.nft("table ip filter {\n chain INPUT {\n type filter hook input priority 0; policy drop;\n }\n}\n").unwrap();
    let path = dir.path().join("report.md");
    let (code, out, err) = report(&[
        "--redact",
        "--file",
        path.to_str().unwrap(),
        "--fail-on",
        "warning",
    ]);
    assert_eq!((code, out.as_str()), (6, ""), "{err}");
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("Another table drops what its own rules do not accept"),
        "{text}"
    );
    for secret in [server.v4.to_string(), server.v6.to_string()] {
        assert!(!text.contains(&secret), "{secret} in\n{text}");
    }
    let (code, ..) = report(&["--fail-on", "critical"]);
    assert_eq!(code, 0, "warnings are not critical");
}

/// The tool where everybody may run it, and with the rights of nobody.
fn unprivileged(args: &[&str]) -> (i32, String, String) {
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program: PathBuf = dir.path().join("stadion-network");
    fs::copy(TOOL, &program).unwrap();
    let mut command = Command::new(&program);
    command.args(args).current_dir("/");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    finish(&mut command)
}

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status")
        .unwrap()
        .contains("\nUid:\t0\t")
}

#[test]
fn without_privileges_both_run_and_say_what_they_could_not_see() {
    let (code, out, err) =
        unprivileged(&["monitor", "--count", "1", "--interval", "100ms", "--json"]);
    assert!([0, 6].contains(&code), "{code} {err}");
    let line = &objects(&out)[0];
    assert!(line["per_second"]["udp_in_datagrams"].is_number(), "{out}");
    let gaps = line["gaps"].to_string();
    assert!(
        gaps.contains("fill of our sets") && gaps.contains("run it as root"),
        "{gaps}"
    );

    let (code, out, err) = unprivileged(&["report", "--interval", "100ms"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("looked at without privileges"), "{out}");
    assert!(
        out.contains("## Not looked at") && out.contains("run it as root"),
        "{out}"
    );
    let (code, _, err) = unprivileged(&["report", "--file", "/report.md"]);
    assert_eq!(code, 1, "{err}");
    assert!(
        err.contains("writing the report to /report.md: Permission denied"),
        "{err}"
    );
}

#[test]
fn told_to_stop_it_ends_as_if_its_count_were_over() {
    let mut running = Running::start(&mut tool(&["monitor", "--interval", "100ms"]));
    // Without privileges, what is not measured comes first.
    let mut lines = running.lines();
    assert!(lines.any(|line| line.contains("rx=")));
    let process = Pid::from_child(&running.0);
    kill_process(process, Signal::TERM).unwrap();
    let code = running.0.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 6)), "{code:?}");
}

#[test]
fn a_wrong_command_line_is_told_in_words() {
    for (args, said) in [
        (
            &["monitor", "--interval", "1ms"][..],
            "--interval: from 100ms",
        ),
        (&["monitor", "--port", "0"], "is no port or range of ports"),
        (&["monitor", "--count", "0"], "0 is not in"),
        (
            &["monitor", "--count", "1", "--probe", "nobody"],
            "no address of the probe's peer `nobody`",
        ),
        (
            &["monitor", "--netns", "nobody-made-this"],
            "nobody-made-this",
        ),
        (
            &["report", "--fail-on", "bad"],
            "possible values: info, warning, critical",
        ),
    ] {
        let (code, _, err) = finish(&mut tool(args));
        assert!(
            code != 0 && code != 6 && err.contains(said),
            "{args:?}: {code} {err}"
        );
    }
}
