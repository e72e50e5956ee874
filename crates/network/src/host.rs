//! The machine: its files, its programs, its clock. The only place that touches it, and it can stand elsewhere: in a
//! network namespace, or below a directory in tests.

pub(crate) mod durable;
mod elsewhere;
#[cfg(test)]
pub(crate) mod of_files;

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{Error, Result};

/// No file of `/proc`, `/sys` or of ours that we read is longer.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Directories of files that others may read.
const DIR_MODE: u32 = 0o755;
/// What a tool says is cut to this in messages.
const SAID_BYTES_MAX: usize = 600;
/// Tools are done in a moment, and nft lists a million elements in half a minute. One that hangs would keep the lock, and
/// the host half changed.
const TOOL_MAX: Duration = Duration::from_secs(60);

/// The machine.
#[derive(Debug)]
pub struct Host {
    /// Before every path; empty on the real machine.
    root: PathBuf,
    /// Where the sysfs of the entered namespace is.
    sys: Option<PathBuf>,
    /// Where a container has the node's `proc/sys`, `proc/irq` and `sys`.
    kernel: Option<PathBuf>,
    /// We were told that this is a container.
    container: bool,
    netns: Option<String>,
    /// How long a program may take.
    tool_max: Duration,
    /// Keeps the sysfs of the entered namespace.
    _sysfs: Option<OwnedFd>,
}

/// What a program did.
#[derive(Clone, Debug)]
pub struct Output {
    /// It ended with code 0.
    pub success: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Host {
    /// The machine as this process sees it.
    #[must_use]
    pub const fn node() -> Self {
        Self {
            root: PathBuf::new(),
            sys: None,
            kernel: None,
            container: false,
            netns: None,
            tool_max: TOOL_MAX,
            _sysfs: None,
        }
    }

    /// The machine below a directory: `proc`, `sys`, `etc` and so on are read and written there, and programs are taken
    /// from its `bin`.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            ..Self::node()
        }
    }

    /// Tells the network namespace from one that had the same name: numbers are used again, moments are not.
    #[must_use]
    pub fn netns_identity(&self) -> String {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata("/proc/thread-self/ns/net").map_or_else(
            |_| String::new(),
            |ns| format!("{} {}.{:09}", ns.ino(), ns.ctime(), ns.ctime_nsec()),
        )
    }

    /// The number of an interface, which it keeps when it gets another name; nothing when there is none of this name.
    #[must_use]
    pub fn interface_number(&self, name: &str) -> Option<u32> {
        netdevice::name_to_index(any_socket()?, name).ok()
    }

    /// The name that the interface with this number has now; nothing when there is none.
    #[must_use]
    pub fn interface_name(&self, number: u32) -> Option<String> {
        netdevice::index_to_name(any_socket()?, number).ok()
    }

    /// The network namespace that was entered by name.
    #[must_use]
    pub fn netns_name(&self) -> Option<&str> {
        self.netns.as_deref()
    }

    /// Whether we are in a network namespace that is not the node's: that one has settings that are in no other.
    #[must_use]
    pub fn is_child_netns(&self) -> bool {
        self.netns.is_some()
            || (self.is_real() && !Path::new("/proc/sys/net/core/netdev_max_backlog").exists())
    }

    /// Whether we are in a container, as far as its files and variables tell.
    #[must_use]
    pub fn is_container(&self) -> bool {
        self.container || self.at("/.dockerenv").exists() || self.at("/run/.containerenv").exists()
    }

    /// Whether this is the real machine, and not a directory that stands for one.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.root.as_os_str().is_empty()
    }

    /// Where the file is that the host calls `path` (absolute).
    #[must_use]
    pub fn at(&self, path: &str) -> PathBuf {
        if let Some(sys) = &self.sys
            && let Some(rest) = path.strip_prefix("/sys/")
        {
            return sys.join(rest);
        }
        if let Some(kernel) = &self.kernel
            && ["/proc/sys/", "/proc/irq/", "/sys/"]
                .iter()
                .any(|below| path.starts_with(below))
        {
            return kernel.join(path.trim_start_matches('/'));
        }
        // `/proc/net` is that of the main thread; ours may be in another namespace.
        if self.is_real()
            && let Some(rest) = path.strip_prefix("/proc/net/")
        {
            return Path::new("/proc/thread-self/net").join(rest);
        }
        if self.is_real() {
            return PathBuf::from(path);
        }
        self.root.join(path.trim_start_matches('/'))
    }

    /// The text of a file; nothing when there is no such file.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn read(&self, path: &str) -> Result<Option<String>> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        let read = fs::File::open(self.at(path))
            .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
        match read {
            Ok(_) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(file_error("reading", Path::new(path), source)),
        }
    }

    /// Writes a file of the kernel with one `write(2)`: it answers to that call, and to no later one.
    ///
    /// # Errors
    /// [`Error::File`] with what the kernel said.
    pub fn write_kernel(&self, path: &str, value: &str) -> Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).truncate(!self.is_real());
        let done = options.open(self.at(path)).and_then(|mut file| {
            let line = format!("{value}\n");
            match file.write(line.as_bytes())? {
                all if all == line.len() => Ok(()),
                _ => Err(io::Error::from(io::ErrorKind::WriteZero)),
            }
        });
        done.map_err(|source| file_error("writing", Path::new(path), source))
    }

    /// Whether the kernel lets anybody write a file of its own: in a child namespace many have no such bit, and
    /// containers see the whole tree read-only.
    #[must_use]
    pub fn is_writable(&self, path: &str) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        let place = self.at(path);
        fs::metadata(&place).is_ok_and(|found| found.permissions().mode() & 0o222 != 0)
            && rustix::fs::access(&place, rustix::fs::Access::WRITE_OK)
                != Err(rustix::io::Errno::ROFS)
    }

    /// The target of a symbolic link; nothing when there is no such link.
    #[must_use]
    pub fn read_link(&self, path: &str) -> Option<String> {
        let target = fs::read_link(self.at(path)).ok()?;
        target.to_str().map(str::to_owned)
    }

    /// Replaces a file of ours so that a crash leaves the old one or the new one, with its directory made if needed.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn replace(&self, path: &str, text: &str, mode: u32) -> Result<()> {
        let place = self.at(path);
        place
            .parent()
            .map_or(Ok(()), |dir| durable::make_dirs(dir, DIR_MODE))
            .and_then(|()| durable::replace(&place, text.as_bytes(), mode))
            .map_err(|source| file_error("writing", Path::new(path), source))
    }

    /// Makes a symbolic link of ours, with its directory if needed.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn link(&self, path: &str, target: &str) -> Result<()> {
        let place = self.at(path);
        let made = place
            .parent()
            .map_or(Ok(()), |dir| durable::make_dirs(dir, DIR_MODE))
            .and_then(|()| match fs::remove_file(&place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => std::os::unix::fs::symlink(target, &place),
            });
        made.map_err(|source| file_error("linking", Path::new(path), source))
    }

    /// Removes a file or a link of ours; that it is not there is fine.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn remove(&self, path: &str) -> Result<()> {
        match fs::remove_file(self.at(path)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(file_error("removing", Path::new(path), source))
            }
            _ => Ok(()),
        }
    }

    /// Removes a directory that has nothing in it; one that has, stays.
    pub fn remove_empty(&self, path: &str) {
        // What is not empty, not there or a mount is left as it is.
        fs::remove_dir(self.at(path)).ok();
    }

    /// The names in a directory, sorted; none when it is not there.
    #[must_use]
    pub fn list(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at(path)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Runs a program with `input` on its standard input, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`Error::ToolMissing`]; [`Error::File`] when it cannot be started; [`Error::Tool`] when it was ended because it
    /// hung. That it fails is no error here.
    pub fn run(&self, program: &str, args: &[&str], input: &str) -> Result<Output> {
        let path = if self.is_real() {
            PathBuf::from(program)
        } else {
            self.root.join("bin").join(program)
        };
        let mut command = Command::new(path);
        command
            .args(args)
            // Whoever starts us by `sudo` must not steer by variables what tools do as root, nor in which language.
            .env_clear()
            .env("LC_ALL", "C")
            // What it starts ends with it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let own = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", search_path(&own));
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Error::ToolMissing {
                program: program.into(),
                package: package_of(program),
            },
            _ => Error::File {
                what: "starting",
                path: program.into(),
                source,
            },
        };
        let mut child = command.spawn().map_err(failed)?;
        let mut stdin = child.stdin.take().expect("invariant: it was piped");
        let text = input.to_owned();
        // The other end may fill its output before it has read all of its input.
        let feeder = std::thread::spawn(move || {
            // A program that refuses its input early closes it; what it says then is what counts.
            stdin.write_all(text.as_bytes()).ok();
        });
        let (done, is_done) = sync_channel::<()>(0);
        let (group, tool_max) = (Pid::from_child(&child), self.tool_max);
        let guard = std::thread::spawn(move || {
            let hangs = is_done.recv_timeout(tool_max) == Err(RecvTimeoutError::Timeout);
            if hangs {
                kill_process_group(group, Signal::KILL).ok();
            }
            hangs
        });
        let output = child.wait_with_output().map_err(failed)?;
        drop(done);
        feeder.join().ok();
        if guard.join().is_ok_and(|hangs| hangs) {
            return Err(Error::Tool {
                command: command_line(program, args),
                said: format!("it hung, and was ended after {} s", tool_max.as_secs()),
            });
        }
        Ok(Output {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// [`Host::run`] for a program that must succeed; its standard output.
    ///
    /// # Errors
    /// Those of [`Host::run`], and [`Error::Tool`] when it fails, [`Error::Privilege`] when it says that it may not.
    pub fn must_run(&self, program: &str, args: &[&str], input: &str) -> Result<String> {
        let output = self.run(program, args, input)?;
        if output.success {
            return Ok(output.stdout);
        }
        let said = shorten(if output.stderr.trim().is_empty() {
            &output.stdout
        } else {
            &output.stderr
        });
        let command = command_line(program, args);
        if said.contains("Operation not permitted") {
            return Err(Error::Privilege {
                what: format!("`{command}`"),
                needs: "CAP_NET_ADMIN",
                hint: match rustix::process::geteuid().is_root() {
                    true => "this root has it not over this network",
                    false => "run it as root",
                }
                .into(),
            });
        }
        Err(Error::Tool { command, said })
    }

    /// Time since the machine was started, which no clock setting moves.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(
            u64::try_from(now.tv_sec).unwrap_or(0),
            u32::try_from(now.tv_nsec).unwrap_or(0),
        )
    }

    /// Waits.
    #[expect(
        clippy::disallowed_methods,
        reason = "a tool of one thread, without a runtime"
    )]
    pub fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Questions about interfaces go by a socket; which one does not matter.
fn any_socket() -> Option<OwnedFd> {
    socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .ok()
}

/// Where tools are looked for: first where packages put them, which only root can write, then in what is absolute of `own`,
/// for systems that have them elsewhere.
fn search_path(own: &str) -> String {
    const SYSTEM: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
    let absolute = own.split(':').filter(|place| place.starts_with('/'));
    let all: Vec<&str> = SYSTEM.split(':').chain(absolute).collect();
    all.join(":")
}

fn command_line(program: &str, args: &[&str]) -> String {
    format!("{program} {}", args.join(" "))
}

/// The package that has a program, in Debian and Fedora.
fn package_of(program: &str) -> &'static str {
    match program {
        "nft" => "nftables",
        "tc" | "ip" | "ss" => "iproute2 (Fedora: iproute-tc)",
        "ethtool" => "ethtool",
        "ping" => "iputils-ping (Fedora: iputils)",
        _ => "that has it",
    }
}

pub(crate) fn file_error(what: &'static str, path: &Path, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::PermissionDenied {
        return Error::Privilege {
            what: format!("{what} {}", path.display()),
            needs: "root",
            hint: "run it as root".into(),
        };
    }
    Error::File {
        what,
        path: path.to_path_buf(),
        source,
    }
}

pub(crate) fn shorten(said: &str) -> String {
    let said = said.trim();
    match said.char_indices().nth(SAID_BYTES_MAX) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_come_from_the_system_first_and_never_from_where_we_happen_to_be() {
        assert_eq!(
            search_path(".::bin:/opt/tools:../x"),
            "/usr/sbin:/usr/bin:/sbin:/bin:/opt/tools"
        );
    }

    #[test]
    fn a_tool_that_hangs_is_ended_with_all_that_it_started() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("bin");
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink("/bin/sh", bin.join("sh")).unwrap();
        let mut host = Host::below(root.path());
        assert!(host.run("sh", &["-c", "cat"], "text").unwrap().stdout == "text");
        host.tool_max = Duration::from_millis(50);
        // Its child holds the pipes open: only the end of both ends this call.
        let hung = host
            .run("sh", &["-c", "sleep 3600 & wait"], "")
            .unwrap_err();
        assert!(hung.to_string().contains("sleep 3600"), "{hung}");
        assert!(hung.to_string().contains("it hung"), "{hung}");
    }
}
