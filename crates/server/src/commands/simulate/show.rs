//! What `stadion simulate` shows on a terminal.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use stadion_sim::Progress;
use stadion_sim::log::Replay;
use stadion_sim::report::Report;
use stadion_sim::summary::{self, Better};

use crate::views::render;

/// The summary as a table.
pub(super) fn table(report: &Report, took: Duration, page: Option<&Path>) -> String {
    let measures: Vec<_> = report.runs.iter().map(|run| &run.measures).collect();
    let rows = summary::rows(&measures);
    let shown = |row: &summary::Row, at: usize| -> String {
        let value = row.values.get(at).copied().flatten();
        value.map_or_else(|| "-".to_owned(), |value| row.unit.show(value))
    };
    let mut text = format!("{}\n", report.world.title);
    for (letter, run) in ["A", "B"].iter().zip(&report.runs) {
        if report.runs.len() > 1 {
            line(&mut text, format_args!("{letter}: {}", run.name));
        }
    }
    text.push('\n');
    if report.runs.len() > 1 {
        let better = |row: &summary::Row| match row.best() {
            Some(0) => "A".to_owned(),
            Some(_) => "B".to_owned(),
            None if row.better == Better::Neither => String::new(),
            None => "=".to_owned(),
        };
        text.push_str(&render(
            ["MEASURE", "A", "B", "BETTER"],
            rows.iter().map(|row| {
                [
                    row.name.to_owned(),
                    shown(row, 0),
                    shown(row, 1),
                    better(row),
                ]
            }),
        ));
    } else {
        text.push_str(&render(
            ["MEASURE", "VALUE"],
            rows.iter().map(|row| [row.name.to_owned(), shown(row, 0)]),
        ));
    }
    let players: u64 = measures
        .iter()
        .flat_map(|measures| &measures.over_time)
        .map(|slice| slice.arrived)
        .sum();
    let more = page.map_or_else(
        || "--report FILE.html shows more".to_owned(),
        |page| format!("{} shows more", page.display()),
    );
    line(
        &mut text,
        format_args!(
            "\n{players} players simulated in {:.1} s; {more}.",
            took.as_secs_f64()
        ),
    );
    text
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("a String takes everything");
}

/// What a replay came to.
pub(super) fn replay(found: &Replay) -> String {
    let Replay {
        tickets,
        plans,
        matches,
        fills,
        difference,
    } = found;
    let Some(different) = difference else {
        return format!(
            "The same: {plans} plans with {matches} matches and {fills} fills of {tickets} tickets are as they were logged.\n"
        );
    };
    format!(
        "Different: plan {plans}, on line {}, for {} at {} ms is not as it was logged.\n\
         What differs: {}\n  logged    {}\n  replayed  {}\n",
        different.line,
        different.game_mode,
        different.now.0,
        different.what,
        different.logged,
        different.replayed
    )
}

/// How far a run is, on the standard error output.
pub(super) fn progress(name: &str, progress: Progress, terminal: bool) {
    let percent = progress.now_ms * 100 / progress.duration_ms.max(1);
    let text = format!(
        "{name}: {percent} % ({} s of {} s simulated, {} players, {} tickets waiting)",
        progress.now_ms / 1_000,
        progress.duration_ms / 1_000,
        progress.players,
        progress.waiting
    );
    let mut out = std::io::stderr().lock();
    // Whoever does not read the progress does not miss it.
    drop(if terminal {
        write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush())
    } else {
        writeln!(out, "{text}")
    });
}

/// Takes the line of progress away.
pub(super) fn clear() {
    drop(write!(std::io::stderr(), "\r\x1b[2K"));
}
