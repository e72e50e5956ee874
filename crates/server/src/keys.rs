//! The platform's own secrets: made at the first start, kept in the data directory, readable by their owner only.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use stadion_core::id::ServerName;
use stadion_core::time::Timestamp;

use crate::config::settings::Source;

/// Bytes of a generated secret: 256 bits, the output of the hash it feeds.
const SECRET_BYTES: usize = 32;
/// Whom the credentials of game servers are for; keeps them apart from every other token.
const SERVER_AUDIENCE: &str = "stadion-game-server";

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Reading or writing failed.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is there and holds something else.
    #[error("{path}: {why}; put the right file back, or move it away to have a new one made")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Reads the text of `path`, or makes it with `make` and keeps it, with mode 0600.
fn load_or_make(path: &Path, make: impl FnOnce() -> String) -> Result<String, KeyError> {
    let failed = |source| KeyError::Io {
        path: path.to_owned(),
        source,
    };
    match fs::read_to_string(path) {
        Ok(text) => return Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let text = make();
    // Written beside and renamed: a crash leaves no half a key.
    let beside = path.with_extension("new");
    drop(fs::remove_file(&beside));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)?;
    Ok(text)
}

/// A random secret as text, 64 hexadecimal digits.
fn random_hex() -> String {
    let bytes: [u8; SECRET_BYTES] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The shared secret of `source`.
///
/// # Errors
/// When its file can be neither read nor made, or is too short for a secret.
pub fn secret(source: &Source) -> Result<String, KeyError> {
    match source {
        Source::Given(secret) => Ok(secret.expose().to_owned()),
        Source::Generated(path) => secret_file(path),
    }
}

/// The shared secret in the file at `path`, made when it is not there.
///
/// # Errors
/// When it can be neither read nor made, or is too short for a secret.
pub fn secret_file(path: &Path) -> Result<String, KeyError> {
    let text = load_or_make(path, random_hex)?.trim().to_owned();
    if text.len() < SECRET_BYTES {
        let why = format!(
            "a secret has at least {SECRET_BYTES} characters, this one has {}",
            text.len()
        );
        return Err(KeyError::Unusable {
            path: path.to_owned(),
            why,
        });
    }
    Ok(text)
}

/// The key that signs join tokens.
///
/// # Errors
/// When its file can be neither read nor made, or it is no Ed25519 key in PKCS#8 PEM.
pub fn join_key(source: &Source) -> Result<SigningKey, KeyError> {
    let path = match source {
        Source::Given(_) => PathBuf::from("auth.join_token_key"),
        Source::Generated(path) => path.clone(),
    };
    let unusable = |why: String| KeyError::Unusable {
        path: path.clone(),
        why,
    };
    let fresh = || {
        let key = SigningKey::from_bytes(&rand::random());
        key.to_pkcs8_pem(LineEnding::LF)
            .map(|pem| pem.to_string())
            .unwrap_or_default()
    };
    let pem = match source {
        Source::Given(secret) => secret.expose().to_owned(),
        Source::Generated(path) => load_or_make(path, fresh)?,
    };
    SigningKey::from_pkcs8_pem(&pem)
        .map_err(|error| unusable(format!("no Ed25519 private key in PKCS#8 PEM: {error}")))
}

#[derive(Serialize, Deserialize)]
struct ServerClaims {
    sub: String,
    aud: String,
}

/// Credentials of game servers: one per server, made from its name, checked without a list.
pub struct ServerKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl ServerKeys {
    /// Credentials under `secret`.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[SERVER_AUDIENCE]);
        validation.set_required_spec_claims(&["aud", "sub"]);
        // A server's credential lives as long as the server; its sessions and matches end before.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            validation,
        }
    }

    /// The credential of `server`.
    ///
    /// # Panics
    /// Never: two short texts can be signed.
    #[must_use]
    pub fn issue(&self, server: &ServerName) -> String {
        let claims = ServerClaims {
            sub: server.to_string(),
            aud: SERVER_AUDIENCE.to_owned(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .expect("two short texts can be signed")
    }

    /// Whose credential `token` is.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<ServerName> {
        let data =
            jsonwebtoken::decode::<ServerClaims>(token, &self.decoding, &self.validation).ok()?;
        ServerName::new(data.claims.sub).ok()
    }
}

#[derive(Serialize)]
struct PlayerClaims<'a> {
    sub: &'a str,
    exp: u64,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    party: &'a [String],
}

/// A player's token for development, signed (HS256) with the development `secret`: good for `life_seconds` from `now`,
/// for `player` and, as its leader, the other players of `party`.
///
/// # Panics
/// Never: a few texts can be signed.
#[must_use]
pub fn development_token(
    secret: &str,
    player: &str,
    party: &[String],
    now: Timestamp,
    life_seconds: u64,
) -> String {
    let claims = PlayerClaims {
        sub: player,
        exp: now.0 / 1_000 + life_seconds,
        party,
    };
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .expect("a few texts can be signed")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_for_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let token = Source::Generated(dir.path().join("operator-token"));
        let first = secret(&token).unwrap();
        assert_eq!(secret(&token).unwrap(), first);
        let mode = fs::metadata(dir.path().join("operator-token"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let source = Source::Generated(dir.path().join("join-key.pem"));
        let key = join_key(&source).unwrap();
        assert_eq!(join_key(&source).unwrap(), key);
    }

    #[test]
    fn a_wrong_key_file_is_named_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("join-key.pem"), "not a key").unwrap();
        let source = Source::Generated(dir.path().join("join-key.pem"));
        let error = join_key(&source).unwrap_err().to_string();
        assert!(error.contains("join-key.pem"), "{error}");
        assert_eq!(
            fs::read_to_string(dir.path().join("join-key.pem")).unwrap(),
            "not a key"
        );
    }

    #[test]
    fn i5_a_credential_counts_for_its_own_server_only() {
        let keys = ServerKeys::new("one secret of this platform, long enough");
        let server = ServerName::new("arena-1").unwrap();
        let token = keys.issue(&server);
        assert_eq!(keys.verify(&token), Some(server));
        assert_eq!(
            ServerKeys::new("another secret of another platform").verify(&token),
            None
        );
        assert_eq!(keys.verify("not.a.token"), None);
    }
}
