//! Cases about free seats of live matches.

use futures_util::future::join_all;
use stadion_core::id::MatchId;
use stadion_core::matches::{MatchEnd, MatchState};
use stadion_core::session::SessionState;
use stadion_core::state::{Fence, Filter, StateError};
use stadion_core::ticket::{CancelReason, NewTicket, TicketState};

use super::{
    Fixture, START, assert_not_found, assert_stale, assert_wrong_state, at, create, event_names,
    fence, live_match, placing_match, searching, session_state, state_of,
};
use crate::build::{match_id, mode_name, new_ticket, player_id, seats, server_name};

/// Seats of each team in these cases.
const ROOM: [u32; 2] = [3, 3];

/// The game server sets, replaces and withdraws what it offers; repeating that changes nothing.
pub async fn a_live_match_offers_what_its_server_says(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let here = server_name("server-1");
    let (game, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    assert_eq!(game.backfill, None);
    let offer =
        async |seats: &[u32], now| state.open_seats(game.id, &here, seats, &ROOM, now).await;
    let first = offer(&[0, 2], at(5)).await.unwrap();
    let open = first.backfill.as_ref().expect("an offer");
    assert_eq!((&open.seats[..], open.since), (&[0, 2][..], at(5)));
    assert_eq!(open.total(), 2);
    assert_eq!(first.changed_at, game.changed_at, "it is as live as before");
    assert_eq!(offer(&[0, 2], at(6)).await.unwrap(), first);
    let replaced = offer(&[1, 0], at(7)).await.unwrap();
    let open = replaced.backfill.as_ref().expect("an offer");
    assert_eq!((&open.seats[..], open.since), (&[1, 0][..], at(5)));
    for nothing in [&[0, 0][..], &[]] {
        assert_eq!(offer(nothing, at(8)).await.unwrap().backfill, None);
    }
    let anew = offer(&[1, 1], at(9)).await.unwrap();
    assert_eq!(anew.backfill.as_ref().map(|open| open.since), Some(at(9)));
    assert_eq!(state.get_match(game.id).await.unwrap(), anew);

    // The end withdraws it, whatever the end is.
    let end = MatchEnd::Finished;
    let ended = state.end_match(game.id, end, None, at(10)).await.unwrap();
    assert_eq!(ended.backfill, None);
    assert_wrong_state(offer(&[1, 1], at(11)).await);
    let (empty, sessions_left) = live_match(&state, fence, &["eve"], "server-1").await;
    let offered = state.open_seats(empty.id, &here, &[1], &ROOM, at(12)).await;
    assert!(offered.unwrap().backfill.is_some());
    state.kick(sessions_left[0].id, at(13)).await.unwrap();
    let ended = state.get_match(empty.id).await.unwrap();
    let end = MatchEnd::Empty;
    assert_eq!(
        (ended.state, &ended.backfill),
        (MatchState::Ended { end }, &None)
    );
    assert_eq!(sessions.len(), 2);
}

/// Only the server of a live match offers seats, and only those that are free.
pub async fn seats_that_are_not_free_are_not_offered(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let here = server_name("server-1");
    let (game, sessions) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let there = server_name("server-2");
    let foreign = state
        .open_seats(game.id, &there, &[1, 1], &ROOM, at(1))
        .await;
    let wrong = StateError::WrongServer {
        what: "match",
        id: game.id.to_string(),
    };
    assert_eq!(foreign.expect_err("another server's match"), wrong);
    let unknown = match_id(START);
    assert_not_found(
        state
            .open_seats(unknown, &here, &[1, 1], &ROOM, at(1))
            .await,
    );
    let placing = placing_match(&state, fence, &["eve", "fay"]).await;
    assert_wrong_state(
        state
            .open_seats(placing.id, &here, &[1, 1], &ROOM, at(1))
            .await,
    );

    // One seat of each team is taken, reserved as it is.
    let many = |team, room| StateError::TooManySeats {
        match_id: game.id,
        team,
        room,
    };
    let offer = async |seats: &[u32]| state.open_seats(game.id, &here, seats, &ROOM, at(2)).await;
    assert_eq!(offer(&[3, 0]).await, Err(many(0, 2)));
    assert_eq!(offer(&[2, u32::MAX]).await, Err(many(1, 2)));
    assert_eq!(offer(&[0, 0, 1]).await, Err(many(2, 0)));
    assert_eq!(state.get_match(game.id).await.unwrap(), game);
    let endless = [u32::MAX, u32::MAX];
    let full = state
        .open_seats(game.id, &here, &endless, &endless, at(2))
        .await;
    assert!(
        matches!(full, Err(StateError::TooManySeats { .. })),
        "{full:?}"
    );
    let full = state
        .open_seats(game.id, &here, &[4_000, 0], &endless, at(2))
        .await;
    assert!(matches!(full, Err(StateError::Full { .. })), "{full:?}");
    state.kick(sessions[0].id, at(3)).await.unwrap();
    assert!(offer(&[3, 2]).await.is_ok(), "a seat is free again");
}

/// Newcomers have their seats in one step, as in a placement; what is left of the offer stays.
pub async fn i1_i2_newcomers_take_the_seats_that_are_offered(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let here = server_name("server-1");
    let (game, _) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let party = create(&state, new_ticket(&["eve", "fay"], START), START).await;
    let other = NewTicket {
        game_mode: mode_name("other"),
        ..new_ticket(&["eve", "zoe"], START)
    };
    let other = create(&state, other, START).await;
    let offered = state
        .open_seats(game.id, &here, &[1, 2], &ROOM, at(1))
        .await;
    let offered = offered.unwrap();
    let mut newcomers = seats(&offered, &party, 1, at(2));
    newcomers[0].role = Some("healer".to_owned());
    let ids: Vec<_> = newcomers.iter().map(|session| session.id).collect();
    let filled = state
        .fill_match(fence, game.id, newcomers, at(2))
        .await
        .unwrap();
    assert_eq!(filled.state, MatchState::Live);
    let left = filled.backfill.as_ref().expect("a seat is left");
    assert_eq!((&left.seats[..], left.since), (&[1, 0][..], at(1)));
    let line_up: Vec<_> = filled
        .players
        .iter()
        .map(|seat| seat.player_id.as_str())
        .collect();
    assert_eq!(line_up, ["ada", "bob", "eve", "fay"]);
    let eve = &filled.players[2];
    assert_eq!(
        (eve.ticket_id, eve.team, eve.role.as_deref()),
        (party.id, 1, Some("healer"))
    );
    let match_id = game.id;
    assert_eq!(
        state_of(&state, &party).await,
        TicketState::Completed { match_id }
    );
    let reason = CancelReason::MatchedElsewhere;
    assert_eq!(
        state_of(&state, &other).await,
        TicketState::Cancelled { reason }
    );
    for id in &ids {
        let session = state.session(*id).await.unwrap();
        assert_eq!((session.state, session.team), (SessionState::Reserved, 1));
    }
    assert_eq!(
        event_names(&state, "fay").await,
        ["ticket_searching", "match_found"]
    );
    assert_eq!(event_names(&state, "ada").await.len(), 3, "nothing new");
}

/// A fill whose answer was lost is repeated; the last seat ends the offer, and a newcomer's seat is as good as any.
pub async fn i1_a_fill_is_repeatable_and_the_last_seat_ends_the_offer(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let here = server_name("server-1");
    let (game, _) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let party = create(&state, new_ticket(&["eve", "fay"], START), START).await;
    let offered = state
        .open_seats(game.id, &here, &[1, 2], &ROOM, at(1))
        .await;
    let offered = offered.unwrap();
    let newcomers = seats(&offered, &party, 1, at(2));
    let ids: Vec<_> = newcomers.iter().map(|session| session.id).collect();
    let filled = state.fill_match(fence, game.id, newcomers, at(2)).await;
    let filled = filled.unwrap();
    // New session ids, as a director makes that does not know whether the first answer was lost.
    let again = seats(&offered, &party, 1, at(3));
    let again = state
        .fill_match(fence, game.id, again, at(3))
        .await
        .unwrap();
    assert_eq!(again, filled);
    assert_eq!(state.counts().await.unwrap().sessions_live, 4);
    let last = searching(&state, "gil").await;
    let filled = state
        .fill_match(fence, game.id, seats(&game, &last, 0, at(4)), at(4))
        .await
        .unwrap();
    assert_eq!(filled.backfill, None, "all seats are taken");
    // A newcomer's token is as good as anybody's.
    state
        .redeem(ids[0], game.id, &here, None, at(5))
        .await
        .unwrap();
    state
        .end_match(game.id, MatchEnd::Finished, None, at(6))
        .await
        .unwrap();
    assert_eq!(session_state(&state, ids[0]).await, "ended");
}

/// Who does not search, or is in an open match, is not put into a live one.
pub async fn i1_a_fill_takes_nobody_who_is_taken(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let here = server_name("server-1");
    let (game, _) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let good = searching(&state, "gil").await;
    let cancelled = searching(&state, "cat").await;
    let reason = CancelReason::Requested;
    state
        .cancel_ticket(cancelled.id, reason, START)
        .await
        .unwrap();
    let elsewhere = NewTicket {
        game_mode: mode_name("other"),
        ..new_ticket(&["dan"], START)
    };
    let elsewhere = create(&state, elsewhere, START).await;
    let other = create(&state, new_ticket(&["eve", "zoe"], START), START).await;
    let busy = NewTicket {
        game_mode: mode_name("other"),
        ..new_ticket(&["zoe"], START)
    };
    let busy = create(&state, busy, START).await;
    let mut taken = crate::build::new_match(&[busy.id], START);
    taken.plan.game_mode = mode_name("other");
    state.commit_match(fence, taken, START).await.unwrap();
    let offered = state
        .open_seats(game.id, &here, &[2, 2], &ROOM, at(1))
        .await;
    let offered = offered.unwrap();
    for bad in [&cancelled, &elsewhere, &other] {
        let mut newcomers = seats(&game, &good, 0, at(2));
        newcomers.extend(seats(&game, bad, 1, at(2)));
        assert_stale(state.fill_match(fence, game.id, newcomers, at(2)).await);
    }
    assert_eq!(state.get_match(game.id).await.unwrap(), offered);
    assert_eq!(state_of(&state, &good).await, TicketState::Searching);
    assert_eq!(state.counts().await.unwrap().sessions_live, 2);
    let newcomers = seats(&game, &good, 0, at(3));
    state
        .fill_match(fence, game.id, newcomers, at(3))
        .await
        .unwrap();
}

/// Only offered seats are filled, with whole tickets in one team each, one new seat per player, on the match's server.
pub async fn i3_a_fill_seats_whole_tickets_where_seats_are_offered(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let here = server_name("server-1");
    let (game, old) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let party = create(&state, new_ticket(&["eve", "fay"], START), START).await;
    let good = seats(&game, &party, 1, at(2));
    let fill = async |sessions| state.fill_match(fence, game.id, sessions, at(2)).await;
    assert_wrong_state(fill(good.clone()).await);
    state
        .open_seats(game.id, &here, &[2, 1], &ROOM, at(1))
        .await
        .unwrap();
    assert_wrong_state(fill(good.clone()).await);
    state
        .open_seats(game.id, &here, &[1, 2], &ROOM, at(1))
        .await
        .unwrap();
    let changed = |change: &dyn Fn(&mut Vec<stadion_core::session::Session>)| {
        let mut sessions = good.clone();
        change(&mut sessions);
        sessions
    };
    for bad in [
        changed(&|s| drop(s.pop())),
        changed(&|s| s[1] = s[0].clone()),
        changed(&|s| s[1].id = s[0].id),
        changed(&|s| s[1].id = old[0].id),
        changed(&|s| s[0].team = 0),
        changed(&|s| s.iter_mut().for_each(|s| s.team = 2)),
        changed(&|s| s[0].server = server_name("server-2")),
        changed(&|s| s[0].match_id = match_id(START)),
        changed(&|s| s[0].player_id = player_id("mallory")),
    ] {
        assert_wrong_state(fill(bad).await);
    }
    assert_eq!(state_of(&state, &party).await, TicketState::Searching);
    let unknown: MatchId = match_id(START);
    assert_not_found(state.fill_match(fence, unknown, good.clone(), at(2)).await);
    fill(good.clone()).await.unwrap();

    let (over, _) = live_match(&state, fence, &["hal", "ida"], "server-2").await;
    let there = server_name("server-2");
    state
        .open_seats(over.id, &there, &[1, 1], &ROOM, at(3))
        .await
        .unwrap();
    state
        .end_match(over.id, MatchEnd::Finished, None, at(4))
        .await
        .unwrap();
    let late = searching(&state, "gil").await;
    let late = seats(&over, &late, 0, at(5));
    assert_wrong_state(state.fill_match(fence, over.id, late, at(5)).await);
}

/// Of many fills at once, each seat goes to one, and each ticket into one match.
pub async fn i1_concurrent_fills_take_a_seat_and_a_ticket_once(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let mut games = Vec::new();
    for (names, server) in [(["ada", "bob"], "server-1"), (["eve", "fay"], "server-2")] {
        let (game, _) = live_match(&state, fence, &names, server).await;
        let server = server_name(server);
        let offered = state
            .open_seats(game.id, &server, &[2, 0], &ROOM, at(1))
            .await;
        games.push(offered.unwrap());
    }
    let mut fills = Vec::new();
    for number in 0..8 {
        let ticket = searching(&state, &format!("p{number}")).await;
        for game in &games {
            fills.push((game.id, seats(game, &ticket, 0, at(2))));
        }
    }
    let fills = fills
        .into_iter()
        .map(|(id, sessions)| state.fill_match(fence, id, sessions, at(2)));
    let done = join_all(fills).await.into_iter().filter(Result::is_ok);
    assert_eq!(done.count(), 4);
    let counts = state.counts().await.unwrap();
    assert_eq!((counts.tickets_searching, counts.sessions_live), (4, 8));
    for game in games {
        assert_eq!(state.get_match(game.id).await.unwrap().backfill, None);
    }
}

/// An offer and what became of it are there after a restart.
pub async fn i2_offers_and_fills_survive_a_restart(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, _) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let here = server_name("server-1");
    state
        .open_seats(game.id, &here, &[1, 1], &ROOM, at(1))
        .await
        .unwrap();
    let ticket = searching(&state, "eve").await;
    let newcomers = seats(&game, &ticket, 1, at(2));
    let session = newcomers[0].clone();
    let filled = state
        .fill_match(fence, game.id, newcomers, at(2))
        .await
        .unwrap();
    drop(state);
    fixture.reopen().await;
    let state = fixture.state();
    assert_eq!(state.get_match(game.id).await.unwrap(), filled);
    assert_eq!(state.open_matches().await.unwrap(), [filled]);
    assert_eq!(*state.session(session.id).await.unwrap(), session);
    assert_eq!(
        event_names(&state, "eve").await,
        ["ticket_searching", "match_found"]
    );
}

/// A fence that is not the newest fills nothing.
pub async fn i9_an_older_fence_fills_no_match(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, _) = live_match(&state, fence, &["ada", "bob"], "server-1").await;
    let here = server_name("server-1");
    let offered = state
        .open_seats(game.id, &here, &[1, 1], &ROOM, at(1))
        .await;
    let ticket = searching(&state, "eve").await;
    for old in [Fence(0), Fence(fence.0 + 1)] {
        let newcomers = seats(&game, &ticket, 1, at(2));
        let filled = state.fill_match(old, game.id, newcomers, at(2)).await;
        assert_eq!(filled, Err(StateError::Fenced));
    }
    assert_eq!(state.get_match(game.id).await, offered);
    assert_eq!(state_of(&state, &ticket).await, TicketState::Searching);
}

/// Who left a live match is free for another one, and may even come back; the line-up has everybody once.
pub async fn i1_who_left_a_live_match_may_play_again(fixture: &mut impl Fixture) {
    let state = fixture.state();
    let fence = fence(&state).await;
    let (game, sessions) = live_match(&state, fence, &["ada", "bob", "cat"], "server-1").await;
    let here = server_name("server-1");
    for session in &sessions[..2] {
        state.kick(session.id, at(1)).await.unwrap();
    }
    let (next, _) = live_match(&state, fence, &["ada", "dan"], "server-2").await;
    assert_ne!(next.id, game.id);
    let refused = state
        .create_ticket(new_ticket(&["ada"], at(2)), at(2))
        .await;
    let in_match = StateError::InMatch {
        player_id: player_id("ada"),
        match_id: next.id,
    };
    assert_eq!(refused, Err(in_match));
    let room = [1, 1, 1];
    state
        .open_seats(game.id, &here, &[0, 1, 0], &room, at(3))
        .await
        .unwrap();
    let back = create(&state, new_ticket(&["bob"], at(3)), at(3)).await;
    let newcomers = seats(&game, &back, 1, at(4));
    let filled = state
        .fill_match(fence, game.id, newcomers, at(4))
        .await
        .unwrap();
    let line_up: Vec<_> = filled
        .players
        .iter()
        .map(|seat| seat.player_id.as_str())
        .collect();
    assert_eq!(line_up, ["ada", "cat", "bob"]);
    assert_eq!(filled.players[2].ticket_id, back.id);
    state
        .end_match(game.id, MatchEnd::Finished, None, at(5))
        .await
        .unwrap();
    let filter = Filter {
        match_id: Some(game.id),
        ..Filter::default()
    };
    assert_eq!(state.sessions(&filter).await.unwrap().len(), 4);
    let still = state
        .create_ticket(new_ticket(&["ada"], at(6)), at(6))
        .await;
    assert!(
        matches!(still, Err(StateError::InMatch { .. })),
        "{still:?}"
    );
}
