//! The listener: connections, their limits, and the gateway's own loops.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::StreamExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use stadion_client::ProblemKind;
use stadion_core::state::Change;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::connect::CloseReason;
use crate::gateway::{Gateway, GatewayError};
use crate::limits::{
    ACCEPT_PAUSE_MS, DRAIN_TIMEOUT_MS, HEAD_BYTES_MAX, HEAD_TIMEOUT_MS, HEADERS_MAX,
    HOUSEKEEPING_MS, Limits, REFUSALS_MAX,
};
use crate::refusal::Refusal;

/// Connections by address.
type Addresses = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// One connection's place among all; given back when the last one who holds it is gone. A WebSocket holds it longer
/// than its HTTP connection lives.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Place>);

struct Place {
    address: IpAddr,
    refused: Option<ProblemKind>,
    addresses: Addresses,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock();
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

impl Connection {
    /// Where it comes from, as limits count it.
    pub(crate) fn address(&self) -> IpAddr {
        self.0.address
    }

    /// What its requests get instead of an answer.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let kind = self.0.refused?;
        Some(Refusal::new(kind, "close a connection before opening one"))
    }
}

/// The address that limits count: an IPv6 /64 is one household or machine.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let prefix = v6.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
    }
}

/// Who may come in.
struct Door {
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    addresses: Addresses,
    connections_max: usize,
    per_address_max: usize,
}

impl Door {
    fn new(limits: &Limits) -> Self {
        let connections_max = limits.connections_max.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(connections_max)),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            addresses: Addresses::default(),
            connections_max,
            per_address_max: limits.connections_per_address_max,
        }
    }

    /// A place for a connection from `address`; one that only says "too many"; or none at all.
    fn admit(&self, address: IpAddr) -> Option<Connection> {
        let address = group(address);
        let mut addresses = self.addresses.lock();
        let count = addresses.get(&address).copied().unwrap_or(0);
        let place = Arc::clone(&self.places).try_acquire_owned();
        let (permit, refused) = match place {
            Ok(permit) if count < self.per_address_max => (permit, None),
            full_or_many => {
                let kind = if full_or_many.is_ok() {
                    ProblemKind::TooManyConnections
                } else {
                    ProblemKind::Overloaded
                };
                drop(full_or_many);
                let refusals = Arc::clone(&self.refusals);
                (refusals.try_acquire_owned().ok()?, Some(kind))
            }
        };
        addresses.insert(address, count + 1);
        drop(addresses);
        Some(Connection(Arc::new(Place {
            address,
            refused,
            addresses: Arc::clone(&self.addresses),
            _permit: permit,
        })))
    }

    /// Waits until everybody has left.
    async fn emptied(&self) {
        let all = u32::try_from(self.connections_max).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        drop(self.places.acquire_many(all).await);
    }
}

impl Gateway {
    /// Serves `listener` until `shutdown`, then lets connections end for some seconds. Call it once: it also runs the
    /// loop that tells players of their events.
    ///
    /// # Errors
    /// [`GatewayError::WatchEnded`].
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<(), GatewayError> {
        // Before the first connection, so that no event falls between.
        let changes = self.0.state.watch();
        let door = Door::new(&self.0.limits);
        let closing = CancellationToken::new();
        let outcome = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            () = self.accept(&listener, &door, &closing) => Ok(()),
            () = self.keep_house() => Ok(()),
            () = self.tell(changes) => Err(GatewayError::WatchEnded),
        };
        drop(listener);
        closing.cancel();
        self.0.hub.close(CloseReason::GoingAway);
        let drain = Duration::from_millis(DRAIN_TIMEOUT_MS);
        if tokio::time::timeout(drain, door.emptied()).await.is_err() {
            tracing::info!("some connections did not end in time");
        }
        outcome
    }

    /// Puts events into their players' inboxes, for as long as the state tells of them.
    async fn tell(&self, changes: impl futures_util::Stream<Item = Change>) {
        let mut changes = pin!(changes);
        while let Some(change) = changes.next().await {
            match change {
                Change::Event(event) => self.0.hub.deliver(event),
                Change::Lagged => self.0.hub.missed(),
                Change::Match(game) => self.0.hub.deliver_acceptance(&game),
                Change::Ticket(_) => {}
            }
        }
    }

    async fn keep_house(&self) {
        let mut interval = tokio::time::interval(Duration::from_millis(HOUSEKEEPING_MS));
        loop {
            interval.tick().await;
            self.0.rates.forget_rested();
        }
    }

    async fn accept(&self, listener: &TcpListener, door: &Door, closing: &CancellationToken) {
        let router = self.router();
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    self.admit(stream, peer, door, &router, closing);
                }
                Err(error) => {
                    // Out of descriptors, or a connection that broke while it waited; neither ends the gateway.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                }
            }
        }
    }

    fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        door: &Door,
        router: &Router,
        closing: &CancellationToken,
    ) {
        let Some(connection) = door.admit(peer.ip()) else {
            self.0.observer.refused(ProblemKind::Overloaded);
            return;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection broke at once");
            return;
        }
        let closing = closing.clone();
        tokio::spawn(hold(stream, connection, router.clone(), closing));
    }
}

/// Serves one connection until it ends.
async fn hold(
    stream: TcpStream,
    connection: Connection,
    router: Router,
    closing: CancellationToken,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEAD_TIMEOUT_MS))
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let outcome = tokio::select! {
        outcome = &mut serving => outcome,
        () = closing.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i7_places_are_counted_by_address_and_come_back() {
        let door = Door::new(&Limits {
            connections_max: 3,
            connections_per_address_max: 2,
            ..Limits::default()
        });
        let here: IpAddr = "2001:db8::1".parse().unwrap();
        let same_net: IpAddr = "2001:db8::ffff".parse().unwrap();
        let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
        let first = door.admit(here).unwrap();
        let second = door.admit(same_net).unwrap();
        let third = door.admit(here).unwrap();
        assert_eq!(third.0.refused, Some(ProblemKind::TooManyConnections));
        drop(third);
        let fourth = door.admit(elsewhere).unwrap();
        assert_eq!(fourth.0.refused, None);
        let fifth = door.admit(elsewhere).unwrap();
        assert_eq!(fifth.0.refused, Some(ProblemKind::Overloaded));
        drop((first, second, fourth, fifth));
        assert!(door.addresses.lock().is_empty());
        assert_eq!(door.places.available_permits(), 3);
    }
}
