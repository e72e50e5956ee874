use super::*;
use crate::protocol::Stamp;
use crate::server::seat::wire_ms;

/// Everything that left the game.
#[derive(Default)]
struct Recorder {
    sent: Vec<(SocketAddr, Vec<u8>)>,
    wanted: Vec<Effect>,
}

impl Outside for Recorder {
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.sent.push((to, datagram.to_vec()));
    }
    fn want(&mut self, effect: Effect) {
        self.wanted.push(effect);
    }
}

impl Recorder {
    fn last_to(&self, player: u16) -> Option<ServerPacket<'_>> {
        let sent = self
            .sent
            .iter()
            .rev()
            .find(|(to, _)| *to == address(player));
        sent.and_then(|(_, datagram)| ServerPacket::decode(datagram))
    }

    fn farewell(&self, player: u16) -> Option<Farewell> {
        match self.last_to(player) {
            Some(ServerPacket::Bye { farewell, .. }) => Some(farewell),
            _ => None,
        }
    }

    fn report(&self) -> Option<&Map<String, Value>> {
        self.wanted.iter().find_map(|effect| match effect {
            Effect::Report(result) => Some(result),
            _ => None,
        })
    }
}

const RULES: Rules = Rules {
    seats: 8,
    tick_rate: 64,
    anti_cheat: true,
    match_ms: 5_000,
};
const SECRET: u64 = 77;

fn address(player: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9_000 + player))
}

fn lineup(players: u16) -> Match {
    let players = (0..players)
        .map(|player| MatchPlayer {
            player_id: format!("p{player}"),
            ticket_id: format!("tkt_{player}"),
            team: u32::from(player % 2),
            role: None,
            seated: true,
        })
        .collect();
    Match {
        match_id: "mat_1".into(),
        game_mode: "duel".into(),
        region: "local".into(),
        state: "live".into(),
        players,
        backfill: None,
        created_at_ms: 0,
        changed_at_ms: 0,
    }
}

fn game(players: u16, rules: Rules) -> Game {
    Game::new(rules, lineup(players), 5, 0)
}

fn hello(game: &mut Game, player: u16, out: &mut Recorder) {
    let mut room = [0; DATAGRAM_MAX];
    let nonce = u64::from(player);
    let datagram = ClientPacket::Hello {
        nonce,
        token: "token",
    }
    .encode(&mut room)
    .unwrap();
    game.on_datagram(0, address(player), datagram, out);
}

fn admission(player: u16, match_id: &str) -> Admission {
    Admission {
        session_id: format!("ses_{player}"),
        player_id: format!("p{player}"),
        match_id: match_id.into(),
        team: u32::from(player % 2),
        role: None,
        region: "local".into(),
    }
}

fn join(game: &mut Game, now_ms: u64, player: u16, out: &mut Recorder) {
    hello(game, player, out);
    let asked = (address(player), u64::from(player));
    game.on_redeemed(now_ms, asked, Ok(admission(player, "mat_1")), SECRET, out);
    assert!(matches!(
        out.last_to(player),
        Some(ServerPacket::Welcome { .. })
    ));
}

fn input(slot: u8, sequence: u32, intent: Intent) -> Input {
    Input {
        slot,
        secret: SECRET,
        sequence,
        stamp: Stamp {
            held_ms: Stamp::NOTHING,
            ..Stamp::default()
        },
        intent,
    }
}

fn give(game: &mut Game, now_ms: u64, player: u16, input: Input, out: &mut Recorder) {
    let mut room = [0; DATAGRAM_MAX];
    let datagram = ClientPacket::Input(input).encode(&mut room).unwrap();
    game.on_datagram(now_ms, address(player), datagram, out);
}

#[test]
fn the_seat_of_a_player_who_left_is_for_a_newcomer() {
    let seats = 3;
    let mut game = game(3, Rules { seats, ..RULES });
    let mut out = Recorder::default();
    for player in 0..3 {
        join(&mut game, 0, player, &mut out);
    }
    game.poll(100, &mut out);
    assert!(matches!(game.phase, Phase::Playing { .. }));
    assert_eq!(game.vacancies(100), None);
    let mut room = [0; DATAGRAM_MAX];
    let secret = SECRET;
    let leave = ClientPacket::Leave { slot: 1, secret };
    let datagram = leave.encode(&mut room).unwrap();
    game.on_datagram(200, address(1), datagram, &mut out);
    assert!(out.wanted.contains(&Effect::EndSession("ses_1".into())));
    let vacancies = game.vacancies(200).unwrap();
    let mut left = lineup(4);
    left.players[1].seated = false;
    left.players[3].seated = false;
    assert_eq!(vacancies.seats(&left), [0, 1]);
    // One is on the way already: the fourth of the line-up, in the same team.
    left.players[3].seated = true;
    assert_eq!(vacancies.seats(&left), [0, 0]);
    join(&mut game, 300, 3, &mut out);
    assert_eq!(game.present(), 3);

    // Nobody is asked into the last quarter.
    let late_ms = 100 + RULES.match_ms * 3 / 4 + 1;
    game.poll(late_ms, &mut out);
    assert!(out.wanted.contains(&Effect::Offer), "to withdraw it");
    assert_eq!(game.vacancies(late_ms), None);
}

#[test]
fn a_match_starts_when_all_are_there_and_ends_after_its_time_with_one_report() {
    let mut game = game(2, RULES);
    let mut out = Recorder::default();
    join(&mut game, 0, 0, &mut out);
    game.poll(100, &mut out);
    assert!(matches!(game.phase, Phase::Gathering { .. }));
    join(&mut game, 200, 1, &mut out);
    let mut now_ms = 200;
    let mut sequence = 0;
    while let Some(next_ms) = game.poll(now_ms, &mut out) {
        now_ms = next_ms;
        sequence += 1;
        for player in 0..2_u8 {
            give(
                &mut game,
                now_ms,
                player.into(),
                input(player, sequence, Intent::default()),
                &mut out,
            );
        }
    }
    assert_eq!(now_ms, 200 + RULES.match_ms);
    assert_eq!(
        game.world.steps(),
        64 * 5,
        "every step of the match was taken, and no other"
    );
    let reports = out.wanted.iter().filter(|e| matches!(e, Effect::Report(_)));
    assert_eq!(reports.count(), 1);
    let report = out.report().unwrap();
    assert_eq!(
        (&report["outcome"], &report["played_ms"]),
        (&"played".into(), &5_000.into())
    );
    assert_eq!(out.farewell(0), Some(Farewell::MatchOver));
    // A Bye that was lost is said again.
    out.sent.clear();
    give(
        &mut game,
        now_ms,
        1,
        input(1, 99, Intent::default()),
        &mut out,
    );
    assert_eq!(out.farewell(1), Some(Farewell::MatchOver));
}

#[test]
fn i5_a_token_is_redeemed_once_however_often_the_hello_comes() {
    let mut game = game(2, RULES);
    let mut out = Recorder::default();
    hello(&mut game, 0, &mut out);
    hello(&mut game, 0, &mut out);
    assert_eq!(out.wanted.len(), 1);
    let asked = (address(0), 0);
    game.on_redeemed(0, asked, Ok(admission(0, "mat_1")), SECRET, &mut out);
    hello(&mut game, 0, &mut out);
    assert_eq!(out.wanted.len(), 1);
    let welcomes = out
        .sent
        .iter()
        .filter(|(_, d)| matches!(ServerPacket::decode(d), Some(ServerPacket::Welcome { .. })));
    assert_eq!(welcomes.count(), 2, "a lost Welcome is sent again");
}

#[test]
fn i5_a_seat_in_another_match_is_refused() {
    let mut game = game(2, RULES);
    let mut out = Recorder::default();
    hello(&mut game, 0, &mut out);
    game.on_redeemed(
        0,
        (address(0), 0),
        Ok(admission(0, "mat_2")),
        SECRET,
        &mut out,
    );
    let refusal = Refusal::NoMatch;
    assert_eq!(
        out.last_to(0),
        Some(ServerPacket::Refused { nonce: 0, refusal })
    );
}

#[test]
fn i7_no_more_tokens_are_checked_at_once_than_the_limit() {
    let mut game = game(2, RULES);
    let mut out = Recorder::default();
    for player in 0..100 {
        hello(&mut game, player, &mut out);
    }
    assert_eq!(out.wanted.len(), REDEEMS_MAX);
    assert!(out.sent.is_empty());
}

#[test]
fn nobody_comes_and_the_match_is_given_up() {
    let mut game = game(2, RULES);
    let mut out = Recorder::default();
    join(&mut game, 0, 0, &mut out);
    assert!(game.poll(NOBODY_CAME_MS, &mut out).is_some());
    assert_eq!(game.poll(NOBODY_CAME_MS + 1, &mut out), None);
    let report = out.report().unwrap();
    assert_eq!(
        (&report["outcome"], &report["winner"]),
        (&"nobody_came".into(), &Value::Null)
    );
    assert_eq!(report["absent"], serde_json::json!(["p1"]));
}

#[test]
fn a_match_whose_players_come_and_go_before_it_starts_is_deserted() {
    let mut game = game(2, RULES);
    let mut out = Recorder::default();
    for player in 0..2_u8 {
        join(&mut game, 0, player.into(), &mut out);
    }
    let leave = ClientPacket::Leave {
        slot: 1,
        secret: SECRET,
    };
    let mut room = [0; DATAGRAM_MAX];
    game.on_datagram(50, address(1), leave.encode(&mut room).unwrap(), &mut out);
    assert_eq!(game.poll(100, &mut out), None);
    assert_eq!(out.report().unwrap()["outcome"], "deserted");
    assert_eq!(out.farewell(0), Some(Farewell::MatchOver));
}

#[test]
fn the_silent_leave_and_a_deserted_match_ends() {
    let mut game = game(2, RULES);
    let mut out = Recorder::default();
    let long = Rules {
        match_ms: 60_000,
        ..RULES
    };
    game.rules = long;
    join(&mut game, 0, 0, &mut out);
    join(&mut game, 0, 1, &mut out);
    game.poll(0, &mut out);
    give(
        &mut game,
        SILENCE_MS,
        0,
        input(0, 1, Intent::default()),
        &mut out,
    );
    assert_eq!(game.poll(SILENCE_MS + 1, &mut out), None);
    assert!(out.wanted.contains(&Effect::EndSession("ses_1".into())));
    assert!(!out.wanted.contains(&Effect::EndSession("ses_0".into())));
    assert_eq!(out.report().unwrap()["outcome"], "deserted");
}

#[test]
fn verdicts_are_obeyed_and_not_reported_back() {
    let mut game = game(3, RULES);
    let mut out = Recorder::default();
    for player in 0..3 {
        join(&mut game, 0, player, &mut out);
    }
    game.on_verdicts(&["ses_1".into(), "ses_other".into()], &mut out);
    assert_eq!(out.farewell(1), Some(Farewell::SessionEnded));
    assert_eq!(game.present(), 2);
    assert!(
        !out.wanted
            .iter()
            .any(|e| matches!(e, Effect::EndSession(_)))
    );
}

#[test]
fn heartbeats_carry_the_measured_round_trip() {
    let mut game = game(2, RULES);
    let mut out = Recorder::default();
    join(&mut game, 0, 0, &mut out);
    let mut echoed = input(0, 1, Intent::default());
    echoed.stamp = Stamp {
        sent_ms: 1,
        echo_ms: wire_ms(900),
        held_ms: 60,
    };
    give(&mut game, 1_000, 0, echoed, &mut out);
    game.poll(HEARTBEAT_MS, &mut out);
    let heartbeats = out.wanted.iter().find_map(|effect| match effect {
        Effect::Heartbeats(all) => Some(all.heartbeats.clone()),
        _ => None,
    });
    let expected = Heartbeat {
        session_id: "ses_0".into(),
        latency_ms: Some(40.0),
    };
    assert_eq!(heartbeats, Some(vec![expected]));
}

fn cheat(rules: Rules, input_of: impl Fn(u32) -> Input) -> (Game, Recorder) {
    let mut game = game(3, rules);
    let mut out = Recorder::default();
    for player in 0..3 {
        join(&mut game, 0, player, &mut out);
    }
    game.poll(0, &mut out);
    for number in 1..=200 {
        give(&mut game, 1_000, 0, input_of(number), &mut out);
    }
    (game, out)
}

#[test]
fn cheats_are_kicked_when_the_server_looks_and_only_slowed_when_not() {
    let fast = Intent {
        move_x: 127,
        move_y: 127,
        ..Intent::default()
    };
    let too_fast = |number| input(0, number, fast);
    let too_many = |number| input(0, number, Intent::default());
    let replayed = |number| input(0, if number == 1 { 500 } else { 1 }, Intent::default());
    for (what, (game, out)) in [
        ("speed", cheat(RULES, too_fast)),
        ("rate", cheat(RULES, too_many)),
        ("sequence", cheat(RULES, replayed)),
    ] {
        assert_eq!(out.farewell(0), Some(Farewell::Kicked), "{what}");
        assert!(
            out.wanted.contains(&Effect::EndSession("ses_0".into())),
            "{what}"
        );
        assert_eq!(game.present(), 2, "{what}");
    }
    let (game, out) = cheat(
        Rules {
            anti_cheat: false,
            ..RULES
        },
        too_fast,
    );
    assert_eq!((out.farewell(0), game.present()), (None, 3));
}

#[test]
fn a_wrong_secret_moves_nobody_and_gets_no_answer() {
    let mut game = game(2, RULES);
    let mut out = Recorder::default();
    join(&mut game, 0, 0, &mut out);
    join(&mut game, 0, 1, &mut out);
    out.sent.clear();
    let forged = Input {
        secret: SECRET + 1,
        ..input(0, 1, Intent::default())
    };
    give(&mut game, 10, 5, forged, &mut out);
    let mut room = [0; DATAGRAM_MAX];
    let leave = ClientPacket::Leave { slot: 0, secret: 1 }
        .encode(&mut room)
        .unwrap();
    game.on_datagram(10, address(5), leave, &mut out);
    assert!(out.sent.is_empty() && game.present() == 2);
    assert_eq!(game.seats[0].address, address(0));
}

#[test]
fn a_player_who_comes_back_keeps_the_slot_and_the_score() {
    let mut game = game(2, RULES);
    let mut out = Recorder::default();
    join(&mut game, 0, 0, &mut out);
    join(&mut game, 0, 1, &mut out);
    game.dismiss(0, Farewell::Left, true, &mut out);
    let asked = (address(7), 7);
    game.on_redeemed(50, asked, Ok(admission(0, "mat_1")), SECRET, &mut out);
    let welcome = out.last_to(7);
    assert!(
        matches!(welcome, Some(ServerPacket::Welcome { slot: 0, .. })),
        "{welcome:?}"
    );
    assert_eq!((game.seats.len(), game.present()), (2, 2));
}
