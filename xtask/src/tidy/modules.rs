//! Every Rust file belongs to some crate, and no file is called `mod.rs`.

use super::Finding;
use super::scan::{mask, modules, places};
use super::tree::Tree;
use std::collections::BTreeSet;

/// Directories of a package in which every file, and every `main.rs` one level down, is a crate of its own.
const CRATE_DIRECTORIES: &[&str] = &["src/bin", "tests", "examples", "benches"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for (manifest, text) in tree.with_ending(&["toml"]) {
        if (manifest == "Cargo.toml" || manifest.ends_with("/Cargo.toml"))
            && text.contains("[package]")
        {
            for root in roots(tree, manifest.trim_end_matches("Cargo.toml"), text) {
                reach(tree, &root, true, &mut reached);
            }
        }
    }
    let mut findings = Vec::new();
    for (path, _) in tree.with_ending(&["rs"]) {
        if path.ends_with("/mod.rs") {
            let directory = path.trim_end_matches("/mod.rs");
            findings.push(Finding::new(
                path,
                1,
                "a file called mod.rs",
                format!("move it to {directory}.rs"),
            ));
        } else if !reached.contains(path) {
            findings.push(Finding::new(
                path,
                1,
                "no `mod` declares this file",
                "declare it, or delete it",
            ));
        }
    }
    findings
}

/// The crate roots of the package in this directory (empty, or ending in `/`).
fn roots(tree: &Tree, directory: &str, manifest: &str) -> Vec<String> {
    let named = manifest.lines().filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        let path = value.trim().trim_matches('"');
        (key.trim() == "path" && path.ends_with(".rs")).then(|| join(directory, path))
    });
    let fixed = ["src/lib.rs", "src/main.rs", "build.rs"].map(|path| format!("{directory}{path}"));
    let conventional = tree.paths.iter().filter(|path| {
        let Some((folder, rest)) = CRATE_DIRECTORIES.iter().find_map(|folder| {
            Some((
                folder,
                path.strip_prefix(directory)?
                    .strip_prefix(folder)?
                    .strip_prefix('/')?,
            ))
        }) else {
            return false;
        };
        let levels = rest.matches('/').count();
        // A package inside `examples/` has a manifest of its own, and says itself what is in it.
        let owned = !tree
            .paths
            .contains(&format!("{directory}{folder}/Cargo.toml"));
        owned
            && rest.ends_with(".rs")
            && (levels == 0 || (levels == 1 && rest.ends_with("/main.rs")))
    });
    named
        .chain(fixed)
        .chain(conventional.cloned())
        .filter(|path| tree.texts.contains_key(path))
        .collect()
}

/// Walks a file's module declarations. A root's modules lie beside it, another file's in the directory of its name.
fn reach(tree: &Tree, file: &str, root: bool, reached: &mut BTreeSet<String>) {
    let Some(source) = tree.texts.get(file) else {
        return;
    };
    if !reached.insert(file.to_owned()) {
        return;
    }
    let masked = mask(source);
    let beside = file
        .rsplit_once('/')
        .map_or(String::new(), |(directory, _)| format!("{directory}/"));
    let own = if root || file.ends_with("/mod.rs") {
        beside.clone()
    } else {
        format!("{}/", file.trim_end_matches(".rs"))
    };
    for declaration in modules(source, &masked) {
        let inner: String = declaration
            .inside
            .iter()
            .map(|name| format!("{name}/"))
            .collect();
        if let Some(path) = declaration.path {
            let from = if inner.is_empty() { &beside } else { &own };
            reach(tree, &join(&format!("{from}{inner}"), &path), true, reached);
            continue;
        }
        let stem = format!("{own}{inner}{}", declaration.name);
        reach(tree, &format!("{stem}.rs"), false, reached);
        reach(tree, &format!("{stem}/mod.rs"), false, reached);
    }
    for at in places(&masked, "include!") {
        let quoted = source[at..]
            .split_once('"')
            .and_then(|(_, rest)| rest.split_once('"'));
        if let Some((path, _)) = quoted {
            reach(tree, &join(&beside, path), true, reached);
        }
    }
}

/// Resolves `..` and `.` in a path below the root.
pub(super) fn join(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{check, join};
    use crate::tidy::tree::Tree;

    const PACKAGE: (&str, &str) = (
        "a/Cargo.toml",
        "[package]\n[[bin]]\npath = \"odd/start.rs\"\n",
    );

    #[test]
    fn declared_files_of_every_kind_are_reached() {
        let tree = Tree::of(&[
            PACKAGE,
            (
                "a/src/lib.rs",
                "mod x;\n#[cfg(test)]\npub(crate) mod y;\nmod in_line { mod z; }\n// mod gone;",
            ),
            (
                "a/src/x.rs",
                "mod deep; #[path = \"../odd/elsewhere.rs\"] mod e; include!(\"part.rs\");",
            ),
            ("a/src/x/deep.rs", ""),
            ("a/src/y.rs", ""),
            ("a/src/part.rs", ""),
            ("a/src/in_line/z.rs", ""),
            ("a/odd/start.rs", ""),
            ("a/odd/elsewhere.rs", ""),
            ("a/tests/one.rs", "mod support;"),
            ("a/tests/support.rs", ""),
            ("a/tests/many/main.rs", "mod part;"),
            ("a/tests/many/part.rs", ""),
            ("a/src/bin/tool.rs", ""),
        ]);
        assert_eq!(check(&tree), Vec::new());
    }

    #[test]
    fn a_dead_file_and_a_mod_rs_are_found() {
        let tree = Tree::of(&[
            PACKAGE,
            (
                "a/src/lib.rs",
                "mod x; // mod dead;\nconst S: &str = \"mod dead;\";",
            ),
            ("a/src/x/mod.rs", ""),
            ("a/src/dead.rs", ""),
        ]);
        let files: Vec<String> = check(&tree)
            .into_iter()
            .map(|finding| finding.file)
            .collect();
        assert_eq!(files, ["a/src/dead.rs", "a/src/x/mod.rs"]);
    }

    #[test]
    fn paths_are_resolved() {
        assert_eq!(join("a/b/", "../c/./d.rs"), "a/c/d.rs");
    }
}
