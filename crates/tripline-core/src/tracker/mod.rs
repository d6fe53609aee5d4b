//! From packets to attempts: who tried what, and how it ended.
//!
//! The tracker knows protocols, not services: whether an attempt is a probe is decided behind it.
//! It says what it learns as [`Signal`]s, in the order of time.

mod link;
mod other;
mod tcp;
mod udp;

use tripline_packet::{Addr, Body, Duration, Hint, Packet, Timestamp};

use crate::flow::{Circumstance, Flow, FlowId, FlowTable, NO_MARK, Queue, State};
use crate::hand::Hand;
use crate::home::Home;
use crate::keyed::Key;
use crate::recent::Recent;
use crate::service::{Direction, Outcome, Service, Technique};
use crate::settings::Settings;
use crate::tools::{Print, Tools};

/// An attempt whose outcome is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) source: Addr,
    /// The port it came from; 0 where there is none, or none is known.
    pub(crate) source_port: u16,
    pub(crate) service: Service,
    pub(crate) technique: Technique,
    pub(crate) outcome: Outcome,
    pub(crate) circumstance: Circumstance,
    /// Index of the tool rule that the opening matched.
    pub(crate) mark: Option<u8>,
    /// The opening came in fragments that split its transport header.
    pub(crate) fragmented: bool,
    /// When it was made.
    pub(crate) opened: Timestamp,
    /// Who sent the opening, as far as it tells.
    pub(crate) hand: Hand,
}

/// A handshake whose originator acknowledged what only the owner of its address can have seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Handshake {
    pub(crate) source: Addr,
    pub(crate) service: Service,
    pub(crate) opened: Timestamp,
    pub(crate) hand: Hand,
    /// Index of the tool rule that the opening matched.
    pub(crate) mark: Option<u8>,
}

impl Handshake {
    fn of(flow: &Flow) -> Self {
        Self {
            source: flow.origin(),
            service: flow.service(),
            opened: flow.opened,
            hand: flow.hand,
            mark: (flow.mark != NO_MARK).then_some(flow.mark),
        }
    }

    /// The same of an opening that was weighed already.
    pub(crate) fn of_step(step: &crate::trail::Step) -> Self {
        let crate::trail::Step { source, service, time, hand, mark, .. } = *step;
        Self { source, service, opened: time, hand, mark }
    }
}

/// What the tracker learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Signal {
    /// A source opens something (before the outcome is known).
    Opened { source: Addr, service: Service },
    /// An attempt came to its outcome.
    Attempt(Attempt),
    /// A late answer changed the outcome of an attempt that was already told.
    Revised { attempt: Attempt, from: Outcome },
    /// A service answered a client as a service does.
    Answered { service: Service, client: Addr },
    /// A host gave some sign of life.
    Alive { host: Addr },
    /// A source acknowledged what only the owner of its address can have seen.
    Proven(Handshake),
    /// Who completed a handshake closed the session at once, without a word.
    LookedIn(Handshake),
    /// A session carried its first data from the originator.
    Session { source: Addr, service: Service },
    /// An answer to a question that nobody asked.
    Backscatter { from: Addr, to: Addr, port: u16 },
    /// Two sources sent the same numbers to the same target at the same moment.
    Decoy { one: Addr, other: Addr },
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Tracker {
    flows: FlowTable,
    tools: Tools,
    home: Home,
    /// Ends that an FTP control session announced for data.
    expected: Recent<(Addr, u16), ()>,
    /// (client, server) of recent sessions: the server may call the client back.
    acquainted: Recent<(Addr, Addr), ()>,
    /// Addresses that DNS answers named.
    named: Recent<Addr, ()>,
    /// Sources, and the services that a packet of theirs ran out of hops to: a traceroute is under
    /// way. Only the service itself is excused, or one such packet would hide a whole sweep.
    traced: Recent<(Addr, Service), ()>,
    /// The last opening of each source.
    prints: Recent<Addr, Print>,
    /// Who sent an opening with these numbers.
    numbers: Recent<Numbers, Addr>,
    /// Link addresses of routers.
    routers: Recent<[u8; 6], ()>,
    /// Link addresses of those who looked for others on the link.
    macs: Recent<Addr, [u8; 6]>,
    /// The router that forwarded last, and when it was noted.
    last_router: ([u8; 6], Timestamp),
    signals: Vec<Signal>,
    /// Attempts given up because the table was full.
    pub(crate) dropped: u64,
}

/// The numbers of an opening that decoys of one scan share (nmap sends every decoy's copy with the
/// same ones).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Numbers {
    target: Addr,
    ports: (u16, u16),
    seq: u32,
    ack: u32,
}

/// An opening as the protocol modules describe it.
struct Opening<'a> {
    packet: &'a Packet,
    technique: Technique,
    circumstance: Circumstance,
}

impl Tracker {
    pub(crate) fn new(key: Key, settings: &Settings, tools: Tools, home: Home) -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let room = settings.limits.flows / 4;
        Self {
            flows: FlowTable::new(key, settings.limits.flows, settings.silence),
            tools,
            home,
            expected: Recent::new(key, 4_096, minutes(5)),
            acquainted: Recent::new(key, room, minutes(3)),
            named: Recent::new(key, room, minutes(24 * 60)),
            traced: Recent::new(key, 4_096, minutes(2)),
            prints: Recent::new(key, room, minutes(60)),
            numbers: Recent::new(key, 4_096, Duration::from_secs(2)),
            routers: Recent::new(key, 1_024, minutes(24 * 60)),
            macs: Recent::new(key, 4_096, minutes(60)),
            last_router: ([0; 6], Timestamp::EPOCH),
            signals: Vec::new(),
            dropped: 0,
        }
    }

    /// Takes a packet; `now` is never before an earlier one.
    pub(crate) fn handle(&mut self, packet: &Packet, now: Timestamp) {
        self.take_hint(packet, now);
        self.learn_router(packet, now);
        match &packet.body {
            Body::Tcp(tcp) => self.tcp(packet, tcp, now),
            Body::Udp(udp) => self.udp(packet, udp, now),
            Body::Sctp(sctp) => self.sctp(packet, sctp, now),
            Body::Icmp(icmp) => self.icmp(packet, icmp, now),
            Body::Arp(arp) => self.arp(packet, *arp, now),
            Body::Other { protocol } => self.ip_protocol(packet, *protocol, now),
        }
    }

    /// Resolves what is due at `now`.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while let Some((id, queue)) = self.flows.due(now) {
            match queue {
                Queue::Opening => self.run_out(id, now),
                Queue::Settling | Queue::Open => self.flows.remove(id),
            }
        }
    }

    /// When [`Tracker::expire`] has something to do next.
    /// How long an answer is waited for from now on.
    pub(crate) fn set_silence(&mut self, silence: Duration) {
        self.flows.set_silence(silence);
    }

    /// What is protected from now on.
    pub(crate) fn set_home(&mut self, home: Home) {
        self.home = home;
    }

    /// Flows that are followed.
    pub(crate) fn open_flows(&self) -> usize {
        self.flows.len()
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.flows.next_due()
    }

    /// Resolves everything that still waits: the input has ended. What was opened just before the
    /// end had no fair chance to be answered; it is told as cut short.
    pub(crate) fn finish(&mut self, now: Timestamp, silence: Duration) {
        while let Some(id) = self.flows.oldest_opening() {
            let flow = *self.flows.flow(id);
            let waiting = matches!(flow.state, State::Opening | State::Stray);
            if waiting
                && now.since(flow.opened) < silence / 5
                && flow.circumstance == Circumstance::Plain
            {
                self.flows.flow_mut(id).circumstance = Circumstance::CutShort;
            }
            self.run_out(id, now);
        }
    }

    /// Whether a traceroute of `source` to this service is under way. That of UDP changes the port
    /// with each packet, within a range of its own.
    fn is_traced(&self, source: Addr, ends: Ends, now: Timestamp) -> bool {
        self.traced.get(now, &(source, traced_service(ends))).is_some()
    }

    /// Takes what was learned since the last call; `into` is empty and lends its memory.
    pub(crate) fn take_signals(&mut self, into: &mut Vec<Signal>) {
        debug_assert!(into.is_empty());
        std::mem::swap(into, &mut self.signals);
    }

    pub(crate) fn has_signals(&self) -> bool {
        !self.signals.is_empty()
    }

    fn take_hint(&mut self, packet: &Packet, now: Timestamp) {
        match packet.hint {
            Hint::None => {}
            // A PORT that names somebody else is a bounce (RFC 2577), not an appointment.
            Hint::FtpData { addr, port } if addr == packet.src => {
                self.expected.insert(now, (addr, port), ());
            }
            Hint::FtpData { .. } => {}
            Hint::DnsAnswer { addrs } => {
                for addr in addrs.into_iter().filter(|addr| !addr.is_unspecified()) {
                    self.named.insert(now, addr, ());
                }
            }
        }
    }

    /// The time of a flow that waited for an answer is up.
    fn run_out(&mut self, id: FlowId, now: Timestamp) {
        let flow = *self.flows.flow(id);
        match flow.state {
            State::Opening if self.asked_for_others(&flow, now) => {
                self.flows.set_state(id, State::Closed, now);
            }
            State::Opening => self.resolve(id, Outcome::Silent, now),
            State::Stray if flow.has_data => self.flows.set_state(id, State::Closed, now),
            State::Stray => self.resolve(id, Outcome::Silent, now),
            State::Answered => self.resolve(id, Outcome::HalfOpen, now),
            State::AnswerOnly => {
                // The flow is oriented as if its destination had asked.
                let service = flow.service();
                self.answer_without_question(service, flow.origin(), now);
                self.flows.set_state(id, State::Closed, now);
            }
            State::Open | State::Resolved(_) | State::Closed => self.flows.remove(id),
        }
    }

    /// An answer came, and its question was never seen: backscatter if it comes from outside;
    /// if it comes from home, the questions' direction is not captured.
    fn answer_without_question(&mut self, service: Service, asker: Addr, now: Timestamp) {
        match self.home.direction(service.host, asker) {
            Direction::Inbound => self.signals.push(Signal::Backscatter {
                from: service.host,
                to: asker,
                port: service.port,
            }),
            Direction::Outbound | Direction::Internal => {
                self.signals.push(Signal::Answered { service, client: asker });
                self.attempt_unseen(service, asker, Outcome::HalfOpen, now);
            }
            Direction::Transit => {}
        }
    }

    /// Tells of an attempt whose opening was not captured, only its answer.
    fn attempt_unseen(&mut self, service: Service, source: Addr, outcome: Outcome, now: Timestamp) {
        let technique = match service.protocol {
            crate::Protocol::Udp => Technique::Udp,
            crate::Protocol::Sctp => Technique::Sctp,
            _ => Technique::Syn,
        };
        self.signals.push(Signal::Attempt(Attempt {
            source,
            source_port: 0,
            service,
            technique,
            outcome,
            circumstance: Circumstance::Plain,
            mark: None,
            fragmented: false,
            opened: now,
            hand: Hand::default(),
        }));
    }

    /// Starts to follow an attempt.
    fn open(&mut self, ends: Ends, opening: &Opening<'_>, now: Timestamp) -> FlowId {
        self.make_room(now);
        let (key, src_low) = ends.key();
        let state = if opening.technique.is_stealth() { State::Stray } else { State::Opening };
        let id = self.flows.insert(key, src_low, state, opening.technique, now);
        let mark = self.mark(opening, now);
        let flow = self.flows.flow_mut(id);
        flow.mark = mark.unwrap_or(NO_MARK);
        flow.circumstance = opening.circumstance;
        flow.fragmented = opening.packet.reassembled;
        flow.hand = Hand::of(opening.packet);
        let (source, service) = (flow.origin(), flow.service());
        self.signals.push(Signal::Opened { source, service });
        id
    }

    /// The mark of a tool. Relations between two packets show only among those that a tool made by
    /// itself; what the kernel of a common system sent is not remembered for them.
    fn mark(&mut self, opening: &Opening<'_>, now: Timestamp) -> Option<u8> {
        let packet = opening.packet;
        if opening.technique == Technique::Connect {
            return self.tools.mark(packet, None);
        }
        let previous = self.prints.get(now, &packet.src);
        if let Some(print) = Print::of(packet) {
            self.prints.insert(now, packet.src, print);
        }
        self.tools.mark(packet, previous.as_ref())
    }

    /// Makes sure that another flow fits. What has to go early is told as silent if it had at
    /// least a fair part of its time, and given up otherwise.
    fn make_room(&mut self, now: Timestamp) {
        while self.flows.is_full() {
            let Some(id) = self.flows.victim() else {
                return;
            };
            let flow = *self.flows.flow(id);
            let waiting = matches!(flow.state, State::Opening | State::Stray | State::Answered);
            if waiting && now.since(flow.opened) >= Duration::from_secs(1) {
                self.run_out(id, now);
            } else {
                self.dropped += u64::from(waiting);
            }
            self.flows.remove(id);
        }
    }

    /// A flow comes to its outcome, for the first time or again.
    fn resolve(&mut self, id: FlowId, outcome: Outcome, now: Timestamp) {
        let flow = *self.flows.flow(id);
        let attempt = attempt_of(&flow, outcome);
        match flow.told {
            Some(from) if from == outcome => {}
            Some(from) => self.signals.push(Signal::Revised { attempt, from }),
            None => self.signals.push(Signal::Attempt(attempt)),
        }
        let next = match outcome {
            Outcome::Established => State::Open,
            other => State::Resolved(other),
        };
        self.flows.flow_mut(id).told = Some(outcome);
        self.flows.set_state(id, next, now);
    }

    /// The responder answered the originator as a service does.
    fn answered(&mut self, id: FlowId, now: Timestamp) {
        let flow = *self.flows.flow(id);
        if flow.circumstance != Circumstance::Expected {
            let (service, client) = (flow.service(), flow.origin());
            self.signals.push(Signal::Answered { service, client });
            // Whom servers of ours call back outside excuses nothing and accuses nobody.
            if self.home.direction(service.host, client) != Direction::Outbound {
                self.acquainted.insert(now, (client, service.host), ());
            }
        }
    }
}

/// The service that stands for all those of one traceroute.
fn traced_service(ends: Ends) -> Service {
    let service = ends.dst_service();
    match service.protocol {
        crate::Protocol::Udp if udp::TRACEROUTE.contains(&service.port) => {
            Service { port: *udp::TRACEROUTE.start(), ..service }
        }
        _ => service,
    }
}

fn attempt_of(flow: &Flow, outcome: Outcome) -> Attempt {
    // A completed handshake is a connect, whatever the first packet looked like.
    let technique = match (flow.technique, outcome) {
        (Technique::Syn, Outcome::Established) => Technique::Connect,
        // Whoever leaves a handshake half done is no `connect`, whatever its options say.
        (Technique::Connect, Outcome::HalfOpen) => Technique::Syn,
        (technique, _) => technique,
    };
    let end = flow.origin_end();
    Attempt {
        source: end.host,
        source_port: if end.protocol.has_ports() { end.port } else { 0 },
        service: flow.service(),
        technique,
        outcome,
        circumstance: flow.circumstance,
        mark: (flow.mark != NO_MARK).then_some(flow.mark),
        fragmented: flow.fragmented,
        opened: flow.opened,
        hand: flow.hand,
    }
}

/// Source and destination of a packet with the ports, or what stands in their place.
#[derive(Clone, Copy, Debug)]
struct Ends {
    protocol: crate::Protocol,
    src: (Addr, u16),
    dst: (Addr, u16),
}

impl Ends {
    fn key(self) -> (crate::flow::FlowKey, bool) {
        crate::flow::FlowKey::new(self.protocol, self.src, self.dst)
    }

    /// The destination end as a service.
    fn dst_service(self) -> Service {
        Service { host: self.dst.0, protocol: self.protocol, port: self.dst.1 }
    }

    /// The source end as a service.
    fn src_service(self) -> Service {
        Service { host: self.src.0, protocol: self.protocol, port: self.src.1 }
    }
}
