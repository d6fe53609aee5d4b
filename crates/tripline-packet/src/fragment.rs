//! Fragmented datagrams, as far as their first bytes: enough for the transport header.

use std::collections::{HashMap, VecDeque};

use crate::extent::{Extent, Tail};
use crate::ip::{Fragment, protocol};
use crate::malformed::{Malformed, Tally};
use crate::{Addr, Duration, Packet, Timestamp};

/// Datagrams that are remembered at a time; the oldest goes first.
const MAX_DATAGRAMS: usize = 4_096;
/// Bytes that are kept of each: the longest TCP header twice over.
pub(crate) const HEAD: usize = 128;
/// How long hosts wait for the missing pieces (Linux and BSD; in RFC 791 it was 15 s, in
/// RFC 8200 it is 60 s).
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest datagram without jumbo options.
const MAX_END: usize = 65_535;

/// What the pieces of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) src: Addr,
    pub(crate) dst: Addr,
    pub(crate) id: u32,
    /// The protocol for IPv4; for IPv6, where pieces may differ in it, that of fragments.
    pub(crate) protocol: u8,
}

/// One piece.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// In bytes.
    pub(crate) offset: usize,
    /// Is this not the last piece?
    pub(crate) more: bool,
    pub(crate) protocol: u8,
    pub(crate) bytes: Extent<'a>,
}

impl Key {
    pub(crate) fn new(packet: &Packet, protocol: u8, id: u32) -> Self {
        Self {
            src: packet.src,
            dst: packet.dst,
            id,
            protocol: if packet.src.is_v4() { protocol } else { protocol::FRAGMENT },
        }
    }
}

impl<'a> Piece<'a> {
    /// A piece as hosts take it.
    pub(crate) fn new(
        protocol: u8,
        mut bytes: Extent<'a>,
        fragment: Fragment,
        tally: &mut Tally,
    ) -> Result<Self, Malformed> {
        let Fragment { offset, more, .. } = fragment;
        let offset = usize::from(offset);
        if offset + bytes.len > MAX_END {
            return Err(Malformed::FragmentBeyondEnd);
        }
        // Hosts cut the odd end off (Linux) or drop the piece; its last bytes count for nobody.
        let used = if more { bytes.len & !7 } else { bytes.len };
        if used == 0 {
            return Err(Malformed::FragmentLength);
        }
        if used < bytes.len {
            tally.note(Malformed::FragmentLength);
            bytes.limit(used);
        }
        Ok(Self { offset, more, protocol, bytes })
    }

    /// The bytes of a first piece, as the beginning of a datagram of which `len` bytes are known.
    pub(crate) fn beginning(&self, len: usize) -> Extent<'a> {
        Extent { len: len.max(self.bytes.len), tail: Tail::Partial, ..self.bytes }
    }

    /// The bytes of the piece that belong to the head, and where.
    fn head(&self) -> (usize, &'a [u8]) {
        let data = self.bytes.data;
        let room = HEAD.saturating_sub(self.offset).min(data.len());
        (self.offset, &data[..room])
    }
}

/// The datagrams whose pieces are coming in.
#[derive(Debug)]
pub(crate) struct Fragments {
    /// In the order of their first piece.
    datagrams: VecDeque<Datagram>,
    /// Serial number of the first entry of `datagrams`.
    first: u64,
    /// Serial numbers. The key of the hash is random: it decides about speed only, and nobody can
    /// choose addresses that collide.
    latest: HashMap<Key, u64>,
}

#[derive(Clone, Copy, Debug)]
struct Datagram {
    key: Key,
    begun: Timestamp,
    head: [u8; HEAD],
    /// A bit for each byte of `head` that was seen.
    seen: u128,
    /// Where the furthest piece seen ends, and whether that is the end.
    reach: usize,
    is_end: bool,
    /// Bytes of all pieces.
    received: usize,
    pieces: u32,
    /// Of the piece at offset 0.
    protocol: u8,
    /// There is nothing more to learn from it.
    done: bool,
}

/// What is known of a datagram after a piece came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    serial: u64,
    pub(crate) protocol: u8,
    head: [u8; HEAD],
    /// Bytes of `head` without a gap.
    pub(crate) run: usize,
    /// Length of the datagram as far as seen.
    pub(crate) len: usize,
    is_whole: bool,
    pub(crate) pieces: u32,
    /// The piece disagrees with earlier ones.
    pub(crate) contradicted: bool,
}

impl Known {
    /// The first bytes of the datagram.
    pub(crate) fn extent(&self) -> Extent<'_> {
        Extent {
            data: &self.head[..self.run],
            len: self.len,
            tail: if self.is_whole { Tail::Whole } else { Tail::Partial },
        }
    }
}

impl Fragments {
    pub(crate) fn new() -> Self {
        Self {
            datagrams: VecDeque::with_capacity(MAX_DATAGRAMS),
            first: 0,
            // Twice the room: a half full table is cleaned in place and never grows.
            latest: HashMap::with_capacity(2 * MAX_DATAGRAMS),
        }
    }

    /// Takes a piece; `None` if there is nothing to try yet, or nothing more.
    pub(crate) fn add(
        &mut self,
        key: Key,
        piece: &Piece<'_>,
        now: Timestamp,
        tally: &mut Tally,
    ) -> Option<Known> {
        self.expire(now, tally);
        let mut serial = match self.latest.get(&key) {
            Some(&serial) => serial,
            None => self.begin(key, now, tally),
        };
        if self.datagram(serial).is_over() {
            serial = self.begin(key, now, tally);
        }
        let mut contradicted = self.datagram(serial).contradicts(piece);
        if contradicted {
            tally.note(Malformed::FragmentOverlap);
        }
        if self.datagram(serial).is_told_again_by(piece, contradicted) {
            serial = self.begin(key, now, tally);
            contradicted = false;
        }
        let datagram = self.datagram(serial);
        datagram.take(piece);
        datagram.known(serial, contradicted)
    }

    /// The packet was read: what still comes of the datagram is of no interest.
    pub(crate) fn finish(&mut self, known: &Known) {
        self.datagram(known.serial).done = true;
    }

    fn begin(&mut self, key: Key, now: Timestamp, tally: &mut Tally) -> u64 {
        if self.datagrams.len() == MAX_DATAGRAMS {
            self.drop_oldest(tally);
        }
        let serial = self.first + self.datagrams.len() as u64;
        self.datagrams.push_back(Datagram::new(key, now));
        self.latest.insert(key, serial);
        serial
    }

    fn expire(&mut self, now: Timestamp, tally: &mut Tally) {
        while let Some(oldest) = self.datagrams.front()
            && now.since(oldest.begun) > PATIENCE
        {
            self.drop_oldest(tally);
        }
    }

    fn drop_oldest(&mut self, tally: &mut Tally) {
        let Some(oldest) = self.datagrams.pop_front() else {
            return;
        };
        if !oldest.done {
            tally.note(Malformed::FragmentIncomplete);
        }
        // A later datagram may have taken the key over.
        if self.latest.get(&oldest.key) == Some(&self.first) {
            self.latest.remove(&oldest.key);
        }
        self.first += 1;
    }

    fn datagram(&mut self, serial: u64) -> &mut Datagram {
        &mut self.datagrams[(serial - self.first) as usize]
    }
}

impl Datagram {
    fn new(key: Key, begun: Timestamp) -> Self {
        Self {
            key,
            begun,
            head: [0; HEAD],
            seen: 0,
            reach: 0,
            is_end: false,
            received: 0,
            pieces: 0,
            protocol: key.protocol,
            done: false,
        }
    }

    /// Does the piece tell other bytes than earlier ones where they overlap?
    fn contradicts(&self, piece: &Piece<'_>) -> bool {
        let (offset, data) = piece.head();
        data.iter()
            .enumerate()
            .map(|(at, byte)| (offset + at, byte))
            .any(|(at, &byte)| self.seen >> at & 1 == 1 && self.head[at] != byte)
    }

    /// Does the target hold the datagram complete? What still comes under its key is another one:
    /// identifications come round within seconds on a fast link, and a sender that always takes
    /// the same could otherwise hide all its probes behind the first one.
    fn is_over(&self) -> bool {
        self.done && self.is_end && self.received >= self.reach
    }

    /// Does the piece begin another datagram of the same key, although pieces of this one are
    /// missing? The target drops it for the contradiction, or never got the rest; a second
    /// beginning is at worst a packet that is told twice.
    fn is_told_again_by(&self, piece: &Piece<'_>, contradicted: bool) -> bool {
        self.done && (contradicted || piece.offset == 0)
    }

    /// The first byte seen wins. Hosts differ here (Windows keeps the first, Cisco's IOS the last,
    /// Linux drops the datagram); this way nothing that was concluded from the first pieces can be
    /// changed by later ones, and the contradiction is counted.
    fn take(&mut self, piece: &Piece<'_>) {
        let (offset, data) = piece.head();
        if offset == 0 && self.seen & 1 == 0 {
            self.protocol = piece.protocol;
        }
        for (at, &byte) in (offset..).zip(data) {
            if self.seen >> at & 1 == 0 {
                self.head[at] = byte;
                self.seen |= 1 << at;
            }
        }
        self.reach = self.reach.max(piece.offset + piece.bytes.len);
        self.is_end |= !piece.more;
        self.received = self.received.saturating_add(piece.bytes.len);
        self.pieces = self.pieces.saturating_add(1);
    }

    fn known(&self, serial: u64, contradicted: bool) -> Option<Known> {
        let run = self.seen.trailing_ones() as usize;
        (run > 0 && !self.done).then_some(Known {
            serial,
            protocol: self.protocol,
            head: self.head,
            run,
            len: self.reach,
            is_whole: self.is_end && run == self.reach,
            pieces: self.pieces,
            contradicted,
        })
    }
}
