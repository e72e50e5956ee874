//! Configuration: as written, then as meant.
//!
//! One YAML file and the environment become [`written::Config`] (shape) and then [`Settings`] (meaning). Every problem
//! is found before anything is opened, and all of them are reported together.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

mod check;
mod explain;
pub mod reference;
mod secret;
pub mod settings;
mod shape;
mod source;
pub mod written;

#[cfg(test)]
mod tests;

pub use explain::explain;
pub use secret::Secret;
pub use settings::Settings;
pub use source::{OTHER_VARIABLES, Origin, SECRET_PATHS};

/// Every key at its default, with what it means; what `stadion config default` prints.
pub const DEFAULT_YAML: &str = include_str!("config/default.yaml");

/// Size of a configuration file, bytes: 1,000 fleets with every key said take 700 KiB.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Problems that are reported at most: nobody reads more at once, and every one of them is compared with the others.
const PROBLEMS_MAX: usize = 100;

/// Characters of a path or an explanation that are shown: two lines of a terminal for a path, and enough for the
/// longest sentence here with the names of 64 regions in it.
const PATH_SHOWN_MAX: usize = 160;
const WHAT_SHOWN_MAX: usize = 4_096;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `fleets[2].region`; empty where it is the file as a whole.
    pub path: String,
    /// Where it was written, if it was.
    pub origin: Option<Origin>,
    /// What is wrong and what would be right. It never holds a secret.
    pub what: String,
}

/// Why there are no settings: the caller's file or environment, never ours; trying again without a change is no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file, if one was read.
    pub file: Option<PathBuf>,
    /// What is wrong; at least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    /// One problem per line, as compilers do: `stadion.yaml:14:13: fleets[2].region: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            match (&problem.origin, &self.file) {
                (Some(Origin::Variable(name)), _) => write!(f, "{name}: ")?,
                (Some(Origin::File { line, column }), Some(file)) => {
                    write!(f, "{}:{line}:{column}: ", file.display())?;
                }
                (Some(Origin::File { line, column }), None) => write!(f, "{line}:{column}: ")?,
                (None, Some(file)) => write!(f, "{}: ", file.display())?,
                (None, None) => f.write_str("configuration: ")?,
            }
            if !problem.path.is_empty() {
                write!(f, "{}: ", shown(&problem.path, PATH_SHOWN_MAX))?;
            }
            f.write_str(shown(&problem.what, WHAT_SHOWN_MAX))?;
        }
        Ok(())
    }
}

/// The beginning of a text that may be hostile.
fn shown(text: &str, chars_max: usize) -> &str {
    text.char_indices()
        .nth(chars_max)
        .map_or(text, |(end, _)| &text[..end])
}

impl Settings {
    /// The settings of the file at `path`, or of no file, with the variables of `env` (`STADION_GATEWAY__LISTEN=…`)
    /// over it. Secrets are read from the files that are named; relative names count from the working directory. Rule
    /// sets are a part of the configuration: their names count from its directory.
    ///
    /// # Errors
    /// Everything that is wrong with the file, the variables and the files with secrets.
    pub fn load(path: Option<&Path>, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let error = |problems| ConfigError {
            file: path.map(Path::to_path_buf),
            problems,
        };
        let text = path.map_or(Ok(String::new()), read).map_err(|what| {
            error(vec![Problem {
                path: String::new(),
                origin: None,
                what,
            }])
        })?;
        let directory = path.and_then(Path::parent).unwrap_or(Path::new(""));
        Self::from_text_in(&text, env, directory).map_err(error)
    }

    /// The settings of the YAML in `text`; as [`Settings::load`].
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_text(text: &str, env: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        Self::from_text_in(text, env, Path::new(""))
    }

    fn from_text_in(
        text: &str,
        env: &BTreeMap<String, String>,
        directory: &Path,
    ) -> Result<Self, Vec<Problem>> {
        if text.len() > FILE_BYTES_MAX {
            return Err(vec![Problem {
                path: String::new(),
                origin: None,
                what: format!("is larger than {FILE_BYTES_MAX} bytes"),
            }]);
        }
        let schema = schema();
        let mut source = source::parse(text).map_err(|problem| vec![problem])?;
        source.directory = directory.into();
        let mut problems = Vec::new();
        source::overlay(&mut source, env, &schema, &mut problems);
        shape::check(&mut source, &schema, &mut problems);
        match serde_json::from_value::<written::Config>(source.tree.take()) {
            Ok(config) => {
                let settings = check::check(config, &source, &mut problems);
                if problems.is_empty() {
                    return Ok(settings);
                }
            }
            Err(error) => {
                // The schema and serde see the same types, so this is a gap in `shape`, still said clearly.
                if problems.is_empty() {
                    problems.push(source.problem("", error.to_string()));
                }
            }
        }
        Err(problems)
    }
}

fn read(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::InvalidData => "is not text in UTF-8".to_owned(),
        _ => format!("cannot read the configuration: {error}"),
    };
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut text = String::new();
    // One byte more than allowed shows that there is more.
    file.take(FILE_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)
        .map_err(cannot)?;
    Ok(text)
}

/// JSON schema (2020-12) of the file, for editors and for `stadion config schema`.
#[must_use]
pub fn schema() -> Value {
    schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<written::Config>()
        .to_value()
}
