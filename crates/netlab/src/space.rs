//! Network namespaces: made, entered, and removed whatever happens.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::LabError;

/// Where iproute2 keeps the names of namespaces (ip-netns(8)).
const NAMES: &str = "/run/netns";

/// What the names of ours begin with; the process and a number follow.
const PREFIX: &str = "netlab";

/// A network namespace of its own, removed when it is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new, empty namespace whose loopback is up. `role` becomes part of its name, for whoever looks at it.
    ///
    /// # Errors
    /// When this machine cannot make namespaces; see [`crate::unable`].
    pub fn new(role: &str) -> Result<Self, LabError> {
        static STALE: Once = Once::new();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        STALE.call_once(remove_stale);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}-{}-{number}-{role}", std::process::id());
        run_tool("ip", &["netns", "add", &name], None)?;
        let space = Self { name };
        space.ip("link set lo up")?;
        Ok(space)
    }

    /// The name that `ip netns exec` and `--netns` know.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on a thread of its own inside the namespace. Sockets made there stay there, wherever they are used
    /// later, and processes started there too. `/proc/sys/net` is the namespace's, `/sys/class/net` still the machine's.
    ///
    /// # Errors
    /// When the namespace cannot be entered. A panic of `work` goes on here.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        let path = Path::new(NAMES).join(&self.name);
        let link = File::open(&path).map_err(LabError::io(path.display().to_string()))?;
        let outcome = std::thread::scope(|scope| {
            scope
                .spawn(move || {
                    move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network))
                        .map(|()| work())
                })
                .join()
        });
        match outcome {
            Ok(done) => done.map_err(LabError::io(format!("enter {}", self.name))),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// `program`, to be started inside the namespace with its own `/sys`.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Runs `tool` inside with the words of `arguments`, and returns what it wrote.
    ///
    /// # Errors
    /// When it is not there or fails, with what it said.
    pub fn tool(&self, tool: &str, arguments: &str) -> Result<String, LabError> {
        let mut words = vec!["netns", "exec", &self.name, tool];
        words.extend(arguments.split_whitespace());
        run_tool("ip", &words, None)
    }

    /// `ip` on the namespace, with the words of `arguments`.
    ///
    /// # Errors
    /// Those of `ip`.
    pub fn ip(&self, arguments: &str) -> Result<String, LabError> {
        let mut words = vec!["-n", &self.name];
        words.extend(arguments.split_whitespace());
        run_tool("ip", &words, None)
    }

    /// Loads `rules` with `nft` as one transaction.
    ///
    /// # Errors
    /// When `nft` refuses them.
    pub fn nft(&self, rules: &str) -> Result<String, LabError> {
        let words = ["netns", "exec", &self.name, "nft", "-f", "-"];
        run_tool("ip", &words, Some(rules))
    }

    /// Writes a file of `/proc/sys/net`; `key` is its path below that, such as `ipv4/ip_forward`.
    ///
    /// # Errors
    /// When the key is not in this namespace or may not be written.
    pub fn set(&self, key: &str, value: &str) -> Result<(), LabError> {
        let path = PathBuf::from("/proc/sys/net").join(key);
        self.run(|| fs::write(&path, value))?
            .map_err(LabError::io(path.display().to_string()))
    }
}

impl Drop for Namespace {
    /// Sockets and processes inside keep the namespace itself alive until they end; its name is gone at once.
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Runs a tool of this machine, feeds it `input`, and returns what it wrote.
///
/// # Errors
/// When it is not there or fails, with what it said.
pub fn run_tool(program: &str, words: &[&str], input: Option<&str>) -> Result<String, LabError> {
    let failed = |output: String| LabError::Tool {
        command: format!("{program} {}", words.join(" ")),
        output,
    };
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let mut pipe = child.stdin.take().expect("asked for above");
    let fed = pipe.write_all(input.unwrap_or_default().as_bytes());
    drop(pipe);
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let mut said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        write!(said, " ({})", output.status).expect("a string takes everything");
        return Err(failed(said));
    }
    fed.map_err(|error| failed(error.to_string()))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn remove(name: &str) {
    // Nothing can be done about it: the next process tries again.
    drop(run_tool("ip", &["netns", "del", name], None));
}

/// Namespaces whose process is gone: it was killed before it could drop them.
fn remove_stale() {
    let Ok(names) = fs::read_dir(NAMES) else {
        return;
    };
    for entry in names.flatten() {
        let name = entry.file_name();
        let Some((process, _)) = name.to_str().and_then(|name| {
            name.strip_prefix(PREFIX)?
                .strip_prefix('-')?
                .split_once('-')
        }) else {
            continue;
        };
        if process.parse::<u32>().is_ok() && !Path::new("/proc").join(process).exists() {
            remove(&name.to_string_lossy());
        }
    }
}
