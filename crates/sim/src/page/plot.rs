//! Plots as SVG: lines and bars, with axes whose marks are round numbers. Colours come from the page's style.

use std::fmt::Write as _;

use super::escape;
use crate::number::len;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 16.0;
/// Room for the label of the vertical axis and the names of the series.
const TOP: f64 = 36.0;
const BOTTOM: f64 = 48.0;
/// Marks of an axis, about.
const MARKS: f64 = 5.0;
/// Width of a character, about.
const CHARACTER: f64 = 7.5;
/// Added below the plot when the names of groups are too long to be level.
const SLANT: f64 = 44.0;

/// What a plot is drawn in.
pub(super) struct Frame<'a> {
    /// The plot in a sentence, for those who do not see it.
    pub(super) described: &'a str,
    pub(super) x_label: &'a str,
    pub(super) y_label: &'a str,
    pub(super) x_max: f64,
    pub(super) y_max: f64,
    /// What follows a number on the vertical axis.
    pub(super) y_unit: &'a str,
}

/// Lines or bars of one run.
pub(super) struct Series {
    /// Class of the page's style: `a`, `b` or `n`.
    pub(super) class: &'static str,
    /// What it is called in the plot.
    pub(super) key: &'static str,
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

fn x_of(value: f64, max: f64) -> f64 {
    LEFT + value / max * (WIDTH - LEFT - RIGHT)
}

fn y_of(value: f64, max: f64) -> f64 {
    HEIGHT - BOTTOM - value / max * (HEIGHT - TOP - BOTTOM)
}

/// Distance of marks: 1, 2 or 5 times a power of ten.
fn step(max: f64) -> f64 {
    let rough = max / MARKS;
    let power = 10_f64.powf(rough.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0];
    let fits = times
        .into_iter()
        .find(|times| times * power >= rough * 0.999);
    fits.unwrap_or(10.0) * power
}

/// The end of an axis that shows values up to `max`: a mark.
pub(super) fn round_up(max: f64) -> f64 {
    if max <= 0.0 || !max.is_finite() {
        return 1.0;
    }
    let step = step(max);
    (max / step).ceil() * step
}

fn marks(max: f64) -> Vec<f64> {
    let step = step(max);
    let count = crate::number::index((max / step + 0.001).floor());
    (0..=count).map(|mark| len(mark) * step).collect()
}

fn mark(value: f64, max: f64) -> String {
    let digits = if step(max) < 1.0 { 1 } else { 0 };
    let text = format!("{value:.digits$}");
    if value >= 10_000.0 {
        return format!("{:.0}k", value / 1_000.0);
    }
    text
}

/// Everything but the data and the marks of the horizontal axis; `extra` is added below.
fn open(frame: &Frame<'_>, series: &[Series], extra: f64) -> String {
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">",
        HEIGHT + extra,
        escape(frame.described)
    );
    for value in marks(frame.y_max) {
        let y = y_of(value, frame.y_max);
        let text = mark(value, frame.y_max);
        push(
            &mut svg,
            format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"mark\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                escape(frame.y_unit)
            ),
        );
    }
    push(
        &mut svg,
        format_args!(
            "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"label\" x=\"4\" y=\"14\">↑ {}</text>",
            (LEFT + WIDTH - RIGHT) / 2.0,
            HEIGHT + extra - 8.0,
            escape(frame.x_label),
            escape(frame.y_label)
        ),
    );
    let mut right = WIDTH - RIGHT;
    for one in series.iter().rev().filter(|_| series.len() > 1) {
        push(
            &mut svg,
            format_args!(
                "<text class=\"label\" x=\"{right:.1}\" y=\"14\" text-anchor=\"end\">{}</text>",
                escape(one.key)
            ),
        );
        right -= CHARACTER * len(one.key.chars().count()) + 4.0;
        push(
            &mut svg,
            format_args!(
                "<rect class=\"bar {}\" x=\"{:.1}\" y=\"4\" width=\"11\" height=\"11\" rx=\"2\"/>",
                one.class,
                right - 11.0
            ),
        );
        right -= 26.0;
    }
    svg
}

fn push(svg: &mut String, text: std::fmt::Arguments<'_>) {
    svg.write_fmt(text).expect("a String takes everything");
}

fn axis(svg: &mut String) {
    let y = HEIGHT - BOTTOM;
    push(
        svg,
        format_args!(
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\"/>",
            WIDTH - RIGHT
        ),
    );
}

/// Lines; values beyond the frame are cut off at its edge.
pub(super) fn lines(frame: &Frame<'_>, series: &[Series]) -> String {
    let mut svg = open(frame, series, 0.0);
    for value in marks(frame.x_max) {
        let x = x_of(value, frame.x_max);
        let text = mark(value, frame.x_max);
        push(
            &mut svg,
            format_args!(
                "<text class=\"mark\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                HEIGHT - BOTTOM + 18.0
            ),
        );
    }
    axis(&mut svg);
    for one in series {
        let mut path = String::new();
        for (at, (x, y)) in one.points.iter().enumerate() {
            if *x > frame.x_max {
                break;
            }
            let command = if at == 0 { 'M' } else { 'L' };
            let (x, y) = (x_of(*x, frame.x_max), y_of(y.min(frame.y_max), frame.y_max));
            push(&mut path, format_args!("{command}{x:.1} {y:.1}"));
        }
        push(
            &mut svg,
            format_args!(
                "<path class=\"line {}\" d=\"{path}\"><title>{}</title></path>",
                one.class,
                escape(&one.name)
            ),
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Bars side by side in named groups; a series has one point per group, of which only `y` counts.
pub(super) fn bars(
    frame: &Frame<'_>,
    groups: &[String],
    series: &[Series],
    show: impl Fn(f64) -> String,
) -> String {
    let room = (WIDTH - LEFT - RIGHT) / len(groups.len().max(1));
    let longest = groups.iter().map(|group| group.chars().count()).max();
    let slanted = CHARACTER * len(longest.unwrap_or(0)) > room;
    let mut svg = open(frame, series, if slanted { SLANT } else { 0.0 });
    let bar = (room * 0.76 / len(series.len().max(1))).min(34.0);
    for (at, group) in groups.iter().enumerate() {
        let middle = LEFT + room * (len(at) + 0.5);
        let first = middle - bar * len(series.len()) / 2.0;
        for (place, one) in series.iter().enumerate() {
            let Some((_, value)) = one.points.get(at) else {
                continue;
            };
            let y = y_of(value.min(frame.y_max), frame.y_max);
            push(
                &mut svg,
                format_args!(
                    "<rect class=\"bar {}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\">\
                     <title>{}, {}: {}</title></rect>",
                    one.class,
                    first + bar * len(place) + 0.5,
                    bar - 1.0,
                    (HEIGHT - BOTTOM - y).max(0.5),
                    escape(group),
                    escape(&one.name),
                    escape(&show(*value))
                ),
            );
        }
        let y = HEIGHT - BOTTOM + 18.0;
        let place = if slanted {
            format!(
                "transform=\"translate({:.1} {y:.1}) rotate(-28)\" text-anchor=\"end\"",
                middle + 8.0
            )
        } else {
            format!("x=\"{middle:.1}\" y=\"{y:.1}\" text-anchor=\"middle\"")
        };
        push(
            &mut svg,
            format_args!("<text class=\"mark\" {place}>{}</text>", escape(group)),
        );
    }
    axis(&mut svg);
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers() {
        assert_eq!(marks(round_up(97.0)), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(marks(round_up(7.3)), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(round_up(0.0), 1.0);
        assert_eq!(mark(0.2, 1.0), "0.2");
        assert_eq!(mark(25_000.0, 50_000.0), "25k");
    }
}
