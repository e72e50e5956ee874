//! Holds what was written against the JSON schema: every problem at once, each with its path.

use serde_json::Value;

use super::source::{SECRET_PATHS, Written, join, variable};
use super::{PROBLEMS_MAX, Problem};

/// The schema of the value at the dotted `path`; `None` if there is no such key.
pub(super) fn at<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(schema, |schema, key| properties(schema)?.get(key))
}

/// Every path to a key, sections and lists included, without what is inside of lists.
pub(super) fn paths(schema: &Value) -> Vec<String> {
    fn walk(schema: &Value, path: &str, out: &mut Vec<String>) {
        for (key, schema) in properties(schema).into_iter().flatten() {
            let path = join(path, key);
            walk(schema, &path, out);
            out.push(path);
        }
    }
    let mut out = Vec::new();
    walk(schema, "", &mut out);
    out
}

/// The branch of `schema` that is not null.
pub(super) fn resolve(schema: &Value) -> &Value {
    schema["anyOf"]
        .as_array()
        .and_then(|branches| branches.iter().find(|branch| branch["type"] != "null"))
        .unwrap_or(schema)
}

/// The keys of an object's schema.
pub(super) fn properties(schema: &Value) -> Option<&serde_json::Map<String, Value>> {
    resolve(schema)["properties"].as_object()
}

/// The type that a schema wants, null aside; empty for a choice of words.
pub(super) fn type_of(schema: &Value) -> &str {
    match &resolve(schema)["type"] {
        Value::String(name) => name,
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or_default(),
        _ => "",
    }
}

/// The words that a schema allows, where it is a choice.
pub(super) fn words(schema: &Value) -> Vec<&str> {
    let schema = resolve(schema);
    schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .chain([schema])
        .flat_map(|branch| {
            let many = branch["enum"].as_array().into_iter().flatten();
            many.chain([&branch["const"]]).filter_map(Value::as_str)
        })
        .collect()
}

/// Longest word that is compared with known ones, bytes: the longest name here is a variable of 54, and comparing takes
/// the product of both lengths.
const WORD_BYTES_MAX: usize = 128;

/// `; did you mean …?` with the nearest of `known`, or nothing where none is near.
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    if word.len() > WORD_BYTES_MAX {
        return String::new();
    }
    // A third of the letters wrong is still a slip; more is another word.
    let far = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map_or_else(String::new, |(_, known)| {
            format!("; did you mean `{known}`?")
        })
}

/// The value that a variable's `text` stands for.
pub(super) fn from_text(text: &str, schema: &Value) -> Result<Value, String> {
    let yaml = || {
        super::source::parse(text)
            .map(|written| written.tree)
            .map_err(|_| "not valid YAML".to_owned())
    };
    let text = text.trim();
    let value = match type_of(schema) {
        "string" | "" => Value::from(text),
        "array" if text.is_empty() => Value::Array(Vec::new()),
        "array" if text.starts_with(['[', '-']) => yaml()?,
        "array" if type_of(&resolve(schema)["items"]) == "string" => text
            .split(',')
            .map(|item| Value::from(item.trim()))
            .collect(),
        "boolean" => text
            .parse::<bool>()
            .map_or_else(|_| text.into(), Value::from),
        "integer" => text
            .parse::<u64>()
            .map_or_else(|_| text.into(), Value::from),
        "number" => text
            .parse::<f64>()
            .map_or_else(|_| text.into(), Value::from),
        _ => yaml()?,
    };
    Ok(value)
}

/// Checks the whole tree and takes out what is wrong, so that the rest can be checked further.
pub(super) fn check(written: &mut Written, schema: &Value, problems: &mut Vec<Problem>) {
    let mut tree = written.tree.take();
    let mut checker = Checker {
        root: schema,
        written,
        problems,
    };
    if !checker.keep(&mut tree, schema, "") {
        tree = Value::Object(serde_json::Map::new());
    }
    written.tree = tree;
}

struct Checker<'a> {
    root: &'a Value,
    written: &'a Written,
    problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    fn report(&mut self, path: &str, what: impl Into<String>) -> bool {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(self.written.problem(path, what));
        }
        false
    }

    /// Reports what is wrong with `value`; false if nothing of it can be used.
    fn keep(&mut self, value: &mut Value, schema: &Value, path: &str) -> bool {
        let words = words(schema);
        if !words.is_empty() {
            return match value.as_str() {
                Some(word) if words.contains(&word) => true,
                Some(word) => {
                    let hint = did_you_mean(word, words.iter().copied());
                    self.report(path, format!("must be one of {}{hint}", words.join(", ")))
                }
                None => self.report(path, format!("must be one of {}", words.join(", "))),
            };
        }
        match (type_of(schema), &mut *value) {
            ("object", Value::Object(_)) => self.keep_object(value, schema, path),
            ("array", Value::Array(items)) => {
                let schema = &resolve(schema)["items"];
                let mut good = true;
                for (i, item) in items.iter_mut().enumerate() {
                    good &= self.keep(item, schema, &format!("{path}[{i}]"));
                }
                good
            }
            ("boolean", Value::Bool(_)) => true,
            ("string", Value::String(text)) => {
                let text = text.clone();
                self.keep_length(&text, schema, path)
            }
            ("integer", Value::Number(number)) if number.is_i64() || number.is_u64() => {
                let number = number.as_f64().unwrap_or(f64::INFINITY);
                self.keep_range(number, schema, path)
            }
            ("number", Value::Number(number)) => {
                let number = number.as_f64().unwrap_or(f64::INFINITY);
                self.keep_range(number, schema, path)
            }
            (wanted, value) => {
                let what = wrong_type(wanted, value);
                self.report(path, what)
            }
        }
    }

    fn keep_object(&mut self, value: &mut Value, schema: &Value, path: &str) -> bool {
        let schema = resolve(schema);
        let Value::Object(object) = value else {
            return false;
        };
        let none = serde_json::Map::new();
        let known = properties(schema).unwrap_or(&none);
        let others = &schema["additionalProperties"];
        object.retain(|key, value| {
            let path = join(path, key);
            if let Some(schema) = known.get(key) {
                return self.keep(value, schema, &path);
            }
            if others.is_object() {
                return self.keep(value, others, &path);
            }
            if self.problems.len() >= PROBLEMS_MAX {
                return false;
            }
            let what = self.unknown(key, &path, known.keys().map(String::as_str));
            self.report(&path, what)
        });
        let missing = schema["required"].as_array().into_iter().flatten();
        let missing: Vec<&str> = missing
            .filter_map(Value::as_str)
            .filter(|key| !object.contains_key(*key))
            .collect();
        for key in &missing {
            // A key that is there and wrong has been reported.
            let path = join(path, key);
            if !self.problems.iter().any(|known| known.path == path) {
                self.report(&path, "is missing");
            }
        }
        missing.is_empty()
    }

    fn unknown<'k>(&self, key: &str, path: &str, known: impl Iterator<Item = &'k str>) -> String {
        if SECRET_PATHS.contains(&path) {
            return format!(
                "secrets do not belong in this file: set `{path}_file`, or {} in the environment",
                variable(path)
            );
        }
        let hint = did_you_mean(key, known);
        if !hint.is_empty() {
            return format!("no such key{hint}");
        }
        let suffix = format!(".{key}");
        paths(self.root)
            .iter()
            .find(|path| path.ends_with(&suffix))
            .map_or_else(
                || "no such key".into(),
                |path| format!("no such key here; did you mean `{path}`?"),
            )
    }

    fn keep_length(&mut self, text: &str, schema: &Value, path: &str) -> bool {
        let schema = resolve(schema);
        let min = schema["minLength"].as_u64().unwrap_or(0);
        let max = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        if length < min {
            return self.report(path, "must not be empty");
        }
        if length > max {
            return self.report(path, format!("has {length} characters, at most {max} fit"));
        }
        true
    }

    fn keep_range(&mut self, number: f64, schema: &Value, path: &str) -> bool {
        let schema = resolve(schema);
        // Integers without an upper bound of their own have the bound of their Rust type, which schemars only names.
        let widest = match schema["format"].as_str() {
            Some("uint32") => f64::from(u32::MAX),
            Some("uint16") => f64::from(u16::MAX),
            Some("uint64") => 9_007_199_254_740_992.0, // 2^53: what every reader of JSON counts exactly
            _ => f64::MAX,
        };
        let min = schema["minimum"].as_f64().unwrap_or(f64::MIN);
        let max = schema["maximum"].as_f64().unwrap_or(widest).min(widest);
        if number.is_finite() && (min..=max).contains(&number) {
            return true;
        }
        self.report(path, format!("is {number}, must be {min} to {max}"))
    }
}

fn wrong_type(wanted: &str, value: &Value) -> String {
    let wanted = match wanted {
        "object" => "a section with keys",
        "array" => "a list",
        "boolean" => "true or false",
        "string" => "text",
        "integer" => "a whole number",
        _ => "a number",
    };
    let (is, hint) = match value {
        Value::Null => ("empty", ""),
        Value::Bool(_) => ("true or false", "; put it in quotes"),
        Value::Number(_) => ("a number", "; put it in quotes"),
        Value::String(_) => ("text", ""),
        Value::Array(_) => ("a list", ""),
        Value::Object(_) => ("a section", ""),
    };
    let hint = if wanted == "text" { hint } else { "" };
    format!("is {is}, must be {wanted}{hint}")
}
