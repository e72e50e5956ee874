//! Tickets by the thousand.

use std::collections::BTreeMap;
use std::sync::Arc;

use stadion_core::id::{GameModeName, PlayerId, Region, TicketId};
use stadion_core::mode::{GameMode, SkillWindow};
use stadion_core::rules::Rules;
use stadion_core::ticket::{Requirements, Ticket, TicketPlayer, TicketState};
use stadion_core::time::Timestamp;

use super::random::Random;

/// The moment of every plan.
pub(crate) const NOW: Timestamp = Timestamp(1_000_000_000);
/// Regions of the ring that most workloads play on.
pub(crate) const RING: usize = 8;
/// Mean and standard deviation of skill, where a workload does not say otherwise.
const SKILL: (f64, f64) = (1_500.0, 350.0);
/// Shares of parties of 1 to 5 players.
const PARTY_SHARES: [f64; 5] = [60.0, 20.0, 10.0, 6.0, 4.0];

/// The window of a mode whose players all have the same skill.
pub(crate) const ANY_SKILL: SkillWindow = window(0.0, 0.0, 0.0);

pub(crate) const fn window(initial: f64, growth_per_second: f64, max: f64) -> SkillWindow {
    SkillWindow {
        initial,
        growth_per_second,
        max,
    }
}

/// A mode of `teams` with a size of target and minimum, which may settle at once.
pub(crate) fn mode(
    name: &str,
    teams: u32,
    (target, min): (u32, u32),
    skill: SkillWindow,
) -> GameMode {
    GameMode {
        name: GameModeName::new(name).expect("a constant that keeps the rules of names"),
        teams,
        players_target: target,
        players_min: min,
        settle_after_ms: 0,
        latency_max_ms: 100,
        skill,
        rules: Rules::default(),
    }
}

pub(crate) fn regions(count: usize) -> Vec<Region> {
    (0..count)
        .map(|number| Region::new(format!("region-{number}")).expect("keeps the rules of names"))
        .collect()
}

/// Makes the tickets of one game mode, the same ones for the same seed.
pub(crate) struct Crowd {
    pub(crate) random: Random,
    mode: GameModeName,
    regions: Vec<Region>,
    players: u64,
}

impl Crowd {
    pub(crate) fn new(seed: u64, mode: &GameMode, regions: &[Region]) -> Self {
        Self {
            random: Random::new(seed),
            mode: mode.name.clone(),
            regions: regions.to_vec(),
            players: 0,
        }
    }

    pub(crate) fn player(
        &mut self,
        skill: f64,
        latencies_ms: BTreeMap<Region, u32>,
    ) -> TicketPlayer {
        self.players += 1;
        let name = format!("{}-{}", self.mode, self.players);
        TicketPlayer {
            player_id: PlayerId::new(name).expect("keeps the rules of names"),
            skill,
            skill_uncertainty: 0.0,
            latencies_ms,
            attributes: BTreeMap::new(),
        }
    }

    /// A ticket created before [`NOW`].
    pub(crate) fn ticket(&mut self, players: Vec<TicketPlayer>, waited_ms: u64) -> Arc<Ticket> {
        self.ticket_at(players, NOW.minus_ms(waited_ms))
    }

    fn ticket_at(&mut self, players: Vec<TicketPlayer>, created_at: Timestamp) -> Arc<Ticket> {
        let random = u128::from(self.random.bits()) << 16;
        Arc::new(Ticket {
            id: TicketId::new(created_at, random),
            game_mode: self.mode.clone(),
            players,
            region_preference: Vec::new(),
            requirements: Requirements::default(),
            state: TicketState::Searching,
            created_at,
            expires_at: NOW.plus_ms(600_000),
            changed_at: created_at,
            requeues: 0,
        })
    }

    /// One player who accepts one region.
    pub(crate) fn local(&mut self, skill: f64, region: usize, waited_ms: u64) -> Arc<Ticket> {
        let latencies_ms = BTreeMap::from([(self.regions[region].clone(), 20)]);
        let player = self.player(skill, latencies_ms);
        self.ticket(vec![player], waited_ms)
    }

    /// One player somewhere on the ring, with the usual skill.
    pub(crate) fn of_ring(&mut self, waited_ms: u64) -> Arc<Ticket> {
        let skill = self.random.normal(SKILL.0, SKILL.1);
        self.on_ring(skill, NOW.minus_ms(waited_ms))
    }

    /// One player somewhere on the ring.
    pub(crate) fn on_ring(&mut self, skill: f64, created_at: Timestamp) -> Arc<Ticket> {
        let latencies_ms = self.ring_latencies();
        let player = self.player(skill, latencies_ms);
        self.ticket_at(vec![player], created_at)
    }

    /// 1 to 5 players from one place of the ring, of about the same skill.
    pub(crate) fn party_of_ring(&mut self, waited_ms: u64) -> Arc<Ticket> {
        let size = self.random.weighted(&PARTY_SHARES) + 1;
        let center = self.random.normal(SKILL.0, SKILL.1);
        let latencies_ms = self.ring_latencies();
        let players = (0..size)
            .map(|_| {
                let skill = self.random.normal(center, 50.0);
                self.player(skill, latencies_ms.clone())
            })
            .collect();
        self.ticket(players, waited_ms)
    }

    /// Latencies from a home on the ring, where the first regions have more players than the last.
    fn ring_latencies(&mut self) -> BTreeMap<Region, u32> {
        let count = self.regions.len();
        let home = self.random.below(count).min(self.random.below(count));
        let base_ms = self.random.between(15.0, 40.0);
        let mut latencies_ms = BTreeMap::new();
        for (number, region) in self.regions.iter().enumerate() {
            let steps = number.abs_diff(home);
            let hops = steps.min(count - steps);
            let ms = base_ms + 55.0 * hops as f64 + self.random.between(0.0, 10.0);
            latencies_ms.insert(region.clone(), whole_ms(ms));
        }
        latencies_ms
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a latency of some hundred milliseconds; negative ones become 0"
)]
pub(crate) fn whole_ms(ms: f64) -> u32 {
    ms.round().max(0.0) as u32
}
