//! Where tickets, matches and sessions live: [`embedded`] for one machine.

pub mod embedded;
mod ledger;
