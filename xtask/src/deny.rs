//! `cargo xtask deny`: which third-party code comes in. `deny.toml` holds the lists; this reads them where cargo-deny,
//! which takes minutes to install, is not there.

mod licence;

use crate::data::{Value, parse_json, parse_toml};
use crate::run::{Failure, Outcome, capture, cargo, root};
use crate::suite;

pub(crate) fn run() -> Outcome {
    let lists = std::fs::read_to_string(root().join("deny.toml"))
        .map_err(|error| Failure::new(format!("deny.toml cannot be read: {error}")))?;
    let rules = parse_toml(&lists).map_err(|error| Failure::new(format!("deny.toml: {error}")))?;
    let host = suite::host()?;
    let mut command = cargo([
        "metadata",
        "--offline",
        "--format-version",
        "1",
        "--filter-platform",
        &host,
    ]);
    let metadata = parse_json(&capture(&mut command)?)
        .map_err(|error| Failure::new(format!("the output of cargo metadata: {error}")))?;
    let complaints = judge(&rules, &metadata);
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    if complaints.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "deny: {} complaints; `cargo tree -i CRATE` says who brings a crate in",
        complaints.len()
    )))
}

/// Every package against every rule. Pure, so that the tests can feed it what no real tree has.
fn judge(rules: &Value, metadata: &Value) -> Vec<String> {
    let list = |table: &str, key: &str| {
        rules
            .get(table)
            .and_then(|table| table.get(key))
            .map_or(&[][..], Value::items)
    };
    let licences: Vec<&str> = list("licenses", "allow")
        .iter()
        .filter_map(Value::text)
        .collect();
    let registries: Vec<&str> = list("sources", "allow-registry")
        .iter()
        .filter_map(Value::text)
        .collect();
    let mut complaints = Vec::new();
    let packages = metadata.get("packages").map_or(&[][..], Value::items);
    if packages.is_empty() {
        complaints.push("cargo metadata names no packages; there is nothing to judge".to_owned());
    }
    for package in packages {
        let text = |key: &str| package.get(key).and_then(Value::text);
        let name = text("name").unwrap_or("?");
        let shown = format!("{name} {}", text("version").unwrap_or("?"));
        for ban in list("bans", "deny")
            .iter()
            .filter(|ban| ban.get("crate").and_then(Value::text) == Some(name))
        {
            let instead = ban
                .get("use-instead")
                .or_else(|| ban.get("reason"))
                .and_then(Value::text);
            complaints.push(format!(
                "{shown}: banned; use instead: {}",
                instead.unwrap_or("nothing")
            ));
        }
        match text("license").map(|expression| licence::allowed(expression, &licences)) {
            Some(Ok(true)) => {}
            Some(Ok(false)) => complaints.push(format!(
                "{shown}: its licence `{}` is not in licenses.allow of deny.toml",
                text("license").unwrap_or_default()
            )),
            Some(Err(error)) => {
                complaints.push(format!("{shown}: its licence cannot be read: {error}"));
            }
            None => complaints.push(format!("{shown}: names no licence; replace it")),
        }
        // A package of this workspace has no source.
        if let Some(source) = text("source")
            && !registries
                .iter()
                .any(|registry| source.strip_prefix("registry+") == Some(registry))
        {
            complaints.push(format!(
                "{shown}: comes from {source}; only {} may be a source",
                registries.join(", ")
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::data::{parse_json, parse_toml};

    const RULES: &str = "[bans]\ndeny = [{ crate = \"bad\", use-instead = \"good\" }]\n[licenses]\nallow = [\"MIT\"]\n\
                         [sources]\nallow-registry = [\"https://registry\"]\n";

    fn complaints(package: &str) -> Vec<String> {
        let metadata = format!(r#"{{"packages":[{package}]}}"#);
        judge(&parse_toml(RULES).unwrap(), &parse_json(&metadata).unwrap())
    }

    #[test]
    fn a_good_package_passes() {
        let good = r#"{"name":"a","version":"1.0.0","license":"MIT OR X","source":"registry+https://registry"}"#;
        assert_eq!(complaints(good), Vec::<String>::new());
        assert_eq!(
            complaints(r#"{"name":"ours","version":"1.0.0","license":"MIT","source":null}"#),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_ban_names_its_replacement() {
        let found = complaints(r#"{"name":"bad","version":"2.0.0","license":"MIT","source":null}"#);
        assert_eq!(found, ["bad 2.0.0: banned; use instead: good"]);
    }

    #[test]
    fn licences_and_sources_outside_the_lists_are_refused() {
        let found = complaints(
            r#"{"name":"a","version":"1.0.0","license":"GPL-3.0","source":"git+https://elsewhere"}"#,
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            complaints(r#"{"name":"a","version":"1.0.0","license":null,"source":null}"#).len(),
            1
        );
    }

    #[test]
    fn an_empty_answer_is_not_a_pass() {
        assert_eq!(complaints("").len(), 1);
    }

    #[test]
    fn the_lists_of_the_repository_are_readable() {
        let lists = parse_toml(include_str!("../../deny.toml")).unwrap();
        for (table, key) in [
            ("bans", "deny"),
            ("licenses", "allow"),
            ("sources", "allow-registry"),
        ] {
            assert!(
                !lists
                    .get(table)
                    .unwrap()
                    .get(key)
                    .unwrap()
                    .items()
                    .is_empty(),
                "{table}.{key}"
            );
        }
    }
}
