//! Reads a sample of the host. What cannot be read is a gap with its reason, never the end of the monitor.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::ask;
use super::catalogue as c;
use super::catalogue::Metric;
use super::ports::PortTotals;
use super::rates::Sample;
use crate::host::Host;
use crate::observe::{
    conntrack, counters, float, interfaces, nftables, qdisc, ratio, sets, sockets, softnet,
};
use crate::profile::firewall::Ports;
use crate::{Error, Result, Skip, xdp};

/// Interfaces that are shown at most: a node of Kubernetes has 250 pods at most by its own limits, with one each.
const INTERFACES_MAX: usize = 1_024;
/// Where the kernel does not count the elements of sets, counting 131,072 costs it some 50 ms: every ten seconds it is
/// half a percent of one processor.
const RECOUNT: Duration = Duration::from_secs(10);

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Interfaces; none: all of them.
    pub interfaces: Vec<String>,
    /// Ports whose sockets are looked at.
    pub ports: Vec<Ports>,
    /// Our table of nftables, as `inet stadion`.
    pub table: String,
}

/// Reads one sample after another.
#[derive(Debug)]
pub struct Sampler {
    host: Arc<Host>,
    watch: Watch,
    ports: PortTotals,
    /// Elements of sets that were counted one by one, and when.
    counted: BTreeMap<String, (Duration, u64)>,
    /// What is not tried again, because rights do not come back.
    given_up: Vec<&'static str>,
    gaps: Vec<Skip>,
}

impl Sampler {
    /// Looks at `watch` on `host`.
    #[must_use]
    pub fn new(host: Arc<Host>, watch: Watch) -> Self {
        Self {
            host,
            watch,
            ports: PortTotals::default(),
            counted: BTreeMap::new(),
            given_up: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// What could not be read so far, each once, with the reason.
    #[must_use]
    pub fn gaps(&self) -> &[Skip] {
        &self.gaps
    }

    /// Reads everything once. Takes some milliseconds: processes are started for `tc` and `nft`.
    pub fn sample(&mut self) -> Sample {
        let mut sample = Sample {
            at: self.host.uptime(),
            ..Sample::default()
        };
        type Part = fn(&mut Sampler, &mut Sample) -> Result<()>;
        let parts: [(&'static str, Part); 10] = [
            ("interfaces", Self::interfaces),
            ("queueing disciplines", Self::qdiscs),
            ("softnet", Self::softnet),
            ("UDP and TCP", Self::protocols),
            ("connection tracking", Self::conntrack),
            ("synproxy", Self::synproxy),
            ("counters of our table", Self::table),
            ("fill of our sets", Self::sets),
            ("counters of our programs of XDP", Self::xdp),
            ("sockets of watched ports", Self::sockets),
        ];
        for (name, part) in parts {
            if self.given_up.contains(&name) {
                continue;
            }
            if let Err(error) = part(self, &mut sample) {
                if matches!(error, Error::Privilege { .. } | Error::ToolMissing { .. }) {
                    self.given_up.push(name);
                }
                self.gap(name, error.to_string());
            }
        }
        sample
    }

    /// The text of a file that every kernel with the feature has; without it, a gap.
    fn text(&mut self, name: &'static str, path: &str) -> Result<Option<String>> {
        let text = self.host.read(path)?;
        if text.is_none() {
            self.gap(name, format!("this kernel has no {path}"));
        }
        Ok(text)
    }

    fn gap(&mut self, what: &str, reason: String) {
        let gap = Skip::new(what, reason);
        // One per part and reason: parts are ten, and of reasons the first is told.
        if !self.gaps.iter().any(|known| known.what == gap.what) {
            self.gaps.push(gap);
        }
    }

    fn interfaces(&mut self, sample: &mut Sample) -> Result<()> {
        let Some(text) = self.text("interfaces", "/proc/net/dev")? else {
            return Ok(());
        };
        let wanted = &self.watch.interfaces;
        let all = interfaces::parse(&text)?;
        let chosen = all
            .into_iter()
            .filter(|(name, _)| wanted.is_empty() || wanted.contains(name));
        for (name, t) in chosen.take(INTERFACES_MAX) {
            let mut set = |metric: Metric, value| sample.counters.set(metric, &name, value);
            set(c::RX_BYTES, t.rx_bytes);
            set(c::RX_PACKETS, t.rx_packets);
            set(c::RX_DROPS, t.rx_dropped.saturating_add(t.rx_fifo));
            set(c::RX_ERRORS, t.rx_errors);
            set(c::TX_BYTES, t.tx_bytes);
            set(c::TX_PACKETS, t.tx_packets);
            set(c::TX_DROPS, t.tx_dropped.saturating_add(t.tx_fifo));
            set(c::TX_ERRORS, t.tx_errors);
        }
        Ok(())
    }

    fn qdiscs(&mut self, sample: &mut Sample) -> Result<()> {
        let text = self
            .host
            .must_run("tc", &["-s", "-j", "qdisc", "show"], "")?;
        let wanted = &self.watch.interfaces;
        for found in qdisc::parse(&text)?.into_iter().take(INTERFACES_MAX) {
            let named = wanted.is_empty() || wanted.contains(&found.dev);
            // What queues nothing has nothing to say.
            if !named || found.kind == "noqueue" {
                continue;
            }
            let place = match found.parent.as_str() {
                "" => "root",
                parent => parent,
            };
            let of = format!("{} {place} {}", found.dev, found.kind);
            sample.counters.set(c::QDISC_PACKETS, &of, found.packets);
            sample.counters.set(c::QDISC_DROPS, &of, found.drops);
            sample.gauges.set(c::QDISC_BACKLOG, &of, float(found.qlen));
        }
        Ok(())
    }

    fn softnet(&mut self, sample: &mut Sample) -> Result<()> {
        let Some(text) = self.text("softnet", "/proc/net/softnet_stat")? else {
            return Ok(());
        };
        for row in softnet::parse(&text)? {
            let mut set = |metric, value: u32| {
                let cpu = row.cpu.to_string();
                sample.counters.set(metric, cpu, u64::from(value));
            };
            set(c::SOFTNET_PROCESSED, row.processed);
            set(c::SOFTNET_DROPS, row.dropped);
            set(c::SOFTNET_SQUEEZES, row.squeezed);
        }
        Ok(())
    }

    fn protocols(&mut self, sample: &mut Sample) -> Result<()> {
        let Some(snmp) = self.text("UDP and TCP", "/proc/net/snmp")? else {
            return Ok(());
        };
        let snmp = counters::pairs(&snmp)?;
        // A host without IPv6 has no counters of it.
        let snmp6 = self.host.read("/proc/net/snmp6")?.unwrap_or_default();
        let netstat = self.host.read("/proc/net/netstat")?.unwrap_or_default();
        let udp = counters::Udp::new(&snmp, &counters::names(&snmp6)?);
        let tcp = counters::Tcp::new(&snmp, &counters::pairs(&netstat)?);
        let mut set = |metric, value| sample.counters.set(metric, "", value);
        set(c::UDP_IN, udp.in_datagrams);
        set(c::UDP_OUT, udp.out_datagrams);
        set(c::UDP_NO_PORTS, udp.no_ports);
        set(c::UDP_IN_ERRORS, udp.in_errors);
        set(c::UDP_RECEIVE_BUFFER, udp.receive_buffer_errors);
        set(c::UDP_SEND_BUFFER, udp.send_buffer_errors);
        set(c::TCP_RETRANSMITTED, tcp.retransmitted);
        set(c::TCP_LISTEN_DROPS, tcp.listen_drops);
        set(c::TCP_COOKIES_SENT, tcp.syn_cookies_sent);
        set(c::TCP_COOKIES_FAILED, tcp.syn_cookies_failed);
        let established = float(tcp.established);
        sample.gauges.set(c::TCP_ESTABLISHED, "", established);
        Ok(())
    }

    fn conntrack(&mut self, sample: &mut Sample) -> Result<()> {
        const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";
        const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
        let (Some(count), Some(max)) = (
            self.text("connection tracking", COUNT)?,
            self.text("connection tracking", MAX)?,
        ) else {
            return Ok(());
        };
        let fill = conntrack::Fill {
            count: conntrack::number(COUNT, &count)?,
            max: conntrack::number(MAX, &max)?,
        };
        let mut set = |metric, value| sample.gauges.set(metric, "", value);
        set(c::CONNTRACK_ENTRIES, float(fill.count));
        set(c::CONNTRACK_LIMIT, float(fill.max));
        set(c::CONNTRACK_FILL, fill.ratio());
        if let Some(text) = self.host.read("/proc/net/stat/nf_conntrack")? {
            let stat = conntrack::Stat::parse("/proc/net/stat/nf_conntrack", &text)?;
            let columns = ["drop", "early_drop", "insert_failed"];
            let drops = columns.iter().map(|column| stat.total(column));
            let drops = drops.fold(0, u64::saturating_add);
            sample.counters.set(c::CONNTRACK_DROPS, "", drops);
        }
        Ok(())
    }

    fn synproxy(&mut self, sample: &mut Sample) -> Result<()> {
        const PATH: &str = "/proc/net/stat/synproxy";
        // Only there once a rule has used it: not a gap.
        let Some(text) = self.host.read(PATH)? else {
            return Ok(());
        };
        let stat = conntrack::Stat::parse(PATH, &text)?;
        let mut set = |metric, column| sample.counters.set(metric, "", stat.total(column));
        set(c::SYNPROXY_RECEIVED, "syn_received");
        set(c::SYNPROXY_VALID, "cookie_valid");
        set(c::SYNPROXY_INVALID, "cookie_invalid");
        Ok(())
    }

    fn table(&mut self, sample: &mut Sample) -> Result<()> {
        // ours: the name of our table
        let (family, name) = self.watch.table.split_once(' ').unwrap_or(("inet", ""));
        let args = ["-j", "list", "counters", "table", family, name];
        let text = match self.host.must_run("nft", &args, "") {
            // Nothing is applied here; it may be later.
            Err(Error::Tool { said, .. }) if said.contains("No such file") => return Ok(()),
            text => text?,
        };
        for counter in nftables::counters(&text)? {
            sample
                .counters
                .set(c::TABLE_PACKETS, &counter.name, counter.packets);
            sample
                .counters
                .set(c::TABLE_BYTES, &counter.name, counter.bytes);
        }
        Ok(())
    }

    fn sets(&mut self, sample: &mut Sample) -> Result<()> {
        let found = ask::sets(&self.host)?;
        let ours = |set: &sets::Set| format!("{} {}", set.family, set.table) == self.watch.table;
        for set in found.into_iter().filter(ours) {
            // Without a limit there is nothing to fill.
            let Some(size) = set.size else { continue };
            let elements = match set.count {
                Some(count) => u64::from(count),
                None => counted(&mut self.counted, &set, sample.at)?,
            };
            let mut put = |metric, value| sample.gauges.set(metric, &set.name, value);
            put(c::SET_ELEMENTS, float(elements));
            put(c::SET_LIMIT, float(u64::from(size)));
            put(c::SET_FILL, ratio(elements, u64::from(size)));
        }
        Ok(())
    }

    fn xdp(&mut self, sample: &mut Sample) -> Result<()> {
        let wanted = &self.watch.interfaces;
        for (name, counts) in xdp::counts(&self.host)? {
            if !wanted.is_empty() && !wanted.contains(&name) {
                continue;
            }
            let mut set = |metric, value| sample.counters.set(metric, &name, value);
            set(c::XDP_BLOCKED, counts.dropped_blocked);
            set(c::XDP_SOURCE, counts.dropped_source);
            set(c::XDP_MEASURED, counts.measured);
        }
        Ok(())
    }

    fn sockets(&mut self, sample: &mut Sample) -> Result<()> {
        if self.watch.ports.is_empty() {
            return Ok(());
        }
        let mut found = Vec::new();
        for (protocol, path) in [
            ("udp", "/proc/net/udp"),
            ("udp", "/proc/net/udp6"),
            ("tcp", "/proc/net/tcp"),
            ("tcp", "/proc/net/tcp6"),
        ] {
            let text = self.host.read(path)?.unwrap_or_default();
            // The path is for a message; the parser wants one that lives.
            let rows = sockets::parse("a table of sockets", &text)?;
            found.extend(rows.into_iter().map(|row| (protocol, row)));
        }
        self.ports.add(&self.watch.ports, &found, sample);
        Ok(())
    }
}

/// Elements of a set that the kernel does not count, counted at most every [`RECOUNT`].
fn counted(
    known: &mut BTreeMap<String, (Duration, u64)>,
    set: &sets::Set,
    now: Duration,
) -> Result<u64> {
    if let Some((at, elements)) = known.get(&set.name)
        && now.saturating_sub(*at) < RECOUNT
    {
        return Ok(*elements);
    }
    let elements = ask::count(set)?;
    known.insert(set.name.clone(), (now, elements));
    Ok(elements)
}
