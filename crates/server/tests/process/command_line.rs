//! Wrong and unusual command lines: each ends at once with the exit code of `--help` and says what to do.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use stadion_client::Client;
use tokio::time::timeout;

use crate::stand::{PATIENCE, Stand, complaint, free_port, game_servers, program, run};

/// A platform with nothing to do.
const IDLE: &str = "
drain_timeout_seconds: 0
fleets: [{ name: arena, region: us-east-1, min_replicas: 1, max_replicas: 1, buffer_size: 1 }]
";

#[tokio::test]
async fn a_wrong_command_line_is_2_and_a_wrong_configuration_3() {
    let wrong = run(&["serve", "--colour"]).await;
    assert_eq!(wrong.status.code(), Some(2), "{}", complaint(&wrong));
    assert!(complaint(&wrong).contains("--colour"));

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stadion.yaml");
    std::fs::write(&file, "gateway:\n  listem: 127.0.0.1:1\n").unwrap();
    for command in [&["serve"][..], &["config", "check"]] {
        let arguments = [command, &["--config", file.to_str().unwrap()]].concat();
        let wrong = run(&arguments).await;
        assert_eq!(wrong.status.code(), Some(3));
        let said = complaint(&wrong);
        assert!(said.contains("listem") && said.contains("listen"), "{said}");
        assert!(said.contains("stadion.yaml"), "{said}");
    }

    let missing = run(&["serve", "--config", "/does/not/exist.yaml"]).await;
    assert_eq!(missing.status.code(), Some(3));
    assert!(complaint(&missing).contains("/does/not/exist.yaml"));
}

#[tokio::test]
async fn a_variable_with_a_typing_error_is_a_wrong_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = program()
        .args(["serve", "--data-dir", dir.path().to_str().unwrap()])
        .env("STADION_GATEWAY__LISTEM", "127.0.0.1:1")
        .output();
    let wrong = timeout(PATIENCE, wrong).await.unwrap().unwrap();
    let said = complaint(&wrong);
    assert_eq!(wrong.status.code(), Some(3), "{said}");
    assert!(said.contains("STADION_GATEWAY__LISTEM"), "{said}");
}

#[tokio::test]
async fn a_taken_port_is_1_and_named_with_its_key() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (key, variable, other) in [
        (
            "gateway.listen",
            "STADION_GATEWAY__LISTEN",
            "STADION_GATEWAY__OPERATOR_LISTEN",
        ),
        (
            "gateway.operator_listen",
            "STADION_GATEWAY__OPERATOR_LISTEN",
            "STADION_GATEWAY__LISTEN",
        ),
    ] {
        let refused = program()
            .args(["serve", "--data-dir", dir.path().to_str().unwrap()])
            .env(variable, address.to_string())
            .env(other, format!("127.0.0.1:{}", free_port()))
            .output();
        let refused = timeout(PATIENCE, refused).await.unwrap().unwrap();
        let said = complaint(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(
            said.contains(key) && said.contains(&address.to_string()),
            "{said}"
        );
    }
    assert!(!dir.path().join("endpoints.json").exists());
}

#[tokio::test]
async fn without_a_platform_commands_about_it_are_4() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let url = format!("http://127.0.0.1:{}", free_port());
    std::fs::write(dir.path().join("operator-token"), "0123456789abcdef").unwrap();
    let away = run(&["server", "list", "--data-dir", path, "--operator-url", &url]).await;
    assert_eq!(away.status.code(), Some(4), "{}", complaint(&away));
    assert!(complaint(&away).contains(&url));
}

/// For the superuser every directory is writable, but not one whose parent is a file.
#[tokio::test]
async fn a_data_directory_that_cannot_be_used_is_1_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let unusable = [file.join("data"), "/proc/stadion".into()];
    for data_dir in unusable {
        let path = data_dir.to_str().unwrap();
        let refused = run(&["serve", "--data-dir", path]).await;
        let said = complaint(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(path), "{said}");
    }
    for room in ["state", "servers"] {
        let data_dir = dir.path().join(format!("with-{room}"));
        std::fs::create_dir(&data_dir).unwrap();
        std::fs::write(data_dir.join(room), "").unwrap();
        let refused = run(&["serve", "--data-dir", data_dir.to_str().unwrap()]).await;
        let said = complaint(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(
            said.contains(room) && said.contains("a file is where a directory has to be"),
            "{said}"
        );
    }
}

/// Not after the demo.
#[tokio::test]
async fn a_report_that_cannot_be_written_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    let data_dir = data_dir.to_str().unwrap();
    let report = "/proc/none/report.json";
    let refused = run(&["demo", "--data-dir", data_dir, "--report", report]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains(report));
    assert!(!std::path::Path::new(data_dir).exists());
}

/// Game servers outlive their platform, so one that cannot start must not have started any.
#[tokio::test]
async fn a_start_that_fails_late_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    std::fs::create_dir_all(data_dir.join("endpoints.json")).unwrap();
    for (variable, value, wanted) in [
        (
            "STADION_MATCHMAKING__DECISION_LOG",
            "/proc/none/log",
            "/proc/none/log",
        ),
        ("STADION_LOGGING__LEVEL", "warn", "endpoints.json"),
    ] {
        let refused = program()
            .args(["serve", "--data-dir", data_dir.to_str().unwrap()])
            .env(
                "STADION_GATEWAY__LISTEN",
                format!("127.0.0.1:{}", free_port()),
            )
            .env(
                "STADION_GATEWAY__OPERATOR_LISTEN",
                format!("127.0.0.1:{}", free_port()),
            )
            .env(variable, value)
            .output();
        let refused = timeout(PATIENCE, refused).await.unwrap().unwrap();
        let said = complaint(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(wanted), "{said}");
        assert_eq!(game_servers(&data_dir), [0; 0]);
        let begun = std::fs::read_dir(data_dir.join("servers")).unwrap().count();
        assert_eq!(begun, 0);
    }
}

#[tokio::test]
async fn the_default_configuration_is_a_right_one() {
    let written = run(&["config", "default"]).await;
    assert!(written.status.success());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("default.yaml");
    std::fs::write(&file, &written.stdout).unwrap();
    let checked = run(&["config", "check", "--config", file.to_str().unwrap()]).await;
    assert!(checked.status.success(), "{}", complaint(&checked));
    let checked = run(&["config", "check", "--output", "json"]).await;
    let found: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(found["valid"], true);
}

/// As `stadion config schema | head -1`.
#[tokio::test]
async fn a_reader_who_has_enough_is_no_failure() {
    for command in [
        &["config", "schema"][..],
        &["config", "default"],
        &["completions", "bash"],
    ] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_stadion"))
            .args(command)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stdout, mut line) = (
            BufReader::with_capacity(16, child.stdout.take().unwrap()),
            String::new(),
        );
        stdout.read_line(&mut line).unwrap();
        drop(stdout);
        let status = child.wait().unwrap();
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert!(!said.contains("panicked"), "{command:?}: {said}");
        assert!(
            status.success() || status.signal().is_some(),
            "{command:?}: {status}: {said}"
        );
    }
}

#[tokio::test]
async fn a_running_platform_answers_its_commands_and_its_tokens_count() {
    let mut stand = Stand::new(IDLE).await;
    stand.start().await;
    let server = stand.servers_ready(1).await.remove(0);

    let listed = run(&stand.arguments(&["server", "list", "--output", "json"])).await;
    assert!(listed.status.success(), "{}", complaint(&listed));
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(&server.name), "{listed}");
    let unknown = run(&stand.arguments(&["server", "show", "nobody"])).await;
    assert_eq!(unknown.status.code(), Some(5), "{}", complaint(&unknown));

    let token = run(&stand.arguments(&["token", "--player", "alice"])).await;
    assert!(token.status.success(), "{}", complaint(&token));
    let token = String::from_utf8(token.stdout).unwrap();
    let alice = Client::new(&format!("http://{}", stand.gateway), token.trim()).unwrap();
    assert_eq!(alice.tickets().await.unwrap(), []);
    stand.stop().await;
}

#[tokio::test]
async fn a_second_platform_on_the_same_data_names_the_first() {
    let mut stand = Stand::new(IDLE).await;
    stand.start().await;
    stand.servers_ready(1).await;
    let second = program()
        .args(stand.arguments(&["serve"]))
        // Not the ports are in the way, but the data.
        .env("STADION_GATEWAY__LISTEN", format!("127.0.0.1:{}", free_port()))
        .env("STADION_GATEWAY__OPERATOR_LISTEN", format!("127.0.0.1:{}", free_port()))
        .output();
    let second = timeout(PATIENCE, second).await.unwrap().unwrap();
    let said = complaint(&second);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("process {}", stand.pid())), "{said}");
    assert!(said.contains(stand.data_dir.to_str().unwrap()), "{said}");
    // The first one did not notice.
    assert_eq!(stand.servers_ready(1).await.len(), 1);
    assert!(stand.data_dir.join("endpoints.json").exists());
    stand.stop().await;
}
