//! Runs `docs/walkthrough.md`: every step of the page, in one shell, against a real platform, and compares what it
//! prints with what the page shows.

#![cfg(test)]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stadion_testkit::page::{missing, steps};

/// Far beyond any start on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Stands before the output of each step.
const MARK: &str = "@@@ step";

/// A platform that ends with the test, and its game servers with it.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        for _ in 0..2 {
            // The second one cuts the drain short. One that ended already is as good.
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        }
        drop(self.0.wait());
    }
}

/// Starts `stadion serve` on free ports in `dir`; it and the URL of its gateway.
async fn serve(dir: &Path) -> (Served, String) {
    let log = fs::File::create(dir.join("serve.log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stadion"));
    command
        .arg("serve")
        .current_dir(dir)
        .env("STADION_GATEWAY__LISTEN", "127.0.0.1:0")
        .env("STADION_GATEWAY__OPERATOR_LISTEN", "127.0.0.1:0")
        .env("STADION_DRAIN_TIMEOUT_SECONDS", "1")
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .process_group(0);
    let served = Served(command.spawn().unwrap());
    let url = wait_for(dir, "the endpoints", || {
        let text = fs::read_to_string(dir.join("stadion-data/endpoints.json")).ok()?;
        let endpoints: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(format!("http://{}", endpoints["gateway"].as_str()?))
    })
    .await;
    (served, url)
}

async fn wait_for<T>(dir: &Path, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = tokio::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        if started.elapsed() > START_TIMEOUT {
            let log = fs::read_to_string(dir.join("serve.log")).unwrap_or_default();
            panic!("{what} did not come; the platform's log:\n{log}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await; // polls: files and answers of the platform
    }
}

/// A shell in `dir` that finds `stadion`.
fn shell(dir: &Path, url: &str, script: &str) -> (bool, String) {
    let bin = Path::new(env!("CARGO_BIN_EXE_stadion")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(dir)
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("STADION", url)
        .output()
        .unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

#[tokio::test]
async fn the_walk_through_can_be_walked() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: the walk-through needs curl, and this machine has none");
        return;
    }
    let page = include_str!("../../../docs/walkthrough.md");
    let steps = steps(page, "sh step");
    assert!(steps.len() > 10, "the page has its steps");
    let dir = tempfile::tempdir().unwrap();
    let (_served, url) = serve(dir.path()).await;
    wait_for(dir.path(), "two game servers", || {
        let (_, list) = shell(dir.path(), &url, "stadion server list --state Ready");
        (list.lines().count() == 3).then_some(())
    })
    .await;

    let mut script = String::from("set -eu\n");
    for (number, step) in steps.iter().enumerate() {
        script.push_str(&format!("echo; echo '{MARK} {number}'\n{}", step.commands));
    }
    let (well, printed) = shell(dir.path(), &url, &script);
    let outputs: Vec<_> = printed.split(MARK).skip(1).collect();
    for (step, output) in steps.iter().zip(&outputs) {
        if let Some(line) = missing(&step.shown, output) {
            panic!(
                "docs/walkthrough.md, step at line {}: {line:?} is shown and was not printed. Printed was:\n{output}",
                step.line
            );
        }
    }
    assert!(well && outputs.len() == steps.len(), "{printed}");
}
