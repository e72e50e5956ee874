//! Takes addresses and names of hosts out of texts. The same one becomes the same word, so that a report still makes
//! sense; which is which cannot be told from it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

/// The longest address: an IPv6 address that ends like IPv4, as RFC 4291 2.2 writes it in full.
const ADDRESS_BYTES_MAX: usize = 45;
/// Six pairs of hexadecimal digits with colons between them.
const MAC_BYTES: usize = 17;
/// Interfaces that are named after their hardware address (systemd.net-naming-scheme(7)).
const NAMED_AFTER_MAC: &str = "enx";

/// `text` without addresses, and without the names in `names`.
#[must_use]
pub fn redact(text: &str, names: &[&str]) -> String {
    Redactor::new(names).text(text)
}

/// Remembers which word stands for what, over several texts.
#[derive(Debug)]
pub struct Redactor {
    names: Vec<String>,
    words: BTreeMap<(&'static str, String), String>,
}

impl Redactor {
    /// Takes out addresses and these names of hosts; of a name with dots also its first part.
    #[must_use]
    pub fn new(names: &[&str]) -> Self {
        let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        let mut all: Vec<String> = names
            .iter()
            .flat_map(|name| [(*name).to_owned(), short(name)])
            // `localhost` tells nothing, and nothing is no name.
            .filter(|name| !name.is_empty() && name != "localhost")
            .collect();
        all.sort_by_key(|name| std::cmp::Reverse(name.len()));
        all.dedup();
        Self {
            names: all,
            words: BTreeMap::new(),
        }
    }

    /// Every string in `value`, but not the keys of objects.
    pub fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(values) => values.values_mut().for_each(|value| self.value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// `text` without addresses and names.
    pub fn text(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        let mut before = None;
        while let Some(first) = rest.chars().next() {
            let found = self.name(rest, before).or_else(|| self.address(rest));
            let (taken, word) = match found {
                Some((taken, word)) => (taken, word),
                None => (first.len_utf8(), first.to_string()),
            };
            out.push_str(&word);
            before = rest[..taken].chars().next_back();
            rest = &rest[taken..];
        }
        out
    }

    /// A known name at the beginning of `rest`, as a word of its own, in any case (RFC 4343).
    fn name(&mut self, rest: &str, before: Option<char>) -> Option<(usize, String)> {
        let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if before.is_some_and(is_part) {
            return None;
        }
        let fits = |name: &&String| {
            let head = rest.get(..name.len());
            let after = rest
                .get(name.len()..)
                .and_then(|after| after.chars().next());
            head.is_some_and(|head| head.eq_ignore_ascii_case(name)) && !after.is_some_and(is_part)
        };
        let name = self.names.iter().find(fits)?.to_ascii_lowercase();
        Some((name.len(), self.word("host", name)))
    }

    /// The longest address at the beginning of `rest`.
    fn address(&mut self, rest: &str) -> Option<(usize, String)> {
        if let Some(mac) = rest.strip_prefix(NAMED_AFTER_MAC)
            && let Some(digits) = mac.get(..12)
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        {
            let word = self.word("mac", digits.to_ascii_lowercase());
            return Some((
                NAMED_AFTER_MAC.len() + 12,
                NAMED_AFTER_MAC.to_owned() + &word,
            ));
        }
        let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
        let run = rest
            .bytes()
            .take(ADDRESS_BYTES_MAX)
            .take_while(|byte| is_part(*byte));
        for length in (2..=run.count()).rev() {
            let candidate = &rest[..length];
            if length == MAC_BYTES && is_mac(candidate) {
                return Some((length, self.word("mac", candidate.to_ascii_lowercase())));
            }
            let Ok(address) = candidate.parse::<IpAddr>() else {
                continue;
            };
            let word = match address {
                // These are the same on every host.
                address if address.is_loopback() || address.is_unspecified() => {
                    candidate.to_owned()
                }
                IpAddr::V4(address) => self.v4(address),
                IpAddr::V6(address) => self.v6(address),
            };
            return Some((length, word));
        }
        None
    }

    fn v4(&mut self, address: Ipv4Addr) -> String {
        self.word("ipv4", address.to_string())
    }

    fn v6(&mut self, address: Ipv6Addr) -> String {
        match address.to_ipv4_mapped() {
            Some(address) => self.v4(address),
            None => self.word("ipv6", address.to_string()),
        }
    }

    fn word(&mut self, kind: &'static str, what: String) -> String {
        let next = 1 + self
            .words
            .keys()
            .filter(|(known, _)| *known == kind)
            .count();
        let word = self.words.entry((kind, what));
        word.or_insert_with(|| format!("<{kind}-{next}>")).clone()
    }
}

fn is_mac(text: &str) -> bool {
    let mut pairs = text.split(':');
    let is_pair =
        |pair: &str| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
    pairs.by_ref().take(6).filter(|pair| is_pair(pair)).count() == 6 && pairs.next().is_none()
}
