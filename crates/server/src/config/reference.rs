//! The reference page of the configuration, made of the schema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shape::{properties, resolve, type_of, words};
use super::source::{OTHER_VARIABLES, SECRET_PATHS, join, variable};
use super::{DEFAULT_YAML, schema};

/// `docs/configuration.md`.
#[must_use]
pub fn markdown() -> String {
    let schema = schema();
    let mut out = String::from(INTRODUCTION);
    write_secrets(&mut out);
    out.push_str("\n## Keys without a section\n\n");
    write_table(&mut out, &schema);
    for (key, section) in sorted(&schema) {
        write_section(&mut out, section, key);
    }
    out.push_str("\n## The whole file with its defaults\n\n```yaml\n");
    out.push_str(DEFAULT_YAML);
    out.push_str("```\n");
    out
}

const INTRODUCTION: &str = "<!-- Generated from crates/server/src/config/written.rs; \
`UPDATE_GOLDEN=1 cargo test -p stadion config` writes it again. -->
# Configuration

Stadion runs without a configuration. `stadion serve --config stadion.yaml` reads one YAML file; whatever it leaves out
has the default below. `stadion config check` reports everything that is wrong with it at once, with line and column,
before anything is opened. An unknown key is an error. `stadion config schema` prints a JSON schema for editors, and
`stadion config default` the whole file with its defaults.

## Environment

Every key can be set by a variable: `STADION_`, the path in capitals, `__` between its levels. A variable wins over the
file. Lists of words are separated by commas; other lists and maps are written as YAML or JSON on one line and replace
what the file has.

```sh
STADION_GATEWAY__LISTEN=0.0.0.0:9700
STADION_REGIONS=eu-west-1,us-east-1
STADION_FLEETS='[{name: arena, region: eu-west-1, max_replicas: 20}]'
```

A variable that begins with `STADION_` and is no key is an error too. ";

fn write_secrets(out: &mut String) {
    let others: Vec<String> = OTHER_VARIABLES.map(|name| format!("- `{name}`\n")).into();
    put(
        out,
        &format!(
            "These are no configuration and\nare left alone, as are those that Kubernetes sets for a Service called \
             `stadion`:\n\n{}\n## Secrets\n\nSecrets come from files, or from these variables, and cannot \
             be written into the configuration:\n\n",
            others.concat()
        ),
    );
    for path in SECRET_PATHS {
        put(
            out,
            &format!("- `{}` instead of `{path}_file`\n", variable(path)),
        );
    }
    out.push_str(
        "\nA secret is never printed. A file with one that everybody on the machine can read is warned about.\n",
    );
}

fn put(out: &mut String, text: &str) {
    out.push_str(text);
}

fn write_section(out: &mut String, schema: &Value, path: &str) {
    let (inner, path) = match type_of(schema) {
        "array" => (&resolve(schema)["items"], format!("{path}[]")),
        _ => (schema, path.to_owned()),
    };
    if properties(inner).is_none() {
        return;
    }
    put(
        out,
        &format!("\n## `{path}`\n\n{}\n\n", description(schema)),
    );
    write_table(out, inner);
    for (key, schema) in sorted(inner) {
        write_section(out, schema, &join(&path, key));
    }
}

fn write_table(out: &mut String, schema: &Value) {
    out.push_str("| key | what it is | type | default |\n| --- | --- | --- | --- |\n");
    for (key, schema) in sorted(schema) {
        if properties(schema).is_some() {
            continue; // A section of its own.
        }
        let row = [description(schema), type_name(schema), default(schema)].join(" | ");
        put(out, &format!("| `{key}` | {row} |\n"));
    }
}

/// An object's keys in the order of the alphabet, whichever way `serde_json` was built.
fn sorted(schema: &Value) -> BTreeMap<&String, &Value> {
    properties(schema).into_iter().flatten().collect()
}

fn description(schema: &Value) -> String {
    let own = schema["description"].as_str();
    own.or(resolve(schema)["description"].as_str())
        .unwrap_or_default()
        .replace('\n', " ")
        .replace('|', "\\|")
}

fn type_name(schema: &Value) -> String {
    let words = words(schema);
    if !words.is_empty() {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    let resolved = resolve(schema);
    let name = match type_of(schema) {
        "integer" => "whole number",
        "boolean" => "`true`, `false`",
        "array" => "list",
        "object" => "map",
        "string" => "text",
        other => other,
    };
    let min = &resolved["minimum"];
    let max = &resolved["maximum"];
    match (min.as_f64(), max.as_f64()) {
        (Some(_), Some(_)) => format!("{name}, {min} to {max}"),
        (Some(least), None) if least > 0.0 => format!("{name}, from {min}"),
        _ => name.into(),
    }
}

fn default(schema: &Value) -> String {
    match &schema["default"] {
        Value::Null => String::new(),
        Value::String(text) if text.is_empty() => "empty".into(),
        Value::Array(items) if items.is_empty() => "empty".into(),
        Value::Object(map) if map.is_empty() => "empty".into(),
        Value::Array(items) if items[0].is_object() => "see the file below".into(),
        Value::String(text) => format!("`{text}`"),
        value => format!("`{value}`"),
    }
}
