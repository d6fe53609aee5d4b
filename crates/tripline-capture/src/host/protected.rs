//! The addresses that this machine cannot do without: whoever cuts one of them off has done the
//! attacker's work. They are found, not asked for, because nobody keeps such a list up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use tripline_netlink::{Batch, Netlink, attributes, flags};

use super::logins::logins;
use super::sockets::{Socket, Sockets, State, Transport};
use crate::live::Interface;

/// Why an address must never be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is this machine.
    Own,
    /// A way out of this network leads through it.
    Gateway,
    /// It answers our questions for names.
    Resolver,
    /// It gave us our address.
    DhcpServer,
    /// We set our clock by it.
    TimeServer,
    /// Somebody administers this machine from there right now.
    Administrator,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "an address of this machine",
            Self::Gateway => "a gateway of this machine",
            Self::Resolver => "a name server of this machine",
            Self::DhcpServer => "the DHCP server of this machine",
            Self::TimeServer => "a time server of this machine",
            Self::Administrator => "an administrator is logged in from there",
        })
    }
}

/// Addresses that must not be touched, each with the first reason that was found.
pub type Protected = BTreeMap<IpAddr, Reason>;

/// Where administrators come in, unless the settings name other ports.
pub const ADMIN_PORTS: [u16; 1] = [22];

/// Finds them all, again and again.
///
/// Who has a session on an administrator's port is one only after a while: anybody can open one and
/// say nothing, and sshd ends those of whom nobody has logged in (`LoginGraceTime`, two minutes).
#[derive(Debug)]
pub struct Guard {
    admin_ports: Vec<u16>,
    /// How long a session must have been there.
    after: Duration,
    /// Sessions on those ports, and since when they have been there.
    sessions: BTreeMap<Session, Instant>,
    began: Instant,
}

/// A session, by its ends.
type Session = ((IpAddr, u16), (IpAddr, u16));

impl Guard {
    /// Administrators come in at these ports, and have a session for so long.
    pub fn new(admin_ports: Vec<u16>, after: Duration) -> Self {
        Self { admin_ports, after, sessions: BTreeMap::new(), began: Instant::now() }
    }

    /// Goes on with other ports and another time.
    pub fn reconfigure(&mut self, admin_ports: Vec<u16>, after: Duration) {
        (self.admin_ports, self.after) = (admin_ports, after);
    }

    /// Finds them.
    ///
    /// # Errors
    /// The kernel does not tell; files that are not there are no error.
    pub fn read(&mut self) -> io::Result<Protected> {
        self.read_under(Path::new("/"))
    }

    fn read_under(&mut self, root: &Path) -> io::Result<Protected> {
        let mut sockets = Sockets::open()?;
        let tcp = sockets.read(Transport::Tcp, State::Connected)?;
        let udp = sockets.read(Transport::Udp, State::Connected)?;
        let administrators = self.administrators(&tcp, Instant::now());
        protected_under(root, &udp, administrators)
    }

    fn administrators(&mut self, sessions: &[Socket], now: Instant) -> Vec<IpAddr> {
        let is_admin = |socket: &&Socket| self.admin_ports.contains(&socket.local.1);
        let there: BTreeSet<Session> =
            sessions.iter().filter(is_admin).map(|socket| (socket.local, socket.remote)).collect();
        self.sessions.retain(|session, _| there.contains(session));
        // Those that were there when we came are as old as they can be.
        let since = if self.sessions.is_empty() && now.duration_since(self.began) < FIRST {
            now.checked_sub(self.after).unwrap_or(now)
        } else {
            now
        };
        for session in &there {
            self.sessions.entry(*session).or_insert(since);
        }
        let is_old = |since: &Instant| now.duration_since(*since) >= self.after;
        let old = self.sessions.iter().filter(|(_, since)| is_old(since));
        old.map(|((_, remote), _)| remote.0).collect()
    }
}

/// What is there in this time was there when we came.
const FIRST: Duration = Duration::from_millis(500);

fn protected_under(
    root: &Path,
    udp: &[Socket],
    administrators: Vec<IpAddr>,
) -> io::Result<Protected> {
    let mut found = Protected::new();
    let mut add = |addresses: Vec<IpAddr>, reason| {
        for address in addresses {
            let address = address.to_canonical();
            if !address.is_unspecified() {
                found.entry(address).or_insert(reason);
            }
        }
    };
    let own = Interface::all()?.into_iter().flat_map(|interface| interface.addresses);
    add(own.map(|(address, _)| address.into()).collect(), Reason::Own);
    add(gateways()?, Reason::Gateway);
    add(resolvers(root), Reason::Resolver);
    add(dhcp_servers(root), Reason::DhcpServer);
    let time = udp.iter().filter(|socket| socket.remote.1 == NTP);
    add(time.map(|socket| socket.remote.0).collect(), Reason::TimeServer);
    add(time_servers(root), Reason::TimeServer);
    add(logins(root), Reason::Administrator);
    add(administrators, Reason::Administrator);
    Ok(found)
}

const NTP: u16 = 123;
const ROUTE: isize = 0;
const RTM_GETROUTE: u16 = 26;
const RTM_NEWROUTE: u16 = 24;
const RTA_GATEWAY: u16 = 5;
const RTA_VIA: u16 = 18;
const RTA_MULTIPATH: u16 = 9;

/// The next hops of all routes (rtnetlink(7)).
fn gateways() -> io::Result<Vec<IpAddr>> {
    // A `struct rtmsg`, all zero: every family and table.
    const HEAD: usize = 12;
    let mut request = Batch::new();
    request.message(RTM_GETROUTE, flags::DUMP, &[0; HEAD], |_| {});
    let mut found = Vec::new();
    Netlink::open(ROUTE)?.dump(&request, |answer| {
        if answer.kind == RTM_NEWROUTE {
            next_hops(answer.payload.get(HEAD..).unwrap_or(&[]), &mut found);
        }
    })?;
    Ok(found)
}

fn next_hops(bytes: &[u8], found: &mut Vec<IpAddr>) {
    for attribute in attributes(bytes) {
        match attribute.kind {
            RTA_GATEWAY => found.extend(address(attribute.value)),
            // The family comes first.
            RTA_VIA => found.extend(attribute.value.get(2..).and_then(address)),
            RTA_MULTIPATH => {
                // Several `struct rtnexthop` with their attributes: length, flags, hops, interface.
                let mut rest = attribute.value;
                while let Some(&[low, high, ..]) = rest.first_chunk::<8>() {
                    let length = usize::from(u16::from_ne_bytes([low, high]));
                    let Some(hop) = rest.get(8..length) else { break };
                    next_hops(hop, found);
                    rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
                }
            }
            _ => {}
        }
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        16 => Some(Ipv6Addr::from(*bytes.first_chunk::<16>()?).into()),
        _ => None,
    }
}

/// Name servers of the C library, and those behind systemd-resolved's own address.
fn resolvers(root: &Path) -> Vec<IpAddr> {
    let files = ["etc/resolv.conf", "run/systemd/resolve/resolv.conf"];
    let lines = files.iter().filter_map(|file| fs::read_to_string(root.join(file)).ok());
    lines.flat_map(|text| values(&text, "nameserver ").collect::<Vec<_>>()).collect()
}

/// Time servers that are named by address; those that are named by name show as peers.
fn time_servers(root: &Path) -> Vec<IpAddr> {
    let files =
        ["etc/chrony/chrony.conf", "etc/chrony.conf", "etc/ntp.conf", "etc/ntpsec/ntp.conf"];
    let texts = files.iter().filter_map(|file| fs::read_to_string(root.join(file)).ok());
    let mut found: Vec<IpAddr> = texts
        .flat_map(|text| {
            ["server ", "peer ", "pool "]
                .iter()
                .flat_map(|key| values(&text, key).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        })
        .collect();
    if let Ok(text) = fs::read_to_string(root.join("etc/systemd/timesyncd.conf")) {
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix("NTP="));
        let words = lines.flat_map(str::split_whitespace);
        found.extend(words.filter_map(|word| word.parse::<IpAddr>().ok()));
    }
    found
}

/// Those who gave leases, as systemd-networkd, ISC's dhclient and NetworkManager note them.
fn dhcp_servers(root: &Path) -> Vec<IpAddr> {
    let folders = [
        ("run/systemd/netif/leases", "SERVER_ADDRESS="),
        ("var/lib/dhcp", "option dhcp-server-identifier "),
        ("var/lib/dhclient", "option dhcp-server-identifier "),
        ("run/NetworkManager/devices", "dhcp-server-identifier="),
        ("var/lib/NetworkManager", "SERVER_ADDRESS="),
    ];
    let mut found = Vec::new();
    for (folder, key) in folders {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten().flatten() {
            if let Ok(text) = fs::read_to_string(entry.path()) {
                found.extend(values(&text, key));
            }
        }
    }
    found
}

/// Addresses behind `key` at the start of a line.
pub(super) fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
    let values = text.lines().filter_map(move |line| line.trim().strip_prefix(key));
    values.filter_map(|value| {
        let word = value.trim().trim_end_matches(';').split([' ', '\t', '%']).next()?;
        word.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn files_of_the_usual_programs_are_understood() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("etc/resolv.conf", "# none\nnameserver 127.0.0.53\nsearch example.org\n");
        write(
            "run/systemd/resolve/resolv.conf",
            "nameserver 192.0.2.53\nnameserver fe80::1%eth0\n",
        );
        write(
            "etc/chrony/chrony.conf",
            "pool pool.example.org iburst\nserver 192.0.2.123 iburst\n",
        );
        write("etc/systemd/timesyncd.conf", "[Time]\n#NTP=\nNTP=192.0.2.124 time.example.org\n");
        write("run/systemd/netif/leases/2", "ADDRESS=192.0.2.7\nSERVER_ADDRESS=192.0.2.67\n");
        write(
            "var/lib/dhcp/dhclient.leases",
            "lease {\n  option dhcp-server-identifier 192.0.2.68;\n}\n",
        );
        let found = protected_under(root.path(), &[], Vec::new()).unwrap();
        let reason = |text: &str| found.get(&text.parse::<IpAddr>().unwrap()).copied();
        assert_eq!(reason("127.0.0.1"), Some(Reason::Own));
        assert_eq!(reason("127.0.0.53"), Some(Reason::Resolver));
        assert_eq!(reason("192.0.2.53"), Some(Reason::Resolver));
        assert_eq!(reason("fe80::1"), Some(Reason::Resolver));
        assert_eq!(reason("192.0.2.123"), Some(Reason::TimeServer));
        assert_eq!(reason("192.0.2.124"), Some(Reason::TimeServer));
        assert_eq!(reason("192.0.2.67"), Some(Reason::DhcpServer));
        assert_eq!(reason("192.0.2.68"), Some(Reason::DhcpServer));
        assert_eq!(reason("192.0.2.7"), None);
    }

    /// A session from an address of our choice.
    fn connect_from(from: &str, to: std::net::SocketAddr) -> std::os::fd::OwnedFd {
        use nix::sys::socket::{
            AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket,
        };
        use std::os::fd::AsRawFd as _;

        let client =
            socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None).unwrap();
        bind(client.as_raw_fd(), &from.parse::<SockaddrIn>().unwrap()).unwrap();
        connect(client.as_raw_fd(), &to.to_string().parse::<SockaddrIn>().unwrap()).unwrap();
        client
    }

    #[test]
    fn sessions_show_who_is_at_the_other_end() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = server.local_addr().unwrap();
        let client = connect_from("127.0.0.77:0", at);
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect("127.0.0.9:123").unwrap();
        let reason =
            |found: &Protected, text: &str| found.get(&text.parse::<IpAddr>().unwrap()).copied();
        let minutes = Duration::from_secs(150);
        let mut guard = Guard::new(vec![at.port()], minutes);
        let found = guard.read().unwrap();
        assert_eq!(reason(&found, "127.0.0.77"), Some(Reason::Administrator));
        assert_eq!(reason(&found, "127.0.0.9"), Some(Reason::TimeServer));
        // Somebody who has only just come may not have logged in.
        let late = connect_from("127.0.0.78:0", at);
        let found = guard.read().unwrap();
        assert_eq!(reason(&found, "127.0.0.77"), Some(Reason::Administrator));
        assert_eq!(reason(&found, "127.0.0.78"), None);
        guard.reconfigure(vec![at.port()], Duration::ZERO);
        let found = guard.read().unwrap();
        assert_eq!(reason(&found, "127.0.0.78"), Some(Reason::Administrator));
        let found = Guard::new(Vec::new(), minutes).read().unwrap();
        assert_eq!(reason(&found, "127.0.0.77"), None, "no port for administrators");
        drop((client, late));
    }
}
