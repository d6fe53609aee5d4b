//! What both formats have in common: a record under hand, and what is wrong with the next one.

use tripline_packet::{LinkType, Timestamp};

use crate::ErrorKind;
use crate::buffer::Buffer;

/// No packet is longer unless the snap length says so: the longest that libpcap captures
/// (`MAXIMUM_SNAPLEN` in its `pcap-int.h`).
pub(crate) const LONGEST_PACKET: u32 = 256 << 10;

/// No block or record is kept whole that is longer than this, whatever the file says.
pub(crate) const LONGEST_BLOCK: u32 = 16 << 20;

/// A packet in the buffer, behind which the buffer already stands.
///
/// Readers write into it field by field. Returned as a value it would be stored in halves and
/// loaded in whole words a moment later, which stalls the processor for longer than all the rest
/// of a frame takes.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) time: Timestamp,
    pub(crate) link: LinkType,
    pub(crate) wire_len: u32,
    /// Bytes of the packet.
    pub(crate) captured: u32,
    /// Where the packet is kept in the buffer.
    pub(crate) at: usize,
    /// Bytes of the record with its header.
    pub(crate) total: u32,
}

impl Record {
    pub(crate) const NONE: Self = Self {
        time: Timestamp::EPOCH,
        link: LinkType::Other(0),
        wire_len: 0,
        captured: 0,
        at: 0,
        total: 0,
    };
}

/// Why the next record cannot be read, and where it starts.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) at: u64,
    pub(crate) kind: ErrorKind,
}

/// The longest packet of an interface that is not taken for damage. A snap length of 0 is none.
pub(crate) fn longest_packet(snap_len: u32) -> u32 {
    snap_len.clamp(LONGEST_PACKET, LONGEST_BLOCK)
}

/// The stream ended where a header of `need` bytes should be: no further record at a proper end.
pub(crate) fn end_of_stream(buffer: &Buffer, need: usize) -> Result<bool, Damage> {
    if buffer.available().is_empty() && buffer.failure().is_none() {
        return Ok(false);
    }
    Err(header_cut(buffer, need))
}

/// The stream ended within a header of `need` bytes.
pub(crate) fn header_cut(buffer: &Buffer, need: usize) -> Damage {
    let have = buffer.available().len();
    Damage { at: buffer.offset(), kind: ErrorKind::RecordHeaderCut { have, need } }
}

/// The four bytes at `at` as a number. `at` must lie within the bytes that the caller asked for.
#[inline]
pub(crate) fn word(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let word = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
}

/// The two bytes at `at` as a number, as [`word`].
#[inline]
pub(crate) fn half(bytes: &[u8], at: usize, big_endian: bool) -> u16 {
    let half = [bytes[at], bytes[at + 1]];
    if big_endian { u16::from_be_bytes(half) } else { u16::from_le_bytes(half) }
}
