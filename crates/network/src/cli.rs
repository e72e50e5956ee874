//! The command line of `stadion network`.
