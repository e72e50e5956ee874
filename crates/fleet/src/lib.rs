//! Where game servers live.
//!
//! [`local`] runs them as child processes of this host. [`sdk_server`] is the other end of the Agones SDK that every
//! one of them speaks to.

pub mod local;
pub mod sdk_server;
