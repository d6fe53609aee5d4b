//! A streaming window over the input: no map, no copy per record.

use std::io::{self, Read};

/// Measured best for captures: larger ones leave the processor's cache.
const SIZE: usize = 1 << 20;

/// Bytes of the input that were read and not yet consumed.
pub(crate) struct Window {
    input: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of `start` in the input.
    offset: u64,
}

impl Window {
    pub(crate) fn new(input: Box<dyn Read + Send>) -> Self {
        Self {
            input,
            bytes: vec![0; SIZE],
            start: 0,
            end: 0,
            offset: 0,
        }
    }

    /// Where the next byte lies in the input.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes are at hand, after trying to have at least `len`; fewer means that the
    /// input ended.
    #[inline]
    pub(crate) fn have(&mut self, len: usize) -> io::Result<usize> {
        if self.end - self.start < len {
            self.refill(len)?;
        }
        Ok(self.end - self.start)
    }

    /// The bytes at hand.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Steps over `len` bytes, which must be at hand.
    #[inline]
    pub(crate) fn consume(&mut self, len: usize) {
        self.start = (self.start + len).min(self.end);
        self.offset += len as u64;
    }

    /// The last `back` bytes before the next one.
    #[inline]
    pub(crate) fn behind(&self, back: usize, len: usize) -> &[u8] {
        let from = self.start.saturating_sub(back);
        self.bytes.get(from..from + len).unwrap_or_default()
    }

    #[cold]
    fn refill(&mut self, len: usize) -> io::Result<()> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() < len {
            self.bytes.resize(len.next_power_of_two(), 0);
        }
        while self.end < len {
            match self.input.read(&mut self.bytes[self.end..]) {
                Ok(0) => break,
                Ok(more) => self.end += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What came with the bytes so far is read first; the error comes again.
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
