//! The files of the journal, or what a test puts in their place.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// One file.
pub trait Storage: Send {
    /// How long it is, bytes.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self) -> io::Result<u64>;

    /// Fills `out` from `offset` on.
    ///
    /// # Errors
    /// What the system says, or `UnexpectedEof`.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Writes all of `data` at `offset`. After an error any part of it may be there.
    ///
    /// # Errors
    /// What the system says.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()>;

    /// Cuts it off, or lengthens it with zeros.
    ///
    /// # Errors
    /// What the system says.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Makes everything so far durable. After an error any part of it may be.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> io::Result<()>;
}

/// Opens the file at a path, makes it if it is not there, and keeps every other process out; `WouldBlock` when another
/// one is in.
pub type Opener = Arc<dyn Fn(&Path) -> io::Result<Box<dyn Storage>> + Send + Sync>;

/// The opener that uses the file itself.
pub(super) fn file_opener() -> Opener {
    Arc::new(|path| {
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false);
        let file = file.open(path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
            TryLockError::Error(error) => error,
        })?;
        Ok(Box::new(file) as Box<dyn Storage>)
    })
}

impl Storage for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(out, offset)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_all_at(data, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
