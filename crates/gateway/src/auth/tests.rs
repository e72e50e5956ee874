//! Tokens of studios, good and bad.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePublicKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::{Signer, SigningKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"a secret of tests, 32 bytes long";
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const RSA_PRIVATE: &[u8] = include_bytes!("../../tests/data/rs256-private.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("../../tests/data/rs256-public.pem");
const RSA_SHORT: &[u8] = include_bytes!("../../tests/data/rs256-short-public.pem");

fn claims() -> Value {
    json!({"sub": "ann", "exp": NOW.0 / 1_000 + 60})
}

fn auth(keys: Vec<PlayerKey>) -> PlayerAuth {
    PlayerAuth::new(keys, &TokenRules::default()).unwrap()
}

fn hs256(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

fn ed_key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn ed_pem() -> String {
    let key = ed_key().verifying_key();
    key.to_public_key_pem(LineEnding::LF).unwrap()
}

fn ed25519(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = ed_key().sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn each_algorithm_has_its_keys() {
    let secret = PlayerKey::hs256(SECRET).unwrap();
    let ed = PlayerKey::ed25519_pem(ed_pem().as_bytes()).unwrap();
    let rsa = PlayerKey::rs256_pem(RSA_PUBLIC).unwrap();
    let auth = auth(vec![secret, ed, rsa]);
    let rsa_key = EncodingKey::from_rsa_pem(RSA_PRIVATE).unwrap();
    let header = Header::new(Algorithm::RS256);
    let tokens = [
        hs256(&claims()),
        ed25519(&json!({"alg": "EdDSA"}), &claims()),
        jsonwebtoken::encode(&header, &claims(), &rsa_key).unwrap(),
    ];
    for token in tokens {
        let player = auth.verify(&token, NOW).unwrap();
        assert_eq!(player.id.as_str(), "ann");
        let mut other = token.into_bytes();
        let last = other.len() - 5;
        other[last] = if other[last] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert!(auth.verify(&other, NOW).is_err(), "a changed signature");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    // The classic confusion: an HS256 token, "signed" with the text of the public key.
    for pem in [ed_pem().into_bytes(), RSA_PUBLIC.to_vec()] {
        let key = PlayerKey::ed25519_pem(&pem).or_else(|_| PlayerKey::rs256_pem(&pem));
        let auth = auth(vec![key.unwrap()]);
        let secret = EncodingKey::from_secret(&pem);
        let header = Header::new(Algorithm::HS256);
        let forged = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
        assert!(auth.verify(&forged, NOW).is_err());
    }
}

#[test]
fn weak_and_wrong_keys_are_refused() {
    assert!(PlayerKey::hs256(b"short").is_err());
    assert!(PlayerKey::rs256_pem(RSA_SHORT).is_err());
    assert!(PlayerKey::rs256_pem(ed_pem().as_bytes()).is_err());
    assert!(PlayerKey::ed25519_pem(RSA_PUBLIC).is_err());
    assert!(PlayerKey::from_jwks(b"{}").is_err());
    let oct = json!({"keys": [{"kty": "oct", "k": "AAAA"}]});
    assert!(PlayerKey::from_jwks(oct.to_string().as_bytes()).is_err());
    assert!(PlayerAuth::new(Vec::new(), &TokenRules::default()).is_err());
}

#[test]
fn a_key_set_goes_by_key_id() {
    let x = URL_SAFE_NO_PAD.encode(ed_key().verifying_key().as_bytes());
    let set = json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": "new", "use": "sig", "x": x},
        {"kty": "EC", "crv": "P-256", "kid": "other", "x": "AA", "y": "AA"},
    ]});
    let auth = auth(PlayerKey::from_jwks(set.to_string().as_bytes()).unwrap());
    let good = ed25519(&json!({"alg": "EdDSA", "kid": "new"}), &claims());
    assert!(auth.verify(&good, NOW).is_ok());
    let other = ed25519(&json!({"alg": "EdDSA", "kid": "old"}), &claims());
    assert!(auth.verify(&other, NOW).is_err());
}

#[test]
fn extensions_that_are_not_known_are_refused() {
    let auth = auth(vec![PlayerKey::ed25519_pem(ed_pem().as_bytes()).unwrap()]);
    let header = json!({"alg": "EdDSA", "crit": ["b64"], "b64": false});
    assert!(auth.verify(&ed25519(&header, &claims()), NOW).is_err());
}

#[test]
fn issuer_and_audience_are_wanted_where_they_are_set() {
    let rules = TokenRules {
        issuer: Some("studio".into()),
        audience: Some("stadion".into()),
    };
    let auth = PlayerAuth::new(vec![PlayerKey::hs256(SECRET).unwrap()], &rules).unwrap();
    let with = |iss: Value, aud: Value| {
        let mut all = claims();
        all["iss"] = iss;
        all["aud"] = aud;
        auth.verify(&hs256(&all), NOW).is_ok()
    };
    assert!(with(json!("studio"), json!("stadion")));
    assert!(with(json!("studio"), json!(["shop", "stadion"])));
    assert!(!with(json!("studio"), json!("shop")));
    assert!(!with(json!("other"), json!("stadion")));
    assert!(!with(Value::Null, json!("stadion")));
    assert!(auth.verify(&hs256(&claims()), NOW).is_err());
}

#[test]
fn a_remembered_token_expires_all_the_same() {
    let auth = auth(vec![PlayerKey::hs256(SECRET).unwrap()]);
    let token = hs256(&claims());
    assert!(auth.verify(&token, NOW).is_ok());
    assert!(auth.verify(&token, NOW.plus_ms(59_999)).is_ok());
    let late = auth.verify(&token, NOW.plus_ms(60_000));
    assert_eq!(late, Err("the token has expired"));
}

#[test]
fn times_that_are_none_are_refused() {
    let auth = auth(vec![PlayerKey::hs256(SECRET).unwrap()]);
    for exp in [json!(-1), json!(1e300), json!("soon"), Value::Null] {
        let mut all = claims();
        all["exp"] = exp;
        assert!(auth.verify(&hs256(&all), NOW).is_err(), "{all}");
    }
    let mut all = claims();
    all["exp"] = json!(1_800_000_000.5);
    assert!(
        auth.verify(&hs256(&all), NOW).is_ok(),
        "fractions are allowed"
    );
}

#[test]
fn i7_the_memory_of_tokens_is_bounded_and_keeps_what_is_asked_for() {
    let player = Arc::new(Player {
        id: PlayerId::new("ann").unwrap(),
        party: Vec::new(),
        skill: BTreeMap::new(),
        backend: false,
    });
    let mut memory = Memory::new(100);
    let digest = |number: u64| {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_le_bytes());
        digest
    };
    memory.insert(digest(0), (Arc::clone(&player), NOW));
    for number in 1..10_000 {
        memory.insert(digest(number), (Arc::clone(&player), NOW));
        assert!(memory.get(&digest(0)).is_some(), "after {number}");
        assert!(memory.len() <= 100);
    }
}
