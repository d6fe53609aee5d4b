//! Putting together the transport headers of fragmented packets.
//!
//! Only the first bytes of a datagram decide anything here, so only those are kept: enough for
//! ports, flags and options. `nmap -f` cuts a TCP header into pieces of eight bytes, with the flags
//! in the second.

use crate::ip::Ip;
use crate::{Addr, Malformed, Timestamp};

/// Bytes of a datagram that are kept: the longest TCP header has 60.
const KEPT: usize = 64;
/// Pieces of eight bytes in them.
const PIECES: u32 = (KEPT / 8) as u32;
/// Datagrams in a set; a set is chosen by hash, so a flood of fragments pushes out only its own.
const WAYS: usize = 4;
const SETS: usize = 512;
/// Linux gives up a datagram after 30 s.
const TIMEOUT_SECONDS: u64 = 30;
/// With 14 bytes of TCP the flags are known; shorter protocols need less.
pub(crate) const DECIDES: usize = 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    src: Addr,
    dst: Addr,
    id: u32,
    protocol: u8,
}

#[derive(Clone, Copy, Debug)]
struct Datagram {
    key: Key,
    since: Timestamp,
    /// Which pieces of eight bytes are there.
    pieces: u32,
    /// End of the kept data, if the last fragment lies within it.
    end: Option<usize>,
    /// Length of the whole payload, once the last fragment was seen.
    whole: usize,
    bytes: [u8; KEPT],
    done: bool,
}

/// What is known after a fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Assembly {
    /// The header is complete for the first time: its bytes, and the payload length so far known.
    Header {
        bytes: [u8; KEPT],
        len: usize,
        payload_len: usize,
    },
    /// Nothing new for the detector.
    Nothing,
}

/// A fixed store of datagrams whose headers are incomplete.
#[derive(Clone, Debug)]
pub(crate) struct Fragments {
    sets: Vec<[Option<Datagram>; WAYS]>,
}

impl Fragments {
    pub(crate) fn new() -> Self {
        Self { sets: Vec::new() }
    }

    /// Takes a fragment.
    pub(crate) fn add(&mut self, ip: &Ip<'_>, now: Timestamp) -> Result<Assembly, Malformed> {
        let Some(fragment) = ip.fragment else {
            return Ok(Assembly::Nothing);
        };
        let offset = fragment.offset as usize;
        if offset + ip.payload_len > 0xffff {
            return Err(Malformed::FragmentTooLong);
        }
        if fragment.more && !ip.payload_len.is_multiple_of(8) {
            return Err(Malformed::FragmentLength);
        }
        if self.sets.is_empty() {
            self.sets = vec![[None; WAYS]; SETS];
        }
        let key = Key {
            src: ip.src,
            dst: ip.dst,
            id: fragment.id,
            protocol: ip.protocol,
        };
        let datagram = self.find(key, now);
        if !fragment.more {
            datagram.whole = offset + ip.payload_len;
            datagram.end = Some(datagram.whole.min(KEPT));
        }
        let clean = datagram.fill(offset, ip.payload.0);
        let assembly = datagram.header(offset + ip.payload_len);
        if clean {
            Ok(assembly)
        } else {
            Err(Malformed::FragmentOverlap)
        }
    }

    fn find(&mut self, key: Key, now: Timestamp) -> &mut Datagram {
        let set = &mut self.sets[set_of(key)];
        let known = set.iter().position(|slot| {
            slot.is_some_and(|datagram| {
                datagram.key == key && now.since(datagram.since).as_secs() <= TIMEOUT_SECONDS
            })
        });
        let way = known.unwrap_or_else(|| {
            let oldest = set
                .iter()
                .enumerate()
                .min_by_key(|(_, slot)| slot.map(|d| d.since));
            let way = oldest.map_or(0, |(way, _)| way);
            set[way] = None;
            way
        });
        set[way].get_or_insert(Datagram {
            key,
            since: now,
            pieces: 0,
            end: None,
            whole: 0,
            bytes: [0; KEPT],
            done: false,
        })
    }
}

impl Datagram {
    /// Copies what belongs to the kept bytes; false if it contradicts what was there. The first
    /// to come wins, as with most stacks (RFC 5722 wants such datagrams dropped).
    fn fill(&mut self, offset: usize, payload: &[u8]) -> bool {
        let mut clean = true;
        for (at, piece) in payload.chunks(8).enumerate() {
            let start = offset + at * 8;
            let Some(place) = self.bytes.get_mut(start..start + piece.len()) else {
                break;
            };
            let bit = 1 << (start / 8);
            // A short last piece is whole only when the datagram ends with it.
            if self.pieces & bit == 0 {
                place.copy_from_slice(piece);
                self.pieces |= bit;
            } else {
                clean &= place == piece;
            }
        }
        clean
    }

    fn header(&mut self, seen_to: usize) -> Assembly {
        let contiguous = (!self.pieces).trailing_zeros().min(PIECES) as usize * 8;
        let len = self.end.map_or(contiguous, |end| contiguous.min(end));
        let complete = self.end.is_some_and(|end| len >= end);
        if self.done || !(complete || len >= needed(self.key.protocol, &self.bytes)) {
            return Assembly::Nothing;
        }
        self.done = true;
        let payload_len = if self.whole > 0 {
            self.whole
        } else {
            seen_to.max(len)
        };
        Assembly::Header {
            bytes: self.bytes,
            len,
            payload_len,
        }
    }
}

/// How many bytes decide about a datagram of this protocol.
fn needed(protocol: u8, bytes: &[u8; KEPT]) -> usize {
    const TCP: u8 = 6;
    const SCTP: u8 = 132;
    match protocol {
        // The options tell tools apart, so the whole header is waited for.
        TCP => (usize::from(bytes[12] >> 4) * 4).max(20),
        SCTP => 32,
        _ => 8,
    }
}

/// Not keyed: the store is small and fixed, so colliding fragments only push out one another.
fn set_of(key: Key) -> usize {
    let mixed = (key.src.bits() ^ key.dst.bits().rotate_left(17)) as u64
        ^ u64::from(key.id).rotate_left(32)
        ^ u64::from(key.protocol);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize % SETS
}
