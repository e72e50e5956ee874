//! What happens to hosts at night: interfaces go, sessions die, others meddle, and somebody reads over our shoulder.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

use super::space::{Space, run, wait_for};
use crate::PROFILE;

const SHAPE: [&str; 5] = [
    "traffic-shape",
    "--rate",
    "10mbit",
    "--apply",
    "--confirm-now",
];

/// Our queue and our program at `v0`, confirmed.
fn shaped() -> Option<(Space, String)> {
    let space = Space::new()?;
    let before = space.state();
    let profile = space.profile(PROFILE);
    let done = space.tool(&[
        "full-setup",
        "--profile",
        &profile,
        "--apply",
        "--confirm-now",
    ]);
    assert_eq!(done.code, 0, "{done}");
    assert_ne!(space.state(), before);
    Some((space, before))
}

#[test]
fn the_command_that_confirms_works_when_it_is_copied() {
    let Some(space) = Space::new() else { return };
    let applied = space.tool(&["optimize", "--apply"]);
    assert_eq!(applied.code, 0, "{applied}");
    let line = |said: &str| {
        let lines = said.lines().map(str::trim);
        let mut ours = lines.filter(|line| line.ends_with(" confirm"));
        ours.next().unwrap_or_default().to_owned()
    };
    let status = space.tool(&["status"]);
    assert_eq!(line(&status.stdout), line(&applied.stdout), "{status}");
    let typed = format!("cd / && {}", line(&applied.stdout));
    let confirmed = run("sh", &["-c", &typed]);
    assert_eq!(confirmed.code, 0, "{typed}: {confirmed}");
    assert!(!space.is_unfinished());
}

#[test]
fn the_commands_of_a_report_work_where_they_are_read() {
    let Some(space) = Space::new() else { return };
    let report = space
        .tool(&["report", "--json", "--interval", "100ms"])
        .json();
    let findings = report["findings"].as_array().expect("findings");
    let firewall = findings
        .iter()
        .find(|finding| finding["id"] == "firewall-pending");
    let mend = firewall.expect("it is not in force")["mend"].as_str();
    let mend = mend.expect("a command").strip_prefix("stadion network ");
    let words: Vec<&str> = mend.expect("ours").split(' ').collect();
    let done = run(env!("CARGO_BIN_EXE_stadion-network"), &words);
    assert_eq!(done.code, 0, "{words:?}: {done}");
    assert!(
        space.listing("inet stadion").contains("chain"),
        "in the namespace"
    );
    assert_eq!(space.tool(&["rollback"]).code, 0);
}

#[test]
fn an_interface_that_is_gone_stops_no_command() {
    let Some((space, _)) = shaped() else { return };
    space.ip("link del v0");
    let status = space.tool(&["status"]);
    assert_eq!(status.code, 2, "{status}");
    assert!(status.stdout.contains("qdisc of v0"), "{status}");
    let plan = space.tool(&["optimize"]);
    assert_eq!(plan.code, 0, "{plan}");
    let again = space.tool(&["optimize", "--apply", "--confirm-now"]);
    assert_eq!(again.code, 0, "{again}");
    let status = space.tool(&["status"]);
    assert_eq!(status.code, 0, "what went is forgotten: {status}");
    let rollback = space.tool(&["rollback"]);
    assert_eq!(rollback.code, 0, "{rollback}");
    assert_eq!(space.tool(&["rollback"]).code, 0);
}

#[test]
fn a_rollback_names_what_went_with_its_interface() {
    let Some((space, _)) = shaped() else { return };
    space.ip("link del v0");
    let rollback = space.tool(&["rollback"]);
    assert_eq!(rollback.code, 0, "{rollback}");
    assert!(
        rollback
            .stdout
            .contains("gone with its interface: qdisc of v0"),
        "{rollback}"
    );
    assert_eq!(space.listing("inet stadion"), "", "the rest is put back");
}

#[test]
fn an_interface_with_a_new_name_is_found_and_put_back() {
    let Some((space, before)) = shaped() else {
        return;
    };
    let rename = |from: &str, to: &str| {
        for words in [
            format!("link set {from} down"),
            format!("link set {from} name {to}"),
            format!("link set {to} up"),
        ] {
            space.ip(&words);
        }
    };
    rename("v0", "lan0");
    assert!(
        space
            .tool_tc(&["qdisc", "show", "dev", "lan0"])
            .contains("htb")
    );
    let status = space.tool(&["status"]);
    assert_eq!(status.code, 0, "nobody changed anything: {status}");
    let rollback = space.tool(&["rollback"]);
    assert_eq!(rollback.code, 0, "{rollback}");
    rename("lan0", "v0");
    assert_eq!(space.state(), before, "{rollback}");
}

#[test]
fn an_interface_that_was_made_anew_keeps_what_others_made_there() {
    let Some((space, _)) = shaped() else { return };
    space.ip("link del v0");
    space.ip("link add v0 type veth peer name v1");
    space.tc(&["qdisc", "add", "dev", "v0", "root", "handle", "7:", "htb"]);
    let rollback = space.tool(&["rollback"]);
    assert_eq!(rollback.code, 0, "{rollback}");
    let left = space.tool_tc(&["qdisc", "show", "dev", "v0"]);
    assert!(left.contains("htb 7:"), "{left}");
}

#[test]
fn a_queue_goes_when_another_interface_is_shaped_in_its_place() {
    let Some(space) = Space::new() else { return };
    let shape = |name: &str| {
        let done = space.tool(&[&SHAPE[..], &["--interface", name]].concat());
        assert_eq!(done.code, 0, "{done}");
    };
    let is_shaped = |name: &str| {
        space
            .tool_tc(&["qdisc", "show", "dev", name])
            .contains("htb")
    };
    shape("v0");
    assert!(is_shaped("v0") && !is_shaped("v1"));
    shape("v1");
    assert!(!is_shaped("v0") && is_shaped("v1"));
    assert_eq!(space.tool(&["status"]).code, 0);
}

#[test]
fn what_the_last_apply_was_told_holds_until_a_profile_is_named() {
    let Some(space) = Space::new() else { return };
    let told = ["--game", "minecraft", "--trusted", "198.51.100.0/24"];
    let first = ["firewall", "--apply", "--confirm-now"];
    assert_eq!(space.tool(&[&first[..], &told].concat()).code, 0);
    let plan = space.tool(&["firewall"]);
    assert_eq!(plan.code, 0, "nothing is taken away: {plan}");
    assert!(plan.stdout.contains("--game minecraft"), "{plan}");
    assert_eq!(space.tool(&SHAPE).code, 0);
    let defence = space.tool(&["ddos-protect", "--apply", "--confirm-now"]);
    assert_eq!(defence.code, 0, "{defence}");
    assert!(space.listing("inet stadion").contains("25565"));
    let setup = space.tool(&["full-setup", "--json"]);
    let changes = &setup.json()["plan"]["changes"];
    let changed = changes.as_array().expect("changes");
    assert!(
        changed
            .iter()
            .all(|change| change["subject"]["sysctl"].is_string()),
        "only settings are new: {setup}"
    );
    let status = space.tool(&["status"]);
    assert_eq!(status.code, 0, "{status}");
    assert!(
        status
            .stdout
            .contains("recommended with --game minecraft --trusted 198.51.100.0/24 --rate 10mbit"),
        "{status}"
    );

    let plan = space.tool(&["firewall", "--profile", "recommended"]);
    assert_eq!(plan.code, 2, "{plan}");
    assert!(
        plan.stdout.contains("takes away")
            && plan
                .stdout
                .contains("the ports of minecraft, trust in 198.51.100.0/24"),
        "{plan}"
    );
    assert_eq!(space.tool(&["rollback"]).code, 0);
    let plan = space.tool(&["firewall", "--json"]);
    assert!(!plan.stdout.contains("25565"), "a rollback forgets: {plan}");
}

#[test]
fn what_nobody_confirmed_is_not_remembered() {
    let Some(space) = Space::new() else { return };
    let args = ["firewall", "--game", "minecraft", "--apply"];
    assert_eq!(space.tool(&args).code, 0);
    assert_eq!(space.tool(&["rollback"]).code, 0);
    let plan = space.tool(&["firewall", "--json"]);
    assert!(!plan.stdout.contains("25565"), "{plan}");
}

#[test]
fn journals_that_others_can_write_are_refused() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    let dir = space.state_dir();
    fs::create_dir_all(&dir).expect("a directory");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).expect("a mode");
    let forged = r#"{"netns": "", "verbs": [], "entries": []}"#;
    fs::write(dir.join("baseline.json"), forged).expect("a file");
    for args in [
        &["optimize", "--apply"][..],
        &["rollback"],
        &["confirm"],
        &["status"],
        &["optimize"],
    ] {
        let refused = space.tool(args);
        assert_eq!(refused.code, 5, "{refused}");
        assert!(refused.stderr.contains("others can write"), "{refused}");
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("a mode");
    std::os::unix::fs::chown(&dir, Some(65_534), None).expect("an owner");
    assert_eq!(space.tool(&["rollback"]).code, 5);
    assert_eq!(space.state(), before);
}

#[test]
fn journals_and_locks_are_ours_alone_whatever_the_umask_is() {
    let Some(space) = Space::new() else { return };
    let typed = format!("umask 0; exec {}", space.line(&["optimize", "--apply"]));
    let done = run("sh", &["-c", &typed]);
    assert_eq!(done.code, 0, "{done}");
    let dir = space.state_dir();
    let mut paths = vec![dir.clone(), dir.parent().expect("a parent").to_path_buf()];
    let entries = fs::read_dir(&dir).expect("journals");
    paths.extend(entries.map(|entry| entry.expect("an entry").path()));
    assert!(paths.len() > 4, "{paths:?}");
    for path in paths {
        let mode = fs::metadata(&path).expect("it is there").mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
    assert_eq!(space.tool(&["rollback"]).code, 0);
}

#[test]
fn every_failure_is_told_in_json_too() {
    let Some(space) = Space::new() else { return };
    let profile = space.profile("optimize:\n  gouvernor: x\n");
    for (args, code) in [
        (&["optimize", "--profile", "/none"][..], 3),
        (&["optimize", "--profile", &profile], 3),
        (&["confirm"], 5),
        (&["traffic-shape", "--interface", "none9"], 5),
        (&["optimize", "--apply", "--strict"], 5),
    ] {
        let failed = space.tool(&[args, &["--json"]].concat());
        assert_eq!(failed.code, code, "{failed}");
        assert_eq!(failed.json()["exit_code"], code, "{failed}");
        assert!(failed.json()["error"].is_string(), "{failed}");
        assert!(!failed.stderr.is_empty(), "people read it too");
    }
    let strict = space.tool(&["optimize", "--strict", "--json"]);
    assert_eq!(strict.code, 5, "{strict}");
    assert!(strict.json()["plan"].is_object(), "one answer: {strict}");
}

#[test]
fn the_exit_code_tells_of_the_host_also_when_nobody_listens() {
    let Some(space) = Space::new() else { return };
    let shell = |text: &str, args: &[&str]| {
        let line = space.line(args);
        run("sh", &["-c", &text.replace("TOOL", &line)])
    };
    let broken = ["optimize", "--profile", "/none"];
    assert_eq!(shell("TOOL 2>/dev/full", &broken).code, 3, "no stack trace");
    assert_eq!(shell("TOOL 2>&-", &broken).code, 3);
    let unread = "{ TOOL; echo $? >&2; } | true";
    let plan = shell(unread, &["optimize"]);
    assert_eq!(plan.stderr.trim(), "2", "changes are pending: {plan}");
    let full = shell("TOOL >/dev/full", &["optimize", "--apply", "--confirm-now"]);
    assert_eq!(full.code, 0, "it is done: {full}");
    assert!(full.stderr.contains("writing standard output"), "{full}");
    assert_eq!(shell("TOOL >&-", &["rollback"]).code, 0);
}

#[test]
fn names_of_interfaces_do_not_steer_the_terminal() {
    let Some(space) = Space::new() else { return };
    space.ip("link add e\u{1b}[2Jx type veth peer name v8");
    let refused = space.tool(&["traffic-shape", "--rate", "1mbit", "--interface", "none9"]);
    assert!(refused.stderr.contains("e\\u{1b}[2Jx"), "{refused}");
    let monitor = space.tool(&["monitor", "--count", "1", "--interval", "100ms"]);
    let report = space.tool(&["report", "--interval", "100ms"]);
    for said in [&refused.stderr, &monitor.stdout, &report.stdout] {
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn no_interface_at_all_is_said_in_words() {
    let Some(space) = Space::new() else { return };
    space.ip("link del v0");
    let refused = space.tool(&["traffic-shape", "--rate", "1mbit"]);
    assert_eq!(refused.code, 5, "{refused}");
    assert!(
        refused.stderr.contains("there is none but the loopback"),
        "{refused}"
    );
}

#[test]
fn a_timer_that_is_gone_is_told() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    assert_eq!(space.tool(&["optimize", "--apply"]).code, 0);
    let status = space.tool(&["status", "--json"]);
    assert_eq!(status.json()["pending"]["is_watched"], true, "{status}");
    space.kill_timer();
    wait_for("the end of the timer", || {
        space.tool(&["status"]).stdout.contains("its timer is gone")
    });
    assert_eq!(space.tool(&["rollback"]).code, 0);
    assert_eq!(space.state(), before);
}

#[test]
fn what_waits_when_the_machine_begins_anew_is_not_confirmed_any_more() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    assert_eq!(space.tool(&["optimize", "--apply"]).code, 0);
    space.kill_timer();
    space.edit("transaction.json", |journal| {
        journal["boot"] = "another".into();
    });
    let late = space.tool(&["confirm"]);
    assert_eq!(late.code, 5, "{late}");
    assert_eq!(space.state(), before);
    assert_eq!(space.tool(&["status"]).code, 0);
}

#[test]
fn a_setting_of_which_a_run_died_before_the_machine_began_anew_is_left() {
    let Some(space) = Space::new() else { return };
    assert_eq!(space.tool(&["optimize", "--apply"]).code, 0);
    space.kill_timer();
    let key = "net/ipv4/tcp_max_syn_backlog";
    space.set_sysctl(key, "777");
    space.edit("transaction.json", |journal| {
        journal["boot"] = "another".into();
        let entries = journal["entries"].as_array_mut().expect("entries");
        let name = |entry: &serde_json::Value| entry["wish"]["subject"]["sysctl"] == key;
        entries.retain(name);
        entries[0]["after"] = serde_json::Value::Null;
        journal["phase"] = serde_json::json!({ "applying": 0 });
    });
    let rollback = space.tool(&["rollback"]);
    assert_eq!(space.sysctl(key), "777", "that is how it began: {rollback}");
    assert!(!space.is_unfinished());
}

#[test]
fn what_waited_in_a_namespace_of_the_same_name_is_void() {
    let Some(space) = Space::new() else { return };
    assert_eq!(space.tool(&["optimize", "--apply"]).code, 0);
    space.make_anew();
    let before = space.state();
    let late = space.tool(&["confirm"]);
    assert_eq!(late.code, 5, "{late}");
    assert_eq!(space.state(), before);
    assert_eq!(
        space.tool(&["optimize", "--apply", "--confirm-now"]).code,
        0
    );
    assert_ne!(space.state(), before);
}

#[test]
fn a_journal_that_we_cannot_read_says_what_to_do() {
    let Some(space) = Space::new() else { return };
    let done = space.tool(&["optimize", "--apply", "--confirm-now"]);
    assert_eq!(done.code, 0, "{done}");
    space.edit("baseline.json", |journal| {
        journal["entries"][0]["wish"]["subject"] = serde_json::json!({ "quantum": "x" });
    });
    for args in [&["status"][..], &["rollback"], &["optimize", "--apply"]] {
        let refused = space.tool(args);
        assert_eq!(refused.code, 1, "{refused}");
        assert!(refused.stderr.contains("another version"), "{refused}");
    }
}

#[test]
fn tools_are_not_taken_from_a_path_that_somebody_chose() {
    let Some(space) = Space::new() else { return };
    let bin = tempfile::tempdir().expect("a directory");
    let marker = bin.path().join("ran");
    for tool in ["nft", "tc", "ip"] {
        let file = bin.path().join(tool);
        let text = format!("#!/bin/sh\n/usr/bin/touch {}\n", marker.display());
        fs::write(&file, text).expect("a program");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let done = Command::new("sh")
        .args(["-c", &format!("exec {}", space.line(&["full-setup"]))])
        .env("PATH", format!("{}:{path}", bin.path().display()))
        .env("TC_LIB_DIR", bin.path())
        .stdout(Stdio::null())
        .status()
        .expect("it runs");
    assert_eq!(done.code(), Some(2));
    assert!(!marker.exists());
}

#[test]
fn one_program_is_put_into_many_namespaces_at_once() {
    let spaces: Vec<Space> = (0..4).map_while(|_| Space::new()).collect();
    // A text that nobody has had yet, so that all of them write it.
    let source = 2_000 + std::process::id();
    let text =
        format!("ddos_protect:\n  xdp: auto\n  source: {{ per_second: {source}, burst: 500 }}\n");
    std::thread::scope(|scope| {
        for space in &spaces {
            let profile = space.profile(&text);
            scope.spawn(move || {
                let args = [
                    "ddos-protect",
                    "--profile",
                    &profile,
                    "--apply",
                    "--confirm-now",
                ];
                let done = space.tool(&args);
                assert_eq!(done.code, 0, "{done}");
                let status = space.tool(&["status"]);
                assert_eq!(status.code, 0, "{status}");
            });
        }
    });
}
