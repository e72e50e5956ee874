//! The platform is killed under load and started again: nothing that it had acknowledged is lost, and nothing that it
//! must not do is done (I1 to I5).

pub(crate) mod player;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;
use stadion_client::ProblemKind;
use stadion_server::operator::wire::MatchInfo;
use stadion_testkit::random::Random;
use stadion_testkit::wait::wait_until;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::stand::{PATIENCE, Stand};
use player::{Habits, Player};

/// Kills of a whole run, and of a quick one.
const SEEDS: u64 = 50;
const SEEDS_QUICK: u64 = 5;
/// Kills that one data directory goes through.
const CHAIN: u64 = 13;
/// The kill comes within this time from the first request.
const KILL_WITHIN_MS: usize = 600;
/// About as long as a start takes; it may be killed at any moment of it.
const RECOVERY_MS: usize = 150;
/// Players of one round who want a duel, a trio, and a match that never comes.
const DUELLISTS: usize = 8;
const TRIO: usize = 3;
const HERMITS: usize = 2;
/// A seat whose player says nothing for 10 s is free again, and then its match may end: less than that.
const SURELY_LIVE: Duration = Duration::from_secs(7);

/// How long a match is tried that may be over.
const SHORTLY: Duration = Duration::from_secs(2);

const SETTINGS: &str = "
drain_timeout_seconds: 0
matchmaking: { interval_ms: 50, ticket_ttl_seconds: 4 }
scaling: { interval_ms: 100 }
networking: { port_range_start: 22000, port_range_end: 22999 }
regions: [here]
game_modes:
  - { name: duel, teams: 2, players_target: 2, players_min: 2 }
  - { name: trio, teams: 1, players_target: 3, players_min: 3, acceptance: { timeout_ms: 1000 }, backfill: high }
  - { name: crowd, teams: 1, players_target: 50, players_min: 50 }
fleets:
  - { name: arena, region: here, min_replicas: 8, max_replicas: 60, buffer_size: 6, max_players: 8, tick_rate: 10 }
";

/// A data directory and what its players remember.
struct Chain {
    stand: Stand,
    /// Players of every round.
    players: Vec<Player>,
    rounds: u64,
}

impl Chain {
    async fn new() -> Self {
        let mut stand = Stand::new(SETTINGS).await;
        stand.start().await;
        stand.servers_ready(8).await;
        Self {
            stand,
            players: Vec::new(),
            rounds: 0,
        }
    }

    /// One kill.
    async fn round(&mut self, seed: u64) {
        println!("STADION_SEED={seed}");
        let mut random = Random::new(seed);
        self.rounds += 1;
        let first = self.players.len();
        self.load_and_kill(seed, &mut random).await;
        // Some are killed again while they recover.
        while random.once_in(4) {
            self.stand.spawn();
            // polls: nothing; the moment is what is tried.
            sleep(Duration::from_millis(random.below(RECOVERY_MS) as u64)).await;
            self.stand.kill().await;
        }
        self.stand.start().await;
        self.every_ticket_is_known(first).await;
        self.no_player_is_in_two_places().await;
        self.matches_go_on(first).await;
        self.servers_and_matches_fit().await;
        self.play_out(&mut random).await;
    }

    async fn load_and_kill(&mut self, seed: u64, random: &mut Random) {
        let (round, killed) = (self.rounds, CancellationToken::new());
        let mut tasks = JoinSet::new();
        for number in 0..DUELLISTS + TRIO + HERMITS {
            let modes: &[&str] = match number {
                // Whoever is matched in one mode is not searching in another one.
                0 | 1 => &["duel", "trio"],
                _ if number < DUELLISTS => &["duel"],
                _ if number < DUELLISTS + TRIO => &["trio"],
                _ => &["crowd"],
            };
            let id = format!("r{round}-s{seed}-p{number}");
            let habits = Habits {
                joins: random.once_in(2),
                leaves: random.once_in(4),
                cancels: random.once_in(8),
            };
            let mut player = Player::new(
                id.clone(),
                self.stand.player(&id),
                modes,
                habits,
                random.bits(),
            );
            let (killed, late_ms) = (killed.clone(), random.below(KILL_WITHIN_MS / 2));
            tasks.spawn(async move {
                let playing = async {
                    // polls: nothing; this is the seeded moment at which the player comes, and any moment is right
                    sleep(Duration::from_millis(late_ms as u64)).await;
                    player.play().await
                };
                tokio::select! {
                    _ = playing => {}
                    () = killed.cancelled() => {}
                }
                player
            });
        }
        // polls: nothing; the moment is what is tried.
        sleep(Duration::from_millis(random.below(KILL_WITHIN_MS) as u64)).await;
        self.stand.kill().await;
        killed.cancel();
        self.players.extend(tasks.join_all().await);
    }

    /// I2: every acknowledged ticket is there, as it was, and asking again finds it.
    async fn every_ticket_is_known(&mut self, first: usize) {
        for player in &mut self.players[first..] {
            for ask in &mut player.asks {
                if let Some(id) = &ask.ticket_id {
                    let ticket = player.client.ticket(id).await;
                    let ticket = ticket.unwrap_or_else(|error| panic!("{id} is lost: {error}"));
                    if let Some(seen) = ask.seen.filter(|seen| seen.is_terminal()) {
                        assert_eq!(ticket.state, seen, "{id}");
                    }
                }
                for _ in 0..2 {
                    let again = player.client.create_ticket(&ask.request, Some(&ask.key));
                    match (again.await, &ask.ticket_id) {
                        (Ok(ticket), Some(id)) => assert_eq!(ticket.ticket_id, *id),
                        (Ok(ticket), None) => ask.ticket_id = Some(ticket.ticket_id),
                        // It had not been acknowledged, and the player's other ticket was faster.
                        (Err(error), None) => assert_eq!(error.kind(), Some(ProblemKind::InMatch)),
                        (Err(error), Some(id)) => panic!("{id} is not found again: {error}"),
                    }
                }
            }
        }
        let tickets = self.stand.tickets("").await;
        let ids: BTreeSet<_> = tickets.iter().map(|ticket| &ticket.ticket_id).collect();
        assert_eq!(ids.len(), tickets.len(), "a ticket is there twice");
        let known = self.players.iter().flat_map(|player| &player.asks);
        for id in known.filter_map(|ask| ask.ticket_id.as_ref()) {
            assert!(ids.contains(id), "{id} is lost");
        }
    }

    /// I1.
    async fn no_player_is_in_two_places(&self) {
        let mut seated = Vec::new();
        for open in self.stand.matches("placing").await {
            let players = open.players.into_iter();
            seated.extend(players.map(|player| (player.player_id, open.match_id.clone())));
        }
        // Who left a live match is in its line-up still, and may be in another one.
        for session in self.stand.live_sessions().await {
            seated.push((session.player_id, session.match_id));
        }
        let mut places: BTreeMap<String, String> = BTreeMap::new();
        for (player, match_id) in seated {
            let other = places.insert(player.clone(), match_id.clone());
            // Between the two lists a match may become live.
            let elsewhere = other.filter(|other| *other != match_id);
            assert_eq!(elsewhere, None, "{player} and {match_id}");
        }
        let mut searching = BTreeSet::new();
        for ticket in self.stand.tickets("searching").await {
            for player in ticket.players {
                let place = (player, ticket.game_mode.clone());
                assert!(searching.insert(place.clone()), "{place:?} searches twice");
            }
        }
    }

    /// Matches that were live are live on the same servers; a token counts once, before the kill or after it (I5).
    async fn matches_go_on(&mut self, first: usize) {
        let live = self.stand.matches("live").await;
        let seats = || self.players[first..].iter().filter_map(|p| p.seat.as_ref());
        let deserted: BTreeSet<_> = seats()
            .filter(|seat| seat.is_left)
            .map(|seat| seat.found.match_id.clone())
            .collect();
        for player in &mut self.players[first..] {
            let Some(seat) = &mut player.seat else {
                continue;
            };
            let found = seat.found.clone();
            let now = live.iter().find(|m| m.match_id == found.match_id);
            // Whoever came later found a match that others may have left since.
            let may_be_over = deserted.contains(&found.match_id)
                || found.players.len() > TRIO
                || seat.found_at.elapsed() > SURELY_LIVE;
            let Some(now) = now else {
                assert!(may_be_over, "{} is not live any more", found.match_id);
                continue;
            };
            let address = format!("{}:{}", found.server.address, found.server.port);
            assert_eq!(now.address.as_ref(), Some(&address));
            if !seat.is_left {
                let patience = if may_be_over { SHORTLY } else { PATIENCE };
                let joined = seat.join(patience).await;
                let is_fine = joined.is_ok() || may_be_over;
                assert!(is_fine, "{} cannot join: {joined:?}", player.id);
            }
            if seat.is_joined() {
                let server = self.stand.server(now.server.as_deref().unwrap());
                let twice = server.redeem(seat.token(), Some("another-connection"));
                let twice = twice.await;
                let kind = twice.err().and_then(|error| error.kind());
                let is_refused = kind == Some(ProblemKind::JoinTokenUsed)
                    || may_be_over && kind == Some(ProblemKind::WrongState);
                assert!(is_refused, "{}: {kind:?}", player.id);
            }
        }
    }

    /// I3 and I4: before long, every live match has one server and every allocated server one live match.
    async fn servers_and_matches_fit(&self) {
        wait_until("servers and matches to fit", || async {
            let before = self.stand.matches("live").await;
            let servers = self.stand.servers().await;
            let live = self.stand.matches("live").await;
            // What became live or ended in between is looked at again.
            let is_quiet = self.stand.matches("placing").await.is_empty()
                && before
                    .iter()
                    .map(|m| &m.match_id)
                    .eq(live.iter().map(|m| &m.match_id));
            let allocated: Vec<_> = servers.iter().filter(|s| s.state == "Allocated").collect();
            let matches: BTreeSet<_> = allocated
                .iter()
                .filter_map(|s| s.match_id.as_ref())
                .collect();
            assert_eq!(matches.len(), allocated.len(), "{allocated:?}");
            let has_its_server = |live: &MatchInfo| {
                allocated.iter().any(|server| {
                    server.match_id.as_ref() == Some(&live.match_id)
                        && Some(&server.name) == live.server.as_ref()
                })
            };
            let fits = allocated.len() == live.len() && live.iter().all(has_its_server);
            (is_quiet && fits).then_some(())
        })
        .await;
    }

    /// Most live matches are joined by all of their players, who then leave; the rest sees the next kill.
    async fn play_out(&mut self, random: &mut Random) {
        let mut by_id: BTreeMap<_, _> =
            self.players.iter_mut().map(|p| (p.id.clone(), p)).collect();
        for live in self.stand.matches("live").await {
            // One of a trio leaves at least: somebody of the next round may have that seat.
            let leaving = match (random.once_in(3), live.game_mode == "trio") {
                (true, true) => 1,
                (true, false) => continue,
                (false, _) => live.players.len(),
            };
            let leaving = &live.players[..leaving];
            for member in leaving {
                let player = by_id.get_mut(&member.player_id).unwrap();
                if player.seat.is_none() {
                    let found = timeout(PATIENCE, player.find_seat()).await;
                    found.expect("a seat is told again").unwrap();
                }
                let seat = player.seat.as_mut().unwrap();
                if !seat.is_joined() {
                    // The match may be just over.
                    drop(seat.join(SHORTLY).await);
                }
            }
            for member in leaving {
                let player = by_id.get_mut(&member.player_id).unwrap();
                player.seat.as_mut().unwrap().leave().await;
            }
        }
    }

    /// I2: every ticket ends. Then the platform ends, and nothing is left.
    async fn finish(self) {
        let acknowledged: BTreeSet<_> = self
            .players
            .iter()
            .flat_map(|player| player.asks.iter().filter_map(|ask| ask.ticket_id.clone()))
            .collect();
        let ended = wait_until("every ticket to end", || async {
            let tickets = self.stand.tickets("").await;
            let open = ["searching", "requires_acceptance", "placing"];
            let over = tickets
                .iter()
                .all(|ticket| !open.contains(&ticket.state.as_str()));
            over.then_some(tickets)
        })
        .await;
        let ended: BTreeMap<_, _> = ended.into_iter().map(|t| (t.ticket_id, t.state)).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for id in &acknowledged {
            *counts.entry(&ended[id]).or_default() += 1;
        }
        let ended = self.stand.matches("ended").await;
        let filled = ended
            .iter()
            .filter(|ended| ended.game_mode == "trio" && ended.players.len() > TRIO);
        println!(
            "{} acknowledged tickets ended: {counts:?}; {} live matches were filled",
            acknowledged.len(),
            filled.count()
        );
        self.stand.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_to_i5_hold_when_it_is_killed_at_any_moment() {
    let given = std::env::var("STADION_SEED").ok();
    let seeds = match given.and_then(|text| text.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None if std::env::var_os("STADION_TEST_QUICK").is_some() => 0..SEEDS_QUICK,
        None => 0..SEEDS,
    };
    let begun = Instant::now();
    let mut chain: Option<Chain> = None;
    for seed in seeds.clone() {
        if chain.as_ref().is_some_and(|chain| chain.rounds == CHAIN) {
            chain.take().unwrap().finish().await;
        }
        if chain.is_none() {
            chain = Some(Chain::new().await);
        }
        let started = Instant::now();
        chain.as_mut().unwrap().round(seed).await;
        println!("took {:?}", started.elapsed());
    }
    chain.unwrap().finish().await;
    println!("{seeds:?} took {:?}", begun.elapsed());
}

/// A platform that is killed and started again has the game servers that it had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_game_servers_live_through_a_kill_and_are_adopted() {
    let mut stand = Stand::new(SETTINGS).await;
    stand.start().await;
    let before = stand.servers_ready(8).await;
    stand.kill().await;
    stand.start().await;
    let after = stand.servers_ready(8).await;
    let pids = |servers: &[stadion_server::operator::wire::ServerInfo]| -> BTreeSet<_> {
        servers
            .iter()
            .map(|s| (s.name.clone(), s.pid, s.port))
            .collect()
    };
    assert!(
        pids(&before).is_subset(&pids(&after)),
        "{before:?}\n{after:?}"
    );
    stand.signal(Signal::INT);
    assert!(stand.exited().await.success());
    stand.assert_gone();
}
