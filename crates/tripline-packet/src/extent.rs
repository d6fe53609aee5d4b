//! The bytes of one layer, and what is known about those that are not there.

use crate::Frame;
use crate::malformed::{Malformed, Unread};

/// The captured bytes of a layer and the length that the layer below gave it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent<'a> {
    pub(crate) data: &'a [u8],
    /// More than `data.len()` when the end is missing; never less.
    pub(crate) len: usize,
    pub(crate) tail: Tail,
}

/// Why bytes at the end may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// They are not: what is missing was never sent.
    Whole,
    /// The snap length of the capture cut them.
    Cut,
    /// They are in other fragments; `len` is then only what was seen so far.
    Partial,
}

impl<'a> Extent<'a> {
    pub(crate) fn of_frame(frame: &Frame<'a>) -> Self {
        let len = frame.wire_len as usize;
        Self {
            data: frame.data,
            len: len.max(frame.data.len()),
            tail: if len > frame.data.len() { Tail::Cut } else { Tail::Whole },
        }
    }

    /// Takes a header of `N` bytes off the front; `lie` is the kind of malformation if it is not
    /// there although the capture is not to blame.
    ///
    /// Layers are read by moving an extent along rather than by handing out what follows: a result
    /// that holds an extent travels through memory in pieces, and putting them together again costs
    /// more than reading the header.
    #[inline]
    pub(crate) fn take<const N: usize>(&mut self, lie: Malformed) -> Result<&'a [u8; N], Unread> {
        match self.data.split_first_chunk::<N>() {
            Some((header, data)) => {
                self.data = data;
                self.len -= N;
                Ok(header)
            }
            None => Err(self.short(N, lie)),
        }
    }

    /// Leaves the first `count` bytes behind.
    #[inline]
    pub(crate) fn skip(&mut self, count: usize, lie: Malformed) -> Result<(), Unread> {
        match self.data.get(count..) {
            Some(data) => {
                self.data = data;
                self.len -= count;
                Ok(())
            }
            None => Err(self.short(count, lie)),
        }
    }

    /// Ends after `len` bytes, or where what is there of them ends.
    #[inline]
    pub(crate) fn limit(&mut self, len: usize) {
        if let Some(data) = self.data.get(..len) {
            self.data = data;
            self.tail = Tail::Whole;
        }
        self.len = len;
    }

    /// The reason why fewer than `needed` bytes are there.
    #[cold]
    pub(crate) fn short(self, needed: usize, lie: Malformed) -> Unread {
        match self.tail {
            Tail::Partial => Unread::Incomplete,
            Tail::Cut if needed <= self.len => Malformed::SnapLength.into(),
            Tail::Cut | Tail::Whole => lie.into(),
        }
    }

    /// Does a header that claims `needed` bytes lead out of this layer? Not to be told as long as
    /// fragments are missing.
    #[inline]
    pub(crate) fn is_exceeded_by(self, needed: usize) -> bool {
        needed > self.len && self.tail != Tail::Partial
    }
}

/// Big-endian 16 bits at an offset of a slice.
#[inline]
pub(crate) fn be16(data: &[u8], at: usize) -> Option<u16> {
    let bytes = data.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*bytes))
}

/// Big-endian 32 bits at an offset of a slice.
#[inline]
pub(crate) fn be32(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkType, Timestamp};

    fn frame(data: &[u8], wire_len: u32) -> Frame<'_> {
        Frame { time: Timestamp::EPOCH, link: LinkType::RawIp, wire_len, data }
    }

    #[test]
    fn a_snap_length_is_no_lie() {
        let mut cut = Extent::of_frame(&frame(&[1, 2, 3], 10));
        assert_eq!(cut.skip(4, Malformed::TcpTruncated).unwrap_err(), Malformed::SnapLength.into());
        let beyond_the_wire = cut.skip(11, Malformed::TcpTruncated).unwrap_err();
        assert_eq!(beyond_the_wire, Malformed::TcpTruncated.into());
        let mut whole = Extent::of_frame(&frame(&[1, 2, 3], 3));
        assert_eq!(
            whole.skip(4, Malformed::TcpTruncated).unwrap_err(),
            Malformed::TcpTruncated.into()
        );
    }

    #[test]
    fn a_wire_length_below_the_captured_one_is_ignored() {
        let extent = Extent::of_frame(&frame(&[1, 2, 3], 1));
        assert_eq!((extent.len, extent.tail), (3, Tail::Whole));
    }

    #[test]
    fn padding_behind_a_shorter_layer_is_dropped() {
        let mut cut = Extent::of_frame(&frame(&[1, 2, 3], 10));
        cut.limit(2);
        assert_eq!((cut.data, cut.len, cut.tail), (&[1, 2][..], 2, Tail::Whole));
    }
}
