//! An explanation in plain English.

use super::{Explanation, Hold, Next, Relaxation};
use crate::rules::HardStopAction;
use crate::time::Timestamp;

impl Explanation {
    /// Sentences for people, the most important first.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![self.queue_words(), self.hold_words()];
        words.extend(self.apart_words());
        words.extend(self.next.iter().map(|next| self.next_words(next)));
        words
    }

    fn queue_words(&self) -> String {
        format!(
            "Waiting for {}, at place {} of {} in the queue; a skill difference of {} points and {} ms of latency are \
             accepted by now.",
            span(self.waited_ms),
            self.place,
            self.others + 1,
            points(self.skill_window),
            self.latency_max_ms,
        )
    }

    fn hold_words(&self) -> String {
        let until = |until: &Option<Timestamp>| match until {
            Some(at) => format!("that is accepted in {}", span(at.since_ms(self.at))),
            None => "waiting does not change that".to_owned(),
        };
        match &self.hold {
            Hold::Unplayable => "The party is too large for this game mode.".to_owned(),
            Hold::NoRegion => "No region is within its latency limit.".to_owned(),
            Hold::NoFleet => {
                "No region that it accepts has a fleet for this game mode: it waits in vain."
                    .to_owned()
            }
            Hold::Players { region, have, need } => {
                format!("Not enough players in {region}: {have} of {need}.")
            }
            Hold::Skill {
                region,
                spread,
                until: at,
            } => format!(
                "There are enough players in {region}, but the nearest of them are {} points apart; {}.",
                points(*spread),
                until(at)
            ),
            Hold::Roles { region, missing } => {
                let missing: Vec<String> = missing
                    .iter()
                    .map(|(role, players)| format!("{players} × {role}"))
                    .collect();
                format!(
                    "There are enough players in {region}, but not of every role; missing: {}.",
                    missing.join(", ")
                )
            }
            Hold::Aim {
                region,
                spread,
                until: at,
            } => format!(
                "A match of {} points of spread is possible in {region}, but it waits for a closer one; {}.",
                points(*spread),
                until(at)
            ),
            Hold::Together {
                region,
                rule: Some(rule),
            } => format!(
                "Enough players in {region} fit it one by one, but the nearest do not keep the rule set together: {rule}."
            ),
            Hold::Together { region, rule: None } => format!(
                "Enough players in {region} fit it one by one, but they do not make a match: parties that leave seats \
                 empty, unfair teams, or players who cannot meet one another."
            ),
            Hold::Server { region } => {
                format!("A match is possible in {region} and waits for a free game server.")
            }
            Hold::Turn { region } => format!("The next plan decides about a match in {region}."),
        }
    }

    fn apart_words(&self) -> Option<String> {
        let apart = &self.apart;
        let reasons = [
            (apart.region, "accept no region in common with it"),
            (apart.same, "differ in what must be the same"),
            (apart.skill, "are farther away in skill than it accepts"),
            (
                apart.skill_theirs,
                "do not accept its distance in skill yet",
            ),
            (apart.labels, "want another kind of game server"),
            (apart.avoid, "have, or are, players to avoid"),
            (apart.same_player, "have a player of it themselves"),
            (apart.seats, "find no place beside it"),
        ];
        let said: Vec<String> = reasons
            .iter()
            .filter(|(tickets, _)| *tickets > 0)
            .map(|(tickets, why)| format!("{tickets} {why}"))
            .collect();
        (!said.is_empty()).then(|| {
            format!(
                "Of {} other tickets, {}; {} remain.",
                self.others,
                said.join(", "),
                self.remaining
            )
        })
    }

    fn next_words(&self, next: &Next) -> String {
        let what = match &next.change {
            Relaxation::Skill { points: reach } => {
                format!(
                    "a skill difference of {} points is accepted",
                    points(*reach)
                )
            }
            Relaxation::Players { least } => format!("a match of {least} players is enough"),
            Relaxation::Latency { max_ms } => format!("up to {max_ms} ms of latency are accepted"),
            Relaxation::Aim { points: spread } => {
                format!(
                    "a match of {} points of spread is good enough",
                    points(*spread)
                )
            }
            Relaxation::AnyRole => "its players take any role".to_owned(),
            Relaxation::HardStop { then } => match then {
                HardStopAction::GiveUp => "it gives up".to_owned(),
                HardStopAction::Bots => "it is played with bots in the empty seats".to_owned(),
                HardStopAction::Mode(mode) => format!("it goes on in {mode}"),
            },
        };
        format!("In {}, {what}.", span(next.at.since_ms(self.at)))
    }
}

/// Milliseconds for people: tenths below ten seconds.
fn span(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10_000..120_000 => format!("{} s", ms / 1_000),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

fn points(points: f64) -> String {
    format!("{points:.0}")
}
