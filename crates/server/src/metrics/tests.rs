use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use stadion_core::event::{EventKind, PlayerEvent, SeatEnd};
use stadion_core::id::{GameModeName, MatchId, PlayerId, Region, SessionId, TicketId};
use stadion_core::matches::{
    AbandonReason, Acceptance, Match, MatchEnd, MatchPlayer, MatchState, OpenSeats, Quality,
};
use stadion_core::state::Change;
use stadion_core::time::Timestamp;

use super::{Metrics, Observer};

fn region() -> Region {
    Region::new("eu-west-1").unwrap()
}

fn mode() -> GameModeName {
    GameModeName::new("duel").unwrap()
}

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new("0.0.0", &[region()], &[mode()]))
}

#[test]
fn the_guides_six_series_keep_their_names_and_labels() {
    let metrics = metrics();
    metrics.players(&region(), 3);
    metrics.queue(&mode(), 3);
    metrics.allocated(2);
    metrics.player_latency(&region(), 25.0);
    metrics.match_placed(&live_match(Timestamp(1_250), MatchState::Live), 250);
    let text = metrics.encode();
    for line in [
        "# TYPE game_servers_total gauge",
        "game_servers_total{region=\"eu-west-1\",state=\"Ready\"} 0",
        "# TYPE players_connected_total gauge",
        "players_connected_total{region=\"eu-west-1\"} 3",
        "# TYPE matchmaking_queue_size gauge",
        "matchmaking_queue_size{game_mode=\"duel\"} 3",
        "# TYPE server_allocation_duration_seconds histogram",
        "server_allocation_duration_seconds_count 1",
        "# TYPE player_latency_milliseconds histogram",
        "player_latency_milliseconds_bucket{le=\"30.0\",region=\"eu-west-1\"} 1",
        "# TYPE matches_created counter",
        "matches_created_total{game_mode=\"duel\"} 1",
        "stadion_build_info{version=\"0.0.0\"} 1",
    ] {
        assert!(
            text.lines().any(|is| is == line),
            "no line {line:?} in\n{text}"
        );
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn every_series_is_described_and_every_description_is_scraped() {
    let metrics = metrics();
    let text = metrics.encode();
    let scraped: BTreeSet<String> = text
        .lines()
        .filter_map(|line| {
            let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
            Some(match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            })
        })
        .collect();
    let described: BTreeSet<String> = metrics
        .book
        .described
        .iter()
        .map(|series| series.name.to_owned())
        .collect();
    assert_eq!(described.len(), metrics.book.described.len());
    // A family without a member is not written, so what is scraped may be less, never more.
    assert!(
        scraped.is_subset(&described),
        "{:?}",
        scraped.difference(&described)
    );
}

#[test]
fn the_page_for_operators_is_what_the_program_registers() {
    let page = metrics().document();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    crate::golden::check(&path, &page);
}

fn live_match(now: Timestamp, state: MatchState) -> Match {
    Match {
        id: MatchId::new(Timestamp(1), 1),
        game_mode: mode(),
        region: region(),
        players: ["a", "b"]
            .map(|name| MatchPlayer {
                player_id: PlayerId::new(name).unwrap(),
                ticket_id: TicketId::new(Timestamp(1), 1),
                team: 0,
                role: None,
            })
            .to_vec(),
        requirements: stadion_core::ticket::Requirements::default(),
        quality: Quality {
            wait_newest_ms: 500,
            ..Quality::default()
        },
        state,
        acceptance: None,
        allocation: None,
        backfill: None,
        created_at: Timestamp(1_000),
        changed_at: now,
        result: None,
    }
}

#[test]
fn the_answers_to_a_ready_check_are_counted_when_it_is_over() {
    let metrics = metrics();
    let mut observer = Observer::new(Arc::clone(&metrics), &[]);
    let reason = AbandonReason::NotAccepted;
    for (state, answers) in [
        (MatchState::Accepting, vec![("a", true)]),
        (MatchState::Placing, vec![("a", true), ("b", true)]),
        (MatchState::Accepting, vec![]),
        (MatchState::Abandoned { reason }, vec![("b", false)]),
        (MatchState::Abandoned { reason }, vec![("b", false)]),
    ] {
        let answer = |(name, yes)| (PlayerId::new(name).unwrap(), yes);
        let game = Match {
            acceptance: Some(Acceptance {
                until: Timestamp(9_000),
                answers: answers.into_iter().map(answer).collect(),
            }),
            ..live_match(Timestamp(1_250), state)
        };
        observer.apply(&Change::Match(Arc::new(game)));
    }
    let totals = metrics.snapshot().totals;
    let expected = [("accepted", 2), ("refused", 1), ("unanswered", 1)];
    assert_eq!(totals.acceptances, expected.into());
    assert_eq!(totals.matches_abandoned, [("not_accepted", 1)].into());
}

#[test]
fn a_seat_is_counted_once_however_often_its_change_comes() {
    let metrics = metrics();
    let mut observer = Observer::new(Arc::clone(&metrics), &[]);
    let live = Change::Match(Arc::new(live_match(Timestamp(1_250), MatchState::Live)));
    observer.apply(&live);
    for player in ["a", "b"] {
        observer.apply(&found(player));
    }
    observer.apply(&live);
    observer.apply(&found("b"));
    assert_eq!(metrics.snapshot().totals.players_by_region[&region()], 2);

    observer.apply(&Change::Event(Arc::new(PlayerEvent {
        player_id: PlayerId::new("a").unwrap(),
        number: 1,
        at: Timestamp(2_000),
        kind: EventKind::SessionEnded {
            session_id: SessionId::new(Timestamp(1), 1),
            end: SeatEnd::Left,
        },
    })));
    assert_eq!(metrics.snapshot().totals.players_by_region[&region()], 1);

    let end = MatchState::Ended {
        end: MatchEnd::Finished,
    };
    let ended = Change::Match(Arc::new(live_match(Timestamp(3_000), end)));
    observer.apply(&ended);
    observer.apply(&ended);
    let totals = metrics.snapshot().totals;
    assert_eq!(totals.players_by_region[&region()], 0);
    assert_eq!(totals.matches_ended["finished"], 1);
    assert_eq!(totals.sessions_ended["left"], 1);
}

fn found(player: &str) -> Change {
    Change::Event(Arc::new(PlayerEvent {
        player_id: PlayerId::new(player).unwrap(),
        number: 1,
        at: Timestamp(1_250),
        kind: EventKind::MatchFound {
            match_id: MatchId::new(Timestamp(1), 1),
            session_id: SessionId::new(Timestamp(1), 1),
        },
    }))
}

#[test]
fn newcomers_of_a_live_match_and_its_free_seats_are_counted() {
    let metrics = metrics();
    let mut observer = Observer::new(Arc::clone(&metrics), &[]);
    let live = |seats: &[u32]| {
        Change::Match(Arc::new(Match {
            backfill: (!seats.is_empty()).then(|| OpenSeats {
                seats: seats.to_vec(),
                since: Timestamp(1_250),
            }),
            ..live_match(Timestamp(1_250), MatchState::Live)
        }))
    };
    let offered = |seats: u32| {
        let text = metrics.encode();
        let line = format!("stadion_seats_open{{game_mode=\"{}\"}} {seats}", mode());
        assert!(text.contains(&line), "{text}");
    };
    for change in [live(&[]), found("a"), found("b"), live(&[1, 2])] {
        observer.apply(&change);
    }
    offered(3);
    for change in [live(&[1, 1]), found("c")] {
        observer.apply(&change);
    }
    offered(2);
    assert_eq!(metrics.snapshot().totals.players_by_region[&region()], 3);
    let end = MatchState::Ended {
        end: MatchEnd::Finished,
    };
    let mut ended = live_match(Timestamp(3_000), end);
    ended.players.push(MatchPlayer {
        player_id: PlayerId::new("c").unwrap(),
        ..ended.players[0].clone()
    });
    observer.apply(&Change::Match(Arc::new(ended)));
    offered(0);
    assert_eq!(metrics.snapshot().totals.players_by_region[&region()], 0);
}

#[test]
fn the_age_of_the_last_success_is_computed_at_the_scrape() {
    let metrics = metrics();
    assert_eq!(metrics.since_success("reaper"), None);
    metrics.loop_passed("reaper", false);
    assert_eq!(metrics.since_success("reaper"), None);
    metrics.loop_passed("reaper", true);
    let text = metrics.encode();
    assert!(text.contains("stadion_loop_errors_total{loop=\"reaper\"} 1"));
    assert!(text.contains("stadion_loop_iterations_total{loop=\"reaper\"} 2"));
    assert!(text.contains("stadion_loop_last_success_age_seconds{loop=\"reaper\"} 0"));
}

#[test]
fn a_latency_that_is_no_number_is_not_counted() {
    let metrics = metrics();
    for nonsense in [f32::NAN, f32::INFINITY, -1.0] {
        metrics.player_latency(&region(), nonsense);
    }
    assert_eq!(metrics.snapshot().player_latency.count, 0);
}
