//! Packets that the firewall of this machine logs: NFLOG (`linux/netfilter/nfnetlink_log.h`).

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Duration;

use tripline_netlink::{Answer, Batch, NETFILTER, Netlink, attributes, flags};

use crate::live::sys;

/// A group of the kernel's log, which nobody else reads.
#[derive(Debug)]
pub struct Log {
    netlink: Netlink,
    group: u16,
}

/// A packet that was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged<'a> {
    /// The kernel's number for the interface that it came in by; 0 if it came by none.
    pub interface: u32,
    /// The packet from its IP header on, as much of it as the rule or [`Log::open`] allows.
    pub bytes: &'a [u8],
}

/// Groups have numbers, not names, and each has one reader; somewhere here one is free.
const GROUPS: std::ops::Range<u16> = 21_700..21_732;

// Messages and attributes of nfnetlink_log.
const SUBSYSTEM: u16 = 4;
const PACKET: u16 = SUBSYSTEM << 8;
const CONFIGURE: u16 = SUBSYSTEM << 8 | 1;
/// A `struct nfgenmsg` precedes the attributes.
const HEAD: usize = 4;
mod configuration {
    pub(super) const COMMAND: u16 = 1;
    pub(super) const MODE: u16 = 2;
    pub(super) const THRESHOLD: u16 = 5;
    pub(super) const BIND: u8 = 1;
    pub(super) const COPY_PACKET: u8 = 2;
}
mod packet {
    pub(super) const INTERFACE: u16 = 4;
    pub(super) const PAYLOAD: u16 = 9;
}

impl Log {
    /// Takes a group that is free. At most `most` bytes of each packet will come. Needs the right
    /// `CAP_NET_ADMIN`, reading does not.
    ///
    /// # Errors
    /// No right, a kernel without NFLOG, or no group that is free.
    pub fn open(most: u32) -> io::Result<Self> {
        let mut netlink = Netlink::open(NETFILTER)?;
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for group in GROUPS {
            match netlink.send(&binding(group, most)) {
                Ok(()) => return Ok(Self { netlink, group }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The number of the group, for the rules that log.
    pub fn group(&self) -> u16 {
        self.group
    }

    /// Waits at most so long, and hands out what was logged.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&mut self, timeout: Duration, mut each: impl FnMut(Logged<'_>)) -> io::Result<()> {
        let fd = self.netlink.as_fd().as_raw_fd();
        let mut fds = [libc::pollfd { fd, events: libc::POLLIN, revents: 0 }];
        if sys::wait(&mut fds, timeout)? > 0 {
            self.netlink.take(|answer| {
                if let Some(logged) = logged(answer) {
                    each(logged);
                }
            })?;
        }
        Ok(())
    }
}

fn binding(group: u16, most: u32) -> Batch {
    let [high, low] = group.to_be_bytes();
    let mut mode = [0; 6];
    mode[..4].copy_from_slice(&most.to_be_bytes());
    mode[4] = configuration::COPY_PACKET;
    let mut batch = Batch::new();
    let head = [libc::AF_UNSPEC as u8, 0, high, low];
    batch.message(CONFIGURE, flags::ACK, &head, |batch| {
        batch.attribute(configuration::COMMAND, &[configuration::BIND]);
        batch.attribute(configuration::MODE, &mode);
        // Each packet at once; the kernel would rather collect a hundred of them.
        batch.attribute(configuration::THRESHOLD, &1_u32.to_be_bytes());
    });
    batch
}

fn logged(answer: Answer<'_>) -> Option<Logged<'_>> {
    if answer.kind != PACKET {
        return None;
    }
    let mut interface = 0;
    let mut bytes = None;
    for attribute in attributes(answer.payload.get(HEAD..)?) {
        match attribute.kind {
            packet::INTERFACE => {
                interface = u32::from_be_bytes(attribute.value.try_into().ok()?);
            }
            packet::PAYLOAD => bytes = Some(attribute.value),
            _ => {}
        }
    }
    bytes.map(|bytes| Logged { interface, bytes })
}
