//! The classic format: a header of 24 bytes, then records (draft-ietf-opsawg-pcap).

use tripline_packet::{LinkType, Timestamp};

use crate::ErrorKind;
use crate::buffer::Buffer;
use crate::record::{Damage, Record, end_of_stream, half, longest_packet, word};

/// Bytes of the file header.
pub(crate) const FILE_HEADER: usize = 24;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Of Alexey Kuznetzov's patched libpcap: eight more bytes in each record header.
const MODIFIED: u32 = 0xa1b2_cd34;

/// Relatives with another layout, named so that the message can say what it is.
const UNSUPPORTED: &[(u32, &str)] = &[
    (0x1c00_01ac, "pcap of IXIA hardware"),
    (0x1c00_01ab, "pcap of IXIA software"),
    (0xa1b2_c34f, "pcap of Nokia"),
    (0xa12b_3c4d, "pcap of Navtel"),
];

/// A file in the classic format.
#[derive(Debug)]
pub(crate) struct Pcap {
    big_endian: bool,
    /// Nanoseconds of one unit of the fraction.
    unit: i64,
    record_header: u32,
    pub(crate) link: LinkType,
    pub(crate) snap_len: u32,
    longest: u32,
    lengths: Lengths,
}

/// The order of captured and original length, which old versions had the other way round.
#[derive(Debug)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    /// Whichever is less is the captured one: version 2.3 was written in both orders.
    Unclear,
}

impl Pcap {
    /// Whether a file that starts like this is in this format or a relative of it.
    pub(crate) fn recognises(first: &[u8]) -> bool {
        let Some(magic) = first.first_chunk::<4>() else {
            return false;
        };
        let (big, little) = (u32::from_be_bytes(*magic), u32::from_le_bytes(*magic));
        let known = |magic| {
            matches!(magic, MICROSECONDS | NANOSECONDS | MODIFIED)
                || UNSUPPORTED.iter().any(|(other, _)| *other == magic)
        };
        known(big) || known(little)
    }

    /// Reads the file header.
    pub(crate) fn new(header: &[u8; FILE_HEADER]) -> Result<Self, ErrorKind> {
        let big_endian = header[0] == 0xa1;
        let magic = word(header, 0, big_endian);
        let (unit, record_header) = match magic {
            MICROSECONDS => (1_000, 16),
            NANOSECONDS => (1, 16),
            MODIFIED => (1_000, 24),
            _ => return Err(unsupported_magic(header)),
        };
        let (major, minor) = (half(header, 4, big_endian), half(header, 6, big_endian));
        let lengths = match (major, minor) {
            (2, 0..=2) => Lengths::OriginalFirst,
            (2, 3) => Lengths::Unclear,
            // The major version decides about the layout.
            (2, _) => Lengths::CapturedFirst,
            _ => {
                let version = format!("version {major}.{minor} of pcap");
                return Err(ErrorKind::Unsupported(version));
            }
        };
        let snap_len = word(header, 16, big_endian);
        Ok(Self {
            big_endian,
            unit,
            record_header,
            // The upper half holds the length of the frame check sequence and reserved bits.
            link: LinkType::from_number(word(header, 20, big_endian) as u16),
            snap_len,
            longest: longest_packet(snap_len),
            lengths,
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match (self.record_header, self.unit, self.big_endian) {
            (16, 1, false) => "pcap, ns, little-endian",
            (16, 1, true) => "pcap, ns, big-endian",
            (16, _, false) => "pcap, µs, little-endian",
            (16, _, true) => "pcap, µs, big-endian",
            (_, _, false) => "modified pcap, µs, little-endian",
            (_, _, true) => "modified pcap, µs, big-endian",
        }
    }

    /// Takes the next record out of the buffer; `false` at the end.
    #[inline]
    pub(crate) fn next(&self, buffer: &mut Buffer, record: &mut Record) -> Result<bool, Damage> {
        let header_len = self.record_header as usize;
        if !buffer.need(header_len) {
            return end_of_stream(buffer, header_len);
        }
        let header = &buffer.available()[..16];
        let seconds = word(header, 0, self.big_endian);
        let fraction = word(header, 4, self.big_endian);
        let (captured, original) =
            self.lengths(word(header, 8, self.big_endian), word(header, 12, self.big_endian));
        if captured > self.longest {
            return Err(too_long(buffer.offset(), captured, self.longest));
        }
        let total = self.record_header + captured;
        if !buffer.need(total as usize) {
            return Err(cut(buffer, total));
        }
        // Both products fit: 32 bits of seconds reach 2106, 32 bits of microseconds 72 minutes.
        let nanos = i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * self.unit;
        record.time = Timestamp::from_nanos(nanos);
        record.link = self.link;
        // Some writers leave the original length at 0.
        record.wire_len = original.max(captured);
        record.captured = captured;
        record.at = buffer.consume(total as usize) + header_len;
        record.total = total;
        Ok(true)
    }

    #[inline]
    fn lengths(&self, first: u32, second: u32) -> (u32, u32) {
        match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::OriginalFirst => (second, first),
            Lengths::Unclear => (first.min(second), first.max(second)),
        }
    }
}

fn unsupported_magic(header: &[u8; FILE_HEADER]) -> ErrorKind {
    let (big, little) = (word(header, 0, true), word(header, 0, false));
    let known = UNSUPPORTED.iter().find(|(magic, _)| [big, little].contains(magic));
    let name = known.map_or("this kind of pcap", |(_, name)| name);
    ErrorKind::Unsupported(name.to_owned())
}

#[cold]
fn too_long(at: u64, length: u32, limit: u32) -> Damage {
    Damage { at, kind: ErrorKind::RecordTooLong { length, limit } }
}

#[cold]
fn cut(buffer: &Buffer, need: u32) -> Damage {
    Damage {
        at: buffer.offset(),
        kind: ErrorKind::RecordCut { have: buffer.available().len() as u64, need: u64::from(need) },
    }
}
