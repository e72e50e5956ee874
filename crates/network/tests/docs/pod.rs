//! The containers of the DaemonSet, as a node runs them: the root can only be read, of root's capabilities there is one,
//! and what is mounted is what the manifest mounts. The node's network is a namespace.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use stadion_netlab::{Wire, unable};
use stadion_network::engine::STATE_DIR;

use super::TOOL;
use super::manifest::{arguments, containers, mounts, object};

/// `$1` is where the root is made, `$2` the program, `$3` the directory of the profile; then pairs of what is mounted and
/// where, up to `--`, and the arguments.
const CONTAINER: &str = r#"
set -e
mount --make-rprivate /
root=$1 tool=$2 profile=$3
shift 3
mount -t tmpfs none "$root"
mkdir -p "$root/usr" "$root/proc" "$root/sys" "$root/dev" "$root/etc/systemd/system"
for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$root/$dir"; done
mount --bind /usr "$root/usr"
cp "$tool" "$root/stadion-network"
touch "$root/dev/null"
mount --bind /dev/null "$root/dev/null"
mount -t proc none "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro none "$root/sys"
while [ "$1" != -- ]; do
  mkdir -p "$root$2"
  case $1 in
    /sys) mount -t sysfs none "$root$2" ;;
    profile) mount --bind -o ro "$profile" "$root$2" ;;
    *) mount --bind "$1" "$root$2" ;;
  esac
  shift 2
done
shift
mount -o remount,ro "$root"
exec chroot "$root" setpriv --no-new-privs --bounding-set=-all,+net_admin --inh-caps=-all /stadion-network "$@"
"#;

struct Node<'a> {
    wire: &'a Wire,
    dir: &'a Path,
}

impl Node<'_> {
    /// Starts `container` with these arguments; `None` where this machine cannot.
    fn start(&self, container: &Value, arguments: &[&str]) -> Command {
        let dir = |name: &str| {
            let dir = self.dir.join(name);
            fs::create_dir_all(&dir).unwrap();
            dir.display().to_string()
        };
        let mut command = self.wire.server.space.command("unshare");
        command.args([
            "-m",
            "-p",
            "-f",
            "--kill-child",
            "sh",
            "-c",
            CONTAINER,
            "sh",
        ]);
        command.args([&dir("root"), TOOL, &dir("profile")]);
        for (of_node, place) in mounts(container) {
            let of_node = match of_node.as_deref() {
                Some(STATE_DIR) => dir("journal"),
                Some(other) => other.to_owned(),
                None => "profile".to_owned(),
            };
            command.args([of_node, place]);
        }
        command
            .arg("--")
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            // As the kubelet sets it.
            .env("KUBERNETES_SERVICE_HOST", "10.0.0.1")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, container: &Value, arguments: &[&str]) -> (i32, String) {
        let output = self.start(container, arguments).output().unwrap();
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        assert!(!text.contains("panicked"), "{text}");
        (output.status.code().unwrap_or(-1), text)
    }

    /// Starts the containers that come first, as for a new Pod.
    fn begin(&self) {
        for container in &containers() {
            let (words, probe) = arguments(container);
            if probe.is_none() {
                let (code, said) = self.run(container, &as_words(&words));
                assert_eq!(code, 0, "{words:?}: {said}");
                assert!(!said.contains("can only be read"), "{said}");
            }
        }
    }

    /// The exit code of the probe.
    fn probe(&self) -> (i32, String) {
        let monitor = monitor();
        let probe = arguments(&monitor).1.unwrap();
        self.run(&monitor, &as_words(&probe))
    }

    fn exec(&self, line: &str) -> (i32, String) {
        let words: Vec<&str> = line.split(' ').collect();
        self.run(&monitor(), &words)
    }

    fn state(&self) -> String {
        let space = &self.wire.server.space;
        let sysctls = "net.ipv4.tcp_max_syn_backlog net.ipv4.ip_local_reserved_ports";
        [
            space.tool("nft", "-s -t list ruleset").unwrap(),
            space.tool("tc", "qdisc show").unwrap(),
            space.tool("sysctl", sysctls).unwrap(),
        ]
        .concat()
    }
}

fn as_words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn monitor() -> Value {
    let last = containers().pop();
    last.expect("the container that stays")
}

/// A directory for a node; nothing where none can be played.
fn place() -> Option<tempfile::TempDir> {
    let lacks = ["unshare", "setpriv", "chroot"]
        .into_iter()
        .find(|tool| Command::new(tool).arg("--version").output().is_err());
    if let Some(reason) = unable()
        .map(|reason| reason.to_string())
        .or(lacks.map(str::to_owned))
    {
        eprintln!("skipped: {reason}");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let profiles = object("ConfigMap")["data"].take();
    fs::create_dir(dir.path().join("profile")).unwrap();
    for (name, text) in profiles.as_object().unwrap() {
        fs::write(
            dir.path().join("profile").join(name),
            text.as_str().unwrap(),
        )
        .unwrap();
    }
    Some(dir)
}

#[test]
fn the_containers_do_their_work_with_what_they_are_given() {
    let Some(dir) = place() else { return };
    let wire = Wire::new().unwrap();
    let node = Node {
        wire: &wire,
        dir: dir.path(),
    };
    let before = node.state();
    node.begin();
    let after = node.state();
    assert!(after.contains("table inet stadion"), "{after}");
    assert!(
        after.contains("ip_local_reserved_ports = 7000-8000"),
        "{after}"
    );
    assert_eq!(node.probe().0, 0);
    // The Pod is replaced.
    node.begin();
    assert_eq!(node.state(), after);

    // The machine is started anew: the journal is all that is left.
    let again = Wire::new().unwrap();
    let anew = Node {
        wire: &again,
        dir: dir.path(),
    };
    let (code, said) = anew.probe();
    assert_eq!(code, 2, "not ready: {said}");
    anew.begin();
    let (code, said) = anew.probe();
    assert_eq!(code, 0, "{said}");
    let (code, said) = anew.exec("rollback --kernel-files=/host");
    assert_eq!((code, anew.state()), (0, before), "{said}");
    assert_eq!(anew.probe().0, 0, "nothing of ours is in force");
}

#[test]
fn a_change_by_hand_whose_container_ends_is_put_back_by_the_next_command() {
    let Some(dir) = place() else { return };
    let wire = Wire::new().unwrap();
    let node = Node {
        wire: &wire,
        dir: dir.path(),
    };
    let before = node.state();
    let apply = "full-setup --rate=100mbit --kernel-files=/host --apply --confirm-within=1s";
    // Here each `exec` is a container of its own, which ends with it and takes the timer along.
    let (code, said) = node.exec(apply);
    assert_eq!(code, 0, "{said}");
    assert!(node.state().contains("htb"), "{said}");
    while node.state() != before {
        let (code, said) = node.exec("rollback --kernel-files=/host");
        assert_eq!(code, 0, "{said}");
    }
    let journal = dir.path().join("journal/node");
    node.begin();
    let locks = fs::read_dir(journal).unwrap().flatten();
    let locks = locks.filter(|file| file.file_name().to_string_lossy().starts_with("timer-"));
    assert!(
        locks.count() <= 1,
        "of timers that are gone, nothing is left"
    );
}

#[test]
fn a_container_without_the_files_of_the_node_says_what_it_leaves_out() {
    let Some(dir) = place() else { return };
    let wire = Wire::new().unwrap();
    let node = Node {
        wire: &wire,
        dir: dir.path(),
    };
    let (code, said) = node.exec("optimize");
    assert_eq!(code, 0, "nothing can be changed: {said}");
    assert!(said.contains("it can only be read here"), "{said}");
    let (code, said) = node.exec("optimize --kernel-files=/nowhere");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("mount the node's /proc/sys there"), "{said}");

    // Rules of the older iptables, which a container with one capability cannot list.
    let iptables = wire.server.space.tool(
        "iptables-legacy",
        "-t nat -A PREROUTING -p udp --dport 7777 -j DNAT --to-destination 192.0.2.9",
    );
    if let Err(error) = iptables {
        eprintln!("skipped: {error}");
        return;
    }
    let (code, said) = node.exec("ddos-protect --kernel-files=/host");
    assert_eq!(code, 2, "{said}");
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("notrack"))
        .collect();
    assert!(!lines.is_empty(), "{said}");
}
