//! The engine: packets and time in, events out.

mod apart;
mod challenge;
mod judge;
mod open;
mod reconfigure;
mod report;
mod revise;
mod status;

use std::collections::{BTreeMap, VecDeque};

use tripline_packet::{Addr, Duration, Packet, Prefix, Timestamp};

use crate::catalog::Catalog;
use crate::event::{Event, NamedCount, SCHEMA_VERSION, ServiceEvent, Summary};
use crate::evidence::{Contacts, Likelihoods, Nats};
use crate::flood::Floods;
use crate::home::Home;
use crate::incident::{Incident, Subject};
use crate::inventory::{Inventory, Listening};
use crate::keyed::{Key, Map};
use crate::probes::Probes;
use crate::recent::Recent;
use crate::seen::Seen;
use crate::service::Service;
use crate::settings::{Settings, Visit};
use crate::source::SourceTable;
use crate::tools::Tools;
use crate::tracker::{Signal, Tracker};
use crate::trail::Trails;
use crate::visitors::Visitors;

pub use open::{Facts, Open};
pub use status::{Fill, Status, Suspect};

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
    settings: Settings,
    catalog: Catalog,
    likelihoods: Likelihoods,
    tools: Tools,
    emit: Emit,
    key: Key,
    home: Home,
    /// ln(1/alpha), and the same for the Page statistic.
    threshold: Nats,
    page_threshold: Nats,
    now: Timestamp,
    tracker: Tracker,
    inventory: Inventory,
    visitors: Visitors,
    sources: SourceTable,
    trails: Trails,
    /// Which (source, service) pairs have been weighed.
    weighed: Seen,
    floods: Floods,
    probes: Probes,
    incidents: Map<Subject, Incident>,
    /// Decoys of one scan: source to leader.
    leaders: Recent<Addr, Addr>,
    backscatter: apart::Backscatter,
    next_sweep_of_old: Timestamp,
    signals: Vec<Signal>,
    events: VecDeque<Event>,
    summary: Summary,
    incident_counts: [u64; 8],
    contacts: Contacts,
    /// By how much the input's clock was set back, and packets in a row that say that it was again.
    set_back: Duration,
    late_in_a_row: u32,
    /// Attempts by source that the end of the input left without an answer.
    cut_short: BTreeMap<Addr, u64>,
    /// A packet whose time has to be confirmed.
    held: Option<Packet>,
    finished: bool,
    /// Until then, attempts are resolved whose answers may have been lost.
    lossy_until: Timestamp,
}

/// How often incidents and probes are looked through for those to close.
const CLOSING: Duration = Duration::from_secs(10);
/// The Page statistic starts anew each time it is at zero, so its threshold is higher: a false
/// alert then comes once in about ten times 1/alpha first contacts of a benign source.
const PAGE_EXTRA: f64 = 2.3;
/// The end of time. Nothing that is added to it reaches the limits of [`Timestamp`], where sums
/// stop growing and nothing would ever become due.
const LATEST: Timestamp = Timestamp::from_parts(7_258_118_400, 0);
/// Packets that come later than this by so many in a row show that the clock was set back.
const BACK: Duration = Duration::from_secs(60);
const LATE_IN_A_ROW: u32 = 16;
/// How far time goes on between two packets before the second one has to be confirmed.
const LEAP: Duration = Duration::from_secs(86_400);

impl Engine {
    /// A detector that has seen nothing yet.
    pub fn new(config: Config) -> Self {
        let Config { settings, catalog, likelihoods, tools, key, emit } = config;
        let key = Key(key);
        let home = Home::new(settings.home.clone());
        let threshold = -settings.alpha.ln();
        let limits = settings.limits;
        Self {
            emit,
            key,
            threshold: Nats::from_f64(threshold),
            page_threshold: Nats::from_f64(threshold + PAGE_EXTRA),
            now: Timestamp::from_nanos(i64::MIN),
            tracker: Tracker::new(key, &settings, tools.clone(), home.clone()),
            inventory: Inventory::new(key, &settings),
            visitors: Visitors::of(key, &settings.replay.visits),
            sources: SourceTable::new(key, limits.sources),
            trails: Trails::new(limits.trails),
            weighed: Seen::new(key, limits.sources.max(1 << 20), Duration::from_secs(86_400)),
            floods: Floods::new(key),
            probes: Probes::new(key, limits.probes, settings.quiet),
            incidents: Map::with_hasher(key.map_state()),
            leaders: Recent::new(key, 4_096, Duration::from_secs(3_600)),
            backscatter: apart::Backscatter::default(),
            next_sweep_of_old: Timestamp::from_nanos(i64::MIN),
            signals: Vec::new(),
            events: VecDeque::new(),
            summary: Summary {
                schema: SCHEMA_VERSION,
                home: settings.home.clone(),
                ..Summary::default()
            },
            incident_counts: [0; 8],
            contacts: Contacts::default(),
            set_back: Duration::ZERO,
            late_in_a_row: 0,
            cut_short: BTreeMap::new(),
            held: None,
            finished: false,
            lossy_until: Timestamp::from_nanos(i64::MIN),
            settings,
            catalog,
            likelihoods,
            tools,
            home,
        }
    }

    /// Takes the next packet. Timers that are due before it run first; a packet with a time
    /// before the latest one seen is handled at that latest time.
    ///
    /// A packet far ahead of the one before it is held back until the next one shows whether time
    /// really went on: a single damaged timestamp must not stop the clock for the rest of the
    /// input.
    #[inline]
    pub fn handle(&mut self, packet: &Packet) {
        let time = self.on_our_clock(packet.time.min(LATEST));
        if self.held.is_some() {
            self.release(Some(time));
        }
        if time.since(self.now) > LEAP {
            self.held = Some(*packet);
        } else {
            self.take(packet, time);
        }
    }

    /// Tells who listens on the machine that the sensor runs on: of its own addresses nothing else
    /// is offered, but for what is seen to answer (forwarded ports).
    pub fn set_listening(&mut self, listening: Listening) {
        self.inventory.set_listening(listening, self.now);
    }

    /// Takes up a service that was seen to answer, first and last at `times`, before the sensor was
    /// started.
    pub fn remember(&mut self, service: Service, times: (Timestamp, Timestamp), clients: u64) {
        self.inventory.remember(service, times, clients);
    }

    /// Takes up a visit that was seen before the sensor was started; the earliest `last` first.
    pub fn recall(&mut self, visit: &Visit) {
        self.visitors.recall(visit);
    }

    /// Those who visited services after `since`, to be [recalled](Self::recall) by a sensor that is
    /// started later.
    pub fn visits(&self, since: Timestamp) -> Vec<Visit> {
        self.visitors.since(since)
    }

    /// Tells that frames were lost just now. Of the attempts that are open, those without an answer
    /// prove nothing, unless it is known from elsewhere that nobody offers what they tried.
    pub fn frames_lost(&mut self) {
        self.lossy_until = self.now + self.settings.silence + self.settings.silence;
    }

    /// A capture whose clock was set back would stand still for us until it has caught up. Once many
    /// packets in a row agree that it was, they are taken as if it had not been.
    #[inline]
    fn on_our_clock(&mut self, time: Timestamp) -> Timestamp {
        if time + self.set_back + BACK >= self.now {
            self.late_in_a_row = 0;
            if self.set_back > Duration::ZERO && time >= self.now {
                self.set_back = Duration::ZERO;
            }
            return time + self.set_back;
        }
        self.clock_set_back(time)
    }

    #[cold]
    fn clock_set_back(&mut self, time: Timestamp) -> Timestamp {
        self.late_in_a_row += 1;
        if self.late_in_a_row >= LATE_IN_A_ROW {
            self.late_in_a_row = 0;
            let by = self.now.since(time + self.set_back);
            self.set_back += by;
            self.clock_notice(by);
        }
        time + self.set_back
    }

    /// Lets time pass to `now` without a packet.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let now = now.min(LATEST);
        self.release(Some(now));
        if now > self.now {
            self.advance(now);
        }
    }

    /// The time at which [`Engine::handle_timeout`] should be called if no packet comes.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let closing = (!self.incidents.is_empty()).then_some(self.next_sweep_of_old.max(self.now));
        [self.tracker.next_due(), closing].into_iter().flatten().min()
    }

    /// The next event to report. Call until `None` after each `handle…` and after `finish`.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The input has ended: resolves what is open, and closes all incidents and probes.
    pub fn finish(&mut self) {
        if self.finished {
            return;
        }
        self.finished = true;
        self.release(None);
        if let Some(until) = self.settings.replay.until {
            self.handle_timeout(until);
        }
        self.tracker.finish(self.now, self.settings.silence);
        self.judge_signals();
        self.tell_growth();
        self.close(true);
        self.note_limits();
    }

    /// The inventory: services that were seen to answer, in order.
    pub fn services(&self) -> Vec<ServiceEvent> {
        self.inventory.events(self.now)
    }

    /// Totals so far. `malformed` is the driver's to fill in.
    pub fn summary(&self) -> Summary {
        let verdicts = judge::VERDICTS.iter().zip(self.incident_counts);
        Summary {
            attempts_dropped: self.tracker.dropped,
            contacts: self.contacts.counts(),
            probes: self.probes.total,
            probes_suppressed: self.probes.suppressed,
            incidents: verdicts
                .filter(|(_, count)| *count > 0)
                .map(|(verdict, count)| NamedCount { name: verdict.name().to_owned(), count })
                .collect(),
            services: self.inventory.len() as u64,
            sources: self.sources.used,
            sources_filtered: self.sources.filtered,
            sources_evicted: self.sources.evicted,
            ..self.summary.clone()
        }
    }

    /// The settings in use.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The home networks in use.
    pub fn home(&self) -> &[Prefix] {
        &self.settings.home
    }

    fn take(&mut self, packet: &Packet, time: Timestamp) {
        self.summary.packets += 1;
        self.summary.bytes += u64::from(packet.wire_len);
        if time < self.now {
            self.summary.out_of_order += 1;
        } else {
            self.advance(time);
        }
        self.summary.first.get_or_insert(time);
        self.summary.last = Some(self.now);
        self.inventory.watch(self.now);
        self.tracker.handle(packet, self.now);
        self.judge_signals();
    }

    /// Takes the packet that was held back: at its own time if nothing or the packet at `next`
    /// follows it there, else at the time of that packet.
    #[cold]
    fn release(&mut self, next: Option<Timestamp>) {
        let Some(packet) = self.held.take() else {
            return;
        };
        let time = packet.time.min(LATEST) + self.set_back;
        match next {
            Some(next) if next + LEAP < time => {
                self.summary.out_of_order += 1;
                self.take(&packet, next.max(self.now));
            }
            _ => self.take(&packet, time),
        }
    }

    /// Time goes on to `now`: what is due before it is resolved at its own time, in order.
    fn advance(&mut self, now: Timestamp) {
        while let Some(due) = self.tracker.next_due().filter(|due| *due <= now) {
            self.now = due.max(self.now);
            self.tracker.expire(self.now);
            self.judge_signals();
        }
        self.now = now;
        if now >= self.next_sweep_of_old {
            self.next_sweep_of_old = now + CLOSING;
            self.tracker.expire(now);
            self.judge_signals();
            self.tell_growth();
            self.close(false);
        }
    }

    fn judge_signals(&mut self) {
        if !self.tracker.has_signals() {
            return;
        }
        let mut signals = std::mem::take(&mut self.signals);
        self.tracker.take_signals(&mut signals);
        for signal in signals.drain(..) {
            self.judge(signal);
        }
        self.signals = signals;
    }
}
