//! A network namespace of a test's own, and the tool in it.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const TOOL: &str = env!("CARGO_BIN_EXE_stadion-network");
/// Who has no rights: `nobody` of every distribution.
const NOBODY: u32 = 65_534;
/// Kernel settings that some test changes.
const SYSCTLS: [&str; 8] = [
    "net/ipv4/ip_local_reserved_ports",
    "net/ipv4/tcp_max_syn_backlog",
    "net/ipv4/tcp_mtu_probing",
    "net/ipv4/tcp_wmem",
    "net/ipv4/tcp_syncookies",
    "net/ipv4/igmp_qrv",
    "net/core/somaxconn",
    "net/netfilter/nf_conntrack_tcp_loose",
];

/// What a process did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "code {}, signal {:?}\n{}\n{}",
            self.code, self.signal, self.stdout, self.stderr
        )
    }
}

fn finish(command: &mut Command) -> Done {
    match command.stdin(Stdio::null()).output() {
        Ok(output) => Done {
            code: output.status.code().unwrap_or(-1),
            signal: output.status.signal(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        },
        Err(error) => Done {
            code: -1,
            signal: None,
            stdout: String::new(),
            stderr: error.to_string(),
        },
    }
}

pub(crate) fn run(program: &str, args: &[&str]) -> Done {
    finish(Command::new(program).args(args))
}

/// Looks until it is true; a machine that is busy with other tests may take long.
pub(crate) fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_true() {
            return;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a test of processes, without a runtime"
        )]
        std::thread::sleep(Duration::from_millis(50)); // polls: what the caller waits for
    }
    panic!("waited in vain for {what}");
}

/// A namespace with an interface `v0` by which the default route leaves.
pub(crate) struct Space {
    name: String,
    dir: tempfile::TempDir,
}

impl Space {
    /// Nothing where this machine does not let us: the test is skipped, and says so.
    pub(crate) fn new() -> Option<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("stadion-{}-{number}", std::process::id());
        for (tool, flag) in [("nft", "--version"), ("tc", "-V"), ("ip", "-V")] {
            if run(tool, &[flag]).code != 0 {
                eprintln!("skipped: no `{tool}` here (packages nftables, iproute2)");
                return None;
            }
        }
        let made = run("ip", &["netns", "add", &name]);
        if made.stderr.contains("not permitted") || made.stderr.contains("denied") {
            eprintln!("skipped: no network namespace: {}", made.stderr.trim());
            return None;
        }
        assert_eq!(made.code, 0, "{made}");
        let space = Self {
            name,
            dir: tempfile::tempdir().expect("a directory"),
        };
        space.fit_out();
        let table =
            "add table inet probe; add chain inet probe c { type filter hook input priority 0; }";
        if !space.inside("nft", &[table]).stderr.is_empty() {
            eprintln!("skipped: nftables does not work here");
            return None;
        }
        space.nft("delete table inet probe\n");
        Some(space)
    }

    fn fit_out(&self) {
        self.ip("link set lo up");
        self.ip("link add v0 type veth peer name v1");
        self.ip("addr add 192.0.2.1/24 dev v0");
        self.ip("link set v0 up");
        self.ip("link set v1 up");
        self.ip("route add default via 192.0.2.2");
    }

    /// As after a reboot: the name is the same, and nothing else.
    pub(crate) fn make_anew(&self) {
        for verb in ["del", "add"] {
            let done = run("ip", &["netns", verb, &self.name]);
            assert_eq!(done.code, 0, "{done}");
        }
        self.fit_out();
    }

    pub(crate) fn ip(&self, words: &str) {
        let args: Vec<&str> = ["-n", &self.name]
            .into_iter()
            .chain(words.split(' '))
            .collect();
        let done = run("ip", &args);
        assert_eq!(done.code, 0, "ip {words}: {done}");
    }

    fn inside(&self, program: &str, args: &[&str]) -> Done {
        let all = [&["netns", "exec", &self.name, program], args].concat();
        finish(Command::new("ip").args(all))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(TOOL);
        command
            .args(args)
            .args(["--state-dir"])
            .arg(self.dir.path().join("state"))
            .env_remove("SSH_CONNECTION");
        command
    }

    /// The tool in this namespace.
    pub(crate) fn tool(&self, args: &[&str]) -> Done {
        finish(self.command(args).args(["--netns", &self.name]))
    }

    /// The tool in this namespace, as if a session over SSH ran it.
    pub(crate) fn tool_in_session(&self, session: &str, args: &[&str]) -> Done {
        let mut command = self.command(args);
        finish(
            command
                .args(["--netns", &self.name])
                .env("SSH_CONNECTION", session),
        )
    }

    /// The tool as somebody without rights, where we are.
    pub(crate) fn tool_as_nobody(&self, args: &[&str]) -> Done {
        // Where the tests were built is not everybody's to enter. Another process copies: a program that is open for
        // writing anywhere, also in a child that another test is just starting, cannot be run.
        let copy = Path::new("/tmp").join(format!("{}-tool", self.name));
        let copied = run("cp", &[TOOL, &copy.display().to_string()]);
        assert_eq!(copied.code, 0, "{copied}");
        let mut command = Command::new(&copy);
        let done = finish(command.args(args).uid(NOBODY).gid(NOBODY).current_dir("/"));
        std::fs::remove_file(copy).expect("the copy");
        done
    }

    /// Writes a profile, and says where it is.
    pub(crate) fn profile(&self, text: &str) -> String {
        let path = self.dir.path().join("profile.yaml");
        std::fs::write(&path, text).expect("a profile");
        path.display().to_string()
    }

    /// All that can be changed here.
    pub(crate) fn state(&self) -> String {
        let mut state = self.inside("nft", &["-s", "-t", "list", "ruleset"]).stdout;
        for interface in ["v0", "v1"] {
            for what in ["qdisc", "class", "filter"] {
                let text = self.tool_tc(&[what, "show", "dev", interface]);
                // Counts change while nobody changes anything.
                let mut words = text.split_whitespace();
                while let Some(word) = words.next() {
                    if matches!(word, "refcnt" | "direct_packets_stat") {
                        words.next();
                    } else {
                        state += word;
                        state.push(' ');
                    }
                }
            }
        }
        let link = self
            .inside("ip", &["-j", "link", "show", "dev", "v0"])
            .stdout;
        let link: serde_json::Value = serde_json::from_str(&link).unwrap_or_default();
        state += &format!("xdp {}\n", link[0]["xdp"]["prog"]["name"]);
        for path in SYSCTLS {
            state += &format!("{path} = {}\n", self.sysctl(path));
        }
        state
    }

    pub(crate) fn tool_tc(&self, args: &[&str]) -> String {
        self.inside("tc", args).stdout
    }

    pub(crate) fn tc(&self, args: &[&str]) {
        let done = self.inside("tc", args);
        assert_eq!(done.code, 0, "{done}");
    }

    pub(crate) fn sysctl(&self, path: &str) -> String {
        let done = self.inside("cat", &[&format!("/proc/sys/{path}")]);
        done.stdout.trim().to_owned()
    }

    pub(crate) fn set_sysctl(&self, path: &str, value: &str) {
        let done = self.inside("sh", &["-c", &format!("echo {value} > /proc/sys/{path}")]);
        assert_eq!(done.code, 0, "{done}");
    }

    pub(crate) fn mtu(&self, interface: &str) -> String {
        let done = self.inside("cat", &[&format!("/sys/class/net/{interface}/mtu")]);
        done.stdout.trim().to_owned()
    }

    /// Loads rules of somebody else.
    pub(crate) fn nft(&self, text: &str) {
        let args = ["netns", "exec", &self.name, "nft", "-f", "-"];
        let mut child = Command::new("ip")
            .args(args)
            .stdin(Stdio::piped())
            .spawn()
            .expect("nft");
        let mut stdin = child.stdin.take().expect("invariant: it was piped");
        stdin.write_all(text.as_bytes()).expect("nft reads");
        drop(stdin);
        assert!(child.wait().expect("nft ends").success(), "{text}");
    }

    pub(crate) fn listing(&self, table: &str) -> String {
        let words = ["list", "table"].into_iter().chain(table.split(' '));
        let args: Vec<&str> = words.collect();
        self.inside("nft", &args).stdout
    }

    /// Whether a change is on its way, or waits.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.state_dir().join("transaction.json").exists()
    }

    pub(crate) fn state_dir(&self) -> std::path::PathBuf {
        self.dir
            .path()
            .join("state")
            .join(format!("netns-{}", self.name))
    }

    /// Kills the process that would put back what we applied here.
    pub(crate) fn kill_timer(&self) {
        let ours = self.dir.path().join("state").display().to_string();
        for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(&ours) && line.contains(" timer ") {
                let pid = entry.file_name().into_string().expect("a number");
                assert_eq!(run("kill", &["-9", &pid]).code, 0);
                return;
            }
        }
        panic!("there is no timer");
    }

    /// The command line of the tool in this namespace, for a shell.
    pub(crate) fn line(&self, args: &[&str]) -> String {
        let state = self.dir.path().join("state");
        let (args, state) = (args.join(" "), state.display());
        format!(
            "env -u SSH_CONNECTION {TOOL} {args} --netns {} --state-dir {state}",
            self.name
        )
    }

    /// Changes a file of the journal as it could have been written by others.
    pub(crate) fn edit(&self, name: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.state_dir().join(name);
        let text = std::fs::read_to_string(&path).expect("a journal");
        let mut journal = serde_json::from_str(&text).expect("JSON");
        change(&mut journal);
        std::fs::write(&path, journal.to_string()).expect("a journal");
    }

    /// As somebody who cleans up.
    pub(crate) fn remove_journal(&self) {
        std::fs::remove_dir_all(self.state_dir()).expect("the journal");
    }

    /// Puts the journals on a disk of their own; nothing where that cannot be.
    pub(crate) fn small_disk(&self) -> Option<Disk> {
        let place = self.dir.path().join("state");
        std::fs::create_dir_all(&place).expect("a directory");
        let place = place.display().to_string();
        let mounted = run("mount", &["-t", "tmpfs", "-o", "size=4k", "none", &place]);
        if mounted.code != 0 {
            eprintln!("skipped: no file system of its own: {}", mounted.stderr);
            return None;
        }
        Some(Disk(place))
    }

    /// As another run that is at work.
    pub(crate) fn hold_lock(&self) -> File {
        std::fs::create_dir_all(self.state_dir()).expect("a directory");
        let file = File::create(self.state_dir().join("lock")).expect("a file");
        file.lock().expect("a lock");
        file
    }

    /// Another host at the other end of an interface `v2`, whose end takes packets of 1500 bytes.
    pub(crate) fn peer(&self) {
        let peer = format!("{}p", self.name);
        let done = run("ip", &["netns", "add", &peer]);
        assert_eq!(done.code, 0, "{done}");
        self.ip(&format!("link add v2 type veth peer name v3 netns {peer}"));
        self.ip("addr add 203.0.113.1/24 dev v2");
        self.ip("link set v2 up");
        for words in ["addr add 203.0.113.2/24 dev v3", "link set v3 up"] {
            let args: Vec<&str> = ["-n", &peer].into_iter().chain(words.split(' ')).collect();
            assert_eq!(run("ip", &args).code, 0, "{words}");
        }
    }

    pub(crate) fn peer_mtu(&self, mtu: &str) {
        let peer = format!("{}p", self.name);
        let done = run("ip", &["-n", &peer, "link", "set", "v3", "mtu", mtu]);
        assert_eq!(done.code, 0, "{done}");
    }
}

/// A file system that is mounted as long as this lives.
pub(crate) struct Disk(String);

impl Disk {
    pub(crate) fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        // A timer that ends holds its lock still.
        wait_for("the disk", || {
            run("mount", &["-o", &options, &self.0]).code == 0
        });
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["-l", &self.0]);
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        run("ip", &["netns", "del", &format!("{}p", self.name)]);
        run("ip", &["netns", "del", &self.name]);
    }
}
