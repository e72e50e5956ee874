//! Files that tests keep equal to what the program produces.

use std::path::Path;

/// Compares the file with `expected`; with `UPDATE_GOLDEN=1` in the environment, writes it instead.
pub(crate) fn check(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, expected).expect("the golden file can be written");
        return;
    }
    let is = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        is == expected,
        "{} is not what the program produces; look at the difference after UPDATE_GOLDEN=1",
        path.display()
    );
}
