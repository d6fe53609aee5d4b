//! Many capture files as one stream, in the order of time.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use tripline_packet::{Frame, Timestamp};

use crate::buffer::CHUNK;
use crate::inputs::{self, Input};
use crate::{CaptureFile, Ending, Error, ErrorKind, FileSummary};

/// How many files are read at the same time, each with a buffer of 1 MiB.
const MOST_OPEN: usize = 64;

/// What is read of a file to learn when it starts.
const PEEK: usize = 64 << 10;

/// Captures, merged by the time of their frames.
///
/// Files are ordered by the time of their first frame, and a file is opened when its turn comes.
/// Files that overlap in time are merged frame by frame, as long as at most 64 overlap at the same
/// moment. Beyond that the file that starts latest waits until another one ends; its frames then
/// come late, and its summary says so ([`FileSummary::late`]). Within a file the order is the
/// file's, also where its time runs backwards. Of frames of the same time those of the file under
/// hand come first, then those of the file that was named first.
#[derive(Debug)]
pub struct CaptureSet {
    /// Files whose first frame is not due yet, in its order.
    waiting: VecDeque<Waiting>,
    /// Files with a frame under hand that is due after that of the current one.
    open: Vec<Open>,
    /// The file of the frame that was handed out.
    current: Option<Open>,
    /// Up to this time the current file is surely the one whose turn it is.
    until: Timestamp,
    /// How far the others had come when a file was due that could not be opened.
    crowded: Option<Timestamp>,
    errors: VecDeque<Error>,
    done: Vec<FileSummary>,
    bytes_done: u64,
    bytes_total: Option<u64>,
}

/// How far a [`CaptureSet`] has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// Bytes of the files as they lie on disk, read or given up.
    pub read: u64,
    /// Bytes of all files; `None` when one of them is a stream.
    pub total: Option<u64>,
    /// The file of the frame handed out last.
    pub file: Option<&'a Path>,
}

#[derive(Debug)]
struct Waiting {
    file: WaitingFile,
    first: Timestamp,
    order: usize,
}

#[derive(Debug)]
enum WaitingFile {
    /// A regular file, closed again so that any number can wait.
    Closed(FileSummary, u64),
    /// A stream, which cannot be opened twice.
    Open(Box<CaptureFile>),
}

#[derive(Debug)]
struct Open {
    file: Box<CaptureFile>,
    order: usize,
}

impl CaptureSet {
    /// Looks at files, folders (with all below them) and `-` for standard input, and orders them.
    ///
    /// What is wrong with one of several inputs comes from [`Self::next_frame`]. Other files than
    /// captures are an error when they were named and passed over in a folder.
    ///
    /// # Errors
    /// Nothing can be read at all.
    pub fn open(paths: &[PathBuf]) -> Result<Self, Error> {
        let (inputs, errors) = inputs::expand(paths);
        let mut set = Self {
            waiting: VecDeque::new(),
            open: Vec::new(),
            current: None,
            until: Timestamp::MAX,
            crowded: None,
            errors: errors.into(),
            done: Vec::new(),
            bytes_done: 0,
            bytes_total: Some(0),
        };
        let captures: usize = inputs.iter().map(|input| set.look_at(input)).sum();
        if captures == 0 && !set.errors.is_empty() {
            return Err(nothing_readable(&set.errors));
        }
        set.waiting.make_contiguous().sort_by_key(|waiting| (waiting.first, waiting.order));
        Ok(set)
    }

    /// The next frame of all. `None` at the end.
    ///
    /// # Errors
    /// A file cannot be read any further; the others go on with the next call.
    #[inline]
    pub fn next_frame(&mut self) -> Option<Result<Frame<'_>, Error>> {
        if let Err(error) = self.step() {
            return Some(Err(error));
        }
        Some(Ok(self.current.as_ref()?.file.frame()))
    }

    /// How far the files have been read.
    pub fn progress(&self) -> Progress<'_> {
        let open = self.open.iter().chain(&self.current);
        let current = self.current.as_ref();
        Progress {
            read: self.bytes_done + open.map(|open| read_of(&open.file)).sum::<u64>(),
            total: self.bytes_total,
            file: current.map(|open| open.file.summary().path.as_path()),
        }
    }

    /// What was read of each file: first those that are done, in the order in which they ended.
    pub fn files(&self) -> impl Iterator<Item = &FileSummary> {
        let open = self.current.iter().chain(&self.open);
        let open = open.map(|open| open.file.summary());
        let waiting = self.waiting.iter().map(|waiting| match &waiting.file {
            WaitingFile::Closed(summary, _) => summary,
            WaitingFile::Open(file) => file.summary(),
        });
        self.done.iter().chain(open).chain(waiting)
    }

    /// Looks at the files behind a name; tells how many are captures.
    fn look_at(&mut self, input: &Input) -> usize {
        let mut captures = 0;
        let mut skipped = 0;
        for path in &input.files {
            match CaptureFile::open_with(path, PEEK) {
                Ok(file) => {
                    captures += 1;
                    self.look_into(file);
                }
                Err(error) if input.is_folder && is_no_capture(&error) => {
                    skipped += 1;
                    self.done.push(FileSummary::new(path, Ending::Skipped(error)));
                }
                Err(error) => {
                    self.errors.push_back(error.clone());
                    self.done.push(FileSummary::new(path, Ending::Failed(error)));
                }
            }
        }
        if input.is_folder && skipped == input.files.len() {
            let kind = ErrorKind::NoCaptures { files: skipped };
            self.errors.push_back(Error::new(&input.name, None, kind));
        }
        captures
    }

    /// Reads a file as far as its first frame and has it wait for its turn.
    fn look_into(&mut self, mut file: CaptureFile) {
        let size = file.size();
        self.bytes_total = self.bytes_total.zip(size).map(|(total, size)| total + size);
        match file.advance() {
            Some(Ok(first)) => {
                let order = self.done.len() + self.waiting.len();
                let file = match size {
                    Some(size) if !file.is_standard_input() => {
                        WaitingFile::Closed(unread(file.summary()), size)
                    }
                    _ => WaitingFile::Open(Box::new(file)),
                };
                self.waiting.push_back(Waiting { file, first, order });
            }
            Some(Err(error)) => {
                self.errors.push_back(error);
                self.close(file);
            }
            None => self.close(file),
        }
    }

    /// Leaves the frame that was handed out and makes the file of the next one current. An error
    /// leaves everything as it should be for the next call.
    #[inline]
    fn step(&mut self) -> Result<(), Error> {
        let Some(current) = &mut self.current else {
            return self.choose();
        };
        match current.file.advance() {
            Some(Ok(time)) if time <= self.until => Ok(()),
            Some(Ok(_)) => self.choose(),
            Some(Err(error)) => {
                self.close_current();
                Err(error)
            }
            None => {
                self.close_current();
                self.choose()
            }
        }
    }

    /// Finds the file whose turn it is, and opens those that become due before it.
    #[cold]
    fn choose(&mut self) -> Result<(), Error> {
        self.open.extend(self.current.take());
        if let Some(error) = self.errors.pop_front() {
            return Err(error);
        }
        loop {
            let earliest = self.earliest();
            let head = earliest.map(|index| self.open[index].file.time());
            let first = self.waiting.front().map(|waiting| waiting.first);
            let due = first.is_some_and(|first| head.is_none_or(|head| first <= head));
            if due && self.open.len() < MOST_OPEN {
                self.open_next()?;
                continue;
            }
            if due {
                self.crowded = self.crowded.max(head);
            }
            self.current = earliest.map(|index| self.open.remove(index));
            self.until = self.until_another_is_due();
            return Ok(());
        }
    }

    fn earliest(&self) -> Option<usize> {
        let indices = 0..self.open.len();
        indices.min_by_key(|index| (self.open[*index].file.time(), self.open[*index].order))
    }

    fn until_another_is_due(&self) -> Timestamp {
        let can_open = self.open.len() + 1 < MOST_OPEN;
        let waiting = self.waiting.front().filter(|_| can_open);
        let waiting = waiting.map(|waiting| waiting.first);
        let open = self.open.iter().map(|open| open.file.time());
        open.chain(waiting).min().unwrap_or(Timestamp::MAX)
    }

    fn open_next(&mut self) -> Result<(), Error> {
        let Some(waiting) = self.waiting.pop_front() else {
            return Ok(());
        };
        let (mut file, head) = match waiting.file {
            WaitingFile::Open(mut file) => {
                file.widen(CHUNK);
                (file, Some(Ok(waiting.first)))
            }
            WaitingFile::Closed(summary, size) => {
                let mut file = Box::new(self.reopen(summary, size)?);
                let head = file.advance();
                (file, head)
            }
        };
        file.summary_mut().late = self.crowded.is_some_and(|reached| waiting.first <= reached);
        let order = waiting.order;
        match head {
            Some(Ok(_)) => self.open.push(Open { file, order }),
            Some(Err(error)) => {
                self.close(*file);
                return Err(error);
            }
            None => self.close(*file),
        }
        Ok(())
    }

    /// Opens a file for good that was readable a moment ago.
    fn reopen(&mut self, mut summary: FileSummary, size: u64) -> Result<CaptureFile, Error> {
        CaptureFile::open_with(&summary.path, CHUNK).inspect_err(|error| {
            summary.ending = Ending::Failed(error.clone());
            self.done.push(summary);
            self.bytes_done += size;
        })
    }

    fn close_current(&mut self) {
        if let Some(current) = self.current.take() {
            self.close(*current.file);
        }
    }

    fn close(&mut self, file: CaptureFile) {
        self.bytes_done += file.size().unwrap_or_else(|| file.bytes_taken());
        self.done.push(file.into_summary());
    }
}

/// A file that grows while it is read does not count for more than it was.
fn read_of(file: &CaptureFile) -> u64 {
    file.bytes_taken().min(file.size().unwrap_or(u64::MAX))
}

/// The summary of a file of which only the start was looked at.
fn unread(peeked: &FileSummary) -> FileSummary {
    FileSummary { frames: 0, span: None, ..peeked.clone() }
}

fn is_no_capture(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Empty | ErrorKind::NotACapture { .. })
}

/// The one thing that is wrong, or the first of them.
fn nothing_readable(errors: &VecDeque<Error>) -> Error {
    let first = errors[0].clone();
    match errors.len() {
        1 => first,
        inputs => {
            let path = first.path().to_owned();
            Error::new(&path, None, ErrorKind::NothingReadable { inputs, first })
        }
    }
}
