//! A real game server and real players, over real sockets, on a platform that is made up.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests fail like the tests"
)]

mod edge;
mod process;
mod sdk;

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use stadion_arena::bot::{BotSwarm, SwarmParams, SwarmStats};
use stadion_arena::server::{self, ServerConfig, ServerError};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use edge::{Book, FakeEdge};
use sdk::FakeSdk;

/// Longest wait for anything in these tests.
const PATIENCE: Duration = Duration::from_secs(90);

struct Platform {
    edge: FakeEdge,
    sdk: FakeSdk,
    url: String,
    stop: CancellationToken,
    server: JoinHandle<Result<(), ServerError>>,
}

impl Platform {
    async fn open(match_seconds: u64, server_type: &'static str) -> Self {
        let port = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let (sdk, sdk_address) = FakeSdk::open().await;
        let (edge, address) = FakeEdge::open(sdk.clone(), port).await;
        let url = format!("http://{address}");
        let config = ServerConfig::from_lookup(|name| match name {
            "GAME_PORT" => Some(port.to_string()),
            "STADION_URL" => Some(url.clone()),
            "STADION_SERVER_TOKEN" => Some("server-secret".into()),
            "AGONES_SDK_GRPC_HOST" => Some("127.0.0.1".into()),
            "AGONES_SDK_GRPC_PORT" => Some(sdk_address.port().to_string()),
            "ARENA_MATCH_SECONDS" => Some(match_seconds.to_string()),
            "SERVER_TYPE" => Some(server_type.into()),
            _ => None,
        })
        .unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(server::serve(config, stop.clone()));
        Self {
            edge,
            sdk,
            url,
            stop,
            server,
        }
    }

    fn swarm(&self, players: usize, queue_for: Duration) -> BotSwarm {
        let mut params = SwarmParams::new(
            &self.url,
            Arc::new(|ids| ids.join(",")),
            Arc::new(|| 0),
            players,
        );
        params.modes = vec![("duel".into(), 1.0)];
        params.ramp = Duration::ZERO;
        params.pause = Duration::from_millis(50);
        params.queue_for = queue_for;
        params.drain_for = PATIENCE;
        BotSwarm::new(params)
    }

    async fn until(&self, what: &str, holds: impl Fn(&Book) -> bool) {
        let mut changes = self.edge.changes();
        let wait = async {
            while !holds(&self.edge.book.lock()) {
                changes.changed().await.unwrap();
            }
        };
        assert!(timeout(PATIENCE, wait).await.is_ok(), "{what}");
    }

    async fn close(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.server)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

fn count(stats: &SwarmStats, outcome: &str) -> u64 {
    stats.played.get(outcome).copied().unwrap_or(0)
}

#[tokio::test]
async fn two_players_play_a_whole_match_and_its_result_outlives_an_outage() {
    let platform = Platform::open(6, "dedicated").await;
    platform.edge.book.lock().refuse_results = 2;
    let swarm = platform.swarm(2, Duration::from_secs(3));
    let stats = timeout(PATIENCE, swarm.run(CancellationToken::new()))
        .await
        .unwrap()
        .unwrap();
    {
        let book = platform.edge.book.lock();
        assert_eq!(book.results.len(), 1);
        let result = &book.results[0];
        assert_eq!(result["outcome"], "played");
        assert!(result["played_ms"].as_u64().unwrap() >= 6_000);
        assert_eq!(result["scores"].as_object().unwrap().len(), 2);
        assert_eq!((book.refuse_results, book.reused), (0, 0));
        assert_eq!(
            book.latencies_ms.len(),
            2,
            "one report of both players in 6 s"
        );
        assert!(book.is_empty(), "no ticket and no session is left");
    }
    assert_eq!(
        (stats.players, stats.tickets_matched, stats.seats),
        (2, 2, 2)
    );
    assert_eq!(count(&stats, "match_over"), 2);
    assert!(stats.errors.is_empty(), "{:?}", stats.errors);
    let latency = &stats.latency_ms["us-east-1"];
    assert!(latency.count() >= 50, "{} samples", latency.count());
    assert!(
        latency.percentile(50.0).unwrap() >= 6,
        "the distance is simulated"
    );
    platform.close().await;
}

#[tokio::test]
async fn the_server_takes_match_after_match_and_players_leave_nothing_behind() {
    let platform = Platform::open(1, "dedicated").await;
    let swarm = platform.swarm(5, PATIENCE);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (swarm, stop) = (swarm.clone(), stop.clone());
        async move { swarm.run(stop).await }
    });
    platform
        .until("three matches", |book| book.results.len() >= 3)
        .await;
    stop.cancel();
    let stats = timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
    assert!(stats.tickets_matched >= 6);
    assert_eq!(stats.playing, 0);
    assert_eq!(stats.searching, 0);
    platform.until("nothing is left", Book::is_empty).await;
    platform.close().await;
}

#[tokio::test]
async fn a_match_server_asks_for_its_end_after_one_match() {
    let platform = Platform::open(1, "match").await;
    let swarm = platform.swarm(2, PATIENCE);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (swarm, stop) = (swarm.clone(), stop.clone());
        async move { swarm.run(stop).await }
    });
    let ended = timeout(PATIENCE, platform.server).await.unwrap().unwrap();
    assert!(ended.is_ok());
    assert_eq!(platform.sdk.state(), "Shutdown");
    assert_eq!(platform.edge.book.lock().results.len(), 1);
    stop.cancel();
    timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_is_stopped_says_goodbye_and_reports() {
    let platform = Platform::open(3_600, "dedicated").await;
    let swarm = platform.swarm(2, PATIENCE);
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (swarm, stop) = (swarm.clone(), stop.clone());
        async move { swarm.run(stop).await }
    });
    let reach = async |what: &str, holds: fn(&SwarmStats) -> bool| {
        let wait = async {
            while !holds(&swarm.stats()) {
                tokio::time::sleep(Duration::from_millis(20)).await; // polls: the stats of the swarm
            }
        };
        assert!(timeout(PATIENCE, wait).await.is_ok(), "{what}");
    };
    reach("both play", |stats| stats.playing == 2).await;
    platform.stop.cancel();
    timeout(PATIENCE, platform.server)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    reach("both heard it", |stats| count(stats, "server_closing") == 2).await;
    {
        let results = &platform.edge.book.lock().results;
        assert_eq!(
            (results.len(), &results[0]["outcome"]),
            (1, &"closing".into())
        );
    }
    stop.cancel();
    timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
}
