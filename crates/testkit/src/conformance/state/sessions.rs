//! Cases about sessions and mailboxes.

use futures_util::future::join_all;
use stadion_core::limits::{EVENTS_PER_PLAYER_MAX, HEARTBEATS_PER_CALL_MAX};
use stadion_core::matches::{MatchEnd, MatchState};
use stadion_core::session::{EndReason, Heartbeat, SessionRules, SessionState};
use stadion_core::state::{StateError, Verdict};
use stadion_core::ticket::CancelReason;

use super::{
    Fixture, START, assert_not_found, assert_wrong_state, at, create, event_names, fence,
    live_match, session_state,
};
use crate::build::{match_id, new_ticket, player_id, server_name, session_id};

const RULES: SessionRules = SessionRules {
    stale_after_ms: 60_000,
    life_ms: 1_000_000,
};

/// A token lets its player in once, on its own server, for its own match.
pub async fn i5_a_session_is_redeemed_once_on_its_server(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let id = sessions[0].id;
    let here = server_name("server-1");
    let elsewhere = state
        .redeem(id, game.id, &server_name("server-2"), None, at(1))
        .await;
    let wrong = StateError::WrongServer {
        what: "session",
        id: id.to_string(),
    };
    assert_eq!(elsewhere.expect_err("I5"), wrong);
    let other_match = state.redeem(id, match_id(START), &here, None, at(1)).await;
    assert_eq!(other_match.expect_err("I5"), wrong);

    let active = state.redeem(id, game.id, &here, None, at(2)).await.unwrap();
    assert_eq!(active.state, SessionState::Active);
    assert_eq!(
        (active.connected_at, active.heartbeat_at),
        (Some(at(2)), at(2))
    );
    let again = state.redeem(id, game.id, &here, None, at(3)).await;
    assert_eq!(
        again.expect_err("I5"),
        StateError::AlreadyRedeemed { session_id: id }
    );
    assert_not_found(
        state
            .redeem(session_id(START), game.id, &here, None, at(3))
            .await,
    );
}

/// Whoever redeemed a token with a key gets the same answer again for the same call, and nobody else gets any.
pub async fn i5_a_redeem_is_repeated_with_its_key_only(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let (here, elsewhere) = (server_name("server-1"), server_name("server-2"));
    let used = |id| StateError::AlreadyRedeemed { session_id: id };
    let id = sessions[0].id;
    let first = state.redeem(id, game.id, &here, Some("one"), at(1)).await;
    let first = first.unwrap();
    drop(state);
    fixture.reopen().await;
    let state = fixture.state();
    let again = state.redeem(id, game.id, &here, Some("one"), at(2)).await;
    assert_eq!(again.expect("the answer was lost"), first);
    for key in [Some("two"), Some(""), None] {
        let refused = state.redeem(id, game.id, &here, key, at(3)).await;
        assert_eq!(refused.expect_err("I5"), used(id), "{key:?}");
    }
    let foreign = state.redeem(id, game.id, &elsewhere, Some("one"), at(3));
    let wrong = StateError::WrongServer {
        what: "session",
        id: id.to_string(),
    };
    assert_eq!(foreign.await.expect_err("I5"), wrong);
    assert_eq!(state.session(id).await.unwrap(), first);
    state.kick(id, at(4)).await.unwrap();
    assert_wrong_state(state.redeem(id, game.id, &here, Some("one"), at(5)).await);

    // Without a key the next call cannot be told from a second use, whatever key that one has.
    let id = sessions[1].id;
    let keyless = state.redeem(id, game.id, &here, None, at(6)).await;
    keyless.unwrap();
    for key in [None, Some("one")] {
        let refused = state.redeem(id, game.id, &here, key, at(7)).await;
        assert_eq!(refused.expect_err("I5"), used(id), "{key:?}");
    }
}

/// Of many uses of one token at once, one succeeds.
pub async fn i5_concurrent_redeems_let_one_in(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let here = server_name("server-1");
    let keys: Vec<_> = (0..16).map(|key| format!("key-{key}")).collect();
    for (session, keyed) in sessions.iter().zip([true, false]) {
        let uses = keys.iter().map(|key| {
            let key = keyed.then_some(key.as_str());
            state.redeem(session.id, game.id, &here, key, at(1))
        });
        let let_in = join_all(uses).await.into_iter().filter(Result::is_ok);
        assert_eq!(let_in.count(), 1);
    }
}

/// A token is worth nothing once its session is over.
pub async fn i5_an_ended_session_is_not_redeemed(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let here = server_name("server-1");
    state.kick(sessions[0].id, at(1)).await.unwrap();
    assert_wrong_state(
        state
            .redeem(sessions[0].id, game.id, &here, None, at(2))
            .await,
    );
    state
        .end_match(game.id, MatchEnd::Finished, None, at(3))
        .await
        .unwrap();
    assert_wrong_state(
        state
            .redeem(sessions[1].id, game.id, &here, None, at(4))
            .await,
    );
}

/// A report beyond the limit is refused whole.
pub async fn i7_too_many_heartbeats_are_refused(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let beat = Heartbeat {
        session_id: session_id(START),
        latency_ms: None,
    };
    let beats = vec![beat; HEARTBEATS_PER_CALL_MAX + 1];
    let server = server_name("server-1");
    let error = state.heartbeats(&server, &beats, at(1)).await;
    assert!(matches!(error, Err(StateError::Full { .. })), "{error:?}");
    let most = &beats[..HEARTBEATS_PER_CALL_MAX];
    let verdicts = state.heartbeats(&server, most, at(1)).await.unwrap();
    assert_eq!(verdicts, [Verdict::Disconnect; HEARTBEATS_PER_CALL_MAX]);
}

/// A mailbox keeps the newest events, and their numbers go on.
pub async fn i7_events_are_bounded_and_numbered(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let rounds = EVENTS_PER_PLAYER_MAX;
    for _ in 0..rounds {
        let ticket = create(&state, new_ticket(&["ada"], START), START).await;
        let reason = CancelReason::Requested;
        state.cancel_ticket(ticket.id, reason, START).await.unwrap();
    }
    let last = u64::try_from(2 * rounds).expect("small");
    let kept = state.events(&player_id("ada"), 0).await.unwrap();
    assert_eq!(kept.len(), EVENTS_PER_PLAYER_MAX);
    assert_eq!(kept.last().expect("some").number, last);
    assert_eq!(
        event_names(&state, "ada").await.len(),
        EVENTS_PER_PLAYER_MAX
    );
    let newest = state.events(&player_id("ada"), last - 2).await.unwrap();
    let numbers: Vec<_> = newest.iter().map(|event| event.number).collect();
    assert_eq!(numbers, [last - 1, last]);
    assert!(state.events(&player_id("bob"), 0).await.unwrap().is_empty());
}

/// Signs of life are believed from the session's own server only, and keep it alive.
pub async fn heartbeats_keep_sessions_alive(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (_, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let beat = |number: usize| Heartbeat {
        session_id: sessions[number].id,
        latency_ms: Some(12.5),
    };
    let unknown = Heartbeat {
        session_id: session_id(START),
        latency_ms: None,
    };
    let here = server_name("server-1");
    let verdicts = state
        .heartbeats(&here, &[unknown, beat(0)], at(50_000))
        .await;
    assert_eq!(verdicts.unwrap(), [Verdict::Disconnect, Verdict::Keep]);
    let elsewhere = state
        .heartbeats(&server_name("server-2"), &[beat(1)], at(50_000))
        .await;
    assert_eq!(elsewhere.unwrap(), [Verdict::Disconnect]);
    let seen = state.session(sessions[0].id).await.unwrap();
    assert_eq!(
        (seen.heartbeat_at, seen.latency_ms),
        (at(50_000), Some(12.5))
    );

    assert_eq!(state.expire_sessions(fence, RULES, at(60_001)).await, Ok(1));
    assert_eq!(session_state(&state, sessions[0].id).await, "reserved");
    assert_eq!(session_state(&state, sessions[1].id).await, "expired");
    let gone = state.heartbeats(&here, &[beat(1)], at(60_002)).await;
    assert_eq!(gone.unwrap(), [Verdict::Disconnect]);
}

/// A live match without a live session is over.
pub async fn stale_sessions_expire_and_empty_matches_end(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, _) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    assert_eq!(state.expire_sessions(fence, RULES, at(60_000)).await, Ok(0));
    assert_eq!(state.expire_sessions(fence, RULES, at(60_001)).await, Ok(2));
    assert_eq!(state.expire_sessions(fence, RULES, at(60_001)).await, Ok(0));
    let ended = state.get_match(game.id).await.unwrap();
    let end = MatchEnd::Empty;
    assert_eq!(ended.state, MatchState::Ended { end });
    let names = event_names(&state, "ada").await;
    assert_eq!(names.last().map(String::as_str), Some("session_ended"));
    create(&state, new_ticket(&["ada"], START), START).await;
}

/// A match goes on while somebody sits in it, and ends with the last seat.
pub async fn the_last_seat_ends_the_match(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let left = state
        .end_session(sessions[0].id, EndReason::Left, at(1))
        .await
        .unwrap();
    let reason = EndReason::Left;
    assert_eq!(left.state, SessionState::Ended { reason });
    let again = state
        .end_session(left.id, EndReason::ServerLost, at(2))
        .await;
    assert_eq!(again.unwrap(), left);
    assert_eq!(
        state.get_match(game.id).await.unwrap().state,
        MatchState::Live
    );

    let kicked = state.kick(sessions[1].id, at(3)).await.unwrap();
    assert_eq!(kicked.state, SessionState::Kicked);
    assert_eq!(state.kick(kicked.id, at(4)).await.unwrap(), kicked);
    let end = MatchEnd::Empty;
    let ended = state.get_match(game.id).await.unwrap();
    assert_eq!(
        (ended.state, ended.changed_at),
        (MatchState::Ended { end }, at(3))
    );
    assert_not_found(state.kick(session_id(START), at(5)).await);
    assert_not_found(state.end_session(session_id(START), reason, at(5)).await);
}
