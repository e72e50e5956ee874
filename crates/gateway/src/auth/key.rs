//! Keys of players' tokens. One key has one algorithm.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey};

/// A shared secret, bytes: as long as the hash it feeds (RFC 7518, section 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// DER of an RSA public key, bytes: 2,048 bits make 270, and shorter keys are not safe (RFC 7518, section 3.3).
const RSA_DER_BYTES_MIN: usize = 256;

/// What is wrong with a key; the operator's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(pub(crate) String);

/// One key that the studio signs players' tokens with.
#[derive(Clone)]
pub struct PlayerKey {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
    pub(super) key: DecodingKey,
}

impl std::fmt::Debug for PlayerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PlayerKey({:?}, {:?})", self.algorithm, self.key_id)
    }
}

impl PlayerKey {
    /// A shared secret for `HS256`.
    ///
    /// # Errors
    /// When it is shorter than 32 bytes.
    pub fn hs256(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError(format!(
                "the secret of players' tokens has {} bytes, at least {SECRET_BYTES_MIN} are needed",
                secret.len()
            )));
        }
        Ok(Self::new(
            Algorithm::HS256,
            DecodingKey::from_secret(secret),
        ))
    }

    /// An Ed25519 public key in PEM for `EdDSA`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn ed25519_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let key = DecodingKey::from_ed_pem(pem)
            .map_err(|_| KeyError("this is no Ed25519 public key in PEM".into()))?;
        Ok(Self::new(Algorithm::EdDSA, key))
    }

    /// An RSA public key in PEM for `RS256`.
    ///
    /// # Errors
    /// When it is something else, or shorter than 2,048 bits.
    pub fn rs256_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let key = DecodingKey::from_rsa_pem(pem)
            .map_err(|_| KeyError("this is no RSA public key in PEM".into()))?;
        if key.try_get_as_bytes().map_or(0, <[u8]>::len) < RSA_DER_BYTES_MIN {
            return Err(KeyError("the RSA key has fewer than 2048 bits".into()));
        }
        Ok(Self::new(Algorithm::RS256, key))
    }

    /// The Ed25519 and RSA keys of a JSON Web Key Set (RFC 7517). Keys for other purposes are passed over.
    ///
    /// # Errors
    /// When it is no such set, or has no usable key.
    pub fn from_jwks(json: &[u8]) -> Result<Vec<Self>, KeyError> {
        let set: JwkSet = serde_json::from_slice(json)
            .map_err(|error| KeyError(format!("this is no JSON Web Key Set: {error}")))?;
        let keys: Vec<Self> = set.keys.iter().filter_map(Self::from_jwk).collect();
        if keys.is_empty() {
            return Err(KeyError(
                "the JSON Web Key Set has no Ed25519 key and no RSA key of 2048 bits for signatures".into(),
            ));
        }
        Ok(keys)
    }

    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let (algorithm, named) = match &jwk.algorithm {
            // Base64url of 2,048 bits has 342 characters.
            AlgorithmParameters::RSA(rsa) if rsa.n.len() >= 342 => {
                (Algorithm::RS256, KeyAlgorithm::RS256)
            }
            AlgorithmParameters::OctetKeyPair(_) => (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
            _ => return None,
        };
        if jwk.common.key_algorithm.is_some_and(|said| said != named) {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self::new(algorithm, key).with_id(jwk.common.key_id.clone()))
    }

    fn new(algorithm: Algorithm, key: DecodingKey) -> Self {
        Self {
            algorithm,
            key_id: None,
            key,
        }
    }

    /// Only for tokens whose header names this `kid`; `None` for any.
    #[must_use]
    pub fn with_id(mut self, key_id: Option<String>) -> Self {
        self.key_id = key_id;
        self
    }
}
