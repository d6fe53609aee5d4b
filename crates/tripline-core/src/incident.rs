//! Incidents: everything one source (or a set that belongs together) did, told once.

mod naming;

use siphasher::sip::SipHasher13;
use std::hash::{Hash, Hasher};
use tripline_packet::{Addr, Duration, Timestamp};

use crate::catalog::{Catalog, Entry};
use crate::event::{
    EvidenceStep, Found, Incident as Report, Proof, SCHEMA_VERSION, Shape, ToolMark, Verdict,
};
use crate::evidence::{Nats, Row};
use crate::keyed::Key;
use crate::service::{Direction, Outcome, Service};
use crate::story;
use crate::sweep::Sweep;
use crate::tools::Tools;
use crate::trail::{MOST_CHALLENGES, Proved, Said, Step};

/// What an incident is about; at most one is open about the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Subject {
    /// The sweeps of a source, or of the set that it leads.
    Source(Addr),
    /// One source at one dead service.
    Stale(Addr, Service),
    /// The outage of a host's services.
    Outage(Addr),
    /// The flood against a service.
    Flood(Service),
    /// Answers to questions that nobody asked.
    Backscatter,
}

/// An open incident.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) id: String,
    pub(crate) verdict: Verdict,
    pub(crate) direction: Direction,
    pub(crate) sources: Vec<Addr>,
    pub(crate) source_count: u64,
    /// Several sources sent the same numbers to the same targets at the same time.
    pub(crate) decoys: bool,
    pub(crate) authorised_as: Option<String>,
    pub(crate) sweep: Sweep,
    pub(crate) score: Nats,
    pub(crate) attempts_to_verdict: u32,
    pub(crate) verdict_at: Timestamp,
    /// The last sign of it, for closing.
    pub(crate) last: Timestamp,
    pub(crate) found: Vec<Found>,
    steps: Vec<Step>,
    /// How often each tool rule matched.
    marks: Vec<(u8, u64)>,
    fragmented: bool,
    pub(crate) proof: Option<Proved>,
    /// When the proof was that was worth telling.
    proof_told: Option<Timestamp>,
    said: Vec<Said>,
    /// The owner of the address has sessions here, whether or not it is he who sweeps.
    pub(crate) is_used: bool,
    updates: u32,
    /// Services that it came upon in an ordinary session, and that many use.
    ordinary: Vec<Service>,
    /// The last attempt in vain.
    last_failure: Timestamp,
    /// Probes of an authorised scanner beyond what it is allowed.
    beyond_scope: u16,
    /// What was told last, to see what is new.
    told: Option<Told>,
    /// The last attempt that was told of.
    told_last: Option<(Timestamp, u64)>,
}

/// What makes an update worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    verdict: Verdict,
    shape: Shape,
    found: bool,
    networks: usize,
    proof: Option<Timestamp>,
    said: bool,
    /// How many others did the same, doubled each time: any of them may be the one, and the others
    /// decoys.
    company: usize,
}

/// Limits of the report.
const MOST_SOURCES: usize = 64;
const MOST_FOUND: usize = 256;
const MOST_STEPS: usize = 64;
/// A sweep that pauses for longer than this, and than four times its usual gap, is over.
const PAUSE: Duration = Duration::from_secs(600);

/// A later proof is told so long after the one that was told.
const RENEWED: Duration = Duration::from_secs(60);

/// What a report needs beside the incident itself.
pub(crate) struct Context<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) tools: &'a Tools,
    pub(crate) threshold: Nats,
    pub(crate) alpha: f64,
}

impl Incident {
    pub(crate) fn new(
        key: Key,
        subject: Subject,
        verdict: Verdict,
        direction: Direction,
        first: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            id: incident_id(subject, first),
            verdict,
            direction,
            sources: Vec::new(),
            source_count: 0,
            decoys: false,
            authorised_as: None,
            sweep: Sweep::new(key, first),
            score: Nats(0),
            attempts_to_verdict: 0,
            verdict_at: now,
            last: now,
            found: Vec::new(),
            steps: Vec::new(),
            marks: Vec::new(),
            fragmented: false,
            proof: None,
            proof_told: None,
            said: Vec::new(),
            is_used: false,
            updates: 0,
            ordinary: Vec::new(),
            last_failure: first,
            beyond_scope: 0,
            told: None,
            told_last: None,
        }
    }

    /// Adds a source, once.
    pub(crate) fn add_source(&mut self, source: Addr) {
        if !self.sources.contains(&source) {
            self.source_count += 1;
            if self.sources.len() < MOST_SOURCES {
                self.sources.push(source);
            }
        }
    }

    /// Adds a contact of the sweep with a service that is new to it.
    pub(crate) fn absorb(&mut self, step: &Step) {
        if !step.used {
            self.sweep.touch(step.time, step.service, step.technique, step.outcome);
        }
        self.last = self.last.max(step.time);
        self.score = self.score.max(step.score);
        if self.steps.len() < MOST_STEPS {
            self.steps.push(*step);
        }
        self.fragmented |= step.fragmented;
        if let Some(mark) = step.mark {
            match self.marks.iter_mut().find(|(known, _)| *known == mark) {
                Some((_, count)) => *count += 1,
                None => self.marks.push((mark, 1)),
            }
        }
        if !step.outcome.is_success() {
            self.last_failure = self.last_failure.max(step.time);
        } else if !step.used && self.is_under_way(step.time) {
            self.find(step.service, step.time);
            if step.row == Row::SuccessPopular {
                self.ordinary.push(step.service);
            }
        }
    }

    /// Takes over what the source said where nobody listens.
    pub(crate) fn hear(&mut self, all: &[Said]) {
        for said in all {
            let is_known = self.said.iter().any(|known| known.service == said.service);
            if !is_known && self.said.len() < MOST_CHALLENGES {
                self.last = self.last.max(said.time);
                self.said.push(said.clone());
            }
        }
    }

    /// Whether the sweep still went on at `time`. What its source does long after the last attempt
    /// in vain is no part of it: behind one address live many.
    fn is_under_way(&self, time: Timestamp) -> bool {
        let services = self.sweep.services().clamp(1, u64::from(u32::MAX)) as u32;
        let gap = self.sweep.last.since(self.sweep.first) / services;
        time.since(self.last_failure) <= PAUSE.max(gap * 4)
    }

    /// Whether the sweep had tried the service in vain.
    pub(crate) fn has_failed_at(&self, service: &Service) -> bool {
        self.steps.iter().any(|step| step.service == *service && !step.outcome.is_success())
    }

    /// An authorised scanner did what it is not allowed to. Once may be a slip.
    pub(crate) fn goes_beyond_scope(&mut self) {
        self.beyond_scope = self.beyond_scope.saturating_add(1);
        if self.verdict == Verdict::Authorised && self.beyond_scope > 1 {
            self.verdict = Verdict::Sweep;
        }
    }

    /// A service answered the sweep.
    pub(crate) fn find(&mut self, service: Service, time: Timestamp) {
        let known = self.found.iter().any(|found| found.service == service);
        if !known && service.protocol.has_ports() && self.found.len() < MOST_FOUND {
            self.found.push(Found { service, time, follow_up: None });
        }
    }

    /// A source of this incident used a service that the sweep had found. Returns whether that
    /// is new.
    pub(crate) fn follow_up(&mut self, service: Service, now: Timestamp) -> bool {
        // What everybody uses, and the sweep came upon as everybody would, was not its find.
        if self.ordinary.contains(&service) {
            return false;
        }
        let Some(found) = self.found.iter_mut().find(|found| found.service == service) else {
            return false;
        };
        self.last = self.last.max(now);
        if found.follow_up.is_some() {
            return false;
        }
        found.follow_up = Some(now);
        if self.verdict == Verdict::Sweep {
            self.verdict = Verdict::FollowUp;
        }
        true
    }

    /// An outcome became known late.
    pub(crate) fn revise(&mut self, service: Service, from: Outcome, to: Outcome, now: Timestamp) {
        self.sweep.revise(service, from, to);
        if let Some(step) = self.steps.iter_mut().find(|step| step.service == service) {
            step.outcome = to;
        }
        if to.is_success() {
            self.find(service, now);
        }
    }

    /// Evidence was taken back.
    pub(crate) fn revoke(&mut self, service: Service) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.service == service) {
            step.revoked = true;
        }
    }

    /// Takes a proof, if it is later than the one that there is. Returns whether that is worth
    /// telling: of a proof that is renewed all the time only now and then.
    pub(crate) fn prove(&mut self, proof: Option<Proved>) -> bool {
        let Some(new) = proof.filter(|new| self.proof.is_none_or(|old| old.when < new.when)) else {
            return false;
        };
        self.proof = proof;
        let is_news = self.proof_told.is_none_or(|told| new.when.since(told) >= RENEWED);
        if is_news {
            self.proof_told = Some(new.when);
        }
        is_news
    }

    /// Is there something new to tell since the last report?
    pub(crate) fn is_news(&self) -> bool {
        self.told != Some(self.tellable())
    }

    fn tellable(&self) -> Told {
        Told {
            verdict: self.verdict,
            shape: self.sweep.shape(),
            found: !self.found.is_empty(),
            networks: self.sweep.targets().len(),
            proof: self.proof_told,
            said: !self.said.is_empty(),
            company: self.sources.len().next_power_of_two(),
        }
    }

    /// Whether anything at all was added since it was told last.
    pub(crate) fn has_grown(&self) -> bool {
        self.told.is_some() && self.told_last != Some(self.size())
    }

    /// Several attempts may come to their outcome at one instant.
    fn size(&self) -> (Timestamp, u64) {
        (self.last, self.sweep.outcomes.total())
    }

    /// The report of the present state.
    pub(crate) fn report(&mut self, context: &Context<'_>) -> Report {
        self.told = Some(self.tellable());
        self.told_last = Some(self.size());
        self.updates += 1;
        let entry = self.entry(context.catalog);
        let shape = self.is_sweep().then(|| self.sweep.shape());
        let mut sources = self.sources.clone();
        sources.sort_unstable();
        let mut found = self.found.clone();
        found.sort_by_key(|found| found.service);
        let mut report = Report {
            schema: SCHEMA_VERSION,
            id: self.id.clone(),
            update: self.updates,
            verdict: self.verdict,
            event_id: entry.map_or_else(String::new, |entry| entry.id.clone()),
            signature: entry.map_or_else(String::new, |entry| entry.signature.clone()),
            iss_id: entry.and_then(|entry| entry.iss_id),
            risk: self.risk(entry),
            sources,
            source_count: self.source_count,
            authorised_as: self.authorised_as.clone(),
            direction: self.direction,
            shape,
            techniques: self.sweep.techniques(),
            tool: self.tool(context.tools),
            also: self.also(context.tools),
            pace: self.sweep.pace(),
            order: shape.and_then(|_| self.sweep.order()),
            coverage: shape.and_then(|_| self.sweep.coverage()),
            score: self.score.to_f64(),
            threshold: context.threshold.to_f64(),
            alpha: context.alpha,
            attempts_to_verdict: self.attempts_to_verdict,
            first: self.sweep.first,
            verdict_at: self.verdict_at,
            last: self.last.max(self.sweep.last),
            hosts: self.sweep.hosts(),
            ports: self.sweep.ports(),
            services: self.sweep.services(),
            port_list: self.sweep.port_list(),
            targets: self.sweep.targets(),
            outcomes: self.sweep.outcomes,
            found,
            said: self.said.iter().map(Said::event).collect(),
            proof: self.proof_event(),
            response: self.response(),
            story: String::new(),
            evidence: self.evidence(context.tools),
            touches: self.sweep.touches(),
        };
        report.story = story::tell(&report, self.decoys);
        report
    }

    pub(crate) fn is_sweep(&self) -> bool {
        matches!(self.verdict, Verdict::Sweep | Verdict::FollowUp | Verdict::Authorised)
    }

    fn evidence(&self, tools: &Tools) -> Vec<EvidenceStep> {
        self.steps.iter().map(|step| step.event(tools)).collect()
    }

    /// The tool whose marks were seen most, if they were seen more than by accident.
    fn tool(&self, tools: &Tools) -> Option<ToolMark> {
        let rule = |mark: u8| &tools.rules()[usize::from(mark)];
        let mut by_name: Vec<(&str, u64)> = Vec::new();
        for &(mark, count) in &self.marks {
            let name = rule(mark).name.as_str();
            match by_name.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += count,
                None => by_name.push((name, count)),
            }
        }
        let &(name, count) = by_name.iter().max_by_key(|(_, count)| *count)?;
        // One mark among many contacts that lack it is an accident.
        if count < 2 && self.sweep.services() > 4 {
            return None;
        }
        let of_tool = self.marks.iter().filter(|(mark, _)| rule(*mark).name == name);
        let &(mark, _) = of_tool.max_by_key(|(_, count)| *count)?;
        let rule = rule(mark);
        Some(ToolMark { name: rule.name.clone(), mark: rule.mark.clone(), weight: rule.weight() })
    }

    fn entry<'a>(&self, catalog: &'a Catalog) -> Option<&'a Entry> {
        catalog.find(self.signature())
    }

    fn proof_event(&self) -> Proof {
        match self.proof {
            Some(Proved { service, when, challenged: true }) => Proof::Proven {
                how: format!(
                    "completed a handshake with {service}, where nobody listens: a challenge"
                ),
                when,
            },
            Some(Proved { service, when, challenged: false }) => Proof::Proven {
                how: format!("acknowledged the initial sequence number of {service}"),
                when,
            },
            None => Proof::None,
        }
    }
}

/// The id depends on content alone, so that two runs, or two sensors, give the same.
fn incident_id(subject: Subject, first: Timestamp) -> String {
    let mut hasher = SipHasher13::new();
    match subject {
        Subject::Source(source) => (0u8, source.bits()).hash(&mut hasher),
        Subject::Stale(source, service) => (1u8, source.bits(), service).hash(&mut hasher),
        Subject::Outage(host) => (2u8, host.bits()).hash(&mut hasher),
        Subject::Flood(service) => (3u8, service).hash(&mut hasher),
        Subject::Backscatter => 4u8.hash(&mut hasher),
    }
    first.nanos().hash(&mut hasher);
    format!("I-{:010x}", hasher.finish() >> 24)
}
