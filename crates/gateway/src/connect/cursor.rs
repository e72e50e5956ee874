//! Which event comes next.

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It was sent before.
    Skip,
    /// It is the next one.
    Send,
    /// Some before it are missing.
    Missing {
        /// First missing number.
        from: u64,
        /// Last missing number.
        to: u64,
    },
}

/// How far a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Number of the last event that the client has.
    last: u64,
    /// Whether the client knows this numbering: a new one takes whatever comes first.
    follows: bool,
}

impl Cursor {
    /// A client that has seen `after`, where `newest` is the number of the newest event that is kept.
    pub(super) fn new(after: u64, newest: Option<u64>) -> Self {
        let began_anew = newest.is_some_and(|newest| newest < after);
        Self {
            last: if began_anew { 0 } else { after },
            follows: after > 0 && !began_anew,
        }
    }

    /// The number to read the mailbox from.
    pub(super) const fn last(self) -> u64 {
        self.last
    }

    pub(super) const fn step(self, number: u64) -> Step {
        if number <= self.last {
            Step::Skip
        } else if number == self.last + 1 || !self.follows {
            Step::Send
        } else {
            Step::Missing {
                from: self.last + 1,
                to: number - 1,
            }
        }
    }

    /// The client has everything up to `number`.
    pub(super) const fn advance(&mut self, number: u64) {
        self.last = number;
        self.follows = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_new_client_takes_whatever_is_kept() {
        let cursor = Cursor::new(0, Some(40));
        assert_eq!(cursor.step(9), Step::Send);
    }

    #[test]
    fn a_client_that_was_away_too_long_hears_of_the_gap() {
        let cursor = Cursor::new(3, Some(40));
        assert_eq!(cursor.step(9), Step::Missing { from: 4, to: 8 });
        assert_eq!(cursor.step(3), Step::Skip);
    }

    #[test]
    fn a_number_from_the_future_starts_over() {
        let cursor = Cursor::new(99, Some(4));
        assert_eq!(cursor.last(), 0);
        assert_eq!(cursor.step(1), Step::Send);
    }

    proptest! {
        /// However live events and the mailbox interleave, the client sees each number once and in order.
        #[test]
        fn every_number_once_and_in_order(offered in proptest::collection::vec(1_u64..20, 0..60)) {
            let mut cursor = Cursor::new(1, Some(20));
            let mut seen = vec![1];
            for number in offered {
                match cursor.step(number) {
                    Step::Skip => {}
                    Step::Send => seen.push(number),
                    Step::Missing { from, to } => seen.extend((from..=to).chain([number])),
                }
                if cursor.step(number) != Step::Skip {
                    cursor.advance(number);
                }
            }
            let expected: Vec<u64> = (1..=seen.len() as u64).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
