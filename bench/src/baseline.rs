//! The reference of every figure about matchmaking: the guide's algorithm, a greedy scan.
//!
//! Each tick sorts the whole queue by game mode and skill. Each ticket in that order that is in no match yet opens a group
//! and scans the whole queue from its beginning for tickets of the same game mode, at most 200 points of skill away from
//! the opener, that share a region with the opener, until the target is reached. A group that reaches the minimum is a
//! match, in the region that most of its players would accept, whether all do or not; the tickets of any other group are
//! free again. (The guide's text keeps those from being tried again in the same tick, which saves time on a hopeless
//! queue and makes everybody wait longer: here the baseline gets the better of the two.)
//!
//! It gets what a careful author would give it: numbers for game modes, a bit per region, a flag per used ticket. Where a
//! game mode allows less than 200 points whatever the wait, because its skill is on another scale, that is the window.

use std::time::Duration;

use stadion_core::id::{Region, TicketId};
use stadion_core::mode::GameMode;
use stadion_core::ticket::Ticket;
use tokio::time::Instant;

/// How far a ticket may be from the one that opens a group, at most.
const SKILL_WINDOW: f64 = 200.0;

/// A ticket in the queue.
#[derive(Clone, Copy, Debug)]
struct Request {
    id: TicketId,
    mode: usize,
    skill: f64,
    size: u32,
    /// Acceptable regions as bits.
    regions: u64,
}

/// A match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Who plays.
    pub(crate) tickets: Vec<TicketId>,
    pub(crate) players: u32,
    /// Where, by its place in the list of regions.
    pub(crate) region: usize,
    /// Whether any region is acceptable to all.
    pub(crate) has_common_region: bool,
}

/// The queue of all game modes.
#[derive(Clone, Debug)]
pub(crate) struct Baseline {
    modes: Vec<GameMode>,
    regions: Vec<Region>,
    queue: Vec<Request>,
}

impl Baseline {
    pub(crate) fn new(modes: &[GameMode], regions: &[Region]) -> Self {
        Self {
            modes: modes.to_vec(),
            regions: regions.to_vec(),
            queue: Vec::new(),
        }
    }

    /// Adds a ticket; one of a game mode that is not played is ignored.
    pub(crate) fn insert(&mut self, ticket: &Ticket) {
        let of_ticket = |mode: &GameMode| mode.name == ticket.game_mode;
        let Some(mode) = self.modes.iter().position(of_ticket) else {
            return;
        };
        let accepted = |(_, region): &(usize, &Region)| ticket.accepts(&self.modes[mode], region);
        let regions = self.regions.iter().enumerate().filter(accepted);
        self.queue.push(Request {
            id: ticket.id,
            mode,
            skill: ticket.skill(),
            size: u32::try_from(ticket.size()).unwrap_or(u32::MAX),
            regions: regions.fold(0, |bits, (index, _)| bits | 1 << index),
        });
    }

    /// Takes a ticket out, if it is in.
    pub(crate) fn remove(&mut self, id: TicketId) {
        self.queue.retain(|request| request.id != id);
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// One look at the queue; matched tickets leave it. `None` when it took longer than `limit`: then nothing changed.
    pub(crate) fn tick(&mut self, limit: Duration) -> Option<Vec<Group>> {
        let started = Instant::now();
        self.queue
            .sort_by(|a, b| a.mode.cmp(&b.mode).then(a.skill.total_cmp(&b.skill)));
        let mut matched = vec![false; self.queue.len()];
        let mut groups = Vec::new();
        for opener in 0..self.queue.len() {
            if matched[opener] {
                continue;
            }
            if started.elapsed() > limit {
                return None;
            }
            let (members, players) = self.around(opener, &matched);
            if players >= self.modes[self.queue[opener].mode].players_min {
                for member in &members {
                    matched[*member] = true;
                }
                groups.push(self.group(&members, players));
            }
        }
        let mut stays = matched.iter().map(|matched| !matched);
        self.queue.retain(|_| stays.next().unwrap_or(true));
        Some(groups)
    }

    /// The group that a ticket opens, and its players.
    fn around(&self, opener: usize, matched: &[bool]) -> (Vec<usize>, u32) {
        let request = self.queue[opener];
        let mode = &self.modes[request.mode];
        let (target, window) = (mode.players_target, mode.skill.max.min(SKILL_WINDOW));
        let (mut members, mut players) = (vec![opener], request.size);
        for (index, other) in self.queue.iter().enumerate() {
            if players >= target {
                break;
            }
            if !matched[index]
                && index != opener
                && players + other.size <= target
                && other.mode == request.mode
                && (other.skill - request.skill).abs() <= window
                && other.regions & request.regions != 0
            {
                members.push(index);
                players += other.size;
            }
        }
        (members, players)
    }

    fn group(&self, members: &[usize], players: u32) -> Group {
        let requests = || members.iter().map(|member| &self.queue[*member]);
        let common = requests().fold(u64::MAX, |bits, request| bits & request.regions);
        Group {
            tickets: requests().map(|request| request.id).collect(),
            players,
            region: self.most_frequent_region(members),
            has_common_region: common != 0,
        }
    }

    fn most_frequent_region(&self, members: &[usize]) -> usize {
        let players_for = |region: usize| -> u32 {
            let accepts = |member: &&usize| self.queue[**member].regions >> region & 1 == 1;
            let members = members.iter().filter(accepts);
            members.map(|member| self.queue[*member].size).sum()
        };
        // The first of equals, as in a stable sort by falling frequency.
        (0..self.regions.len())
            .rev()
            .max_by_key(|region| players_for(*region))
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Baseline;
    use crate::matchmaker::crowd::{ANY_SKILL, Crowd, mode, regions, window};

    #[test]
    fn it_draws_from_the_bottom_and_asks_only_the_opener() {
        let mode = mode("three", 1, (3, 3), window(60.0, 15.0, 600.0));
        let regions = regions(2);
        let mut crowd = Crowd::new(1, &mode, &regions);
        let mut baseline = Baseline::new(&[mode], &regions);
        let mut insert = |skill: f64, region: usize| {
            let ticket = crowd.local(skill, region, 0);
            baseline.insert(&ticket);
            ticket.id
        };
        let opener = insert(1_000.0, 1);
        let elsewhere = insert(1_010.0, 0);
        let lower = insert(1_100.0, 1);
        let far = insert(1_201.0, 1);
        let higher = insert(1_199.0, 1);
        let groups = baseline.tick(Duration::MAX).unwrap();
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].tickets, [opener, lower, higher]);
        assert_eq!((groups[0].region, groups[0].has_common_region), (1, true));
        let left: Vec<_> = baseline.queue.iter().map(|request| request.id).collect();
        assert_eq!(left, [elsewhere, far]);
    }

    #[test]
    fn one_that_is_stopped_changes_nothing() {
        let mode = mode("two", 2, (2, 2), ANY_SKILL);
        let regions = regions(1);
        let mut crowd = Crowd::new(1, &mode, &regions);
        let mut baseline = Baseline::new(&[mode], &regions);
        baseline.insert(&crowd.local(0.0, 0, 0));
        baseline.insert(&crowd.local(0.0, 0, 0));
        assert_eq!(baseline.tick(Duration::ZERO), None);
        assert_eq!(baseline.len(), 2);
    }
}
