//! The file and the environment become one tree, and every value in it knows where it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::Spanned;

use super::shape;
use super::{Problem, Secret};

/// Variables whose name begins with `STADION_` and that are no configuration.
pub const OTHER_VARIABLES: [&str; 12] = [
    "STADION_CONFIG",
    "STADION_LOG",
    "STADION_OPERATOR_TOKEN",
    "STADION_OPERATOR_URL",
    "STADION_OUTPUT",
    "STADION_SEED",
    "STADION_SERVER_NAME",
    "STADION_SERVER_TOKEN",
    "STADION_TEST_QUICK",
    "STADION_TEST_SEED",
    "STADION_TOKEN",
    "STADION_URL",
];

/// Secrets that a variable can hold and the file cannot, as paths.
pub const SECRET_PATHS: [&str; 3] = [
    "auth.operator_token",
    "auth.server_secret",
    "redis.password",
];

const PREFIX: &str = "STADION_";
/// Between the levels of a path.
const SEPARATOR: &str = "__";

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the file.
    File {
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
    },
    /// In this variable of the environment.
    Variable(String),
}

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Objects, lists and scalars.
    pub(super) tree: Value,
    /// Where each of them was written, by path.
    pub(super) origins: BTreeMap<String, Origin>,
    /// Secrets from the environment, by path.
    pub(super) secrets: BTreeMap<String, Secret>,
    /// Where the file is.
    pub(super) directory: PathBuf,
}

impl Written {
    /// A problem with the value at `path`.
    pub(super) fn problem(&self, path: &str, what: impl Into<String>) -> Problem {
        // A value that was left out is said to be where what should hold it is.
        let mut at = path;
        let origin = loop {
            if let Some(origin) = self.origins.get(at) {
                break Some(origin.clone());
            }
            match at.rfind(['.', '[']) {
                Some(end) => at = &at[..end],
                None => break None,
            }
        };
        Problem {
            path: path.into(),
            origin,
            what: what.into(),
        }
    }
}

/// The path of `key` in the object at `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.into()
    } else {
        format!("{path}.{key}")
    }
}

/// Name of the variable that sets the key at `path`.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.to_uppercase().replace('.', SEPARATOR))
}

/// Reads `text` as YAML.
pub(super) fn parse(text: &str) -> Result<Written, Problem> {
    let options = serde_saphyr::options! {
        // The file is at most 1 MiB; a node takes two bytes at least, and a person writes no 50,000 of them.
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_nodes: 50_000,
            max_events: 200_000,
            max_depth: 16,
            flow_nesting_limit: 16,
            max_aliases: 100,
            max_anchors: 100,
            max_recorded_anchor_events: 50_000,
            max_recorded_anchor_bytes: 1 << 20,
            max_total_scalar_bytes: 1 << 20,
            max_buffered_comment_events: 10_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    let root: Option<Spanned<Node>> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| Problem {
            path: String::new(),
            origin: error.location().map(|at| Origin::File {
                line: at.line(),
                column: at.column(),
            }),
            what: format!("not valid YAML: {}", in_words(&error)),
        })?;
    let mut written = Written {
        tree: Value::Object(Map::new()),
        ..Written::default()
    };
    if let Some(root) = root {
        let tree = flatten(root, "", &mut written.origins);
        if !tree.is_null() {
            written.tree = tree;
        }
    }
    Ok(written)
}

/// What is wrong, without its place: that stands before it. Errors that are written for programmers are told anew.
fn in_words(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    use serde_saphyr::budget::BudgetBreach;
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => in_words(error),
        Error::DuplicateMappingKey { key, .. } => match key {
            Some(key) => format!("the key `{key}` is there twice"),
            None => "a key is there twice".into(),
        },
        Error::MultipleDocuments { .. }
        | Error::Budget {
            breach: BudgetBreach::Documents { .. },
            ..
        } => "a second document begins here (`---`), and a configuration is one".into(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "an anchor cannot hold its own alias".into()
        }
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "aliases make too much of the file here; write it out".into()
        }
        Error::Budget { .. } => {
            "too large or nested too deeply for a configuration from here on".into()
        }
        other => {
            let text = other.to_string();
            let place = other.location();
            let place = place.map(|at| format!(" at line {}, column {}", at.line(), at.column()));
            place
                .and_then(|place| text.strip_suffix(&place).map(str::to_owned))
                .unwrap_or(text)
        }
    }
}

/// One value of the file.
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

/// The plain value of `node`. Keys without a value are left out: that is what a section looks like whose lines are
/// all comments.
fn flatten(node: Spanned<Node>, path: &str, origins: &mut BTreeMap<String, Origin>) -> Value {
    let origin = Origin::File {
        line: node.referenced.line(),
        column: node.referenced.column(),
    };
    origins.insert(path.into(), origin);
    match node.value {
        Node::Scalar(value) => value,
        Node::List(items) => items
            .into_iter()
            .enumerate()
            .map(|(i, item)| flatten(item, &format!("{path}[{i}]"), origins))
            .collect(),
        Node::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| {
                let value = flatten(value, &join(path, &key), origins);
                (key, value)
            })
            .filter(|(_, value)| !value.is_null())
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// Lays the variables of `env` over the file.
pub(super) fn overlay(
    written: &mut Written,
    env: &BTreeMap<String, String>,
    schema: &Value,
    problems: &mut Vec<Problem>,
) {
    let paths = shape::paths(schema);
    for (name, text) in env {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if OTHER_VARIABLES.contains(&name.as_str()) || is_service_link(rest) {
            continue;
        }
        let path = rest.to_lowercase().replace(SEPARATOR, ".");
        written
            .origins
            .insert(path.clone(), Origin::Variable(name.clone()));
        if SECRET_PATHS.contains(&path.as_str()) {
            written.secrets.insert(path, Secret::new(text));
            continue;
        }
        let Some(schema) = shape::at(schema, &path) else {
            let known = paths.iter().map(String::as_str).chain(SECRET_PATHS);
            let known: Vec<String> = known
                .map(variable)
                .chain(OTHER_VARIABLES.map(String::from))
                .collect();
            let hint = shape::did_you_mean(name, known.iter().map(String::as_str));
            problems.push(written.problem(&path, format!("no such key{hint}")));
            continue;
        };
        match shape::from_text(text, schema) {
            Ok(value) => put(&mut written.tree, &path, value),
            Err(what) => problems.push(written.problem(&path, what)),
        }
    }
}

/// Kubernetes tells every Pod about the Services of its namespace, and one of them may well be called `stadion`:
/// `STADION_SERVICE_HOST`, `STADION_PORT_9700_TCP_ADDR` (Kubernetes documentation, "Accessing the Service").
fn is_service_link(rest: &str) -> bool {
    if rest.contains(SEPARATOR) {
        return false;
    }
    let rest = format!("_{rest}");
    let numbered = |after: &str| {
        after.split_once('_').is_some_and(|(port, protocol)| {
            !port.is_empty()
                && port.bytes().all(|b| b.is_ascii_digit())
                && ["TCP", "UDP", "SCTP"]
                    .iter()
                    .any(|known| protocol.starts_with(known))
        })
    };
    rest.ends_with("_SERVICE_HOST")
        || rest.contains("_SERVICE_PORT")
        || rest.ends_with("_PORT")
        || rest
            .match_indices("_PORT_")
            .any(|(i, found)| numbered(&rest[i + found.len()..]))
}

fn put(tree: &mut Value, path: &str, value: Value) {
    let mut at = tree;
    let (parents, key) = path.rsplit_once('.').unwrap_or(("", path));
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        if !at.is_object() {
            return; // The file has something else where a section belongs, which is reported.
        }
        at = &mut at[parent];
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
    }
    if let Some(object) = at.as_object_mut() {
        object.insert(key.into(), value);
    }
}
