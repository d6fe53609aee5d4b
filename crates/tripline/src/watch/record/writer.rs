//! Writes recordings, in a thread of its own: a slow disk must not make the sensor blind.
//!
//! What waits for the disk is bounded; beyond that frames are lost, and counted. A disk that is full
//! is told of once and tried again after a while.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use super::block::{self, RecordedInterface};
use super::shelf::{Shelf, part_name, settings_name};

/// Packets on their way to the disk.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Their blocks.
    pub(super) bytes: Vec<u8>,
    /// Where they belong, in their order.
    pub(super) pieces: Vec<Piece>,
}

/// A part of a batch that goes to one file.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) recording: Arc<str>,
    pub(super) part: u32,
    pub(super) bytes: usize,
    pub(super) frames: u64,
}

/// What is to be written.
#[derive(Debug)]
pub(super) enum Order {
    /// Packets.
    Frames(Batch),
    /// The settings that a recording is replayed with.
    Settings {
        /// Which.
        recording: Arc<str>,
        /// The whole file.
        text: String,
    },
}

/// How writing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It does not work, and why.
    Failed(String),
    /// It works again; so many frames were not written.
    Again(u64),
}

/// The thread's state.
#[derive(Debug)]
pub(super) struct Writer {
    shelf: Shelf,
    interfaces: Vec<RecordedInterface>,
    /// What a file says about how it was made.
    comment: String,
    /// Files that are open, the one used last at the end.
    open: Vec<(String, File)>,
    retry: Duration,
    failing: Option<Failing>,
    /// Settings that could not be written.
    owed: BTreeMap<Arc<str>, String>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    /// When it is tried again.
    next: Instant,
    lost: u64,
}

/// Files that are open at a time.
const MOST_OPEN: usize = 32;

impl Writer {
    /// Writes to a shelf. After an error it is tried again when `retry` has passed.
    pub(super) fn new(
        shelf: Shelf,
        interfaces: Vec<RecordedInterface>,
        comment: String,
        retry: Duration,
    ) -> Self {
        Self {
            shelf,
            interfaces,
            comment,
            open: Vec::new(),
            retry,
            failing: None,
            owed: BTreeMap::new(),
        }
    }

    /// Does what it is told until nobody tells it any more. Batches are given back to be used again.
    pub(super) fn run(
        mut self,
        orders: &Receiver<Order>,
        empty: &Sender<Batch>,
        trouble: &Sender<Trouble>,
    ) {
        for order in orders {
            let mut lost = 0;
            let result = match order {
                Order::Frames(mut batch) => {
                    let written = self.frames(&batch, &mut lost);
                    batch.bytes.clear();
                    batch.pieces.clear();
                    // Whoever is gone needs none back, and no news.
                    let _ = empty.send(batch);
                    written
                }
                Order::Settings { recording, text } => {
                    self.owed.insert(recording, text);
                    self.settings()
                }
            };
            if let Some(news) = self.account(result, lost) {
                let _ = trouble.send(news);
            }
        }
    }

    /// Whether something is to be told.
    fn account(&mut self, result: io::Result<Done>, lost: u64) -> Option<Trouble> {
        match (result, &mut self.failing) {
            (Ok(Done::Written), failing) => failing.take().map(|was| Trouble::Again(was.lost)),
            (Ok(Done::Waits), failing) => {
                if let Some(failing) = failing {
                    failing.lost += lost;
                }
                None
            }
            (Err(_), Some(failing)) => {
                failing.lost += lost;
                failing.next = Instant::now() + self.retry;
                None
            }
            (Err(error), failing) => {
                *failing = Some(Failing { next: Instant::now() + self.retry, lost });
                Some(Trouble::Failed(error.to_string()))
            }
        }
    }

    fn is_to_wait(&self) -> bool {
        self.failing.is_some_and(|failing| Instant::now() < failing.next)
    }

    fn frames(&mut self, batch: &Batch, lost: &mut u64) -> io::Result<Done> {
        if self.is_to_wait() {
            *lost = batch.pieces.iter().map(|piece| piece.frames).sum();
            return Ok(Done::Waits);
        }
        let mut result = Ok(());
        let mut at = 0;
        for piece in &batch.pieces {
            let bytes = &batch.bytes[at..at + piece.bytes];
            at += piece.bytes;
            // Once one has failed, the others are likely to; each would leave a torn file behind.
            let written = result.is_ok().then(|| self.append(piece, bytes));
            match written {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    *lost += piece.frames;
                    result = Err(error);
                }
                None => *lost += piece.frames,
            }
        }
        // Settings that were owed while nothing could be written.
        result.and_then(|()| self.settings())
    }

    fn append(&mut self, piece: &Piece, bytes: &[u8]) -> io::Result<()> {
        let name = part_name(&piece.recording, piece.part);
        let mut size = self.shelf.size(&piece.recording, &name);
        let mut file = self.open(&name, &mut size)?;
        let head = if size == 0 { self.header(&piece.recording) } else { Vec::new() };
        let more = (head.len() + bytes.len()) as u64;
        if !self.shelf.make_room(&piece.recording, more)? {
            return Err(io::Error::other("one recording needs more room than there is for all"));
        }
        let written = file.write_all(&head).and_then(|()| file.write_all(bytes));
        if let Err(error) = written {
            // Half a block would end the file for every reader. Shorter goes even on a full disk.
            let _ = file.set_len(size);
            self.shelf.set(&piece.recording, &name, size);
            return Err(error);
        }
        self.shelf.set(&piece.recording, &name, size + more);
        self.keep_open(name, file);
        Ok(())
    }

    /// The file, to be written to at its end. What is not as long as it should be is begun anew.
    fn open(&mut self, name: &str, size: &mut u64) -> io::Result<File> {
        let known = self.open.iter().position(|(open, _)| open == name);
        // A file without a size was deleted to make room.
        if let Some((_, file)) = known.map(|at| self.open.remove(at)).filter(|_| *size > 0) {
            return Ok(file);
        }
        let path = self.shelf.path(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path)?;
        if file.metadata()?.len() < *size {
            *size = 0;
        }
        if file.metadata()?.len() != *size {
            file.set_len(*size)?;
        }
        file.seek(SeekFrom::Start(*size))?;
        Ok(file)
    }

    fn keep_open(&mut self, name: String, file: File) {
        if self.open.len() == MOST_OPEN {
            self.open.remove(0);
        }
        self.open.push((name, file));
    }

    fn header(&self, recording: &str) -> Vec<u8> {
        let comment = format!(
            "tripline {}: frames of the sources of incident {recording}; {}; replay with: tripline \
             read --settings {} {recording}-*.pcapng",
            env!("CARGO_PKG_VERSION"),
            self.comment,
            settings_name(recording),
        );
        block::header(&comment, &self.interfaces)
    }

    /// Writes the settings that are owed.
    fn settings(&mut self) -> io::Result<Done> {
        if self.is_to_wait() {
            return Ok(Done::Waits);
        }
        while let Some((recording, text)) = self.owed.first_key_value() {
            let (recording, text) = (recording.clone(), text.clone());
            // What had to make room for others needs none.
            if self.shelf.has(&recording) {
                self.put_settings(&recording, &text)?;
            }
            self.owed.remove(&recording);
        }
        Ok(Done::Written)
    }

    /// The old one stays until the new one is whole.
    fn put_settings(&mut self, recording: &str, text: &str) -> io::Result<()> {
        let name = settings_name(recording);
        let (path, new) = (self.shelf.path(&name), self.shelf.path(&format!("{name}.new")));
        if !self.shelf.make_room(recording, text.len() as u64)? {
            return Err(io::Error::other("one recording needs more room than there is for all"));
        }
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&new, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        self.shelf.set(recording, &name, text.len() as u64);
        Ok(())
    }
}

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Written,
    /// It is not time yet to try again.
    Waits,
}
