//! `stadion simulate` as a designer runs it: the real program, real files.

#![cfg(test)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn simulate(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_stadion"));
    program.arg("simulate").args(arguments).env_clear();
    program.output().unwrap()
}

/// What it prints, when it is done as it should.
fn good(arguments: &[&str]) -> String {
    let output = simulate(arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{arguments:?}: {}",
        complaint(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&good(&[arguments, &["--output", "json"]].concat())).unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn example(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/simulate");
    root.join(name).to_str().unwrap().to_owned()
}

/// A directory for the files of one test.
fn files() -> (tempfile::TempDir, impl Fn(&str) -> PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_path_buf();
    (dir, move |name| path.join(name))
}

const SHORT: [&str; 4] = ["--duration", "1m", "--rate", "10"];

#[test]
fn the_same_seed_prints_the_same() {
    let run = |seed: &str| json(&[&SHORT[..], &["--seed", seed]].concat());
    assert_eq!(run("4"), run("4"));
    assert_ne!(run("4"), run("5"));
}

#[test]
fn the_table_names_every_measure() {
    let table = good(&SHORT);
    for measure in [
        "wait p50",
        "wait p99, all",
        "skill spread p95",
        "stronger team wins p50",
        "no common region",
        "servers at once",
    ] {
        assert!(table.contains(measure), "{table}");
    }
}

#[test]
fn two_sets_of_rules_meet_the_same_players_and_are_compared() {
    let (_dir, file) = files();
    let (page, report) = (file("page.html"), file("report.json"));
    let strict = example("strict.yaml");
    let arguments = [
        &SHORT[..],
        &[
            "--compare",
            &strict,
            "--report",
            page.to_str().unwrap(),
            "--json",
            report.to_str().unwrap(),
        ],
    ];
    let table = good(&arguments.concat());
    assert!(table.contains("BETTER"), "{table}");
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let players = |run: usize| {
        report["runs"][run]["measures"]["overall"]["players"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(players(0), players(1));
    assert_eq!(report["runs"][1]["game_modes"][3]["skill"]["initial"], 60.0);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("strict.yaml"));
}

#[test]
fn rules_for_other_game_modes_cannot_be_compared() {
    let (_dir, file) = files();
    std::fs::write(
        file("other.yaml"),
        "game_modes: [{ name: chess, teams: 2, players_target: 2, players_min: 2 }]\n",
    )
    .unwrap();
    let other = file("other.yaml");
    let refused = simulate(&["--compare", other.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        complaint(&refused).contains("there is no game mode battle_royale"),
        "{}",
        complaint(&refused)
    );
    std::fs::write(file("wrong.yaml"), "game_modez: []\n").unwrap();
    let wrong = file("wrong.yaml");
    let refused = simulate(&["--config", wrong.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(3));
    let chess = json(&[&SHORT[..], &["--config", other.to_str().unwrap()]].concat());
    assert_eq!(chess["runs"][0]["measures"]["by_mode"][0]["name"], "chess");
}

#[test]
fn a_log_replays_and_a_tampered_one_differs() {
    let (_dir, file) = files();
    let log = file("decisions.jsonl");
    let log_arg = log.to_str().unwrap();
    good(&[&SHORT[..], &["--log", log_arg]].concat());
    let same = good(&["--replay", log_arg]);
    assert!(same.starts_with("The same: "), "{same}");
    let text = std::fs::read_to_string(&log).unwrap();
    let tampered = text.replacen("\"skill_spread\":", "\"skill_spread\":1", 1);
    std::fs::write(&log, tampered).unwrap();
    let different = simulate(&["--replay", log_arg]);
    assert_eq!(different.status.code(), Some(1));
    let said = String::from_utf8(different.stdout).unwrap();
    assert!(
        said.starts_with("Different: ") && said.contains("What differs: match 1"),
        "{said}"
    );
    std::fs::write(&log, "nonsense\n").unwrap();
    let wrong = simulate(&["--replay", log_arg]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        complaint(&wrong).contains("decisions.jsonl: line 1: "),
        "{}",
        complaint(&wrong)
    );
}

#[test]
fn recorded_tickets_take_the_place_of_drawn_ones() {
    let (_dir, file) = files();
    let tickets = json(&["--tickets", &example("tickets.csv")]);
    let overall = &tickets["runs"][0]["measures"]["overall"];
    assert_eq!(
        (overall["players"].as_u64(), overall["matched"].as_u64()),
        (Some(6), Some(4))
    );
    let text = std::fs::read_to_string(example("tickets.csv")).unwrap();
    let refused = |from: &str, to: &str, should: &str| {
        let path = file("tickets.csv");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let refused = simulate(&["--tickets", path.to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            complaint(&refused).contains(should),
            "{}",
            complaint(&refused)
        );
    };
    refused(
        "1472.5",
        "strong",
        "tickets.csv: line 3: skill: \"strong\" is not right; right is a number",
    );
    refused(
        "4100,t4,duel",
        "4100,t4,chess",
        "tickets.csv: line 6: there is no game mode \"chess\"; there are battle_royale",
    );
}

#[test]
fn a_world_of_ones_own_is_simulated() {
    let world = example("world.yaml");
    let shown: Value = serde_json::from_str(&good(&["--world", &world, "--show-world"])).unwrap();
    assert_eq!(shown["title"], "A Friday evening in Europe");
    assert_eq!(shown["modes"][0]["mode"]["name"], "battle_royale");
    let (_dir, file) = files();
    std::fs::write(file("shown.json"), shown.to_string()).unwrap();
    let from_json = file("shown.json");
    let run = |world: &str| json(&["--world", world, "--duration", "2m"]);
    assert_eq!(run(from_json.to_str().unwrap()), run(&world));
    // It would be read for ever.
    let endless = simulate(&["--world", "/dev/zero"]);
    assert!(complaint(&endless).contains("is larger than"));
    std::fs::write(file("wrong.yaml"), "patience: 3\n").unwrap();
    let wrong = simulate(&["--world", file("wrong.yaml").to_str().unwrap()]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        complaint(&wrong).contains("patience"),
        "{}",
        complaint(&wrong)
    );
    assert_eq!(complaint(&wrong).lines().count(), 1);
}

/// Not after an hour of simulation.
#[test]
fn a_report_that_cannot_be_written_is_refused_at_once() {
    let long = ["--players", "5000000", "--report", "/proc/none/page.html"];
    let refused = simulate(&long);
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains("/proc/none/page.html"));
}

#[test]
fn the_command_line_changes_the_world() {
    let world = |arguments: &[&str]| -> Value {
        serde_json::from_str(&good(&[arguments, &["--show-world"]].concat())).unwrap()
    };
    let reference = world(&["--preset", "reference", "--rate", "7", "--size", "10/6"]);
    assert_eq!(reference["arrivals"]["rate_per_second"], 7.0);
    assert_eq!(reference["modes"][2]["mode"]["players_min"], 6);
    let many = world(&["--preset", "reference", "--players", "1000", "--rate", "10"]);
    assert_eq!(many["duration_ms"], 100_000);
    let many = json(&["--players", "2000", "--duration", "2m"]);
    let slices = many["runs"][0]["measures"]["over_time"]
        .as_array()
        .unwrap()
        .iter();
    let players: u64 = slices.map(|slice| slice["arrived"].as_u64().unwrap()).sum();
    assert!((1_800..=2_000).contains(&players), "{players}");
    let changed = world(&[
        "--patience",
        "never",
        "--servers",
        "5",
        "--failures",
        "10",
        "--mix",
        "duel=1",
    ]);
    assert_eq!(changed["patience_mean_ms"], Value::Null);
    assert_eq!(changed["servers"]["per_region"], 5);
    assert_eq!(changed["placement"]["failure"], 0.1);
    assert_eq!(changed["modes"][0]["share"], 0.0);
    for wrong in [
        &["--mix", "chess=1"][..],
        &["--rate", "0"],
        &["--failures", "200"],
        &["--size", "ten"],
        &["--preset", "moon"],
    ] {
        let refused = simulate(wrong);
        assert_eq!(
            refused.status.code(),
            Some(2),
            "{wrong:?}: {}",
            complaint(&refused)
        );
    }
}
