//! The report for people, laid out as the guide prints it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use super::{Report, Unmatched};
use crate::metrics::Percentiles;

const TITLE: &str = "Gaming Infrastructure Report";
const RULE: usize = 50;

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matchmaking = &self.matchmaking;
        writeln!(f, "{TITLE}\n{:=<RULE$}", "")?;
        let tickets = &matchmaking.tickets;
        let matches = &matchmaking.matches;
        let ended: u64 = matches.ended.values().sum();
        let abandoned: u64 = matches.abandoned.values().sum();
        pairs(
            f,
            "",
            &[
                (
                    "Total Game Servers:",
                    self.fleet_status.total_servers as u64,
                ),
                (
                    "Connected Players:",
                    self.player_metrics.total_connected as u64,
                ),
                ("Matchmaking Queue:", matchmaking.queue_size as u64),
                ("Tickets Created:", tickets.created),
                ("Tickets Requeued:", tickets.requeued),
                ("Matches Created:", matches.created),
                ("Matches Open:", matches.open as u64),
                ("Players Backfilled:", matches.players_joined),
                ("Matches Ended:", ended),
                ("Matches Abandoned:", abandoned),
            ],
        )?;
        section(f, "Servers by State", &self.fleet_status.by_state)?;
        section(f, "Servers by Region", &self.fleet_status.by_region)?;
        section(f, "Players by Region", &self.player_metrics.by_region)?;
        section(f, "Queue by Game Mode", &matchmaking.queue_by_mode)?;
        section(f, "Tickets Waiting", &matchmaking.waiting)?;
        section(f, "Tickets by Outcome", &tickets.by_outcome)?;
        section(f, "Matches Ended", &matches.ended)?;
        section(f, "Matches Abandoned", &matches.abandoned)?;
        section(f, "Ready Checks", &matches.acceptances)?;
        if matchmaking.avg_wait_time > 0.0 {
            let wait = matchmaking.avg_wait_time;
            writeln!(
                f,
                "\nAverage Matchmaking Wait: {wait:.1}s, of those who still wait"
            )?;
        }
        unmatched(f, &matchmaking.unmatched)?;
        self.performance(f)
    }
}

impl Report {
    fn performance(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = &self.performance;
        let mut rows = vec![
            ("Server allocation".to_owned(), p.server_allocation),
            ("Time to match".to_owned(), p.time_to_match),
            ("Match found delay".to_owned(), p.match_found_delay),
            ("Player latency".to_owned(), p.player_latency),
        ];
        let by_region = p.player_latency_by_region.iter();
        rows.extend(by_region.map(|(region, latency)| (format!("  {region}"), *latency)));
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let head = ["count", "p50", "p95", "p99", "max"].map(|name| format!("{name:>10}"));
        writeln!(f, "\nPerformance (ms)\n  {:width$}{}", "", head.concat())?;
        for (name, row) in rows {
            writeln!(f, "  {name:width$}{}", figures(&row))?;
        }
        Ok(())
    }
}

fn figures(row: &Percentiles) -> String {
    if row.count == 0 {
        let dashes = ["-"; 4].map(|dash| format!("{dash:>10}"));
        return format!("{:>10}{}", 0, dashes.concat());
    }
    let figures = [row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms];
    let figures = figures.map(|ms| format!("{ms:>10.1}"));
    format!("{:>10}{}", row.count, figures.concat())
}

fn unmatched(f: &mut fmt::Formatter<'_>, tickets: &[Unmatched]) -> fmt::Result {
    if tickets.is_empty() {
        return Ok(());
    }
    writeln!(f, "\nLongest Waiting:")?;
    for ticket in tickets {
        let seconds = ticket.waited_ms / 1_000;
        writeln!(
            f,
            "  {}  {}, party of {}, {seconds}s, {}",
            ticket.ticket_id, ticket.game_mode, ticket.players, ticket.reason
        )?;
    }
    Ok(())
}

fn section<N: Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    counts: &BTreeMap<String, N>,
) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}:")?;
    let rows: Vec<_> = counts
        .iter()
        .map(|(name, count)| (format!("{name}:"), count))
        .collect();
    pairs(f, "  ", &rows)
}

fn pairs<S: AsRef<str>, N: Display>(
    f: &mut fmt::Formatter<'_>,
    indent: &str,
    rows: &[(S, N)],
) -> fmt::Result {
    let names = rows.iter().map(|(name, _)| name.as_ref().len());
    let width = names.max().unwrap_or(0);
    for (name, count) in rows {
        writeln!(f, "{indent}{:width$} {count:>6}", name.as_ref())?;
    }
    Ok(())
}
