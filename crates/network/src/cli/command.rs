//! What somebody can copy and run: our own command lines, as they work for whoever reads them.

use std::path::Path;

use super::{Caller, Common};
use crate::engine::STATE_DIR;
use crate::report::Report;

/// The options that every command here needs to reach the same host and the same journal.
fn options(common: &Common) -> Vec<String> {
    let mut words = Vec::new();
    let absolute = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        path.display().to_string()
    };
    if let Some(name) = &common.netns {
        words.extend(["--netns".to_owned(), name.clone()]);
    }
    if common.state_dir != Path::new(STATE_DIR) {
        words.extend(["--state-dir".to_owned(), absolute(&common.state_dir)]);
    }
    for (option, place) in [
        ("--kernel-files", &common.kernel_files),
        ("--sysroot", &common.sysroot),
    ] {
        if let Some(place) = place {
            words.extend([option.to_owned(), absolute(place)]);
        }
    }
    words
}

/// The command line of `verb` as it works in a new session, from any directory.
pub(super) fn line(common: &Common, caller: &Caller, verb: &str) -> String {
    let mut words = Vec::new();
    if caller.env.contains_key("SUDO_UID") {
        words.push("sudo".to_owned());
    }
    words.push(program(caller));
    words.extend(caller.prefix.iter().cloned());
    words.extend(options(common));
    words.push(verb.to_owned());
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// Our program by its name where the path finds it, else by its place.
fn program(caller: &Caller) -> String {
    let whole = caller.program.display().to_string();
    let Some(name) = caller.program.file_name() else {
        return whole;
    };
    let path = caller.env.get("PATH").map_or("", String::as_str);
    let found = std::env::split_paths(path)
        .filter(|place| place.is_absolute())
        .map(|place| place.join(name))
        .find(|file| file.is_file());
    match found.and_then(|file| file.canonicalize().ok()) {
        Some(file) if file == caller.program => name.display().to_string(),
        _ => whole,
    }
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:@%+,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Makes the commands of a report work on the host that it speaks of, which need not be where they are typed.
pub(super) fn point(report: &mut Report, common: &Common) {
    const OURS: &str = "stadion network ";
    let options: Vec<String> = options(common).iter().map(|word| quoted(word)).collect();
    if options.is_empty() {
        return;
    }
    let ours = format!("{OURS}{} ", options.join(" "));
    let there = common.netns.as_ref();
    let there = there.map(|name| format!("ip netns exec {} ", quoted(name)));
    for finding in &mut report.findings {
        finding.detail = finding.detail.replace(OURS, &ours);
        let Some(mend) = &mut finding.mend else {
            continue;
        };
        let parts = mend
            .split("; ")
            .map(|part| match (part.strip_prefix(OURS), &there) {
                (Some(rest), _) => format!("{ours}{rest}"),
                (None, Some(there)) => format!("{there}{part}"),
                (None, None) => part.to_owned(),
            });
        *mend = parts.collect::<Vec<_>>().join("; ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_shell_reads_a_quoted_word_as_it_was(word in "[^\0\r]{0,20}") {
            let typed = format!("printf %s. {}", quoted(&word));
            let read = Command::new("sh").args(["-c", &typed]).output().unwrap();
            prop_assert_eq!(String::from_utf8(read.stdout).unwrap(), format!("{word}."));
        }
    }
}
