//! The rules of other software, as far as ours must know them: which ports it hands on to other addresses.
//!
//! Two sources: `nft -j list ruleset`, and `iptables-save -t nat`, because rules that iptables put into nftables can hide
//! their action from nft (`xt`), and rules of the older iptables are not in nftables at all.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Error, Result};

/// Ports that other software hands on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirects {
    /// Protocol (`tcp` or `udp`) and port.
    pub ports: BTreeSet<(String, u16)>,
    /// There are rules that we cannot read: any port may be handed on.
    pub unclear: bool,
    /// Who may hand on any port later, without a word to us, such as Docker when a container starts.
    pub publisher: Option<&'static str>,
}

/// What begins the names of chains and tables of software that publishes ports while it runs, and what it is.
const PUBLISHERS: [(&str, &str); 5] = [
    ("docker", "Docker"),
    ("kube-", "Kubernetes"),
    // Plugin `portmap` of the container network interface; Kubernetes and others start it.
    ("cni-hostport-", "hostPort"),
    ("cni-dn-", "hostPort"),
    ("netavark", "Podman"),
];

/// Who makes chains or tables called `name`, if it is one that publishes ports.
fn publisher(name: &str) -> Option<&'static str> {
    let begins = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    PUBLISHERS
        .into_iter()
        .find_map(|(prefix, who)| begins(prefix).then_some(who))
}

/// More ports than there are in one rule are a mistake; 65,536 and some that are named twice.
const PORTS_MAX: usize = 100_000;

/// Reads `nft -j list ruleset`. Tables called as `ours` (family and name) are left out.
///
/// # Errors
/// [`Error::Parse`] when the text is no JSON of nft.
pub fn nft(json: &str, ours: &str) -> Result<Redirects> {
    let wrong = |said: String| Error::Parse {
        what: "nft -j list ruleset".into(),
        said,
    };
    let value: Value = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
    let list = value["nftables"]
        .as_array()
        .ok_or_else(|| wrong("no list `nftables`".into()))?;
    let mut names = list.iter().filter_map(|item| {
        let named = item.get("chain").or_else(|| item.get("table"))?;
        named["name"].as_str()
    });
    let mut found = Redirects {
        publisher: names.find_map(publisher),
        ..Redirects::default()
    };
    for rule in list.iter().filter_map(|item| item.get("rule")) {
        let table = format!("{} {}", text(&rule["family"]), text(&rule["table"]));
        let chain = text(&rule["chain"]);
        if table == ours || !rewrites(rule, chain) {
            continue;
        }
        let steps = rule["expr"].as_array().map_or(&[][..], Vec::as_slice);
        read_rule(steps, &mut found);
    }
    Ok(found)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether a rule rewrites where packets go: `dnat`, `redirect`, or a target of iptables in a chain for that.
fn rewrites(rule: &Value, chain: &str) -> bool {
    let steps = rule["expr"].as_array().map_or(&[][..], Vec::as_slice);
    steps.iter().any(|step| {
        step.get("dnat").is_some()
            || step.get("redirect").is_some()
            || step.get("xt").is_some_and(|xt| match xt["name"].as_str() {
                Some(name) => matches!(name, "DNAT" | "REDIRECT"),
                // The name is hidden: only chains that Docker and kube-proxy make for published ports.
                None => {
                    chain == "DOCKER"
                        || chain.starts_with("KUBE-HOSTPORT")
                        || chain.starts_with("CNI-DN-")
                }
            })
    })
}

/// The ports that one rule matches; a rule that matches any makes the whole unclear, unless it is for one other address.
fn read_rule(steps: &[Value], found: &mut Redirects) {
    let mut ports: Option<(Option<&str>, Vec<u16>)> = None;
    let mut protocol: Option<&str> = None;
    let mut elsewhere = false;
    for step in steps.iter().filter_map(|step| step.get("match")) {
        let (left, right) = (&step["left"], &step["right"]);
        let is_equal = step["op"] == "==";
        let field = text(&left["payload"]["field"]);
        match (field, text(&left["meta"]["key"])) {
            ("dport", _) => {
                let of = Some(text(&left["payload"]["protocol"]))
                    .filter(|name| matches!(*name, "tcp" | "udp"));
                let mut numbers = compared(text(&step["op"]), right);
                // Each has to hold.
                if let (Some(numbers), Some((_, before))) = (&mut numbers, &ports) {
                    numbers.retain(|port| before.binary_search(port).is_ok());
                }
                ports = numbers.map(|numbers| (of, numbers)).or(ports);
            }
            // Services of a cluster have addresses of their own, which are not the host's.
            ("daddr", _) if is_equal && right.is_string() => elsewhere = true,
            (_, "l4proto") if is_equal => protocol = right.as_str(),
            _ => {}
        }
    }
    match ports {
        Some((of, numbers)) => {
            let names = of
                .or(protocol)
                .map_or_else(|| vec!["tcp", "udp"], |name| vec![name]);
            for name in names {
                found
                    .ports
                    .extend(numbers.iter().map(|port| (name.to_owned(), *port)));
            }
        }
        None if elsewhere => {}
        None => found.unclear = true,
    }
}

/// The ports that compare so with `right`, sorted; nothing where that cannot be told, or is all but some.
fn compared(op: &str, right: &Value) -> Option<Vec<u16>> {
    let mut numbers = numbers(right)?;
    let (first, last) = (*numbers.first()?, *numbers.last()?);
    match op {
        "==" => {
            numbers.sort_unstable();
            Some(numbers)
        }
        "<=" => range(0, last),
        "<" => range(0, last.checked_sub(1)?),
        ">=" => range(first, u16::MAX),
        ">" => range(first.checked_add(1)?, u16::MAX),
        _ => None,
    }
}

/// A port, a range or a set of both.
fn numbers(value: &Value) -> Option<Vec<u16>> {
    let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    if let Some(port) = port(value) {
        return Some(vec![port]);
    }
    if let Some([first, last]) = value["range"].as_array().map(Vec::as_slice) {
        return range(port(first)?, port(last)?);
    }
    let mut all = Vec::new();
    for one in value["set"].as_array()? {
        all.extend(numbers(one)?);
        if all.len() > PORTS_MAX {
            return None;
        }
    }
    Some(all)
}

/// The ports of a range; nothing when it ends before it begins, which is none.
fn range(first: u16, last: u16) -> Option<Vec<u16>> {
    (first <= last).then(|| (first..=last).collect())
}

/// Reads `iptables-save -t nat` (or `ip6tables-save`).
#[must_use]
pub fn iptables(save: &str) -> Redirects {
    let mut chains = save.lines().filter_map(|line| line.strip_prefix(':'));
    let mut found = Redirects {
        publisher: chains.find_map(publisher),
        ..Redirects::default()
    };
    for line in save.lines().filter(|line| line.starts_with("-A ")) {
        let words = words(line);
        let after = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            // What a rule excludes says nothing about what it hands on.
            let is_excluded = at.checked_sub(1).is_some_and(|before| words[before] == "!");
            words.get(at + 1).copied().filter(|_| !is_excluded)
        };
        if !after("-j").is_some_and(|target| matches!(target, "DNAT" | "REDIRECT")) {
            continue;
        }
        let names = after("-p").map_or_else(|| vec!["tcp", "udp"], |name| vec![name]);
        let ports: Option<Vec<u16>> = after("--dport").or(after("--dports")).and_then(|written| {
            let mut all = Vec::new();
            for part in written.split(',') {
                let (first, last) = part.split_once(':').unwrap_or((part, part));
                all.extend(range(first.parse().ok()?, last.parse().ok()?)?);
                if all.len() > PORTS_MAX {
                    return None;
                }
            }
            Some(all)
        });
        match ports {
            Some(ports) => {
                for name in names {
                    found
                        .ports
                        .extend(ports.iter().map(|port| (name.to_owned(), *port)));
                }
            }
            None if after("-d").is_some_and(|to| to.ends_with("/32") || to.ends_with("/128")) => {}
            // kube-proxy and the portmap plugin choose by port in a chain before, and rewrite in one of their own.
            None if after("-A").is_some_and(|chain| chain.starts_with("KUBE-SEP-")) => {}
            None => found.unclear = true,
        }
    }
    found
}

/// The words of a line of `iptables-save` without comments: people write those, and anything may stand in them.
fn words(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = match rest.strip_prefix('"') {
            Some(quoted) => {
                let mut escaped = false;
                let closes = |c: char| {
                    let closes = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    closes
                };
                quoted.find(closes).map_or(rest.len(), |at| at + 2)
            }
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        if found.last() == Some(&"--comment") {
            found.pop();
        } else {
            found.push(word);
        }
        rest = after.trim_start();
    }
    found
}

impl Redirects {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.ports.extend(other.ports);
        self.unclear |= other.unclear;
        self.publisher = self.publisher.or(other.publisher);
        self
    }
}

#[cfg(test)]
mod tests;
