//! The recording of one incident: whose frames, how much so far, and what has to be told beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tripline_core::settings::{Known, KnownService, Replay, Settings};
use tripline_core::{Engine, Protocol, Service};
use tripline_packet::{Addr, Duration, Prefix, Timestamp};

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Recording {
    /// The id of the incident.
    pub(super) name: Arc<str>,
    /// Whose frames are recorded.
    pub(super) parties: Vec<Prefix>,
    /// Sources of the incident when it was looked at last; more than parties of IPv6.
    pub(super) sources: usize,
    /// The part that is written to, from 1.
    pub(super) part: u32,
    /// Bytes of that part, and of all.
    pub(super) part_bytes: u64,
    pub(super) bytes: u64,
    /// It was said that there is no more room.
    pub(super) is_full: bool,
    /// Services that were touched since they were last looked up.
    touched: Vec<Service>,
    known: BTreeMap<Addr, Facts>,
    services: usize,
    /// The last frame.
    last: Option<Timestamp>,
    /// When the settings are to be written again, if frames came since.
    due: Option<Timestamp>,
    /// There is more to tell in them.
    pub(super) is_changed: bool,
    /// After so long an attempt without an answer is silent for sure.
    settled: Duration,
}

/// What is known of a host.
#[derive(Debug, Default)]
struct Facts {
    alive: Option<Timestamp>,
    is_own: bool,
    listens: BTreeSet<(Protocol, u16)>,
    offers: BTreeMap<(Protocol, u16), KnownService>,
}

/// Touched services that wait to be looked up; they are looked up once a second.
const MOST_TOUCHED: usize = 1 << 13;
/// Hosts, and services of all of them, that are told of. What comes later weighs little: the verdict
/// is given after a few.
const MOST_HOSTS: usize = 1 << 12;
const MOST_SERVICES: usize = 1 << 12;
/// Settings are written again so long after a frame at least.
const SETTLED: Duration = Duration::from_secs(10);

impl Recording {
    /// Of an incident, where an attempt is silent after `silence`.
    pub(super) fn new(name: &str, silence: Duration) -> Self {
        Self {
            settled: SETTLED.max(silence * 2),
            name: name.into(),
            parties: Vec::new(),
            sources: 0,
            part: 1,
            part_bytes: 0,
            bytes: 0,
            is_full: false,
            touched: Vec::new(),
            known: BTreeMap::new(),
            services: 0,
            last: None,
            due: None,
            is_changed: false,
        }
    }

    /// Begins another file: what is written next is older than what was written last, or the file is
    /// long enough.
    pub(super) fn next_part(&mut self) {
        if self.part_bytes > 0 {
            self.part += 1;
            self.part_bytes = 0;
        }
    }

    /// Counts a frame that is written.
    pub(super) fn add(&mut self, bytes: usize, time: Timestamp, service: Option<Service>) {
        self.bytes += bytes as u64;
        self.part_bytes += bytes as u64;
        self.last = self.last.max(Some(time));
        self.due.get_or_insert(time + self.settled);
        let service = service.filter(|service| self.touched.last() != Some(service));
        if let Some(service) = service
            && self.touched.len() < MOST_TOUCHED
        {
            self.touched.push(service);
        }
    }

    /// Looks up what was touched.
    pub(super) fn learn(&mut self, engine: &Engine) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for service in touched.drain(..) {
            self.learn_of(&service, engine);
        }
        self.touched = touched;
    }

    fn learn_of(&mut self, service: &Service, engine: &Engine) {
        let facts = engine.facts(service);
        let is_nothing = facts.alive.or(facts.offer.map(|offer| offer.first)).is_none()
            && facts.listens.is_none();
        let has_room = self.known.len() < MOST_HOSTS || self.known.contains_key(&service.host);
        if is_nothing || !has_room {
            return;
        }
        let host = self.known.entry(service.host).or_insert_with(|| {
            self.is_changed = true;
            Facts::default()
        });
        if host.alive.is_none() && facts.alive.is_some() {
            host.alive = facts.alive;
            self.is_changed = true;
        }
        let key = (service.protocol, service.port);
        host.is_own |= facts.listens.is_some();
        if facts.listens == Some(true) && host.listens.insert(key) {
            self.is_changed = true;
        }
        // The first look is the one before the sweep counts among the clients.
        if let Some(offer) = facts.offer
            && self.services < MOST_SERVICES
            && !host.offers.contains_key(&key)
        {
            host.offers.insert(key, offer);
            self.services += 1;
            self.is_changed = true;
        }
    }

    /// The settings to replay it with, if they are to be written now.
    pub(super) fn settings(
        &mut self,
        engine: &Engine,
        now: Timestamp,
        at_once: bool,
    ) -> Option<Settings> {
        let last = self.last?;
        let is_due = self.due.is_some_and(|due| now >= due);
        if !(self.is_changed || is_due || at_once) {
            return None;
        }
        // What the last frame asked may be answered until it has settled.
        self.due = (now < last + self.settled).then(|| now + self.settled);
        self.is_changed = false;
        let known = self.known.iter().map(|(host, facts)| facts.known(*host)).collect();
        let replay = Replay { known, near: engine.near().to_vec(), until: Some(now) };
        Some(Settings { replay, ..engine.settings().clone() })
    }
}

impl Facts {
    fn known(&self, host: Addr) -> Known {
        Known {
            host,
            alive: self.alive,
            listens: self.is_own.then(|| self.listens.iter().copied().collect()),
            services: self.offers.values().copied().collect(),
        }
    }
}
