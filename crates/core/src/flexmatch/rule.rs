//! The rules of a rule set, read.

use super::expression::{Expression, Type};
use super::statement::Statement;
use super::steps::{Limit, Stepped};

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) kind: Kind,
    pub(super) party: Party,
    /// It counts only through the compound rules that name it.
    pub(super) inside: bool,
}

/// How the values of a ticket's players become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    /// They do not: every player counts.
    Own,
    Average,
    Min,
    Max,
    Union,
    Intersection,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Comparison {
        measurements: Vec<Measurement>,
        operation: Operation,
        /// Without one, the values of all players are compared with each other.
        reference: Option<Stepped<Reference>>,
    },
    Distance {
        measurements: Vec<Measurement>,
        reference: Stepped<Reference>,
        max: Limit,
        min: Limit,
    },
    BatchDistance {
        attribute: usize,
        max: Limit,
    },
    Collection {
        measurements: Vec<Measurement>,
        operation: CollectionOperation,
        reference: Option<Stepped<Reference>>,
        min: Limit,
        max: Limit,
    },
    Latency {
        max: Limit,
        distance: Limit,
        reference: DistanceReference,
    },
    Sort(Sort),
    Compound(Statement),
}

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measurement {
    pub(super) expression: Expression,
    pub(super) kind: Type,
    /// As it is written.
    pub(super) text: String,
}

/// What a rule compares with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reference {
    Number(f64),
    Text(String),
    Texts(Vec<String>),
    Measured(Measurement),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Less,
    AtMost,
    Equal,
    Unequal,
    More,
    AtLeast,
}

impl Operation {
    pub(super) const ALL: [(&str, Self); 6] = [
        ("<", Self::Less),
        ("<=", Self::AtMost),
        ("=", Self::Equal),
        ("!=", Self::Unequal),
        (">", Self::More),
        (">=", Self::AtLeast),
    ];

    pub(super) fn holds<T: PartialOrd + ?Sized>(self, one: &T, other: &T) -> bool {
        match self {
            Self::Less => one < other,
            Self::AtMost => one <= other,
            Self::Equal => one == other,
            Self::Unequal => one != other,
            Self::More => one > other,
            Self::AtLeast => one >= other,
        }
    }

    pub(super) fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, operation)| *operation == self)
            .map_or("", |(word, _)| word)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CollectionOperation {
    /// How many texts all collections have in common.
    Intersection,
    /// How often the reference is in the collections.
    Contains,
    /// How many texts of the reference are in each collection.
    ReferenceIntersectionCount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DistanceReference {
    Min,
    Average,
}

/// A rule that only says whom to try first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sort {
    pub(super) attribute: usize,
    pub(super) descending: bool,
    /// By the distance from the oldest ticket's value, not by the value.
    pub(super) by_distance: bool,
    /// Of a map, the key with the oldest ticket's highest value, not the lowest.
    pub(super) highest_key: bool,
}
