//! The counters of the protocols: `/proc/net/snmp`, `netstat` (same form), `snmp6`, `sockstat` and `sockstat6`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::malformed;
use crate::Result;

/// Counters by protocol and name: `["Udp"]["RcvbufErrors"]`. Signed, because `MaxConn` is −1 where there is no limit.
pub type Counters = BTreeMap<String, BTreeMap<String, i64>>;

/// `/proc/net/snmp` and `/proc/net/netstat`: pairs of lines, names and then values, both after the protocol's name.
///
/// # Errors
/// A line without its partner, names without values or the other way round, or what is no number.
pub fn pairs(text: &str) -> Result<Counters> {
    const WHAT: &str = "/proc/net/snmp";
    let mut counters = Counters::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, names)) = lines.next() {
        let bad = || malformed(WHAT, index);
        let (_, values) = lines.next().ok_or_else(bad)?;
        let (protocol, names) = names.split_once(':').ok_or_else(bad)?;
        let (same, values) = values.split_once(':').ok_or_else(bad)?;
        if protocol != same {
            return Err(bad());
        }
        let names: Vec<&str> = names.split_ascii_whitespace().collect();
        let values = values.split_ascii_whitespace().map(str::parse);
        let values: Vec<i64> = values.collect::<Result<_, _>>().map_err(|_| bad())?;
        if names.len() != values.len() {
            return Err(bad());
        }
        let group = counters.entry(protocol.to_owned()).or_default();
        group.extend(names.into_iter().map(str::to_owned).zip(values));
    }
    Ok(counters)
}

/// `/proc/net/snmp6`: a name and a value per line, the protocol being part of the name (`Udp6RcvbufErrors`).
///
/// # Errors
/// A line that is not a name and a number.
pub fn names(text: &str) -> Result<BTreeMap<String, u64>> {
    const WHAT: &str = "/proc/net/snmp6";
    let line = |(index, line): (usize, &str)| {
        let mut fields = line.split_ascii_whitespace();
        let name = fields.next()?.to_owned();
        let value = fields.next()?.parse().ok()?;
        (fields.next().is_none())
            .then_some((name, value))
            .ok_or(index)
            .ok()
    };
    text.lines()
        .enumerate()
        .map(|(index, text)| line((index, text)).ok_or_else(|| malformed(WHAT, index)))
        .collect()
}

/// `/proc/net/sockstat` and `sockstat6`: `UDP: inuse 3 mem 249`. Memory is in pages.
///
/// # Errors
/// A line that is not a name, a colon, and names with numbers.
pub fn sockets(text: &str) -> Result<Counters> {
    const WHAT: &str = "/proc/net/sockstat";
    let mut counters = Counters::new();
    for (index, line) in text.lines().enumerate() {
        let bad = || malformed(WHAT, index);
        let (protocol, rest) = line.split_once(':').ok_or_else(bad)?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let group = counters.entry(protocol.to_owned()).or_default();
        for pair in fields.chunks(2) {
            let [name, value] = pair else {
                return Err(bad());
            };
            group.insert((*name).to_owned(), value.parse().map_err(|_| bad())?);
        }
    }
    Ok(counters)
}

/// UDP as a whole, IPv4 and IPv6 together: what arrived, and where it was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Udp {
    /// Datagrams that reached a socket.
    pub in_datagrams: u64,
    /// Datagrams sent.
    pub out_datagrams: u64,
    /// For a port that nobody listens on.
    pub no_ports: u64,
    /// Lost for every reason but `no_ports`; holds the two below.
    pub in_errors: u64,
    /// Lost because the socket's receive buffer was full.
    pub receive_buffer_errors: u64,
    /// Lost because the socket's send buffer was full.
    pub send_buffer_errors: u64,
    /// With a wrong checksum.
    pub checksum_errors: u64,
}

impl Udp {
    /// From `/proc/net/snmp` and `/proc/net/snmp6`; what a kernel does not count is 0.
    #[must_use]
    pub fn new(v4: &Counters, v6: &BTreeMap<String, u64>) -> Self {
        let total = |name: &str| {
            let v4 = v4.get("Udp").and_then(|group| group.get(name));
            let v4 = v4.and_then(|value| u64::try_from(*value).ok()).unwrap_or(0);
            v4.saturating_add(v6.get(&format!("Udp6{name}")).copied().unwrap_or(0))
        };
        Self {
            in_datagrams: total("InDatagrams"),
            out_datagrams: total("OutDatagrams"),
            no_ports: total("NoPorts"),
            in_errors: total("InErrors"),
            receive_buffer_errors: total("RcvbufErrors"),
            send_buffer_errors: total("SndbufErrors"),
            checksum_errors: total("InCsumErrors"),
        }
    }
}

/// What the TCP of the host says about floods and loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tcp {
    /// Connections now established or waiting to close.
    pub established: u64,
    /// Segments sent again.
    pub retransmitted: u64,
    /// Segments sent.
    pub out_segments: u64,
    /// Connections dropped because an accept queue was full.
    pub listen_drops: u64,
    /// Cookies sent in place of a SYN queue's entry: a flood, or a queue too short.
    pub syn_cookies_sent: u64,
    /// Cookies that came back and did not count.
    pub syn_cookies_failed: u64,
}

impl Tcp {
    /// From `/proc/net/snmp` and `/proc/net/netstat`; what a kernel does not count is 0.
    #[must_use]
    pub fn new(snmp: &Counters, netstat: &Counters) -> Self {
        let of = |counters: &Counters, protocol: &str, name: &str| {
            let value = counters.get(protocol).and_then(|group| group.get(name));
            value
                .and_then(|value| u64::try_from(*value).ok())
                .unwrap_or(0)
        };
        Self {
            established: of(snmp, "Tcp", "CurrEstab"),
            retransmitted: of(snmp, "Tcp", "RetransSegs"),
            out_segments: of(snmp, "Tcp", "OutSegs"),
            listen_drops: of(netstat, "TcpExt", "ListenDrops"),
            syn_cookies_sent: of(netstat, "TcpExt", "SyncookiesSent"),
            syn_cookies_failed: of(netstat, "TcpExt", "SyncookiesFailed"),
        }
    }
}
