//! Cases about matches.

use futures_util::StreamExt;
use futures_util::future::join_all;
use stadion_core::matches::{AbandonReason, MatchEnd, MatchState};
use stadion_core::state::{Change, Filter};
use stadion_core::ticket::{CancelReason, NewTicket, TicketState};

use super::{
    Fixture, START, assert_not_found, assert_stale, assert_wrong_state, at, create, event_names,
    fence, live_match, placing_match, searching, session_state, state_of,
};
use crate::build::{
    TTL_MS, idempotency, match_id, mode_name, new_match, new_ticket, placement, player_id,
    ticket_id,
};

/// One ticket that does not search spoils the match, and the others keep searching.
pub async fn i1_commit_refuses_tickets_that_do_not_search(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let good = searching(&state, "ada").await;
    let cancelled = searching(&state, "bob").await;
    let reason = CancelReason::Requested;
    state
        .cancel_ticket(cancelled.id, reason, START)
        .await
        .unwrap();
    let taken = placing_match(&state, fence, &["eve"]).await.players[0].ticket_id;
    for bad in [cancelled.id, taken, ticket_id(START), good.id] {
        let new = new_match(&[good.id, bad], START);
        let id = new.id;
        assert_stale(state.commit_match(fence, new, START).await);
        assert_eq!(state_of(&state, &good).await, TicketState::Searching);
        assert_not_found(state.get_match(id).await);
    }
    assert_eq!(event_names(&state, "ada").await, ["ticket_searching"]);
}

/// A player with tickets in two modes is matched in one of them only.
pub async fn i1_commit_refuses_players_of_an_open_match(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let other = NewTicket {
        game_mode: mode_name("other"),
        ..new_ticket(&["ada"], START)
    };
    let other = create(&state, other, START).await;
    placing_match(&state, fence, &["ada", "bob"]).await;
    let mut new = new_match(&[other.id], START);
    new.plan.game_mode = mode_name("other");
    assert_stale(state.commit_match(fence, new, START).await);
    assert_eq!(state_of(&state, &other).await, TicketState::Searching);
}

/// Of many matches that want the same ticket at once, one gets it.
pub async fn i1_concurrent_commits_take_a_ticket_once(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let wanted = searching(&state, "ada").await;
    let mut plans = Vec::new();
    for number in 0..16 {
        let partner = searching(&state, &format!("p{number}")).await;
        plans.push(new_match(&[wanted.id, partner.id], START));
    }
    let commits = plans
        .into_iter()
        .map(|new| state.commit_match(fence, new, START));
    let done = join_all(commits).await.into_iter().filter(Result::is_ok);
    assert_eq!(done.count(), 1);
    let counts = state.counts().await.unwrap();
    assert_eq!((counts.tickets_searching, counts.matches_open), (15, 1));
}

/// When the seats are there, the players' tickets in other modes end, for their whole parties.
pub async fn i1_seated_players_leave_their_other_queues(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let other = NewTicket {
        game_mode: mode_name("other"),
        ..new_ticket(&["ada", "zoe"], START)
    };
    let other = create(&state, other, START).await;
    let game = placing_match(&state, fence, &["ada", "bob"]).await;
    assert_eq!(state_of(&state, &other).await, TicketState::Searching);
    let placed = placement(&game, "server-1", START);
    state
        .place_match(fence, game.id, placed, at(5))
        .await
        .unwrap();
    let reason = CancelReason::MatchedElsewhere;
    assert_eq!(
        state_of(&state, &other).await,
        TicketState::Cancelled { reason }
    );
    assert_eq!(
        event_names(&state, "zoe").await,
        ["ticket_searching", "ticket_cancelled"]
    );
    assert_eq!(
        event_names(&state, "bob").await,
        ["ticket_searching", "ticket_placing", "match_found"]
    );
}

/// The tickets of an abandoned match search with the age they had.
pub async fn i2_abandoned_tickets_search_with_their_age(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = placing_match(&state, fence, &["ada", "bob"]).await;
    let reason = AbandonReason::NoCapacity;
    let gone = state
        .abandon_match(fence, game.id, reason, at(9))
        .await
        .unwrap();
    assert_eq!(gone.state, MatchState::Abandoned { reason });
    let other = AbandonReason::ServerLost;
    let again = state
        .abandon_match(fence, game.id, other, at(10))
        .await
        .unwrap();
    assert_eq!(again, gone);
    let queue = state.searching(&game.game_mode).await.unwrap();
    assert_eq!(queue.len(), 2);
    for ticket in queue {
        assert_eq!((ticket.created_at, ticket.expires_at), (START, at(TTL_MS)));
        assert_eq!((ticket.changed_at, ticket.requeues), (at(9), 1));
    }
    let names = ["ticket_searching", "ticket_placing", "ticket_requeued"];
    assert_eq!(event_names(&state, "ada").await, names);
    assert!(state.open_matches().await.unwrap().is_empty());

    let (live, _) = live_match(&state, fence, &["eve", "fay"], "server-1").await;
    assert_wrong_state(state.abandon_match(fence, live.id, reason, at(9)).await);
    assert_not_found(
        state
            .abandon_match(fence, match_id(START), reason, at(9))
            .await,
    );
}

/// A ticket that comes back after its life is over times out at the next expiry, and not while it is placing.
pub async fn i2_requeued_tickets_past_their_life_time_out(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = placing_match(&state, fence, &["ada", "bob"]).await;
    let late = at(TTL_MS + 1);
    assert_eq!(state.expire_tickets(fence, late).await, Ok(0));
    let reason = AbandonReason::PlacementTimeout;
    state
        .abandon_match(fence, game.id, reason, late)
        .await
        .unwrap();
    assert_eq!(state.expire_tickets(fence, late).await, Ok(2));
    let ticket = state.ticket(game.players[0].ticket_id).await.unwrap();
    assert_eq!(ticket.state, TicketState::TimedOut);
}

/// Whatever was answered is there after a restart: tickets, keys, matches, sessions, events.
pub async fn i2_acknowledged_changes_survive_a_restart(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let keyed = NewTicket {
        idempotency: Some(idempotency("kim", "k", 1)),
        ..new_ticket(&["kim"], START)
    };
    let waiting = create(&state, keyed.clone(), START).await;
    let placing = placing_match(&state, fence, &["ada", "bob"]).await;
    let (live, sessions) = live_match(&state, fence, &["eve", "fay"], "server-1").await;
    let redeemed = state
        .redeem(
            sessions[0].id,
            live.id,
            &sessions[0].server,
            Some("key"),
            at(3),
        )
        .await
        .unwrap();
    let counts = state.counts().await.unwrap();
    let events = state.events(&player_id("eve"), 0).await.unwrap();
    drop(state);
    fixture.reopen().await;

    let state = fixture.state();
    assert_eq!(state.ticket(waiting.id).await.unwrap(), waiting);
    assert_eq!(state.get_match(placing.id).await.unwrap(), placing);
    assert_eq!(state.get_match(live.id).await.unwrap(), live);
    assert_eq!(state.session(redeemed.id).await.unwrap(), redeemed);
    assert_eq!(*state.session(sessions[1].id).await.unwrap(), sessions[1]);
    assert_eq!(state.events(&player_id("eve"), 0).await.unwrap(), events);
    assert_eq!(state.counts().await.unwrap(), counts);
    let again = state.create_ticket(keyed, at(9)).await.unwrap();
    assert!(again.repeated && again.ticket == waiting);
    assert_eq!(state.open_matches().await.unwrap().len(), 2);
    assert_stale({
        let new = new_match(&[placing.players[0].ticket_id], START);
        state.commit_match(fence, new, START).await
    });
}

/// A director that lost an answer repeats the step and finds it done.
pub async fn i3_commit_and_place_are_repeatable(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let one = searching(&state, "ada").await;
    let two = searching(&state, "bob").await;
    let new = new_match(&[one.id, two.id], START);
    let game = state.commit_match(fence, new.clone(), START).await.unwrap();
    assert_eq!(game.state, MatchState::Placing);
    assert_eq!((game.players[0].team, game.players[1].team), (0, 1));
    let again = state.commit_match(fence, new, at(1)).await.unwrap();
    assert_eq!(again, game);

    let placed = placement(&game, "server-1", START);
    let live = state
        .place_match(fence, game.id, placed.clone(), at(2))
        .await
        .unwrap();
    assert_eq!(live.state, MatchState::Live);
    assert_eq!(live.allocation.as_ref(), Some(&placed.allocation));
    // New session ids, as a director makes that does not know whether the first answer was lost.
    let repeated = placement(&game, "server-1", START);
    let again = state
        .place_match(fence, game.id, repeated, at(3))
        .await
        .unwrap();
    assert_eq!(again, live);
    let sessions = state.sessions(&Filter::default()).await.unwrap();
    assert_eq!(sessions.len(), 2);
    let names = ["ticket_searching", "ticket_placing", "match_found"];
    assert_eq!(event_names(&state, "ada").await, names);
    let match_id = game.id;
    assert_eq!(
        state_of(&state, &one).await,
        TicketState::Completed { match_id }
    );
}

/// Another server for a match that has one is refused.
pub async fn i3_a_placed_match_keeps_its_server(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, _) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let second = placement(&game, "server-2", START);
    assert_wrong_state(state.place_match(fence, game.id, second, at(1)).await);
    assert_eq!(state.get_match(game.id).await.unwrap(), game);
    assert_eq!(state.counts().await.unwrap().sessions_live, 2);
}

/// A placement that comes after the match was given up is refused, so that its server is returned.
pub async fn i3_an_abandoned_match_is_not_placed(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = placing_match(&state, fence, &["ada", "bob"]).await;
    let reason = AbandonReason::PlacementTimeout;
    state
        .abandon_match(fence, game.id, reason, at(1))
        .await
        .unwrap();
    let placed = placement(&game, "server-1", START);
    assert_wrong_state(
        state
            .place_match(fence, game.id, placed.clone(), at(2))
            .await,
    );
    assert_eq!(state.counts().await.unwrap().sessions_live, 0);
    assert_not_found(
        state
            .place_match(fence, match_id(START), placed, at(2))
            .await,
    );
}

/// A placement without a seat for everybody, or with two for one, is refused.
pub async fn i3_a_placement_seats_everybody_once(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let game = placing_match(&state, fence, &["ada", "bob"]).await;
    let good = placement(&game, "server-1", START);
    let mut missing = good.clone();
    missing.sessions.pop();
    let mut twice = good.clone();
    twice
        .sessions
        .push(placement(&game, "server-1", START).sessions.remove(0));
    let mut elsewhere = good.clone();
    elsewhere.sessions[1].server = crate::build::server_name("server-2");
    for bad in [missing, twice, elsewhere] {
        assert_wrong_state(state.place_match(fence, game.id, bad, at(1)).await);
    }
    assert_eq!(state.counts().await.unwrap().sessions_live, 0);
    state
        .place_match(fence, game.id, good, at(1))
        .await
        .unwrap();
}

/// The end of a match ends its sessions and tells their players; the first result stays.
pub async fn an_ended_match_ends_its_sessions(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let result = Some(serde_json::json!({ "winner": "ada" }));
    let end = MatchEnd::Finished;
    let ended = state
        .end_match(game.id, end, result.clone(), at(7))
        .await
        .unwrap();
    assert_eq!(ended.state, MatchState::Ended { end });
    assert_eq!((&ended.result, ended.changed_at), (&result, at(7)));
    let again = state
        .end_match(game.id, MatchEnd::Operator, None, at(8))
        .await;
    assert_eq!(again.unwrap(), ended);
    for session in &sessions {
        assert_eq!(session_state(&state, session.id).await, "ended");
    }
    let names = event_names(&state, "ada").await;
    assert_eq!(names.last().map(String::as_str), Some("session_ended"));
    let counts = state.counts().await.unwrap();
    assert_eq!((counts.matches_open, counts.sessions_live), (0, 0));

    let placing = placing_match(&state, fence, &["eve", "fay"]).await;
    assert_wrong_state(state.end_match(placing.id, end, None, at(9)).await);
    assert_not_found(state.end_match(match_id(START), end, None, at(9)).await);
}

/// A watcher sees the changes of the path of a match in its order.
pub async fn watchers_see_changes_in_order(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let mut watch = state.watch();
    let fence = fence(&state).await;
    let (game, _) = live_match(&state, fence, &["ada"], "server-1").await;
    let mut seen = Vec::new();
    while !seen.contains(&"match_found".to_owned()) || !seen.contains(&"live".to_owned()) {
        let next = tokio::time::timeout(crate::wait::WAIT_MAX, watch.next()).await;
        match next.expect("the next change").expect("the stream goes on") {
            Change::Ticket(ticket) => seen.push(ticket.state.as_str().to_owned()),
            Change::Match(changed) => {
                assert_eq!(changed.id, game.id);
                seen.push(changed.state.as_str().to_owned());
            }
            Change::Event(event) => {
                let json = serde_json::to_value(&*event).expect("an event is JSON");
                seen.push(json["type"].as_str().expect("a type").to_owned());
            }
            Change::Lagged => {}
        }
    }
    let position = |name: &str| seen.iter().position(|n| n == name);
    for pair in [
        ("ticket_searching", "ticket_placing"),
        ("ticket_placing", "match_found"),
        ("searching", "completed"),
    ] {
        assert!(position(pair.0) < position(pair.1), "{pair:?} in {seen:?}");
    }
}
