use std::collections::BTreeMap;
use std::sync::Arc;

use stadion_core::fleet::{GameServer, GameServerState};
use stadion_core::id::{FleetName, GameModeName, PlayerId, Region, ServerName, TicketId};
use stadion_core::matchmaker::Waiting;
use stadion_core::mode::{GameMode, guide_modes};
use stadion_core::state::Counts;
use stadion_core::ticket::{Requirements, Ticket, TicketPlayer, TicketState};
use stadion_core::time::Timestamp;

use super::{Inputs, Report};
use crate::metrics::{Percentiles, Snapshot};

fn server(name: &str, region: &str, state: GameServerState) -> Arc<GameServer> {
    Arc::new(GameServer {
        name: ServerName::new(name).unwrap(),
        fleet: FleetName::new("f").unwrap(),
        region: Region::new(region).unwrap(),
        zone: None,
        game_modes: Vec::new(),
        state,
        address: "127.0.0.1".into(),
        ports: Vec::new(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        max_players: 2,
        players: 0,
        match_id: None,
        created_at: Timestamp(0),
        changed_at: Timestamp(0),
        allocated_at: None,
        pid: None,
    })
}

fn ticket(number: u128, created_at: u64) -> Arc<Ticket> {
    Arc::new(Ticket {
        id: TicketId::new(Timestamp(created_at), number),
        game_mode: duel().name,
        players: vec![TicketPlayer {
            player_id: PlayerId::new(format!("p{number}")).unwrap(),
            skill: 0.0,
            skill_uncertainty: 0.0,
            latencies_ms: BTreeMap::new(),
            attributes: BTreeMap::new(),
        }],
        region_preference: Vec::new(),
        requirements: Requirements::default(),
        state: TicketState::Searching,
        created_at: Timestamp(created_at),
        expires_at: Timestamp(u64::MAX),
        changed_at: Timestamp(created_at),
        requeues: 0,
    })
}

fn duel() -> GameMode {
    guide_modes()
        .into_iter()
        .find(|mode| mode.name == GameModeName::new("duel").unwrap())
        .unwrap()
}

fn report() -> Report {
    let mut snapshot = Snapshot {
        allocation: Percentiles {
            count: 4,
            mean_ms: 2.5,
            p50_ms: 2.0,
            p95_ms: 4.0,
            p99_ms: 4.0,
            max_ms: 4.5,
        },
        ..Snapshot::default()
    };
    let region = Region::new("eu-west-1").unwrap();
    let totals = &mut snapshot.totals;
    totals.players_by_region.insert(region, 4);
    // One match of two players could be played but for a server.
    let waiting = Waiting {
        for_server: 2,
        for_players: 1,
        ..Waiting::default()
    };
    totals.waiting.insert(duel().name, waiting);
    totals.tickets_created = 9;
    totals.tickets_ended.insert("completed", 4);
    totals.matches_created = 2;
    totals.matches_abandoned.insert("no_capacity", 1);
    totals.acceptances.insert("refused", 1);
    let inputs = Inputs {
        servers: &[
            server("f-1", "eu-west-1", GameServerState::Allocated),
            server("f-2", "eu-west-1", GameServerState::Ready),
            server("f-3", "us-east-1", GameServerState::Ready),
        ],
        counts: Counts {
            tickets_searching: 3,
            matches_open: 2,
            sessions_live: 4,
        },
        searching: &[ticket(3, 3_000), ticket(1, 1_000), ticket(2, 2_000)],
        modes: &[duel()],
        snapshot: &snapshot,
    };
    Report::build(&inputs, Timestamp(5_000))
}

#[test]
fn the_guides_keys_are_where_the_guide_has_them() {
    let json = serde_json::to_value(report()).unwrap();
    for (pointer, wanted) in [
        ("/timestamp", serde_json::json!(5.0)),
        ("/fleet_status/total_servers", serde_json::json!(3)),
        ("/fleet_status/by_state/Ready", serde_json::json!(2)),
        ("/fleet_status/by_region/us-east-1", serde_json::json!(1)),
        ("/player_metrics/total_connected", serde_json::json!(4)),
        ("/player_metrics/by_region/eu-west-1", serde_json::json!(4)),
        ("/matchmaking/queue_size", serde_json::json!(3)),
        ("/matchmaking/avg_wait_time", serde_json::json!(3.0)),
        (
            "/performance/server_allocation_p95",
            serde_json::json!(0.004),
        ),
        ("/performance/player_latency_avg", serde_json::json!(0.0)),
    ] {
        assert_eq!(json.pointer(pointer), Some(&wanted), "{pointer}");
    }
    let back: Report = serde_json::from_value(json).unwrap();
    assert_eq!(back, report());
}

#[test]
fn the_oldest_tickets_are_the_ones_that_wait_for_a_server() {
    let found = report().matchmaking;
    let reasons: Vec<_> = found.unmatched.iter().map(|t| t.reason.as_str()).collect();
    assert_eq!(reasons, ["for_server", "for_server", "for_players"]);
    assert_eq!(found.waiting["for_server"], 2);
}

#[test]
fn an_empty_platform_has_a_report() {
    let inputs = Inputs {
        servers: &[],
        counts: Counts::default(),
        searching: &[],
        modes: &[],
        snapshot: &Snapshot::default(),
    };
    let report = Report::build(&inputs, Timestamp(0));
    assert!(report.to_string().contains("Total Game Servers:"));
    assert!(!report.to_string().contains("Servers by State"));
}

#[test]
fn people_read_it_as_the_guide_prints_it() {
    let expected = "\
Gaming Infrastructure Report
==================================================
Total Game Servers:      3
Connected Players:       4
Matchmaking Queue:       3
Tickets Created:         9
Tickets Requeued:        0
Matches Created:         2
Matches Open:            2
Players Backfilled:      0
Matches Ended:           0
Matches Abandoned:       1

Servers by State:
  Allocated:      1
  Ready:          2

Servers by Region:
  eu-west-1:      2
  us-east-1:      1

Players by Region:
  eu-west-1:      4

Queue by Game Mode:
  duel:      3

Tickets Waiting:
  for_players:      1
  for_server:       2

Tickets by Outcome:
  completed:      4

Matches Abandoned:
  no_capacity:      1

Ready Checks:
  refused:      1

Average Matchmaking Wait: 3.0s, of those who still wait

Longest Waiting:
  tkt_00000000Z80000000000000001  duel, party of 1, 4s, for_server
  tkt_00000001YG0000000000000002  duel, party of 1, 3s, for_server
  tkt_00000002XR0000000000000003  duel, party of 1, 2s, for_players

Performance (ms)
                        count       p50       p95       p99       max
  Server allocation         4       2.0       4.0       4.0       4.5
  Time to match             0         -         -         -         -
  Match found delay         0         -         -         -         -
  Player latency            0         -         -         -         -
";
    assert_eq!(report().to_string(), expected);
}
