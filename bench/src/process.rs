//! What other processes cost, from `/proc` (proc(5)).

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::time::{Instant, sleep};

use crate::Failure;

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

/// Time on a processor of all threads of a process so far, seconds. `schedstat` has nanoseconds and misses no short
/// run; `stat` only counts ticks of 10 ms, in which a hundred idle processes would seem to cost nothing.
fn cpu_seconds(pid: u32) -> Result<f64, Failure> {
    let mut total_ns = 0.0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue; // it ended meanwhile
        };
        let on_processor = text.split_whitespace().next();
        total_ns += on_processor.unwrap_or("0").parse::<f64>()?;
    }
    Ok(total_ns / 1e9)
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
    let entries = fs::read_dir("/proc")?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(pids.filter(|pid| parent_of(*pid) == Some(parent)).collect())
}

/// The second field after the name, which is in parentheses and may hold spaces.
fn parent_of(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = text.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{children, cpu_seconds, memory_kib};

    #[test]
    fn this_process_costs_something_and_is_its_parents_child() {
        let own = std::process::id();
        assert!(memory_kib(own).unwrap() > 0.0);
        assert!(cpu_seconds(own).unwrap() > 0.0);
        assert!(
            children(std::os::unix::process::parent_id())
                .unwrap()
                .contains(&own)
        );
    }
}
