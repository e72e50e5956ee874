//! Tables for people: no lines, columns wide enough for their content, so that `grep` and `awk` work on them too.

use comfy_table::{ContentArrangement, Table, presets};

use crate::operator::wire::{
    FleetInfo, Fleets, MatchInfo, Matches, ServerInfo, Servers, SessionInfo, Sessions, TicketInfo,
    Tickets,
};
use stadion_client::wire::Outlook;

/// Whatever has a table.
pub(super) trait Shown {
    /// The table, with a newline at its end.
    fn table(&self) -> String;
}

/// Names that a cell shows of a longer list.
const NAMES_MAX: usize = 3;

/// A table with a header.
pub(crate) fn render<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

fn list<T, const N: usize>(
    what: &str,
    header: [&str; N],
    items: &[T],
    truncated: bool,
    row: impl Fn(&T) -> [String; N],
) -> String {
    if items.is_empty() {
        return format!("no {what}\n");
    }
    let mut text = render(header, items.iter().map(row));
    if truncated {
        text.push_str("There are more: narrow the filter, or raise --limit.\n");
    }
    text
}

/// One thing, a line per field.
fn fields<const N: usize>(rows: [(&str, String); N]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in rows {
        text.push_str(format!("{name:width$}  {value}").trim_end());
        text.push('\n');
    }
    text
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn names(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(NAMES_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(",");
    match names.len().checked_sub(NAMES_MAX) {
        Some(more) if more > 0 => format!("{shown},+{more}"),
        _ => shown,
    }
}

fn modes(modes: &[String]) -> String {
    if modes.is_empty() {
        "all".to_owned()
    } else {
        modes.join(",")
    }
}

/// State and, if there is one, reason.
fn state(state: &str, reason: Option<&String>) -> String {
    reason.map_or_else(|| state.to_owned(), |reason| format!("{state}:{reason}"))
}

impl Shown for Fleets {
    fn table(&self) -> String {
        let header = [
            "NAME", "REGION", "MODES", "WANTED", "READY", "IN USE", "STARTING", "MIN", "MAX",
        ];
        list("fleets", header, &self.fleets, self.truncated, |fleet| {
            [
                fleet.name.clone(),
                fleet.region.clone(),
                modes(&fleet.game_modes),
                fleet.replicas.to_string(),
                fleet.ready.to_string(),
                fleet.in_use.to_string(),
                fleet.starting.to_string(),
                fleet.min_replicas.to_string(),
                fleet.max_replicas.to_string(),
            ]
        })
    }
}

impl Shown for FleetInfo {
    fn table(&self) -> String {
        fields([
            ("name", self.name.clone()),
            ("game", self.game_id.clone()),
            ("region", self.region.clone()),
            ("modes", modes(&self.game_modes)),
            ("wanted", self.replicas.to_string()),
            ("ready", self.ready.to_string()),
            ("in use", self.in_use.to_string()),
            ("starting", self.starting.to_string()),
            (
                "bounds",
                format!(
                    "{} to {}, buffer {}",
                    self.min_replicas, self.max_replicas, self.buffer_size
                ),
            ),
        ])
    }
}

impl Shown for Servers {
    fn table(&self) -> String {
        let header = ["NAME", "REGION", "STATE", "ADDRESS", "PLAYERS", "MATCH"];
        list("servers", header, &self.servers, self.truncated, |server| {
            [
                server.name.clone(),
                server.region.clone(),
                server.state.clone(),
                place(&server.address, server.port),
                format!("{}/{}", server.players, server.max_players),
                or_dash(server.match_id.as_ref()),
            ]
        })
    }
}

/// Address and port, as RFC 3986 writes them: an IPv6 address is in brackets.
pub(super) fn place(address: &str, port: u16) -> String {
    match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    }
}

impl Shown for ServerInfo {
    fn table(&self) -> String {
        let labels = self
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        fields([
            ("name", self.name.clone()),
            ("fleet", self.fleet.clone()),
            ("region", self.region.clone()),
            ("zone", or_dash(self.zone.as_ref())),
            ("state", self.state.clone()),
            ("address", place(&self.address, self.port)),
            (
                "players",
                format!("{} of {}", self.players, self.max_players),
            ),
            ("match", or_dash(self.match_id.as_ref())),
            ("pid", or_dash(self.pid)),
            ("labels", labels.collect::<Vec<_>>().join(" ")),
        ])
    }
}

impl Shown for Matches {
    fn table(&self) -> String {
        let header = ["MATCH", "MODE", "REGION", "STATE", "PLAYERS", "SERVER"];
        list("matches", header, &self.matches, self.truncated, |shown| {
            [
                shown.match_id.clone(),
                shown.game_mode.clone(),
                shown.region.clone(),
                state(&shown.state, shown.reason.as_ref()),
                players(shown),
                or_dash(shown.server.as_ref()),
            ]
        })
    }
}

/// Players of a match, and seats that it offers.
fn players(shown: &MatchInfo) -> String {
    let players = shown.players.len();
    match shown.open_seats.iter().sum::<u32>() {
        0 => players.to_string(),
        open => format!("{players} +{open}"),
    }
}

impl Shown for MatchInfo {
    fn table(&self) -> String {
        let asked = self.acceptance.as_ref();
        let asked = asked.filter(|_| self.state == "accepting");
        let accepted = asked.map(|check| format!("{} of {}", check.accepted, self.players.len()));
        let open = self.open_seats.iter().map(u32::to_string);
        let open = (!self.open_seats.is_empty()).then(|| open.collect::<Vec<_>>().join(", "));
        let mut text = fields([
            ("match", self.match_id.clone()),
            ("mode", self.game_mode.clone()),
            ("region", self.region.clone()),
            (
                "state",
                state(&self.state, self.reason.as_ref().or(accepted.as_ref())),
            ),
            ("server", or_dash(self.server.as_ref())),
            ("address", or_dash(self.address.as_ref())),
            ("skill spread", format!("{:.0}", self.skill_spread)),
            (
                "worst latency",
                or_dash(self.latency_worst_ms.map(|ms| format!("{ms} ms"))),
            ),
            ("longest wait", format!("{} ms", self.wait_oldest_ms)),
            ("open seats", or_dash(open)),
            ("result", or_dash(self.result.as_ref())),
        ]);
        text.push('\n');
        let rows = self.players.iter();
        text.push_str(&render(
            ["TEAM", "ROLE", "PLAYER", "TICKET"],
            rows.map(|player| {
                [
                    player.team.to_string(),
                    or_dash(player.role.as_ref()),
                    player.player_id.clone(),
                    player.ticket_id.clone(),
                ]
            }),
        ));
        text
    }
}

impl Shown for Sessions {
    fn table(&self) -> String {
        let header = ["SESSION", "PLAYER", "STATE", "SERVER", "LATENCY"];
        list(
            "sessions",
            header,
            &self.sessions,
            self.truncated,
            |session| {
                [
                    session.session_id.clone(),
                    session.player_id.clone(),
                    state(&session.state, session.reason.as_ref()),
                    session.server.clone(),
                    or_dash(session.latency_ms.map(|ms| format!("{ms:.0} ms"))),
                ]
            },
        )
    }
}

impl Shown for SessionInfo {
    fn table(&self) -> String {
        fields([
            ("session", self.session_id.clone()),
            ("player", self.player_id.clone()),
            ("match", self.match_id.clone()),
            ("ticket", self.ticket_id.clone()),
            ("server", self.server.clone()),
            ("region", self.region.clone()),
            ("team", self.team.to_string()),
            ("state", state(&self.state, self.reason.as_ref())),
            (
                "latency",
                or_dash(self.latency_ms.map(|ms| format!("{ms:.1} ms"))),
            ),
        ])
    }
}

impl Shown for Tickets {
    fn table(&self) -> String {
        let header = ["TICKET", "MODE", "STATE", "PLAYERS", "SKILL", "MATCH"];
        list("tickets", header, &self.tickets, self.truncated, |ticket| {
            [
                ticket.ticket_id.clone(),
                ticket.game_mode.clone(),
                state(&ticket.state, ticket.reason.as_ref()),
                names(&ticket.players),
                format!("{:.0}", ticket.skill),
                or_dash(ticket.match_id.as_ref()),
            ]
        })
    }
}

impl Shown for Outlook {
    fn table(&self) -> String {
        let seconds = |ms: u64| format!("{}.{} s", ms / 1_000, ms % 1_000 / 100);
        let wait = self.time_to_match.as_ref().map(|wait| {
            let (p50, p90) = (seconds(wait.p50_ms), seconds(wait.p90_ms));
            format!("{p50} for half of them, {p90} for nine of ten")
        });
        let place = self.explanation.as_ref();
        let place = place.map(|why| format!("{} of {}", why.place, why.others + 1));
        let mut text = fields([
            ("ticket", self.ticket_id.clone()),
            ("state", self.state.as_str().to_owned()),
            ("waited", seconds(self.waited_ms)),
            ("place", or_dash(place)),
            ("time to match", or_dash(wait)),
        ]);
        for words in self.explanation.iter().flat_map(|why| &why.words) {
            text.push_str(words);
            text.push('\n');
        }
        text
    }
}

impl Shown for TicketInfo {
    fn table(&self) -> String {
        fields([
            ("ticket", self.ticket_id.clone()),
            ("mode", self.game_mode.clone()),
            ("state", state(&self.state, self.reason.as_ref())),
            ("match", or_dash(self.match_id.as_ref())),
            ("players", self.players.join(",")),
            ("skill", format!("{:.0}", self.skill)),
            ("regions", self.region_preference.join(",")),
            ("requeues", self.requeues.to_string()),
        ])
    }
}
