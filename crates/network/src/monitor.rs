//! Rates of a running host.
