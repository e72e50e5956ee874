//! Benchmarks of the real program: what a promise of the documentation costs on the machine they run on.
//!
//! `cargo xtask bench` builds and runs them. Each starts a platform of its own in a temporary directory on free ports,
//! and stops it by SIGTERM; those of the matchmaker call the planner itself, those of the network make hosts of their own.

mod arena;
mod baseline;
mod demo;
mod figure;
mod http;
mod match_path;
mod matchmaker;
mod network;
mod platform;
mod process;
mod startup;
mod tickets;
mod websockets;

use std::process::ExitCode;

use figure::Figure;

/// What a benchmark may fail with: it is read by a person and never handled.
type Failure = Box<dyn std::error::Error>;

/// That of the program, so that the planner costs here what it costs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NAMES: [&str; 6] = [
    "tickets",
    "startup",
    "arena",
    "websockets",
    "demo",
    "match_path",
];

const USAGE: &str = "takes `--only NAME` and `--output table|json`; NAME is one of these or how some of them begin, as \
                     in `matchmaker`:";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (only, json) = match parse(&arguments) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("stadion-bench: {error}");
            return ExitCode::from(2);
        }
    };
    match run(only, json) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stadion-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<(Option<&str>, bool), String> {
    let (mut only, mut json) = (None, false);
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match (argument, rest.next()) {
            ("--only", Some(name)) if all().any(|known| chosen(name, known)) => only = Some(name),
            ("--output", Some("json")) => json = true,
            ("--output", Some("table")) => json = false,
            _ => {
                let names: Vec<&str> = all().collect();
                return Err(format!("{USAGE} {}", names.join(", ")));
            }
        }
    }
    Ok((only, json))
}

fn all() -> impl Iterator<Item = &'static str> {
    NAMES
        .into_iter()
        .chain(matchmaker::NAMES)
        .chain(network::NAMES)
}

/// By its whole name, or by whole words that it begins with.
fn chosen(only: &str, name: &str) -> bool {
    name.strip_prefix(only)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// One thread drives everything: the platform under load needs the processors more than the load.
fn run(only: Option<&str>, json: bool) -> Result<(), Failure> {
    process::raise_open_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for name in all() {
        if only.is_none_or(|only| chosen(only, name)) {
            let figures = runtime.block_on(one(name));
            for figure in figures.map_err(|error| format!("{name}: {error}"))? {
                println!("{}", figure.shown(json));
            }
        }
    }
    Ok(())
}

async fn one(name: &str) -> Result<Vec<Figure>, Failure> {
    match name {
        "tickets" => tickets::run().await,
        "startup" => startup::run().await,
        "arena" => arena::run().await,
        "websockets" => websockets::run().await,
        "demo" => demo::run().await,
        "match_path" => match_path::run().await,
        name if network::NAMES.contains(&name) => network::run(name),
        other => matchmaker::run(other),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn unknown_benchmarks_are_refused_with_the_names_of_the_known() {
        let words = |line: &str| -> Vec<String> { line.split(' ').map(Into::into).collect() };
        let known = words("--only tickets --output json");
        assert_eq!(parse(&known), Ok((Some("tickets"), true)));
        assert!(
            parse(&words("--only fastest"))
                .unwrap_err()
                .contains("match_path")
        );
        assert!(parse(&words("--only")).is_err());
        assert!(parse(&words("--only matchmaker")).is_ok());
        assert!(parse(&words("--only matchmaker_w2")).is_ok());
        assert!(parse(&words("--only matchmaker_w")).is_err());
    }
}
