//! The kernel's table of sockets: `sock_diag(7)`, `inet_diag.h`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tripline_netlink::{Answer, Batch, Netlink, SOCK_DIAG, attributes, flags};

/// Protocol of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// What a socket is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It takes calls from anybody.
    Listening,
    /// It has a peer.
    Connected,
}

/// A socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    pub(super) local: (IpAddr, u16),
    pub(super) remote: (IpAddr, u16),
    /// A socket of IPv6 that leaves IPv4 to others.
    pub(super) v6_only: bool,
}

/// The way to the table.
#[derive(Debug)]
pub(super) struct Sockets(Netlink);

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `INET_DIAG_SKV6ONLY`: one byte.
const V6_ONLY: u16 = 11;
// States of TCP. UDP has borrowed two of them: connected, and 7 for not connected.
const ESTABLISHED: u8 = 1;
const UNCONNECTED: u8 = 7;
const LISTEN: u8 = 10;
const V4: u8 = libc::AF_INET as u8;
const V6: u8 = libc::AF_INET6 as u8;
/// A table that changes all the time is told in pieces that need not fit together; nobody tries
/// for ever. What comes or goes in this very moment is seen the next time.
const ATTEMPTS: usize = 8;

impl Sockets {
    pub(super) fn open() -> io::Result<Self> {
        Netlink::open(SOCK_DIAG).map(Self)
    }

    /// All sockets of a protocol that are in a state.
    pub(super) fn read(&mut self, transport: Transport, state: State) -> io::Result<Vec<Socket>> {
        let mut found = Vec::new();
        for family in [V4, V6] {
            let request = request(transport, state, family);
            for _ in 0..ATTEMPTS {
                let before = found.len();
                match self.0.dump(&request, |answer| found.extend(socket(answer))) {
                    Ok(()) => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                        found.truncate(before);
                    }
                    // No module for that protocol, so nobody uses it.
                    Err(error) if is_absent(&error) => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(found)
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EPROTONOSUPPORT))
}

/// A `struct inet_diag_req_v2`: family, protocol, extensions, padding, states, and no socket in
/// particular.
fn request(transport: Transport, state: State, family: u8) -> Batch {
    let protocol = match transport {
        Transport::Tcp => libc::IPPROTO_TCP,
        Transport::Udp => libc::IPPROTO_UDP,
        Transport::Sctp => libc::IPPROTO_SCTP,
    };
    let state = match (state, transport) {
        (State::Connected, _) => ESTABLISHED,
        (State::Listening, Transport::Udp) => UNCONNECTED,
        (State::Listening, _) => LISTEN,
    };
    let mut head = [0; 56];
    head[0] = family;
    head[1] = protocol as u8;
    head[4..8].copy_from_slice(&(1_u32 << state).to_ne_bytes());
    let mut batch = Batch::new();
    batch.message(SOCK_DIAG_BY_FAMILY, flags::DUMP, &head, |_| {});
    batch
}

/// A `struct inet_diag_msg`: family, state, timer, retransmissions; the ports in network order; the
/// addresses, sixteen bytes each; the rest does not matter here.
fn socket(answer: Answer<'_>) -> Option<Socket> {
    const LENGTH: usize = 72;
    let (head, rest) = answer.payload.split_at_checked(LENGTH)?;
    let port = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let address = |at: usize| -> Option<IpAddr> {
        Some(match head[0] {
            V4 => Ipv4Addr::from(*head[at..].first_chunk::<4>()?).into(),
            V6 => Ipv6Addr::from(*head[at..].first_chunk::<16>()?).into(),
            _ => return None,
        })
    };
    Some(Socket {
        local: (address(8)?, port(4)),
        remote: (address(24)?, port(6)),
        v6_only: attributes(rest).any(|found| found.kind == V6_ONLY && found.value == [1]),
    })
}
