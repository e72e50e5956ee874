//! Transitions of the ready check: a committed match that waits for every player's yes.

use std::sync::Arc;

use stadion_core::id::{MatchId, PlayerId, TicketId};
use stadion_core::matches::{AbandonReason, Acceptance, Match, MatchState};
use stadion_core::state::{Fence, StateError};
use stadion_core::ticket::{CancelReason, Ticket};

use super::tickets::{not_found, wrong_state};
use super::{SWEEP_MAX, Transition};

/// Whether the match failed because of this ticket: somebody of it refused, or kept silent until it was too `late`.
fn is_at_fault(ticket: &Ticket, acceptance: &Acceptance, late: bool) -> bool {
    let mut answers = ticket
        .players
        .iter()
        .map(|player| acceptance.answers.get(&player.player_id));
    answers.any(|answer| answer.map_or(late, |yes| !yes))
}

impl Transition<'_> {
    pub(super) fn respond(
        &mut self,
        id: MatchId,
        player_id: &PlayerId,
        accept: bool,
    ) -> Result<Arc<Match>, StateError> {
        let game = self.ledger.found_match(id)?;
        if !game.players.iter().any(|seat| seat.player_id == *player_id) {
            return Err(not_found("player of the match", player_id));
        }
        let answers = game.acceptance.as_ref().map(|check| &check.answers);
        match answers.and_then(|answers| answers.get(player_id)) {
            Some(earlier) if *earlier == accept => return Ok(game),
            Some(earlier) => {
                return Err(StateError::AlreadyAnswered {
                    match_id: id,
                    player_id: player_id.clone(),
                    accepted: *earlier,
                });
            }
            None => {}
        }
        let (MatchState::Accepting, Some(acceptance)) = (game.state, &game.acceptance) else {
            return Err(wrong_state("match", &id, game.state.as_str()));
        };
        if acceptance.is_over(self.now) {
            return Ok(self.fail_acceptance(&game, acceptance.clone(), None));
        }
        let mut acceptance = acceptance.clone();
        acceptance.answers.insert(player_id.clone(), accept);
        if !accept {
            return Ok(self.fail_acceptance(&game, acceptance, None));
        }
        if acceptance.answers.len() == game.players.len() {
            let tickets = self.ledger.tickets_of(&game);
            let game = self.set_match(Match {
                state: MatchState::Placing,
                acceptance: Some(acceptance),
                changed_at: self.now,
                ..Match::clone(&game)
            });
            self.tell_placing(id, &tickets);
            return Ok(game);
        }
        Ok(self.set_match(Match {
            acceptance: Some(acceptance),
            ..Match::clone(&game)
        }))
    }

    /// A ticket of an accepting match is taken back, whatever its players have answered; nobody else is at fault.
    pub(super) fn withdraw(
        &mut self,
        match_id: MatchId,
        ticket_id: TicketId,
        reason: CancelReason,
    ) -> Result<(), StateError> {
        let game = self.ledger.found_match(match_id)?;
        if let Some(acceptance) = game.acceptance.clone() {
            self.fail_acceptance(&game, acceptance, Some((ticket_id, reason)));
        }
        Ok(())
    }

    /// The match is off. Who is not at fault goes back with the age they had, as in `FlexMatch`: players who had not
    /// answered yet when somebody refused are not at fault.
    fn fail_acceptance(
        &mut self,
        game: &Match,
        acceptance: Acceptance,
        withdrawn: Option<(TicketId, CancelReason)>,
    ) -> Arc<Match> {
        let reason = AbandonReason::NotAccepted;
        let late = acceptance.is_over(self.now);
        for stored in &self.ledger.tickets_of(game) {
            match withdrawn {
                Some((id, reason)) if id == stored.ticket.id => {
                    self.cancel_stored(stored, reason);
                }
                _ if is_at_fault(&stored.ticket, &acceptance, late) => {
                    self.cancel_stored(stored, CancelReason::NotAccepted);
                }
                _ => self.requeue(stored, reason),
            }
        }
        self.set_match(Match {
            state: MatchState::Abandoned { reason },
            acceptance: Some(acceptance),
            changed_at: self.now,
            ..game.clone()
        })
    }

    pub(super) fn expire_acceptances(&mut self, fence: Fence) -> Result<usize, StateError> {
        self.ledger.check_fence(fence)?;
        let over: Vec<Arc<Match>> = self
            .ledger
            .accepting
            .iter()
            .take_while(|(until, _)| *until < self.now)
            .take(SWEEP_MAX)
            .filter_map(|(_, id)| self.ledger.matches.get(id).map(Arc::clone))
            .collect();
        for game in &over {
            if let Some(acceptance) = game.acceptance.clone() {
                self.fail_acceptance(game, acceptance, None);
            }
        }
        Ok(over.len())
    }
}
