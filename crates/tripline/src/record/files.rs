//! The files, written by a thread of its own: a slow disk must not make the sensor blind.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tripline_packet::{LinkType, Timestamp};

use super::past::{Frames, Head};
use super::sidecar::{self, Offered, Sidecar};

/// The folder, in that of the sensor.
pub const FOLDER: &str = "record";

/// Orders that wait for the disk.
const WAITING: usize = 4_096;
/// A new file is begun when one has so many parts of all that may be written.
const PARTS: u64 = 16;

/// What is to be written.
#[derive(Debug)]
pub(super) enum Order {
    Frames(Frames),
    Settings(Box<Sidecar>),
}

/// What was written in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Frames.
    pub frames: u64,
    /// Frames that could not be.
    pub lost: u64,
}

/// The sensor's end of the thread.
#[derive(Debug)]
pub(super) struct Files {
    orders: Option<SyncSender<Order>>,
    troubles: Receiver<String>,
    thread: Option<JoinHandle<Written>>,
    /// Frames that the thread was too slow for, and how many of them were told.
    lost: u64,
    told: u64,
}

impl Files {
    pub(super) fn start(folder: &Path, most: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let (orders, receiver) = sync_channel(WAITING);
        // One trouble at a time is enough.
        let (trouble, troubles) = sync_channel(1);
        let writer = Writer {
            folder: folder.to_owned(),
            most,
            file: None,
            written: Written::default(),
            trouble,
        };
        let thread = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self { orders: Some(orders), troubles, thread: Some(thread), lost: 0, told: 0 })
    }

    pub(super) fn order(&mut self, order: Order) {
        let Some(orders) = &self.orders else { return };
        if let Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) =
            orders.try_send(order)
            && let Order::Frames(frames) = order
        {
            self.lost += frames.iter().count() as u64;
        }
    }

    pub(super) fn trouble(&mut self) -> Option<String> {
        if self.lost > self.told {
            let new = self.lost - std::mem::replace(&mut self.told, self.lost);
            return Some(format!("{new} frames were not recorded: the disk is too slow for them"));
        }
        self.troubles.try_recv().ok()
    }

    pub(super) fn finish(mut self) -> Written {
        let written = self.end();
        Written { lost: written.lost + self.lost, ..written }
    }

    /// The thread ends when it has written what waits.
    fn end(&mut self) -> Written {
        drop(self.orders.take());
        let ended = self.thread.take().map(JoinHandle::join);
        ended.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.end();
    }
}

#[derive(Debug)]
struct Writer {
    folder: PathBuf,
    most: u64,
    file: Option<Open>,
    written: Written,
    trouble: SyncSender<String>,
}

/// The file that is written.
#[derive(Debug)]
struct Open {
    out: BufWriter<File>,
    path: PathBuf,
    link: LinkType,
    length: u64,
    ids: BTreeSet<String>,
    offered: Offered,
    settings: Option<tripline_core::settings::Settings>,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) -> Written {
        // What an incident knew is written beside the file that gets its frames.
        let mut known = None;
        while let Ok(order) = orders.recv() {
            let result = match order {
                Order::Frames(frames) => self.frames(&frames, &mut known),
                Order::Settings(sidecar) => {
                    known = Some(*sidecar);
                    Ok(())
                }
            };
            if let Err(error) = result {
                // Begun anew with the next frame, when there may be room again.
                self.file = None;
                let message = format!("cannot record in {}: {error}", self.folder.display());
                // The last one has not been told yet.
                let _ = self.trouble.try_send(message);
            }
        }
        self.written
    }

    fn frames(&mut self, frames: &Frames, known: &mut Option<Sidecar>) -> io::Result<()> {
        let count = frames.iter().count() as u64;
        self.written.lost += count;
        for (head, data) in frames.iter() {
            self.frame(head, data)?;
            self.written.frames += 1;
            self.written.lost -= 1;
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.out.flush()?;
        match known.take() {
            Some(sidecar) => file.know(sidecar),
            None => Ok(()),
        }
    }

    fn frame(&mut self, head: Head, data: &[u8]) -> io::Result<()> {
        let is_full = |file: &Open| file.length > self.most / PARTS || file.link != head.link;
        if self.file.as_ref().is_none_or(is_full) {
            let before = self.file.take();
            self.make_room()?;
            self.file = Some(Open::create(&self.folder, head, before)?);
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.length += record(&mut file.out, head, data)?;
        Ok(())
    }

    /// Deletes the oldest files until there is room for another one.
    fn make_room(&self) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == "pcap") {
                found.push((path.clone(), fs::metadata(&path)?.len()));
            }
        }
        // Their names begin with the time.
        found.sort();
        let mut all: u64 = found.iter().map(|(_, length)| length).sum();
        for (path, length) in found {
            if all + self.most / PARTS <= self.most {
                break;
            }
            fs::remove_file(&path)?;
            let sidecar = path.with_extension("toml");
            if sidecar.exists() {
                fs::remove_file(sidecar)?;
            }
            all -= length;
        }
        Ok(())
    }
}

impl Open {
    fn create(folder: &Path, first: Head, before: Option<Self>) -> io::Result<Self> {
        let time: String = first.time.to_string().replace(':', "-");
        let mut path = folder.join(format!("{time}.pcap"));
        let mut number = 1;
        while path.exists() {
            path = folder.join(format!("{time}.{number}.pcap"));
            number += 1;
        }
        let mut out = BufWriter::new(File::create_new(&path)?);
        out.write_all(&header(first.link))?;
        // What was known goes on to be known.
        let (ids, offered, settings) =
            before.map_or_else(Default::default, |open| (open.ids, open.offered, open.settings));
        let mut open = Self { out, path, link: first.link, length: 24, ids, offered, settings };
        open.write_settings()?;
        Ok(open)
    }

    fn know(&mut self, sidecar: Sidecar) -> io::Result<()> {
        self.ids.insert(sidecar.id);
        for (host, services) in sidecar.offered {
            self.offered.entry(host).or_default().extend(services);
        }
        self.settings = Some(sidecar.settings);
        self.write_settings()
    }

    fn write_settings(&mut self) -> io::Result<()> {
        let Some(settings) = &self.settings else {
            return Ok(());
        };
        let text = sidecar::write(&self.ids, settings, &self.offered);
        fs::write(self.path.with_extension("toml"), text)
    }
}

/// The header of a classic pcap file with nanoseconds (draft-ietf-opsawg-pcap).
fn header(link: LinkType) -> [u8; 24] {
    const MAGIC: u32 = 0xa1b2_3c4d;
    const SNAP_LENGTH: u32 = 0x0004_0000;
    let link: u32 = match link {
        LinkType::Ethernet => 1,
        // Rings give no other; what is not Ethernet begins with IP.
        _ => 101,
    };
    let mut bytes = [0; 24];
    bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
    bytes[4..6].copy_from_slice(&2_u16.to_le_bytes());
    bytes[6..8].copy_from_slice(&4_u16.to_le_bytes());
    bytes[16..20].copy_from_slice(&SNAP_LENGTH.to_le_bytes());
    bytes[20..].copy_from_slice(&link.to_le_bytes());
    bytes
}

/// Writes a record; returns its length.
fn record(out: &mut impl Write, head: Head, data: &[u8]) -> io::Result<u64> {
    let nanos = head.time.max(Timestamp::EPOCH).nanos().cast_unsigned();
    let fields = [
        (nanos / 1_000_000_000) as u32,
        (nanos % 1_000_000_000) as u32,
        data.len() as u32,
        head.wire_len,
    ];
    for field in fields {
        out.write_all(&field.to_le_bytes())?;
    }
    out.write_all(data)?;
    Ok(16 + data.len() as u64)
}
