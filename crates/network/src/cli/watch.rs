//! `monitor`, `report` and `probe-server`: verbs that change nothing.

use std::io::{IsTerminal as _, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{Common, command, duration, show};
use crate::facts::Facts;
use crate::host::Host;
use crate::monitor::sample::Watch;
use crate::monitor::{self, ALARM_EXIT_CODE, Form};
use crate::profile::Profile;
use crate::profile::firewall::Ports;
use crate::report::{Planned, Report, Severity, observe};
use crate::rules::{self, catalogue};
use crate::{Error, Result, probe};

/// Twenty a second measure more than they disturb; below a millisecond the probes are the load.
const PROBE_INTERVAL_MIN: Duration = Duration::from_millis(1);
/// A sample takes some milliseconds; ten in a second are a hundredth of a processor.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What `monitor --help` says at its end.
pub const MONITOR_HELP: &str = "\
Exit codes:
  0  no threshold of the profile was passed
  6  one was, in at least one interval

Examples:
  stadion network monitor                                       a table, drawn again every second
  stadion network monitor --count 60 --json                     for machines, an object per interval
  stadion network monitor --probe edge-2:9710                   with loss and latency to a probe-server
  stadion network monitor --listen 127.0.0.1:9711               for Prometheus, at /metrics";

/// `stadion network monitor`.
#[derive(Args, Clone, Debug)]
pub struct MonitorArgs {
    /// Time between two looks: 500ms, 1s, 1m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub interval: Duration,
    /// End after this many intervals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Only this interface; repeat it for several
    #[arg(long = "interface", value_name = "NAME")]
    pub interfaces: Vec<String>,
    /// Ports whose sockets are watched, such as 7000-8000; repeat it for several; else those of the profile
    #[arg(long = "port", value_name = "PORTS")]
    pub ports: Vec<Ports>,
    /// Measure loss and latency to a `probe-server` there
    #[arg(long, value_name = "HOST:PORT")]
    pub probe: Option<String>,
    /// Time between two probes
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = duration)]
    pub probe_interval: Duration,
    /// Answer Prometheus there, at /metrics; keep it on a loopback address, or behind a firewall
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
}

impl MonitorArgs {
    /// Measures until it is told to stop; the exit code.
    ///
    /// # Errors
    /// [`Error::Usage`] for an interval that is too short, and those of [`monitor::run`].
    pub fn run(
        &self,
        host: Host,
        profile: &Profile,
        json: bool,
        out: &mut dyn Write,
    ) -> Result<u8> {
        at_least("--interval", self.interval, INTERVAL_MIN)?;
        at_least("--probe-interval", self.probe_interval, PROBE_INTERVAL_MIN)?;
        let form = match json {
            true => Form::Json,
            false if std::io::stdout().is_terminal() => Form::Live,
            false => Form::Lines,
        };
        let options = monitor::Options {
            watch: watch(&self.interfaces, &self.ports, profile),
            interval: self.interval,
            count: self.count,
            form,
            listen: self.listen,
            probe: self.probe.clone(),
            probe_interval: self.probe_interval,
        };
        let alarmed = monitor::run(host, &profile.thresholds, &options, out)?;
        Ok(if alarmed { ALARM_EXIT_CODE } else { 0 })
    }
}

fn at_least(option: &str, time: Duration, least: Duration) -> Result<()> {
    if time < least {
        let least = least.as_millis();
        return Err(Error::Usage(format!("{option}: from {least}ms")));
    }
    Ok(())
}

fn watch(interfaces: &[String], ports: &[Ports], profile: &Profile) -> Watch {
    let firewall = &profile.firewall;
    let ports = match ports {
        [] => {
            let games = firewall
                .games
                .iter()
                .filter_map(|name| catalogue::game(name));
            let rules = games.flat_map(|game| game.ports).chain(&firewall.ports);
            rules.map(|rule| rule.ports).collect()
        }
        ports => ports.to_vec(),
    };
    Watch {
        interfaces: interfaces.to_vec(),
        ports,
        table: rules::TABLE.to_owned(),
    }
}

/// What `report --help` says at its end.
pub const REPORT_HELP: &str = "\
It changes nothing, and runs without privileges: what it could not look at is named.

Exit codes:
  0  written
  6  with --fail-on: there is a finding of that severity or a worse one

Examples:
  sudo stadion network report --file report.md                  what is wrong here, and the command that mends it
  sudo stadion network report --redact                          without addresses and names, to show to others
  stadion network report --json --fail-on critical              for machines";

/// `stadion network report`.
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// Write it to this file
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Without addresses and names of hosts
    #[arg(long)]
    pub redact: bool,
    /// Fail when there is a finding of this severity or a worse one
    #[arg(long, value_name = "SEVERITY", value_enum)]
    pub fail_on: Option<Severity>,
    /// How long rates are measured
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub interval: Duration,
}

impl ReportArgs {
    /// Looks, and writes the report; the exit code.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn run(
        &self,
        host: Host,
        facts: &Facts,
        plans: &[Planned],
        profile: &Profile,
        common: &Common,
        out: &mut dyn Write,
    ) -> Result<u8> {
        at_least("--interval", self.interval, INTERVAL_MIN)?;
        let host = Arc::new(host);
        let observed = observe(&host, facts, watch(&[], &[], profile), self.interval);
        let mut report = Report::new(&observed, facts, plans, profile);
        command::point(&mut report, common);
        if self.redact {
            report = report.redacted()?;
        }
        let text = match common.json {
            true => report.json()?,
            false => show::printable(&report.markdown()),
        };
        match &self.file {
            Some(path) => std::fs::write(path, text).map_err(|source| Error::File {
                what: "writing the report to",
                path: path.clone(),
                source,
            })?,
            None => show::print(out, &text)?,
        }
        let fails = self
            .fail_on
            .is_some_and(|least| report.worst() >= Some(least));
        Ok(if fails { ALARM_EXIT_CODE } else { 0 })
    }
}

/// `stadion network probe-server`.
#[derive(Args, Clone, Debug)]
pub struct ProbeServerArgs {
    /// Where probes come; an address that others reach must be said, and answered by nobody else
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9710")]
    pub listen: SocketAddr,
}

impl ProbeServerArgs {
    /// Answers until it is told to stop.
    ///
    /// # Errors
    /// Those of [`probe::serve`].
    pub fn run(&self, out: &mut dyn Write) -> Result<u8> {
        probe::serve(self.listen, out)?;
        Ok(0)
    }
}
