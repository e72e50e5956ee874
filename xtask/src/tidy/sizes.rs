//! Files and functions stay short. What is too long today stands in the ratchet file with its length, which may only
//! fall; an entry that is no longer needed must go.

use super::Finding;
use super::scan::{functions, mask};
use super::tree::Tree;
use std::collections::BTreeMap;

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;
const RATCHET: &str = "xtask/ratchet.txt";

/// What is measured: a file, or a function by its name in a file (of several with one name, the longest).
type Subject = (String, Option<String>);

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (listed, mut findings) = ratchet(tree.texts.get(RATCHET).map_or("", String::as_str));
    let measured = measure(tree);
    for (subject, &(line, lines)) in &measured {
        let (path, function) = subject;
        let (limit, what) = function.as_ref().map_or_else(
            || (MAX_FILE_LINES, "the file".to_owned()),
            |name| (MAX_FUNCTION_LINES, format!("function `{name}`")),
        );
        match listed.get(subject) {
            Some(&(entry, allowed)) if lines < allowed => {
                let right = if lines > limit {
                    format!("lower the entry to {lines}")
                } else {
                    "delete the entry".into()
                };
                findings.push(Finding::new(
                    RATCHET,
                    entry,
                    format!("{what} of {path} has only {lines} lines"),
                    right,
                ));
            }
            Some(&(_, allowed)) if lines > allowed => findings.push(Finding::new(
                path,
                line,
                format!("{what} grew from {allowed} to {lines} lines"),
                format!("at most {limit}, and never longer than it was: split it"),
            )),
            None if lines > limit => findings.push(Finding::new(
                path,
                line,
                format!("{what} has {lines} lines"),
                format!("at most {limit}: split it along what it does"),
            )),
            _ => {}
        }
    }
    for (subject, (entry, _)) in &listed {
        if !measured.contains_key(subject) {
            findings.push(Finding::new(
                RATCHET,
                *entry,
                "names what no longer exists",
                "delete the entry",
            ));
        }
    }
    findings
}

fn measure(tree: &Tree) -> BTreeMap<Subject, (usize, usize)> {
    let mut measured = BTreeMap::new();
    for (path, source) in tree.rust() {
        measured.insert((path.to_owned(), None), (1, source.lines().count()));
        for function in functions(&mask(source)) {
            let size = (function.line, function.lines);
            let longest = measured
                .entry((path.to_owned(), Some(function.name)))
                .or_insert(size);
            if size.1 > longest.1 {
                *longest = size;
            }
        }
    }
    measured
}

/// Lines of the form `file PATH LINES` or `fn PATH NAME LINES`.
fn ratchet(text: &str) -> (BTreeMap<Subject, (usize, usize)>, Vec<Finding>) {
    let (mut listed, mut findings) = (BTreeMap::new(), Vec::new());
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let entry = match words[..] {
            ["file", path, lines] => lines
                .parse()
                .ok()
                .map(|lines| ((path.to_owned(), None), lines)),
            ["fn", path, name, lines] => lines
                .parse()
                .ok()
                .map(|lines| ((path.to_owned(), Some(name.to_owned())), lines)),
            _ => None,
        };
        if let Some((subject, lines)) = entry {
            listed.insert(subject, (index + 1, lines));
        } else {
            let right = "write `file PATH LINES` or `fn PATH NAME LINES`";
            findings.push(Finding::new(
                RATCHET,
                index + 1,
                format!("cannot read `{line}`"),
                right,
            ));
        }
    }
    (listed, findings)
}

#[cfg(test)]
mod tests {
    use super::{RATCHET, check};
    use crate::tidy::tree::Tree;

    fn function_of(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    fn wrongs(source: &str, ratchet: &str) -> Vec<String> {
        let tree = Tree::of(&[("a.rs", source), (RATCHET, ratchet)]);
        check(&tree)
            .into_iter()
            .map(|finding| finding.wrong)
            .collect()
    }

    #[test]
    fn the_limits_are_inclusive() {
        assert_eq!(wrongs(&function_of(70), ""), Vec::<String>::new());
        assert_eq!(
            wrongs(&function_of(71), ""),
            ["function `long` has 71 lines"]
        );
        assert_eq!(wrongs(&"\n".repeat(500), ""), Vec::<String>::new());
        assert_eq!(wrongs(&"\n".repeat(501), ""), ["the file has 501 lines"]);
    }

    #[test]
    fn a_listed_function_may_neither_grow_nor_keep_a_stale_entry() {
        assert_eq!(
            wrongs(&function_of(80), "fn a.rs long 80"),
            Vec::<String>::new()
        );
        assert_eq!(
            wrongs(&function_of(81), "fn a.rs long 80"),
            ["function `long` grew from 80 to 81 lines"]
        );
        assert_eq!(
            wrongs(&function_of(79), "fn a.rs long 80"),
            ["function `long` of a.rs has only 79 lines"]
        );
        assert_eq!(
            wrongs(&function_of(9), "fn a.rs long 80"),
            ["function `long` of a.rs has only 9 lines"]
        );
        assert_eq!(
            wrongs("", "fn a.rs long 80"),
            ["names what no longer exists"]
        );
        assert_eq!(wrongs("", "fn long"), ["cannot read `fn long`"]);
    }

    #[test]
    fn generated_files_are_not_measured() {
        let source = format!("// This file is @generated.\n{}", function_of(600));
        assert_eq!(wrongs(&source, ""), Vec::<String>::new());
    }
}
