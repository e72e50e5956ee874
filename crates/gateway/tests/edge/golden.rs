//! Documents that are written by the program: rewrite them with `UPDATE_GOLDEN=1`.

use std::path::{Path, PathBuf};

use stadion_client::ProblemKind;
use stadion_core::id::{GameModeName, PlayerId};
use stadion_core::limits::{HEARTBEATS_PER_CALL_MAX, PARTY_PLAYERS_MAX, SKILL_MAX};
use stadion_gateway::{CloseReason, openapi};

fn docs(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("../../docs").join(name)
}

fn check(name: &str, expected: &str) {
    let path = docs(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    let is = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        is == expected,
        "docs/{name} is not what the program produces; look at the difference after UPDATE_GOLDEN=1"
    );
}

#[test]
fn openapi_is_as_committed() {
    let described = serde_json::to_string_pretty(&openapi()).unwrap() + "\n";
    assert!(described.contains("\"openapi\": \"3.1.0\""));
    check("openapi.json", &described);
}

#[test]
fn every_path_has_a_problem_to_answer_with() {
    let described = serde_json::to_value(openapi()).unwrap();
    let paths = described["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 17, "{:?}", paths.keys());
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            let problem = &operation["responses"]["default"];
            assert!(problem.is_object(), "{method} {path}");
            assert!(operation["operationId"].is_string(), "{method} {path}");
        }
    }
}

/// What the schema allows, the edge must not refuse for its shape.
#[test]
fn the_schema_has_the_limits_that_are_checked() {
    let described = serde_json::to_value(openapi()).unwrap();
    let schemas = &described["components"]["schemas"];
    let player = &schemas["Player"]["properties"];
    assert_eq!(player["player_id"]["minLength"], 1);
    assert_eq!(player["player_id"]["maxLength"], PlayerId::LEN_MAX);
    assert_eq!(player["skill"]["maximum"], SKILL_MAX);
    assert_eq!(player["skill"]["minimum"], -SKILL_MAX);
    let ticket = &schemas["CreateTicket"]["properties"];
    assert_eq!(ticket["game_mode"]["maxLength"], GameModeName::LEN_MAX);
    assert_eq!(ticket["players"]["minItems"], 1);
    assert_eq!(ticket["players"]["maxItems"], PARTY_PLAYERS_MAX);
    let heartbeats = &schemas["Heartbeats"]["properties"]["heartbeats"];
    assert_eq!(heartbeats["maxItems"], HEARTBEATS_PER_CALL_MAX);
    for (path, method) in [
        ("/v1/tickets", "post"),
        ("/v1/sessions/redeem", "post"),
        ("/v1/tickets", "get"),
    ] {
        let parameter = &described["paths"][path][method]["parameters"][0]["schema"];
        assert_eq!(parameter["minLength"], 1, "{method} {path}");
        assert_eq!(parameter["pattern"], "^[!-~]+$", "{method} {path}");
    }
}

#[test]
fn problems_are_as_committed() {
    let mut text = String::from(
        "# Problems and close codes\n\n\
         Every error of the player and game server edge is a problem (RFC 9457, `application/problem+json`): `type`, \
         `title`, `status`, `detail`, and where it helps `instance` and `field`. Decide by `type`; `detail` is for people \
         and changes. Where a retry makes sense the answer carries `Retry-After`, in seconds; every creation may be \
         retried with its `Idempotency-Key`. A request whose head has more than 8 KiB or 64 headers, or is no HTTP, \
         gets a bare 431 or 400.\n\n\
         | `type` | status | retry | what it means | what to do |\n| --- | --- | --- | --- | --- |\n",
    );
    for kind in ProblemKind::ALL {
        let retry = if kind.is_retryable() { "yes" } else { "no" };
        text.push_str(&format!(
            "| `urn:stadion:problem:{}` | {} | {retry} | {} | {} |\n",
            kind.slug(),
            kind.status(),
            kind.title(),
            kind.advice()
        ));
    }
    text.push_str(
        "\n## Close codes of `/v1/connect`\n\n\
         The reason in the close frame is the name.\n\n\
         | code | name | what to do |\n| --- | --- | --- |\n",
    );
    for reason in CloseReason::ALL {
        text.push_str(&format!(
            "| {} | `{}` | {} |\n",
            reason.code(),
            reason.as_str(),
            reason.advice()
        ));
    }
    check("errors.md", &text);
}

#[test]
fn slugs_and_codes_are_unique() {
    let mut slugs: Vec<&str> = ProblemKind::ALL.iter().map(|kind| kind.slug()).collect();
    slugs.sort_unstable();
    slugs.dedup();
    assert_eq!(slugs.len(), ProblemKind::ALL.len());
    let mut codes: Vec<u16> = CloseReason::ALL
        .iter()
        .map(|reason| reason.code())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), CloseReason::ALL.len());
}
