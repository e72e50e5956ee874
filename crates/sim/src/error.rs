//! What can go wrong.

use stadion_core::id::{MatchId, TicketId};

/// Why a simulation came to nothing. Trying again without a change is no use.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The world cannot be; the caller's fault.
    #[error("{field}: {why}")]
    World {
        /// The offending field.
        field: String,
        /// What is wrong and what would be right.
        why: String,
    },
    /// A file of recorded tickets or decisions is not right; the caller's fault.
    #[error("line {line}: {why}")]
    Line {
        /// Line of the file, from 1.
        line: usize,
        /// What is wrong and what would be right.
        why: String,
    },
    /// The planner's fault.
    #[error("the planner made a match of {ticket}, which does not wait")]
    NotWaiting {
        /// The ticket.
        ticket: TicketId,
    },
    /// The planner's fault.
    #[error("the planner made a match in {region}, where no game server is free")]
    NoServer {
        /// The region.
        region: String,
    },
    /// The planner's fault.
    #[error("the planner filled a seat of {game} that is not free")]
    NoSeat {
        /// The match.
        game: MatchId,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl SimError {
    pub(crate) fn world(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::World {
            field: field.into(),
            why: why.into(),
        }
    }

    pub(crate) fn line(line: usize, why: impl Into<String>) -> Self {
        Self::Line {
            line,
            why: why.into(),
        }
    }
}
