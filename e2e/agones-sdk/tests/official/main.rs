//! The real `stadion serve`, real game servers built with the official Agones crate, and players in pairs.
#![cfg(test)]

mod platform;

use std::ops::Range;

use platform::{Platform, until};
use serde_json::{Value, json};

const GAME_SERVER: &str = env!("CARGO_BIN_EXE_official-game-server");

/// A platform with one server at most, so that every change is seen on the same one. Tests run side by side: each has
/// ports of its own, because a platform tries a port before its server takes it.
async fn platform(ports: Range<u16>) -> Platform {
    let (first, last) = (ports.start, ports.end - 1);
    Platform::start(&format!(
        "networking:
  port_range_start: {first}
  port_range_end: {last}
fleets:
  - name: official
    game_id: official
    region: us-east-1
    game_modes: [duel]
    command: [{GAME_SERVER:?}, '{{port}}']
    min_replicas: 1
    max_replicas: 1
    buffer_size: 0
    max_players: 2
    health:
      initial_delay_seconds: 1
      period_seconds: 1
      failure_threshold: 5
"
    ))
    .await
}

#[tokio::test]
async fn a_server_with_the_official_crate_is_allocated_and_replaced() {
    let platform = platform(7_600..7_620).await;
    let server = server_in(&platform, "Ready").await;
    let name = text(&server, "name");
    assert_eq!(server["labels"]["agones.dev/sdk-build"], "official-1.61");
    assert_eq!(platform.log(name).await[0], format!("name {name}"));

    let match_id = play(&platform, ["anna", "bert"]).await;
    let allocated = server_in(&platform, "Allocated").await;
    assert_eq!(allocated["name"], name);
    assert_eq!(allocated["match_id"], match_id);
    let played = platform.operator(&format!("/v1/matches/{match_id}")).await;
    assert_eq!(
        (&played["state"], &played["server"]),
        (&json!("live"), &server["name"])
    );
    assert_eq!(played["players"].as_array().unwrap().len(), 2);

    let seen = line(&platform, name, "state Allocated ").await;
    for part in [
        format!(r#""stadion.dev/match-id": "{match_id}""#),
        r#""agones.dev/sdk-build": "official-1.61""#.to_owned(),
        r#""agones.dev/sdk-note": "set by the official crate""#.to_owned(),
        r#""agones.dev/last-allocated": "#.to_owned(),
    ] {
        assert!(seen.contains(&part), "no {part} in {seen}");
    }

    platform.tell(&server, "SHUTDOWN").await;
    let next = another(&platform, name).await;
    assert_ne!(next["pid"], server["pid"]);
    until("the end of the match", async || {
        let over = platform.operator(&format!("/v1/matches/{match_id}")).await;
        (over["state"] == "ended").then_some(())
    })
    .await;
    platform.stop().await;
}

#[tokio::test]
async fn a_server_that_says_ready_again_serves_the_next_match() {
    let platform = platform(7_620..7_640).await;
    let server = server_in(&platform, "Ready").await;
    let first = play(&platform, ["anna", "bert"]).await;
    platform.call(&["match", "end", &first]).await;
    platform.tell(&server, "READY").await;
    let again = server_in(&platform, "Ready").await;
    assert_eq!(again["pid"], server["pid"]);

    let second = play(&platform, ["carl", "dora"]).await;
    assert_ne!(first, second);
    let allocated = server_in(&platform, "Allocated").await;
    assert_eq!(
        (&allocated["pid"], &allocated["match_id"]),
        (&server["pid"], &json!(second))
    );
    platform.stop().await;
}

#[tokio::test]
async fn what_the_official_crate_says_takes_effect() {
    let platform = platform(7_640..7_660).await;
    let server = server_in(&platform, "Ready").await;
    let name = text(&server, "name");

    // Reserved for a second, and Ready again without a word from the game.
    platform.tell(&server, "RESERVE 1").await;
    line(&platform, name, "state Reserved ").await;
    server_in(&platform, "Ready").await;
    platform.tell(&server, "ALLOCATE").await;
    server_in(&platform, "Allocated").await;
    platform.tell(&server, "READY").await;
    server_in(&platform, "Ready").await;

    // Refused, and not left waiting: the services of counters, lists and player tracking are not there.
    platform.tell(&server, "COUNTER").await;
    let answer = line(&platform, name, "counter ").await;
    assert!(answer.contains("Unimplemented"), "{answer}");

    platform.tell(&server, "SILENCE").await;
    another(&platform, name).await;
    platform.stop().await;
}

/// Queues the two for a duel; the id of the match that both got into.
async fn play(platform: &Platform, players: [&str; 2]) -> String {
    let mut tickets = Vec::new();
    for player in players {
        tickets.push(platform.queue(player, "duel").await);
    }
    let mut matches = Vec::new();
    for (player, ticket) in players.into_iter().zip(&tickets) {
        let done = until("a placed ticket", async || {
            let ticket = platform.ticket(player, ticket).await;
            (ticket["state"] != "searching" && ticket["state"] != "placing").then_some(ticket)
        })
        .await;
        assert_eq!(done["state"], "completed", "{done}");
        matches.push(text(&done, "match_id").to_owned());
    }
    assert_eq!(matches[0], matches[1]);
    matches.remove(0)
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {object}"))
}

/// The first line of the game server's log that begins so.
async fn line(platform: &Platform, server: &str, beginning: &str) -> String {
    until(beginning, async || {
        let log = platform.log(server).await;
        log.into_iter().find(|line| line.starts_with(beginning))
    })
    .await
}

async fn server_in(platform: &Platform, state: &str) -> Value {
    until(state, async || platform.servers(state).await.pop()).await
}

/// A Ready server that is not the one with this name.
async fn another(platform: &Platform, name: &str) -> Value {
    until("another server that is Ready", async || {
        let mut ready = platform.servers("Ready").await.into_iter();
        ready.find(|server| server["name"] != name)
    })
    .await
}
