//! The game's datagrams: little-endian, fixed layout, at most [`DATAGRAM_MAX`] bytes.
//!
//! Every datagram starts with the magic `SA`, the version and its kind. Decoding is total: any bytes give a packet or
//! `None`, and a packet has exactly one encoding. The answer to a `Hello` is never larger than the `Hello`, so the
//! server is of no use to somebody who forges source addresses. The join token travels in the `Hello` only; from then
//! on a random secret of the connection stands for it.

mod bytes;

use bytes::{Reader, Writer};

/// Largest datagram, bytes: below the 1,280 bytes that every IPv6 path carries, less 48 bytes of IPv6 and UDP headers.
pub const DATAGRAM_MAX: usize = 1_200;
/// Smallest `Hello`, bytes; shorter ones are padded with zeros. Every answer to it is shorter.
pub const HELLO_BYTES_MIN: usize = 64;
/// Longest join token, bytes: a signed token with six claims has some 400.
pub const TOKEN_BYTES_MAX: usize = 1_024;
/// Most seats of a match. A snapshot is 31 + 8 bytes per seat: 1,055 bytes at most, one datagram.
pub const SEATS_MAX: usize = 128;

const MAGIC: [u8; 2] = *b"SA";
const VERSION: u8 = 1;
const BODY_BYTES: usize = 8;

const HELLO: u8 = 1;
const INPUT: u8 = 2;
const LEAVE: u8 = 3;
const WELCOME: u8 = 0x81;
const REFUSED: u8 = 0x82;
const SNAPSHOT: u8 = 0x83;
const BYE: u8 = 0x84;

/// Room for one datagram.
pub type Datagram = [u8; DATAGRAM_MAX];

/// Times that let both ends measure the round trip: now − `echo_ms` − `held_ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Clock of the sender, milliseconds, wrapping; only the sender gives it a meaning.
    pub sent_ms: u32,
    /// The `sent_ms` that came last from the other side.
    pub echo_ms: u32,
    /// How long ago that came, milliseconds; [`Stamp::NOTHING`] when nothing came yet or it is too old to say.
    pub held_ms: u16,
}

impl Stamp {
    /// Nothing to echo.
    pub const NOTHING: u16 = u16::MAX;

    /// The round trip that the receiver of this stamp has measured, milliseconds.
    #[must_use]
    pub fn round_trip_ms(&self, now_ms: u32) -> Option<u32> {
        if self.held_ms == Self::NOTHING {
            return None;
        }
        let away = now_ms.wrapping_sub(self.echo_ms);
        away.checked_sub(u32::from(self.held_ms))
            .filter(|ms| *ms <= ROUND_TRIP_MAX_MS)
    }
}

/// A longer round trip is a wrong clock or a lie, milliseconds.
const ROUND_TRIP_MAX_MS: u32 = 10_000;

/// What a player wants, for as long as nothing newer comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// Direction and speed: 127 is full speed.
    pub move_x: i8,
    /// As `move_x`.
    pub move_y: i8,
    /// Direction of a shot; the length does not matter.
    pub aim_x: i8,
    /// As `aim_x`.
    pub aim_y: i8,
    /// Shoot as soon as the weapon allows.
    pub fire: bool,
}

/// A player's regular sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// The player's slot.
    pub slot: u8,
    /// The secret of the connection.
    pub secret: u64,
    /// Number of this input, from 1, rising.
    pub sequence: u32,
    /// Times.
    pub stamp: Stamp,
    /// What the player wants.
    pub intent: Intent,
}

/// From a player to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientPacket<'a> {
    /// Asks for the seat that the token stands for; repeated until answered.
    Hello {
        /// Chosen by the player at random; every answer carries it.
        nonce: u64,
        /// The join token.
        token: &'a str,
    },
    /// What the player wants.
    Input(Input),
    /// The player leaves for good.
    Leave {
        /// The player's slot.
        slot: u8,
        /// The secret of the connection.
        secret: u64,
    },
}

/// Why a `Hello` was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No match is on.
    NoMatch,
    /// The token was not accepted.
    Token,
    /// All seats are taken.
    Full,
    /// The token could not be checked now; try again.
    Later,
}

/// Why a player has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// The match is over.
    MatchOver,
    /// The player left, or was silent for too long.
    Left,
    /// The player broke the rules.
    Kicked,
    /// The platform ended the session.
    SessionEnded,
    /// The server goes away.
    Closing,
}

/// One player as others see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    /// Slot.
    pub slot: u8,
    /// Team.
    pub team: u8,
    /// Place, in 65,535ths of the field's side.
    pub x: u16,
    /// As `x`.
    pub y: u16,
    /// Hits so far.
    pub score: u16,
}

impl Body {
    /// Appends the body to the bytes of a snapshot's [`Bodies`].
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.slot, self.team]);
        for half in [self.x, self.y, self.score] {
            out.extend_from_slice(&half.to_le_bytes());
        }
    }
}

/// The players of a snapshot, as they lie in the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bodies<'a>(&'a [u8]);

impl<'a> Bodies<'a> {
    /// Bodies that [`Body::write`] wrote; `None` if they are too many or no whole number.
    #[must_use]
    pub fn new(raw: &'a [u8]) -> Option<Self> {
        let whole = raw.len().is_multiple_of(BODY_BYTES) && raw.len() <= SEATS_MAX * BODY_BYTES;
        whole.then_some(Self(raw))
    }

    /// Each body.
    pub fn iter(&self) -> impl Iterator<Item = Body> + 'a {
        let (bodies, _) = self.0.as_chunks::<BODY_BYTES>();
        bodies
            .iter()
            .map(|&[slot, team, x0, x1, y0, y1, s0, s1]| Body {
                slot,
                team,
                x: u16::from_le_bytes([x0, x1]),
                y: u16::from_le_bytes([y0, y1]),
                score: u16::from_le_bytes([s0, s1]),
            })
    }
}

/// From the server to a player. Each carries the nonce of the player's `Hello`, so that many players can share a
/// socket and nobody else can speak for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerPacket<'a> {
    /// The player has a seat.
    Welcome {
        /// From the `Hello`.
        nonce: u64,
        /// The player's slot.
        slot: u8,
        /// The secret of the connection.
        secret: u64,
        /// Simulation steps per second.
        tick_rate: u16,
    },
    /// The player has none.
    Refused {
        /// From the `Hello`.
        nonce: u64,
        /// Why.
        refusal: Refusal,
    },
    /// The state of the game.
    Snapshot {
        /// From the `Hello`.
        nonce: u64,
        /// Simulation steps so far.
        tick: u32,
        /// The last input that was taken.
        acknowledged: u32,
        /// Times.
        stamp: Stamp,
        /// Who is where.
        bodies: Bodies<'a>,
    },
    /// The player has to go.
    Bye {
        /// From the `Hello`.
        nonce: u64,
        /// Why.
        farewell: Farewell,
    },
}

macro_rules! code {
    ($name:ident: $($variant:ident = $code:literal),+) => {
        impl $name {
            const fn code(self) -> u8 {
                match self { $(Self::$variant => $code),+ }
            }
            const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
code!(Refusal: NoMatch = 1, Token = 2, Full = 3, Later = 4);
code!(Farewell: MatchOver = 1, Left = 2, Kicked = 3, SessionEnded = 4, Closing = 5);

impl<'a> ClientPacket<'a> {
    /// Writes the packet; `None` if the token is longer than [`TOKEN_BYTES_MAX`].
    #[must_use]
    pub fn encode<'b>(&self, room: &'b mut Datagram) -> Option<&'b [u8]> {
        match *self {
            Self::Hello { nonce, token } => {
                if token.len() > TOKEN_BYTES_MAX {
                    return None;
                }
                let mut out = Writer::new(room, HELLO);
                out.put(&nonce.to_le_bytes());
                out.put(&u16::try_from(token.len()).ok()?.to_le_bytes());
                out.put(token.as_bytes());
                let padding = HELLO_BYTES_MIN.saturating_sub(out.at);
                out.put(&[0; HELLO_BYTES_MIN][..padding]);
                out.finish()
            }
            Self::Input(input) => {
                let mut out = Writer::new(room, INPUT);
                out.put(&[input.slot]);
                out.put(&input.secret.to_le_bytes());
                out.put(&input.sequence.to_le_bytes());
                out.put_stamp(input.stamp);
                let Intent {
                    move_x,
                    move_y,
                    aim_x,
                    aim_y,
                    fire,
                } = input.intent;
                out.put(&[move_x, move_y, aim_x, aim_y].map(i8::cast_unsigned));
                out.put(&[u8::from(fire)]);
                out.finish()
            }
            Self::Leave { slot, secret } => {
                let mut out = Writer::new(room, LEAVE);
                out.put(&[slot]);
                out.put(&secret.to_le_bytes());
                out.finish()
            }
        }
    }

    /// Reads a packet; `None` if the bytes are none.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (mut from, kind) = Reader::open(bytes)?;
        match kind {
            HELLO => {
                let nonce = from.u64()?;
                let length = usize::from(from.u16()?);
                let token = std::str::from_utf8(from.take(length)?).ok()?;
                let padding = HELLO_BYTES_MIN.saturating_sub(bytes.len() - from.0.len());
                let padded =
                    length <= TOKEN_BYTES_MAX && from.take(padding)?.iter().all(|b| *b == 0);
                from.end(Self::Hello { nonce, token }).filter(|_| padded)
            }
            INPUT => {
                let input = Input {
                    slot: from.u8()?,
                    secret: from.u64()?,
                    sequence: from.u32()?,
                    stamp: from.stamp()?,
                    intent: Intent {
                        move_x: from.i8()?,
                        move_y: from.i8()?,
                        aim_x: from.i8()?,
                        aim_y: from.i8()?,
                        fire: from.bool()?,
                    },
                };
                from.end(Self::Input(input))
            }
            LEAVE => {
                let slot = from.u8()?;
                let secret = from.u64()?;
                from.end(Self::Leave { slot, secret })
            }
            _ => None,
        }
    }
}

impl<'a> ServerPacket<'a> {
    /// Writes the packet. Every packet fits; `None` would be a mistake in [`DATAGRAM_MAX`].
    #[must_use]
    pub fn encode<'b>(&self, room: &'b mut Datagram) -> Option<&'b [u8]> {
        let (kind, nonce) = match self {
            Self::Welcome { nonce, .. } => (WELCOME, nonce),
            Self::Refused { nonce, .. } => (REFUSED, nonce),
            Self::Snapshot { nonce, .. } => (SNAPSHOT, nonce),
            Self::Bye { nonce, .. } => (BYE, nonce),
        };
        let mut out = Writer::new(room, kind);
        out.put(&nonce.to_le_bytes());
        match *self {
            Self::Welcome {
                slot,
                secret,
                tick_rate,
                ..
            } => {
                out.put(&[slot]);
                out.put(&secret.to_le_bytes());
                out.put(&tick_rate.to_le_bytes());
            }
            Self::Refused { refusal, .. } => out.put(&[refusal.code()]),
            Self::Snapshot {
                tick,
                acknowledged,
                stamp,
                bodies,
                ..
            } => {
                out.put(&tick.to_le_bytes());
                out.put(&acknowledged.to_le_bytes());
                out.put_stamp(stamp);
                out.put(bodies.0);
            }
            Self::Bye { farewell, .. } => out.put(&[farewell.code()]),
        }
        out.finish()
    }

    /// Reads a packet; `None` if the bytes are none.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (mut from, kind) = Reader::open(bytes)?;
        let nonce = from.u64()?;
        let packet = match kind {
            WELCOME => Self::Welcome {
                nonce,
                slot: from.u8()?,
                secret: from.u64()?,
                tick_rate: from.u16()?,
            },
            REFUSED => Self::Refused {
                nonce,
                refusal: Refusal::from_code(from.u8()?)?,
            },
            SNAPSHOT => Self::Snapshot {
                nonce,
                tick: from.u32()?,
                acknowledged: from.u32()?,
                stamp: from.stamp()?,
                bodies: Bodies::new(from.take(from.0.len())?)?,
            },
            BYE => Self::Bye {
                nonce,
                farewell: Farewell::from_code(from.u8()?)?,
            },
            _ => return None,
        };
        from.end(packet)
    }
}

/// For a fuzzer: decodes the bytes both ways, and checks that what was understood is written as the same bytes.
///
/// # Panics
/// When it is not: that is the defect to find.
pub fn fuzz_decode(data: &[u8]) {
    let mut room: Datagram = [0; DATAGRAM_MAX];
    if let Some(packet) = ClientPacket::decode(data) {
        assert_eq!(packet.encode(&mut room), Some(data), "one encoding only");
    }
    if let Some(packet) = ServerPacket::decode(data) {
        assert_eq!(packet.encode(&mut room), Some(data), "one encoding only");
    }
}

#[cfg(test)]
mod tests;
