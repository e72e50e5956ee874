//! Words that mean unfinished work, and paths that exist on one machine only.

use super::Finding;
use super::scan::{line_of, places};
use super::tree::Tree;

/// In pieces, because this file is searched too.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Where a developer's checkout lies. Only as the beginning of a path: the same letters inside an address are fine.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_ending(&["rs", "md"]) {
        for word in UNFINISHED {
            for at in places(text, word) {
                let right = "finish it, or open an issue and say here what holds today";
                findings.push(Finding::new(
                    path,
                    line_of(text, at),
                    format!("`{word}`"),
                    right,
                ));
            }
        }
    }
    for (path, text) in &tree.texts {
        for prefix in MACHINE {
            for (at, _) in text.match_indices(prefix) {
                let inside = text[..at]
                    .chars()
                    .next_back()
                    .is_some_and(|c| c.is_alphanumeric() || "/._-}*".contains(c));
                if !inside {
                    let right = "use a path below the repository, or one that the reader chooses";
                    findings.push(Finding::new(
                        path,
                        line_of(text, at),
                        format!("a path under `{prefix}`"),
                        right,
                    ));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{MACHINE, UNFINISHED, check};
    use crate::tidy::tree::Tree;

    #[test]
    fn unfinished_work_is_found_as_a_word() {
        let text = format!(
            "//! x\nfn f() {{ {}() }} // {}: later\n// a{} b\n",
            UNFINISHED[0], UNFINISHED[3], UNFINISHED[4]
        );
        let lines: Vec<usize> = check(&Tree::of(&[("a.rs", &text)]))
            .iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, [2, 2]);
    }

    #[test]
    fn paths_of_one_machine_are_found_and_addresses_are_not() {
        let text = format!(
            "see https://host{}x and docs{}y\ncd {}z\n",
            MACHINE[0], MACHINE[1], MACHINE[2]
        );
        let lines: Vec<usize> = check(&Tree::of(&[("a.yaml", &text)]))
            .iter()
            .map(|finding| finding.line)
            .collect();
        assert_eq!(lines, [2]);
    }
}
