//! Looks at a host for the report: two samples, and what is read once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::facts::Facts;
use crate::host::Host;
use crate::monitor::rates::{Rates, Sample, rates};
use crate::monitor::sample::{Sampler, Watch};
use crate::observe::interrupts::Interrupt;
use crate::observe::{self, interrupts, nftables};
use crate::{Error, Result, Skip};

/// Processes that are looked at by name, at most: `pid_max` of a large host has seven digits, but who runs more than this
/// on a host for games has other worries.
const PROCESSES_MAX: usize = 100_000;

/// What was seen on a host.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Its name.
    pub host_name: String,
    /// What happened while the report looked.
    pub rates: Rates,
    /// What was counted at the end of that.
    pub totals: Sample,
    /// Rules of nftables; nothing: they may not be read.
    pub ruleset: Option<nftables::Ruleset>,
    /// Tables that the older iptables has (`/proc/net/ip_tables_names`).
    pub legacy_tables: Vec<String>,
    /// irqbalance runs.
    pub has_irqbalance: bool,
    /// Hardware interfaces whose packets RPS spreads over processors.
    pub steered: Vec<String>,
    /// Of hardware interfaces with several interrupts or processors: the processor that took most interrupts, and its
    /// share in 0..=1.
    pub busiest: BTreeMap<String, (u32, f64)>,
    /// What could not be read.
    pub gaps: Vec<Skip>,
}

/// Looks at `host` for `time`. What cannot be read is a gap.
#[must_use]
pub fn observe(host: &Arc<Host>, facts: &Facts, watch: Watch, time: Duration) -> Observed {
    let mut observed = Observed {
        host_name: line(host, "/proc/sys/kernel/hostname"),
        steered: steered(host, facts),
        busiest: busiest(host, facts),
        has_irqbalance: runs(host, "irqbalance"),
        ..Observed::default()
    };
    for path in ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"] {
        match host.read(path) {
            Ok(text) => {
                let names = text.unwrap_or_default();
                observed.legacy_tables.extend(observe::words(&names));
            }
            Err(error) => observed
                .gaps
                .push(Skip::new("rules of the older iptables", error.to_string())),
        }
    }
    match ruleset(host) {
        Ok(ruleset) => observed.ruleset = Some(ruleset),
        Err(error) => observed
            .gaps
            .push(Skip::new("rules of nftables", error.to_string())),
    }
    let mut sampler = Sampler::new(Arc::clone(host), watch);
    let before = sampler.sample();
    host.pause(time);
    observed.totals = sampler.sample();
    observed.rates = rates(&before, &observed.totals);
    observed.gaps.extend(sampler.gaps().iter().cloned());
    observed
}

fn ruleset(host: &Host) -> Result<nftables::Ruleset> {
    let text = host.must_run("nft", &["-j", "-t", "list", "ruleset"], "")?;
    // Without rights nft succeeds and shows nothing.
    match (text.trim().is_empty(), host.is_real()) {
        (true, true) => Err(Error::Privilege {
            what: "reading the rules of nftables".into(),
            needs: "CAP_NET_ADMIN",
            hint: "run it as root".into(),
        }),
        _ => nftables::ruleset(&text),
    }
}

fn line(host: &Host, path: &str) -> String {
    let text = host.read(path).unwrap_or_default().unwrap_or_default();
    text.trim().to_owned()
}

fn hardware(facts: &Facts) -> impl Iterator<Item = &str> {
    let hardware = facts.interfaces.iter().filter(|known| known.hardware);
    hardware.map(|known| known.name.as_str())
}

/// Hardware interfaces with a queue whose mask of RPS names a processor.
fn steered(host: &Host, facts: &Facts) -> Vec<String> {
    let is_steered = |name: &&str| {
        let queues = host.list(&format!("/sys/class/net/{name}/queues"));
        let mut masks = queues
            .iter()
            .filter(|queue| queue.starts_with("rx-"))
            .map(|queue| {
                line(
                    host,
                    &format!("/sys/class/net/{name}/queues/{queue}/rps_cpus"),
                )
            });
        masks.any(|mask| names_a_cpu(&mask))
    };
    hardware(facts)
        .filter(is_steered)
        .map(str::to_owned)
        .collect()
}

/// Whether a mask such as `00000000,0000000f` has a bit.
pub(crate) fn names_a_cpu(mask: &str) -> bool {
    let digits = mask.split(',').map(|word| u32::from_str_radix(word, 16));
    digits
        .into_iter()
        .any(|word| word.is_ok_and(|word| word > 0))
}

/// Which processor took most of the interrupts of each hardware interface.
fn busiest(host: &Host, facts: &Facts) -> BTreeMap<String, (u32, f64)> {
    let text = host
        .read("/proc/interrupts")
        .unwrap_or_default()
        .unwrap_or_default();
    let Ok(lines) = interrupts::parse(&text) else {
        return BTreeMap::new();
    };
    let share = |name: &str| {
        // virtio has its interrupts one directory higher.
        let directories = ["device/msi_irqs", "device/../msi_irqs"];
        let names = directories
            .iter()
            .map(|directory| host.list(&format!("/sys/class/net/{name}/{directory}")))
            .find(|names| !names.is_empty())?;
        let numbers = interrupts::numbers(names.iter().map(String::as_str));
        busiest_of(&lines, &numbers, &facts.cpus)
    };
    hardware(facts)
        .filter_map(|name| Some((name.to_owned(), share(name)?)))
        .collect()
}

/// Which of `cpus`, those that are online, took most of the interrupts with these `numbers`, and its share; nothing where
/// few came, which say nothing about where the others will go.
pub(crate) fn busiest_of(lines: &[Interrupt], numbers: &[u32], cpus: &[u32]) -> Option<(u32, f64)> {
    const FEW: u64 = 10_000;
    // The columns are the processors that are online, in their order.
    let mut counts: Vec<(u64, u32)> = cpus.iter().map(|cpu| (0, *cpu)).collect();
    for line in lines
        .iter()
        .filter(|line| line.number().is_some_and(|n| numbers.contains(&n)))
    {
        for ((total, _), count) in counts.iter_mut().zip(&line.counts) {
            *total = total.saturating_add(*count);
        }
    }
    let all = counts.iter().map(|(count, _)| *count);
    let total = all.fold(0, u64::saturating_add);
    let (most, cpu) = counts.into_iter().max()?;
    (total >= FEW).then(|| (cpu, observe::ratio(most, total)))
}

fn runs(host: &Host, program: &str) -> bool {
    let processes = host.list("/proc");
    let numbers = processes
        .iter()
        .filter(|name| name.bytes().all(|digit| digit.is_ascii_digit()));
    numbers
        .take(PROCESSES_MAX)
        .any(|number| line(host, &format!("/proc/{number}/comm")) == program)
}
