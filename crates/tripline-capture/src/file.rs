//! One capture file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tripline_packet::{Frame, LinkType, Timestamp};

use crate::error::{Error, Kind};
use crate::input;
use crate::pcap::Pcap;
use crate::pcapng::PcapNg;
use crate::window::Window;

/// A capture format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap with microseconds.
    PcapMicros,
    /// Classic pcap with nanoseconds.
    PcapNanos,
    /// pcapng.
    PcapNg,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::PcapMicros => "pcap",
            Self::PcapNanos => "pcap (ns)",
            Self::PcapNg => "pcapng",
        })
    }
}

/// What was read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// Link types met, in order.
    pub link_types: Vec<LinkType>,
    /// Frames read.
    pub frames: u64,
    /// Time of the first frame.
    pub first: Option<Timestamp>,
    /// Latest time of a frame.
    pub last: Option<Timestamp>,
}

/// A record that was read, and still lies in the window behind its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) time: Timestamp,
    pub(crate) link: LinkType,
    pub(crate) wire_len: u32,
    /// Bytes from the start of the data to the end of the record.
    pub(crate) back: usize,
    /// Captured bytes.
    pub(crate) len: usize,
}

/// No link has frames so large; libpcap's own limit is the same.
pub(crate) const LONGEST_FRAME: usize = 256 << 10;

enum Parser {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

/// A reader over one capture, of any format and compression.
pub struct CaptureFile {
    path: PathBuf,
    window: Window,
    parser: Parser,
    record: Option<Record>,
    report: FileReport,
    ended: bool,
}

impl CaptureFile {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or is no capture.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_counting(path, &Arc::default())
    }

    /// The same, counting the bytes read from disk.
    pub(crate) fn open_counting(path: &Path, read: &Arc<AtomicU64>) -> Result<Self, Error> {
        if path.is_dir() {
            let is_folder = std::io::ErrorKind::IsADirectory.into();
            return Err(Error::new(path, Kind::Open(is_folder)));
        }
        let bytes = input::open(path, read).map_err(|e| Error::new(path, Kind::Open(e)))?;
        Self::from_window(path, Window::new(bytes))
    }

    /// A capture from any source of bytes; `name` stands for it in messages.
    ///
    /// # Errors
    ///
    /// When it is no capture.
    pub fn from_reader(
        name: &Path,
        bytes: impl std::io::Read + Send + 'static,
    ) -> Result<Self, Error> {
        let bytes =
            input::decompressed(bytes).map_err(|source| Error::new(name, Kind::read(0, source)))?;
        Self::from_window(name, Window::new(bytes))
    }

    fn from_window(path: &Path, mut window: Window) -> Result<Self, Error> {
        let fail = |kind| Error::new(path, kind);
        let have = window
            .have(4)
            .map_err(|source| fail(Kind::read(0, source)))?;
        let first = window
            .bytes()
            .get(..4.min(have))
            .unwrap_or_default()
            .to_vec();
        let (format, parser) = match *first.as_slice() {
            [] => return Err(fail(Kind::Empty)),
            [0x0a, 0x0d, 0x0d, 0x0a] => (Format::PcapNg, Parser::PcapNg(PcapNg::new())),
            [a, b, c, d] if Pcap::is_magic([a, b, c, d]) => {
                let pcap = Pcap::open(&mut window).map_err(fail)?;
                (pcap.format(), Parser::Pcap(pcap))
            }
            _ => {
                let have = window.have(8).unwrap_or(have).min(8);
                let hex: Vec<_> = window.bytes()[..have]
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect();
                return Err(fail(Kind::NotACapture {
                    first: hex.join(" "),
                }));
            }
        };
        let report = FileReport {
            path: path.to_owned(),
            format,
            link_types: Vec::new(),
            frames: 0,
            first: None,
            last: None,
        };
        let path = path.to_owned();
        Ok(Self {
            path,
            window,
            parser,
            record: None,
            report,
            ended: false,
        })
    }

    /// The next frame, an error, or `None` at the end. After an error that is not
    /// [`Error::is_resumed`] there is nothing more.
    pub fn next_frame(&mut self) -> Option<Result<Frame<'_>, Error>> {
        match self.advance()? {
            Ok(()) => self.frame().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// What was read so far.
    pub fn report(&self) -> &FileReport {
        &self.report
    }

    /// Goes to the next record.
    pub(crate) fn advance(&mut self) -> Option<Result<(), Error>> {
        self.record = None;
        if self.ended {
            return None;
        }
        let next = match &mut self.parser {
            Parser::Pcap(pcap) => pcap.next(&mut self.window),
            Parser::PcapNg(pcapng) => pcapng.next(&mut self.window),
        };
        match next {
            Ok(Some(record)) => {
                self.note(&record);
                self.record = Some(record);
                Some(Ok(()))
            }
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(kind) => {
                let error = Error::new(&self.path, kind);
                self.ended = !error.is_resumed();
                Some(Err(error))
            }
        }
    }

    /// The record that [`CaptureFile::advance`] went to.
    pub(crate) fn frame(&self) -> Option<Frame<'_>> {
        let Record {
            time,
            link,
            wire_len,
            back,
            len,
        } = self.record?;
        Some(Frame {
            time,
            link,
            wire_len,
            data: self.window.behind(back, len),
        })
    }

    fn note(&mut self, record: &Record) {
        let report = &mut self.report;
        report.frames += 1;
        report.first.get_or_insert(record.time);
        report.last = report.last.max(Some(record.time));
        if report.link_types.last() != Some(&record.link)
            && !report.link_types.contains(&record.link)
        {
            report.link_types.push(record.link);
        }
    }
}
