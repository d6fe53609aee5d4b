//! SCTP, ICMP and bare IP protocols.

use tripline_packet::{Icmp, Packet, Quoted, Sctp, SctpChunk, Timestamp, Transport};

use super::{Ends, Handshake, Opening, Signal, Tracker, traced_service, udp::is_for_everybody};
use crate::flow::{Circumstance, FlowId, State};
use crate::service::{Direction, Outcome, Protocol, Service, Technique};

/// Protocols of routers and tunnels (IANA's protocol numbers), where one end may send for hours
/// what the other never answers: IGMP, IP in IP, 6in4, RSVP, GRE, ESP, AH, EIGRP, OSPF, `EtherIP`,
/// PIM, VRRP, L2TP, FC, UDP-Lite, MPLS in IP. A scan of protocols is found by the two hundred and
/// forty others.
const SPEAKS_ALONE: [u8; 16] = [2, 4, 41, 46, 47, 50, 51, 88, 89, 97, 103, 112, 115, 133, 136, 137];

impl Tracker {
    pub(super) fn sctp(&mut self, packet: &Packet, sctp: &Sctp, now: Timestamp) {
        let ends = Ends {
            protocol: Protocol::Sctp,
            src: (packet.src, sctp.src_port),
            dst: (packet.dst, sctp.dst_port),
        };
        let (key, src_low) = ends.key();
        if let Some(id) = self.flows.get(&key) {
            let from_origin = self.flows.flow(id).origin_low == src_low;
            return self.sctp_known(id, from_origin, sctp, now);
        }
        // A COOKIE ECHO without an association is a scan technique of its own (nmap -sZ).
        if matches!(sctp.chunk, SctpChunk::Init | SctpChunk::CookieEcho) {
            let circumstance = Circumstance::Plain;
            let opening = Opening { packet, technique: Technique::Sctp, circumstance };
            let id = self.open(ends, &opening, now);
            self.flows.flow_mut(id).isn = sctp.init_tag;
        }
    }

    fn sctp_known(&mut self, id: FlowId, from_origin: bool, sctp: &Sctp, now: Timestamp) {
        let flow = *self.flows.flow(id);
        match (sctp.chunk, from_origin, flow.state) {
            (SctpChunk::InitAck, false, State::Opening | State::Resolved(Outcome::Silent)) => {
                self.flows.flow_mut(id).iss = sctp.init_tag;
                self.flows.set_state(id, State::Answered, now);
                self.answered(id, now);
            }
            (SctpChunk::Abort, false, State::Opening | State::Resolved(Outcome::Silent)) => {
                self.resolve(id, Outcome::Refused, now);
            }
            (SctpChunk::CookieEcho, true, State::Answered) if sctp.tag == flow.iss => {
                self.resolve(id, Outcome::Established, now);
                self.signals.push(Signal::Proven(Handshake::of(&flow)));
            }
            (SctpChunk::Abort, true, State::Answered) => {
                self.resolve(id, Outcome::HalfOpen, now);
            }
            (SctpChunk::Data, true, State::Open) if !flow.has_data => {
                self.flows.flow_mut(id).has_data = true;
                let (source, service) = (flow.origin(), flow.service());
                self.signals.push(Signal::Session { source, service });
            }
            (SctpChunk::Abort | SctpChunk::Shutdown, _, State::Open) => {
                self.flows.set_state(id, State::Closed, now);
            }
            (_, _, State::Open) => self.flows.touch(id, now),
            _ => {}
        }
    }

    pub(super) fn ip_protocol(&mut self, packet: &Packet, protocol: u8, now: Timestamp) {
        if is_for_everybody(packet) {
            return;
        }
        if SPEAKS_ALONE.contains(&protocol) {
            self.signals.push(Signal::Alive { host: packet.src });
            return;
        }
        // The protocol number stands for the port at both ends, so that both directions agree.
        let port = u16::from(protocol);
        let ends =
            Ends { protocol: Protocol::Ip, src: (packet.src, port), dst: (packet.dst, port) };
        self.ask_or_answer(ends, packet, Technique::IpProtocol, now);
    }

    pub(super) fn icmp(&mut self, packet: &Packet, icmp: &Icmp, now: Timestamp) {
        if let Some(quoted) = icmp.quoted {
            return self.icmp_error(packet, icmp, &quoted, now);
        }
        let v6 = !packet.dst.is_v4();
        match (v6, icmp.kind) {
            (true, 133..=137) => self.neighbour_discovery(packet, icmp, now),
            (false, 8 | 13 | 15 | 17) | (true, 128) if is_for_everybody(packet) => {
                self.signals.push(Signal::Alive { host: packet.src });
            }
            (false, 8 | 13 | 15 | 17) | (true, 128) => {
                let ends = Ends {
                    protocol: Protocol::Icmp,
                    src: (packet.src, icmp.id),
                    dst: (packet.dst, icmp.kind.into()),
                };
                self.ask_or_answer(ends, packet, Technique::Icmp, now);
            }
            (false, 0 | 14 | 16 | 18) | (true, 129) => self.icmp_reply(packet, icmp, v6, now),
            _ => {}
        }
    }

    fn icmp_reply(&mut self, packet: &Packet, icmp: &Icmp, v6: bool, now: Timestamp) {
        // Replies are one above their request, except the echo of IPv4 (RFC 792: 8 and 0).
        let asked = match (v6, icmp.kind) {
            (false, 0) => 8,
            (_, kind) => kind - 1,
        };
        let ends = Ends {
            protocol: Protocol::Icmp,
            src: (packet.src, u16::from(asked)),
            dst: (packet.dst, icmp.id),
        };
        self.signals.push(Signal::Alive { host: packet.src });
        match self.flows.get(&ends.key().0) {
            Some(id) => self.answer(id, now),
            None if self.home.direction(packet.src, packet.dst) == Direction::Inbound => {
                let (from, to) = (packet.src, packet.dst);
                self.signals.push(Signal::Backscatter { from, to, port: asked.into() });
            }
            None => {}
        }
    }

    /// A packet of a protocol without handshake: the first asks, one from the other end answers.
    pub(super) fn ask_or_answer(
        &mut self,
        ends: Ends,
        packet: &Packet,
        technique: Technique,
        now: Timestamp,
    ) {
        let (key, src_low) = ends.key();
        match self.flows.get(&key) {
            Some(id) if self.flows.flow(id).origin_low == src_low => self.flows.touch(id, now),
            Some(id) => self.answer(id, now),
            None => {
                let circumstance = if self.is_traced(packet.src, ends, now) {
                    Circumstance::Traceroute
                } else {
                    Circumstance::Plain
                };
                self.open(ends, &Opening { packet, technique, circumstance }, now);
            }
        }
    }

    fn answer(&mut self, id: FlowId, now: Timestamp) {
        match self.flows.flow(id).state {
            State::Opening | State::Resolved(_) => {
                self.answered(id, now);
                self.resolve(id, Outcome::Established, now);
            }
            State::Open => self.flows.touch(id, now),
            _ => {}
        }
    }

    fn icmp_error(&mut self, packet: &Packet, icmp: &Icmp, quoted: &Quoted, now: Timestamp) {
        // An error goes to whoever sent what it quotes (RFC 1122 section 3.2.2); to somebody else it
        // is sent by who wants to blame him.
        if packet.dst != quoted.src {
            return;
        }
        let error = ErrorKind::of(!packet.dst.is_v4(), icmp);
        let ends = quoted_ends(quoted);
        let flow = self.flows.get(&ends.key().0);
        let asked = flow.filter(|&id| self.flows.flow(id).origin() == quoted.src);
        match (error, asked) {
            (ErrorKind::HopsExceeded, Some(id)) => {
                self.traced.insert(now, (quoted.src, traced_service(ends)), ());
                self.flows.flow_mut(id).circumstance = Circumstance::Traceroute;
            }
            (ErrorKind::Unreachable, Some(id)) => {
                let state = self.flows.flow(id).state;
                if matches!(state, State::Opening | State::Stray | State::Resolved(Outcome::Silent))
                {
                    let outcome = Outcome::Unreachable { kind: icmp.kind, code: icmp.code };
                    self.resolve(id, outcome, now);
                }
            }
            (ErrorKind::Unreachable, None) if flow.is_none() => {
                self.error_unasked(packet, icmp, ends, now);
            }
            _ => {}
        }
    }

    fn error_unasked(&mut self, packet: &Packet, icmp: &Icmp, asked: Ends, now: Timestamp) {
        let (asker, target) = (asked.src.0, asked.dst.0);
        match self.home.direction(target, asker) {
            // We are said to have asked someone outside, and did not: our address is forged.
            Direction::Inbound => {
                let (from, port) = (packet.src, asked.dst.1);
                self.signals.push(Signal::Backscatter { from, to: asker, port });
            }
            // A host of ours (or its router) answers somebody whose question was not captured.
            Direction::Outbound
                if asked.protocol.has_ports()
                    && (self.home.is_empty() || self.home.contains(packet.src)) =>
            {
                let service = Service { host: target, protocol: asked.protocol, port: asked.dst.1 };
                let outcome = Outcome::Unreachable { kind: icmp.kind, code: icmp.code };
                self.attempt_unseen(service, asker, outcome, now);
            }
            _ => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorKind {
    Unreachable,
    HopsExceeded,
    /// Fragmentation needed, redirect, quench, parameter problem: the target was not refused.
    Other,
}

impl ErrorKind {
    fn of(v6: bool, icmp: &Icmp) -> Self {
        match (v6, icmp.kind, icmp.code) {
            (false, 3, 4) => Self::Other,
            (false, 3, _) | (true, 1, _) => Self::Unreachable,
            (false, 11, 0) | (true, 3, 0) => Self::HopsExceeded,
            // RFC 4443: parameter problem, unrecognised next header: v6's "protocol unreachable".
            (true, 4, 1) => Self::Unreachable,
            _ => Self::Other,
        }
    }
}

fn quoted_ends(quoted: &Quoted) -> Ends {
    let (protocol, src_port, dst_port) = match quoted.transport {
        Transport::Tcp { src_port, dst_port } => (Protocol::Tcp, src_port, dst_port),
        Transport::Udp { src_port, dst_port } => (Protocol::Udp, src_port, dst_port),
        Transport::Sctp { src_port, dst_port } => (Protocol::Sctp, src_port, dst_port),
        Transport::Icmp { kind, id } => (Protocol::Icmp, id, kind.into()),
        Transport::Other { protocol } => (Protocol::Ip, protocol.into(), protocol.into()),
    };
    Ends { protocol, src: (quoted.src, src_port), dst: (quoted.dst, dst_port) }
}
