//! Processes: starting them, knowing them again, noticing their end, ending them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};

/// Variable that marks a game server's process, and the processes it starts, with the directory of its record.
pub(super) const MARK: &str = "STADION_SERVER_DIR";

/// Variables that a game server takes from Stadion's own environment; the rest may be secret.
const INHERITED: [&str; 8] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "RUST_LOG",
];

/// How often a process is looked at on a kernel without pidfd (before 5.3).
const POLL_PERIOD: Duration = Duration::from_millis(500);

/// Longest log of one game server, bytes; twice as much is kept with the one before.
pub(super) const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A process, told apart from a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) pid: u32,
    /// Clock ticks since boot.
    pub(super) start: u64,
}

impl Identity {
    /// The living process with this pid.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // proc_pid_stat(5): the name in parentheses may hold anything, so count from its end. Field 3 is the state,
        // field 22 the start time.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let start = fields.nth(18)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, start })
    }

    pub(super) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    fn raw(self) -> Option<Pid> {
        i32::try_from(self.pid).ok().and_then(Pid::from_raw)
    }

    /// Sends `signal` to the process group that it leads, if it still lives.
    pub(super) fn signal(self, signal: Signal) {
        if let Some(pid) = self.raw().filter(|_| self.is_alive()) {
            tell_group(pid, signal);
        }
    }

    /// Waits until it is gone or a zombie.
    async fn ended(self) {
        if let Some(pidfd) = self.raw().and_then(watched) {
            // The pid may have been another process's by the time the descriptor was opened.
            if self.is_alive() && pidfd.readable().await.is_ok() {
                return;
            }
        }
        while self.is_alive() {
            tokio::time::sleep(POLL_PERIOD).await;
        }
    }
}

/// A descriptor that becomes readable when the process ends.
#[expect(
    deprecated,
    reason = "the successor is unsafe, for descriptors that may be closed while they are watched; this one is owned"
)]
fn watched(pid: Pid) -> Option<AsyncFd<OwnedFd>> {
    let pidfd = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
    AsyncFd::new(pidfd).ok()
}

fn tell_group(leader: Pid, signal: Signal) {
    note(leader, signal, kill_process_group(leader, signal));
}

/// A process that ended by itself in between is no trouble.
fn note(pid: Pid, signal: Signal, told: rustix::io::Result<()>) {
    if let Err(error) = told
        && error != rustix::io::Errno::SRCH
    {
        tracing::warn!(pid = pid.as_raw_pid(), ?signal, %error, "could not signal a game server");
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// With code 0.
    Clean,
    /// With another code, by a signal, or nobody knows: the exit of a process that is not our child cannot be read.
    Crash,
}

/// A process that is watched.
#[derive(Debug)]
pub(super) enum Process {
    /// Started by this Stadion.
    Child(Identity, Child),
    /// Started by an earlier one.
    Adopted(Identity),
}

impl Process {
    pub(super) fn identity(&self) -> Identity {
        match self {
            Self::Child(identity, _) | Self::Adopted(identity) => *identity,
        }
    }

    /// Waits for its end, and ends whatever it left behind in its group.
    pub(super) async fn exited(self) -> Exit {
        match self {
            Self::Child(identity, mut child) => {
                identity.ended().await;
                // Not reaped yet, so its pid still names its group and nothing else.
                if let Some(pid) = identity.raw() {
                    tell_group(pid, Signal::KILL);
                }
                match child.wait().await {
                    Ok(status) if status.success() => Exit::Clean,
                    _ => Exit::Crash,
                }
            }
            Self::Adopted(identity) => {
                identity.ended().await;
                // Somebody else reaps it; its pid names its group as long as no new process carries it.
                if let Some(pid) = identity
                    .raw()
                    .filter(|_| Identity::of(identity.pid).is_none())
                {
                    tell_group(pid, Signal::KILL);
                }
                Exit::Crash
            }
        }
    }
}

/// Starts `command` in its own process group, marked with `dir`, its output appended to a log in `dir`. It outlives
/// this process.
pub(super) fn start(
    command: &[String],
    env: &BTreeMap<String, String>,
    dir: &Path,
) -> io::Result<Process> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"))?;
    let log = open_log(dir)?;
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(
            INHERITED
                .iter()
                .filter_map(|key| std::env::var_os(key).map(|value| (key, value))),
        )
        .envs(env)
        .env(MARK, dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()?;
    let pid = child
        .id()
        .ok_or_else(|| io::Error::other("the process ended before it had a pid"))?;
    // A child that ended already is a zombie: its start does not matter, its end is seen through `child`.
    let identity = Identity::of(pid).unwrap_or(Identity { pid, start: 0 });
    Ok(Process::Child(identity, child))
}

fn log_path(dir: &Path) -> PathBuf {
    dir.join("server.log")
}

fn open_log(dir: &Path) -> io::Result<File> {
    bound_log(dir)?;
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log_path(dir))
}

/// Moves a log that grew too long aside. Its process keeps its file, so the content is copied and the file emptied;
/// lines written in between are lost.
pub(super) fn bound_log(dir: &Path) -> io::Result<()> {
    let path = log_path(dir);
    match fs::metadata(&path) {
        Ok(meta) if meta.len() > LOG_BYTES_MAX => {
            fs::copy(&path, dir.join("server.log.1"))?;
            OpenOptions::new().write(true).open(&path)?.set_len(0)
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Every living process that is marked with a directory inside `root`, and that directory.
pub(super) fn marked(root: &Path) -> Vec<(Identity, PathBuf)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let identity = Identity::of(pid)?;
        // Unreadable for other users' processes, which are none of ours.
        let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let prefix = format!("{MARK}=");
        let dir = environ
            .split(|byte| *byte == 0)
            .find_map(|pair| pair.strip_prefix(prefix.as_bytes()))?;
        let dir = Path::new(OsStr::from_bytes(dir));
        dir.starts_with(root).then(|| (identity, dir.to_path_buf()))
    })
    .collect()
}

/// Asks one process to end, and kills it after `grace`. It need not lead a group.
pub(super) async fn end(process: Identity, grace: Duration) {
    let tell = |signal| {
        if let Some(pid) = process.raw().filter(|_| process.is_alive()) {
            note(pid, signal, kill_process(pid, signal));
        }
    };
    tell(Signal::TERM);
    if tokio::time::timeout(grace, process.ended()).await.is_err() {
        tell(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).into()
    }

    #[tokio::test]
    async fn an_exit_code_tells_clean_from_crash() {
        let dir = tempfile::tempdir().unwrap();
        for (script, exit) in [
            ("exit 0", Exit::Clean),
            ("exit 3", Exit::Crash),
            ("kill -9 $$", Exit::Crash),
        ] {
            let process = start(&shell(script), &BTreeMap::new(), dir.path()).unwrap();
            assert_eq!(process.exited().await, exit, "{script}");
        }
    }

    #[tokio::test]
    async fn a_process_is_found_by_its_mark_and_ended_with_its_children() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("duel-1");
        fs::create_dir(&dir).unwrap();
        // The leader ignores the polite signal, and its child is in its group.
        let process = start(
            &shell("trap '' TERM; sleep 600 & echo up; wait; wait"),
            &BTreeMap::new(),
            &dir,
        )
        .unwrap();
        let identity = process.identity();
        assert!(identity.is_alive());
        let log = dir.join("server.log");
        while fs::read_to_string(&log).unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let found = marked(root.path());
        assert!(found.contains(&(identity, dir.clone())), "{found:?}");

        let exited = tokio::spawn(process.exited());
        end(identity, Duration::from_millis(50)).await;
        assert_eq!(exited.await.unwrap(), Exit::Crash);
        // The children get their signal before the leader is reaped, and may take a moment to go.
        while !marked(root.path()).is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_log_is_moved_aside_when_it_is_too_long() {
        let dir = tempfile::tempdir().unwrap();
        open_log(dir.path())
            .unwrap()
            .set_len(LOG_BYTES_MAX + 1)
            .unwrap();
        bound_log(dir.path()).unwrap();
        assert_eq!(fs::metadata(log_path(dir.path())).unwrap().len(), 0);
        assert!(fs::metadata(dir.path().join("server.log.1")).unwrap().len() > LOG_BYTES_MAX);
    }
}
