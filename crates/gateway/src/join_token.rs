//! Join tokens: what a player shows to a game server (I5).
//!
//! A token is a JWT signed with Ed25519 (RFC 8037), made of the session and nothing else: the same session gives the
//! same token, so none is stored. A game server may check it offline with the keys of `/v1/join_keys`; that it is used
//! once, and not after its session, only redeeming it can tell.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stadion_client::wire::{JoinKey, JoinKeys};
use stadion_core::id::{MatchId, PlayerId, Region, ServerName, SessionId};
use stadion_core::session::Session;
use stadion_core::time::Timestamp;

use crate::limits::TOKEN_BYTES_MAX;

/// The `iss` of every join token.
const ISSUER: &str = "stadion";

/// Why a join token does not count. The text may be shown to whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinTokenError {
    /// It is not one of ours: another form, key or signature. Do not retry.
    #[error("the token was not made here")]
    Forged,
    /// Its session's life is over. Do not retry.
    #[error("the token has expired")]
    Expired,
}

/// What a join token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinClaims {
    /// `stadion`.
    pub iss: String,
    /// The player.
    pub sub: PlayerId,
    /// The session.
    pub jti: SessionId,
    /// The match.
    pub match_id: MatchId,
    /// The game server, the only one that may redeem it.
    pub server: ServerName,
    /// Where that is.
    pub region: Region,
    /// The player's team, from 0.
    pub team: u32,
    /// When the seat was reserved, seconds since the epoch.
    pub iat: u64,
    /// When the session's life ends, seconds since the epoch.
    pub exp: u64,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// Only what is looked at; `alg` must be ours, so no other algorithm can be asked for.
#[derive(Deserialize)]
struct ReadHeader {
    alg: String,
    kid: String,
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

/// Makes and checks join tokens.
pub struct JoinTokens {
    signing: SigningKey,
    /// The own key first, then those that other replicas or earlier days signed with.
    keys: Vec<(String, VerifyingKey)>,
    life_ms: u64,
}

impl std::fmt::Debug for JoinTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinTokens")
            .field("kid", &self.keys[0].0)
            .finish_non_exhaustive()
    }
}

impl JoinTokens {
    /// Signs with `signing`; tokens live as long as a session may, `life_ms` milliseconds.
    #[must_use]
    pub fn new(signing: SigningKey, life_ms: u64) -> Self {
        let own = signing.verifying_key();
        Self {
            keys: vec![(key_id(&own), own)],
            signing,
            life_ms,
        }
    }

    /// Accepts tokens of an earlier key too, while its sessions live.
    #[must_use]
    pub fn with_earlier(mut self, key: VerifyingKey) -> Self {
        self.keys.push((key_id(&key), key));
        self
    }

    /// The public keys, for game servers that check offline.
    #[must_use]
    pub fn public_keys(&self) -> JoinKeys {
        let public = |(kid, key): &(String, VerifyingKey)| JoinKey {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            alg: "EdDSA".into(),
            usage: "sig".into(),
            kid: kid.clone(),
            x: URL_SAFE_NO_PAD.encode(key.as_bytes()),
        };
        JoinKeys {
            keys: self.keys.iter().map(public).collect(),
        }
    }

    /// The join token of `session`: always the same one.
    ///
    /// # Panics
    /// Never: the parts can be written as JSON.
    #[must_use]
    pub fn sign(&self, session: &Session) -> String {
        let header = Header {
            alg: "EdDSA",
            typ: "JWT",
            kid: &self.keys[0].0,
        };
        let claims = JoinClaims {
            iss: ISSUER.into(),
            sub: session.player_id.clone(),
            jti: session.id,
            match_id: session.match_id,
            server: session.server.clone(),
            region: session.region.clone(),
            team: session.team,
            iat: session.created_at.0 / 1_000,
            exp: session.created_at.plus_ms(self.life_ms).0.div_ceil(1_000),
        };
        let mut token = part(&header);
        token.push('.');
        token.push_str(&part(&claims));
        let signature = self.signing.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut token);
        token
    }

    /// What `token` says, if it was made here and its time is not over at `now`.
    ///
    /// # Errors
    /// Either [`JoinTokenError`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<JoinClaims, JoinTokenError> {
        let claims = self.authentic(token).ok_or(JoinTokenError::Forged)?;
        if claims.exp.saturating_mul(1_000) <= now.0 {
            return Err(JoinTokenError::Expired);
        }
        Ok(claims)
    }

    fn authentic(&self, token: &str) -> Option<JoinClaims> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let header: ReadHeader = read(header)?;
        if header.alg != "EdDSA" || header.crit.is_some() {
            return None;
        }
        let (_, key) = self.keys.iter().find(|(kid, _)| *kid == header.kid)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let signature = Signature::from_slice(&signature).ok()?;
        key.verify_strict(message.as_bytes(), &signature).ok()?;
        let claims: JoinClaims = read(claims)?;
        (claims.iss == ISSUER).then_some(claims)
    }
}

fn part(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("plain structs can be written as JSON");
    URL_SAFE_NO_PAD.encode(json)
}

fn read<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The key's thumbprint (RFC 7638 with the members that RFC 8037 names).
fn key_id(key: &VerifyingKey) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stadion_core::id::TicketId;
    use stadion_core::session::SessionState;

    fn session(number: u128) -> Session {
        Session {
            id: SessionId::from_u128(number),
            player_id: PlayerId::new("ann").unwrap(),
            match_id: MatchId::from_u128(2),
            ticket_id: TicketId::from_u128(3),
            server: ServerName::new("arena-1").unwrap(),
            region: Region::new("eu-west-1").unwrap(),
            team: 1,
            role: None,
            state: SessionState::Reserved,
            created_at: Timestamp(1_000_500),
            connected_at: None,
            redeem_key: None,
            heartbeat_at: Timestamp(1_000_500),
            latency_ms: None,
        }
    }

    fn tokens(seed: u8) -> JoinTokens {
        JoinTokens::new(SigningKey::from_bytes(&[seed; 32]), 60_000)
    }

    #[test]
    fn i5_the_same_session_gives_the_same_token_and_it_says_what_the_session_is() {
        let tokens = tokens(1);
        let token = tokens.sign(&session(7));
        assert_eq!(token, tokens.sign(&session(7)));
        let claims = tokens.verify(&token, Timestamp(1_000_500)).unwrap();
        assert_eq!(claims.jti, SessionId::from_u128(7));
        assert_eq!(claims.sub.as_str(), "ann");
        assert_eq!(claims.server.as_str(), "arena-1");
        let end = Timestamp(1_061_000);
        assert_eq!(tokens.verify(&token, end), Err(JoinTokenError::Expired));
    }

    #[test]
    fn i5_other_keys_and_algorithms_count_for_nothing() {
        let ours = tokens(1);
        let theirs = tokens(2).sign(&session(7));
        let now = Timestamp(1_000_500);
        assert_eq!(ours.verify(&theirs, now), Err(JoinTokenError::Forged));
        let rotated = tokens(1).with_earlier(SigningKey::from_bytes(&[2; 32]).verifying_key());
        assert!(rotated.verify(&theirs, now).is_ok());

        let token = ours.sign(&session(7));
        let (_, rest) = token.split_once('.').unwrap();
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256","kid":"x"}"#,
            r#"{"alg":"EdDSA"}"#,
        ] {
            let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(ours.verify(&forged, now), Err(JoinTokenError::Forged));
        }
    }

    proptest! {
        #[test]
        fn i5_no_changed_byte_is_overlooked(at in 0_usize..1_000, to in any::<u8>()) {
            let tokens = tokens(1);
            let mut bytes = tokens.sign(&session(7)).into_bytes();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != to && to.is_ascii());
            bytes[at] = to;
            let forged = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(tokens.verify(&forged, Timestamp(1_000_500)), Err(JoinTokenError::Forged));
        }
    }
}
