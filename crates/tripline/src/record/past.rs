//! The recent past: frames in a ring of bytes, the oldest making room.

use std::collections::VecDeque;

use tripline_packet::{Addr, Frame, LinkType, Timestamp};

/// Frames, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Frames {
    heads: Vec<Head>,
    bytes: Vec<u8>,
}

/// What is known of a frame besides its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) wire_len: u32,
    length: u32,
}

impl Frames {
    pub(super) fn add(&mut self, frame: &Frame<'_>) {
        self.heads.push(Head::of(frame));
        self.bytes.extend_from_slice(frame.data);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Head, &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.heads.iter().map(move |head| {
            let (data, behind) = rest.split_at(head.length as usize);
            rest = behind;
            (*head, data)
        })
    }
}

impl Head {
    fn of(frame: &Frame<'_>) -> Self {
        let length = frame.data.len() as u32;
        Self { time: frame.time, link: frame.link, wire_len: frame.wire_len, length }
    }
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Past {
    bytes: Box<[u8]>,
    /// Where the next frame goes.
    end: usize,
    held: VecDeque<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    head: Head,
    start: usize,
    parties: [Addr; 3],
    /// It has been written.
    taken: bool,
}

impl Past {
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes].into_boxed_slice(), end: 0, held: VecDeque::new() }
    }

    /// One copy, and no allocation once the ring has been filled.
    pub(super) fn hold(&mut self, frame: &Frame<'_>, parties: [Addr; 3]) {
        let head = Head::of(frame);
        let length = frame.data.len();
        if length > self.bytes.len() / 2 {
            return;
        }
        // A frame lies in one piece: what does not fit before the end goes to the beginning.
        if self.end + length > self.bytes.len() {
            self.make_room(self.end, self.bytes.len());
            self.end = 0;
        }
        self.make_room(self.end, self.end + length);
        self.bytes[self.end..self.end + length].copy_from_slice(frame.data);
        self.held.push_back(Held { head, start: self.end, parties, taken: false });
        self.end += length;
    }

    /// Forgets the oldest frames as long as they lie in the way.
    fn make_room(&mut self, from: usize, to: usize) {
        let is_in_the_way = |held: &Held| {
            let end = held.start + held.head.length as usize;
            held.start < to && from < end.max(held.start + 1)
        };
        while self.held.front().is_some_and(is_in_the_way) {
            self.held.pop_front();
        }
    }

    /// The frames that are about somebody who is wanted, in their order; each is given once.
    pub(super) fn take(&mut self, is_wanted: impl Fn(&[Addr; 3]) -> bool) -> Frames {
        let mut frames = Frames::default();
        let wanted = self.held.iter_mut().filter(|held| !held.taken && is_wanted(&held.parties));
        for held in wanted {
            held.taken = true;
            frames.heads.push(held.head);
            let end = held.start + held.head.length as usize;
            frames.bytes.extend_from_slice(&self.bytes[held.start..end]);
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(second: i64, data: &[u8]) -> Frame<'_> {
        let time = Timestamp::from_parts(second, 0);
        Frame { time, link: LinkType::Ethernet, wire_len: data.len() as u32, data }
    }

    #[test]
    fn the_oldest_make_room_and_each_is_given_once() {
        let party = [Addr::from_v4_bits(1); 3];
        let mut past = Past::new(100);
        for second in 0..20 {
            past.hold(&frame(second, &[second as u8; 30]), party);
        }
        let frames = past.take(|_| true);
        let given: Vec<(i64, u8)> = frames
            .iter()
            .map(|(head, data)| {
                assert_eq!(data.len(), 30);
                (head.time.nanos() / 1_000_000_000, data[0])
            })
            .collect();
        assert_eq!(given, [(17, 17), (18, 18), (19, 19)]);
        assert!(past.take(|_| true).is_empty());
        // What could never fit is passed over; frames without bytes are frames.
        past.hold(&frame(30, &[0; 80]), party);
        past.hold(&frame(31, &[]), party);
        assert_eq!(past.take(|_| true).iter().count(), 1);
    }
}
