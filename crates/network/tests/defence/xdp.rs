//! The stage before the rules, at real interfaces, in the driver and behind it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;

use stadion_netlab::{Echo, Flood, FloodSpec, Namespace, PlaySpec, Sources, Wire};
use stadion_network::Error;
use stadion_network::facts::Facts;
use stadion_network::host::Host;
use stadion_network::profile::Profile;
use stadion_network::profile::protect::Xdp;
use stadion_network::subject::{Subject, Wish};
use stadion_network::xdp;

use crate::scene::{
    BOTH, BUFFER, GAME, PLAYS_MAX, PROTECT, able, apply, counter, facts, most, play_once_whole,
    profile, wait_until,
};

/// Works on a namespace as the tool does; whoever enters one does so for good, so that it has a thread of its own.
fn inside<T: Send>(space: &Namespace, work: impl FnOnce(&Host) -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| work(&Host::netns(space.name()).unwrap()));
        thread.join().unwrap()
    })
}

/// Whether this machine loads programs; if not, says why.
fn can_load() -> bool {
    let why_not = xdp::probe(&Facts::default());
    if let Some(skip) = &why_not {
        eprintln!("skipped: {}", skip.reason);
    }
    why_not.is_none()
}

/// The one wish about the uplink.
fn wish(profile: &Profile, facts: &Facts) -> Wish {
    let (mut wishes, skips) = xdp::wishes(profile, facts).unwrap();
    assert!(skips.is_empty() && wishes.len() == 1);
    let wish = wishes.remove(0);
    assert_eq!(wish.subject, Subject::Xdp("eth0".into()));
    wish
}

/// Datagrams to games that came as far as the rules.
fn judged(space: &Namespace) -> u64 {
    [
        "pass_udp",
        "drop_flow",
        "drop_source",
        "drop_guest",
        "drop_newcomer",
    ]
    .map(|name| counter(space, name))
    .iter()
    .sum()
}

#[test]
fn one_source_is_stopped_before_the_rules_and_a_player_loses_nothing() {
    let Some(_scene) = able() else { return };
    if !can_load() {
        return;
    }
    for (mode, v6) in [
        (Xdp::Generic, false),
        (Xdp::Generic, true),
        (Xdp::Native, false),
        (Xdp::Native, true),
    ] {
        let wire = Wire::new().unwrap();
        let _echo = Echo::start(&wire.server, GAME, BUFFER).unwrap();
        let space = &wire.server.space;
        let mut profile = profile(&[]);
        profile.ddos_protect.xdp = mode;
        let facts = facts(&wire.server);
        let wish = wish(&profile, &facts);
        profile.ddos_protect.xdp = Xdp::Off;
        apply(space, &profile, &facts, PROTECT);
        inside(space, |host| {
            xdp::write(host, "eth0", wish.want.as_deref()).unwrap();
            assert_eq!(
                xdp::read(host, "eth0").unwrap(),
                wish.want,
                "it reads back as it was written"
            );
        });
        let server = SocketAddr::new(wire.server.address(v6), GAME);
        let flood = Flood::start(
            &wire.internet,
            FloodSpec::udp(server, Sources::One { ports: 1_000 }),
        )
        .unwrap();
        let seen = play_once_whole(&wire.internet, PlaySpec::ticks_128(server, 2));
        let report = flood.stop();
        let most = most(profile.ddos_protect.source, report.lasted);
        eprintln!(
            "{mode:?}, v6 {v6}: flood {} at {:.0}/s, the rules saw {}",
            report.sent,
            report.rate_per_s(),
            judged(space)
        );
        assert_eq!((seen.sent, seen.lost), (256, 0), "{mode:?}, v6 {v6}");
        // Two CPUs that change a bucket at once lose a token: a few more pass.
        assert!(
            judged(space) <= 256 * PLAYS_MAX + most * 11 / 10,
            "{mode:?}, v6 {v6}: the rules saw {}",
            judged(space)
        );
        inside(space, |host| {
            xdp::write(host, "eth0", None).unwrap();
            assert_eq!(xdp::read(host, "eth0").unwrap(), None);
        });
    }
}

#[test]
fn blocked_sources_never_reach_the_rules_and_others_do() {
    let Some(_scene) = able() else { return };
    if !can_load() {
        return;
    }
    let wire = Wire::new().unwrap();
    let space = &wire.server.space;
    let mut profile = profile(&[]);
    apply(space, &profile, &facts(&wire.server), BOTH);
    profile.ddos_protect.blocked = ["26.8.0.0/16", "2a00:88::/32"]
        .map(|net| net.parse().unwrap())
        .to_vec();
    profile.ddos_protect.xdp = Xdp::Auto;
    let wish = wish(&profile, &facts(&wire.server));
    inside(space, |host| xdp::write(host, "eth0", wish.want.as_deref())).unwrap();
    for (blocked, other) in [("26.8.0.1", "26.7.0.1"), ("2a00:88::1", "2a00:89::1")] {
        for (n, from) in [blocked, other].into_iter().enumerate() {
            let from: IpAddr = from.parse().unwrap();
            let nodad = if from.is_ipv6() { "nodad" } else { "" };
            wire.internet
                .space
                .ip(&format!("addr add {from} dev eth0 {nodad}"))
                .unwrap();
            let before = judged(space);
            let socket = wire
                .internet
                .space
                .run(|| UdpSocket::bind((from, 5_000)))
                .unwrap()
                .unwrap();
            let to = (wire.server.address(from.is_ipv6()), GAME);
            socket.send_to(b"hello", to).unwrap();
            // What comes behind it on the same cable is judged, so that it was judged before or never.
            let marker = wire
                .internet
                .space
                .run(|| UdpSocket::bind((wire.internet.address(from.is_ipv6()), 0)))
                .unwrap()
                .unwrap();
            marker.send_to(b"behind", to).unwrap();
            let expected = before + 1 + u64::try_from(n).unwrap();
            wait_until(&format!("{expected} are judged after {from}"), || {
                judged(space) >= expected
            });
            assert_eq!(judged(space), expected, "{from}");
        }
    }
}

#[test]
fn one_program_takes_the_place_of_another_of_ours_and_never_of_somebody_elses() {
    let Some(_scene) = able() else { return };
    if !can_load() {
        return;
    }
    let wire = Wire::new().unwrap();
    let facts = facts(&wire.server);
    let text = |mode, per_second| {
        let mut profile = profile(&[]);
        profile.ddos_protect.xdp = mode;
        profile.ddos_protect.source.per_second = per_second;
        wish(&profile, &facts).want.unwrap()
    };
    inside(&wire.server.space, |host| {
        for text in [
            text(Xdp::Native, 1_000),
            text(Xdp::Generic, 1_000),
            text(Xdp::Generic, 3_000),
            text(Xdp::Auto, 1),
        ] {
            xdp::write(host, "eth0", Some(&text)).unwrap();
            assert_eq!(xdp::read(host, "eth0").unwrap().as_deref(), Some(&*text));
        }
        xdp::write(host, "eth0", None).unwrap();
        xdp::write(host, "eth0", None).unwrap();
    });
    let ours = xdp::Wanted::of(&profile(&[])).unwrap();
    let foreign = xdp::Stage::load(&ours).unwrap();
    inside(&wire.server.space, |host| {
        foreign.attach("eth0", xdp::Mode::Generic).unwrap();
        let there = xdp::read(host, "eth0").unwrap().unwrap();
        assert!(
            there.ends_with("stadion_guard") && !xdp::is_ours(&there),
            "{there}"
        );
        for program in [None, Some(&*text(Xdp::Auto, 1))] {
            let refused = xdp::write(host, "eth0", program);
            assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        }
        assert_eq!(
            xdp::read(host, "eth0").unwrap().unwrap(),
            there,
            "it is still there"
        );
    });
}

/// What is at the uplink.
fn at_uplink(wire: &Wire) -> Option<String> {
    inside(&wire.server.space, |host| xdp::read(host, "eth0").unwrap())
}

/// The tool on the server, with its journals in `dir`: exit code, and all that it says.
fn tool(wire: &Wire, dir: &Path, words: &str) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stadion-network"));
    command
        .args(words.split_whitespace())
        .args(["--netns", wire.server.space.name(), "--state-dir"])
        .arg(dir.join("state"))
        .env_remove("SSH_CONNECTION");
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn the_tool_takes_it_away_when_the_profile_turns_it_off() {
    let Some(_scene) = able() else { return };
    if !can_load() {
        return;
    }
    let wire = Wire::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let profile = dir.path().join("profile.yaml");
    let protect = |xdp: &str, more: &str| {
        std::fs::write(&profile, format!("ddos_protect:\n  xdp: {xdp}\n")).unwrap();
        let words = format!("ddos-protect --profile {} {more}", profile.display());
        tool(&wire, dir.path(), &words)
    };
    let on = |expected: bool| assert_eq!(at_uplink(&wire).is_some(), expected);
    assert_eq!(protect("auto", "--apply --confirm-now").0, Some(0));
    on(true);
    let (code, said) = protect("off", "");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("- xdp of eth0"), "{said}");
    on(true);
    let (code, said) = protect("off", "--apply");
    assert_eq!(code, Some(0), "{said}");
    on(false);
    let (code, said) = tool(&wire, dir.path(), "rollback");
    assert_eq!(code, Some(0), "{said}");
    on(false);

    // Also one of which no journal tells.
    let (code, said) = protect("auto", "--apply --confirm-now");
    assert_eq!(code, Some(0), "{said}");
    // A timer that lives still would write the journal again.
    let state = dir.path().join("state");
    let journal = state.join(format!("netns-{}", wire.server.space.name()));
    wait_until("the end of the timer", || {
        let files = std::fs::read_dir(&journal).unwrap();
        let mut names = files.map(|file| file.unwrap().file_name());
        !names.any(|name| name.to_string_lossy().starts_with("timer-"))
    });
    std::fs::remove_dir_all(state).unwrap();
    let (code, said) = protect("off", "--apply --confirm-now");
    assert_eq!(code, Some(0), "{said}");
    on(false);
}

#[test]
fn monitor_and_report_tell_what_it_drops() {
    let Some(_scene) = able() else { return };
    if !can_load() {
        return;
    }
    let wire = Wire::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let profile = dir.path().join("profile.yaml");
    let text = "ddos_protect:\n  xdp: auto\n  blocked: [26.8.0.0/16]\n";
    std::fs::write(&profile, text).unwrap();
    let tool = |words: &str| tool(&wire, dir.path(), words);
    let words = format!(
        "ddos-protect --profile {} --apply --confirm-now",
        profile.display()
    );
    let (code, said) = tool(&words);
    assert_eq!(code, Some(0), "{said}");
    let server = SocketAddr::new(wire.server.address(false), GAME);
    let flood = FloodSpec::udp(server, Sources::One { ports: 10 });
    let flood = Flood::start(&wire.internet, flood).unwrap();
    let (_, lines) = tool("monitor --json --count 2 --interval 500ms");
    let (_, line) = tool("monitor --count 1 --interval 300ms");
    let (_, report) = tool("report --interval 300ms");
    assert!(flood.stop().sent > 0);
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let rate = |name: &str| last["per_second"][name]["eth0"].as_f64().unwrap();
    assert!(rate("xdp_dropped_source") > 100.0, "{last}");
    assert!(rate("xdp_measured") > 100.0, "{last}");
    assert!(rate("xdp_dropped_blocked").abs() < 1e-9, "{last}");
    assert!(line.contains(" xdp_drops="), "{line}");
    assert!(
        report.contains("a second at eth0 before the rules see them"),
        "{report}"
    );
}

#[test]
fn the_tool_plans_applies_and_takes_it_back() {
    let Some(_scene) = able() else { return };
    if !can_load() {
        return;
    }
    let wire = Wire::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let profile = dir.path().join("profile.yaml");
    std::fs::write(&profile, "ddos_protect:\n  xdp: auto\n").unwrap();
    let tool = |words: &str| tool(&wire, dir.path(), words);
    let protect = format!("ddos-protect --profile {}", profile.display());
    let (code, said) = tool(&protect);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("xdp of eth0"), "{said}");
    assert_eq!(at_uplink(&wire), None, "a plan changes nothing");
    let (code, said) = tool(&format!("{protect} --apply"));
    assert_eq!(code, Some(0), "{said}");
    let there = at_uplink(&wire);
    assert!(
        there.as_deref().is_some_and(xdp::is_ours),
        "{there:?}: {said}"
    );
    assert_eq!(tool("confirm").0, Some(0));
    let (code, said) = tool(&protect);
    assert_eq!(code, Some(0), "nothing is pending: {said}");
    let (code, said) = tool("rollback");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(at_uplink(&wire), None);
    // Somebody else's program: the plan says so, and nothing is touched.
    let foreign = xdp::Stage::load(&xdp::Wanted::of(&Profile::default()).unwrap()).unwrap();
    inside(&wire.server.space, |_| {
        foreign.attach("eth0", xdp::Mode::Generic).unwrap();
    });
    let (code, said) = tool(&format!("{protect} --apply"));
    assert!(said.contains("not ours"), "{code:?}: {said}");
    assert!(at_uplink(&wire).is_some_and(|state| !xdp::is_ours(&state)));
}
