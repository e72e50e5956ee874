//! Rows as bytes: a tag, a key, and a value as JSON.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stadion_core::id::{MatchId, PlayerId, SessionId, TicketId};
use stadion_core::ticket::{Idempotency, Ticket};

use crate::ledger::{Row, Stored};

const TICKET: u8 = 1;
const TICKET_GONE: u8 = 2;
const MATCH: u8 = 3;
const MATCH_GONE: u8 = 4;
const SESSION: u8 = 5;
const SESSION_GONE: u8 = 6;
const EVENT: u8 = 7;
const EVENT_GONE: u8 = 8;
const META: u8 = 9;

/// Tag, key and length of the value.
const HEAD: usize = 1 + 16 + 4;

#[derive(Serialize)]
struct TicketOut<'a> {
    ticket: &'a Ticket,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a Idempotency>,
}

#[derive(Deserialize)]
struct TicketIn {
    ticket: Ticket,
    #[serde(default)]
    key: Option<Idempotency>,
}

/// Appends `row` to `out`.
pub(super) fn encode(row: &Row, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    match row {
        Row::Ticket(id, Some(stored)) => {
            let value = TicketOut {
                ticket: &stored.ticket,
                key: stored.idempotency.as_deref(),
            };
            json(out, TICKET, id.as_u128(), &value)
        }
        Row::Ticket(id, None) => bare(out, TICKET_GONE, id.as_u128()),
        Row::Match(id, Some(game)) => json(out, MATCH, id.as_u128(), &**game),
        Row::Match(id, None) => bare(out, MATCH_GONE, id.as_u128()),
        Row::Session(id, Some(session)) => json(out, SESSION, id.as_u128(), &**session),
        Row::Session(id, None) => bare(out, SESSION_GONE, id.as_u128()),
        Row::Event(number, event) => json(out, EVENT, u128::from(*number), &**event),
        Row::EventGone(number, player) => json(out, EVENT_GONE, u128::from(*number), player),
        Row::Meta(meta) => json(out, META, 0, meta),
    }
}

fn bare(out: &mut Vec<u8>, tag: u8, key: u128) -> Result<(), serde_json::Error> {
    out.push(tag);
    out.extend(key.to_le_bytes());
    out.extend(0_u32.to_le_bytes());
    Ok(())
}

fn json(
    out: &mut Vec<u8>,
    tag: u8,
    key: u128,
    value: &impl Serialize,
) -> Result<(), serde_json::Error> {
    bare(out, tag, key)?;
    let start = out.len();
    serde_json::to_writer(&mut *out, value)?;
    let length = u32::try_from(out.len() - start).map_err(serde::ser::Error::custom)?;
    out[start - 4..start].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Takes the first row off `bytes`; the error says what is wrong with it.
pub(super) fn decode(bytes: &mut &[u8]) -> Result<Row, String> {
    let cut = || "a row ends too early".to_owned();
    let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or_else(cut)?;
    let (key, length) = head[1..].split_first_chunk().ok_or_else(cut)?;
    let key = u128::from_le_bytes(*key);
    let length = length.try_into().map_or(0, u32::from_le_bytes);
    let length = usize::try_from(length).map_err(|error| error.to_string())?;
    let (value, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    *bytes = rest;
    let number = || u64::try_from(key).map_err(|error| format!("the number of an event: {error}"));
    Ok(match head[0] {
        TICKET => {
            let row: TicketIn = parse("ticket", value)?;
            let stored = Stored {
                ticket: Arc::new(row.ticket),
                idempotency: row.key.map(Arc::new),
            };
            Row::Ticket(TicketId::from_u128(key), Some(stored))
        }
        TICKET_GONE => Row::Ticket(TicketId::from_u128(key), None),
        MATCH => Row::Match(MatchId::from_u128(key), Some(parse("match", value)?)),
        MATCH_GONE => Row::Match(MatchId::from_u128(key), None),
        SESSION => Row::Session(SessionId::from_u128(key), Some(parse("session", value)?)),
        SESSION_GONE => Row::Session(SessionId::from_u128(key), None),
        EVENT => Row::Event(number()?, parse("event", value)?),
        EVENT_GONE => Row::EventGone(number()?, parse::<PlayerId>("player", value)?),
        META => Row::Meta(parse("lease", value)?),
        tag => return Err(format!("a row of unknown kind {tag}")),
    })
}

fn parse<V: DeserializeOwned>(what: &str, value: &[u8]) -> Result<V, String> {
    serde_json::from_slice(value).map_err(|error| format!("a {what}: {error}"))
}
