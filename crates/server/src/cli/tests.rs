use std::time::Duration;

use clap::{Command as Clap, CommandFactory, Parser};

use super::{Cli, Command, duration};

#[test]
fn the_definition_holds() {
    Cli::command().debug_assert();
}

#[test]
fn every_commands_help_has_an_example() {
    fn check(command: &Clap) {
        if !command.is_hide_set() {
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            assert!(help.contains("Example"), "{}", command.get_name());
            for line in help
                .lines()
                .filter(|line| line.trim_start().starts_with("stadion "))
            {
                // What the help shows can be typed; a redirection belongs to the shell.
                let words = line.split_whitespace().take_while(|word| *word != ">");
                let prose = line.contains("   ");
                let words: Vec<_> = if prose {
                    line.trim()
                        .split("   ")
                        .next()
                        .unwrap()
                        .split(' ')
                        .collect()
                } else {
                    words.collect()
                };
                if let Err(error) = Cli::try_parse_from(&words) {
                    panic!("{line}: {error}");
                }
            }
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}

#[test]
fn durations_are_numbers_with_units() {
    for (text, seconds) in [("60s", 60), ("2m", 120), ("1h", 3_600), ("1h30m", 5_400)] {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
    }
    assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
    for text in [
        "",
        "0s",
        "60",
        "s",
        "-1s",
        "1d",
        "1.5h",
        "99999999999999999999h",
        "5 s",
    ] {
        let why = duration(text).unwrap_err();
        assert!(why.contains("such as 60s, 2m, 1h"), "{text}: {why}");
    }
}

#[test]
fn the_demo_is_described_by_its_flags() {
    let words = "stadion demo --players 10 --duration 5s --mode duel --mode free_for_all --seed 7 --keep-data";
    let cli = Cli::try_parse_from(words.split(' ')).unwrap();
    let Command::Demo(demo) = cli.command else {
        panic!("another command");
    };
    assert_eq!(demo.players, 10);
    assert_eq!(demo.duration, Duration::from_secs(5));
    assert_eq!(demo.modes, ["duel", "free_for_all"]);
    assert!(demo.keep_data);
}

/// A hundred million players were taken for granted until the system had no memory left.
#[test]
fn i7_a_demo_that_no_machine_can_bear_is_refused() {
    for (option, value, wanted) in [
        ("--players", "0", "from 1 to 20000"),
        ("--players", "20001", "from 1 to 20000"),
        ("--players", "-5", "from 1 to 20000"),
        ("--players", "many", "from 1 to 20000"),
        ("--players", "99999999999999999999", "from 1 to 20000"),
        ("--duration", "23h1s", "23h at most"),
        ("--duration", "5", "such as 60s"),
    ] {
        let error = Cli::try_parse_from(["stadion", "demo", option, value]).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(option) && said.contains(wanted), "{said}");
    }
    Cli::try_parse_from(["stadion", "demo", "--players", "20000", "--duration", "23h"]).unwrap();
}

#[test]
fn an_empty_name_of_the_configuration_is_none() {
    let said = Cli::try_parse_from(["stadion", "serve", "--config", ""]).unwrap_err();
    assert!(said.to_string().contains("STADION_CONFIG"), "{said}");
}

#[test]
fn a_wrong_command_line_has_exit_code_2() {
    let error = Cli::try_parse_from(["stadion", "fleet", "scale", "x", "many"]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn completions_know_the_commands() {
    let mut script = Vec::new();
    Cli::completions(clap_complete::Shell::Bash, &mut script);
    let script = String::from_utf8(script).unwrap();
    assert!(script.contains("stadion__subcmd__fleet") || script.contains("stadion__fleet"));
}
