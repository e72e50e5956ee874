//! Transitions of sessions.

use std::collections::BTreeSet;
use std::sync::Arc;

use stadion_core::event::{EventKind, SeatEnd};
use stadion_core::id::{MatchId, ServerName, SessionId};
use stadion_core::session::{EndReason, Heartbeat, Session, SessionRules, SessionState};
use stadion_core::state::{Fence, StateError, Verdict};

use super::tickets::{not_found, wrong_state};
use super::{Ledger, SWEEP_MAX, Transition};

impl Ledger {
    pub(super) fn found_session(&self, id: SessionId) -> Result<Arc<Session>, StateError> {
        let session = self.sessions.get(&id).map(Arc::clone);
        session.ok_or_else(|| not_found("session", &id))
    }

    pub(super) fn live_sessions_of(&self, id: MatchId) -> Vec<Arc<Session>> {
        let ids = self.sessions_of.get(&id).into_iter().flatten();
        ids.filter_map(|id| self.sessions.get(id))
            .filter(|session| session.state.is_live())
            .map(Arc::clone)
            .collect()
    }
}

impl Transition<'_> {
    pub(super) fn redeem(
        &mut self,
        id: SessionId,
        match_id: MatchId,
        server: &ServerName,
        key: Option<String>,
    ) -> Result<Arc<Session>, StateError> {
        let session = self.ledger.found_session(id)?;
        if session.match_id != match_id || session.server != *server {
            return Err(StateError::WrongServer {
                what: "session",
                id: id.to_string(),
            });
        }
        match session.state {
            SessionState::Reserved => Ok(self.set_session(Session {
                state: SessionState::Active,
                connected_at: Some(self.now),
                heartbeat_at: self.now.max(session.heartbeat_at),
                redeem_key: key,
                ..Session::clone(&session)
            })),
            // The answer to the first call was lost.
            SessionState::Active if key.is_some() && session.redeem_key == key => Ok(session),
            SessionState::Active => Err(StateError::AlreadyRedeemed { session_id: id }),
            state => Err(wrong_state("session", &id, state.as_str())),
        }
    }

    pub(super) fn heartbeats(&mut self, server: &ServerName, beats: &[Heartbeat]) -> Vec<Verdict> {
        let verdict = |beat: &Heartbeat| {
            let session = self.ledger.sessions.get(&beat.session_id);
            let here = session.filter(|s| s.state.is_live() && s.server == *server);
            let Some(session) = here.map(Arc::clone) else {
                return Verdict::Disconnect;
            };
            self.set_session(Session {
                heartbeat_at: self.now.max(session.heartbeat_at),
                latency_ms: beat.latency_ms.or(session.latency_ms),
                ..Session::clone(&session)
            });
            Verdict::Keep
        };
        beats.iter().map(verdict).collect()
    }

    /// Takes the seat away, whatever becomes of its match.
    pub(super) fn close_session(&mut self, session: &Session, state: SessionState) -> Arc<Session> {
        let end = match state {
            SessionState::Ended { reason } => reason.into(),
            SessionState::Kicked => SeatEnd::Kicked,
            SessionState::Expired | SessionState::Reserved | SessionState::Active => {
                SeatEnd::Expired
            }
        };
        let closed = self.set_session(Session {
            state,
            ..session.clone()
        });
        let kind = EventKind::SessionEnded {
            session_id: closed.id,
            end,
        };
        self.tell(&closed.player_id, kind);
        closed
    }

    fn close_one(
        &mut self,
        id: SessionId,
        state: SessionState,
    ) -> Result<Arc<Session>, StateError> {
        let session = self.ledger.found_session(id)?;
        if !session.state.is_live() {
            return Ok(session);
        }
        let closed = self.close_session(&session, state);
        self.end_if_empty(closed.match_id);
        Ok(closed)
    }

    pub(super) fn end_session(
        &mut self,
        id: SessionId,
        reason: EndReason,
    ) -> Result<Arc<Session>, StateError> {
        self.close_one(id, SessionState::Ended { reason })
    }

    pub(super) fn kick(&mut self, id: SessionId) -> Result<Arc<Session>, StateError> {
        self.close_one(id, SessionState::Kicked)
    }

    pub(super) fn expire_sessions(
        &mut self,
        fence: Fence,
        rules: SessionRules,
    ) -> Result<usize, StateError> {
        self.ledger.check_fence(fence)?;
        let live = self.ledger.live_sessions.iter();
        let over: Vec<Arc<Session>> = live
            .filter_map(|id| self.ledger.sessions.get(id))
            .filter(|session| rules.is_over(session, self.now))
            .take(SWEEP_MAX)
            .map(Arc::clone)
            .collect();
        let mut touched = BTreeSet::new();
        for session in &over {
            self.close_session(session, SessionState::Expired);
            touched.insert(session.match_id);
        }
        for match_id in touched {
            self.end_if_empty(match_id);
        }
        Ok(over.len())
    }
}
