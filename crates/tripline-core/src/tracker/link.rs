//! ARP and IPv6 neighbour discovery: who looks for whom on the local link.

use tripline_packet::{Arp, Duration, Icmp, Packet, Timestamp};

use super::{Ends, Signal, Tracker};
use crate::flow::Flow;
use crate::service::{Protocol, Technique};

const ARP_REQUEST: u16 = 1;
const ARP_REPLY: u16 = 2;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

impl Tracker {
    pub(super) fn arp(&mut self, packet: &Packet, arp: Arp, now: Timestamp) {
        // An address probe (RFC 5227) comes from 0.0.0.0, an announcement asks for itself.
        if packet.src.is_unspecified() {
            return;
        }
        self.signals.push(Signal::Alive { host: packet.src });
        if packet.src == packet.dst {
            return;
        }
        let ends = Ends { protocol: Protocol::Arp, src: (packet.src, 0), dst: (packet.dst, 0) };
        self.macs.insert(now, packet.src, arp.sender_mac);
        match arp.operation {
            ARP_REQUEST => {
                self.ask_or_answer(ends, packet, Technique::Arp, now);
            }
            ARP_REPLY => self.answer_if_asked(ends, packet, now),
            _ => {}
        }
    }

    pub(super) fn neighbour_discovery(&mut self, packet: &Packet, icmp: &Icmp, now: Timestamp) {
        if packet.src.is_unspecified() {
            return;
        }
        self.signals.push(Signal::Alive { host: packet.src });
        match icmp.kind {
            // A unicast solicitation asks whether a known neighbour is still there.
            NEIGHBOUR_SOLICITATION if packet.dst.is_multicast() => {
                self.macs.insert(now, packet.src, packet.src_mac);
                let ends =
                    Ends { protocol: Protocol::Nd, src: (packet.src, 0), dst: (icmp.target, 0) };
                self.ask_or_answer(ends, packet, Technique::Nd, now);
            }
            NEIGHBOUR_ADVERTISEMENT => {
                self.signals.push(Signal::Alive { host: icmp.target });
                let ends =
                    Ends { protocol: Protocol::Nd, src: (icmp.target, 0), dst: (packet.dst, 0) };
                self.answer_if_asked(ends, packet, now);
            }
            _ => {}
        }
    }

    /// A packet from outside came over this link address: it belongs to a router, which looks for
    /// absent hosts because somebody outside does.
    pub(super) fn learn_router(&mut self, packet: &Packet, now: Timestamp) {
        // Nearly all packets from outside come over one router: do not look it up each time.
        let (mac, known_at) = self.last_router;
        if packet.src_mac == mac && now.since(known_at) < Duration::from_secs(60) {
            return;
        }
        let forwarded = !self.home.is_empty() && !self.home.contains(packet.src);
        if forwarded && packet.src_mac != [0; 6] && !packet.src.is_unspecified() {
            self.routers.insert(now, packet.src_mac, ());
            self.last_router = (packet.src_mac, now);
        }
    }

    /// Did a router look for an absent host on the link, for somebody outside? Asked when the
    /// silence is told, because the first look may come before the first packet is forwarded.
    pub(super) fn asked_for_others(&self, flow: &Flow, now: Timestamp) -> bool {
        let mac = self.macs.get(now, &flow.origin());
        matches!(flow.service().protocol, Protocol::Arp | Protocol::Nd)
            && mac.is_some_and(|mac| self.routers.get(now, &mac).is_some())
    }

    fn answer_if_asked(&mut self, ends: Ends, packet: &Packet, now: Timestamp) {
        if self.flows.get(&ends.key().0).is_some() {
            // ARP has one key for both directions, so an answer is a packet from the other end.
            self.ask_or_answer(ends, packet, Technique::Arp, now);
        }
    }
}
