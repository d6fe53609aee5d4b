//! Captures of what incidents touched: `tripline watch --record`.
//!
//! The recent past is held in memory, in a fixed number of bytes. When an incident is told, what is
//! held of its sources is written to a file, and from then on all that comes from and goes to them.
//! Beside each file lie settings that carry what the sensor knew and the file does not show: what is
//! home, and what the touched hosts offer. `tripline read --settings FILE.toml FILE.pcap` then tells
//! the same incidents.

mod files;
mod past;
mod sidecar;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use tripline_core::Service;
use tripline_core::event::Incident;
use tripline_core::settings::Settings;
use tripline_packet::{Addr, Body, Duration, Frame, Packet, Timestamp};

use files::{Files, Order};
use past::{Frames, Past};

pub use files::{FOLDER, Written};

/// See the module documentation.
#[derive(Debug)]
pub struct Recorder {
    past: Past,
    files: Files,
    /// Whose frames are written as they come, and when they were last heard of.
    sources: BTreeMap<Addr, Timestamp>,
}

/// Bytes of the past that are held.
const HELD: usize = 32 << 20;
/// Frames of a source are written until it has been quiet for so long.
const QUIET: Duration = Duration::from_secs(3_600);
/// Sources whose frames are written; those of further incidents only as far as they are held.
const MOST_SOURCES: usize = 4_096;

impl Recorder {
    /// Writes into a folder, at most so many bytes in all; the oldest files make room.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn start(folder: &Path, most: u64) -> io::Result<Self> {
        let files = Files::start(folder, most)?;
        Ok(Self { past: Past::new(HELD), files, sources: BTreeMap::new() })
    }

    /// Holds a frame, or writes it, if it is of somebody who is written.
    pub fn frame(&mut self, frame: &Frame<'_>, packet: &Packet) {
        let parties = parties(packet);
        if self.sources.is_empty() {
            return self.past.hold(frame, parties);
        }
        let mut is_wanted = false;
        for party in parties {
            if let Some(last) = self.sources.get_mut(&party) {
                *last = packet.time;
                is_wanted = true;
            }
        }
        if is_wanted {
            let mut frames = Frames::default();
            frames.add(frame);
            self.files.order(Order::Frames(frames));
        } else {
            self.past.hold(frame, parties);
        }
    }

    /// Writes what is held of an incident's sources, and from now on all that comes of them.
    /// `offered` are the services that the sensor knows of.
    pub fn incident(&mut self, incident: &Incident, settings: &Settings, offered: &[Service]) {
        let now = incident.last;
        self.sources.retain(|_, last| now.since(*last) < QUIET);
        let new: Vec<Addr> = incident
            .sources
            .iter()
            .copied()
            .filter(|source| !self.sources.contains_key(source))
            .collect();
        let frames = self.past.take(|parties| parties.iter().any(|party| new.contains(party)));
        for source in new {
            if self.sources.len() < MOST_SOURCES {
                self.sources.insert(source, now);
            }
        }
        self.files.order(Order::Settings(Box::new(sidecar::of(incident, settings, offered))));
        if !frames.is_empty() {
            self.files.order(Order::Frames(frames));
        }
    }

    /// What has gone wrong, if anything new has.
    pub fn trouble(&mut self) -> Option<String> {
        self.files.trouble()
    }

    /// What was written, when all that was ordered is.
    pub fn finish(self) -> Written {
        self.files.finish()
    }
}

/// Whom a packet is about: its ends, and of an ICMP error whoever sent what it quotes.
fn parties(packet: &Packet) -> [Addr; 3] {
    let quoted = match &packet.body {
        Body::Icmp(icmp) => icmp.quoted.as_ref().map(|quoted| quoted.src),
        _ => None,
    };
    [packet.src, packet.dst, quoted.unwrap_or(packet.src)]
}
