//! The tasks of the house: `test`, `tidy`, `deny`, `e2e` and `bench`.
//!
//! Standard library only: this program is compiled before anything else can be checked, and a checker that needs
//! third-party code could not judge third-party code.

mod bench;
mod data;
mod deny;
mod e2e;
mod run;
mod suite;
mod tidy;

use run::{Failure, Outcome};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <task>

  test [--quick] [-- ARGS]        set-up, formatting, tidy, build with lints, then every test; ARGS go to the test binaries
  tidy                            what rustc and clippy cannot check: directions, dead files, sizes, links, words
  deny                            banned crates, licences and sources of all dependencies, from deny.toml
  e2e agones-sdk                  a game server with the official Agones crate on a real platform; not part of `test`
  e2e network-vm                  host networking on a machine of its own with Debian, systemd and Docker (QEMU, as root)
  bench [--only NAME] [--output json]
                                  every benchmark; NAME `build` measures the cost of building";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let Some((task, rest)) = arguments.split_first() else {
        return Err(Failure::usage(USAGE));
    };
    match task.as_str() {
        "test" => suite::run(rest),
        "tidy" if rest.is_empty() => suite::fetch().and_then(|()| tidy::run()),
        "deny" if rest.is_empty() => suite::fetch().and_then(|()| deny::run()),
        "e2e" => e2e::run(rest),
        "bench" => bench::run(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Failure::usage(USAGE)),
    }
}
