//! The game server as a program of its own; `stadion arena-server` is the same.

use std::error::Error;
use std::process::ExitCode;

use stadion_arena::server::{self, ServerConfig};

fn main() -> ExitCode {
    match ServerConfig::from_env().and_then(server::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("arena: {error}");
            let mut cause = error.source();
            while let Some(inner) = cause {
                eprint!(": {inner}");
                cause = inner.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}
