use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// Directories that hold nothing of ours.
const SKIPPED: &[&str] = &[".git", "target", "stadion-data", "node_modules"];

/// Endings of the files whose text some check reads.
const READ: &[&str] = &[
    "json", "md", "rs", "service", "sh", "toml", "txt", "yaml", "yml",
];

/// Files without an ending that some check reads.
const READ_BY_NAME: &[&str] = &[".ci/run", "Dockerfile"];

/// The repository in memory. Checks are pure functions of it, so that tests feed them trees of their own.
#[derive(Default)]
pub(super) struct Tree {
    /// Every file and directory, relative to the root, with `/` between.
    pub(super) paths: BTreeSet<String>,
    /// The text of the files that some check reads.
    pub(super) texts: BTreeMap<String, String>,
}

impl Tree {
    pub(super) fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.descend(root, "")?;
        Ok(tree)
    }

    fn descend(&mut self, directory: &Path, prefix: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                self.descend(&entry.path(), &format!("{path}/"))?;
                self.paths.insert(path);
            } else if kind.is_file() {
                let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
                if READ.contains(&ending) || READ_BY_NAME.contains(&path.as_str()) {
                    // A file with bytes that are no text is no file of ours to judge.
                    if let Ok(text) = std::fs::read_to_string(entry.path()) {
                        self.texts.insert(path.clone(), text);
                    }
                }
                self.paths.insert(path);
            }
        }
        Ok(())
    }

    /// Path and text of every file with one of these endings.
    pub(super) fn with_ending<'a>(
        &'a self,
        endings: &'a [&str],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .filter(|(path, _)| {
                endings.contains(&path.rsplit_once('.').map_or("", |(_, ending)| ending))
            })
    }

    /// Rust files that a person wrote: a generator marks its output in the first lines.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.with_ending(&["rs"])
            .filter(|(_, text)| !text.lines().take(5).any(|line| line.contains("@generated")))
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.texts.insert((*path).to_owned(), (*text).to_owned());
            let ends = path
                .match_indices('/')
                .map(|(end, _)| end)
                .chain([path.len()]);
            tree.paths.extend(ends.map(|end| path[..end].to_owned()));
        }
        tree
    }
}
