//! The journal: one frame per commit, appended to one of two files.
//!
//! A row that is written again leaves its former copies behind as waste. When most of the rows are waste, the other file
//! begins as the next generation: from then on every commit goes there and takes some of the living rows along. When all
//! of them are there, the older file is emptied. So there is no pause in which everything is copied, no second thread,
//! and at every moment the two files in their order give the state.

use std::path::{Path, PathBuf};

use super::frame::{self, CLOSED, FILE_HEAD, FRAME_HEAD, Head, Reader, SCHEMA, WHOLE};
use super::storage::Storage;
use super::{OpenError, Options, row};
use crate::ledger::{Cursor, Ledger, Row};

/// Rows of waste that are not worth a new generation: about 100 MB, read again in a second.
pub(super) const WASTE_MAX: usize = 300_000;

/// Living rows that a commit takes along per row of its own. More than one, so that a generation becomes whole.
const CARRIED_PER_ROW: usize = 2;

/// Living rows that a commit takes along in any case: 3 KB, which a flush does not notice.
const CARRIED_MIN: usize = 8;

/// Room that is made at the end of a file at once, bytes of zeros: a flush within it does not change the file's length and
/// takes a third less time. 1 MiB is 2,000 tickets, and written in a millisecond.
pub(super) const ROOM_BYTES: usize = 1024 * 1024;

/// What the files held.
pub(super) struct Loaded {
    pub(super) ledger: Ledger,
    pub(super) repaired: bool,
}

/// Living rows that a commit takes along.
pub(super) struct Carried {
    rows: Vec<Row>,
    cursor: Option<Cursor>,
    alive: usize,
}

/// The journal. Nobody else writes to its files while it is there.
pub(super) struct Log {
    paths: [PathBuf; 2],
    files: [Box<dyn Storage>; 2],
    /// The file that is appended to.
    active: usize,
    generation: u64,
    /// Where the next frame goes.
    end: u64,
    /// Up to where the file was made larger. Behind `end` it holds zeros.
    room_end: u64,
    /// Its number.
    sequence: u64,
    /// Something failed: what is behind `end` is unknown, and nothing may follow it.
    broken: bool,
    /// Rows in the files, waste included.
    rows: usize,
    /// How far the living rows were taken along, while they are.
    carried: Option<Cursor>,
    frame: Vec<u8>,
    waste_max: usize,
    room_bytes: usize,
}

/// What one file came to.
#[derive(Default)]
struct Replayed {
    end: u64,
    /// Of the next frame.
    sequence: Option<u64>,
    whole: bool,
    closed: bool,
    /// Nothing but zeros is behind its end.
    blank: bool,
    rows: usize,
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> OpenError {
    |error| OpenError::Io {
        path: path.to_owned(),
        why: error.to_string(),
    }
}

/// The generation of a file, if anything was ever kept in it.
fn generation(path: &Path, file: &dyn Storage) -> Result<Option<u64>, OpenError> {
    let path = path.to_owned();
    match frame::read_head(file).map_err(failed(&path))? {
        Head::Empty => Ok(None),
        Head::Ours { generation } => Ok(Some(generation)),
        Head::Newer(found) => Err(OpenError::Newer {
            path,
            found,
            known: SCHEMA,
        }),
        Head::Damaged => Err(damaged(&path, "its head has another checksum")),
        Head::Foreign => Err(OpenError::NotOurs {
            path,
            why: "it does not begin as one".into(),
        }),
    }
}

fn damaged(path: &Path, why: impl Into<String>) -> OpenError {
    OpenError::Corrupt {
        path: path.to_owned(),
        why: why.into(),
    }
}

impl Log {
    /// Opens, verifies and reads the files at `paths`.
    pub(super) fn open(
        paths: [PathBuf; 2],
        options: &Options,
    ) -> Result<(Self, Loaded), OpenError> {
        let open = |path: &Path| {
            (options.opener)(path).map_err(|error| match error.kind() {
                std::io::ErrorKind::WouldBlock => OpenError::Locked {
                    path: path.to_owned(),
                },
                _ => failed(path)(error),
            })
        };
        let files = [open(&paths[0])?, open(&paths[1])?];
        let found = [
            generation(&paths[0], &*files[0])?,
            generation(&paths[1], &*files[1])?,
        ];
        let mut log = Self {
            active: usize::from(found[1] > found[0]),
            generation: 0,
            paths,
            files,
            end: FILE_HEAD,
            room_end: FILE_HEAD,
            sequence: 1,
            broken: false,
            rows: 0,
            carried: None,
            frame: Vec::new(),
            waste_max: options.waste_max,
            room_bytes: options.room_bytes,
        };
        let mut ledger = Ledger::default();
        let repaired = log.replay(found, &mut ledger)?;
        Ok((log, Loaded { ledger, repaired }))
    }

    /// Reads the files in their order; whether the last process was killed.
    fn replay(
        &mut self,
        generations: [Option<u64>; 2],
        ledger: &mut Ledger,
    ) -> Result<bool, OpenError> {
        let Some(newest) = generations[self.active] else {
            let path = self.paths[self.active].clone();
            self.begin(self.active, 1).map_err(failed(&path))?;
            return Ok(false);
        };
        self.generation = newest;
        let mut expected = None;
        if let Some(older) = generations[1 - self.active] {
            let newer = self.read(self.active, None, None)?;
            if newer.sequence.is_none() {
                // It had just begun, and comes to nothing.
                self.active = 1 - self.active;
                self.generation = older;
            } else if !newer.whole {
                expected = Some(self.replay_older(older, ledger)?);
                self.carried = Some(Cursor::START);
            }
        }
        let read = self.read(self.active, expected, Some(ledger))?;
        let path = self.paths[self.active].clone();
        if self.generation > 1 && !read.whole && self.carried.is_none() {
            return Err(damaged(&path, "the file before it is missing"));
        }
        self.rows += read.rows;
        self.end = read.end;
        self.room_end = read.end;
        self.sequence = read.sequence.unwrap_or(1);
        let length = self.files[self.active].length().map_err(failed(&path))?;
        if read.end < length {
            if !read.blank {
                let bytes = length - read.end;
                tracing::warn!(path = %path.display(), bytes, "the last commit was not finished and is cut off");
            }
            self.broken = true;
            self.mend().map_err(failed(&path))?;
        }
        Ok(read.sequence.is_some() && !(read.closed && read.blank))
    }

    /// The file before one that is not whole; the sequence number after its end.
    fn replay_older(&mut self, older: u64, ledger: &mut Ledger) -> Result<u64, OpenError> {
        let path = self.paths[1 - self.active].clone();
        if older + 1 != self.generation {
            return Err(damaged(&path, "it is not the one before the newest"));
        }
        let read = self.read(1 - self.active, None, Some(ledger))?;
        self.rows += read.rows;
        match read.sequence {
            Some(next) if read.blank => Ok(next),
            _ => Err(damaged(&path, "its last commit is cut off")),
        }
    }

    /// Reads one file up to its end, or to a tail that was never finished.
    fn read(
        &self,
        which: usize,
        expected: Option<u64>,
        mut ledger: Option<&mut Ledger>,
    ) -> Result<Replayed, OpenError> {
        let (path, file) = (&self.paths[which], &*self.files[which]);
        let length = file.length().map_err(failed(path))?;
        let mut reader = Reader::new(file, length);
        let mut read = Replayed {
            end: FILE_HEAD,
            sequence: expected,
            ..Replayed::default()
        };
        let mut frames = false;
        while let Some(frame) = reader.frame(read.end).map_err(failed(path))? {
            if read.sequence.is_some_and(|next| frame.sequence != next) {
                return Err(damaged(path, "a commit is missing"));
            }
            frames = true;
            let mut rows = frame.rows;
            while let Some(ledger) = &mut ledger
                && !rows.is_empty()
            {
                let row = row::decode(&mut rows).map_err(|why| damaged(path, why))?;
                ledger.put(&row);
                read.rows += 1;
            }
            read.end = frame.end;
            read.sequence = Some(frame.sequence + 1);
            read.whole |= frame.flags & WHOLE != 0;
            read.closed = frame.flags & CLOSED != 0;
        }
        if !frames {
            read.sequence = expected;
        }
        read.blank = reader.is_blank_after(read.end).map_err(failed(path))?;
        // Only the last commit may be unfinished: one behind it says that this one was whole once.
        let lost = !read.blank && reader.has_frame_after(read.end + 1).map_err(failed(path))?;
        if lost {
            return Err(damaged(path, "a commit has another checksum"));
        }
        Ok(read)
    }

    /// Empties a file and gives it the head of `generation`; from then on it is the one that is appended to.
    fn begin(&mut self, which: usize, generation: u64) -> std::io::Result<()> {
        let file = &self.files[which];
        // Durable before the head, or the frames of two generations ago could come back under it.
        file.set_length(0)?;
        file.sync()?;
        file.write(0, &frame::file_head(SCHEMA, generation))?;
        file.sync()?;
        self.active = which;
        self.generation = generation;
        self.end = FILE_HEAD;
        self.room_end = FILE_HEAD;
        Ok(())
    }

    /// Cuts off what a failure left behind the last commit. Until that worked, nothing is written.
    pub(super) fn mend(&mut self) -> std::io::Result<()> {
        if self.broken {
            let file = &self.files[self.active];
            file.set_length(self.end)?;
            file.sync()?;
            self.room_end = self.end;
            self.broken = false;
        }
        Ok(())
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// What a commit of `rows` rows has to take along.
    pub(super) fn carry(&self, rows: usize, ledger: &Ledger) -> Carried {
        let mut carried = Carried {
            rows: Vec::new(),
            cursor: self.carried,
            alive: ledger.row_count(),
        };
        carried.cursor = self.carried.map(|cursor| {
            let most = CARRIED_MIN + CARRIED_PER_ROW * rows;
            ledger.walk(cursor, most, &mut carried.rows)
        });
        carried
    }

    /// Writes `rows` in their order; they are durable when it returns. What is `carried` comes from a ledger that holds
    /// them already. After an error nothing of them counts, once [`Self::mend`] has worked.
    pub(super) fn commit(&mut self, rows: &[Row], carried: &Carried) -> Result<(), String> {
        let whole = carried.cursor == Some(Cursor::Done);
        self.append(rows, &carried.rows, if whole { WHOLE } else { 0 })?;
        self.rows += rows.len() + carried.rows.len();
        self.carried = carried.cursor;
        if whole {
            self.carried = None;
            self.rows = carried.alive + rows.len();
            // If it fails, the next opening passes over that file, and the next generation empties it.
            drop(self.files[1 - self.active].set_length(0));
        }
        if self.carried.is_none() && self.rows > 2 * carried.alive + self.waste_max {
            // If it fails, the older file goes on and the next commit tries again.
            if let Err(error) = self.begin(1 - self.active, self.generation + 1) {
                tracing::warn!(%error, "the state has to go on with the file it has");
            } else {
                self.carried = Some(Cursor::START);
            }
        }
        Ok(())
    }

    fn append(&mut self, rows: &[Row], carried: &[Row], flags: u8) -> Result<(), String> {
        if self.broken {
            return Err("it is closed after an error".into());
        }
        self.frame.clear();
        self.frame.resize(FRAME_HEAD, 0);
        for row in rows.iter().chain(carried) {
            row::encode(row, &mut self.frame).map_err(|error| error.to_string())?;
        }
        frame::seal(&mut self.frame, flags, self.sequence)?;
        let file = &self.files[self.active];
        let end = self.end + self.frame.len() as u64;
        if end > self.room_end && flags & CLOSED == 0 {
            let room = vec![0; self.room_bytes];
            // Without room the frame makes the file longer by itself, if that is possible.
            if file.write(self.room_end, &room).is_ok() {
                self.room_end += self.room_bytes as u64;
            }
        }
        let written = file.write(self.end, &self.frame).and_then(|()| file.sync());
        written.map_err(|error| {
            self.broken = true;
            error.to_string()
        })?;
        self.end = end;
        self.room_end = self.room_end.max(end);
        self.sequence += 1;
        Ok(())
    }

    /// Says that nothing will follow. Without it the next opening takes the process for killed.
    pub(super) fn close(&mut self) -> Result<(), String> {
        // The room at the end is given back.
        self.broken = true;
        self.mend().map_err(|error| error.to_string())?;
        self.append(&[], &[], CLOSED)
    }
}
