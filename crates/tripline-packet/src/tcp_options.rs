//! TCP options, as far as they tell one sender from another.

use crate::TcpOptions;
use crate::extent::be32;
use crate::malformed::{Malformed, Tally};

/// What an option is called in [`TcpOptions::layout`].
mod code {
    pub(super) const END: u8 = 1;
    pub(super) const NO_OP: u8 = 2;
    pub(super) const MSS: u8 = 3;
    pub(super) const WINDOW_SCALE: u8 = 4;
    pub(super) const SACK_PERMITTED: u8 = 5;
    pub(super) const SACK: u8 = 6;
    pub(super) const TIMESTAMPS: u8 = 7;
    pub(super) const OTHER: u8 = 8;
    pub(super) const CUT: u8 = 9;
}

/// As many options as the layout has places.
const MAX_OPTIONS: u32 = 16;

/// Reads the options between the fixed header and `header_len` of a segment. A bad length ends the
/// reading and is counted; what came before stands.
pub(crate) fn read(segment: &[u8], header_len: usize, tally: &mut Tally) -> TcpOptions {
    let captured = segment.get(..header_len);
    let mut reader = Reader {
        rest: captured.unwrap_or(segment).get(20..).unwrap_or_default(),
        missing: captured.is_none(),
        options: TcpOptions::default(),
        places: 0,
    };
    if reader.run().is_none() {
        tally.note(Malformed::TcpOptionLength);
    }
    reader.options
}

struct Reader<'a> {
    rest: &'a [u8],
    /// The header goes on beyond the captured bytes.
    missing: bool,
    options: TcpOptions,
    places: u32,
}

impl<'a> Reader<'a> {
    /// `None` for an impossible length.
    fn run(&mut self) -> Option<()> {
        while let Some((&kind, behind)) = self.rest.split_first() {
            match kind {
                0 => {
                    self.place(code::END);
                    return Some(());
                }
                1 => {
                    self.place(code::NO_OP);
                    self.rest = behind;
                }
                _ => match self.body(behind) {
                    Some(body) => self.option(kind, body)?,
                    None if self.missing => break,
                    None => return None,
                },
            }
        }
        if self.missing {
            self.place(code::CUT);
        }
        Some(())
    }

    /// The bytes of an option behind kind and length.
    fn body(&mut self, behind: &'a [u8]) -> Option<&'a [u8]> {
        let (&len, behind) = behind.split_first()?;
        let Some(body_len) = usize::from(len).checked_sub(2) else {
            // A length of 0 or 1 is a lie, wherever the capture ends.
            self.missing = false;
            return None;
        };
        let (body, rest) = behind.split_at_checked(body_len)?;
        self.rest = rest;
        Some(body)
    }

    /// `None` if the length is not that of the kind (RFC 9293, RFC 7323, RFC 2018).
    fn option(&mut self, kind: u8, body: &[u8]) -> Option<()> {
        let options = &mut self.options;
        let code = match (kind, body) {
            (2, &[high, low]) => {
                options.mss = u16::from_be_bytes([high, low]);
                code::MSS
            }
            (3, &[shift]) => {
                options.window_scale = shift;
                code::WINDOW_SCALE
            }
            (4, []) => code::SACK_PERMITTED,
            (5, blocks) if blocks.len() % 8 == 0 => code::SACK,
            (8, times) if times.len() == 8 => {
                options.ts_value = be32(times, 0)?;
                options.ts_echo = be32(times, 4)?;
                code::TIMESTAMPS
            }
            (2..=5 | 8, _) => return None,
            _ => code::OTHER,
        };
        self.place(code);
        Some(())
    }

    fn place(&mut self, code: u8) {
        if self.places < MAX_OPTIONS {
            self.options.layout |= u64::from(code) << (4 * self.places);
            self.places += 1;
        }
    }
}
