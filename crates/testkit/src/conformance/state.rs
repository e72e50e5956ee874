//! What every implementation of [`State`] does. One function per behaviour; [`state_conformance!`](crate::state_conformance)
//! stamps a test for each. A case named after an invariant proves that one.

use std::sync::Arc;

use async_trait::async_trait;
use stadion_core::id::SessionId;
use stadion_core::matches::Match;
use stadion_core::session::Session;
use stadion_core::state::{Fence, Filter, State, StateError};
use stadion_core::ticket::{NewTicket, Ticket, TicketState};
use stadion_core::time::Timestamp;

use crate::build::{new_match, new_ticket, placement, player_id, server_name};

mod acceptance;
mod backfill;
mod lease;
mod matches;
mod sessions;
mod tickets;

pub use acceptance::*;
pub use backfill::*;
pub use lease::*;
pub use matches::*;
pub use sessions::*;
pub use tickets::*;

/// One empty store under test.
#[async_trait]
pub trait Fixture: Send {
    /// The store. A case keeps no copy over [`Self::reopen`].
    fn state(&self) -> Arc<dyn State>;

    /// Closes the store and opens it again, as after a restart of the process.
    async fn reopen(&mut self);
}

/// When the cases begin.
pub const START: Timestamp = Timestamp(1_700_000_000_000);

/// A moment `ms` milliseconds into the case.
#[must_use]
pub const fn at(ms: u64) -> Timestamp {
    START.plus_ms(ms)
}

/// Length of the leases that cases take, milliseconds: longer than any of them.
const LEASE_MS: u64 = 1_000_000_000;

async fn fence(state: &Arc<dyn State>) -> Fence {
    let fence = state.lease("case", LEASE_MS, START).await.unwrap();
    fence.expect("nobody else holds the lease")
}

async fn create(state: &Arc<dyn State>, request: NewTicket, now: Timestamp) -> Arc<Ticket> {
    let created = state.create_ticket(request, now).await.unwrap();
    assert!(!created.repeated);
    created.ticket
}

async fn searching(state: &Arc<dyn State>, name: &str) -> Arc<Ticket> {
    create(state, new_ticket(&[name], START), START).await
}

/// A placing match with one ticket for each name.
async fn placing_match(state: &Arc<dyn State>, fence: Fence, names: &[&str]) -> Arc<Match> {
    let mut tickets = Vec::new();
    for name in names {
        tickets.push(searching(state, name).await.id);
    }
    let new = new_match(&tickets, START);
    state.commit_match(fence, new, START).await.unwrap()
}

/// A live match on `server` with one ticket for each name, and its sessions in the order of the names.
async fn live_match(
    state: &Arc<dyn State>,
    fence: Fence,
    names: &[&str],
    server: &str,
) -> (Arc<Match>, Vec<Session>) {
    let game = placing_match(state, fence, names).await;
    let placed = placement(&game, server, START);
    let sessions = placed.sessions.clone();
    let game = state
        .place_match(fence, game.id, placed, START)
        .await
        .unwrap();
    (game, sessions)
}

async fn state_of(state: &Arc<dyn State>, ticket: &Ticket) -> TicketState {
    state.ticket(ticket.id).await.unwrap().state.clone()
}

async fn session_state(state: &Arc<dyn State>, id: SessionId) -> &'static str {
    state.session(id).await.unwrap().state.as_str()
}

/// The kinds of a player's events as their JSON names, after checking that the numbers have no gaps.
async fn event_names(state: &Arc<dyn State>, name: &str) -> Vec<String> {
    let events = state.events(&player_id(name), 0).await.unwrap();
    for pair in events.windows(2) {
        assert_eq!(pair[0].number + 1, pair[1].number, "events of {name}");
    }
    let kind = |event: &Arc<stadion_core::event::PlayerEvent>| {
        let json = serde_json::to_value(&**event).expect("an event is JSON");
        json["type"]
            .as_str()
            .expect("events have a type")
            .to_owned()
    };
    events.iter().map(kind).collect()
}

fn on_server(server: &str) -> Filter {
    Filter {
        server: Some(server_name(server)),
        ..Filter::default()
    }
}

fn of_player(name: &str) -> Filter {
    Filter {
        player_id: Some(player_id(name)),
        ..Filter::default()
    }
}

#[track_caller]
fn assert_stale<T: std::fmt::Debug>(result: Result<T, StateError>) {
    let error = result.expect_err("the commit must be refused");
    assert!(matches!(error, StateError::Stale { .. }), "{error:?}");
}

#[track_caller]
fn assert_wrong_state<T: std::fmt::Debug>(result: Result<T, StateError>) {
    let error = result.expect_err("the state forbids it");
    assert!(matches!(error, StateError::WrongState { .. }), "{error:?}");
}

#[track_caller]
fn assert_not_found<T: std::fmt::Debug>(result: Result<T, StateError>) {
    let error = result.expect_err("it is not there");
    assert!(matches!(error, StateError::NotFound { .. }), "{error:?}");
}

/// Stamps a `#[tokio::test]` for every case. The argument is an async function without arguments that returns a new,
/// empty [`Fixture`](crate::conformance::state::Fixture).
#[macro_export]
macro_rules! state_conformance {
    ($fixture:path) => {
        $crate::state_conformance!(@cases $fixture:
            created_tickets_are_found_and_told
            queues_are_oldest_first
            i1_a_player_searches_once_per_mode
            i1_every_member_of_a_party_counts
            i1_concurrent_creations_make_one_ticket
            i1_players_of_an_open_match_cannot_queue
            i1_commit_refuses_tickets_that_do_not_search
            i1_commit_refuses_players_of_an_open_match
            i1_concurrent_commits_take_a_ticket_once
            i1_seated_players_leave_their_other_queues
            i2_creation_with_a_key_is_repeatable
            i2_concurrent_creations_with_one_key_make_one_ticket
            i2_cancel_is_repeatable_and_only_for_searching
            i2_tickets_time_out
            i2_tickets_move_with_their_age
            i1_a_ticket_does_not_move_to_where_a_match_may_put_another_back
            i1_i9_a_ticket_moves_only_where_none_of_its_players_searches
            i2_abandoned_tickets_search_with_their_age
            i2_requeued_tickets_past_their_life_time_out
            i2_acknowledged_changes_survive_a_restart
            i1_players_of_a_ready_check_are_taken
            i2_everybody_accepts_and_the_match_is_placing
            i2_a_refusal_sends_the_others_back_with_their_age
            i2_a_ticket_can_be_taken_back_from_a_ready_check
            i2_silence_ends_the_tickets_of_the_silent_only
            i2_an_answer_that_is_too_late_does_not_count
            i2_a_ready_check_survives_a_restart
            i2_an_accepting_match_can_be_given_up
            an_answer_is_repeatable_and_the_first_one_stays
            i3_an_accepting_match_is_not_placed
            i9_an_older_fence_ends_no_ready_check
            i3_commit_and_place_are_repeatable
            i3_a_placed_match_keeps_its_server
            i3_an_abandoned_match_is_not_placed
            i3_a_placement_seats_everybody_once
            i5_a_session_is_redeemed_once_on_its_server
            i5_a_redeem_is_repeated_with_its_key_only
            i5_concurrent_redeems_let_one_in
            i5_an_ended_session_is_not_redeemed
            i7_too_many_heartbeats_are_refused
            i7_events_are_bounded_and_numbered
            i9_a_lease_has_one_holder
            i9_an_older_fence_changes_nothing
            i9_fences_survive_a_restart
            a_live_match_offers_what_its_server_says
            seats_that_are_not_free_are_not_offered
            i1_i2_newcomers_take_the_seats_that_are_offered
            i1_a_fill_is_repeatable_and_the_last_seat_ends_the_offer
            i1_a_fill_takes_nobody_who_is_taken
            i3_a_fill_seats_whole_tickets_where_seats_are_offered
            i1_concurrent_fills_take_a_seat_and_a_ticket_once
            i2_offers_and_fills_survive_a_restart
            i9_an_older_fence_fills_no_match
            i1_who_left_a_live_match_may_play_again
            an_ended_match_ends_its_sessions
            heartbeats_keep_sessions_alive
            stale_sessions_expire_and_empty_matches_end
            the_last_seat_ends_the_match
            purge_forgets_what_is_over_only
            lists_are_filtered_and_newest_first
            watchers_see_changes_in_order
        );
    };
    (@cases $fixture:path: $($case:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let mut fixture = $fixture().await;
                $crate::conformance::state::$case(&mut fixture).await;
            }
        )+
    };
}
