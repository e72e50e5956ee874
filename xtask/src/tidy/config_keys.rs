//! Every key of the default configuration stands on the page that documents them.

use super::Finding;
use super::tree::Tree;
use std::collections::BTreeSet;

const DEFAULTS: &str = "crates/server/src/config/default.yaml";
const PAGE: &str = "docs/configuration.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (Some(defaults), Some(page)) = (tree.texts.get(DEFAULTS), tree.texts.get(PAGE)) else {
        return Vec::new();
    };
    let (documented, maps) = documented(page);
    keys(defaults)
        .into_iter()
        .filter(|(_, path)| {
            let within = |map: &String| {
                path.strip_prefix(map)
                    .is_some_and(|key| key.starts_with('.'))
            };
            !documented.contains(path)
                && !documented.contains(&format!("{path}[]"))
                && !maps.iter().any(within)
        })
        .map(|(line, path)| {
            let right = format!("give `{path}` a line on {PAGE}: meaning, unit, default");
            Finding::new(
                DEFAULTS,
                line,
                format!("the key `{path}` is not documented"),
                right,
            )
        })
        .collect()
}

/// What the page documents: the path in a section's heading, and the key in the first cell of each row below it. Second,
/// those whose type is `map`: their own keys are the reader's choice.
fn documented(page: &str) -> (BTreeSet<String>, Vec<String>) {
    let (mut documented, mut maps) = (BTreeSet::new(), Vec::new());
    let mut section = "";
    for line in page.lines() {
        if line.starts_with('#') {
            section = quoted(line).unwrap_or_default();
            documented.insert(section.to_owned());
        } else if let Some(row) = line.strip_prefix('|') {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let Some(key) = cells.first().and_then(|cell| quoted(cell)) else {
                continue;
            };
            let path = if section.is_empty() {
                key.to_owned()
            } else {
                format!("{section}.{key}")
            };
            if cells.contains(&"map") {
                maps.push(path.clone());
            }
            documented.insert(path);
        }
    }
    (documented, maps)
}

fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

/// The paths of all keys of a YAML file in block style, with their lines: `a.b`, and `a[].b` in a list's members.
fn keys(yaml: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    // The keys above the current line, each with the column it begins in.
    let mut above: Vec<(usize, String)> = Vec::new();
    for (index, line) in yaml.lines().enumerate() {
        let indented = line.trim_start();
        let dash = line.len() - indented.len();
        let content = indented
            .strip_prefix("- ")
            .map_or(indented, str::trim_start);
        let column = line.len() - content.len();
        let member = column > dash;
        let Some((key, rest)) = content.split_once(':') else {
            continue;
        };
        let plain = !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_alphanumeric() || "_-.\"'".contains(c));
        if !plain || !(rest.is_empty() || rest.starts_with([' ', '\t'])) {
            continue;
        }
        if member {
            // The list's own key may begin in the column of the dash.
            above.retain(|(other, _)| *other <= dash);
            let list = above.last().map_or("", |(_, path)| path);
            above.push((dash + 1, format!("{list}[]")));
        } else {
            above.retain(|(other, _)| *other < column);
        }
        let owner = above.last().map_or("", |(_, path)| path);
        let key = key.trim_matches(['"', '\'']);
        let path = if owner.is_empty() {
            key.to_owned()
        } else {
            format!("{owner}.{key}")
        };
        if !found.iter().any(|(_, known)| *known == path) {
            found.push((index + 1, path.clone()));
        }
        above.push((column, path));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{DEFAULTS, PAGE, check, keys};
    use crate::tidy::tree::Tree;

    const YAML: &str = "# comment: none\na:\n  b: 1\n  c:\n    - name: x\n      port: 2\n    - name: y\n  d: [1, 2]\nf:\n- g: 1\n  h: 2\ne: \"u: v\"\n";

    #[test]
    fn keys_are_paths() {
        let paths: Vec<String> = keys(YAML).into_iter().map(|(_, path)| path).collect();
        assert_eq!(
            paths,
            [
                "a",
                "a.b",
                "a.c",
                "a.c[].name",
                "a.c[].port",
                "a.d",
                "f",
                "f[].g",
                "f[].h",
                "e"
            ]
        );
    }

    #[test]
    fn keys_missing_on_the_page_are_found() {
        let page = "# Configuration\n| key | what |\n| `e` | x |\n## `a`\n| `b` | x | number |\n## `a.c[]`\n| `name` |\n\
                    ## `f[]`\n| `g` | x |\n";
        let found = check(&Tree::of(&[(DEFAULTS, YAML), (PAGE, page)]));
        let missing: Vec<usize> = found.iter().map(|finding| finding.line).collect();
        assert_eq!(missing, [6, 8, 11], "{found:?}");
        assert_eq!(found[1].wrong, "the key `a.d` is not documented");
    }

    #[test]
    fn the_keys_of_a_map_are_the_readers() {
        let tree = Tree::of(&[
            (DEFAULTS, "a:\n  b:\n    any: 1\n"),
            (PAGE, "## `a`\n| `b` | x | map | |\n"),
        ]);
        assert_eq!(check(&tree), Vec::new());
    }
}
