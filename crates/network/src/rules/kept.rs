//! What a table learned while it ran, so that replacing it does not forget players in the middle of a flood.

use std::fmt::Write;
use std::net::IpAddr;

use serde_json::Value;

use crate::rules::TABLE;
use crate::{Error, Result};

/// The sets whose elements go over into a new table.
pub const SETS: [&str; 4] = ["known4", "known6", "banned4", "banned6"];

/// Elements that go over, of each set. 16,384 are 160 times the players of a full host, and nft lists and loads them in half
/// a second (100,000 take 2.6 s to list); the rest has to pass the gate again.
const ELEMENTS_MAX: usize = 16_384;

/// A thousand days, which nft takes; 100,000,000 seconds it refuses, and with them all other elements (nft 1.0.6).
const SECONDS_MAX: u64 = 86_400_000;

/// Reads `nft -j list set inet stadion NAME`, and writes the command that adds the same elements, for the end of the
/// transaction that replaces the table. Nothing when there is nothing to keep.
///
/// # Errors
/// [`Error::Parse`] when the text is no JSON of nft.
pub fn again(set: &str, json: &str) -> Result<String> {
    let wrong = |said: &str| Error::Parse {
        what: format!("nft -j list set {TABLE} {set}"),
        said: said.into(),
    };
    let value: Value = serde_json::from_str(json).map_err(|error| wrong(&error.to_string()))?;
    let list = value["nftables"]
        .as_array()
        .ok_or_else(|| wrong("no list `nftables`"))?;
    let described = list
        .iter()
        .find_map(|item| item.get("set"))
        .ok_or_else(|| wrong("no set"))?;
    let mut elements: Vec<(u64, String)> = described["elem"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .filter_map(|item| element(item, set.ends_with('6')))
        .collect();
    // Those that would live longest: they were seen last.
    elements.sort_unstable_by(|a, b| b.cmp(a));
    elements.truncate(ELEMENTS_MAX);
    let mut command = String::new();
    if let Some((first, rest)) = elements.split_first() {
        write!(command, "add element {TABLE} {set} {{ {}", first.1)
            .expect("invariant: writing to a string cannot fail");
        for (_, element) in rest {
            command.push_str(", ");
            command.push_str(element);
        }
        command.push_str(" }\n");
    }
    Ok(command)
}

/// How long an element lives still, and how nft writes it.
fn element(item: &Value, v6: bool) -> Option<(u64, String)> {
    let Some(element) = item.get("elem") else {
        return Some((u64::MAX, key(item, v6)?));
    };
    if element.get("expires").is_none() {
        return Some((u64::MAX, key(&element["val"], v6)?));
    }
    let is_time = |seconds: &u64| (1..=SECONDS_MAX).contains(seconds);
    let expires = element["expires"].as_u64().filter(is_time)?;
    let key = key(&element["val"], v6)?;
    let own = match element.get("timeout") {
        None => String::new(),
        Some(own) => format!(" timeout {}s", own.as_u64().filter(is_time)?),
    };
    Some((expires, format!("{key}{own} expires {expires}s")))
}

/// An address, a network or a range of the set's family, read and written anew: nothing of the listing reaches nft as it
/// is, and nothing for which nft would refuse all the others with it.
fn key(value: &Value, v6: bool) -> Option<String> {
    let address = |value: &Value| {
        let address: IpAddr = value.as_str()?.parse().ok()?;
        (address.is_ipv6() == v6).then_some(address)
    };
    if let Some(address) = address(value) {
        return Some(address.to_string());
    }
    if let Some(prefix) = value.get("prefix") {
        let bits = if v6 { 128 } else { 32 };
        let length = prefix["len"].as_u64().filter(|length| *length <= bits)?;
        return Some(format!("{}/{length}", address(&prefix["addr"])?));
    }
    let range = value["range"].as_array()?;
    let (first, last) = (address(range.first()?)?, address(range.get(1)?)?);
    (first <= last).then(|| format!("{first}-{last}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_are_kept_and_what_is_none_is_not() {
        let json = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"set": {"name": "banned4", "elem": [
            {"elem": {"val": "1.2.3.4", "expires": 29}}, "9.9.9.9",
            {"elem": {"val": {"prefix": {"addr": "10.0.0.0", "len": 8}}, "timeout": 60, "expires": 40}},
            {"elem": {"val": {"range": ["1.1.1.1", "1.1.1.9"]}, "timeout": 60, "expires": 0}},
            {"elem": {"val": "1; flush ruleset", "expires": 9}}, "2001:db8::1",
            {"elem": {"val": {"prefix": {"addr": "10.0.0.0", "len": 33}}, "expires": 9}},
            {"elem": {"val": {"range": ["1.1.1.9", "1.1.1.1"]}, "expires": 9}},
            {"elem": {"val": "7.7.7.7", "expires": 18446744073709551615}}]}}]}"#;
        assert_eq!(
            again("banned4", json).unwrap(),
            "add element inet stadion banned4 { 9.9.9.9, 10.0.0.0/8 timeout 60s expires 40s, 1.2.3.4 expires 29s }\n"
        );
        assert_eq!(
            again("known4", r#"{"nftables": [{"set": {"name": "known4"}}]}"#).unwrap(),
            ""
        );
        assert!(again("known4", "{}").is_err());
        assert!(again("known4", "no").is_err());
    }

    proptest! {
        #[test]
        fn nothing_of_a_listing_reaches_nft_but_addresses_and_times(
            words in prop::collection::vec("[ -~]{0,20}", 0..10), expires: u64, text in "[\\[\\]{}\":,a-z0-9. ]{0,80}",
        ) {
            let elements: Vec<Value> = words
                .iter()
                .flat_map(|word| [serde_json::json!(word), serde_json::json!({"elem": {"val": word, "timeout": expires, "expires": expires}})])
                .collect();
            let json = serde_json::json!({"nftables": [{"set": {"elem": elements}}]}).to_string();
            let command = again("banned4", &json).unwrap();
            let added = command.strip_prefix("add element inet stadion banned4 { ").unwrap_or_default();
            for word in added.split([' ', ',', '\n']).filter(|word| !matches!(*word, "" | "}" | "expires" | "timeout")) {
                let time = word.strip_suffix('s').is_some_and(|digits| digits.parse::<u64>().is_ok());
                prop_assert!(time || word.parse::<IpAddr>().is_ok(), "{}", word);
            }
            drop(again("known4", &text));
        }
    }

    #[test]
    fn no_more_elements_are_kept_than_nft_loads_in_a_moment() {
        let elements: Vec<Value> = (0..100_000_u32)
            .map(|n| serde_json::json!({"elem": {"val": std::net::Ipv4Addr::from_bits(n).to_string(), "expires": 1 + n}}))
            .collect();
        let json = serde_json::json!({"nftables": [{"set": {"elem": elements}}]}).to_string();
        let command = again("known4", &json).unwrap();
        assert_eq!(command.matches("expires").count(), ELEMENTS_MAX);
        assert!(
            command.contains("0.1.134.159 expires 100000s"),
            "the youngest is kept"
        );
    }
}
