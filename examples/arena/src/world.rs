//! The rules of the game: a square field, players who run and shoot, and hits that count.
//!
//! A step is a function of the state and of what the players want; nothing here knows of time, sockets or players'
//! names. The same seed and the same intents give the same game.

use crate::protocol::{Bodies, Body, Intent, SEATS_MAX};

/// Side of the field, metres.
pub const FIELD_M: f32 = 100.0;
/// Speed of a player, metres per second.
pub const SPEED_M_S: f32 = 8.0;
/// How far a shot reaches, metres.
pub const RANGE_M: f32 = 30.0;
/// How close to its line a shot hits, metres.
pub const HIT_RADIUS_M: f32 = 1.0;
/// Time between two shots of a player, seconds.
pub const RELOAD_S: f32 = 0.5;
/// What the length of a movement may be, in 127ths of full speed: a little over 127, for a client that rounds up both
/// axes of a diagonal.
pub const MOVE_LENGTH_MAX: f32 = 128.5;

/// One player in the field.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Player {
    /// Team; see [`World::new`] for its meaning.
    pub team: u8,
    /// Whether the player is in the field; one who left keeps the score.
    pub present: bool,
    /// Place, metres from the corner.
    pub x: f32,
    /// As `x`.
    pub y: f32,
    /// Hits so far.
    pub score: u16,
    reload_s: f32,
}

/// The field and everybody in it. A player's index is the slot.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    players: Vec<Player>,
    everyone_for_themselves: bool,
    random: u64,
    steps: u32,
}

impl World {
    /// An empty field. Without `everyone_for_themselves` a shot passes through players of the same team.
    #[must_use]
    pub fn new(seed: u64, everyone_for_themselves: bool) -> Self {
        Self {
            players: Vec::with_capacity(SEATS_MAX),
            everyone_for_themselves,
            // xorshift stands still at 0.
            random: seed | 1,
            steps: 0,
        }
    }

    /// Puts one more player into the field; gives the slot, or `None` when the field is full.
    pub fn enter(&mut self, team: u8) -> Option<u8> {
        let slot = u8::try_from(self.players.len())
            .ok()
            .filter(|slot| usize::from(*slot) < SEATS_MAX)?;
        let (x, y) = self.random_place();
        self.players.push(Player {
            team,
            present: true,
            x,
            y,
            ..Player::default()
        });
        Some(slot)
    }

    /// Takes the player out of the field or, with `true`, back into it.
    pub fn set_present(&mut self, slot: u8, present: bool) {
        if let Some(player) = self.players.get_mut(usize::from(slot)) {
            player.present = present;
        }
    }

    /// Everybody who ever entered, by slot.
    #[must_use]
    pub fn players(&self) -> &[Player] {
        &self.players
    }

    /// Steps so far.
    #[must_use]
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// One step of `dt_s` seconds. `intents` are by slot; who has none stands still.
    pub fn step(&mut self, intents: &[Intent], dt_s: f32) {
        self.steps = self.steps.wrapping_add(1);
        for (player, intent) in self.players.iter_mut().zip(intents) {
            if player.present {
                run(player, *intent, dt_s);
            }
        }
        for (shooter, intent) in (0..self.players.len()).zip(intents) {
            self.shoot(shooter, *intent);
        }
    }

    fn shoot(&mut self, shooter: usize, intent: Intent) {
        let Some(from) = self.players.get(shooter).copied() else {
            return;
        };
        if !from.present || !intent.fire || from.reload_s > 0.0 {
            return;
        }
        let (aim_x, aim_y) = (f32::from(intent.aim_x), f32::from(intent.aim_y));
        let length = aim_x.hypot(aim_y);
        if length == 0.0 {
            return;
        }
        let (aim_x, aim_y) = (aim_x / length, aim_y / length);
        let mut hit: Option<(usize, f32)> = None;
        for (slot, other) in self.players.iter().enumerate() {
            let friend = !self.everyone_for_themselves && other.team == from.team;
            if slot == shooter || friend || !other.present {
                continue;
            }
            let (x, y) = (other.x - from.x, other.y - from.y);
            let along = x * aim_x + y * aim_y;
            let beside = (x * aim_y - y * aim_x).abs();
            let reached = (0.0..=RANGE_M).contains(&along) && beside <= HIT_RADIUS_M;
            if reached && hit.is_none_or(|(_, nearest)| along < nearest) {
                hit = Some((slot, along));
            }
        }
        let place = hit.map(|_| self.random_place());
        if let Some(player) = self.players.get_mut(shooter) {
            player.reload_s = RELOAD_S;
            player.score = player.score.saturating_add(u16::from(hit.is_some()));
        }
        // Who is hit starts again elsewhere.
        if let (Some((slot, _)), Some((x, y))) = (hit, place)
            && let Some(player) = self.players.get_mut(slot)
        {
            (player.x, player.y) = (x, y);
        }
    }

    /// Writes everybody in the field over `out`, as a snapshot has them.
    pub fn write_bodies<'a>(&self, out: &'a mut Vec<u8>) -> Option<Bodies<'a>> {
        out.clear();
        for (slot, player) in (0..=u8::MAX).zip(&self.players) {
            if player.present {
                Body {
                    slot,
                    team: player.team,
                    x: to_wire(player.x),
                    y: to_wire(player.y),
                    score: player.score,
                }
                .write(out);
            }
        }
        Bodies::new(out)
    }

    fn random_place(&mut self) -> (f32, f32) {
        (self.random_metres(), self.random_metres())
    }

    /// Marsaglia's xorshift64 with the shifts 13, 7, 17: fair enough for a place in a field.
    fn random_metres(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let [high, low, ..] = self.random.to_be_bytes();
        from_wire(u16::from_be_bytes([high, low]))
    }
}

fn run(player: &mut Player, intent: Intent, dt_s: f32) {
    player.reload_s = (player.reload_s - dt_s).max(0.0);
    let (x, y) = (f32::from(intent.move_x), f32::from(intent.move_y));
    // Whatever a client asks for, nobody is faster than the game allows.
    let metres = SPEED_M_S * dt_s / x.hypot(y).max(127.0);
    player.x = (player.x + x * metres).clamp(0.0, FIELD_M);
    player.y = (player.y + y * metres).clamp(0.0, FIELD_M);
}

/// Whether a movement is one that an honest client can ask for.
#[must_use]
pub fn is_honest_speed(intent: Intent) -> bool {
    f32::from(intent.move_x).hypot(f32::from(intent.move_y)) <= MOVE_LENGTH_MAX
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and a place in the field is within 0..=65535"
)]
fn to_wire(metres: f32) -> u16 {
    (metres / FIELD_M * f32::from(u16::MAX)).round() as u16
}

/// Metres from a snapshot's number.
#[must_use]
pub fn from_wire(place: u16) -> f32 {
    f32::from(place) / f32::from(u16::MAX) * FIELD_M
}

#[cfg(test)]
mod tests;
