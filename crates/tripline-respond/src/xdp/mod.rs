//! An early drop for curtailed sources, at the network driver (XDP): a SYN of somebody who is held
//! off from everything goes before the kernel has made a packet buffer of it, so that he cannot use
//! up the machine by knocking.
//!
//! It is a shield before nftables, not in its place. It drops nothing but SYNs, because it does not
//! know which sessions are up; it knows single addresses and IPv6 sites, no larger networks; and it
//! fails open: what it does not understand, and what is over by the clock, goes on to nftables. It is
//! there as long as the helper process is.

mod program;
mod sys;

use std::io;
use std::net::IpAddr;

use tripline_packet::Duration;

use crate::target::{Scope, Target};

use program::Maps;
use sys::{Link, Map};

/// See the module documentation.
#[derive(Debug)]
pub struct Xdp {
    hosts4: Map,
    hosts6: Map,
    sites6: Map,
    /// Detached when they are closed.
    _links: Vec<Link>,
}

/// Where a target is kept, and its key there.
enum Place {
    Host4([u8; 4]),
    Host6([u8; 16]),
    Site6([u8; 8]),
}

impl Place {
    /// `None` for what only nftables can drop.
    fn of(target: Target) -> Option<Self> {
        if target.scope != Scope::Everything {
            return None;
        }
        match (IpAddr::from(target.source.addr()), target.source.len()) {
            (IpAddr::V4(address), 32) => Some(Self::Host4(address.octets())),
            (IpAddr::V6(address), 128) => Some(Self::Host6(address.octets())),
            (IpAddr::V6(address), 64) => {
                let octets = address.octets();
                octets.first_chunk::<8>().map(|site| Self::Site6(*site))
            }
            _ => None,
        }
    }
}

impl Xdp {
    /// Loads the program and attaches it to interfaces, for so many sources of each kind. Needs
    /// `CAP_BPF` and `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// The kernel does not have it, the right is missing, or an interface has another program.
    pub fn attach(interfaces: &[u32], capacity: u32) -> io::Result<Self> {
        let hosts4 = Map::create(4, capacity)?;
        let hosts6 = Map::create(16, capacity)?;
        let sites6 = Map::create(8, capacity)?;
        let maps = Maps { hosts4: &hosts4, hosts6: &hosts6, sites6: &sites6 };
        let program = sys::load(&program::assemble(&maps))?;
        let links: io::Result<Vec<Link>> =
            interfaces.iter().map(|interface| Link::attach(&program, *interface)).collect();
        Ok(Self { hosts4, hosts6, sites6, _links: links? })
    }

    /// Drops the SYNs of a target for so long, if it is of a kind that can be.
    ///
    /// # Errors
    /// The kernel's: there is no room.
    pub fn add(&self, target: Target, time: Duration) -> io::Result<()> {
        let until = sys::monotonic()?.saturating_add(time.as_nanos() as u64);
        match Place::of(target) {
            Some(Place::Host4(key)) => self.hosts4.put(&key, until),
            Some(Place::Host6(key)) => self.hosts6.put(&key, until),
            Some(Place::Site6(key)) => self.sites6.put(&key, until),
            None => Ok(()),
        }
    }

    /// Drops them no longer.
    ///
    /// # Errors
    /// The kernel's; that it is not there is none.
    pub fn remove(&self, target: Target) -> io::Result<()> {
        match Place::of(target) {
            Some(Place::Host4(key)) => self.hosts4.remove(&key),
            Some(Place::Host6(key)) => self.hosts6.remove(&key),
            Some(Place::Site6(key)) => self.sites6.remove(&key),
            None => Ok(()),
        }
    }

    /// SYNs of a target that were dropped.
    ///
    /// # Errors
    /// The kernel's.
    pub fn dropped(&self, target: Target) -> io::Result<u64> {
        match Place::of(target) {
            Some(Place::Host4(key)) => self.hosts4.packets(&key),
            Some(Place::Host6(key)) => self.hosts6.packets(&key),
            Some(Place::Site6(key)) => self.sites6.packets(&key),
            None => Ok(0),
        }
    }
}
