use super::{CliError, OperatorClient, run};
use crate::cli::{Cli, Command, Operate, Output};
use crate::operator::tests::{Edge, TOKEN};
use clap::Parser;
use stadion_core::fleet::Fleet;

fn parse(words: &str) -> Operate {
    let cli = Cli::try_parse_from(words.split(' ')).unwrap();
    match cli.command {
        Command::Operate(command) => command,
        other => panic!("{other:?}"),
    }
}

async fn shown(edge: &Edge, words: &str, output: Output) -> Result<String, CliError> {
    let client = OperatorClient::new(&format!("http://{}", edge.address), TOKEN).unwrap();
    let mut out = Vec::new();
    run(parse(words), &client, output, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn fleets_are_a_table() {
    let edge = Edge::start().await;
    let text = shown(&edge, "stadion fleet scale arena 2", Output::Table).await;
    assert!(text.unwrap().contains("wanted    2"));
    let text = shown(&edge, "stadion fleet list", Output::Table)
        .await
        .unwrap();
    let expected = "\
NAME   REGION     MODES  WANTED  READY  IN USE  STARTING  MIN  MAX
arena  eu-west-1  all    2       2      0       0         1    10
";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn every_list_fits_a_terminal_and_reads_as_json() {
    let edge = Edge::start().await;
    let id = edge.live_match().await;
    for kind in ["fleet", "server", "match", "session", "ticket"] {
        let words = format!("stadion {kind} list --limit 5");
        let words = if kind == "fleet" {
            "stadion fleet list"
        } else {
            &words
        };
        let text = shown(&edge, words, Output::Table).await.unwrap();
        assert!(text.lines().count() > 1, "{kind}: {text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 120, "{kind}: {line}");
        }
        let json = shown(&edge, words, Output::Json).await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["truncated"], false, "{kind}");
    }
    let one = shown(&edge, &format!("stadion match show {id}"), Output::Table)
        .await
        .unwrap();
    assert!(
        one.contains("state          live") && one.contains("alice"),
        "{one}"
    );
    let report = shown(&edge, "stadion report", Output::Table).await.unwrap();
    assert!(report.starts_with("Gaming Infrastructure Report\n===="));
}

#[tokio::test]
async fn an_empty_list_says_so() {
    let edge = Edge::start().await;
    let text = shown(&edge, "stadion match list --state live", Output::Table).await;
    assert_eq!(text.unwrap(), "no matches\n");
}

#[tokio::test]
async fn a_refusal_has_exit_code_5_and_says_why() {
    let edge = Edge::start().await;
    let error = shown(&edge, "stadion server show none", Output::Table)
        .await
        .unwrap_err();
    assert_eq!(
        (error.exit_code(), error.to_string().as_str()),
        (5, "there is no server \"none\"")
    );
    let error = shown(&edge, "stadion fleet scale arena 99", Output::Table)
        .await
        .unwrap_err();
    assert_eq!(error.exit_code(), 5);
}

#[tokio::test]
async fn a_server_is_stopped_and_its_log_read() {
    let edge = Edge::start().await;
    let name = edge.fleet.servers().await.unwrap()[0].name.clone();
    let text = shown(
        &edge,
        &format!("stadion server logs {name} --tail 1"),
        Output::Table,
    )
    .await;
    assert_eq!(text.unwrap(), "line 0\n");
    let text = shown(&edge, &format!("stadion server stop {name}"), Output::Table).await;
    assert_eq!(text.unwrap(), format!("{name} has been asked to end\n"));
}

#[tokio::test]
async fn nobody_there_has_exit_code_4_and_a_next_step() {
    // A listener that was closed: nobody has its port.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = OperatorClient::new(&url, TOKEN).unwrap();
    let mut out = Vec::new();
    let error = run(parse("stadion report"), &client, Output::Table, &mut out)
        .await
        .unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(
        error.to_string().contains("is `stadion serve` running?"),
        "{error}"
    );
}

#[test]
fn the_token_comes_from_the_environment_or_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let url = "http://127.0.0.1:9701";
    let error = OperatorClient::open(url, dir.path(), None).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(error.to_string().contains("operator-token"));
    assert!(OperatorClient::open(url, dir.path(), Some(TOKEN)).is_ok());
    std::fs::write(dir.path().join(super::TOKEN_FILE), format!("{TOKEN}\n")).unwrap();
    let client = OperatorClient::open(url, dir.path(), None).unwrap();
    assert!(!format!("{client:?}").contains(TOKEN));
    assert_eq!(
        OperatorClient::new("ftp://x", TOKEN)
            .unwrap_err()
            .exit_code(),
        2
    );
}

/// As with the address of the players' edge, or one that was copied with a path.
#[tokio::test]
async fn another_address_than_the_operators_is_named() {
    let edge = Edge::start().await;
    let url = format!("http://{}/v1", edge.address);
    let client = OperatorClient::new(&url, TOKEN).unwrap();
    let mut out = Vec::new();
    let error = run(parse("stadion report"), &client, Output::Table, &mut out)
        .await
        .unwrap_err();
    assert_eq!(error.exit_code(), 5);
    let said = error.to_string();
    assert!(
        said.contains(&url) && said.contains("--operator-url"),
        "{said}"
    );
}

#[test]
fn an_ipv6_address_is_in_brackets() {
    assert_eq!(super::table::place("::1", 7000), "[::1]:7000");
    assert_eq!(
        super::table::place("host.example", 7000),
        "host.example:7000"
    );
}
