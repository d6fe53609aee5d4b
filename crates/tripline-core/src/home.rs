//! Which networks are ours, and what that makes of a packet's direction.

use std::collections::BTreeMap;

use tripline_packet::{Addr, Body, Packet, Prefix, TcpFlags};

use crate::service::Direction;

/// The home networks. Empty means that nobody knows; then everything counts as inbound.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    prefixes: Vec<Prefix>,
}

impl Home {
    pub(crate) fn new(prefixes: Vec<Prefix>) -> Self {
        Self { prefixes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    pub(crate) fn contains(&self, addr: Addr) -> bool {
        // Link-local addresses never come from further than the local link.
        addr.is_link_local() || self.prefixes.iter().any(|prefix| prefix.contains(addr))
    }

    pub(crate) fn direction(&self, source: Addr, target: Addr) -> Direction {
        if self.is_empty() {
            return Direction::Inbound;
        }
        match (self.contains(source), self.contains(target)) {
            (false, true) => Direction::Inbound,
            (true, true) => Direction::Internal,
            (true, false) => Direction::Outbound,
            (false, false) => Direction::Transit,
        }
    }
}

/// The guess, with its reason in words.
#[derive(Clone, Debug, PartialEq)]
pub struct InferredHome {
    /// The networks.
    pub home: Vec<Prefix>,
    /// Why these.
    pub reason: String,
}

/// Guesses the home networks from the first packets of a capture.
///
/// Addresses that are only used inside a site (RFC 1918, RFC 4193, RFC 6598) are home when enough
/// packets have one. Otherwise a capture is taken somewhere near home, so home is the network that
/// has an end in nearly every packet; where two networks tie (a scanner and its victim), the one
/// with addresses on the local link (ARP), then the one that is asked rather than asks.
#[derive(Clone, Debug, Default)]
pub struct HomeInference {
    packets: u64,
    private: u64,
    private_blocks: BTreeMap<Prefix, u64>,
    networks: BTreeMap<Prefix, Network>,
    pairs: BTreeMap<(Prefix, Prefix), u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Network {
    /// ARP packets.
    on_link: u64,
    /// Openings that went there, and that came from there.
    asked: u64,
    asks: u64,
}

/// Home must account for this share of the packets before more networks stop being added.
const ENOUGH: f64 = 0.95;
/// A network that accounts for less of what is left is not home.
const LEAST: f64 = 0.2;
const MOST_NETWORKS: usize = 8;

impl HomeInference {
    /// Packets that the driver should show (and keep, to hand them to the engine afterwards).
    pub const SAMPLE: usize = 50_000;

    /// Looks at one packet.
    pub fn observe(&mut self, packet: &Packet) {
        if !is_host(packet.src) || !is_host(packet.dst) {
            return;
        }
        let (src, dst) = (network_of(packet.src), network_of(packet.dst));
        // The local link, and routers that speak for others, are no conversations.
        match &packet.body {
            Body::Arp(_) => {
                self.networks.entry(src).or_default().on_link += 1;
                self.networks.entry(dst).or_default().on_link += 1;
                return;
            }
            Body::Icmp(icmp) if icmp.quoted.is_some() => return,
            _ => {}
        }
        self.packets += 1;
        let blocks = [private_block(packet.src), private_block(packet.dst)];
        self.private += u64::from(blocks.iter().any(Option::is_some));
        for block in blocks.into_iter().flatten() {
            *self.private_blocks.entry(block).or_default() += 1;
        }
        *self.pairs.entry((src, dst)).or_default() += 1;
        let asks = u64::from(is_opening(&packet.body));
        self.networks.entry(src).or_default().asks += asks;
        self.networks.entry(dst).or_default().asked += asks;
    }

    /// The guess after what was seen.
    pub fn infer(&self) -> InferredHome {
        if self.packets == 0 {
            let reason = "no packets between two hosts were seen".to_owned();
            return InferredHome { home: Vec::new(), reason };
        }
        let share = self.private as f64 / self.packets as f64;
        if share >= LEAST {
            let home = self.private_blocks.keys().copied().collect();
            let reason = format!(
                "{:.0} % of the first {} packets have an address that is only used inside a site",
                share * 100.0,
                self.packets
            );
            return InferredHome { home, reason };
        }
        let (home, covered) = self.cover();
        let reason = format!(
            "{:.0} % of the first {} packets have an end there",
            covered * 100.0,
            self.packets
        );
        InferredHome { home, reason }
    }

    /// Networks that together have an end in nearly every packet, best first.
    fn cover(&self) -> (Vec<Prefix>, f64) {
        let mut left = self.pairs.clone();
        let total = self.packets as f64;
        let mut home = Vec::new();
        loop {
            let rest: u64 = left.values().sum();
            let covered = 1.0 - rest as f64 / total;
            if covered >= ENOUGH || home.len() == MOST_NETWORKS {
                return (home, covered);
            }
            let Some((best, packets)) = self.best(&left) else {
                return (home, covered);
            };
            if (packets as f64) < LEAST * rest as f64 {
                return (home, covered);
            }
            home.push(best);
            left.retain(|(src, dst), _| *src != best && *dst != best);
        }
    }

    fn best(&self, left: &BTreeMap<(Prefix, Prefix), u64>) -> Option<(Prefix, u64)> {
        let mut ends: BTreeMap<Prefix, u64> = BTreeMap::new();
        for ((src, dst), count) in left {
            *ends.entry(*src).or_default() += count;
            if src != dst {
                *ends.entry(*dst).or_default() += count;
            }
        }
        let rest: u64 = left.values().sum();
        ends.into_iter().max_by_key(|(prefix, count)| {
            let network = self.networks.get(prefix).copied().unwrap_or_default();
            // Shares within five percent of each other are a tie.
            (
                count * 20 / rest.max(1),
                network.on_link > 0,
                network.asked > network.asks,
                network.asked,
                *count,
            )
        })
    }
}

/// Does the packet ask rather than answer, as far as one packet can tell?
fn is_opening(body: &Body) -> bool {
    match body {
        Body::Tcp(tcp) => {
            let openers = TcpFlags::SYN | TcpFlags::ACK | TcpFlags::RST;
            tcp.flags.0 & openers == TcpFlags::SYN || tcp.flags.classic() == 0
        }
        Body::Udp(udp) => udp.dst_port < udp.src_port,
        Body::Icmp(icmp) => icmp.quoted.is_none() && matches!(icmp.kind, 8 | 13 | 17 | 128),
        Body::Sctp(sctp) => sctp.tag == 0,
        Body::Arp(_) | Body::Other { .. } => false,
    }
}

fn is_host(addr: Addr) -> bool {
    !(addr.is_multicast()
        || addr.is_limited_broadcast()
        || addr.is_unspecified()
        || addr.is_loopback()
        || addr.is_link_local())
}

/// The block of private addresses that `addr` is in.
fn private_block(addr: Addr) -> Option<Prefix> {
    let len = match addr.v4_bits() {
        _ if !addr.is_private() => return None,
        None => 7,
        Some(bits) => match bits >> 24 {
            10 => 8,
            172 => 12,
            100 => 10,
            _ => 16,
        },
    };
    Some(Prefix::new(addr, len))
}

fn network_of(addr: Addr) -> Prefix {
    Prefix::new(addr, if addr.is_v4() { 24 } else { 64 })
}
