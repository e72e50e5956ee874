//! What is wrong on a host, how much it matters, and the command that mends it. It changes nothing.

mod acl;
mod findings;
pub(crate) mod gather;
mod markdown;
pub(crate) mod redact;
#[cfg(test)]
mod tests;
mod traffic;

pub use gather::{Observed, observe};
pub use redact::{Redactor, redact};

use serde::{Deserialize, Serialize};

use crate::engine::Plan;
use crate::facts::Facts;
use crate::profile::Profile;
use crate::{Error, Result, Skip};

/// How much a finding matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know; nothing must be done
    Info,
    /// It will hurt under load or under attack
    Warning,
    /// Players lose packets or connections now, or anybody can make them
    Critical,
}

impl Severity {
    /// Its name in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One thing to know, or to mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A name that stays the same from report to report.
    pub id: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it is, in a line.
    pub title: String,
    /// What was seen, and why it matters.
    pub detail: String,
    /// What mends it; nothing where nothing must be mended.
    pub mend: Option<String>,
}

impl Finding {
    fn new(
        id: &str,
        severity: Severity,
        title: impl Into<String>,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            id: id.to_owned(),
            severity,
            title: title.into(),
            detail: detail.into(),
            mend: Some(mend.into()),
        }
    }

    fn info(id: &str, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            severity: Severity::Info,
            title: title.into(),
            detail: detail.into(),
            mend: None,
        }
    }
}

/// What one verb would do, or why that cannot be said.
#[derive(Debug)]
pub struct Planned {
    /// `optimize`, `firewall`, `ddos-protect` or `traffic-shape`.
    pub verb: &'static str,
    /// Its plan.
    pub plan: Result<Plan>,
}

/// A whole report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The host's name.
    pub host: String,
    /// Seconds that rates were measured over.
    pub seconds: f64,
    /// What the host is.
    pub facts: Facts,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at or is not possible here, and why.
    pub gaps: Vec<Skip>,
    /// What the provider's filter should do, line by line: no host can help itself once its uplink is full.
    pub provider_acl: Vec<String>,
}

impl Report {
    /// Puts a report together. Pure.
    #[must_use]
    pub fn new(observed: &Observed, facts: &Facts, plans: &[Planned], profile: &Profile) -> Self {
        let mut findings = findings::of_plans(plans);
        findings.extend(findings::of_rules(observed, facts, profile));
        findings.extend(findings::of_devices(observed, facts));
        findings.extend(traffic::findings(observed, facts, &profile.thresholds));
        // The worst first; within a severity in the order above.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let mut gaps = observed.gaps.clone();
        for planned in plans {
            match &planned.plan {
                Ok(plan) => gaps.extend(plan.skips.iter().cloned()),
                Err(error) => gaps.push(Skip::new(planned.verb, error.to_string())),
            }
        }
        let mut known: Vec<Skip> = Vec::new();
        gaps.retain(|gap| {
            let is_new = !known.contains(gap);
            known.push(gap.clone());
            is_new
        });
        Self {
            host: observed.host_name.clone(),
            seconds: observed.rates.seconds,
            facts: facts.clone(),
            findings,
            gaps,
            provider_acl: acl::lines(facts, profile),
        }
    }

    /// The worst severity that was found.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// As Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::render(self)
    }

    /// As JSON.
    ///
    /// # Errors
    /// [`Error::Parse`] for numbers that JSON does not know.
    pub fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self).map_err(broken)?;
        Ok(text + "\n")
    }

    /// The same report with every address and name of a host replaced: the same one by the same word.
    ///
    /// # Errors
    /// [`Error::Parse`] when a replaced report is none any more.
    pub fn redacted(&self) -> Result<Self> {
        let mut report = self.clone();
        // What has the type of an address has no place for a word.
        for interface in &mut report.facts.interfaces {
            interface.addresses.clear();
        }
        report.facts.session = None;
        let mut value = serde_json::to_value(&report).map_err(broken)?;
        Redactor::new(&[&self.host]).value(&mut value);
        serde_json::from_value(value).map_err(broken)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn broken(error: serde_json::Error) -> Error {
    Error::Parse {
        what: "the report".into(),
        said: error.to_string(),
    }
}
