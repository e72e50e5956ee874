//! The program `stadion`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // A variable that is not Unicode is none of ours.
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let env = env.collect();
    stadion_server::commands::run(stadion_server::cli::Cli::parse(), &env)
}
