//! Secrets: where they come from, and that nobody sees them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{bad, bad_with, good, good_with};
use crate::config::settings::{PlayerAuth, Source};
use crate::config::{Secret, explain};

/// A directory with secrets in it.
pub(super) struct Secrets(tempfile::TempDir);

impl Secrets {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }
}

pub(super) fn key_pair() -> (String, String) {
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
    use ed25519_dalek::pkcs8::{EncodePrivateKey as _, spki::EncodePublicKey as _};
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let private = key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
    (
        private,
        key.verifying_key()
            .to_public_key_pem(LineEnding::LF)
            .unwrap(),
    )
}

#[test]
fn secrets_come_from_files_and_variables_and_are_never_shown() {
    const WORD: &str = "correct-horse-battery-staple-0123456789";
    let dir = Secrets::new();
    let (private, public) = key_pair();
    let text = format!(
        "
auth:
  player_keys:
    - {{algorithm: HS256, secret_file: '{}'}}
    - {{algorithm: EdDSA, key_id: k1, public_key_file: '{}'}}
  operator_token_file: '{}'
  join_token_key_file: '{}'
monitoring: {{alert_webhook: 'https://hooks.example.com/{WORD}'}}
gateway: {{listen: '0.0.0.0:9700', operator_listen: '0.0.0.0:9701'}}
",
        dir.file("hs", &format!("{WORD}\n"), 0o600),
        dir.file("pub", &public, 0o600),
        dir.file("operator", WORD, 0o644),
        dir.file("join", &private, 0o600),
    );
    let settings = good_with(
        &text,
        &[
            ("STADION_REDIS__PASSWORD", WORD),
            ("STADION_AUTH__SERVER_SECRET", WORD),
        ],
    );
    let PlayerAuth::Keys { keys, .. } = &settings.auth.players else {
        panic!("keys were given")
    };
    assert_eq!(keys[0].key.expose(), WORD);
    assert_eq!(keys[1].key_id.as_deref(), Some("k1"));
    assert_eq!(settings.redis.password, Some(Secret::new(WORD)));
    assert_eq!(
        settings.auth.operator_token,
        Source::Given(Secret::new(WORD))
    );
    assert_eq!(
        settings.auth.server_secret,
        Source::Given(Secret::new(WORD))
    );
    let shown = format!("{settings:?}{}", explain(&settings));
    assert!(
        !shown.contains(WORD) && !shown.contains("PRIVATE KEY"),
        "{shown}"
    );
    assert!(
        settings
            .warnings
            .iter()
            .any(|w| w.starts_with("auth.operator_token_file: everybody")),
        "{shown}"
    );
    assert_eq!(settings.warnings.len(), 1, "{shown}");
}

#[test]
fn bad_secrets_are_refused_without_showing_them() {
    const WORD: &str = "hunter2";
    let dir = Secrets::new();
    let short = dir.file("short", WORD, 0o600);
    let report = bad_with(
        &format!(
            "
auth:
  player_keys:
    - {{algorithm: HS256, secret_file: '{short}'}}
    - {{algorithm: EdDSA, public_key_file: '{short}'}}
    - {{algorithm: RS256, secret_file: '{short}'}}
    - {{algorithm: RS256, public_key_file: /does/not/exist}}
  jwks_file: '{short}'
  operator_token_file: '{short}'
  operator_token: {WORD}
  join_token_key_file: '{short}'
redis: {{password: {WORD}, password_file: '{}'}}
",
            dir.file("empty", "\n", 0o600)
        ),
        &[("STADION_AUTH__SERVER_SECRET", WORD)],
    );
    for wanted in [
        "auth.player_keys[0].secret_file: ",
        "has 7 bytes, HS256 needs 32",
        "auth.player_keys[1].public_key_file: ",
        "is no Ed25519 public key (PEM)",
        "auth.player_keys[2].public_key_file: is missing; RS256 needs it",
        "auth.player_keys[3].public_key_file: cannot read /does/not/exist",
        "auth.jwks_file: is no JSON Web Key Set",
        "auth.operator_token_file: has 7 bytes, 16 are needed",
        "auth.operator_token: secrets do not belong in this file: set `auth.operator_token_file`, or \
         STADION_AUTH__OPERATOR_TOKEN",
        "is no Ed25519 private key",
        "redis.password: secrets do not belong in this file",
        "redis.password_file: ",
        "is empty",
        "STADION_AUTH__SERVER_SECRET: auth.server_secret: has 7 bytes, 32 are needed",
    ] {
        assert!(report.contains(wanted), "{wanted}\nis not in\n{report}");
    }
    assert!(!report.contains(WORD), "{report}");
    let both = bad_with(
        &format!("redis: {{password_file: '{short}'}}"),
        &[("STADION_REDIS__PASSWORD", WORD)],
    );
    assert!(
        both.contains("redis.password_file: STADION_REDIS__PASSWORD is set too"),
        "{both}"
    );
    assert!(!both.contains(WORD));
}

#[test]
fn generated_secrets_keep_the_listeners_on_this_machine() {
    let settings = good("data_dir: /d");
    assert_eq!(
        settings.auth.players,
        PlayerAuth::Development("/d/player-secret".into())
    );
    assert_eq!(
        settings.auth.operator_token,
        Source::Generated("/d/operator-token".into())
    );
    let report = bad("gateway: {listen: '0.0.0.0:9700', operator_listen: '192.0.2.1:9701'}");
    assert!(
        report.contains("gateway.listen: 0.0.0.0:9700 can be reached from other machines"),
        "{report}"
    );
    assert!(
        report.contains("gateway.operator_listen: 192.0.2.1:9701 can be reached"),
        "{report}"
    );
    assert!(
        good("gateway: {listen: '[::1]:9700'}")
            .gateway
            .listen
            .ip()
            .is_loopback()
    );
}
