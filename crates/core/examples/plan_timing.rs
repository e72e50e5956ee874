//! How long a tick takes: `cargo run --release -p stadion-core --example plan_timing`.
//!
//! Pools of solos as they may be at a start (everybody new), with normally distributed skill and measured latencies,
//! and the same without servers; "sparse" pools have one ticket every 45 points of skill, too few for all but duels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use stadion_core::id::{PlayerId, Region, TicketId};
use stadion_core::matchmaker::{Budget, Pool, Supply};
use stadion_core::mode::{GUIDE_REGIONS, GameMode, guide_modes};
use stadion_core::ticket::{Requirements, Ticket, TicketPlayer, TicketState};
use stadion_core::time::Timestamp;

const NOW: Timestamp = Timestamp(1_000_000);

/// Xorshift64: the same numbers on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 33).unwrap_or(0) % end
    }

    /// Sum of twelve: nearly normal, mean 1,500, deviation 350.
    fn skill(&mut self) -> f64 {
        let sum: u32 = (0..12).map(|_| self.below(1_000)).sum();
        1_500.0 + (f64::from(sum) - 6_000.0) * 0.35
    }
}

fn regions() -> Vec<Region> {
    GUIDE_REGIONS
        .iter()
        .filter_map(|name| Region::new(name).ok())
        .collect()
}

fn ticket(id: u32, skill: f64, mode: &GameMode, random: &mut Random) -> Ticket {
    // Two or three of the five regions are within the limit of 100 ms.
    let latencies_ms = regions()
        .into_iter()
        .map(|region| (region, 15 + random.below(200)))
        .collect();
    let created_at = NOW.minus_ms(u64::from(random.below(20_000)));
    Ticket {
        id: TicketId::from_u128(id.into()),
        game_mode: mode.name.clone(),
        players: vec![TicketPlayer {
            player_id: PlayerId::new(format!("player-{id}")).expect("a valid name"),
            skill,
            skill_uncertainty: 0.0,
            latencies_ms,
            attributes: BTreeMap::new(),
        }],
        region_preference: Vec::new(),
        requirements: Requirements::default(),
        state: TicketState::Searching,
        created_at,
        expires_at: NOW.plus_ms(600_000),
        changed_at: created_at,
        requeues: 0,
    }
}

#[expect(clippy::disallowed_methods, reason = "this measures real time")]
fn measure(mode: &GameMode, tickets: u32, kind: &str) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut pool = Pool::new(mode.clone(), regions());
    let inserting = Instant::now();
    for id in 0..tickets {
        let skill = match kind {
            "sparse" => f64::from(id) * 45.0,
            _ => random.skill(),
        };
        pool.insert(Arc::new(ticket(id, skill, mode, &mut random)));
    }
    let insert = inserting.elapsed();
    let servers = if kind == "no servers" { 0 } else { 100_000 };
    let supply = Supply {
        servers: regions()
            .into_iter()
            .map(|region| (region, servers))
            .collect(),
    };
    let budget = Budget {
        matches_max: usize::MAX,
    };
    let planning = Instant::now();
    let plan = pool.plan(&supply, budget, NOW);
    let took = planning.elapsed();
    println!(
        "{:16} {tickets:6} {kind:12} insert {:7.2} ms, plan {:7.2} ms: {} matches, {:?}",
        mode.name,
        insert.as_secs_f64() * 1e3,
        took.as_secs_f64() * 1e3,
        plan.matches.len(),
        plan.waiting,
    );
}

fn main() {
    for mode in guide_modes() {
        for tickets in [2_000, 20_000] {
            for kind in ["normal", "no servers", "sparse"] {
                measure(&mode, tickets, kind);
            }
        }
    }
}
