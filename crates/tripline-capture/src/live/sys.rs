//! The calls into the kernel that live capture needs, each wrapped as narrowly as it can be.
#![expect(unsafe_code, reason = "sockets options and shared memory have no safe interface in std")]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Plain data that the kernel may fill or read: any bits are a value, and there is no padding that
/// matters.
///
/// # Safety
/// Holds for C structures of integers, and for integers.
pub(crate) unsafe trait Plain: Copy {}

// SAFETY: structures of integers, as the kernel's headers define them.
unsafe impl Plain for c_int {}
unsafe impl Plain for u32 {}
unsafe impl Plain for libc::tpacket_req3 {}
unsafe impl Plain for libc::tpacket_stats_v3 {}
unsafe impl Plain for libc::packet_mreq {}
unsafe impl Plain for libc::sock_fprog {}

/// A socket that is closed on exec.
pub(crate) fn socket(domain: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call gave a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `setsockopt` with a plain value.
pub(crate) fn set_option<T: Plain>(
    fd: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &T,
) -> io::Result<()> {
    let value = std::ptr::from_ref(value).cast::<c_void>();
    // SAFETY: `value` points to as many readable bytes as we say.
    check(unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, value, size_of::<T>() as libc::socklen_t)
    })
}

/// `getsockopt` of a plain value.
pub(crate) fn option<T: Plain>(fd: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` has room for as many bytes as we say.
    check(unsafe {
        let room = value.as_mut_ptr().cast::<c_void>();
        libc::getsockopt(fd.as_raw_fd(), level, name, room, &raw mut length)
    })?;
    // SAFETY: it was zeroed, and every bit pattern is a value of a plain type.
    Ok(unsafe { value.assume_init() })
}

/// Binds a packet socket to an interface; from here on it gets packets.
pub(crate) fn bind_packet(fd: BorrowedFd<'_>, interface: u32) -> io::Result<()> {
    // SAFETY: all bits zero is a valid address of this kind.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = interface.cast_signed();
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the address lives as long as the call, and has the length that we say.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) })
}

/// Waits until one of the sockets has something, at most so long. An interruption counts as
/// nothing: whoever was signalled looks at the signal.
pub(crate) fn wait(fds: &mut [libc::pollfd], timeout: Duration) -> io::Result<usize> {
    // Rounded up, or a last fraction of a millisecond would be waited for in a busy loop.
    let millis = timeout.as_nanos().div_ceil(1_000_000).min(c_int::MAX as u128) as c_int;
    // SAFETY: the slice is valid for its own length.
    let ready = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, millis) };
    match usize::try_from(ready) {
        Ok(ready) => Ok(ready),
        Err(_) => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            error => Err(error),
        },
    }
}

fn check(result: c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Memory that is shared with the kernel.
#[derive(Debug)]
pub(crate) struct Shared {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the memory belongs to the mapping, not to a thread.
unsafe impl Send for Shared {}

impl Shared {
    /// Maps the ring of a packet socket.
    pub(crate) fn map(fd: BorrowedFd<'_>, length: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: a new mapping at a place of the kernel's choice; nothing of ours is touched.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), length, protection, flags, fd.as_raw_fd(), 0)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }

    /// A word on which both sides agree whose turn it is.
    pub(crate) fn word(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(4) && at + 4 <= self.length, "no such word: {at}");
        // SAFETY: inside the mapping, aligned, and only ever accessed as an atomic by us.
        unsafe { AtomicU32::from_ptr(self.start.as_ptr().add(at).cast()) }
    }

    /// Bytes that the kernel has handed over.
    ///
    /// # Safety
    /// The kernel must have handed the block that they lie in over, and not have got it back as
    /// long as the bytes are borrowed.
    pub(crate) unsafe fn bytes(&self, at: usize, length: usize) -> &[u8] {
        assert!(at.checked_add(length).is_some_and(|end| end <= self.length), "beyond the ring");
        // SAFETY: inside the mapping, and ours as the caller promises.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(at), length) }
    }

    /// The same for writing.
    ///
    /// # Safety
    /// As for [`Shared::bytes`].
    pub(crate) unsafe fn bytes_mut(&mut self, at: usize, length: usize) -> &mut [u8] {
        assert!(at.checked_add(length).is_some_and(|end| end <= self.length), "beyond the ring");
        // SAFETY: inside the mapping, ours as the caller promises, and borrowed once.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().add(at), length) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: mapped by us with this length; nobody can hold bytes of it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
