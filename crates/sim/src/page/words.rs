//! What the page says in sentences.

mod rules;

pub(super) use rules::rules;

use stadion_core::rules::Backfill;

use super::{count, duration, escape, trimmed};
use crate::measures::{Group, Measures};
use crate::number::{float, len};
use crate::report::Report;
use crate::summary::Unit;
use crate::world::{Distance, Skill, World};

/// A difference below this share of the larger value is not worth a word.
const WORTH_SAYING: f64 = 0.03;

/// What was simulated.
pub(super) fn lead(report: &Report) -> String {
    let world = &report.world;
    let players = report.runs.first().map_or(0, |run| {
        run.measures
            .over_time
            .iter()
            .map(|slice| slice.arrived)
            .sum()
    });
    let seed = report.runs.first().map_or(0, |run| run.measures.seed);
    let from = match &world.recorded {
        Some(_) => "The players are recorded ones",
        None => "The players are drawn by chance",
    };
    let compared = if report.runs.len() > 1 {
        " A and B met exactly the same players at the same moments; all that differs is the rules by which matches are \
         made."
    } else {
        ""
    };
    format!(
        "{}. {} simulated players queue within {} and get their matches from the real matchmaker.{compared} \
         {from} (seed {seed}): the same seed makes the same run.",
        escape(&world.title),
        count(players),
        duration(world.duration_ms)
    )
}

/// A handful of findings.
pub(super) fn verdict(report: &Report) -> Vec<String> {
    match report.runs.as_slice() {
        [a, b] => compared(&a.measures, &b.measures),
        [only, ..] => alone(&only.measures),
        [] => Vec::new(),
    }
}

fn alone(m: &Measures) -> Vec<String> {
    let o = &m.overall;
    let mut said = vec![format!(
        "Half of the players who get a match wait at most <b>{}</b>, 95 of 100 at most <b>{}</b>; <b>{}</b> of all got none.",
        Unit::Wait.show(o.wait_ms.p50),
        Unit::Wait.show(o.wait_ms.p95),
        Unit::Percent.show(o.unmatched_percent)
    )];
    let mut fair = format!(
        "Between the best and the weakest of a match are <b>{}</b> points of skill at the median, and at most {} in 95 of 100 matches",
        Unit::Points.show(o.spread.p50),
        Unit::Points.show(o.spread.p95)
    );
    if let Some(chance) = o.win_chance {
        fair.push_str(&format!(
            "; the stronger team is expected to win <b>{}</b> of the time (50 % is fair)",
            Unit::Percent.show(100.0 * chance.p50)
        ));
    }
    said.push(format!("{fair}."));
    let placed = match o.unacceptable {
        0 => "nobody plays in a region beyond the latency limit".to_owned(),
        some => format!(
            "{} players play in a region beyond their limit",
            count(some)
        ),
    };
    said.push(format!(
        "Players are <b>{}</b> from their server on average; {placed}.",
        Unit::Latency.show(o.latency_ms.mean)
    ));
    if let Some((best, worst)) = unequal(m) {
        said.push(format!(
            "Skill decides how long one waits: {} for the {} tenth, {} for the {} (wait p95, those without a match included).",
            Unit::Wait.show(worst.figures.wait_all_ms.p95),
            ordinal(&worst.name),
            Unit::Wait.show(best.figures.wait_all_ms.p95),
            ordinal(&best.name)
        ));
    }
    said
}

/// The tenths with the shortest and the longest wait, where that is twice as long.
fn unequal(m: &Measures) -> Option<(&Group, &Group)> {
    let wait = |group: &&Group| group.figures.wait_all_ms.p95;
    let by_wait = |a: &&Group, b: &&Group| wait(a).total_cmp(&wait(b));
    let best = m.by_decile.iter().min_by(by_wait)?;
    let worst = m.by_decile.iter().max_by(by_wait)?;
    (wait(&worst) >= 2.0 * wait(&best) && wait(&worst) > 0.0).then_some((best, worst))
}

fn ordinal(decile: &str) -> String {
    match decile {
        "1" => "lowest".into(),
        "2" => "second".into(),
        "3" => "third".into(),
        "10" => "highest".into(),
        other => format!("{other}th"),
    }
}

/// A topic on which one set of rules can be better.
struct Topic {
    name: &'static str,
    /// What players get from the better one.
    gain: &'static str,
    unit: Unit,
    values: (f64, f64),
    /// What the values are.
    what: &'static str,
}

impl Topic {
    /// The better side: 0 or 1.
    fn better(&self) -> Option<usize> {
        let (a, b) = self.values;
        let same = (a - b).abs() <= WORTH_SAYING * a.abs().max(b.abs());
        (!same && self.unit.show(a) != self.unit.show(b)).then_some(usize::from(b < a))
    }

    fn sentence(&self) -> String {
        let (a, b) = self.values;
        let values = format!(
            "{} {} with A, {} with B",
            self.what,
            self.unit.show(a),
            self.unit.show(b)
        );
        match self.better() {
            Some(side) => format!(
                "<b>{}:</b> with <b>{}</b> {}; {values}.",
                self.name,
                super::LETTERS[side],
                self.gain
            ),
            None => format!(
                "<b>{}:</b> no difference worth naming; {values}.",
                self.name
            ),
        }
    }
}

fn compared(a: &Measures, b: &Measures) -> Vec<String> {
    let topics = topics(a, b);
    let better = |side: usize| -> Vec<&str> {
        let mine = topics.iter().filter(|topic| topic.better() == Some(side));
        mine.map(|topic| topic.name).collect()
    };
    let all = match (better(0).join(", "), better(1).join(", ")) {
        (none, other) if none.is_empty() && other.is_empty() => {
            "A and B do not differ in anything that players would notice.".to_owned()
        }
        (a, b) if b.is_empty() => {
            format!("<b>A</b> is better in everything in which they differ: {a}.")
        }
        (a, b) if a.is_empty() => {
            format!("<b>B</b> is better in everything in which they differ: {b}.")
        }
        (a, b) => format!("It is a trade. <b>A</b> is better at: {a}. <b>B</b> is better at: {b}."),
    };
    let mut said = vec![all];
    said.extend(topics.iter().map(Topic::sentence));
    said
}

fn topics(a: &Measures, b: &Measures) -> Vec<Topic> {
    let (one, two) = (&a.overall, &b.overall);
    let topic = |name, gain, unit, values, what| Topic {
        name,
        gain,
        unit,
        values,
        what,
    };
    let waits = (&one.wait_all_ms, &two.wait_all_ms);
    let mut topics = vec![
        topic(
            "Waiting",
            "players wait less",
            Unit::Wait,
            (waits.0.p50, waits.1.p50),
            "half of them wait at most",
        ),
        topic(
            "Long waits",
            "they are shorter",
            Unit::Wait,
            (waits.0.p95, waits.1.p95),
            "95 of 100 players wait at most",
        ),
        topic(
            "Players without a match",
            "there are fewer",
            Unit::Percent,
            (one.unmatched_percent, two.unmatched_percent),
            "left or still waiting:",
        ),
        topic(
            "Skill",
            "players of a match are closer",
            Unit::Points,
            (one.spread.p50, two.spread.p50),
            "median spread in points:",
        ),
    ];
    if let (Some(one), Some(two)) = (one.win_chance, two.win_chance) {
        topics.push(topic(
            "Fair teams",
            "teams are more equal",
            Unit::Percent,
            (100.0 * one.p50, 100.0 * two.p50),
            "expected wins of the stronger team (50 % is fair):",
        ));
    }
    topics.push(topic(
        "Latency",
        "players are nearer to their server",
        Unit::Latency,
        (one.latency_ms.mean, two.latency_ms.mean),
        "mean round trip:",
    ));
    if a.matches.without_common_region + b.matches.without_common_region > 0 {
        topics.push(topic(
            "Common regions",
            "fewer matches lack one",
            Unit::Percent,
            (
                a.matches.without_common_region_percent,
                b.matches.without_common_region_percent,
            ),
            "matches for which no region suits all:",
        ));
    }
    topics
}

/// A tenth with the skills in it.
pub(super) fn decile(group: &Group) -> String {
    let which = match group.name.as_str() {
        "1" => "1 (lowest)".to_owned(),
        "10" => "10 (highest)".to_owned(),
        other => other.to_owned(),
    };
    match group.skill {
        Some((low, high)) => format!("{which}: {low:.0} to {high:.0}"),
        None => which,
    }
}

/// The world, a line each.
pub(super) fn world(report: &Report) -> Vec<(&'static str, String)> {
    let world = &report.world;
    let mut lines = vec![(
        "Time",
        format!(
            "{}; the planner is asked every {} at most",
            duration(world.duration_ms),
            duration(world.tick.interval_ms)
        ),
    )];
    if world.warm_up_ms > 0 {
        let what = "whoever comes before is in the plots over time only";
        lines.push(("Warm-up", format!("{}; {what}", duration(world.warm_up_ms))));
    }
    if let Some(recorded) = &world.recorded {
        lines.push((
            "Players",
            format!("{} recorded tickets", count(recorded.len() as u64)),
        ));
    } else {
        lines.extend(people(world));
    }
    lines.extend(servers(world));
    lines
}

fn people(world: &World) -> Vec<(&'static str, String)> {
    let arrivals = &world.arrivals;
    let mut coming = format!(
        "{} tickets a second on average, at random moments",
        trimmed(arrivals.rate_per_second)
    );
    if let Some(day) = &arrivals.day {
        let more = trimmed(100.0 * day.amplitude);
        coming.push_str(&format!(
            "; {more} % more at the peak ({}), {more} % fewer half a day of {} later",
            duration(day.peak_at_ms),
            duration(day.period_ms)
        ));
    }
    for spike in &arrivals.spikes {
        coming.push_str(&format!(
            "; {} times as many from {} on for {}",
            trimmed(spike.factor),
            duration(spike.at_ms),
            duration(spike.duration_ms)
        ));
    }
    let modes: f64 = world.modes.iter().map(|mode| mode.share).sum();
    let modes = world.modes.iter().map(|mode| {
        format!(
            "{} {} %",
            mode.mode.name,
            trimmed(100.0 * mode.share / modes)
        )
    });
    let sum: f64 = world.parties.iter().sum();
    let sizes = world
        .parties
        .iter()
        .enumerate()
        .filter(|(_, share)| **share > 0.0);
    let sizes = sizes.map(|(at, share)| {
        let size = trimmed(len(at + 1));
        format!("{size}: {} %", trimmed(100.0 * share / sum))
    });
    let skill = match world.skill {
        Skill::Normal { mean, deviation } => {
            format!(
                "normal around {} with a deviation of {} points",
                trimmed(mean),
                trimmed(deviation)
            )
        }
        Skill::Uniform { low, high } => {
            format!("equally often from {} to {}", trimmed(low), trimmed(high))
        }
    };
    let patience = match world.patience_mean_ms {
        Some(ms) => format!("players leave after {} on average, at random", duration(ms)),
        None => "nobody leaves".into(),
    };
    vec![
        ("Players", coming),
        ("Game modes", modes.collect::<Vec<_>>().join(", ")),
        ("Party sizes", sizes.collect::<Vec<_>>().join(", ")),
        ("Skill", skill),
        ("Patience", patience),
    ]
}

fn servers(world: &World) -> Vec<(&'static str, String)> {
    let homes: f64 = world.regions.iter().map(|place| place.share).sum();
    let homes = world.regions.iter().map(|place| {
        format!(
            "{} {} %",
            place.region,
            trimmed(100.0 * place.share / homes)
        )
    });
    let latency = &world.latency;
    let distance = match latency.distance {
        Distance::Ring { hop_ms } => {
            format!("{} ms from a region to the next on a ring", trimmed(hop_ms))
        }
        Distance::Map { ms_per_1000_km } => format!("{} ms for 1,000 km", trimmed(ms_per_1000_km)),
    };
    let many = match world.servers.per_region {
        Some(servers) => format!("{} in each region", count(servers.into())),
        None => "as many as are wanted".into(),
    };
    let placement = match world.placement.delay_ms {
        (0, 0) => "found at once".to_owned(),
        delay => format!("found within {}", from_to(delay)),
    };
    let failure = trimmed(100.0 * world.placement.failure);
    let mut lines = vec![("Homes", homes.collect::<Vec<_>>().join(", "))];
    if world.recorded.is_none() {
        lines.push((
            "Latency",
            format!(
                "{distance}, {} to {} ms for a player’s own line, up to {} ms by chance",
                trimmed(latency.line_ms.0),
                trimmed(latency.line_ms.1),
                trimmed(latency.jitter_ms.1)
            ),
        ));
    }
    lines.push((
        "Game servers",
        format!(
            "{many}; {placement}, {failure} % fail; a match lasts {}",
            from_to(world.servers.match_ms)
        ),
    ));
    lines.extend(after_the_plan(world));
    if float(u64::from(world.servers.per_region.unwrap_or(0))) > 0.0 {
        let all = u64::from(world.servers.per_region.unwrap_or(0)) * world.regions.len() as u64;
        lines.push(("In all", format!("{} game servers", count(all))));
    }
    lines
}

fn from_to((from, to): (u64, u64)) -> String {
    if from == to {
        return duration(from);
    }
    format!("{} to {}", duration(from), duration(to))
}

/// What players do once they have a match.
fn after_the_plan(world: &World) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let share = |mode: &crate::world::ModeShare| mode.mode.rules.backfill != Backfill::Off;
    if world.modes.iter().any(share) {
        lines.push((
            "Backfill",
            format!(
                "{} % of the players leave their match early; seats are offered until {} before its end",
                trimmed(100.0 * world.dropouts.share),
                duration(world.dropouts.closed_before_end_ms)
            ),
        ));
    }
    let mut modes = world.modes.iter();
    if modes.any(|share| share.mode.rules.acceptance.is_some()) {
        let check = &world.ready_check;
        lines.push((
            "Ready checks",
            format!(
                "{} % of the players say yes, after {}; the others do not answer",
                trimmed(100.0 * check.yes),
                from_to(check.answer_ms)
            ),
        ));
    }
    lines
}
