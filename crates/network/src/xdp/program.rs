//! The program: what it drops before the kernel makes a packet of it.

use super::Limits;
use super::assemble::{If, Program, Register, Width};
use Register::{R0, R1, R2, R3, R4, R6, R7, R8, R9, R10};

/// What a packet is answered with (`enum xdp_action`).
pub(super) const XDP_DROP: i32 = 1;
/// See [`XDP_DROP`].
pub(super) const XDP_PASS: i32 = 2;

/// Functions of the kernel (`enum bpf_func_id`).
const LOOKUP: i32 = 1;
const UPDATE: i32 = 2;
const NOW_NS: i32 = 5;

/// Lengths of headers and what is in them (IEEE 802.3, RFC 791, RFC 8200, RFC 768).
const ETHERNET: i32 = 14;
const IPV4: i32 = 20;
const IPV6: i32 = 40;
const UDP: i32 = 8;
/// EtherTypes as a little-endian load sees them.
const IS_IPV4: i32 = 0x0008;
const IS_IPV6: i32 = 0xdd86;
const IS_UDP: i32 = 17;
/// Version 4 with a header of 20 bytes; options are for the kernel to read.
const PLAIN_IPV4: i32 = 0x45;
/// The offset of a fragment in network order: only the first one has ports.
const FRAGMENT: i32 = 0xff1f;

/// The frame: a source as key of the buckets, an address with its prefix as key of the blocked, a port, a bucket, and the
/// index of a counter.
const SOURCE: i16 = -16;
const ADDRESS: i16 = -36;
const PREFIX: i16 = -40;
const PORT: i16 = -44;
const BUCKET: i16 = -56;
const INDEX: i16 = -60;

/// The indices of counters.
pub(super) const DROPPED_BLOCKED: u32 = 0;
pub(super) const DROPPED_SOURCE: u32 = 1;
pub(super) const MEASURED: u32 = 2;
pub(super) const COUNTERS: u32 = 3;

/// The descriptors of the maps that the program uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maps {
    pub(super) blocked: u32,
    pub(super) ports: u32,
    pub(super) buckets: u32,
    pub(super) counters: u32,
}

/// The instructions.
pub(super) fn assemble(limits: Limits, maps: Maps) -> Vec<u64> {
    let mut p = Program::default();
    read_headers(&mut p);
    blocked(&mut p, maps);
    port(&mut p, maps);
    bucket(&mut p, limits, maps);
    count(&mut p, "count_blocked", DROPPED_BLOCKED, XDP_DROP, maps);
    count(&mut p, "count_source", DROPPED_SOURCE, XDP_DROP, maps);
    count(&mut p, "count_measured", MEASURED, XDP_PASS, maps);
    p.label("pass");
    p.set(R0, XDP_PASS);
    p.label("exit");
    p.exit();
    p.finish()
}

/// R7: the end of the packet; R8: the protocol; R9: what is behind the IP header; the frame: both keys.
fn read_headers(p: &mut Program) {
    p.load(Width::Word, R6, R1, 0);
    p.load(Width::Word, R7, R1, 4);
    until(p, R6, ETHERNET);
    p.store_number(Width::Double, R10, SOURCE, 0);
    p.store_number(Width::Double, R10, SOURCE + 8, 0);
    p.store_number(Width::Word, R10, PREFIX, 128);
    p.load(Width::Half, R1, R6, 12);
    p.jump(If::Equal, R1, IS_IPV6, "ipv6");
    p.jump(If::Different, R1, IS_IPV4, "pass");

    until(p, R6, ETHERNET + IPV4);
    p.load(Width::Byte, R1, R6, 14);
    p.jump(If::Different, R1, PLAIN_IPV4, "pass");
    // ::ffff:a.b.c.d, as RFC 4291 writes IPv4 in IPv6.
    p.load(Width::Word, R1, R6, 14 + 12);
    p.store_number(Width::Word, R10, SOURCE + 8, -0x1_0000);
    p.store(Width::Word, R10, SOURCE + 12, R1);
    p.store_number(Width::Word, R10, ADDRESS, 0);
    p.store_number(Width::Word, R10, ADDRESS + 4, 0);
    p.store_number(Width::Word, R10, ADDRESS + 8, -0x1_0000);
    p.store(Width::Word, R10, ADDRESS + 12, R1);
    p.load(Width::Byte, R8, R6, 14 + 9);
    p.copy(R9, R6);
    p.add(R9, ETHERNET + IPV4);
    p.load(Width::Half, R1, R6, 14 + 6);
    p.and(R1, FRAGMENT);
    p.jump(If::Equal, R1, 0, "whole");
    p.set(R8, 0);
    p.go("whole");

    p.label("ipv6");
    until(p, R6, ETHERNET + IPV6);
    for half in [0, 4, 8, 12] {
        p.load(Width::Word, R1, R6, 14 + 8 + half);
        p.store(Width::Word, R10, ADDRESS + half, R1);
        // A source is a /64.
        if half < 8 {
            p.store(Width::Word, R10, SOURCE + half, R1);
        }
    }
    p.load(Width::Byte, R8, R6, 14 + 6);
    p.copy(R9, R6);
    p.add(R9, ETHERNET + IPV6);
    p.label("whole");
}

/// Passes a packet that does not have `bytes` behind `start`: the kernel knows what to do with it.
fn until(p: &mut Program, start: Register, bytes: i32) {
    p.copy(R2, start);
    p.add(R2, bytes);
    p.jump_register(If::Above, R2, R7, "pass");
}

/// R0 = where the value is that belongs to the key at `key` of the frame, or zero.
fn lookup(p: &mut Program, map: u32, key: i16) {
    p.set_map(R1, map);
    p.copy(R2, R10);
    p.add(R2, i32::from(key));
    p.call(LOOKUP);
}

fn blocked(p: &mut Program, maps: Maps) {
    lookup(p, maps.blocked, PREFIX);
    p.jump(If::Different, R0, 0, "count_blocked");
}

/// Only UDP to a port of a game is measured.
fn port(p: &mut Program, maps: Maps) {
    p.jump(If::Different, R8, IS_UDP, "pass");
    until(p, R9, UDP);
    p.load(Width::Half, R1, R9, 2);
    p.swap_network_16(R1);
    p.store(Width::Word, R10, PORT, R1);
    lookup(p, maps.ports, PORT);
    p.jump(If::Equal, R0, 0, "pass");
    p.load(Width::Byte, R1, R0, 0);
    p.jump(If::Equal, R1, 0, "pass");
}

/// A bucket is the moment at which it will be full again (the generic cell rate algorithm, ITU-T I.371): one number, so that
/// two CPUs that change it at once lose a token at most.
fn bucket(p: &mut Program, limits: Limits, maps: Maps) {
    p.call(NOW_NS);
    p.copy(R7, R0);
    lookup(p, maps.buckets, SOURCE);
    p.jump(If::Equal, R0, 0, "new");
    p.load(Width::Double, R1, R0, 0);
    p.jump_register(If::AtLeast, R1, R7, "not_full");
    p.copy(R1, R7);
    p.label("not_full");
    p.copy(R2, R1);
    p.subtract(R2, R7);
    p.set_wide(R3, limits.empty_ns());
    p.jump_register(If::Above, R2, R3, "count_source");
    p.set_wide(R3, limits.token_ns());
    p.add_register(R1, R3);
    p.store(Width::Double, R0, 0, R1);
    p.go("count_measured");

    p.label("new");
    p.set_wide(R3, limits.token_ns());
    p.add_register(R7, R3);
    p.store(Width::Double, R10, BUCKET, R7);
    p.set_map(R1, maps.buckets);
    p.copy(R2, R10);
    p.add(R2, SOURCE.into());
    p.copy(R3, R10);
    p.add(R3, BUCKET.into());
    p.set(R4, 0);
    p.call(UPDATE);
    p.go("count_measured");
}

/// Counts one, and ends with `action`.
fn count(p: &mut Program, label: &'static str, index: u32, action: i32, maps: Maps) {
    let index = i32::try_from(index).expect("invariant: three counters");
    p.label(label);
    p.store_number(Width::Word, R10, INDEX, index);
    lookup(p, maps.counters, INDEX);
    p.copy(R1, R0);
    p.set(R0, action);
    p.jump(If::Equal, R1, 0, "exit");
    // Each CPU has its own.
    p.load(Width::Double, R2, R1, 0);
    p.add(R2, 1);
    p.store(Width::Double, R1, 0, R2);
    p.go("exit");
}
