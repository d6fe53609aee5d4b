//! Trails: the evidence of a source step by step, so that every verdict can be explained.

mod proof;

use std::collections::VecDeque;

use tripline_packet::{Addr, Timestamp};

use crate::event::{EvidenceStep, ToolMark};
use crate::evidence::{Nats, Row};
use crate::hand::Hand;
use crate::inventory::Fact;
use crate::service::{Outcome, Service, Standing, Technique};
use crate::tools::Tools;

pub(crate) use proof::{MOST_CHALLENGES, Proved, Said};

use proof::{Challenge, Completed};

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
