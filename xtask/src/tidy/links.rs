//! Relative links of the documents lead somewhere: to a file or directory, and to a heading where they name one.

use super::Finding;
use super::modules::join;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_ending(&["md"]) {
        for (line, target) in links(text) {
            if let Some(wrong) = broken(tree, path, target) {
                findings.push(Finding::new(path, line, wrong, "link to what exists"));
            }
        }
    }
    findings
}

fn broken(tree: &Tree, page: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let directory = page.rsplit_once('/').map_or("", |(directory, _)| directory);
    let resolved = match file {
        "" => page.to_owned(),
        absolute if absolute.starts_with('/') => join("", absolute),
        relative => join(directory, relative),
    };
    if !resolved.is_empty() && !tree.paths.contains(&resolved) {
        return Some(format!("the link `{target}` leads to no file"));
    }
    let text = tree
        .texts
        .get(&resolved)
        .filter(|_| resolved.ends_with(".md"))?;
    let known = anchor.is_empty() || anchors(text).iter().any(|known| known == anchor);
    (!known).then(|| format!("the link `{target}` leads to no heading"))
}

/// Lines of a document outside its code blocks, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let start = line.trim_start();
        let marker = ["```", "~~~"]
            .into_iter()
            .find(|marker| start.starts_with(marker));
        match (fence, marker) {
            (None, Some(_)) => fence = marker,
            (Some(open), Some(found)) if open == found => fence = None,
            (None, None) => return Some((index + 1, line)),
            _ => {}
        }
        None
    })
}

/// Targets of `[text](target)` and of `[name]: target`, outside code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // Odd pieces between backticks are code; a link may have code as its text, but not as its target.
        for (index, piece) in line.split('`').enumerate() {
            let ends = piece.match_indices("](").map(|(at, _)| &piece[at + 2..]);
            for rest in ends.filter(|_| index % 2 == 0) {
                let target = rest.split([')', ' ']).next().unwrap_or_default();
                found.push((number, target.trim_matches(['<', '>'])));
            }
        }
        if line.starts_with('[')
            && let Some((_, target)) = line.split_once("]: ")
        {
            found.push((number, target.split_whitespace().next().unwrap_or_default()));
        }
    }
    found
}

/// The anchors of a page's headings as the usual Git forges make them: lower case, spaces to hyphens, punctuation gone,
/// repetitions numbered.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() < line.len() && title.starts_with(' ') {
            let kept = linked_text(title.trim()).to_lowercase();
            let slug: String = kept
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            let numbered = |number: usize| {
                if number == 0 {
                    slug.clone()
                } else {
                    format!("{slug}-{number}")
                }
            };
            let free = (0..).map(numbered).find(|name| !anchors.contains(name));
            anchors.extend(free);
        }
        anchors.extend(
            line.split("id=\"")
                .skip(1)
                .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())),
        );
    }
    anchors
}

/// A heading without the targets of its links.
fn linked_text(title: &str) -> String {
    let mut pieces = title.split("](");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        text + piece.split_once(')').map_or("", |(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests {
    use super::{anchors, check};
    use crate::tidy::tree::Tree;

    #[test]
    fn links_to_files_directories_and_headings_hold() {
        let page = "# A page\n[a](../README.md) [b](other.md#two-words-1) [c](#a-page) [d](https://x/y) [e](/docs)\n\
                    `[f](nowhere.md)` [`g`](other.md \"title\")\n```\n[h](nowhere.md)\n```\n[i]: other.md\n";
        let other = "# Other\n## Two words\n## Two `words`!\n";
        let tree = Tree::of(&[
            ("docs/page.md", page),
            ("docs/other.md", other),
            ("README.md", ""),
        ]);
        assert_eq!(check(&tree), Vec::new());
    }

    #[test]
    fn links_to_nothing_are_found() {
        let page = "[a](gone.md)\n\n[b](#gone) [c](page.md#page)\n[d]: ../gone\n";
        let found: Vec<(usize, String)> = check(&Tree::of(&[("docs/page.md", page)]))
            .into_iter()
            .map(|finding| (finding.line, finding.wrong))
            .collect();
        let expected = [
            (1, "the link `gone.md` leads to no file"),
            (3, "the link `#gone` leads to no heading"),
            (3, "the link `page.md#page` leads to no heading"),
            (4, "the link `../gone` leads to no file"),
        ];
        assert_eq!(
            found,
            expected.map(|(line, wrong)| (line, wrong.to_owned()))
        );
    }

    #[test]
    fn anchors_are_made_as_forges_make_them() {
        let text = "# I1: a player's *one* match\n#no\n## `stadion serve` & [more](x.md)\n<a id=\"own\"></a>\n";
        assert_eq!(
            anchors(text),
            ["i1-a-players-one-match", "stadion-serve--more", "own"]
        );
    }
}
