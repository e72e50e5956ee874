//! An interval for people: a live table, or a line; and for machines: a line of JSON.

use std::fmt::Write as _;
use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::catalogue as c;
use super::catalogue::Metric;
use super::rates::Rates;
use super::{Form, Interval};
use crate::cli::show::printable;

/// Rows of one section of the live table; JSON and Prometheus have all of them.
const ROWS_MAX: usize = 12;
/// Cursor home, clear to the end of the screen (ECMA-48: CUP, ED).
const CLEAR: &str = "\x1b[H\x1b[J";

/// Writes `interval` to `out`; `first` says whether anything was written before.
pub(super) fn show(
    interval: &Interval,
    form: Form,
    first: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let text = match form {
        Form::Live => format!("{CLEAR}{}", printable(&table(interval))),
        Form::Lines => printable(&lines(interval, first)),
        // Every value is a number or a name.
        Form::Json => serde_json::to_string(interval).map_err(io::Error::other)? + "\n",
    };
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// What one measure of one thing does per second; 0 where it is not known.
fn rate(rates: &Rates, metric: Metric, of: &str) -> f64 {
    rates.per_second.get(metric, of).unwrap_or(0.0)
}

/// The same over all things.
fn total(rates: &Rates, metric: Metric) -> f64 {
    rates.per_second.of(metric).map(|(_, value)| value).sum()
}

/// `1.2k`, `3.4M`: three digits that say how much.
pub(super) fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        large if large >= 1e9 => (value / 1e9, "G"),
        large if large >= 1e6 => (value / 1e6, "M"),
        large if large >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    match scaled == scaled.trunc() && unit.is_empty() {
        true => format!("{scaled:.0}"),
        false => format!("{scaled:.1}{unit}"),
    }
}

fn lines(interval: &Interval, first: bool) -> String {
    let rates = &interval.rates;
    let mut text = String::new();
    // A gap is told once: it does not change.
    if first {
        for gap in &interval.gaps {
            writeln!(text, "not measured: {}: {}", gap.what, gap.reason).ok();
        }
    }
    write!(text, "+{:.1}s", interval.at_seconds).ok();
    let mut put = |name: &str, value: String| write!(text, " {name}={value}").ok();
    put("rx", short(total(rates, c::RX_BYTES) * 8.0) + "bit/s");
    put("tx", short(total(rates, c::TX_BYTES) * 8.0) + "bit/s");
    put("rx_pps", short(total(rates, c::RX_PACKETS)));
    put("tx_pps", short(total(rates, c::TX_PACKETS)));
    let drops = total(rates, c::RX_DROPS) + total(rates, c::TX_DROPS);
    put("drops", short(drops));
    put("softnet_drops", short(total(rates, c::SOFTNET_DROPS)));
    put("squeezes", short(total(rates, c::SOFTNET_SQUEEZES)));
    put("udp_in", short(total(rates, c::UDP_IN)));
    let buffers = total(rates, c::UDP_RECEIVE_BUFFER) + total(rates, c::UDP_SEND_BUFFER);
    put("udp_buffer_errors", short(buffers));
    if let Some(fill) = rates.now.get(c::CONNTRACK_FILL, "") {
        put("conntrack", format!("{:.0}%", fill * 100.0));
    }
    if rates.per_second.of(c::XDP_MEASURED).next().is_some() {
        let drops = total(rates, c::XDP_BLOCKED) + total(rates, c::XDP_SOURCE);
        put("xdp_drops", short(drops));
    }
    for (name, fill) in rates.now.of(c::SET_FILL).filter(|(_, fill)| *fill >= 0.01) {
        put(&format!("set_{name}"), format!("{:.0}%", fill * 100.0));
    }
    for (peer, loss) in rates.now.of(c::PROBE_LOSS) {
        put("loss", format!("{:.1}%", loss * 100.0));
        for (name, metric) in [
            ("p50", c::PROBE_P50),
            ("p99", c::PROBE_P99),
            ("jitter", c::PROBE_JITTER),
        ] {
            // While nothing returns there are none.
            if let Some(seconds) = rates.now.get(metric, peer) {
                put(name, format!("{:.2}ms", seconds * 1e3));
            }
        }
    }
    text.push('\n');
    text + &remarks(interval)
}

fn grid(header: &[&str]) -> Table {
    let mut grid = Table::new();
    grid.load_style(presets::NOTHING);
    grid.set_content_arrangement(ContentArrangement::Disabled);
    grid.set_header(header);
    for column in grid.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    grid
}

/// One section: a row for each value of the first measure's label, a column for each measure.
fn section(rates: &Rates, header: &[&str], columns: &[(Metric, f64, &str)]) -> String {
    let Some((lead, ..)) = columns.first() else {
        return String::new();
    };
    let of_rates = rates.per_second.of(*lead).map(|(of, _)| of);
    let of_now = rates.now.of(*lead).map(|(of, _)| of);
    let rows: Vec<&str> = of_rates.chain(of_now).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut grid = grid(header);
    for of in rows.iter().take(ROWS_MAX) {
        let cell = |(metric, unit, suffix): &(Metric, f64, &str)| {
            let value = rates.per_second.get(*metric, of);
            match value.or_else(|| rates.now.get(*metric, of)) {
                Some(value) => short(value * unit) + suffix,
                None => "–".to_owned(),
            }
        };
        let cells = columns.iter().map(cell);
        grid.add_row(std::iter::once((*of).to_owned()).chain(cells));
    }
    let more = rows.len().saturating_sub(ROWS_MAX);
    let more = match more {
        0 => String::new(),
        more => format!("  and {more} more: see --json\n"),
    };
    format!("{grid}\n{more}\n")
}

/// A section of the live table: its header, and its measures with their unit and what follows the number.
type Section = (
    &'static [&'static str],
    &'static [(Metric, f64, &'static str)],
);

/// Before what is counted for the host as a whole.
const DEVICES: [Section; 2] = [
    (
        &[
            "interface",
            "rx bit/s",
            "rx pps",
            "drops/s",
            "errors/s",
            "tx bit/s",
            "tx pps",
            "drops/s",
            "errors/s",
        ],
        &[
            (c::RX_BYTES, 8.0, ""),
            (c::RX_PACKETS, 1.0, ""),
            (c::RX_DROPS, 1.0, ""),
            (c::RX_ERRORS, 1.0, ""),
            (c::TX_BYTES, 8.0, ""),
            (c::TX_PACKETS, 1.0, ""),
            (c::TX_DROPS, 1.0, ""),
            (c::TX_ERRORS, 1.0, ""),
        ],
    ),
    (
        &["processor", "packets/s", "drops/s", "squeezes/s"],
        &[
            (c::SOFTNET_PROCESSED, 1.0, ""),
            (c::SOFTNET_DROPS, 1.0, ""),
            (c::SOFTNET_SQUEEZES, 1.0, ""),
        ],
    ),
];

/// After it.
const OURS: [Section; 6] = [
    (
        &["queue", "pps", "drops/s", "waiting"],
        &[
            (c::QDISC_PACKETS, 1.0, ""),
            (c::QDISC_DROPS, 1.0, ""),
            (c::QDISC_BACKLOG, 1.0, ""),
        ],
    ),
    (
        &["counter of our table", "pps", "bit/s"],
        &[(c::TABLE_PACKETS, 1.0, ""), (c::TABLE_BYTES, 8.0, "")],
    ),
    (
        &["XDP", "blocked/s", "beyond limit/s", "passed/s"],
        &[
            (c::XDP_BLOCKED, 1.0, ""),
            (c::XDP_SOURCE, 1.0, ""),
            (c::XDP_MEASURED, 1.0, ""),
        ],
    ),
    (
        &["set of our table", "full", "elements", "of"],
        &[
            (c::SET_FILL, 100.0, "%"),
            (c::SET_ELEMENTS, 1.0, ""),
            (c::SET_LIMIT, 1.0, ""),
        ],
    ),
    (
        &[
            "port",
            "sockets",
            "connections",
            "to read",
            "to send",
            "drops/s",
        ],
        &[
            (c::PORT_SOCKETS, 1.0, ""),
            (c::PORT_CONNECTIONS, 1.0, ""),
            (c::PORT_RECEIVE_QUEUE, 1.0, ""),
            (c::PORT_SEND_QUEUE, 1.0, ""),
            (c::PORT_DROPS, 1.0, ""),
        ],
    ),
    (
        &["probe", "lost", "p50", "p99", "jitter"],
        &[
            (c::PROBE_LOSS, 100.0, "%"),
            (c::PROBE_P50, 1e3, " ms"),
            (c::PROBE_P99, 1e3, " ms"),
            (c::PROBE_JITTER, 1e3, " ms"),
        ],
    ),
];

/// The live table.
pub(super) fn table(interval: &Interval) -> String {
    let rates = &interval.rates;
    let mut text = format!(
        "{:.0} s, rates over {:.1} s\n\n",
        interval.at_seconds, rates.seconds
    );
    for (header, columns) in DEVICES {
        text += &section(rates, header, columns);
    }
    text += &hosts(rates);
    for (header, columns) in OURS {
        text += &section(rates, header, columns);
    }
    text += &remarks(interval);
    for gap in &interval.gaps {
        writeln!(text, "not measured: {}: {}", gap.what, gap.reason).ok();
    }
    text
}

/// Alarms, and what came and went.
fn remarks(interval: &Interval) -> String {
    let mut text = String::new();
    for alarm in &interval.alarms {
        writeln!(text, "ALARM {alarm}").ok();
    }
    let rates = &interval.rates;
    for (what, names) in [
        ("appeared", &rates.appeared),
        ("vanished", &rates.vanished),
        ("began again", &rates.began_again),
    ] {
        if !names.is_empty() {
            writeln!(text, "{what}: {}", names.join(", ")).ok();
        }
    }
    text
}

/// What is counted for the host as a whole.
fn hosts(rates: &Rates) -> String {
    let mut text = String::new();
    let of = |metric| short(rate(rates, metric, ""));
    writeln!(
        text,
        "UDP   in {}/s  out {}/s  no port {}/s  errors {}/s  receive buffer full {}/s  send buffer full {}/s",
        of(c::UDP_IN),
        of(c::UDP_OUT),
        of(c::UDP_NO_PORTS),
        of(c::UDP_IN_ERRORS),
        of(c::UDP_RECEIVE_BUFFER),
        of(c::UDP_SEND_BUFFER),
    )
    .ok();
    let now = |metric| rates.now.get(metric, "");
    writeln!(
        text,
        "TCP   {} connections  sent again {}/s  accept queue full {}/s  SYN cookies sent {}/s, failed {}/s",
        short(now(c::TCP_ESTABLISHED).unwrap_or(0.0)),
        of(c::TCP_RETRANSMITTED),
        of(c::TCP_LISTEN_DROPS),
        of(c::TCP_COOKIES_SENT),
        of(c::TCP_COOKIES_FAILED),
    )
    .ok();
    if let (Some(entries), Some(limit), Some(fill)) = (
        now(c::CONNTRACK_ENTRIES),
        now(c::CONNTRACK_LIMIT),
        now(c::CONNTRACK_FILL),
    ) {
        writeln!(
            text,
            "conntrack  {} of {} ({:.0}%)  drops {}/s",
            short(entries),
            short(limit),
            fill * 100.0,
            of(c::CONNTRACK_DROPS),
        )
        .ok();
    }
    text.push('\n');
    text
}
