//! JSON that keeps its order, refuses a key that is there twice, and knows where a value is.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::RuleSetError;

/// A value of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool,
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "FlexMatch's numbers are doubles"
    )]
    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "FlexMatch's numbers are doubles"
    )]
    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut object: Vec<(String, Node)> = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.iter().any(|(known, _)| *known == key) {
                return Err(de::Error::custom(format_args!(
                    "the key {key:?} is there twice"
                )));
            }
            object.push((key, entries.next_value()?));
        }
        Ok(Node::Object(object))
    }
}

impl Node {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// A number; one in quotes counts too, because the documentation of FlexMatch writes `"maxDistance": "500"`.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|number: &f64| number.is_finite())
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A list of texts.
    pub(super) fn as_texts(&self) -> Option<Vec<String>> {
        match self {
            Self::List(items) => items
                .iter()
                .map(|item| item.as_text().map(String::from))
                .collect(),
            _ => None,
        }
    }
}

/// The error `what` about the value at `pointer`.
pub(super) fn wrong(pointer: impl Into<String>, what: impl Into<String>) -> RuleSetError {
    RuleSetError {
        pointer: pointer.into(),
        location: None,
        what: what.into(),
    }
}

/// `word` is none of `known`: which one is near, or which there are.
pub(super) fn choices<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    // A third of the letters wrong is still a slip; more is another word.
    let far = (word.chars().count() / 3).max(1);
    let near = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, _)| word.len() <= WORD_BYTES_MAX && *distance <= far)
        .min();
    match near {
        Some((_, near)) => format!("did you mean {near:?}?"),
        None if known.is_empty() => "there is none".into(),
        None => {
            let shown = known.iter().take(CHOICES_SHOWN_MAX).copied();
            let more = if known.len() > CHOICES_SHOWN_MAX {
                ", …"
            } else {
                ""
            };
            let shown: Vec<&str> = shown.collect();
            format!("there are {}{more}", shown.join(", "))
        }
    }
}

/// Longest word that is compared with known ones, bytes: comparing takes the product of both lengths.
const WORD_BYTES_MAX: usize = 128;
/// Known words that an error names at most: more is no help any more.
const CHOICES_SHOWN_MAX: usize = 12;

/// `word` for an error: no more of it than helps.
pub(super) fn shown(word: &str) -> String {
    let mut start: String = word.chars().take(WORD_BYTES_MAX).collect();
    if start.len() < word.len() {
        start.push('…');
    }
    format!("{start:?}")
}

/// An object whose keys are all known.
pub(super) struct Fields<'a> {
    pub(super) pointer: String,
    entries: &'a [(String, Node)],
}

impl<'a> Fields<'a> {
    /// Opens the object at `pointer`.
    pub(super) fn open(
        node: &'a Node,
        pointer: impl Into<String>,
        known: &[&str],
    ) -> Result<Self, RuleSetError> {
        let pointer = pointer.into();
        let Node::Object(entries) = node else {
            return Err(wrong(
                pointer,
                format!("is {}, must be an object", node.kind()),
            ));
        };
        for (key, _) in entries {
            if !known.contains(&key.as_str()) {
                let at = format!("{pointer}/{}", escaped(key));
                let what = format!("no such key; {}", choices(key, known.iter().copied()));
                return Err(wrong(at, what));
            }
        }
        Ok(Self { pointer, entries })
    }

    /// Pointer to the value of `key`.
    pub(super) fn at(&self, key: &str) -> String {
        format!("{}/{key}", self.pointer)
    }

    /// The value of `key`; null is as good as nothing.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|(known, node)| known == key && *node != Node::Null)
            .map(|(_, node)| node)
    }

    pub(super) fn required(&self, key: &str) -> Result<&'a Node, RuleSetError> {
        self.get(key).ok_or_else(|| self.missing(key))
    }

    pub(super) fn missing(&self, key: &str) -> RuleSetError {
        wrong(self.pointer.clone(), format!("{key:?} is missing"))
    }

    fn must(&self, key: &str, node: &Node, what: &str) -> RuleSetError {
        wrong(self.at(key), format!("is {}, must be {what}", node.kind()))
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, RuleSetError> {
        self.get(key)
            .map(|node| node.as_text().ok_or_else(|| self.must(key, node, "text")))
            .transpose()
    }

    pub(super) fn required_text(&self, key: &str) -> Result<&'a str, RuleSetError> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, RuleSetError> {
        self.get(key)
            .map(|node| {
                node.as_number()
                    .ok_or_else(|| self.must(key, node, "a number"))
            })
            .transpose()
    }

    /// A number that is not negative.
    pub(super) fn amount(&self, key: &str) -> Result<Option<f64>, RuleSetError> {
        match self.number(key)? {
            Some(number) if number < 0.0 => Err(wrong(
                self.at(key),
                format!("is {number}, must not be negative"),
            )),
            number => Ok(number),
        }
    }

    pub(super) fn list(&self, key: &str) -> Result<&'a [Node], RuleSetError> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Node::List(items)) => Ok(items),
            Some(node) => Err(self.must(key, node, "a list")),
        }
    }

    /// One of `words`, by its place.
    pub(super) fn word<T: Copy>(
        &self,
        key: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, RuleSetError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let hint = choices(text, known.iter().copied());
                let what = format!("{} is none of {}; {hint}", shown(text), known.join(", "));
                Err(wrong(self.at(key), what))
            }
        }
    }
}

/// `key` as a part of a JSON pointer (RFC 6901), shortened.
fn escaped(key: &str) -> String {
    let short: String = key.chars().take(WORD_BYTES_MAX).collect();
    short.replace('~', "~0").replace('/', "~1")
}
