//! Identifiers and names. Ids that Stadion makes are ULIDs with a prefix; names come from outside and are checked.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

use crate::time::Timestamp;

/// Why a text is no id or name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not valid: {why}")]
pub struct InvalidName {
    what: &'static str,
    text: String,
    why: String,
}

impl InvalidName {
    fn new(what: &'static str, text: &str, why: impl Into<String>) -> Self {
        // A hostile text is shown by its beginning only.
        let text = text.chars().take(64).collect();
        Self {
            what,
            text,
            why: why.into(),
        }
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What its text begins with.
            pub const PREFIX: &'static str = $prefix;

            /// An id that sorts by `now`; `random` is 80 bits of the caller's randomness (the rest is ignored).
            #[must_use]
            pub fn new(now: Timestamp, random: u128) -> Self {
                Self(Ulid::from_parts(now.0, random).0)
            }

            /// The bare number, for stores.
            #[must_use]
            pub const fn as_u128(self) -> u128 {
                self.0
            }

            /// The id with this bare number.
            #[must_use]
            pub const fn from_u128(bits: u128) -> Self {
                Self(bits)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; ulid::ULID_LEN];
                f.write_str(Self::PREFIX)?;
                f.write_str(Ulid(self.0).array_to_str(&mut buffer))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let what = stringify!($name);
                let expected = || format!("expected {:?} and 26 characters of Crockford base 32", Self::PREFIX);
                let rest = text.strip_prefix(Self::PREFIX).ok_or_else(|| InvalidName::new(what, text, expected()))?;
                let ulid = Ulid::from_string(rest).map_err(|_| InvalidName::new(what, text, expected()))?;
                Ok(Self(ulid.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(
    /// One ticket.
    TicketId,
    "tkt_"
);
id!(
    /// One match; also the key that makes an allocation idempotent.
    MatchId,
    "mat_"
);
id!(
    /// One session: a player's seat in a match.
    SessionId,
    "ses_"
);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $len_max:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Length limit, bytes.
            pub const LEN_MAX: usize = $len_max;

            /// Checks `text`.
            ///
            /// # Errors
            /// When it is empty, too long or has a character that does not belong.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
                let text = text.as_ref();
                let what = stringify!($name);
                if text.is_empty() {
                    return Err(InvalidName::new(what, text, "it is empty"));
                }
                if text.len() > Self::LEN_MAX {
                    return Err(InvalidName::new(what, text, format!("it has {} bytes, at most {} are allowed", text.len(), Self::LEN_MAX)));
                }
                let check: fn(&str) -> Result<(), &'static str> = $check;
                check(text).map_err(|why| InvalidName::new(what, text, why))?;
                Ok(Self(Arc::from(text)))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::new(text).map_err(de::Error::custom)
            }
        }
    };
}

fn visible(text: &str) -> Result<(), &'static str> {
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("only visible ASCII characters without spaces are allowed")
    }
}

fn word(text: &str) -> Result<(), &'static str> {
    if text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
    {
        Ok(())
    } else {
        Err("only a-z, 0-9, '_' and '-' are allowed")
    }
}

/// RFC 1123 label, as Kubernetes wants object names.
fn dns_label(text: &str) -> Result<(), &'static str> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-') {
        Ok(())
    } else {
        Err("only a-z, 0-9 and inner '-' are allowed (RFC 1123 label)")
    }
}

name!(
    /// A player, as the studio's identity system names them.
    PlayerId,
    128,
    visible
);
name!(
    /// A region: where servers are and what latency is measured to.
    Region,
    63,
    word
);
name!(
    /// A game mode.
    GameModeName,
    63,
    word
);
name!(
    /// A fleet.
    FleetName,
    // Its servers are named after it with a suffix of up to 13 bytes, and 63 is the limit of a DNS label.
    50,
    dns_label
);
name!(
    /// A game server.
    ServerName,
    63,
    dns_label
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_sort_by_time() {
        let early = TicketId::new(Timestamp(1_000), 7);
        let late = TicketId::new(Timestamp(2_000), 3);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse::<TicketId>(), Ok(early));
        assert!(early.to_string().parse::<MatchId>().is_err());
    }

    #[test]
    fn names_refuse_what_does_not_belong() {
        assert!(PlayerId::new("p 1").is_err());
        assert!(PlayerId::new("").is_err());
        assert!(PlayerId::new("x".repeat(129)).is_err());
        assert!(ServerName::new("-a").is_err());
        assert!(Region::new("us-east-1").is_ok());
        assert!(GameModeName::new("Team").is_err());
    }
}
