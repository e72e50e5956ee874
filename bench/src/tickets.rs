//! Tickets that are durable before they are acknowledged, against the same server's empty answers.

use std::cell::RefCell;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use crate::Failure;
use crate::figure::{Figure, quantile};
use crate::http::{Connection, request};
use crate::platform::Platform;

/// Connections of a run. A client waits for its answer, so with few of them the disk decides and with many the
/// processors.
const CLIENTS: [u32; 2] = [64, 1_024];
const SYNCS: usize = 200;
/// What one commit of a batch of 64 tickets writes, bytes, about: 14 pages of 4 KiB.
const BATCH_BYTES: usize = 14 * 4_096;
const WARM_UP: Duration = Duration::from_secs(1);
const SPAN: Duration = Duration::from_secs(6);

/// Nobody can be matched: players must have the same skill, and no two have it. So the queue grows to as many tickets as
/// the run creates, and is planned over all the time.
const CONFIG: &str = "
fleets: [{name: arena, region: us-east-1, min_replicas: 1, max_replicas: 1, buffer_size: 0}]
game_modes: [{name: duel, players_target: 2, teams: 2, skill: {initial: 0, growth_per_second: 0, max: 0}}]
gateway:
  limits: { connections_per_address_max: 2000, requests_per_second_per_address: 1000000 }
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
    let sync_ms = sync_ms()?;
    let mut figures = vec![Figure::alone("disk_sync_p50", sync_ms, "ms")];
    for clients in CLIENTS {
        figures.extend(with_clients(clients, sync_ms).await?);
    }
    Ok(figures)
}

async fn with_clients(clients: u32, sync_ms: f64) -> Result<[Figure; 4], Failure> {
    let platform = Platform::start(CONFIG).await?;
    platform.servers_ready(1).await?;
    let token = platform.token("bench", true)?;
    let empty = request("GET", EMPTY, None, "");
    let writes_empty = move |_: u32, _: u32, text: &mut String| text.push_str(&empty);
    let mut reference = load(&platform, clients, 200, writes_empty).await?;
    let writes_ticket = move |client: u32, turn: u32, text: &mut String| {
        write_ticket(text, &token, turn * clients + client);
    };
    let mut created = load(&platform, clients, 201, writes_ticket).await?;
    platform.stop().await?;
    let per_second = |tally: &Tally| f64::from(tally.answers) / SPAN.as_secs_f64();
    let value = per_second(&created);
    let name = format!("tickets_{clients}");
    Ok([
        Figure::against(&name, value, "1/s", per_second(&reference), EMPTY),
        Figure::against(
            format!("{name}_by_disk"),
            value,
            "1/s",
            f64::from(clients) * 1_000.0 / sync_ms,
            "every client in every disk sync",
        ),
        Figure::against(
            format!("{name}_p50"),
            quantile(&mut created.latencies_ms, 0.5),
            "ms",
            quantile(&mut reference.latencies_ms, 0.5),
            EMPTY,
        ),
        Figure::against(
            format!("{name}_p99"),
            quantile(&mut created.latencies_ms, 0.99),
            "ms",
            quantile(&mut reference.latencies_ms, 0.99),
            EMPTY,
        ),
    ])
}

/// How long the disk takes to make one batch durable, milliseconds, median: no ticket can be acknowledged sooner.
fn sync_ms() -> Result<f64, Failure> {
    let mut file = tempfile::tempfile()?;
    let mut spans_ms = Vec::with_capacity(SYNCS);
    for number in 0..=SYNCS {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[1; BATCH_BYTES])?;
        let begun = Instant::now();
        file.sync_data()?;
        // The first one also makes the file grow.
        if number > 0 {
            spans_ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
    }
    Ok(quantile(&mut spans_ms, 0.5))
}

/// `number` is the player's and their skill; a run creates far fewer tickets than 1,000,000, the highest skill.
fn write_ticket(text: &mut String, token: &str, number: u32) {
    let body = format!(
        r#"{{"game_mode":"duel","players":[{{"player_id":"player-{number}","skill":{number},"latencies_ms":{{"us-east-1":20}}}}]}}"#
    );
    text.push_str(&request("POST", "/v1/tickets", Some(token), &body));
}

/// Keeps every client busy with one request after the other; `write` appends the request of a client's turn.
async fn load(
    platform: &Platform,
    clients: u32,
    expected: u16,
    write: impl Fn(u32, u32, &mut String) + Clone + 'static,
) -> Result<Tally, Failure> {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Connection::open(platform.gateway).await?);
    }
    let from = Instant::now() + WARM_UP;
    let tally = Rc::new(RefCell::new(Tally::default()));
    let mut running = JoinSet::new();
    let here = LocalSet::new();
    for (number, connection) in (0..clients).zip(connections) {
        let client = Client {
            connection,
            expected,
            from,
            tally: Rc::clone(&tally),
        };
        let write = write.clone();
        let keep_busy = client.keep_busy(move |turn, text| write(number, turn, text));
        running.spawn_local_on(keep_busy, &here);
    }
    here.run_until(async {
        while let Some(ended) = running.join_next().await {
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
