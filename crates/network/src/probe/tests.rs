use proptest::prelude::*;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_window_tells_loss_percentiles_and_jitter() {
    let mut window = Window::default();
    assert_eq!(window.summary(), Summary::default());
    for sequence in 0..100 {
        window.sent(sequence, ms(sequence * 100));
        // Ten milliseconds each, but the last but one takes a hundred.
        let took = if sequence == 98 { 100 } else { 10 };
        if sequence != 99 {
            window.returned(sequence, ms(sequence * 100 + took));
        }
    }
    let before = window.summary();
    assert_eq!(
        (before.sent, before.lost),
        (99, 0),
        "the last is on its way"
    );
    window.expire(ms(9_900) + TIMEOUT);
    assert_eq!(window.summary().lost, 0, "just in time would still count");
    window.expire(ms(9_901) + TIMEOUT);
    let summary = window.summary();
    assert_eq!((summary.sent, summary.lost), (100, 1));
    assert!((summary.loss_ratio - 0.01).abs() < 1e-9);
    assert!((summary.p50_seconds.unwrap() - 0.010).abs() < 1e-9);
    assert!((summary.p99_seconds.unwrap() - 0.100).abs() < 1e-9);
    // One step of 90 ms, smoothed by sixteen.
    assert!((summary.jitter_seconds.unwrap() - 0.09 / 16.0).abs() < 1e-9);
}

#[test]
fn what_returns_late_or_twice_or_was_never_sent_does_not_count() {
    let mut window = Window::default();
    window.sent(0, ms(0));
    window.returned(7, ms(1));
    window.returned(0, ms(5));
    window.returned(0, ms(6));
    window.sent(1, ms(100));
    window.returned(1, ms(101) + TIMEOUT);
    let summary = window.summary();
    assert_eq!((summary.sent, summary.lost), (2, 1));
    assert_eq!(summary.p99_seconds, Some(0.005));
}

#[test]
fn a_window_is_bounded_whatever_is_sent() {
    let mut window = Window::default();
    for sequence in 0..100_000 {
        window.sent(sequence, ms(0));
    }
    window.expire(ms(10_000));
    assert_eq!(window.summary().sent, 100_000);
    assert!((window.summary().loss_ratio - 1.0).abs() < 1e-9);
}

#[test]
fn a_server_answers_only_requests_of_full_size_and_never_with_more() {
    let request = Probe {
        kind: Kind::Request,
        run: 1,
        sequence: 2,
    };
    let mut datagram = [0; REQUEST_BYTES];
    datagram[..HEADER_BYTES].copy_from_slice(&request.encode());
    let reply = Probe::reply_to(&datagram).unwrap();
    assert_eq!(
        Probe::decode(&reply),
        Some(Probe {
            kind: Kind::Reply,
            ..request
        })
    );
    assert_eq!(
        Probe::reply_to(&datagram[..REQUEST_BYTES - 1]),
        None,
        "too short to be answered"
    );
    datagram[..HEADER_BYTES].copy_from_slice(&reply);
    assert_eq!(Probe::reply_to(&datagram), None, "a reply is no request");
}

proptest! {
    #[test]
    fn probes_read_what_was_written(run: u64, sequence: u64, reply: bool, padding in proptest::collection::vec(any::<u8>(), 0..60)) {
        let kind = if reply { Kind::Reply } else { Kind::Request };
        let probe = Probe { kind, run, sequence };
        let datagram = [&probe.encode()[..], &padding].concat();
        prop_assert_eq!(Probe::decode(&datagram), Some(probe));
        prop_assert_eq!(Probe::decode(&datagram[..HEADER_BYTES - 1]), None);
        prop_assert!(crate::fuzz::probe_datagram(&datagram));
    }

    #[test]
    fn no_datagram_is_answered_with_more_than_itself(datagram in proptest::collection::vec(any::<u8>(), 0..100)) {
        crate::fuzz::probe_datagram(&datagram);
    }
}

#[tokio::test]
async fn probes_go_to_a_server_and_come_back_over_both_families() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let server = match Server::bind(listen.parse().unwrap()).await {
            Ok(server) => server,
            Err(error) => {
                eprintln!("skipped {listen}: {error}");
                continue;
            }
        };
        let peer = resolve(&server.address().unwrap().to_string())
            .await
            .unwrap();
        let window = std::cell::RefCell::new(Window::default());
        let enough = async {
            while window.borrow().summary().sent < 20 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            never = server.answer() => match never {},
            ended = run(peer, ms(1), 7, &window) => panic!("{ended:?}"),
            () = enough => {}
        }
        let summary = window.borrow().summary();
        assert_eq!(summary.lost, 0, "{summary:?}");
        assert!(summary.p50_seconds.unwrap() > 0.0);
    }
}

#[tokio::test]
async fn a_peer_without_an_address_is_a_wrong_command_line() {
    let error = resolve("nobody.invalid.:").await.unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error}");
}
