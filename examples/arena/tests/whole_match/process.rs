//! The program itself: what it costs while it waits, and how it ends.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::PATIENCE;
use crate::sdk::FakeSdk;

/// Memory that an idle game server may have for itself, KiB: 100 of them fit beside everything else on a small host.
const PRIVATE_KIB_MAX: u64 = 6 * 1_024;
/// Idle servers in the measurement, and how long it takes.
const MANY: usize = 100;
const MEASURED: Duration = Duration::from_secs(20);

/// A game server's process that has said Ready.
async fn ready() -> (Child, FakeSdk) {
    let (sdk, address) = FakeSdk::open().await;
    let child = Command::new(env!("CARGO_BIN_EXE_stadion-arena"))
        .env("GAME_PORT", "0")
        .env("STADION_URL", "http://127.0.0.1:9")
        .env("STADION_SERVER_TOKEN", "server-secret")
        .env("AGONES_SDK_GRPC_HOST", "127.0.0.1")
        .env("AGONES_SDK_GRPC_PORT", address.port().to_string())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut changes = sdk.changes();
    let ready = async {
        while sdk.state() != "Ready" {
            changes.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, ready).await.unwrap();
    (child, sdk)
}

/// Memory that no other process shares and no file backs, KiB.
fn private_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

/// Processor time so far, nanoseconds: the first field of the kernel's `schedstat`. The ticks of `stat` are too coarse.
fn cpu_ns(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_idle_server_is_small_and_ends_cleanly_on_sigterm() {
    let (mut child, _sdk) = ready().await;
    let pid = child.id().unwrap();
    let private_kib = private_kib(pid);
    assert!(private_kib < PRIVATE_KIB_MAX, "{private_kib} KiB");
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::TERM).unwrap();
    let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_server_without_its_environment_says_what_is_missing() {
    let output = Command::new(env!("CARGO_BIN_EXE_stadion-arena"))
        .env_clear()
        .output();
    let output = timeout(PATIENCE, output).await.unwrap().unwrap();
    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "arena: STADION_URL is not set\n"
    );
}

/// A measurement, by hand: `cargo test -p stadion-arena --release -- --ignored --nocapture idle`.
#[tokio::test]
#[ignore = "a measurement of 20 s"]
async fn a_hundred_idle_servers_use_less_than_a_fifth_of_a_core() {
    let mut servers = Vec::new();
    for _ in 0..MANY {
        servers.push(ready().await);
    }
    let pids: Vec<u32> = servers
        .iter()
        .map(|(child, _)| child.id().unwrap())
        .collect();
    let used_ns = || pids.iter().map(|pid| cpu_ns(*pid)).sum::<u64>();
    let before = used_ns();
    sleep(MEASURED).await; // polls: nothing; the time is what is measured
    let used_ms = (used_ns() - before) / 1_000_000;
    let largest_kib = pids.iter().map(|pid| private_kib(*pid)).max().unwrap();
    println!(
        "{MANY} idle servers: {used_ms} ms of processor time in {MEASURED:?}, at most {largest_kib} KiB each"
    );
    assert!(u128::from(used_ms) * 5 < MEASURED.as_millis());
}
