//! pcapng (IETF draft-ietf-opsawg-pcapng): blocks, with the inside of each read by `pcap-parser`.
//!
//! The frame around a block (type, length, length again) is checked here, so that a length that
//! lies is told with its position.

use pcap_parser::pcapng::{Block, InterfaceDescriptionBlock, parse_block_be, parse_block_le};
use tripline_packet::{LinkType, Timestamp};

use crate::error::Kind;
use crate::file::{LONGEST_FRAME, Record};
use crate::window::Window;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// The longest block that is believed: a frame, and generous options.
const LONGEST_BLOCK: usize = 16 << 20;

/// State of a pcapng file.
#[derive(Clone, Debug)]
pub(crate) struct PcapNg {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    snap: usize,
    /// Units per second.
    resolution: u64,
    offset_seconds: i64,
}

impl PcapNg {
    pub(crate) fn new() -> Self {
        Self {
            big_endian: false,
            interfaces: Vec::new(),
        }
    }

    pub(crate) fn next(&mut self, window: &mut Window) -> Result<Option<Record>, Kind> {
        loop {
            let offset = window.offset();
            let Some((kind, len)) = self.block(window)? else {
                return Ok(None);
            };
            let bytes = window.bytes().get(..len).unwrap_or_default();
            let record = match kind {
                ENHANCED_PACKET => self.enhanced(bytes, offset),
                SIMPLE_PACKET => self.simple(bytes, offset),
                OLD_PACKET => self.old(bytes, offset),
                INTERFACE => self.interface(bytes, offset).map(|()| None),
                _ => Ok(None),
            };
            // Consumed even when the inside is damaged: the frame around it was sound.
            window.consume(len);
            if let Some(record) = record? {
                return Ok(Some(record));
            }
        }
    }

    /// Type and length of the next block, which then lies whole in the window.
    fn block(&mut self, window: &mut Window) -> Result<Option<(u32, usize)>, Kind> {
        let offset = window.offset();
        let failed = |source| Kind::read(offset, source);
        let have = window.have(12).map_err(failed)?;
        if have == 0 {
            return Ok(None);
        }
        let Some(&[t0, t1, t2, t3, l0, l1, l2, l3, m0, m1, m2, m3]) =
            window.bytes().first_chunk::<12>()
        else {
            return Err(Kind::Cut {
                what: "a block header",
                offset,
            });
        };
        let mut kind = self.u32([t0, t1, t2, t3]);
        if u32::from_le_bytes([t0, t1, t2, t3]) == SECTION_HEADER {
            kind = SECTION_HEADER;
            self.big_endian = match u32::from_be_bytes([m0, m1, m2, m3]) {
                BYTE_ORDER => true,
                swapped if swapped.swap_bytes() == BYTE_ORDER => false,
                _ => {
                    return Err(Kind::Block {
                        what: "the byte order of a section",
                        offset,
                    });
                }
            };
            self.interfaces.clear();
        }
        let len = self.u32([l0, l1, l2, l3]) as usize;
        if len < 12 || !len.is_multiple_of(4) || len > LONGEST_BLOCK {
            return Err(Kind::Length {
                what: "a block",
                offset,
                length: len as u64,
            });
        }
        if window.have(len).map_err(failed)? < len {
            return Err(Kind::Cut {
                what: "a block",
                offset,
            });
        }
        let again = window
            .bytes()
            .get(len - 4..)
            .and_then(|bytes| bytes.first_chunk().copied());
        if again.map(|bytes| self.u32(bytes) as usize) != Some(len) {
            let length = again.map_or(0, |bytes| u64::from(self.u32(bytes)));
            return Err(Kind::Length {
                what: "the end of a block",
                offset,
                length,
            });
        }
        Ok(Some((kind, len)))
    }

    fn u32(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    fn parse<'a>(&self, bytes: &'a [u8]) -> Option<Block<'a>> {
        let parsed = if self.big_endian {
            parse_block_be(bytes)
        } else {
            parse_block_le(bytes)
        };
        parsed.ok().map(|(_, block)| block)
    }

    fn interface(&mut self, bytes: &[u8], offset: u64) -> Result<(), Kind> {
        let Some(Block::InterfaceDescription(block)) = self.parse(bytes) else {
            // Keep the numbering of those that follow.
            self.interfaces.push(Interface {
                link: LinkType::Other(u16::MAX),
                snap: LONGEST_FRAME,
                resolution: 1_000_000,
                offset_seconds: 0,
            });
            return Err(Kind::Block {
                what: "an interface description",
                offset,
            });
        };
        self.interfaces.push(Interface::from_block(&block));
        Ok(())
    }

    fn enhanced(&self, bytes: &[u8], offset: u64) -> Result<Option<Record>, Kind> {
        // Options that lie about their length do not spoil the packet before them, so the fixed
        // part is read by position and only the rest is left to the library's users.
        let field = |at: usize| self.field(bytes, at);
        let (Some(interface), Some(high), Some(low), Some(len), Some(wire_len)) =
            (field(8), field(12), field(16), field(20), field(24))
        else {
            return Err(Kind::Block {
                what: "a packet block",
                offset,
            });
        };
        self.record(
            bytes,
            offset,
            (interface, 28, len, wire_len),
            Some((high, low)),
        )
    }

    fn old(&self, bytes: &[u8], offset: u64) -> Result<Option<Record>, Kind> {
        let field = |at: usize| self.field(bytes, at);
        let (Some(first), Some(high), Some(low), Some(len), Some(wire_len)) =
            (field(8), field(12), field(16), field(20), field(24))
        else {
            return Err(Kind::Block {
                what: "an old packet block",
                offset,
            });
        };
        // Interface and drop count share the first field, two bytes each.
        let interface = if self.big_endian {
            first >> 16
        } else {
            first & 0xffff
        };
        self.record(
            bytes,
            offset,
            (interface, 28, len, wire_len),
            Some((high, low)),
        )
    }

    fn simple(&self, bytes: &[u8], offset: u64) -> Result<Option<Record>, Kind> {
        let Some(wire_len) = self.field(bytes, 8) else {
            return Err(Kind::Block {
                what: "a simple packet block",
                offset,
            });
        };
        let snap = match self.interfaces.first() {
            Some(interface) if interface.snap > 0 => interface.snap,
            _ => LONGEST_FRAME,
        };
        let len = (wire_len as usize)
            .min(snap)
            .min(bytes.len().saturating_sub(16)) as u32;
        // Such packets have no time of their own.
        self.record(bytes, offset, (0, 12, len, wire_len), None)
    }

    fn field(&self, bytes: &[u8], at: usize) -> Option<u32> {
        // The last four bytes of a block are its length again.
        let inside = bytes.get(..bytes.len().checked_sub(4)?)?;
        inside
            .get(at..)?
            .first_chunk()
            .map(|bytes| self.u32(*bytes))
    }

    fn record(
        &self,
        bytes: &[u8],
        offset: u64,
        (interface, data_at, len, wire_len): (u32, usize, u32, u32),
        time: Option<(u32, u32)>,
    ) -> Result<Option<Record>, Kind> {
        let Some(described) = self.interfaces.get(interface as usize) else {
            let known = self.interfaces.len();
            return Err(Kind::Interface {
                offset,
                interface,
                known,
            });
        };
        let len = len as usize;
        if len > bytes.len().saturating_sub(data_at + 4) {
            return Err(Kind::Block {
                what: "a packet longer than its block",
                offset,
            });
        }
        Ok(Some(Record {
            time: time.map_or(Timestamp::EPOCH, |(high, low)| described.time(high, low)),
            link: described.link,
            wire_len: wire_len.max(len as u32),
            back: bytes.len() - data_at,
            len,
        }))
    }
}

impl Interface {
    fn from_block(block: &InterfaceDescriptionBlock<'_>) -> Self {
        Self {
            link: LinkType::from_number(block.linktype.0 as u16),
            snap: block.snaplen as usize,
            resolution: resolution(block.if_tsresol),
            offset_seconds: block.if_tsoffset,
        }
    }

    fn time(&self, high: u32, low: u32) -> Timestamp {
        let units = u64::from(high) << 32 | u64::from(low);
        let seconds = i64::try_from(units / self.resolution).unwrap_or(i64::MAX);
        let rest = u128::from(units % self.resolution);
        let nanos = rest * 1_000_000_000 / u128::from(self.resolution);
        Timestamp::from_parts(seconds.saturating_add(self.offset_seconds), nanos as u32)
    }
}

/// Units per second: a power of ten, or of two when the highest bit is set; microseconds where
/// the power is beyond all sense.
fn resolution(option: u8) -> u64 {
    let power = u32::from(option & 0x7f);
    let units = if option & 0x80 == 0 {
        10u64.checked_pow(power)
    } else {
        2u64.checked_pow(power)
    };
    units.unwrap_or(1_000_000)
}
