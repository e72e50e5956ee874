//! A machine made of files, for tests of what reads one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Writes a file of the machine below `root`.
pub(crate) fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Makes a program of it that says always the same.
pub(crate) fn program(root: &Path, name: &str, says: &str) {
    let path = format!("bin/{name}");
    write(
        root,
        &path,
        &format!("#!/bin/sh\ncat <<'END'\n{says}\nEND\n"),
    );
    fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o755)).unwrap();
}
