//! Captures made by hand, field by field, so that a test can get each of them wrong.

/// Writes the classic format.
#[derive(Clone, Debug)]
pub(crate) struct PcapWriter {
    pub(crate) bytes: Vec<u8>,
    pub(crate) big_endian: bool,
}

impl Default for PcapWriter {
    fn default() -> Self {
        Self::new(0xa1b2_c3d4, false)
    }
}

impl PcapWriter {
    pub(crate) fn new(magic: u32, big_endian: bool) -> Self {
        Self::with_header(magic, big_endian, (2, 4), 262_144, 1)
    }

    pub(crate) fn with_header(
        magic: u32,
        big_endian: bool,
        (major, minor): (u16, u16),
        snap_len: u32,
        link: u32,
    ) -> Self {
        let mut this = Self { bytes: Vec::new(), big_endian };
        this.words(&[magic]).halves(&[major, minor]);
        this.words(&[0, 0, snap_len, link]);
        this
    }

    /// A record whose lengths are true.
    pub(crate) fn frame(&mut self, seconds: u32, fraction: u32, data: &[u8]) -> &mut Self {
        let len = data.len() as u32;
        self.record(seconds, fraction, len, len, data)
    }

    /// A record whose lengths are as they are given.
    pub(crate) fn record(
        &mut self,
        seconds: u32,
        fraction: u32,
        captured: u32,
        original: u32,
        data: &[u8],
    ) -> &mut Self {
        self.words(&[seconds, fraction, captured, original]);
        self.raw(data)
    }

    pub(crate) fn words(&mut self, words: &[u32]) -> &mut Self {
        for word in words {
            self.bytes.extend(order(word.to_le_bytes(), self.big_endian));
        }
        self
    }

    pub(crate) fn halves(&mut self, halves: &[u16]) -> &mut Self {
        for half in halves {
            self.bytes.extend(order(half.to_le_bytes(), self.big_endian));
        }
        self
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }
}

/// Writes the block format.
#[derive(Clone, Debug, Default)]
pub(crate) struct NgWriter {
    pub(crate) bytes: Vec<u8>,
    pub(crate) big_endian: bool,
}

impl NgWriter {
    pub(crate) fn new(big_endian: bool) -> Self {
        Self { bytes: Vec::new(), big_endian }
    }

    pub(crate) fn section(&mut self) -> &mut Self {
        let mut body = self.words(&[0x1a2b_3c4d]);
        body.extend(self.halves(&[1, 0]));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    pub(crate) fn interface(
        &mut self,
        link: u16,
        snap_len: u32,
        options: &[(u16, &[u8])],
    ) -> &mut Self {
        let mut body = self.halves(&[link, 0]);
        body.extend(self.words(&[snap_len]));
        for (code, value) in options {
            body.extend(self.halves(&[*code, value.len() as u16]));
            body.extend(*value);
            pad(&mut body);
        }
        if !options.is_empty() {
            body.extend([0; 4]);
        }
        self.block(1, &body)
    }

    /// An enhanced packet block whose lengths are true.
    pub(crate) fn packet(&mut self, interface: u32, ticks: u64, data: &[u8]) -> &mut Self {
        let len = data.len() as u32;
        self.packet_with(interface, ticks, len, len, data)
    }

    /// An enhanced packet block whose lengths are as they are given.
    pub(crate) fn packet_with(
        &mut self,
        interface: u32,
        ticks: u64,
        captured: u32,
        original: u32,
        data: &[u8],
    ) -> &mut Self {
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        let mut body = self.words(&[interface, high, low, captured, original]);
        body.extend(data);
        pad(&mut body);
        self.block(6, &body)
    }

    /// An obsolete packet block.
    pub(crate) fn old_packet(&mut self, interface: u16, ticks: u64, data: &[u8]) -> &mut Self {
        let (high, low, len) = ((ticks >> 32) as u32, ticks as u32, data.len() as u32);
        let mut body = self.halves(&[interface, 0]);
        body.extend(self.words(&[high, low, len, len]));
        body.extend(data);
        pad(&mut body);
        self.block(2, &body)
    }

    /// A simple packet block, with the bytes that were captured of the original length.
    pub(crate) fn simple_packet(&mut self, original: u32, data: &[u8]) -> &mut Self {
        let mut body = self.words(&[original]);
        body.extend(data);
        pad(&mut body);
        self.block(3, &body)
    }

    /// Any block; the body is a multiple of four long.
    pub(crate) fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
        let total = body.len() as u32 + 12;
        self.block_with(kind, total, body, total)
    }

    /// A block whose lengths are as they are given.
    pub(crate) fn block_with(&mut self, kind: u32, head: u32, body: &[u8], tail: u32) -> &mut Self {
        let start = self.words(&[kind, head]);
        let end = self.words(&[tail]);
        self.raw(&start).raw(body).raw(&end)
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    pub(crate) fn words(&self, words: &[u32]) -> Vec<u8> {
        let bytes = words.iter().map(|word| order(word.to_le_bytes(), self.big_endian));
        bytes.flatten().collect()
    }

    pub(crate) fn halves(&self, halves: &[u16]) -> Vec<u8> {
        let bytes = halves.iter().map(|half| order(half.to_le_bytes(), self.big_endian));
        bytes.flatten().collect()
    }
}

fn order<const N: usize>(mut little: [u8; N], big_endian: bool) -> [u8; N] {
    if big_endian {
        little.reverse();
    }
    little
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
