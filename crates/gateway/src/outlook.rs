//! What a waiting party may expect, and why it waits: asked of whoever plans, and put into the words that travel.

use async_trait::async_trait;
use stadion_client::{ProblemKind, wire};
use stadion_core::estimate::Estimate;
use stadion_core::matchmaker::{Apart, Explanation, Hold, Next, Relaxation};
use stadion_core::rules::HardStopAction;
use stadion_core::ticket::{Ticket, TicketState};
use stadion_core::time::Timestamp;

use crate::convert;
use crate::refusal::Refusal;

/// What is known of a ticket that searches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    /// Why it waits; `None` when a match is just being made of it.
    pub explanation: Option<Explanation>,
    /// How long tickets of its kind wait.
    pub estimate: Option<Estimate>,
}

/// Why nothing can be said. Retry later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutlookError {
    /// Another process plans this game mode.
    #[error("no matchmaker of this game mode runs in this process")]
    NotHere,
    /// Too many ask at once.
    #[error("the matchmaker of this game mode has too many questions to answer")]
    Busy,
}

/// Whoever knows why tickets wait.
#[async_trait]
pub trait Outlooks: Send + Sync + 'static {
    /// What is known of `ticket`, which searches.
    ///
    /// # Errors
    /// [`OutlookError`].
    async fn outlook(&self, ticket: &Ticket) -> Result<Outlook, OutlookError>;
}

/// Whom an outlook is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The ticket's players.
    Players,
    /// The studio's backend and operators, who may know who avoids whom.
    Studio,
}

/// The outlook of `ticket` as it travels. Only of one that searches there is more than its state.
///
/// # Errors
/// [`OutlookError`].
pub async fn outlook(
    outlooks: &dyn Outlooks,
    ticket: &Ticket,
    audience: Audience,
    now: Timestamp,
) -> Result<wire::Outlook, OutlookError> {
    let known = if ticket.state == TicketState::Searching {
        outlooks.outlook(ticket).await?
    } else {
        Outlook::default()
    };
    let why = known.explanation.map(|why| match audience {
        Audience::Players => why.for_players(),
        Audience::Studio => why,
    });
    Ok(wire::Outlook {
        ticket_id: ticket.id.to_string(),
        state: convert::ticket_state(&ticket.state).0,
        waited_ms: ticket.waited_ms(now),
        time_to_match: known.estimate.map(|estimate| wire::TimeToMatch {
            p50_ms: estimate.p50_ms,
            p90_ms: estimate.p90_ms,
            samples: estimate.samples,
        }),
        explanation: why.as_ref().map(explanation),
    })
}

impl From<OutlookError> for Refusal {
    fn from(error: OutlookError) -> Self {
        let kind = match error {
            OutlookError::NotHere => ProblemKind::Unavailable,
            OutlookError::Busy => ProblemKind::Overloaded,
        };
        Self::new(kind, error.to_string())
    }
}

fn explanation(why: &Explanation) -> wire::Explanation {
    let Apart {
        region,
        same,
        skill,
        skill_theirs,
        labels,
        avoid,
        same_player,
        seats,
    } = why.apart;
    wire::Explanation {
        place: why.place,
        others: why.others,
        skill_window: why.skill_window,
        latency_max_ms: why.latency_max_ms,
        apart: wire::Apart {
            region,
            same,
            skill,
            skill_theirs,
            labels,
            avoid,
            same_player,
            seats,
        },
        remaining: why.remaining,
        hold: hold(&why.hold),
        next_at_ms: why.next.first().map(|next| next.at.0),
        next: why.next.iter().map(relaxation).collect(),
        words: why.words(),
    }
}

fn hold(hold: &Hold) -> wire::Hold {
    let mut told = wire::Hold::default();
    let (reason, region) = match hold {
        Hold::Unplayable => ("unplayable", None),
        Hold::NoRegion => ("no_region", None),
        Hold::NoFleet => ("no_fleet", None),
        Hold::Players { region, have, need } => {
            (told.players, told.players_needed) = (Some(*have), Some(*need));
            ("players", Some(region))
        }
        Hold::Skill {
            region,
            spread,
            until,
        } => {
            (told.spread, told.until_ms) = (Some(*spread), until.map(|at| at.0));
            ("skill", Some(region))
        }
        Hold::Aim {
            region,
            spread,
            until,
        } => {
            (told.spread, told.until_ms) = (Some(*spread), until.map(|at| at.0));
            ("aim", Some(region))
        }
        Hold::Roles { region, missing } => {
            told.missing_roles.clone_from(missing);
            ("roles", Some(region))
        }
        Hold::Together { region, rule } => {
            told.rule.clone_from(rule);
            ("together", Some(region))
        }
        Hold::Server { region } => ("server", Some(region)),
        Hold::Turn { region } => ("turn", Some(region)),
    };
    told.reason = reason.to_owned();
    told.region = region.map(ToString::to_string);
    told
}

fn relaxation(next: &Next) -> wire::Relaxation {
    let mut told = wire::Relaxation {
        at_ms: next.at.0,
        ..wire::Relaxation::default()
    };
    let rule = match &next.change {
        Relaxation::Skill { points } => {
            told.points = Some(*points);
            "skill"
        }
        Relaxation::Aim { points } => {
            told.points = Some(*points);
            "aim"
        }
        Relaxation::Players { least } => {
            told.players = Some(*least);
            "players"
        }
        Relaxation::Latency { max_ms } => {
            told.latency_max_ms = Some(*max_ms);
            "latency"
        }
        Relaxation::AnyRole => "roles",
        Relaxation::HardStop { then } => {
            told.then = Some(match then {
                HardStopAction::GiveUp => "give_up".to_owned(),
                HardStopAction::Bots => "bots".to_owned(),
                HardStopAction::Mode(mode) => mode.to_string(),
            });
            "hard_stop"
        }
    };
    told.rule = rule.to_owned();
    told
}
