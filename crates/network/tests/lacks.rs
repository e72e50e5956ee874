//! The tool where something is missing: rights, programs, files that can be written. It says what, and changes what it can.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use stadion_netlab::{Wire, unable};

const TOOL: &str = env!("CARGO_BIN_EXE_stadion-network");

/// In a namespace of mounts: without the programs named in `$1`, and with `/proc/sys` to be read only if `$2` says `ro`.
const WITHOUT: &str = r#"
set -e
mount --make-rprivate /
for dir in sbin bin; do
  mkdir "$3/$dir"
  mount -t tmpfs none "$3/$dir"
  cp -a "/usr/$dir/." "$3/$dir"
  for tool in $1; do rm -f "$3/$dir/$tool"; done
done
mount --move "$3/bin" /usr/bin
mount --move "$3/sbin" /usr/sbin
if [ "$2" = ro ]; then
  mount --bind /proc/sys /proc/sys
  mount -o remount,bind,ro /proc/sys
fi
shift 3
exec "$@"
"#;

fn wire() -> Option<Wire> {
    if let Some(reason) = unable() {
        eprintln!("skipped: {reason}");
        return None;
    }
    Some(Wire::new().unwrap())
}

/// Exit code, and all that was said.
fn finish(command: &mut Command) -> (i32, String) {
    let output = command
        .env("SSH_CONNECTION", "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code().unwrap_or(-1), text)
}

/// What `tools` are missing changes nothing about what the others do, and a rollback takes that back.
fn without(tools: &str, sysctls: &str, said: &[&str], done: &[&str]) {
    let Some(wire) = wire() else { return };
    let space = &wire.server.space;
    let rules = || space.tool("nft", "list ruleset").unwrap() + &space.tool("tc", "qdisc").unwrap();
    let before = rules();
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state").display().to_string();
    let tool = |line: &str| {
        let place = tempfile::tempdir().unwrap();
        let mut command = space.command("unshare");
        command
            .args(["-m", "sh", "-c", WITHOUT, "sh", tools, sysctls])
            .arg(place.path())
            .args([TOOL, "--state-dir", &state])
            .args(line.split(' '));
        finish(&mut command)
    };
    let (code, plan) = tool("full-setup --rate 100mbit");
    assert_eq!(code, 2, "{plan}");
    for words in said {
        assert!(plan.contains(words), "{words}: {plan}");
    }
    assert_eq!(tool("full-setup --rate 100mbit --strict").0, 5);
    let (code, text) = tool("full-setup --rate 100mbit --apply --confirm-now");
    assert_eq!(code, 0, "{text}");
    let after = rules();
    for made in ["table inet stadion", "htb"] {
        assert_eq!(
            after.contains(made),
            done.contains(&made),
            "{made}: {after}"
        );
    }
    assert_eq!(tool("status").0, 0);
    for look in [
        "report --interval 100ms",
        "monitor --count 1 --interval 100ms",
    ] {
        let (code, text) = tool(look);
        // Whatever else this machine does may pass a threshold.
        assert!(matches!(code, 0 | 6), "{text}");
    }
    assert_eq!(tool("rollback").0, 0);
    assert_eq!(rules(), before);
}

#[test]
fn without_nft_there_are_no_rules_and_no_queue_that_could_not_tell_games() {
    let said = [
        "the program `nft` is missing",
        "cannot tell games from the rest",
    ];
    without("nft", "rw", &said, &[]);
}

#[test]
fn without_tc_there_is_no_queue() {
    let said = ["which queueing disciplines"];
    without("tc", "rw", &said, &["table inet stadion"]);
}

#[test]
fn without_ip_nothing_is_dropped_for_where_this_host_may_live() {
    let said = ["left out: bogons: no address of this host is known"];
    without("ip", "rw", &said, &["table inet stadion", "htb"]);
}

#[test]
fn where_settings_can_only_be_read_rules_and_queues_work() {
    let said = ["it can only be read here"];
    without("", "ro", &said, &["table inet stadion", "htb"]);
}

#[test]
fn what_is_in_force_is_not_guessed_by_who_may_not_know_it() {
    let Some(wire) = wire() else { return };
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state").display().to_string();
    let mut command = wire.server.space.command(TOOL);
    command.args([
        "--state-dir",
        &state,
        "optimize",
        "--apply",
        "--confirm-now",
    ]);
    let (code, text) = finish(&mut command);
    assert_eq!(code, 0, "{text}");
    // Where the tests were built is not everybody's to enter, nor is a temporary directory.
    let open = || fs::Permissions::from_mode(0o755);
    fs::set_permissions(dir.path(), open()).unwrap();
    let copy = dir.path().join("tool");
    let copied = Command::new("cp").arg(TOOL).arg(&copy).status().unwrap();
    assert!(copied.success());
    fs::set_permissions(&copy, open()).unwrap();
    let mut command = wire.server.space.command("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .args(["--state-dir", &state, "status"]);
    let (code, text) = finish(&mut command);
    assert_eq!(code, 4, "{text}");
    assert!(text.contains("needs root"), "{text}");
}

#[test]
fn root_of_a_namespace_of_users_is_not_root_of_the_network() {
    let tried = Command::new("unshare").args(["-Ur", "true"]).output();
    if !tried.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: no namespaces of users here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let tool = |line: &str| {
        let mut command = Command::new("unshare");
        command
            .args(["-Ur", TOOL, "--state-dir"])
            .arg(dir.path())
            .args(line.split(' '));
        finish(&mut command)
    };
    let (code, plan) = tool("full-setup");
    assert!(matches!(code, 0 | 2), "{plan}");
    assert!(plan.contains("left out: nft table inet stadion"), "{plan}");
    let (code, refused) = tool("ddos-protect --apply");
    assert_eq!(code, 4, "{refused}");
    assert!(refused.contains("CAP_NET_ADMIN"), "{refused}");
    let (code, text) = tool("status");
    assert_eq!(code, 0, "{text}");
    let (code, text) = tool("report --interval 100ms");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("looked at without privileges"), "{text}");
}
