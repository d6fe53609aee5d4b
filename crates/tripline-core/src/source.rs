//! The source table: compact evidence of every source, in memory that is fixed at the start.
//!
//! Eight-way sets with a keyed index. While a set has room, a source is admitted at once. When it
//! is full, a new source must have been seen before (a Bloom filter remembers), and then takes the
//! place of the one with the least evidence: a flood of forged sources cannot wash out a slow
//! sweeper (measured: with plain least-recently-used eviction, 10 000 forged sources per second
//! make a table of 65 536 forget everything slower than one probe in 6.5 s).

use tripline_packet::{Addr, Duration, Timestamp};

use crate::evidence::Nats;
use crate::keyed::Key;
use crate::seen::Seen;

/// What is kept of every source. 48 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    key: Addr,
    /// Sum of all weights: the e-process in nats.
    pub(crate) evidence: Nats,
    /// The same with the weights of tool marks, under the supposition that a tool is at work.
    pub(crate) tooled: Nats,
    /// The Page statistic: the sum since it was last at zero.
    page: u16,
    /// Distinct services tried, saturating.
    pub(crate) services: u16,
    /// Distinct services that nobody offers, saturating.
    pub(crate) probes: u16,
    flags: u16,
    /// Last attempt, in seconds since the epoch.
    last: u32,
    /// Where its steps are kept, `NO_TRAIL` if nowhere.
    pub(crate) trail: u32,
}

const _: () = assert!(size_of::<Entry>() <= 48);

/// No steps are kept.
pub(crate) const NO_TRAIL: u32 = u32::MAX;
const USED: u16 = 1;
const WAYS: usize = 8;

/// ln 2: the price of supposing that a tool may or may not be at work.
const MIXTURE: Nats = Nats(177);

impl Entry {
    /// The score that is compared with ln(1/alpha). Two suppositions, no tool and some tool, each
    /// make an e-process; the mean of two e-processes is one again, and it is at least half the
    /// larger.
    pub(crate) fn score(&self) -> Nats {
        self.evidence.max(self.tooled) - MIXTURE
    }

    /// The Page statistic in nats.
    pub(crate) fn page(&self) -> Nats {
        Nats(i32::from(self.page))
    }

    /// Adds an observation.
    pub(crate) fn add(&mut self, weight: Nats, tool: Nats, now: Timestamp) {
        self.evidence += weight;
        self.tooled += weight + tool;
        let page = i32::from(self.page).saturating_add(weight.0);
        self.page = page.clamp(0, u16::MAX.into()) as u16;
        self.services = self.services.saturating_add(1);
        self.last = seconds(now);
    }

    /// Takes an observation's weight back, or changes it by the difference.
    pub(crate) fn correct(&mut self, by: Nats) {
        self.evidence += by;
        self.tooled += by;
        let page = i32::from(self.page).saturating_add(by.0);
        self.page = page.clamp(0, u16::MAX.into()) as u16;
    }
}

fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.nanos() / 1_000_000_000).unwrap_or(0)
}

/// What became of a source that asked for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It has an entry.
    At(usize),
    /// It has one now, and another source lost its own, with the trail given.
    Replaced { at: usize, trail: u32 },
    /// Seen for the first time while the table is full.
    Filtered,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct SourceTable {
    key: Key,
    /// By hash: the set in use, counted from 1, or 0 for none yet. A small input touches little
    /// memory that way.
    index: Vec<u32>,
    sets: Vec<[Entry; WAYS]>,
    seen: Seen,
    /// Entries in use.
    pub(crate) used: u64,
    /// Sources turned away at first sight.
    pub(crate) filtered: u64,
    /// Sources that lost their entry.
    pub(crate) evicted: u64,
}

impl SourceTable {
    pub(crate) fn new(key: Key, capacity: usize) -> Self {
        let sets = (capacity / WAYS).max(1).next_power_of_two();
        Self {
            key,
            index: vec![0; sets],
            sets: Vec::with_capacity(sets),
            seen: Seen::new(key, capacity.max(1 << 16), Duration::from_secs(6 * 3_600)),
            used: 0,
            filtered: 0,
            evicted: 0,
        }
    }

    /// Entries that there can be.
    pub(crate) fn capacity(&self) -> usize {
        self.index.len() * WAYS
    }

    pub(crate) fn find(&self, source: Addr) -> Option<usize> {
        let set = (self.index[self.place(source)] as usize).checked_sub(1)?;
        let way = self.sets[set].iter().position(|entry| entry.is(source))?;
        Some(set * WAYS + way)
    }

    pub(crate) fn entry(&self, at: usize) -> &Entry {
        &self.sets[at / WAYS][at % WAYS]
    }

    pub(crate) fn entry_mut(&mut self, at: usize) -> &mut Entry {
        &mut self.sets[at / WAYS][at % WAYS]
    }

    /// Finds or makes the entry of a source.
    pub(crate) fn admit(&mut self, source: Addr, now: Timestamp) -> Admission {
        let set = self.set_of(source);
        let ways = &self.sets[set];
        if let Some(way) = ways.iter().position(|entry| entry.is(source)) {
            return Admission::At(set * WAYS + way);
        }
        if let Some(way) = ways.iter().position(|entry| entry.flags & USED == 0) {
            self.used += 1;
            self.settle(set, way, source, now);
            return Admission::At(set * WAYS + way);
        }
        if !self.seen.check_and_insert(now, &source) {
            self.filtered += 1;
            return Admission::Filtered;
        }
        let weakest = ways.iter().enumerate().min_by_key(|(way, e)| (e.score(), e.last, *way));
        let way = weakest.map_or(0, |(way, _)| way);
        let trail = ways[way].trail;
        self.evicted += 1;
        self.settle(set, way, source, now);
        Admission::Replaced { at: set * WAYS + way, trail }
    }

    fn settle(&mut self, set: usize, way: usize, source: Addr, now: Timestamp) {
        self.sets[set][way] = Entry {
            key: source,
            flags: USED,
            last: seconds(now),
            trail: NO_TRAIL,
            ..Entry::default()
        };
    }

    fn place(&self, source: Addr) -> usize {
        self.key.hash(&source) as usize & (self.index.len() - 1)
    }

    fn set_of(&mut self, source: Addr) -> usize {
        let place = self.place(source);
        if self.index[place] == 0 {
            self.sets.push([Entry::default(); WAYS]);
            self.index[place] = self.sets.len() as u32;
        }
        self.index[place] as usize - 1
    }
}

impl Entry {
    fn is(&self, source: Addr) -> bool {
        self.flags & USED != 0 && self.key == source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u32) -> Addr {
        Addr::from_v4_bits(n)
    }

    #[test]
    fn evidence_survives_a_flood_of_strangers() {
        let mut table = SourceTable::new(Key([5, 6]), 64);
        let now = Timestamp::from_parts(100, 0);
        let Admission::At(at) = table.admit(source(1), now) else { panic!("room was there") };
        table.entry_mut(at).add(Nats::from_f64(2.6), Nats(0), now);
        for round in 0..2 {
            for n in 1_000..3_000 {
                table.admit(source(n), now);
            }
            assert!(table.filtered > 0, "round {round}");
        }
        assert_eq!(table.find(source(1)), Some(at), "the least evidence goes first");
        assert!(table.evicted > 0);
    }

    #[test]
    fn page_statistic_banks_no_credit() {
        let mut entry = Entry::default();
        for _ in 0..100 {
            entry.add(Nats::from_f64(-0.1), Nats(0), Timestamp::EPOCH);
        }
        entry.add(Nats::from_f64(2.5), Nats(0), Timestamp::EPOCH);
        assert_eq!(entry.page(), Nats::from_f64(2.5));
        assert!(entry.evidence < Nats(0));
    }
}
