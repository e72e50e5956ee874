//! What is wished for a host: one YAML file, or one of the profiles that are built in.

pub mod firewall;
pub mod optimize;
pub mod protect;
pub mod shape;
pub mod thresholds;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// A profile is some hundred lines; a file of a mebibyte is a mistake.
pub(crate) const PROFILE_BYTES_MAX: u64 = 1 << 20;

/// The profile that a file builds on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// What we advise.
    #[default]
    Recommended,
    /// The numbers of the guide's script. Several of them harm; the notes of a plan say which.
    Guide,
}

/// Where the two built-in profiles differ, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The key of the profile.
    pub key: &'static str,
    /// What the guide's script does.
    pub guide: &'static str,
    /// What we advise.
    pub recommended: &'static str,
    /// Why.
    pub why: &'static str,
}

/// What is wished for a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The profile that fills what is left out.
    pub extends: Base,
    /// Settings of the kernel and its devices.
    pub optimize: optimize::Optimize,
    /// How packets that leave share the uplink.
    pub traffic_shape: shape::Shape,
    /// What protects against floods.
    pub ddos_protect: protect::Protect,
    /// Which ports are open, and to whom.
    pub firewall: firewall::Firewall,
    /// When `monitor` and `report` raise an alarm.
    pub thresholds: thresholds::Thresholds,
}

impl Profile {
    /// The built-in profile.
    #[must_use]
    pub fn builtin(base: Base) -> Self {
        match base {
            Base::Recommended => Self::default(),
            Base::Guide => Self {
                extends: Base::Guide,
                optimize: optimize::Optimize::guide(),
                traffic_shape: shape::Shape::guide(),
                ddos_protect: protect::Protect::guide(),
                firewall: firewall::Firewall::guide(),
                thresholds: thresholds::Thresholds::guide(),
            },
        }
    }

    /// Reads a profile; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Profile`] with the line, and for a key that is not known with the nearest that is.
    pub fn parse(path: &str, text: &str) -> Result<Self> {
        let wrong = |what: String| Error::Profile {
            path: path.into(),
            what,
        };
        if u64::try_from(text.len()).is_ok_and(|bytes| bytes > PROFILE_BYTES_MAX) {
            return Err(wrong("longer than 1 MiB".into()));
        }
        let options = serde_saphyr::options! {
            // A node takes two bytes at least, and a person writes no 20,000 of them.
            budget: serde_saphyr::budget! {
                max_documents: 1,
                max_nodes: 20_000,
                max_events: 80_000,
                max_depth: 16,
                max_aliases: 100,
                max_anchors: 100,
            },
            strict_booleans: true,
            with_snippet: false,
        };
        let written: Option<Value> = serde_saphyr::from_str_with_options(text, options.clone())
            .map_err(|error| wrong(error.without_snippet().to_string()))?;
        let mut written = written.unwrap_or_default();
        let base = written
            .get_mut("extends")
            .map_or(Ok(Base::default()), |name| {
                serde_json::from_value(name.take())
            })
            .map_err(|error| wrong(format!("extends: {error}")))?;
        let mut whole =
            serde_json::to_value(Self::builtin(base)).map_err(|error| wrong(error.to_string()))?;
        if let Some(sections) = written.as_object_mut() {
            sections.remove("extends");
        }
        let base = whole.clone();
        overlay(&mut whole, written.clone(), "the profile").map_err(&wrong)?;
        serde_json::from_value(whole).map_err(|error| {
            let error = error.to_string();
            // Read once more, from the text: that knows the line, if it finds the same mistake.
            let line = serde_saphyr::from_str_with_options::<Option<Self>>(text, options)
                .err()
                .filter(|again| {
                    let mut words = error.split('`');
                    let quoted = words.nth(1).unwrap_or(&error);
                    again.without_snippet().to_string().contains(quoted)
                })
                .and_then(|again| again.location().map(|at| at.line()))
                .map(|line| format!(" (line {line})"));
            let mut keys = Vec::new();
            if line.is_none() {
                culprit(&base, &written, &mut keys);
            }
            let key = match &keys[..] {
                [] => String::new(),
                keys => format!("{}: ", keys.join(".")),
            };
            let line = line.unwrap_or_default();
            wrong(format!("{key}{error}{line}{}", hint(&error)))
        })
    }
}

/// Lays `over` on `base`, which is called `at`: objects key by key, everything else as a whole. A section without keys
/// changes nothing, and a list is no section: read as one, its entries would be keys in the order of the program.
fn overlay(base: &mut Value, over: Value, at: &str) -> Result<(), String> {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                let below = base.entry(&key).or_insert(Value::Null);
                overlay(below, value, &key)?;
            }
        }
        (Value::Object(_), Value::Null) => {}
        (Value::Object(_), _) => return Err(format!("{at}: keys with values are wanted here")),
        (base, over) => *base = over,
    }
    Ok(())
}

/// Whether `value`, laid on `base` below the keys `at`, is wrong; `at` are then the keys of the least part that is.
fn culprit(base: &Value, value: &Value, at: &mut Vec<String>) -> bool {
    let nested = at.iter().rev().fold(value.clone(), |inner, key| {
        Value::Object([(key.clone(), inner)].into_iter().collect())
    });
    let mut whole = base.clone();
    if overlay(&mut whole, nested, "").is_ok() && serde_json::from_value::<Profile>(whole).is_ok() {
        return false;
    }
    for (key, below) in value.as_object().into_iter().flatten() {
        at.push(key.clone());
        if culprit(base, below, at) {
            return true;
        }
        at.pop();
    }
    true
}

/// The nearest known word to the unknown one that `message` quotes first; serde lists the known ones after it.
fn hint(message: &str) -> String {
    if !message.contains("unknown") {
        return String::new();
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(word) = quoted.next() else {
        return String::new();
    };
    // A third of the letters wrong is still a slip; more is another word.
    let far = (word.chars().count() / 3).max(1);
    quoted
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map_or_else(String::new, |(_, known)| {
            format!("; did you mean `{known}`?")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let error = Profile::parse("p.yaml", "optimize:\n  gouvernor: performance\n")
            .expect_err("a key nobody knows");
        let text = error.to_string();
        assert!(text.contains("did you mean `governor`?"), "{text}");
        assert!(text.contains("line 2"), "{text}");
    }

    #[test]
    fn a_number_that_cannot_be_is_named_by_its_keys() {
        let text = "optimize: {backlog: 5}\nddos_protect: {flow: {per_second: -1, burst: 3}}\n";
        let error = Profile::parse("p", text).unwrap_err().to_string();
        assert!(error.contains("ddos_protect.flow.per_second: "), "{error}");
    }

    #[test]
    fn a_file_builds_on_the_profile_it_names_and_changes_only_what_it_says() {
        let read = Profile::parse("p", "extends: guide\noptimize:\n").unwrap();
        assert_eq!(read, Profile::builtin(Base::Guide));
        let read =
            Profile::parse("p", "extends: guide\noptimize:\n  governor: schedutil\n").unwrap();
        let mut expected = Profile::builtin(Base::Guide);
        expected.optimize.governor = Some("schedutil".into());
        assert_eq!(read, expected);
        assert_eq!(Profile::parse("p", "").unwrap(), Profile::default());
        let text = "optimize:\n  governor: null\n  sysctl:\n    net/core/rmem_max: null\n    net/core/busy_poll: '50'\n";
        let read = Profile::parse("p", text).unwrap().optimize;
        assert_eq!(read.governor, None);
        assert_eq!(read.sysctl["net/core/rmem_max"], None);
        assert_eq!(read.sysctl["net/core/busy_poll"], Some("50".into()));
        assert_eq!(read.sysctl["net/core/somaxconn"], Some(">=4096".into()));
        assert_eq!(
            Profile::parse("p", "optimize:\n").unwrap(),
            Profile::default()
        );
    }

    #[test]
    fn a_list_is_no_section() {
        for (text, named) in [
            ("optimize:\n- governor: x\n", "optimize: keys"),
            ("- optimize\n", "the profile: keys"),
            ("optimize:\n  sysctl: [a]\n", "sysctl: keys"),
            ("thresholds: 5\n", "thresholds: keys"),
        ] {
            let error = Profile::parse("p", text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn every_built_in_profile_survives_writing_and_reading() {
        for base in [Base::Recommended, Base::Guide] {
            let profile = Profile::builtin(base);
            let text = serde_saphyr::to_string(&profile).unwrap();
            assert_eq!(Profile::parse("p", &text).unwrap(), profile, "{text}");
        }
    }
}
