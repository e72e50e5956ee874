//! Input that nobody writes in good faith: it is refused, in bounded time, without a panic (I7).

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;

use super::bad;
use crate::config::{DEFAULT_YAML, FILE_BYTES_MAX, Settings};

#[test]
fn i7_a_large_file_and_an_alias_bomb_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.yaml");
    fs::write(&path, "# ".repeat(FILE_BYTES_MAX)).unwrap();
    let error = Settings::load(Some(&path), &BTreeMap::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains("is larger than 1048576 bytes"), "{error}");

    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let last = level - 1;
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![format!("*a{last}"); 10].join(", ")
        ));
    }
    assert!(bad(&bomb).contains("not valid YAML"));
    assert!(bad(&"[".repeat(100_000)).contains("not valid YAML"));
    assert!(bad(&"- ".repeat(100_000)).contains("not valid YAML"));
    assert!(bad(&format!("regions: [{}a]", "a,".repeat(300_000))).contains("not valid YAML"));
}

#[test]
fn i7_a_report_has_an_end() {
    let many: String = (0..20_000).map(|i| format!("key{i}: 1\n")).collect();
    let fleets = format!("fleets: [{}]", "{},".repeat(10_000));
    let long = format!("? {}\n: 1", "x".repeat(500_000));
    for text in [many, fleets, long] {
        let report = bad(&text);
        assert!(
            report.lines().count() <= 100 && report.len() < 100_000,
            "{} bytes",
            report.len()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn i7_no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        drop(Settings::from_text(&text, &BTreeMap::new()));
    }

    #[test]
    fn i7_no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bytes.yaml");
        fs::write(&path, bytes).unwrap();
        drop(Settings::load(Some(&path), &BTreeMap::new()));
    }

    #[test]
    fn i7_no_change_of_the_default_file_makes_the_reader_panic(
        at in 0..DEFAULT_YAML.len(),
        length in 0..40_usize,
        put in "[\\[\\]{}:,&*#'\"\n \\-a-z0-9.<>!|~]{0,12}",
    ) {
        let bytes = DEFAULT_YAML.as_bytes();
        let end = (at + length).min(bytes.len());
        let text = [&bytes[..at], put.as_bytes(), &bytes[end..]].concat();
        let text = String::from_utf8_lossy(&text);
        if let Err(problems) = Settings::from_text(&text, &BTreeMap::new()) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn i7_no_variable_makes_the_reader_panic(name in "STADION_[A-Z_]{0,20}", value in "\\PC{0,60}") {
        drop(Settings::from_text("", &BTreeMap::from([(name, value)])));
    }
}
