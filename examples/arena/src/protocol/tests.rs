use proptest::prelude::*;

use super::*;

fn stamps() -> impl Strategy<Value = Stamp> {
    any::<(u32, u32, u16)>().prop_map(|(sent_ms, echo_ms, held_ms)| Stamp {
        sent_ms,
        echo_ms,
        held_ms,
    })
}

fn intents() -> impl Strategy<Value = Intent> {
    any::<(i8, i8, i8, i8, bool)>().prop_map(|(move_x, move_y, aim_x, aim_y, fire)| Intent {
        move_x,
        move_y,
        aim_x,
        aim_y,
        fire,
    })
}

fn bodies() -> impl Strategy<Value = Vec<Body>> {
    let body = any::<(u8, u8, u16, u16, u16)>().prop_map(|(slot, team, x, y, score)| Body {
        slot,
        team,
        x,
        y,
        score,
    });
    prop::collection::vec(body, 0..=SEATS_MAX)
}

/// Bytes that pass the header, so that what comes after it is reached.
fn nearly_packets() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(vec![HELLO, INPUT, LEAVE, WELCOME, REFUSED, SNAPSHOT, BYE]);
    (kind, prop::collection::vec(any::<u8>(), 0..200)).prop_map(|(kind, rest)| {
        let mut bytes = vec![MAGIC[0], MAGIC[1], VERSION, kind];
        bytes.extend(rest);
        bytes
    })
}

fn there_and_back(packet: ClientPacket<'_>) {
    let mut room = [0; DATAGRAM_MAX];
    let bytes = packet.encode(&mut room).unwrap();
    assert_eq!(ClientPacket::decode(bytes), Some(packet));
    assert_eq!(ServerPacket::decode(bytes), None);
}

proptest! {
    #[test]
    fn client_packets_round_trip(
        (nonce, secret, sequence, slot) in any::<(u64, u64, u32, u8)>(),
        token in "[ -~]{0,1024}",
        stamp in stamps(),
        intent in intents(),
    ) {
        there_and_back(ClientPacket::Hello { nonce, token: &token });
        there_and_back(ClientPacket::Input(Input { slot, secret, sequence, stamp, intent }));
        there_and_back(ClientPacket::Leave { slot, secret });
    }

    #[test]
    fn server_packets_round_trip(
        (nonce, secret, tick, acknowledged, slot, tick_rate) in any::<(u64, u64, u32, u32, u8, u16)>(),
        stamp in stamps(),
        seen in bodies(),
        (refusal, farewell) in (1_u8..=4, 1_u8..=5),
    ) {
        let mut raw = Vec::new();
        for body in &seen {
            body.write(&mut raw);
        }
        let bodies = Bodies::new(&raw).unwrap();
        prop_assert_eq!(bodies.iter().collect::<Vec<_>>(), seen);
        for packet in [
            ServerPacket::Welcome { nonce, slot, secret, tick_rate },
            ServerPacket::Refused { nonce, refusal: Refusal::from_code(refusal).unwrap() },
            ServerPacket::Snapshot { nonce, tick, acknowledged, stamp, bodies },
            ServerPacket::Bye { nonce, farewell: Farewell::from_code(farewell).unwrap() },
        ] {
            let mut room = [0; DATAGRAM_MAX];
            let bytes = packet.encode(&mut room).unwrap();
            prop_assert_eq!(ServerPacket::decode(bytes), Some(packet));
            prop_assert_eq!(ClientPacket::decode(bytes), None);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        fuzz_decode(&bytes);
    }

    #[test]
    fn nearly_right_bytes_are_survived(bytes in nearly_packets()) {
        fuzz_decode(&bytes);
    }

    #[test]
    fn cut_and_flipped_packets_are_survived(
        nonce in any::<u64>(),
        token in "[a-z]{0,300}",
        cut in 0_usize..400,
        flip in 0_usize..400,
    ) {
        let mut room = [0; DATAGRAM_MAX];
        let mut bytes = ClientPacket::Hello { nonce, token: &token }.encode(&mut room).unwrap().to_vec();
        if let Some(byte) = bytes.get_mut(flip) {
            *byte ^= 0x41;
        }
        bytes.truncate(cut);
        fuzz_decode(&bytes);
    }
}

#[test]
fn no_answer_to_a_hello_is_larger_than_the_hello() {
    let mut room = [0; DATAGRAM_MAX];
    let hello = ClientPacket::Hello {
        nonce: 1,
        token: "",
    };
    let asked = hello.encode(&mut room).unwrap().len();
    assert_eq!(asked, HELLO_BYTES_MIN);
    for answer in [
        ServerPacket::Welcome {
            nonce: 1,
            slot: 1,
            secret: 1,
            tick_rate: 1,
        },
        ServerPacket::Refused {
            nonce: 1,
            refusal: Refusal::Token,
        },
        ServerPacket::Bye {
            nonce: 1,
            farewell: Farewell::Kicked,
        },
    ] {
        assert!(answer.encode(&mut room).unwrap().len() <= asked);
    }
}

#[test]
fn a_token_that_is_too_long_is_not_sent() {
    let token = "x".repeat(TOKEN_BYTES_MAX + 1);
    let hello = ClientPacket::Hello {
        nonce: 1,
        token: &token,
    };
    assert_eq!(hello.encode(&mut [0; DATAGRAM_MAX]), None);
}

#[test]
fn the_round_trip_survives_a_wrapping_clock_and_refuses_nonsense() {
    let stamp = Stamp {
        sent_ms: 0,
        echo_ms: u32::MAX - 9,
        held_ms: 5,
    };
    assert_eq!(stamp.round_trip_ms(40), Some(45));
    assert_eq!(stamp.round_trip_ms(u32::MAX - 6), None);
    let nothing = Stamp {
        held_ms: Stamp::NOTHING,
        ..stamp
    };
    assert_eq!(nothing.round_trip_ms(40), None);
}
