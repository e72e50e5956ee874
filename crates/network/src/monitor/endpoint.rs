//! What Prometheus asks for: totals, as it wants them, because it makes rates of its own.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::alarms::Alarm;
use super::catalogue::{self, Kind};
use super::rates::Sample;
use crate::{Error, Result};

/// Connections at once: several Prometheus servers and people beside them.
const CONNECTIONS_MAX: usize = 16;
/// A connection asks once and reads some kilobytes.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(5);
/// Head of a request at most, in bytes; hyper wants 8 KiB at least.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// OpenMetrics 1.0, section "Protocol Negotiation".
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A bound listener.
pub(super) struct Endpoint {
    listener: TcpListener,
}

impl Endpoint {
    pub(super) async fn bind(listen: SocketAddr) -> Result<Self> {
        let failed = |source| Error::File {
            what: "listening for Prometheus on",
            path: listen.to_string().into(),
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        Ok(Self { listener })
    }

    #[cfg(test)]
    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound listener")
    }

    /// Answers with the latest page until it is dropped.
    pub(super) async fn serve(self, pages: watch::Receiver<Bytes>) -> Result<Infallible> {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let slot = Arc::clone(&slots).acquire_owned().await;
            // Without files to open there is nothing to do but to wait for one.
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let pages = pages.clone();
            tokio::spawn(async move {
                let answer = service_fn(|request| {
                    let page = pages.borrow().clone();
                    async move { Ok::<_, Infallible>(answer(&request, page)) }
                });
                let connection = http1::Builder::new()
                    .keep_alive(false)
                    .max_buf_size(HEAD_BYTES_MAX)
                    .serve_connection(TokioIo::new(stream), answer);
                // Who asks wrongly, slowly or goes away gets nothing.
                tokio::time::timeout(CONNECTION_TIME_MAX, connection)
                    .await
                    .ok();
                drop(slot);
            });
        }
    }
}

fn answer(request: &Request<Incoming>, page: Bytes) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, OPENMETRICS, page),
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", Bytes::new()),
        _ => (
            StatusCode::NOT_FOUND,
            "text/plain",
            Bytes::from_static(b"see /metrics\n"),
        ),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// The totals of `sample` as OpenMetrics, with the alarms of the interval before it.
pub(super) fn page(sample: &Sample, alarms: &[Alarm]) -> Bytes {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page {
        sample: sample.clone(),
        alarms: alarms.to_vec(),
    }));
    let mut page = String::new();
    // Writing to a string does not fail.
    text::encode(&mut page, &registry).ok();
    page.into()
}

#[derive(Debug)]
struct Page {
    sample: Sample,
    alarms: Vec<Alarm>,
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder) -> std::result::Result<(), fmt::Error> {
        for metric in catalogue::ALL {
            let values: Vec<(&str, Number)> = match metric.kind {
                Kind::Gauge => {
                    let values = self.sample.gauges.of(*metric);
                    values
                        .map(|(of, value)| (of, Number::Gauge(value)))
                        .collect()
                }
                Kind::Counter | Kind::Counter32 => {
                    let values = self.sample.counters.of(*metric);
                    values
                        .map(|(of, value)| (of, Number::Counter(value)))
                        .collect()
                }
            };
            let label = metric.label.unwrap_or_default();
            encode(&mut encoder, metric.name, metric.help, label, &values)?;
        }
        // Several alarms may be of one threshold: the count per threshold is what an alert needs.
        let mut by_threshold = std::collections::BTreeMap::new();
        for alarm in &self.alarms {
            *by_threshold.entry(alarm.threshold).or_insert(0.0) += 1.0;
        }
        let values: Vec<_> = by_threshold
            .into_iter()
            .map(|(threshold, count)| (threshold, Number::Gauge(count)))
            .collect();
        let help = "Measures beyond this threshold of the profile in the last interval";
        encode(&mut encoder, "alarms", help, "threshold", &values)
    }
}

enum Number {
    Counter(u64),
    Gauge(f64),
}

impl Number {
    fn encode(&self, series: MetricEncoder<'_>) -> std::result::Result<(), fmt::Error> {
        match self {
            Self::Counter(value) => ConstCounter::new(*value).encode(series),
            Self::Gauge(value) => ConstGauge::new(*value).encode(series),
        }
    }
}

fn encode(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    label: &str,
    values: &[(&str, Number)],
) -> std::result::Result<(), fmt::Error> {
    let Some((_, first)) = values.first() else {
        return Ok(());
    };
    let kind = match first {
        Number::Counter(value) => ConstCounter::new(*value).metric_type(),
        Number::Gauge(value) => ConstGauge::new(*value).metric_type(),
    };
    let name = format!("stadion_network_{name}");
    let mut family = encoder.encode_descriptor(&name, help, None, kind)?;
    // Without a label there is one value, and no braces after its name.
    if let ([(_, value)], true) = (values, label.is_empty()) {
        return value.encode(family);
    }
    for (of, value) in values {
        value.encode(family.encode_family(&[(label, *of)])?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
