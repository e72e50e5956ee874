//! `cargo xtask e2e network-vm`: `stadion network` on a machine of its own, with Debian's kernel, systemd and Docker.
//!
//! The machine is a tree of packages that mmdebstrap makes once, from the archive that this machine's apt uses. What is
//! checked, is in the scripts of `e2e/network-vm`; they say it on the second serial line. The wires of the machine end in
//! a network namespace of its own: no packet leaves it.
#![expect(
    clippy::disallowed_methods,
    reason = "a machine that says nothing is ended by the clock of this one"
)]

use crate::e2e::target;
use crate::run::{Failure, Outcome, capture, cargo, root, show, step};
use crate::suite;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What this machine needs: program, package.
const TOOLS: [(&str, &str); 6] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("ip", "iproute2"),
    ("setpriv", "util-linux"),
    ("timeout", "coreutils"),
];

/// What the guest has. Debian's release is named: the checks know its tools.
const RELEASE: &str = "bookworm";
const PACKAGES: &str = "linux-image-amd64,systemd-sysv,udev,dbus,kmod,nftables,iptables,iproute2,iputils-ping,ethtool,procps,docker.io,busybox-static,socat,openssh-server,openssh-client";

/// 1.1 GB of packages, and room for containers and logs. Sparse.
const DISK: &str = "4G";
/// The test program with its debug information is 30 MB.
const SHARE: &str = "128M";

/// A kernel says its first word within a second; where KVM cannot run one that was not made for it, it never does.
const FIRST_WORD: Duration = Duration::from_secs(15);
/// The longest that no check says anything: a boot and Docker's start on emulated CPUs take two minutes.
const SILENCE_MAX: Duration = Duration::from_secs(420);
/// All checks take 5 minutes with KVM, 25 without.
const TOTAL_MAX: Duration = Duration::from_secs(3_000);

/// The network that the machine is in, and then the machine, which ends with us.
const START: &str = "set -e
ip link set lo up
ip link add wire type bridge
ip link set wire up
for tap in near far; do ip tuntap add $tap mode tap multi_queue; ip link set $tap master wire up; done
ip tuntap add spare mode tap
ip link set spare up
exec setpriv --pdeathsig KILL qemu-system-x86_64 \"$@\"";

/// Parts of the checks, and the steps of each (functions of the scripts; `reboot` is one by itself).
const PARTS: [(&str, &str); 7] = [
    ("boot", "boot_part reboot booted_part reboot clean_part"),
    ("docker", "docker_part"),
    ("timer", "timer_part"),
    ("shape", "shape_part"),
    ("optimize", "optimize_part"),
    ("xdp", "xdp_part"),
    ("user", "user_part"),
];

/// All parts, or those that are `asked` for.
pub(super) fn run(asked: &[String]) -> Outcome {
    let steps = steps(asked)?;
    step("tools", tools)?;
    step("stadion-network", || {
        let build = cargo([
            "build",
            "--quiet",
            "--package",
            "stadion-network",
            "--bin",
            "stadion-network",
        ]);
        show(&mut suite::linted(build))
    })?;
    let place = target().join("e2e/network-vm");
    fs::create_dir_all(&place).map_err(|error| cannot("make", &place, &error))?;
    let tree = step("a tree of Debian", || debian(&place))?;
    step("disks", || disks(&place, &tree, &steps))?;
    step("e2e network-vm", || on_a_machine(&place, &tree))
}

fn steps(asked: &[String]) -> Result<String, Failure> {
    let names = PARTS.map(|(name, _)| name);
    if let Some(unknown) = asked.iter().find(|part| !names.contains(&part.as_str())) {
        return Err(Failure::usage(format!(
            "`{unknown}` is no part; they are {}",
            names.join(", ")
        )));
    }
    let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|part| part == name);
    let steps = PARTS.into_iter().filter(|(name, _)| is_asked(name));
    let steps: Vec<&str> = steps.map(|(_, steps)| steps).collect();
    Ok(steps.join(" ") + "\n")
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot {what} {}: {error}", path.display()))
}

/// Installs what is missing, or says what to install.
fn tools() -> Outcome {
    let is_missing = |program: &str| {
        let mut look = Command::new("sh");
        look.args(["-c", "command -v \"$0\"", program]);
        capture(&mut look).is_err()
    };
    let missing = |_: ()| -> Vec<&str> {
        let all = TOOLS.iter().filter(|(program, _)| is_missing(program));
        all.map(|(_, package)| *package).collect()
    };
    let packages = missing(());
    let is_root = capture(Command::new("id").arg("-u"))?.trim() == "0";
    if !packages.is_empty() && is_root && !is_missing("apt-get") {
        let mut install = Command::new("apt-get");
        install
            .args(["install", "--yes", "--quiet=2", "--no-install-recommends"])
            .args(&packages)
            .env("DEBIAN_FRONTEND", "noninteractive");
        show(&mut install)?;
    }
    let packages = missing(());
    if !packages.is_empty() {
        return Err(Failure::new(format!(
            "install these, on Debian or Ubuntu: apt-get install {}",
            packages.join(" ")
        )));
    }
    if !is_root {
        return Err(Failure::new(
            "run this as root: it makes a tree of packages and a network namespace",
        ));
    }
    Ok(())
}

/// The guest's files; made anew only when what they are made from has changed.
fn debian(place: &Path) -> Result<PathBuf, Failure> {
    let tree = place.join("debian");
    let recipe = place.join("debian.recipe");
    let script = root().join("e2e/network-vm/image.sh");
    let text = fs::read_to_string(&script).map_err(|error| cannot("read", &script, &error))?;
    let wanted = format!("{RELEASE} {PACKAGES}\n{text}");
    if fs::read_to_string(&recipe).is_ok_and(|made_from| made_from == wanted) {
        return Ok(tree);
    }
    for old in [&recipe, &place.join("disk.img")] {
        if old.exists() {
            fs::remove_file(old).map_err(|error| cannot("remove", old, &error))?;
        }
    }
    if tree.exists() {
        fs::remove_dir_all(&tree).map_err(|error| cannot("remove", &tree, &error))?;
    }
    let sources = capture(Command::new("apt-get").args([
        "indextargets",
        "Created-By: Packages",
        "Origin: Debian",
        "--format",
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)",
    ]))?;
    let list = place.join("sources.list");
    fs::write(&list, sources).map_err(|error| cannot("write", &list, &error))?;
    let hook = |when: &str| format!("--{when}-hook=sh '{}'", script.display());
    let mut make = Command::new("timeout");
    make.args([
        "--kill-after=10",
        "1200",
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
    ])
    .arg(format!("{} early \"$1\"", hook("essential")))
    .arg(format!("{} late \"$1\"", hook("customize")))
    .arg(format!("--include={PACKAGES}"))
    .arg("--aptopt=APT::Install-Recommends \"false\"")
    .args(
        ["doc", "man", "locale"].map(|kind| format!("--dpkgopt=path-exclude=/usr/share/{kind}/*")),
    )
    .arg(RELEASE)
    .args([&tree, &list]);
    show(&mut make)?;
    fs::write(&recipe, wanted).map_err(|error| cannot("write", &recipe, &error))?;
    Ok(tree)
}

/// The guest's disk, which stays as it is, and a small one with what is tested and how.
fn disks(place: &Path, tree: &Path, steps: &str) -> Outcome {
    let disk = place.join("disk.img");
    if !disk.exists() {
        let part = place.join("disk.part");
        filesystem("root", tree, &part, DISK)?;
        fs::rename(&part, &disk).map_err(|error| cannot("rename", &part, &error))?;
    }
    let share = place.join("share");
    fs::create_dir_all(&share).map_err(|error| cannot("make", &share, &error))?;
    let scripts = root().join("e2e/network-vm");
    let entries = fs::read_dir(&scripts).map_err(|error| cannot("read", &scripts, &error))?;
    let copied = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .chain([target().join("debug/stadion-network")]);
    for file in copied {
        let to = share.join(file.file_name().unwrap_or_default());
        fs::copy(&file, to).map_err(|error| cannot("copy", &file, &error))?;
    }
    let asked = share.join("asked");
    fs::write(&asked, steps).map_err(|error| cannot("write", &asked, &error))?;
    filesystem("e2e", &share, &place.join("share.img"), SHARE)
}

fn filesystem(label: &str, tree: &Path, image: &Path, size: &str) -> Outcome {
    let mut make = Command::new("mke2fs");
    make.args(["-q", "-F", "-t", "ext4", "-L", label, "-d"])
        .arg(tree)
        .arg(image)
        .arg(size);
    show(&mut make)
}

/// The machine; it ends with this value.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Machine {
    /// Its CPUs are 2, its NICs three: two of virtio on one wire, with more queues than CPUs as XDP wants it, and one
    /// that has a real chip's registers.
    fn start(place: &Path, tree: &Path, accelerator: &str) -> Result<Self, Failure> {
        let boot = tree.join("boot");
        let find = |prefix: &str| {
            let files = fs::read_dir(&boot).into_iter().flatten();
            let mut found = files.filter_map(|entry| Some(entry.ok()?.path()));
            found
                .find(|path| {
                    path.file_name()
                        .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
                })
                .ok_or_else(|| Failure::new(format!("no {prefix}* in {}", boot.display())))
        };
        let mut qemu = Command::new("unshare");
        qemu.args(["--net", "sh", "-c", START, "sh"])
            .args([
                "-accel",
                accelerator,
                "-cpu",
                "max",
                "-smp",
                "2",
                "-m",
                "2048",
            ])
            .args(["-machine", "q35", "-display", "none", "-monitor", "none"])
            .arg("-kernel")
            .arg(find("vmlinuz-")?)
            .arg("-initrd")
            .arg(find("initrd.img-")?)
            .args([
                "-append",
                "root=/dev/vda rw console=ttyS0 earlyprintk=ttyS0 mitigations=off apparmor=0",
            ]);
        for (image, options) in [("disk.img", "snapshot=on"), ("share.img", "readonly=on")] {
            let file = place.join(image);
            qemu.arg("-drive").arg(format!(
                "file={},if=virtio,format=raw,{options}",
                file.display()
            ));
        }
        for (number, tap) in [(1, "near"), (2, "far")] {
            qemu.arg("-netdev")
                .arg(format!(
                    "tap,id={tap},ifname={tap},script=no,downscript=no,queues=4"
                ))
                .arg("-device")
                .arg(format!(
                    "virtio-net-pci,netdev={tap},mac=52:54:00:00:00:0{number},mq=on,vectors=10"
                ));
        }
        qemu.args([
            "-netdev",
            "tap,id=spare,ifname=spare,script=no,downscript=no",
        ])
        .args(["-device", "e1000e,netdev=spare,mac=52:54:00:00:00:03"]);
        for log in ["console.log", "checks.log"] {
            let log = place.join(log);
            fs::remove_file(&log).ok();
            qemu.arg("-serial").arg(format!("file:{}", log.display()));
        }
        qemu.stdin(Stdio::null());
        qemu.spawn()
            .map(Self)
            .map_err(|error| Failure::new(format!("cannot start a machine: {error}")))
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

/// Where KVM is and runs a kernel that was not made for it; nothing: it does not.
fn with_kvm(place: &Path, tree: &Path) -> Result<Option<Machine>, Failure> {
    if fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_err()
    {
        return Ok(None);
    }
    let mut machine = Machine::start(place, tree, "kvm")?;
    let console = place.join("console.log");
    let until = Instant::now() + FIRST_WORD;
    while Instant::now() < until && !machine.has_ended() {
        let said = fs::read(&console).unwrap_or_default();
        if String::from_utf8_lossy(&said).contains("Linux version") {
            return Ok(Some(machine));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(None)
}

fn on_a_machine(place: &Path, tree: &Path) -> Outcome {
    let mut machine = match with_kvm(place, tree)? {
        Some(machine) => machine,
        None => {
            eprintln!(
                "xtask: KVM runs no kernel here: the CPUs are emulated, which takes five times as long"
            );
            Machine::start(place, tree, "tcg,thread=multi")?
        }
    };
    let checks = place.join("checks.log");
    let (began, mut heard, mut shown) = (Instant::now(), Instant::now(), 0);
    let mut tally = Tally::default();
    loop {
        let has_ended = machine.has_ended();
        let text =
            String::from_utf8_lossy(&fs::read(&checks).unwrap_or_default()).replace('\r', "");
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text.get(shown..whole).unwrap_or_default().lines() {
            println!("{line}");
            heard = Instant::now();
            if tally.hear(line) {
                return tally.verdict();
            }
        }
        shown = whole;
        let why = if has_ended {
            "the machine ended before its checks"
        } else if heard.elapsed() > SILENCE_MAX {
            "the machine says nothing any more"
        } else if began.elapsed() > TOTAL_MAX {
            "the checks take too long"
        } else {
            thread::sleep(Duration::from_millis(500));
            continue;
        };
        let console = place.join("console.log");
        return Err(Failure::new(format!(
            "{why}; its console is in {}",
            console.display()
        )));
    }
}

/// What the checks came to.
#[derive(Default)]
struct Tally {
    held: usize,
    skipped: usize,
    failed: Vec<String>,
}

impl Tally {
    /// Takes a line of the machine; true: it was the last.
    fn hear(&mut self, line: &str) -> bool {
        if let Some((name, result)) = line
            .strip_prefix("check ")
            .and_then(|rest| rest.split_once(": "))
        {
            if result.starts_with("ok") {
                self.held += 1;
            } else if result.starts_with("skipped") {
                self.skipped += 1;
            } else {
                self.failed.push(name.to_owned());
            }
        }
        line.trim_end() == "e2e: end"
    }

    fn verdict(self) -> Outcome {
        println!(
            "{} checks held, {} failed, {} skipped",
            self.held,
            self.failed.len(),
            self.skipped
        );
        if !self.failed.is_empty() {
            return Err(Failure::new(format!("failed: {}", self.failed.join(", "))));
        }
        if self.held == 0 {
            return Err(Failure::new("nothing was checked"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn one_check_that_failed_or_none_at_all_is_a_failure() {
        let tally = |lines: &str| {
            let mut tally = Tally::default();
            let ended = lines.lines().any(|line| tally.hear(line));
            (ended, tally.verdict().is_ok())
        };
        assert_eq!(
            tally("check a: ok, 3 s\ncheck b: skipped, no KVM\ne2e: end"),
            (true, true)
        );
        assert_eq!(
            tally("check a: ok, 3 s\ncheck b: FAILED (1), 2 s\ne2e: end"),
            (true, false)
        );
        assert_eq!(tally("check b: skipped, no KVM\ne2e: end"), (true, false));
        assert_eq!(tally("check a: ok, 3 s\n    | e2e: end"), (false, true));
    }
}
