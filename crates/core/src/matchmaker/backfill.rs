//! Backfill: tickets for the free seats of live matches.
//!
//! A fill is a match whose members are given in part. Whoever is seated counts in every rule as if it had waited as long
//! as it had when its match was planned, and since the seats are free; so I6 holds between seated and newcomers, and
//! what they all allow widens with time as it does for tickets. Like a ticket, a live match is looked at when it comes,
//! when somebody comes or goes within its reach, and at the moment that was computed for it.

mod bench;
mod choice;
mod fills;
mod look;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::bench::Bench;
pub(super) use self::fills::Turn;
use super::alarms::Alarms;
use super::index::Index;
use crate::id::{MatchId, PlayerId, Region};
use crate::matches::OpenSeats;
use crate::rules::Backfill;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// A live match that has free seats, as the planner needs to know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveMatch {
    /// The match.
    pub id: MatchId,
    /// Where it is played: whoever joins accepts that.
    pub region: Region,
    /// Who plays in it. Without anybody it takes whoever goes together, unless attributes must be the same.
    pub seated: Vec<Seated>,
    /// The seats that its game server would have filled, by team, and since when.
    pub open: OpenSeats,
    /// Labels that its game server carries or was asked for: whoever joins must not contradict them.
    pub labels: BTreeMap<String, String>,
    /// Players that its game server takes, where that is known. Where it is not, nobody joins who asks for a least.
    pub max_players: Option<u32>,
    /// Who plays what, as far as it is known; the others count with the roles that they asked for.
    pub roles: BTreeMap<PlayerId, String>,
}

/// A party that plays in a live match. It counts in every rule as if it had waited as long as it did, and since the
/// seats are free or it joined, whichever came later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seated {
    /// Its ticket, with those of its players who are still there.
    pub ticket: Arc<Ticket>,
    /// Its team, from 0.
    pub team: u32,
    /// When its match was planned, or its place in it: until then it waited.
    pub joined_at: Timestamp,
}

/// A live match in the pool.
#[derive(Debug)]
struct Open {
    offer: LiveMatch,
    bench: Bench,
    /// Counts the offers of the pool.
    serial: u64,
    /// Not worth looking at before, as far as looks of this plan say.
    later: u64,
}

/// The live matches with free seats of one pool.
#[derive(Debug, Default)]
pub(super) struct Live {
    open: BTreeMap<MatchId, Open>,
    /// By the shelf whose tickets could join.
    by_shelf: BTreeMap<usize, BTreeSet<MatchId>>,
    /// To look at in the next plan.
    fresh: BTreeSet<MatchId>,
    /// By match and serial.
    alarms: Alarms<(MatchId, u64)>,
    serial: u64,
}

impl Live {
    pub(super) fn open(&mut self, index: &mut Index, offer: LiveMatch) {
        self.close(index, offer.id);
        let region = index
            .regions
            .iter()
            .position(|known| *known == offer.region);
        let (Some(region), true) = (region, index.rules.rules.backfill != Backfill::Off) else {
            return;
        };
        let Some(bench) = Bench::new(index, &offer, region) else {
            return;
        };
        self.serial += 1;
        self.fresh.insert(offer.id);
        self.by_shelf
            .entry(bench.shelf)
            .or_default()
            .insert(offer.id);
        let open = Open {
            bench,
            serial: self.serial,
            later: u64::MAX,
            offer,
        };
        self.open.insert(open.offer.id, open);
        index.touched.get_or_insert_default();
    }

    pub(super) fn close(&mut self, index: &mut Index, id: MatchId) {
        let Some(gone) = self.open.remove(&id) else {
            return;
        };
        index.move_out(gone.bench.partition);
        self.fresh.remove(&id);
        if let Some(others) = self.by_shelf.get_mut(&gone.bench.shelf) {
            others.remove(&id);
            if others.is_empty() {
                self.by_shelf.remove(&gone.bench.shelf);
            }
        }
        if self.open.is_empty() {
            self.alarms.clear();
            index.touched = None;
        }
    }

    pub(super) fn offers(&self) -> impl Iterator<Item = &LiveMatch> {
        self.open.values().map(|open| &open.offer)
    }

    /// Makes fresh what is worth a look at `now`: because somebody came or went near it, or because of its own time.
    pub(super) fn wake(&mut self, index: &mut Index, now: Timestamp) {
        let open = &self.open;
        self.alarms
            .tidy(open.len(), |at, holder| is_due_at(open, at, holder));
        while let Some((at, holder)) = self.alarms.take(now.0) {
            if is_due_at(&self.open, at, holder) {
                self.fresh.insert(holder.0);
            }
        }
        self.wake_touched(index);
        for id in &self.fresh {
            if let Some(open) = self.open.get_mut(id) {
                open.later = u64::MAX;
            }
        }
    }

    /// Makes fresh those near whom somebody came, or went, also in this plan. They keep the moment that they have: it is
    /// not too late, whatever the next look says.
    pub(super) fn wake_touched(&mut self, index: &mut Index) {
        let mut touched = index
            .touched
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default();
        touched.sort_unstable();
        touched.dedup();
        for near in touched.chunk_by(|(shelf, _), (other, _)| shelf == other) {
            for id in self.by_shelf.get(&near[0].0).into_iter().flatten() {
                let (low, high) = self.open[id].bench.span(&index.rules);
                let first = near.partition_point(|(_, skill)| i64::from(*skill) < low);
                if near
                    .get(first)
                    .is_some_and(|(_, skill)| i64::from(*skill) <= high)
                {
                    self.fresh.insert(*id);
                }
            }
        }
    }

    /// Nothing was found; not to be looked at before what the looks of this plan said.
    fn postpone(&mut self, id: MatchId) {
        self.fresh.remove(&id);
        if let Some(open) = self.open.get(&id)
            && open.later != u64::MAX
        {
            self.alarms.set(open.later, (id, open.serial));
        }
    }

    /// The next moment at which a live match is worth a look.
    pub(super) fn next_at(&mut self) -> Option<Timestamp> {
        let open = &self.open;
        let next = self
            .alarms
            .next_at(|at, holder| is_due_at(open, at, holder));
        next.map(Timestamp)
    }
}

/// Whether the offer of a match and serial is to be looked at at this moment.
fn is_due_at(open: &BTreeMap<MatchId, Open>, at: u64, (id, serial): (MatchId, u64)) -> bool {
    let open = open.get(&id);
    open.is_some_and(|open| open.serial == serial && open.later == at)
}

#[cfg(test)]
mod tests;
