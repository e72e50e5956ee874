//! `stadion network` as a program of its own: for images that need nothing else, and for tests.

use std::process::ExitCode;

use clap::Parser;
use stadion_network::cli::{Caller, Network, run};

/// Tune, shape and protect this host's network, and put it back.
#[derive(Debug, Parser)]
#[command(name = "stadion-network", version)]
struct Cli {
    #[command(flatten)]
    network: Network,
}

fn main() -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            eprintln!("stadion-network: this program cannot be found: {error}");
            return ExitCode::FAILURE;
        }
    };
    // A variable that is not Unicode is none of ours.
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let caller = Caller {
        program,
        prefix: Vec::new(),
        env: env.collect(),
    };
    run(&Cli::parse().network, &caller, &mut std::io::stdout())
}
