//! What the kernel lets through to the ring: a classic BPF program (the machine of `McCanne` and
//! Jacobson 1993; bpf(4), `Documentation/networking/filter.rst` of the kernel).
//!
//! Most of a network's bytes are data of sessions that are up, and those decide nothing: an attempt
//! and its outcome are in the segments that open, refuse, acknowledge or close. So [`Filter::Decisive`]
//! passes
//!
//! * everything that is not TCP over IPv4 or IPv6 (ARP, ICMP, UDP, SCTP, tunnels, extension headers),
//! * fragments,
//! * segments with SYN, FIN or RST, or without ACK (stealth scans),
//! * acknowledgements without data: among them the one that proves who opened the session,
//! * the FTP control connection, which announces ports,
//!
//! and drops TCP segments with data. What has been dropped is not unknown: sequence numbers of the
//! segments that close a session tell how much was said in it.

use std::collections::HashMap;
use std::io;
use std::os::fd::BorrowedFd;

use super::interface::Medium;
use super::sys;

/// Which frames come to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// All of them, whole.
    Everything,
    /// Those that decide attempts, cut at so many bytes.
    #[default]
    Decisive,
}

/// Bytes that are kept of a frame: all headers, a quoted packet, and what FTP and DNS announce.
const SNAP_LENGTH: u32 = 512;
const EVERYTHING: u32 = 0x0004_0000;

impl Filter {
    /// Attaches the program to a socket.
    pub(crate) fn attach(self, fd: BorrowedFd<'_>, medium: Medium) -> io::Result<()> {
        let mut program = self.program(medium);
        let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        sys::set_option(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }

    fn program(self, medium: Medium) -> Vec<libc::sock_filter> {
        let mut program = Program::default();
        match self {
            Self::Everything => program.accept(EVERYTHING),
            Self::Decisive => decisive(&mut program, medium),
        }
        program.assemble()
    }
}

// Offsets in headers (RFC 791, 8200, 9293).
const ETHERNET: u32 = 14;
const ETHERNET_KIND: u32 = 12;
const V4_TOTAL: u32 = 2;
const V4_FRAGMENT: u32 = 6;
const V4_PROTOCOL: u32 = 9;
const V6_PAYLOAD: u32 = 4;
const V6_NEXT: u32 = 6;
const V6_HEADER: u32 = 40;
const TCP_DST: u32 = 2;
const TCP_OFFSET: u32 = 12;
const TCP_FLAGS: u32 = 13;

const TCP: u32 = 6;
const SYN_FIN_RST: u32 = 0x07;
const ACK: u32 = 0x10;
const FTP: u32 = 21;

/// In place of an offset: the protocol that the kernel knows the packet by.
const KNOWN_PROTOCOL: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PROTOCOL).cast_unsigned();

fn decisive(program: &mut Program, medium: Medium) {
    // The kernel has taken a first VLAN tag off already; frames with more are passed.
    let (kind, ip) = match medium {
        Medium::Ethernet => (ETHERNET_KIND, ETHERNET),
        Medium::Ip => (KNOWN_PROTOCOL, 0),
    };
    program.load_half(kind);
    program.jump_if_equal(libc::ETH_P_IP as u32, "v4", "not v4");
    program.label("not v4");
    program.jump_if_equal(libc::ETH_P_IPV6 as u32, "v6", "pass");

    program.label("v4");
    program.load_byte(ip + V4_PROTOCOL);
    program.jump_if_equal(TCP, "v4 tcp", "pass");
    program.label("v4 tcp");
    program.load_half(ip + V4_FRAGMENT);
    program.jump_if_any(0x3fff, "pass", "v4 whole");
    program.label("v4 whole");
    // X is the length of the IP header; M[0] that of the segment.
    program.load_header_length_to_x(ip);
    program.load_half(ip + V4_TOTAL);
    program.subtract_x();
    program.store(0);
    program.jump("tcp");

    program.label("v6");
    program.load_byte(ip + V6_NEXT);
    program.jump_if_equal(TCP, "v6 tcp", "pass");
    program.label("v6 tcp");
    program.load_half(ip + V6_PAYLOAD);
    program.store(0);
    program.load_immediate_to_x(V6_HEADER);

    program.label("tcp");
    program.load_byte_at_x(ip + TCP_FLAGS);
    program.jump_if_any(SYN_FIN_RST, "pass", "flags");
    program.label("flags");
    program.jump_if_any(ACK, "acknowledges", "pass");
    program.label("acknowledges");
    program.load_half_at_x(ip);
    program.jump_if_equal(FTP, "pass", "from elsewhere");
    program.label("from elsewhere");
    program.load_half_at_x(ip + TCP_DST);
    program.jump_if_equal(FTP, "pass", "to elsewhere");
    program.label("to elsewhere");
    // The data offset is in words, in the upper half of its byte: shifted by two it is in bytes.
    program.load_byte_at_x(ip + TCP_OFFSET);
    program.and(0xf0);
    program.shift_right(2);
    program.move_to_x();
    program.load(0);
    program.jump_if_equal_x("pass", "drop");

    program.label("pass");
    program.accept(SNAP_LENGTH);
    program.label("drop");
    program.accept(0);
}

/// An assembler with names for places.
#[derive(Debug, Default)]
struct Program {
    instructions: Vec<(libc::sock_filter, Targets)>,
    labels: HashMap<&'static str, usize>,
}

#[derive(Clone, Copy, Debug)]
enum Targets {
    None,
    Always(&'static str),
    Either(&'static str, &'static str),
}

impl Program {
    fn add(&mut self, code: u32, k: u32, targets: Targets) {
        let instruction = libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
        self.instructions.push((instruction, targets));
    }

    fn label(&mut self, name: &'static str) {
        self.labels.insert(name, self.instructions.len());
    }

    fn load_byte(&mut self, at: u32) {
        self.add(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, at, Targets::None);
    }

    fn load_half(&mut self, at: u32) {
        self.add(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, at, Targets::None);
    }

    fn load_byte_at_x(&mut self, at: u32) {
        self.add(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, at, Targets::None);
    }

    fn load_half_at_x(&mut self, at: u32) {
        self.add(libc::BPF_LD | libc::BPF_H | libc::BPF_IND, at, Targets::None);
    }

    fn load_header_length_to_x(&mut self, at: u32) {
        self.add(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, at, Targets::None);
    }

    fn load_immediate_to_x(&mut self, value: u32) {
        self.add(libc::BPF_LDX | libc::BPF_IMM, value, Targets::None);
    }

    fn load(&mut self, cell: u32) {
        self.add(libc::BPF_LD | libc::BPF_MEM, cell, Targets::None);
    }

    fn store(&mut self, cell: u32) {
        self.add(libc::BPF_ST, cell, Targets::None);
    }

    fn subtract_x(&mut self) {
        self.add(libc::BPF_ALU | libc::BPF_SUB | libc::BPF_X, 0, Targets::None);
    }

    fn and(&mut self, value: u32) {
        self.add(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, value, Targets::None);
    }

    fn shift_right(&mut self, bits: u32) {
        self.add(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K, bits, Targets::None);
    }

    fn move_to_x(&mut self) {
        self.add(libc::BPF_MISC | libc::BPF_TAX, 0, Targets::None);
    }

    fn jump(&mut self, to: &'static str) {
        self.add(libc::BPF_JMP | libc::BPF_JA, 0, Targets::Always(to));
    }

    fn jump_if_equal(&mut self, value: u32, then: &'static str, otherwise: &'static str) {
        let code = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        self.add(code, value, Targets::Either(then, otherwise));
    }

    fn jump_if_equal_x(&mut self, then: &'static str, otherwise: &'static str) {
        let code = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_X;
        self.add(code, 0, Targets::Either(then, otherwise));
    }

    fn jump_if_any(&mut self, bits: u32, then: &'static str, otherwise: &'static str) {
        let code = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
        self.add(code, bits, Targets::Either(then, otherwise));
    }

    /// Ends; so many bytes of the frame are kept.
    fn accept(&mut self, bytes: u32) {
        self.add(libc::BPF_RET | libc::BPF_K, bytes, Targets::None);
    }

    /// Puts in how far each jump goes: forward, counted from the instruction behind it.
    fn assemble(self) -> Vec<libc::sock_filter> {
        let Self { instructions, labels } = self;
        let place = |at: usize, label: &str| labels[label] - at - 1;
        let resolve = |(at, (mut instruction, targets)): (usize, (libc::sock_filter, Targets))| {
            match targets {
                Targets::None => {}
                Targets::Always(to) => instruction.k = place(at, to) as u32,
                Targets::Either(then, otherwise) => {
                    instruction.jt = place(at, then) as u8;
                    instruction.jf = place(at, otherwise) as u8;
                }
            }
            instruction
        };
        instructions.into_iter().enumerate().map(resolve).collect()
    }
}
