//! What looks like a sweep and is something else: stale clients, backscatter, outages, floods.

use tripline_packet::{Addr, Timestamp};

use super::Engine;
use crate::event::{Probe, Verdict};
use crate::incident::{Incident, Subject};
use crate::service::{Direction, Outcome, Protocol, Service, Technique};
use crate::tracker::Attempt;

/// Answers that nobody asked for, until there are enough of them for an incident.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backscatter {
    packets: u64,
    since: Option<Timestamp>,
}

/// Unasked answers within an hour from which on backscatter is reported. Moore, Voelker and
/// Savage (2001) took 25 packets as the least that shows an attack on somebody.
const BACKSCATTER: u64 = 25;
/// Tries at one dead service, and over how long, that make a stale client.
const STALE_TRIES: u32 = 10;
const STALE_SECONDS: u64 = 60;
/// Is it no longer a try, but a client that does not give up?
pub(super) fn is_stale(probe: &Probe) -> bool {
    probe.count >= STALE_TRIES && probe.last.since(probe.first).as_secs() >= STALE_SECONDS
}

impl Engine {
    /// One source that tries one dead service over and over, and nothing else.
    pub(super) fn stale_client(&mut self, source: Addr, service: Service) {
        let Some((_, trail)) = self.find_trail(source) else {
            return;
        };
        let Some(trail) = self.trails.get(trail).filter(|trail| trail.probes() == 1) else {
            return;
        };
        let Some(step) = trail.steps.iter().find(|step| step.service == service).copied() else {
            return;
        };
        let subject = Subject::Stale(source, service);
        if let Some(incident) = self.incidents.get_mut(&subject) {
            incident.last = self.now;
            incident.sweep.again(self.now, step.technique);
        } else if self.has_incident_room() {
            let direction = self.home.direction(source, service.host);
            let verdict = Verdict::StaleClient;
            let mut incident =
                Incident::new(self.key, subject, verdict, direction, step.time, self.now);
            incident.add_source(source);
            incident.absorb(&step);
            self.incidents.insert(subject, incident);
            self.update(subject);
        }
    }

    pub(super) fn unasked(&mut self, from: Addr, to: Addr, port: u16) {
        self.summary.backscatter += 1;
        let now = self.now;
        let state = &mut self.backscatter;
        if state.since.is_none_or(|since| now.since(since).as_secs() > 3_600) {
            *state = Backscatter { packets: 0, since: Some(now) };
        }
        state.packets += 1;
        let (packets, since) = (state.packets, state.since.unwrap_or(now));
        let subject = Subject::Backscatter;
        let is_new = packets >= BACKSCATTER
            && !self.incidents.contains_key(&subject)
            && self.has_incident_room();
        if is_new {
            let (verdict, direction) = (Verdict::Backscatter, Direction::Inbound);
            let incident = Incident::new(self.key, subject, verdict, direction, since, now);
            self.incidents.insert(subject, incident);
        }
        if let Some(incident) = self.incidents.get_mut(&subject) {
            incident.add_source(from);
            let service = Service { host: to, protocol: Protocol::Tcp, port };
            incident.sweep.touch(now, service, Technique::Syn, Outcome::Silent);
            incident.last = now;
            if is_new {
                self.update(subject);
            }
        }
    }

    /// A service fails for sources that used it before. All services of a host that fail together
    /// are one outage.
    pub(super) fn outage_begins(&mut self, service: Service) {
        let subject = Subject::Outage(service.host);
        if !self.incidents.contains_key(&subject) && !self.has_incident_room() {
            return;
        }
        let (key, now) = (self.key, self.now);
        let (verdict, direction) = (Verdict::Outage, Direction::Inbound);
        let incident = self
            .incidents
            .entry(subject)
            .or_insert_with(|| Incident::new(key, subject, verdict, direction, now, now));
        incident.add_source(service.host);
        incident.sweep.touch(now, service, Technique::Connect, Outcome::Silent);
        incident.last = now;
        self.update(subject);
    }

    pub(super) fn flood_begins(&mut self, service: Service) {
        let subject = Subject::Flood(service);
        if self.incidents.contains_key(&subject) || !self.has_incident_room() {
            return;
        }
        let (verdict, direction) = (Verdict::Flood, Direction::Inbound);
        let incident = Incident::new(self.key, subject, verdict, direction, self.now, self.now);
        self.incidents.insert(subject, incident);
        // What came before it was noticed was reported as probes of many sources.
        self.probes.withdraw_all(service);
        self.update(subject);
    }

    /// An attempt that is part of a flood that goes on.
    pub(super) fn absorb_flood(&mut self, attempt: &Attempt) -> bool {
        let subject = Subject::Flood(attempt.service);
        if self.incidents.is_empty() || attempt.outcome == Outcome::Established {
            return false;
        }
        let Some(incident) = self.incidents.get_mut(&subject) else {
            return false;
        };
        incident.add_source(attempt.source);
        incident.sweep.touch(attempt.opened, attempt.service, attempt.technique, attempt.outcome);
        incident.last = self.now;
        true
    }
}
