//! Pages of documentation that are run: blocks of commands, and what the page says that they print.

/// A block of commands, and what the page says that they print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line of the page on which it begins.
    pub line: usize,
    /// The commands.
    pub commands: String,
    /// The lines that the page shows, with single blanks.
    pub shown: Vec<String>,
}

/// The steps of `page`: blocks fenced as `kind`, each with the `text` block that follows before the next step.
#[must_use]
pub fn steps(page: &str, kind: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut fence: Option<&str> = None;
    for (number, line) in page.lines().enumerate() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(opened)) => {
                fence = Some(opened);
                if opened == kind {
                    steps.push(Step {
                        line: number + 1,
                        commands: String::new(),
                        shown: Vec::new(),
                    });
                }
            }
            (Some(_), Some(_)) => fence = None,
            (Some(opened), None) => {
                let Some(step) = steps.last_mut() else {
                    continue;
                };
                if opened == kind {
                    step.commands.push_str(line);
                    step.commands.push('\n');
                } else if opened == "text" {
                    step.shown.push(words(line));
                }
            }
            (None, None) => {}
        }
    }
    steps
}

/// The first line of `shown` that does not come in `printed`, in the order of the page. `…` stands for anything, and
/// columns are as wide as their longest entry, so only the words count.
#[must_use]
pub fn missing<'a>(shown: &'a [String], printed: &str) -> Option<&'a String> {
    let mut printed = printed.lines().map(words);
    shown
        .iter()
        .find(|wanted| !printed.any(|line| like(wanted, &line)))
}

fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `line` is `shown`, where `…` stands for anything.
fn like(shown: &str, line: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((last, inner)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in inner {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_shows_is_compared() {
        assert!(like("a … c", "a b b c") && like("…", "") && like("a…", "ab") && like("a", "a"));
        assert!(
            !like("a … c", "a b") && !like("a", "ab") && !like("…b", "bc") && !like("ab…ba", "aba")
        );
        let shown = ["a…".to_owned(), "b".to_owned()];
        assert_eq!(missing(&shown, "x\na1\ny\nb\n"), None);
        assert_eq!(missing(&shown, "b\na1\n"), Some(&shown[1]));
        let page = "```sh\nno\n```\n```sh step\none\ntwo\n```\n```text\nan  output\n```\n";
        let found = steps(page, "sh step");
        assert_eq!((found.len(), found[0].line), (1, 4));
        assert_eq!(found[0].commands, "one\ntwo\n");
        assert_eq!(found[0].shown, ["an output"]);
    }
}
