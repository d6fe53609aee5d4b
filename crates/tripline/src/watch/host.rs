//! What this machine knows of itself, as the detector wants it.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use tripline_capture::host::{self, Listener, Protected, Transport};
use tripline_capture::live::Interface;
use tripline_core::{Listening, Protocol, Service};
use tripline_packet::{Addr, Prefix};

/// The kernel's knowledge of this machine, read again when it is asked for.
#[derive(Debug)]
pub struct Host {
    listening: host::Listening,
    admin_ports: Vec<u16>,
}

impl Host {
    /// Opens the way to it.
    ///
    /// # Errors
    /// The kernel does not have it.
    pub fn open(admin_ports: Vec<u16>) -> io::Result<Self> {
        Ok(Self { listening: host::Listening::open()?, admin_ports })
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
    pub fn protected(&self) -> io::Result<Protected> {
        host::protected(&self.admin_ports)
    }
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
