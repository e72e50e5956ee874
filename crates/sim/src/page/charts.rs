//! Which plots the page has.

use super::plot::{Frame, Series, bars, lines, round_up};
use super::{Groups, add, minutes, runs, seconds, share};
use crate::measures::{Figures, Measures, Slice};
use crate::number::float;
use crate::report::{Report, Run};
use crate::summary::Unit;

/// A plot with what it shows.
struct Card {
    title: &'static str,
    says: &'static str,
    svg: String,
}

pub(super) fn all(report: &Report) -> String {
    let mut text = String::new();
    section(
        &mut text,
        "Waiting and spread",
        &[waits(report), spreads(report)],
    );
    section(&mut text, "By skill", &skill_cards(report));
    section(&mut text, "By region", &region_cards(report));
    section(&mut text, "Over time", &time_cards(report));
    text
}

fn skill_cards(report: &Report) -> [Card; 2] {
    [
        by_decile(
            report,
            "Wait by skill",
            "From the lowest tenth of the players to the highest: 95 of 100 waited no longer than this. Whoever got no match counts with the time waited.",
            ("wait p95, seconds", " s", Unit::Wait),
            |figures| seconds(figures.wait_all_ms.p95),
        ),
        by_decile(
            report,
            "Spread by skill",
            "How far apart in skill the players of a match are, for players of each tenth: half of them play with at most this spread.",
            ("spread p50, points", "", Unit::Points),
            |figures| figures.spread.p50,
        ),
    ]
}

fn region_cards(report: &Report) -> [Card; 2] {
    [
        by_region(
            report,
            "Wait by home region",
            "95 of 100 players who live there waited no longer than this, those without a match included.",
            ("wait p95, seconds", " s", Unit::Wait),
            |figures| seconds(figures.wait_all_ms.p95),
        ),
        by_region(
            report,
            "Latency by home region",
            "Round trip to the servers where players of a region play, on average.",
            ("latency mean, milliseconds", " ms", Unit::Latency),
            |figures| figures.latency_ms.mean,
        ),
    ]
}

fn time_cards(report: &Report) -> [Card; 4] {
    [
        over_time(
            report,
            "Players waiting",
            "At each moment of the run. A line that keeps rising means that the queue never empties.",
            "players",
            |slice, _| float(slice.waiting),
        ),
        over_time(
            report,
            "Wait of those who were matched",
            "Half of the players who got a match at that moment had waited no longer than this.",
            "wait p50, seconds",
            |slice, _| seconds(slice.wait_p50_ms),
        ),
        arrivals(report),
        over_time(
            report,
            "Game servers in use",
            "At each moment of the run.",
            "servers",
            |slice, _| float(slice.servers),
        ),
    ]
}

fn section(text: &mut String, title: &str, cards: &[Card]) {
    add(
        text,
        format_args!("<section>\n<h2>{title}</h2>\n<div class=\"cards\">\n"),
    );
    for card in cards {
        add(
            text,
            format_args!(
                "<figure>\n<figcaption><b>{}</b> {}</figcaption>\n{}\n</figure>\n",
                card.title, card.says, card.svg
            ),
        );
    }
    text.push_str("</div>\n</section>\n");
}

fn series(report: &Report, points: impl Fn(&Measures) -> Vec<(f64, f64)>) -> Vec<Series> {
    let name = |letter: &str, run: &Run| match report.runs.len() {
        1 => run.name.clone(),
        _ => format!("{letter}: {}", run.name),
    };
    runs(report)
        .map(|(class, letter, run)| Series {
            class,
            key: letter,
            name: name(letter, run),
            points: points(&run.measures),
        })
        .collect()
}

fn highest(series: &[Series], of: impl Fn(&(f64, f64)) -> f64) -> f64 {
    let values = series.iter().flat_map(|one| one.points.iter().map(&of));
    values.fold(0.0, f64::max)
}

/// The curve goes up to 100 %; the axis ends at 99 %, or one who waited for ever would press all others to the left.
fn curve(report: &Report, values: impl Fn(&Measures) -> Vec<f64>, frame: &Frame<'_>) -> String {
    let series = series(report, |measures| {
        let values = values(measures);
        let points = values.iter().enumerate();
        points.map(|(at, value)| (*value, share(at))).collect()
    });
    let most = series.iter().filter_map(|one| {
        let last = one.points.len().checked_sub(2)?;
        Some(one.points.get(last)?.0)
    });
    let x_max = most.fold(0.0, f64::max).max(0.1);
    lines(&Frame { x_max, ..*frame }, &series)
}

fn waits(report: &Report) -> Card {
    let frame = Frame {
        described: "Share of the matched players by the longest wait",
        x_label: "wait, seconds",
        y_label: "players with a match",
        x_max: 1.0,
        y_max: 100.0,
        y_unit: " %",
    };
    let values = |measures: &Measures| -> Vec<f64> {
        measures.wait_ms.0.iter().map(|ms| seconds(*ms)).collect()
    };
    Card {
        title: "How long players wait",
        says: "So many per cent of those who got a match had it within so many seconds; the last of 100 is left out. The line further up and to the left is better.",
        svg: curve(report, values, &frame),
    }
}

fn spreads(report: &Report) -> Card {
    let frame = Frame {
        described: "Share of the matches by the largest skill spread",
        x_label: "highest minus lowest skill, points",
        y_label: "matches",
        x_max: 1.0,
        y_max: 100.0,
        y_unit: " %",
    };
    Card {
        title: "How far apart in skill",
        says: "So many per cent of the matches have at most so many points between their best and their weakest. Further up and to the left is better.",
        svg: curve(report, |measures| measures.spread.0.clone(), &frame),
    }
}

fn grouped(
    report: &Report,
    names: &[String],
    x_label: &str,
    (title, says): (&'static str, &'static str),
    (y_label, y_unit, unit): (&str, &str, Unit),
    (groups, value): (Groups, fn(&Figures) -> f64),
) -> Card {
    let series = series(report, |measures| {
        let all = groups(measures).iter();
        all.map(|group| (0.0, value(&group.figures))).collect()
    });
    let frame = Frame {
        described: title,
        x_label,
        y_label,
        x_max: 1.0,
        y_max: round_up(highest(&series, |point| point.1)),
        y_unit,
    };
    let show = |value: f64| match unit {
        Unit::Wait => unit.show(value * 1_000.0),
        _ => unit.show(value),
    };
    Card {
        title,
        says,
        svg: bars(&frame, names, &series, show),
    }
}

fn by_decile(
    report: &Report,
    title: &'static str,
    says: &'static str,
    axis: (&str, &str, Unit),
    value: fn(&Figures) -> f64,
) -> Card {
    let first = report.runs.first();
    let deciles = first.map_or(&[][..], |run| &run.measures.by_decile);
    let names: Vec<String> = deciles.iter().map(|group| group.name.clone()).collect();
    let x_label = "tenth of the players by skill, lowest to highest";
    grouped(
        report,
        &names,
        x_label,
        (title, says),
        axis,
        (|m| &m.by_decile, value),
    )
}

fn by_region(
    report: &Report,
    title: &'static str,
    says: &'static str,
    axis: (&str, &str, Unit),
    value: fn(&Figures) -> f64,
) -> Card {
    let first = report.runs.first();
    let regions = first.map_or(&[][..], |run| &run.measures.by_region);
    let names: Vec<String> = regions.iter().map(|group| group.name.clone()).collect();
    let label = "region where the players live";
    grouped(
        report,
        &names,
        label,
        (title, says),
        axis,
        (|m| &m.by_region, value),
    )
}

fn over_time(
    report: &Report,
    title: &'static str,
    says: &'static str,
    y_label: &str,
    value: fn(&Slice, f64) -> f64,
) -> Card {
    let series = series(report, |measures| points(measures, value));
    timed(report, title, says, y_label, &series)
}

fn points(measures: &Measures, value: fn(&Slice, f64) -> f64) -> Vec<(f64, f64)> {
    let span = minutes(measures.duration_ms) / float(crate::measures::SLICES);
    let slices = measures.over_time.iter();
    slices
        .map(|slice| (minutes(slice.at_ms) + span / 2.0, value(slice, span)))
        .collect()
}

/// Arrivals are the same for every run.
fn arrivals(report: &Report) -> Card {
    let first = report.runs.first();
    let per_minute = |slice: &Slice, span: f64| float(slice.arrived) / span;
    let points = first.map_or(Vec::new(), |run| points(&run.measures, per_minute));
    let series = [Series {
        class: "n",
        key: "",
        name: "players who come".into(),
        points,
    }];
    let says = if report.runs.len() > 1 {
        "The same for both, player for player."
    } else {
        "Players who came, at each moment of the run."
    };
    timed(
        report,
        "Players arriving",
        says,
        "players a minute",
        &series,
    )
}

fn timed(
    report: &Report,
    title: &'static str,
    says: &'static str,
    y_label: &str,
    series: &[Series],
) -> Card {
    let frame = Frame {
        described: title,
        x_label: "time, minutes",
        y_label,
        x_max: minutes(report.world.duration_ms),
        y_max: round_up(highest(series, |point| point.1)),
        y_unit: "",
    };
    Card {
        title,
        says,
        svg: lines(&frame, series),
    }
}
