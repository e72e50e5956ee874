//! The figures of a run in the order in which people ask for them, for the table of the command and that of the page.

use crate::measures::{BackfillFigures, Figures, Measures, Percentiles, ReadyCheckFigures};
use crate::number::{float, percent};

/// Differences below this share of the larger value are no difference: another seed changes as much.
const SAME: f64 = 0.01;

/// What is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The lower value.
    Lower,
    /// The higher value.
    Higher,
    /// Neither: the value says how large something is.
    Neither,
}

/// What a value is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds, shown as seconds.
    Wait,
    /// Milliseconds.
    Latency,
    /// Points of skill.
    Points,
    /// Per cent.
    Percent,
    /// A number of things.
    Count,
    /// Players, with a fraction.
    Players,
}

impl Unit {
    /// A value with its unit, for people.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Wait if value >= 99_950.0 => format!("{:.0} s", value / 1_000.0),
            Self::Wait => format!("{:.1} s", value / 1_000.0),
            Self::Latency => format!("{value:.0} ms"),
            Self::Points => format!("{value:.0}"),
            Self::Percent if value > 0.0 && value < 0.095 => format!("{value:.3} %"),
            Self::Percent => format!("{value:.1} %"),
            Self::Count => thousands(value),
            Self::Players => format!("{value:.1}"),
        }
    }
}

/// One line of the summary.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which part of the summary it belongs to.
    pub part: &'static str,
    /// What it is.
    pub name: &'static str,
    /// The same in a sentence.
    pub explained: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// What is better.
    pub better: Better,
    /// The value in each run, in their order; absent where there is none.
    pub values: Vec<Option<f64>>,
}

impl Row {
    /// The run with the better value, if there is one.
    #[must_use]
    pub fn best(&self) -> Option<usize> {
        let [Some(a), Some(b)] = self.values.as_slice() else {
            return None;
        };
        let same = (a - b).abs() <= SAME * a.abs().max(b.abs());
        match self.better {
            _ if same => None,
            Better::Neither => None,
            Better::Lower => Some(usize::from(b < a)),
            Better::Higher => Some(usize::from(b > a)),
        }
    }
}

type Value = fn(&Measures) -> Option<f64>;
type Line = (&'static str, &'static str, Unit, Better, Value);

/// The summary of one run or several.
#[must_use]
pub fn rows(runs: &[&Measures]) -> Vec<Row> {
    let parts: [(&'static str, &[Line]); 7] = [
        ("Players", PLAYERS),
        ("Waiting", WAITING),
        ("Fairness", FAIRNESS),
        ("Latency", LATENCY),
        ("Matches and servers", MATCHES),
        ("Backfill", BACKFILL),
        ("Ready checks", READY_CHECKS),
    ];
    let lines = parts
        .iter()
        .flat_map(|(part, lines)| lines.iter().map(|line| (*part, line)));
    lines
        .map(|(part, (name, explained, unit, better, value))| Row {
            part,
            name,
            explained,
            unit: *unit,
            better: *better,
            values: runs.iter().map(|measures| value(measures)).collect(),
        })
        // What no run has is no news.
        .filter(|row| {
            let optional = ["Backfill", "Ready checks"].contains(&row.part);
            !optional || row.values.iter().any(Option::is_some)
        })
        .collect()
}

const PLAYERS: &[Line] = &[
    (
        "players",
        "Players who came after the warm-up.",
        Unit::Count,
        Better::Neither,
        |m| Some(float(m.overall.players)),
    ),
    (
        "in a match",
        "Players who got a match before the run ended.",
        Unit::Percent,
        Better::Higher,
        |m| Some(percent(m.overall.matched, m.overall.players)),
    ),
    (
        "left before",
        "Players who lost patience and left without a match.",
        Unit::Percent,
        Better::Lower,
        |m| Some(percent(m.overall.left, m.overall.players)),
    ),
    (
        "still waiting",
        "Players who were waiting when the run ended.",
        Unit::Percent,
        Better::Lower,
        |m| Some(percent(m.overall.waiting, m.overall.players)),
    ),
];

const WAITING: &[Line] = &[
    (
        "wait p50",
        "Half of the players who got a match waited no longer than this.",
        Unit::Wait,
        Better::Lower,
        |m| Some(m.overall.wait_ms.p50),
    ),
    (
        "wait p95",
        "95 of 100 players who got a match waited no longer than this.",
        Unit::Wait,
        Better::Lower,
        |m| Some(m.overall.wait_ms.p95),
    ),
    (
        "wait p99",
        "99 of 100 players who got a match waited no longer than this.",
        Unit::Wait,
        Better::Lower,
        |m| Some(m.overall.wait_ms.p99),
    ),
    (
        "wait p50, all",
        "The same over all players: whoever got no match counts with the time waited so far, so the truth is higher.",
        Unit::Wait,
        Better::Lower,
        |m| Some(m.overall.wait_all_ms.p50),
    ),
    (
        "wait p95, all",
        "95 of 100 of all players.",
        Unit::Wait,
        Better::Lower,
        |m| Some(m.overall.wait_all_ms.p95),
    ),
    (
        "wait p99, all",
        "99 of 100 of all players.",
        Unit::Wait,
        Better::Lower,
        |m| Some(m.overall.wait_all_ms.p99),
    ),
    (
        "longest still waiting",
        "The longest wait of anybody who was waiting when the run ended.",
        Unit::Wait,
        Better::Lower,
        |m| Some(float(m.matches.oldest_waiting_ms)),
    ),
];

const FAIRNESS: &[Line] = &[
    (
        "skill spread p50",
        "Highest minus lowest skill in a match, in points: half of the matches have at most this.",
        Unit::Points,
        Better::Lower,
        |m| some(m.overall.spread, |p| p.p50),
    ),
    (
        "skill spread p95",
        "95 of 100 matches have at most this.",
        Unit::Points,
        Better::Lower,
        |m| some(m.overall.spread, |p| p.p95),
    ),
    (
        "stronger team wins p50",
        "Predicted chance that the stronger of two teams wins; 50 % is a fair match. Half of the matches have at most this.",
        Unit::Percent,
        Better::Lower,
        |m| m.overall.win_chance.map(|p| 100.0 * p.p50),
    ),
    (
        "stronger team wins p95",
        "95 of 100 matches have at most this.",
        Unit::Percent,
        Better::Lower,
        |m| m.overall.win_chance.map(|p| 100.0 * p.p95),
    ),
];

const LATENCY: &[Line] = &[
    (
        "latency mean",
        "Round trip from the players to the region of their match, on average.",
        Unit::Latency,
        Better::Lower,
        |m| some(m.overall.latency_ms, |p| p.mean),
    ),
    (
        "latency p95",
        "95 of 100 players have at most this.",
        Unit::Latency,
        Better::Lower,
        |m| some(m.overall.latency_ms, |p| p.p95),
    ),
    (
        "in an unacceptable region",
        "Players whose match is in a region beyond their latency limit.",
        Unit::Percent,
        Better::Lower,
        |m| some(m.overall.latency_ms, |_| m.overall.unacceptable_percent),
    ),
    (
        "no common region",
        "Matches for which there is no region that suits all of their players.",
        Unit::Percent,
        Better::Lower,
        |m| {
            some(m.overall.spread, |_| {
                m.matches.without_common_region_percent
            })
        },
    ),
];

const MATCHES: &[Line] = &[
    (
        "matches",
        "Matches that got a game server.",
        Unit::Count,
        Better::Neither,
        |m| Some(float(m.matches.matches)),
    ),
    (
        "players per match",
        "On average.",
        Unit::Players,
        Better::Neither,
        |m| some(m.overall.spread, |_| m.matches.players_mean),
    ),
    (
        "fill",
        "Players of a match in relation to the players that it wants, on average.",
        Unit::Percent,
        Better::Higher,
        |m| some(m.overall.spread, |_| m.matches.fill_percent),
    ),
    (
        "servers at once",
        "Game servers in use at the same time, at most.",
        Unit::Count,
        Better::Lower,
        |m| Some(float(m.matches.servers_peak)),
    ),
    (
        "placements failed",
        "Matches that found no game server; their players went back with the time that they had waited.",
        Unit::Count,
        Better::Neither,
        |m| Some(float(m.matches.placements_failed)),
    ),
];

const BACKFILL: &[Line] = &[
    (
        "left a match early",
        "Players who left their match before its end.",
        Unit::Count,
        Better::Neither,
        |m| seats(m, |b| float(b.dropouts)),
    ),
    (
        "seats offered",
        "Free seats of live matches that game servers would have filled.",
        Unit::Count,
        Better::Neither,
        |m| seats(m, |b| float(b.offered)),
    ),
    (
        "seats filled",
        "Of those seats.",
        Unit::Percent,
        Better::Higher,
        |m| seats(m, |b| b.filled_percent),
    ),
    (
        "seat free p50",
        "Half of the filled seats were free no longer than this.",
        Unit::Wait,
        Better::Lower,
        |m| some(m.matches.backfill.free_ms, |p| p.p50),
    ),
    (
        "seat free p95",
        "95 of 100 filled seats were free no longer than this.",
        Unit::Wait,
        Better::Lower,
        |m| some(m.matches.backfill.free_ms, |p| p.p95),
    ),
    (
        "wait for a free seat p50",
        "Half of the players who filled a seat had waited no longer than this.",
        Unit::Wait,
        Better::Lower,
        |m| some(m.matches.backfill.wait_ms, |p| p.p50),
    ),
    (
        "spread with newcomers p50",
        "Skill spread of half of the filled matches, those included who are still there, is at most this.",
        Unit::Points,
        Better::Lower,
        |m| some(m.matches.backfill.spread, |p| p.p50),
    ),
];

const READY_CHECKS: &[Line] = &[
    (
        "ready checks",
        "Matches whose players were asked.",
        Unit::Count,
        Better::Neither,
        |m| checks(m, |c| float(c.checks)),
    ),
    (
        "ready checks failed",
        "Somebody did not say yes in time; those who did went back with their age.",
        Unit::Percent,
        Better::Lower,
        |m| checks(m, |c| c.failed_percent),
    ),
];

fn seats(m: &Measures, value: impl Fn(&BackfillFigures) -> f64) -> Option<f64> {
    (m.matches.backfill.offered > 0).then(|| value(&m.matches.backfill))
}

fn checks(m: &Measures, value: impl Fn(&ReadyCheckFigures) -> f64) -> Option<f64> {
    (m.matches.ready_checks.checks > 0).then(|| value(&m.matches.ready_checks))
}

fn some(values: Percentiles, value: impl Fn(Percentiles) -> f64) -> Option<f64> {
    (values.count > 0).then(|| value(values))
}

/// What a group is compared by: header, unit, value.
pub type GroupColumn = (&'static str, Unit, fn(&Figures) -> Option<f64>);

/// The columns of a table of groups.
pub const GROUP_COLUMNS: [GroupColumn; 7] = [
    ("players", Unit::Count, |f| Some(float(f.players))),
    ("no match", Unit::Percent, |f| Some(f.unmatched_percent)),
    ("wait p50", Unit::Wait, |f| some(f.wait_ms, |p| p.p50)),
    ("wait p95, all", Unit::Wait, |f| {
        some(f.wait_all_ms, |p| p.p95)
    }),
    ("spread p50", Unit::Points, |f| some(f.spread, |p| p.p50)),
    ("stronger team p50", Unit::Percent, |f| {
        f.win_chance.map(|p| 100.0 * p.p50)
    }),
    ("latency mean", Unit::Latency, |f| {
        some(f.latency_ms, |p| p.mean)
    }),
];

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    if value < 0.0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_with_their_units() {
        assert_eq!(Unit::Count.show(1_234_567.0), "1,234,567");
        assert_eq!(Unit::Count.show(12.0), "12");
        assert_eq!(Unit::Wait.show(1_250.0), "1.2 s");
        assert_eq!(Unit::Wait.show(250_000.0), "250 s");
        assert_eq!(Unit::Percent.show(0.012), "0.012 %");
        assert_eq!(Unit::Percent.show(0.0), "0.0 %");
    }

    #[test]
    fn the_better_value_is_marked_only_where_there_is_one() {
        let row = |better, a, b| Row {
            part: "",
            name: "",
            explained: "",
            unit: Unit::Count,
            better,
            values: vec![Some(a), Some(b)],
        };
        assert_eq!(row(Better::Lower, 2.0, 1.0).best(), Some(1));
        assert_eq!(row(Better::Higher, 2.0, 1.0).best(), Some(0));
        assert_eq!(row(Better::Neither, 2.0, 1.0).best(), None);
        assert_eq!(row(Better::Lower, 100.0, 100.5).best(), None);
        assert_eq!(row(Better::Lower, 0.0, 0.0).best(), None);
    }
}
