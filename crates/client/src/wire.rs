//! What travels. Requests refuse unknown fields; answers may grow new ones, and a client ignores those.
//!
//! Points in time are `…_at_ms`: milliseconds since the Unix epoch, as integers.

mod event;
mod matches;
mod outlook;
mod platform;
mod session;
mod ticket;

pub use event::{
    ClientMessage, Control, Event, EventKind, MatchFound, MatchProposed, ServerMessage,
};
pub use matches::{Acceptance, Match, MatchPlayer, OpenSeats, Respond};
pub use outlook::{Apart, Explanation, Hold, Outlook, Relaxation, TimeToMatch};
pub use platform::{GameMode, GameModes, JoinKey, JoinKeys, Region, Regions, ServerAddress};
pub use session::{Heartbeat, Heartbeats, Redeem, Seat, Session, Sessions, Verdicts};
pub use ticket::{Attribute, CreateTicket, Player, Requirements, Ticket, TicketState, Tickets};
