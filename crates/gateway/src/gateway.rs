//! What the gateway is made of.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use stadion_client::ProblemKind;
use stadion_core::id::{PlayerId, Region, ServerName};
use stadion_core::mode::GameMode;
use stadion_core::state::State;
use stadion_core::time::{Clock, Timestamp};

use crate::auth::PlayerAuth;
use crate::connect::Hub;
use crate::join_token::JoinTokens;
use crate::limits::Limits;
use crate::observer::GatewayObserver;
use crate::outlook::Outlooks;
use crate::refusal::Refusal;

/// Tells whose credential a game server's bearer token is; compares in constant time.
pub type ServerAuth = Box<dyn Fn(&str) -> Option<ServerName> + Send + Sync>;

/// What has to be handed in.
pub struct GatewayParts {
    /// Where tickets, matches, sessions and events live.
    pub state: Arc<dyn State>,
    /// The game modes.
    pub modes: Vec<GameMode>,
    /// The regions.
    pub regions: Vec<Region>,
    /// Checks players' tokens.
    pub players: PlayerAuth,
    /// Checks game servers' tokens.
    pub servers: ServerAuth,
    /// Makes and checks join tokens.
    pub join_tokens: JoinTokens,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// 80 bits or more of randomness for ids.
    pub random: Box<dyn Fn() -> u128 + Send + Sync>,
    /// How long a ticket may search, milliseconds.
    pub ticket_ttl_ms: u64,
    /// What one process, address and player may ask for.
    pub limits: Limits,
    /// Whoever knows why tickets wait.
    pub outlooks: Arc<dyn Outlooks>,
    /// Whoever counts.
    pub observer: Arc<dyn GatewayObserver>,
}

impl std::fmt::Debug for GatewayParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayParts")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Why the gateway stopped.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The state's stream of changes ended: players would not be told anything any more. Restart the process.
    #[error("the state tells of no changes any more")]
    WatchEnded,
}

pub(crate) struct Shared {
    draining: AtomicBool,
    pub(crate) state: Arc<dyn State>,
    pub(crate) modes: BTreeMap<String, GameMode>,
    pub(crate) regions: Vec<Region>,
    pub(crate) players: PlayerAuth,
    pub(crate) servers: ServerAuth,
    pub(crate) join_tokens: JoinTokens,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Box<dyn Fn() -> u128 + Send + Sync>,
    pub(crate) ticket_ttl_ms: u64,
    pub(crate) limits: Limits,
    pub(crate) outlooks: Arc<dyn Outlooks>,
    pub(crate) observer: Arc<dyn GatewayObserver>,
    pub(crate) rates: Rates,
    pub(crate) hub: Hub,
}

/// The edge. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<Shared>);

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Puts the parts together; nothing runs until [`Gateway::serve`].
    #[must_use]
    pub fn new(parts: GatewayParts) -> Self {
        let by_name = |mode: GameMode| (mode.name.to_string(), mode);
        Self(Arc::new(Shared {
            draining: AtomicBool::new(false),
            rates: Rates::new(&parts.limits),
            hub: Hub::new(),
            state: parts.state,
            modes: parts.modes.into_iter().map(by_name).collect(),
            regions: parts.regions,
            players: parts.players,
            servers: parts.servers,
            join_tokens: parts.join_tokens,
            clock: parts.clock,
            random: parts.random,
            ticket_ttl_ms: parts.ticket_ttl_ms,
            limits: parts.limits,
            outlooks: parts.outlooks,
            observer: parts.observer,
        }))
    }

    /// Takes no new tickets from now on; everything else goes on, so that what is under way can end.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// WebSockets that are open, with their players known.
    #[must_use]
    pub fn connected_players(&self) -> usize {
        self.0.hub.len()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

/// How often each caller may ask. Runs on governor's own monotonic clock.
pub(crate) struct Rates {
    players: DefaultKeyedRateLimiter<PlayerId>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
}

impl Rates {
    fn new(limits: &Limits) -> Self {
        let quota = |per_second: u32| {
            let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
            Quota::per_second(per_second).allow_burst(per_second.saturating_mul(TWICE))
        };
        Self {
            players: RateLimiter::keyed(quota(limits.requests_per_second_per_player)),
            addresses: RateLimiter::keyed(quota(limits.requests_per_second_per_address)),
            clock: DefaultClock::default(),
        }
    }

    pub(crate) fn check_player(&self, player: &PlayerId) -> Result<(), Refusal> {
        let outcome = self.players.check_key(player);
        outcome.map_err(|early| self.refuse("player", &early))
    }

    /// `address` as [`crate::serve::group`] gives it.
    pub(crate) fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let outcome = self.addresses.check_key(&address);
        outcome.map_err(|early| self.refuse("address", &early))
    }

    fn refuse(
        &self,
        who: &str,
        early: &governor::NotUntil<governor::clock::QuantaInstant>,
    ) -> Refusal {
        let wait = early.wait_time_from(self.clock.now());
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX - 1) + 1;
        let detail = format!("this {who} asks too often");
        Refusal::new(ProblemKind::TooManyRequests, detail).retry_after(seconds)
    }

    /// Forgets callers whose allowance is whole again.
    pub(crate) fn forget_rested(&self) {
        self.players.retain_recent();
        self.addresses.retain_recent();
        self.players.shrink_to_fit();
        self.addresses.shrink_to_fit();
    }
}

const TWICE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
