//! Findings about rules, devices, and what our own verbs would change.

use super::{Finding, Observed, Planned, Severity};
use crate::engine::Plan;
use crate::facts::{Facts, Interface};
use crate::profile::Profile;
use crate::profile::firewall::PortRule;
use crate::rules::{self, catalogue};

/// Things that a detail names; the rest is a number.
const NAMES_MAX: usize = 8;
/// What every path of the internet carries (Ethernet).
const MTU_INTERNET: u32 = 1_500;
/// Chains that the guide's script makes.
const GUIDE_CHAINS: [&str; 2] = ["GAMING", "GAMING_RATELIMIT"];
/// One processor that takes this share of the interrupts takes practically all of them.
const BUSY_SHARE: f64 = 0.95;

/// `a, b, c and 5 more`.
fn some(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<String> = names.into_iter().collect();
    let shown = names.len().min(NAMES_MAX);
    let text = names[..shown].join(", ");
    match names.len() - shown {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// What each verb would change.
pub(super) fn of_plans(plans: &[Planned]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for planned in plans {
        let Ok(plan) = &planned.plan else { continue };
        findings.extend(of_plan(planned.verb, plan));
    }
    // Drift and what waits are of the host and not of a verb: every plan tells them, and once is enough.
    if let Some(plan) = plans.iter().find_map(|planned| planned.plan.as_ref().ok()) {
        findings.extend(of_drift(plan));
    }
    findings
}

fn of_plan(verb: &str, plan: &Plan) -> Option<Finding> {
    if plan.changes.is_empty() {
        return None;
    }
    let (severity, why) = match verb {
        "ddos-protect" => (
            Severity::Warning,
            "floods reach the game servers: nothing drops them before they cost anything",
        ),
        "firewall" => (
            Severity::Warning,
            "ports are open that nobody needs, or games and administration are not told apart",
        ),
        "traffic-shape" => (
            Severity::Info,
            "on a full uplink game packets wait behind downloads",
        ),
        _ => (
            Severity::Warning,
            "the kernel's defaults suit file servers, not games",
        ),
    };
    let mut detail = format!(
        "{} to change, {} as wished: {}. Without it {why}. Confirm the change from a new session: `stadion network confirm`.",
        plan.changes.len(),
        plan.fulfilled,
        some(
            plan.changes
                .iter()
                .map(|change| change.wish.subject.to_string())
        )
    );
    for note in &plan.notes {
        detail.push_str(&format!(" Note: {note}."));
    }
    Some(Finding::new(
        &format!("{verb}-pending"),
        severity,
        format!("`{verb}` is not in force as the profile wishes"),
        detail,
        format!("stadion network {verb} --apply"),
    ))
}

fn of_drift(plan: &Plan) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !plan.drift.is_empty() {
        let subjects = plan.drift.iter().map(|drift| drift.subject.to_string());
        findings.push(Finding::new(
            "drift",
            Severity::Warning,
            "Others changed what we set",
            format!(
                "{}. kube-proxy, tuned and cloud-init do that at their start: tell them, or they do it again. `stadion \
                 network status` shows the values.",
                some(subjects)
            ),
            "stadion network full-setup --apply --overwrite-drift",
        ));
    }
    if let Some(pending) = plan.pending {
        findings.push(Finding::new(
            "unconfirmed",
            Severity::Warning,
            "A change waits to be confirmed",
            format!(
                "It is put back by itself in {} s, or at once by `stadion network rollback`.",
                pending.remaining_ms.div_ceil(1_000)
            ),
            "stadion network confirm",
        ));
    }
    findings
}

/// The rules of others, and ports that they hand on.
pub(super) fn of_rules(observed: &Observed, facts: &Facts, profile: &Profile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(ruleset) = &observed.ruleset {
        let foreign = ruleset
            .chains
            .iter()
            .filter(|chain| chain.table != rules::TABLE);
        let dropping: Vec<_> = foreign
            .filter(|chain| {
                chain.drops && matches!(chain.hook.as_str(), "input" | "forward" | "prerouting")
            })
            .collect();
        if let Some(first) = dropping.first() {
            let names = dropping
                .iter()
                .map(|chain| format!("{} {} ({} rules)", chain.table, chain.name, chain.rules));
            findings.push(Finding::new(
                "foreign-drop-policy",
                Severity::Warning,
                "Another table drops what its own rules do not accept",
                format!(
                    "{}. A drop there is final: our table cannot open a port against it.",
                    some(names)
                ),
                format!("nft list chain {} {}", first.table, first.name),
            ));
        }
        let is_guides =
            |name: &&String| GUIDE_CHAINS.contains(&name.rsplit(' ').next().unwrap_or_default());
        let guides: Vec<String> = ruleset.called.iter().filter(is_guides).cloned().collect();
        if !guides.is_empty() {
            findings.push(guides_rules(&guides));
        }
        if ruleset.opaque_rules > 0 {
            findings.push(Finding::info(
                "opaque-rules",
                "Rules of iptables that nft cannot show",
                format!(
                    "{} rules use extensions of iptables. They apply beside ours; `iptables-save` shows them.",
                    ruleset.opaque_rules
                ),
            ));
        }
    }
    if !observed.legacy_tables.is_empty() {
        findings.push(Finding::new(
            "legacy-iptables",
            Severity::Warning,
            "Rules of the older iptables are loaded",
            format!(
                "Tables {}. nft does not show them; they apply beside ours, and their drops are final.",
                some(observed.legacy_tables.iter().cloned())
            ),
            "iptables-legacy-save; ip6tables-legacy-save",
        ));
    }
    findings.extend(handed_on(facts, profile));
    findings
}

fn guides_rules(chains: &[String]) -> Finding {
    Finding::new(
        "guide-rules",
        Severity::Critical,
        "The rules of the guide's script are loaded",
        format!(
            "{}. Its list of recent sources bans a player at 60 packets a second after two seconds, remembers 100 sources \
             and lets every further one pass; its limit of SYNs turns players away during a flood.",
            some(chains.iter().cloned())
        ),
        "iptables -D INPUT -p udp --dport 7000:8000 -j GAMING_RATELIMIT; iptables -D INPUT -p tcp --dport 7000:8000 -j \
         GAMING_RATELIMIT; iptables -D INPUT -p tcp --syn -m limit --limit 1000/s --limit-burst 1500 -j ACCEPT; iptables \
         -D INPUT -p tcp --syn -j DROP; iptables -D INPUT -j GAMING; stadion network ddos-protect --apply",
    )
}

/// Ports of games that other software hands on to containers.
fn handed_on(facts: &Facts, profile: &Profile) -> Option<Finding> {
    let firewall = &profile.firewall;
    let games = firewall
        .games
        .iter()
        .filter_map(|name| catalogue::game(name));
    let rules: Vec<&PortRule> = games
        .flat_map(|game| game.ports)
        .chain(&firewall.ports)
        .collect();
    let is_ours = |(protocol, port): &&(String, u16)| {
        let mut rules = rules
            .iter()
            .filter(|rule| rule.protocol.name() == protocol.as_str());
        rules.any(|rule| (rule.ports.first..=rule.ports.last).contains(port))
    };
    let ours: Vec<String> = facts
        .dnat_ports
        .iter()
        .filter(is_ours)
        .map(|(protocol, port)| format!("{port}/{protocol}"))
        .collect();
    if ours.is_empty() {
        return None;
    }
    Some(Finding::info(
        "dnat-game-ports",
        "Ports of games are handed on to containers",
        format!(
            "{} (Docker, hostPort). Rules at INPUT do not see them, and leaving them out of connection tracking would lose \
             every packet: our rules work before that, and track them.",
            some(ours)
        ),
    ))
}

/// Interfaces, queues and interrupts, and what the kernel lacks.
pub(super) fn of_devices(observed: &Observed, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for interface in facts.uplinks() {
        findings.extend(one_queue(observed, facts, interface));
        if interface.mtu > MTU_INTERNET {
            findings.push(Finding::new(
                "mtu-above-internet",
                Severity::Warning,
                format!("{} sends packets of {} bytes towards the internet", interface.name, interface.mtu),
                "Paths carry 1,500 bytes or less. What is larger leaves as sent and vanishes, where a router's answer is \
                 filtered. Games send less than 1,400 bytes and gain nothing.",
                format!("ip link set dev {} mtu {MTU_INTERNET}", interface.name),
            ));
        }
    }
    for (name, (cpu, share)) in &observed.busiest {
        if facts.cpus.len() > 1 && *share >= BUSY_SHARE {
            findings.push(Finding::new(
                "interrupts-on-one-processor",
                Severity::Warning,
                format!(
                    "Processor {cpu} takes {:.0} % of the interrupts of {name}",
                    share * 100.0
                ),
                "Under a flood this one is full while others idle, and game threads on it stall.",
                "stadion network optimize --apply",
            ));
        }
    }
    if observed.has_irqbalance {
        findings.push(Finding::info(
            "irqbalance",
            "irqbalance moves interrupts",
            "It puts interrupts back where it wants them within ten seconds, unless it is told to leave them; `stadion \
             network optimize` writes that ban when it moves interrupts.",
        ));
    }
    if !facts.nft_lacks.is_empty() {
        let lacks = facts.nft_lacks.iter().map(|feature| format!("{feature:?}"));
        findings.push(Finding::info(
            "missing-nft-features",
            "nftables lacks features on this kernel",
            format!(
                "{}: rules that need them are left out of every plan.",
                some(lacks)
            ),
        ));
    }
    findings.extend(missing_tools(facts));
    findings
}

fn one_queue(observed: &Observed, facts: &Facts, interface: &Interface) -> Option<Finding> {
    let is_single = interface.hardware && interface.rx_queues == 1 && facts.cpus.len() > 1;
    if !is_single || observed.steered.contains(&interface.name) {
        return None;
    }
    let name = &interface.name;
    Some(Finding::new(
        "single-queue",
        Severity::Warning,
        format!("{name} has one queue for what it receives, and nothing spreads it"),
        format!(
            "One of {} processors does all the work of the network. RPS spreads it in software; some devices have more \
             queues than are switched on: `ethtool -l {name}` says so.",
            facts.cpus.len()
        ),
        "stadion network optimize --apply",
    ))
}

fn missing_tools(facts: &Facts) -> Vec<Finding> {
    let tools = [
        (
            "nft",
            &facts.tools.nft,
            "nftables",
            "firewall and ddos-protect",
        ),
        ("tc", &facts.tools.tc, "iproute2", "traffic-shape"),
        (
            "ip",
            &facts.tools.ip,
            "iproute2",
            "addresses in this report",
        ),
    ];
    let missing = tools
        .into_iter()
        .filter(|(_, version, ..)| version.is_none());
    let finding = |(tool, _, package, needed): (&str, &Option<String>, &str, &str)| {
        Finding::new(
            &format!("missing-{tool}"),
            Severity::Warning,
            format!("`{tool}` is not installed"),
            format!("It is needed for {needed}."),
            format!("apt-get install {package}"),
        )
    };
    missing.map(finding).collect()
}
