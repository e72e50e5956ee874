//! Gateways that answer badly: the client stays bounded, and says what happened.
#![allow(clippy::panic, clippy::unwrap_used, reason = "part of tests only")]

use futures_util::{SinkExt, StreamExt};
use stadion_client::wire::EventKind;
use stadion_client::{CLOSE_REPLACED, Client, ClientError, ProblemKind, Update};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

async fn listen() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/prefix/", listener.local_addr().unwrap());
    (listener, Client::new(&url, "token").unwrap())
}

/// Reads one request's head.
async fn request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// What the client makes of these bytes.
async fn answered(bytes: Vec<u8>) -> ClientError {
    let (listener, client) = listen().await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = request(&mut stream).await;
        assert!(
            head.starts_with("GET /prefix/v1/tickets HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("authorization: Bearer token\r\n"), "{head}");
        // The client may hang up before everything is written.
        drop(stream.write_all(&bytes).await);
    });
    let error = client.tickets().await.unwrap_err();
    serving.await.unwrap();
    error
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn answers_that_are_none() {
    let problem =
        r#"{"type":"urn:stadion:problem:overloaded","title":"t","status":503,"detail":"d"}"#;
    let full = answered(http("503 x", "retry-after: 7\r\n", problem)).await;
    assert_eq!(full.kind(), Some(ProblemKind::Overloaded));
    let ClientError::Problem { retry_after_ms, .. } = &full else {
        panic!("{full}");
    };
    assert_eq!(*retry_after_ms, Some(7_000));

    let proxy = answered(http("502 Bad Gateway", "", "<html>")).await;
    assert_eq!(proxy.kind(), None);
    assert!(proxy.is_retryable(), "{proxy}");
    let unknown = answered(http("418 x", "", "tea")).await;
    assert!(!unknown.is_retryable(), "{unknown}");

    let html = answered(http("200 OK", "", "<html>")).await;
    assert!(matches!(html, ClientError::Answer(_)), "{html}");
    let cut = answered(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{".to_vec()).await;
    assert!(matches!(cut, ClientError::Transport(_)), "{cut}");
    let noise = answered(b"SSH-2.0-x\r\n\r\n".to_vec()).await;
    assert!(matches!(noise, ClientError::Transport(_)), "{noise}");
}

#[tokio::test]
async fn i7_an_endless_answer_is_cut() {
    let endless = http("200 OK", "", &"[".repeat(5 * 1_024 * 1_024));
    let error = answered(endless).await;
    assert!(
        matches!(&error, ClientError::Answer(why) if why.contains("bytes")),
        "{error}"
    );
}

#[test]
fn what_cannot_be_sent_is_said_at_once() {
    let urls = [
        "",
        "127.0.0.1:80",
        "https://h",
        "http://",
        "http://u:p@h",
        "http://h?q",
        "ws://h",
    ];
    for url in urls {
        let error = Client::new(url, "t").unwrap_err();
        assert!(matches!(error, ClientError::Invalid(_)), "{url}");
    }
    assert!(Client::new("http://[::1]:80", "t").is_ok());
    assert!(Client::new("http://h", "a\nb").is_err());
    let client = Client::new("http://h", "secret").unwrap();
    assert!(!format!("{client:?}").contains("secret"));
}

#[tokio::test]
async fn an_id_never_becomes_another_path() {
    let (_listener, client) = listen().await;
    for id in ["", "../regions", "a/b", "a?b", "a%2fb"] {
        let error = client.ticket(id).await.unwrap_err();
        assert!(matches!(error, ClientError::Invalid(_)), "{id}");
    }
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = listener.accept().await.unwrap();
    accept_async(stream).await.unwrap()
}

async fn event(socket: &mut WebSocketStream<TcpStream>, number: u64, kind: &str) {
    let text = format!(r#"{{"number":{number},"at_ms":1,"type":"{kind}","ticket_id":"tkt_1"}}"#);
    socket.send(Message::text(text)).await.unwrap();
}

#[tokio::test]
async fn repetitions_and_breaks_do_not_reach_the_caller() {
    let (listener, client) = listen().await;
    let serving = tokio::spawn(async move {
        let mut socket = accept(&listener).await;
        let hello = r#"{"type":"hello","player_id":"ann","last_number":9}"#;
        socket.send(Message::text(hello)).await.unwrap();
        for number in [4, 5, 5, 3, 6] {
            event(&mut socket, number, "ticket_searching").await;
        }
        socket.send(Message::Ping(vec![1].into())).await.unwrap();
        // The answer shows that everything was read.
        while !socket.next().await.unwrap().unwrap().is_pong() {}
        drop(socket);
        let mut socket = accept(&listener).await;
        event(&mut socket, 6, "ticket_searching").await;
        event(&mut socket, 7, "weather").await;
        let frame = CloseFrame {
            code: CLOSE_REPLACED.into(),
            reason: "".into(),
        };
        socket.close(Some(frame)).await.unwrap();
    });
    let mut events = client.connect(3).await.unwrap();
    let mut seen = Vec::new();
    let end = loop {
        match events.next().await {
            Ok(Update::Event(event)) => seen.push((event.number, event.kind)),
            Ok(other) => panic!("{other:?} was not sent"),
            Err(error) => break error,
        }
    };
    assert_eq!(end, ClientError::Replaced);
    let numbers: Vec<u64> = seen.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [4, 5, 6, 7]);
    assert_eq!(
        seen[3].1,
        EventKind::Unknown,
        "newer kinds are counted, too"
    );
    serving.await.unwrap();
}
