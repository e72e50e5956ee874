//! Which port is for what: the profile's games and ports, merged.

use crate::profile::firewall::{Firewall, PortRule, Ports, Protocol, Role};
use crate::rules::catalogue;
use crate::{Error, Result, Skip};

/// The role of every port. A port that is named twice has the stricter role.
#[derive(Clone)]
pub(crate) struct PortMap {
    udp: Vec<Option<Role>>,
    tcp: Vec<Option<Role>>,
    /// What was decided where rules contradict each other.
    pub(crate) skips: Vec<Skip>,
}

impl PortMap {
    /// The ports of a profile.
    ///
    /// # Errors
    /// [`Error::Profile`] for a game that the catalogue does not know.
    pub(crate) fn of(firewall: &Firewall) -> Result<Self> {
        let ports = usize::from(u16::MAX) + 1;
        let mut map = Self {
            udp: vec![None; ports],
            tcp: vec![None; ports],
            skips: Vec::new(),
        };
        for name in &firewall.games {
            let game = catalogue::game(name).ok_or_else(|| Error::Profile {
                path: "firewall.games".into(),
                what: catalogue::unknown(name),
            })?;
            for rule in game.ports {
                map.add(rule);
            }
        }
        for rule in &firewall.ports {
            map.add(rule);
        }
        for &port in &firewall.admin_ports {
            map.add(&PortRule::new(port, port, Protocol::Tcp, Role::Admin));
        }
        Ok(map)
    }

    fn add(&mut self, rule: &PortRule) {
        let Ports { first, last } = rule.ports;
        let mut contradicts = false;
        for port in first..=last {
            let known = &mut self.side(rule.protocol)[usize::from(port)];
            contradicts |= known.is_some_and(|role| role.is_private() != rule.role.is_private());
            *known = (*known).max(Some(rule.role));
        }
        if contradicts {
            self.skips.push(Skip::new(
                format!("{}/{} open to everybody", rule.ports, rule.protocol.name()),
                "another rule of the profile keeps it for trusted sources (RCON, administration), and the stricter counts",
            ));
        }
    }

    fn side(&mut self, protocol: Protocol) -> &mut Vec<Option<Role>> {
        match protocol {
            Protocol::Udp => &mut self.udp,
            Protocol::Tcp => &mut self.tcp,
        }
    }

    /// The role of a port.
    pub(crate) fn role(&self, protocol: Protocol, port: u16) -> Option<Role> {
        match protocol {
            Protocol::Udp => self.udp[usize::from(port)],
            Protocol::Tcp => self.tcp[usize::from(port)],
        }
    }

    /// The ports whose role and number `wanted` accepts, as ranges that do not touch.
    pub(crate) fn ranges(
        &self,
        protocol: Protocol,
        wanted: impl Fn(Role, u16) -> bool,
    ) -> Vec<Ports> {
        let mut ranges: Vec<Ports> = Vec::new();
        for port in 1..=u16::MAX {
            if !self
                .role(protocol, port)
                .is_some_and(|role| wanted(role, port))
            {
                continue;
            }
            match ranges.last_mut() {
                Some(range) if range.last + 1 == port => range.last = port,
                _ => ranges.push(Ports {
                    first: port,
                    last: port,
                }),
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(ranges: &[Ports]) -> Vec<String> {
        ranges.iter().map(Ports::to_string).collect()
    }

    #[test]
    fn rules_merge_and_the_stricter_role_counts() {
        let firewall = Firewall {
            games: vec!["cs2".into()],
            ports: vec![
                PortRule::new(27010, 27020, Protocol::Tcp, Role::Game),
                PortRule::new(65530, 65535, Protocol::Udp, Role::Voice),
                PortRule::new(27016, 27019, Protocol::Udp, Role::Game),
            ],
            ..Firewall::default()
        };
        let map = PortMap::of(&firewall).unwrap();
        assert_eq!(map.role(Protocol::Tcp, 27015), Some(Role::Rcon));
        let open = map.ranges(Protocol::Tcp, |role, _| !role.is_private());
        assert_eq!(shown(&open), ["27010-27014", "27016-27020"]);
        let udp = map.ranges(Protocol::Udp, |role, _| role > Role::Query);
        assert_eq!(shown(&udp), ["27015-27020", "65530-65535"]);
        assert_eq!(map.skips.len(), 1, "{:?}", map.skips);
        assert_eq!(map.role(Protocol::Tcp, 22), Some(Role::Admin));
    }

    #[test]
    fn a_game_nobody_knows_is_refused_with_the_nearest_that_is() {
        let firewall = Firewall {
            games: vec!["minecraf".into()],
            ..Firewall::default()
        };
        let Err(error) = PortMap::of(&firewall) else {
            panic!("a game that does not exist was taken");
        };
        assert!(error.to_string().contains("`minecraft`"), "{error}");
    }
}
