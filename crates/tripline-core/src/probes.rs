//! Single probes: one report per source and service, however often it is tried.

use std::collections::VecDeque;

use tripline_packet::{Addr, Duration, Timestamp};

use crate::event::Probe;
use crate::keyed::{Key, Map};
use crate::service::{Outcome, Service};

/// Probes that are open, i.e. whose source may still try again.
#[derive(Debug)]
pub(crate) struct Probes {
    open: Map<(Addr, Service), Probe>,
    /// In order of the first attempt.
    order: VecDeque<(Addr, Service)>,
    capacity: usize,
    quiet: Duration,
    /// Distinct probes.
    pub(crate) total: u64,
    /// Probes that were only counted, because too many were open.
    pub(crate) suppressed: u64,
}

impl Probes {
    pub(crate) fn new(key: Key, capacity: usize, quiet: Duration) -> Self {
        Self {
            open: Map::with_hasher(key.map_state()),
            order: VecDeque::new(),
            capacity,
            quiet,
            total: 0,
            suppressed: 0,
        }
    }

    /// How long a source must be quiet from now on.
    pub(crate) fn reconfigure(&mut self, quiet: Duration) {
        self.quiet = quiet;
    }

    /// Counts a new probe without reporting it.
    pub(crate) fn count_only(&mut self) {
        self.total += 1;
    }

    /// Is there no room for another one?
    pub(crate) fn is_full(&self) -> bool {
        self.open.len() >= self.capacity
    }

    /// Counts a new probe for which there is no room.
    pub(crate) fn suppress(&mut self) {
        self.total += 1;
        self.suppressed += 1;
    }

    /// Adds a new probe; there must be room.
    pub(crate) fn add(&mut self, service: Service, probe: Probe) {
        self.total += 1;
        let key = (probe.source, service);
        if self.open.insert(key, probe).is_none() {
            self.order.push_back(key);
        }
    }

    /// Another attempt at a service that the source had tried before.
    pub(crate) fn again(
        &mut self,
        source: Addr,
        service: Service,
        outcome: Outcome,
        now: Timestamp,
    ) -> Option<&Probe> {
        let probe = self.open.get_mut(&(source, service))?;
        probe.count = probe.count.saturating_add(1);
        probe.last = now;
        probe.outcome = outcome;
        Some(probe)
    }

    /// A probe's outcome became known late.
    pub(crate) fn revise(&mut self, source: Addr, service: Service, outcome: Outcome) {
        if let Some(probe) = self.open.get_mut(&(source, service)) {
            probe.outcome = outcome;
        }
    }

    /// It was no probe after all: the service is offered.
    pub(crate) fn withdraw(&mut self, source: Addr, service: Service) {
        if self.open.remove(&(source, service)).is_some() {
            self.total -= 1;
        }
    }

    /// All probes at `service` were part of something else (a flood).
    pub(crate) fn withdraw_all(&mut self, service: Service) {
        let before = self.open.len();
        self.open.retain(|(_, probed), _| *probed != service);
        self.suppressed += (before - self.open.len()) as u64;
    }

    /// Names the incident that a source's probe of `service` became part of.
    pub(crate) fn join(&mut self, source: Addr, service: Service, incident: &str) {
        if let Some(probe) = self.open.get_mut(&(source, service)) {
            probe.incident = Some(incident.to_owned());
        }
    }

    /// Takes the probes whose source has been quiet; all of them with `everything`. In the order
    /// of their first attempts.
    pub(crate) fn take_closed(&mut self, now: Timestamp, everything: bool) -> Vec<Probe> {
        let mut closed = Vec::new();
        let mut busy = VecDeque::new();
        while let Some(key) = self.order.pop_front() {
            let Some(probe) = self.open.get(&key) else {
                continue;
            };
            if everything || now.since(probe.last) >= self.quiet {
                closed.extend(self.open.remove(&key));
            } else if now.since(probe.first) < self.quiet {
                // All that follow began later.
                busy.push_back(key);
                break;
            } else {
                busy.push_back(key);
            }
        }
        while let Some(key) = busy.pop_back() {
            self.order.push_front(key);
        }
        closed
    }
}
