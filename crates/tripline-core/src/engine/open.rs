//! What a recorder of frames asks: which incidents are open, about whom, and what is known about the
//! services that they touch.

use tripline_packet::{Addr, Prefix, Timestamp};

use super::Engine;
use crate::event::Verdict;
use crate::incident::Subject;
use crate::service::Service;
use crate::settings::KnownService;

/// An incident that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it is.
    pub verdict: Verdict,
    /// Its sources so far, at most 64.
    pub sources: &'a [Addr],
    /// The host that all of it is about, whoever the sources are: that of a flood.
    pub host: Option<Addr>,
}

/// What is known about a service beside what the frames of a single source show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether a program of this machine listens there; `None` for other machines.
    pub listens: Option<bool>,
    /// Since when its host was seen to live.
    pub alive: Option<Timestamp>,
    /// Its answers, if it was seen to answer.
    pub offer: Option<KnownService>,
}

impl Engine {
    /// The incidents that are open, in no order.
    pub fn open_incidents(&self) -> impl Iterator<Item = Open<'_>> {
        self.incidents.iter().map(|(subject, incident)| Open {
            id: &incident.id,
            verdict: incident.verdict,
            sources: &incident.sources,
            host: match subject {
                Subject::Flood(service) => Some(service.host),
                _ => None,
            },
        })
    }

    /// Whom the evidence counts against: the source, or outside, of IPv6, its whole /64. That is one
    /// household or one server, which may take a new address for every packet (RFC 6177, RFC 8981).
    pub fn counted_as(&self, source: Addr) -> Prefix {
        let is_of_ours = || self.home.contains(source) || self.inventory.is_near(source);
        Prefix::new(source, if source.is_v4() || is_of_ours() { 128 } else { 64 })
    }

    /// Networks that the machine itself is in, as it was told.
    pub fn near(&self) -> &[Prefix] {
        self.inventory.near()
    }

    /// What is known about a service now.
    pub fn facts(&self, service: &Service) -> Facts {
        Facts {
            listens: self.inventory.is_listened(service),
            alive: self.inventory.lives(service.host),
            offer: self.inventory.offer(service),
        }
    }
}
