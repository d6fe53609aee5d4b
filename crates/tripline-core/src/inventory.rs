//! The inventory: which services exist, how we know, and who uses them.

mod known;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use cardinality_estimator::CardinalityEstimator;
use hashbrown::hash_map::Entry;
use tripline_packet::{Addr, Duration, Prefix, Timestamp};

use crate::event::{SCHEMA_VERSION, ServiceEvent};
use crate::home::Home;
use crate::keyed::{Key, Map};
use crate::service::{Outcome, Protocol, Service, Standing};
use crate::settings::{Declared, Settings};

/// The fact behind a standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    DeclaredReserved,
    DeclaredService,
    Listens,
    NobodyListens,
    NotDeclared,
    DeclaredDark,
    Answers { first: Timestamp, last: Timestamp },
    AnsweredLongAgo { last: Timestamp },
    Outage { failing: usize },
    ClosedNow,
    ClosedBefore { at: Timestamp },
    Rejected,
    NoHostSaysRouter,
    NeverAnswered { alive_since: Timestamp },
    NeverAlive { watched_since: Timestamp },
    OutsideHome,
    HostLives,
}

impl Fact {
    /// Whether it would fall if an answer had been overlooked.
    pub(crate) const fn rests_on_silence(self) -> bool {
        matches!(
            self,
            Self::NeverAnswered { .. } | Self::NeverAlive { .. } | Self::ClosedBefore { .. }
        )
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeclaredReserved => f.write_str("declared reserved in the settings"),
            Self::DeclaredService => f.write_str("declared offered in the settings"),
            Self::Listens => f.write_str("a program of this machine listens there"),
            Self::NobodyListens => f.write_str("no program of this machine listens there"),
            Self::NotDeclared => f.write_str("not among the services declared for this host"),
            Self::DeclaredDark => f.write_str("the settings declare this network dark"),
            Self::Answers { first, last } if first == last => {
                write!(f, "answered at {last:.0}")
            }
            Self::Answers { first, last } => write!(f, "answers, {first:.0} to {last:.0}"),
            Self::AnsweredLongAgo { last } => write!(f, "last answered at {last:.0}"),
            Self::Outage { failing } => {
                write!(f, "offered, but fails now for {failing} sources that used it before")
            }
            Self::ClosedNow => f.write_str("the host itself says that the port is closed"),
            Self::ClosedBefore { at } => write!(f, "the host said at {at:.0} that it is closed"),
            Self::Rejected => f.write_str("a firewall or router rejected it"),
            Self::NoHostSaysRouter => f.write_str("a router says that there is no such host"),
            Self::NeverAnswered { alive_since } => {
                write!(f, "the host lives (seen since {alive_since:.0}) and never answered there")
            }
            Self::NeverAlive { watched_since } => {
                write!(f, "no host was seen at this address since {watched_since:.0}")
            }
            Self::OutsideHome => f.write_str("the host is outside the home networks"),
            Self::HostLives => f.write_str("the host lives"),
        }
    }
}

/// A service that was seen to answer.
#[derive(Clone, Debug)]
struct Offer {
    first: Timestamp,
    last: Timestamp,
    /// Distinct clients.
    clients: CardinalityEstimator<u64>,
    /// How many there were before the sensor was started.
    clients_before: u64,
    /// Some of the clients that it answered, to know them again when it fails.
    known: Vec<Addr>,
    /// Those of them for whom it failed since it last answered.
    failing: Vec<Addr>,
}

impl Offer {
    /// The clients of now may be those of before: the larger number is surely not too large.
    fn popularity(&self) -> u64 {
        self.clients_before.max(self.clients.estimate() as u64)
    }
}

/// What it means that an attempt at an offered service failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing yet.
    Noted,
    /// The service has just become `Down`.
    OutageBegins,
}

/// Who listens on the machine that the sensor runs on, as its kernel tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listening {
    /// The addresses of the machine.
    pub own: BTreeSet<Addr>,
    /// The networks that it is in. Each address there is a host of its own, even of IPv6.
    pub near: Vec<Prefix>,
    /// What is offered on each of them.
    pub services: BTreeSet<Service>,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Inventory {
    key: Key,
    declared: Vec<Declared>,
    listening: Option<Listening>,
    /// Services that nobody listens on any more, and since when.
    stopped: BTreeMap<Service, Timestamp>,
    reserved: Vec<Declared>,
    dark: Vec<tripline_packet::Prefix>,
    stale_after: Duration,
    offers: Map<Service, Offer>,
    closed: Map<Service, Closed>,
    closed_order: VecDeque<Service>,
    /// Home hosts that gave a sign of life, and since when.
    alive: Map<Addr, Timestamp>,
    capacity: usize,
    began: Option<Timestamp>,
}

/// A port that its host declared closed, and whom that counted against.
#[derive(Clone, Debug)]
struct Closed {
    at: Timestamp,
    accused: Vec<Addr>,
}

/// Clients that a service is known by, and sources that a closed port is remembered to have
/// counted against.
const KNOWN_CLIENTS: usize = 32;
const ACCUSED: usize = 8;
/// How long a program may be away before its services count as gone.
const RESTART: Duration = Duration::from_secs(3_600);
/// Formerly successful clients that must fail before it is called an outage.
const OUTAGE_CLIENTS: usize = 2;

impl Inventory {
    pub(crate) fn new(key: Key, settings: &Settings) -> Self {
        let mut inventory = Self {
            key,
            declared: settings.services.clone(),
            listening: None,
            stopped: BTreeMap::new(),
            reserved: settings.reserved.clone(),
            dark: settings.dark.clone(),
            stale_after: settings.stale_after,
            offers: Map::with_hasher(key.map_state()),
            closed: Map::with_hasher(key.map_state()),
            closed_order: VecDeque::new(),
            alive: Map::with_hasher(key.map_state()),
            capacity: settings.limits.services,
            began: None,
        };
        inventory.take_up(&settings.replay);
        inventory
    }

    /// Goes on with other settings; what was learned stays.
    pub(crate) fn reconfigure(&mut self, settings: &Settings) {
        self.declared.clone_from(&settings.services);
        self.reserved.clone_from(&settings.reserved);
        self.dark.clone_from(&settings.dark);
        self.stale_after = settings.stale_after;
    }

    /// Is it an address of a network that the machine itself is in?
    pub(crate) fn is_near(&self, host: Addr) -> bool {
        self.near().iter().any(|network| network.contains(host))
    }

    /// The networks that the machine itself is in.
    pub(crate) fn near(&self) -> &[Prefix] {
        self.listening.as_ref().map_or(&[], |listening| &listening.near)
    }

    /// Who listens from now on. A program that is being restarted is not gone: its services stay
    /// offered for an hour.
    pub(crate) fn set_listening(&mut self, listening: Listening, now: Timestamp) {
        let before = self.listening.replace(listening).unwrap_or_default();
        let after = self.listening.get_or_insert_default();
        let is_stopped = |service: &&Service| !after.services.contains(service);
        let stopped = before.services.iter().filter(is_stopped);
        self.stopped.extend(stopped.map(|service| (*service, now)));
        self.stopped
            .retain(|service, at| now.since(*at) < RESTART && !after.services.contains(service));
    }

    /// Whether the kernel says that somebody listens there; `None` for other machines, and for
    /// protocols whose sockets say nothing.
    fn listens(&self, service: &Service) -> Option<bool> {
        let listening = self.listening.as_ref()?;
        let is_known = service.protocol.has_ports() && listening.own.contains(&service.host);
        is_known.then(|| listening.services.contains(service) || self.stopped.contains_key(service))
    }

    /// Notes that the sensor watches from `now` on.
    pub(crate) fn watch(&mut self, now: Timestamp) {
        self.began.get_or_insert(now);
    }

    /// A host gave a sign of life.
    pub(crate) fn alive(&mut self, host: Addr, now: Timestamp) {
        let is_full = self.alive.len() >= self.capacity;
        match self.alive.entry(host) {
            // Of a recording it may be known that the host lives from some later time on.
            Entry::Occupied(mut since) if *since.get() > now => *since.get_mut() = now,
            Entry::Vacant(vacant) if !is_full => {
                vacant.insert(now);
            }
            _ => {}
        }
    }

    /// Since when a host of ours was seen to live.
    pub(crate) fn alive_since(&self, host: Addr, now: Timestamp) -> Option<Timestamp> {
        self.alive.get(&host).copied().filter(|since| *since <= now)
    }

    /// A service answered `client`. Returns the sources that it counted against while it was
    /// thought closed: that evidence has to be taken back.
    pub(crate) fn answered(&mut self, service: Service, client: Addr, now: Timestamp) -> Vec<Addr> {
        let hash = self.key.hash(&client);
        if !self.offers.contains_key(&service) && self.offers.len() >= self.capacity {
            return Vec::new();
        }
        let offer = self.offers.entry(service).or_insert_with(|| Offer {
            first: now,
            last: now,
            clients: CardinalityEstimator::new(),
            clients_before: 0,
            known: Vec::new(),
            failing: Vec::new(),
        });
        offer.first = offer.first.min(now);
        offer.last = offer.last.max(now);
        offer.failing.clear();
        offer.clients.insert_hash(hash);
        self.closed.remove(&service).map(|closed| closed.accused).unwrap_or_default()
    }

    /// `client` completed a handshake with a service or got an answer out of it: should it fail for
    /// this client later, something is wrong with the service.
    pub(crate) fn used(&mut self, service: Service, client: Addr) {
        if let Some(offer) = self.offers.get_mut(&service)
            && offer.known.len() < KNOWN_CLIENTS
            && !offer.known.contains(&client)
        {
            offer.known.push(client);
        }
    }

    /// An attempt at an offered service, begun at `opened`, failed for `client`. If the service has
    /// answered anybody since, it is up again, whatever was the matter.
    pub(crate) fn failed(&mut self, service: Service, client: Addr, opened: Timestamp) -> Failure {
        let Some(offer) = self.offers.get_mut(&service) else {
            return Failure::Noted;
        };
        let counts = offer.last <= opened
            && offer.known.contains(&client)
            && !offer.failing.contains(&client);
        if !counts || offer.failing.len() >= KNOWN_CLIENTS {
            return Failure::Noted;
        }
        offer.failing.push(client);
        if offer.failing.len() == OUTAGE_CLIENTS { Failure::OutageBegins } else { Failure::Noted }
    }

    /// A host said that a port is closed, and that counted against `accused`.
    pub(crate) fn closed(&mut self, service: Service, accused: Addr, now: Timestamp) {
        if let Some(closed) = self.closed.get_mut(&service) {
            closed.at = now;
            if closed.accused.len() < ACCUSED && !closed.accused.contains(&accused) {
                closed.accused.push(accused);
            }
            return;
        }
        if self.closed_order.len() >= self.capacity
            && let Some(oldest) = self.closed_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
        self.closed.insert(service, Closed { at: now, accused: vec![accused] });
        self.closed_order.push_back(service);
    }

    /// How many distinct clients a service has.
    pub(crate) fn popularity(&self, service: &Service) -> u64 {
        self.offers.get(service).map_or(0, Offer::popularity)
    }

    /// Takes up a service that was seen to answer before the sensor was started.
    pub(crate) fn remember(
        &mut self,
        service: Service,
        (first, last): (Timestamp, Timestamp),
        clients: u64,
    ) {
        if self.offers.len() < self.capacity {
            self.offers.entry(service).or_insert_with(|| Offer {
                first,
                last,
                clients: CardinalityEstimator::new(),
                clients_before: clients,
                known: Vec::new(),
                failing: Vec::new(),
            });
        }
    }

    /// What a service is, for an attempt that ended with `outcome`, and why.
    pub(crate) fn standing(
        &self,
        home: &Home,
        service: &Service,
        outcome: Outcome,
        now: Timestamp,
    ) -> (Standing, Fact) {
        if is_declared(&self.reserved, service) == Some(true) {
            return (Standing::Reserved, Fact::DeclaredReserved);
        }
        if let Some(offered) = self.offered(service, now) {
            return offered;
        }
        if outcome.is_success() {
            return (Standing::Offered, Fact::Answers { first: now, last: now });
        }
        if self.dark.iter().any(|net| net.contains(service.host)) {
            return (Standing::Dark, Fact::DeclaredDark);
        }
        if is_declared(&self.declared, service) == Some(false) {
            return (Standing::Unused, Fact::NotDeclared);
        }
        if self.listens(service) == Some(false) {
            return (Standing::Unused, Fact::NobodyListens);
        }
        self.standing_by_outcome(home, service, outcome, now)
    }

    fn offered(&self, service: &Service, now: Timestamp) -> Option<(Standing, Fact)> {
        let offer = self.offers.get(service).filter(|offer| offer.first <= now);
        if let Some(offer) = offer.filter(|offer| offer.failing.len() >= OUTAGE_CLIENTS) {
            return Some((Standing::Down, Fact::Outage { failing: offer.failing.len() }));
        }
        if is_declared(&self.declared, service) == Some(true) {
            return Some((Standing::Offered, Fact::DeclaredService));
        }
        if self.listens(service) == Some(true) {
            return Some((Standing::Offered, Fact::Listens));
        }
        let Offer { first, last, .. } = *offer?;
        let last = last.min(now);
        Some(if now.since(last) > self.stale_after {
            (Standing::Stale, Fact::AnsweredLongAgo { last })
        } else {
            (Standing::Offered, Fact::Answers { first, last })
        })
    }

    fn standing_by_outcome(
        &self,
        home: &Home,
        service: &Service,
        outcome: Outcome,
        now: Timestamp,
    ) -> (Standing, Fact) {
        let is_home = home.is_empty() || home.contains(service.host);
        let alive = self.alive_since(service.host, now);
        match outcome {
            Outcome::Unreachable { kind, code } => {
                match unreachable(service.host.is_v4(), kind, code) {
                    Unreachable::Port => (Standing::Unused, Fact::ClosedNow),
                    Unreachable::Rejected => (Standing::Unused, Fact::Rejected),
                    Unreachable::Host if is_home => (Standing::Dark, Fact::NoHostSaysRouter),
                    Unreachable::Host => (Standing::Unknown, Fact::NoHostSaysRouter),
                }
            }
            Outcome::Refused => (Standing::Unused, Fact::ClosedNow),
            Outcome::Silent | Outcome::Established | Outcome::HalfOpen => {
                if let Some(closed) = self.closed.get(service) {
                    return (Standing::Unused, Fact::ClosedBefore { at: closed.at });
                }
                match alive {
                    Some(_) if matches!(service.protocol, Protocol::Arp | Protocol::Nd) => {
                        (Standing::Offered, Fact::HostLives)
                    }
                    Some(since) => (Standing::Unused, Fact::NeverAnswered { alive_since: since }),
                    None if is_home => {
                        let watched_since = self.began.unwrap_or(now);
                        (Standing::Dark, Fact::NeverAlive { watched_since })
                    }
                    None => (Standing::Unknown, Fact::OutsideHome),
                }
            }
        }
    }

    /// Number of services that were seen to answer.
    pub(crate) fn len(&self) -> usize {
        self.offers.keys().filter(|service| is_listed(service)).count()
    }

    /// The services that were seen to answer, in order.
    pub(crate) fn events(&self, now: Timestamp) -> Vec<ServiceEvent> {
        let mut services: Vec<_> =
            self.offers.iter().filter(|(service, _)| is_listed(service)).collect();
        services.sort_unstable_by_key(|(service, _)| **service);
        let event = |(service, offer): (&Service, &Offer)| {
            let (standing, fact) = self.offered(service, now)?;
            Some(ServiceEvent {
                schema: SCHEMA_VERSION,
                host: service.host,
                protocol: service.protocol,
                port: service.port,
                standing,
                reason: fact.to_string(),
                first: Some(offer.first),
                last: Some(offer.last),
                clients: offer.popularity(),
            })
        };
        services.into_iter().filter_map(event).collect()
    }
}

/// Hosts that answer a ping or ARP are not services in the reader's sense.
fn is_listed(service: &Service) -> bool {
    service.protocol.has_ports()
}

/// Is the service declared: yes, no although others of its host are, or is nothing declared?
fn is_declared(declared: &[Declared], service: &Service) -> Option<bool> {
    let mut answer = None;
    for entry in declared {
        if entry.protocol == service.protocol && entry.hosts.contains(service.host) {
            if entry.ports.iter().any(|range| range.contains(service.port)) {
                return Some(true);
            }
            answer = Some(false);
        }
    }
    answer
}

/// What an ICMP "unreachable" says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// The host has no such port or protocol.
    Port,
    /// There is no such host or network.
    Host,
    /// Administratively prohibited.
    Rejected,
}

/// RFC 792 and RFC 1812 section 5.2.7.1 for IPv4, RFC 4443 section 3.1 for IPv6.
pub(crate) const fn unreachable(v4: bool, kind: u8, code: u8) -> Unreachable {
    match (v4, kind, code) {
        (true, 3, 2 | 3) | (false, 1, 4) | (false, 4, _) => Unreachable::Port,
        (true, 3, 0 | 1 | 5 | 6 | 7 | 8 | 11 | 12) | (false, 1, 0 | 2 | 3) => Unreachable::Host,
        _ => Unreachable::Rejected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Addr = Addr::from_v4_bits(0x0a00_0001);
    const OTHER: Addr = Addr::from_v4_bits(0x0a00_0002);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn web() -> Service {
        Service { host: Addr::from_v4_bits(0xc000_020a), protocol: Protocol::Tcp, port: 80 }
    }

    fn home() -> Home {
        Home::new(vec!["192.0.2.0/24".parse().unwrap()])
    }

    fn inventory(settings: &Settings) -> Inventory {
        let mut inventory = Inventory::new(Key([1, 2]), settings);
        inventory.watch(at(0));
        inventory
    }

    fn standing(inventory: &Inventory, outcome: Outcome, now: i64) -> Standing {
        inventory.standing(&home(), &web(), outcome, at(now)).0
    }

    #[test]
    fn from_dark_over_unused_to_offered_and_stale() {
        let mut inventory = inventory(&Settings::default());
        assert_eq!(standing(&inventory, Outcome::Silent, 1), Standing::Dark);
        inventory.alive(web().host, at(2));
        assert_eq!(standing(&inventory, Outcome::Silent, 3), Standing::Unused);
        assert_eq!(standing(&inventory, Outcome::Refused, 3), Standing::Unused);
        assert!(inventory.answered(web(), CLIENT, at(4)).is_empty());
        assert_eq!(standing(&inventory, Outcome::Refused, 5), Standing::Offered);
        assert_eq!(standing(&inventory, Outcome::Silent, 40 * 86_400), Standing::Stale);
    }

    #[test]
    fn outage_needs_two_former_clients_and_ends_with_an_answer() {
        let mut inventory = inventory(&Settings::default());
        for client in [CLIENT, OTHER, Addr::from_v4_bits(77)] {
            inventory.answered(web(), client, at(1));
        }
        inventory.used(web(), CLIENT);
        inventory.used(web(), OTHER);
        assert_eq!(inventory.failed(web(), Addr::from_v4_bits(77), at(2)), Failure::Noted);
        assert_eq!(inventory.failed(web(), CLIENT, at(2)), Failure::Noted);
        assert_eq!(inventory.failed(web(), CLIENT, at(2)), Failure::Noted);
        assert_eq!(standing(&inventory, Outcome::Refused, 3), Standing::Offered);
        assert_eq!(inventory.failed(web(), OTHER, at(2)), Failure::OutageBegins);
        assert_eq!(standing(&inventory, Outcome::Refused, 3), Standing::Down);
        inventory.answered(web(), OTHER, at(4));
        assert_eq!(standing(&inventory, Outcome::Refused, 5), Standing::Offered);
        // Begun before the answer, given up after it: it is up all the same.
        for client in [CLIENT, OTHER] {
            assert_eq!(inventory.failed(web(), client, at(3)), Failure::Noted);
        }
        assert_eq!(standing(&inventory, Outcome::Refused, 9), Standing::Offered);
    }

    #[test]
    fn an_answer_names_those_accused_before() {
        let mut inventory = inventory(&Settings::default());
        inventory.closed(web(), CLIENT, at(1));
        inventory.closed(web(), OTHER, at(2));
        assert_eq!(inventory.answered(web(), OTHER, at(3)), [CLIENT, OTHER]);
        assert!(inventory.answered(web(), OTHER, at(4)).is_empty());
    }

    #[test]
    fn who_listens_is_known_of_own_addresses_and_remembered_over_a_restart() {
        let mut inventory = inventory(&Settings::default());
        let own = BTreeSet::from([web().host]);
        let services = BTreeSet::from([web()]);
        inventory
            .set_listening(Listening { own: own.clone(), services, ..Listening::default() }, at(0));
        assert_eq!(standing(&inventory, Outcome::Refused, 1), Standing::Offered);
        let ssh = Service { port: 22, ..web() };
        let of = |inventory: &Inventory, service: Service, now| {
            inventory.standing(&home(), &service, Outcome::Silent, at(now))
        };
        assert_eq!(of(&inventory, ssh, 1), (Standing::Unused, Fact::NobodyListens));
        let elsewhere = Service { host: Addr::from_v4_bits(0xc000_020b), ..web() };
        assert_eq!(of(&inventory, elsewhere, 1).0, Standing::Dark);
        let nobody = Listening { own, ..Listening::default() };
        inventory.set_listening(nobody.clone(), at(10));
        assert_eq!(standing(&inventory, Outcome::Refused, 11), Standing::Offered);
        inventory.set_listening(nobody, at(3_611));
        assert_eq!(standing(&inventory, Outcome::Refused, 3_612), Standing::Unused);
    }

    #[test]
    fn declarations_come_first() {
        let declared = |port: &str| Declared {
            hosts: "192.0.2.0/24".parse().unwrap(),
            protocol: Protocol::Tcp,
            ports: vec![port.parse().unwrap()],
        };
        let offered = Settings { services: vec![declared("80")], ..Settings::default() };
        assert_eq!(standing(&inventory(&offered), Outcome::Silent, 1), Standing::Offered);
        let others = Settings { services: vec![declared("22")], ..Settings::default() };
        assert_eq!(standing(&inventory(&others), Outcome::Silent, 1), Standing::Unused);
        let reserved = Settings { reserved: vec![declared("80")], ..Settings::default() };
        let inventory = inventory(&reserved);
        assert_eq!(standing(&inventory, Outcome::Established, 1), Standing::Reserved);
    }
}
