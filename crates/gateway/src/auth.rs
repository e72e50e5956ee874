//! Who a player is: tokens of the studio's own identity system (JWT, RFC 7519).

mod key;
mod memory;

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonwebtoken::{DecodingKey, Validation};
use parking_lot::Mutex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use stadion_core::id::{GameModeName, PlayerId};
use stadion_core::limits::PARTY_PLAYERS_MAX;
use stadion_core::time::Timestamp;

use crate::limits::{TOKEN_BYTES_MAX, TOKENS_REMEMBERED_MAX};
pub use key::{KeyError, PlayerKey};
use memory::Memory;

/// How far ahead the studio's clock may be, seconds, for `nbf`. `exp` needs no such grace: a late refusal is only a
/// token to be renewed.
const CLOCK_SKEW_SECONDS: f64 = 60.0;

/// Keys of one studio: two per algorithm while they rotate, and some more.
const KEYS_MAX: usize = 16;

/// Word of the `scope` claim that lets the studio's own backend act for any player.
const SCOPE_BACKEND: &str = "backend";

/// What tokens must say besides who and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRules {
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// What `aud` must contain.
    pub audience: Option<String>,
}

/// Whom a token names, and what else it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Player {
    /// `sub`.
    pub id: PlayerId,
    /// `party`: whom this player may queue with.
    pub party: Vec<PlayerId>,
    /// `skill` by game mode: the studio's word, which wins over the request's.
    pub skill: BTreeMap<GameModeName, f64>,
    /// `scope` has `backend`: may act for any player.
    pub backend: bool,
}

impl Player {
    /// Whether this caller may act for `player`.
    #[must_use]
    pub fn may_be(&self, player: &PlayerId) -> bool {
        self.backend || self.id == *player
    }

    /// Whether this caller may put `player` into a party.
    #[must_use]
    pub fn may_bring(&self, player: &PlayerId) -> bool {
        self.may_be(player) || self.party.contains(player)
    }
}

/// What a token says; everything else in it is ignored.
#[derive(Deserialize)]
struct Claims {
    sub: PlayerId,
    /// Seconds since the epoch; RFC 7519 allows fractions.
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    party: Vec<PlayerId>,
    #[serde(default)]
    skill: BTreeMap<GameModeName, f64>,
    #[serde(default)]
    scope: Option<String>,
}

/// Checks players' tokens.
pub struct PlayerAuth {
    keys: Vec<(PlayerKey, Validation)>,
    /// Verifying Ed25519 takes about 75 µs, RSA 40 µs, a look-up 0.2 µs; clients use one token for many requests.
    verified: Mutex<Memory>,
}

impl std::fmt::Debug for PlayerAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlayerAuth")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl PlayerAuth {
    /// Accepts tokens that one of `keys` signed and that keep `rules`.
    ///
    /// # Errors
    /// Without a key, or with more than 16.
    pub fn new(keys: Vec<PlayerKey>, rules: &TokenRules) -> Result<Self, KeyError> {
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(KeyError(format!(
                "{} keys for players' tokens; 1 to {KEYS_MAX} are possible",
                keys.len()
            )));
        }
        let with_rules = |key: PlayerKey| {
            let mut validation = Validation::new(key.algorithm);
            let mut required = vec!["exp", "sub"];
            // Time is checked here, with the clock that was handed in.
            validation.validate_exp = false;
            validation.validate_aud = rules.audience.is_some();
            if let Some(audience) = &rules.audience {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            if let Some(issuer) = &rules.issuer {
                validation.set_issuer(&[issuer]);
                required.push("iss");
            }
            validation.set_required_spec_claims(&required);
            (key, validation)
        };
        Ok(Self {
            keys: keys.into_iter().map(with_rules).collect(),
            verified: Mutex::new(Memory::new(TOKENS_REMEMBERED_MAX)),
        })
    }

    /// Whom `token` names at `now`; the error says what is wrong, and nothing that is secret.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Player>, &'static str> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err("the token is too long");
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let remembered = self.verified.lock().get(&digest);
        let (player, expires_at) = match remembered {
            Some(known) => known,
            None => {
                let verified = self.verify_afresh(token, now)?;
                self.verified.lock().insert(digest, verified.clone());
                verified
            }
        };
        if expires_at <= now {
            return Err("the token has expired");
        }
        Ok(player)
    }

    fn verify_afresh(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(Arc<Player>, Timestamp), &'static str> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| "the token is no JWT")?;
        if header.crit.is_some() {
            return Err("the token wants an extension (crit) that is not known here");
        }
        // One key has one algorithm: what a token says of its algorithm only chooses among the keys.
        let same_kid = |key: &PlayerKey| header.kid.is_some() && key.key_id == header.kid;
        let named = self.keys.iter().any(|(key, _)| same_kid(key));
        let claims = self
            .keys
            .iter()
            .filter(|(key, _)| key.algorithm == header.alg)
            .filter(|(key, _)| same_kid(key) || (!named && key.key_id.is_none()))
            .find_map(|(key, validation)| decode(token, &key.key, validation))
            .ok_or("no key of this platform signed the token, or a claim is missing or wrong")?;
        check(claims, now)
    }
}

fn decode(token: &str, key: &DecodingKey, validation: &Validation) -> Option<Claims> {
    let data = jsonwebtoken::decode::<Claims>(token, key, validation).ok()?;
    Some(data.claims)
}

fn check(claims: Claims, now: Timestamp) -> Result<(Arc<Player>, Timestamp), &'static str> {
    let expires_at = in_ms(claims.exp).ok_or("the token's exp is no point in time")?;
    if let Some(nbf) = claims.nbf {
        let from = in_ms((nbf - CLOCK_SKEW_SECONDS).max(0.0))
            .ok_or("the token's nbf is no point in time")?;
        if now < from {
            return Err("the token is not valid yet");
        }
    }
    if claims.party.len() > PARTY_PLAYERS_MAX {
        return Err("the token's party is too large");
    }
    let backend = claims
        .scope
        .is_some_and(|scope| scope.split_whitespace().any(|word| word == SCOPE_BACKEND));
    let player = Player {
        id: claims.sub,
        party: claims.party,
        skill: claims.skill,
        backend,
    };
    Ok((Arc::new(player), expires_at))
}

/// Seconds since the epoch as a point in time.
fn in_ms(seconds: f64) -> Option<Timestamp> {
    /// 2^43 s are far beyond any date, and their milliseconds are exact.
    const SECONDS_MAX: f64 = 8_796_093_022_208.0;
    if !(0.0..SECONDS_MAX).contains(&seconds) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be within 0 and SECONDS_MAX"
    )]
    let ms = (seconds * 1_000.0) as u64;
    Some(Timestamp(ms))
}

#[cfg(test)]
mod tests;
