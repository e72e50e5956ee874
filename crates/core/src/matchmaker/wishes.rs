//! What the players of a ticket wish beyond skill and region: roles, and whom not to meet.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::limits::ROLES_MAX;
use crate::rules::{RoleRule, Rules};
use crate::ticket::{Attribute, Ticket, TicketPlayer};

/// Wishes of a ticket.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// Roles of each player.
    pub(super) roles: Vec<Roles>,
    /// Hashes of its players, where lists of players to avoid are kept.
    pub(super) players: Vec<u64>,
    /// Hashes of the players to avoid, sorted.
    pub(super) avoided: Vec<u64>,
}

/// Roles that a player would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Roles {
    /// Those listed, as bits; all if none is.
    pub(super) listed: u32,
    /// The first one.
    pub(super) favourite: Option<u8>,
}

impl Wishes {
    /// Whether neither has a player whom the other avoids.
    pub(super) fn tolerate(&self, other: &Self) -> bool {
        let meets = |avoided: &[u64], players: &[u64]| {
            players
                .iter()
                .any(|player| avoided.binary_search(player).is_ok())
        };
        !meets(&self.avoided, &other.players) && !meets(&other.avoided, &self.players)
    }
}

/// Whether two go together as far as whom they avoid is concerned; whose wishes the rules do not look at goes with all.
pub(super) fn tolerant(one: Option<&Wishes>, other: Option<&Wishes>) -> bool {
    one.zip(other)
        .is_none_or(|(one, other)| one.tolerate(other))
}

/// The wishes of `ticket`, if the rules look at any.
pub(super) fn of(ticket: &Ticket, rules: &Rules) -> Option<Box<Wishes>> {
    if rules.roles.is_none() && rules.avoid.is_none() {
        return None;
    }
    let mut wishes = Wishes::default();
    if let Some(rule) = &rules.roles {
        wishes.roles = ticket
            .players
            .iter()
            .map(|player| roles(player, rule))
            .collect();
    }
    if let Some(attribute) = &rules.avoid {
        let hash = |name: &str| {
            let mut hasher = DefaultHasher::new();
            name.hash(&mut hasher);
            hasher.finish()
        };
        wishes.players = ticket
            .players
            .iter()
            .map(|p| hash(p.player_id.as_str()))
            .collect();
        wishes.avoided = ticket
            .players
            .iter()
            .flat_map(|player| texts(player, attribute))
            .map(|name| hash(name))
            .collect();
        wishes.avoided.sort_unstable();
    }
    Some(Box::new(wishes))
}

fn texts<'a>(player: &'a TicketPlayer, attribute: &str) -> &'a [String] {
    match player.attributes.get(attribute) {
        Some(Attribute::List(texts)) => texts,
        Some(Attribute::Text(text)) => std::slice::from_ref(text),
        _ => &[],
    }
}

fn roles(player: &TicketPlayer, rule: &RoleRule) -> Roles {
    let mut found = Roles {
        listed: 0,
        favourite: None,
    };
    for text in texts(player, &rule.attribute) {
        let known = rule
            .per_team
            .keys()
            .take(ROLES_MAX)
            .position(|role| role == text);
        if let Some(role) = known.and_then(|role| u8::try_from(role).ok()) {
            found.listed |= 1 << role;
            found.favourite = found.favourite.or(Some(role));
        }
    }
    if found.listed == 0 {
        found.listed = u32::MAX;
    }
    found
}
