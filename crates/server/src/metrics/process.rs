//! What the program itself costs, read from `/proc/self` at each scrape (proc(5)); other systems report nothing.

use std::fmt::Error;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::describe::{Description, Kind};

/// Clock ticks per second in `/proc`: `USER_HZ`, which is 100 on every architecture that Linux supports today.
const USER_HZ: f64 = 100.0;

/// The conventional series of a process
/// (<https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>).
pub(super) const SERIES: [Description; 3] = [
    Description {
        name: "process_resident_memory_bytes",
        kind: Kind::Gauge,
        labels: &[],
        unit: Some("bytes"),
        help: "Resident memory of the program",
    },
    Description {
        name: "process_cpu_seconds_total",
        kind: Kind::Counter,
        labels: &[],
        unit: Some("seconds"),
        help: "Processor time of the program, user and system",
    },
    Description {
        name: "process_open_fds",
        kind: Kind::Gauge,
        labels: &[],
        unit: None,
        help: "Open file descriptors of the program",
    },
];

#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let [memory, cpu, fds] = SERIES;
        if let Some(bytes) = resident_bytes() {
            let gauge = ConstGauge::new(bytes);
            let series = encoder.encode_descriptor(
                "process_resident_memory",
                memory.help,
                Some(&Unit::Bytes),
                gauge.metric_type(),
            )?;
            gauge.encode(series)?;
        }
        if let Some(seconds) = cpu_seconds() {
            let counter = ConstCounter::new(seconds);
            let series = encoder.encode_descriptor(
                "process_cpu",
                cpu.help,
                Some(&Unit::Seconds),
                counter.metric_type(),
            )?;
            counter.encode(series)?;
        }
        if let Some(open) = open_fds() {
            let gauge = ConstGauge::new(open);
            let series =
                encoder.encode_descriptor(fds.name, fds.help, None, gauge.metric_type())?;
            gauge.encode(series)?;
        }
        Ok(())
    }
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Field 2 is the program's name in parentheses and may hold anything; after it, utime and stime are the 12th and 13th.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / USER_HZ)
}

fn open_fds() -> Option<i64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // The directory itself was open while it was read.
    i64::try_from(open).ok()?.checked_sub(1)
}
