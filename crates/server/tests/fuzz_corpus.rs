//! Every fuzzing target over its corpus and some thousand mutations of it: seconds, on stable, without a fuzzer.

#![cfg(test)]

#[expect(unreachable_pub, reason = "the fuzzer's crate has it as its library")]
#[path = "../../../fuzz/targets.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use stadion_testkit::random::Random;

/// Mutations of one target. Sixteen targets at up to 0.2 ms each, the configuration's schema being the slowest: 5 s.
const MUTATIONS: usize = 2_000;
/// Changes of one mutation at most; more is noise that the first check refuses.
const CHANGES_MAX: usize = 6;
/// Longest input, bytes: more than any bound that a target has on a token or a datagram.
const INPUT_BYTES_MAX: usize = 8 * 1024;

/// What parsers stumble over: numbers at their edges, open quotes, nesting, odd characters.
const WORDS: [&str; 20] = [
    "0",
    "-1",
    "1e999",
    "18446744073709551616",
    "9223372036854775807",
    "null",
    "true",
    "\"",
    "{",
    "}",
    "[",
    "[[[[[[[[",
    "\\u0000",
    "\u{0}",
    "é",
    "\u{202e}",
    ": ",
    "\n- ",
    "&a *a",
    ".",
];

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{name} has seeds");
    seeds
}

/// One to six small changes.
fn mutate(input: &mut Vec<u8>, seeds: &[(PathBuf, Vec<u8>)], random: &mut Random) {
    for _ in 0..=random.below(CHANGES_MAX) {
        let at = random.below(input.len() + 1);
        let end = (at + 1 + random.below(8)).min(input.len());
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = random.bits().to_le_bytes()[0],
            2 => drop(input.drain(at.min(end)..end)),
            3 => drop(input.splice(at..at, random.pick(&WORDS).bytes())),
            4 => input.truncate(at),
            5 => {
                let part = input[at.min(end)..end].to_vec();
                drop(input.splice(at..at, part));
            }
            _ => {
                let (_, other) = random.pick(seeds);
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input.truncate(INPUT_BYTES_MAX);
}

/// Says which input it was when a target panics, and keeps it where a fuzzer would.
fn run(name: &str, input: &[u8]) -> bool {
    match std::panic::catch_unwind(|| targets::run(name, input)) {
        Ok(accepted) => accepted,
        Err(panic) => {
            eprintln!("{name} fails on {:?}", String::from_utf8_lossy(input));
            eprintln!("to keep it: fuzz/corpus/{name}, bytes {input:02x?}");
            std::panic::resume_unwind(panic)
        }
    }
}

#[test]
fn every_target_takes_its_corpus_and_what_is_near_it() {
    let mut random = Random::from_env(7);
    for (name, _) in targets::TARGETS {
        let seeds = corpus(name);
        // A corpus of refusals would find little.
        let accepted = seeds.iter().filter(|(_, seed)| run(name, seed)).count();
        assert!(accepted > 0, "{name} accepts none of its seeds");
        for _ in 0..MUTATIONS {
            let mut input = random.pick(&seeds).1.clone();
            mutate(&mut input, &seeds, &mut random);
            run(name, &input);
        }
    }
}

#[test]
fn every_target_has_a_fuzzer() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
    for (name, _) in targets::TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "fuzz/Cargo.toml has {name}"
        );
        let main = fs::read_to_string(dir.join(format!("targets/{name}.rs"))).unwrap();
        assert!(main.contains(&format!("\"{name}\"")), "{name} runs itself");
    }
}
