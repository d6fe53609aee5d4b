//! Whose frames are recorded, found by an address.

use std::collections::HashMap;

use tripline_packet::{Addr, Prefix};

use super::past::party_bits;

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Follows {
    /// A bit for each bucket that somebody who is followed is in: nearly every frame is of others,
    /// and needs no look into the map.
    marks: Vec<u64>,
    by_party: HashMap<u128, Vec<Follow>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Follow {
    party: Prefix,
    bucket: usize,
    recording: usize,
}

impl Follows {
    /// Follows a party, for a recording.
    pub(super) fn add(&mut self, party: Prefix, bucket: usize, recording: usize) {
        let of_party = self.by_party.entry(party_bits(party.addr())).or_default();
        of_party.push(Follow { party, bucket, recording });
        self.mark(bucket);
    }

    /// Follows nobody for a recording any more.
    pub(super) fn end(&mut self, recording: usize) {
        self.by_party.retain(|_, of_party| {
            of_party.retain(|follow| follow.recording != recording);
            !of_party.is_empty()
        });
        self.marks.fill(0);
        let buckets: Vec<usize> =
            self.by_party.values().flatten().map(|follow| follow.bucket).collect();
        for bucket in buckets {
            self.mark(bucket);
        }
    }

    fn mark(&mut self, bucket: usize) {
        if self.marks.len() <= bucket / 64 {
            self.marks.resize(bucket / 64 + 1, 0);
        }
        self.marks[bucket / 64] |= 1 << (bucket % 64);
    }

    /// Whether somebody in this bucket is followed.
    #[inline]
    pub(super) fn may_have(&self, bucket: usize) -> bool {
        self.marks.get(bucket / 64).is_some_and(|marks| marks & 1 << (bucket % 64) != 0)
    }

    /// Adds the recordings that follow an address, each once.
    pub(super) fn find(&self, addr: Addr, recordings: &mut Vec<usize>) {
        for follow in self.by_party.get(&party_bits(addr)).into_iter().flatten() {
            if follow.party.contains(addr) && !recordings.contains(&follow.recording) {
                recordings.push(follow.recording);
            }
        }
    }
}
