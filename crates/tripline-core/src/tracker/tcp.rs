//! TCP: RFC 9293 as seen from outside, with one or both directions captured.

use tripline_packet::{Duration, Packet, Tcp, TcpFlags, Timestamp};

use super::{Ends, Handshake, Numbers, Opening, Signal, Tracker};
use crate::flow::{Circumstance, Flow, FlowId, State};
use crate::service::{Direction, Outcome, Protocol, Technique};

const OPENERS: u16 = TcpFlags::SYN | TcpFlags::ACK | TcpFlags::RST | TcpFlags::FIN;

/// What a segment is, by its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Syn,
    SynAck,
    Rst,
    /// Anything else that an honest stack sends: ACK, data, FIN with ACK.
    Within,
    /// What no honest stack sends.
    Impossible(Technique),
}

fn segment(flags: TcpFlags) -> Segment {
    let fin_psh_urg = TcpFlags::FIN | TcpFlags::PSH | TcpFlags::URG;
    match flags.0 & OPENERS {
        TcpFlags::SYN => Segment::Syn,
        both if both == TcpFlags::SYN | TcpFlags::ACK => Segment::SynAck,
        both if both == TcpFlags::SYN | TcpFlags::FIN => Segment::Impossible(Technique::SynFin),
        some if some & TcpFlags::SYN != 0 => Segment::Impossible(Technique::Stray),
        some if some & TcpFlags::RST != 0 => Segment::Rst,
        some if some & TcpFlags::ACK != 0 => Segment::Within,
        _ => Segment::Impossible(match flags.0 & 0xff {
            0 => Technique::Null,
            TcpFlags::FIN => Technique::Fin,
            all if all == fin_psh_urg => Technique::Xmas,
            _ => Technique::Stray,
        }),
    }
}

/// A session that is shorter was opened to see whether it can be. Browsers that open connections in
/// advance keep them for ten seconds at least.
const AT_ONCE: Duration = Duration::from_secs(5);

impl Tracker {
    pub(super) fn tcp(&mut self, packet: &Packet, tcp: &Tcp, now: Timestamp) {
        let ends = Ends {
            protocol: Protocol::Tcp,
            src: (packet.src, tcp.src_port),
            dst: (packet.dst, tcp.dst_port),
        };
        let (key, src_low) = ends.key();
        match self.flows.get(&key) {
            Some(id) => {
                let from_origin = self.flows.flow(id).origin_low == src_low;
                self.tcp_known(id, from_origin, packet, tcp, now);
            }
            None if packet.dst.is_multicast() || packet.dst.is_limited_broadcast() => {}
            None => self.tcp_new(ends, packet, tcp, now),
        }
    }

    fn tcp_known(
        &mut self,
        id: FlowId,
        from_origin: bool,
        packet: &Packet,
        tcp: &Tcp,
        now: Timestamp,
    ) {
        let segment = segment(tcp.flags);
        if segment == Segment::Within && self.flows.flow(id).state == State::Open {
            return self.in_session(id, from_origin, tcp, now);
        }
        let flow = *self.flows.flow(id);
        // The responder has hung up first.
        let ends = tcp.flags.has(TcpFlags::FIN) || tcp.flags.has(TcpFlags::RST);
        let was_open = flow.state == State::Closed && flow.told == Some(Outcome::Established);
        if was_open && from_origin && ends {
            return self.originator_ends(id, tcp, now);
        }
        match (segment, from_origin) {
            (Segment::Within, true) => self.originator_goes_on(id, &flow, tcp, now),
            (Segment::Within, false) => self.responder_goes_on(id, &flow, now),
            (Segment::Syn, true) => self.syn_again(id, &flow, packet, tcp, now),
            (Segment::Syn, false) => self.syn_from_other_end(id, &flow, packet, tcp, now),
            (Segment::SynAck, false) => self.syn_ack(id, &flow, tcp, now),
            (Segment::Rst, true) => self.rst_from_originator(id, &flow, tcp, now),
            (Segment::Rst, false) => self.rst_from_responder(id, &flow, now),
            (Segment::SynAck, true) | (Segment::Impossible(_), _) => {}
        }
    }

    /// The bulk of all traffic.
    #[inline]
    fn in_session(&mut self, id: FlowId, from_origin: bool, tcp: &Tcp, now: Timestamp) {
        self.flows.touch(id, now);
        if from_origin && tcp.payload_len > 0 && !self.flows.flow(id).has_data {
            let flow = self.flows.flow_mut(id);
            flow.has_data = true;
            let (source, service) = (flow.origin(), flow.service());
            self.signals.push(Signal::Session { source, service });
        }
        if tcp.flags.has(TcpFlags::FIN) {
            if from_origin {
                self.originator_ends(id, tcp, now);
            }
            self.flows.set_state(id, State::Closed, now);
        }
    }

    /// FIN or RST of the originator in a session. Its sequence number tells whether there was data,
    /// even if none was captured.
    fn originator_ends(&mut self, id: FlowId, tcp: &Tcp, now: Timestamp) {
        let flow = *self.flows.flow(id);
        let said = tcp.seq.wrapping_sub(flow.isn).wrapping_sub(1);
        if said == 0 && !flow.has_data && now.since(flow.opened) <= AT_ONCE {
            self.signals.push(Signal::LookedIn(Handshake::of(&flow)));
        // A FIN that went before counts as one byte, so one is none.
        } else if (2..1 << 30).contains(&said) && !flow.has_data {
            self.flows.flow_mut(id).has_data = true;
            let (source, service) = (flow.origin(), flow.service());
            self.signals.push(Signal::Session { source, service });
        }
    }

    /// ACK, data or FIN+ACK from the originator, outside a session that we know to be open.
    fn originator_goes_on(&mut self, id: FlowId, flow: &Flow, tcp: &Tcp, now: Timestamp) {
        match flow.state {
            State::Answered | State::Resolved(Outcome::HalfOpen) if acknowledges(tcp, flow.iss) => {
                self.resolve(id, Outcome::Established, now);
                self.signals.push(Signal::Proven(Handshake::of(flow)));
                self.in_session(id, true, tcp, now);
            }
            State::Opening if tcp.seq == flow.isn.wrapping_add(1) => {
                self.flows.flow_mut(id).circumstance = Circumstance::OneWay;
            }
            State::Stray if tcp.payload_len > 0 => self.flows.flow_mut(id).has_data = true,
            State::AnswerOnly => {
                // The opening was lost to the capture; the rest shows a session.
                self.answered(id, now);
                self.resolve(id, Outcome::Established, now);
                self.in_session(id, true, tcp, now);
            }
            _ => {}
        }
    }

    /// ACK, data or FIN+ACK from the responder.
    fn responder_goes_on(&mut self, id: FlowId, flow: &Flow, now: Timestamp) {
        match flow.state {
            // Both ends talk: a session that began before the capture did.
            State::Stray => {
                self.learn_mid_stream(flow);
                self.flows.set_state(id, State::Open, now);
            }
            State::AnswerOnly => {
                self.answered(id, now);
                self.resolve(id, Outcome::Established, now);
            }
            _ => {}
        }
    }

    /// In a session joined in the middle the end with the low port is taken for the server, when
    /// the other is clearly ephemeral.
    fn learn_mid_stream(&mut self, flow: &Flow) {
        let (there, back) = (flow.service(), flow.origin_end());
        let (server, client) = if there.port <= back.port { (there, back) } else { (back, there) };
        if server.port < 10_000 && client.port >= 10_000 {
            self.signals.push(Signal::Answered { service: server, client: client.host });
        }
    }

    fn syn_again(&mut self, id: FlowId, flow: &Flow, packet: &Packet, tcp: &Tcp, now: Timestamp) {
        let same = tcp.seq == flow.isn;
        match flow.state {
            // A retransmission, or a second try from the same port before the first was answered.
            State::Opening | State::Answered => {}
            State::Resolved(_) if same => {}
            _ => self.reopen(id, packet, tcp, now),
        }
    }

    /// A SYN against the direction of a flow: crossing openings are left to the first one; when
    /// the old flow is over, the port is being used again the other way round.
    fn syn_from_other_end(
        &mut self,
        id: FlowId,
        flow: &Flow,
        packet: &Packet,
        tcp: &Tcp,
        now: Timestamp,
    ) {
        if matches!(flow.state, State::Resolved(_) | State::Closed | State::Stray) {
            self.reopen(id, packet, tcp, now);
        }
    }

    fn reopen(&mut self, id: FlowId, packet: &Packet, tcp: &Tcp, now: Timestamp) {
        self.flows.remove(id);
        let ends = Ends {
            protocol: Protocol::Tcp,
            src: (packet.src, tcp.src_port),
            dst: (packet.dst, tcp.dst_port),
        };
        self.tcp_new(ends, packet, tcp, now);
    }

    fn syn_ack(&mut self, id: FlowId, flow: &Flow, tcp: &Tcp, now: Timestamp) {
        let answers = tcp.ack == flow.isn.wrapping_add(1);
        let waiting = matches!(
            flow.state,
            State::Opening
                | State::Resolved(Outcome::Silent | Outcome::Unreachable { .. } | Outcome::Refused)
        );
        if waiting && answers {
            self.flows.flow_mut(id).iss = tcp.seq;
            self.flows.set_state(id, State::Answered, now);
            self.answered(id, now);
        }
    }

    fn rst_from_originator(&mut self, id: FlowId, flow: &Flow, tcp: &Tcp, now: Timestamp) {
        match flow.state {
            State::Answered => {
                // A RST that also acknowledges the responder's number was sent by someone who saw
                // it; a plain one repeats only what the source itself chose.
                if acknowledges(tcp, flow.iss) {
                    self.signals.push(Signal::Proven(Handshake::of(flow)));
                }
                self.resolve(id, Outcome::HalfOpen, now);
            }
            State::Open => {
                self.originator_ends(id, tcp, now);
                self.flows.set_state(id, State::Closed, now);
            }
            State::Stray => self.flows.set_state(id, State::Closed, now),
            State::AnswerOnly => {
                self.answer_without_question(flow.service(), flow.origin(), now);
                self.flows.set_state(id, State::Closed, now);
            }
            _ => {}
        }
    }

    fn rst_from_responder(&mut self, id: FlowId, flow: &Flow, now: Timestamp) {
        match flow.state {
            State::Opening | State::Resolved(Outcome::Silent) => {
                self.resolve(id, Outcome::Refused, now);
            }
            State::Stray if flow.has_data => self.flows.set_state(id, State::Closed, now),
            State::Stray => self.resolve(id, Outcome::Refused, now),
            State::Answered => self.resolve(id, Outcome::HalfOpen, now),
            State::Open | State::AnswerOnly => self.flows.set_state(id, State::Closed, now),
            State::Resolved(_) | State::Closed => {}
        }
    }

    fn tcp_new(&mut self, ends: Ends, packet: &Packet, tcp: &Tcp, now: Timestamp) {
        let technique = match segment(tcp.flags) {
            Segment::Syn if is_of_a_stack(packet, tcp) => Technique::Connect,
            Segment::Syn => Technique::Syn,
            Segment::Impossible(technique) => technique,
            Segment::Within if tcp.flags.has(TcpFlags::FIN) => Technique::Maimon,
            Segment::Within => Technique::Ack,
            Segment::SynAck => return self.syn_ack_unasked(ends, tcp, now),
            Segment::Rst => return self.rst_unasked(ends, tcp, now),
        };
        let circumstance = self.tcp_circumstance(ends, packet, tcp, now);
        let id = self.open(ends, &Opening { packet, technique, circumstance }, now);
        let flow = self.flows.flow_mut(id);
        flow.isn = tcp.seq;
        flow.has_data =
            tcp.payload_len > 0 && matches!(technique, Technique::Ack | Technique::Maimon);
        if technique != Technique::Connect {
            self.compare_numbers(packet, tcp, now);
        }
    }

    fn tcp_circumstance(
        &self,
        ends: Ends,
        packet: &Packet,
        tcp: &Tcp,
        now: Timestamp,
    ) -> Circumstance {
        if self.expected.get(now, &(packet.dst, tcp.dst_port)).is_some() {
            Circumstance::Expected
        } else if self.is_traced(packet.src, ends, now) {
            Circumstance::Traceroute
        } else if self.acquainted.get(now, &(packet.dst, packet.src)).is_some() {
            Circumstance::Acquainted
        } else if tcp.src_port == 20 {
            Circumstance::FtpDataLike
        } else if self.named.get(now, &packet.dst).is_some() {
            Circumstance::Named
        } else {
            Circumstance::Plain
        }
    }

    fn syn_ack_unasked(&mut self, ends: Ends, tcp: &Tcp, now: Timestamp) {
        self.make_room(now);
        let (key, src_low) = ends.key();
        let id = self.flows.insert(key, !src_low, State::AnswerOnly, Technique::Syn, now);
        let flow = self.flows.flow_mut(id);
        flow.isn = tcp.ack.wrapping_sub(1);
        flow.iss = tcp.seq;
    }

    /// A RST outside any flow. The answer of a closed port to a SYN has sequence number zero and
    /// acknowledges (RFC 9293 section 3.10.7.1): from home it tells of a probe whose opening was
    /// not captured.
    fn rst_unasked(&mut self, ends: Ends, tcp: &Tcp, now: Timestamp) {
        let answers_syn = tcp.flags.has(TcpFlags::ACK) && tcp.seq == 0;
        match self.home.direction(ends.src.0, ends.dst.0) {
            Direction::Inbound => self.signals.push(Signal::Backscatter {
                from: ends.src.0,
                to: ends.dst.0,
                port: ends.src.1,
            }),
            Direction::Outbound | Direction::Internal if answers_syn => {
                self.attempt_unseen(ends.src_service(), ends.dst.0, Outcome::Refused, now);
            }
            _ => {}
        }
    }

    fn compare_numbers(&mut self, packet: &Packet, tcp: &Tcp, now: Timestamp) {
        let numbers = Numbers {
            target: packet.dst,
            ports: (tcp.src_port, tcp.dst_port),
            seq: tcp.seq,
            ack: tcp.ack,
        };
        match self.numbers.get(now, &numbers) {
            Some(other) if other != packet.src => {
                self.signals.push(Signal::Decoy { one: other, other: packet.src });
            }
            Some(_) => {}
            None => self.numbers.insert(now, numbers, packet.src),
        }
    }
}

/// Is a SYN what the kernel of a common system sends for `connect`? Those offer timestamps, or
/// SACK with window scaling and don't-fragment; raw scanners send less, or forget the latter.
fn is_of_a_stack(packet: &Packet, tcp: &Tcp) -> bool {
    const SACK_PERMITTED: u64 = 5;
    const WINDOW_SCALE: u64 = 4;
    const TIMESTAMPS: u64 = 7;
    let offers = |kind| (0..16).any(|at| tcp.options.layout >> (4 * at) & 0xf == kind);
    offers(TIMESTAMPS)
        || (offers(SACK_PERMITTED)
            && offers(WINDOW_SCALE)
            && (packet.dont_fragment || !packet.dst.is_v4()))
}

/// Does the segment acknowledge the responder's initial sequence number? Up to a gigabyte beyond
/// is accepted: the first packets of the session may be missing from the capture.
fn acknowledges(tcp: &Tcp, iss: u32) -> bool {
    let beyond = tcp.ack.wrapping_sub(iss);
    tcp.flags.has(TcpFlags::ACK) && (1..1 << 30).contains(&beyond)
}
