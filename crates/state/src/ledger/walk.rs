//! Every row, a few at a time.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use stadion_core::id::{MatchId, PlayerId, SessionId, TicketId};

use super::{Ledger, Row};

/// How far a walk over the rows has come: the last key of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    Tickets(Option<TicketId>),
    Matches(Option<MatchId>),
    Sessions(Option<SessionId>),
    Events(Option<u64>),
    Meta,
    Done,
}

impl Cursor {
    pub(crate) const START: Self = Self::Tickets(None);
}

fn behind<K: Ord + Copy, V>(
    table: &BTreeMap<K, V>,
    last: Option<K>,
) -> impl Iterator<Item = (&K, &V)> {
    table.range((
        last.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    ))
}

impl Ledger {
    /// Rows that it holds.
    pub(crate) fn row_count(&self) -> usize {
        self.tickets.len() + self.matches.len() + self.sessions.len() + self.events.len() + 1
    }

    /// Appends up to `most` rows behind `cursor` to `rows`, as if they had just been written; how far it came.
    pub(crate) fn walk(&self, mut cursor: Cursor, most: usize, rows: &mut Vec<Row>) -> Cursor {
        let until = rows.len() + most;
        while rows.len() < until && cursor != Cursor::Done {
            let room = until - rows.len();
            cursor = self.step(cursor, room, rows);
        }
        cursor
    }

    /// A walk within one table.
    fn step(&self, cursor: Cursor, room: usize, rows: &mut Vec<Row>) -> Cursor {
        let begun = rows.len();
        let next = match cursor {
            Cursor::Tickets(last) => {
                let found = behind(&self.tickets, last).take(room);
                rows.extend(found.map(|(id, stored)| Row::Ticket(*id, Some(stored.clone()))));
                Cursor::Matches(None)
            }
            Cursor::Matches(last) => {
                let found = behind(&self.matches, last).take(room);
                rows.extend(found.map(|(id, game)| Row::Match(*id, Some(Arc::clone(game)))));
                Cursor::Sessions(None)
            }
            Cursor::Sessions(last) => {
                let found = behind(&self.sessions, last).take(room);
                rows.extend(found.map(|(id, one)| Row::Session(*id, Some(Arc::clone(one)))));
                Cursor::Events(None)
            }
            Cursor::Events(last) => {
                let found = behind(&self.events, last).take(room);
                rows.extend(found.filter_map(|(row, player)| self.event_row(*row, player)));
                Cursor::Meta
            }
            Cursor::Meta => {
                rows.push(Row::Meta(self.meta.clone()));
                return Cursor::Done;
            }
            Cursor::Done => return Cursor::Done,
        };
        if rows.len() < begun + room {
            return next;
        }
        match rows.last() {
            Some(Row::Ticket(id, _)) => Cursor::Tickets(Some(*id)),
            Some(Row::Match(id, _)) => Cursor::Matches(Some(*id)),
            Some(Row::Session(id, _)) => Cursor::Sessions(Some(*id)),
            Some(Row::Event(number, _)) => Cursor::Events(Some(*number)),
            _ => next,
        }
    }

    pub(super) fn event_row(&self, row: u64, player: &PlayerId) -> Option<Row> {
        let mailbox = &self.players.get(player)?.mailbox;
        let place = mailbox.binary_search_by_key(&row, |(number, _)| *number);
        let (_, event) = mailbox.get(place.ok()?)?;
        Some(Row::Event(row, Arc::clone(event)))
    }

    /// Every row.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::with_capacity(self.row_count());
        self.walk(Cursor::START, usize::MAX / 2, &mut rows);
        rows
    }
}
