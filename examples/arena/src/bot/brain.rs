//! How a simulated player plays: towards the nearest opponent, around them, and shooting.

use rand::{Rng, RngExt};

use crate::protocol::{Bodies, Intent};
use crate::world::{RANGE_M, from_wire};

/// Distance that a player likes to keep, metres.
const KEEP_M: f32 = 12.0;

/// What a player remembers of the last snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct View {
    /// From the player to the nearest opponent, metres.
    nearest: Option<(f32, f32)>,
}

impl View {
    /// What the player in `slot` sees. Without another team everybody is an opponent.
    pub(super) fn new(slot: u8, bodies: &Bodies<'_>) -> Self {
        let Some(me) = bodies.iter().find(|body| body.slot == slot) else {
            return Self::default();
        };
        let teams = bodies.iter().any(|body| body.team != me.team);
        let mut nearest: Option<(f32, f32)> = None;
        for body in bodies.iter() {
            if body.slot == slot || (teams && body.team == me.team) {
                continue;
            }
            let x = from_wire(body.x) - from_wire(me.x);
            let y = from_wire(body.y) - from_wire(me.y);
            if nearest.is_none_or(|(nx, ny)| x.hypot(y) < nx.hypot(ny)) {
                nearest = Some((x, y));
            }
        }
        Self { nearest }
    }

    /// What to do about it. `steadiness` is 0..=1: how well the player aims.
    pub(super) fn decide(self, steadiness: f32, random: &mut impl Rng) -> Intent {
        let wander = random.random_range(-1.0..=1.0_f32);
        let Some((x, y)) = self.nearest else {
            let move_y = random.random_range(-1.0..=1.0_f32);
            return intent((wander, move_y), (0.0, 0.0), false);
        };
        let distance = x.hypot(y).max(0.01);
        let (x, y) = (x / distance, y / distance);
        let (run_x, run_y) = if distance > KEEP_M {
            (x + y * wander * 0.3, y - x * wander * 0.3)
        } else {
            (y * wander.signum(), -x * wander.signum())
        };
        let off = wander * (1.0 - steadiness) * 0.3;
        let aim = (x + y * off, y - x * off);
        intent((run_x, run_y), aim, distance <= RANGE_M)
    }
}

fn intent(run: (f32, f32), aim: (f32, f32), fire: bool) -> Intent {
    let (move_x, move_y) = unit(run);
    let (aim_x, aim_y) = unit(aim);
    Intent {
        move_x,
        move_y,
        aim_x,
        aim_y,
        fire,
    }
}

/// A direction in 127ths.
#[expect(
    clippy::cast_possible_truncation,
    reason = "within ±127, and `as` saturates"
)]
fn unit((x, y): (f32, f32)) -> (i8, i8) {
    let scale = 127.0 / x.hypot(y).max(1.0);
    ((x * scale) as i8, (y * scale) as i8)
}
