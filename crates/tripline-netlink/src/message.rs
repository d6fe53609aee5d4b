//! Messages and attributes (netlink(7), netlink(3)): all lengths in the byte order of the machine,
//! everything aligned to four bytes.

use std::ops::Range;

/// Length of a message's header.
const HEADER: usize = 16;
/// Length of an attribute's header.
const ATTRIBUTE: usize = 4;
const NESTED: u16 = 0x8000;
/// The two highest bits of an attribute's type are flags.
const TYPE: u16 = 0x3fff;
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// The table changed while it was dumped.
const INTERRUPTED: u16 = 0x010;

/// Messages to the kernel, sent in one go.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    messages: u32,
    acknowledgements: u32,
}

impl Batch {
    /// No message yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message: its type, its flags (see [`crate::flags`]), the structure that follows the
    /// header, and what `fill` adds.
    pub fn message(&mut self, kind: u16, flags: u16, head: &[u8], fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.messages += 1;
        self.acknowledgements += u32::from(flags & crate::flags::ACK != 0);
        self.bytes.extend([0; 4]);
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend((flags | crate::flags::REQUEST).to_ne_bytes());
        self.bytes.extend(self.messages.to_ne_bytes());
        self.bytes.extend([0; 4]);
        self.bytes.extend(head);
        self.align();
        fill(self);
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    }

    /// Adds an attribute to the message that is being filled.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = (ATTRIBUTE + value.len()) as u16;
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.align();
    }

    /// Adds an attribute that consists of attributes.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.attribute(kind | NESTED, &[]);
        fill(self);
        let length = (self.bytes.len() - start) as u16;
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }

    /// Adds text as the kernel reads it: ended by a zero.
    pub fn text(&mut self, kind: u16, text: &str) {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        self.attribute(kind, &value);
    }

    /// Bytes so far. A batch of nftables should stay below the send buffer.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn acknowledgements(&self) -> u32 {
        self.acknowledgements
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// A message of the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Its type.
    pub kind: u16,
    /// What follows the header: a fixed structure, then attributes.
    pub payload: &'a [u8],
}

/// An attribute of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type, without the flags.
    pub kind: u16,
    /// Its value.
    pub value: &'a [u8],
}

/// The attributes that some bytes consist of. Ends where they make no sense.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&[a, b, c, d], _) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let value = rest.get(ATTRIBUTE..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some(Attribute { kind: u16::from_ne_bytes([c, d]) & TYPE, value })
    })
}

/// What a received message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data(u16),
    Done,
    /// Zero is an acknowledgement, a negative number an error.
    Status(i32),
}

pub(crate) struct Received<'a> {
    pub(crate) kind: Kind,
    pub(crate) is_interrupted: bool,
    pub(crate) payload: &'a [u8],
}

/// The messages of one datagram.
pub(crate) struct Answers<'a>(&'a [u8]);

impl<'a> Answers<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Answers<'a> {
    type Item = Received<'a>;

    fn next(&mut self) -> Option<Received<'a>> {
        let bytes = self.0;
        let length = u32::from_ne_bytes(field(bytes, 0..4)?) as usize;
        let kind = u16::from_ne_bytes(field(bytes, 4..6)?);
        let flags = u16::from_ne_bytes(field(bytes, 6..8)?);
        let payload = bytes.get(HEADER..length)?;
        self.0 = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        let kind = match kind {
            DONE => Kind::Done,
            ERROR => Kind::Status(i32::from_ne_bytes(field(payload, 0..4)?)),
            data => Kind::Data(data),
        };
        Some(Received { kind, is_interrupted: flags & INTERRUPTED != 0, payload })
    }
}

fn field<const N: usize>(bytes: &[u8], range: Range<usize>) -> Option<[u8; N]> {
    bytes.get(range)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_cover_what_nests_in_them() {
        let mut batch = Batch::new();
        batch.message(7, crate::flags::ACK, &[1, 2, 3], |batch| {
            batch.text(1, "abc");
            batch.nest(2, |batch| batch.attribute(3, &[9]));
        });
        let bytes = batch.bytes();
        assert_eq!(u32::from_ne_bytes(bytes[..4].try_into().unwrap()) as usize, bytes.len());
        // Header, structure, "abc\0" with its header, and one attribute inside another.
        assert_eq!(bytes.len(), 16 + 4 + 8 + 4 + 8);
        let all: Vec<_> = attributes(&bytes[20..]).collect();
        assert_eq!(all[0], Attribute { kind: 1, value: b"abc\0" });
        assert_eq!(all[1].kind, 2);
        let inner: Vec<_> = attributes(all[1].value).collect();
        assert_eq!(inner, [Attribute { kind: 3, value: &[9] }]);
        assert_eq!(batch.acknowledgements(), 1);
    }

    #[test]
    fn damaged_answers_end_the_reading() {
        for bytes in [&[][..], &[1, 0, 0], &[200, 0, 1, 0, 5], &[3, 0, 1, 0, 5, 5, 5, 5]] {
            assert_eq!(attributes(bytes).count(), 0, "{bytes:?}");
            assert_eq!(Answers::new(bytes).count(), 0, "{bytes:?}");
        }
    }
}
