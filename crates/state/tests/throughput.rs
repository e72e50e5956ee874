//! How many durable creations a second 64 callers get:
//! `cargo test -p stadion-state --release --test throughput -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, reason = "a test")]

use stadion_core::state::State;
use stadion_core::time::Timestamp;
use stadion_state::embedded::{EmbeddedState, Options};
use stadion_testkit::build::{idempotency, new_ticket};

const CALLERS: usize = 64;
const EACH: usize = 1_500;

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn durable_creations_per_second() {
    let directory = tempfile::tempdir().unwrap();
    let (state, _) = EmbeddedState::open(directory.path(), &Options::default()).unwrap();
    let before = resident_kib();
    let begun = tokio::time::Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let state = state.clone();
        tasks.spawn(async move {
            for number in 0..EACH {
                let now = Timestamp(1_700_000_000_000 + number as u64);
                let name = format!("player-{caller}-{number}");
                let mut request = new_ticket(&[&name], now);
                request.idempotency = Some(idempotency(&name, "key", 1));
                state.create_ticket(request, now).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let took = begun.elapsed();
    let tickets = CALLERS * EACH;
    println!(
        "{tickets} tickets in {took:?}: {:.0}/s",
        tickets as f64 / took.as_secs_f64()
    );
    let grown = resident_kib().saturating_sub(before);
    println!(
        "{grown} KiB more resident: {} bytes a ticket",
        grown * 1_024 / tickets
    );
    drop(state);
    let file = directory
        .path()
        .join(stadion_state::embedded::FILE_NAMES[0]);
    println!(
        "file: {} bytes a ticket",
        file.metadata().unwrap().len() / tickets as u64
    );
    let (_state, recovery) = EmbeddedState::open(directory.path(), &Options::default()).unwrap();
    println!("{recovery:?}");
    assert_eq!(recovery.tickets, tickets);
}
