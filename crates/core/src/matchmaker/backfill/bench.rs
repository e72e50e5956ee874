//! Who is seated in a live match, weighed as tickets are.

use super::LiveMatch;
use crate::id::PlayerId;
use crate::limits::ROLES_MAX;
use crate::matchmaker::compiled::{Compiled, Shape};
use crate::matchmaker::index::{self, Index};
use crate::matchmaker::roles::RoleSeats;
use crate::matchmaker::slots::{self, Cold, Hot};
use crate::matchmaker::teams;
use crate::matchmaker::wishes::{self, Roles, Wishes};
use crate::rules::RoleRule;
use crate::ticket::{Requirements, Ticket};
use crate::time::Timestamp;

/// One seated party.
#[derive(Debug)]
pub(super) struct Sitter {
    /// Its ticket, as if it had waited since the moment from which its waiting counts.
    pub(super) ticket: Ticket,
    pub(super) hot: Hot,
    wishes: Option<Box<Wishes>>,
    pub(super) team: usize,
    /// By player, what is known to be played.
    known: Vec<Option<u8>>,
}

/// All seated parties of one match, and what is free beside them.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) sitters: Vec<Sitter>,
    pub(super) region: usize,
    pub(super) partition: u32,
    pub(super) shelf: usize,
    /// Lowest and highest skill.
    pub(super) hull: Option<(i32, i32)>,
    /// From here on the allowance of the newest widens.
    pub(super) newest: u64,
    /// Free seats by team, no more than the rules have.
    pub(super) room: Vec<u32>,
    /// Since when they are free.
    pub(super) since: u64,
    /// Players by team.
    pub(super) players: Vec<u32>,
    /// What its game server is.
    server: Requirements,
    max_players: Option<u32>,
}

impl Bench {
    /// `None` if nobody can ever be seated.
    pub(super) fn new(index: &mut Index, offer: &LiveMatch, region: usize) -> Option<Self> {
        let rules = &index.rules;
        let mut players = vec![0_u32; rules.shapes.len()];
        let mut sitters = Vec::with_capacity(offer.seated.len());
        let is_there = |seated: &&super::Seated| !seated.ticket.players.is_empty();
        for seated in offer.seated.iter().filter(is_there) {
            let sitter = Sitter::new(rules, offer, seated);
            *players.get_mut(sitter.team)? += sitter.hot.size();
            sitters.push(sitter);
        }
        let offered = offer.open.seats.iter().copied().chain(std::iter::repeat(0));
        let left = |(shape, players): (&Shape, &u32)| shape.max.saturating_sub(*players);
        let left = rules.shapes.iter().zip(&players).map(left);
        let room: Vec<u32> = left
            .zip(offered)
            .map(|(left, free)| left.min(free))
            .collect();
        if room.iter().all(|room| *room == 0) {
            return None;
        }
        let mut server = Requirements {
            labels: offer.labels.clone(),
            ..Requirements::default()
        };
        for sitter in &sitters {
            server = server.merged(&sitter.ticket.requirements);
        }
        let key = sitters.first().map_or_else(String::new, |sitter| {
            slots::partition_key(&sitter.ticket, rules)
        });
        let skills = || sitters.iter().map(|sitter| sitter.hot.skill);
        let partition = index.move_in(key);
        Some(Self {
            hull: skills().min().zip(skills().max()),
            newest: sitters.iter().map(|s| s.hot.since).max().unwrap_or(0),
            shelf: index.shelf_index(partition, region),
            since: offer.open.since.0,
            max_players: offer.max_players,
            server,
            sitters,
            region,
            partition,
            room,
            players,
        })
    }

    /// The skills that may ever join, units.
    pub(super) fn span(&self, rules: &Compiled) -> (i64, i64) {
        self.hull.map_or((i64::MIN, i64::MAX), |(low, high)| {
            let widest = rules.allowance.widest();
            (i64::from(high) - widest, i64::from(low) + widest)
        })
    }

    /// Whether a ticket goes with the server and everybody seated, whatever the time, skill and seats.
    pub(super) fn tolerates(&self, cold: &Cold) -> bool {
        let wanted = &cold.ticket.requirements;
        let served = wanted.labels.is_empty() || wanted.agrees_with(&self.server);
        let large = wanted
            .min_players
            .is_none_or(|least| self.max_players.is_some_and(|most| least <= most));
        served
            && large
            && self.sitters.iter().all(|sitter| {
                wishes::tolerant(cold.wishes.as_deref(), sitter.wishes.as_deref())
                    && !sitter.ticket.shares_player_with(&cold.ticket)
            })
    }

    /// The seats of each team with those who sit there, if the rules have roles. Who sits, sits: whoever has no role by
    /// the rules takes none from the newcomers.
    pub(super) fn role_seats(&self, rules: &Compiled, now: u64) -> Vec<RoleSeats> {
        let Some(rule) = &rules.rules.roles else {
            return Vec::new();
        };
        let team = |(team, shape): (usize, &Shape)| {
            let mut seats = RoleSeats::new(rule, shape.max);
            for sitter in self.sitters.iter().filter(|sitter| sitter.team == team) {
                for roles in sitter.roles(rules, now) {
                    seats.seat([roles]);
                }
            }
            seats
        };
        rules.shapes.iter().enumerate().map(team).collect()
    }

    /// The next moment after `now` at which a seated player would take any role.
    pub(super) fn next_autofill(&self, rule: &RoleRule, now: u64) -> Option<u64> {
        let unknown = |sitter: &&Sitter| sitter.known.iter().any(Option::is_none);
        let at = |sitter: &Sitter| sitter.hot.created.saturating_add(rule.autofill_after_ms);
        let open = self.sitters.iter().filter(unknown);
        open.map(at).filter(|at| *at > now).min()
    }
}

impl Sitter {
    fn new(rules: &Compiled, offer: &LiveMatch, seated: &super::Seated) -> Self {
        let waited_ms = seated.ticket.waited_ms(seated.joined_at);
        let counts_from = offer.open.since.max(seated.joined_at);
        let ticket = Ticket {
            created_at: Timestamp(counts_from.0.saturating_sub(waited_ms)),
            ..(*seated.ticket).clone()
        };
        let role = |id: &PlayerId| {
            let rule = rules.rules.roles.as_ref()?;
            let name = offer.roles.get(id)?;
            let mut known = rule.per_team.keys().take(ROLES_MAX);
            u8::try_from(known.position(|role| role == name)?).ok()
        };
        Self {
            hot: index::hot(rules, &ticket),
            wishes: wishes::of(&ticket, &rules.rules),
            known: ticket.players.iter().map(|p| role(&p.player_id)).collect(),
            team: seated.team as usize,
            ticket,
        }
    }

    fn roles(&self, rules: &Compiled, now: u64) -> impl Iterator<Item = Roles> {
        let wishes = teams::wishes_of(rules, self.wishes.as_deref(), self.hot.created, now);
        wishes.zip(&self.known).map(|(wish, known)| match known {
            Some(role) => Roles {
                listed: 1 << role,
                favourite: Some(*role),
            },
            None => wish,
        })
    }
}
