//! Who plays which role in a team: players are given seats one by one, and those seated before move on when that makes
//! room (augmenting paths, after Kuhn).

use super::wishes::Roles;
use crate::limits::ROLE_SEATS_MAX;
use crate::rules::RoleRule;

/// A seat that any role may take, where the roles are fewer than the seats.
const ANY: u8 = u8::MAX;

/// One team's seats by role.
#[derive(Clone, Debug)]
pub(super) struct RoleSeats {
    seats: Vec<u8>,
    /// Player by seat.
    taken: Vec<Option<u8>>,
    players: Vec<Roles>,
}

impl RoleSeats {
    pub(super) fn new(rule: &RoleRule, team_players: u32) -> Self {
        let team_players = team_players as usize;
        let mut seats: Vec<u8> = Vec::with_capacity(team_players);
        for (role, players) in (0_u8..).zip(rule.per_team.values()) {
            seats.extend(std::iter::repeat_n(role, *players as usize));
        }
        seats.resize(team_players, ANY);
        Self {
            taken: vec![None; seats.len()],
            seats,
            players: Vec::with_capacity(team_players),
        }
    }

    /// Seats all of `party`, or nobody.
    pub(super) fn seat(&mut self, party: impl IntoIterator<Item = Roles>) -> bool {
        let party = party.into_iter();
        // Who finds no seat moves nobody: only a party may have to be undone, of which some found one.
        let alone = party.size_hint() == (1, Some(1));
        let before = (!alone).then(|| self.taken.clone());
        let players_before = self.players.len();
        for player in party {
            let number = u8::try_from(self.players.len()).unwrap_or(u8::MAX);
            self.players.push(player);
            let mut visited = 0_u128;
            // The favourite first, so that only want of others' seats makes anybody take a lesser wish.
            let favourite = player.favourite.and_then(|role| {
                (0..self.seats.len())
                    .find(|seat| self.seats[*seat] == role && self.taken[*seat].is_none())
            });
            if let Some(seat) = favourite {
                self.taken[seat] = Some(number);
            } else if !self.augment(number, &mut visited) {
                if let Some(taken) = before {
                    self.taken = taken;
                }
                self.players.truncate(players_before);
                return false;
            }
        }
        true
    }

    fn suits(&self, player: u8, seat: usize) -> bool {
        let role = self.seats[seat];
        role == ANY || self.players[usize::from(player)].listed >> role & 1 == 1
    }

    fn augment(&mut self, player: u8, visited: &mut u128) -> bool {
        for seat in 0..self.seats.len().min(ROLE_SEATS_MAX as usize) {
            if *visited >> seat & 1 == 1 || !self.suits(player, seat) {
                continue;
            }
            *visited |= 1 << seat;
            let free = match self.taken[seat] {
                None => true,
                Some(other) => self.augment(other, visited),
            };
            if free {
                self.taken[seat] = Some(player);
                return true;
            }
        }
        false
    }

    /// Role of each player in the order of seating; `None` where any role was wanted.
    pub(super) fn roles(&self) -> Vec<Option<usize>> {
        let mut roles = vec![None; self.players.len()];
        for (seat, player) in self.taken.iter().enumerate() {
            if let Some(player) = player
                && self.seats[seat] != ANY
            {
                roles[usize::from(*player)] = Some(usize::from(self.seats[seat]));
            }
        }
        roles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> RoleRule {
        RoleRule {
            attribute: "roles".into(),
            per_team: [("dps", 3), ("healer", 1), ("tank", 1)]
                .map(|(role, seats)| (role.to_owned(), seats))
                .into(),
            autofill_after_ms: 30_000,
        }
    }

    fn wants(roles: &[u8]) -> Roles {
        Roles {
            listed: roles.iter().fold(0, |mask, role| mask | 1 << role),
            favourite: roles.first().copied(),
        }
    }

    #[test]
    fn those_who_can_do_more_make_room() {
        let mut seats = RoleSeats::new(&rule(), 5);
        assert!(seats.seat([wants(&[1, 2]), wants(&[0])]));
        assert!(
            seats.seat([wants(&[1])]),
            "the first healer becomes the tank"
        );
        assert!(!seats.seat([wants(&[2])]), "there is one tank");
        assert!(
            !seats.seat([wants(&[0]), wants(&[1])]),
            "a party is seated whole or not at all"
        );
        assert!(seats.seat([wants(&[0]), wants(&[0])]));
        assert_eq!(seats.roles(), [Some(2), Some(0), Some(1), Some(0), Some(0)]);
    }
}
