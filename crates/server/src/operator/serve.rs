//! The listener of the operators' edge, and its limits.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Connections at once: a Prometheus, some dashboards and a script each with a handful, twenty times over. More wait
/// until one ends.
const CONNECTIONS_MAX: u32 = 256;
/// Time for the head of a request, and for the next request of a connection; half a request frees its place then. As at
/// the gateway: longer than clients keep idle connections (30 s), so that they close first.
const HEAD_TIMEOUT: Duration = Duration::from_secs(40);
/// Head of a request, bytes; hyper's smallest.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Pause after a connection could not be accepted, as when there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests have to end when the platform does. Without it, half a request would hold up the end for ever.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves `router` on `listener` until `stop`, and then lets what is under way end for some seconds.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(
        usize::try_from(CONNECTIONS_MAX).unwrap_or(Semaphore::MAX_PERMITS),
    ));
    tokio::select! {
        () = accept(&listener, &router, &places, &stop) => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    let all_gone = places.acquire_many(CONNECTIONS_MAX);
    if tokio::time::timeout(DRAIN, all_gone).await.is_err() {
        tracing::info!("some operators' connections did not end in time");
    }
}

async fn accept(
    listener: &TcpListener,
    router: &Router,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) {
    loop {
        let place = Arc::clone(places).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let (router, stop) = (router.clone(), stop.clone());
                tokio::spawn(async move {
                    hold(stream, router, &stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "an operator's connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection until it ends.
async fn hold(stream: TcpStream, router: Router, stop: &CancellationToken) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let outcome = tokio::select! {
        outcome = &mut serving => outcome,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "an operator's connection broke");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A listener with `GET /` behind it.
    async fn edge(stop: &CancellationToken) -> (std::net::SocketAddr, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        (address, tokio::spawn(serve(listener, router, stop.clone())))
    }

    async fn ask(address: std::net::SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn i7_half_open_connections_take_places_and_give_them_back() {
        let stop = CancellationToken::new();
        let (address, serving) = edge(&stop).await;
        let mut halves = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            let mut half = TcpStream::connect(address).await.unwrap();
            half.write_all(b"GET / HT").await.unwrap();
            halves.push(half);
        }
        let asking = tokio::spawn(ask(address));
        drop(halves);
        assert!(asking.await.unwrap().ends_with("here"));
        stop.cancel();
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_stop_closes_a_connection_that_rests() {
        let stop = CancellationToken::new();
        let (address, serving) = edge(&stop).await;
        let mut resting = TcpStream::connect(address).await.unwrap();
        assert!(ask(address).await.ends_with("here"));
        stop.cancel();
        serving.await.unwrap();
        assert_eq!(resting.read(&mut [0; 8]).await.unwrap_or(0), 0);
    }
}
