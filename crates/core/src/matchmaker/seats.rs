//! Seats: which parties fill which teams.
//!
//! At the target size every team has the same number of players. Below it, team sizes differ by one at most, and not
//! at all when there are only solos: with parties an even split may not exist, with solos it always does.

use super::slots::Slots;
use super::teams::Teams;
use crate::limits::PARTY_PLAYERS_MAX;

/// Steps of the search for an exact seating of parties, per group: two teams of five have 7 × 7 compositions, two
/// teams of sixteen up to 231 × 231, most of which a handful of parties rules out.
const PACK_STEPS_MAX: u32 = 2_000;

/// Parties by size; the index is the size.
type Sizes = [u32; PARTY_PLAYERS_MAX + 1];

/// Parties of each size, per team.
pub(super) type SeatPlan = Vec<Sizes>;

/// Seats parties of `sizes`, of which the first must be seated, so that as many players as possible and at least
/// `least` play. `None` if there is no way, or none was found within the steps allowed.
pub(super) fn pack(teams: u32, target: u32, sizes: &[u32], least: u32) -> Option<SeatPlan> {
    let mut available = Sizes::default();
    for size in sizes {
        available[*size as usize] += 1;
    }
    let first = *sizes.first()?;
    available[first as usize] -= 1;
    let solos_only = sizes.iter().all(|size| *size == 1);
    let most = sizes.iter().sum::<u32>().min(target);
    let mut search = Search {
        available,
        plan: vec![Sizes::default(); teams as usize],
        steps: PACK_STEPS_MAX,
    };
    search.plan[0][first as usize] = 1;
    for players in (least..=most).rev() {
        let (even, extra) = (players / teams, players % teams);
        if extra > 0 && solos_only {
            continue;
        }
        let mut rooms: Vec<u32> = (0..teams).map(|t| even + u32::from(t < extra)).collect();
        // The first party may belong into a larger team or into a smaller one.
        for _ in 0..if extra > 0 { 2 } else { 1 } {
            if let Some(room) = rooms[0].checked_sub(first)
                && search.fill(&rooms, 0, PARTY_PLAYERS_MAX, room)
                && (extra == 0 || has_party(&search.plan))
            {
                return Some(search.plan);
            }
            search.available = available;
            search.plan.fill(Sizes::default());
            search.plan[0][first as usize] = 1;
            rooms.reverse();
        }
    }
    None
}

fn has_party(plan: &SeatPlan) -> bool {
    plan.iter()
        .any(|team| team[2..].iter().any(|parties| *parties > 0))
}

struct Search {
    available: Sizes,
    plan: SeatPlan,
    steps: u32,
}

impl Search {
    /// Fills `room` seats of `team` with parties of at most `size`, largest first, and then the teams after it.
    fn fill(&mut self, rooms: &[u32], team: usize, size: usize, room: u32) -> bool {
        if room == 0 {
            return match rooms.get(team + 1) {
                None => true,
                Some(next) => self.fill(rooms, team + 1, PARTY_PLAYERS_MAX, *next),
            };
        }
        let reachable = size > 0 && (size > 1 || self.available[1] >= room);
        if !reachable || self.steps == 0 {
            return false;
        }
        self.steps -= 1;
        let players = u32::try_from(size).unwrap_or(u32::MAX);
        let most = self.available[size].min(room / players);
        for parties in (0..=most).rev() {
            self.available[size] -= parties;
            self.plan[team][size] += parties;
            if self.fill(rooms, team, size - 1, room - parties * players) {
                return true;
            }
            self.available[size] += parties;
            self.plan[team][size] -= parties;
        }
        false
    }
}

/// Seats `members` as the plan says how many of each size, the first of each size that suffice.
pub(super) fn deal(slots: &Slots, members: &[u32], plan: &SeatPlan) -> Teams {
    let mut teams = vec![Vec::new(); plan.len()];
    for size in 1..=PARTY_PLAYERS_MAX {
        let mut fitting = members
            .iter()
            .filter(|slot| slots.hot(**slot).size() as usize == size);
        for (team, wanted) in teams.iter_mut().zip(plan) {
            team.extend(fitting.by_ref().take(wanted[size] as usize));
        }
    }
    teams
}
