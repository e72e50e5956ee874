//! The writer of the table's text.

use std::fmt::{Display, Write};

/// Lines of a table, indented as nft lists them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    lines: String,
    chain: bool,
}

impl Text {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.lines
    }

    /// A named counter.
    pub(crate) fn counter(&mut self, name: &str) {
        self.put(1, format_args!("counter {name} {{"));
        self.put(1, "}");
    }

    /// A set whose elements the text names. One of single ports and without flags is a bitmap in the kernel.
    pub(crate) fn fixed(&mut self, name: &str, kind: &str, flags: &str, elements: &[String]) {
        self.put(1, format_args!("set {name} {{"));
        self.put(2, format_args!("type {kind}"));
        if !flags.is_empty() {
            self.put(2, format_args!("flags {flags}"));
        }
        if !elements.is_empty() {
            self.put(2, format_args!("elements = {{ {} }}", elements.join(", ")));
        }
        self.put(1, "}");
    }

    /// A set that grows by traffic.
    pub(crate) fn growing(&mut self, name: &str, kind: &str, size: u32, timeout_s: Option<u32>) {
        self.put(1, format_args!("set {name} {{"));
        self.put(2, format_args!("type {kind}"));
        self.put(2, format_args!("size {size}"));
        match timeout_s {
            Some(seconds) => {
                self.put(2, "flags dynamic,timeout");
                self.put(2, format_args!("timeout {seconds}s"));
            }
            None => self.put(2, "flags dynamic"),
        }
        self.put(1, "}");
    }

    /// Begins a chain; one that was begun before ends.
    pub(crate) fn chain(&mut self, name: &str, hook: Option<&str>) {
        self.end();
        self.put(1, format_args!("chain {name} {{"));
        if let Some(hook) = hook {
            self.put(2, hook);
        }
        self.chain = true;
    }

    /// A rule of the chain.
    pub(crate) fn rule(&mut self, rule: impl Display) {
        self.put(2, rule);
    }

    /// Ends the chain.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.chain) {
            self.put(1, "}");
        }
    }

    fn put(&mut self, depth: usize, line: impl Display) {
        let tabs = "\t".repeat(depth);
        writeln!(self.lines, "{tabs}{line}").expect("invariant: writing to a string cannot fail");
    }
}
