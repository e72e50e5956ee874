//! Which crate may depend on which, and what the crate of pure decisions may not touch.

use super::Finding;
use super::scan::{line_of, mask, places};
use super::tree::Tree;
use crate::run::{Failure, capture, cargo};

/// Crate, its directory, and the crates of ours that it may name in its normal dependencies. Decisions are at the
/// bottom, the world at the top; a stage reaches the next one only through a trait of the core.
const EDGES: &[(&str, &str, &[&str])] = &[
    ("stadion-core", "crates/core", &[]),
    ("stadion-client", "crates/client", &[]),
    ("stadion-sdk", "crates/sdk", &[]),
    ("stadion-network", "crates/network", &[]),
    ("stadion-netlab", "crates/netlab", &[]),
    ("stadion-state", "crates/state", &["stadion-core"]),
    ("stadion-sim", "crates/sim", &["stadion-core"]),
    (
        "stadion-fleet",
        "crates/fleet",
        &["stadion-core", "stadion-sdk"],
    ),
    (
        "stadion-gateway",
        "crates/gateway",
        &["stadion-core", "stadion-client"],
    ),
    (
        "stadion-testkit",
        "crates/testkit",
        &["stadion-core", "stadion-client"],
    ),
    (
        "stadion-arena",
        "examples/arena",
        &["stadion-client", "stadion-sdk"],
    ),
    (
        "stadion",
        "crates/server",
        &[
            "stadion-gateway",
            "stadion-state",
            "stadion-fleet",
            "stadion-client",
            "stadion-core",
            "stadion-sim",
            "stadion-network",
            "stadion-arena",
            "stadion-sdk",
        ],
    ),
    (
        "stadion-bench",
        "bench",
        &[
            "stadion",
            "stadion-gateway",
            "stadion-state",
            "stadion-fleet",
            "stadion-client",
            "stadion-core",
            "stadion-sim",
            "stadion-arena",
            "stadion-sdk",
            "stadion-network",
            "stadion-netlab",
        ],
    ),
    ("xtask", "xtask", &[]),
];

/// Crates that no crate of ours names itself, and what does their work. Others may bring them in.
const NOT_DIRECTLY: &[(&str, &str)] = &[
    ("anyhow", "the crate's own error enum, with thiserror"),
    ("chrono", "`Timestamp` of stadion-core"),
    ("lazy_static", "std::sync::LazyLock"),
    ("log", "tracing"),
    ("once_cell", "std::sync::OnceLock and LazyLock"),
    ("time", "`Timestamp` of stadion-core"),
];

/// What would give the core a runtime, a socket, a clock or randomness of its own.
const FORBIDDEN_IN_CORE: &[&str] = &[
    "async-io",
    "async-std",
    "chrono",
    "getrandom",
    "hyper",
    "jiff",
    "mio",
    "polling",
    "quanta",
    "rand",
    "rustix",
    "smol",
    "socket2",
    "time",
    "tokio",
    "web-time",
];

/// The same by way of the standard library.
const FORBIDDEN_IN_CORE_SOURCE: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "thread::sleep",
];

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>, Failure> {
    let direct = cargo([
        "tree",
        "--offline",
        "--workspace",
        "--edges",
        "normal",
        "--prefix",
        "depth",
    ]);
    let direct = capture({ direct }.args(["--depth", "1", "--no-dedupe"]))?;
    let core = cargo([
        "tree",
        "--offline",
        "--package",
        "stadion-core",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]);
    let core = capture(&mut { core })?;
    let mut findings = edges(tree, &direct);
    findings.extend(core_tree(tree, &core));
    findings.extend(core_sources(tree));
    Ok(findings)
}

/// Judges `cargo tree --prefix depth --depth 1`: `0name v1.0.0 (…)`, below it `1name v1.0.0 …` per direct dependency.
fn edges(tree: &Tree, output: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut from = None;
    for line in output.lines() {
        let Some(depth) = line.get(..1) else { continue };
        let name = line[1..].split_whitespace().next().unwrap_or_default();
        if depth == "0" {
            from = EDGES.iter().find(|(krate, ..)| *krate == name);
            if from.is_none() {
                let right = "give it a row in EDGES of xtask/src/tidy/direction.rs, and a line in ARCHITECTURE.md";
                findings.push(Finding::new(
                    "Cargo.toml",
                    1,
                    format!("no rule says what `{name}` may depend on"),
                    right,
                ));
            }
            continue;
        }
        let Some((krate, directory, allowed)) = from else {
            continue;
        };
        let manifest = format!("{directory}/Cargo.toml");
        let ours = EDGES.iter().any(|(known, ..)| *known == name);
        if ours && !allowed.contains(&name) {
            let right = match allowed {
                [] => "it depends on no crate of ours".to_owned(),
                allowed => format!("of ours it may name {}", allowed.join(", ")),
            };
            let wrong = format!("`{krate}` depends on `{name}`");
            findings.push(Finding::new(
                &manifest,
                named_at(tree, &manifest, name),
                wrong,
                right,
            ));
        }
        if let Some((_, instead)) = NOT_DIRECTLY.iter().find(|(banned, _)| *banned == name) {
            let wrong = format!("`{krate}` names `{name}`");
            findings.push(Finding::new(
                &manifest,
                named_at(tree, &manifest, name),
                wrong,
                format!("use {instead}"),
            ));
        }
    }
    findings
}

/// Judges `cargo tree --prefix none` of the core.
fn core_tree(tree: &Tree, output: &str) -> Vec<Finding> {
    let manifest = "crates/core/Cargo.toml";
    let names: std::collections::BTreeSet<&str> = output
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let forbidden = FORBIDDEN_IN_CORE
        .iter()
        .filter(|name| names.contains(*name));
    forbidden
        .map(|name| {
            let right = "decisions take time, randomness and I/O as arguments; \
                         `cargo tree -p stadion-core -e normal -i` says who brings it in";
            Finding::new(
                manifest,
                named_at(tree, manifest, name),
                format!("`{name}` is in the core's tree"),
                right,
            )
        })
        .collect()
}

fn core_sources(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree
        .rust()
        .filter(|(path, _)| path.starts_with("crates/core/src/"))
    {
        let masked = mask(source);
        for word in FORBIDDEN_IN_CORE_SOURCE {
            for at in places(&masked, word) {
                let right = "take it as an argument; the edges know it";
                findings.push(Finding::new(
                    path,
                    line_of(&masked, at),
                    format!("`{word}` in the core"),
                    right,
                ));
            }
        }
    }
    findings
}

/// The line of a manifest that names a dependency; the first where it comes by way of another crate.
fn named_at(tree: &Tree, manifest: &str, name: &str) -> usize {
    let text = tree.texts.get(manifest).map_or("", String::as_str);
    let names = |line: &str| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with([' ', '.', '=']))
    };
    text.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::{core_sources, core_tree, edges};
    use crate::tidy::tree::Tree;

    #[test]
    fn an_edge_against_the_direction_is_found_with_its_line() {
        let tree = Tree::of(&[(
            "crates/state/Cargo.toml",
            "[package]\n[dependencies]\nstadion-fleet.workspace = true\n",
        )]);
        let output = "0stadion-state v0.1.0 (/x/crates/state)\n1serde v1.0.0\n1stadion-core v0.1.0 (/x)\n\
                      1stadion-fleet v0.1.0 (/x)\n\n0stadion-fleet v0.1.0 (/x)\n1stadion-core v0.1.0 (/x)\n";
        let found: Vec<String> = edges(&tree, output)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "crates/state/Cargo.toml:3: `stadion-state` depends on `stadion-fleet`; of ours it may name stadion-core"
            ]
        );
    }

    #[test]
    fn the_testkit_is_nobodys_normal_dependency() {
        for (krate, ..) in super::EDGES {
            let output = format!("0{krate} v0.1.0 (/x)\n1stadion-testkit v0.1.0 (/x)\n");
            assert_eq!(edges(&Tree::default(), &output).len(), 1, "{krate}");
        }
    }

    #[test]
    fn a_crate_without_a_rule_and_a_crate_named_directly_are_found() {
        let output = "0stadion-new v0.1.0 (/x)\n1serde v1.0.0\n\n0stadion-sdk v0.1.0 (/x)\n1once_cell v1.0.0\n";
        let wrongs: Vec<String> = edges(&Tree::default(), output)
            .into_iter()
            .map(|finding| finding.wrong)
            .collect();
        assert_eq!(
            wrongs,
            [
                "no rule says what `stadion-new` may depend on",
                "`stadion-sdk` names `once_cell`"
            ]
        );
    }

    #[test]
    fn a_runtime_anywhere_in_the_cores_tree_is_found() {
        let clean = "stadion-core v0.1.0 (/x)\nserde v1.0.0\ntokio-like v1.0.0\n";
        assert!(core_tree(&Tree::default(), clean).is_empty());
        let output = format!("{clean}ulid v2.0.0\nrand v0.10.0\ngetrandom v0.4.0 (*)\n");
        let wrongs: Vec<String> = core_tree(&Tree::default(), &output)
            .into_iter()
            .map(|finding| finding.wrong)
            .collect();
        assert_eq!(
            wrongs,
            [
                "`getrandom` is in the core's tree",
                "`rand` is in the core's tree"
            ]
        );
    }

    #[test]
    fn a_clock_in_the_cores_code_is_found_and_one_in_its_comments_is_not() {
        let source = "// never std::fs\nfn f() -> &'static str {\n    let _ = std::time::SystemTime::now();\n    \"std::net\"\n}\n";
        let tree = Tree::of(&[
            ("crates/core/src/lib.rs", source),
            ("crates/state/src/lib.rs", source),
        ]);
        let found: Vec<(String, usize)> = core_sources(&tree)
            .into_iter()
            .map(|finding| (finding.file, finding.line))
            .collect();
        assert_eq!(found, [("crates/core/src/lib.rs".to_owned(), 3)]);
    }
}
