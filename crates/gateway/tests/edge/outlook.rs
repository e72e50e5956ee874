//! Why a ticket waits, as its players and the studio's backend may ask.

use serde_json::json;
use stadion_client::wire::{CreateTicket, TicketState};
use stadion_client::{Client, ProblemKind};
use stadion_core::event::EventKind;
use stadion_core::state::State;

use crate::world::{SQUAD_PATIENCE_MS, World, duel, player, token_with};

#[tokio::test]
async fn a_waiting_party_hears_its_place_and_what_it_waits_for() {
    let world = World::new().await;
    let (ann, bob) = (world.player("ann"), world.player("bob"));
    let mut far = duel("bob");
    far.players[0].skill = Some(1_900.0);
    bob.create_ticket(&far, None).await.unwrap();
    world.clock.advance_ms(2_000);
    let own = ann.create_ticket(&duel("ann"), None).await.unwrap();
    world.clock.advance_ms(5_000);
    let outlook = ann.outlook(&own.ticket_id).await.unwrap();
    assert_eq!(
        (outlook.state, outlook.waited_ms),
        (TicketState::Searching, 5_000)
    );
    assert_eq!(outlook.time_to_match, None);
    let why = outlook.explanation.unwrap();
    assert_eq!(
        (why.place, why.others, why.remaining, why.apart.skill),
        (2, 1, 0, 1)
    );
    assert_eq!(why.hold.reason, "players");
    assert_eq!(
        (why.hold.players, why.hold.players_needed),
        (Some(1), Some(2))
    );
    assert_eq!((why.next_at_ms, why.next.len()), (None, 0));
    assert_eq!(why.words[1], "Not enough players in eu-west-1: 1 of 2.");

    let backend = token_with(&json!({ "sub": "backend", "scope": "backend" }));
    let backend = Client::new(&world.base_url(), &backend).unwrap();
    let same = backend.outlook(&own.ticket_id).await.unwrap();
    assert_eq!(same.explanation.unwrap().place, 2);
    let stranger = bob.outlook(&own.ticket_id).await.unwrap_err();
    assert_eq!(stranger.kind(), Some(ProblemKind::NotFound));

    ann.cancel_ticket(&own.ticket_id).await.unwrap();
    let over = ann.outlook(&own.ticket_id).await.unwrap();
    assert_eq!(
        (over.state, over.explanation),
        (TicketState::Cancelled, None)
    );
}

#[tokio::test]
async fn where_nobody_plans_the_caller_hears_when_to_ask_again() {
    let world = World::new().await;
    let ann = world.player("ann");
    let squad = CreateTicket {
        game_mode: "squad".into(),
        players: vec![player("ann")],
        ..CreateTicket::default()
    };
    let ticket = ann.create_ticket(&squad, None).await.unwrap();
    let refused = ann.outlook(&ticket.ticket_id).await.unwrap_err();
    assert_eq!(refused.kind(), Some(ProblemKind::Unavailable));
    let kept = world
        .state
        .ticket(ticket.ticket_id.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(kept.state.as_str(), "searching");
}

#[tokio::test]
async fn i2_a_party_that_gives_up_is_told_so() {
    let world = World::new().await;
    let ann = world.player("ann");
    let squad = CreateTicket {
        game_mode: "squad".into(),
        players: vec![player("ann")],
        ..CreateTicket::default()
    };
    let ticket = ann.create_ticket(&squad, None).await.unwrap();
    let patience_ms = ticket.expires_at_ms - ticket.created_at_ms;
    assert_eq!(patience_ms, SQUAD_PATIENCE_MS);
    let fence = world.fence().await;
    let now = world.clock.advance_ms(SQUAD_PATIENCE_MS);
    assert_eq!(world.state.expire_tickets(fence, now).await, Ok(1));
    let over = ann.ticket(&ticket.ticket_id).await.unwrap();
    assert_eq!(over.state, TicketState::TimedOut);
    let events = world
        .state
        .events(&"ann".parse().unwrap(), 0)
        .await
        .unwrap();
    let told = EventKind::TicketTimedOut {
        ticket_id: ticket.ticket_id.parse().unwrap(),
    };
    assert_eq!(events.last().unwrap().kind, told);
}
