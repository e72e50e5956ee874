//! `nft -j`: counters of a table, and what other tables do that matters to us.

use serde::Serialize;
use serde_json::Value;

use super::malformed;
use crate::Result;

/// A named counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// `inet`, `ip` or another family.
    pub family: String,
    /// The table that it is in.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Packets counted.
    pub packets: u64,
    /// Bytes counted.
    pub bytes: u64,
}

/// A chain that the kernel calls by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BaseChain {
    /// Family and name of its table: `ip filter`.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Where it is called: `input`, `forward`, `prerouting`.
    pub hook: String,
    /// When it is called; the lowest first.
    pub priority: i64,
    /// It drops what no rule accepts.
    pub drops: bool,
    /// Rules in it.
    pub rules: usize,
}

/// What `nft -j -t list ruleset` says, as far as it matters to us.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ruleset {
    /// Tables, as family and name.
    pub tables: Vec<String>,
    /// Chains that the kernel calls.
    pub chains: Vec<BaseChain>,
    /// Chains that only rules call, as family, table and name.
    pub called: Vec<String>,
    /// Rules that `nft` cannot show as its own: made by `iptables`, with extensions of theirs.
    pub opaque_rules: usize,
}

fn objects(what: &str, text: &str) -> Result<Vec<Value>> {
    match super::json(what, text)? {
        Value::Array(objects) => Ok(objects),
        Value::Object(mut top) => match top.remove("nftables") {
            Some(Value::Array(objects)) => Ok(objects),
            _ => Err(malformed(what, 0)),
        },
        _ => Err(malformed(what, 0)),
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    Some(value.get(key)?.as_str()?.to_owned())
}

fn table_of(value: &Value) -> Option<String> {
    Some(format!(
        "{} {}",
        text(value, "family")?,
        text(value, "table")?
    ))
}

/// The named counters in the output of `nft -j list counters`.
///
/// # Errors
/// What is no JSON of nftables, or a counter without its name or numbers.
pub fn counters(json: &str) -> Result<Vec<Counter>> {
    const WHAT: &str = "nft -j list counters";
    let read = |value: &Value| {
        Some(Counter {
            family: text(value, "family")?,
            table: text(value, "table")?,
            name: text(value, "name")?,
            packets: value.get("packets")?.as_u64()?,
            bytes: value.get("bytes")?.as_u64()?,
        })
    };
    objects(WHAT, json)?
        .iter()
        .filter_map(|object| object.get("counter"))
        .map(|value| read(value).ok_or_else(|| malformed(WHAT, 0)))
        .collect()
}

/// The output of `nft -j -t list ruleset`.
///
/// # Errors
/// What is no JSON of nftables, or a table or chain without its name.
pub fn ruleset(json: &str) -> Result<Ruleset> {
    const WHAT: &str = "nft -j -t list ruleset";
    let bad = || malformed(WHAT, 0);
    let mut ruleset = Ruleset::default();
    let objects = objects(WHAT, json)?;
    for object in &objects {
        if let Some(table) = object.get("table") {
            let family = text(table, "family").ok_or_else(bad)?;
            let name = text(table, "name").ok_or_else(bad)?;
            ruleset.tables.push(format!("{family} {name}"));
        } else if let Some(chain) = object.get("chain") {
            match base_chain(chain).ok_or_else(bad)? {
                Ok(base) => ruleset.chains.push(base),
                Err(called) => ruleset.called.push(called),
            }
        }
    }
    for rule in objects.iter().filter_map(|object| object.get("rule")) {
        let table = table_of(rule).ok_or_else(bad)?;
        let chain = text(rule, "chain").ok_or_else(bad)?;
        let base = ruleset.chains.iter_mut();
        for base in base.filter(|base| base.table == table && base.name == chain) {
            base.rules += 1;
        }
        let expressions = rule.get("expr").and_then(Value::as_array);
        let expressions = expressions.map_or(&[][..], Vec::as_slice);
        if expressions.iter().any(|part| part.get("xt").is_some()) {
            ruleset.opaque_rules += 1;
        }
    }
    Ok(ruleset)
}

/// A chain that the kernel calls, or the name of one that only rules call; nothing where it has no name.
fn base_chain(chain: &Value) -> Option<Result<BaseChain, String>> {
    let table = table_of(chain)?;
    let name = text(chain, "name")?;
    let Some(hook) = text(chain, "hook") else {
        return Some(Err(format!("{table} {name}")));
    };
    Some(Ok(BaseChain {
        table,
        name,
        hook,
        priority: chain.get("prio").and_then(Value::as_i64).unwrap_or(0),
        drops: chain.get("policy").and_then(Value::as_str) == Some("drop"),
        rules: 0,
    }))
}
