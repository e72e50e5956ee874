//! Findings about a host, with the command that mends each.
