//! One player on this server, and whether the inputs are honest.

use std::net::SocketAddr;

use stadion_client::wire::Seat as Admission;

use crate::protocol::{Farewell, Input, ServerPacket, Stamp};
use crate::world::is_honest_speed;

/// Inputs that a player may send per second, on average and at once: a client at 60 Hz, and a tenth for its clock.
const INPUTS_PER_SECOND_MAX: f32 = 66.0;
/// How far behind the newest an input may arrive: two seconds of a network that reorders. Older ones are replays.
const SEQUENCE_BEHIND_MAX: u32 = 132;
/// How far ahead of the newest an input may be: what a client sends within the silence that makes it leave.
const SEQUENCE_AHEAD_MAX: u32 = 660;
/// Violations that a player may have: a bad network makes a handful, a changed client one per input.
const VIOLATIONS_MAX: u32 = 20;
/// Weight of a new round trip in the average: an eighth, as TCP has it (RFC 6298).
const ROUND_TRIP_WEIGHT: f32 = 0.125;

/// A connection that asks for a seat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) address: SocketAddr,
    pub(super) nonce: u64,
    pub(super) secret: u64,
}

/// A player's seat. It stays when the player has left, for the score.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) player_id: String,
    pub(super) session_id: String,
    pub(super) team: u32,
    pub(super) address: SocketAddr,
    pub(super) nonce: u64,
    pub(super) secret: u64,
    pub(super) last_sequence: u32,
    pub(super) heard_ms: u64,
    pub(super) round_trip_ms: Option<f32>,
    pub(super) violations: u32,
    /// Why the player is not here any more.
    pub(super) farewell: Option<Farewell>,
    /// The player's clock as it came last, and when.
    echo: Option<(u32, u64)>,
    budget: f32,
    budget_ms: u64,
}

impl Seat {
    pub(super) fn new(claim: Claim, who: Admission, now_ms: u64) -> Self {
        Self {
            player_id: who.player_id,
            session_id: who.session_id,
            team: who.team,
            address: claim.address,
            nonce: claim.nonce,
            secret: claim.secret,
            last_sequence: 0,
            heard_ms: now_ms,
            round_trip_ms: None,
            violations: 0,
            farewell: None,
            echo: None,
            budget: INPUTS_PER_SECOND_MAX,
            budget_ms: now_ms,
        }
    }

    pub(super) fn is_present(&self) -> bool {
        self.farewell.is_none()
    }

    pub(super) fn is_cheat(&self) -> bool {
        self.violations > VIOLATIONS_MAX
    }

    /// The answer to a `Hello` of this connection.
    pub(super) fn greeting(&self, slot: u8, tick_rate: u16) -> ServerPacket<'static> {
        let nonce = self.nonce;
        match self.farewell {
            None => ServerPacket::Welcome {
                nonce,
                slot,
                secret: self.secret,
                tick_rate,
            },
            Some(farewell) => ServerPacket::Bye { nonce, farewell },
        }
    }

    /// The times for the next snapshot.
    pub(super) fn stamp(&self, now_ms: u64) -> Stamp {
        let (echo_ms, held_ms) = self.echo.map_or((0, Stamp::NOTHING), |(echo, at_ms)| {
            let held_ms = now_ms.saturating_sub(at_ms);
            (echo, u16::try_from(held_ms).unwrap_or(Stamp::NOTHING))
        });
        Stamp {
            sent_ms: wire_ms(now_ms),
            echo_ms,
            held_ms,
        }
    }

    /// Whether the input is to be played.
    pub(super) fn accept(&mut self, now_ms: u64, input: &Input, anti_cheat: bool) -> bool {
        self.heard_ms = now_ms;
        if anti_cheat && !self.is_honest(now_ms, input) {
            self.violations = self.violations.saturating_add(1);
            return false;
        }
        if input.sequence <= self.last_sequence {
            return false;
        }
        self.last_sequence = input.sequence;
        self.echo = Some((input.stamp.sent_ms, now_ms));
        if let Some(ms) = input.stamp.round_trip_ms(wire_ms(now_ms)) {
            #[expect(clippy::cast_precision_loss, reason = "at most 10,000")]
            let ms = ms as f32;
            let average = self.round_trip_ms.get_or_insert(ms);
            *average += (ms - *average) * ROUND_TRIP_WEIGHT;
        }
        true
    }

    fn is_honest(&mut self, now_ms: u64, input: &Input) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of one match")]
        let passed_s = now_ms.saturating_sub(self.budget_ms) as f32 / 1_000.0;
        self.budget_ms = now_ms;
        self.budget = (self.budget + passed_s * INPUTS_PER_SECOND_MAX).min(INPUTS_PER_SECOND_MAX);
        let affordable = self.budget >= 1.0;
        if affordable {
            self.budget -= 1.0;
        }
        let newest = self.last_sequence;
        let in_order = input.sequence <= newest.saturating_add(SEQUENCE_AHEAD_MAX)
            && input.sequence.saturating_add(SEQUENCE_BEHIND_MAX) >= newest;
        affordable && in_order && is_honest_speed(input.intent)
    }
}

/// The time as stamps carry it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "stamps wrap; only differences count"
)]
pub(super) const fn wire_ms(now_ms: u64) -> u32 {
    now_ms as u32
}
