use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::written::{FleetKind, StateKind};
use super::*;

mod hostile;
mod modes;
mod secrets;

use secrets::{Secrets, key_pair};

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

fn good(text: &str) -> Settings {
    good_with(text, &[])
}

fn good_with(text: &str, pairs: &[(&str, &str)]) -> Settings {
    Settings::from_text(text, &env(pairs))
        .unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

/// The whole report on a bad configuration.
fn bad_with(text: &str, pairs: &[(&str, &str)]) -> String {
    let problems = Settings::from_text(text, &env(pairs)).expect_err(text);
    ConfigError {
        file: Some(PathBuf::from("stadion.yaml")),
        problems,
    }
    .to_string()
}

fn bad(text: &str) -> String {
    bad_with(text, &[])
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every key of the schema, those of lists' items included.
fn all_keys(schema: &Value, out: &mut Vec<String>) {
    for (key, schema) in shape::properties(schema).into_iter().flatten() {
        out.push(key.clone());
        all_keys(schema, out);
        all_keys(&shape::resolve(schema)["items"], out);
    }
}

#[test]
fn the_default_file_says_what_no_file_means_and_names_every_key() {
    assert_eq!(good(DEFAULT_YAML), good(""));
    let mut keys = Vec::new();
    all_keys(&schema(), &mut keys);
    assert!(keys.len() > 100, "{keys:?}");
    for key in keys {
        let named = DEFAULT_YAML.lines().any(|line| {
            line.trim_start_matches([' ', '-', '#'])
                .starts_with(&format!("{key}:"))
        });
        assert!(named, "default.yaml does not name {key}");
    }
}

#[test]
fn the_reference_page_is_what_the_schema_says() {
    crate::golden::check(
        &repository().join("docs/configuration.md"),
        &reference::markdown(),
    );
}

#[test]
fn defaults_are_the_guides() {
    let settings = good("");
    assert_eq!(settings.networking.ports, 7_000..=8_000);
    assert_eq!(
        settings.scaling.rules,
        stadion_core::scaling::ScalingRules::default()
    );
    assert_eq!(
        settings.sessions,
        stadion_core::session::SessionRules::default()
    );
    assert_eq!(settings.game_modes, stadion_core::mode::guide_modes());
    assert_eq!(settings.regions.len(), 5);
    assert_eq!(settings.fleets.len(), 1);
    let fleet = &settings.fleets[0].spec;
    assert_eq!(fleet.name.as_str(), "dedicated-game-fleet");
    assert_eq!(
        (
            fleet.bounds.min_replicas,
            fleet.bounds.max_replicas,
            fleet.bounds.buffer_size
        ),
        (2, 100, 2)
    );
    assert!(fleet.template.command.is_empty() && fleet.game_modes.is_empty());
    assert_eq!(settings.warnings, Vec::<String>::new());

    let agones = good("fleet: {kind: agones}");
    let bounds = agones.fleets[0].spec.bounds;
    assert_eq!(
        (bounds.min_replicas, bounds.max_replicas, bounds.buffer_size),
        (10, 1_000, 20)
    );
    assert_eq!(
        agones.fleets[0].spec.template.health,
        stadion_core::fleet::Health::default()
    );
    assert_eq!(agones.fleets[0].pod.image, "gcr.io/arena:latest");
}

#[test]
fn a_section_whose_lines_are_comments_is_left_out() {
    assert_eq!(
        good("redis:\n  # host: x\ngateway:\nfleets: null\n"),
        good("")
    );
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let report = bad("
gateway:
  lissten: 127.0.0.1:1
  operator_listen: localhost
networking:
  port_range_start: 9000
state: {kind: reddis}
interval_ms: 5
regions: [us-east-1, us-east-1, 'Mars 1']
scaling: {scale_up_threshold: 2, cooldown_seconds: 1.5}
fleets:
  - {name: a, region: us-esat-1, min_replicas: 5, max_replicas: 3, game_modes: [dual]}
  - {name: a, region: us-east-1, cpu_limit: lots, gpu_enabled: true}
  - {name: A_b}
");
    let wanted = [
        "stadion.yaml:3:12: gateway.lissten: no such key; did you mean `listen`?",
        "stadion.yaml:4:20: gateway.operator_listen: \"localhost\" is no IP address with a port",
        "networking.port_range_end: is 8000, must not be below port_range_start (9000)",
        "stadion.yaml:7:15: state.kind: must be one of embedded, redis; did you mean `redis`?",
        "interval_ms: no such key here; did you mean `matchmaking.interval_ms`?",
        "regions[1]: \"us-east-1\" is there twice",
        "regions[2]: Region \"Mars 1\" is not valid",
        "scaling.scale_up_threshold: is 2, must be 0 to 1",
        "scaling.cooldown_seconds: is a number, must be a whole number",
        "fleets[2].region: is missing",
    ];
    for wanted in wanted {
        assert!(report.contains(wanted), "{wanted}\nis not in\n{report}");
    }
    assert_eq!(report.lines().count(), wanted.len(), "{report}");
}

#[test]
fn what_refers_to_a_broken_list_is_not_blamed() {
    let report = bad(
        "regions: [eu, 5]\nfleets: [{name: a, region: eu}]\nauth: {player_keys: 1}\ngateway: {listen: '0.0.0.0:1'}",
    );
    assert_eq!(report.lines().count(), 2, "{report}");
}

#[test]
fn contradictions_of_fleets_are_found() {
    let report = bad("
fleets:
  - {name: a, region: us-esat-1, min_replicas: 5, max_replicas: 3, game_modes: [dual]}
  - {name: a, region: us-east-1, cpu_limit: lots, gpu_enabled: true}
  - {name: A_b, region: us-east-1, game_modes: [battle_royale], max_players: 10}
");
    for wanted in [
        "stadion.yaml:3:23: fleets[0].region: \"us-esat-1\" is not one of regions",
        "did you mean `us-east-1`?",
        "fleets[0].min_replicas: is 5, must not be above max_replicas (3)",
        "fleets[0].game_modes[0]: \"dual\" is no game mode",
        "did you mean `duel`?",
        "fleets[1].name: \"a\" is fleets[0] too",
        "fleets[1].cpu_limit: \"lots\" is no quantity",
        "fleets[1].gpu_type: is missing; gpu_enabled needs it",
        "fleets[2].name: FleetName \"A_b\" is not valid",
        "fleets[2].game_modes[0]: a match of battle_royale has 60 players or more, and max_players is 10",
    ] {
        assert!(report.contains(wanted), "{wanted}\nis not in\n{report}");
    }
}

/// A configuration with one thing wrong, and what is said about it.
const CONTRADICTIONS: &[(&str, &str)] = &[
    (
        "scaling: {scale_down_threshold: 0.9}",
        "scaling.scale_down_threshold: is 0.9, must be below",
    ),
    (
        "scaling: {scale_down_threshold: 0.6}",
        "scaling.scale_down_threshold: is 0.6, too close to scale_up_threshold (0.8): with 9 of 11 game servers in use, fleet",
    ),
    (
        "gateway: {operator_listen: 127.0.0.1:9700}",
        "gateway.operator_listen: is 127.0.0.1:9700, which",
    ),
    (
        "sessions: {life_seconds: 10}",
        "sessions.life_seconds: must not be below",
    ),
    ("regions: []", "regions: at least one region"),
    ("game_modes: []", "game_modes: at least one game mode"),
    (
        "game_modes: [{name: new}]",
        "game_modes[0].players_target: is missing",
    ),
    (
        "game_modes: [{name: new, teams: 3, players_target: 10}]",
        "game_modes[0].players_target: 10 cannot be divided",
    ),
    (
        "game_modes: [{name: duel}, {name: duel}]",
        "game_modes[1].name: \"duel\" is game_modes[0] too",
    ),
    (
        "game_modes: [{name: duel, skill: {max: 10}}]",
        "game_modes[0].skill.max: must not be below",
    ),
    (
        "redis: {tls_ca_file: ca.pem}",
        "redis.tls_ca_file: needs redis.tls",
    ),
    (
        "monitoring: {grafana_url: grafana}",
        "monitoring.grafana_url: must begin with http",
    ),
    (
        "logging: {level: inof}",
        "logging.level: must be one of off, error, warn, info, debug, trace; did you mean `info`?",
    ),
    ("logging: {level: 'a=b=c'}", "logging.level: "),
    (
        "networking: {address: 'a b'}",
        "networking.address: must be a host name",
    ),
    ("redis: {host: ''}", "redis.host: must not be empty"),
    (
        "redis: {port: 70000}",
        "redis.port: is 70000, must be 1 to 65535",
    ),
    (
        "data_dir: 5",
        "data_dir: is a number, must be text; put it in quotes",
    ),
    (
        "kubernetes: {node_selector: {a: true}}",
        "kubernetes.node_selector.a: is true or false, must be text; put it in quotes",
    ),
    ("fleets: {}", "fleets: is a section, must be a list"),
    (
        "- a",
        "stadion.yaml:1:1: is a list, must be a section with keys",
    ),
    (
        "redis:\n  host: a\n  host: b\n",
        "stadion.yaml:3:3: not valid YAML: the key `host` is there twice\n",
    ),
    (
        "a: [",
        "stadion.yaml:1:4: not valid YAML: unclosed bracket '['\n",
    ),
    ("a: 1\n---\nb: 1\n", "a second document begins here"),
    ("a: &a [*a]", "an anchor cannot hold its own alias\n"),
    (
        "{a: &a [1,1,1,1,1,1,1,1], b: &b [*a,*a,*a,*a,*a,*a,*a,*a], c: &c [*b,*b,*b,*b,*b,*b,*b,*b], \
         d: &d [*c,*c,*c,*c,*c,*c,*c,*c], e: [*d,*d,*d,*d,*d,*d,*d,*d]}",
        "aliases make too much of the file here; write it out\n",
    ),
];

#[test]
fn other_contradictions_are_found() {
    for (text, wanted) in CONTRADICTIONS {
        let report = bad(text) + "\n";
        assert!(report.contains(wanted), "{wanted}\nis not in\n{report}");
        assert_eq!(report.lines().count(), 1, "{report}");
    }
}

#[test]
fn too_few_ports_and_modes_without_a_fleet_are_warnings() {
    let settings = good(
        "
networking: {port_range_end: 7009}
fleets: [{name: a, region: us-east-1, game_modes: [duel], max_replicas: 11}]
",
    );
    assert!(
        settings
            .warnings
            .iter()
            .any(|w| w.contains("10 ports are too few for the 11")),
        "{:?}",
        settings.warnings
    );
    assert!(
        settings
            .warnings
            .iter()
            .any(|w| w.contains("no fleet plays battle_royale")),
        "{:?}",
        settings.warnings
    );
    assert!(
        explain(&settings).contains("10 ports are too few"),
        "{}",
        explain(&settings)
    );
}

#[test]
fn variables_win_over_the_file() {
    let settings = good_with(
        "gateway: {listen: '127.0.0.1:1'}\nregions: [a]",
        &[
            ("STADION_GATEWAY__LISTEN", "127.0.0.1:2"),
            ("STADION_GATEWAY__LIMITS__BODY_BYTES_MAX", "2048"),
            ("STADION_REGIONS", "eu-west-1, us-east-1"),
            ("STADION_SCALING__SCALE_UP_THRESHOLD", "0.9"),
            ("STADION_REDIS__TLS", "true"),
            ("STADION_REDIS__HOST", "123"),
            ("STADION_STATE__KIND", "redis"),
            ("STADION_KUBERNETES__NODE_SELECTOR", "{pool: games}"),
            (
                "STADION_FLEETS",
                "[{name: a, region: eu-west-1}, {name: b, region: us-east-1}]",
            ),
            ("STADION_LOG", "debug"),
            ("STADION_SERVICE_HOST", "10.0.0.1"),
            ("STADION_PORT", "tcp://10.0.0.1:9700"),
            ("STADION_PORT_9700_TCP_ADDR", "10.0.0.1"),
            ("STADION_OPERATOR_SERVICE_PORT_HTTP", "9701"),
            ("PATH", "/bin"),
        ],
    );
    assert_eq!(settings.gateway.listen.port(), 2);
    assert_eq!(settings.gateway.limits.body_bytes_max, 2_048);
    assert_eq!(
        settings
            .regions
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<&str>>(),
        ["eu-west-1", "us-east-1"]
    );
    assert!((settings.scaling.rules.scale_up_threshold - 0.9).abs() < f64::EPSILON);
    assert!(settings.redis.tls);
    assert_eq!(settings.redis.host, "123");
    assert_eq!(settings.state, StateKind::Redis);
    assert_eq!(
        settings.kubernetes.node_selector,
        BTreeMap::from([("pool".into(), "games".into())])
    );
    assert_eq!(settings.fleets.len(), 2);
}

#[test]
fn a_wrong_variable_is_named() {
    let report = bad_with(
        "gateway: {listen: '127.0.0.1:1'}",
        &[
            ("STADION_GATEWAY__LISTN", "127.0.0.1:2"),
            ("STADION_REDIS__PORT", "many"),
            ("STADION_GATEWAY__OPERATOR_LISTEN", "here"),
            ("STADION_FLEETS", "[{name: a"),
            ("STADION_SEEED", "1"),
        ],
    );
    for wanted in [
        "STADION_GATEWAY__LISTN: gateway.listn: no such key; did you mean `STADION_GATEWAY__LISTEN`?",
        "STADION_REDIS__PORT: redis.port: is text, must be a whole number",
        "STADION_GATEWAY__OPERATOR_LISTEN: gateway.operator_listen: \"here\" is no IP address",
        "STADION_FLEETS: fleets: not valid YAML",
        "STADION_SEEED: seeed: no such key; did you mean `STADION_SEED`?",
    ] {
        assert!(report.contains(wanted), "{wanted}\nis not in\n{report}");
    }
    assert_eq!(report.lines().count(), 5, "{report}");
}

#[test]
fn every_key_has_a_variable() {
    let schema = schema();
    let defaults = &schema["default"];
    for path in shape::paths(&schema) {
        let value = path.split('.').fold(defaults, |value, key| &value[key]);
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let name = source::variable(&path);
        assert_eq!(good_with("", &[(&name, &text)]), good(""), "{name}={text}");
    }
}

#[test]
fn the_examples_load() {
    let folder = fs::read_dir(repository().join("examples/config")).unwrap();
    let dir = Secrets::new();
    let (private, public) = key_pair();
    let secret = dir.file("secret", "0123456789abcdef0123456789abcdef", 0o600);
    let key = format!(
        "[{{algorithm: EdDSA, key_id: '2026-1', public_key_file: '{}'}}]",
        dir.file("pub", &public, 0o600)
    );
    // The files that production mounts are elsewhere here.
    let production = env(&[
        ("STADION_REDIS__PASSWORD_FILE", &secret),
        ("STADION_AUTH__OPERATOR_TOKEN_FILE", &secret),
        ("STADION_AUTH__SERVER_SECRET_FILE", &secret),
        (
            "STADION_AUTH__JOIN_TOKEN_KEY_FILE",
            &dir.file("join", &private, 0o600),
        ),
        ("STADION_AUTH__PLAYER_KEYS", &key),
    ]);
    let mut names = Vec::new();
    // Rule sets are named by the configurations beside them.
    let paths = folder.map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.extension() == Some("yaml".as_ref())) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let env = if name == "production.yaml" {
            production.clone()
        } else {
            BTreeMap::new()
        };
        let settings = Settings::load(Some(&path), &env).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(settings.warnings, Vec::<String>::new(), "{name}");
        match name.as_str() {
            "guide.yaml" => {
                let all: Vec<_> = settings
                    .fleets
                    .iter()
                    .map(|f| {
                        (
                            f.spec.region.to_string(),
                            f.spec.bounds.min_replicas,
                            f.spec.template.max_players,
                            f.spec.template.tick_rate,
                        )
                    })
                    .collect();
                let wanted = [
                    ("us-east-1", 5, 100, 30),
                    ("eu-west-1", 5, 100, 30),
                    ("ap-northeast-1", 5, 100, 30),
                    ("us-west-2", 10, 32, 64),
                    ("eu-west-1", 10, 32, 64),
                    ("us-east-1", 2, 10, 128),
                ];
                assert_eq!(all, wanted.map(|(r, n, p, t)| (r.to_owned(), n, p, t)));
            }
            "production.yaml" => {
                assert_eq!(
                    (settings.state, settings.fleet),
                    (StateKind::Redis, FleetKind::Agones)
                );
                assert_eq!(settings.fleets[1].spec.bounds.min_replicas, 10);
            }
            _ => {}
        }
        names.push(name);
    }
    assert!(names.len() >= 2, "{names:?}");
}

#[test]
fn a_file_that_was_named_and_is_not_there_is_an_error() {
    let error = Settings::load(Some(Path::new("/does/not/exist.yaml")), &BTreeMap::new())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/does/not/exist.yaml: cannot read the configuration: "),
        "{error}"
    );
    assert_eq!(Settings::load(None, &BTreeMap::new()).unwrap(), good(""));
}
