//! `cargo xtask tidy`: what rustc and clippy cannot check. Every finding says where, what is wrong and what is right.

mod config_keys;
mod direction;
mod links;
mod modules;
mod parsers;
mod scan;
mod sizes;
mod sleeps;
mod tree;
mod words;

use crate::run::{Failure, Outcome};
use std::fmt;
use tree::Tree;

/// One thing to put right. Files sort before lines, so that findings read in the order of the tree.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    line: usize,
    wrong: String,
    right: String,
}

impl Finding {
    fn new(file: &str, line: usize, wrong: impl Into<String>, right: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            wrong: wrong.into(),
            right: right.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}; {}",
            self.file, self.line, self.wrong, self.right
        )
    }
}

pub(crate) fn run() -> Outcome {
    let tree =
        Tree::read(&crate::run::root()).map_err(|error| Failure::new(format!("tidy: {error}")))?;
    let mut findings = direction::check(&tree)?;
    findings.extend(modules::check(&tree));
    findings.extend(sizes::check(&tree));
    findings.extend(words::check(&tree));
    findings.extend(links::check(&tree));
    findings.extend(sleeps::check(&tree));
    findings.extend(parsers::check(&tree));
    findings.extend(config_keys::check(&tree));
    findings.sort();
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::new("tidy: 1 finding")),
        many => Err(Failure::new(format!("tidy: {many} findings"))),
    }
}
