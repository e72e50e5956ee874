//! `docs/network-profile.md`: every key of the profile, made of the comments in `src/profile`.
//! `UPDATE_GOLDEN=1 cargo test -p stadion-network --test docs` writes it again.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use stadion_network::profile::{Base, Profile};
use stadion_network::rules::catalogue;

/// Every type of the profile that has keys or names of its own.
const SOURCES: [&str; 6] = [
    include_str!("../../src/profile.rs"),
    include_str!("../../src/profile/optimize.rs"),
    include_str!("../../src/profile/shape.rs"),
    include_str!("../../src/profile/protect.rs"),
    include_str!("../../src/profile/firewall.rs"),
    include_str!("../../src/profile/thresholds.rs"),
];

/// In the order of the page.
const SECTIONS: [(&str, &str); 5] = [
    ("optimize", "Optimize"),
    ("traffic_shape", "Shape"),
    ("ddos_protect", "Protect"),
    ("firewall", "Firewall"),
    ("thresholds", "Thresholds"),
];

const INTRODUCTION: &str = "\
<!-- Generated from crates/network/src/profile; \
`UPDATE_GOLDEN=1 cargo test -p stadion-network --test docs` writes it again. -->
# The profile of `stadion network`

How it is used is in [Host networking](network.md). One YAML file; every key may be left out and then has the value of the
profile that `extends` names, `recommended` (unless given) or `guide`. Sections and maps are laid over that key by key,
lists and everything else replace it.

```yaml
extends: recommended
```
";

/// A struct or an enum.
struct Item {
    name: String,
    words: String,
    /// Key or name, its type if it is a key, and what it is.
    parts: Vec<(String, Option<String>, String)>,
}

/// The public structs and enums of `source` whose parts have comments.
fn items(source: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut words = String::new();
    let mut is_open = false;
    for line in source.lines() {
        let text = line.trim();
        if let Some(comment) = text.strip_prefix("///") {
            words.push_str(comment);
            continue;
        }
        if text.starts_with("#[") {
            continue;
        }
        let said = std::mem::take(&mut words).trim().to_owned();
        let opens = ["pub struct ", "pub enum "];
        let opened = opens.iter().find_map(|kind| line.strip_prefix(kind));
        if let Some(name) = opened.and_then(|rest| rest.strip_suffix(" {")) {
            is_open = true;
            items.push(Item {
                name: name.to_owned(),
                words: said,
                parts: Vec::new(),
            });
        } else if line == "}" {
            is_open = false;
        } else if is_open && !said.is_empty() {
            let part = text.trim_end_matches(',');
            let part = match part.strip_prefix("pub ").and_then(|p| p.split_once(": ")) {
                Some((key, kind)) => (key.to_owned(), Some(kind.to_owned()), said),
                None => (snake(part), None, said),
            };
            items.last_mut().unwrap().parts.push(part);
        }
    }
    items
}

/// As serde writes the name of a variant.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// A type in words, and the item that has more to say about it.
fn kind(kind: &str, items: &[Item]) -> String {
    if let Some(inner) = kind.strip_prefix("Option<") {
        let inner = inner.trim_end_matches('>');
        return format!("{}, or `null`", self::kind(inner, items));
    }
    let words = match kind {
        "bool" => "`true` or `false`",
        "u8" | "u16" | "u32" => "whole number",
        "f64" => "number",
        "String" => "text",
        "IpAddr" => "address",
        "Ports" => "port or range of ports",
        "BitRate" => "rate, such as `950mbit`",
        "Vec<String>" => "list of text",
        "Vec<u16>" => "list of ports",
        "Vec<Net>" => "list of addresses and networks",
        "BTreeMap<String, Option<String>>" => "map of path to text or `null`",
        "BTreeMap<String, Jumbo>" => "map of interface to [Jumbo](#jumbo)",
        "Vec<PortRule>" => "list of [PortRule](#portrule)",
        name => {
            let item = items.iter().find(|item| item.name == name);
            let item = item.unwrap_or_else(|| panic!("give `{name}` its words here"));
            let link = format!("[{name}](#{})", name.to_lowercase());
            return match item.parts.iter().all(|(_, kind, _)| kind.is_none()) {
                true => {
                    let names = item.parts.iter().map(|(name, ..)| format!("`{name}`"));
                    format!("{link}: {}", names.collect::<Vec<_>>().join(", "))
                }
                false => link,
            };
        }
    };
    words.to_owned()
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        Value::Object(rate) if rate.contains_key("burst") => format!(
            "`{{ per_second: {}, burst: {} }}`",
            rate["per_second"], rate["burst"]
        ),
        other => format!("`{other}`"),
    }
}

/// The catalogue.
fn games(page: &mut String) {
    page.push_str("\n## Games\n\nWhat `firewall.games` and `--game` know.\n\n| name | ports |\n| --- | --- |\n");
    for game in catalogue::GAMES {
        let ports = game.ports.iter().map(|rule| {
            let role = serde_json::to_value(rule.role).unwrap();
            format!(
                "{}/{} {}",
                rule.ports,
                rule.protocol.name(),
                role.as_str().unwrap()
            )
        });
        let ports: Vec<String> = ports.collect();
        writeln!(page, "| `{}` | {} |", game.name, ports.join(", ")).unwrap();
    }
}

fn page() -> String {
    let items: Vec<Item> = SOURCES.into_iter().flat_map(items).collect();
    let item = |name: &str| items.iter().find(|item| item.name == name).unwrap();
    let builtin = [Base::Recommended, Base::Guide]
        .map(|base| serde_json::to_value(Profile::builtin(base)).unwrap());
    let mut page = String::from(INTRODUCTION);
    for (section, name) in SECTIONS {
        let item = item(name);
        let values = [&builtin[0][section], &builtin[1][section]];
        let keys: BTreeSet<&str> = item.parts.iter().map(|(key, ..)| key.as_str()).collect();
        let written: BTreeSet<&str> = values[0]
            .as_object()
            .unwrap()
            .keys()
            .map(|k| &**k)
            .collect();
        assert_eq!(keys, written, "{section}: every key has a comment");
        write!(
            page,
            "\n## `{section}`\n\n{}\n\n| key | what it is | type | recommended | guide |\n| --- | --- | --- | --- | --- |\n",
            item.words
        )
        .unwrap();
        for (key, of, words) in &item.parts {
            let of = kind(of.as_ref().unwrap(), &items);
            let cells = match key.as_str() {
                "sysctl" => ["see below".to_owned(), "see below".to_owned()],
                key => values.map(|all| value(&all[key])),
            };
            writeln!(
                page,
                "| `{key}` | {words} | {of} | {} | {} |",
                cells[0], cells[1]
            )
            .unwrap();
        }
        if section == "optimize" {
            page.push_str("\n| `sysctl` | recommended | guide |\n| --- | --- | --- |\n");
            let maps = values.map(|all| all["sysctl"].as_object().unwrap());
            let paths: BTreeSet<&String> = maps.iter().flat_map(|map| map.keys()).collect();
            for path in paths {
                let cells = maps.map(|map| map.get(path).map_or(String::new(), value));
                writeln!(page, "| `{path}` | {} | {} |", cells[0], cells[1]).unwrap();
            }
        }
    }
    games(&mut page);
    page.push_str("\n## Values\n");
    for item in &items {
        let is_section = SECTIONS.iter().any(|(_, name)| *name == item.name);
        if is_section || ["Profile", "Difference", "Ports"].contains(&item.name.as_str()) {
            continue;
        }
        write!(page, "\n### {}\n\n{}\n\n", item.name, item.words).unwrap();
        for (name, of, words) in &item.parts {
            match of {
                Some(of) => writeln!(page, "- `{name}` ({}): {words}", kind(of, &items)).unwrap(),
                None => writeln!(page, "- `{name}`: {words}").unwrap(),
            }
        }
    }
    page
}

#[test]
fn every_key_of_the_profile_is_documented() {
    let page = page();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/network-profile.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == written,
        "docs/network-profile.md is not what src/profile says; UPDATE_GOLDEN=1 writes it again"
    );
}

#[test]
fn every_section_stands_on_the_page_about_the_tool() {
    for (section, _) in SECTIONS {
        assert!(super::PAGE.contains(section), "{section}");
    }
    assert!(super::PAGE.contains("(network-profile.md)"));
}
