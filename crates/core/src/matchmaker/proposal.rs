//! A match as it is proposed: where it is best played, how good it is, who plays what, and its tickets set aside.

use std::collections::BTreeMap;

use super::Plan;
use super::index::bits;
use super::slots::Hot;
use super::teams::{self, Teams};
use super::tick::{Free, Tick};
use crate::id::{PlayerId, TicketId};
use crate::matches::{MatchPlan, Quality};

impl Tick<'_> {
    pub(super) fn place(&mut self, teams: &Teams, region: usize, free: &mut Free, plan: &mut Plan) {
        let region = if self.index.rules.rules.rule_set.is_some() {
            // Its rules have been asked about this one.
            region
        } else {
            self.best_region(teams, free.supplied).unwrap_or(region)
        };
        free.servers[region] -= 1;
        if free.servers[region] == 0 {
            free.supplied &= !(1 << region);
        }
        plan.matches.push(self.match_plan(teams, region));
        for slot in teams.iter().flatten().copied() {
            self.take(slot);
        }
        self.clear_shelves();
    }

    /// Takes those in matches off the shelves, if walks would pass over too many of them.
    pub(super) fn clear_shelves(&mut self) {
        if self.index.pending.going.len() > self.going_max {
            self.index.take_off();
        }
    }

    /// Sets a ticket aside that is planned.
    pub(super) fn take(&mut self, slot: u32) {
        self.index.slots.mark_taken(slot);
        if self.index.slots.hot(slot).touchy && self.index.slots.cold(slot).contested {
            self.block_rivals(slot);
        }
        self.index.set_aside(slot);
    }

    /// Tickets that share a player with `slot` are not planned beside it.
    fn block_rivals(&mut self, slot: u32) {
        let slots = &self.index.slots;
        let own = slots.cold(slot);
        let rivals: Vec<u32> = slots
            .iter()
            .filter(|(other, cold)| *other != slot && cold.is_rival_of(own))
            .map(|(other, _)| other)
            .collect();
        for rival in rivals {
            self.index.slots.mark_taken(rival);
            self.index.refresh(rival);
            let hot = *self.index.slots.hot(rival);
            for region in bits(hot.mask) {
                let shelf = self.index.shelf_index(hot.partition, region);
                self.index.touch(shelf, hot.skill);
            }
        }
    }

    /// Of the regions in `mask` that all accept, the one where they are placed best.
    pub(super) fn best_region(&self, teams: &Teams, mask: u64) -> Option<usize> {
        let slots = &self.index.slots;
        let members = || teams.iter().flatten();
        let common = members().fold(mask, |mask, slot| mask & slots.hot(*slot).mask);
        let by_mean = self.index.rules.rules.region_by == crate::rules::RegionBy::Mean;
        bits(common).min_by_key(|region| {
            let choices = || members().map(|slot| u64::from(slots.reach(*slot, *region).choice));
            let (worst, sum) = (choices().max(), choices().sum::<u64>());
            if by_mean {
                (sum, worst)
            } else {
                (worst.unwrap_or(0), Some(sum))
            }
        })
    }

    fn match_plan(&self, teams: &Teams, region: usize) -> MatchPlan {
        let slots = &self.index.slots;
        let members = || teams.iter().flatten();
        let hots = || members().map(|slot| slots.hot(*slot));
        let skills = || hots().map(|hot| i64::from(hot.skill));
        let measured = members().filter(|slot| slots.hot(**slot).measured);
        let latencies = measured.map(|slot| u32::from(slots.reach(*slot, region).worst));
        let waits = || hots().map(|hot| self.now.saturating_sub(hot.created));
        let ids = |team: &Vec<u32>| -> Vec<TicketId> {
            let id = |slot: &u32| TicketId::from_u128(slots.hot(*slot).id);
            team.iter().map(id).collect()
        };
        let fairness = teams::fairness(slots, &self.index.rules, teams);
        let spread = skills().max().unwrap_or(0) - skills().min().unwrap_or(0);
        MatchPlan {
            game_mode: self.mode.name.clone(),
            region: self.index.regions[region].clone(),
            teams: teams.iter().map(ids).collect(),
            players: hots().map(Hot::size).sum(),
            quality: Quality {
                skill_spread: self.index.rules.allowance.points(spread),
                latency_worst_ms: latencies.max(),
                wait_oldest_ms: waits().max().unwrap_or(0),
                wait_newest_ms: waits().min().unwrap_or(0),
                team_gap: fairness.gap,
                win_chance: fairness.win_chance,
            },
            roles: self.roles(teams),
        }
    }

    /// What each player plays, where the game mode has roles.
    fn roles(&self, teams: &Teams) -> BTreeMap<PlayerId, String> {
        let (slots, rules) = (&self.index.slots, &self.index.rules);
        let Some(rule) = &rules.rules.roles else {
            return BTreeMap::new();
        };
        let mut roles = BTreeMap::new();
        for (team, tickets) in teams.iter().enumerate() {
            if let Some(seats) = teams::role_seats(slots, rules, team, tickets, self.now) {
                let players = tickets.iter().flat_map(|slot| &slots.ticket(*slot).players);
                let players: Vec<&PlayerId> = players.map(|player| &player.player_id).collect();
                roles.extend(teams::roles_of(rule, &seats, &players));
            }
        }
        roles
    }
}
