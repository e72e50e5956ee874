//! The system call `bpf(2)`, with types that keep what the kernel is told true.
//!
//! The kernel reads and writes where numbers in the attributes point. Every function here makes those numbers from slices
//! that it holds, and a map knows how long its keys and values are; so no caller can point elsewhere.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The attributes of one call: `union bpf_attr` begins with what each command needs, and the rest is zero. Words of 64
/// bits, because the kernel wants it aligned so.
#[derive(Clone, Copy, Debug, Default)]
struct Attributes([u64; 16]);

impl Attributes {
    /// Puts a number of 32 bits `at` bytes from the beginning.
    fn word(mut self, at: usize, value: u32) -> Self {
        let shift = at % 8 * 8;
        self.0[at / 8] |= u64::from(value) << shift;
        self
    }

    /// The number of 32 bits that is `at` bytes from the beginning.
    fn get(&self, at: usize) -> u32 {
        let half = self.0[at / 8] >> (at % 8 * 8) & u64::from(u32::MAX);
        u32::try_from(half).expect("invariant: 32 bits are left")
    }

    fn double(mut self, at: usize, value: u64) -> Self {
        self.0[at / 8] = value;
        self
    }

    fn name(mut self, at: usize, name: &[u8]) -> Self {
        for (n, byte) in name.iter().take(15).enumerate() {
            self.0[(at + n) / 8] |= u64::from(*byte) << ((at + n) % 8 * 8);
        }
        self
    }

    fn read(&self, at: usize, bytes: &[u8]) -> Self {
        self.double(at, address(bytes.as_ptr()))
    }

    fn write(&self, at: usize, bytes: &mut [u8]) -> Self {
        self.double(at, address(bytes.as_mut_ptr().cast_const()))
    }

    fn descriptor(self, at: usize, descriptor: BorrowedFd<'_>) -> Self {
        let number =
            u32::try_from(descriptor.as_raw_fd()).expect("invariant: descriptors are not negative");
        self.word(at, number)
    }
}

fn address<T>(pointer: *const T) -> u64 {
    u64::try_from(pointer.expose_provenance()).expect("invariant: an address has 64 bits at most")
}

/// Commands of `bpf(2)`.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Command {
    MapCreate = 0,
    LookUp = 1,
    Update = 2,
    Load = 5,
    ProgramByNumber = 13,
    MapByNumber = 14,
    Tell = 15,
    #[cfg(test)]
    TestRun = 10,
}

#[cfg(target_endian = "little")]
fn bpf(command: Command, attributes: &mut Attributes) -> io::Result<i32> {
    let number: libc::c_long = (command as u8).into();
    let bytes: libc::c_long = 128;
    let attributes: *mut Attributes = attributes;
    // SAFETY: the attributes are 128 bytes that live during the call. Every pointer in them was made by one function of
    // this module from a slice that it borrows until the call is over, and which is as long as the kernel was told (a
    // length beside it) or as it knows (the sizes of a map's keys and values, which `Map` compares before each call). The
    // same holds for the pointers in what `tell` hands over.
    #[expect(unsafe_code, reason = "there is no safe way to call bpf(2)")]
    let answer = unsafe { libc::syscall(libc::SYS_bpf, number, attributes, bytes) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(answer).map_err(io::Error::other)
}

#[cfg(target_endian = "big")]
fn bpf(_: Command, _: &mut Attributes) -> io::Result<i32> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "XDP is written for little-endian machines",
    ))
}

fn new_descriptor(command: Command, attributes: &mut Attributes) -> io::Result<OwnedFd> {
    let number = bpf(command, attributes)?;
    // SAFETY: these commands answer with a descriptor that is new and that nobody else has.
    #[expect(unsafe_code, reason = "the kernel answers with a number")]
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(owned)
}

/// Kinds of maps (`enum bpf_map_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Array = 2,
    PerCpuArray = 6,
    LruHash = 9,
    PrefixTrie = 11,
}

/// A map of the kernel.
#[derive(Debug)]
pub(super) struct Map {
    descriptor: OwnedFd,
    kind: Kind,
    key_bytes: usize,
    value_bytes: usize,
}

impl Map {
    pub(super) fn new(
        kind: Kind,
        name: &str,
        key_bytes: u32,
        value_bytes: u32,
        entries: u32,
    ) -> io::Result<Self> {
        // A trie is never allocated beforehand (BPF_F_NO_PREALLOC).
        let flags = u32::from(kind == Kind::PrefixTrie);
        let mut attributes = Attributes::default()
            .word(0, (kind as u8).into())
            .word(4, key_bytes)
            .word(8, value_bytes)
            .word(12, entries)
            .word(16, flags)
            .name(28, name.as_bytes());
        Ok(Self {
            descriptor: new_descriptor(Command::MapCreate, &mut attributes)?,
            kind,
            key_bytes: usize::try_from(key_bytes).map_err(io::Error::other)?,
            value_bytes: usize::try_from(value_bytes).map_err(io::Error::other)?,
        })
    }

    pub(super) fn number(&self) -> u32 {
        u32::try_from(self.descriptor.as_raw_fd()).expect("invariant: descriptors are not negative")
    }

    /// Puts a value in.
    pub(super) fn update(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        assert_eq!((key.len(), value.len()), (self.key_bytes, self.value_bytes));
        assert!(
            self.kind != Kind::PerCpuArray,
            "its values are longer, one for each CPU"
        );
        let mut attributes = Attributes::default()
            .descriptor(0, self.descriptor.as_fd())
            .read(8, key)
            .read(16, value);
        bpf(Command::Update, &mut attributes).map(|_| ())
    }

    /// The sum of a counter over all CPUs.
    pub(super) fn sum(&self, index: u32) -> io::Result<u64> {
        assert_eq!(
            (self.kind, self.key_bytes, self.value_bytes),
            (Kind::PerCpuArray, 4, 8)
        );
        let mut values = vec![0; 8 * possible_cpus()?];
        let key = index.to_ne_bytes();
        let mut attributes = Attributes::default()
            .descriptor(0, self.descriptor.as_fd())
            .read(8, &key)
            .write(16, &mut values);
        bpf(Command::LookUp, &mut attributes)?;
        let (values, _) = values.as_chunks::<8>();
        // ours: as many bytes as we told the kernel to write
        Ok(values.iter().map(|value| u64::from_ne_bytes(*value)).sum())
    }
}

/// Bytes of `struct bpf_prog_info` and `struct bpf_map_info` that we look at: up to the name of a program.
const INFO_BYTES: u32 = 80;
/// No program of ours has more.
const MAPS_MAX: usize = 16;

/// Has the kernel write into `info` what it knows about a program or a map; what `info` points to lives as long as it does.
fn tell(descriptor: BorrowedFd<'_>, info: &mut Attributes) -> io::Result<()> {
    let place: *mut Attributes = info;
    let mut attributes = Attributes::default()
        .descriptor(0, descriptor)
        .word(4, INFO_BYTES)
        .double(8, address(place.cast_const()));
    bpf(Command::Tell, &mut attributes).map(|_| ())
}

/// The map called `name` of the program with this number, where it is one that adds up per CPU; nothing when the program has
/// none.
pub(super) fn counters_of(program: u32, name: &str) -> io::Result<Option<Map>> {
    let mut by_number = Attributes::default().word(0, program);
    let descriptor = new_descriptor(Command::ProgramByNumber, &mut by_number)?;
    let mut numbers = [0_u8; 4 * MAPS_MAX];
    let room = u32::try_from(MAPS_MAX).map_err(io::Error::other)?;
    let mut info = Attributes::default().word(52, room).write(56, &mut numbers);
    tell(descriptor.as_fd(), &mut info)?;
    let count = usize::try_from(info.get(52)).map_err(io::Error::other)?;
    let (numbers, _) = numbers.as_chunks::<4>();
    for number in numbers.iter().take(count) {
        // ours: as many bytes as we told the kernel to write
        let mut by_number = Attributes::default().word(0, u32::from_ne_bytes(*number));
        let descriptor = new_descriptor(Command::MapByNumber, &mut by_number)?;
        let mut info = Attributes::default();
        tell(descriptor.as_fd(), &mut info)?;
        let shape = [info.get(0), info.get(8), info.get(12)];
        let wanted = Attributes::default().name(24, name.as_bytes());
        if shape == [(Kind::PerCpuArray as u8).into(), 4, 8] && info.0[3..5] == wanted.0[3..5] {
            return Ok(Some(Map {
                descriptor,
                kind: Kind::PerCpuArray,
                key_bytes: 4,
                value_bytes: 8,
            }));
        }
    }
    Ok(None)
}

/// CPUs that the kernel has room for: so many values has each counter, be they online or not.
fn possible_cpus() -> io::Result<usize> {
    let text = fs::read_to_string("/sys/devices/system/cpu/possible")?;
    let list = crate::facts::parse_list(text.trim())
        .ok_or_else(|| io::Error::other(format!("no list of CPUs: {text}")))?;
    list.iter()
        .max()
        .and_then(|last| usize::try_from(last + 1).ok())
        .ok_or_else(|| io::Error::other("no CPU is possible"))
}

/// A program that the kernel has taken.
#[derive(Debug)]
pub(super) struct Loaded {
    descriptor: OwnedFd,
}

/// The kernel breaks off the check of a program with EAGAIN when the process has a signal waiting (`do_check` in
/// kernel/bpf/verifier.c): that says nothing about the program, and is asked again so often.
const INTERRUPTED_MAX: usize = 5;

fn patiently<T>(mut ask: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..INTERRUPTED_MAX {
        match ask() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            answer => return answer,
        }
    }
    ask()
}

/// How much the kernel may say about a program that it refuses.
const LOG_BYTES: u32 = 1 << 16;

/// `BPF_PROG_TYPE_XDP`.
const PROGRAM_XDP: u32 = 6;

impl Loaded {
    pub(super) fn new(name: &str, code: &[u64]) -> io::Result<Self> {
        let bytes: Vec<u8> = code
            .iter()
            .flat_map(|instruction| instruction.to_le_bytes())
            .collect();
        let count = u32::try_from(code.len()).map_err(io::Error::other)?;
        // Functions of the kernel that we call ask for no license; ours is compatible with nothing that it exports to GPL.
        let license = b"Apache-2.0\0";
        let plain = Attributes::default()
            .word(0, PROGRAM_XDP)
            .word(4, count)
            .read(8, &bytes)
            .read(16, license)
            .name(48, name.as_bytes());
        patiently(|| new_descriptor(Command::Load, &mut plain.clone()))
            .or_else(|refused| {
                // Once more, so that it says why.
                let mut log = vec![0; usize::try_from(LOG_BYTES).map_err(io::Error::other)?];
                let mut talkative = plain.word(24, 1).word(28, LOG_BYTES).write(32, &mut log);
                new_descriptor(Command::Load, &mut talkative).map_err(|_| {
                    let said = CStr::from_bytes_until_nul(&log)
                        .map(|text| text.to_string_lossy().into_owned());
                    let last: Vec<String> = said
                        .unwrap_or_default()
                        // ours: only shown
                        .lines()
                        .rev()
                        .take(4)
                        .map(str::to_owned)
                        .collect();
                    io::Error::new(refused.kind(), format!("{refused}: {}", last.join(" / ")))
                })
            })
            .map(|descriptor| Self { descriptor })
    }

    /// Runs the program on a packet, and says what it answers (`BPF_PROG_TEST_RUN`).
    #[cfg(test)]
    pub(super) fn test(&self, packet: &[u8]) -> io::Result<u32> {
        let bytes = u32::try_from(packet.len()).map_err(io::Error::other)?;
        let mut attributes = Attributes::default()
            .descriptor(0, self.descriptor.as_fd())
            .word(8, bytes)
            .read(16, packet)
            .word(32, 1);
        bpf(Command::TestRun, &mut attributes)?;
        Ok(u32::try_from(attributes.0[0] >> 32).expect("invariant: 32 bits are left"))
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_a_signal_broke_off_is_asked_again_and_a_refusal_is_not() {
        let answer = |breaks: usize, then: fn() -> io::Result<u8>| {
            let mut asked = 0;
            let answer = patiently(|| {
                asked += 1;
                if asked <= breaks {
                    Err(io::ErrorKind::WouldBlock.into())
                } else {
                    then()
                }
            });
            (asked, answer.map_err(|error| error.kind()))
        };
        assert_eq!(answer(2, || Ok(7)), (3, Ok(7)));
        assert_eq!(
            answer(9, || Ok(7)),
            (INTERRUPTED_MAX, Err(io::ErrorKind::WouldBlock))
        );
        let refusal = || Err(io::ErrorKind::InvalidInput.into());
        assert_eq!(answer(0, refusal), (1, Err(io::ErrorKind::InvalidInput)));
    }
}
