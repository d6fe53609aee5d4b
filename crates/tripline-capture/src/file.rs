//! One capture file, read from its start to its end.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use tripline_packet::{Frame, LinkType, Timestamp};

use crate::buffer::{Buffer, CHUNK};
use crate::error::{FirstBytes, Place, stranger};
use crate::pcap::{FILE_HEADER, Pcap};
use crate::pcapng::{PcapNg, RECOGNISED_BY};
use crate::record::{Damage, Record};
use crate::source::{self, Source, Taken};
use crate::{Compression, Error, ErrorKind};

/// A capture file that is being read: pcap or pcapng, plain or packed, told by content.
///
/// ```no_run
/// use tripline_capture::CaptureFile;
///
/// let mut file = CaptureFile::open("sweep.pcap.gz".as_ref())?;
/// while let Some(frame) = file.next_frame() {
///     println!("{} bytes", frame?.data.len());
/// }
/// # Ok::<(), tripline_capture::Error>(())
/// ```
#[derive(Debug)]
pub struct CaptureFile {
    format: Format,
    buffer: Buffer,
    /// The record that `advance` went to.
    record: Record,
    taken: Taken,
    size: Option<u64>,
    summary: FileSummary,
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

/// What was read of a file so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSummary {
    /// The file; `-` is standard input.
    pub path: PathBuf,
    /// The format in words, such as `pcap, µs, little-endian`; empty when it is not known.
    pub format: &'static str,
    /// How it is packed.
    pub compression: Compression,
    /// The different link types that its headers announce, the first 16 of them.
    pub links: Vec<LinkType>,
    /// Frames read.
    pub frames: u64,
    /// The earliest and the latest time of a frame, which need not be the first and the last one.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The longest snap length announced, in bytes; 0 when there is no limit.
    pub snap_len: Option<u32>,
    /// How it ended.
    pub ending: Ending,
    /// Whether its frames came late because too many files overlap in time.
    pub late: bool,
}

/// How a file ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It has not been read to its end.
    Unread,
    /// At the end of a record, as it should.
    Whole,
    /// Too early or damaged, see [`Error::is_truncation`].
    Failed(Error),
    /// Not read: a file in a folder that is not a capture.
    Skipped(Error),
}

impl CaptureFile {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// It cannot be opened, is empty, or does not start like a capture.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with(path, CHUNK)
    }

    /// As [`Self::open`], with another size of the buffer.
    pub(crate) fn open_with(path: &Path, buffer: usize) -> Result<Self, Error> {
        let (file, size) = source::open(path).map_err(|error| Error::io(path, &error))?;
        let mut this = Self::new(path, file, buffer)?;
        this.size = size;
        Ok(this)
    }

    /// Reads a capture from anywhere. The name is for messages.
    ///
    /// # Errors
    /// The stream fails, is empty, or does not start like a capture.
    pub fn from_reader(
        name: impl Into<PathBuf>,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, Error> {
        Self::new(&name.into(), reader, CHUNK)
    }

    fn new(path: &Path, reader: impl Read + Send + 'static, buffer: usize) -> Result<Self, Error> {
        let source = Source::new(reader).map_err(|error| Error::io(path, &error))?;
        let compression = source.compression;
        let mut buffer = Buffer::new(source.reader, buffer);
        let mut summary = FileSummary::new(path, Ending::Unread);
        summary.compression = compression;
        let format = Format::recognise(&mut buffer, &mut summary).map_err(|kind| {
            let damage = Damage { at: 0, kind };
            located(path, compression, &buffer, damage)
        })?;
        summary.format = format.name();
        Ok(Self { format, buffer, record: Record::NONE, taken: source.taken, size: None, summary })
    }

    /// The next frame. `None` at the end; after an error the file is at its end.
    ///
    /// # Errors
    /// The file is cut or damaged here. Everything before it has been handed out.
    pub fn next_frame(&mut self) -> Option<Result<Frame<'_>, Error>> {
        match self.advance()? {
            Ok(_) => Some(Ok(self.frame())),
            Err(error) => Some(Err(error)),
        }
    }

    /// The byte of the decompressed stream where the record of the frame handed out last starts;
    /// after the end, how far the file was read.
    pub fn offset(&self) -> u64 {
        match self.summary.ending {
            Ending::Unread => self.buffer.offset() - u64::from(self.record.total),
            _ => self.buffer.offset(),
        }
    }

    /// What was read so far.
    pub fn summary(&self) -> &FileSummary {
        &self.summary
    }

    pub(crate) fn into_summary(self) -> FileSummary {
        self.summary
    }

    pub(crate) fn summary_mut(&mut self) -> &mut FileSummary {
        &mut self.summary
    }

    /// Bytes taken from the file as it lies on disk.
    pub(crate) fn bytes_taken(&self) -> u64 {
        self.taken.bytes()
    }

    /// Bytes of the file as it lies on disk, if it is a regular file.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    pub(crate) fn is_standard_input(&self) -> bool {
        self.summary.path == Path::new("-")
    }

    /// Reads more at a time from now on.
    pub(crate) fn widen(&mut self, buffer: usize) {
        self.buffer.widen(buffer);
    }

    /// Goes on to the next record and tells its time.
    #[inline]
    pub(crate) fn advance(&mut self) -> Option<Result<Timestamp, Error>> {
        if !matches!(self.summary.ending, Ending::Unread) {
            return None;
        }
        let summary = &mut self.summary;
        let next = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.buffer, &mut self.record),
            Format::PcapNg(ng) => ng.next(&mut self.buffer, &mut self.record, |interface| {
                summary.describe(interface.link, interface.snap_len);
            }),
        };
        match next {
            Ok(true) => {
                summary.count(self.record.time);
                Some(Ok(self.record.time))
            }
            Ok(false) => {
                summary.ending = Ending::Whole;
                None
            }
            Err(damage) => Some(Err(self.fail(damage))),
        }
    }

    /// The time of that frame.
    pub(crate) fn time(&self) -> Timestamp {
        self.record.time
    }

    /// The frame of the record that `advance` went to.
    #[inline]
    pub(crate) fn frame(&self) -> Frame<'_> {
        let record = &self.record;
        Frame {
            time: record.time,
            link: record.link,
            wire_len: record.wire_len,
            data: self.buffer.kept(record.at, record.captured as usize),
        }
    }

    #[cold]
    fn fail(&mut self, damage: Damage) -> Error {
        let summary = &mut self.summary;
        let error = located(&summary.path, summary.compression, &self.buffer, damage);
        summary.ending = Ending::Failed(error.clone());
        error
    }
}

impl Format {
    /// Tells the format by the first bytes and reads its header.
    fn recognise(buffer: &mut Buffer, summary: &mut FileSummary) -> Result<Self, ErrorKind> {
        buffer.need(FILE_HEADER);
        let first = buffer.available();
        if first.is_empty() {
            return Err(ErrorKind::Empty);
        }
        if Pcap::recognises(first) {
            let header = first
                .first_chunk()
                .ok_or(ErrorKind::FileHeaderCut { have: first.len(), need: FILE_HEADER })?;
            let pcap = Pcap::new(header)?;
            summary.describe(pcap.link, pcap.snap_len);
            buffer.consume(FILE_HEADER);
            return Ok(Self::Pcap(pcap));
        }
        if let Some(ng) = PcapNg::recognise(first) {
            return Ok(Self::PcapNg(ng));
        }
        if is_cut_magic(first) {
            return Err(ErrorKind::FileHeaderCut { have: first.len(), need: RECOGNISED_BY });
        }
        Err(ErrorKind::NotACapture { first: FirstBytes::of(first), known: stranger(first) })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Pcap(pcap) => pcap.name(),
            Self::PcapNg(ng) => ng.name(),
        }
    }
}

impl FileSummary {
    /// Of a file of which nothing was read.
    pub(crate) fn new(path: &Path, ending: Ending) -> Self {
        Self {
            path: path.to_owned(),
            format: "",
            compression: Compression::None,
            links: Vec::new(),
            frames: 0,
            span: None,
            snap_len: None,
            ending,
            late: false,
        }
    }

    fn describe(&mut self, link: LinkType, snap_len: u32) {
        // A hostile file may announce every number there is.
        const MOST_LINKS: usize = 16;
        if !self.links.contains(&link) && self.links.len() < MOST_LINKS {
            self.links.push(link);
        }
        self.snap_len = Some(match (self.snap_len, snap_len) {
            (Some(0), _) | (_, 0) => 0,
            (Some(longest), _) => longest.max(snap_len),
            (None, _) => snap_len,
        });
    }

    #[inline]
    fn count(&mut self, time: Timestamp) {
        self.frames += 1;
        self.span = Some(match self.span {
            Some((first, last)) => (first.min(time), last.max(time)),
            None => (time, time),
        });
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, error) = match self {
            Self::Unread => return f.write_str("not read to the end"),
            Self::Whole => return f.write_str("whole"),
            Self::Failed(error) if error.is_truncation() => ("cut", error),
            Self::Failed(error) => ("failed", error),
            Self::Skipped(error) => ("skipped", error),
        };
        match error.offset() {
            Some(offset) => write!(f, "{word} at byte {offset}: {}", error.kind()),
            None => write!(f, "{word}: {}", error.kind()),
        }
    }
}

/// The start of a capture header that is too short to tell more.
fn is_cut_magic(first: &[u8]) -> bool {
    const SECTION: &[u8] = &[0x0a, 0x0d, 0x0d, 0x0a];
    first.len() < RECOGNISED_BY && first.starts_with(SECTION)
}

/// A failing source explains a missing rest better than the format can.
fn located(path: &Path, compression: Compression, buffer: &Buffer, damage: Damage) -> Error {
    let kind = match buffer.failure() {
        Some(failure) if ends_early(&damage.kind) => source_failure(compression, failure),
        _ => damage.kind,
    };
    // What is no capture at all has no place that would say more.
    let nowhere = matches!(kind, ErrorKind::Empty | ErrorKind::NotACapture { .. });
    let place = Place { offset: damage.at, compression };
    Error::new(path, (!nowhere).then_some(place), kind)
}

fn ends_early(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Empty
            | ErrorKind::NotACapture { .. }
            | ErrorKind::FileHeaderCut { .. }
            | ErrorKind::RecordHeaderCut { .. }
            | ErrorKind::RecordCut { .. }
    )
}

fn source_failure(codec: Compression, error: &std::io::Error) -> ErrorKind {
    use std::io::ErrorKind as Io;
    match (codec, error.kind()) {
        (Compression::None, _) => ErrorKind::from(error),
        (_, Io::UnexpectedEof) => ErrorKind::CompressedCut(codec),
        (_, Io::Unsupported) => ErrorKind::CompressedTooLarge { codec, need: error.to_string() },
        (_, Io::InvalidInput | Io::InvalidData | Io::Other) => {
            ErrorKind::Compressed { codec, message: error.to_string() }
        }
        _ => ErrorKind::from(error),
    }
}
