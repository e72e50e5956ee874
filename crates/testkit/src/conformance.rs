//! One suite per trait; every implementation runs it unchanged.

pub mod state;
