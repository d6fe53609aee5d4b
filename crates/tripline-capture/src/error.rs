//! What can go wrong with a capture file.

use std::io;
use std::path::{Path, PathBuf};

/// Something wrong with one input. It ends that input (unless [`Error::is_resumed`]), never the
/// run, and what was read before it counts.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", path.display())]
pub struct Error {
    path: PathBuf,
    kind: Kind,
}

/// The kinds of [`Error`]; offsets count the bytes of the capture itself, after decompression.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// The file or folder cannot be opened or listed.
    #[error("cannot be opened: {0}")]
    Open(#[source] io::Error),
    /// The file has no bytes.
    #[error("is empty: nothing was captured, or the writing program has not flushed yet")]
    Empty,
    /// The first bytes are those of no known capture format.
    #[error(
        "is no capture file (it begins with {first}); understood are pcap and pcapng, plain or \
         compressed with gzip or zstd"
    )]
    NotACapture {
        /// The first bytes in hexadecimal.
        first: String,
    },
    /// The file ends in the middle of something.
    #[error(
        "ends in the middle of {what} at offset {offset}: the capture was cut, or is still being \
         written; all before it was read"
    )]
    Cut {
        /// What was cut.
        what: &'static str,
        /// Where that begins.
        offset: u64,
    },
    /// A length that no capturing program writes.
    #[error(
        "is damaged at offset {offset}: {what} claims {length} bytes; nothing after it can be \
         trusted, all before it was read"
    )]
    Length {
        /// What claims it.
        what: &'static str,
        /// Where.
        offset: u64,
        /// The claim.
        length: u64,
    },
    /// A pcapng packet of an interface that was never described.
    #[error(
        "is damaged at offset {offset}: a packet names interface {interface}, and only {known} \
         are described; such packets are skipped"
    )]
    Interface {
        /// Where.
        offset: u64,
        /// The interface it names.
        interface: u32,
        /// How many are described.
        known: usize,
    },
    /// A block whose inside contradicts itself.
    #[error("is damaged at offset {offset}: {what} cannot be read; it is skipped")]
    Block {
        /// What cannot be read.
        what: &'static str,
        /// Where.
        offset: u64,
    },
    /// A version of the format that nobody writes.
    #[error("has version {major}.{minor} of its format, which is not known")]
    Version {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// The operating system or the decompressor failed.
    #[error("cannot be read on after offset {offset}: {source}; all before it was read")]
    Read {
        /// How far it went.
        offset: u64,
        /// What failed.
        source: io::Error,
    },
    /// A folder holds no capture.
    #[error("holds no capture file")]
    NoCaptures,
}

impl Kind {
    /// A failure to read on; a compressed stream that ends too early was cut like any other.
    pub(crate) fn read(offset: u64, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            Self::Cut {
                what: "the compressed stream",
                offset,
            }
        } else {
            Self::Read { offset, source }
        }
    }
}

impl Error {
    pub(crate) fn new(path: &Path, kind: Kind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What went wrong.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Does the file merely end too early, as one does that is still being written?
    pub fn is_truncation(&self) -> bool {
        matches!(self.kind, Kind::Cut { .. })
    }

    /// Is the rest of the file read all the same?
    pub fn is_resumed(&self) -> bool {
        matches!(self.kind, Kind::Interface { .. } | Kind::Block { .. })
    }
}
