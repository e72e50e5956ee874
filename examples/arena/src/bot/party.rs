//! Players that queue and play together, match after match.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use stadion_client::wire::{CreateTicket, Player, Ticket};
use stadion_client::{Client, ClientError, ProblemKind};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::geography::{Home, Line};
use super::member::{Member, Note};
use super::{BotError, Swarm};

/// Notes that wait for the party: its players' and some.
const NOTES_WAITING: usize = 32;
/// Attempts to get a ticket: two minutes with their pauses, a restart of Stadion.
const CREATES_MAX: u32 = 40;
/// Pause between them when Stadion names none.
const CREATE_PAUSE: Duration = Duration::from_secs(3);
/// Longest pause that a player obeys before trying again.
const CREATE_PAUSE_MAX: Duration = Duration::from_secs(15);
/// How long the party waits for the rest of its players once one has a seat.
const FOUND_PATIENCE: Duration = Duration::from_secs(30);
/// How long a party that stops waits for seats that are on their way: a placement takes about a second.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Attempts to take a ticket back.
const CANCELS_MAX: u32 = 3;

/// The name of an error in the stats.
pub(super) fn kind_of(error: &ClientError) -> &'static str {
    match error {
        ClientError::Invalid(_) => "invalid",
        ClientError::Problem { .. } => error.kind().map_or("unknown-problem", ProblemKind::slug),
        ClientError::Transport(_) => "transport",
        ClientError::Timeout { .. } => "timeout",
        ClientError::Answer(_) => "answer",
        ClientError::Replaced => "replaced",
    }
}

/// Whether a party queues again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    Again,
    Over,
}

/// One party, for as long as its players stay.
pub(super) struct Party {
    swarm: Arc<Swarm>,
    game_mode: String,
    ids: Vec<String>,
    players: Vec<Player>,
    client: Client,
    random: StdRng,
    notes: mpsc::Receiver<(usize, Note)>,
    members: JoinSet<()>,
    /// Ends the party's players.
    stop: CancellationToken,
}

impl Party {
    /// New players, who connect at once.
    pub(super) fn new(
        swarm: &Arc<Swarm>,
        game_mode: &str,
        size: usize,
        seed: u64,
    ) -> Result<Self, BotError> {
        let mut random = StdRng::seed_from_u64(seed);
        let home = Home::draw(&mut random);
        let ids: Vec<String> = (0..size).map(|_| swarm.new_id()).collect();
        let stop = CancellationToken::new();
        let (sender, notes) = mpsc::channel(NOTES_WAITING);
        let mut members = JoinSet::new();
        let mut players = Vec::with_capacity(size);
        for (index, id) in ids.iter().enumerate() {
            let line = Line::draw(home, &mut random);
            let skill = normal(&mut random, 1_500.0, 350.0).clamp(0.0, 3_000.0);
            players.push(Player {
                player_id: id.clone(),
                skill: Some(skill),
                latencies_ms: line.measure(&swarm.regions),
                ..Player::default()
            });
            let token = (swarm.params.issue_token)(std::slice::from_ref(id));
            #[expect(clippy::cast_possible_truncation, reason = "a share")]
            let steadiness = (skill / 3_000.0) as f32;
            let member = Member {
                swarm: Arc::clone(swarm),
                index,
                client: swarm.client.with_token(&token).map_err(BotError::Gateway)?,
                line,
                steadiness,
                quits: swarm.quittable.contains(game_mode),
                random: StdRng::seed_from_u64(seed.wrapping_add(index as u64)),
                lane: swarm.lane(seed, index)?,
                notes: sender.clone(),
                stop: stop.clone(),
            };
            members.spawn(member.run());
        }
        swarm.stats.count(|stats| {
            stats.parties += 1;
            stats.players += size as u64;
        });
        Ok(Self {
            swarm: Arc::clone(swarm),
            game_mode: game_mode.to_owned(),
            ids,
            players,
            client: swarm.client.clone(),
            random,
            notes,
            members,
            stop,
        })
    }

    /// Queues and plays until the players have had enough or the swarm ends.
    pub(super) async fn live(mut self) {
        if self.gather().await {
            while self.round().await == Round::Again {
                let pause = self.swarm.params.pause;
                let pause = pause.mul_f64(self.random.random_range(0.5..=1.5));
                tokio::select! {
                    () = sleep(pause) => {}
                    () = self.swarm.closing.cancelled() => break,
                }
            }
        }
        self.stop.cancel();
        // Nobody listens any more, and a player who has news must not wait for that.
        self.notes.close();
        while self.members.join_next().await.is_some() {}
    }

    /// Waits until everybody hears events; `false` when that does not come about.
    async fn gather(&mut self) -> bool {
        let mut missing = self.ids.len();
        while missing > 0 {
            let note = tokio::select! {
                note = self.notes.recv() => note,
                () = self.swarm.stop.cancelled() => return false,
            };
            match note {
                Some((_, Note::Connected)) => missing -= 1,
                Some((_, Note::NotConnected)) | None => return false,
                Some(_) => {}
            }
        }
        true
    }

    /// One ticket, and the match it leads to.
    async fn round(&mut self) -> Round {
        if self.swarm.closing.is_cancelled() {
            return Round::Over;
        }
        let Some(ticket) = self.create_ticket().await else {
            return Round::Over;
        };
        let created = Instant::now();
        self.swarm.stats.count(|stats| {
            stats.tickets += 1;
            stats.searching += 1;
        });
        let found = self.search(&ticket).await;
        self.swarm.stats.count(|stats| stats.searching -= 1);
        match found {
            Ok(first) => {
                let waited_ms = u32::try_from(created.elapsed().as_millis()).unwrap_or(u32::MAX);
                self.swarm.stats.count(|stats| {
                    stats.tickets_matched += 1;
                    let times = stats.time_to_match_ms.entry(self.game_mode.clone());
                    times.or_default().add(waited_ms);
                });
                self.play(first).await;
            }
            Err(reason) => self
                .swarm
                .stats
                .count(|stats| *stats.unmatched.entry(reason).or_default() += 1),
        }
        let leaves = self.random.random_bool(self.swarm.params.leave_share);
        if leaves || self.swarm.stop.is_cancelled() {
            Round::Over
        } else {
            Round::Again
        }
    }

    async fn create_ticket(&mut self) -> Option<Ticket> {
        // A fresh token for each ticket: the last one may have expired.
        let token = (self.swarm.params.issue_token)(&self.ids);
        self.client = self.swarm.client.with_token(&token).ok()?;
        let request = CreateTicket {
            game_mode: self.game_mode.clone(),
            players: self.players.clone(),
            ..CreateTicket::default()
        };
        let key = format!("{:032x}", self.random.random::<u128>());
        for _ in 0..CREATES_MAX {
            // Not to be cut off: an answer that nobody hears is a ticket that nobody takes back.
            let error = match self.client.create_ticket(&request, Some(&key)).await {
                Ok(ticket) => return Some(ticket),
                Err(error) => error,
            };
            self.swarm
                .stats
                .error(format!("ticket:{}", kind_of(&error)));
            // The last match may need a moment to end everywhere.
            let ending = matches!(
                error.kind(),
                Some(ProblemKind::InMatch | ProblemKind::AlreadyQueued)
            );
            if !error.is_retryable() && !ending {
                return None;
            }
            let asked = match error {
                ClientError::Problem { retry_after_ms, .. } => retry_after_ms,
                _ => None,
            };
            let pause = asked.map_or(CREATE_PAUSE, Duration::from_millis);
            let spread = self.random.random_range(0.75..=1.25);
            tokio::select! {
                () = sleep(pause.min(CREATE_PAUSE_MAX).mul_f64(spread)) => {}
                () = self.swarm.stop.cancelled() => return None,
            }
        }
        None
    }

    /// Waits for a seat; gives whose came first, or why there is none.
    async fn search(&mut self, ticket: &Ticket) -> Result<usize, String> {
        let mut last = "searching".to_owned();
        let mut give_up: Option<Instant> = None;
        loop {
            let note = tokio::select! {
                note = self.notes.recv() => note,
                () = self.swarm.stop.cancelled(), if give_up.is_none() => {
                    if self.cancel(ticket).await {
                        return Err(last);
                    }
                    // Too late to take it back: the seats are on their way, and have to be left.
                    give_up = Some(Instant::now() + STOP_PATIENCE);
                    continue;
                }
                () = sleep_until(give_up.unwrap_or_else(Instant::now)), if give_up.is_some() => {
                    return Err(last);
                }
            };
            match note {
                Some((index, Note::Found)) => return Ok(index),
                Some((
                    index,
                    Note::Ticket {
                        ticket_id,
                        news,
                        over,
                    },
                )) if ticket_id == ticket.ticket_id => {
                    if over {
                        return Err(news);
                    }
                    // Every player hears the news; the leader's count.
                    if index == 0 && news.starts_with("requeued") {
                        let news = news.clone();
                        self.swarm
                            .stats
                            .count(|stats| *stats.requeues.entry(news).or_default() += 1);
                    }
                    last = news;
                }
                Some(_) => {}
                None => return Err("players_gone".into()),
            }
        }
    }

    /// Takes the ticket back; `false` when it is not searching any more.
    async fn cancel(&self, ticket: &Ticket) -> bool {
        for _ in 0..CANCELS_MAX {
            match self.client.cancel_ticket(&ticket.ticket_id).await {
                Ok(_) => return true,
                Err(error) if error.is_retryable() => {
                    self.swarm
                        .stats
                        .error(format!("cancel:{}", kind_of(&error)));
                    sleep(CREATE_PAUSE).await;
                }
                Err(_) => return false,
            }
        }
        false
    }

    /// Waits until everybody who found a seat is back, or has a seat to be left.
    async fn play(&mut self, first: usize) {
        let mut found = vec![false; self.ids.len()];
        let mut playing = 1_usize;
        if let Some(found) = found.get_mut(first) {
            *found = true;
        }
        let mut late = Instant::now() + FOUND_PATIENCE;
        let mut late_counted = false;
        let mut stopping = false;
        loop {
            let missing = found.iter().filter(|found| !**found).count();
            if (playing == 0 || stopping) && (missing == 0 || late_counted) {
                return;
            }
            let note = tokio::select! {
                note = self.notes.recv() => note,
                () = sleep_until(late), if !late_counted => {
                    late_counted = true;
                    for _ in 0..missing {
                        self.swarm.stats.error("match_found_missing");
                    }
                    continue;
                }
                () = self.swarm.stop.cancelled(), if !stopping => {
                    stopping = true;
                    late = late.min(Instant::now() + STOP_PATIENCE);
                    continue;
                }
            };
            match note {
                Some((index, Note::Found)) => {
                    playing += 1;
                    if let Some(found) = found.get_mut(index) {
                        *found = true;
                    }
                }
                Some((_, Note::Done)) => playing = playing.saturating_sub(1),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// A normally distributed number, by Box and Muller's transform.
fn normal(random: &mut StdRng, mean: f64, deviation: f64) -> f64 {
    let (u, v): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    mean + deviation * (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
