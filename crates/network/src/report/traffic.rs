//! Findings about what is lost now, and what has been lost since the machine began.

use super::{Finding, Observed, Severity};
use crate::facts::Facts;
use crate::monitor::alarms::{Alarm, alarms};
use crate::monitor::catalogue::{self as c, Metric};
use crate::observe::{float, ratio};
use crate::profile::thresholds::Thresholds;

/// One in a million, lost since the start, is noise of the start itself.
const SINCE_START_RATIO: f64 = 1e-6;
/// An uplink that is fuller than this has no room for a burst.
const UPLINK_SHARE: f64 = 0.8;

/// Alarms of the moment, and losses since the machine began.
pub(super) fn findings(
    observed: &Observed,
    facts: &Facts,
    thresholds: &Thresholds,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = alarms(&observed.rates, thresholds)
        .into_iter()
        .map(|alarm| of_alarm(&alarm, observed))
        .collect();
    findings.extend(since_start(observed, &findings));
    findings.extend(full_uplinks(observed, facts));
    findings.extend(early_drops(observed));
    findings
}

/// How a threshold's alarm is mended: severity, why it matters, the command.
fn remedy(threshold: &str) -> (Severity, &'static str, &'static str) {
    match threshold {
        "udp_buffer_errors_per_second" | "socket_drops_per_second" => (
            Severity::Critical,
            "A game server did not read for longer than its buffer lasts; what comes then is lost. The buffer is what the \
             server asks for (SO_RCVBUF: packets per second × longest stall × 768 bytes), up to net.core.rmem_max.",
            "stadion network optimize --apply",
        ),
        "softnet_drops_per_second" => (
            Severity::Critical,
            "A processor's backlog was full: packets that RPS, veth or loopback hand over were dropped. Spreading them over more processors helps more than a longer backlog, which delays.",
            "stadion network optimize --apply; sysctl -w net.core.netdev_max_backlog=4096",
        ),
        "softnet_squeezes_per_second" => (
            Severity::Warning,
            "A processor had packets left when its budget for a round ended: they waited for the next.",
            "sysctl -w net.core.netdev_budget=600 net.core.netdev_budget_usecs=8000",
        ),
        "interface_drops_per_second" => (
            Severity::Warning,
            "The interface lost packets: a full ring (`ethtool -G` makes it larger), a full queue, or a cable.",
            "ethtool -S INTERFACE",
        ),
        "listen_drops_per_second" => (
            Severity::Critical,
            "Connections were lost because a server did not accept them in time. The queue is what the server asks for in \
             listen(), up to net.core.somaxconn.",
            "sysctl -w net.core.somaxconn=4096",
        ),
        "conntrack_fill_percent" | "conntrack_drops_per_second" => (
            Severity::Critical,
            "When the table of connections is full, new players are dropped, whoever filled it. `ddos-protect` leaves games \
             out of it where it can. A larger table only lasts where kube-proxy is told too (conntrack.maxPerCore).",
            "stadion network ddos-protect --apply; sysctl -w net.netfilter.nf_conntrack_max=1048576",
        ),
        "set_fill_percent" => (
            Severity::Critical,
            "A full set of meters cannot count new sources, and lets them pass: raise `ddos_protect.set_size` in the \
             profile first.",
            "stadion network ddos-protect --profile PROFILE --apply",
        ),
        _ => (
            Severity::Warning,
            "Players on this path feel it.",
            "stadion network monitor --probe HOST:PORT",
        ),
    }
}

fn of_alarm(alarm: &Alarm, observed: &Observed) -> Finding {
    let (severity, why, mend) = remedy(alarm.threshold);
    let id = alarm.threshold.replace('_', "-");
    let id = id
        .trim_end_matches("-per-second")
        .trim_end_matches("-percent");
    let detail = format!(
        "{:.1} over {:.1} s, where the profile allows {}. {why}",
        alarm.value, observed.rates.seconds, alarm.limit
    );
    let of = if alarm.of.is_empty() {
        String::new()
    } else {
        format!(" of {}", alarm.of)
    };
    let title = format!("{}{of} is above its threshold", alarm.metric);
    // The command of an interface names it.
    Finding::new(
        id,
        severity,
        title,
        detail,
        mend.replace("INTERFACE", &alarm.of),
    )
}

/// What was lost since the machine began and is not an alarm now.
fn since_start(observed: &Observed, already: &[Finding]) -> Vec<Finding> {
    let total = |metric: Metric| {
        let counters = observed.totals.counters.of(metric);
        counters.fold(0_u64, |total, (_, value)| total.saturating_add(value))
    };
    let cases: [(&str, &str, &[Metric], Metric); 4] = [
        (
            "udp-buffer-errors",
            "udp_buffer_errors_per_second",
            &[c::UDP_RECEIVE_BUFFER, c::UDP_SEND_BUFFER],
            c::UDP_IN,
        ),
        (
            "softnet-drops",
            "softnet_drops_per_second",
            &[c::SOFTNET_DROPS],
            c::SOFTNET_PROCESSED,
        ),
        (
            "softnet-squeezes",
            "softnet_squeezes_per_second",
            &[c::SOFTNET_SQUEEZES],
            c::SOFTNET_PROCESSED,
        ),
        (
            "conntrack-drops",
            "conntrack_drops_per_second",
            &[c::CONNTRACK_DROPS],
            c::UDP_IN,
        ),
    ];
    let mut findings = Vec::new();
    for (id, threshold, lost, of) in cases {
        let lost: u64 = lost.iter().map(|metric| total(*metric)).sum();
        let is_told = already.iter().any(|finding| finding.id == id);
        if is_told || ratio(lost, total(of).saturating_add(lost)) <= SINCE_START_RATIO {
            continue;
        }
        let (_, why, mend) = remedy(threshold);
        findings.push(Finding::new(
            &format!("{id}-since-start"),
            Severity::Info,
            format!(
                "{lost} {} since the machine began, and few now",
                id.replace('-', " ")
            ),
            format!(
                "That is {:.4} % of {}. {why}",
                100.0 * ratio(lost, total(of).saturating_add(lost)),
                total(of)
            ),
            mend,
        ));
    }
    findings
}

/// What our program of XDP does at each interface: without it, who looks at the rules alone sees no flood.
fn early_drops(observed: &Observed) -> Vec<Finding> {
    let finding = |(interface, measured): (&str, u64)| {
        let of = |metric| {
            let total = observed.totals.counters.get(metric, interface).unwrap_or(0);
            let rate = observed.rates.per_second.get(metric, interface);
            (total, rate.unwrap_or(0.0))
        };
        let ((blocked, blocked_now), (beyond, beyond_now)) =
            (of(c::XDP_BLOCKED), of(c::XDP_SOURCE));
        Finding::info(
            "xdp-counters",
            format!(
                "XDP drops {:.0} packets a second at {interface} before the rules see them",
                blocked_now + beyond_now
            ),
            format!(
                "Since it was put there: {blocked} of sources that are blocked, {beyond} beyond the limit of one source, and \
                 {measured} to games that passed. `stadion network monitor` shows the rates."
            ),
        )
    };
    let measured = observed.totals.counters.of(c::XDP_MEASURED);
    measured.map(finding).collect()
}

/// Uplinks that are nearly full: no rule on this host helps then.
fn full_uplinks(observed: &Observed, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for interface in facts.uplinks() {
        let Some(speed_mbps) = interface.speed_mbps else {
            continue;
        };
        let speed = float(u64::from(speed_mbps)) * 1e6;
        for (direction, metric) in [("receives", c::RX_BYTES), ("sends", c::TX_BYTES)] {
            let bytes = observed.rates.per_second.get(metric, &interface.name);
            let share = bytes.unwrap_or(0.0) * 8.0 / speed;
            if share > UPLINK_SHARE {
                findings.push(Finding::new(
                    "uplink-full",
                    Severity::Critical,
                    format!("{} {direction} at {:.0} % of its speed", interface.name, share * 100.0),
                    "What does not fit is dropped before it reaches this host: no rule here helps against what arrives. Give \
                     the rules at the end of this report to your provider; shaping helps with what leaves.",
                    "stadion network traffic-shape --rate RATE --apply",
                ));
            }
        }
    }
    findings
}
