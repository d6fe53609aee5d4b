//! The network interfaces of this machine.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;
use tripline_packet::{Addr, LinkType, Prefix};

/// What the frames of an interface begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// An Ethernet header.
    Ethernet,
    /// Nothing, or something that is as good as nothing (tun, `WireGuard`, PPP, tunnels): packets.
    Ip,
}

impl Medium {
    /// The link type of the frames.
    pub const fn link(self) -> LinkType {
        match self {
            Self::Ethernet => LinkType::Ethernet,
            Self::Ip => LinkType::RawIp,
        }
    }
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, as `ip link` shows it.
    pub name: Arc<str>,
    /// The kernel's number for it.
    pub index: u32,
    /// What its frames begin with.
    pub medium: Medium,
    /// It leads to this machine itself.
    pub loopback: bool,
    /// It is switched on and has a carrier.
    pub running: bool,
    /// Its link-layer address; zero if it has none.
    pub mac: [u8; 6],
    /// Its addresses, each with the network that it is in.
    pub addresses: Vec<(Addr, Prefix)>,
}

/// Hardware types (`if_arp.h`) whose frames have an Ethernet header.
const ETHERNET_LIKE: [u16; 2] = [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK];

impl Interface {
    /// All interfaces, by number.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn all() -> io::Result<Vec<Self>> {
        let mut found: BTreeMap<String, Self> = BTreeMap::new();
        let rows: Vec<InterfaceAddress> = getifaddrs()?.collect();
        for row in &rows {
            let Some(link) = row.address.as_ref().and_then(SockaddrStorage::as_link_addr) else {
                continue;
            };
            let interface = Self {
                name: row.interface_name.as_str().into(),
                index: link.ifindex() as u32,
                medium: if ETHERNET_LIKE.contains(&link.hatype()) {
                    Medium::Ethernet
                } else {
                    Medium::Ip
                },
                loopback: row.flags.contains(InterfaceFlags::IFF_LOOPBACK),
                running: row.flags.contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING),
                mac: link.addr().unwrap_or_default(),
                addresses: Vec::new(),
            };
            found.insert(row.interface_name.clone(), interface);
        }
        for row in &rows {
            let address = row.address.as_ref().and_then(ip_address);
            let mask = row.netmask.as_ref().and_then(ip_address);
            let (Some(address), Some(interface)) = (address, found.get_mut(&row.interface_name))
            else {
                continue;
            };
            let address = Addr::from(address);
            interface.addresses.push((address, Prefix::new(address, mask.map_or(0, length))));
        }
        let mut all: Vec<Self> = found.into_values().collect();
        all.sort_by_key(|interface| interface.index);
        Ok(all)
    }
}

fn ip_address(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::from(address.ip())))
}

/// Ones of a network mask.
fn length(mask: IpAddr) -> u8 {
    match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones() as u8,
        IpAddr::V6(mask) => mask.to_bits().leading_ones() as u8,
    }
}
