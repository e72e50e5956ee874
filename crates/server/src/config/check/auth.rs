//! Secrets and keys. Generated ones are for this machine only.

use std::net::SocketAddr;
use std::path::Path;

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;

use super::Checker;
use crate::config::Secret;
use crate::config::settings::{Auth, Gateway, PlayerAuth, PlayerKey, Source};
use crate::config::written::{self, Algorithm, StateKind};

/// Shortest token, bytes: 128 bits if it is random, which nobody guesses.
const TOKEN_BYTES_MIN: usize = 16;
/// Shortest secret that signs with HS256, bytes (RFC 7518 section 3.2).
const SECRET_BYTES_MIN: usize = 32;

impl Checker<'_> {
    pub(super) fn auth(
        &mut self,
        config: &written::Config,
        gateway: &Gateway,
        data_dir: &Path,
    ) -> Auth {
        let auth = &config.auth;
        let keys: Vec<PlayerKey> = auth
            .player_keys
            .iter()
            .enumerate()
            .filter_map(|(i, key)| self.player_key(&format!("auth.player_keys[{i}]"), key))
            .collect();
        let jwks = auth.jwks_file.as_ref().and_then(|file| {
            let text = self.secret_file("auth.jwks_file", file)?;
            self.keep("auth.jwks_file", check_jwks(text.expose()))?;
            Some(text)
        });
        let players = if auth.player_keys.is_empty() && auth.jwks_file.is_none() {
            PlayerAuth::Development(data_dir.join("player-secret"))
        } else {
            PlayerAuth::Keys { keys, jwks }
        };
        let operator_token = self.token(
            "auth.operator_token",
            auth.operator_token_file.as_ref(),
            TOKEN_BYTES_MIN,
        );
        let server_secret = self.token(
            "auth.server_secret",
            auth.server_secret_file.as_ref(),
            SECRET_BYTES_MIN,
        );
        let join_token_key = auth
            .join_token_key_file
            .as_ref()
            .and_then(|file| self.join_token_key(file));
        // A key that could not be read is no reason to say that none was given.
        if self.intact("auth") {
            let development = matches!(players, PlayerAuth::Development(_));
            let wanted = "auth.player_keys or auth.jwks_file";
            self.closed("gateway.listen", gateway.listen, development, wanted);
            let missing = operator_token.is_none();
            let (path, listen) = ("gateway.operator_listen", gateway.operator_listen);
            self.closed(path, listen, missing, "auth.operator_token_file");
            let redis = config.state.kind == StateKind::Redis;
            for (path, missing) in [
                ("auth.join_token_key_file", join_token_key.is_none()),
                ("auth.server_secret_file", server_secret.is_none()),
            ] {
                if redis && missing {
                    let what =
                        "is not set, so every replica generates its own and refuses the others'";
                    self.warn(path, what);
                }
            }
        }
        let source = |secret: Option<Secret>, file: &str| {
            secret.map_or_else(|| Source::Generated(data_dir.join(file)), Source::Given)
        };
        Auth {
            players,
            issuer: auth.issuer.clone(),
            audience: auth.audience.clone(),
            operator_token: source(operator_token, "operator-token"),
            server_secret: source(server_secret, "server-secret"),
            join_token_key: source(join_token_key, "join-key.pem"),
        }
    }

    fn join_token_key(&mut self, file: &str) -> Option<Secret> {
        let path = "auth.join_token_key_file";
        let key = self.secret_file(path, file)?;
        let parsed = SigningKey::from_pkcs8_pem(key.expose())
            .map_err(|_| format!("{file} is no Ed25519 private key (PKCS#8 PEM)"));
        self.keep(path, parsed)?;
        Some(key)
    }

    /// Refuses to show a door to the network that only has a secret for development.
    fn closed(&mut self, path: &str, listen: SocketAddr, development: bool, wanted: &str) {
        if development && !listen.ip().is_loopback() {
            self.report(
                path,
                format!(
                    "{listen} can be reached from other machines and would be guarded by a secret for development \
                     only; set {wanted}, or listen on 127.0.0.1"
                ),
            );
        }
    }

    fn token(&mut self, path: &str, file: Option<&String>, bytes_min: usize) -> Option<Secret> {
        let token = self.secret(path, file)?;
        let bytes = token.expose().len();
        if bytes < bytes_min {
            let path = file.map_or(path.into(), |_| format!("{path}_file"));
            self.report(&path, format!("has {bytes} bytes, {bytes_min} are needed"));
        } else if !token.expose().bytes().all(|b| b.is_ascii_graphic()) {
            self.report(path, "must be visible ASCII characters without spaces");
        }
        Some(token)
    }

    fn player_key(&mut self, path: &str, key: &written::PlayerKey) -> Option<PlayerKey> {
        let secret_path = format!("{path}.secret_file");
        let public_path = format!("{path}.public_key_file");
        let algorithm = key.algorithm;
        let (path, file) = match (algorithm, &key.secret_file, &key.public_key_file) {
            (Algorithm::HS256, Some(file), None) => (&secret_path, file),
            (Algorithm::HS256, None, _) => {
                self.report(&secret_path, "is missing; HS256 needs it");
                return None;
            }
            (Algorithm::HS256, Some(_), Some(_)) => {
                self.report(&public_path, "does not belong to HS256");
                return None;
            }
            (_, None, Some(file)) => (&public_path, file),
            (_, _, None) => {
                self.report(&public_path, format!("is missing; {algorithm:?} needs it"));
                return None;
            }
            (_, Some(_), Some(_)) => {
                self.report(&secret_path, format!("does not belong to {algorithm:?}"));
                return None;
            }
        };
        let material = self.secret_file(path, file)?;
        let bytes = material.expose().as_bytes();
        let checked = match algorithm {
            Algorithm::HS256 if bytes.len() < SECRET_BYTES_MIN => Err(format!(
                "{file} has {} bytes, HS256 needs {SECRET_BYTES_MIN} (RFC 7518 section 3.2)",
                bytes.len()
            )),
            Algorithm::HS256 => Ok(()),
            Algorithm::EdDSA => pem(file, "Ed25519", DecodingKey::from_ed_pem(bytes)),
            Algorithm::RS256 => pem(file, "RSA", DecodingKey::from_rsa_pem(bytes)),
        };
        self.keep(path, checked)?;
        Some(PlayerKey {
            algorithm,
            key_id: key.key_id.clone(),
            key: material,
        })
    }
}

fn pem(
    file: &str,
    kind: &str,
    key: Result<DecodingKey, jsonwebtoken::errors::Error>,
) -> Result<(), String> {
    key.map(drop)
        .map_err(|_| format!("{file} is no {kind} public key (PEM)"))
}

fn check_jwks(text: &str) -> Result<(), String> {
    // serde's message could quote the text, so it stays out.
    let set: JwkSet =
        serde_json::from_str(text).map_err(|_| "is no JSON Web Key Set (RFC 7517)")?;
    if set.keys.is_empty() {
        return Err("has no key".into());
    }
    Ok(())
}
