//! The ready check, as players and the studio's backend see it.

use std::sync::Arc;

use serde_json::json;
use stadion_client::wire::{EventKind, MatchProposed, TicketState};
use stadion_client::{Client, ClientError, Problem, ProblemKind, Update};
use stadion_core::matches::Match;
use stadion_core::rules::AcceptanceRule;
use stadion_core::state::State;
use stadion_testkit::build;

use crate::world::{Answer, NOW, SERVER, World, duel, token, token_with};

/// Length of the ready checks, milliseconds.
const CHECK_MS: u64 = 10_000;

/// Two players who are asked whether they are ready.
async fn asked(world: &World) -> ([Client; 2], [String; 2], Arc<Match>) {
    let players = ["ann", "bob"].map(|name| world.player(name));
    let mut tickets = Vec::new();
    for (client, name) in players.iter().zip(["ann", "bob"]) {
        let ticket = client.create_ticket(&duel(name), None).await.unwrap();
        tickets.push(ticket.ticket_id);
    }
    let ids: Vec<_> = tickets.iter().map(|id| id.parse().unwrap()).collect();
    let mut new = build::new_match(&ids, NOW);
    new.acceptance = Some(AcceptanceRule {
        timeout_ms: CHECK_MS,
    });
    let fence = world.fence().await;
    let game = world.state.commit_match(fence, new, NOW).await.unwrap();
    (players, tickets.try_into().unwrap(), game)
}

/// The player's events until one is `wanted`, by their names; and what was proposed on the way.
async fn events_until(client: &Client, wanted: &str) -> (Vec<String>, Option<MatchProposed>) {
    let mut events = client.connect(0).await.unwrap();
    let (mut names, mut proposed) = (Vec::new(), None);
    while names.last().is_none_or(|name| name != wanted) {
        if let Update::Event(event) = events.next().await.unwrap() {
            let kind = serde_json::to_value(&event.kind).unwrap();
            names.push(kind["type"].as_str().unwrap().to_owned());
            if let EventKind::MatchProposed(told) = event.kind {
                proposed = Some(told);
            }
        }
    }
    (names, proposed)
}

fn kind<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> ProblemKind {
    outcome.unwrap_err().kind().unwrap()
}

async fn post(world: &World, match_id: &str, token: &str, body: &str) -> Answer {
    let request = format!(
        "POST /v1/matches/{match_id}/accept HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    world.raw(request.as_bytes()).await
}

fn problem(answer: &Answer) -> Option<ProblemKind> {
    let problem: Problem = serde_json::from_value(answer.body.clone()).unwrap();
    problem.kind()
}

#[tokio::test]
async fn everybody_is_asked_and_the_last_yes_starts_the_match() {
    let world = World::new().await;
    let ([ann, bob], [ticket, _], game) = asked(&world).await;
    let match_id = game.id.to_string();

    let shown = ann.ticket(&ticket).await.unwrap();
    assert_eq!(shown.state, TicketState::RequiresAcceptance);
    assert_eq!(shown.match_id.as_deref(), Some(match_id.as_str()));
    let (_, proposed) = events_until(&ann, "match_proposed").await;
    let expected = MatchProposed {
        ticket_id: ticket.clone(),
        match_id: match_id.clone(),
        players: vec!["ann".into(), "bob".into()],
        accept_until_ms: NOW.plus_ms(CHECK_MS).0,
    };
    assert_eq!(proposed, Some(expected));

    let first = ann.respond(&match_id, true).await.unwrap();
    assert_eq!(
        (first.state.as_str(), first.accepted, first.players),
        ("accepting", 1, 2)
    );
    assert_eq!(ann.respond(&match_id, true).await.unwrap(), first);
    let last = bob.respond(&match_id, true).await.unwrap();
    assert_eq!((last.state.as_str(), last.accepted), ("placing", 2));
    assert_eq!(
        ann.ticket(&ticket).await.unwrap().state,
        TicketState::Placing
    );

    let placement = build::placement(&game, SERVER, NOW);
    let fence = world.fence().await;
    let placed = world.state.place_match(fence, game.id, placement, NOW);
    placed.await.unwrap();
    let (names, _) = events_until(&ann, "match_found").await;
    let expected = [
        "ticket_searching",
        "match_proposed",
        "ticket_placing",
        "match_found",
    ];
    assert_eq!(names, expected);
    // The answer to the last yes may have been lost.
    let again = bob.respond(&match_id, true).await.unwrap();
    assert_eq!(again.state, "live");
}

#[tokio::test]
async fn whoever_is_connected_sees_how_many_have_accepted() {
    let world = World::new().await;
    let ([ann, bob], _, game) = asked(&world).await;
    let mut events = bob.connect(0).await.unwrap();
    // Whoever hears events is connected.
    events.next().await.unwrap();
    let stands = ann.respond(&game.id.to_string(), true).await.unwrap();
    loop {
        if let Update::Acceptance(told) = events.next().await.unwrap() {
            assert_eq!(told, stands);
            return;
        }
    }
}

#[tokio::test]
async fn a_refusal_is_told_to_everybody() {
    let world = World::new().await;
    let ([ann, bob], tickets, game) = asked(&world).await;
    let match_id = game.id.to_string();
    ann.respond(&match_id, true).await.unwrap();
    let off = bob.respond(&match_id, false).await.unwrap();
    assert_eq!((off.state.as_str(), off.accepted), ("abandoned", 1));
    assert_eq!(
        kind(bob.respond(&match_id, true).await),
        ProblemKind::AlreadyAnswered
    );

    let requeued = ann.ticket(&tickets[0]).await.unwrap();
    assert_eq!(
        (requeued.state, requeued.created_at_ms),
        (TicketState::Searching, NOW.0)
    );
    let cancelled = bob.ticket(&tickets[1]).await.unwrap();
    assert_eq!(cancelled.state, TicketState::Cancelled);
    assert_eq!(cancelled.reason.as_deref(), Some("not_accepted"));
    let (names, _) = events_until(&ann, "ticket_requeued").await;
    assert_eq!(names.len(), 3);
    let (names, _) = events_until(&bob, "ticket_cancelled").await;
    assert_eq!(names.len(), 3);
    // The match is over: only who has answered may say so again.
    assert_eq!(ann.respond(&match_id, true).await.unwrap(), off);
}

#[tokio::test]
async fn i2_too_late_is_said_and_ends_the_check() {
    let world = World::new().await;
    let ([ann, bob], tickets, game) = asked(&world).await;
    let match_id = game.id.to_string();
    ann.respond(&match_id, true).await.unwrap();
    world.clock.advance_ms(CHECK_MS + 1);
    for _ in 0..2 {
        let refused = kind(bob.respond(&match_id, true).await);
        assert_eq!(refused, ProblemKind::AcceptanceOver);
    }
    let requeued = ann.ticket(&tickets[0]).await.unwrap();
    assert_eq!(requeued.state, TicketState::Searching);
    let cancelled = bob.ticket(&tickets[1]).await.unwrap();
    assert_eq!(cancelled.reason.as_deref(), Some("not_accepted"));
}

#[tokio::test]
async fn a_ticket_is_taken_back_from_a_ready_check() {
    let world = World::new().await;
    let ([ann, bob], tickets, game) = asked(&world).await;
    ann.respond(&game.id.to_string(), true).await.unwrap();
    let cancelled = ann.cancel_ticket(&tickets[0]).await.unwrap();
    assert_eq!(cancelled.reason.as_deref(), Some("requested"));
    let requeued = bob.ticket(&tickets[1]).await.unwrap();
    assert_eq!(requeued.state, TicketState::Searching);
}

#[tokio::test]
async fn nobody_answers_for_others_but_the_studios_backend() {
    let world = World::new().await;
    let (_, _, game) = asked(&world).await;
    let match_id = game.id.to_string();
    let eve = world.player("eve");
    let unknown = build::match_id(NOW).to_string();
    for id in [match_id.as_str(), unknown.as_str(), "nonsense"] {
        assert_eq!(kind(eve.respond(id, true).await), ProblemKind::NotFound);
    }
    let for_ann = json!({ "accept": true, "player_id": "ann" }).to_string();
    let refused = post(&world, &match_id, &token("eve"), &for_ann).await;
    assert_eq!(problem(&refused), Some(ProblemKind::Forbidden));
    let backend = token_with(&json!({ "sub": "studio", "scope": "backend" }));
    let answered = post(&world, &match_id, &backend, &for_ann).await;
    assert_eq!(
        (answered.status, &answered.body["accepted"]),
        (200, &json!(1))
    );
    for body in ["{}", r#"{"accept":"yes"}"#, r#"{"accept":true,"x":1}"#] {
        let refused = post(&world, &match_id, &token("bob"), body).await;
        assert!((400..500).contains(&refused.status), "{refused:?}");
    }
    let game = world.state.get_match(game.id).await.unwrap();
    assert_eq!(game.acceptance.as_ref().unwrap().accepted(), 1);
}

#[tokio::test]
async fn a_match_without_a_ready_check_takes_no_answer() {
    let world = World::new().await;
    let (ann, _, game) = world.duel().await;
    let refused = kind(ann.respond(&game.id.to_string(), true).await);
    assert_eq!(refused, ProblemKind::AcceptanceOver);
}
