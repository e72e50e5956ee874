//! What a ticket offers in one tick: a match around it.

use super::group::Group;
use super::near;

/// A match that its newest ticket offers.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) slot: u32,
    /// Its place in the order of the shelves among all that are looked at.
    pub(super) turn: u32,
    pub(super) cost: i64,
    pub(super) since: u64,
    pub(super) region: u32,
    pub(super) players: u32,
    /// Creation of its oldest member.
    pub(super) oldest: u64,
    /// Its lowest and its highest member: if one of them is taken, it is not worth finding the others.
    pub(super) ends: [u32; 2],
    /// Its members, where finding them again is dear.
    pub(super) group: Option<Box<Group>>,
}

/// A match as the search found it.
pub(super) struct Found {
    pub(super) players: u32,
    pub(super) spread: i64,
    pub(super) oldest: u64,
    pub(super) eager: u64,
    pub(super) ends: [u32; 2],
    pub(super) group: Option<Box<Group>>,
}

impl Found {
    pub(super) fn group(slot: u32, group: Group) -> Self {
        Self {
            players: group.players,
            spread: group.spread,
            oldest: group.oldest,
            eager: group.eager,
            ends: [slot; 2],
            group: Some(Box::new(group)),
        }
    }

    pub(super) fn window(window: near::Window, ends: [u32; 2]) -> Self {
        Self {
            players: super::count(window.players()),
            spread: window.spread,
            oldest: window.oldest,
            eager: window.eager,
            ends,
            group: None,
        }
    }
}

pub(super) enum Look {
    Offer(Offer),
    /// Not before this moment.
    Later(u64),
}
