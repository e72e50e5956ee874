//! The local fleet with real processes: this test program is its own game server.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::time::Duration;

use stadion_core::fleet::{Fleet, FleetError, GameServer, GameServerState};
use stadion_core::id::ServerName;
use stadion_fleet::local::{LocalFleet, LocalFleetError};
use support::{Host, allocated, fleet_name, match_id, ready, request, spec};

/// Not a test but the game server, when it is started as one.
#[test]
fn game_server() {
    support::game_server::main();
}

#[test]
fn servers_become_ready_through_grpc_and_through_rest() {
    for how in ["grpc", "rest"] {
        let host = Host::new(how);
        let mut stadion = host.start(vec![spec(how, 2)]);
        let servers = stadion.wait(|servers| ready(servers, 2));
        assert!(
            servers
                .iter()
                .all(|server| server.pid.is_some() && server.game_port() > 0)
        );
    }
}

/// The game server, once it has labelled itself because it saw its allocation on its watch.
fn saw_allocation(name: &ServerName) -> impl Fn(&[GameServer]) -> Option<GameServer> {
    move |servers| {
        let server = servers.iter().find(|server| server.name == *name)?;
        (server.labels.get("agones.dev/sdk-saw")? == "Allocated").then(|| server.clone())
    }
}

#[test]
fn i3_a_match_gets_one_server_however_often_it_asks_and_the_server_sees_it() {
    let host = Host::new("allocate");
    let mut stadion = host.start(vec![spec("grpc", 3)]);
    stadion.wait(|servers| ready(servers, 3));
    let answers = stadion.block_on(|fleet| async move {
        let request = request(1);
        let asked = (0..5).map(|_| {
            let (fleet, request) = (fleet.clone(), request.clone());
            tokio::spawn(async move { fleet.allocate(&request).await.unwrap() })
        });
        let mut answers = Vec::new();
        for asked in asked.collect::<Vec<_>>() {
            answers.push(asked.await.unwrap());
        }
        answers
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let seen = stadion.wait(saw_allocation(&answers[0].server));
    assert_eq!(seen.match_id, Some(match_id(1)));
    assert_eq!(stadion.wait(|servers| ready(servers, 2)).len(), 2);

    for number in 2..=3 {
        stadion
            .block_on(|fleet| async move { fleet.allocate(&request(number)).await })
            .unwrap();
    }
    let full = stadion.block_on(|fleet| async move { fleet.allocate(&request(4)).await });
    assert!(
        matches!(full, Err(FleetError::NoCapacity { .. })),
        "{full:?}"
    );

    // Its release makes room.
    stadion
        .block_on(|fleet| async move { fleet.release(match_id(1)).await })
        .unwrap();
    stadion.wait(|servers| ready(servers, 1));
    let after = stadion
        .block_on(|fleet| async move { fleet.allocate(&request(4)).await })
        .unwrap();
    assert_ne!(after.server, answers[0].server);
}

#[test]
fn a_silent_server_is_unhealthy_and_replaced() {
    let host = Host::new("silent");
    let mut stadion = host.start(vec![spec("silent", 1)]);
    let first = stadion.wait(|servers| ready(servers, 1)).remove(0);
    stadion.wait(|servers| {
        let servers = ready(servers, 1)?;
        (servers[0].name != first.name).then_some(())
    });
    assert!(!support::is_alive(first.pid.unwrap()));
}

#[test]
fn a_crashed_server_is_replaced_after_a_wait() {
    let host = Host::new("crash");
    let mut stadion = host.start(vec![spec("crash", 1)]);
    let mut births = Vec::new();
    while births.len() < 4 {
        let seen = stadion.wait(|servers| {
            servers
                .iter()
                .find(|server| !births.contains(&(server.name.clone(), server.created_at)))
                .cloned()
        });
        births.push((seen.name.clone(), seen.created_at));
    }
    let gaps: Vec<_> = births
        .windows(2)
        .map(|pair| pair[1].1.since_ms(pair[0].1))
        .collect();
    // The waits are at least 100, 200 and 400 ms, whatever the host's speed adds.
    assert!(
        gaps[0] >= 100 && gaps[1] >= 200 && gaps[2] >= 400,
        "{gaps:?}"
    );
}

#[test]
fn i8_scaling_down_leaves_an_allocated_server() {
    let host = Host::new("scale");
    let mut stadion = host.start(vec![spec("grpc", 3)]);
    stadion.wait(|servers| ready(servers, 3));
    let allocation = stadion.block_on(|fleet| async move {
        let allocation = fleet.allocate(&request(1)).await.unwrap();
        fleet.scale(&fleet_name(), 0).await.unwrap();
        allocation
    });
    let left = stadion.wait(|servers| (servers.len() == 1).then(|| servers[0].clone()));
    assert_eq!(
        (&left.name, left.state),
        (&allocation.server, GameServerState::Allocated)
    );
    let refused = stadion.block_on(|fleet| async move { fleet.scale(&fleet_name(), 99).await });
    assert!(
        matches!(refused, Err(FleetError::Refused(_))),
        "{refused:?}"
    );
}

#[test]
fn i3_i4_the_next_stadion_adopts_what_runs() {
    let host = Host::new("adopt");
    let mut stadion = host.start(vec![spec("grpc", 3)]);
    stadion.wait(|servers| ready(servers, 3));
    let given = stadion.block_on(|fleet| async move { fleet.allocate(&request(1)).await.unwrap() });
    let mut before = stadion.servers();
    let ports = host.sdk_ports();

    let second = stadion.block_on({
        let config = host.config(vec![spec("grpc", 3)]);
        |_| async move { LocalFleet::open(config).await }
    });
    let holder = std::process::id();
    assert!(
        matches!(second, Err(LocalFleetError::Locked { pid: Some(pid), .. }) if pid == holder),
        "{second:?}"
    );

    stadion.crash();
    let mut stadion = host.start(vec![spec("grpc", 3)]);
    let mut after = stadion.servers();
    for servers in [&mut before, &mut after] {
        servers.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let essence = |servers: &[GameServer]| {
        servers
            .iter()
            .map(|s| (s.name.clone(), s.pid, s.state, s.match_id, s.game_port()))
            .collect::<Vec<_>>()
    };
    assert_eq!(essence(&before), essence(&after));
    assert_eq!(ports, host.sdk_ports());
    let again = stadion.block_on(|fleet| async move { fleet.allocate(&request(1)).await.unwrap() });
    assert_eq!(again, given);

    // The adopted processes speak to the new SDK server, and their end is noticed.
    let other = stadion.block_on(|fleet| async move { fleet.allocate(&request(2)).await.unwrap() });
    stadion.wait(saw_allocation(&other.server));
    let after = stadion.servers();
    let idle = after
        .iter()
        .find(|server| server.state == GameServerState::Ready)
        .unwrap();
    support::kill(idle.pid.unwrap());
    stadion.wait(|servers| {
        let servers = ready(servers, 1)?;
        (servers[0].name != idle.name).then_some(())
    });
}

#[test]
fn what_a_crashed_stadion_left_unknown_is_ended() {
    let host = Host::new("strays");
    let mut stadion = host.start(vec![spec("grpc", 3)]);
    let servers = stadion.wait(|servers| ready(servers, 3));
    let pids: Vec<_> = servers.iter().map(|server| server.pid.unwrap()).collect();
    stadion.crash();
    std::fs::write(host.record(&servers[0].name), "{").unwrap();
    std::fs::remove_file(host.record(&servers[1].name)).unwrap();
    let mut stadion = host.start(vec![spec("grpc", 1)]);
    assert_eq!(
        stadion.wait(|servers| ready(servers, 1)).remove(0).name,
        servers[2].name
    );
    support::eventually(|| !support::is_alive(pids[0]) && !support::is_alive(pids[1]));

    // A fleet that is not configured any more.
    stadion.crash();
    let _stadion = host.start(Vec::new());
    support::eventually(|| !support::is_alive(pids[2]));
}

#[test]
fn game_servers_outlive_an_orderly_stop_and_say_shutdown_themselves() {
    let host = Host::new("stop");
    let mut stadion = host.start(vec![spec("grpc", 1)]);
    let first = stadion.wait(|servers| ready(servers, 1)).remove(0);
    stadion.stop();
    let mut stadion = host.start(vec![spec("grpc", 1)]);
    assert_eq!(
        stadion.wait(|servers| ready(servers, 1)).remove(0).name,
        first.name
    );
    // The game server says Shutdown when it sees this match.
    stadion.block_on(|fleet| async move {
        fleet
            .allocate(&request(support::SHUTDOWN_MATCH))
            .await
            .unwrap()
    });
    stadion.wait(|servers| (ready(servers, 1)?[0].name != first.name).then_some(()));
    assert!(allocated(&stadion.servers()).is_empty());
    support::eventually(|| !support::is_alive(first.pid.unwrap()));
    let log = std::fs::read_to_string(host.ended_log(&first.name)).unwrap();
    assert!(log.contains("said shutdown"), "{log}");
}

/// As a scaling loop that reads 0 wanted servers at the end and brings its fleet back to the minimum.
#[test]
fn nobody_brings_back_a_fleet_that_ends() {
    let host = Host::new("ending");
    let mut stadion = host.start(vec![spec("grpc", 2)]);
    let servers = stadion.wait(|servers| ready(servers, 2));
    stadion.block_on(|fleet| async move {
        let name = servers[0].fleet.clone();
        let scaler = tokio::spawn({
            let fleet = fleet.clone();
            async move {
                while fleet.replicas(&name).await.unwrap() > 0 {
                    tokio::task::yield_now().await;
                }
                fleet.scale(&name, 2).await
            }
        });
        let ended = tokio::time::timeout(PATIENCE, fleet.end_all()).await;
        ended.expect("it ends").unwrap();
        let scaled = scaler.await.unwrap();
        assert!(
            matches!(scaled, Err(FleetError::Unavailable(_))),
            "{scaled:?}"
        );
        assert!(fleet.servers().await.unwrap().is_empty());
    });
}

#[test]
fn a_program_that_cannot_be_run_is_tried_again_and_leaves_nothing() {
    let host = Host::new("missing");
    let mut broken = spec("grpc", 1).as_ref().clone();
    broken.template.command = vec!["/nowhere/game".into()];
    let mut stadion = host.start(vec![broken.into()]);
    let first = stadion.wait_for_removal();
    assert_ne!(stadion.wait_for_removal(), first);
    let none = stadion.block_on(|fleet| async move { fleet.allocate(&request(1)).await });
    assert!(
        matches!(none, Err(FleetError::NoCapacity { .. })),
        "{none:?}"
    );
    assert!(!host.record(&first).exists());
}

#[test]
fn i3_an_allocation_that_cannot_be_written_down_did_not_happen() {
    let host = Host::new("unwritten");
    let mut stadion = host.start(vec![spec("grpc", 1)]);
    let server = stadion.wait(|servers| ready(servers, 1)).remove(0);
    // A directory where the next record is to be written.
    let in_the_way = host.record(&server.name).with_extension("json.next");
    std::fs::create_dir(&in_the_way).unwrap();
    let failed = stadion.block_on(|fleet| async move { fleet.allocate(&request(1)).await });
    assert!(
        matches!(failed, Err(FleetError::Unavailable(_))),
        "{failed:?}"
    );
    assert_eq!(stadion.servers()[0].state, GameServerState::Ready);
    std::fs::remove_dir(&in_the_way).unwrap();
    let given = stadion.block_on(|fleet| async move { fleet.allocate(&request(2)).await.unwrap() });
    assert_eq!(given.server, server.name);
    let record = std::fs::read_to_string(host.record(&server.name)).unwrap();
    assert!(
        record.contains(&match_id(2).to_string()) && !record.contains(&match_id(1).to_string()),
        "{record}"
    );
}

/// Longest wait for anything in these tests.
const PATIENCE: Duration = Duration::from_secs(60);
