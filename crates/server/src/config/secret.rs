//! Values that are never printed, and the files they come from.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Size of a file with a secret or a key, bytes: a JSON Web Key Set with 30 RSA keys of 4,096 bits.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A value that is never printed. It is not wiped from memory: copies made while it was read would stay anyway.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value`.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A secret file's text without the line end, and whether everybody on the machine can read it. An error says what is
/// wrong with the file and never what is in it.
pub(super) fn read(path: &Path) -> Result<(Secret, bool), String> {
    let name = path.display();
    let file = File::open(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let meta = file
        .metadata()
        .map_err(|error| format!("cannot read {name}: {error}"))?;
    if !meta.is_file() {
        return Err(format!("{name} is not a file"));
    }
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read {name}: {error}"))?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > SECRET_BYTES_MAX) {
        return Err(format!("{name} is larger than {SECRET_BYTES_MAX} bytes"));
    }
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(format!("{name} is empty"));
    }
    Ok((Secret::new(text), world_readable(&meta)))
}

#[cfg(unix)]
fn world_readable(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    meta.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn world_readable(_: &std::fs::Metadata) -> bool {
    false
}
