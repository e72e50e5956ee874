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
    let mut found = Redirects::default();
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
        let field = text(&left["payload"]["field"]);
        match (field, text(&left["meta"]["key"])) {
            ("dport", _) => {
                let of = Some(text(&left["payload"]["protocol"]))
                    .filter(|name| matches!(*name, "tcp" | "udp"));
                ports = numbers(right).map(|numbers| (of, numbers));
            }
            // Services of a cluster have addresses of their own, which are not the host's.
            ("daddr", _) if step["op"] == "==" && right.is_string() => elsewhere = true,
            (_, "l4proto") => protocol = right.as_str(),
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

/// A port, a range or a set of both.
fn numbers(value: &Value) -> Option<Vec<u16>> {
    let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    if let Some(port) = port(value) {
        return Some(vec![port]);
    }
    if let Some([first, last]) = value["range"].as_array().map(Vec::as_slice) {
        return Some((port(first)?..=port(last)?).collect());
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

/// Reads `iptables-save -t nat` (or `ip6tables-save`).
#[must_use]
pub fn iptables(save: &str) -> Redirects {
    let mut found = Redirects::default();
    for line in save.lines().filter(|line| line.starts_with("-A ")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |name: &str| {
            words
                .iter()
                .position(|word| *word == name)
                .and_then(|at| words.get(at + 1))
                .copied()
        };
        if !after("-j").is_some_and(|target| matches!(target, "DNAT" | "REDIRECT")) {
            continue;
        }
        let names = after("-p").map_or_else(|| vec!["tcp", "udp"], |name| vec![name]);
        let ports: Option<Vec<u16>> = after("--dport").or(after("--dports")).and_then(|written| {
            let mut all = Vec::new();
            for part in written.split(',') {
                let (first, last) = part.split_once(':').unwrap_or((part, part));
                all.extend(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?);
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

impl Redirects {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.ports.extend(other.ports);
        self.unclear |= other.unclear;
        self
    }
}

#[cfg(test)]
mod tests;
