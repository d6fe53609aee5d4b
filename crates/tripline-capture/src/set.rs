//! Many captures as one, in the order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tripline_packet::{Frame, Timestamp};

use crate::error::{Error, Kind};
use crate::file::{CaptureFile, FileReport};
use crate::input::STDIN;

/// Files that are kept open while their turn has not come. Above that they are opened again when
/// time reaches their first frame; only files that overlap in time are then open together.
const KEPT_OPEN: usize = 64;

/// How far reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read, as they lie on disk.
    pub bytes_read: u64,
    /// Bytes of all files; `None` when standard input is among them.
    pub bytes_total: Option<u64>,
}

/// Captures from files, folders and standard input, merged by time.
pub struct CaptureSet {
    /// Files whose first frame lies ahead, the next one last.
    waiting: Vec<(Timestamp, PathBuf, Option<CaptureFile>)>,
    open: Vec<CaptureFile>,
    /// Next frame of each open file but the current one, earliest first.
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// The file whose frame was handed out last.
    current: Option<usize>,
    errors: VecDeque<Error>,
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

impl CaptureSet {
    /// Opens files, folders (with all below them) and `-`. Inputs that cannot be read become
    /// errors of [`CaptureSet::next_frame`]; the others are read all the same.
    ///
    /// # Errors
    ///
    /// When no input at all can be read: the first reason.
    pub fn open(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut set = Self {
            waiting: Vec::new(),
            open: Vec::new(),
            heads: BinaryHeap::new(),
            current: None,
            errors: VecDeque::new(),
            read: Arc::default(),
            total: Some(0),
        };
        let files = set.expand(paths);
        let keep = files.len() <= KEPT_OPEN;
        for (path, named) in files {
            set.probe(path, named, keep);
        }
        set.waiting
            .sort_by(|(time, path, _), (other, later, _)| (other, later).cmp(&(time, path)));
        if set.waiting.is_empty() && set.open.is_empty() {
            return Err(set.errors.pop_front().unwrap_or_else(|| {
                Error::new(
                    paths.first().map_or(Path::new(STDIN), |path| path),
                    Kind::NoCaptures,
                )
            }));
        }
        Ok(set)
    }

    /// The next frame of all inputs, or an error of one of them.
    pub fn next_frame(&mut self) -> Option<Result<Frame<'_>, Error>> {
        loop {
            if let Some(current) = self.current.take() {
                self.step(current);
            }
            if let Some(error) = self.errors.pop_front() {
                return Some(Err(error));
            }
            // A capture by itself needs no merging.
            if self.heads.is_empty() && self.waiting.is_empty() {
                return None;
            }
            self.open_due();
            if let Some(Reverse((_, next))) = self.heads.pop() {
                self.current = Some(next);
                break;
            }
        }
        let frame = self.current.and_then(|current| self.open[current].frame());
        frame.map(Ok)
    }

    /// How far reading has come.
    pub fn progress(&self) -> Progress {
        Progress {
            bytes_read: self.read.load(Ordering::Relaxed),
            bytes_total: self.total,
        }
    }

    /// What was read of each file so far, in the order of their first frames.
    pub fn files(&self) -> Vec<&FileReport> {
        self.open.iter().map(CaptureFile::report).collect()
    }

    /// Goes on in an open file, and notes the time of its next frame.
    fn step(&mut self, at: usize) {
        loop {
            match self.open[at].advance() {
                Some(Ok(())) => break,
                Some(Err(error)) => self.errors.push_back(error),
                None => return,
            }
        }
        if let Some(frame) = self.open[at].frame() {
            self.heads.push(Reverse((frame.time, at)));
        }
    }

    /// Opens the files whose first frame is not later than the next one at hand.
    fn open_due(&mut self) {
        while let Some((first, _, _)) = self.waiting.last() {
            let next = self.heads.peek().map(|Reverse((time, _))| *time);
            if next.is_some_and(|next| *first > next) {
                return;
            }
            let Some((_, path, file)) = self.waiting.pop() else {
                return;
            };
            match file.map_or_else(|| CaptureFile::open_counting(&path, &self.read), Ok) {
                Ok(file) => {
                    self.open.push(file);
                    self.enter(self.open.len() - 1);
                }
                Err(error) => self.errors.push_back(error),
            }
        }
    }

    /// Notes the first frame of a file just opened.
    fn enter(&mut self, at: usize) {
        match self.open[at].frame().map(|frame| frame.time) {
            Some(time) => self.heads.push(Reverse((time, at))),
            None => self.step(at),
        }
    }

    /// Files in the order given, those of folders sorted; with whether it was named itself.
    fn expand(&mut self, paths: &[PathBuf]) -> Vec<(PathBuf, bool)> {
        let mut files = Vec::new();
        for path in paths {
            if path.is_dir() {
                let before = files.len();
                self.list(path, &mut files);
                if files.len() == before {
                    self.errors.push_back(Error::new(path, Kind::NoCaptures));
                }
            } else {
                files.push((path.clone(), true));
            }
        }
        files
    }

    fn list(&mut self, folder: &Path, files: &mut Vec<(PathBuf, bool)>) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.errors.push_back(Error::new(folder, Kind::Open(error)));
                return;
            }
        };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            // Symbolic links to folders could lead round in a circle.
            if path.is_dir() && !path.is_symlink() {
                self.list(&path, files);
            } else if path.is_file() {
                files.push((path, false));
            }
        }
    }

    /// Looks at the first frame of a file to know its place in time.
    fn probe(&mut self, path: PathBuf, named: bool, keep: bool) {
        let is_stdin = path == Path::new(STDIN);
        let size = std::fs::metadata(&path).map_or(0, |data| data.len());
        self.total = if is_stdin {
            None
        } else {
            self.total.map(|total| total + size)
        };
        let counter = if keep || is_stdin {
            Arc::clone(&self.read)
        } else {
            Arc::default()
        };
        let mut file = match CaptureFile::open_counting(&path, &counter) {
            Ok(file) => file,
            // A folder may hold other things beside captures.
            Err(error) if !named && matches!(error.kind(), Kind::NotACapture { .. }) => return,
            Err(error) => {
                self.errors.push_back(error);
                return;
            }
        };
        let first = loop {
            match file.advance() {
                Some(Ok(())) => break file.frame().map(|frame| frame.time),
                Some(Err(error)) => self.errors.push_back(error),
                None => break None,
            }
        };
        match first {
            Some(time) => {
                let kept = (keep || is_stdin).then_some(file);
                self.waiting.push((time, path, kept));
            }
            // A capture without frames is a capture: it was read whole.
            None => self.open.push(file),
        }
    }
}
