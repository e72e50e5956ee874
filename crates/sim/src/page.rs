//! The page that shows a simulation to a game designer: one file, no scripts, nothing from elsewhere.

use std::fmt::Write as _;

use crate::measures::{Figures, Group, Measures};
use crate::number::{float, len};
use crate::report::{Report, Run};
use crate::summary::{self, Unit};

mod charts;
mod plot;
#[cfg(test)]
mod tests;
mod words;

const STYLE: &str = include_str!("page/style.css");
/// Classes of the style and letters of the runs.
const CLASSES: [&str; 2] = ["a", "b"];
const LETTERS: [&str; 2] = ["A", "B"];

/// The page as HTML.
#[must_use]
pub fn html(report: &Report) -> String {
    let title = match report.runs.as_slice() {
        [_, _] => "Matchmaking simulation: rules A and B compared",
        _ => "Matchmaking simulation",
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n"
    );
    page.push_str(&legend(report));
    add(
        &mut page,
        format_args!("<p class=\"lead\">{}</p>\n</header>\n", words::lead(report)),
    );
    add(
        &mut page,
        format_args!(
            "<section>\n<h2>In short</h2>\n<ul class=\"short\">\n{}</ul>\n</section>\n",
            verdict(report)
        ),
    );
    page.push_str(&summary_table(report));
    page.push_str(&charts::all(report));
    page.push_str(&groups(report));
    add(
        &mut page,
        format_args!(
            "<section>\n<h2>The rules</h2>\n{}</section>\n",
            rules(report)
        ),
    );
    add(
        &mut page,
        format_args!(
            "<section>\n<h2>The world</h2>\n{}</section>\n",
            world(report)
        ),
    );
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn add(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a String takes everything");
}

/// Text as it may stand in HTML, also between quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn runs(report: &Report) -> impl Iterator<Item = (&'static str, &'static str, &Run)> {
    let names = CLASSES.into_iter().zip(LETTERS);
    names
        .zip(&report.runs)
        .map(|((class, letter), run)| (class, letter, run))
}

fn legend(report: &Report) -> String {
    let mut text = String::from("<p class=\"legend\">");
    for (class, letter, run) in runs(report) {
        let letter = if report.runs.len() > 1 {
            letter
        } else {
            "Rules"
        };
        add(
            &mut text,
            format_args!(
                "<span><i class=\"key {class}\"></i><b>{letter}</b> {}</span> ",
                escape(&run.name)
            ),
        );
    }
    text.push_str("</p>\n");
    text
}

fn verdict(report: &Report) -> String {
    let mut items = String::new();
    for sentence in words::verdict(report) {
        add(&mut items, format_args!("<li>{sentence}</li>\n"));
    }
    items
}

fn head(report: &Report, first: &str) -> String {
    let mut text = format!("<thead><tr><th scope=\"col\">{first}</th>");
    for (class, letter, run) in runs(report) {
        let letter = if report.runs.len() > 1 {
            letter
        } else {
            run.name.as_str()
        };
        add(
            &mut text,
            format_args!(
                "<th scope=\"col\" class=\"number\"><i class=\"key {class}\"></i>{}</th>",
                escape(letter)
            ),
        );
    }
    text
}

fn summary_table(report: &Report) -> String {
    let measures: Vec<_> = report.runs.iter().map(|run| &run.measures).collect();
    let mut text = String::from("<section>\n<h2>Summary</h2>\n");
    if measures.len() > 1 {
        text.push_str("<p>The better value of a line is marked; values that differ by less than 1 % are called equal.</p>\n");
    }
    add(
        &mut text,
        format_args!(
            "<div class=\"wide\"><table class=\"summary\">{}<th scope=\"col\" class=\"says\">What it says</th></tr></thead>\n<tbody>\n",
            head(report, "")
        ),
    );
    let mut part = "";
    for row in summary::rows(&measures) {
        if row.part != part {
            part = row.part;
            let columns = measures.len() + 2;
            add(
                &mut text,
                format_args!(
                    "<tr class=\"part\"><th scope=\"colgroup\" colspan=\"{columns}\">{part}</th></tr>\n"
                ),
            );
        }
        add(
            &mut text,
            format_args!("<tr><th scope=\"row\">{}</th>", row.name),
        );
        let best = row.best();
        for (at, value) in row.values.iter().enumerate() {
            let shown = value.map_or("–".to_owned(), |value| row.unit.show(value));
            let (class, sign) = if best == Some(at) {
                (" best", "<span class=\"tick\" title=\"better\">✓</span>")
            } else {
                ("", "")
            };
            add(
                &mut text,
                format_args!("<td class=\"number{class}\">{sign}{shown}</td>"),
            );
        }
        add(
            &mut text,
            format_args!("<td class=\"says\">{}</td></tr>\n", row.explained),
        );
    }
    text.push_str("</tbody></table></div>\n</section>\n");
    text
}

/// The tables of those parts of the players that have names.
fn groups(report: &Report) -> String {
    let Some(first) = report.runs.first() else {
        return String::new();
    };
    let names = |groups: &[Group]| -> Vec<String> {
        groups.iter().map(|group| group.name.clone()).collect()
    };
    let m = &first.measures;
    let deciles: Vec<String> = m.by_decile.iter().map(words::decile).collect();
    [
        group_table(
            report,
            ("By game mode", "game mode"),
            &names(&m.by_mode),
            |m| &m.by_mode,
        ),
        group_table(
            report,
            ("By region", "players’ home"),
            &names(&m.by_region),
            |m| &m.by_region,
        ),
        group_table(
            report,
            ("By skill", "tenth of the players: skill"),
            &deciles,
            |m| &m.by_decile,
        ),
    ]
    .concat()
}

/// One of the groupings of the measures.
type Groups = fn(&Measures) -> &[Group];

fn group_table(
    report: &Report,
    (title, first): (&str, &str),
    names: &[String],
    groups: Groups,
) -> String {
    let mut text = format!(
        "<section>\n<h2>{title}</h2>\n<div class=\"wide\"><table class=\"groups\"><thead><tr><th scope=\"col\">{first}</th>"
    );
    let several = report.runs.len() > 1;
    if several {
        text.push_str("<th scope=\"col\">rules</th>");
    }
    for (name, _, _) in summary::GROUP_COLUMNS {
        add(
            &mut text,
            format_args!("<th scope=\"col\" class=\"number\">{name}</th>"),
        );
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for (at, name) in names.iter().enumerate() {
        for (place, (class, letter, run)) in runs(report).enumerate() {
            if place == 0 {
                add(
                    &mut text,
                    format_args!(
                        "<tr class=\"first\"><th scope=\"rowgroup\" rowspan=\"{}\">{}</th>",
                        report.runs.len(),
                        escape(name)
                    ),
                );
            } else {
                text.push_str("<tr>");
            }
            if several {
                add(
                    &mut text,
                    format_args!("<td><i class=\"key {class}\"></i>{letter}</td>"),
                );
            }
            let figures = groups(&run.measures).get(at).map(|group| &group.figures);
            text.push_str(&cells(figures));
            text.push_str("</tr>\n");
        }
    }
    text.push_str("</tbody></table></div>\n</section>\n");
    text
}

fn cells(figures: Option<&Figures>) -> String {
    let mut text = String::new();
    for (_, unit, value) in summary::GROUP_COLUMNS {
        let shown = figures
            .and_then(value)
            .map_or("–".to_owned(), |value| unit.show(value));
        add(&mut text, format_args!("<td class=\"number\">{shown}</td>"));
    }
    text
}

fn rules(report: &Report) -> String {
    let mut text = String::new();
    let Some(first) = report.runs.first() else {
        return text;
    };
    for (at, mode) in first.game_modes.iter().enumerate() {
        add(
            &mut text,
            format_args!(
                "<h3>{}</h3>\n<div class=\"wide\"><table class=\"rules\">{}</tr></thead>\n<tbody>\n",
                escape(mode.name.as_str()),
                head(report, "rule")
            ),
        );
        let sides: Vec<Vec<(String, String)>> = report
            .runs
            .iter()
            .filter_map(|run| run.game_modes.get(at))
            .map(words::rules)
            .collect();
        let mut names: Vec<&str> = Vec::new();
        for (name, value) in sides.iter().flatten() {
            if !value.is_empty() && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        for name in names {
            let of = |side: &Vec<(String, String)>| {
                let mut lines = side.iter();
                let found = lines.find(|(other, _)| other == name);
                found.map_or(String::new(), |(_, value)| value.clone())
            };
            let values: Vec<String> = sides.iter().map(of).collect();
            let differs = values.windows(2).any(|pair| pair[0] != pair[1]);
            let class = if differs { " class=\"differs\"" } else { "" };
            add(
                &mut text,
                format_args!("<tr{class}><th scope=\"row\">{name}</th>"),
            );
            for value in values {
                let shown = if value.is_empty() { "–" } else { &value };
                add(
                    &mut text,
                    format_args!("<td class=\"number\">{}</td>", escape(shown)),
                );
            }
            text.push_str("</tr>\n");
        }
        text.push_str("</tbody></table></div>\n");
    }
    if report.runs.len() > 1 {
        text.push_str("<p>Lines in which A and B differ are marked.</p>\n");
    }
    text
}

fn world(report: &Report) -> String {
    let mut text = String::from("<dl>\n");
    for (name, value) in words::world(report) {
        add(
            &mut text,
            format_args!("<dt>{name}</dt><dd>{}</dd>\n", escape(&value)),
        );
    }
    text.push_str("</dl>\n");
    text
}

/// Seconds of milliseconds.
fn seconds(ms: f64) -> f64 {
    ms / 1_000.0
}

/// Minutes of milliseconds.
fn minutes(ms: u64) -> f64 {
    float(ms) / 60_000.0
}

/// Per cent at a point of a curve.
fn share(point: usize) -> f64 {
    100.0 * len(point) / len(crate::measures::CURVE_POINTS - 1)
}

/// A duration for people.
fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", trimmed(float(ms) / 1_000.0)),
        120_000..7_200_000 => format!("{} min", trimmed(float(ms) / 60_000.0)),
        _ => format!("{} h", trimmed(float(ms) / 3_600_000.0)),
    }
}

/// A number without digits that say nothing.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn count(value: u64) -> String {
    Unit::Count.show(float(value))
}
