//! Many connections at once, and many that say nothing.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::{Resource, getrlimit};
use stadion_testkit::wait::wait_until;

use crate::stand::Stand;

/// Connections at once, and fewer where this process may not open so many files.
const CROWD: u64 = 5_000;
/// Files of this process besides them.
const OTHER_FILES: u64 = 256;
/// Memory that one connection may cost, KiB: twice what the limits say of a busy one.
const KIB_PER_CONNECTION: u64 = 32;
/// Memory that may be added besides, KiB.
const KIB_BESIDES: u64 = 32 * 1_024;

const SETTINGS: &str = "
drain_timeout_seconds: 0
fleets: [{ name: arena, region: us-east-1, min_replicas: 1, max_replicas: 1, buffer_size: 1 }]
";

/// Memory that the process has for itself, KiB.
fn private_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_five_thousand_connections_are_borne_and_let_go() {
    stadion_server::limits::raise_open_files();
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let crowd = CROWD.min(most - OTHER_FILES);
    if crowd < CROWD {
        println!("only {crowd} connections: this process may open {most} files");
    }
    let mut stand = Stand::new(SETTINGS).await;
    stand.start().await;
    stand.servers_ready(1).await;
    let (kib_before, files_before) = (private_kib(stand.pid()), open_files(stand.pid()));

    let (gateway, count) = (stand.gateway, usize::try_from(crowd).unwrap());
    let connections = tokio::task::spawn_blocking(move || {
        let half = b"GET /v1/connect HTTP/1.1\r\nHost: x\r\nUpgrade: websock";
        let mut connections = Vec::with_capacity(count);
        for number in 0..count {
            let mut stream = TcpStream::connect(gateway).unwrap();
            // Every second one says half a request, and the others nothing.
            if number % 2 == 0 {
                stream.write_all(half).unwrap();
            }
            connections.push(stream);
        }
        connections
    });
    let connections = connections.await.unwrap();
    // Connections of earlier callers end meanwhile, so the sum is not exact.
    wait_until("all connections to be taken", || async {
        (open_files(stand.pid()) >= files_before + count - count / 100).then_some(())
    })
    .await;
    let alice = stand.player("alice");
    assert!(!alice.regions().await.unwrap().regions.is_empty());
    let kib = private_kib(stand.pid()).saturating_sub(kib_before);
    println!("{crowd} connections: {kib} KiB more");
    assert!(kib < crowd * KIB_PER_CONNECTION + KIB_BESIDES, "{kib} KiB");

    drop(connections);
    wait_until("the connections to be let go", || async {
        (open_files(stand.pid()) < files_before + count / 10).then_some(())
    })
    .await;
    alice.connect(0).await.unwrap();
    stand.stop().await;
}
