//! Recorded tickets: CSV with one player per row, or JSON lines with one ticket per line.

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};
use std::str::FromStr;

use stadion_core::id::{GameModeName, PlayerId, Region};
use stadion_core::ticket::{Attribute, TicketPlayer};

use crate::error::SimError;
use crate::world::Recorded;

mod csv;
#[cfg(test)]
mod tests;

/// Tickets of one file: at 1 KiB for a ticket in memory this is 2 GiB.
pub const TICKETS_MAX: usize = 2_000_000;
/// Bytes of one line: a party of 16 players with 64 latencies each, 32 bytes a latency, twice over.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// How recorded tickets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A header line, then one player per row; rows that follow one another with the same `ticket` are a party.
    Csv,
    /// One [`Recorded`] per line.
    JsonLines,
}

impl Format {
    /// By the ending of a file's name: `.csv`, `.jsonl`, `.ndjson`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }
}

/// Reads recorded tickets.
///
/// # Errors
/// [`SimError::Line`] with the first line that is not right, [`SimError::Io`] when the file cannot be read.
pub fn read(file: impl BufRead, format: Format) -> Result<Vec<Recorded>, SimError> {
    let mut lines = Lines::new(file);
    let tickets = match format {
        Format::Csv => read_csv(&mut lines)?,
        Format::JsonLines => read_json(&mut lines)?,
    };
    if tickets.is_empty() {
        return Err(SimError::line(
            lines.number.max(1),
            "there is no ticket in the file",
        ));
    }
    Ok(tickets)
}

struct Lines<R> {
    file: R,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    const fn new(file: R) -> Self {
        Self { file, number: 0 }
    }

    /// The next line that is not empty, without its end.
    fn next(&mut self) -> Result<Option<String>, SimError> {
        loop {
            let mut bytes = Vec::new();
            self.number += 1;
            let mut limited = self.file.by_ref().take(LINE_BYTES_MAX);
            let read = limited.read_until(b'\n', &mut bytes)?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LINE_BYTES_MAX {
                return Err(SimError::line(self.number, "longer than 64 KiB"));
            }
            let text = String::from_utf8(bytes)
                .map_err(|_| SimError::line(self.number, "not UTF-8; save the file as UTF-8"))?;
            let text = text.trim_start_matches('\u{feff}').trim_end();
            if !text.is_empty() {
                return Ok(Some(text.to_owned()));
            }
        }
    }
}

fn read_json(lines: &mut Lines<impl BufRead>) -> Result<Vec<Recorded>, SimError> {
    let mut tickets = Vec::new();
    while let Some(text) = lines.next()? {
        let mut ticket: Recorded = serde_json::from_str(&text).map_err(|error| {
            let why = format!(
                "{error}; right is {{\"at_ms\": 0, \"game_mode\": \"duel\", \"players\": [{{\"player_id\": \"a\", \
                 \"skill\": 1500, \"latencies_ms\": {{\"eu-west-1\": 30}}, \"attributes\": {{}}}}]}}"
            );
            SimError::line(lines.number, why)
        })?;
        ticket.line = lines.number;
        tickets.push(ticket);
        bounded(&tickets, lines.number)?;
    }
    Ok(tickets)
}

fn bounded(tickets: &[Recorded], line: usize) -> Result<(), SimError> {
    if tickets.len() > TICKETS_MAX {
        return Err(SimError::line(
            line,
            "more than 2,000,000 tickets; split the file",
        ));
    }
    Ok(())
}

/// What a column means.
enum Column {
    AtMs,
    GameMode,
    Ticket,
    Player,
    Skill,
    SkillUncertainty,
    LeavesAfterMs,
    Latency(Region),
    Attribute(String),
}

/// Columns without which there is no ticket.
const NEEDED: [&str; 4] = ["at_ms", "game_mode", "player", "skill"];

fn column(name: &str) -> Result<Column, String> {
    Ok(match name {
        "at_ms" => Column::AtMs,
        "game_mode" => Column::GameMode,
        "ticket" => Column::Ticket,
        "player" => Column::Player,
        "skill" => Column::Skill,
        "skill_uncertainty" => Column::SkillUncertainty,
        "leaves_after_ms" => Column::LeavesAfterMs,
        _ => {
            if let Some(region) = name.strip_prefix("latency_ms.") {
                Column::Latency(Region::new(region).map_err(|error| error.to_string())?)
            } else if let Some(attribute) = name.strip_prefix("attribute.") {
                Column::Attribute(attribute.to_owned())
            } else {
                return Err(format!(
                    "there is no column {name:?}; there are at_ms, game_mode, ticket, player, skill, \
                     skill_uncertainty, leaves_after_ms, latency_ms.REGION and attribute.NAME"
                ));
            }
        }
    })
}

fn header(text: &str) -> Result<Vec<Column>, String> {
    let names = csv::fields(text)?;
    for needed in NEEDED {
        if !names.iter().any(|name| name == needed) {
            return Err(format!(
                "the column {needed} is missing; the first line names the columns"
            ));
        }
    }
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            return Err(format!("the column {name} is there twice"));
        }
    }
    names.iter().map(|name| column(name)).collect()
}

fn read_csv(lines: &mut Lines<impl BufRead>) -> Result<Vec<Recorded>, SimError> {
    let Some(first) = lines.next()? else {
        return Ok(Vec::new());
    };
    let columns = header(&first).map_err(|why| SimError::line(lines.number, why))?;
    let mut tickets: Vec<Recorded> = Vec::new();
    let mut party = None;
    while let Some(text) = lines.next()? {
        let line = lines.number;
        let row = row(&columns, &text).map_err(|why| SimError::line(line, why))?;
        let same = row.ticket.is_some() && row.ticket == party;
        match tickets.last_mut().filter(|_| same) {
            Some(last) => {
                if (last.at_ms, &last.game_mode) != (row.at_ms, &row.game_mode) {
                    let why = "at_ms and game_mode must be those of the ticket's first row";
                    return Err(SimError::line(line, why));
                }
                last.players.push(row.player);
            }
            None => tickets.push(Recorded {
                at_ms: row.at_ms,
                game_mode: row.game_mode,
                players: vec![row.player],
                region_preference: Vec::new(),
                leaves_after_ms: row.leaves_after_ms,
                line,
            }),
        }
        party = row.ticket;
        bounded(&tickets, line)?;
    }
    Ok(tickets)
}

struct Row {
    at_ms: u64,
    game_mode: GameModeName,
    ticket: Option<String>,
    player: TicketPlayer,
    leaves_after_ms: Option<u64>,
}

fn row(columns: &[Column], text: &str) -> Result<Row, String> {
    let fields = csv::fields(text)?;
    if fields.len() != columns.len() {
        return Err(format!(
            "{} fields; the first line names {} columns",
            fields.len(),
            columns.len()
        ));
    }
    let (mut at_ms, mut game_mode, mut player_id) = (0, None, None);
    let (mut ticket, mut leaves_after_ms) = (None, None);
    let (mut skill, mut skill_uncertainty) = (0.0, 0.0);
    let mut latencies_ms = BTreeMap::new();
    let mut attributes = BTreeMap::new();
    for (column, field) in columns.iter().zip(&fields) {
        let field = field.trim();
        let empty = field.is_empty();
        match column {
            Column::AtMs => at_ms = number("at_ms", field, "whole milliseconds, such as 1500")?,
            Column::GameMode => game_mode = Some(named(GameModeName::new(field))?),
            Column::Player => player_id = Some(named(PlayerId::new(field))?),
            Column::Skill => skill = number("skill", field, "a number, such as 1500")?,
            Column::Ticket => ticket = (!empty).then(|| field.to_owned()),
            _ if empty => {}
            Column::SkillUncertainty => {
                skill_uncertainty = number("skill_uncertainty", field, "a number, such as 100")?;
            }
            Column::LeavesAfterMs => {
                let ms = number(
                    "leaves_after_ms",
                    field,
                    "whole milliseconds, such as 90000",
                )?;
                leaves_after_ms = Some(ms);
            }
            Column::Latency(region) => {
                let what = format!("latency_ms.{region}");
                let ms: f64 = number(&what, field, "milliseconds, such as 35")?;
                let ms = u32::try_from(crate::number::whole(ms)).unwrap_or(u32::MAX);
                latencies_ms.insert(region.clone(), ms);
            }
            Column::Attribute(name) => {
                attributes.insert(name.clone(), attribute(field));
            }
        }
    }
    let missing = "invariant: the header names the needed columns";
    Ok(Row {
        at_ms,
        game_mode: game_mode.expect(missing),
        ticket,
        player: TicketPlayer {
            player_id: player_id.expect(missing),
            skill,
            skill_uncertainty,
            latencies_ms,
            attributes,
        },
        leaves_after_ms,
    })
}

fn number<T: FromStr>(what: &str, field: &str, right: &str) -> Result<T, String> {
    field
        .parse()
        .map_err(|_| format!("{what}: {field:?} is not right; right is {right}"))
}

fn named<T>(name: Result<T, stadion_core::id::InvalidName>) -> Result<T, String> {
    name.map_err(|error| error.to_string())
}

/// A number, texts with `|` between them, or a text.
fn attribute(field: &str) -> Attribute {
    if let Ok(number) = field.parse() {
        return Attribute::Number(number);
    }
    if field.contains('|') {
        return Attribute::List(field.split('|').map(str::to_owned).collect());
    }
    Attribute::Text(field.to_owned())
}
