//! Recordings of what incidents touched: capture files from which `read` tells the same again.
//!
//! ```text
//! Frame ──▶ Past (a ring in memory) ──┐ verdict: what its sources did before
//!     │                               ▼
//!     └── of who is followed ──▶ Outbox ──▶ Writer (a thread) ──▶ I-….pcapng, I-….toml
//! ```
//!
//! Each incident has files of its own, with the frames of its sources: what they did before the
//! verdict out of memory, what they do while it is open as it comes. Nobody else's frames are in
//! them. What the sensor knew from those (who lives, who listens, what is offered) is told in a
//! settings file beside them. `docs/watch.md` says what "the same" means.

mod block;
mod follows;
mod outbox;
mod past;
mod recording;
mod shelf;
mod writer;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration as Wait;

use tripline_core::event::{Event, Probe};
use tripline_core::settings::Settings;
use tripline_core::{Engine, Open, Protocol, Service};
use tripline_packet::{Addr, Body, Duration, Frame, LinkType, Packet, Prefix, Timestamp};

use super::telling::notice;
use crate::settings::{Bytes, to_toml};

pub use block::RecordedInterface;

/// The folder of recordings, in that of the sensor.
pub const FOLDER: &str = "record";
use follows::Follows;
use outbox::Outbox;
use past::{About, Past, Slot};
use recording::Recording;
use writer::Trouble;

/// How recordings are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where they are put.
    pub folder: PathBuf,
    /// Bytes that all of them together may have.
    pub most: u64,
    /// Bytes of memory for the recent past.
    pub memory: usize,
    /// How far back it goes.
    pub age: Duration,
    /// Bytes that may wait for the disk.
    pub waiting: usize,
    /// After an error of the disk it is tried again when so long has passed.
    pub retry: Wait,
}

impl Options {
    /// The usual ones for a folder.
    pub fn new(folder: PathBuf, most: u64) -> Self {
        Self {
            folder,
            most,
            memory: 32 << 20,
            age: Duration::from_secs(600),
            waiting: 32 << 20,
            retry: Wait::from_secs(30),
        }
    }
}

/// See the module documentation.
#[derive(Debug)]
pub struct Recorder {
    past: Past,
    /// Frames of single probes, which are remembered longer: a slow sweep consists of them.
    aside: Past,
    follows: Follows,
    recordings: Vec<Option<Recording>>,
    by_name: HashMap<String, usize>,
    outbox: Outbox,
    /// Bytes of one recording at most, and of one of its files.
    most_of_one: u64,
    most_of_part: u64,
    events: Vec<Event>,
    /// Lends its memory.
    found: Vec<usize>,
    lost: u64,
    next_loss: Timestamp,
}

/// Of the memory for the past so much is for what is put aside.
const ASIDE: usize = 8;
/// How long that is remembered, as far as there is room.
const ASIDE_AGE: Duration = Duration::from_secs(30 * 86_400);
/// Frames of one probe that are put aside at most, and frames of its source that are looked at.
const MOST_OF_PROBE: usize = 32;
const MOST_LOOKS: usize = 1 << 12;
/// One incident gets so much of the room for all: a flood must not push out what else was recorded.
const SHARE: u64 = 4;
/// Files of a recording are not longer than this, nor than a quarter of what it may have.
const LONGEST_PART: u64 = 16_000_000;
/// How often loss is told.
const LOSS: Duration = Duration::from_secs(60);

impl Recorder {
    /// Records frames of these interfaces.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn start(
        options: &Options,
        home: &[Prefix],
        interfaces: Vec<RecordedInterface>,
    ) -> io::Result<Self> {
        let home: Vec<String> = home.iter().map(ToString::to_string).collect();
        let comment = format!("home networks {}", home.join(", "));
        let Options { folder, most, memory, age, waiting, retry } = options;
        let most_of_one = most / SHARE;
        Ok(Self {
            past: Past::new(memory - memory / ASIDE, *age),
            aside: Past::new(memory / ASIDE, ASIDE_AGE),
            follows: Follows::default(),
            recordings: Vec::new(),
            by_name: HashMap::new(),
            outbox: Outbox::start(folder, *most, interfaces, comment, *waiting, *retry)?,
            most_of_one,
            most_of_part: LONGEST_PART.min(most_of_one / 4),
            events: Vec::new(),
            found: Vec::new(),
            lost: 0,
            next_loss: Timestamp::EPOCH,
        })
    }

    /// Takes every frame that was read, with the packet in it. If the decoder told no packet
    /// (`is_packet` is false), the addresses in `packet` are still those of a piece of a datagram, or
    /// unspecified.
    #[inline]
    pub fn frame(&mut self, frame: &Frame<'_>, packet: &Packet, is_packet: bool, interface: u16) {
        let mut ends = [packet.src, packet.dst];
        let mut service = None;
        if is_packet {
            service = Some(service_of(packet));
            if let Body::Icmp(icmp) = &packet.body
                && let Some(quoted) = icmp.quoted
            {
                // It is about the packet that it quotes, whoever sends it.
                ends = [quoted.src, quoted.dst];
            }
        }
        if ends == [Addr::UNSPECIFIED; 2] {
            return;
        }
        let about = About { ends, service, interface };
        let is_followed = ends.iter().any(|end| self.follows.may_have(self.past.bucket(*end)));
        if let Some(place) = self.past.push(frame, about)
            && is_followed
        {
            self.write_if_followed(place, ends);
        }
    }

    #[cold]
    fn write_if_followed(&mut self, place: u64, ends: [Addr; 2]) {
        let mut found = std::mem::take(&mut self.found);
        for end in ends {
            self.follows.find(end, &mut found);
        }
        for recording in found.drain(..) {
            self.write(recording, From::Past(place));
        }
        self.found = found;
    }

    /// Takes note of an event: frames of a probe are put aside.
    pub fn event(&mut self, event: &Event) {
        if let Event::Probe(probe) = event {
            self.put_aside(probe);
        }
    }

    /// Looks at which incidents are open, and writes what is to be written. To be called after
    /// incidents were told, and once a second.
    pub fn look(&mut self, engine: &Engine, now: Timestamp) {
        let mut is_open = vec![false; self.recordings.len()];
        for open in engine.open_incidents() {
            let at = self.recording(&open, engine.settings());
            if let Some(is_open) = is_open.get_mut(at) {
                *is_open = true;
            }
            self.follow(at, &open, engine);
        }
        for at in 0..self.recordings.len() {
            if let Some(recording) = &mut self.recordings[at] {
                recording.learn(engine);
            }
            // Those that were begun just now are open.
            let is_over = !is_open.get(at).copied().unwrap_or(true);
            if self.settle(at, engine, now, is_over) && is_over {
                self.end(at);
            }
        }
        self.outbox.send();
        self.hear(now);
    }

    /// Takes what there is to tell.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Ends all recordings.
    pub fn finish(&mut self, engine: &Engine, now: Timestamp) {
        self.look(engine, now);
        for at in 0..self.recordings.len() {
            self.settle(at, engine, now, true);
        }
    }

    /// The recording of an incident; begins it if it is new.
    fn recording(&mut self, open: &Open<'_>, settings: &Settings) -> usize {
        if let Some(at) = self.by_name.get(open.id) {
            return *at;
        }
        let free = self.recordings.iter().position(Option::is_none);
        let at = free.unwrap_or(self.recordings.len());
        let recording = Some(Recording::new(open.id, settings.silence));
        match self.recordings.get_mut(at) {
            Some(place) => *place = recording,
            None => self.recordings.push(recording),
        }
        self.by_name.insert(open.id.to_owned(), at);
        at
    }

    /// Follows the sources that are new, and writes what they did before.
    fn follow(&mut self, at: usize, open: &Open<'_>, engine: &Engine) {
        let Some(recording) = self.recordings[at].as_mut() else {
            return;
        };
        // Of a flood the sources are forged; what is common to all of it is its target.
        let of_host = open.host.as_slice();
        let addresses = if of_host.is_empty() { open.sources } else { of_host };
        if recording.sources == addresses.len() {
            return;
        }
        recording.sources = addresses.len();
        let mut new = Vec::new();
        for address in addresses {
            let party = engine.counted_as(*address);
            if !recording.parties.contains(&party) {
                recording.parties.push(party);
                new.push(party);
            }
        }
        if new.is_empty() {
            return;
        }
        recording.next_part();
        let others = recording.parties.len() - new.len();
        let others = recording.parties[..others].to_vec();
        for place in self.dig(&new, &others) {
            self.write(at, place);
        }
        for party in new {
            self.follows.add(party, self.past.bucket(party.addr()), at);
        }
    }

    /// The frames of these parties, in their order; those that are of the others, too, are written
    /// already.
    fn dig(&self, parties: &[Prefix], others: &[Prefix]) -> Vec<From> {
        let is_of_others = |ends: &[Addr; 2]| {
            ends.iter().any(|end| others.iter().any(|other| other.contains(*end)))
        };
        let mut found = Vec::new();
        for party in parties {
            let past = self.past.of(*party).filter(|slot| !is_of_others(&slot.ends));
            found.extend(past.map(|slot| (slot.number, From::Past(slot.number))));
            let aside = self.aside.of(*party).filter(|slot| !is_of_others(&slot.ends));
            found.extend(aside.map(|slot| (slot.number, From::Aside(slot.place))));
        }
        found.sort_unstable_by_key(|(number, _)| *number);
        found.dedup_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, place)| place).collect()
    }

    /// Writes a frame of the past into a recording.
    fn write(&mut self, at: usize, place: From) {
        let kept = match place {
            From::Past(place) => self.past.at(place),
            From::Aside(place) => self.aside.at(place),
        };
        let (Some(recording), Some((slot, data))) = (self.recordings[at].as_mut(), kept) else {
            return;
        };
        let bytes = block::packet_len(data.len());
        if recording.bytes + bytes as u64 > self.most_of_one {
            if !std::mem::replace(&mut recording.is_full, true) {
                let message = format!(
                    "the recording of {} has {}: no more of it is recorded (`record_size` under \
                     `[watch]`)",
                    recording.name,
                    Bytes(recording.bytes)
                );
                self.events.push(notice("record_full", Some(slot.time), message));
            }
            return;
        }
        if recording.part_bytes + bytes as u64 > self.most_of_part {
            recording.next_part();
        }
        if let Some(batch) = self.outbox.frame(&recording.name, recording.part, bytes) {
            block::packet(batch, slot.interface, slot.time, slot.wire_len, data);
            recording.add(bytes, slot.time, slot.service);
        }
    }

    /// Writes the settings of a recording, if it is time. Tells whether none wait.
    fn settle(&mut self, at: usize, engine: &Engine, now: Timestamp, at_once: bool) -> bool {
        let Some(recording) = self.recordings[at].as_mut() else {
            return true;
        };
        let Some(settings) = recording.settings(engine, now, at_once) else {
            return true;
        };
        // Everything that settings can hold can be said; a test writes all of it.
        let Ok(text) = to_toml(&settings) else {
            return true;
        };
        let text = format!("# What {} is replayed with.\n{text}", recording.name);
        let is_sent = self.outbox.settings(&recording.name, text);
        recording.is_changed = !is_sent;
        is_sent
    }

    fn end(&mut self, at: usize) {
        if let Some(recording) = self.recordings[at].take() {
            self.by_name.remove(&*recording.name);
            self.follows.end(at);
        }
    }

    /// Puts the frames of a probe aside: those between its source and its target, and the last ones
    /// between its source and others, who may have answered.
    fn put_aside(&mut self, probe: &Probe) {
        let source = Prefix::new(probe.source, 128);
        let (mut of_probe, mut of_others) = (Vec::new(), Vec::new());
        for slot in self.past.of(source).take(MOST_LOOKS).filter(|slot| !slot.is_aside) {
            let list =
                if slot.ends.contains(&probe.target) { &mut of_probe } else { &mut of_others };
            if list.len() < MOST_OF_PROBE {
                list.push(slot.place);
            }
        }
        of_probe.append(&mut of_others);
        of_probe.sort_unstable();
        for place in of_probe {
            self.copy_aside(place);
        }
    }

    fn copy_aside(&mut self, place: u64) {
        let Some((slot, data)) = self.past.at(place) else {
            return;
        };
        let Slot { number, time, ends, service, wire_len, interface, .. } = *slot;
        // The link type is the interface's.
        let frame = Frame { time, link: LinkType::Other(0), wire_len, data };
        self.aside.put(&frame, About { ends, service, interface }, number);
        self.past.set_aside(place);
    }

    /// Tells how writing goes.
    fn hear(&mut self, now: Timestamp) {
        while let Some(trouble) = self.outbox.trouble() {
            let (name, message) = match trouble {
                Trouble::Failed(error) => {
                    ("record_failed", format!("nothing is recorded: {error}; it is tried again"))
                }
                Trouble::Again(lost) => {
                    ("record_again", format!("it is recorded again; {lost} frames were not"))
                }
            };
            self.events.push(notice(name, Some(now), message));
        }
        self.lost += self.outbox.take_lost();
        if self.lost > 0 && now >= self.next_loss {
            self.next_loss = now + LOSS;
            let lost = std::mem::take(&mut self.lost);
            let message = format!(
                "{lost} frames of incidents were not recorded: the disk is too slow for them"
            );
            self.events.push(notice("record_loss", Some(now), message));
        }
    }
}

/// Where a frame is kept.
#[derive(Clone, Copy, Debug)]
enum From {
    Past(u64),
    Aside(u64),
}

/// The service that a packet goes to.
fn service_of(packet: &Packet) -> Service {
    let host = packet.dst;
    let (host, protocol, port) = match &packet.body {
        Body::Tcp(tcp) => (host, Protocol::Tcp, tcp.dst_port),
        Body::Udp(udp) => (host, Protocol::Udp, udp.dst_port),
        Body::Sctp(sctp) => (host, Protocol::Sctp, sctp.dst_port),
        Body::Arp(_) => (host, Protocol::Arp, 0),
        // A solicitation goes to a group; the host is its target (RFC 4861).
        Body::Icmp(icmp) if !icmp.target.is_unspecified() => (icmp.target, Protocol::Nd, 0),
        Body::Icmp(icmp) => (host, Protocol::Icmp, icmp.kind.into()),
        Body::Other { protocol } => (host, Protocol::Ip, u16::from(*protocol)),
    };
    Service { host, protocol, port }
}
