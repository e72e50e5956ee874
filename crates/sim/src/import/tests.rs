use proptest::prelude::*;

use super::*;

const CSV: &str = "\
at_ms,game_mode,ticket,player,skill,latency_ms.eu-west-1,attribute.role,leaves_after_ms
0,duel,t1,alice,1500,30,tank|healer,
250,team_deathmatch,t2,bob,1400.5,41.6,3,90000
250,team_deathmatch,t2,\"car,ol\"\"x\",1450,,sniper,90000
";

fn read_text(text: &str, format: Format) -> Result<Vec<Recorded>, SimError> {
    read(text.as_bytes(), format)
}

#[test]
fn rows_of_one_ticket_are_a_party() {
    let text = CSV.replace("\"car,ol\"\"x\"", "carol");
    let tickets = read_text(&text, Format::Csv).unwrap();
    assert_eq!(tickets.len(), 2);
    let [alice] = tickets[0].players.as_slice() else {
        panic!("one player");
    };
    assert_eq!(
        alice.attributes["role"],
        Attribute::List(vec!["tank".into(), "healer".into()])
    );
    assert_eq!(tickets[0].leaves_after_ms, None);
    let party = &tickets[1];
    assert_eq!(
        (party.at_ms, party.players.len(), party.leaves_after_ms),
        (250, 2, Some(90_000))
    );
    assert_eq!(
        party.players[0]
            .latencies_ms
            .values()
            .copied()
            .collect::<Vec<_>>(),
        [42]
    );
    assert_eq!(party.players[0].attributes["role"], Attribute::Number(3.0));
    assert!(party.players[1].latencies_ms.is_empty());
    assert_eq!(party.line, 3);
}

#[test]
fn a_bad_row_is_an_error_with_its_line_and_what_would_be_right() {
    let wrong = [
        (
            CSV.replace("0,duel,t1,alice,1500", "0,duel,t1,alice,good"),
            "line 2: skill: \"good\"",
        ),
        (
            CSV.replace("0,duel", "soon,duel"),
            "line 2: at_ms: \"soon\"",
        ),
        (
            CSV.replace(",1400.5", ""),
            "line 3: 7 fields; the first line names 8 columns",
        ),
        (CSV.replace("car,ol", "car ol"), "line 4: PlayerId"),
        (
            CSV.replace("player,", "person,"),
            "line 1: the column player is missing",
        ),
        (
            CSV.replace("ticket,", "team,"),
            "line 1: there is no column \"team\"",
        ),
        (
            CSV.replace("ticket,", "skill,"),
            "line 1: the column skill is there twice",
        ),
        (
            CSV.replace("\"car,ol\"\"x\"", "\"carol"),
            "line 4: a quote is opened",
        ),
        (
            CSV.replace(
                "250,team_deathmatch,t2,\"car,ol\"\"x\"",
                "260,team_deathmatch,t2,carol",
            ),
            "line 4: at_ms and game_mode",
        ),
        (String::new(), "line 1: there is no ticket"),
    ];
    for (text, should) in wrong {
        let error = read_text(&text, Format::Csv).unwrap_err().to_string();
        assert!(
            error.starts_with(should),
            "{error} does not begin with {should}"
        );
    }
}

#[test]
fn json_lines_are_tickets() {
    let good = r#"{"at_ms": 10, "game_mode": "duel", "players": [{"player_id": "a", "skill": 1500, "latencies_ms": {"eu-west-1": 30}, "attributes": {}}], "leaves_after_ms": 5}"#;
    let tickets = read_text(&format!("{good}\n\n{good}\n"), Format::JsonLines).unwrap();
    assert_eq!(tickets.len(), 2);
    assert_eq!((tickets[1].line, tickets[1].leaves_after_ms), (3, Some(5)));
    let error = read_text(&format!("{good}\n{{\"at\": 1}}\n"), Format::JsonLines).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("line 2: unknown field `at`"), "{error}");
    assert!(error.contains("right is {\"at_ms\""), "{error}");
}

#[test]
fn formats_are_known_by_the_ending_of_a_name() {
    assert_eq!(Format::of_name("a.b/c.csv"), Some(Format::Csv));
    assert_eq!(Format::of_name("c.jsonl"), Some(Format::JsonLines));
    assert_eq!(Format::of_name("c.xlsx"), None);
    assert_eq!(Format::of_name("csv"), None);
}

proptest! {
    #[test]
    fn no_file_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), rows in "[a-z0-9,\"|\\n. ]{0,200}") {
        let header = CSV.lines().next().unwrap();
        let text = format!("{header}\n{rows}");
        for format in [Format::Csv, Format::JsonLines] {
            let _tickets = read(bytes.as_slice(), format);
            let _tickets = read(text.as_bytes(), format);
        }
    }

    #[test]
    fn fields_survive_quoting(fields in proptest::collection::vec("[ -~]{0,20}", 1..8)) {
        let quoted: Vec<String> = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
        prop_assert_eq!(csv::fields(&quoted.join(",")).unwrap(), fields);
    }
}
