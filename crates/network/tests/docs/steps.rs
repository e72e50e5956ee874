//! The steps of the page, one after the other, in a network namespace.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use stadion_netlab::{Namespace, Wire, unable};
use stadion_testkit::page::{missing, steps};

use super::{PAGE, TOOL, blocks};

/// Stands in a block of output before the exit code that the commands end with; without it they end with 0.
const EXIT_CODE: &str = "exit code: ";

/// A `stadion` that is found on the path: `stadion network …` is this tool, with its journals in `dir`.
fn install(dir: &Path) {
    let text = format!(
        "#!/bin/sh\nshift\nexec {TOOL} --state-dir {}/state \"$@\"\n",
        dir.display()
    );
    let program = dir.join("bin/stadion");
    fs::create_dir(dir.join("bin")).unwrap();
    fs::write(&program, text).unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs `commands` in `dir` and in `space`: exit code, and what was printed.
fn shell(space: &Namespace, dir: &Path, commands: &str) -> (i32, String) {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = space
        .command("sh")
        .args(["-c", &format!("exec 2>&1\n{commands}")])
        .current_dir(dir)
        .env("PATH", format!("{}/bin:{path}", dir.display()))
        // Whoever runs the tests from afar is not cut off by rules of this namespace.
        .env("SSH_CONNECTION", "")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap_or(-1), printed)
}

#[test]
fn every_step_of_the_page_does_what_it_shows() {
    if let Some(reason) = unable() {
        eprintln!("skipped: {reason}");
        return;
    }
    let wire = Wire::new().unwrap();
    let space = &wire.server.space;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    install(dir);
    let before = shell(space, dir, "nft list ruleset; tc qdisc; sysctl net.ipv4");
    let steps = steps(PAGE, "sh step");
    assert!(steps.len() > 6, "the page has its steps");
    let mut files = files(PAGE);
    for mut step in steps {
        while let Some((_, name, text)) = files.pop_if(|(line, ..)| *line < step.line) {
            fs::write(dir.join(name), text).unwrap();
        }
        let wanted = match step.shown.last().and_then(|l| l.strip_prefix(EXIT_CODE)) {
            Some(code) => code.parse().expect("a number"),
            None => 0,
        };
        step.shown.retain(|line| !line.starts_with(EXIT_CODE));
        let (code, printed) = shell(space, dir, &step.commands);
        let at = format!("docs/network.md, step at line {}", step.line);
        assert!(!printed.contains("panicked"), "{at}: {printed}");
        assert_eq!(code, wanted, "{at}: {printed}");
        if let Some(line) = missing(&step.shown, &printed) {
            panic!("{at}: {line:?} is shown and was not printed. Printed was:\n{printed}");
        }
    }
    let after = shell(space, dir, "nft list ruleset; tc qdisc; sysctl net.ipv4");
    assert_eq!(
        before, after,
        "the page ends with the host as it was before it"
    );
}

/// Files that the page says to save, the last first: where their block ends, their name and their text.
fn files(page: &str) -> Vec<(usize, &str, String)> {
    let mut found = Vec::new();
    for (kind, lines) in blocks(page) {
        if let Some(name) = kind.strip_prefix("yaml ") {
            let fence = format!("```{kind}");
            let line = page.lines().position(|line| line == fence).unwrap() + 1;
            found.push((line, name, lines.join("\n") + "\n"));
        }
    }
    found.reverse();
    found
}

#[test]
fn every_profile_of_the_page_can_be_planned() {
    let mut planned = 0;
    for (kind, lines) in blocks(PAGE) {
        if !kind.starts_with("yaml") {
            continue;
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, lines.join("\n").as_bytes()).unwrap();
        let path = file.path().display().to_string();
        let plan = Command::new(TOOL)
            .args(["full-setup", "--json", "--profile", &path])
            .env("SSH_CONNECTION", "")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&plan.stderr);
        // Whether something would change depends on the machine.
        assert!(
            matches!(plan.status.code(), Some(0 | 2)),
            "{lines:#?}\n{said}"
        );
        let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
        assert!(plan["plan"]["changes"].is_array(), "{plan}");
        planned += 1;
    }
    assert!(planned > 0, "the page has a profile");
}
