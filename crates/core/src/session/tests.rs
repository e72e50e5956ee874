use super::*;

const START: Timestamp = Timestamp(1_000_000);

fn session(state: SessionState) -> Session {
    Session {
        id: SessionId::from_u128(1),
        player_id: PlayerId::new("p").unwrap(),
        match_id: MatchId::from_u128(2),
        ticket_id: TicketId::from_u128(3),
        server: ServerName::new("s").unwrap(),
        region: Region::new("eu").unwrap(),
        team: 0,
        role: None,
        state,
        created_at: START,
        connected_at: None,
        redeem_key: None,
        heartbeat_at: START,
        latency_ms: None,
    }
}

#[test]
fn a_session_is_over_when_it_is_silent_or_too_old() {
    let rules = SessionRules::default();
    let reason = EndReason::Left;
    let cases = [
        // State, last heartbeat, now (milliseconds since the start), over.
        (SessionState::Reserved, 0, 60_000, false),
        (SessionState::Reserved, 0, 60_001, true),
        (SessionState::Active, 50_000, 110_000, false),
        (SessionState::Active, 50_000, 110_001, true),
        (SessionState::Active, 86_400_000, 86_400_000, false),
        (SessionState::Active, 86_400_001, 86_400_001, true),
        // A clock that went back harms nobody.
        (SessionState::Active, 50_000, 0, false),
        (SessionState::Ended { reason }, 0, 99_999_999, false),
        (SessionState::Expired, 0, 99_999_999, false),
        (SessionState::Kicked, 0, 99_999_999, false),
    ];
    for (state, heartbeat_ms, now_ms, over) in cases {
        let mut session = session(state);
        session.heartbeat_at = START.plus_ms(heartbeat_ms);
        let found = rules.is_over(&session, START.plus_ms(now_ms));
        assert_eq!(found, over, "{state:?} at {now_ms} ms");
    }
}

#[test]
fn a_session_reads_as_it_was_written() {
    for state in [
        SessionState::Reserved,
        SessionState::Ended {
            reason: EndReason::ServerLost,
        },
    ] {
        let session = session(state);
        let text = serde_json::to_string(&session).unwrap();
        assert!(
            text.contains(&format!("\"state\":{:?}", state.as_str())),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Session>(&text).unwrap(), session);
    }
}
