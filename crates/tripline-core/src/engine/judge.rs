//! Judging: what the tracker learned becomes inventory, evidence and verdicts.

use tripline_packet::Addr;

use super::{Engine, apart::is_stale};
use crate::event::Verdict;
use crate::evidence::{Case, Nats, Row};
use crate::flow::Circumstance;
use crate::incident::{Incident, Subject};
use crate::inventory::Failure;
use crate::service::{Direction, Outcome, Service, Standing};
use crate::settings::Scanner;
use crate::source::{Admission, NO_TRAIL};
use crate::tracker::{Attempt, Handshake, Signal};
use crate::trail::{Step, Trail};

/// All verdicts, in the order of the summary's counters.
pub(super) const VERDICTS: [Verdict; 8] = [
    Verdict::Sweep,
    Verdict::FollowUp,
    Verdict::Flood,
    Verdict::Backscatter,
    Verdict::Outage,
    Verdict::StaleClient,
    Verdict::Authorised,
    Verdict::Withdrawn,
];

/// A verdict needs contacts with so many distinct services, however heavy they are.
const LEAST_SERVICES: u16 = 2;
/// Calls back from a server that are excused before they count as anyone's.
const EXCUSED: u8 = 3;
impl Engine {
    pub(super) fn judge(&mut self, signal: Signal) {
        match signal {
            Signal::Opened { source, .. } => self.alive(source),
            Signal::Attempt(attempt) => self.attempt(&attempt),
            Signal::Revised { attempt, from } => self.revised(&attempt, from),
            Signal::Answered { service, client } => self.answered(service, client),
            Signal::Alive { host } => self.alive(host),
            Signal::Proven(handshake) => self.proven(handshake, false),
            Signal::LookedIn(handshake) => self.proven(handshake, true),
            Signal::Session { source, service } => self.session(source, service),
            Signal::Backscatter { from, to, port } => self.unasked(from, to, port),
            Signal::Decoy { one, other } => self.decoy(one, other),
        }
    }

    /// A host gave a sign of life. What lives outside is nothing that the inventory could know.
    pub(super) fn alive(&mut self, host: Addr) {
        if self.home.is_empty() || self.home.contains(host) {
            self.inventory.alive(host, self.now);
        }
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let Attempt { source, service, outcome, .. } = *attempt;
        if source.is_unspecified() || source.is_multicast() || self.is_friend(source) {
            return;
        }
        if matches!(outcome, Outcome::Refused) {
            self.alive(service.host);
        }
        if service.protocol.has_ports()
            && self.floods.count(service, outcome == Outcome::Established, self.now)
        {
            self.flood_begins(service);
        }
        let flooded = self.absorb_flood(attempt);
        if outcome == Outcome::Established {
            self.inventory.used(service, source);
        } else if !outcome.is_success()
            && self.inventory.failed(service, source, attempt.opened) == Failure::OutageBegins
        {
            self.outage_begins(service);
        }
        if self.weighed.check_and_insert(self.now, &(self.party(source), service)) {
            self.attempt_again(attempt);
            return;
        }
        self.summary.attempts.add(outcome);
        let (standing, fact) = self.inventory.standing(&self.home, &service, outcome, self.now);
        let step = self.weigh(attempt, standing, fact);
        if !flooded {
            self.report_probe(source, &step);
        }
    }

    /// Weighs a first contact, and gives a verdict if it suffices.
    fn weigh(
        &mut self,
        attempt: &Attempt,
        standing: Standing,
        fact: crate::inventory::Fact,
    ) -> Step {
        let Attempt { source, service, outcome, technique, .. } = *attempt;
        let party = self.party(source);
        let at = match self.sources.admit(party, self.now) {
            Admission::At(at) => Some(at),
            Admission::Replaced { at, trail } => {
                self.trails.free(trail);
                Some(at)
            }
            Admission::Filtered => None,
        };
        let trail = at.map(|at| self.trail_of(at, party));
        let case = self.case(attempt, standing, trail);
        // An answer may be among the frames that were lost.
        let proves_nothing =
            outcome == Outcome::Silent && self.now < self.lossy_until && fact.rests_on_silence();
        let row = if proves_nothing { Row::Nothing } else { self.likelihoods.row(&case) };
        self.contacts.count(case.direction, row);
        let weight = self.likelihoods.weight(case.direction, row);
        if row == Row::CutShort {
            *self.cut_short.entry(source).or_default() += 1;
        }
        let tool_weight = self.tool_weight(attempt, standing);
        let mut step = Step {
            time: attempt.opened,
            source,
            source_port: attempt.source_port,
            service,
            technique,
            outcome,
            standing,
            fact,
            row,
            weight,
            mark: attempt.mark,
            fragmented: attempt.fragmented,
            tool_weight,
            hand: attempt.hand,
            score: weight,
            revoked: false,
            used: false,
        };
        let (Some(at), Some(trail)) = (at, trail) else {
            return step;
        };
        if row != Row::Nothing {
            let entry = self.sources.entry_mut(at);
            entry.add(weight, tool_weight, self.now);
            entry.probes = entry.probes.saturating_add(u16::from(step.is_probe()));
        }
        if row != Row::SameFamily && weight > Nats(0) {
            self.restore_family(at, trail, &step);
        }
        step.score = self.sources.entry(at).score();
        self.note(source, at, trail, step);
        if step.is_probe() && service.protocol.has_ports() && standing == Standing::Unused {
            self.inventory.closed(service, source, self.now);
        }
        step
    }

    /// Failures that passed for a search within one family of services were none, once others
    /// failed at the same host: they get their full weight.
    fn restore_family(&mut self, at: usize, trail: u32, step: &Step) {
        let host = step.service.host;
        let Some(trail) = self.trails.get_mut(trail) else {
            return;
        };
        let others = trail.failed_at(&step.service).count();
        if others < 2 {
            return;
        }
        let kin = trail.steps.iter_mut().filter(|kept| {
            kept.row == Row::SameFamily && kept.service.host == host && !kept.revoked
        });
        for kept in kin {
            let by = step.weight - kept.weight;
            kept.row = step.row;
            kept.weight = step.weight;
            self.sources.entry_mut(at).correct(by);
        }
    }

    /// Adds a weighed step to the source's trail or incident.
    fn note(&mut self, source: Addr, at: usize, trail: u32, step: Step) {
        if step.row == Row::Nothing {
            return;
        }
        if step.is_probe()
            && let Some(trail) = self.trails.get_mut(trail)
        {
            trail.probed(step.time);
        }
        let subject = Subject::Source(self.leader(source));
        let covers = self.settings.scanners.iter().any(|scanner| scanner.covers(&step));
        if self.is_judged(trail)
            && let Some(incident) = self.incidents.get_mut(&subject)
        {
            incident.add_source(source);
            incident.absorb(&step);
            if step.is_probe() && !covers {
                incident.goes_beyond_scope();
            }
            self.update(subject);
            return;
        }
        if let Some(trail) = self.trails.get_mut(trail) {
            let excused = step.row == Row::Acquainted
                || (step.row == Row::AnswerLike && !matches!(step.outcome, Outcome::Silent));
            trail.excused = trail.excused.saturating_add(u8::from(excused));
            trail.push(step);
        }
        let entry = self.sources.entry(at);
        let enough = entry.score() >= self.threshold || entry.page() >= self.page_threshold;
        // The score of one who is back is high already; a single attempt is still no sweep.
        let is_back_for_more = self
            .trails
            .get(trail)
            .is_none_or(|trail| !trail.is_back || trail.probes() >= u32::from(LEAST_SERVICES));
        let enough = enough && entry.services >= LEAST_SERVICES && is_back_for_more;
        if enough && step.weight > Nats(0) {
            self.verdict(source, trail);
        }
    }

    fn is_judged(&self, trail: u32) -> bool {
        self.trails.get(trail).is_some_and(|trail| trail.judged)
    }

    /// The source is a sweeper: opens its incident, or joins that of its decoys.
    fn verdict(&mut self, source: Addr, at: u32) {
        let Some(trail) = self.trails.get_mut(at) else {
            return;
        };
        trail.judged = true;
        let steps = trail.steps.clone();
        let (proof, is_used, probes) = (trail.proof, trail.is_used(), trail.probes());
        let said = trail.said.clone();
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
            return;
        };
        let first_time = steps.iter().map(|step| step.time).min().unwrap_or(first.time);
        let party = self.party(source);
        let leader = self.leader(source);
        let subject = Subject::Source(leader);
        if !self.incidents.contains_key(&subject) && !self.has_incident_room() {
            self.summary.incidents_dropped += 1;
            return;
        }
        let joins_others = self.incidents.get(&subject).is_some_and(|incident| {
            incident.sources.iter().any(|other| self.party(*other) != party)
        });
        let direction = self.home.direction(source, last.service.host);
        let scanner = self.scanner(source, &steps);
        let verdict = match scanner {
            Some((_, true)) => Verdict::Authorised,
            _ => Verdict::Sweep,
        };
        let authorised = scanner.map(|(scanner, _)| scanner.name.clone());
        let (key, now) = (self.key, self.now);
        let incident = self.incidents.entry(subject).or_insert_with(|| {
            let mut incident = Incident::new(key, subject, verdict, direction, first_time, now);
            incident.attempts_to_verdict = probes;
            incident.authorised_as = authorised;
            incident
        });
        incident.decoys |= joins_others;
        incident.prove(proof);
        incident.is_used |= is_used;
        incident.hear(&said);
        for step in &steps {
            incident.add_source(step.source);
            incident.absorb(step);
            self.probes.join(step.source, step.service, &incident.id);
        }
        if proof.is_some() {
            self.were_no_visits(at);
        }
        self.update(subject);
    }

    pub(super) fn has_incident_room(&self) -> bool {
        self.incidents.len() < self.settings.limits.incidents
    }

    pub(super) fn case(&self, attempt: &Attempt, standing: Standing, trail: Option<u32>) -> Case {
        let Attempt { source, service, outcome, technique, circumstance, .. } = *attempt;
        let trail = trail.and_then(|trail| self.trails.get(trail));
        let failed_ports = || trail.into_iter().flat_map(|trail| trail.failed_at(&service));
        let worn_out = trail.is_some_and(|trail| trail.excused >= EXCUSED);
        let was_refused = matches!(outcome, Outcome::Refused | Outcome::Unreachable { .. });
        let circumstance = match circumstance {
            Circumstance::Acquainted if worn_out => Circumstance::Plain,
            // An answer that comes too late finds its port closed, now and then.
            Circumstance::AnswerLike if worn_out && was_refused => Circumstance::Plain,
            // Who speaks to others is captured in both directions.
            Circumstance::OneWay
                if was_refused || self.inventory.alive_since(service.host, self.now).is_some() =>
            {
                Circumstance::Plain
            }
            other => other,
        };
        let direction = self.home.direction(source, service.host);
        Case {
            direction,
            service,
            standing,
            outcome,
            technique,
            circumstance,
            popularity: self.inventory.popularity(&service),
            family_failed: service.protocol.has_ports()
                && self.likelihoods.only_family_failed(service.port, failed_ports()),
            failed_at_host: match direction {
                Direction::Outbound | Direction::Transit => failed_ports().count(),
                _ => 0,
            },
            answers_visible: trail.is_some_and(Trail::was_answered),
        }
    }

    /// What the marks of a tool add. A connection that address translation lets us see twice, to
    /// two targets, bears a mark too; so marks say nothing where a service answers as it should.
    fn tool_weight(&self, attempt: &Attempt, standing: Standing) -> Nats {
        match attempt.mark {
            Some(_) if !standing.is_probe() => Nats(0),
            None if !attempt.service.protocol.has_ports() => Nats(0),
            mark => self.tools.weight(mark),
        }
    }

    fn trail_of(&mut self, at: usize, source: Addr) -> u32 {
        let known = self.sources.entry(at).trail;
        if known != NO_TRAIL {
            return known;
        }
        let (id, dispossessed) = self.trails.start(source);
        if let Some(other) = dispossessed.and_then(|other| self.sources.find(other)) {
            self.sources.entry_mut(other).trail = NO_TRAIL;
        }
        self.sources.entry_mut(at).trail = id;
        id
    }

    pub(super) fn find_trail(&self, source: Addr) -> Option<(usize, u32)> {
        let at = self.sources.find(self.party(source))?;
        let trail = self.sources.entry(at).trail;
        (trail != NO_TRAIL).then_some((at, trail))
    }

    /// Another attempt at a service that this source had tried before.
    fn attempt_again(&mut self, attempt: &Attempt) {
        let Attempt { source, service, outcome, .. } = *attempt;
        let subject = Subject::Source(self.leader(source));
        let judged = self.find_trail(source).is_some_and(|(_, trail)| self.is_judged(trail));
        if judged && let Some(incident) = self.incidents.get_mut(&subject) {
            incident.sweep.again(attempt.opened, attempt.technique);
            incident.last = self.now;
            // Of what it had used before nothing is found.
            if outcome.is_success() && incident.has_failed_at(&service) {
                incident.find(service, self.now);
            }
        }
        let probe = self.probes.again(source, service, outcome, self.now);
        if probe.is_some_and(is_stale) && !judged {
            self.stale_client(source, service);
        }
    }

    fn proven(&mut self, handshake: Handshake, looked_in: bool) {
        // Only our own side's numbers prove anything to us.
        if !self.home.is_empty() && !self.home.contains(handshake.service.host) {
            return;
        }
        let Handshake { source, service, opened, .. } = handshake;
        let is_first = self.visitors.visit(source, service, opened, self.now);
        let Some((_, at)) = self.find_trail(source) else {
            return;
        };
        let Some(trail) = self.trails.get_mut(at) else {
            return;
        };
        trail.handshake(handshake, looked_in && is_first, self.now);
        let proof = trail.proof;
        let subject = Subject::Source(self.leader(source));
        if let Some(incident) = self.incidents.get_mut(&subject) {
            incident.is_used = true;
            if incident.prove(proof) {
                self.were_no_visits(at);
                self.update(subject);
            }
        }
    }

    /// What a sweeper looked in at it did not visit.
    fn were_no_visits(&mut self, trail: u32) {
        for (source, service) in self.trails.get(trail).into_iter().flat_map(Trail::looks) {
            self.visitors.forget(source, service);
        }
    }

    /// A session carried data. If the sweep of its source had found the service, it came back to
    /// use it; if it comes before any probe, it is ordinary use.
    fn session(&mut self, source: Addr, service: Service) {
        let Some((_, trail_id)) = self.find_trail(source) else {
            return;
        };
        let Some(trail) = self.trails.get_mut(trail_id) else {
            return;
        };
        trail.spoke = Some(self.now);
        if !trail.judged {
            trail.use_service(&service);
            return;
        }
        let came = self.visitors.first(source, service, self.now);
        let subject = Subject::Source(self.leader(source));
        // Who used it before the sweep goes on with that, unless it is he who sweeps.
        if let Some(incident) = self.incidents.get_mut(&subject)
            && (incident.proof.is_some() || came.is_none_or(|came| came >= incident.sweep.first))
            && incident.follow_up(service, self.now)
        {
            self.update(subject);
        }
    }

    fn decoy(&mut self, one: Addr, other: Addr) {
        let leader = self.leader(one);
        if leader != other {
            self.leaders.insert(self.now, other, leader);
        }
    }

    /// Who speaks for a source: of decoys the first one that was seen.
    pub(super) fn leader(&self, source: Addr) -> Addr {
        self.party(self.leaders.get(self.now, &source).unwrap_or(source))
    }

    /// As [`Engine::counted_as`], by its first address.
    pub(super) fn party(&self, source: Addr) -> Addr {
        self.counted_as(source).addr()
    }

    fn is_friend(&self, source: Addr) -> bool {
        self.settings.friends.iter().any(|net| net.contains(source))
    }

    /// The scanner that the source is by the settings, and whether all that it did is within its
    /// scope.
    fn scanner(&self, source: Addr, steps: &[Step]) -> Option<(&Scanner, bool)> {
        let mut of_source =
            self.settings.scanners.iter().filter(|scanner| scanner.source.contains(source));
        let covering =
            of_source.clone().find(|scanner| steps.iter().all(|step| scanner.covers(step)));
        let covering = covering.map(|scanner| (scanner, true));
        covering.or_else(|| of_source.next().map(|scanner| (scanner, false)))
    }
}

impl Scanner {
    /// Whether it is allowed to do this.
    fn covers(&self, step: &Step) -> bool {
        let Service { host, port, protocol } = step.service;
        let target_ok =
            self.targets.is_empty() || self.targets.iter().any(|net| net.contains(host));
        let port_ok = self.ports.is_empty()
            || !protocol.has_ports()
            || self.ports.iter().any(|range| range.contains(port));
        self.source.contains(step.source)
            && target_ok
            && port_ok
            && self.until.is_none_or(|until| step.time <= until)
    }
}
