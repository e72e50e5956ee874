//! The real `stadion serve`, a real game server built with the official Agones crate, and two players.
#![cfg(test)]

mod platform;

use platform::{Platform, until};
use serde_json::{Value, json};

const GAME_SERVER: &str = env!("CARGO_BIN_EXE_official-game-server");

/// One server at most, so that every change is seen on the same one.
fn fleet() -> String {
    format!(
        "fleets:\n  - name: official\n    game_id: official\n    region: us-east-1\n    game_modes: [duel]\n    \
         command: [{GAME_SERVER:?}, \"{{port}}\"]\n    min_replicas: 1\n    max_replicas: 1\n    buffer_size: 0\n    \
         max_players: 2\n    health:\n      initial_delay_seconds: 1\n      period_seconds: 1\n      \
         failure_threshold: 5\n"
    )
}

#[tokio::test]
async fn a_server_with_the_official_crate_plays_a_match_and_is_replaced() {
    let platform = Platform::start(&fleet()).await;

    let server = server_in(&platform, "Ready").await;
    let name = text(&server, "name").to_owned();
    assert_eq!(server["labels"]["agones.dev/sdk-build"], "official-1.61");
    let log = platform.log(&name).await;
    assert_eq!(log[0], format!("name {name}"));

    // Reserved for a second, and Ready again without a word from the game.
    let seen = log.len();
    platform.tell(&server, "RESERVE 1").await;
    until("Reserved and Ready on the SDK's watch", async || {
        let log = platform.log(&name).await;
        let mut states = log[seen..].iter().filter_map(|line| state_of(line));
        states.find(|state| *state == "Reserved")?;
        states.find(|state| *state == "Ready").map(drop)
    })
    .await;

    let mut tickets = Vec::new();
    for player in ["anna", "bert"] {
        tickets.push(platform.queue(player, "duel").await);
    }
    for (player, ticket) in ["anna", "bert"].into_iter().zip(&tickets) {
        let done = until("a completed ticket", async || {
            let ticket = platform.ticket(player, ticket).await;
            (ticket["state"] != "searching" && ticket["state"] != "placing").then_some(ticket)
        })
        .await;
        assert_eq!(done["state"], "completed", "{done}");
    }
    let allocated = server_in(&platform, "Allocated").await;
    assert_eq!(allocated["name"], server["name"]);
    let match_id = text(&allocated, "match_id").to_owned();
    let played = platform.operator(&format!("/v1/matches/{match_id}")).await;
    assert_eq!(played["state"], "live");
    assert_eq!(played["server"], server["name"]);
    assert_eq!(played["players"].as_array().unwrap().len(), 2);

    let line = until("Allocated on the SDK's watch", async || {
        let log = platform.log(&name).await;
        log.into_iter()
            .find(|line| state_of(line) == Some("Allocated"))
    })
    .await;
    for part in [
        json!("stadion.dev/match-id").to_string() + ": " + &json!(match_id).to_string(),
        r#""agones.dev/sdk-build": "official-1.61""#.to_owned(),
        r#""agones.dev/sdk-note": "set by the official crate""#.to_owned(),
        r#""agones.dev/last-allocated": "#.to_owned(),
    ] {
        assert!(line.contains(&part), "no {part} in {line}");
    }

    platform.tell(&server, "EXIT").await;
    let next = until("another server that is Ready", async || {
        let next = servers(&platform, "Ready").await.pop()?;
        (next["name"] != server["name"]).then_some(next)
    })
    .await;
    assert_ne!(next["pid"], server["pid"]);
    until("the end of the match", async || {
        let over = platform.operator(&format!("/v1/matches/{match_id}")).await;
        (over["state"] == "ended").then_some(())
    })
    .await;

    platform.stop().await;
}

/// The `STATE` of a line `state STATE …`.
fn state_of(line: &str) -> Option<&str> {
    line.strip_prefix("state ")?.split(' ').next()
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {object}"))
}

async fn servers(platform: &Platform, state: &str) -> Vec<Value> {
    let found = platform
        .operator(&format!("/v1/servers?state={state}"))
        .await;
    found["servers"].as_array().unwrap().clone()
}

async fn server_in(platform: &Platform, state: &str) -> Value {
    until(state, async || servers(platform, state).await.pop()).await
}
