//! Cases about tickets.

use futures_util::future::join_all;
use stadion_core::state::{Filter, StateError};
use stadion_core::ticket::{CancelReason, NewTicket, TicketState};

use super::{
    Fixture, START, assert_not_found, assert_wrong_state, at, create, event_names, fence,
    live_match, of_player, placing_match, searching, state_of,
};
use crate::build::{TTL_MS, idempotency, mode_name, new_ticket, player_id, ticket_id};

fn with_key(name: &str, creator: &str, key: &str, digest: u8) -> NewTicket {
    NewTicket {
        idempotency: Some(idempotency(creator, key, digest)),
        ..new_ticket(&[name], START)
    }
}

/// A created ticket is returned by every way to look at it.
pub async fn created_tickets_are_found_and_told(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let request = new_ticket(&["ada", "bob"], START);
    let wanted = request.clone().into_ticket(START);
    let ticket = create(&state, request, START).await;
    assert_eq!(*ticket, wanted);
    assert_eq!(*state.ticket(ticket.id).await.unwrap(), wanted);
    assert_eq!(
        state.searching(&ticket.game_mode).await.unwrap(),
        std::slice::from_ref(&ticket)
    );
    assert_eq!(state.counts().await.unwrap().tickets_searching, 1);
    for name in ["ada", "bob"] {
        assert_eq!(event_names(&state, name).await, ["ticket_searching"]);
        assert_eq!(
            state.events(&player_id(name), 0).await.unwrap()[0].number,
            1
        );
        assert_eq!(
            state.tickets(&of_player(name)).await.unwrap(),
            std::slice::from_ref(&ticket)
        );
    }
    assert_not_found(state.ticket(ticket_id(START)).await);
    assert!(
        state
            .searching(&mode_name("other"))
            .await
            .unwrap()
            .is_empty()
    );
}

/// The matchmaker is given the oldest ticket first.
pub async fn queues_are_oldest_first(fixture: &mut impl Fixture) {
    let state = fixture.state();
    for (name, ms) in [("b", 20), ("c", 30), ("a", 10)] {
        create(&state, new_ticket(&[name], at(ms)), at(ms)).await;
    }
    let mode = new_ticket(&["a"], START).game_mode;
    let queue = state.searching(&mode).await.unwrap();
    let created: Vec<_> = queue.iter().map(|ticket| ticket.created_at).collect();
    assert_eq!(created, [at(10), at(20), at(30)]);
}

/// A second ticket in the same game mode is refused until the first is over.
pub async fn i1_a_player_searches_once_per_mode(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let first = searching(&state, "ada").await;
    let second = state
        .create_ticket(new_ticket(&["ada"], START), START)
        .await;
    assert_eq!(
        second.expect_err("I1"),
        StateError::AlreadyQueued {
            player_id: player_id("ada"),
            ticket_id: first.id
        }
    );
    let other_mode = NewTicket {
        game_mode: mode_name("other"),
        ..new_ticket(&["ada"], START)
    };
    create(&state, other_mode, START).await;
    let reason = CancelReason::Requested;
    state.cancel_ticket(first.id, reason, at(1)).await.unwrap();
    searching(&state, "ada").await;
}

/// A member of a searching party cannot queue alone, nor in another party.
pub async fn i1_every_member_of_a_party_counts(fixture: &mut impl Fixture) {
    let state = fixture.state();
    create(&state, new_ticket(&["ada", "bob"], START), START).await;
    for party in [&["bob"][..], &["eve", "ada"]] {
        let error = state
            .create_ticket(new_ticket(party, START), START)
            .await
            .expect_err("I1");
        assert!(
            matches!(error, StateError::AlreadyQueued { .. }),
            "{error:?}"
        );
    }
    // The refusal left nothing behind.
    searching(&state, "eve").await;
    assert_eq!(state.counts().await.unwrap().tickets_searching, 2);
}

/// Of many creations at once for one player, one succeeds.
pub async fn i1_concurrent_creations_make_one_ticket(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let attempts = (0..32).map(|_| state.create_ticket(new_ticket(&["ada"], START), START));
    let made = join_all(attempts).await.into_iter().filter(Result::is_ok);
    assert_eq!(made.count(), 1);
    assert_eq!(state.counts().await.unwrap().tickets_searching, 1);
}

/// Whoever is in a match that is not over cannot queue in any mode; afterwards they can.
pub async fn i1_players_of_an_open_match_cannot_queue(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let placing = placing_match(&state, fence, &["ada", "bob"]).await;
    let (live, _) = live_match(&state, fence, &["eve", "fay"], "server-1").await;
    for (name, game) in [("ada", &placing), ("eve", &live)] {
        let request = NewTicket {
            game_mode: mode_name("other"),
            ..new_ticket(&[name], START)
        };
        let error = state.create_ticket(request, START).await.expect_err("I1");
        assert_eq!(
            error,
            StateError::InMatch {
                player_id: player_id(name),
                match_id: game.id
            }
        );
    }
    let end = stadion_core::matches::MatchEnd::Finished;
    state.end_match(live.id, end, None, at(1)).await.unwrap();
    searching(&state, "eve").await;
}

/// The same key finds the first ticket, also when it is over; another request with it is refused.
pub async fn i2_creation_with_a_key_is_repeatable(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let first = create(&state, with_key("ada", "ada", "k", 1), START).await;
    let again = state
        .create_ticket(with_key("ada", "ada", "k", 1), at(5))
        .await
        .unwrap();
    assert!(again.repeated);
    assert_eq!(again.ticket, first);
    let error = state
        .create_ticket(with_key("ada", "ada", "k", 2), at(5))
        .await;
    assert_eq!(
        error.expect_err("another digest"),
        StateError::IdempotencyMismatch
    );
    create(&state, with_key("bob", "bob", "k", 2), START).await;

    let reason = CancelReason::Requested;
    state.cancel_ticket(first.id, reason, at(6)).await.unwrap();
    let late = state
        .create_ticket(with_key("ada", "ada", "k", 1), at(7))
        .await
        .unwrap();
    assert!(late.repeated);
    assert_eq!(late.ticket.state, TicketState::Cancelled { reason });
    assert_eq!(
        event_names(&state, "ada").await,
        ["ticket_searching", "ticket_cancelled"]
    );
}

/// A client that repeats itself at once gets one ticket, and every answer names it.
pub async fn i2_concurrent_creations_with_one_key_make_one_ticket(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let attempts = (0..32).map(|_| state.create_ticket(with_key("ada", "ada", "k", 1), START));
    let answers = join_all(attempts).await;
    let first = answers[0].as_ref().unwrap().ticket.id;
    let mut made = 0;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.ticket.id, first);
        made += usize::from(!answer.repeated);
    }
    assert_eq!(made, 1);
}

/// Cancelling twice is no error; a ticket with a match cannot be cancelled.
pub async fn i2_cancel_is_repeatable_and_only_for_searching(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let ticket = searching(&state, "ada").await;
    let reason = CancelReason::Requested;
    let cancelled = state.cancel_ticket(ticket.id, reason, at(1)).await.unwrap();
    assert_eq!(cancelled.state, TicketState::Cancelled { reason });
    assert_eq!((cancelled.created_at, cancelled.changed_at), (START, at(1)));
    let again = state
        .cancel_ticket(ticket.id, CancelReason::Operator, at(2))
        .await;
    assert_eq!(again.unwrap(), cancelled);
    assert_eq!(
        event_names(&state, "ada").await,
        ["ticket_searching", "ticket_cancelled"]
    );
    assert!(state.searching(&ticket.game_mode).await.unwrap().is_empty());

    let fence = fence(&state).await;
    let game = placing_match(&state, fence, &["bob", "eve"]).await;
    let id = game.players[0].ticket_id;
    assert_wrong_state(state.cancel_ticket(id, reason, at(1)).await);
    assert_not_found(state.cancel_ticket(ticket_id(START), reason, at(1)).await);
}

/// A ticket whose life is over times out, once.
pub async fn i2_tickets_time_out(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let old = searching(&state, "ada").await;
    let young = create(&state, new_ticket(&["bob"], at(1_000)), at(1_000)).await;
    assert_eq!(state.expire_tickets(fence, at(TTL_MS - 1)).await, Ok(0));
    assert_eq!(state.expire_tickets(fence, at(TTL_MS)).await, Ok(1));
    assert_eq!(state.expire_tickets(fence, at(TTL_MS)).await, Ok(0));
    assert_eq!(state_of(&state, &old).await, TicketState::TimedOut);
    assert_eq!(state_of(&state, &young).await, TicketState::Searching);
    assert_eq!(
        event_names(&state, "ada").await,
        ["ticket_searching", "ticket_timed_out"]
    );
}

/// A ticket goes on in another game mode with its age, also over a restart, and never lives longer for it.
pub async fn i2_tickets_move_with_their_age(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let lease = fence(&state).await;
    let old = create(&state, new_ticket(&["ada", "bob"], START), START).await;
    let to = mode_name("wide");
    let moved = state
        .move_ticket(lease, old.id, &to, at(TTL_MS * 2), at(5_000))
        .await;
    let moved = moved.unwrap();
    assert_eq!((&moved.game_mode, moved.created_at), (&to, START));
    assert_eq!(
        (moved.expires_at, moved.changed_at),
        (old.expires_at, at(5_000))
    );
    assert_eq!(moved.state, TicketState::Searching);
    let again = state
        .move_ticket(lease, old.id, &to, at(9_000), at(6_000))
        .await;
    assert_eq!(again.unwrap(), moved, "repeating it changes nothing");
    for name in ["ada", "bob"] {
        assert_eq!(
            event_names(&state, name).await,
            ["ticket_searching", "ticket_moved"]
        );
    }
    drop(state);
    fixture.reopen().await;
    let state = fixture.state();
    let lease = fence(&state).await;
    assert_eq!(state.searching(&old.game_mode).await.unwrap().len(), 0);
    assert_eq!(state.searching(&to).await.unwrap(), [moved]);
    let sooner = state
        .move_ticket(lease, old.id, &old.game_mode, at(8_000), at(7_000))
        .await;
    assert_eq!(sooner.unwrap().expires_at, at(8_000));
    assert_eq!(state.expire_tickets(lease, at(8_000)).await, Ok(1));
    let late = state
        .move_ticket(lease, old.id, &to, at(9_000), at(9_000))
        .await;
    assert_wrong_state(late);
}

/// A ticket does not move to where one of its players searches already, nor for a replica that lost its lease.
pub async fn i1_i9_a_ticket_moves_only_where_none_of_its_players_searches(
    fixture: &mut impl Fixture,
) {
    let state = fixture.state();
    let lease = fence(&state).await;
    let first = create(&state, new_ticket(&["ada", "bob"], START), START).await;
    let wide = NewTicket {
        game_mode: mode_name("wide"),
        ..new_ticket(&["bob"], START)
    };
    let second = create(&state, wide, START).await;
    let to = second.game_mode.clone();
    let refused = state
        .move_ticket(lease, first.id, &to, at(TTL_MS), at(1))
        .await;
    let already = StateError::AlreadyQueued {
        player_id: player_id("bob"),
        ticket_id: second.id,
    };
    assert_eq!(refused, Err(already));
    assert_eq!(*state.ticket(first.id).await.unwrap(), *first);
    let requested = CancelReason::Requested;
    state
        .cancel_ticket(second.id, requested, at(2))
        .await
        .unwrap();
    let stale = stadion_core::state::Fence(lease.0 - 1);
    let fenced = state
        .move_ticket(stale, first.id, &to, at(TTL_MS), at(3))
        .await;
    assert_eq!(fenced, Err(StateError::Fenced));
    let moved = state
        .move_ticket(lease, first.id, &to, at(TTL_MS), at(3))
        .await;
    assert_eq!(moved.unwrap().game_mode, to);
    assert_not_found(
        state
            .move_ticket(lease, ticket_id(START), &to, at(1), at(4))
            .await,
    );
}

/// A match that is abandoned puts its tickets back: until then nobody else may take their place.
pub async fn i1_a_ticket_does_not_move_to_where_a_match_may_put_another_back(
    fixture: &mut impl Fixture,
) {
    let state = fixture.state();
    let lease = fence(&state).await;
    let wide = NewTicket {
        game_mode: mode_name("wide"),
        ..new_ticket(&["ada"], START)
    };
    let wide = create(&state, wide, START).await;
    let game = placing_match(&state, lease, &["ada", "bob"]).await;
    let to = game.game_mode.clone();
    let refused = state
        .move_ticket(lease, wide.id, &to, at(TTL_MS), at(1))
        .await;
    let in_match = StateError::InMatch {
        player_id: player_id("ada"),
        match_id: game.id,
    };
    assert_eq!(refused, Err(in_match));
}

/// Filters narrow, and the newest comes first.
pub async fn lists_are_filtered_and_newest_first(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let newer = create(&state, new_ticket(&["eve"], at(10)), at(10)).await;
    let ids = |filter: Filter| {
        let state = state.clone();
        async move {
            let tickets = state.tickets(&filter).await.unwrap();
            tickets.iter().map(|ticket| ticket.id).collect::<Vec<_>>()
        }
    };
    let all = ids(Filter::default()).await;
    assert_eq!((all.len(), all[0]), (3, newer.id));
    let searching = Filter {
        state: Some("searching"),
        ..Filter::default()
    };
    assert_eq!(ids(searching).await, [newer.id]);
    let of_match = Filter {
        match_id: Some(game.id),
        ..Filter::default()
    };
    assert_eq!(ids(of_match.clone()).await.len(), 2);
    let other_mode = Filter {
        game_mode: Some(mode_name("other")),
        ..Filter::default()
    };
    assert!(ids(other_mode.clone()).await.is_empty());

    assert_eq!(
        state.matches(&of_player("ada")).await.unwrap(),
        std::slice::from_ref(&game)
    );
    assert_eq!(
        state.matches(&super::on_server("server-1")).await.unwrap(),
        [game]
    );
    assert!(
        state
            .matches(&super::on_server("server-2"))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(state.matches(&other_mode).await.unwrap().is_empty());
    let of_ada = state.sessions(&of_player("ada")).await.unwrap();
    assert_eq!(*of_ada[0], sessions[0]);
    assert_eq!(state.sessions(&of_match).await.unwrap().len(), 2);
    assert_eq!(
        state
            .sessions(&super::on_server("server-1"))
            .await
            .unwrap()
            .len(),
        2
    );
    assert!(
        state
            .sessions(&super::on_server("server-2"))
            .await
            .unwrap()
            .is_empty()
    );
}
