//! Simulated players: they queue in parties, find matches, play over UDP, pause, and queue again.
//!
//! They use what a game client has, the edge of Stadion and the game's own protocol, and live at a distance: the
//! latencies on their tickets are those that their datagrams have.

mod brain;
mod geography;
mod lane;
mod member;
mod party;
mod stats;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use stadion_client::{Client, ClientError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use party::Party;
use stats::Shared;
pub use stats::{Distribution, SwarmStats};

/// Sockets that the players share: 2,000 players receive 20,000 datagrams a second, and with 8 sockets of 212,992
/// bytes each (Linux' default) there is room for what comes in 50 ms.
const LANES: usize = 8;

/// Share of parties by size from 1, per cent: 60 of 100 players come alone.
const PARTY_SHARES: [u32; 5] = [60, 20, 10, 6, 4];

/// Makes a player's token: the first id is the caller, and all are its party.
pub type TokenIssuer = Arc<dyn Fn(&[String]) -> String + Send + Sync>;

/// What a swarm is.
#[derive(Clone)]
pub struct SwarmParams {
    /// The edge of Stadion, such as `http://127.0.0.1:7350`.
    pub gateway_url: String,
    /// Makes the players' tokens.
    pub issue_token: TokenIssuer,
    /// The time, milliseconds since the Unix epoch; compared with that of events.
    pub unix_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Players at once.
    pub players: usize,
    /// Game modes with their weights.
    pub modes: Vec<(String, f64)>,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// What the players' ids begin with: another run needs another one, or its players meet their own past.
    pub name: String,
    /// Time over which the players come.
    pub ramp: Duration,
    /// How long players queue again after a match.
    pub queue_for: Duration,
    /// How long players then go on searching and playing.
    pub drain_for: Duration,
    /// Pause between two matches, on average.
    pub pause: Duration,
    /// Share of parties that leave for good after a match; others come in their place.
    pub leave_share: f64,
    /// Share of matches that a player leaves before their end, where others are put into free seats.
    pub quit_share: f64,
    /// Share of ready checks that a player refuses.
    pub refuse_share: f64,
    /// Share of ready checks that a player does not answer.
    pub silent_share: f64,
}

impl SwarmParams {
    /// Players of the guide's five game modes, for a minute of queueing and half a minute more.
    #[must_use]
    pub fn new(
        gateway_url: &str,
        issue_token: TokenIssuer,
        unix_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
        players: usize,
    ) -> Self {
        let modes = [
            ("battle_royale", 0.15),
            ("team_deathmatch", 0.25),
            ("capture_the_flag", 0.15),
            ("duel", 0.25),
            ("free_for_all", 0.20),
        ];
        Self {
            gateway_url: gateway_url.to_owned(),
            issue_token,
            unix_ms,
            players,
            modes: modes.map(|(name, weight)| (name.to_owned(), weight)).into(),
            seed: 1,
            name: "bot".into(),
            ramp: Duration::from_secs(10),
            queue_for: Duration::from_secs(60),
            drain_for: Duration::from_secs(30),
            pause: Duration::from_secs(3),
            leave_share: 0.1,
            quit_share: 0.05,
            refuse_share: 0.02,
            silent_share: 0.01,
        }
    }
}

/// Why a swarm cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    /// The gateway refused or is not there. Retry if the cause says so.
    #[error("the gateway cannot be used")]
    Gateway(#[source] ClientError),
    /// A parameter makes no sense. The caller's fault; do not retry.
    #[error("{0}")]
    Params(&'static str),
    /// The host gives no socket.
    #[error("no UDP socket for the players")]
    Socket(#[source] std::io::Error),
}

/// Simulated players. A clone is the same swarm, and can be asked while it runs.
#[derive(Clone)]
pub struct BotSwarm {
    params: Arc<SwarmParams>,
    stats: Shared,
}

impl BotSwarm {
    /// Players who have not come yet.
    #[must_use]
    pub fn new(params: SwarmParams) -> Self {
        Self {
            params: Arc::new(params),
            stats: Shared::default(),
        }
    }

    /// What was counted until now.
    #[must_use]
    pub fn stats(&self) -> SwarmStats {
        self.stats.snapshot()
    }

    /// Lets the players come, queue and play, until `queue_for` and `drain_for` are over and everybody is out, or
    /// until `stop`. Then no ticket is left in a queue and no session on a server.
    ///
    /// # Errors
    /// [`BotError`], when they cannot even start; later trouble is counted.
    pub async fn run(&self, stop: CancellationToken) -> Result<SwarmStats, BotError> {
        let swarm = self.open(stop.child_token()).await?;
        let (closing, end) = (swarm.closing.clone(), swarm.stop.clone());
        let (queue_for, drain_for) = (self.params.queue_for, self.params.drain_for);
        let clock = tokio::spawn(async move {
            sleep(queue_for).await;
            closing.cancel();
            sleep(drain_for).await;
            end.cancel();
        });
        let mut random = StdRng::seed_from_u64(self.params.seed);
        let mut parties = JoinSet::new();
        let mut players = 0;
        while players < self.params.players {
            let mode = swarm.draw_mode(&mut random);
            let cap = swarm.party_caps.get(&mode).copied().unwrap_or(1);
            let size = draw_size(&mut random, cap.min(self.params.players - players));
            players += size;
            let wait = self.params.ramp.mul_f64(random.random());
            parties.spawn(place(Arc::clone(&swarm), mode, size, random.random(), wait));
        }
        while parties.join_next().await.is_some() {}
        clock.abort();
        Ok(self.stats())
    }

    async fn open(&self, stop: CancellationToken) -> Result<Arc<Swarm>, BotError> {
        if self.params.modes.iter().all(|(_, weight)| *weight <= 0.0) {
            return Err(BotError::Params("modes: at least one needs a weight"));
        }
        if !(0.0..=1.0).contains(&self.params.leave_share) {
            return Err(BotError::Params("leave_share: from 0 to 1"));
        }
        if !(0.0..=1.0).contains(&self.params.quit_share) {
            return Err(BotError::Params("quit_share: from 0 to 1"));
        }
        let (refuse, silent) = (self.params.refuse_share, self.params.silent_share);
        if refuse < 0.0 || silent < 0.0 || refuse + silent > 1.0 {
            return Err(BotError::Params(
                "refuse_share and silent_share: from 0 to 1 together",
            ));
        }
        let token = (self.params.issue_token)(&[format!("{}-0", self.params.name)]);
        let client = Client::new(&self.params.gateway_url, &token).map_err(BotError::Gateway)?;
        let modes = client.game_modes().await.map_err(BotError::Gateway)?;
        let regions = client.regions().await.map_err(BotError::Gateway)?;
        let mut lanes = Vec::with_capacity(LANES);
        for number in 0..LANES {
            let seed = self.params.seed.wrapping_add(number as u64);
            let lane = lane::open(seed, self.stats.clone()).await;
            lanes.push(lane.map_err(BotError::Socket)?);
        }
        let mut quittable = BTreeSet::new();
        let caps = modes.game_modes.into_iter().map(|mode| {
            if mode.backfill {
                quittable.insert(mode.name.clone());
            }
            let cap = usize::try_from(mode.party_players_max).unwrap_or(usize::MAX);
            (mode.name, cap.clamp(1, PARTY_SHARES.len()))
        });
        let party_caps = caps.collect();
        Ok(Arc::new(Swarm {
            params: Arc::clone(&self.params),
            stats: self.stats.clone(),
            client,
            regions: regions
                .regions
                .into_iter()
                .map(|region| region.name)
                .collect(),
            party_caps,
            quittable,
            lanes,
            last_id: AtomicU64::new(0),
            closing: stop.child_token(),
            stop,
        }))
    }
}

/// What all parties share.
struct Swarm {
    params: Arc<SwarmParams>,
    stats: Shared,
    client: Client,
    regions: Vec<String>,
    /// The largest party of each game mode.
    party_caps: BTreeMap<String, usize>,
    /// Game modes whose matches a player may leave early: somebody else comes.
    quittable: BTreeSet<String>,
    lanes: Vec<mpsc::Sender<lane::Command>>,
    last_id: AtomicU64,
    /// Nobody queues any more.
    closing: CancellationToken,
    /// Everybody goes.
    stop: CancellationToken,
}

impl Swarm {
    fn new_id(&self) -> String {
        let number = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{}-{number}", self.params.name)
    }

    /// The lane of a party's player.
    fn lane(&self, seed: u64, index: usize) -> Result<mpsc::Sender<lane::Command>, BotError> {
        let count = self.lanes.len().max(1) as u64;
        let number = usize::try_from((seed % count + index as u64) % count).unwrap_or(0);
        let lane = self.lanes.get(number).cloned();
        lane.ok_or(BotError::Params("no lanes"))
    }

    fn draw_mode(&self, random: &mut StdRng) -> String {
        let modes = || self.params.modes.iter().filter(|(_, weight)| *weight > 0.0);
        let total: f64 = modes().map(|(_, weight)| weight).sum();
        let mut at = random.random::<f64>() * total;
        for (name, weight) in modes() {
            at -= weight;
            if at < 0.0 {
                return name.clone();
            }
        }
        // Rounding: the last one.
        modes()
            .next_back()
            .map(|(name, _)| name.clone())
            .unwrap_or_default()
    }
}

/// A party's size, at most `cap`.
fn draw_size(random: &mut StdRng, cap: usize) -> usize {
    let mut at = random.random_range(0..100_u32);
    let mut size = 1;
    for share in PARTY_SHARES {
        match at.checked_sub(share) {
            Some(rest) => at = rest,
            None => break,
        }
        size += 1;
    }
    size.clamp(1, cap.max(1))
}

/// Keeps one party's place filled: when its players leave for good, others come.
async fn place(swarm: Arc<Swarm>, mode: String, size: usize, seed: u64, wait: Duration) {
    let mut random = StdRng::seed_from_u64(seed);
    tokio::select! {
        () = sleep(wait) => {}
        () = swarm.closing.cancelled() => return,
    }
    while !swarm.closing.is_cancelled() {
        match Party::new(&swarm, &mode, size, random.random()) {
            Ok(party) => party.live().await,
            Err(_) => return swarm.stats.error("token"),
        }
        // Whoever cannot even queue does not come back at once.
        tokio::select! {
            () = sleep(swarm.params.pause) => {}
            () = swarm.closing.cancelled() => {}
        }
    }
}
