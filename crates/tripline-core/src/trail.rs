//! Trails: the evidence of a source step by step, so that every verdict can be explained.

use std::collections::VecDeque;

use tripline_packet::{Addr, Duration, Timestamp};

use crate::event::{EvidenceStep, ToolMark};
use crate::evidence::{Nats, Row};
use crate::hand::Hand;
use crate::inventory::Fact;
use crate::service::{Outcome, Service, Standing, Technique};
use crate::tools::Tools;
use crate::tracker::Handshake;

/// One distinct contact of a source, as it was weighed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) time: Timestamp,
    /// Who: of a party of several addresses, this one.
    pub(crate) source: Addr,
    /// 0 where there is none, or none is known.
    pub(crate) source_port: u16,
    pub(crate) service: Service,
    pub(crate) technique: Technique,
    pub(crate) outcome: Outcome,
    pub(crate) standing: Standing,
    pub(crate) fact: Fact,
    pub(crate) row: Row,
    pub(crate) weight: Nats,
    /// Index of the tool rule that matched.
    pub(crate) mark: Option<u8>,
    pub(crate) fragmented: bool,
    pub(crate) tool_weight: Nats,
    /// Who sent the opening, as far as it tells.
    pub(crate) hand: Hand,
    /// Score after this step.
    pub(crate) score: Nats,
    pub(crate) revoked: bool,
    /// The source used the service, with data, before it made any probe: no part of a sweep.
    pub(crate) used: bool,
}

impl Step {
    /// Is it one of the distinct services nobody offers that a verdict counts? Those with an
    /// innocent explanation are not.
    pub(crate) fn is_probe(&self) -> bool {
        self.standing.is_probe() && self.weight > Nats(0) && !self.row.is_excuse()
    }

    /// The step as the event contract has it.
    pub(crate) fn event(&self, tools: &Tools) -> EvidenceStep {
        let tool = self.mark.map(|mark| {
            let rule = &tools.rules()[usize::from(mark)];
            ToolMark {
                name: rule.name.clone(),
                mark: rule.mark.clone(),
                weight: self.tool_weight.to_f64(),
            }
        });
        EvidenceStep {
            time: self.time,
            source_port: (self.source_port != 0).then_some(self.source_port),
            service: self.service,
            technique: self.technique,
            outcome: self.outcome,
            standing: self.standing,
            reason: self.fact.to_string(),
            row: self.row.name().to_owned(),
            weight: self.weight.to_f64(),
            tool,
            score: self.score.to_f64(),
            revoked: self
                .revoked
                .then(|| "the service answered later: it is offered after all".to_owned()),
        }
    }
}

/// A handshake that the owner of an address completed.
#[derive(Clone, Copy, Debug)]
struct Completed {
    handshake: Handshake,
    /// He closed it at once, without a word, and had never been there before.
    looked_in: bool,
    /// When he had completed or closed it.
    when: Timestamp,
}

/// What shows that the owner of an address is the one who sweeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proved {
    /// The service whose initial sequence number he acknowledged.
    pub(crate) service: Service,
    pub(crate) when: Timestamp,
    /// Nobody offers the service: it was the sensor that answered.
    pub(crate) challenged: bool,
}

/// A handshake that the owner of an address completed with a service that nobody offers, because
/// the sensor answered there.
#[derive(Clone, Copy, Debug)]
struct Challenge {
    source: Addr,
    service: Service,
    when: Timestamp,
}

/// What was said where nobody listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) service: Service,
    pub(crate) time: Timestamp,
    pub(crate) bytes: Box<[u8]>,
}

impl Said {
    pub(crate) fn event(&self) -> crate::event::Said {
        let text = self.bytes.escape_ascii().to_string();
        crate::event::Said { service: self.service, time: self.time, text }
    }
}

/// The steps of one source.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    pub(crate) source: Addr,
    pub(crate) steps: Vec<Step>,
    /// What the sweeper proved to have seen, and when.
    pub(crate) proof: Option<Proved>,
    /// When the probes began that came without a long pause, and the last one of them.
    burst: Option<(Timestamp, Timestamp)>,
    /// The last handshakes that the owner of the address completed.
    handshakes: VecDeque<Completed>,
    /// The first challenges that it answered, and what it said in them.
    challenges: Vec<Challenge>,
    pub(crate) said: Vec<Said>,
    /// When a session with data was last begun.
    pub(crate) spoke: Option<Timestamp>,
    /// Calls back that were excused.
    pub(crate) excused: u8,
    /// A verdict was given.
    pub(crate) judged: bool,
    /// An incident of the source was closed; its evidence stays, but what comes is another one.
    pub(crate) is_back: bool,
    /// Score when the last step was added; decides who makes room.
    score: Nats,
}

/// Steps that are kept of a source before its verdict; an innocent source fills only a few.
const MOST_STEPS: usize = 40;
/// Of these, successes.
const MOST_SUCCESSES: usize = 16;
/// After this time somebody who has said something speaks no longer.
const SPEAKING: Duration = Duration::from_secs(60);
/// What a sweep finds it finds between probes, so long after or before one of them at most.
const AMID: Duration = Duration::from_millis(500);
/// And so long after it began at most: a forger who waits for a visit of the one in whose name he
/// sweeps would have to be lucky.
const AT_FIRST: Duration = Duration::from_secs(30);
/// After a longer pause it begins anew.
const PAUSE: Duration = Duration::from_secs(240);
/// Handshakes that are remembered.
const MOST_HANDSHAKES: usize = 4;
/// Challenges that are remembered of a source.
pub(crate) const MOST_CHALLENGES: usize = 8;
/// Bytes that are kept of what is said in one.
const MOST_SAID: usize = 256;
/// Distinct services that nobody offers: who completes handshakes with so many sweeps. A single one
/// may be the slip of somebody in whose name another one sweeps.
const LEAST_CHALLENGES: usize = 2;
/// Probes that must have been sent by the machine of a handshake, besides most of them.
const LEAST_TIED: usize = 2;

impl Trail {
    fn new(source: Addr) -> Self {
        Self {
            source,
            steps: Vec::new(),
            proof: None,
            burst: None,
            handshakes: VecDeque::new(),
            challenges: Vec::new(),
            said: Vec::new(),
            spoke: None,
            excused: 0,
            judged: false,
            is_back: false,
            score: Nats(0),
        }
    }

    /// Starts anew for another source, with the memory at hand.
    fn reset(&mut self, source: Addr) {
        let mut steps = std::mem::take(&mut self.steps);
        steps.clear();
        *self = Self { steps, ..Self::new(source) };
    }

    /// The incident is closed: what the source does from now on is a story of its own.
    pub(crate) fn close(&mut self) {
        self.steps.clear();
        self.proof = None;
        self.challenges.clear();
        self.said.clear();
        self.judged = false;
        self.is_back = true;
    }

    /// Keeps a step if there is room.
    pub(crate) fn push(&mut self, step: Step) {
        self.score = step.score;
        let successes = || self.steps.iter().filter(|step| step.outcome.is_success()).count();
        let wanted = !step.outcome.is_success() || successes() < MOST_SUCCESSES;
        if self.steps.len() < MOST_STEPS && wanted {
            self.steps.push(step);
            self.look_for_proof();
        }
    }

    /// Remembers when a probe came.
    pub(crate) fn probed(&mut self, time: Timestamp) {
        self.burst = match self.burst {
            Some((first, last)) if time.since(last) <= PAUSE => Some((first, last.max(time))),
            _ => Some((time, time)),
        };
    }

    /// Remembers that the owner of the address completed a handshake; `looked_in`: and that he
    /// closed it at once, without a word, and had never been there before.
    pub(crate) fn handshake(&mut self, handshake: Handshake, looked_in: bool, now: Timestamp) {
        self.handshakes.retain(|known| known.handshake != handshake);
        self.handshakes.truncate(MOST_HANDSHAKES - 1);
        self.handshakes.push_front(Completed { handshake, looked_in, when: now });
        self.look_for_proof();
    }

    /// The services that it looked in at: if it is a sweep, these were no visits.
    pub(crate) fn looks(&self) -> impl Iterator<Item = (Addr, Service)> {
        let looks = self.handshakes.iter().filter(|known| known.looked_in);
        looks.map(|known| (known.handshake.source, known.handshake.service))
    }

    /// Whether the owner of the address completed a handshake.
    pub(crate) fn is_used(&self) -> bool {
        !self.handshakes.is_empty()
    }

    /// Does one of the handshakes prove that it is the owner of the address who sweeps? The latest
    /// one counts: what was done about him on an earlier one may be over.
    fn look_for_proof(&mut self) {
        let tied = self.handshakes.iter().find(|known| self.is_tied(known));
        let tied = tied.map(|known| (known.handshake.service, known.when, false));
        let found = tied.into_iter().chain(self.proving_challenge()).max_by_key(|found| found.1);
        let found = found.map(|(service, when, challenged)| Proved { service, when, challenged });
        if let Some(found) = found
            && self.proof.is_none_or(|proof| proof.when < found.when)
        {
            self.proof = Some(found);
        }
    }

    /// The owner of the address completed a handshake with a service that nobody offers, and said
    /// something there or nothing.
    pub(crate) fn challenged(
        &mut self,
        source: Addr,
        service: Service,
        said: &[u8],
        when: Timestamp,
    ) {
        let is_it = |known: &Challenge| (known.source, known.service) == (source, service);
        let known = self.challenges.iter().position(is_it).map(|at| self.challenges.remove(at));
        if known.is_some() || self.challenges.len() < MOST_CHALLENGES {
            self.challenges.push(Challenge { source, service, when });
            self.look_for_proof();
        }
        let was_heard = self.said.iter().any(|known| known.service == service);
        if !said.is_empty() && !was_heard && self.said.len() < MOST_CHALLENGES {
            let bytes = said[..said.len().min(MOST_SAID)].into();
            self.said.push(Said { service, time: when, bytes });
        }
    }

    /// A challenge proves something if its source answered another one too, or sent most of the
    /// probes itself.
    fn proving_challenge(&self) -> Option<(Service, Timestamp, bool)> {
        let opening = |challenge: &Challenge| {
            let of_it =
                |step: &&Step| (step.source, step.service) == (challenge.source, challenge.service);
            self.steps.iter().find(of_it).map(Handshake::of_step)
        };
        let proves = |challenge: &&Challenge| {
            let same = self.challenges.iter().filter(|other| other.source == challenge.source);
            same.count() >= LEAST_CHALLENGES
                || opening(challenge).is_some_and(|handshake| self.ties_most(&handshake))
        };
        let last = self.challenges.iter().rev().find(proves)?;
        Some((last.service, last.when, true))
    }

    /// A handshake proves something about the sweep only if whoever completed it also sent most of
    /// the probes at that host (see [`crate::hand`]).
    fn is_tied(&self, known: &Completed) -> bool {
        let Completed { handshake, .. } = *known;
        // A handshake with a service that nobody offers is itself a probe.
        self.probes_near(&handshake).any(|step| step.service == handshake.service)
            || self.ties_most(&handshake)
            || (self.only_looks(known)
                && self.is_most(&handshake, |step| handshake.hand.looks_like(step.hand)))
    }

    /// Whether whoever completed a handshake also sent most of the probes at its host.
    fn ties_most(&self, handshake: &Handshake) -> bool {
        // No stack of an innocent writes what a scanner does.
        self.is_most(handshake, |step| handshake.mark.is_some() && step.mark == handshake.mark)
            || self.is_most(handshake, |step| {
                handshake.hand.sent_also(handshake.opened, step.hand, step.time)
            })
    }

    fn is_most(&self, handshake: &Handshake, ties: impl Fn(&Step) -> bool) -> bool {
        let probes = || self.probes_near(handshake);
        let tied = probes().filter(|step| ties(step)).count();
        tied >= LEAST_TIED && 2 * tied > probes().count()
    }

    /// The probes of the source of a handshake at its host; the handshake's own opening is none of
    /// them unless it was one.
    fn probes_near(&self, handshake: &Handshake) -> impl Iterator<Item = &Step> {
        let near = (handshake.source, handshake.service.host);
        let probes = self.steps.iter().filter(|step| step.is_probe());
        probes.filter(move |step| (step.source, step.service.host) == near)
    }

    /// Whoever has business with a service says something, and whoever watches it comes again and
    /// again. A first visit amid the probes, without a word, by one who speaks with nobody here, is
    /// one of the sweep.
    fn only_looks(&self, known: &Completed) -> bool {
        let Completed { handshake, looked_in, when } = *known;
        let speaks = self.spoke.is_some_and(|spoke| when.since(spoke) < SPEAKING);
        looked_in && !speaks && self.is_amid(handshake.opened)
    }

    /// Was a session opened between two probes, or next to one?
    fn is_amid(&self, opened: Timestamp) -> bool {
        let is_close = |time: Timestamp| opened.since(time).max(time.since(opened)) <= AMID;
        let probes = || self.steps.iter().filter(|step| step.is_probe()).map(|step| step.time);
        let in_burst = self.burst.is_some_and(|(first, last)| {
            first <= opened + AMID && opened.since(first) <= AT_FIRST && is_close(last)
        });
        in_burst || (!self.judged && probes().any(is_close))
    }

    /// Did an attempt at `service` or one that `related` accepts fail before at the same host?
    pub(crate) fn failed_at(&self, service: &Service) -> impl Iterator<Item = u16> {
        let (host, protocol) = (service.host, service.protocol);
        self.steps
            .iter()
            .filter(move |step| {
                step.service.host == host
                    && step.service.protocol == protocol
                    && !step.outcome.is_success()
            })
            .map(|step| step.service.port)
    }

    /// Was any answer to this source seen?
    pub(crate) fn was_answered(&self) -> bool {
        self.steps.iter().any(|step| step.outcome.is_success())
    }

    /// The source used a service in a session with data.
    pub(crate) fn use_service(&mut self, service: &Service) {
        if self.probes() == 0
            && let Some(step) = self.steps.iter_mut().find(|step| step.service == *service)
        {
            step.used = true;
        }
    }

    /// Distinct services nobody offers, up to the last step.
    pub(crate) fn probes(&self) -> u32 {
        self.steps.iter().filter(|step| step.is_probe()).count() as u32
    }
}

/// A fixed number of trails. Their memory is used again, never given back.
#[derive(Debug)]
pub(crate) struct Trails {
    slots: Vec<Trail>,
    free: Vec<u32>,
    capacity: usize,
    hand: usize,
}

/// Trails that are compared when one has to make room.
const CANDIDATES: usize = 16;

impl Trails {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), capacity: capacity.max(CANDIDATES), hand: 0 }
    }

    /// All, those that nobody has any more among them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Trail> {
        self.slots.iter()
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Trail> {
        self.slots.get(id as usize)
    }

    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Trail> {
        self.slots.get_mut(id as usize)
    }

    /// A new trail, and the source whose trail made room for it, if any.
    pub(crate) fn start(&mut self, source: Addr) -> (u32, Option<Addr>) {
        if let Some(id) = self.free.pop() {
            self.slots[id as usize].reset(source);
            return (id, None);
        }
        if self.slots.len() < self.capacity {
            self.slots.push(Trail::new(source));
            return ((self.slots.len() - 1) as u32, None);
        }
        let id = self.weakest();
        let slot = &mut self.slots[id as usize];
        let dispossessed = slot.source;
        slot.reset(source);
        (id, Some(dispossessed))
    }

    /// The trail is no longer anyone's; an identifier that is none is ignored.
    pub(crate) fn free(&mut self, id: u32) {
        if (id as usize) < self.slots.len() {
            self.free.push(id);
        }
    }

    /// The one with the least evidence among the next few: looking at all of them for each new
    /// source would be what a flood wants.
    fn weakest(&mut self) -> u32 {
        let candidates = (0..CANDIDATES).map(|n| (self.hand + n) % self.slots.len());
        let weight = |at: &usize| (self.slots[*at].judged, self.slots[*at].score);
        let weakest = candidates.min_by_key(weight).unwrap_or(0);
        self.hand = (self.hand + CANDIDATES) % self.slots.len();
        weakest as u32
    }
}
