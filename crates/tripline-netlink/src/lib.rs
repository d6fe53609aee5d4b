//! Netlink (netlink(7), RFC 3549): requests to the kernel, and its answers.
//!
//! A request is a [`Batch`] of messages, each a header, a fixed structure and attributes that may
//! nest. [`Netlink::send`] waits until the kernel has acknowledged every message that asks for it,
//! [`Netlink::dump`] hands out all that the kernel has to tell.
#![cfg(target_os = "linux")]

mod message;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_sys::{Socket, SocketAddr};

pub use message::{Answer, Attribute, Batch, attributes};
use message::{Answers, Kind};

/// `NETLINK_SOCK_DIAG`: questions about sockets (`sock_diag(7)`).
pub const SOCK_DIAG: isize = 4;
/// `NETLINK_NETFILTER`: nftables and its kin.
pub const NETFILTER: isize = 12;

/// Flags of a request (netlink(7)).
pub mod flags {
    /// It is a request.
    pub const REQUEST: u16 = 0x001;
    /// The kernel shall say that it is done.
    pub const ACK: u16 = 0x004;
    /// All entries of a table.
    pub const DUMP: u16 = 0x300;
    /// Fails if the thing is there already.
    pub const EXCLUSIVE: u16 = 0x200;
    /// Makes the thing if it is not there.
    pub const CREATE: u16 = 0x400;
}

/// A socket to one of the kernel's netlink families.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    buffer: Vec<u8>,
}

/// The kernel fills up to this much in one go.
const BUFFER: usize = 64 << 10;
/// `MSG_DONTWAIT` of recv(2).
const DONT_WAIT: i32 = 0x40;
/// `ENOBUFS`: messages were dropped.
const NO_ROOM: i32 = 105;

impl Netlink {
    /// Opens a socket to a family.
    ///
    /// # Errors
    /// The kernel does not know the family.
    pub fn open(family: isize) -> io::Result<Self> {
        let mut socket = Socket::new(family)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_rx_buf_sz(1 << 20)?;
        Ok(Self { socket, buffer: vec![0; BUFFER] })
    }

    /// Sends messages and waits until all that ask for it are acknowledged.
    ///
    /// # Errors
    /// The kernel's, of the first message that it refuses. Of a batch that nftables refuses nothing
    /// is done; other families stop there.
    pub fn send(&mut self, batch: &Batch) -> io::Result<()> {
        self.socket.send(batch.bytes(), 0)?;
        let mut open = batch.acknowledgements();
        let mut refused = None;
        // The kernel has worked through the batch when `send` returns, and all it has to say waits.
        while let Some(length) = self.receive_now()? {
            for answer in Answers::new(&self.buffer[..length]) {
                match answer.kind {
                    Kind::Status(0) => open = open.saturating_sub(1),
                    Kind::Status(code) => {
                        refused.get_or_insert(io::Error::from_raw_os_error(-code));
                    }
                    Kind::Data(_) | Kind::Done => {}
                }
            }
        }
        match refused {
            Some(error) => Err(error),
            None if open > 0 => Err(io::Error::other("the kernel did not answer")),
            None => Ok(()),
        }
    }

    /// Sends one message and hands out everything that comes back.
    ///
    /// # Errors
    /// The kernel's. `ErrorKind::Interrupted` when the table changed while it was told: ask again.
    pub fn dump(&mut self, request: &Batch, mut each: impl FnMut(Answer<'_>)) -> io::Result<()> {
        self.socket.send(request.bytes(), 0)?;
        let mut changed = false;
        loop {
            let length = self.receive()?;
            for answer in Answers::new(&self.buffer[..length]) {
                changed |= answer.is_interrupted;
                match answer.kind {
                    Kind::Data(kind) => each(Answer { kind, payload: answer.payload }),
                    Kind::Done if changed => return Err(io::ErrorKind::Interrupted.into()),
                    Kind::Done | Kind::Status(0) => return Ok(()),
                    Kind::Status(code) => return Err(io::Error::from_raw_os_error(-code)),
                }
            }
        }
    }

    /// Hands out what the kernel has sent by itself, one datagram of it. `false` if nothing waits;
    /// it does when the socket is ready to be read.
    ///
    /// # Errors
    /// The kernel's. What it had no room for is lost, which is no error.
    pub fn take(&mut self, mut each: impl FnMut(Answer<'_>)) -> io::Result<bool> {
        let length = match self.receive_now() {
            Ok(Some(length)) => length,
            Ok(None) => return Ok(false),
            Err(error) if error.raw_os_error() == Some(NO_ROOM) => return Ok(true),
            Err(error) => return Err(error),
        };
        for answer in Answers::new(&self.buffer[..length]) {
            if let Kind::Data(kind) = answer.kind {
                each(Answer { kind, payload: answer.payload });
            }
        }
        Ok(true)
    }

    fn receive(&mut self) -> io::Result<usize> {
        self.socket.recv(&mut self.buffer.as_mut_slice(), 0)
    }

    /// What waits, `None` if nothing does.
    fn receive_now(&mut self) -> io::Result<Option<usize>> {
        match self.socket.recv(&mut self.buffer.as_mut_slice(), DONT_WAIT) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
