//! Everything that the monitor measures, by name. One list makes rates, alarms, the table, JSON and Prometheus agree.

/// How a number behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until its owner begins again.
    Counter,
    /// Only grows, in 32 bits: after 4,294,967,295 comes 0.
    Counter32,
    /// Is what it is now.
    Gauge,
}

/// One measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name; Prometheus has it after `stadion_network_`, and counters with `_total` behind it.
    pub name: &'static str,
    /// What its values are told apart by; nothing: there is one value.
    pub label: Option<&'static str>,
    /// How it behaves.
    pub kind: Kind,
    /// What it is, for Prometheus.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal $label:expr, $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: Metric = Metric { name: $name, label: $label, kind: Kind::$kind, help: $help };)*
        /// All of them, in the order in which they are shown.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    RX_BYTES: Counter "interface_receive_bytes" Some("interface"), "Bytes received";
    RX_PACKETS: Counter "interface_receive_packets" Some("interface"), "Packets received";
    RX_DROPS: Counter "interface_receive_drops" Some("interface"), "Packets received and lost: dropped by the kernel or by a full ring";
    RX_ERRORS: Counter "interface_receive_errors" Some("interface"), "Packets received broken";
    TX_BYTES: Counter "interface_transmit_bytes" Some("interface"), "Bytes sent";
    TX_PACKETS: Counter "interface_transmit_packets" Some("interface"), "Packets sent";
    TX_DROPS: Counter "interface_transmit_drops" Some("interface"), "Packets dropped before they were sent";
    TX_ERRORS: Counter "interface_transmit_errors" Some("interface"), "Packets that failed to be sent";
    QDISC_PACKETS: Counter "qdisc_packets" Some("qdisc"), "Packets sent by a queueing discipline";
    QDISC_DROPS: Counter "qdisc_drops" Some("qdisc"), "Packets dropped by a queueing discipline";
    QDISC_BACKLOG: Gauge "qdisc_backlog_packets" Some("qdisc"), "Packets that wait in a queueing discipline";
    SOFTNET_PROCESSED: Counter32 "softnet_processed" Some("cpu"), "Packets that a processor took from devices and backlogs, of all network namespaces";
    SOFTNET_DROPS: Counter32 "softnet_drops" Some("cpu"), "Packets dropped because a processor's backlog was full, of all network namespaces";
    SOFTNET_SQUEEZES: Counter32 "softnet_squeezes" Some("cpu"), "Rounds of a processor that ended with packets left, for lack of budget, of all network namespaces";
    UDP_IN: Counter "udp_in_datagrams" None, "Datagrams that reached a socket";
    UDP_OUT: Counter "udp_out_datagrams" None, "Datagrams sent";
    UDP_NO_PORTS: Counter "udp_no_ports" None, "Datagrams for a port that nobody listens on";
    UDP_IN_ERRORS: Counter "udp_in_errors" None, "Datagrams lost on their way to a socket, for every reason";
    UDP_RECEIVE_BUFFER: Counter "udp_receive_buffer_errors" None, "Datagrams lost because a socket's receive buffer was full";
    UDP_SEND_BUFFER: Counter "udp_send_buffer_errors" None, "Datagrams lost because a socket's send buffer was full";
    TCP_ESTABLISHED: Gauge "tcp_established" None, "TCP connections now";
    TCP_RETRANSMITTED: Counter "tcp_retransmitted_segments" None, "TCP segments sent again";
    TCP_LISTEN_DROPS: Counter "tcp_listen_drops" None, "TCP connections lost because an accept queue was full";
    TCP_COOKIES_SENT: Counter "tcp_syn_cookies_sent" None, "SYN cookies sent: more SYNs than the queue holds";
    TCP_COOKIES_FAILED: Counter "tcp_syn_cookies_failed" None, "SYN cookies that came back and did not count";
    CONNTRACK_ENTRIES: Gauge "conntrack_entries" None, "Connections that the kernel tracks";
    CONNTRACK_LIMIT: Gauge "conntrack_limit" None, "Connections that the kernel tracks at most";
    CONNTRACK_FILL: Gauge "conntrack_fill_ratio" None, "Share of the connection table that is used";
    CONNTRACK_DROPS: Counter32 "conntrack_drops" None, "Packets dropped, or connections forgotten, because the connection table was full";
    SYNPROXY_RECEIVED: Counter32 "synproxy_syns" None, "SYNs that synproxy answered";
    SYNPROXY_VALID: Counter32 "synproxy_cookies_valid" None, "Cookies of synproxy that came back right";
    SYNPROXY_INVALID: Counter32 "synproxy_cookies_invalid" None, "Cookies of synproxy that came back wrong";
    TABLE_PACKETS: Counter "table_packets" Some("counter"), "Packets counted by a counter of our table of nftables";
    TABLE_BYTES: Counter "table_bytes" Some("counter"), "Bytes counted by a counter of our table of nftables";
    SET_ELEMENTS: Gauge "set_elements" Some("set"), "Elements of a set of our table of nftables";
    SET_LIMIT: Gauge "set_limit" Some("set"), "Elements that a set of our table of nftables holds at most";
    SET_FILL: Gauge "set_fill_ratio" Some("set"), "Share of a set of our table of nftables that is used";
    XDP_BLOCKED: Counter "xdp_dropped_blocked" Some("interface"), "Packets of blocked sources that our program of XDP dropped";
    XDP_SOURCE: Counter "xdp_dropped_source" Some("interface"), "Datagrams beyond the limit of one source that our program of XDP dropped";
    XDP_MEASURED: Counter "xdp_measured" Some("interface"), "Datagrams to games that our program of XDP measured and let pass";
    PORT_SOCKETS: Gauge "port_sockets" Some("port"), "Sockets bound to a watched port";
    PORT_CONNECTIONS: Gauge "port_connections" Some("port"), "TCP connections to a watched port";
    PORT_RECEIVE_QUEUE: Gauge "port_receive_queue" Some("port"), "Bytes that wait to be read at a watched port; where TCP listens, connections that wait to be accepted";
    PORT_SEND_QUEUE: Gauge "port_send_queue_bytes" Some("port"), "Bytes that wait to be sent from a watched port";
    PORT_DROPS: Counter "port_drops" Some("port"), "Datagrams dropped at the sockets of a watched port since the monitor began";
    PROBE_SENT: Counter "probe_sent" Some("peer"), "Probes sent whose time to return is over";
    PROBE_LOST: Counter "probe_lost" Some("peer"), "Probes that did not return in time";
    PROBE_LOSS: Gauge "probe_loss_ratio" Some("peer"), "Share of the latest probes that did not return in time";
    PROBE_P50: Gauge "probe_latency_p50_seconds" Some("peer"), "Time that half of the latest probes took at most";
    PROBE_P99: Gauge "probe_latency_p99_seconds" Some("peer"), "Time that 99 of 100 of the latest probes took at most";
    PROBE_JITTER: Gauge "probe_jitter_seconds" Some("peer"), "Smoothed difference between probes that follow each other (RFC 3550, 6.4.1)";
}
