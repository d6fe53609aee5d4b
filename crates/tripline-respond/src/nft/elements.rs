//! Elements of the sets, over netlink: six microseconds for a change, where a start of nft(8) takes
//! thousands (`linux/netfilter/nf_tables.h`).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

use tripline_core::Protocol;
use tripline_netlink::{Batch, NETFILTER, Netlink, attributes, flags};
use tripline_packet::{Addr, Duration, Prefix};

use super::text::{NETS_TABLE, TABLE};
use crate::target::{Scope, Target};

/// The way to the sets.
#[derive(Debug)]
pub struct Sets(pub(super) Netlink);

/// A set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Set {
    table: &'static str,
    name: &'static str,
    kind: Kind,
}

/// How the key of a set reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A source.
    Host(Who),
    /// A source, a protocol and a port, each filled up to four bytes.
    Service(Who),
    /// A source that is only slowed down.
    Slow(Who),
    /// Two elements, the first address of a network and the first one behind it.
    Net { v4: bool },
}

/// How a source reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    V4,
    V6,
    /// The first address of a /64, which stands for all of it.
    Site,
}

const fn set(table: &'static str, name: &'static str, kind: Kind) -> Set {
    Set { table, name, kind }
}

/// All sets that hold curtailments.
const SETS: [Set; 11] = [
    set(TABLE, "hosts4", Kind::Host(Who::V4)),
    set(TABLE, "hosts6", Kind::Host(Who::V6)),
    set(TABLE, "nets64", Kind::Host(Who::Site)),
    set(TABLE, "ports4", Kind::Service(Who::V4)),
    set(TABLE, "ports6", Kind::Service(Who::V6)),
    set(TABLE, "ports64", Kind::Service(Who::Site)),
    set(TABLE, "slow4", Kind::Slow(Who::V4)),
    set(TABLE, "slow6", Kind::Slow(Who::V6)),
    set(TABLE, "slow64", Kind::Slow(Who::Site)),
    set(NETS_TABLE, "nets4", Kind::Net { v4: true }),
    set(NETS_TABLE, "nets6", Kind::Net { v4: false }),
];
/// Whom those packets were of that were dropped for going over the limit of who is slowed down.
const SLOWED: [Set; 3] = [
    set(TABLE, "slowed4", Kind::Slow(Who::V4)),
    set(TABLE, "slowed6", Kind::Slow(Who::V6)),
    set(TABLE, "slowed64", Kind::Slow(Who::Site)),
];
const OFFERED: Set = set(TABLE, "offered", Kind::Slow(Who::V4));
/// Sets of [`super::Challenge`].
const SPARED: [(Set, bool); 2] = [
    (set(TABLE, "spared4", Kind::Host(Who::V4)), true),
    (set(TABLE, "spared6", Kind::Host(Who::V6)), false),
];
const ALIVE: Set = set(TABLE, "alive", Kind::Slow(Who::V4));

// Messages and attributes of nf_tables.
const SUBSYSTEM: u16 = 10;
pub(super) const fn of_nftables(message: u16) -> u16 {
    SUBSYSTEM << 8 | message
}
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEW_ELEMENTS: u16 = of_nftables(12);
const GET_ELEMENTS: u16 = of_nftables(13);
const DELETE_ELEMENTS: u16 = of_nftables(14);
const INET: u8 = 1;
mod list {
    pub(super) const TABLE: u16 = 1;
    pub(super) const SET: u16 = 2;
    pub(super) const ELEMENTS: u16 = 3;
    pub(super) const ELEMENT: u16 = 1;
}
mod element {
    pub(super) const KEY: u16 = 1;
    pub(super) const FLAGS: u16 = 3;
    pub(super) const TIMEOUT: u16 = 4;
    pub(super) const EXPIRATION: u16 = 5;
    pub(super) const EXPRESSION: u16 = 7;
    pub(super) const VALUE: u16 = 1;
    pub(super) const INTERVAL_END: u32 = 1;
}
mod counter {
    pub(super) const DATA: u16 = 2;
    pub(super) const PACKETS: u16 = 2;
}

/// What the kernel holds of a curtailment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How long it will stay.
    pub left: Duration,
    /// Packets that were dropped for it.
    pub packets: u64,
}

/// A change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// In force for so long from now.
    Add(Target, Duration),
    /// No longer in force.
    Remove(Target),
}

impl Sets {
    /// Opens the way; needs the right `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// The kernel was built without nftables.
    pub fn open() -> io::Result<Self> {
        Netlink::open(NETFILTER).map(Self)
    }

    /// Makes one change.
    ///
    /// # Errors
    /// The kernel's: `NotFound` if the tables are gone (or, of a removal, the element).
    pub fn change(&mut self, change: Change) -> io::Result<()> {
        match change {
            Change::Add(target, time) => {
                // Adding what is there does not set its time anew.
                match self.send(DELETE_ELEMENTS, target, None) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => self.send(NEW_ELEMENTS, target, Some(time)),
                }
            }
            Change::Remove(target) => self.send(DELETE_ELEMENTS, target, None),
        }
    }

    fn send(&mut self, message: u16, target: Target, time: Option<Duration>) -> io::Result<()> {
        let set = set_of(target);
        let elements = encode(set.kind, target);
        self.0.send(&transaction(|batch| {
            batch_elements(batch, message, set, &elements, time);
        }))
    }

    /// Tells the kernel what is offered, so that it knows what is not. Replaces what it was told
    /// before; both at once.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_offered(&mut self, services: &[(Protocol, u16)]) -> io::Result<()> {
        let elements = offered(services);
        self.0.send(&transaction(|batch| batch_replacement(batch, OFFERED, &elements)))
    }

    /// Whether the kernel still knows that these are offered, and no others.
    ///
    /// # Errors
    /// The kernel's.
    pub fn are_offered(&mut self, services: &[(Protocol, u16)]) -> io::Result<bool> {
        self.holds(OFFERED, &offered(services))
    }

    /// Tells the kernel who, besides friends, is never challenged. Replaces what it was told before.
    ///
    /// # Errors
    /// The kernel's: `NotFound` if the tables were installed without a [`super::Challenge`].
    pub fn set_spared(&mut self, addresses: &[IpAddr]) -> io::Result<()> {
        self.0.send(&transaction(|batch| {
            for (set, v4) in SPARED {
                batch_replacement(batch, set, &spared(addresses, v4));
            }
        }))
    }

    /// Whether the kernel still knows that these are spared, and no others.
    ///
    /// # Errors
    /// As for [`Sets::set_spared`].
    pub fn are_spared(&mut self, addresses: &[IpAddr]) -> io::Result<bool> {
        let [v4, v6] = SPARED.map(|(set, v4)| self.holds(set, &spared(addresses, v4)));
        Ok(v4? && v6?)
    }

    /// Lets the kernel hand over openings for the next ten seconds (`true`), or no longer.
    ///
    /// # Errors
    /// As for [`Sets::set_spared`].
    pub fn set_alive(&mut self, alive: bool) -> io::Result<()> {
        // Protocols are one byte in the kernel's registers, and four here as part of a key.
        let (_, tcp) = PROTOCOLS[0];
        let elements: &[Element] = if alive { &[(vec![tcp], false)] } else { &[] };
        // Adding what is there does not set its time anew, so it is taken away first.
        self.0.send(&transaction(|batch| batch_replacement(batch, ALIVE, elements)))
    }

    /// Everything that the kernel holds.
    ///
    /// # Errors
    /// The kernel's: `NotFound` if a table or set is gone.
    pub fn read(&mut self) -> io::Result<BTreeMap<Target, Held>> {
        let mut found = BTreeMap::new();
        for set in SETS {
            let elements = self.dump(set)?;
            match set.kind {
                Kind::Net { v4 } => found.extend(nets(v4, elements)),
                kind => found.extend(
                    elements
                        .iter()
                        .filter_map(|element| Some((target(kind, &element.key)?, element.held))),
                ),
            }
        }
        for set in SLOWED {
            for Found { key, held, .. } in self.dump(set)? {
                if let Some(slow) = target(set.kind, &key).and_then(|slow| found.get_mut(&slow)) {
                    slow.packets = held.packets;
                }
            }
        }
        Ok(found)
    }

    fn holds(&mut self, set: Set, elements: &[Element]) -> io::Result<bool> {
        let found: BTreeSet<_> = self.dump(set)?.into_iter().map(|found| found.key).collect();
        let wanted: BTreeSet<_> = elements.iter().map(|(key, _)| key.clone()).collect();
        Ok(found == wanted)
    }

    fn dump(&mut self, set: Set) -> io::Result<Vec<Found>> {
        let mut request = Batch::new();
        request.message(GET_ELEMENTS, flags::DUMP | flags::ACK, &HEAD, |batch| {
            batch.text(list::TABLE, set.table);
            batch.text(list::SET, set.name);
        });
        let mut elements = Vec::new();
        self.0.dump(&request, |answer| {
            let all = attributes(answer.payload.get(HEAD.len()..).unwrap_or(&[]));
            for list in all.filter(|found| found.kind == list::ELEMENTS) {
                elements.extend(attributes(list.value).filter_map(|one| decode(one.value)));
            }
        })?;
        Ok(elements)
    }
}

fn offered(services: &[(Protocol, u16)]) -> Vec<Element> {
    let element = |(protocol, port): &_| Some((service_key(*protocol, *port)?, false));
    services.iter().filter_map(element).collect()
}

fn spared(addresses: &[IpAddr], v4: bool) -> Vec<Element> {
    let of_family = addresses.iter().filter(|address| address.is_ipv4() == v4);
    of_family.map(|address| (bytes((*address).into()), false)).collect()
}

/// A key, and whether it is the end of an interval.
type Element = (Vec<u8>, bool);

/// A `struct nfgenmsg` for the family inet.
pub(super) const HEAD: [u8; 4] = [INET, 0, 0, 0];
/// An attribute can hold 64 KiB.
const MOST_AT_A_TIME: usize = 1_000;

/// All or nothing: what is sent between these two takes effect at once.
fn transaction(fill: impl FnOnce(&mut Batch)) -> Batch {
    let [high, low] = SUBSYSTEM.to_be_bytes();
    let head = [0, 0, high, low];
    let mut batch = Batch::new();
    batch.message(BATCH_BEGIN, 0, &head, |_| {});
    fill(&mut batch);
    batch.message(BATCH_END, 0, &head, |_| {});
    batch
}

/// Puts elements in the place of all that a set has.
fn batch_replacement(batch: &mut Batch, set: Set, elements: &[Element]) {
    // Without elements it means all.
    batch.message(DELETE_ELEMENTS, flags::ACK, &HEAD, |batch| {
        batch.text(list::TABLE, set.table);
        batch.text(list::SET, set.name);
    });
    for elements in elements.chunks(MOST_AT_A_TIME) {
        batch_elements(batch, NEW_ELEMENTS, set, elements, None);
    }
}

fn batch_elements(
    batch: &mut Batch,
    message: u16,
    set: Set,
    elements: &[Element],
    time: Option<Duration>,
) {
    let flags = flags::ACK | if message == NEW_ELEMENTS { flags::CREATE } else { 0 };
    batch.message(message, flags, &HEAD, |batch| {
        batch.text(list::TABLE, set.table);
        batch.text(list::SET, set.name);
        batch.nest(list::ELEMENTS, |batch| {
            for (key, is_end) in elements {
                batch.nest(list::ELEMENT, |batch| {
                    batch.nest(element::KEY, |batch| batch.attribute(element::VALUE, key));
                    if *is_end {
                        let flags = element::INTERVAL_END.to_be_bytes();
                        batch.attribute(element::FLAGS, &flags);
                    } else if let Some(time) = time {
                        let millis = (time.as_millis() as u64).max(1);
                        batch.attribute(element::TIMEOUT, &millis.to_be_bytes());
                    }
                });
            }
        });
    });
}

fn set_of(target: Target) -> Set {
    let v4 = target.source.addr().is_v4();
    let who = match target.source.len() {
        32 if v4 => Some(Who::V4),
        64 if !v4 => Some(Who::Site),
        128 if !v4 => Some(Who::V6),
        _ => None,
    };
    let kind = match (target.scope, who) {
        (Scope::Everything, Some(who)) => Kind::Host(who),
        (Scope::Service { .. }, Some(who)) => Kind::Service(who),
        (Scope::Unoffered, Some(who)) => Kind::Slow(who),
        // Other networks are held off from everything, or not at all.
        (_, None) => Kind::Net { v4 },
    };
    *SETS.iter().find(|set| set.kind == kind).unwrap_or(&SETS[0])
}

fn encode(kind: Kind, target: Target) -> Vec<Element> {
    let first = target.source.addr();
    let key = bytes(first);
    match (kind, target.scope) {
        (Kind::Service(_), Scope::Service { protocol, port }) => {
            let service = service_key(protocol, port).unwrap_or_default();
            vec![([key, service].concat(), false)]
        }
        (Kind::Net { .. }, _) => {
            let mut elements = vec![(key, false)];
            // The last network of all has nothing behind it.
            elements.extend(next(target.source.last()).map(|behind| (bytes(behind), true)));
            elements
        }
        _ => vec![(key, false)],
    }
}

fn bytes(addr: Addr) -> Vec<u8> {
    match IpAddr::from(addr) {
        IpAddr::V4(addr) => addr.octets().to_vec(),
        IpAddr::V6(addr) => addr.octets().to_vec(),
    }
}

fn addr(v4: bool, bytes: &[u8]) -> Option<Addr> {
    Some(if v4 {
        IpAddr::from(*bytes.first_chunk::<4>()?).into()
    } else {
        IpAddr::from(*bytes.first_chunk::<16>()?).into()
    })
}

fn next(addr: Addr) -> Option<Addr> {
    match IpAddr::from(addr) {
        IpAddr::V4(addr) => Some(IpAddr::from(addr.to_bits().checked_add(1)?.to_be_bytes()).into()),
        IpAddr::V6(addr) => Some(IpAddr::from(addr.to_bits().checked_add(1)?.to_be_bytes()).into()),
    }
}

const PROTOCOLS: [(Protocol, u8); 3] =
    [(Protocol::Tcp, 6), (Protocol::Udp, 17), (Protocol::Sctp, 132)];

/// Protocol and port as the parts of a concatenated key.
fn service_key(protocol: Protocol, port: u16) -> Option<Vec<u8>> {
    let (_, number) = PROTOCOLS.iter().find(|(known, _)| *known == protocol)?;
    let [high, low] = port.to_be_bytes();
    Some(vec![*number, 0, 0, 0, high, low, 0, 0])
}

/// An element that the kernel told.
#[derive(Debug)]
struct Found {
    key: Vec<u8>,
    is_end: bool,
    held: Held,
}

fn decode(bytes: &[u8]) -> Option<Found> {
    let mut found = Found { key: Vec::new(), is_end: false, held: Held::default() };
    for part in attributes(bytes) {
        match part.kind {
            element::KEY => {
                let value = attributes(part.value).find(|inner| inner.kind == element::VALUE)?;
                found.key = value.value.to_vec();
            }
            element::FLAGS => {
                let flags = u32::from_be_bytes(part.value.try_into().ok()?);
                found.is_end = flags & element::INTERVAL_END != 0;
            }
            element::EXPIRATION => {
                let millis = u64::from_be_bytes(part.value.try_into().ok()?);
                found.held.left = Duration::from_millis(millis);
            }
            element::EXPRESSION => found.held.packets = packets(part.value).unwrap_or(0),
            _ => {}
        }
    }
    Some(found)
}

fn packets(expression: &[u8]) -> Option<u64> {
    let data = attributes(expression).find(|part| part.kind == counter::DATA)?;
    let packets = attributes(data.value).find(|part| part.kind == counter::PACKETS)?;
    Some(u64::from_be_bytes(packets.value.try_into().ok()?))
}

fn target(kind: Kind, key: &[u8]) -> Option<Target> {
    let (who, scope) = match kind {
        Kind::Host(who) => (who, Scope::Everything),
        Kind::Slow(who) => (who, Scope::Unoffered),
        Kind::Service(who) => {
            let address = if who == Who::V4 { 4 } else { 16 };
            let &[number, _, _, _, high, low, ..] = key.get(address..)?.first_chunk::<8>()?;
            let (protocol, _) = PROTOCOLS.iter().find(|(_, known)| *known == number)?;
            let port = u16::from_be_bytes([high, low]);
            (who, Scope::Service { protocol: *protocol, port })
        }
        Kind::Net { .. } => return None,
    };
    let length = if who == Who::Site { 64 } else { 128 };
    Some(Target { source: Prefix::new(addr(who == Who::V4, key)?, length), scope })
}

/// Puts the two ends of intervals together.
fn nets(v4: bool, mut elements: Vec<Found>) -> Vec<(Target, Held)> {
    elements.sort_by(|one, other| one.key.cmp(&other.key).then(other.is_end.cmp(&one.is_end)));
    let mut found = Vec::new();
    let mut ends = elements.iter().filter(|element| element.is_end).peekable();
    for start in elements.iter().filter(|element| !element.is_end) {
        while ends.next_if(|end| end.key <= start.key).is_some() {}
        let Some(first) = addr(v4, &start.key) else { continue };
        let behind = ends.peek().and_then(|end| addr(v4, &end.key));
        let longest = if v4 { 32 } else { 128 };
        let mut networks = (0..=longest).map(|length| Prefix::new(first, length));
        let fits = |net: &Prefix| net.addr() == first && next(net.last()) == behind;
        if let Some(source) = networks.find(fits) {
            found.push((Target { source, scope: Scope::Everything }, start.held));
        }
    }
    found
}
