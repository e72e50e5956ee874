//! A process that is killed while it takes tickets.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use stadion_core::id::TicketId;
use stadion_core::state::State;
use stadion_core::time::Timestamp;
use stadion_state::embedded::{EmbeddedState, Options};
use stadion_testkit::build::new_ticket;

/// Where the child keeps its state; without it the child's test does nothing.
const DIRECTORY: &str = "STADION_TEST_KILL_DIR";

/// Which process this is, so that no two of them queue the same players or make the same ids.
const ROUND: &str = "STADION_TEST_KILL_ROUND";

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// The process that will be killed: it prints the id of every ticket that was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_takes_tickets() {
    let Ok(directory) = std::env::var(DIRECTORY) else {
        return;
    };
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let now = NOW.plus_ms(round);
    let (state, _) = EmbeddedState::open(Path::new(&directory), &Options::default()).unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let state = state.clone();
        callers.spawn(async move {
            for number in 0..1_000_000 {
                let name = format!("player-{round}-{caller}-{number}");
                let created = state.create_ticket(new_ticket(&[&name], now), now).await;
                println!("acknowledged {}", created.unwrap().ticket.id);
            }
        });
    }
    while callers.join_next().await.is_some() {}
}

#[tokio::test]
async fn i2_a_killed_process_loses_no_acknowledged_ticket() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_takes_tickets", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            let line = line.unwrap();
            let Some((_, id)) = line.split_once("acknowledged ") else {
                continue;
            };
            // The last line may be cut off by the kill.
            acknowledged.extend(id.parse::<TicketId>());
            seen += 1;
            if seen == 200 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let (state, recovery) = EmbeddedState::open(directory.path(), &Options::default()).unwrap();
        assert!(recovery.repaired, "the kill was noticed");
        assert_eq!(state.check_invariants(), Ok(()));
        for id in &acknowledged {
            assert_eq!(state.ticket(*id).await.unwrap().state.as_str(), "searching");
        }
        println!("{} acknowledged, {recovery:?}", acknowledged.len());
    }
}
