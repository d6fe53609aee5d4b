//! UDP: a datagram asks, a datagram from the same port answers.

use tripline_packet::{Duration, Packet, Timestamp, Udp};

use super::{Ends, Opening, Signal, Tracker};
use crate::flow::{Circumstance, FlowId, State};
use crate::service::{Outcome, Protocol, Technique};

/// The first destination ports of traceroute: one per hop and try, from 33434 (Linux, BSD).
pub(super) const TRACEROUTE: std::ops::RangeInclusive<u16> = 33_434..=33_534;
/// Hops that a traceroute packet may have left when it arrives: tries beyond the target.
const TRACEROUTE_TTL: u8 = 8;

impl Tracker {
    pub(super) fn udp(&mut self, packet: &Packet, udp: &Udp, now: Timestamp) {
        let ends = Ends {
            protocol: Protocol::Udp,
            src: (packet.src, udp.src_port),
            dst: (packet.dst, udp.dst_port),
        };
        let (key, src_low) = ends.key();
        match self.flows.get(&key) {
            Some(id) => {
                let from_origin = self.flows.flow(id).origin_low == src_low;
                self.udp_known(id, from_origin, packet, udp, now);
            }
            None if is_for_everybody(packet) || is_dhcp(udp) => {
                self.signals.push(Signal::Alive { host: packet.src });
            }
            None => self.udp_new(ends, packet, udp, now),
        }
    }

    fn udp_known(
        &mut self,
        id: FlowId,
        from_origin: bool,
        packet: &Packet,
        udp: &Udp,
        now: Timestamp,
    ) {
        let flow = *self.flows.flow(id);
        match (flow.state, from_origin) {
            (State::Open, _) => self.flows.touch(id, now),
            (State::Opening | State::Resolved(_), false) => {
                self.answered(id, now);
                self.resolve(id, Outcome::Established, now);
            }
            // Asking again after a minute is another attempt, before that it is patience.
            (State::Resolved(_), true) if now.since(flow.opened) >= Duration::from_secs(60) => {
                self.flows.remove(id);
                let ends = Ends {
                    protocol: Protocol::Udp,
                    src: (packet.src, udp.src_port),
                    dst: (packet.dst, udp.dst_port),
                };
                self.udp_new(ends, packet, udp, now);
            }
            _ => {}
        }
    }

    fn udp_new(&mut self, ends: Ends, packet: &Packet, udp: &Udp, now: Timestamp) {
        let circumstance = self.udp_circumstance(ends, packet, udp, now);
        let opening = Opening { packet, technique: Technique::Udp, circumstance };
        self.open(ends, &opening, now);
    }

    fn udp_circumstance(
        &self,
        ends: Ends,
        packet: &Packet,
        udp: &Udp,
        now: Timestamp,
    ) -> Circumstance {
        let is_last_hop = packet.ttl <= TRACEROUTE_TTL && TRACEROUTE.contains(&udp.dst_port);
        // Nobody asks from a port where a service lives.
        let answers = (udp.is_response && udp.dst_port >= 1_024)
            || (udp.src_port < 1_024 && udp.dst_port >= 32_768);
        if is_last_hop || self.is_traced(packet.src, ends, now) {
            Circumstance::Traceroute
        } else if answers {
            Circumstance::AnswerLike
        } else if self.acquainted.get(now, &(packet.dst, packet.src)).is_some() {
            Circumstance::Acquainted
        } else if self.named.get(now, &packet.dst).is_some() {
            Circumstance::Named
        } else {
            Circumstance::Plain
        }
    }
}

/// Multicast and broadcast ask everybody: service discovery, DHCP, name look-ups.
pub(super) fn is_for_everybody(packet: &Packet) -> bool {
    packet.link_multicast
        || packet.dst.is_multicast()
        || packet.dst.is_limited_broadcast()
        || packet.src.is_unspecified()
}

fn is_dhcp(udp: &Udp) -> bool {
    let v4 = |port| port == 67 || port == 68;
    let v6 = |port| port == 546 || port == 547;
    (v4(udp.src_port) && v4(udp.dst_port)) || (v6(udp.src_port) && v6(udp.dst_port))
}
