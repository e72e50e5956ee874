//! Cases about the lease and about forgetting.

use stadion_core::matches::{AbandonReason, MatchEnd};
use stadion_core::session::SessionRules;
use stadion_core::state::{Fence, StateError};
use stadion_core::ticket::{CancelReason, NewTicket};

use super::{
    Fixture, START, assert_not_found, at, create, fence, live_match, placing_match, searching,
};
use crate::build::{idempotency, new_match, new_ticket, placement, player_id};

/// One holder at a time; the next one gets a higher fence.
pub async fn i9_a_lease_has_one_holder(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let first = state
        .lease("one", 1_000, START)
        .await
        .unwrap()
        .expect("free");
    assert_eq!(state.lease("two", 1_000, at(999)).await, Ok(None));
    assert_eq!(state.lease("one", 1_000, at(999)).await, Ok(Some(first)));
    assert_eq!(state.lease("two", 1_000, at(1_500)).await, Ok(None));
    let second = state.lease("two", 1_000, at(1_999)).await.unwrap();
    assert!(second.expect("the lease ran out") > first);
    assert_eq!(state.lease("one", 1_000, at(2_000)).await, Ok(None));
}

/// Every change of a loop needs the newest fence.
pub async fn i9_an_older_fence_changes_nothing(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let old = state.lease("old", 1, START).await.unwrap().expect("free");
    let new = state
        .lease("new", 1_000_000, at(10))
        .await
        .unwrap()
        .expect("free");
    let waiting = searching(&state, "zoe").await;
    let placing = placing_match(&state, new, &["ada", "bob"]).await;
    for fence in [old, Fence(0), Fence(new.0 + 1)] {
        let late = at(1_000_000_000);
        let fenced = StateError::Fenced;
        assert_eq!(state.expire_tickets(fence, late).await, Err(fenced.clone()));
        let rules = SessionRules::default();
        let expired = state.expire_sessions(fence, rules, late).await;
        assert_eq!(expired, Err(fenced.clone()));
        assert_eq!(state.purge(fence, late).await, Err(fenced.clone()));
        let plan = new_match(&[waiting.id], START);
        assert_eq!(
            state.commit_match(fence, plan, START).await,
            Err(fenced.clone())
        );
        let placed = placement(&placing, "server-1", START);
        let result = state.place_match(fence, placing.id, placed, START).await;
        assert_eq!(result, Err(fenced.clone()));
        let reason = AbandonReason::NoCapacity;
        let result = state.abandon_match(fence, placing.id, reason, START).await;
        assert_eq!(result, Err(fenced));
    }
    assert_eq!(state.ticket(waiting.id).await.unwrap(), waiting);
    assert_eq!(state.get_match(placing.id).await.unwrap(), placing);
}

/// A fence is not given out twice, and an old one stays refused.
pub async fn i9_fences_survive_a_restart(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let first = state.lease("one", 1, START).await.unwrap().expect("free");
    let second = state.lease("two", 1, at(10)).await.unwrap().expect("free");
    drop(state);
    fixture.reopen().await;
    let state = fixture.state();
    assert_eq!(
        state.expire_tickets(first, at(11)).await,
        Err(StateError::Fenced)
    );
    let third = state
        .lease("three", 1, at(20))
        .await
        .unwrap()
        .expect("free");
    assert!(third > second);
    assert_eq!(
        state.expire_tickets(second, at(21)).await,
        Err(StateError::Fenced)
    );
}

/// What is over and old goes; what is open or young stays. A mailbox's numbers never go back.
pub async fn purge_forgets_what_is_over_only(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let keyed = NewTicket {
        idempotency: Some(idempotency("kim", "k", 1)),
        ..new_ticket(&["kim"], START)
    };
    let over = create(&state, keyed.clone(), START).await;
    let reason = CancelReason::Requested;
    state.cancel_ticket(over.id, reason, at(1)).await.unwrap();
    let waiting = searching(&state, "zoe").await;
    let (old, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    state
        .end_match(old.id, MatchEnd::Finished, None, at(2))
        .await
        .unwrap();
    let (live, _) = live_match(&state, fence, &["eve", "fay"], "server-2").await;
    let last = state.events(&player_id("kim"), 0).await.unwrap();
    let last = last.last().expect("two events").number;

    assert_eq!(state.purge(fence, START).await, Ok(0));
    assert!(state.purge(fence, at(1_000)).await.unwrap() > 0);
    assert_not_found(state.ticket(over.id).await);
    assert_not_found(state.get_match(old.id).await);
    assert_not_found(state.session(sessions[0].id).await);
    assert_not_found(state.ticket(old.players[0].ticket_id).await);
    assert_eq!(state.ticket(waiting.id).await.unwrap(), waiting);
    assert_eq!(state.get_match(live.id).await.unwrap(), live);
    assert_eq!(state.counts().await.unwrap().sessions_live, 2);
    assert!(state.events(&player_id("kim"), 0).await.unwrap().is_empty());

    let again = NewTicket {
        id: crate::build::ticket_id(at(2_000)),
        ..keyed
    };
    create(&state, again, at(2_000)).await;
    let fresh = state.events(&player_id("kim"), last).await.unwrap();
    assert_eq!(fresh.len(), 1, "a client that was away sees what is new");
}
