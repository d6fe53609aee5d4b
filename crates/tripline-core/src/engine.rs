//! The engine: packets and time in, events out.

use tripline_packet::{Packet, Prefix, Timestamp};

use crate::catalog::Catalog;
use crate::event::{Event, ServiceEvent, Summary};
use crate::evidence::Likelihoods;
use crate::settings::Settings;
use crate::tools::Tools;

/// Which states of an incident or probe are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// Each update, as it happens (live).
    Updates,
    /// Once, in the final state (files).
    Final,
}

/// What an [`Engine`] is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Settings; `home` must be filled in (see [`crate::home::HomeInference`]).
    pub settings: Settings,
    /// The catalogue.
    pub catalog: Catalog,
    /// The likelihood table.
    pub likelihoods: Likelihoods,
    /// The tool fingerprints.
    pub tools: Tools,
    /// Key of every hash. Whoever can foresee it could choose addresses that collide; derive it
    /// from something that an attacker cannot know beforehand.
    pub key: [u64; 2],
    /// What to report.
    pub emit: Emit,
}

/// The detector. Sans-IO: see the crate documentation.
#[derive(Debug)]
pub struct Engine {
    config: Config,
}

impl Engine {
    /// A detector that has seen nothing yet.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// Takes the next packet. Timers that are due before it run first; a packet with a time
    /// before the latest one seen is handled at that latest time.
    pub fn handle(&mut self, packet: &Packet) {
        let _ = packet;
    }

    /// Lets time pass to `now` without a packet.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// The time at which [`Engine::handle_timeout`] should be called if no packet comes.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// The next event to report. Call until `None` after each `handle…` and after `finish`.
    pub fn poll(&mut self) -> Option<Event> {
        None
    }

    /// The input has ended: resolves what is open, and closes all incidents and probes.
    pub fn finish(&mut self) {}

    /// The inventory: services that were seen to answer, or are declared, in order.
    pub fn services(&self) -> Vec<ServiceEvent> {
        Vec::new()
    }

    /// Totals so far. `malformed` is the driver's to fill in.
    pub fn summary(&self) -> Summary {
        Summary::default()
    }

    /// The home networks in use.
    pub fn home(&self) -> &[Prefix] {
        &self.config.settings.home
    }
}
