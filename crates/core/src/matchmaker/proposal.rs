//! A match as it is proposed: where it is best played, how good it is, and who plays what.

use std::collections::BTreeMap;

use super::index::bits;
use super::teams::{self, Teams};
use super::tick::Tick;
use crate::id::{PlayerId, TicketId};
use crate::matches::{MatchPlan, Quality};

impl Tick<'_> {
    /// Of the regions in `mask` that all accept, the one where they are placed best.
    pub(super) fn best_region(&self, teams: &Teams, mask: u64) -> Option<usize> {
        let members = || {
            teams
                .iter()
                .flatten()
                .map(|slot| self.index.slots.cold(*slot))
        };
        let common = members().fold(mask, |mask, cold| mask & cold.mask);
        let by_mean = self.index.rules.rules.region_by == crate::rules::RegionBy::Mean;
        bits(common).min_by_key(|region| {
            let choices = || members().map(|cold| u64::from(cold.reaches[*region].choice));
            let (worst, sum) = (choices().max(), choices().sum::<u64>());
            if by_mean {
                (sum, worst)
            } else {
                (worst.unwrap_or(0), Some(sum))
            }
        })
    }

    pub(super) fn match_plan(&self, teams: &Teams, region: usize) -> MatchPlan {
        let slots = &self.index.slots;
        let hots = || teams.iter().flatten().map(|slot| slots.hot(*slot));
        let name = &self.index.regions[region];
        let skills = || hots().map(|hot| i64::from(hot.skill));
        let latency = |slot: &u32| slots.ticket(*slot).latency_ms(name);
        let waits = || hots().map(|hot| self.now.saturating_sub(hot.created));
        let ids = |team: &Vec<u32>| -> Vec<TicketId> {
            team.iter().map(|slot| slots.ticket(*slot).id).collect()
        };
        let fairness = teams::fairness(slots, &self.index.rules, teams);
        MatchPlan {
            game_mode: self.mode.name.clone(),
            region: name.clone(),
            teams: teams.iter().map(ids).collect(),
            players: hots().map(|hot| hot.size).sum(),
            quality: Quality {
                skill_spread: self
                    .index
                    .rules
                    .allowance
                    .points(skills().max().unwrap_or(0) - skills().min().unwrap_or(0)),
                latency_worst_ms: teams.iter().flatten().filter_map(latency).max(),
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
