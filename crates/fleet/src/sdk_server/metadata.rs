//! Labels and annotations that a game server sets on itself.

use stadion_sdk::proto::KeyValue;
use tonic::Status;

use super::Said;

/// What the keys of a game server's own labels and annotations begin with; Agones' prefix.
pub const SDK_PREFIX: &str = "agones.dev/sdk-";

/// Longest key: the name part of a Kubernetes key has at most 63 bytes, and the prefix puts `sdk-` into it.
const KEY_BYTES_MAX: usize = 63 - "sdk-".len();
/// Longest label value: Kubernetes' limit.
const LABEL_BYTES_MAX: usize = 63;
/// Longest annotation value. Kubernetes allows 256 KiB for all annotations of an object together; 16 KiB is ours, so
/// that 16 of them fit.
const ANNOTATION_BYTES_MAX: usize = 16 * 1024;

/// Kubernetes' grammar of names: letters, digits, `-`, `_` and `.`, the first and last a letter or digit.
fn is_name(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

fn full_key(key: &str) -> Result<String, Status> {
    if key.len() <= KEY_BYTES_MAX && is_name(key) {
        return Ok(format!("{SDK_PREFIX}{key}"));
    }
    Err(Status::invalid_argument(format!(
        "a key has 1 to {KEY_BYTES_MAX} letters, digits, '-', '_' or '.', and begins and ends with a letter or digit"
    )))
}

/// Checks a label and gives it its full key.
pub(super) fn label(KeyValue { key, value }: KeyValue) -> Result<Said, Status> {
    let key = full_key(&key)?;
    if value.len() > LABEL_BYTES_MAX || !(value.is_empty() || is_name(&value)) {
        return Err(Status::invalid_argument(format!(
            "a label value has at most {LABEL_BYTES_MAX} letters, digits, '-', '_' or '.', and begins and ends with a \
             letter or digit"
        )));
    }
    Ok(Said::Label(key, value))
}

/// Checks an annotation and gives it its full key.
pub(super) fn annotation(KeyValue { key, value }: KeyValue) -> Result<Said, Status> {
    let key = full_key(&key)?;
    if value.len() > ANNOTATION_BYTES_MAX {
        return Err(Status::invalid_argument(format!(
            "an annotation has at most {ANNOTATION_BYTES_MAX} bytes"
        )));
    }
    Ok(Said::Annotation(key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> KeyValue {
        KeyValue {
            key: key.into(),
            value: value.into(),
        }
    }

    #[test]
    fn labels_follow_kubernetes_grammar() {
        let map = Said::Label("agones.dev/sdk-map".into(), "de_dust.2".into());
        assert_eq!(label(pair("map", "de_dust.2")).unwrap(), map);
        assert!(label(pair("map", "")).is_ok());
        for (key, value) in [
            ("", "x"),
            ("a b", "x"),
            ("-a", "x"),
            ("a/b", "x"),
            ("map", "a b"),
            ("map", "é"),
        ] {
            assert!(label(pair(key, value)).is_err(), "{key:?} {value:?}");
        }
        assert!(label(pair(&"k".repeat(60), "x")).is_err());
        assert!(label(pair("k", &"v".repeat(64))).is_err());
    }

    #[test]
    fn annotations_take_any_text_within_bounds() {
        assert!(annotation(pair("note", "anything at all: {é}")).is_ok());
        assert!(annotation(pair("note", &"x".repeat(ANNOTATION_BYTES_MAX + 1))).is_err());
    }
}
