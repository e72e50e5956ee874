//! The fills of one plan, best first.

use std::collections::BTreeMap;

use super::look::Around;
use super::{Live, Open};
use crate::id::MatchId;
use crate::matches::{Fill, Quality};
use crate::matchmaker::teams;
use crate::matchmaker::tick::{ROUNDS, Tick};
use crate::matchmaker::{Budget, Plan};
use crate::rules::Backfill;

/// When in a plan live matches are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::matchmaker) enum Turn {
    /// Before new matches are made.
    Before,
    /// Of those whom no new match took.
    After,
}

/// What a live match would have filled.
struct Offer {
    cost: i64,
    since: u64,
    id: MatchId,
    fill: Fill,
    slots: Vec<u32>,
}

impl Tick<'_> {
    /// Fills the live matches that are due and have their turn, best first. With [`Backfill::Normal`], seats are like a
    /// ticket that came when they became free: before new matches they take only whoever came later.
    pub(in crate::matchmaker) fn fill(
        &mut self,
        live: &mut Live,
        turn: Turn,
        budget: Budget,
        plan: &mut Plan,
    ) {
        let priority = self.index.rules.rules.backfill;
        let (has_turn, is_last) = match (priority, turn) {
            (Backfill::Off, _) | (Backfill::Low, Turn::Before) | (Backfill::High, Turn::After) => {
                (false, false)
            }
            (Backfill::Normal, Turn::Before) => (true, false),
            (Backfill::High, Turn::Before) | (Backfill::Low | Backfill::Normal, Turn::After) => {
                (true, true)
            }
        };
        if !has_turn || plan.carry_over {
            return;
        }
        let only_newer = !is_last;
        let mut due: Vec<MatchId> = live.fresh.iter().copied().collect();
        let mut round = 0;
        while !due.is_empty() && !plan.carry_over {
            round += 1;
            let mut offers = Vec::new();
            for id in std::mem::take(&mut due) {
                let Some(open) = live.open.get_mut(&id) else {
                    continue;
                };
                match self.look_around(open, only_newer) {
                    Err(at) => {
                        open.later = open.later.min(at);
                        if is_last {
                            live.postpone(id);
                        }
                    }
                    Ok(offer) if round <= ROUNDS => offers.push(offer),
                    Ok(offer) => self.accept_fill(offer, live, budget, plan),
                }
            }
            offers.sort_unstable_by_key(|offer| (offer.cost, offer.since, offer.id));
            for offer in offers {
                if offer
                    .slots
                    .iter()
                    .any(|slot| self.index.slots.is_taken(*slot))
                {
                    due.push(offer.id);
                } else {
                    self.accept_fill(offer, live, budget, plan);
                }
            }
            due.sort_unstable();
        }
    }

    fn accept_fill(&mut self, offer: Offer, live: &mut Live, budget: Budget, plan: &mut Plan) {
        if plan.matches.len() + plan.fills.len() >= budget.matches_max {
            plan.carry_over = true;
            return;
        }
        live.close(self.index, offer.id);
        for slot in offer.slots {
            self.take(slot);
        }
        self.clear_shelves();
        plan.fills.push(offer.fill);
    }

    fn look_around(&self, open: &Open, only_newer: bool) -> Result<Offer, u64> {
        let index = &*self.index;
        let bench = &open.bench;
        let from = if only_newer { bench.since } else { 0 };
        let choice = Around::new(index, bench, from, self.now).best()?;
        let slots: Vec<u32> = choice.joining.iter().map(|(slot, _)| *slot).collect();
        let hots = || slots.iter().map(|slot| index.slots.hot(*slot));
        let began = hots().map(|hot| hot.eager()).sum::<u64>() + bench.since;
        let eager = began / (slots.len() as u64 + 1);
        let name = &index.regions[bench.region];
        let seated = bench.sitters.iter().map(|sitter| &sitter.ticket);
        let everybody = seated.chain(slots.iter().map(|slot| index.slots.ticket(*slot)));
        let waits = || hots().map(|hot| self.now.saturating_sub(hot.created));
        let fairness = choice.fairness();
        let team = |team: usize| u32::try_from(team).unwrap_or(u32::MAX);
        let joining = choice.joining.iter();
        let fill = Fill {
            match_id: open.offer.id,
            tickets: joining
                .map(|(slot, at)| (index.slots.ticket(*slot).id, team(*at)))
                .collect(),
            players: choice.players(),
            quality: Quality {
                skill_spread: index.rules.allowance.points(choice.spread()),
                latency_worst_ms: everybody.filter_map(|t| t.latency_ms(name)).max(),
                wait_oldest_ms: waits().max().unwrap_or(0),
                wait_newest_ms: waits().min().unwrap_or(0),
                team_gap: fairness.gap,
                win_chance: fairness.win_chance,
            },
            roles: self.newcomers_roles(&choice),
        };
        Ok(Offer {
            cost: index.rules.waiting_cost(choice.spread(), eager, self.now),
            since: bench.since,
            id: open.offer.id,
            fill,
            slots,
        })
    }

    fn newcomers_roles(
        &self,
        choice: &super::choice::Choice<'_>,
    ) -> BTreeMap<crate::id::PlayerId, String> {
        let slots = &self.index.slots;
        let mut roles = BTreeMap::new();
        let (Some(rule), Some(teams)) = (
            &self.index.rules.rules.roles,
            choice.roles_of(&choice.joining),
        ) else {
            return roles;
        };
        for (team, seats) in teams.iter().enumerate() {
            let joining = choice.joining.iter().filter(|(_, at)| *at == team);
            let players = joining.flat_map(|(slot, _)| &slots.ticket(*slot).players);
            let players: Vec<_> = players.map(|player| &player.player_id).collect();
            roles.extend(teams::roles_of(rule, seats, &players));
        }
        roles
    }
}
