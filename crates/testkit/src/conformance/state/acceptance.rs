//! Cases about the ready check.

use std::sync::Arc;

use futures_util::future::join_all;
use stadion_core::id::TicketId;
use stadion_core::matches::{AbandonReason, Match, MatchState};
use stadion_core::rules::AcceptanceRule;
use stadion_core::state::{Fence, Filter, State, StateError};
use stadion_core::ticket::{CancelReason, NewTicket, TicketState};
use stadion_core::time::Timestamp;

use super::{
    Fixture, START, assert_not_found, assert_stale, assert_wrong_state, at, create, event_names,
    fence, of_player, placing_match,
};
use crate::build::{match_id, mode_name, new_match, new_ticket, placement, player_id};

/// Length of the ready checks of the cases, milliseconds.
const CHECK_MS: u64 = 1_000;

const NOT_ACCEPTED: MatchState = MatchState::Abandoned {
    reason: AbandonReason::NotAccepted,
};

/// A match in its ready check with one ticket for each party.
async fn accepting(state: &Arc<dyn State>, fence: Fence, parties: &[&[&str]]) -> Arc<Match> {
    let mut tickets = Vec::new();
    for party in parties {
        tickets.push(create(state, new_ticket(party, START), START).await.id);
    }
    let timeout_ms = CHECK_MS;
    let mut new = new_match(&tickets, START);
    new.acceptance = Some(AcceptanceRule { timeout_ms });
    state.commit_match(fence, new, START).await.unwrap()
}

async fn say(
    state: &Arc<dyn State>,
    game: &Match,
    name: &str,
    accept: bool,
    now: Timestamp,
) -> Arc<Match> {
    let answer = state.respond(game.id, &player_id(name), accept, now).await;
    answer.unwrap()
}

fn ticket_of(game: &Match, name: &str) -> TicketId {
    let id = player_id(name);
    let seat = game.players.iter().find(|seat| seat.player_id == id);
    seat.expect("a player of the match").ticket_id
}

async fn ticket_state(state: &Arc<dyn State>, game: &Match, name: &str) -> TicketState {
    let ticket = state.ticket(ticket_of(game, name)).await.unwrap();
    ticket.state.clone()
}

fn cancelled() -> TicketState {
    TicketState::Cancelled {
        reason: CancelReason::NotAccepted,
    }
}

/// Whoever is asked is in a match: no second ticket, no second match.
pub async fn i1_players_of_a_ready_check_are_taken(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let other = NewTicket {
        game_mode: mode_name("other"),
        ..new_ticket(&["ada"], START)
    };
    let other = create(&state, other, START).await;
    let game = accepting(&state, fence, &[&["ada"], &["bob"]]).await;
    assert_eq!(game.state, MatchState::Accepting);
    let again = state
        .create_ticket(new_ticket(&["ada"], at(1)), at(1))
        .await;
    assert!(
        matches!(again, Err(StateError::InMatch { .. })),
        "{again:?}"
    );
    let mut new = new_match(&[other.id], START);
    new.plan.game_mode = mode_name("other");
    assert_stale(state.commit_match(fence, new, START).await);
    assert_eq!(state.open_matches().await.unwrap().len(), 1);
    let filter = Filter {
        state: Some("accepting"),
        ..of_player("ada")
    };
    assert_eq!(state.matches(&filter).await.unwrap().len(), 1);
}

/// The last yes makes the match placing, once, whoever comes at the same time.
pub async fn i2_everybody_accepts_and_the_match_is_placing(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = accepting(&state, fence, &[&["ada", "amy"], &["bob"]]).await;
    let match_id = game.id;
    assert_eq!(game.acceptance.as_ref().unwrap().until, at(CHECK_MS));
    assert_eq!(
        ticket_state(&state, &game, "ada").await,
        TicketState::RequiresAcceptance { match_id }
    );
    let one = say(&state, &game, "ada", true, at(1)).await;
    assert_eq!(one.state, MatchState::Accepting);
    assert_eq!(one.acceptance.as_ref().unwrap().accepted(), 1);
    // The last moment still counts.
    let answers = ["amy", "bob", "bob", "amy"];
    let answers = answers.map(|name| say(&state, &game, name, true, at(CHECK_MS)));
    join_all(answers).await;
    let placing = state.get_match(match_id).await.unwrap();
    assert_eq!(
        (placing.state, placing.changed_at),
        (MatchState::Placing, at(CHECK_MS))
    );
    for name in ["ada", "bob"] {
        assert_eq!(
            ticket_state(&state, &game, name).await,
            TicketState::Placing { match_id }
        );
    }
    assert_eq!(state.expire_acceptances(fence, at(9_999)).await, Ok(0));
    let placed = placement(&placing, "server-1", at(5));
    state
        .place_match(fence, match_id, placed, at(2_000))
        .await
        .unwrap();
    let names = [
        "ticket_searching",
        "match_proposed",
        "ticket_placing",
        "match_found",
    ];
    assert_eq!(event_names(&state, "amy").await, names);
}

/// One no ends it at once: the refuser's whole party is out, everybody else searches with the age they had, also those
/// who had not answered yet.
pub async fn i2_a_refusal_sends_the_others_back_with_their_age(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = accepting(&state, fence, &[&["ada", "amy"], &["bob"], &["eve"]]).await;
    say(&state, &game, "amy", true, at(1)).await;
    say(&state, &game, "bob", true, at(2)).await;
    let off = say(&state, &game, "ada", false, at(3)).await;
    assert_eq!((off.state, off.changed_at), (NOT_ACCEPTED, at(3)));
    assert_eq!(ticket_state(&state, &game, "amy").await, cancelled());
    for name in ["bob", "eve"] {
        let ticket = state.ticket(ticket_of(&game, name)).await.unwrap();
        assert_eq!(ticket.state, TicketState::Searching);
        assert_eq!((ticket.created_at, ticket.requeues), (START, 1));
        let names = ["ticket_searching", "match_proposed", "ticket_requeued"];
        assert_eq!(event_names(&state, name).await, names);
    }
    let names = ["ticket_searching", "match_proposed", "ticket_cancelled"];
    assert_eq!(event_names(&state, "amy").await, names);
    assert!(state.open_matches().await.unwrap().is_empty());
    // All of them are free: the refuser to queue anew, the others to be matched.
    create(&state, new_ticket(&["ada"], at(4)), at(4)).await;
    let pair = ["bob", "eve"].map(|name| ticket_of(&game, name));
    let next = state.commit_match(fence, new_match(&pair, at(5)), at(5));
    assert_eq!(next.await.unwrap().state, MatchState::Placing);
}

/// Whoever takes their ticket back refuses thereby, also after a yes.
pub async fn i2_a_ticket_can_be_taken_back_from_a_ready_check(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = accepting(&state, fence, &[&["ada"], &["bob"]]).await;
    say(&state, &game, "ada", true, at(1)).await;
    let reason = CancelReason::Requested;
    for now in [at(2), at(3)] {
        let id = ticket_of(&game, "ada");
        let ticket = state.cancel_ticket(id, reason, now).await.unwrap();
        assert_eq!(ticket.state, TicketState::Cancelled { reason });
        assert_eq!(ticket.changed_at, at(2));
    }
    assert_eq!(
        ticket_state(&state, &game, "bob").await,
        TicketState::Searching
    );
    let off = state.get_match(game.id).await.unwrap();
    assert_eq!((off.state, off.changed_at), (NOT_ACCEPTED, at(2)));
}

/// When the time is over, whoever said yes searches on; who kept silent, or has a silent partner, is out.
pub async fn i2_silence_ends_the_tickets_of_the_silent_only(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = accepting(&state, fence, &[&["ada", "amy"], &["bob"], &["eve"]]).await;
    say(&state, &game, "ada", true, at(1)).await;
    say(&state, &game, "bob", true, at(2)).await;
    assert_eq!(state.expire_acceptances(fence, at(CHECK_MS)).await, Ok(0));
    let late = at(CHECK_MS + 1);
    assert_eq!(state.expire_acceptances(fence, late).await, Ok(1));
    assert_eq!(state.expire_acceptances(fence, late).await, Ok(0));
    let off = state.get_match(game.id).await.unwrap();
    assert_eq!((off.state, off.changed_at), (NOT_ACCEPTED, late));
    assert_eq!(ticket_state(&state, &game, "ada").await, cancelled());
    assert_eq!(ticket_state(&state, &game, "eve").await, cancelled());
    let queue = state.searching(&game.game_mode).await.unwrap();
    assert_eq!(queue.len(), 1);
    assert_eq!(
        (queue[0].id, queue[0].created_at),
        (ticket_of(&game, "bob"), START)
    );
}

/// Nobody has to have ended the check before: a late yes does not save it.
pub async fn i2_an_answer_that_is_too_late_does_not_count(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = accepting(&state, fence, &[&["ada"], &["bob"]]).await;
    say(&state, &game, "ada", true, at(1)).await;
    let late = at(CHECK_MS + 1);
    let off = say(&state, &game, "bob", true, late).await;
    assert_eq!(off.state, NOT_ACCEPTED);
    let answers = &off.acceptance.as_ref().unwrap().answers;
    assert_eq!(answers.get(&player_id("bob")), None);
    assert_eq!(
        ticket_state(&state, &game, "ada").await,
        TicketState::Searching
    );
    assert_eq!(ticket_state(&state, &game, "bob").await, cancelled());
    assert_wrong_state(state.respond(game.id, &player_id("bob"), true, late).await);
}

/// The check, its end and the answers are as durable as anything.
pub async fn i2_a_ready_check_survives_a_restart(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let old = fence(&state).await;
    let first = accepting(&state, old, &[&["ada"], &["bob"]]).await;
    let second = accepting(&state, old, &[&["eve"], &["fay"]]).await;
    let first = say(&state, &first, "ada", true, at(1)).await;
    say(&state, &second, "eve", true, at(1)).await;
    drop(state);
    fixture.reopen().await;
    let state = fixture.state();
    assert_eq!(state.get_match(first.id).await.unwrap(), first);
    let first = say(&state, &first, "bob", true, at(2)).await;
    assert_eq!(first.state, MatchState::Placing);
    let fence = fence(&state).await;
    let late = at(CHECK_MS + 1);
    assert_eq!(state.expire_acceptances(fence, late).await, Ok(1));
    assert_eq!(
        ticket_state(&state, &second, "eve").await,
        TicketState::Searching
    );
    assert_eq!(ticket_state(&state, &second, "fay").await, cancelled());
}

/// For other reasons than an answer, everybody goes back.
pub async fn i2_an_accepting_match_can_be_given_up(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = accepting(&state, fence, &[&["ada"], &["bob"]]).await;
    let reason = AbandonReason::NoCapacity;
    state
        .abandon_match(fence, game.id, reason, at(9))
        .await
        .unwrap();
    assert_eq!(state.searching(&game.game_mode).await.unwrap().len(), 2);
    assert_eq!(state.expire_acceptances(fence, at(9_999)).await, Ok(0));
    assert_wrong_state(
        state
            .respond(game.id, &player_id("ada"), true, at(10))
            .await,
    );
}

/// An answer may be repeated whatever became of the match, and not be taken back.
pub async fn an_answer_is_repeatable_and_the_first_one_stays(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = accepting(&state, fence, &[&["ada"], &["bob"]]).await;
    let (ada, bob) = (player_id("ada"), player_id("bob"));
    let once = say(&state, &game, "ada", true, at(1)).await;
    assert_eq!(say(&state, &game, "ada", true, at(2)).await, once);
    let other = state.respond(game.id, &ada, false, at(3)).await;
    assert_eq!(
        other,
        Err(StateError::AlreadyAnswered {
            match_id: game.id,
            player_id: ada.clone(),
            accepted: true
        })
    );
    let off = say(&state, &game, "bob", false, at(4)).await;
    assert_eq!(say(&state, &game, "ada", true, at(5)).await, off);
    assert_eq!(say(&state, &game, "bob", false, at(6)).await, off);
    let other = state.respond(game.id, &bob, true, at(7)).await;
    assert!(
        matches!(other, Err(StateError::AlreadyAnswered { .. })),
        "{other:?}"
    );
    let stranger = player_id("eve");
    assert_not_found(state.respond(game.id, &stranger, true, at(8)).await);
    assert_not_found(state.respond(match_id(START), &ada, true, at(8)).await);
    let without = placing_match(&state, fence, &["ken", "kim"]).await;
    assert_wrong_state(
        state
            .respond(without.id, &player_id("ken"), true, at(9))
            .await,
    );
}

/// No server before everybody said yes.
pub async fn i3_an_accepting_match_is_not_placed(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = accepting(&state, fence, &[&["ada"], &["bob"]]).await;
    let placed = placement(&game, "server-1", at(1));
    assert_wrong_state(state.place_match(fence, game.id, placed, at(1)).await);
    assert_eq!(*state.get_match(game.id).await.unwrap(), *game);
}

/// A replica that lost its lease ends no check.
pub async fn i9_an_older_fence_ends_no_ready_check(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = accepting(&state, fence, &[&["ada"], &["bob"]]).await;
    let ended = state
        .expire_acceptances(Fence(fence.0 - 1), at(9_999))
        .await;
    assert_eq!(ended, Err(StateError::Fenced));
    assert_eq!(*state.get_match(game.id).await.unwrap(), *game);
}
