//! What takes a text or bytes from outside apart is fuzzed: in `stadion-network` every such function is called by name in
//! the room's `fuzz.rs`, or by a function of its own file that is.

use super::Finding;
use super::scan::{Function, functions, line_of, mask, places};
use super::sleeps::tests_from;
use super::tree::Tree;
use std::collections::BTreeSet;

const ROOM: &str = "crates/network/src/";
const FUZZ: &str = "crates/network/src/fuzz.rs";

/// What makes values out of a text or of bytes, or takes them apart.
const PARSES: &[&str] = &[
    ".parse()",
    ".parse::<",
    "str::parse",
    "from_str_radix(",
    "serde_json::from_reader",
    "serde_json::from_slice",
    "serde_json::from_str",
    "serde_json::from_value",
    "serde_saphyr::from_slice",
    "serde_saphyr::from_str",
    "serde_saphyr::from_str_with_options",
    "from_be_bytes(",
    "from_le_bytes(",
    "from_ne_bytes(",
    ".lines()",
    ".split_once(",
    ".split_whitespace()",
    ".split_ascii_whitespace()",
];

/// Behind the call: a constant, as nothing from outside may be expected to be right.
const CONSTANT: &str = ".expect(\"invariant:";
/// On the line or the one above: what is taken apart here is ours, or is read by a fuzzed function already.
const OURS: &str = "// ours:";
/// The same: what follows is the type or function that does it, and stands in the fuzzed list.
const FUZZED_AS: &str = "// fuzzed as ";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(fuzz) = tree.texts.get(FUZZ).map(|text| mask(text)) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (path, source) in tree.rust() {
        let is_other = path == FUZZ || path.ends_with("/tests.rs");
        if path.starts_with(ROOM) && !is_other {
            unreached(path, source, &fuzz, &mut findings);
        }
    }
    findings
}

fn unreached(path: &str, source: &str, fuzz: &str, findings: &mut Vec<Finding>) {
    let whole = mask(source);
    let masked = &whole[..tests_from(path, &whole).unwrap_or(whole.len())];
    let functions = functions(masked);
    let reached = reached(path, masked, &functions, fuzz);
    let lines: Vec<&str> = source.lines().collect();
    let mut told = BTreeSet::new();
    for at in PARSES.iter().flat_map(|word| places(masked, word)) {
        let line = line_of(masked, at);
        let told_beside = lines[line.saturating_sub(2)..line].iter().any(|line| {
            let named = line.split_once(FUZZED_AS).map(|(_, name)| name.trim());
            line.contains(OURS) || named.is_some_and(|name| places(fuzz, name).next().is_some())
        });
        let mut behind = lines[line - 1..].iter().take(2);
        let excused = told_beside || behind.any(|line| line.contains(CONSTANT));
        let inside = functions
            .iter()
            .filter(|function| (function.line..function.line + function.lines).contains(&line))
            .max_by_key(|function| function.line);
        let name = inside.map_or("", |function| function.name.as_str());
        if !excused && !reached.contains(name) && told.insert(line) {
            let right = format!(
                "call it in {FUZZ}, with its module's or type's name; if what it takes apart is ours, say `{OURS} why`"
            );
            let wrong = format!("`{name}` takes a text or bytes apart, and is not fuzzed");
            findings.push(Finding::new(path, line, wrong, right));
        }
    }
}

/// The functions of a file that the fuzzed list names, and those that they name.
fn reached<'a>(
    path: &str,
    masked: &str,
    functions: &'a [Function],
    fuzz: &str,
) -> BTreeSet<&'a str> {
    let file = path.rsplit('/').next().unwrap_or_default();
    let mut owners = types(masked);
    owners.push(file.trim_end_matches(".rs").to_owned());
    let lines: Vec<&str> = masked.lines().collect();
    let body = |function: &Function| {
        let from = function.line - 1;
        lines[from..from + function.lines].join("\n")
    };
    let is_called = |function: &Function| {
        let name = &function.name;
        let by_path = |owner: &String| {
            let called = format!("{owner}::{name}");
            places(fuzz, &called).next().is_some()
        };
        let head = body(function);
        let takes_self = head
            .split('{')
            .next()
            .is_some_and(|head| places(head, "self").next().is_some());
        let as_method = format!(".{name}(");
        owners.iter().any(by_path) || takes_self && fuzz.contains(&as_method)
    };
    let mut reached: BTreeSet<&str> = functions
        .iter()
        .filter(|function| is_called(function))
        .map(|function| function.name.as_str())
        .collect();
    loop {
        let bodies: Vec<String> = functions
            .iter()
            .filter(|function| reached.contains(function.name.as_str()))
            .map(body)
            .collect();
        let more: Vec<&str> = functions
            .iter()
            .map(|function| function.name.as_str())
            .filter(|name| !reached.contains(name))
            .filter(|name| {
                bodies
                    .iter()
                    .any(|body| places(body, name).next().is_some())
            })
            .collect();
        if more.is_empty() {
            return reached;
        }
        reached.extend(more);
    }
}

/// The types that a file has an `impl` for.
fn types(masked: &str) -> Vec<String> {
    places(masked, "impl")
        .filter_map(|at| {
            let head = masked[at + 4..].split('{').next()?;
            let target = head.rsplit(" for ").next()?.trim_start();
            let target = match target.strip_prefix('<') {
                Some(generic) => generic.split_once('>')?.1.trim_start(),
                None => target,
            };
            let end = target.find(|c: char| !c.is_alphanumeric() && c != '_');
            Some(target[..end.unwrap_or(target.len())].to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{FUZZ, check};
    use crate::tidy::tree::Tree;

    fn found(source: &str) -> Vec<(usize, String)> {
        let fuzz = "fn target(text: &str) {\n    rows::parse(text);\n    Rate::from_str(text);\n    row.number();\n    // rows::hidden\n}\n";
        let tree = Tree::of(&[
            (FUZZ, fuzz),
            ("crates/network/src/rows.rs", source),
            ("crates/network/src/rows/tests.rs", source),
            ("crates/core/src/rows.rs", source),
        ]);
        check(&tree)
            .into_iter()
            .map(|finding| (finding.line, finding.wrong))
            .collect()
    }

    #[test]
    fn a_parser_that_nobody_fuzzes_is_found() {
        let one =
            found("fn hidden(text: &str) -> Option<u8> {\n    text\n        .parse().ok()\n}\n");
        assert_eq!(one.len(), 1, "{one:?}");
        assert_eq!(one[0].0, 3);
        assert!(one[0].1.starts_with("`hidden`"), "{one:?}");
        for part in [
            "for l in t.lines() {}",
            "u32::from_str_radix(t, 16);",
            "serde_json::from_slice(t);",
        ] {
            let many = found(&format!("fn hidden(t: &str) {{\n    {part}\n}}\n"));
            assert_eq!(many.len(), 1, "{part}");
        }
    }

    #[test]
    fn what_the_list_names_and_what_that_calls_is_fuzzed() {
        let fuzzed = "pub(crate) fn parse(text: &str) {\n    text.lines().map(row);\n}\n\
                      fn row(line: &str) {\n    cell(line.split_once(':'))\n}\n\
                      fn cell(text: &str) {\n    text.parse().ok();\n}\n\
                      impl Row {\n    fn number(&self) {\n        self.id.parse().ok();\n    }\n}\n\
                      impl FromStr for Rate {\n    fn from_str(text: &str) {\n        text.lines();\n    }\n}\n";
        assert_eq!(found(fuzzed), []);
    }

    #[test]
    fn what_is_ours_says_so_and_what_is_fuzzed_under_another_name_must_be() {
        let ours = "fn a() {\n    // ours: a constant\n    TABLE.lines();\n    rate.parse(); // fuzzed as Rate\n    N.parse().expect(\"invariant: a constant\");\n}\n";
        assert_eq!(found(ours), []);
        let lie = "fn a() {\n    rate.parse(); // fuzzed as Nothing\n}\n#[cfg(test)]\nmod tests {\n    fn b() {\n        t.lines();\n    }\n}\n";
        assert_eq!(found(lie).len(), 1);
    }
}
