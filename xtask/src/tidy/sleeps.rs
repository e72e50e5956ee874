//! A test that sleeps for a fixed time is slow on a fast machine and fails on a slow one.

use super::Finding;
use super::scan::{line_of, mask, places};
use super::tree::Tree;

/// On the line of a sleep or the one above: this sleep is the pause between two looks at a state.
const EXCUSE: &str = "// polls:";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.rust() {
        let masked = mask(source);
        let Some(tests) = tests_from(path, &masked) else {
            continue;
        };
        let lines: Vec<&str> = source.lines().collect();
        for at in places(&masked, "sleep").filter(|&at| at >= tests && is_call(&masked, at)) {
            let line = line_of(&masked, at);
            let excused = lines[line.saturating_sub(2)..line]
                .iter()
                .any(|line| line.contains(EXCUSE));
            if !excused {
                let right = format!(
                    "wait for the state with a timeout; if this is that wait, say `{EXCUSE} what`"
                );
                findings.push(Finding::new(path, line, "a test sleeps", right));
            }
        }
    }
    findings
}

/// Where the tests of a file begin: at once in a file of tests, else at the test module, which comes last.
pub(super) fn tests_from(path: &str, masked: &str) -> Option<usize> {
    if path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs") {
        return Some(0);
    }
    let mut marks = masked
        .match_indices("#[cfg(test)]")
        .map(|(at, mark)| at + mark.len());
    marks.find(|&at| {
        let rest = masked[at..].trim_start();
        let opens = rest
            .find(['{', ';'])
            .is_some_and(|end| rest[end..].starts_with('{'));
        rest.starts_with("mod ") && opens
    })
}

/// A call of the function, by path or after an import; not a definition and not somebody's method.
fn is_call(masked: &str, at: usize) -> bool {
    let before = masked[..at].trim_end();
    masked[at + "sleep".len()..].starts_with('(')
        && !before.ends_with('.')
        && !before.ends_with("fn")
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::tree::Tree;

    #[test]
    fn sleeps_in_tests_need_an_excuse() {
        let source = "use tokio::time::sleep;\n\
                      fn a() { std::thread::sleep(d); }\n\
                      // polls: until the port answers\n\
                      fn b() { tokio::time::sleep(d).await; }\n\
                      fn c() { sleep(d).await; }\n\
                      fn d() { clock.sleep(d); sleep_until(e); } // sleep(f)\n";
        let inline = format!("{source}#[cfg(test)]\nmod tests {{\nfn e() {{ sleep(d); }}\n}}\n");
        let tree = Tree::of(&[
            ("a/src/y.rs", &inline),
            ("a/tests/x.rs", source),
            ("a/src/x/tests.rs", source),
            ("a/src/x.rs", source),
        ]);
        let found: Vec<(String, usize)> = check(&tree)
            .into_iter()
            .map(|finding| (finding.file, finding.line))
            .collect();
        let expected = ["a/src/x/tests.rs", "a/tests/x.rs"]
            .map(|file| [(file.to_owned(), 2), (file.to_owned(), 5)]);
        let in_line = ("a/src/y.rs".to_owned(), 9);
        assert_eq!(
            found,
            [expected[0].as_slice(), &[in_line], &expected[1]].concat()
        );
    }
}
