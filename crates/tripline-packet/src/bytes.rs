//! Reading numbers from slices without panics.

/// A cursor over bytes that are not trusted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    /// The byte at `at`.
    pub(crate) fn u8(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    /// Two bytes in network order at `at`.
    pub(crate) fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    /// Four bytes in network order at `at`.
    pub(crate) fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_be_bytes)
    }

    /// Sixteen bytes in network order at `at`.
    pub(crate) fn u128(self, at: usize) -> Option<u128> {
        self.array(at).map(u128::from_be_bytes)
    }

    /// `N` bytes at `at`.
    pub(crate) fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    /// What follows after `at` bytes.
    pub(crate) fn from(self, at: usize) -> Option<Bytes<'a>> {
        self.0.get(at..).map(Bytes)
    }

    pub(crate) fn len(self) -> usize {
        self.0.len()
    }
}
