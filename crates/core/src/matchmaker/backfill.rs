//! Backfill: tickets for the free seats of live matches.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::index::Index;
use crate::id::{MatchId, PlayerId, Region};
use crate::matches::OpenSeats;
use crate::ticket::Ticket;

/// A live match that has free seats, as the planner needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveMatch {
    /// The match.
    pub id: MatchId,
    /// Where it is played: whoever joins accepts that.
    pub region: Region,
    /// Who plays in it. Without anybody, it is filled like an empty match.
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
/// seats are free.
#[derive(Clone, Debug, PartialEq)]
pub struct Seated {
    /// Its ticket, with those of its players who are still there.
    pub ticket: Arc<Ticket>,
    /// Its team, from 0.
    pub team: u32,
    /// How long it had waited when its match was planned, milliseconds.
    pub waited_ms: u64,
}

/// The live matches with free seats of one pool.
#[derive(Debug, Default)]
pub(super) struct Live {
    offers: BTreeMap<MatchId, LiveMatch>,
}

impl Live {
    pub(super) fn open(&mut self, _index: &mut Index, offer: LiveMatch) {
        self.offers.insert(offer.id, offer);
    }

    pub(super) fn close(&mut self, _index: &mut Index, id: MatchId) {
        self.offers.remove(&id);
    }

    pub(super) fn offers(&self) -> impl Iterator<Item = &LiveMatch> {
        self.offers.values()
    }
}
