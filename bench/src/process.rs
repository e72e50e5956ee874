//! What other processes cost, from `/proc` (proc(5)).

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::time::{Instant, sleep};

use crate::Failure;

/// USER_HZ, the unit of times in `/proc`: 100 on every architecture that Linux supports today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Open files up to the hard limit: every connection of a benchmark is one here, too.
pub(crate) fn raise_open_files() -> Result<(), Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// Open files that this process may have.
pub(crate) fn open_files_max() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Memory of a process, KiB: its own pages, and its part of those that it shares (`Pss`).
pub(crate) fn memory_kib(pid: u32) -> Result<f64, Failure> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let value = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let value = value.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    value.ok_or_else(|| format!("{path} has no Pss").into())
}

/// Fields after the name, which is in parentheses and may hold spaces; the first one is the state, field 3.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(Into::into).collect())
}

/// Processor time of all threads of a process so far, user and system, seconds.
fn cpu_seconds(pid: u32) -> Result<f64, Failure> {
    let fields = stat(pid).ok_or_else(|| format!("process {pid} is gone"))?;
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    let (user, system) = ticks(14)
        .zip(ticks(15))
        .ok_or("/proc/PID/stat has no times")?;
    Ok((user + system) / TICKS_PER_SECOND)
}

/// Share of one processor that `pids` together use within `span`, percent.
pub(crate) async fn cpu_percent(pids: &[u32], span: Duration) -> Result<f64, Failure> {
    let total = || {
        pids.iter()
            .map(|pid| cpu_seconds(*pid))
            .sum::<Result<f64, _>>()
    };
    let (before, started) = (total()?, Instant::now());
    sleep(span).await;
    Ok((total()? - before) / started.elapsed().as_secs_f64() * 100.0)
}

/// Processes whose parent is `parent`.
pub(crate) fn children(parent: u32) -> Result<Vec<u32>, Failure> {
    let is_child = |pid: &u32| {
        stat(*pid).is_some_and(|fields| fields.get(1).is_some_and(|p| *p == parent.to_string()))
    };
    let entries = fs::read_dir("/proc")?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(pids.filter(is_child).collect())
}

#[cfg(test)]
mod tests {
    use super::{children, cpu_seconds, memory_kib};

    #[test]
    fn this_process_costs_something_and_is_its_parents_child() {
        let own = std::process::id();
        assert!(memory_kib(own).unwrap() > 0.0);
        assert!(cpu_seconds(own).unwrap() >= 0.0);
        assert!(
            children(std::os::unix::process::parent_id())
                .unwrap()
                .contains(&own)
        );
    }
}
