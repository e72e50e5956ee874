//! A disk that loses what was not flushed, fills up, or breaks off in the middle of a write.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use stadion_testkit::random::Random;

use super::super::{Opener, Storage};

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

#[derive(Debug, Default)]
struct Content {
    /// What survives a loss of power.
    durable: Vec<u8>,
    /// What a reader sees.
    seen: Vec<u8>,
    /// Since the last flush.
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Platter {
    files: BTreeMap<PathBuf, Content>,
    health: Health,
    /// Calls that write until the disk becomes `then`.
    calls_left: Option<usize>,
    then: Health,
}

/// One disk with files, which several processes open one after another.
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
            files: BTreeMap::new(),
            health: Health::Good,
            calls_left: None,
            then: Health::Good,
        })))
    }

    pub(super) fn opener(self: &Arc<Self>) -> Opener {
        let disk = Arc::clone(self);
        Arc::new(move |path| {
            disk.0.lock().files.entry(path.to_owned()).or_default();
            Ok(Box::new(Handle(Arc::clone(&disk), path.to_owned())) as Box<dyn Storage>)
        })
    }

    pub(super) fn health(&self) -> Health {
        self.0.lock().health
    }

    /// What a reader sees of a file.
    pub(super) fn seen(&self, name: &str) -> Vec<u8> {
        let platter = self.0.lock();
        let found = platter.files.iter().find(|(path, _)| path.ends_with(name));
        found
            .map(|(_, content)| content.seen.clone())
            .unwrap_or_default()
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
    /// a write may be torn between sectors, or have a hole of some sectors.
    pub(super) fn power_on(&self, random: &mut Random) {
        let mut platter = self.0.lock();
        for content in platter.files.values_mut() {
            content.lose_power(random);
        }
        platter.health = Health::Good;
        platter.calls_left = None;
    }
}

impl Content {
    fn lose_power(&mut self, random: &mut Random) {
        let image = &mut self.durable;
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Length(_) => apply(image, &pending),
                Pending::Write(..) if random.once_in(3) => {}
                Pending::Write(offset, mut data) => {
                    if random.once_in(3) && data.len() > SECTOR {
                        let sectors = data.len() / SECTOR;
                        let behind = data.split_off(SECTOR * (1 + random.below(sectors)));
                        let hole = SECTOR * (1 + random.below(sectors));
                        if random.once_in(2) && hole < behind.len() {
                            let from = offset + data.len() + hole;
                            apply(image, &Pending::Write(from, behind[hole..].to_vec()));
                        }
                    }
                    apply(image, &Pending::Write(offset, data));
                }
            }
        }
        self.seen.clone_from(image);
    }

    fn push(&mut self, pending: Pending) {
        apply(&mut self.seen, &pending);
        self.pending.push(pending);
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
}

#[derive(Debug)]
struct Handle(Arc<Disk>, PathBuf);

fn at(offset: u64) -> usize {
    usize::try_from(offset).expect("a small file")
}

impl Handle {
    fn with<T>(
        &self,
        run: impl FnOnce(&mut Platter, &mut Content) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut platter = self.0.0.lock();
        let mut content = platter.files.remove(&self.1).ok_or(ErrorKind::NotFound)?;
        let outcome = run(&mut platter, &mut content);
        platter.files.insert(self.1.clone(), content);
        outcome
    }
}

impl Storage for Handle {
    fn length(&self) -> Result<u64, Error> {
        self.with(|platter, content| {
            platter.readable()?;
            Ok(content.seen.len() as u64)
        })
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.with(|platter, content| {
            platter.readable()?;
            let from = at(offset);
            let part = content.seen.get(from..from + out.len());
            out.copy_from_slice(part.ok_or(ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.with(|platter, content| {
            if let Err(error) = platter.writable() {
                // The write that fails may have begun.
                if platter.health == Health::Full {
                    let begun = data[..data.len() / 2].to_vec();
                    content.push(Pending::Write(at(offset), begun));
                }
                return Err(error);
            }
            content.push(Pending::Write(at(offset), data.to_vec()));
            Ok(())
        })
    }

    fn set_length(&self, length: u64) -> Result<(), Error> {
        self.with(|platter, content| {
            platter.writable()?;
            content.push(Pending::Length(at(length)));
            Ok(())
        })
    }

    fn sync(&self) -> Result<(), Error> {
        self.with(|platter, content| {
            platter.writable()?;
            content.durable = content.seen.clone();
            content.pending.clear();
            Ok(())
        })
    }
}
