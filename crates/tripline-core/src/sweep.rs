//! The form of a sweep: shape, order, pace, coverage, and what was touched, in bounded memory.

use std::fmt::Write as _;

use tripline_packet::{Addr, Prefix, Timestamp};

use crate::event::{Order, OutcomeCounts, Pace, PaceClass, Shape, Touch};
use crate::keyed::{Key, Map};
use crate::service::{Outcome, Protocol, Service, Technique};

/// Most hosts and ports that are counted one by one.
const MOST: usize = 1 << 16;
/// Most touches that are kept for pictures; when full, every other one goes.
const MOST_TOUCHES: usize = 2_048;

/// What one sweep touched.
///
/// Look-ups on the local link (ARP, ND) are kept apart: every host makes some before it talks, so
/// they belong to the sweep's form only when the sweep consists of them.
#[derive(Clone, Debug)]
pub(crate) struct Sweep {
    over_ip: Group,
    on_link: Group,
    pub(crate) outcomes: OutcomeCounts,
    touches: Vec<Touch>,
    /// One touch in so many is kept.
    stride: u64,
    touched: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

/// The contacts of one kind.
#[derive(Clone, Debug)]
struct Group {
    hosts: Map<Addr, u32>,
    ports: Map<(Protocol, u16), u32>,
    services: u64,
    techniques: Vec<(Technique, u64)>,
    /// Gaps between new services by their binary logarithm in nanoseconds.
    gaps: [u32; 64],
    first: Timestamp,
    last: Timestamp,
    previous: Option<Service>,
    port_steps: Steps,
    host_steps: Steps,
}

/// Steps between consecutive targets.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    up: u64,
    down: u64,
}

impl Steps {
    fn count(&mut self, before: u128, after: u128) {
        self.up += u64::from(after > before);
        self.down += u64::from(after < before);
    }

    /// Mostly in one direction?
    fn order(self) -> Option<Order> {
        let all = self.up + self.down;
        if all < 4 {
            return None;
        }
        let one_way = self.up.max(self.down) as f64 / all as f64;
        Some(if one_way >= 0.8 { Order::Sequential } else { Order::Random })
    }
}

impl Sweep {
    pub(crate) fn new(key: Key, first: Timestamp) -> Self {
        Self {
            over_ip: Group::new(key, first),
            on_link: Group::new(key, first),
            outcomes: OutcomeCounts::default(),
            touches: Vec::new(),
            stride: 1,
            touched: 0,
            first,
            last: first,
        }
    }

    /// A service that this sweep had not touched before.
    pub(crate) fn touch(
        &mut self,
        time: Timestamp,
        service: Service,
        technique: Technique,
        outcome: Outcome,
    ) {
        match service.protocol {
            Protocol::Arp | Protocol::Nd => self.on_link.touch(time, service, technique),
            _ => self.over_ip.touch(time, service, technique),
        }
        self.outcomes.add(outcome);
        self.keep_touch(Touch { time, service, answered: outcome.is_success() });
        self.touched += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }

    fn keep_touch(&mut self, touch: Touch) {
        if self.touched.is_multiple_of(self.stride) || touch.answered {
            self.touches.push(touch);
        }
        if self.touches.len() >= MOST_TOUCHES {
            let mut at = 0;
            self.touches.retain(|touch| {
                at += 1;
                at % 2 == 0 || touch.answered
            });
            self.touches.truncate(MOST_TOUCHES * 3 / 4);
            self.stride *= 2;
        }
    }

    /// An outcome changed later.
    pub(crate) fn revise(&mut self, service: Service, from: Outcome, to: Outcome) {
        self.outcomes.remove(from);
        self.outcomes.add(to);
        if let Some(touch) = self.touches.iter_mut().find(|touch| touch.service == service) {
            touch.answered = to.is_success();
        }
    }

    /// Another packet of the sweep, at a service that it had touched before.
    pub(crate) fn again(&mut self, time: Timestamp, technique: Technique) {
        self.last = self.last.max(time);
        let group = self.main_mut();
        if group.techniques.iter().all(|(known, _)| *known != technique) {
            group.techniques.push((technique, 1));
        }
    }

    /// A sample of the touches in the order of time.
    pub(crate) fn touches(&self) -> Vec<Touch> {
        let mut touches = self.touches.clone();
        touches.sort_by_key(|touch| (touch.time, touch.service));
        touches
    }

    /// The kind of contacts that the sweep mainly consists of.
    fn main(&self) -> &Group {
        if self.on_link.services > self.over_ip.services { &self.on_link } else { &self.over_ip }
    }

    fn main_mut(&mut self) -> &mut Group {
        if self.on_link.services > self.over_ip.services {
            &mut self.on_link
        } else {
            &mut self.over_ip
        }
    }

    pub(crate) fn services(&self) -> u64 {
        self.main().services
    }

    pub(crate) fn hosts(&self) -> u64 {
        self.main().hosts.len() as u64
    }

    pub(crate) fn ports(&self) -> u64 {
        self.main().port_count()
    }

    /// Techniques, most used first.
    pub(crate) fn techniques(&self) -> Vec<Technique> {
        let mut techniques = self.main().techniques.clone();
        techniques.sort_by_key(|&(technique, count)| (std::cmp::Reverse(count), technique));
        techniques.into_iter().map(|(technique, _)| technique).collect()
    }

    /// Protocols that make up at least three tenths of the services, most used first.
    pub(crate) fn protocols(&self) -> Vec<Protocol> {
        self.main().protocols()
    }

    /// Vertical, horizontal or block.
    pub(crate) fn shape(&self) -> Shape {
        self.main().shape()
    }

    /// In which order the targets came, judged by what the shape varies.
    pub(crate) fn order(&self) -> Option<Order> {
        self.main().order()
    }

    /// How fast new services were tried.
    pub(crate) fn pace(&self) -> Pace {
        self.main().pace()
    }

    /// Share of the spanned ports or addresses that was tried.
    pub(crate) fn coverage(&self) -> Option<f64> {
        self.main().coverage()
    }

    /// Single hosts when few, else their /24 or /64 networks, at most 16.
    pub(crate) fn targets(&self) -> Vec<Prefix> {
        self.main().targets()
    }

    /// The ports as ranges by protocol, e.g. `tcp 1-100,8080; icmp 8`.
    pub(crate) fn port_list(&self) -> String {
        self.main().port_list()
    }
}

impl Group {
    fn new(key: Key, first: Timestamp) -> Self {
        Self {
            hosts: Map::with_hasher(key.map_state()),
            ports: Map::with_hasher(key.map_state()),
            services: 0,
            techniques: Vec::new(),
            gaps: [0; 64],
            first,
            last: first,
            previous: None,
            port_steps: Steps::default(),
            host_steps: Steps::default(),
        }
    }

    fn touch(&mut self, time: Timestamp, service: Service, technique: Technique) {
        if self.hosts.len() < MOST || self.hosts.contains_key(&service.host) {
            *self.hosts.entry(service.host).or_default() += 1;
        }
        let port = (service.protocol, service.port);
        if self.ports.len() < MOST || self.ports.contains_key(&port) {
            *self.ports.entry(port).or_default() += 1;
        }
        match self.techniques.iter_mut().find(|(known, _)| *known == technique) {
            Some((_, count)) => *count += 1,
            None => self.techniques.push((technique, 1)),
        }
        if self.services == 0 {
            (self.first, self.last) = (time, time);
        } else {
            let gap = time.since(self.last).as_nanos().max(1);
            self.gaps[gap.ilog2().min(63) as usize] += 1;
        }
        if let Some(before) = self.previous.replace(service) {
            self.port_steps.count(before.port.into(), service.port.into());
            self.host_steps.count(before.host.bits(), service.host.bits());
        }
        self.services += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }

    /// Distinct ports; ICMP types only when nothing else was tried. Of a scan of IP protocols, the
    /// protocols: for those that have ports its packets name one, which is not what it is after.
    fn port_count(&self) -> u64 {
        let count = |of: fn(Protocol) -> bool| {
            self.ports.keys().filter(|(protocol, _)| of(*protocol)).count()
        };
        let with_ports = count(Protocol::has_ports);
        let of_ip = count(|protocol| protocol == Protocol::Ip);
        let count = if with_ports > of_ip { with_ports } else { self.ports.len() };
        count as u64
    }

    /// Protocols that make up at least three tenths of the services, most used first.
    fn protocols(&self) -> Vec<Protocol> {
        let mut counts: Vec<(u64, Protocol)> = Vec::new();
        for ((protocol, _), count) in &self.ports {
            match counts.iter_mut().find(|(_, known)| known == protocol) {
                Some((sum, _)) => *sum += u64::from(*count),
                None => counts.push((u64::from(*count), *protocol)),
            }
        }
        let all: u64 = counts.iter().map(|(count, _)| count).sum();
        counts.sort_by_key(|&(count, protocol)| (std::cmp::Reverse(count), protocol));
        counts.retain(|(count, _)| count * 10 >= all * 3);
        counts.into_iter().map(|(_, protocol)| protocol).collect()
    }

    /// Vertical, horizontal or block. A host with a stray contact or two beside a main target
    /// does not make a vertical sweep a block; two ports on many hosts are horizontal still.
    fn shape(&self) -> Shape {
        let (hosts, ports) = (self.hosts.len() as u64, self.port_count());
        let most_on_one = self.hosts.values().copied().max().unwrap_or(0);
        if hosts == 1 || (ports > 5 && u64::from(most_on_one) * 10 >= self.services * 9) {
            Shape::Vertical
        } else if ports == 1 || (ports == 2 && hosts >= 4) {
            Shape::Horizontal
        } else {
            Shape::Block
        }
    }

    /// In which order the targets came, judged by what the shape varies.
    fn order(&self) -> Option<Order> {
        match self.shape() {
            Shape::Vertical => self.port_steps.order(),
            _ => self.host_steps.order(),
        }
    }

    fn pace(&self) -> Pace {
        let seconds = self.last.since(self.first).as_secs_f64();
        let per_second = (seconds > 0.0).then(|| round3(self.services as f64 / seconds));
        // The median gap says how the source paced itself; the mean would be spoilt by one pause.
        let gaps: u64 = self.gaps.iter().map(|&count| u64::from(count)).sum();
        let mut before = 0;
        let median = self.gaps.iter().position(|&count| {
            before += u64::from(count);
            before * 2 > gaps
        });
        // 2^33 ns = 8.6 s
        let slow = median.is_some_and(|log| log >= 33);
        let class = if slow { PaceClass::Slow } else { PaceClass::Fast };
        Pace { class, per_second, seconds: round3(seconds) }
    }

    /// Share of the spanned ports or addresses that was tried.
    fn coverage(&self) -> Option<f64> {
        let share = match self.shape() {
            Shape::Vertical => {
                let ports = self.ports.keys().filter(|(p, _)| p.has_ports()).map(|(_, port)| port);
                let (low, high) =
                    ports.fold((u16::MAX, 0), |(low, high), &port| (low.min(port), high.max(port)));
                let is_of_protocols =
                    self.ports.keys().any(|(protocol, _)| *protocol == Protocol::Ip);
                if low > high || is_of_protocols {
                    return None;
                }
                self.port_count() as f64 / (f64::from(high - low) + 1.0)
            }
            _ => {
                let span = self.span()?;
                self.hosts.len() as f64 / span.size()
            }
        };
        Some(round3(share.min(1.0)))
    }

    /// The smallest IPv4 network around all hosts, if it is no larger than a /8.
    fn span(&self) -> Option<Prefix> {
        let low = self.hosts.keys().min()?;
        let high = self.hosts.keys().max()?;
        if !low.is_v4() || !high.is_v4() {
            return None;
        }
        let differing = (low.bits() ^ high.bits()) as u32;
        let len = differing.leading_zeros() as u8;
        (len >= 8).then(|| Prefix::new(*low, len))
    }

    /// Single hosts when few, else their /24 or /64 networks, at most 16.
    fn targets(&self) -> Vec<Prefix> {
        let few = self.hosts.len() <= 4;
        let prefix = |host: &Addr| {
            let len = match (few, host.is_v4()) {
                (true, _) => 128,
                (false, true) => 24,
                (false, false) => 64,
            };
            Prefix::new(*host, len)
        };
        let mut targets: Vec<_> = self.hosts.keys().map(prefix).collect();
        targets.sort_unstable();
        targets.dedup();
        targets.truncate(16);
        targets
    }

    /// The ports as ranges by protocol, e.g. `tcp 1-100,8080; icmp 8`.
    fn port_list(&self) -> String {
        let mut ports: Vec<_> = self.ports.keys().copied().collect();
        ports.sort_unstable();
        let mut text = String::new();
        for group in ports.chunk_by(|a, b| a.0 == b.0) {
            let protocol = group[0].0;
            if matches!(protocol, Protocol::Arp | Protocol::Nd) {
                continue;
            }
            let separator = if text.is_empty() { "" } else { "; " };
            let _ = write!(text, "{separator}{protocol} ");
            write_ranges(&mut text, group);
        }
        text
    }
}

/// Longest list of ranges of one protocol, in ranges.
const MOST_RANGES: usize = 24;

fn write_ranges(text: &mut String, ports: &[(Protocol, u16)]) {
    let ranges: Vec<_> = ports.chunk_by(|a, b| a.1 + 1 == b.1).collect();
    for (at, range) in ranges.iter().take(MOST_RANGES).enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let (first, last) = (range[0].1, range[range.len() - 1].1);
        let _ = match range.len() {
            1 => write!(text, "{comma}{first}"),
            _ => write!(text, "{comma}{first}-{last}"),
        };
    }
    let rest: usize = ranges.iter().skip(MOST_RANGES).map(|range| range.len()).sum();
    if rest > 0 {
        let _ = write!(text, " and {rest} more");
    }
}

fn round3(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(services: impl Iterator<Item = (u32, u16)>, gap_ms: i64) -> Sweep {
        let mut sweep = Sweep::new(Key([1, 2]), Timestamp::EPOCH);
        for (at, (host, port)) in (0i64..).zip(services) {
            let time = Timestamp::from_nanos(at * gap_ms * 1_000_000);
            let host = Addr::from_v4_bits(0xc000_0200 + host);
            let service = Service { host, protocol: Protocol::Tcp, port };
            sweep.touch(time, service, Technique::Syn, Outcome::Refused);
        }
        sweep
    }

    #[test]
    fn shapes() {
        let vertical = sweep((1..=100).map(|port| (10, port)), 10);
        assert_eq!(vertical.shape(), Shape::Vertical);
        assert_eq!(vertical.order(), Some(Order::Sequential));
        assert_eq!(vertical.port_list(), "tcp 1-100");
        assert_eq!(vertical.coverage(), Some(1.0));
        let horizontal = sweep((1..=254).map(|host| (host * 7 % 255, 21)), 10);
        assert_eq!(horizontal.shape(), Shape::Horizontal);
        let jumping = sweep((1..=254).map(|host| (host * 101 % 255, 21)), 10);
        assert_eq!(jumping.order(), Some(Order::Random));
        assert_eq!(horizontal.targets().len(), 1);
        let block = sweep((0..16).flat_map(|host| (1..=20).map(move |port| (host, port))), 10);
        assert_eq!(block.shape(), Shape::Block);
        let few_ports = sweep((0..20).flat_map(|host| [22, 80].map(|port| (host, port))), 10);
        assert_eq!(few_ports.shape(), Shape::Horizontal);
    }

    #[test]
    fn pace_by_the_median_gap() {
        assert_eq!(sweep((1..=9).map(|port| (1, port)), 500).pace().class, PaceClass::Fast);
        let slow = sweep((1..=9).map(|port| (1, port)), 15_000).pace();
        assert_eq!((slow.class, slow.per_second), (PaceClass::Slow, Some(0.075)));
    }

    #[test]
    fn touches_are_bounded_and_cover_the_whole() {
        let large = sweep((0..40_000).map(|port| (1, port)), 1);
        let touches = large.touches();
        assert!(touches.len() < MOST_TOUCHES);
        assert!(touches.last().unwrap().service.port > 39_000);
        assert_eq!(large.ports(), 40_000);
    }

    #[test]
    fn long_port_lists_are_cut() {
        let odd = sweep((0..100).map(|n| (1, n * 2)), 1);
        assert!(odd.port_list().ends_with("and 76 more"), "{}", odd.port_list());
    }
}
