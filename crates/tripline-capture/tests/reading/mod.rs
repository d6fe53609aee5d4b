//! Captures read whole, so that a test can compare them.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

use std::io::{self, Cursor, Read, Write as _};
use std::path::PathBuf;

use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tripline_capture::{CaptureFile, CaptureSet, Error, FileSummary};
use tripline_packet::{Frame, LinkType};

/// A frame that outlives the buffer it was in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Nanoseconds since the epoch.
    pub(crate) time: i64,
    pub(crate) link: LinkType,
    pub(crate) wire_len: u32,
    pub(crate) data: Vec<u8>,
}

impl From<Frame<'_>> for Seen {
    fn from(frame: Frame<'_>) -> Self {
        Self {
            time: frame.time.nanos(),
            link: frame.link,
            wire_len: frame.wire_len,
            data: frame.data.to_vec(),
        }
    }
}

/// All that reading a capture gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) frames: Vec<Seen>,
    pub(crate) error: Option<Error>,
    /// `None` when the file could not be opened.
    pub(crate) summary: Option<FileSummary>,
}

impl Outcome {
    pub(crate) fn message(&self) -> Option<String> {
        self.error.as_ref().map(ToString::to_string)
    }
}

/// Reads a capture to its end.
pub(crate) fn read(name: &str, reader: impl Read + Send + 'static) -> Outcome {
    match CaptureFile::from_reader(name, reader) {
        Ok(file) => drain(file),
        Err(error) => Outcome { frames: Vec::new(), error: Some(error), summary: None },
    }
}

/// Reads a capture that is at hand.
pub(crate) fn read_bytes(bytes: &[u8]) -> Outcome {
    read("capture", Cursor::new(bytes.to_vec()))
}

/// Reads a capture that is not damaged.
pub(crate) fn read_whole(bytes: &[u8]) -> (Vec<Seen>, FileSummary) {
    let outcome = read_bytes(bytes);
    assert_eq!(outcome.error, None);
    (outcome.frames, outcome.summary.unwrap())
}

fn drain(mut file: CaptureFile) -> Outcome {
    let mut frames = Vec::new();
    let mut error = None;
    while let Some(next) = file.next_frame() {
        match next {
            Ok(frame) => frames.push(Seen::from(frame)),
            Err(end) => error = Some(end),
        }
    }
    assert!(file.next_frame().is_none(), "a file that has ended stays at its end");
    let summary = file.summary().clone();
    assert_eq!(summary.frames, frames.len() as u64);
    Outcome { frames, error, summary: Some(summary) }
}

/// Reads many captures as one.
pub(crate) fn read_set(paths: &[PathBuf]) -> (Vec<Seen>, Vec<Error>, CaptureSet) {
    let mut set = CaptureSet::open(paths).unwrap();
    let (mut frames, mut errors) = (Vec::new(), Vec::new());
    while let Some(next) = set.next_frame() {
        match next {
            Ok(frame) => frames.push(Seen::from(frame)),
            Err(error) => errors.push(error),
        }
    }
    (frames, errors, set)
}

/// One gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One Zstandard frame.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// Gives few bytes at a time, as a slow pipe does.
pub(crate) struct Dribble {
    pub(crate) bytes: Cursor<Vec<u8>>,
    pub(crate) most: usize,
}

impl Read for Dribble {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(self.most);
        self.bytes.read(&mut into[..most])
    }
}
