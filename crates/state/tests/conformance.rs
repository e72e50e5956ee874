//! The embedded store runs the suite that every store runs.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use async_trait::async_trait;
use stadion_core::state::State;
use stadion_state::embedded::{EmbeddedState, Options};
use stadion_testkit::conformance::state::Fixture;
use tempfile::TempDir;

struct Embedded {
    directory: TempDir,
    state: Option<Arc<EmbeddedState>>,
}

impl Embedded {
    async fn fresh() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (state, recovery) = EmbeddedState::open(directory.path(), &Options::default()).unwrap();
        assert_eq!((recovery.tickets, recovery.repaired), (0, false));
        Self {
            directory,
            state: Some(state),
        }
    }
}

#[async_trait]
impl Fixture for Embedded {
    fn state(&self) -> Arc<dyn State> {
        Arc::clone(self.state.as_ref().unwrap()) as Arc<dyn State>
    }

    async fn reopen(&mut self) {
        let state = self.state.take().unwrap();
        state.check_invariants().unwrap();
        drop(Arc::into_inner(state).expect("a case keeps no copy"));
        let (state, recovery) =
            EmbeddedState::open(self.directory.path(), &Options::default()).unwrap();
        assert!(!recovery.repaired, "it was closed in good order");
        self.state = Some(state);
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(state) = &self.state
            && !std::thread::panicking()
        {
            assert_eq!(state.check_invariants(), Ok(()));
        }
    }
}

stadion_testkit::state_conformance!(Embedded::fresh);
