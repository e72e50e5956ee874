//! From arguments to the engine and back to words.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{Signal, getpid, kill_process};

use super::told::{beside_before, changed, told};
use super::{Change, Common, Env, Network, Verb, command, show};
use crate::engine::{Engine, Options, Plan, TimerProgram, Told};
use crate::facts::Facts;
use crate::host::Host;
use crate::observe;
use crate::optimize::{self, Devices};
use crate::profile::protect::Xdp;
use crate::profile::{Base, Profile};
use crate::report::Planned;
use crate::rules::{self, Parts};
use crate::shape;
use crate::subject::{Risk, Scope, Subject, Wish};
use crate::{Error, Result, Skip};

/// The exit code of a plan with pending changes.
const PENDING: u8 = 2;

/// Who calls: the program that is running, and what it was given.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Our own program, which is started again as the timer.
    pub program: PathBuf,
    /// Its arguments up to and with `network`.
    pub prefix: Vec<String>,
    /// Its variables.
    pub env: Env,
}

/// What every verb may look at.
#[derive(Clone, Copy)]
struct At<'a> {
    common: &'a Common,
    caller: &'a Caller,
}

impl At<'_> {
    /// Our command line for `verb`, to be copied.
    fn line(&self, verb: &str) -> String {
        command::line(self.common, self.caller, verb)
    }
}

/// Does what the command line says. Answers go to `out`, complaints to standard error.
pub fn run(network: &Network, caller: &Caller, out: &mut dyn Write) -> ExitCode {
    match dispatch(network, caller, out) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            show::complain(&error, network.common.json, out);
            ExitCode::from(error.exit_code())
        }
    }
}

/// The exit code says what became of the host, also where the answer finds no place.
fn answered(shown: Result<()>, out: &mut dyn Write) {
    if let Err(error) = shown {
        show::complain(&error, false, out);
    }
}

fn dispatch(network: &Network, caller: &Caller, out: &mut dyn Write) -> Result<u8> {
    let common = &network.common;
    if let Verb::Profile { name } = &network.verb {
        show::profile((*name).into(), common.json, out)?;
        return Ok(0);
    }
    if matches!(network.verb, Verb::Timer { .. }) {
        // Out of the session of whoever started us: what ends that one shall not end this one.
        rustix::process::setsid().ok();
        // When memory runs out, others are to go before the one who keeps the way back.
        Host::node()
            .write_kernel("/proc/self/oom_score_adj", "-1000")
            .ok();
    }
    let host = match (&common.sysroot, &common.netns, &common.kernel_files) {
        (Some(root), ..) => Host::below(root),
        (None, Some(name), _) => Host::netns(name)?,
        (None, None, Some(dir)) => Host::container_with(dir)?,
        (None, None, None) => Host::node().with_variables(&caller.env),
    };
    let die = |step: usize| {
        if common.die_at_step == Some(step) {
            kill_process(getpid(), Signal::KILL).ok();
        }
    };
    let at = At { common, caller };
    let engine = Engine::new(&host, &common.state_dir, &die);
    if let Some((verbs, change)) = asked(&network.verb) {
        return changing(verbs, change, &at, &engine, &host, out);
    }
    match &network.verb {
        Verb::Monitor(args) => {
            let Told { profile, .. } = told(common, &engine)?;
            args.run(host, &profile, common.json, out)
        }
        Verb::Report(args) => {
            let Told { profile, .. } = told(common, &engine)?;
            let facts = facts(&host, caller)?;
            let plans = ALL.map(|verb| Planned {
                verb,
                plan: make_plan(&[verb], &profile, &facts, &host, &engine),
            });
            args.run(host, &facts, &plans, &profile, common, out)
        }
        Verb::ProbeServer(args) => args.run(out),
        Verb::Confirm => {
            may_change(&facts(&host, caller)?, "confirming")?;
            let skips = engine.confirm()?;
            answered(show::confirmed(&skips, common.json, out), out);
            Ok(0)
        }
        Verb::Rollback => {
            may_change(&facts(&host, caller)?, "rolling back")?;
            let done = engine.rollback()?;
            answered(show::put_back(&done, common.json, out), out);
            Ok(u8::from(!done.failed.is_empty()))
        }
        Verb::Status => status(&at, &engine, &host, out),
        Verb::Timer { id } => {
            engine.watch(id)?;
            Ok(0)
        }
        _ => Ok(0),
    }
}

fn status(at: &At<'_>, engine: &Engine<'_>, host: &Host, out: &mut dyn Write) -> Result<u8> {
    let facts = facts(host, at.caller)?;
    // Who may not read the journal does not know what is in force: "nothing" would be a guess.
    let verbs = engine.verbs()?;
    let mut plan = engine.plan(&[], Vec::new(), Vec::new(), &facts)?;
    plan.told = engine.told().unwrap_or_default();
    show::status(&plan, &verbs, &at.line("confirm"), at.common.json, out)?;
    let is_whole = !plan.is_pending() && plan.lost.is_empty() && plan.stuck.is_empty();
    Ok(if is_whole { 0 } else { PENDING })
}

/// What a verb that changes the host stands for.
fn asked(verb: &Verb) -> Option<(&'static [&'static str], &Change)> {
    match verb {
        Verb::Optimize(change) => Some((&["optimize"], change)),
        Verb::TrafficShape(change) => Some((&["traffic-shape"], change)),
        Verb::DdosProtect(change) => Some((&["ddos-protect"], change)),
        Verb::Firewall(change) => Some((&["firewall"], change)),
        Verb::FullSetup(change) => Some((&ALL, change)),
        _ => None,
    }
}

/// The verbs of `full-setup`, in their order.
const ALL: [&str; 4] = ["optimize", "firewall", "ddos-protect", "traffic-shape"];

fn changing(
    verbs: &[&str],
    change: &Change,
    at: &At<'_>,
    engine: &Engine<'_>,
    host: &Host,
    out: &mut dyn Write,
) -> Result<u8> {
    let At { common, caller } = *at;
    let told = changed(told(common, engine)?, change)?;
    let facts = facts(host, caller)?;
    let make_plan = || {
        let mut plan = make_plan(verbs, &told.profile, &facts, host, engine)?;
        plan.notes
            .extend(beside_before(common, &told, verbs, engine));
        plan.told = Some(told.clone());
        Ok(plan)
    };
    if !change.apply {
        let plan = make_plan()?;
        show::plan(verbs, &plan, &facts, &at.line("confirm"), common.json, out)?;
        if common.strict
            && let Some(skip) = plan.skips.first()
        {
            let error = Error::Skipped(format!("{} ({})", skip.what, skip.reason));
            // The plan is the answer; in JSON there is one.
            show::complain(&error, false, out);
            return Ok(error.exit_code());
        }
        return Ok(if plan.is_pending() { PENDING } else { 0 });
    }
    may_change(&facts, "changing this host")?;
    let mut prefix = caller.prefix.clone();
    if let Some(netns) = &common.netns {
        prefix.extend(["--netns".into(), netns.clone()]);
    }
    if let Some(root) = &common.sysroot {
        let root = std::path::absolute(root).unwrap_or_else(|_| root.clone());
        prefix.extend(["--sysroot".into(), root.display().to_string()]);
    }
    if let Some(dir) = &common.kernel_files {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
        prefix.extend(["--kernel-files".into(), dir.display().to_string()]);
    }
    let timer = TimerProgram {
        program: caller.program.clone(),
        args: prefix,
        systemd: common.sysroot.is_none() && host.at("/run/systemd/system").is_dir(),
    };
    let options = Options {
        confirm_within: change.confirm_within,
        confirm_now: change.confirm_now,
        overwrite_drift: change.overwrite_drift,
        strict: common.strict,
        timer: &timer,
    };
    let applied = engine.apply(make_plan, &facts, &options)?;
    let confirm = at.line("confirm");
    answered(
        show::applied(verbs, &applied, &confirm, common.json, out),
        out,
    );
    Ok(0)
}

fn may_change(facts: &Facts, what: &str) -> Result<()> {
    if facts.privileged {
        return Ok(());
    }
    Err(Error::Privilege {
        what: what.into(),
        needs: "CAP_NET_ADMIN",
        hint: match facts.container {
            true => "give this container NET_ADMIN and host network, see docs/network.md; the plan works without".into(),
            false => "run it as root, with sudo; the plan works without".into(),
        },
    })
}

/// What the host is, with what only tools can tell.
fn facts(host: &Host, caller: &Caller) -> Result<Facts> {
    let mut facts = Facts::gather(host, &caller.env)?;
    facts.qdiscs = shape::kinds::probe(host);
    // Root of a namespace of users has every capability, and may have it over another network than this one.
    facts.privileged &= !host
        .run("nft", &["-t", "list", "tables"], "")
        .is_ok_and(|done| !done.success && done.stderr.contains("not permitted"));
    if facts.tools.nft.is_none() || !facts.privileged {
        facts.dnat_unclear = true;
        return Ok(facts);
    }
    for (feature, text) in rules::Feature::PROBES {
        if !host.run("nft", &["-c", "-f", "-"], text)?.success {
            facts.nft_lacks.push(feature);
        }
    }
    facts.xdp_lacks = crate::xdp::probe(&facts);
    let listing = host.must_run("nft", &["-t", "-j", "list", "ruleset"], "")?;
    let mut redirects = rules::foreign::nft(&listing, rules::TABLE)?;
    for family in ["ip", "ip6"] {
        redirects = redirects.and(iptables(host, family));
    }
    facts.dnat_unclear = redirects.unclear;
    facts.publisher = redirects.publisher.map(str::to_owned);
    facts.dnat_ports = redirects.ports.into_iter().collect();
    Ok(facts)
}

/// The first wish about a subject counts.
fn first_of_each(mut wishes: Vec<Wish>) -> Vec<Wish> {
    let mut seen: Vec<Subject> = Vec::new();
    wishes.retain(|wish| {
        let is_new = !seen.contains(&wish.subject);
        seen.push(wish.subject.clone());
        is_new
    });
    wishes
}

/// What an earlier apply made, and this profile does not want any more: it goes as it came, by a plan.
fn no_longer_wished(
    asked: &Parts,
    profile: &Profile,
    wishes: &[Wish],
    facts: &Facts,
    host: &Host,
    engine: &Engine<'_>,
) -> Result<Vec<Wish>> {
    let is_wished = |of: fn(&Subject) -> bool| wishes.iter().any(|wish| of(&wish.subject));
    // Where a kind is wished nowhere it may be left out for want of something; only what is wished elsewhere has moved.
    let (xdp, qdisc) = (
        asked.protect
            && (profile.ddos_protect.xdp == Xdp::Off
                || is_wished(|s| matches!(s, Subject::Xdp(_)))),
        asked.shape && is_wished(|s| matches!(s, Subject::Qdisc(_))),
    );
    let mut made = match engine.changed() {
        Err(Error::Privilege { .. }) => Vec::new(),
        known => known?,
    };
    // Also of a time of which no journal tells.
    let uplinks = facts.uplinks().filter(|_| facts.tools.ip.is_some());
    made.extend(uplinks.map(|known| Subject::Xdp(known.name.clone())));
    made.retain(|subject| match subject {
        Subject::Xdp(interface) => {
            let there = || crate::xdp::read(host, interface).ok().flatten();
            xdp && there().is_some_and(|state| crate::xdp::is_ours(&state))
        }
        Subject::Qdisc(_) => qdisc,
        _ => false,
    });
    made.retain(|subject| wishes.iter().all(|wish| wish.subject != *subject));
    made.sort();
    made.dedup();
    let gone = made.into_iter().map(|subject| Wish {
        subject,
        want: None,
        scope: Scope::Netns,
        reason: "an earlier apply made it, and the profile does not want it here any more".into(),
        risk: Risk::Medium,
    });
    Ok(gone.collect())
}

/// What iptables of `family` hands on. Rules of the older iptables are in no table of nftables: where the kernel has some,
/// and the tool that lists them is missing (as in a small container) or may not, any port may be one of them.
fn iptables(host: &Host, family: &str) -> rules::foreign::Redirects {
    let save = |kind: &str| {
        let done = host.run(&format!("{family}tables{kind}-save"), &["-t", "nat"], "");
        done.ok().filter(|done| done.success)
    };
    let names = host.read(&format!("/proc/net/{family}_tables_names"));
    let names = observe::words(&names.ok().flatten().unwrap_or_default());
    let is_older = names.iter().any(|name| name == "nat");
    let older = is_older.then(|| save("-legacy"));
    let mut found = rules::foreign::Redirects {
        unclear: older.as_ref().is_some_and(Option::is_none),
        ..Default::default()
    };
    for save in [older.flatten(), save("")].into_iter().flatten() {
        found = found.and(rules::foreign::iptables(&save.stdout));
    }
    found
}

fn make_plan(
    verbs: &[&str],
    profile: &Profile,
    facts: &Facts,
    host: &Host,
    engine: &Engine<'_>,
) -> Result<Plan> {
    let mut wishes: Vec<Wish> = Vec::new();
    let mut skips: Vec<Skip> = Vec::new();
    let mut notes = Vec::new();
    let mut paths = Vec::new();
    let is_asked = |verb| verbs.contains(&verb);
    if is_asked("optimize") {
        let devices = Devices::gather(host, facts, &profile.optimize)?;
        let done = optimize::optimize(&profile.optimize, facts, &devices)?;
        wishes.extend(done.wishes);
        skips.extend(done.skips);
        notes.extend(done.notes);
        paths = done.paths;
    }
    let asked = Parts {
        firewall: is_asked("firewall"),
        protect: is_asked("ddos-protect"),
        shape: is_asked("traffic-shape"),
    };
    if asked != Parts::default() {
        let there = engine
            .table(rules::TABLE)
            .unwrap_or_default()
            .map_or_else(Parts::default, |listing| Parts::of_table(&listing));
        let done = rules::rules(profile, facts, asked.and(there))?;
        wishes.extend(done.wishes);
        skips.extend(done.skips);
        notes.extend(done.notes);
    }
    if asked.shape && facts.tools.nft.is_none() {
        skips.push(Skip::new(
            "traffic_shape",
            "`nft` is not installed, and without its rules the queue cannot tell games from the rest",
        ));
    } else if asked.shape {
        match shape::shape(&profile.traffic_shape, facts) {
            Ok(done) => {
                wishes.extend(done.wishes);
                skips.extend(done.skips);
                notes.extend(done.notes);
            }
            // Where everything is asked for, a rate that nobody knows is left out like a feature that is not there.
            Err(Error::Refused(why)) if verbs.len() > 1 => {
                skips.push(Skip::new("traffic-shape", why));
            }
            Err(error) => return Err(error),
        }
    }
    if profile.extends == Base::Guide {
        notes.extend(show::differences());
    }
    wishes.extend(no_longer_wished(
        &asked, profile, &wishes, facts, host, engine,
    )?);
    let mut plan = engine.plan(verbs, first_of_each(wishes), skips, facts)?;
    plan.notes = notes;
    plan.paths = paths;
    Ok(plan)
}
