//! Section `traffic_shape` of a profile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How packets that leave share the uplink. Game traffic is what the ports of section `firewall` with the roles `game`,
/// `voice` and `query` send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shape {
    /// Interfaces to shape. None named: those that a default route leaves by.
    pub interfaces: Vec<String>,
    /// What may leave by each interface, such as `950mbit`: 90 to 95 % of what the uplink really carries. The queue must be
    /// here, where games pass it, and not further on. Nothing: see `rate_percent`.
    pub rate: Option<BitRate>,
    /// The same as a share of the link's speed, where the driver knows it and the link is the uplink.
    pub rate_percent: Option<u8>,
    /// The share of the rate that game traffic gets when everybody sends, in percent. It may take all that others leave.
    pub game_percent: u8,
    /// What everything else may take at most, in percent of the rate.
    pub bulk_ceiling_percent: u8,
    /// The mark that game packets carry to the network beyond (RFC 4594). The internet may ignore or rewrite it.
    pub dscp: Dscp,
    /// What shapes.
    pub discipline: Discipline,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            rate: None,
            rate_percent: None,
            game_percent: 80,
            bulk_ceiling_percent: 100,
            dscp: Dscp::Cs4,
            discipline: Discipline::Auto,
        }
    }
}

impl Shape {
    /// The numbers of the guide's script: 10, 8, 2 and at most 5 Gbit/s, whatever the uplink is. Above its real rate nothing
    /// queues here, so nothing is shaped.
    #[must_use]
    pub fn guide() -> Self {
        Self {
            rate: Some(BitRate(10_000_000_000)),
            game_percent: 80,
            bulk_ceiling_percent: 50,
            dscp: Dscp::None,
            discipline: Discipline::Htb,
            ..Self::default()
        }
    }
}

/// The code point that game packets get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dscp {
    /// "Real-time interactive", which is what RFC 4594 has for games.
    #[default]
    Cs4,
    /// "Expedited forwarding": for networks whose operator admits games to it.
    Ef,
    /// As the game server set it.
    None,
}

/// What shapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discipline {
    /// CAKE where the kernel has it and one core can carry the rate, HTB elsewhere.
    #[default]
    Auto,
    /// A tree of token buckets.
    Htb,
    /// CAKE; refused where the kernel has none.
    Cake,
}

/// Bits per second, written as tc(8) does: `950mbit`, `2.5gbit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BitRate(pub u64);

const UNITS: [(&str, u64); 4] = [
    ("gbit", 1_000_000_000),
    ("mbit", 1_000_000),
    ("kbit", 1_000),
    ("bit", 1),
];

/// Below this a full packet takes over 10 ms, and no queue in front of it helps games.
const RATE_MIN: u64 = 1_000_000;

/// Above every NIC there is.
const RATE_MAX: u64 = 1_000_000_000_000;

impl FromStr for BitRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is no rate between 1mbit and 1000gbit, such as 950mbit or 2.5gbit")
        };
        let lower = text.trim().to_ascii_lowercase();
        let (digits, unit) = UNITS
            .into_iter()
            .find_map(|(name, unit)| Some((lower.strip_suffix(name)?, unit)))
            .ok_or_else(wrong)?;
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let number = |digits: &str| match digits {
            "" => Some(0),
            digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse::<u64>().ok()
            }
            _ => None,
        };
        if digits.is_empty() || digits == "." || part.len() > 9 {
            return Err(wrong());
        }
        let tenths = 10_u64.pow(u32::try_from(part.len()).map_err(|_| wrong())?);
        number(whole)
            .and_then(|whole| whole.checked_mul(unit))
            .zip(number(part).and_then(|part| part.checked_mul(unit)))
            .and_then(|(whole, part)| whole.checked_add(part / tenths))
            .filter(|bits| (RATE_MIN..=RATE_MAX).contains(bits))
            .map(Self)
            .ok_or_else(wrong)
    }
}

impl TryFrom<String> for BitRate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<BitRate> for String {
    fn from(rate: BitRate) -> Self {
        rate.to_string()
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = UNITS
            .into_iter()
            .find(|(_, unit)| self.0.is_multiple_of(*unit))
            .expect("invariant: every number is a multiple of one");
        write!(f, "{}{name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_are_read_as_tc_reads_them() {
        for (text, bits) in [
            ("950mbit", 950_000_000),
            ("2.5Gbit", 2_500_000_000),
            ("1000kbit", RATE_MIN),
            ("1000gbit", RATE_MAX),
            ("1.0000015mbit", 1_000_001),
        ] {
            assert_eq!(text.parse(), Ok(BitRate(bits)), "{text}");
        }
        // tc means bytes by `mbps`, and people mean bits.
        for text in [
            "", "950", "950mbps", "mbit", ".mbit", "-1gbit", "+1gbit", "0.9mbit", "1001gbit",
            "1e3mbit",
        ] {
            assert!(text.parse::<BitRate>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_rate_reads_as_it_was_written(bits in RATE_MIN..=RATE_MAX) {
            prop_assert_eq!(BitRate(bits).to_string().parse(), Ok(BitRate(bits)));
        }

        #[test]
        fn reading_never_panics(text in "[0-9.]{0,30}[a-z]{0,5}") {
            drop(text.parse::<BitRate>());
        }
    }
}
