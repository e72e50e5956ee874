//! Seats: which parties fill which teams.
//!
//! At the target size every team has the same number of players. Below it, team sizes differ by one at most, and not
//! at all when there are only solos: with parties an even split may not exist, with solos it always does.

use super::board::Board;
use crate::limits::PARTY_PLAYERS_MAX;
use crate::mode::GameMode;

/// Steps of the search for an exact seating of parties, per group: two teams of five have 7 × 7 compositions, two
/// teams of sixteen up to 231 × 231, most of which a handful of parties rules out.
const PACK_STEPS_MAX: u32 = 2_000;

/// Parties by size; the index is the size.
type Sizes = [u32; PARTY_PLAYERS_MAX + 1];

/// Parties of each size, per team.
pub(super) type SeatPlan = Vec<Sizes>;

/// A group, seated.
pub(super) struct Seating {
    /// Tickets (as the board numbers them) by team.
    pub(super) teams: Vec<Vec<u32>>,
    /// Players in all.
    pub(super) players: u32,
}

impl Seating {
    pub(super) fn members(&self) -> impl Iterator<Item = u32> {
        self.teams.iter().flatten().copied()
    }
}

/// Seats of a match at its target size, filled one party after the other.
pub(super) struct Seats {
    room: Vec<u32>,
    plan: SeatPlan,
}

impl Seats {
    pub(super) fn new(mode: &GameMode) -> Self {
        let teams = mode.teams.max(1) as usize;
        Self {
            room: vec![mode.team_players_max(); teams],
            plan: vec![Sizes::default(); teams],
        }
    }

    /// Seats a party in the fullest team that has room for it, so that large parties find room as long as possible.
    pub(super) fn seat(&mut self, size: u32) -> bool {
        let best = (0..self.room.len())
            .filter(|team| self.room[*team] >= size)
            .min_by_key(|team| self.room[*team]);
        if let Some(team) = best {
            self.room[team] -= size;
            self.plan[team][size as usize] += 1;
        }
        best.is_some()
    }

    pub(super) fn is_full(&self) -> bool {
        self.room.iter().all(|room| *room == 0)
    }

    pub(super) fn plan(&self) -> &SeatPlan {
        &self.plan
    }
}

/// Seats parties of `sizes`, of which the first must be seated, so that as many players as possible and at least
/// `least` play. `None` if there is no way, or none was found within the steps allowed.
pub(super) fn pack(mode: &GameMode, sizes: &[u32], least: u32) -> Option<SeatPlan> {
    let mut available = Sizes::default();
    for size in sizes {
        available[*size as usize] += 1;
    }
    let first = *sizes.first()?;
    available[first as usize] -= 1;
    let solos_only = sizes.iter().all(|size| *size == 1);
    let teams = mode.teams.max(1);
    let most = sizes.iter().sum::<u32>().min(mode.players_target);
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

/// Seats `members` as the plan says how many of each size; the first of each size that suffice. Large parties first,
/// strong ones before weak ones, each into the team that is weakest so far.
pub(super) fn balance(board: &Board<'_>, members: &[u32], plan: &SeatPlan) -> Seating {
    let lowest = members
        .iter()
        .map(|index| board.candidate(*index).skill())
        .fold(f64::INFINITY, f64::min);
    let mut left = plan.clone();
    let mut teams = vec![Vec::new(); plan.len()];
    let mut strength = vec![0.0_f64; plan.len()];
    let mut players = 0;
    for size in (1..=PARTY_PLAYERS_MAX).rev() {
        let wanted: u32 = plan.iter().map(|team| team[size]).sum();
        let mut chosen: Vec<u32> = members
            .iter()
            .copied()
            .filter(|index| board.candidate(*index).size() as usize == size)
            .take(wanted as usize)
            .collect();
        chosen.sort_by(|a, b| {
            let (a, b) = (board.candidate(*a), board.candidate(*b));
            b.skill().total_cmp(&a.skill())
        });
        for index in chosen {
            let candidate = board.candidate(index);
            let team = (0..teams.len())
                .filter(|team| left[*team][size] > 0)
                .min_by(|a, b| strength[*a].total_cmp(&strength[*b]))
                .expect("invariant: the plan has a seat for each that was chosen");
            left[team][size] -= 1;
            teams[team].push(index);
            strength[team] += (candidate.skill() - lowest) * f64::from(candidate.size());
            players += candidate.size();
        }
    }
    Seating { teams, players }
}
