//! Tickets that are durable before they are acknowledged, against the same server's empty answers.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use crate::Failure;
use crate::figure::{Figure, quantile};
use crate::http::{Connection, request};
use crate::platform::Platform;

const CLIENTS: u32 = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const SPAN: Duration = Duration::from_secs(6);

/// Nobody can be matched: players must have the same skill, and no two have it. So the queue grows to as many tickets as
/// the run creates, and is planned over all the time.
const CONFIG: &str = "
fleets: [{name: arena, region: us-east-1, min_replicas: 1, max_replicas: 1, buffer_size: 0}]
game_modes: [{name: duel, players_target: 2, teams: 2, skill: {initial: 0, growth_per_second: 0, max: 0}}]
gateway:
  limits: { connections_per_address_max: 1000, requests_per_second_per_address: 1000000 }
";

/// The cheapest answer of the player edge: no token, no state, a list of five words.
const EMPTY: &str = "/v1/regions";

/// Answers within the measured span.
#[derive(Debug, Default)]
struct Tally {
    answers: u32,
    latencies_ms: Vec<f64>,
}

pub(crate) async fn run() -> Result<Vec<Figure>, Failure> {
    let platform = Platform::start(CONFIG).await?;
    platform.servers_ready(1).await?;
    let token = platform.token("bench", true)?;
    let empty = request("GET", EMPTY, None, "");
    let mut reference = load(&platform, 200, move |_, _, text| text.push_str(&empty)).await?;
    let mut created = load(&platform, 201, move |client, turn, text| {
        write_ticket(text, &token, client, turn);
    })
    .await?;
    platform.stop().await?;
    let per_second = |tally: &Tally| f64::from(tally.answers) / SPAN.as_secs_f64();
    Ok(vec![
        Figure::against(
            "tickets_durable",
            per_second(&created),
            "1/s",
            per_second(&reference),
            "GET /v1/regions",
        ),
        Figure::against(
            "tickets_durable_p50",
            quantile(&mut created.latencies_ms, 0.5),
            "ms",
            quantile(&mut reference.latencies_ms, 0.5),
            "GET /v1/regions",
        ),
        Figure::against(
            "tickets_durable_p99",
            quantile(&mut created.latencies_ms, 0.99),
            "ms",
            quantile(&mut reference.latencies_ms, 0.99),
            "GET /v1/regions",
        ),
    ])
}

fn write_ticket(text: &mut String, token: &str, client: u32, turn: u32) {
    // Below 1,000,000, the highest skill, for 15,000 turns of every client.
    let skill = turn * CLIENTS + client;
    let body = format!(
        r#"{{"game_mode":"duel","players":[{{"player_id":"player-{client}-{turn}","skill":{skill},"latencies_ms":{{"us-east-1":20}}}}]}}"#
    );
    write!(
        text,
        "{}",
        request("POST", "/v1/tickets", Some(token), &body)
    )
    .expect("a string takes everything");
}

/// Keeps every client busy with one request after the other; `write` appends the request of a client's turn.
async fn load(
    platform: &Platform,
    expected: u16,
    write: impl Fn(u32, u32, &mut String) + Clone + 'static,
) -> Result<Tally, Failure> {
    let mut connections = Vec::new();
    for _ in 0..CLIENTS {
        connections.push(Connection::open(platform.gateway).await?);
    }
    let from = Instant::now() + WARM_UP;
    let tally = Rc::new(RefCell::new(Tally::default()));
    let mut clients = JoinSet::new();
    let here = LocalSet::new();
    for (number, connection) in (0..CLIENTS).zip(connections) {
        let client = Client {
            connection,
            expected,
            from,
            tally: Rc::clone(&tally),
        };
        let write = write.clone();
        let keep_busy = client.keep_busy(move |turn, text| write(number, turn, text));
        clients.spawn_local_on(keep_busy, &here);
    }
    here.run_until(async {
        while let Some(ended) = clients.join_next().await {
            ended??;
        }
        Ok(tally.take())
    })
    .await
}

struct Client {
    connection: Connection,
    expected: u16,
    from: Instant,
    tally: Rc<RefCell<Tally>>,
}

impl Client {
    async fn keep_busy(mut self, write: impl Fn(u32, &mut String)) -> Result<(), Failure> {
        let mut text = String::with_capacity(1_024);
        for turn in 0.. {
            text.clear();
            write(turn, &mut text);
            let sent = Instant::now();
            let (status, start) = self.connection.exchange(text.as_bytes()).await?;
            if status != self.expected {
                let body = String::from_utf8_lossy(self.connection.body(start));
                return Err(format!("{status}: {body}").into());
            }
            let now = Instant::now();
            if now >= self.from + SPAN {
                break;
            }
            if now >= self.from {
                let mut tally = self.tally.borrow_mut();
                tally.answers += 1;
                tally
                    .latencies_ms
                    .push((now - sent).as_secs_f64() * 1_000.0);
            }
        }
        Ok(())
    }
}
