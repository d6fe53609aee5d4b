//! Who listens on this machine.
//!
//! This is the inventory that cannot be wrong: what nobody listens on is not offered by this
//! machine. (What is forwarded to a container or another host shows by answering.)

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use super::sockets::{Socket, Sockets, State, Transport};

/// A socket that takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Listener {
    /// Protocol.
    pub transport: Transport,
    /// The address that it is bound to; `None`: all of the machine.
    pub address: Option<IpAddr>,
    /// Where it listens on all addresses, whether those of IPv4 are among them.
    pub v4: bool,
    /// The same for IPv6.
    pub v6: bool,
    /// Port.
    pub port: u16,
}

/// The way to the kernel's table of them.
#[derive(Debug)]
pub struct Listening(Sockets);

impl Listening {
    /// Opens it.
    ///
    /// # Errors
    /// The kernel was built without it.
    pub fn open() -> io::Result<Self> {
        Sockets::open().map(Self)
    }

    /// Reads the table.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&mut self) -> io::Result<BTreeSet<Listener>> {
        let mut found = BTreeSet::new();
        for transport in [Transport::Tcp, Transport::Udp, Transport::Sctp] {
            let sockets = self.0.read(transport, State::Listening)?;
            found.extend(sockets.iter().filter_map(|socket| listener(transport, socket)));
        }
        Ok(found)
    }
}

fn listener(transport: Transport, socket: &Socket) -> Option<Listener> {
    let (address, port) = socket.local;
    // A socket without a port has not been bound yet.
    (port != 0).then(|| Listener {
        transport,
        address: (!address.is_unspecified()).then_some(address.to_canonical()),
        v4: address.is_ipv4() || !socket.v6_only,
        v6: address.is_ipv6(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn listeners_come_and_go() {
        let mut listening = Listening::open().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let every = TcpListener::bind("[::]:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp_port = tcp.local_addr().unwrap().port();
        let every_port = every.local_addr().unwrap().port();
        let udp_port = udp.local_addr().unwrap().port();
        let mut find = |transport, port| {
            let all = listening.read().unwrap();
            all.into_iter().find(|found| (found.transport, found.port) == (transport, port))
        };
        let found = find(Transport::Tcp, tcp_port).unwrap();
        assert_eq!(found.address, Some(IpAddr::from([127, 0, 0, 1])));
        let found = find(Transport::Tcp, every_port).unwrap();
        assert_eq!((found.address, found.v4, found.v6), (None, true, true));
        assert!(find(Transport::Udp, udp_port).is_some());
        drop(tcp);
        assert_eq!(find(Transport::Tcp, tcp_port), None);
    }
}
