//! Calls to Stadion and to the SDK server, each in a task of its own; answers come back as [`Notice`]s.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Map, Value};
use stadion_client::wire::{Heartbeats, Match, Seat};
use stadion_client::{Client, ClientError, ProblemKind};
use stadion_sdk::Sdk;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::game::Vacancies;
use crate::protocol::Refusal;

/// Where the id of a server's match is, among its labels or annotations.
pub(super) const MATCH_ID_KEY: &str = "stadion.dev/match-id";

/// Time between two looks whether the SDK server is there: two fit into the time that it may be away.
const SDK_LOOK: Duration = Duration::from_secs(25);
/// First pause between attempts; it doubles. A server hears of its match some milliseconds before the match is live, and
/// its players are on their way then.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
/// Longest pause between attempts: a returning Stadion gets its results within moments.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a result is worth delivering: Stadion ends a match whose server has not spoken for far less.
const REPORT_FOR: Duration = Duration::from_secs(600);
/// How long the end of a seat is worth delivering: a minute later the seat expires by itself.
const END_FOR: Duration = Duration::from_secs(60);
/// How long an offer of seats is tried: later, somebody else may have left.
const OFFER_FOR: Duration = Duration::from_secs(10);
/// How long a join token is tried: its player asks again anyway.
const REDEEM_FOR: Duration = Duration::from_secs(5);

/// What came back.
#[derive(Debug)]
pub(super) enum Notice {
    /// The game server as the SDK server sees it.
    GameServer {
        state: String,
        match_id: Option<String>,
    },
    /// The SDK server answers.
    SdkAlive,
    /// It does not.
    SdkSilent,
    /// The line-up of a match; none when there is no such match.
    Lineup(String, Option<Box<Match>>),
    /// A join token was checked.
    Redeemed((SocketAddr, u64), Box<Result<Seat, Refusal>>),
    /// Sessions that are over.
    Verdicts(Vec<String>),
    /// A seat is free now.
    SeatFree,
    /// Free seats were offered, or could not be; `false` when nobody will ever come.
    Offered(bool),
    /// The result of this match was delivered, or is given up.
    Reported(String),
    /// Whether Ready was heard.
    Ready(bool),
    /// Shutdown was asked for.
    ShutDown,
}

/// Stadion and the SDK server.
pub(super) struct Edge {
    client: Client,
    sdk: Sdk,
    notices: mpsc::Sender<Notice>,
    /// Makes the idempotency keys of redeems.
    keys: RandomState,
}

/// Tells the loop; it is gone only when the process ends.
async fn tell(notices: &mpsc::Sender<Notice>, notice: Notice) {
    drop(notices.send(notice).await);
}

/// Calls until it works, cannot work, or `patience` is over.
async fn persist<T, F>(patience: Duration, attempt: impl Fn() -> F) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let start = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        match attempt().await {
            Err(error) if error.is_retryable() && start.elapsed() + pause < patience => {
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            answer => return answer,
        }
    }
}

impl Edge {
    pub(super) fn new(client: Client, sdk: Sdk, notices: mpsc::Sender<Notice>) -> Self {
        Self {
            client,
            sdk,
            notices,
            keys: RandomState::new(),
        }
    }

    /// Follows the game server, and whether the SDK server is there at all, until aborted.
    pub(super) fn watch(&self) -> JoinHandle<()> {
        let (sdk, notices) = (self.sdk.clone(), self.notices.clone());
        tokio::spawn(async move {
            let mut watch = sdk.watch();
            let changes = async {
                loop {
                    let seen = watch.next().await;
                    let state = seen.status.map(|status| status.state).unwrap_or_default();
                    let match_id = seen.object_meta.and_then(|mut meta| {
                        let label = meta.labels.remove(MATCH_ID_KEY);
                        label.or_else(|| meta.annotations.remove(MATCH_ID_KEY))
                    });
                    tell(&notices, Notice::GameServer { state, match_id }).await;
                }
            };
            let presence = async {
                loop {
                    sleep(SDK_LOOK).await;
                    let alive = match sdk.game_server().await {
                        Ok(_) => Notice::SdkAlive,
                        Err(_) => Notice::SdkSilent,
                    };
                    tell(&notices, alive).await;
                }
            };
            tokio::join!(changes, presence);
        })
    }

    pub(super) fn lineup(&self, match_id: String, patience_ms: u64) {
        let (client, notices) = (self.client.clone(), self.notices.clone());
        tokio::spawn(async move {
            let patience = Duration::from_millis(patience_ms);
            let lineup = persist(patience, || client.get_match(&match_id)).await;
            let lineup = lineup.ok().map(Box::new);
            tell(&notices, Notice::Lineup(match_id, lineup)).await;
        });
    }

    pub(super) fn redeem(&self, from: SocketAddr, nonce: u64, token: String) {
        let (client, notices) = (self.client.clone(), self.notices.clone());
        // One key for each connection: a player who asks again after a lost answer gets in, and whoever shows the same
        // token on another connection does not.
        let key = format!("{nonce:016x}{:016x}", self.keys.hash_one((from, nonce)));
        tokio::spawn(async move {
            let admission = persist(REDEEM_FOR, || client.redeem(&token, Some(&key))).await;
            let admission = Box::new(admission.map_err(|error| {
                if error.is_retryable() {
                    Refusal::Later
                } else {
                    Refusal::Token
                }
            }));
            tell(&notices, Notice::Redeemed((from, nonce), admission)).await;
        });
    }

    pub(super) fn end_session(&self, session_id: String) {
        let (client, notices) = (self.client.clone(), self.notices.clone());
        tokio::spawn(async move {
            // A seat that cannot be ended expires.
            drop(persist(END_FOR, || client.end_session(&session_id)).await);
            tell(&notices, Notice::SeatFree).await;
        });
    }

    /// Offers the seats that nobody has by now; with no vacancies, none.
    pub(super) fn offer(&self, match_id: String, vacancies: Option<Vacancies>) {
        let (client, notices) = (self.client.clone(), self.notices.clone());
        tokio::spawn(async move {
            let offer = || async {
                let Some(vacancies) = &vacancies else {
                    return client.close_seats(&match_id).await;
                };
                let lineup = client.get_match(&match_id).await?;
                let seats = vacancies.seats(&lineup);
                client.open_seats(&match_id, &seats).await
            };
            let offered = persist(OFFER_FOR, offer).await;
            let kind = offered.err().and_then(|error| error.kind());
            let wanted = kind != Some(ProblemKind::BackfillOff);
            tell(&notices, Notice::Offered(wanted)).await;
        });
    }

    pub(super) fn heartbeats(&self, heartbeats: Heartbeats) {
        let (client, notices) = (self.client.clone(), self.notices.clone());
        tokio::spawn(async move {
            // The next report makes a lost one good.
            let verdicts = client.heartbeats(&heartbeats).await.unwrap_or_default();
            tell(&notices, Notice::Verdicts(verdicts)).await;
        });
    }

    pub(super) fn report(&self, match_id: String, result: Map<String, Value>) {
        let (client, notices) = (self.client.clone(), self.notices.clone());
        tokio::spawn(async move {
            // A refusal means that the match is over without us; there is nobody to tell.
            drop(persist(REPORT_FOR, || client.report_result(&match_id, &result)).await);
            tell(&notices, Notice::Reported(match_id)).await;
        });
    }

    pub(super) fn ready(&self) {
        let (sdk, notices) = (self.sdk.clone(), self.notices.clone());
        tokio::spawn(async move {
            let heard = sdk.ready().await.is_ok();
            tell(&notices, Notice::Ready(heard)).await;
        });
    }

    pub(super) fn shut_down(&self) {
        let (sdk, notices) = (self.sdk.clone(), self.notices.clone());
        tokio::spawn(async move {
            // Nobody there to hear it: the process ends all the same.
            drop(sdk.shutdown().await);
            tell(&notices, Notice::ShutDown).await;
        });
    }
}
