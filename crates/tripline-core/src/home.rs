//! Which networks are ours, and what that makes of a packet's direction.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tripline_packet::{Addr, Body, Packet, Prefix, TcpFlags};

use crate::service::Direction;

/// The home networks. Empty means that nobody knows; then everything counts as inbound, but for what
/// stays within one network.
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
            let is_near = network_of(source) == network_of(target);
            return if is_near { Direction::Internal } else { Direction::Inbound };
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
/// with addresses on the local link (ARP), then the one that is asked rather than asks. One or two
/// hosts that are not on the link, ask and are never asked, all over networks that lie together, are
/// not at home there: those networks are. Where hosts only look for each other on the link, the link
/// is home. A guess that could as well have gone the other way says so.
#[derive(Clone, Debug, Default)]
pub struct HomeInference {
    packets: u64,
    private: u64,
    private_blocks: BTreeMap<Prefix, u64>,
    networks: BTreeMap<Prefix, Network>,
    pairs: BTreeMap<(Prefix, Prefix), u64>,
}

#[derive(Clone, Debug, Default)]
struct Network {
    /// ARP packets.
    on_link: u64,
    /// Openings that went there, and that came from there.
    asked: u64,
    asks: u64,
    /// Distinct hosts that asked, at most [`FEW`] and one.
    askers: Vec<Addr>,
}

/// So many hosts of a network may be strangers; more of them live there.
const FEW: usize = 2;

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
            // The same of IPv6 (RFC 4861).
            Body::Icmp(icmp) if !packet.src.is_v4() && (133..=137).contains(&icmp.kind) => {
                self.networks.entry(src).or_default().on_link += 1;
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
        let has_private_end = blocks.iter().any(Option::is_some);
        if !has_private_end {
            *self.pairs.entry((src, dst)).or_default() += 1;
        }
        if is_opening(&packet.body) {
            let asking = self.networks.entry(src).or_default();
            asking.asks += 1;
            if asking.askers.len() <= FEW && !asking.askers.contains(&packet.src) {
                asking.askers.push(packet.src);
            }
            self.networks.entry(dst).or_default().asked += 1;
        }
    }

    /// The guess after what was seen.
    pub fn infer(&self) -> InferredHome {
        if self.packets == 0 {
            let on_link = self.networks.iter().filter(|(_, network)| network.on_link > 0);
            let home: Vec<Prefix> = on_link.map(|(prefix, _)| *prefix).collect();
            if !home.is_empty() {
                let reason = "hosts look for each other there".to_owned();
                return InferredHome { home, reason };
            }
            let reason = "no packets between two hosts were seen".to_owned();
            return InferredHome { home: Vec::new(), reason };
        }
        let share = self.private as f64 / self.packets as f64;
        if share >= LEAST {
            let mut home: Vec<Prefix> = self.private_blocks.keys().copied().collect();
            let mut reason = format!(
                "{:.0} % of the first {} packets have an address that is only used inside a site",
                share * 100.0,
                self.packets
            );
            // The same machine may serve the world on another address.
            if 1.0 - share >= LEAST {
                home.extend(self.cover().0);
                reason.push_str(", and nearly all others an end in the rest");
            }
            return InferredHome { home, reason };
        }
        let (home, covered) = self.cover();
        let mut reason = format!(
            "{:.0} % of the first {} packets have an end there",
            covered * 100.0,
            self.packets
        );
        if let Some(other) = self.as_likely(&home) {
            let _ = write!(reason, ", but as many in {other}, which is asked rather than asks");
        }
        InferredHome { home, reason }
    }

    /// Networks that together have an end in nearly every packet, best first.
    fn cover(&self) -> (Vec<Prefix>, f64) {
        let mut left = self.pairs.clone();
        let total = left.values().sum::<u64>().max(1) as f64;
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
            if home.is_empty()
                && let Some(victims) = self.victims_of(best, &left)
            {
                return (victims, packets as f64 / total);
            }
            home.push(best);
            left.retain(|(src, dst), _| *src != best && *dst != best);
        }
    }

    /// The network that might as well be home: it has an end in nearly as many packets as the one
    /// that was chosen for being on the link, and is asked while that one asks.
    fn as_likely(&self, home: &[Prefix]) -> Option<Prefix> {
        let &[chosen] = home else { return None };
        let asks = self.networks.get(&chosen).filter(|network| network.asks > network.asked)?;
        let packets_of = |wanted: Prefix| -> u64 {
            let pairs = self.pairs.iter();
            pairs.filter(|((src, dst), _)| *src == wanted || *dst == wanted).map(|(_, n)| n).sum()
        };
        let all = packets_of(chosen);
        let mut others = self.networks.iter().filter(|(prefix, network)| {
            **prefix != chosen
                && network.asked * 20 >= asks.asks * 19
                && packets_of(**prefix) * 20 >= all * 19
        });
        others.next().map(|(prefix, _)| *prefix)
    }

    /// The networks that a few strangers of `network` ask, if they do nothing else, and if those lie
    /// together: within a /16, or a /48 of IPv6.
    fn victims_of(
        &self,
        network: Prefix,
        left: &BTreeMap<(Prefix, Prefix), u64>,
    ) -> Option<Vec<Prefix>> {
        let stranger = self.networks.get(&network)?;
        let only_asks = stranger.asks > 20 * stranger.asked
            && stranger.askers.len() <= FEW
            && stranger.on_link == 0;
        let mut victims: Vec<Prefix> = left
            .keys()
            .filter(|(src, dst)| *src == network || *dst == network)
            .map(|(src, dst)| if *src == network { *dst } else { *src })
            .collect();
        victims.sort_unstable();
        victims.dedup();
        let around = |prefix: &Prefix| {
            Prefix::new(prefix.addr(), if prefix.addr().is_v4() { 16 } else { 48 })
        };
        let site = around(victims.first()?);
        let lie_together =
            victims.iter().all(|victim| around(victim) == site && *victim != network);
        if !only_asks || !lie_together {
            return None;
        }
        Some(if victims.len() > MOST_NETWORKS { vec![site] } else { victims })
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
            let network = self.networks.get(prefix);
            let is = |wanted: fn(&Network) -> bool| network.is_some_and(wanted);
            // Shares within five percent of each other are a tie.
            (
                count * 20 / rest.max(1),
                is(|network| network.on_link > 0),
                is(|network| network.asked > network.asks),
                network.map_or(0, |network| network.asked),
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
