//! The classic pcap format: a file header of 24 bytes, record headers of 16.
//!
//! By hand, because it is so small and the hot path of nearly every run: see docs/capture.md for
//! the comparison with the crate that reads pcapng.

use tripline_packet::{LinkType, Timestamp};

use crate::error::Kind;
use crate::file::{Format, LONGEST_FRAME, Record};
use crate::window::Window;

const HEADER: usize = 24;

/// State of a classic pcap file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pcap {
    big_endian: bool,
    format: Format,
    link: LinkType,
    /// Longest record that is believed.
    longest: usize,
    /// 16, or 24 in the variant that Alexey Kuznetzov's patch wrote.
    record_header: usize,
}

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;
const KUZNETZOV: u32 = 0xa1b2_cd34;

impl Pcap {
    pub(crate) fn is_magic(first: [u8; 4]) -> bool {
        variant(first).is_some()
    }

    pub(crate) fn open(window: &mut Window) -> Result<Self, Kind> {
        let have = window
            .have(HEADER)
            .map_err(|source| Kind::read(0, source))?;
        let Some(header) = window.bytes().first_chunk::<HEADER>().copied() else {
            let offset = have as u64;
            return Err(Kind::Cut {
                what: "the file header",
                offset,
            });
        };
        let magic = [header[0], header[1], header[2], header[3]];
        let Some((big_endian, format, record_header)) = variant(magic) else {
            return Err(Kind::NotACapture {
                first: format!("{magic:02x?}"),
            });
        };
        let u16_at = |at| u32_at(big_endian, &[header[at], header[at + 1], 0, 0]);
        let (major, minor) = if big_endian {
            (u16_at(4) >> 16, u16_at(6) >> 16)
        } else {
            (u16_at(4), u16_at(6))
        };
        if major != 2 {
            return Err(Kind::Version {
                major: major as u16,
                minor: minor as u16,
            });
        }
        let field = |at| {
            header
                .get(at..)
                .map_or(0, |bytes| u32_at(big_endian, bytes))
        };
        let snap = field(16) as usize;
        window.consume(HEADER);
        Ok(Self {
            big_endian,
            format,
            // The upper bits say whether frames end with a checksum, and how long it is.
            link: LinkType::from_number(field(20) as u16),
            longest: snap.clamp(LONGEST_FRAME, 64 << 20),
            record_header,
        })
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    #[inline]
    pub(crate) fn next(&mut self, window: &mut Window) -> Result<Option<Record>, Kind> {
        let offset = window.offset();
        let failed = |source| Kind::read(offset, source);
        let have = window.have(self.record_header).map_err(failed)?;
        if have == 0 {
            return Ok(None);
        }
        let Some(header) = window
            .bytes()
            .first_chunk::<16>()
            .filter(|_| have >= self.record_header)
        else {
            return Err(Kind::Cut {
                what: "a record header",
                offset,
            });
        };
        let field = |at: usize| u32_at(self.big_endian, &header[at..]);
        let (seconds, fraction) = (field(0), field(4));
        let (len, wire_len) = (field(8) as usize, field(12));
        if len > self.longest {
            return Err(Kind::Length {
                what: "a record",
                offset,
                length: len as u64,
            });
        }
        let whole = self.record_header + len;
        if window.have(whole).map_err(failed)? < whole {
            return Err(Kind::Cut {
                what: "a record",
                offset,
            });
        }
        window.consume(whole);
        let nanos = match self.format {
            Format::PcapNanos => fraction,
            // Some writers count a second's worth or more: carry it instead of doubting it.
            _ => fraction.saturating_mul(1_000),
        };
        Ok(Some(Record {
            time: Timestamp::from_parts(seconds.into(), nanos),
            link: self.link,
            wire_len: wire_len.max(len as u32),
            back: len,
            len,
        }))
    }
}

fn variant(first: [u8; 4]) -> Option<(bool, Format, usize)> {
    [true, false]
        .into_iter()
        .find_map(|big_endian| match u32_at(big_endian, &first) {
            MICROS => Some((big_endian, Format::PcapMicros, 16)),
            NANOS => Some((big_endian, Format::PcapNanos, 16)),
            KUZNETZOV => Some((big_endian, Format::PcapMicros, 24)),
            _ => None,
        })
}

#[inline]
fn u32_at(big_endian: bool, bytes: &[u8]) -> u32 {
    let bytes = bytes.first_chunk().copied().unwrap_or_default();
    if big_endian {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }
}
