//! `cargo xtask test`: the one command that proves a change.

use crate::run::{self, Failure, Outcome, capture, cargo, show, step};
use crate::tidy;
use std::process::Command;

/// Slow suites look for this variable and shorten or skip themselves.
const QUICK: &str = "STADION_TEST_QUICK";

/// clippy-driver takes its lint flags from one variable, with this between them.
const CLIPPY_SEPARATOR: &str = "__CLIPPY_HACKERY__";

struct Options {
    quick: bool,
    for_tests: Vec<String>,
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let options = parse(arguments)?;
    step("set-up", set_up)?;
    step("formatting", || {
        show(&mut cargo(["fmt", "--all", "--check"]))
    })?;
    step("tidy", tidy::run)?;
    step("build and lint", || show(&mut compile()))?;
    step("tests", || {
        let mut command = linted(cargo(["test", "--no-fail-fast"]));
        if options.quick {
            command.env(QUICK, "1");
        }
        show(command.arg("--").args(&options.for_tests))
    })
}

/// Compiles all that the tests run, with lints; `bench` measures this very command.
pub(crate) fn compile() -> Command {
    linted(cargo(["test", "--no-run", "--quiet"]))
}

/// Lets clippy compile the workspace's own crates. A separate `cargo clippy` would check every dependency a second
/// time; this way each is compiled once, and the linted build is the one that runs.
pub(crate) fn linted(mut command: Command) -> Command {
    let flags = ["-D", "warnings"]
        .map(|flag| format!("{flag}{CLIPPY_SEPARATOR}"))
        .concat();
    command
        .env("RUSTC_WORKSPACE_WRAPPER", run::sibling("clippy-driver"))
        .env("CLIPPY_ARGS", flags);
    command
}

fn parse(arguments: &[String]) -> Result<Options, Failure> {
    let mut options = Options {
        quick: false,
        for_tests: Vec::new(),
    };
    for (index, argument) in arguments.iter().enumerate() {
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--" => {
                options.for_tests = arguments[index + 1..].to_vec();
                break;
            }
            other => {
                return Err(Failure::usage(format!(
                    "test takes `--quick`, and after `--` what goes to the test binaries; not `{other}`"
                )));
            }
        }
    }
    Ok(options)
}

/// Brings a machine that has only Rust to where everything below works.
fn set_up() -> Outcome {
    let formatter = cargo(["fmt"]);
    let linter = Command::new(run::sibling("clippy-driver"));
    for (component, mut probe) in [("rustfmt", formatter), ("clippy", linter)] {
        if capture(probe.arg("--version")).is_err() {
            let mut add = Command::new("rustup");
            show(add.args(["component", "add", component])).map_err(|failure| {
                Failure::new(format!(
                    "{component} is missing; install it with the toolchain ({})",
                    failure.message
                ))
            })?;
        }
    }
    fetch()
}

/// Downloads what `Cargo.lock` names and is not here yet; without a network from then on. Where nobody watches, a lock
/// file that does not fit the manifests is an error.
pub(crate) fn fetch() -> Outcome {
    let host = host()?;
    let mut fetch = cargo(["fetch", "--quiet", "--target", &host]);
    if run::unattended() {
        fetch.arg("--locked");
    }
    show(&mut fetch)
}

/// The target triple of this machine. Naming it keeps cargo from asking for crates that only other systems need.
pub(crate) fn host() -> Result<String, Failure> {
    let version = capture(Command::new(run::sibling("rustc")).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_follows_two_dashes_is_for_the_test_binaries() {
        let options = parse(&words("--quick -- --quick i3_ --nocapture")).unwrap();
        assert!(options.quick);
        assert_eq!(options.for_tests, words("--quick i3_ --nocapture"));
    }

    #[test]
    fn an_unknown_flag_is_refused_with_exit_code_2() {
        assert_eq!(parse(&words("--fast")).map(|_| ()).unwrap_err().code, 2);
    }
}
