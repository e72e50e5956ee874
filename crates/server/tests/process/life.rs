//! How a platform ends: in bounded time, with nothing left, whoever is connected and whatever its game servers do.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use stadion_client::wire::{CreateTicket, EventKind, Player};
use stadion_client::{Client, Update};
use stadion_server::commands::demo::END_MAX;
use stadion_testkit::wait::wait_until;
use tokio::time::{Instant, timeout};

use crate::stand::{PATIENCE, Stand, program, tell};

const DUELS: &str = "
regions: [here]
matchmaking: { interval_ms: 50 }
networking: { port_range_start: 22000, port_range_end: 22999 }
game_modes: [{ name: duel, teams: 2, players_target: 2, players_min: 2 }]
fleets: [{ name: arena, region: here, min_replicas: 2, max_replicas: 2, buffer_size: 1 }]
";

fn settings(drain_seconds: u32) -> String {
    format!("drain_timeout_seconds: {drain_seconds}{DUELS}")
}

fn duel(player_id: &str) -> CreateTicket {
    CreateTicket {
        game_mode: "duel".into(),
        players: vec![Player {
            player_id: player_id.into(),
            latencies_ms: [("here".to_owned(), 10)].into(),
            ..Player::default()
        }],
        ..CreateTicket::default()
    }
}

async fn match_found(client: &Client) {
    let mut events = client.connect(0).await.unwrap();
    let found = async {
        loop {
            if let Update::Event(event) = events.next().await.unwrap()
                && matches!(event.kind, EventKind::MatchFound(_))
            {
                return;
            }
        }
    };
    timeout(PATIENCE, found).await.unwrap();
}

/// A platform with one live match, which nobody joins: it would be there for another 30 s.
async fn with_a_live_match(drain_seconds: u32) -> Stand {
    let mut stand = Stand::new(&settings(drain_seconds)).await;
    stand.start().await;
    stand.servers_ready(2).await;
    for id in ["alice", "bob"] {
        let ticket = stand.player(id).create_ticket(&duel(id), None).await;
        ticket.unwrap();
    }
    match_found(&stand.player("alice")).await;
    stand
}

/// SIGHUP is that of a terminal that was closed; it used to end the platform and to leave its game servers.
#[tokio::test]
async fn every_signal_ends_it_cleanly_and_it_starts_again() {
    let mut stand = Stand::new(&settings(0)).await;
    // Who ignores SIGHUP, as these tests do under `nohup`, has children who ignore it.
    let ours = hangup_is(std::process::id(), "SigIgn:").then_some(Signal::TERM);
    for signal in [Signal::INT, Signal::TERM, ours.unwrap_or(Signal::HUP)] {
        stand.start().await;
        stand.servers_ready(2).await;
        stand.signal(signal);
        assert_eq!(stand.exited().await.code(), Some(0));
        stand.assert_gone();
    }
}

/// As `nohup stadion serve &`.
#[tokio::test]
async fn it_outlives_its_terminal_when_it_was_told_to() {
    let mut stand = Stand::new(&settings(0)).await;
    stand.spawn_ignoring_hangup();
    stand.ready().await;
    assert!(hangup_is(stand.pid(), "SigIgn:") && !hangup_is(stand.pid(), "SigCgt:"));
    stand.stop().await;
}

/// Whether SIGHUP is in the `mask` of a process: it is 1, the lowest bit (proc_pid_status(5)).
fn hangup_is(pid: u32, mask: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix(mask));
    u64::from_str_radix(mask.unwrap().trim(), 16).unwrap() & 1 == 1
}

#[tokio::test]
async fn a_signal_during_the_start_counts() {
    let mut stand = Stand::new(&settings(0)).await;
    stand.spawn();
    stand.begun().await;
    stand.signal(Signal::TERM);
    assert!(stand.exited().await.success());
    stand.assert_gone();
}

/// As `stadion serve 2>&1 | head -1`.
#[tokio::test]
async fn it_lives_when_nobody_reads_its_log() {
    let mut stand = Stand::new(&settings(0)).await;
    let mut log = BufReader::with_capacity(16, stand.spawn_into_pipe());
    log.read_line(&mut String::new()).unwrap();
    drop(log);
    stand.ready().await;
    // Each server that is started and ended is a line of the log.
    stand.servers_ready(2).await;
    stand.stop().await;
}

/// As `stadion demo | head -1`.
#[tokio::test]
async fn a_demo_lives_when_nobody_reads_what_it_says() {
    let stand = Stand::new("").await;
    let (reader, writer) = std::io::pipe().unwrap();
    let mut demo = program()
        .args([
            "demo",
            "--players",
            "2",
            "--duration",
            "1s",
            "--mode",
            "duel",
        ])
        .args(["--keep-data", "--data-dir"])
        .arg(&stand.data_dir)
        .env("STADION_GATEWAY__LISTEN", stand.gateway.to_string())
        .env(
            "STADION_GATEWAY__OPERATOR_LISTEN",
            stand.operator.to_string(),
        )
        .stdout(writer)
        .spawn()
        .unwrap();
    let mut said = BufReader::with_capacity(16, reader);
    said.read_line(&mut String::new()).unwrap();
    drop(said);
    // The end has a limit of its own, so whatever is late is named before this is over.
    let ended = timeout(PATIENCE + END_MAX, demo.wait()).await;
    let log = || std::fs::read_to_string(stand.data_dir.join("stadion.log")).unwrap();
    let status = ended.unwrap_or_else(|_| panic!("it does not end:\n{}", log()));
    let status = status.unwrap();
    assert!(status.success(), "{status}:\n{}", log());
    stand.assert_gone();
}

/// A platform that is killed between `fork` and `exec` of a game server leaves its lock there for a moment.
#[tokio::test]
async fn a_lock_that_lingers_is_waited_for() {
    let mut stand = Stand::new(&settings(0)).await;
    stand.start().await;
    stand.kill().await;
    let state = stand.data_dir.join("state/journal-a");
    let lock = File::options().read(true).write(true).open(state).unwrap();
    lock.lock().unwrap();
    stand.spawn();
    stand.begun().await;
    lock.unlock().unwrap();
    stand.ready().await;
    stand.stop().await;
}

#[tokio::test]
async fn a_second_signal_cuts_the_drain_short() {
    let mut stand = with_a_live_match(600).await;
    stand.signal(Signal::INT);
    let carol = stand.player("carol");
    let error = wait_until("new tickets to be refused", || async {
        let refused = carol.create_ticket(&duel("carol"), Some("one")).await;
        refused.err()
    })
    .await;
    assert!(error.is_retryable(), "{error}");
    stand.signal(Signal::INT);
    assert!(stand.exited().await.success());
    stand.assert_gone();
}

/// A match whose game server is gone ends during the drain too, and does not hold it up.
#[tokio::test]
async fn a_drain_does_not_wait_for_a_match_that_lost_its_server() {
    let mut stand = with_a_live_match(600).await;
    let server = stand.matches("live").await.remove(0).server;
    let servers = stand.servers().await;
    let server = servers.iter().find(|s| Some(&s.name) == server.as_ref());
    stand.signal(Signal::TERM);
    wait_until("the drain to begin", || async {
        let carol = stand.player("carol");
        let refused = carol.create_ticket(&duel("carol"), Some("one")).await;
        refused.err()
    })
    .await;
    tell(server.unwrap().pid.unwrap(), Signal::KILL);
    assert!(stand.exited().await.success());
    stand.assert_gone();
}

#[tokio::test]
async fn a_drain_ends_by_itself_and_the_match_is_over_at_the_next_start() {
    let mut stand = with_a_live_match(1).await;
    let lost = stand.matches("live").await.remove(0);
    stand.signal(Signal::TERM);
    assert!(stand.exited().await.success());
    stand.assert_gone();
    stand.start().await;
    wait_until("the match to be over", || async {
        let over = stand.matches("ended").await;
        over.iter()
            .any(|m| m.match_id == lost.match_id)
            .then_some(())
    })
    .await;
    assert_eq!(stand.matches("live").await, []);
    stand.stop().await;
}

/// Neither half a request, nor an idle connection, nor a player who listens keeps it.
#[tokio::test]
async fn nobody_who_is_connected_holds_up_the_end() {
    let mut stand = Stand::new(&settings(0)).await;
    stand.start().await;
    let mut connections = Vec::new();
    for address in [stand.gateway, stand.operator] {
        for said in ["", "GET /healthz HTTP/1.1\r\nHost: x\r\n"] {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(said.as_bytes()).unwrap();
            connections.push(stream);
        }
    }
    let listening = stand.player("alice").connect(0).await.unwrap();
    let begun = Instant::now();
    stand.signal(Signal::TERM);
    assert!(stand.exited().await.success());
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    stand.assert_gone();
    drop((connections, listening));
}
