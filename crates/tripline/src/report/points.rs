//! What the pictures of a sweep are made of, on a terminal and in a page.

use std::collections::BTreeSet;

use tripline_core::event::Touch;
use tripline_core::{Protocol, Service};
use tripline_packet::Addr;

/// A port of a protocol, or a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    Port(Protocol, u16),
    Host(Addr),
}

impl Point {
    pub(crate) fn port(service: Service) -> Self {
        Self::Port(service.protocol, service.port)
    }

    pub(crate) fn host(service: Service) -> Self {
        Self::Host(service.host)
    }

    pub(crate) fn label(self) -> String {
        match self {
            Self::Port(_, port) => port.to_string(),
            Self::Host(addr) => addr.to_string(),
        }
    }
}

/// The touches of one kind, either those of ports or those of a protocol without: an ARP request
/// before a port scan is no port.
pub(crate) fn of_main_kind(touches: &[Touch]) -> Vec<Touch> {
    let kind = |touch: &Touch| {
        let protocol = touch.service.protocol;
        (!protocol.has_ports()).then_some(protocol)
    };
    let count = |wanted| touches.iter().filter(|touch| kind(touch) == wanted).count();
    let kinds: BTreeSet<_> = touches.iter().map(kind).collect();
    let main = kinds.into_iter().max_by_key(|kind| count(*kind));
    let of_main = |touch: &&Touch| Some(kind(touch)) == main;
    touches.iter().filter(of_main).copied().collect()
}
