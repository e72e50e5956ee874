//! Instructions of eBPF, with labels instead of distances (Documentation/bpf/standardization/instruction-set.rst).

use std::collections::BTreeMap;

/// A register; `R10` is the frame, which is only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Register {
    R0,
    R1,
    R2,
    R3,
    R4,
    R6 = 6,
    R7,
    R8,
    R9,
    R10,
}

/// How much a load or a store moves: the bits of its code.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Width {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    Double = 0x18,
}

/// A condition of a jump: the bits of its code. Comparisons are without sign.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum If {
    Equal = 0x10,
    Above = 0x20,
    AtLeast = 0x30,
    Different = 0x50,
}

/// What comes after a load of 64 bits: the value itself, or a map that the kernel puts there.
const MAP: u8 = 1;

/// A program in the making.
#[derive(Debug, Default)]
pub(super) struct Program {
    code: Vec<u64>,
    labels: BTreeMap<&'static str, usize>,
    jumps: Vec<(usize, &'static str)>,
}

/// An instruction as the kernel reads it on a little-endian machine: code, registers, offset, number.
fn instruction(code: u8, to: u8, from: u8, offset: i16, number: i32) -> u64 {
    let [o0, o1] = offset.to_le_bytes();
    let [n0, n1, n2, n3] = number.to_le_bytes();
    // ours: written, not read
    u64::from_le_bytes([code, to | from << 4, o0, o1, n0, n1, n2, n3])
}

impl Program {
    fn put(&mut self, code: u8, to: Register, from: u8, offset: i16, number: i32) {
        self.code
            .push(instruction(code, to as u8, from, offset, number));
    }

    /// `to = from`.
    pub(super) fn copy(&mut self, to: Register, from: Register) {
        self.put(0xbf, to, from as u8, 0, 0);
    }

    /// `to = number`.
    pub(super) fn set(&mut self, to: Register, number: i32) {
        self.put(0xb7, to, 0, 0, number);
    }

    /// `to = value`, all 64 bits.
    pub(super) fn set_wide(&mut self, to: Register, value: u64) {
        self.wide(to, 0, value);
    }

    /// `to` = the map with this descriptor.
    pub(super) fn set_map(&mut self, to: Register, descriptor: u32) {
        self.wide(to, MAP, u64::from(descriptor));
    }

    fn wide(&mut self, to: Register, kind: u8, value: u64) {
        let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
        // ours: written, not read
        self.put(0x18, to, kind, 0, i32::from_le_bytes([a, b, c, d]));
        self.code
            // ours: written, not read
            .push(instruction(0, 0, 0, 0, i32::from_le_bytes([e, f, g, h])));
    }

    /// `to += number`.
    pub(super) fn add(&mut self, to: Register, number: i32) {
        self.put(0x07, to, 0, 0, number);
    }

    /// `to += from`.
    pub(super) fn add_register(&mut self, to: Register, from: Register) {
        self.put(0x0f, to, from as u8, 0, 0);
    }

    /// `to -= from`.
    pub(super) fn subtract(&mut self, to: Register, from: Register) {
        self.put(0x1f, to, from as u8, 0, 0);
    }

    /// `to &= number`.
    pub(super) fn and(&mut self, to: Register, number: i32) {
        self.put(0x57, to, 0, 0, number);
    }

    /// The bytes of a 16-bit number in network order, in ours.
    pub(super) fn swap_network_16(&mut self, to: Register) {
        self.put(0xdc, to, 0, 0, 16);
    }

    /// `to = *(from + offset)`.
    pub(super) fn load(&mut self, width: Width, to: Register, from: Register, offset: i16) {
        self.put(0x61 | width as u8, to, from as u8, offset, 0);
    }

    /// `*(to + offset) = from`.
    pub(super) fn store(&mut self, width: Width, to: Register, offset: i16, from: Register) {
        self.put(0x63 | width as u8, to, from as u8, offset, 0);
    }

    /// `*(to + offset) = number`.
    pub(super) fn store_number(&mut self, width: Width, to: Register, offset: i16, number: i32) {
        self.put(0x62 | width as u8, to, 0, offset, number);
    }

    /// Goes to `label` if `left` compares so with `number`.
    pub(super) fn jump(&mut self, when: If, left: Register, number: i32, label: &'static str) {
        self.jumps.push((self.code.len(), label));
        self.put(0x05 | when as u8, left, 0, 0, number);
    }

    /// Goes to `label` if `left` compares so with `right`.
    pub(super) fn jump_register(
        &mut self,
        when: If,
        left: Register,
        right: Register,
        label: &'static str,
    ) {
        self.jumps.push((self.code.len(), label));
        self.put(0x0d | when as u8, left, right as u8, 0, 0);
    }

    /// Goes to `label`.
    pub(super) fn go(&mut self, label: &'static str) {
        self.jumps.push((self.code.len(), label));
        self.put(0x05, Register::R0, 0, 0, 0);
    }

    /// Here is `label`.
    pub(super) fn label(&mut self, label: &'static str) {
        let twice = self.labels.insert(label, self.code.len());
        assert!(twice.is_none(), "{label} is at two places");
    }

    /// Calls a function of the kernel: arguments in R1 to R4, answer in R0.
    pub(super) fn call(&mut self, function: i32) {
        self.put(0x85, Register::R0, 0, 0, function);
    }

    /// Ends with the answer in R0.
    pub(super) fn exit(&mut self) {
        self.put(0x95, Register::R0, 0, 0, 0);
    }

    /// The instructions, all jumps knowing their distance.
    pub(super) fn finish(mut self) -> Vec<u64> {
        for (at, label) in &self.jumps {
            let target = self
                .labels
                .get(label)
                .expect("invariant: every label that is jumped to exists");
            assert!(target > at, "{label} is behind: loops are not written here");
            let distance = u16::try_from(target - at - 1)
                .expect("invariant: the program is some hundred instructions");
            self.code[*at] |= u64::from(distance) << 16;
        }
        self.code
    }
}
