//! Sends segments as they are: raw sockets (raw(7), ipv6(7)).

use std::io::IoSlice;
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn,
    SockaddrIn6, SockaddrLike, sendmsg, socket,
};

use super::segment::Segment;

/// One socket for each family. What is sent has its IP header already.
#[derive(Debug)]
pub struct Sender {
    v4: OwnedFd,
    /// A kernel may have been built, or started, without.
    v6: Option<OwnedFd>,
}

impl Sender {
    /// Opens them; needs the right `CAP_NET_RAW`.
    ///
    /// # Errors
    /// No right.
    pub fn open() -> std::io::Result<Self> {
        // This protocol stands for "a header is there", and nothing is ever received by it.
        let open =
            |family| socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw);
        Ok(Self { v4: open(AddressFamily::Inet)?, v6: open(AddressFamily::Inet6).ok() })
    }

    /// Sends a segment; `interface` is where its receiver lives if his address is one of the link
    /// (0: unknown). What cannot be sent is lost.
    pub fn send(&self, segment: &Segment, interface: u32) {
        let bytes = segment.bytes();
        // The way out may depend on the address that we send from.
        match (IpAddr::from(segment.from.0), IpAddr::from(segment.to.0)) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let from = in_addr { s_addr: u32::from_ne_bytes(from.octets()) };
                let nobody = in_addr { s_addr: 0 };
                let info = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: from, ipi_addr: nobody };
                let to = SockaddrIn::from(SocketAddrV4::new(to, 0));
                send(&self.v4, &bytes, ControlMessage::Ipv4PacketInfo(&info), &to);
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let Some(v6) = &self.v6 else { return };
                let scope = if to.is_unicast_link_local() { interface } else { 0 };
                let from = in6_addr { s6_addr: from.octets() };
                let info = in6_pktinfo { ipi6_addr: from, ipi6_ifindex: scope };
                let to = SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, scope));
                send(v6, &bytes, ControlMessage::Ipv6PacketInfo(&info), &to);
            }
            _ => {}
        }
    }
}

fn send<T: SockaddrLike>(by: &OwnedFd, bytes: &[u8], from: ControlMessage<'_>, to: &T) {
    let flags = MsgFlags::MSG_DONTWAIT;
    let _ = sendmsg(by.as_raw_fd(), &[IoSlice::new(bytes)], &[from], flags, Some(to));
}
