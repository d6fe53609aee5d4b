//! The block format: sections, interfaces, packets (draft-ietf-opsawg-pcapng).

use tripline_packet::LinkType;

use crate::ErrorKind;
use crate::buffer::Buffer;
use crate::clock::Clock;
use crate::record::{
    Damage, LONGEST_BLOCK, LONGEST_PACKET, Record, end_of_stream, half, header_cut, longest_packet,
    word,
};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// What the section header holds against its own block type, in the section's byte order.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// Bytes that tell a section header: type, length, byte order.
pub(crate) const RECOGNISED_BY: usize = 12;

/// More interfaces than any machine has; a file cannot make us remember more.
const MOST_INTERFACES: usize = 1 << 16;

/// A file in the block format.
#[derive(Debug, Default)]
pub(crate) struct PcapNg {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    pub(crate) link: LinkType,
    pub(crate) snap_len: u32,
    clock: Clock,
}

/// A block at the start of the buffer. Written into like a [`Record`], and for the same reason.
#[derive(Clone, Copy, Default)]
struct Block {
    kind: u32,
    total: u32,
    at: u64,
}

impl PcapNg {
    /// A file that starts like this, if it is in this format.
    pub(crate) fn recognise(first: &[u8]) -> Option<Self> {
        if first.len() < RECOGNISED_BY || word(first, 0, false) != SECTION_HEADER {
            return None;
        }
        Some(Self { big_endian: byte_order(first)?, ..Self::default() })
    }

    pub(crate) fn name(&self) -> &'static str {
        if self.big_endian { "pcapng, big-endian" } else { "pcapng, little-endian" }
    }

    /// Takes the next packet out of the buffer; `false` at the end.
    /// `described` is told of every interface that comes before it.
    pub(crate) fn next(
        &mut self,
        buffer: &mut Buffer,
        record: &mut Record,
        mut described: impl FnMut(Interface),
    ) -> Result<bool, Damage> {
        while buffer.need(8) {
            let mut block = Block::default();
            self.block(buffer, &mut block)?;
            let fail = |kind| Damage { at: block.at, kind };
            match block.kind {
                ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET => {
                    let whole = self.whole(buffer, block)?;
                    let before = self.packet(block, whole, record).map_err(fail)?;
                    record.at = buffer.consume(block.total as usize) + before;
                    return Ok(true);
                }
                INTERFACE => {
                    let whole = self.whole(buffer, block)?;
                    described(self.interface(whole).map_err(fail)?);
                    buffer.consume(block.total as usize);
                }
                SECTION_HEADER => {
                    let whole = self.whole(buffer, block)?;
                    check_version(whole, self.big_endian).map_err(fail)?;
                    self.interfaces.clear();
                    buffer.consume(block.total as usize);
                }
                _ => self.skip(buffer, block)?,
            }
        }
        end_of_stream(buffer, 8)
    }

    /// Type and length of the block at the start of the buffer. A section header sets the byte
    /// order that its own length is written in.
    #[inline]
    fn block(&mut self, buffer: &mut Buffer, block: &mut Block) -> Result<(), Damage> {
        let at = buffer.offset();
        let kind = word(buffer.available(), 0, self.big_endian);
        let least = match kind {
            SECTION_HEADER => {
                if !buffer.need(RECOGNISED_BY) {
                    return Err(header_cut(buffer, RECOGNISED_BY));
                }
                self.big_endian = byte_order(buffer.available()).ok_or(Damage {
                    at,
                    kind: ErrorKind::BlockContent("a section header without byte-order mark"),
                })?;
                28
            }
            INTERFACE => 20,
            ENHANCED_PACKET | OBSOLETE_PACKET => 32,
            SIMPLE_PACKET => 16,
            _ => 12,
        };
        let total = word(buffer.available(), 4, self.big_endian);
        let fault = if total < least {
            Some("is too short for its kind")
        } else if !total.is_multiple_of(4) {
            Some("is no multiple of 4")
        } else {
            None
        };
        match fault {
            None => {
                *block = Block { kind, total, at };
                Ok(())
            }
            Some(fault) => {
                Err(Damage { at, kind: ErrorKind::BlockLength { length: total, fault } })
            }
        }
    }

    /// All bytes of a block that has to be kept, its two lengths compared.
    #[inline]
    fn whole<'a>(&self, buffer: &'a mut Buffer, block: Block) -> Result<&'a [u8], Damage> {
        self.check_packet_length(buffer, block)?;
        if !buffer.need(block.total as usize) {
            return Err(cut(buffer, block.at, block.total));
        }
        let whole = &buffer.available()[..block.total as usize];
        check_ends(block, word(whole, whole.len() - 4, self.big_endian))?;
        Ok(whole)
    }

    /// An absurd length is told before the buffer grows for it.
    fn check_packet_length(&self, buffer: &mut Buffer, block: Block) -> Result<(), Damage> {
        let too_long = |length, limit| Damage {
            at: block.at,
            kind: ErrorKind::RecordTooLong { length, limit },
        };
        if block.total > LONGEST_BLOCK {
            return Err(too_long(block.total, LONGEST_BLOCK));
        }
        let dated = matches!(block.kind, ENHANCED_PACKET | OBSOLETE_PACKET);
        if dated && block.total > LONGEST_PACKET && buffer.need(28) {
            let head = buffer.available();
            let snap_len =
                self.interface_of(block.kind, head).map_or(0, |interface| interface.snap_len);
            let (captured, limit) = (word(head, 20, self.big_endian), longest_packet(snap_len));
            if captured > limit {
                return Err(too_long(captured, limit));
            }
        }
        Ok(())
    }

    /// Passes over a block without keeping it, however long it is.
    fn skip(&self, buffer: &mut Buffer, block: Block) -> Result<(), Damage> {
        let body = u64::from(block.total - 4);
        let passed = buffer.discard(body);
        if passed < body || !buffer.need(4) {
            return Err(cut(buffer, block.at, block.total));
        }
        check_ends(block, word(buffer.available(), 0, self.big_endian))?;
        buffer.consume(4);
        Ok(())
    }

    fn interface(&mut self, whole: &[u8]) -> Result<Interface, ErrorKind> {
        if self.interfaces.len() == MOST_INTERFACES {
            let fault = "more than 65536 interfaces in one section";
            return Err(ErrorKind::BlockContent(fault));
        }
        let interface = Interface {
            link: LinkType::from_number(half(whole, 8, self.big_endian)),
            snap_len: word(whole, 12, self.big_endian),
            clock: Clock::from_options(&whole[16..whole.len() - 4], self.big_endian),
        };
        self.interfaces.push(interface);
        Ok(interface)
    }

    /// Tells how many bytes are before the packet in its block.
    #[inline]
    fn packet(&self, block: Block, whole: &[u8], record: &mut Record) -> Result<usize, ErrorKind> {
        let interface = self.interface_of(block.kind, whole)?;
        record.link = interface.link;
        record.total = block.total;
        if block.kind == SIMPLE_PACKET {
            self.simple_packet(interface.snap_len, whole, record);
            return Ok(12);
        }
        let ticks_high = u64::from(word(whole, 12, self.big_endian));
        let ticks_low = u64::from(word(whole, 16, self.big_endian));
        let captured = word(whole, 20, self.big_endian);
        if captured > block.total - 32 {
            let fault = "a packet is longer than its block";
            return Err(ErrorKind::BlockContent(fault));
        }
        record.time = interface.clock.time(ticks_high << 32 | ticks_low);
        record.wire_len = word(whole, 24, self.big_endian).max(captured);
        record.captured = captured;
        Ok(28)
    }

    /// A packet without time and captured length: it keeps the time of the packet before it, and
    /// has as many bytes as original length, snap length and block allow.
    fn simple_packet(&self, snap_len: u32, whole: &[u8], record: &mut Record) {
        let most = match snap_len {
            0 => u32::MAX,
            limited => limited,
        };
        let original = word(whole, 8, self.big_endian);
        record.wire_len = original;
        record.captured = original.min(most).min(record.total - 16);
    }

    /// The interface of a packet block, of which at least the first 12 bytes are there.
    /// Lent, because a copy would be stored in halves and loaded whole, as with [`Record`].
    #[inline]
    fn interface_of(&self, kind: u32, head: &[u8]) -> Result<&Interface, ErrorKind> {
        let id = match kind {
            ENHANCED_PACKET => word(head, 8, self.big_endian),
            OBSOLETE_PACKET => u32::from(half(head, 8, self.big_endian)),
            _ => 0,
        };
        match self.interfaces.get(id as usize) {
            Some(interface) => Ok(interface),
            None => Err(ErrorKind::UnknownInterface { id, described: self.interfaces.len() }),
        }
    }
}

#[inline]
fn check_ends(block: Block, tail: u32) -> Result<(), Damage> {
    if tail == block.total {
        return Ok(());
    }
    Err(Damage { at: block.at, kind: ErrorKind::BlockEnds { head: block.total, tail } })
}

fn byte_order(section_header: &[u8]) -> Option<bool> {
    [false, true].into_iter().find(|big_endian| word(section_header, 8, *big_endian) == BYTE_ORDER)
}

/// The minor version changes nothing that we read.
fn check_version(section_header: &[u8], big_endian: bool) -> Result<(), ErrorKind> {
    let major = half(section_header, 12, big_endian);
    let minor = half(section_header, 14, big_endian);
    if major == 1 {
        return Ok(());
    }
    let version = format!("version {major}.{minor} of pcapng");
    Err(ErrorKind::Unsupported(version))
}

#[cold]
fn cut(buffer: &Buffer, at: u64, need: u32) -> Damage {
    let passed = buffer.offset() - at;
    Damage {
        at,
        kind: ErrorKind::RecordCut {
            have: passed + buffer.available().len() as u64,
            need: u64::from(need),
        },
    }
}
