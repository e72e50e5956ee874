//! The command line of `stadion network`.

mod command;
pub(crate) mod show;
mod told;
pub mod watch;
mod wire;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::engine::STATE_DIR;
use crate::profile::Base;

pub use wire::{Caller, run};

/// How long a change waits for its confirmation unless told otherwise.
const CONFIRM_WITHIN: &str = "60s";
/// A change that nobody has confirmed within a day is forgotten, not tried.
const CONFIRM_WITHIN_MAX: Duration = Duration::from_secs(86_400);

/// What `stadion network --help` says at its end.
pub const AFTER_HELP: &str = "\
A change is a plan first. --apply carries it out and waits to be confirmed: from another session, if it is the network
that changes. Unless confirmed in time, a process of its own puts everything back.

Exit codes:
  0  done; for a plan: nothing to change
  1  failed; what was changed has been put back (rollback: something could not be, and is named)
  2  a plan: changes are pending; status: what is ours was changed, lost, or could not be put back
     (also: the command line is wrong)
  3  the profile is wrong
  4  rights are missing
  5  refused, another run is at work, or with --strict something was left out
  6  monitor: a threshold of the profile was passed; report: a finding that --fail-on names

Examples:
  stadion network full-setup                                    what would be done, and why
  stadion network firewall --profile node.yaml --apply          do it, and put it back in 60 s ...
  stadion network confirm                                       ... unless this is said
  stadion network rollback                                      the host as it was before all of it
  stadion network profile recommended                           a profile to begin with, for a file
  stadion network optimize --netns blue --json                  in a network namespace, for machines";

/// Tune, shape and protect this host's network, and put it back
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct Network {
    /// What holds for every verb.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What holds for every verb.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The profile: a file, `recommended` or `guide`; else what was applied here last, and `recommended` before that
    #[arg(long, global = true, value_name = "FILE")]
    pub profile: Option<String>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Work in this network namespace (`ip netns list`)
    #[arg(long, global = true, value_name = "NAME")]
    pub netns: Option<String>,
    /// Where the journals are kept
    #[arg(long, global = true, value_name = "DIR", default_value = STATE_DIR)]
    pub state_dir: PathBuf,
    /// What this host cannot do is a failure, not a remark
    #[arg(long, global = true)]
    pub strict: bool,
    /// In a container: below this directory are the node's `proc/sys`, `proc/irq` and `sys`, to be written
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "netns")]
    pub kernel_files: Option<PathBuf>,
    /// Work on the files below this directory
    #[arg(long, global = true, value_name = "DIR", hide = true)]
    pub sysroot: Option<PathBuf>,
    /// End the process at this step, as `kill -9` would
    #[arg(long, global = true, value_name = "N", hide = true)]
    pub die_at_step: Option<usize>,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Settings of the kernel and its devices: buffers, ports, governor, interrupts
    #[command(after_help = "Example:\n  stadion network optimize --apply")]
    Optimize(Change),
    /// Let game packets leave first, on an uplink whose rate is known
    #[command(
        after_help = "Example:\n  stadion network traffic-shape --interface eth0 --rate 950mbit --apply"
    )]
    TrafficShape(Change),
    /// Drop floods before they cost the servers anything
    #[command(after_help = "Example:\n  stadion network ddos-protect --apply --confirm-within 2m")]
    DdosProtect(Change),
    /// Open the ports of the games, and administration to trusted sources alone
    #[command(after_help = "Example:\n  stadion network firewall --profile node.yaml --apply")]
    Firewall(Change),
    /// All of the above, under one snapshot and one confirmation
    #[command(
        after_help = "Example:\n  stadion network full-setup --profile node.yaml --rate 950mbit --apply"
    )]
    FullSetup(Change),
    /// What happens on this host now: rates, losses, fill, latency to a peer
    #[command(after_help = watch::MONITOR_HELP)]
    Monitor(watch::MonitorArgs),
    /// What is wrong on this host, and the command that mends it
    #[command(after_help = watch::REPORT_HELP)]
    Report(watch::ReportArgs),
    /// Answer the probes of another host's monitor
    #[command(after_help = "Example:\n  stadion network probe-server --listen 0.0.0.0:9710")]
    ProbeServer(watch::ProbeServerArgs),
    /// Make the changes that wait stay, also after the next boot
    #[command(after_help = "Example:\n  stadion network confirm")]
    Confirm,
    /// Put the host back to what it was before our first change
    #[command(after_help = "Example:\n  stadion network rollback")]
    Rollback,
    /// What is in force, what waits, what others changed
    #[command(after_help = "Example:\n  stadion network status --json")]
    Status,
    /// Print a built-in profile, with notes on where the two differ and why
    #[command(after_help = "Example:\n  stadion network profile recommended > node.yaml")]
    Profile {
        /// Which
        #[arg(value_enum, default_value = "recommended")]
        name: BuiltIn,
    },
    /// Put the change with this name back unless it is confirmed in time
    #[command(hide = true)]
    Timer {
        /// Which change
        id: String,
    },
}

/// A verb that changes the host.
#[derive(Args, Clone, Debug)]
pub struct Change {
    /// Carry the plan out
    #[arg(long)]
    pub apply: bool,
    /// Put everything back unless confirmed within this time: 60s, 2m, 1h
    #[arg(long, value_name = "TIME", default_value = CONFIRM_WITHIN, value_parser = duration)]
    pub confirm_within: Duration,
    /// Confirm after the self-test, without waiting: for machines that set up machines
    #[arg(long, conflicts_with = "confirm_within")]
    pub confirm_now: bool,
    /// Change also what others changed after us
    #[arg(long)]
    pub overwrite_drift: bool,
    /// What the uplink carries, such as 950mbit; shaping needs it
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,
    /// The interface to shape; repeat it for several
    #[arg(long = "interface", value_name = "NAME")]
    pub interfaces: Vec<String>,
    /// A game whose ports are to be open; repeat it for several
    #[arg(long = "game", value_name = "NAME")]
    pub games: Vec<String>,
    /// A source that may reach RCON and administration, such as 198.51.100.0/24; repeat it for several
    #[arg(long = "trusted", value_name = "NET")]
    pub trusted: Vec<String>,
}

/// The name of a built-in profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum BuiltIn {
    /// What we advise
    Recommended,
    /// The numbers of the guide's script
    Guide,
}

impl From<BuiltIn> for Base {
    fn from(name: BuiltIn) -> Self {
        match name {
            BuiltIn::Recommended => Self::Recommended,
            BuiltIn::Guide => Self::Guide,
        }
    }
}

/// The variables of a process.
pub type Env = BTreeMap<String, String>;

/// Reads `60s`, `2m`, `1h`, `500ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is not a time; write a number and a unit, such as 60s, 2m or 1h");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let time = Duration::from_millis(number.checked_mul(unit_ms).ok_or_else(wrong)?);
    if time.is_zero() || time > CONFIRM_WITHIN_MAX {
        return Err("from 1ms to 24h".into());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_help_shows_can_be_typed() {
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let is_hidden = command.is_hide_set();
            assert!(
                is_hidden || help.contains("Example"),
                "{}",
                command.get_name()
            );
            for line in help
                .lines()
                .filter(|line| line.contains("stadion network "))
            {
                // Three blanks and prose follow, or a redirection that is the shell's.
                let typed = line.trim().trim_start_matches("sudo ");
                let typed = typed.split("   ").next().unwrap_or_default();
                let words = typed.split(' ').skip(1).take_while(|word| *word != ">");
                let whole = Network::augment_args(clap::Command::new("network"));
                if let Err(error) = whole.try_get_matches_from(words) {
                    panic!("{line}: {error}");
                }
            }
            command.get_subcommands().for_each(check);
        }
        let whole = Network::augment_args(clap::Command::new("network"));
        whole.clone().debug_assert();
        check(&whole);
    }

    #[test]
    fn times_are_read_with_their_units() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "5", "s", "0s", "25h", "99999999999999999999h", "1 s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
