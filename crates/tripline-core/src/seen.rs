//! A rotating blocked Bloom filter: has this been seen before?
//!
//! Two generations; a key counts as seen when either holds it. When the newer one is full or old
//! enough it becomes the older one. A blocked filter keeps all bits of a key in one 64-byte line
//! (Putze, Sanders, Singler 2007), so a look costs one cache miss.

use std::hash::Hash;

use tripline_packet::{Duration, Timestamp};

use crate::keyed::Key;

const WORDS: usize = 8;
const BITS_PER_KEY: usize = 16;
const PROBES: u32 = 6;

/// See the module documentation. A false "seen" has a chance of about 0.1 % in a full generation
/// and far less before.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    key: Key,
    /// The two generations of a block lie side by side.
    blocks: Vec<[[u64; WORDS]; 2]>,
    /// Which one is the newer: 0 or 1.
    young: usize,
    inserted: usize,
    capacity: usize,
    lifetime: Duration,
    since: Option<Timestamp>,
}

impl Seen {
    /// Room for `capacity` keys per generation (rounded up to a power of two), each of which lasts
    /// at most `lifetime`.
    pub(crate) fn new(key: Key, capacity: usize, lifetime: Duration) -> Self {
        let blocks = (capacity * BITS_PER_KEY / (64 * WORDS)).next_power_of_two();
        Self {
            key,
            blocks: vec![[[0; WORDS]; 2]; blocks],
            young: 0,
            inserted: 0,
            capacity,
            lifetime,
            since: None,
        }
    }

    /// Was `value` seen before? It is from now on.
    pub(crate) fn check_and_insert(&mut self, now: Timestamp, value: &impl Hash) -> bool {
        self.rotate(now);
        let hash = self.key.hash(value);
        let at = hash as usize & (self.blocks.len() - 1);
        let [even, odd] = &mut self.blocks[at];
        let (young, old) = if self.young == 0 { (even, odd) } else { (odd, even) };
        let mut bits = hash.rotate_right(32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (mut in_young, mut in_old) = (true, true);
        for _ in 0..PROBES {
            let (word, bit) = ((bits >> 61) as usize, 1u64 << (bits >> 55 & 63));
            in_young &= young[word] & bit != 0;
            in_old &= old[word] & bit != 0;
            young[word] |= bit;
            bits = bits.rotate_left(9).wrapping_mul(0xff51_afd7_ed55_8ccd);
        }
        self.inserted += usize::from(!in_young);
        in_young || in_old
    }

    fn rotate(&mut self, now: Timestamp) {
        let since = *self.since.get_or_insert(now);
        if self.inserted >= self.capacity || now.since(since) > self.lifetime {
            self.young ^= 1;
            for block in &mut self.blocks {
                block[self.young] = [0; WORDS];
            }
            self.inserted = 0;
            self.since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn false_seen_rate_of_a_full_generation() {
        let mut seen = Seen::new(Key([3, 4]), 1 << 16, Duration::from_secs(3600));
        let wrong =
            (0u32..1 << 16).filter(|value| seen.check_and_insert(Timestamp::EPOCH, value)).count();
        assert!(wrong < 200, "{wrong} of 65536 falsely seen");
        assert!(seen.check_and_insert(Timestamp::EPOCH, &1u32));
    }

    #[test]
    fn rotation_forgets_after_two_generations() {
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let mut seen = Seen::new(Key([3, 4]), 1 << 10, Duration::from_secs(10));
        assert!(!seen.check_and_insert(at(0), &'a'));
        assert!(!seen.check_and_insert(at(11), &'b'));
        assert!(seen.check_and_insert(at(12), &'a'), "the older generation still knows it");
        assert!(!seen.check_and_insert(at(40), &'c'));
        assert!(!seen.check_and_insert(at(60), &'b'));
    }
}
