//! The difference between what is and what shall be.

use std::net::IpAddr;

use rustix::thread::{CapabilitySet, capabilities};
use serde::Serialize;

use super::journal::{Baseline, Entry, Phase};
use super::{Engine, Told, actuate};
use crate::facts::Facts;
use crate::rules;
use crate::subject::{Change, Scope, Subject, Wish};
use crate::{Error, Result, Skip};

/// Settings that only `CAP_SYS_ADMIN` may write, whatever the mode of their file says (kernel/sched/core.c:
/// `sysctl_numa_balancing`).
const SYS_ADMIN_ONLY: [&str; 1] = ["kernel/numa_balancing"];

/// What would be done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plan {
    /// What differs from the wishes.
    pub changes: Vec<Change>,
    /// How many wishes are fulfilled already.
    pub fulfilled: usize,
    /// What this host cannot do.
    pub skips: Vec<Skip>,
    /// What others changed after us.
    pub drift: Vec<Drift>,
    /// What we had changed and is as it was before us: the machine was started anew, or somebody put it back.
    pub lost: Vec<Subject>,
    /// What could not be put back; a rollback tries again.
    pub stuck: Vec<Subject>,
    /// A change that waits to be confirmed, or that another run left unfinished.
    pub pending: Option<Pending>,
    /// What a reader should know besides.
    pub notes: Vec<String>,
    /// Peers that must answer to large packets afterwards: interface, peer, size in bytes.
    pub paths: Vec<(String, IpAddr, u32)>,
    /// What was told to make this, if it is to be remembered.
    #[serde(skip)]
    pub told: Option<Told>,
    #[serde(skip)]
    pub(super) verbs: Vec<String>,
}

/// What others changed after us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// What they changed.
    pub subject: Subject,
    /// As we left it.
    pub ours: Option<String>,
    /// As it is.
    pub now: Option<String>,
}

/// A change on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// It is done and waits for `confirm`; otherwise a run was cut short, and the next one puts it back.
    pub waits_for_confirm: bool,
    /// When it is put back by itself, in milliseconds.
    pub remaining_ms: u64,
    /// Its timer lives; otherwise the next command that may change something puts it back, and nobody before.
    pub is_watched: bool,
}

impl Plan {
    /// Whether the host differs from what is wished, or was changed by others.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !self.changes.is_empty() || !self.drift.is_empty()
    }
}

impl Engine<'_> {
    /// Compares `wishes` with the host. Reads only.
    ///
    /// # Errors
    /// When the host or the journal cannot be read.
    pub fn plan(
        &self,
        verbs: &[&str],
        wishes: Vec<Wish>,
        skips: Vec<Skip>,
        facts: &Facts,
    ) -> Result<Plan> {
        let mut plan = Plan {
            skips,
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            ..Plan::default()
        };
        let baseline = match self.current_baseline() {
            Err(Error::Privilege { .. }) => {
                plan.skips.push(Skip::new(
                    "what was changed before",
                    "only root may read the journal",
                ));
                None
            }
            other => other?,
        };
        for wish in wishes {
            self.compare(wish, baseline.as_ref(), facts, &mut plan);
        }
        if let Some(baseline) = &baseline {
            self.find_drift(baseline, &mut plan)?;
        }
        plan.pending = self.pending().unwrap_or_default();
        Ok(plan)
    }

    /// The confirmed baseline, as far as it speaks of this network namespace.
    pub(super) fn current_baseline(&self) -> Result<Option<Baseline>> {
        let Some(mut baseline) = self.dir.baseline()? else {
            return Ok(None);
        };
        if self.is_other_netns(&baseline.netns) {
            // What we know of the old one is void.
            baseline.entries.retain(Entry::is_file);
            baseline.verbs.clear();
            baseline.told = None;
        }
        Ok(Some(baseline))
    }

    /// The change that waits, or that was cut short.
    fn pending(&self) -> Result<Option<Pending>> {
        Ok(self.transaction()?.map(|transaction| Pending {
            waits_for_confirm: transaction.phase == Phase::Waiting,
            remaining_ms: match self.is_over(&transaction) {
                true => 0,
                false => transaction.deadline_ms.saturating_sub(self.uptime_ms()),
            },
            is_watched: self.is_watched(&transaction.id),
        }))
    }

    fn compare(&self, wish: Wish, baseline: Option<&Baseline>, facts: &Facts, plan: &mut Plan) {
        let now = actuate::read(self.host, &wish.subject);
        if let Some(reason) = self.impossible(&wish, facts) {
            // What is as wished need not be changed.
            match now {
                Ok(now) if now.is_some() && self.is_fulfilled(&wish, now.as_deref(), baseline) => {
                    plan.fulfilled += 1;
                }
                _ => plan.skips.push(Skip::new(wish.subject.to_string(), reason)),
            }
            return;
        }
        let now = match now {
            Ok(now) => now,
            Err(error) => {
                plan.skips
                    .push(Skip::new(wish.subject.to_string(), error.to_string()));
                return;
            }
        };
        let is_kernels = is_plain(&wish.subject) && !matches!(wish.subject, Subject::Xdp(_));
        if is_kernels && now.is_none() && wish.want.is_some() {
            plan.skips.push(Skip::new(
                wish.subject.to_string(),
                absent(&wish.subject, facts),
            ));
            return;
        }
        let is_kept = |entry: &Entry| {
            entry.wish.want == wish.want
                && entry.before.state == now
                && entry.after.as_ref() == Some(&now)
        };
        if is_plain(&wish.subject)
            && baseline
                .and_then(|known| known.entry(&wish.subject))
                .is_some_and(is_kept)
            && now != wish.want
        {
            plan.skips
                .push(Skip::new(wish.subject.to_string(), actuate::MANAGED));
        } else if self.is_fulfilled(&wish, now.as_deref(), baseline) {
            plan.fulfilled += 1;
        } else if let Err(error) = self.unless_ours(&wish.subject, now.as_deref(), baseline) {
            plan.skips
                .push(Skip::new(wish.subject.to_string(), error.to_string()));
        } else {
            plan.changes.push(Change { now, wish });
        }
    }

    /// Why this host cannot have `wish`, if so.
    fn impossible(&self, wish: &Wish, facts: &Facts) -> Option<String> {
        if wish.scope == Scope::Node && facts.is_child_netns {
            return Some("it belongs to the whole node, not to this network namespace".into());
        }
        let path = match &wish.subject {
            Subject::Sysctl(path) => format!("/proc/sys/{path}"),
            Subject::Kernel(path) => path.clone(),
            _ => return None,
        };
        if facts.privileged
            && matches!(&wish.subject, Subject::Sysctl(path) if SYS_ADMIN_ONLY.contains(&path.as_str()))
            && !holds_sys_admin()
        {
            return Some("only CAP_SYS_ADMIN may write it".into());
        }
        // What is not there is told apart later.
        (self.host.at(&path).exists() && !self.host.is_writable(&path))
            .then(|| "it can only be read here".to_owned())
    }

    /// A state that we could not put back is not changed in the first place.
    fn unless_ours(
        &self,
        subject: &Subject,
        now: Option<&str>,
        baseline: Option<&Baseline>,
    ) -> Result<()> {
        let ours = baseline
            .and_then(|known| known.entry(subject))
            .is_some_and(|entry| entry.after.as_ref().is_some_and(|a| a.as_deref() == now));
        if ours || !matches!(subject, Subject::Qdisc(_) | Subject::Xdp(_)) {
            return Ok(());
        }
        actuate::restorer(self.host, subject, now).map(|_| ())
    }

    fn is_fulfilled(&self, wish: &Wish, now: Option<&str>, baseline: Option<&Baseline>) -> bool {
        if is_plain(&wish.subject) {
            return now.map(actuate::one_line) == wish.want.as_deref().map(actuate::one_line);
        }
        if let (Subject::NftTable(_), Some(want), Some(now)) = (&wish.subject, &wish.want, now)
            && baseline.is_none_or(|known| known.entry(&wish.subject).is_none())
        {
            // Ours, from a time of which no journal tells: its comment says what it was made from.
            return rules::digest(now).is_some() && rules::digest(now) == rules::digest(want);
        }
        if wish.want.is_none() {
            return actuate::restorer(self.host, &wish.subject, now)
                .is_ok_and(|program| program.is_none());
        }
        baseline
            .and_then(|known| known.entry(&wish.subject))
            .is_some_and(|entry| {
                entry.wish.want == wish.want
                    && entry.after.as_ref().is_some_and(|a| a.as_deref() == now)
            })
    }

    fn find_drift(&self, baseline: &Baseline, plan: &mut Plan) -> Result<()> {
        for entry in &baseline.entries {
            let Some(ours) = &entry.after else {
                plan.stuck.push(entry.wish.subject.clone());
                continue;
            };
            let Some(place) = self.now_called(entry) else {
                // With it went what we had made there.
                plan.lost.push(entry.wish.subject.clone());
                continue;
            };
            let now = match actuate::read(self.host, &place) {
                Err(Error::Privilege { .. }) => continue,
                other => other?,
            };
            if now == *ours {
                continue;
            }
            let subject = entry.wish.subject.clone();
            if now == entry.before.state {
                // A reboot, or somebody who knows what they do: no drift.
                plan.lost.push(subject);
            } else {
                plan.changes.retain(|change| change.wish.subject != subject);
                plan.drift.push(Drift {
                    subject,
                    ours: ours.clone(),
                    now,
                });
            }
        }
        Ok(())
    }
}

fn holds_sys_admin() -> bool {
    capabilities(None).is_ok_and(|held| held.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Whether a subject's state is the value that is written to it.
pub(super) fn is_plain(subject: &Subject) -> bool {
    matches!(
        subject,
        Subject::Sysctl(_) | Subject::Kernel(_) | Subject::Mtu(_) | Subject::Xdp(_)
    )
}

fn absent(subject: &Subject, facts: &Facts) -> String {
    match subject {
        Subject::Sysctl(_) if facts.is_child_netns => {
            "it is not in this network namespace; set it on the node".into()
        }
        _ => "this kernel does not have it".into(),
    }
}
