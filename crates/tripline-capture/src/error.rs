//! What can be wrong with a capture, where, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Compression;

/// A file that cannot be read, or not any further.
///
/// Names the file, the byte where it happened and what helps. The byte counts from the start of
/// the *decompressed* stream when the file is packed, and the message says so. All frames before
/// that byte have been handed out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    // Shared, so that the result of a frame stays small and the summary of a file can keep it.
    context: Arc<Context>,
}

#[derive(Debug, PartialEq, Eq)]
struct Context {
    path: PathBuf,
    place: Option<Place>,
    kind: ErrorKind,
}

/// A byte in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) compression: Compression,
}

/// What is wrong. The numbers are bytes unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing has this name.
    #[error("no such file or folder")]
    NotFound,
    /// The system does not let us read it.
    #[error("permission denied")]
    PermissionDenied,
    /// The system failed to read it.
    #[error("cannot be read: {message}")]
    Io {
        /// The kind, for a program.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// A folder in which no file is a capture.
    #[error("no capture in this folder, {files} files looked at")]
    NoCaptures {
        /// How many files are in it and below it.
        files: usize,
    },
    /// Several inputs were named and none can be read.
    #[error("this and {} more cannot be read: {}", inputs - 1, first.kind())]
    NothingReadable {
        /// How many things are wrong.
        inputs: usize,
        /// What is wrong with the first.
        first: Error,
    },
    /// Not a single byte.
    #[error("empty")]
    Empty,
    /// Starts like no capture format.
    #[error("not a capture: it starts with {first}{}", looks_like(*.known))]
    NotACapture {
        /// The first bytes.
        first: FirstBytes,
        /// What it is instead, when it is something common.
        known: Option<&'static str>,
    },
    /// A capture format that is known by name only.
    #[error("{0} is not understood")]
    Unsupported(String),
    /// The end comes within the header of the file.
    #[error("the file header is cut, {have} of its {need} bytes are there")]
    FileHeaderCut {
        /// Bytes that are there.
        have: usize,
        /// Bytes of the header.
        need: usize,
    },
    /// The end comes within the header of a record or block.
    #[error("the header of a record is cut, {have} of its {need} bytes are there")]
    RecordHeaderCut {
        /// Bytes that are there.
        have: usize,
        /// Bytes of the header.
        need: usize,
    },
    /// The end comes within a record or block.
    #[error("a record is cut, {have} of its {need} bytes are there")]
    RecordCut {
        /// Bytes that are there, the header included.
        have: u64,
        /// Bytes of the record, the header included.
        need: u64,
    },
    /// A record or block longer than anyone captures.
    #[error("damaged: a record says that it is {length} bytes long, the most possible is {limit}")]
    RecordTooLong {
        /// What the record says.
        length: u32,
        /// The snap length or 256 KiB, whichever is more; for whole blocks 16 MiB.
        limit: u32,
    },
    /// A pcapng block length that no block can have.
    #[error("damaged: a block says that it is {length} bytes long, which {fault}")]
    BlockLength {
        /// What the block says.
        length: u32,
        /// Why that cannot be.
        fault: &'static str,
    },
    /// The two lengths of a pcapng block, at its start and at its end, differ.
    #[error("damaged: a block is {head} bytes long by its start and {tail} by its end")]
    BlockEnds {
        /// The length at the start.
        head: u32,
        /// The length at the end.
        tail: u32,
    },
    /// A pcapng block whose content does not fit into it or contradicts itself.
    #[error("damaged: {0}")]
    BlockContent(&'static str),
    /// A packet of an interface that the section has not described.
    #[error("damaged: a packet of interface {id}, while the section describes {described}")]
    UnknownInterface {
        /// The interface, counted from 0.
        id: u32,
        /// How many interfaces are described before this packet.
        described: usize,
    },
    /// The end comes within the compressed data.
    #[error("the {0} data is cut")]
    CompressedCut(Compression),
    /// The compressed data is in order, and takes more memory than we give it.
    #[error("the {codec} data needs {need}")]
    CompressedTooLarge {
        /// The way of packing.
        codec: Compression,
        /// What it needs and what there is.
        need: String,
    },
    /// The compressed data is damaged.
    #[error("the {codec} data is damaged: {message}")]
    Compressed {
        /// The way of packing.
        codec: Compression,
        /// The decompressor's words.
        message: String,
    },
}

impl Error {
    pub(crate) fn new(path: &Path, place: Option<Place>, kind: ErrorKind) -> Self {
        Self { context: Arc::new(Context { path: path.to_owned(), place, kind }) }
    }

    /// An error of the system, where no byte of the file has a part in it.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::new(path, None, ErrorKind::from(error))
    }

    /// The file; `-` is standard input.
    pub fn path(&self) -> &Path {
        &self.context.path
    }

    /// The byte of the decompressed stream where the damaged record, block or header starts.
    /// `None` when the error has no place in a stream.
    pub fn offset(&self) -> Option<u64> {
        self.context.place.map(|place| place.offset)
    }

    /// What is wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.context.kind
    }

    /// Whether the file just ends too early: it is still being written, or its writer was stopped.
    /// That is a warning rather than a failure; a damaged file is not a truncation.
    ///
    /// A damaged length that points beyond the end of the file cannot be told from a cut.
    pub fn is_truncation(&self) -> bool {
        matches!(
            self.context.kind,
            ErrorKind::FileHeaderCut { .. }
                | ErrorKind::RecordHeaderCut { .. }
                | ErrorKind::RecordCut { .. }
                | ErrorKind::CompressedCut(_)
        )
    }
}

impl ErrorKind {
    /// What the reader of the message may do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "check the name",
            Self::PermissionDenied => "run as a user who may read it, or change its mode",
            Self::Io { .. } => "check the medium and copy the file again",
            Self::NoCaptures { .. } => "name the folder that holds the captures",
            Self::NothingReadable { first, .. } => first.kind().remedy(),
            Self::Empty => "nothing was captured, or nothing has been written yet",
            Self::NotACapture { known, .. } => not_a_capture_remedy(*known),
            Self::Unsupported(_) => "convert it with `editcap -F pcapng`, if that can read it",
            Self::FileHeaderCut { .. } | Self::RecordHeaderCut { .. } | Self::RecordCut { .. } => {
                "the capture is still being written, or was stopped in mid-write or in mid-copy; \
                 what came before counts"
            }
            Self::CompressedCut(_) => {
                "it is still being written, or was copied in part; what came before counts"
            }
            Self::RecordTooLong { .. }
            | Self::BlockLength { .. }
            | Self::BlockEnds { .. }
            | Self::BlockContent(_)
            | Self::UnknownInterface { .. } => {
                "what came before counts, the rest is not guessed at; \
                 copy the file again from where it was captured"
            }
            Self::CompressedTooLarge { .. } => {
                "unpack it with `zstd -d --long=31`, if the machine has the memory for it"
            }
            Self::Compressed { .. } => {
                "what came before counts; copy the file again from where it was packed"
            }
        }
    }
}

impl From<&io::Error> for ErrorKind {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            kind => Self::Io { kind, message: error.to_string() },
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path == Path::new("-") {
            f.write_str("standard input: ")?;
        } else {
            write!(f, "{}: ", self.path.display())?;
        }
        if let Some(place) = self.place {
            write!(f, "at byte {}", place.offset)?;
            if place.compression != Compression::None {
                f.write_str(" of the decompressed stream")?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}; {}", self.kind, self.kind.remedy())
    }
}

/// The first bytes of a file that is not a capture, at most 16; shown in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstBytes {
    bytes: [u8; 16],
    len: u8,
}

impl FirstBytes {
    pub(crate) fn of(data: &[u8]) -> Self {
        let mut bytes = [0; 16];
        let len = data.len().min(bytes.len());
        bytes[..len].copy_from_slice(&data[..len]);
        Self { bytes, len: len as u8 }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Display for FirstBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.bytes().iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{byte:02x}")?;
        }
        Ok(())
    }
}

/// Formats that people hand over by mistake: first bytes, name, what to do.
const STRANGERS: &[(&[u8], &str, &str)] = &[
    (b"BZh", "bzip2", "unpack it with `bunzip2` first"),
    (b"\xfd7zXZ\0", "xz", "unpack it with `unxz` first"),
    (b"\x04\x22\x4d\x18", "an lz4 frame", "unpack it with `unlz4` first"),
    (b"PK\x03\x04", "a zip archive", "unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (b"\x1f\x8b", "gzip within the packing", "unpack it once first"),
    (b"\x28\xb5\x2f\xfd", "zstd within the packing", "unpack it once first"),
    (b"snoop\0\0\0", "a snoop capture", "convert it with `editcap -F pcapng`"),
    (b"TRSNIFF data", "a Sniffer capture", "convert it with `editcap -F pcapng`"),
    (b"RTSS", "a Network Monitor capture", "convert it with `editcap -F pcapng`"),
    (b"GMBU", "a Network Monitor capture", "convert it with `editcap -F pcapng`"),
    (b"\x7fELF", "a program", UNDERSTOOD),
];

const TEXT: &str = "text";
const UNDERSTOOD: &str = "pcap and pcapng are understood, plain or packed with gzip or zstd";

/// What a file is that starts with these bytes and is not a capture.
pub(crate) fn stranger(data: &[u8]) -> Option<&'static str> {
    let known = STRANGERS.iter().find(|(magic, ..)| data.starts_with(magic));
    let printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    match known {
        Some((_, name, _)) => Some(name),
        None => data.iter().take(16).all(printable).then_some(TEXT),
    }
}

fn not_a_capture_remedy(known: Option<&str>) -> &'static str {
    STRANGERS
        .iter()
        .find(|(_, name, _)| Some(*name) == known)
        .map_or(UNDERSTOOD, |(.., remedy)| remedy)
}

fn looks_like(known: Option<&str>) -> String {
    known.map_or_else(String::new, |name| format!(" and looks like {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_file_place_fault_and_remedy() {
        let place = Place { offset: 40, compression: Compression::Gzip };
        let kind = ErrorKind::RecordCut { have: 20, need: 76 };
        let error = Error::new(Path::new("in.pcap.gz"), Some(place), kind);
        assert_eq!(
            error.to_string(),
            "in.pcap.gz: at byte 40 of the decompressed stream: a record is cut, 20 of its 76 \
             bytes are there; the capture is still being written, or was stopped in mid-write or \
             in mid-copy; what came before counts"
        );
        assert_eq!(error.offset(), Some(40));
        assert!(error.is_truncation());
    }

    #[test]
    fn stranger_is_named_with_its_remedy() {
        let kind = ErrorKind::NotACapture {
            first: FirstBytes::of(b"BZh91AY&SY"),
            known: stranger(b"BZh91AY&SY"),
        };
        let error = Error::new(Path::new("-"), None, kind);
        assert_eq!(
            error.to_string(),
            "standard input: not a capture: it starts with 42 5a 68 39 31 41 59 26 53 59 and looks \
             like bzip2; unpack it with `bunzip2` first"
        );
        assert!(!error.is_truncation());
        assert_eq!(stranger(b"Nov 23 02:11:46 fw kernel: DROP"), Some(TEXT));
        assert_eq!(stranger(b"\x00\x01\x02\x03"), None);
    }

    #[test]
    fn an_error_fits_a_register() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
