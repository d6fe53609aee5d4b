//! The calls into the kernel, each wrapped as narrowly as it can be: bpf(2) has no safe interface.
#![expect(unsafe_code, reason = "bpf(2) and clock_gettime(2) have no safe interface")]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// An instruction: operation, registers, offset, number.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

impl Instruction {
    pub(super) const fn new(code: u8, dst: u8, src: u8, offset: i16, immediate: i32) -> Self {
        Self { code, registers: src << 4 | dst, offset, immediate }
    }

    pub(super) const fn jumping(self, offset: i16) -> Self {
        Self { offset, ..self }
    }
}

// Commands of bpf(2), and what their attributes name.
const MAP_CREATE: libc::c_int = 0;
const MAP_LOOKUP: libc::c_int = 1;
const MAP_UPDATE: libc::c_int = 2;
const MAP_DELETE: libc::c_int = 3;
const PROG_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;
const TYPE_HASH: u32 = 1;
const NO_PREALLOCATION: u32 = 1;
const TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;
const GENERIC: u32 = 1 << 1;

/// Attributes of a command; the kernel takes shorter ones than it knows.
///
/// # Safety
/// Structures of integers without padding, whose pointers are valid for the call.
unsafe trait Attributes {}

#[repr(C)]
struct CreateMap {
    kind: u32,
    key_size: u32,
    value_size: u32,
    entries: u32,
    flags: u32,
}

#[repr(C)]
struct Element {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

#[repr(C)]
struct CreateLink {
    program: u32,
    interface: u32,
    kind: u32,
    flags: u32,
}

// SAFETY: integers, laid out so that there is no padding.
unsafe impl Attributes for CreateMap {}
// SAFETY: as above; the pointers are made from references that outlive the call.
unsafe impl Attributes for Element {}
// SAFETY: as above.
unsafe impl Attributes for Load {}
// SAFETY: integers.
unsafe impl Attributes for CreateLink {}

fn bpf<T: Attributes>(command: libc::c_int, attributes: &T) -> io::Result<libc::c_int> {
    let size = size_of::<T>() as libc::c_uint;
    // SAFETY: the attributes are as many bytes as we say, and the trait promises the rest.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as libc::c_int) }
}

fn descriptor<T: Attributes>(command: libc::c_int, attributes: &T) -> io::Result<OwnedFd> {
    let number = bpf(command, attributes)?;
    // SAFETY: the command gave a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn address<T: ?Sized>(of: &T) -> u64 {
    std::ptr::from_ref(of).cast::<u8>() as u64
}

/// What is kept of a source: until when its SYNs are dropped, in nanoseconds of the machine's running
/// time, and how many were.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Value {
    until: u64,
    packets: u64,
}

/// A table that the program looks into.
#[derive(Debug)]
pub(super) struct Map {
    fd: OwnedFd,
    key_size: usize,
}

impl Map {
    pub(super) fn create(key_size: u32, entries: u32) -> io::Result<Self> {
        let value_size = size_of::<Value>() as u32;
        let attributes =
            CreateMap { kind: TYPE_HASH, key_size, value_size, entries, flags: NO_PREALLOCATION };
        let fd = descriptor(MAP_CREATE, &attributes)?;
        Ok(Self { fd, key_size: key_size as usize })
    }

    pub(super) fn number(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    fn element(&self, key: &[u8], value: u64) -> Element {
        assert_eq!(key.len(), self.key_size, "a key of another map");
        let map = self.fd.as_raw_fd().cast_unsigned();
        Element { map, padding: 0, key: address(key), value, flags: 0 }
    }

    pub(super) fn put(&self, key: &[u8], until: u64) -> io::Result<()> {
        let value = Value { until, packets: self.packets(key)? };
        bpf(MAP_UPDATE, &self.element(key, address(&value))).map(drop)
    }

    pub(super) fn remove(&self, key: &[u8]) -> io::Result<()> {
        absent_is_fine(bpf(MAP_DELETE, &self.element(key, 0))).map(drop)
    }

    pub(super) fn packets(&self, key: &[u8]) -> io::Result<u64> {
        let mut value = Value::default();
        let place = std::ptr::from_mut(&mut value).cast::<u8>() as u64;
        absent_is_fine(bpf(MAP_LOOKUP, &self.element(key, place)))?;
        Ok(value.packets)
    }
}

fn absent_is_fine(result: io::Result<libc::c_int>) -> io::Result<libc::c_int> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        other => other,
    }
}

/// Loads a program; an error carries what the kernel's verifier says against it.
pub(super) fn load(instructions: &[Instruction]) -> io::Result<OwnedFd> {
    // It calls only functions that any program may call; still the kernel wants a word.
    let license = c"Dual MIT/GPL";
    let mut log = vec![0_u8; 1 << 16];
    let mut name = [0; 16];
    name[..8].copy_from_slice(b"tripline");
    let attributes = Load {
        kind: TYPE_XDP,
        count: instructions.len() as u32,
        instructions: address(instructions),
        license: address(license),
        log_level: 1,
        log_size: log.len() as u32,
        log: std::ptr::from_mut(log.as_mut_slice()).cast::<u8>() as u64,
        kernel_version: 0,
        flags: 0,
        name,
    };
    descriptor(PROG_LOAD, &attributes).map_err(|error| {
        let said = String::from_utf8_lossy(&log);
        let said = said.trim_end_matches('\0').trim();
        match said.lines().rev().find(|line| !line.starts_with("processed")) {
            Some(line) => io::Error::new(error.kind(), format!("{error}: {line}")),
            None => error,
        }
    })
}

/// The tie of a program to an interface; it is cut when this is closed.
#[derive(Debug)]
pub(super) struct Link {
    _fd: OwnedFd,
}

impl Link {
    /// At the driver, or, where that cannot, as soon as the kernel has the packet.
    pub(super) fn attach(program: &OwnedFd, interface: u32) -> io::Result<Self> {
        let program = program.as_raw_fd().cast_unsigned();
        let create = |flags| {
            descriptor(LINK_CREATE, &CreateLink { program, interface, kind: ATTACH_XDP, flags })
        };
        create(0).or_else(|_| create(GENERIC)).map(|fd| Self { _fd: fd })
    }
}

/// The clock that the program reads, in nanoseconds.
pub(super) fn monotonic() -> io::Result<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure lives as long as the call.
    if unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned())
}
