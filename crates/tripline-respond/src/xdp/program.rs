//! The program, in the instructions of the kernel's machine (RFC 9669), and an assembler for it.

use std::collections::HashMap;

use super::sys::{Instruction, Map};

/// The maps that the program looks into.
pub(super) struct Maps<'a> {
    pub(super) hosts4: &'a Map,
    pub(super) hosts6: &'a Map,
    pub(super) sites6: &'a Map,
}

/// Registers: R0 is what functions give, R1 to R5 are their arguments and lost by a call, R6 to R9
/// are kept, R10 is the end of the stack.
#[derive(Clone, Copy)]
enum Reg {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R10,
}
use Reg::{R0, R1, R2, R3, R4, R5, R6, R7, R10};

impl Reg {
    const fn number(self) -> u8 {
        match self {
            R0 => 0,
            R1 => 1,
            R2 => 2,
            R3 => 3,
            R4 => 4,
            R5 => 5,
            R6 => 6,
            R7 => 7,
            R10 => 10,
        }
    }
}

/// Sizes of loads and stores.
#[derive(Clone, Copy)]
enum Size {
    Byte = 0x10,
    Half = 0x08,
    Word = 0x00,
    Double = 0x18,
}

// Offsets in headers (IEEE 802.3, RFC 791, 8200, 9293).
const ETHERNET: i16 = 14;
const KIND: i16 = 12;
const TAG: i16 = 4;
const V4_FRAGMENT: i16 = 6;
const V4_PROTOCOL: i16 = 9;
const V4_SOURCE: i16 = 12;
const V4_HEADER: i16 = 20;
const V6_NEXT: i16 = 6;
const V6_SOURCE: i16 = 8;
const V6_HEADER: i16 = 40;
const TCP_FLAGS: i16 = 13;
const TCP_BEGIN: i16 = 14;
const TCP: i32 = 6;
const SYN_AND_ACK: i32 = 0x12;
const SYN: i32 = 0x02;
/// Version 4, five words: options are left to nftables.
const V4_PLAIN: i32 = 0x45;

// What `struct xdp_md` begins with.
const DATA: i16 = 0;
const DATA_END: i16 = 4;
const XDP_DROP: i32 = 1;
const XDP_PASS: i32 = 2;
// Functions of the kernel (`linux/bpf.h`).
const MAP_LOOKUP: i32 = 1;
const KTIME: i32 = 5;

/// A number of two bytes as it is loaded from a packet.
const fn wire(number: u16) -> i32 {
    number.to_be() as i32
}

pub(super) fn assemble(maps: &Maps<'_>) -> Vec<Instruction> {
    let mut program = Program::default();
    let p = &mut program;
    p.load(Size::Word, R2, R1, DATA);
    p.load(Size::Word, R3, R1, DATA_END);
    p.copy(R7, R2);
    p.add(R7, ETHERNET);
    p.jump_beyond(R7, R3, "pass");
    p.load(Size::Half, R5, R2, KIND);
    for (tag, behind) in [("one tag", "no tag"), ("two tags", "no second tag")] {
        p.jump_if_equal(R5, wire(0x8100), tag);
        p.jump_if_equal(R5, wire(0x88a8), tag);
        p.jump(behind);
        p.label(tag);
        // The kind behind a tag is its last two bytes.
        p.copy(R4, R7);
        p.add(R4, TAG);
        p.jump_beyond(R4, R3, "pass");
        p.load(Size::Half, R5, R7, 2);
        p.copy(R7, R4);
        p.label(behind);
    }
    p.jump_if_equal(R5, wire(0x0800), "v4");
    p.jump_if_equal(R5, wire(0x86dd), "v6");
    p.jump("pass");

    p.label("v4");
    p.within(V4_HEADER + TCP_BEGIN);
    p.load(Size::Byte, R4, R7, 0);
    p.jump_unless_equal(R4, V4_PLAIN, "pass");
    p.load(Size::Byte, R4, R7, V4_PROTOCOL);
    p.jump_unless_equal(R4, TCP, "pass");
    p.load(Size::Half, R4, R7, V4_FRAGMENT);
    p.and(R4, wire(0x3fff));
    p.jump_unless_equal(R4, 0, "pass");
    p.only_syn(V4_HEADER);
    p.load(Size::Word, R4, R7, V4_SOURCE);
    p.store(Size::Word, -16, R4);
    p.look_up(maps.hosts4);
    p.jump_if_equal(R0, 0, "pass");
    p.jump("found");

    p.label("v6");
    p.within(V6_HEADER + TCP_BEGIN);
    p.load(Size::Byte, R4, R7, V6_NEXT);
    p.jump_unless_equal(R4, TCP, "pass");
    p.only_syn(V6_HEADER);
    p.load(Size::Double, R4, R7, V6_SOURCE);
    p.store(Size::Double, -16, R4);
    p.load(Size::Double, R4, R7, V6_SOURCE + 8);
    p.store(Size::Double, -8, R4);
    p.look_up(maps.hosts6);
    p.jump_unless_equal(R0, 0, "found");
    p.look_up(maps.sites6);
    p.jump_if_equal(R0, 0, "pass");

    p.label("found");
    p.copy(R6, R0);
    p.call(KTIME);
    p.load(Size::Double, R1, R6, 0);
    p.jump_if_not_below(R0, R1, "pass");
    p.count(R6, 8);
    p.set(R0, XDP_DROP);
    p.exit();
    p.label("pass");
    p.set(R0, XDP_PASS);
    p.exit();
    program.assemble()
}

/// An assembler with names for places.
#[derive(Default)]
struct Program {
    instructions: Vec<(Instruction, Option<&'static str>)>,
    labels: HashMap<&'static str, usize>,
}

// Classes and operations of instructions.
const LOAD: u8 = 0x61;
const STORE: u8 = 0x63;
const LOAD_MAP: u8 = 0x18;
const COUNT: u8 = 0xdb;
const COPY: u8 = 0xbf;
const SET: u8 = 0xb7;
const ADD: u8 = 0x07;
const AND: u8 = 0x57;
const JUMP: u8 = 0x05;
const JUMP_EQUAL: u8 = 0x15;
const JUMP_NOT_EQUAL: u8 = 0x55;
const JUMP_GREATER: u8 = 0x2d;
const JUMP_NOT_BELOW: u8 = 0x3d;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// In place of a register: the number is a map's descriptor.
const PSEUDO_MAP: u8 = 1;

impl Program {
    fn emit(&mut self, code: u8, dst: u8, src: u8, offset: i16, immediate: i32) {
        self.instructions.push((Instruction::new(code, dst, src, offset, immediate), None));
    }

    fn emit_jump(&mut self, code: u8, dst: u8, src: u8, immediate: i32, to: &'static str) {
        let instruction = Instruction::new(code, dst, src, 0, immediate);
        self.instructions.push((instruction, Some(to)));
    }

    fn label(&mut self, name: &'static str) {
        self.labels.insert(name, self.instructions.len());
    }

    fn load(&mut self, size: Size, into: Reg, from: Reg, offset: i16) {
        self.emit(LOAD | size as u8, into.number(), from.number(), offset, 0);
    }

    /// Onto the stack.
    fn store(&mut self, size: Size, offset: i16, from: Reg) {
        self.emit(STORE | size as u8, R10.number(), from.number(), offset, 0);
    }

    fn copy(&mut self, into: Reg, from: Reg) {
        self.emit(COPY, into.number(), from.number(), 0, 0);
    }

    fn set(&mut self, into: Reg, value: i32) {
        self.emit(SET, into.number(), 0, 0, value);
    }

    fn add(&mut self, to: Reg, value: i16) {
        self.emit(ADD, to.number(), 0, 0, value.into());
    }

    fn and(&mut self, to: Reg, value: i32) {
        self.emit(AND, to.number(), 0, 0, value);
    }

    /// Adds one to a number in memory, whoever else does so at the same time.
    fn count(&mut self, at: Reg, offset: i16) {
        self.set(R1, 1);
        self.emit(COUNT, at.number(), R1.number(), offset, 0);
    }

    fn jump(&mut self, to: &'static str) {
        self.emit_jump(JUMP, 0, 0, 0, to);
    }

    fn jump_if_equal(&mut self, left: Reg, right: i32, to: &'static str) {
        self.emit_jump(JUMP_EQUAL, left.number(), 0, right, to);
    }

    fn jump_unless_equal(&mut self, left: Reg, right: i32, to: &'static str) {
        self.emit_jump(JUMP_NOT_EQUAL, left.number(), 0, right, to);
    }

    fn jump_beyond(&mut self, left: Reg, right: Reg, to: &'static str) {
        self.emit_jump(JUMP_GREATER, left.number(), right.number(), 0, to);
    }

    fn jump_if_not_below(&mut self, left: Reg, right: Reg, to: &'static str) {
        self.emit_jump(JUMP_NOT_BELOW, left.number(), right.number(), 0, to);
    }

    fn call(&mut self, function: i32) {
        self.emit(CALL, 0, 0, 0, function);
    }

    fn exit(&mut self) {
        self.emit(EXIT, 0, 0, 0, 0);
    }

    /// Goes on only if so many bytes from R7 on are there.
    fn within(&mut self, length: i16) {
        self.copy(R4, R7);
        self.add(R4, length);
        self.jump_beyond(R4, R3, "pass");
    }

    /// Goes on only with a SYN without ACK.
    fn only_syn(&mut self, header: i16) {
        self.load(Size::Byte, R4, R7, header + TCP_FLAGS);
        self.and(R4, SYN_AND_ACK);
        self.jump_unless_equal(R4, SYN, "pass");
    }

    /// Looks up the key at the place for it on the stack.
    fn look_up(&mut self, map: &Map) {
        self.emit(LOAD_MAP, R1.number(), PSEUDO_MAP, 0, map.number());
        // The second half of an instruction for 64 bits.
        self.emit(0, 0, 0, 0, 0);
        self.copy(R2, R10);
        self.add(R2, -16);
        self.call(MAP_LOOKUP);
    }

    /// Puts in how far each jump goes, counted from the instruction behind it.
    fn assemble(self) -> Vec<Instruction> {
        let Self { instructions, labels } = self;
        let resolve = |(at, (instruction, to)): (usize, (Instruction, Option<&str>))| match to {
            // The program has a hundred instructions.
            Some(to) => instruction.jumping(i16::try_from(labels[to] - at - 1).unwrap_or(i16::MAX)),
            None => instruction,
        };
        instructions.into_iter().enumerate().map(resolve).collect()
    }
}
