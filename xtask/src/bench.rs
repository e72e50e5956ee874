//! `cargo xtask bench`: every benchmark of the repository, and the cost of building it.

use crate::run::{Failure, Outcome, cargo, show, step};
use crate::suite;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `cargo build --release` of the program may cost from an empty directory.
const RELEASE_CPU_SECONDS: f64 = 600.0;
/// What `cargo xtask test` may compile from an empty directory.
const TEST_CPU_SECONDS: f64 = 700.0;

/// USER_HZ, the unit of the times in /proc: 100 on every architecture that Linux has and this program is built for
/// (proc(5), time(7)).
const TICKS_PER_SECOND: f64 = 100.0;

struct Options<'a> {
    only: Option<&'a str>,
    json: bool,
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let options = parse(arguments)?;
    if options.only != Some("build") {
        rest(arguments)?;
    }
    if options.only.is_none_or(|only| only == "build") {
        for figure in build()? {
            println!("{}", figure.shown(options.json));
        }
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Options<'_>, Failure> {
    let mut options = Options {
        only: None,
        json: false,
    };
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match (argument, rest.next()) {
            ("--only", Some(name)) => options.only = Some(name),
            ("--output", Some("json")) => options.json = true,
            ("--output", Some("table")) => options.json = false,
            _ => {
                return Err(Failure::usage(
                    "bench takes `--only NAME` and `--output json`",
                ));
            }
        }
    }
    Ok(options)
}

/// All benchmarks but the build's are one program, which drives the platform's program beside it.
fn rest(arguments: &[String]) -> Outcome {
    step("release build", || {
        show(&mut cargo([
            "build",
            "--quiet",
            "--release",
            "--package",
            "stadion",
            "--package",
            "stadion-bench",
        ]))
    })?;
    let program = built()?.join("release/stadion-bench");
    show(Command::new(program).args(arguments))
}

/// Where cargo puts what it builds: this program is in `<there>/debug`.
fn built() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::new(format!("this program does not find itself: {error}")))?;
    let directory = own.ancestors().nth(2).map(Path::to_path_buf);
    directory.ok_or_else(|| Failure::new("this program is in no build directory"))
}

/// One measured figure beside what it may be.
struct Figure {
    name: &'static str,
    cpu_seconds: f64,
    reference: f64,
}

impl Figure {
    fn shown(&self, json: bool) -> String {
        let Self {
            name,
            cpu_seconds,
            reference,
        } = self;
        let ratio = cpu_seconds / reference;
        if json {
            format!(
                r#"{{"name":"{name}","value":{cpu_seconds:.1},"unit":"cpu_s","reference":{reference:.0},"ratio":{ratio:.3}}}"#
            )
        } else {
            format!(
                "{name:<28} {cpu_seconds:>10.1} cpu_s  reference {reference:>6.0}  ratio {ratio:.3}"
            )
        }
    }
}

fn build() -> Result<[Figure; 2], Failure> {
    let scratch = std::env::temp_dir().join(format!("stadion-bench-build-{}", std::process::id()));
    let figures = measure(&scratch);
    // Some gigabytes: gone whether the builds succeeded or not.
    let removed = std::fs::remove_dir_all(&scratch);
    let figures = figures?;
    removed
        .map_err(|error| Failure::new(format!("{} stays behind: {error}", scratch.display())))?;
    Ok(figures)
}

fn measure(scratch: &Path) -> Result<[Figure; 2], Failure> {
    let start = children_cpu_seconds()?;
    let mut release = cargo([
        "build",
        "--quiet",
        "--release",
        "--package",
        "stadion",
        "--bin",
        "stadion",
    ]);
    step("release build", || {
        show(release.env("CARGO_TARGET_DIR", scratch.join("release")))
    })?;
    let middle = children_cpu_seconds()?;
    step("test build", || {
        show(suite::compile().env("CARGO_TARGET_DIR", scratch.join("test")))
    })?;
    let end = children_cpu_seconds()?;
    Ok([
        Figure {
            name: "build_release",
            cpu_seconds: middle - start,
            reference: RELEASE_CPU_SECONDS,
        },
        Figure {
            name: "build_test",
            cpu_seconds: end - middle,
            reference: TEST_CPU_SECONDS,
        },
    ])
}

/// Processor time, user and system, of all descendants of this process that have ended.
fn children_cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")
        .map_err(|error| Failure::new(format!("only Linux tells the cost of a build: {error}")))?;
    ticks_of_children(&stat)
        .map(|ticks| f64::from(ticks) / TICKS_PER_SECOND)
        .ok_or_else(|| Failure::new("/proc/self/stat has no times"))
}

/// Fields 16 and 17, cutime and cstime, of /proc/PID/stat (proc(5)). The second field is a name in parentheses that may
/// hold spaces.
fn ticks_of_children(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(13);
    let mut next = || fields.next()?.parse::<u32>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::{Figure, parse, ticks_of_children};

    #[test]
    fn the_times_of_children_are_found_behind_any_name() {
        let stat = "17 (a ) b) S 4 5 6 7 8 9 10 11 12 13 14 15 1600 17 18 19";
        assert_eq!(ticks_of_children(stat), Some(1617));
        assert_eq!(ticks_of_children("17 (x) S 4"), None);
    }

    #[test]
    fn figures_are_json_with_their_ratio() {
        let figure = Figure {
            name: "build_release",
            cpu_seconds: 300.0,
            reference: 600.0,
        };
        let json = crate::data::parse_json(&figure.shown(true)).unwrap();
        assert_eq!(
            json.get("ratio"),
            Some(&crate::data::Value::Number("0.500".to_owned()))
        );
    }

    #[test]
    fn unknown_arguments_are_refused() {
        let words = ["--only".to_owned(), "build".to_owned(), "--fast".to_owned()];
        assert_eq!(parse(&words[..2]).unwrap().only, Some("build"));
        assert!(parse(&words).is_err());
    }
}
