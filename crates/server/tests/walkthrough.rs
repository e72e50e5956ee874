//! Runs `docs/walkthrough.md`: every step of the page, in one shell, against a real platform, and compares what it
//! prints with what the page shows.

#![cfg(test)]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Far beyond any start on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Stands before the output of each step.
const MARK: &str = "@@@ step";

/// A block of commands, and what the page says that they print.
struct Step {
    line: usize,
    commands: String,
    shown: Vec<String>,
}

/// The steps of `page`: blocks fenced as `sh step`, each with the `text` block that follows before the next step.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut fence: Option<&str> = None;
    for (number, line) in page.lines().enumerate() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(kind)) => {
                fence = Some(kind);
                if kind == "sh step" {
                    steps.push(Step {
                        line: number + 1,
                        commands: String::new(),
                        shown: Vec::new(),
                    });
                }
            }
            (Some(_), Some(_)) => fence = None,
            (Some("sh step"), None) => {
                let step = steps.last_mut().unwrap();
                step.commands.push_str(line);
                step.commands.push('\n');
            }
            (Some("text"), None) => {
                if let Some(step) = steps.last_mut() {
                    step.shown.push(words(line));
                }
            }
            _ => {}
        }
    }
    steps
}

/// Columns are as wide as their longest entry, so only the words count.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `line` is `shown`, where `…` stands for anything.
fn like(shown: &str, line: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((last, inner)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in inner {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The first line of `shown` that does not come in `printed`, in the order of the page.
fn missing<'a>(shown: &'a [String], printed: &str) -> Option<&'a String> {
    let mut printed = printed.lines().map(words);
    shown
        .iter()
        .find(|wanted| !printed.any(|line| like(wanted, &line)))
}

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
    let steps = steps(page);
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

#[test]
fn what_the_page_shows_is_compared() {
    assert!(like("a … c", "a b b c") && like("…", "") && like("a…", "ab") && like("a", "a"));
    assert!(
        !like("a … c", "a b") && !like("a", "ab") && !like("…b", "bc") && !like("ab…ba", "aba")
    );
    let shown = ["a…".to_owned(), "b".to_owned()];
    assert_eq!(missing(&shown, "x\na1\ny\nb\n"), None);
    assert_eq!(missing(&shown, "b\na1\n"), Some(&shown[1]));
    let page = "```sh\nno\n```\n```sh step\none\ntwo\n```\n```text\nan  output\n```\n";
    let found = steps(page);
    assert_eq!((found.len(), found[0].line), (1, 4));
    assert_eq!(found[0].commands, "one\ntwo\n");
    assert_eq!(found[0].shown, ["an output"]);
}
