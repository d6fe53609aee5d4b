//! What this machine knows of itself, as the detector wants it.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use tripline_capture::host::{self, Listener, Protected, Transport};
use tripline_capture::live::Interface;
use tripline_core::catalog::PortRange;
use tripline_core::{Listening, Protocol, Service};
use tripline_packet::{Addr, Prefix};

use crate::settings::Watch;

/// The kernel's knowledge of this machine, read again when it is asked for.
#[derive(Debug)]
pub struct Host {
    listening: host::Listening,
    guard: host::Guard,
    /// The addresses that lead outside.
    home: Vec<Prefix>,
}

impl Host {
    /// Opens the way to it.
    ///
    /// # Errors
    /// The kernel does not have it.
    pub fn open(settings: &Watch) -> io::Result<Self> {
        let listening = host::Listening::open()?;
        Ok(Self { listening, guard: guard(settings), home: own_networks()? })
    }

    /// Goes on with other settings.
    pub fn reconfigure(&mut self, settings: &Watch) {
        self.guard.reconfigure(numbers(&settings.admin_ports), settings.admin_after);
    }

    /// The addresses of this machine, if others have come or some have gone since this was asked
    /// last.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new_home(&mut self) -> io::Result<Option<Vec<Prefix>>> {
        let home = own_networks()?;
        let is_new = home != self.home;
        self.home.clone_from(&home);
        Ok(is_new.then_some(home))
    }

    /// Who listens, on which of our addresses.
    ///
    /// # Errors
    /// The kernel's.
    pub fn listening(&mut self) -> io::Result<Listening> {
        let own = own_addresses()?;
        let listeners = self.listening.read()?;
        let services = listeners.iter().flat_map(|listener| {
            let on = own.iter().filter(|address| is_on(listener, **address));
            on.map(|address| service(*address, listener))
        });
        Ok(Listening { services: services.collect(), own: own.clone(), near: links()? })
    }

    /// The addresses that must not be touched, and why.
    ///
    /// # Errors
    /// The kernel's.
    pub fn protected(&mut self) -> io::Result<Protected> {
        self.guard.read()
    }
}

/// Finds who is never touched.
pub fn guard(settings: &Watch) -> host::Guard {
    host::Guard::new(numbers(&settings.admin_ports), settings.admin_after)
}

/// Each port of the ranges.
fn numbers(ranges: &[PortRange]) -> Vec<u16> {
    ranges.iter().flat_map(|range| range.first..=range.last).collect()
}

/// It is up and has an address that others can reach; bridges of containers lead inside.
pub fn leads_outside(interface: &Interface) -> bool {
    const INSIDE: [&str; 6] = ["docker", "br-", "veth", "virbr", "cni", "lxc"];
    let is_inside = INSIDE.iter().any(|prefix| interface.name.starts_with(prefix));
    interface.running && !interface.loopback && !is_inside && !interface.addresses.is_empty()
}

/// The addresses of this machine that lead outside, each as a network.
///
/// # Errors
/// The kernel does not tell.
pub fn own_networks() -> io::Result<Vec<Prefix>> {
    let interfaces = Interface::all()?;
    let outside = interfaces.iter().filter(|interface| leads_outside(interface));
    let addresses = outside.flat_map(|interface| &interface.addresses);
    Ok(addresses.map(|(address, _)| Prefix::new(*address, 128)).collect())
}

fn own_addresses() -> io::Result<BTreeSet<Addr>> {
    let interfaces = Interface::all()?;
    let addresses = interfaces.iter().flat_map(|interface| &interface.addresses);
    Ok(addresses.map(|(address, _)| *address).collect())
}

fn is_on(listener: &Listener, address: Addr) -> bool {
    match listener.address {
        Some(bound) => Addr::from(bound) == address,
        None if address.is_v4() => listener.v4,
        None => listener.v6,
    }
}

fn service(host: Addr, listener: &Listener) -> Service {
    let protocol = match listener.transport {
        Transport::Tcp => Protocol::Tcp,
        Transport::Udp => Protocol::Udp,
        Transport::Sctp => Protocol::Sctp,
    };
    Service { host, protocol, port: listener.port }
}

/// The networks that this machine is in.
///
/// # Errors
/// The kernel does not tell.
pub fn links() -> io::Result<Vec<Prefix>> {
    let interfaces = Interface::all()?;
    let networks = interfaces.iter().flat_map(|interface| &interface.addresses);
    Ok(networks.map(|(_, network)| *network).collect())
}

/// Why a network must not be curtailed: the first protected address in it.
pub fn is_protected(protected: &Protected, network: Prefix) -> Option<String> {
    let inside = |address: &IpAddr| network.contains((*address).into());
    let (address, reason) = protected.iter().find(|(address, _)| inside(address))?;
    Some(format!("{address}: {reason}"))
}
