//! Host networking for game servers: observe → plan → apply → undo. It stands alone, and runs as root.
//!
//! The way of a change: a [`profile::Profile`] (what is wished) and [`facts::Facts`] (what this host is) go into pure
//! functions ([`optimize`], [`rules`], [`shape`]), which answer with the wanted state of [`subject::Subject`]s and with
//! [`Skip`]s for what this host cannot do. The [`engine`] shows the difference as a plan, and carries it out so that it
//! can be taken back. [`host`] is the only place that touches the machine.

pub mod cli;
pub mod engine;
mod error;
pub mod facts;
pub mod fuzz;
pub mod host;
pub mod monitor;
pub mod observe;
pub mod optimize;
pub mod probe;
pub mod profile;
pub mod report;
pub mod rules;
pub mod shape;
pub mod subject;
pub mod xdp;

pub use error::{Error, Result};

use serde::{Deserialize, Serialize};

/// Something that was wished and that this host cannot do. With `--strict` it is a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// What is left out: a key of the profile, a feature, a device.
    pub what: String,
    /// Why, in words for the person who runs the host.
    pub reason: String,
}

impl Skip {
    /// `what` is left out because of `reason`.
    pub fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            reason: reason.into(),
        }
    }
}
