//! The bytes of a stream that are at hand: a window that moves over it and never copies a record.

use std::fmt;
use std::io::{self, Read};

/// What is read at a time. Measured best for streaming from the page cache.
pub(crate) const CHUNK: usize = 1 << 20;

/// A window over a stream. It grows beyond its size only when asked for more bytes at once.
pub(crate) struct Buffer {
    source: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Where the first of `bytes` is in the stream.
    base: u64,
    state: State,
}

enum State {
    Flowing,
    Ended,
    Failed(io::Error),
}

impl Buffer {
    /// A window of `size` bytes. The memory is touched only as far as bytes come in.
    pub(crate) fn new(source: Box<dyn Read + Send>, size: usize) -> Self {
        Self { source, bytes: vec![0; size], start: 0, end: 0, base: 0, state: State::Flowing }
    }

    /// Makes the window larger.
    pub(crate) fn widen(&mut self, size: usize) {
        self.bytes.resize(size.max(self.bytes.len()), 0);
    }

    /// The bytes at hand.
    #[inline]
    pub(crate) fn available(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Where the window starts in the stream.
    #[inline]
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Sees to it that `count` bytes are at hand; `false` when the stream ends or fails before.
    #[inline]
    pub(crate) fn need(&mut self, count: usize) -> bool {
        self.end - self.start >= count || self.fill(count)
    }

    /// Leaves `count` bytes behind, which must be at hand. They stay in memory, for [`Self::kept`],
    /// until bytes are asked for that are not at hand. Tells where they are.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) -> usize {
        debug_assert!(count <= self.end - self.start);
        let at = self.start;
        self.start += count;
        at
    }

    /// Bytes that were left behind a moment ago.
    #[inline]
    pub(crate) fn kept(&self, at: usize, count: usize) -> &[u8] {
        &self.bytes[at..at + count]
    }

    /// Leaves `count` bytes behind, at hand or not; tells how many there were.
    pub(crate) fn discard(&mut self, count: u64) -> u64 {
        let mut left = count;
        while left > 0 && self.need(1) {
            let step = (self.end - self.start).min(usize::try_from(left).unwrap_or(usize::MAX));
            self.consume(step);
            left -= step as u64;
        }
        count - left
    }

    /// What the source failed with, if it did not just end.
    pub(crate) fn failure(&self) -> Option<&io::Error> {
        match &self.state {
            State::Failed(error) => Some(error),
            State::Flowing | State::Ended => None,
        }
    }

    #[cold]
    fn fill(&mut self, count: usize) -> bool {
        self.bytes.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        if count > self.bytes.len() {
            self.bytes.resize(count, 0);
        }
        while self.end < count && matches!(self.state, State::Flowing) {
            match self.source.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.state = State::Ended,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.state = State::Failed(error),
            }
        }
        self.end >= count
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("offset", &self.offset())
            .field("at_hand", &(self.end - self.start))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves_and_grows() {
        let stream: Vec<u8> = (0..100).collect();
        let mut buffer = Buffer::new(Box::new(io::Cursor::new(stream)), 8);
        assert!(buffer.need(5));
        let at = buffer.consume(5);
        assert_eq!(buffer.kept(at + 1, 2), [1, 2]);
        assert!(buffer.need(20));
        assert_eq!(buffer.available()[..3], [5, 6, 7]);
        assert_eq!(buffer.discard(90), 90);
        assert_eq!((buffer.offset(), buffer.available()[0]), (95, 95));
        assert!(!buffer.need(6));
        assert_eq!(buffer.available().len(), 5);
        assert_eq!(buffer.discard(6), 5);
        assert!(buffer.failure().is_none());
    }

    #[test]
    fn a_failure_comes_after_the_bytes_before_it() {
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                into[0] = 7;
                Ok(1)
            }
        }
        let mut buffer = Buffer::new(Box::new(Broken(false)), 8);
        assert!(!buffer.need(2));
        assert_eq!(buffer.available(), [7]);
        let kind = buffer.failure().map(io::Error::kind);
        assert_eq!(kind, Some(io::ErrorKind::ConnectionReset));
    }
}
