//! A disk that is full: nothing is acknowledged, nothing acknowledged is lost, and room heals it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use stadion_client::wire::{CreateTicket, Player, TicketState};
use stadion_client::{ClientError, ProblemKind};
use stadion_testkit::wait::wait_until;

use crate::stand::Stand;

const SETTINGS: &str = "
drain_timeout_seconds: 0
matchmaking: { ticket_ttl_seconds: 3600 }
game_modes: [{ name: duel, players_target: 2, teams: 2, skill: { initial: 0, growth_per_second: 0, max: 0 } }]
fleets: [{ name: arena, region: us-east-1, min_replicas: 1, max_replicas: 1, buffer_size: 1 }]
";
/// Tickets before the disk is full.
const TICKETS: usize = 20;

/// A small file system in memory, until it is dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// None where this user may not mount.
    fn mount(dir: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "stadion-test"])
            .arg(dir)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(dir.to_owned())),
            refused => {
                println!("skipped, because a tmpfs cannot be mounted: {refused:?}");
                None
            }
        }
    }
}

impl Tmpfs {
    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Takes the room that is left, to the last byte.
    fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .unwrap();
        for size in [64 * 1_024, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily, because a failed test's processes may still be there.
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Nobody is matched: that takes the same skill, and everybody has their own. The journal has room for hundreds of
/// tickets when the disk is full, which are a whole match elsewhere.
fn lonely(player_id: &str) -> CreateTicket {
    let number = player_id.rsplit('-').next().unwrap();
    CreateTicket {
        game_mode: "duel".into(),
        players: vec![Player {
            player_id: player_id.into(),
            skill: Some(number.parse().unwrap()),
            latencies_ms: [("us-east-1".to_owned(), 10)].into(),
            ..Player::default()
        }],
        ..CreateTicket::default()
    }
}

async fn ask(stand: &Stand, id: &str) -> Result<String, ClientError> {
    let player = stand.player(id);
    let ticket = player.create_ticket(&lonely(id), Some(id)).await?;
    Ok(ticket.ticket_id)
}

/// Fills the disk until a ticket is refused, and gives that answer and the ticket's player.
async fn fill_until_refused(
    stand: &Stand,
    tmpfs: &Tmpfs,
    acknowledged: &mut Vec<(String, String)>,
) -> (ClientError, String) {
    loop {
        // What the state gives back and takes again is taken from it too.
        tmpfs.fill();
        let id = format!("late-{}", acknowledged.len());
        match ask(stand, &id).await {
            Ok(ticket) => acknowledged.push((ticket, id)),
            Err(error) => return (error, id),
        }
    }
}

async fn every_ticket_searches(stand: &Stand, acknowledged: &[(String, String)]) {
    for (ticket, id) in acknowledged {
        let found = stand.player(id).ticket(ticket).await.unwrap();
        assert_eq!(found.state, TicketState::Searching, "{ticket}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_a_full_disk_refuses_tickets_and_loses_none() {
    let dir = tempfile::tempdir().unwrap();
    let Some(tmpfs) = Tmpfs::mount(dir.path()) else {
        return;
    };
    let data_dir = tmpfs.0.join("data");
    let mut stand = Stand::in_dir(SETTINGS, |_| data_dir.clone()).await;
    stand.start().await;
    stand.servers_ready(1).await;
    let mut acknowledged = Vec::new();
    for number in 0..TICKETS {
        let id = format!("early-{number}");
        acknowledged.push((ask(&stand, &id).await.unwrap(), id));
    }

    let (error, late) = fill_until_refused(&stand, &tmpfs, &mut acknowledged).await;
    assert_eq!(error.kind(), Some(ProblemKind::Unavailable), "{error}");
    let ClientError::Problem {
        problem,
        retry_after_ms,
    } = error
    else {
        panic!("no problem details");
    };
    assert_eq!(problem.status, 503);
    assert!(retry_after_ms.is_some());
    // What is known can still be read.
    let (ticket, id) = &acknowledged[0];
    assert_eq!(
        stand.player(id).ticket(ticket).await.unwrap().state,
        TicketState::Searching
    );

    // With room again it recovers by itself.
    tmpfs.make_room();
    wait_until("tickets to be taken again", || async {
        ask(&stand, &late).await.ok()
    })
    .await;
    every_ticket_searches(&stand, &acknowledged).await;

    // It is killed while the disk is full, and started when it is not.
    let (_, late) = fill_until_refused(&stand, &tmpfs, &mut acknowledged).await;
    stand.kill().await;
    tmpfs.make_room();
    stand.start().await;
    every_ticket_searches(&stand, &acknowledged).await;
    ask(&stand, &late).await.unwrap();
    stand.stop().await;
}
