//! What the page tells to type can be typed.

use clap::Args as _;
use stadion_network::cli::Network;

use super::{PAGE, blocks};

/// How blocks may be fenced: commands that are run, commands that need more than a namespace (each after `$`), output and
/// answers, profiles, profiles that are saved as a file.
fn is_known(fence: &str) -> bool {
    matches!(fence, "sh step" | "console" | "text" | "yaml") || fence.starts_with("yaml ")
}

/// Between backquotes, outside of blocks.
fn spans(page: &str) -> Vec<String> {
    let mut text = String::new();
    let mut is_inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            is_inside = !is_inside;
        } else if !is_inside {
            text.push_str(line);
            text.push(' ');
        }
    }
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The arguments of `stadion network …` and of `stadion-network …` in `line`, to where the shell takes over.
fn arguments(line: &str) -> Option<Vec<&str>> {
    let rest = match line.split_once("stadion network ") {
        Some((_, rest)) => rest,
        None => line.split_once("-- stadion-network ")?.1,
    };
    let words = rest.split_whitespace();
    Some(
        words
            .take_while(|word| !word.starts_with(['>', '#', '|', '&', ';', '…', '\\']))
            .map(|word| word.trim_end_matches([';', ')']))
            .collect(),
    )
}

#[test]
fn every_command_of_the_page_can_be_typed() {
    let mut typed = 0;
    let mut check = |line: &str| {
        let Some(arguments) = arguments(line) else {
            return;
        };
        if arguments.is_empty() || line.contains('…') || line.contains("--help") {
            return;
        }
        let whole = Network::augment_args(clap::Command::new("network"));
        let words = ["network"].iter().chain(&arguments);
        if let Err(error) = whole.try_get_matches_from(words) {
            panic!("{line}: {error}");
        }
        typed += 1;
    };
    for (fence, lines) in blocks(PAGE) {
        assert!(
            is_known(fence),
            "```{fence}: blocks that can be run are `sh step`, others `console`"
        );
        let is_console = fence == "console";
        assert!(
            !is_console || lines[0].starts_with("$ "),
            "commands begin with `$ `: {lines:?}"
        );
        if is_console || fence == "sh step" {
            lines.iter().for_each(|line| check(line));
        }
    }
    spans(PAGE).iter().for_each(|span| check(span));
    assert!(typed > 20, "the page has its commands, not {typed}");
}

#[test]
fn every_option_that_the_page_names_is_one() {
    fn options(command: &clap::Command, all: &mut Vec<String>) {
        let own = command.get_arguments().filter_map(clap::Arg::get_long);
        all.extend(own.map(|name| format!("--{name}")));
        command
            .get_subcommands()
            .for_each(|below| options(below, all));
    }
    let mut known = vec!["--help".to_owned()];
    options(
        &Network::augment_args(clap::Command::new("network")),
        &mut known,
    );
    for span in spans(PAGE) {
        let name = span.split([' ', '=']).next().unwrap_or_default();
        assert!(
            !name.starts_with("--") || known.iter().any(|option| option == name),
            "{span}"
        );
    }
}
