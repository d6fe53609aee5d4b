//! The recent past: frames in a ring of bytes, and a chain through those of each party.
//!
//! ```text
//! bucket of a party ──▶ its last frame ──▶ the one before ──▶ … ──▶ one that is overwritten
//! ```
//!
//! Memory is fixed at the start. A new frame costs one copy, two hashes and two links; the oldest
//! frames make room. Frames are numbered from 1, so that 0 ends a chain.

use std::hash::{BuildHasher as _, RandomState};

use tripline_core::Service;
use tripline_packet::{Addr, Duration, Frame, Prefix, Timestamp};

/// A frame of the past without its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// The number under which it was first kept.
    pub(super) number: u64,
    /// When it was captured, on the sensor's clock.
    pub(super) time: Timestamp,
    /// Who sent it and to whom; of an ICMP error who sent the packet that it quotes.
    pub(super) ends: [Addr; 2],
    /// The service that it may be about.
    pub(super) service: Option<Service>,
    /// Length on the wire.
    pub(super) wire_len: u32,
    /// The interface, by its number in the recorder.
    pub(super) interface: u16,
    /// It has been put aside.
    pub(super) is_aside: bool,
    /// Where it is kept.
    pub(super) place: u64,
    at: usize,
    len: usize,
    /// The frames before it in the buckets of its ends.
    before: [u64; 2],
}

impl Slot {
    const EMPTY: Self = Self {
        number: 0,
        time: Timestamp::EPOCH,
        ends: [Addr::UNSPECIFIED; 2],
        service: None,
        wire_len: 0,
        interface: 0,
        is_aside: false,
        place: 0,
        at: 0,
        len: 0,
        before: [0; 2],
    };
}

/// What is told of a frame beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) ends: [Addr; 2],
    pub(super) service: Option<Service>,
    pub(super) interface: u16,
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Past {
    slots: Vec<Slot>,
    bytes: Vec<u8>,
    buckets: Vec<u64>,
    key: [u64; 2],
    /// Numbers of the oldest frame that is kept, and of the next one.
    oldest: u64,
    next: u64,
    /// Where the next frame's bytes go.
    end: usize,
    /// Frames that are older than this are not found.
    age: Duration,
}

/// Buckets of parties. A party shares its chain with others where there are more of them.
const BUCKETS: usize = 1 << 16;
/// Bytes that a frame is expected to have: openings and refusals have 54 to 74, few are longer.
const USUAL: usize = 128;
/// Frames that are looked at for one party at most: with chains that an accident, or a busy host,
/// has made long, the sensor must not stand still.
const MOST_LOOKS: usize = 1 << 18;

impl Past {
    /// A ring that takes up so many bytes, its index among them.
    pub(super) fn new(memory: usize, age: Duration) -> Self {
        let slots = (memory / (USUAL + size_of::<Slot>())).max(16);
        Self {
            slots: vec![Slot::EMPTY; slots],
            bytes: vec![0; slots * USUAL],
            buckets: vec![0; BUCKETS],
            // Who could foresee the buckets could put all his addresses into one.
            key: [0u8, 1].map(|half| RandomState::new().hash_one(half)),
            oldest: 1,
            next: 1,
            end: 0,
            age,
        }
    }

    /// Keeps a frame; the oldest ones make room. Tells its place. What is empty, or longer than the
    /// ring, is not kept.
    #[inline]
    pub(super) fn push(&mut self, frame: &Frame<'_>, about: About) -> Option<u64> {
        let number = self.next;
        self.put(frame, about, number)
    }

    /// Keeps a frame that has a number already.
    #[inline]
    pub(super) fn put(&mut self, frame: &Frame<'_>, about: About, number: u64) -> Option<u64> {
        let len = frame.data.len();
        let at = self.make_room(len)?;
        self.bytes[at..at + len].copy_from_slice(frame.data);
        let place = self.next;
        let [one, other] = about.ends.map(|end| self.bucket(end));
        let before = [self.buckets[one], self.buckets[other]];
        self.buckets[one] = place;
        self.buckets[other] = place;
        let slot = (place % self.slots.len() as u64) as usize;
        self.slots[slot] = Slot {
            number,
            time: frame.time,
            ends: about.ends,
            service: about.service,
            wire_len: frame.wire_len,
            interface: about.interface,
            is_aside: false,
            place,
            at,
            len,
            before,
        };
        self.next += 1;
        self.end = at + len;
        Some(place)
    }

    /// Where so many bytes fit in one piece, once the frames that lie there are given up.
    #[inline]
    fn make_room(&mut self, len: usize) -> Option<usize> {
        if len == 0 || len > self.bytes.len() {
            return None;
        }
        if self.next - self.oldest == self.slots.len() as u64 {
            self.oldest += 1;
        }
        let mut at = self.end;
        if at + len > self.bytes.len() {
            // What lies behind the end is older than all before it.
            while self.oldest < self.next && self.slot(self.oldest).at >= at {
                self.oldest += 1;
            }
            at = 0;
        }
        while self.oldest < self.next {
            let oldest = self.slot(self.oldest);
            let is_behind = oldest.at >= at + len || oldest.at + oldest.len <= at;
            if is_behind {
                break;
            }
            self.oldest += 1;
        }
        Some(at)
    }

    /// The frames of a party that are not too old, the latest first.
    pub(super) fn of(&self, party: Prefix) -> impl Iterator<Item = &Slot> {
        let bucket = self.bucket(party.addr());
        let latest = self.next.checked_sub(1).filter(|last| *last >= self.oldest);
        let since = latest.map_or(Timestamp::EPOCH, |last| self.slot(last).time - self.age);
        let mut at = self.buckets[bucket];
        let chain = std::iter::from_fn(move || {
            let slot = (at >= self.oldest).then(|| self.slot(at))?;
            let end = usize::from(self.bucket(slot.ends[0]) != bucket);
            at = slot.before[end];
            Some(slot)
        });
        chain
            .take(MOST_LOOKS)
            .take_while(move |slot| slot.time >= since)
            .filter(move |slot| slot.ends.iter().any(|end| party.contains(*end)))
    }

    /// The frame at a place, as long as it is kept.
    pub(super) fn at(&self, place: u64) -> Option<(&Slot, &[u8])> {
        let slot = (self.oldest..self.next).contains(&place).then(|| self.slot(place))?;
        Some((slot, self.data(slot)))
    }

    /// The bytes of a frame that is kept.
    pub(super) fn data(&self, slot: &Slot) -> &[u8] {
        &self.bytes[slot.at..slot.at + slot.len]
    }

    /// Marks a frame as put aside.
    pub(super) fn set_aside(&mut self, place: u64) {
        let slot = (place % self.slots.len() as u64) as usize;
        self.slots[slot].is_aside = true;
    }

    fn slot(&self, place: u64) -> &Slot {
        &self.slots[(place % self.slots.len() as u64) as usize]
    }

    /// The bucket of an address. All of an IPv6 /64 are in the same, because the evidence counts
    /// against the /64.
    #[inline]
    pub(super) fn bucket(&self, addr: Addr) -> usize {
        let bits = party_bits(addr);
        let product =
            u128::from((bits >> 64) as u64 ^ self.key[0]) * u128::from(bits as u64 ^ self.key[1]);
        let folded = (product >> 64) as u64 ^ product as u64;
        // The low bits of a product depend on few of the factors' bits; the high ones on most.
        (folded >> 48) as usize % BUCKETS
    }
}

/// What the addresses of a party have in common.
pub(super) const fn party_bits(addr: Addr) -> u128 {
    if addr.is_v4() { addr.bits() } else { addr.bits() >> 64 << 64 }
}

#[cfg(test)]
mod tests {
    use tripline_packet::LinkType;

    use super::*;

    fn addr(number: u32) -> Addr {
        Addr::from_v4_bits(0x0a00_0000 + number)
    }

    fn push(past: &mut Past, number: u32, ends: [Addr; 2], len: usize) {
        let data = vec![number as u8; len];
        let time = Timestamp::from_parts(number.into(), 0);
        let frame = Frame { time, link: LinkType::RawIp, wire_len: number, data: &data };
        past.push(&frame, About { ends, service: None, interface: 0 });
    }

    fn found(past: &Past, party: Addr) -> Vec<u32> {
        let found = past.of(Prefix::new(party, 128)).map(|slot| {
            assert!(past.data(slot).iter().all(|byte| *byte == slot.wire_len as u8));
            slot.wire_len
        });
        let mut found: Vec<u32> = found.collect();
        found.reverse();
        found
    }

    #[test]
    fn frames_of_a_party_are_found_until_they_are_overwritten() {
        let mut past = Past::new(64 << 10, Duration::from_secs(1_000_000));
        let (slots, bytes) = (past.slots.len(), past.bytes.len());
        // What is kept, as a plain list: by number, with the bytes that the ring has room for.
        let mut lengths = Vec::new();
        for number in 1..5_000u32 {
            let len = 1 + (number as usize * 37) % 300;
            push(&mut past, number, [addr(number % 7), addr(100 + number % 3)], len);
            lengths.push(len);
            let kept = (past.next - past.oldest) as usize;
            assert!(kept <= slots);
            let sum: usize = lengths[lengths.len() - kept..].iter().sum();
            assert!(sum <= bytes, "{sum} bytes in {bytes}");
            // At most one frame's length is lost at the end of the ring, and one by the next frame.
            assert!(kept == lengths.len() || kept == slots || sum + 900 > bytes, "{kept}: {sum}");
        }
        let oldest = past.oldest as u32;
        let of_five: Vec<u32> = (oldest..5_000).filter(|number| number % 7 == 5).collect();
        assert_eq!(found(&past, addr(5)), of_five);
        let of_two: Vec<u32> = (oldest..5_000).filter(|number| number % 3 == 2).collect();
        assert_eq!(found(&past, addr(102)), of_two);
        assert!(found(&past, addr(50)).is_empty());
    }

    #[test]
    fn what_is_too_old_is_not_found() {
        let mut past = Past::new(64 << 10, Duration::from_secs(10));
        for number in 1..=30 {
            push(&mut past, number, [addr(1), addr(1)], 60);
        }
        assert_eq!(found(&past, addr(1)), (20..=30).collect::<Vec<_>>());
    }

    #[test]
    fn a_party_of_ipv6_is_a_network() {
        let mut past = Past::new(64 << 10, Duration::from_secs(100));
        let address = |text: &str| Addr::from(text.parse::<std::net::IpAddr>().unwrap());
        let (one, two) = (address("2001:db8::1"), address("2001:db8::2"));
        let other = address("2001:db8:0:1::1");
        push(&mut past, 1, [one, other], 60);
        push(&mut past, 2, [other, two], 60);
        push(&mut past, 3, [other, other], 60);
        let of = |text: &str| past.of(text.parse().unwrap()).count();
        assert_eq!([of("2001:db8::/64"), of("2001:db8::2"), of("2001:db8:0:1::/64")], [2, 1, 3]);
    }
}
