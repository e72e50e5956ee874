//! A disk that loses what was not flushed, fills up, or breaks off in the middle of a write.

use std::io::{Error, ErrorKind};
use std::sync::Arc;

use parking_lot::Mutex;
use redb::StorageBackend;
use stadion_testkit::random::Random;

use super::super::Opener;

/// What a disk writes whole or not at all, bytes.
const SECTOR: usize = 512;

#[derive(Debug)]
enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Good,
    /// No write succeeds, reads do.
    Full,
    /// Nothing succeeds.
    Off,
}

#[derive(Debug)]
struct Platter {
    /// What survives a loss of power.
    durable: Vec<u8>,
    /// What a reader sees.
    seen: Vec<u8>,
    /// Since the last flush.
    pending: Vec<Pending>,
    health: Health,
    /// Calls that write until the disk becomes `then`.
    calls_left: Option<usize>,
    then: Health,
}

/// One disk with one file, which several backends open one after another.
#[derive(Debug)]
pub(super) struct Disk(Mutex<Platter>);

fn apply(image: &mut Vec<u8>, pending: &Pending) {
    match pending {
        Pending::Write(offset, data) => {
            let end = offset + data.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[*offset..end].copy_from_slice(data);
        }
        Pending::Length(length) => image.resize(*length, 0),
    }
}

impl Disk {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Platter {
            durable: Vec::new(),
            seen: Vec::new(),
            pending: Vec::new(),
            health: Health::Good,
            calls_left: None,
            then: Health::Good,
        })))
    }

    pub(super) fn opener(self: &Arc<Self>) -> Opener {
        let disk = Arc::clone(self);
        Arc::new(move |builder, _| builder.create_with_backend(Handle(Arc::clone(&disk))))
    }

    pub(super) fn health(&self) -> Health {
        self.0.lock().health
    }

    /// Becomes `health` after `calls` more writing calls.
    pub(super) fn turn(&self, health: Health, calls: usize) {
        let mut platter = self.0.lock();
        platter.calls_left = Some(calls);
        platter.then = health;
    }

    pub(super) fn set(&self, health: Health) {
        let mut platter = self.0.lock();
        platter.health = health;
        platter.calls_left = None;
    }

    /// Comes back after a loss of power: of what was not flushed, any part may be there, in any order of arrival, and
    /// a write may be torn between sectors.
    pub(super) fn power_on(&self, random: &mut Random) {
        let mut platter = self.0.lock();
        let mut image = std::mem::take(&mut platter.durable);
        for pending in std::mem::take(&mut platter.pending) {
            match pending {
                Pending::Length(_) => apply(&mut image, &pending),
                Pending::Write(..) if random.once_in(3) => {}
                Pending::Write(offset, mut data) => {
                    if random.once_in(3) && data.len() > SECTOR {
                        data.truncate(SECTOR * (1 + random.below(data.len() / SECTOR)));
                    }
                    apply(&mut image, &Pending::Write(offset, data));
                }
            }
        }
        platter.durable.clone_from(&image);
        platter.seen = image;
        platter.health = Health::Good;
        platter.calls_left = None;
    }
}

impl Platter {
    fn readable(&self) -> Result<(), Error> {
        if self.health == Health::Off {
            return Err(Error::other("the power is off"));
        }
        Ok(())
    }

    fn writable(&mut self) -> Result<(), Error> {
        match &mut self.calls_left {
            Some(0) => {
                self.health = self.then;
                self.calls_left = None;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.readable()?;
        if self.health == Health::Full {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn push(&mut self, pending: Pending) {
        apply(&mut self.seen, &pending);
        self.pending.push(pending);
    }
}

#[derive(Debug)]
struct Handle(Arc<Disk>);

fn at(offset: u64) -> usize {
    usize::try_from(offset).expect("a small file")
}

impl StorageBackend for Handle {
    fn len(&self) -> Result<u64, Error> {
        let platter = self.0.0.lock();
        platter.readable()?;
        Ok(platter.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let platter = self.0.0.lock();
        platter.readable()?;
        let from = at(offset);
        let part = platter.seen.get(from..from + out.len());
        out.copy_from_slice(part.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), Error> {
        let mut platter = self.0.0.lock();
        platter.writable()?;
        platter.push(Pending::Length(at(length)));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut platter = self.0.0.lock();
        platter.writable()?;
        platter.durable = platter.seen.clone();
        platter.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut platter = self.0.0.lock();
        if let Err(error) = platter.writable() {
            // The write that fails may have begun.
            if platter.health == Health::Full {
                let begun = data[..data.len() / 2].to_vec();
                platter.push(Pending::Write(at(offset), begun));
            }
            return Err(error);
        }
        platter.push(Pending::Write(at(offset), data.to_vec()));
        Ok(())
    }
}
