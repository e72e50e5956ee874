//! Answers in words, and in JSON.

use std::io::{ErrorKind, Write};

use serde::Serialize;
use serde_json::json;

use crate::engine::{Applied, Plan, PutBack};
use crate::facts::Facts;
use crate::profile::{Base, Profile, optimize::DIFFERENCES};
use crate::subject::{Change, Risk, Scope};
use crate::{Error, Result, Skip};

/// Longer states are told by their number of lines.
const STATE_BYTES_MAX: usize = 60;

/// Writes an answer. Whoever reads it may have had enough, as `head` has; that changes nothing in what was done.
pub(super) fn print(out: &mut dyn Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => Err(Error::File {
            what: "writing",
            path: "standard output".into(),
            source,
        }),
        _ => Ok(()),
    }
}

/// `text` so that no name or value of the host steers the terminal that shows it.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Writes an answer for people.
fn tell(out: &mut dyn Write, text: &str) -> Result<()> {
    print(out, &printable(text))
}

/// Says what went wrong: to people, and in JSON to whoever asked for it. That nobody listens is no further failure.
pub(super) fn complain(error: &Error, as_json: bool, out: &mut dyn Write) {
    let said = printable(&format!("stadion network: {error}\n"));
    std::io::stderr().write_all(said.as_bytes()).ok();
    if as_json {
        let value = json!({
            "error": error.to_string(),
            "exit_code": error.exit_code(),
            "is_worth_a_retry": error.is_worth_a_retry(),
        });
        // On one line, as `monitor` writes.
        print(out, &format!("{value}\n")).ok();
    }
}

fn print_json(out: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Parse {
        what: "the answer".into(),
        said: error.to_string(),
    })?;
    print(out, &(text + "\n"))
}

pub(super) fn plan(
    verbs: &[&str],
    plan: &Plan,
    facts: &Facts,
    confirm: &str,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<()> {
    if as_json {
        return print_json(
            out,
            &json!({ "verbs": verbs, "plan": plan, "facts": facts }),
        );
    }
    let mut text = format!(
        "{}: {} to change, {} as wished, {} left out\n",
        verbs.join(", "),
        plan.changes.len(),
        plan.fulfilled,
        plan.skips.len()
    );
    for change in &plan.changes {
        text.push_str(&one_change(change));
    }
    text.push_str(&drift(plan));
    text.push_str(&skips(&plan.skips));
    for note in &plan.notes {
        text.push_str(&format!("\nnote: {note}\n"));
    }
    text.push_str(&pending(plan, confirm));
    if !plan.changes.is_empty() {
        text.push_str("\nNothing was changed. --apply carries this out.\n");
    }
    tell(out, &text)
}

fn one_change(change: &Change) -> String {
    let sign = match (&change.now, &change.wish.want) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    };
    let scope = match change.wish.scope {
        Scope::Netns => "this network namespace",
        Scope::Node => "the whole node",
    };
    let risk = match change.wish.risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
    };
    format!(
        "\n  {sign} {}\n      {} -> {}\n      {scope}, risk {risk}: {}\n",
        change.wish.subject,
        state(change.now.as_deref()),
        state(change.wish.want.as_deref()),
        change.wish.reason
    )
}

fn state(text: Option<&str>) -> String {
    match text {
        None => "(not there)".into(),
        Some("") => "(empty)".into(),
        Some(text) if text.len() <= STATE_BYTES_MAX && !text.contains('\n') => text.into(),
        // ours: only counted
        Some(text) => match text.lines().count() {
            1 => "one long line (--json shows it)".into(),
            lines => format!("{lines} lines (--json shows them)"),
        },
    }
}

fn drift(plan: &Plan) -> String {
    let lines = plan.drift.iter().map(|drift| {
        format!(
            "\n  ! {}: we left {}, others made it {}; left alone unless --overwrite-drift is given\n",
            drift.subject,
            state(drift.ours.as_deref()),
            state(drift.now.as_deref())
        )
    });
    lines.collect()
}

fn lost(plan: &Plan) -> String {
    let lines = plan.lost.iter().map(|subject| {
        format!("\n  - {subject}: as it was before us, since a reboot or by somebody, or gone with its interface; --apply the verb again\n")
    });
    lines.collect()
}

fn stuck(plan: &Plan) -> String {
    let lines = plan
        .stuck
        .iter()
        .map(|subject| format!("\n  ! {subject}: could not be put back; `rollback` tries again\n"));
    lines.collect()
}

fn skips(skips: &[Skip]) -> String {
    let lines = skips
        .iter()
        .map(|skip| format!("\n  left out: {}: {}\n", skip.what, skip.reason));
    lines.collect()
}

fn pending(plan: &Plan, confirm: &str) -> String {
    match plan.pending {
        None => String::new(),
        Some(pending) if pending.waits_for_confirm && pending.is_watched => format!(
            "\nA change waits to be confirmed; it is put back in {} s unless this is said:\n  {confirm}\n",
            pending.remaining_ms.div_ceil(1_000)
        ),
        Some(pending) if pending.waits_for_confirm => format!(
            "\nA change waits to be confirmed, and its timer is gone: nobody puts it back before the next command. Say one:\n  {confirm}\n  {}\n",
            confirm.replace(" confirm", " rollback")
        ),
        Some(_) => "\nA run was cut short; what it changed is put back by its timer or by the next command.\n".into(),
    }
}

pub(super) fn applied(
    verbs: &[&str],
    applied: &Applied,
    confirm: &str,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<()> {
    if as_json {
        return print_json(out, &json!({ "verbs": verbs, "applied": applied }));
    }
    let mut text = skips(&applied.skips);
    text.push_str(&match (applied.changed, applied.confirm_within_ms) {
        (0, _) if applied.skips.is_empty() => "Nothing to change.\n".into(),
        (0, _) => "Nothing was changed. What is left out is not in force; --strict makes that a failure.\n".into(),
        (changed, None) => format!("{changed} changed, read back, tested and confirmed.\n"),
        (changed, Some(ms)) => format!(
            "{changed} changed, read back and tested. Everything is put back in {} s unless this is said, best from a new session:\n  {confirm}\n",
            ms.div_ceil(1_000)
        ),
    });
    tell(out, &text)
}

pub(super) fn confirmed(left_out: &[Skip], as_json: bool, out: &mut dyn Write) -> Result<()> {
    if as_json {
        return print_json(out, &json!({ "confirmed": true, "skips": left_out }));
    }
    tell(out, &format!("{}Confirmed.\n", skips(left_out)))
}

pub(super) fn put_back(done: &PutBack, as_json: bool, out: &mut dyn Write) -> Result<()> {
    if as_json {
        return print_json(out, done);
    }
    let mut text = String::new();
    for subject in &done.foreign {
        text.push_str(&format!(
            "left alone, others changed it after us: {subject}\n"
        ));
    }
    for subject in &done.gone {
        text.push_str(&format!("gone with its interface: {subject}\n"));
    }
    for failure in &done.failed {
        text.push_str(&format!("could not be put back: {failure}\n"));
    }
    text.push_str(&match done.restored {
        0 => "Nothing to put back.\n".to_owned(),
        restored => format!("{restored} put back.\n"),
    });
    tell(out, &text)
}

pub(super) fn status(
    plan: &Plan,
    verbs: &[String],
    confirm: &str,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<()> {
    if as_json {
        let told = plan.told.as_ref();
        let told = told.map(|told| json!({ "profile": told.name, "given": told.given }));
        return print_json(
            out,
            &json!({ "in_force": verbs, "told": told, "drift": plan.drift, "lost": plan.lost, "stuck": plan.stuck, "pending": plan.pending, "skips": plan.skips }),
        );
    }
    let in_force = match verbs {
        [] => "nothing of ours".to_owned(),
        verbs => verbs.join(", "),
    };
    let told = plan.told.as_ref();
    let told = told.map_or_else(String::new, |told| format!(", as {told} has it"));
    let text = format!(
        "in force: {in_force}{told}\n{}{}{}{}{}",
        lost(plan),
        drift(plan),
        stuck(plan),
        skips(&plan.skips),
        pending(plan, confirm)
    );
    tell(out, &text)
}

/// Where the guide's numbers harm, as notes of a plan.
pub(super) fn differences() -> impl Iterator<Item = String> {
    DIFFERENCES.iter().map(|known| {
        format!(
            "{}: the guide has {}, we advise {}: {}",
            known.key, known.guide, known.recommended, known.why
        )
    })
}

pub(super) fn profile(base: Base, as_json: bool, out: &mut dyn Write) -> Result<()> {
    if as_json {
        return print_json(out, &Profile::builtin(base));
    }
    let body = serde_saphyr::to_string(&Profile::builtin(base)).map_err(|error| Error::Parse {
        what: "the profile".into(),
        said: error.to_string(),
    })?;
    let mut text = String::from(match base {
        Base::Recommended => "# What we advise. Every key may be left out.\n",
        Base::Guide => "# The numbers of the guide's script, for comparison.\n",
    });
    text.push_str("#\n# Where the guide and we differ, and why:\n");
    for note in differences() {
        text.push_str(&format!("# - {note}\n"));
    }
    text.push('\n');
    text.push_str(&body);
    print(out, &text)
}
