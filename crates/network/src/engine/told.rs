//! What the last apply was told, so that the next command need not be told again.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::journal::Baseline;
use super::{Engine, Plan};
use crate::profile::Profile;
use crate::profile::firewall::PortRule;
use crate::{Error, Result};

/// A profile, and where it is from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The file, or the name of a built-in profile.
    pub name: String,
    /// What the command line added to it, such as `--game minecraft`.
    pub given: Vec<String>,
    /// Both together.
    pub profile: Profile,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.given.is_empty() {
            write!(f, " with {}", self.given.join(" "))?;
        }
        Ok(())
    }
}

impl Told {
    /// What is in force after `verbs` were told this: what they do not make stays as it was told `before`. The verbs that
    /// share our table are told together, because each writes all of it.
    fn over(mut self, before: Option<Self>, verbs: &[String]) -> Self {
        let Some(before) = before else { return self };
        let is_optimize = |verb: &String| verb == "optimize";
        if !verbs.iter().any(is_optimize) {
            self.profile.optimize = before.profile.optimize;
        }
        if verbs.iter().all(is_optimize) {
            let told = self.profile;
            self.profile = Profile {
                optimize: told.optimize,
                thresholds: told.thresholds,
                ..before.profile
            };
        }
        self
    }

    /// What whoever follows `next` takes away from the host, in words; it is to be seen before it is done.
    #[must_use]
    pub fn taken_away(&self, next: &Profile) -> Vec<String> {
        let (had, has) = (&self.profile.firewall, &next.firewall);
        let games = had.games.iter().filter(|game| !has.games.contains(game));
        let trusted = had.trusted.iter().filter(|net| !has.trusted.contains(net));
        let ports = had.ports.iter().filter(|rule| !has.ports.contains(rule));
        let blocked = self.profile.ddos_protect.blocked.iter();
        let blocked = blocked.filter(|net| !next.ddos_protect.blocked.contains(net));
        let port = |rule: &PortRule| {
            let (first, last) = (rule.ports.first, rule.ports.last);
            format!("ports {first}-{last}/{}", rule.protocol.name())
        };
        games
            .map(|game| format!("the ports of {game}"))
            .chain(trusted.map(|net| format!("trust in {net}")))
            .chain(ports.map(port))
            .chain(blocked.map(|net| format!("the block of {net}")))
            .collect()
    }
}

impl Engine<'_> {
    /// What the verbs in force were told.
    ///
    /// # Errors
    /// When the journal cannot be read; [`Error::Refused`] when another version told it what we do not understand.
    pub fn told(&self) -> Result<Option<Told>> {
        let baseline = self.current_baseline()?;
        baseline.map_or(Ok(None), |known| told_of(&known))
    }

    /// What is to be remembered of `plan`.
    pub(super) fn told_by(&self, plan: &Plan, before: Option<&Baseline>) -> Result<Option<Value>> {
        let Some(told) = plan.told.clone() else {
            return Ok(before.and_then(|known| known.told.clone()));
        };
        // What cannot be read is not worth keeping.
        let before = before.and_then(|known| told_of(known).ok().flatten());
        serde_json::to_value(told.over(before, &plan.verbs))
            .map(Some)
            .map_err(|error| Error::Parse {
                what: "the profile".into(),
                said: error.to_string(),
            })
    }
}

pub(crate) fn told_of(baseline: &Baseline) -> Result<Option<Told>> {
    let Some(value) = baseline.told.clone() else {
        return Ok(None);
    };
    serde_json::from_value(value).map(Some).map_err(|error| {
        Error::Refused(format!(
            "another version of this program applied what this one cannot read ({error}): name the profile with --profile"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Told {
        Told {
            name: "node.yaml".into(),
            given: Vec::new(),
            profile: Profile::parse("p", text).unwrap(),
        }
    }

    #[test]
    fn a_verb_changes_only_what_it_was_told_about() {
        let before = told("firewall: {games: [minecraft]}\noptimize: {governor: schedutil}\n");
        let next = told("firewall: {games: [cs2]}\noptimize: {governor: ondemand}\n");
        let merged = |verb: &str| {
            let verbs = [verb.to_owned()];
            let profile = next.clone().over(Some(before.clone()), &verbs).profile;
            (profile.firewall.games, profile.optimize.governor)
        };
        let governor = |name: &str| Some(name.to_owned());
        assert_eq!(
            merged("optimize"),
            (vec!["minecraft".into()], governor("ondemand"))
        );
        assert_eq!(
            merged("ddos-protect"),
            (vec!["cs2".into()], governor("schedutil"))
        );
    }

    #[test]
    fn what_is_taken_away_is_named() {
        let before = told(
            "firewall: {games: [minecraft, cs2], trusted: [192.0.2.0/24]}\nddos_protect: {blocked: [26.0.0.0/8]}\n",
        );
        let next = told("firewall: {games: [cs2]}\n");
        assert_eq!(
            before.taken_away(&next.profile),
            [
                "the ports of minecraft",
                "trust in 192.0.2.0/24",
                "the block of 26.0.0.0/8"
            ]
        );
        assert!(next.taken_away(&before.profile).is_empty());
    }
}
