//! Tools that are slow, missing, or not alone, on a machine of files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::space::{Done, run, wait_for};

const TOOL: &str = env!("CARGO_BIN_EXE_stadion-network");

/// Keeps its one table in a file. It takes a new one when `go` is there, and notes that it was asked.
const NFT: &str = r#"#!/bin/sh
cd "$(dirname "$0")/.."
case "$*" in
*--version*) echo 1.1 ;;
*-c*)
    text=$(cat)
    case "$text" in *probe*) ;; *) if [ -x meddler ]; then ./meddler; fi ;; esac
    ;;
*-f*)
    cat > asked.new && mv asked.new asked
    until [ -e go ]; do sleep 0.02; done
    if grep -q '^table inet stadion' asked; then mv asked table; else rm -f table; fi
    ;;
*-j*) echo '{"nftables": []}' ;;
*list*) [ -e table ] && cat table || { echo 'No such file or directory' >&2; exit 1; } ;;
esac
"#;

struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            dir: tempfile::tempdir().expect("a directory"),
        };
        machine.put("sys/devices/system/cpu/online", "0\n");
        machine.put("proc/sys/net/core/rmem_max", "212992\n");
        machine.program("bin/nft", NFT);
        machine
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, text).expect("a file");
    }

    fn program(&self, path: &str, text: &str) {
        self.put(path, text);
        let place = self.root().join(path);
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("a mode");
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root().join(path)).ok()
    }

    fn args(&self, args: &[&str]) -> Vec<String> {
        let state = self.dir.path().join("state");
        let places = ["--sysroot".into(), self.root(), "--state-dir".into(), state];
        let places = places
            .iter()
            .map(|place: &PathBuf| place.display().to_string());
        args.iter()
            .map(|word| (*word).to_owned())
            .chain(places)
            .collect()
    }

    fn tool(&self, args: &[&str]) -> Done {
        let args = self.args(args);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run(TOOL, &args)
    }

    fn is_unfinished(&self) -> bool {
        self.dir.path().join("state/node/transaction.json").exists()
    }
}

#[test]
fn a_tool_that_outlives_us_is_waited_for_before_anything_is_put_back() {
    // By hand, by a shutdown, by the end of the session, by the kernel.
    for signal in ["INT", "TERM", "HUP", "KILL"] {
        outlived(signal);
    }
}

fn outlived(signal: &str) {
    let machine = Machine::new();
    // Whoever runs this in the background may have us ignore what a terminal sends, and what we start as well.
    let mut applying = Command::new("env")
        .args(["--default-signal=INT,TERM,HUP", TOOL])
        .args(machine.args(&["firewall", "--apply"]))
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    wait_for("the tool", || machine.text("asked").is_some());
    let killed = run("kill", &["-s", signal, &applying.id().to_string()]);
    assert_eq!(killed.code, 0, "{killed}");
    assert!(!applying.wait().expect("its end").success());
    // The timer looks every 100 ms; whoever comes by in between is told so.
    let busy = machine.tool(&["rollback"]);
    assert_eq!(busy.code, 5, "{busy}");
    assert!(busy.stderr.contains("another"), "{busy}");
    machine.put("go", "");
    wait_for("the timer", || !machine.is_unfinished());
    assert_eq!(
        machine.text("table"),
        None,
        "it was put back after it was made"
    );
}

#[test]
fn what_somebody_changes_while_we_begin_is_not_overwritten() {
    let machine = Machine::new();
    machine.put("go", "");
    machine.program(
        "meddler",
        "#!/bin/sh\necho 777777 > proc/sys/net/core/rmem_max\n",
    );
    let failed = machine.tool(&["full-setup", "--apply", "--confirm-now"]);
    assert_eq!(failed.code, 1, "{failed}");
    assert!(failed.stderr.contains("by somebody else"), "{failed}");
    let kept = machine.text("proc/sys/net/core/rmem_max");
    assert_eq!(kept.as_deref(), Some("777777\n"), "{failed}");
    assert_eq!(machine.text("table"), None);
}

#[test]
fn what_could_not_be_put_back_is_shown_until_it_is() {
    let machine = Machine::new();
    machine.put("go", "");
    let done = machine.tool(&["firewall", "--apply", "--confirm-now"]);
    assert_eq!(done.code, 0, "{done}");
    fs::remove_file(machine.root().join("bin/nft")).expect("a program");
    let failed = machine.tool(&["rollback"]);
    assert_eq!(failed.code, 1, "{failed}");
    assert!(
        failed.stdout.contains("install the package nftables"),
        "{failed}"
    );
    machine.program("bin/nft", NFT);
    let status = machine.tool(&["status"]);
    assert_eq!(status.code, 2, "{status}");
    assert!(status.stdout.contains("`rollback` tries again"), "{status}");
    let rollback = machine.tool(&["rollback"]);
    assert_eq!(rollback.code, 0, "{rollback}");
    assert_eq!(machine.text("table"), None);
    assert_eq!(machine.tool(&["status"]).code, 0);
}
