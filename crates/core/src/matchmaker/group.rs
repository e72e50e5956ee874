//! Growing a group around an anchor, so that every pair of it keeps the rules of both.

use super::board::{Board, Order};
use super::seats::{self, Seating, Seats};

/// Tickets that one walk looks at, at most: 16 matches full, so that one in sixteen may agree, and 256 more for small
/// modes. Keeps a tick linear in the tickets when hardly any of them go together.
fn looks_max(players_target: u32) -> u32 {
    players_target.saturating_mul(16).saturating_add(256)
}

/// Tickets any two of which may play together.
struct Group {
    members: Vec<u32>,
    /// Lowest and highest skill in it.
    lowest: f64,
    highest: f64,
    /// What the windows of all of them allow.
    low: f64,
    high: f64,
    /// Different labels among its requirements.
    labels: Vec<u32>,
}

impl Group {
    fn new(board: &Board<'_>, anchor: u32) -> Self {
        let candidate = board.candidate(anchor);
        Self {
            members: vec![anchor],
            lowest: candidate.skill(),
            highest: candidate.skill(),
            low: candidate.low,
            high: candidate.high,
            labels: vec![candidate.labels],
        }
    }

    fn admits(&self, board: &Board<'_>, index: u32) -> bool {
        let candidate = board.candidate(index);
        let skill = candidate.skill();
        let labels_agree = || {
            self.labels.contains(&candidate.labels)
                || self.members.iter().all(|member| {
                    let requirements = &board.candidate(*member).ticket().requirements;
                    requirements.agrees_with(&candidate.ticket().requirements)
                })
        };
        (self.low..=self.high).contains(&skill)
            && candidate.low <= self.lowest
            && self.highest <= candidate.high
            && labels_agree()
            && !board
                .rivals(index)
                .iter()
                .any(|rival| self.members.contains(rival))
    }

    fn add(&mut self, board: &Board<'_>, index: u32) {
        let candidate = board.candidate(index);
        self.members.push(index);
        self.lowest = self.lowest.min(candidate.skill());
        self.highest = self.highest.max(candidate.skill());
        self.low = self.low.max(candidate.low);
        self.high = self.high.min(candidate.high);
        if !self.labels.contains(&candidate.labels) {
            self.labels.push(candidate.labels);
        }
    }
}

/// The largest match around `anchor` in the first of its regions (within `mask`) that has the largest, if there is
/// one at all.
///
/// Three walks are tried: a window of skill that the anchor is in the middle, at the top or at the bottom of. Whoever
/// is the lowest of a possible match finds it on the way up, as far as windows are equal.
pub(super) fn around(board: &Board<'_>, anchor: u32, mask: u64) -> Option<Seating> {
    if !board.is_free(anchor) {
        return None;
    }
    let mut best: Option<Seating> = None;
    for region in board.regions_of(anchor, mask) {
        if board.players_near(anchor, region) < board.players_least {
            continue;
        }
        for order in [Order::Nearest, Order::Down, Order::Up] {
            let found = grow(board, anchor, region, order);
            let players = |seating: &Option<Seating>| seating.as_ref().map_or(0, |s| s.players);
            if players(&found) > players(&best) {
                best = found;
            }
            if players(&best) == board.mode().players_target {
                return best;
            }
        }
    }
    best
}

fn grow(board: &Board<'_>, anchor: u32, region: usize, order: Order) -> Option<Seating> {
    let mode = board.mode();
    let mut group = Group::new(board, anchor);
    let mut seats = Seats::new(mode);
    seats.seat(board.candidate(anchor).size());
    // Parties that fitted the rules and not the seats that were left, for another try at the seating.
    let mut spare = Vec::new();
    let mut spare_players = 0;
    let mut walk = board.walk(anchor, region, order);
    for _ in 0..looks_max(mode.players_target) {
        // Twice a match is choice enough; without this, pairs would be collected for a hole that only a solo fills.
        if seats.is_full() || spare_players >= 2 * mode.players_target {
            break;
        }
        let Some(index) = board.step(&mut walk, group.low, group.high) else {
            break;
        };
        if !group.admits(board, index) {
            continue;
        }
        let size = board.candidate(index).size();
        if seats.seat(size) {
            group.add(board, index);
        } else {
            spare.push(index);
            spare_players += size;
        }
    }
    if seats.is_full() {
        return Some(seats::balance(board, &group.members, seats.plan()));
    }
    for index in spare {
        if group.admits(board, index) {
            group.add(board, index);
        }
    }
    let settled = group.members.iter().any(|index| board.settled(*index));
    let least = if settled {
        mode.players_min
    } else {
        mode.players_target
    };
    let sizes: Vec<u32> = group
        .members
        .iter()
        .map(|index| board.candidate(*index).size())
        .collect();
    let plan = seats::pack(mode, &sizes, least)?;
    let seating = seats::balance(board, &group.members, &plan);
    let keeps_rule = seating.players == mode.players_target
        || seating.members().any(|index| board.settled(index));
    keeps_rule.then_some(seating)
}
