//! Networks: an address and the length of its prefix.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A network such as `198.51.100.0/24`, or one address. The bits behind the prefix are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Net {
    address: IpAddr,
    prefix: u8,
}

impl Net {
    /// The network of `address` with `prefix` bits; more bits than the address has count as all of them.
    #[must_use]
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        match address {
            IpAddr::V4(v4) => {
                let prefix = prefix.min(32);
                let bits = v4.to_bits() & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                Self {
                    address: Ipv4Addr::from_bits(bits).into(),
                    prefix,
                }
            }
            IpAddr::V6(v6) => {
                let prefix = prefix.min(128);
                let bits =
                    v6.to_bits() & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                Self {
                    address: Ipv6Addr::from_bits(bits).into(),
                    prefix,
                }
            }
        }
    }

    /// Whether `address` is in it. IPv4 in IPv6 (`::ffff:…`) counts as IPv4.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.is_v6() == address.is_ipv6() && Self::new(address, self.prefix) == self
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.is_v6() == other.is_v6()
            && self.prefix <= other.prefix
            && Self::new(other.address, self.prefix) == self
    }

    /// The same network in IPv6, an IPv4 one in `::ffff:0:0/96` (RFC 4291), with the bits that count.
    #[must_use]
    pub fn as_v6(self) -> (Ipv6Addr, u8) {
        match self.address {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped(), self.prefix + 96),
            IpAddr::V6(v6) => (v6, self.prefix),
        }
    }

    /// Whether it is one of IPv6.
    #[must_use]
    pub const fn is_v6(self) -> bool {
        self.address.is_ipv6()
    }
}

/// The networks of one family, without those that others cover, in order: what an interval set takes.
#[must_use]
pub fn family(nets: &[Net], v6: bool) -> Vec<Net> {
    let mut wide: Vec<Net> = nets
        .iter()
        .copied()
        .filter(|net| net.is_v6() == v6)
        .collect();
    wide.sort_unstable_by_key(|net| (net.prefix, net.address));
    let mut kept: Vec<Net> = Vec::with_capacity(wide.len());
    for net in wide {
        if !kept.iter().any(|known| known.covers(net)) {
            kept.push(net);
        }
    }
    kept.sort_unstable();
    kept
}

impl FromStr for Net {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no network, such as 198.51.100.0/24 or 2001:db8::/32");
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(digits) => digits.trim().parse().map_err(|_| wrong())?,
        };
        if prefix > bits {
            return Err(wrong());
        }
        Ok(Self::new(address, prefix))
    }
}

impl TryFrom<String> for Net {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // fuzzed as Net::from_str
        text.parse()
    }
}

impl From<Net> for String {
    fn from(net: Net) -> Self {
        net.to_string()
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.is_v6() { 128 } else { 32 };
        write!(f, "{}", self.address)?;
        if self.prefix < whole {
            write!(f, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> Net {
        text.parse().unwrap()
    }

    #[test]
    fn networks_are_read_masked_and_written() {
        for (text, shown) in [
            ("198.51.100.77/24", "198.51.100.0/24"),
            ("1.2.3.4", "1.2.3.4"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::1", "::1"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(net(text).to_string(), shown);
        }
        for text in ["", "1.2.3.4/33", "::/129", "host", "1.2.3.4/", "1.2.3.0/-1"] {
            assert!(text.parse::<Net>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_that_another_covers_is_left_out() {
        let nets = [
            "10.1.0.0/16",
            "10.0.0.0/8",
            "fe80::/10",
            "10.0.0.0/8",
            "11.0.0.1",
        ]
        .map(net);
        assert_eq!(family(&nets, false), ["10.0.0.0/8", "11.0.0.1"].map(net));
        assert_eq!(family(&nets, true), [net("fe80::/10")]);
        assert_eq!(
            family(&["::ffff:0:0/96", "::/0"].map(net), true),
            [net("::/0")]
        );
    }

    #[test]
    fn an_address_of_ipv4_in_ipv6_is_in_the_network_of_ipv4() {
        assert!(net("10.0.0.0/8").contains("::ffff:10.2.3.4".parse().unwrap()));
        assert!(!net("::/0").contains("10.2.3.4".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn a_network_reads_as_it_was_written(bits: u128, v6: bool, prefix in 0_u8..=128) {
            let address = if v6 {
                IpAddr::from(Ipv6Addr::from_bits(bits))
            } else {
                IpAddr::from(Ipv4Addr::from_bits(u32::try_from(bits >> 96).unwrap()))
            };
            let made = Net::new(address, prefix);
            prop_assert_eq!(net(&made.to_string()), made);
            prop_assert!(made.contains(address) || v6 && address.to_canonical() != address);
        }
    }
}
