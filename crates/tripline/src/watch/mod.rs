//! The run loop of a sensor: frames from the kernel's rings in, events out, curtailments done.
//!
//! ```text
//! rings ──▶ Frame ──▶ Packet ──▶ Engine ──▶ Event ──▶ sinks
//!   │         host ──▶ listening ──┤           ├──▶ Curtailer ──▶ helper ──▶ kernel
//!   │         challenges ──▶ proof ┘           └──▶ hooks
//!   └──▶ Recorder ──▶ capture files of incidents
//! ```
//!
//! One thread does all of it but answering [`challenge`]s, so nothing needs a lock. What takes longer
//! than a few microseconds (reading the socket table, comparing the kernel's sets) is done once in a
//! while.

pub mod challenge;
mod chores;
pub mod clock;
pub mod confine;
pub mod control;
pub mod curtail;
pub mod host;
pub mod keeper;
pub mod links;
pub mod record;
pub mod reload;
pub mod service;
pub mod status;
mod telling;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result};
use tripline_capture::live::{Live, Next};
use tripline_core::Engine;
use tripline_packet::{Addr, Decoder, Duration, Packet, Timestamp};

use crate::hooks::HookSink;
use crate::metrics::Latencies;
use crate::output::Sink;

use tripline_core::settings::Visit;
use tripline_store::Known;

use challenge::{Challenges, Seen};
use clock::Clock;
use control::Control;
use curtail::Curtailer;
use host::Host;
use keeper::Keeper;
use links::Links;
use record::Recorder;
use reload::Reload;
use service::Service;
use status::{Board, Lists};

/// What the world outside asks of the run loop.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// End.
    pub stop: Arc<AtomicBool>,
    /// Read the settings again.
    pub reload: Arc<AtomicBool>,
}

/// What has been counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames that were read.
    pub frames: u64,
    /// Frames that the kernel had no room for.
    pub drops: u64,
    /// Events that were told.
    pub events: u64,
}

/// A sensor.
#[derive(Debug)]
pub struct Sensor {
    links: Links,
    engine: Engine,
    decoder: Decoder,
    clock: Clock,
    started: Timestamp,
    host: Option<Host>,
    curtailer: Curtailer,
    challenges: Option<Challenges>,
    counts: Counts,
    next_look: Instant,
    next_comparison: Instant,
    next_keeping: Instant,
    /// The latest visit that was handed to the keeper.
    visits_kept: Timestamp,
    keeper: Option<Keeper>,
    recorder: Option<Recorder>,
    control: Option<Control>,
    hooks: Option<HookSink>,
    board: Board,
    status: Lists,
    reload: Option<Reload>,
    latencies: Latencies,
    service: Service,
    /// What is protected is this machine, whatever its addresses are.
    follows_home: bool,
}

/// A ring hands a block over this long after its first frame at the latest, and a bit more; timers
/// run behind the wall's time by so much, or they would run before frames that came before them.
const BEHIND: Duration = Duration::from_millis(50);
/// The longest wait: whoever signals us waits no longer.
const PATIENCE: Duration = Duration::from_millis(100);
/// Frames between two looks at clock and signals.
const FRAMES_PER_LOOK: u64 = 256;

impl Sensor {
    /// Puts the parts together.
    pub fn new(live: Live, engine: Engine, host: Option<Host>, curtailer: Curtailer) -> Self {
        let now = Instant::now();
        let clock = Clock::start();
        Self {
            links: Links::new(live),
            engine,
            decoder: Decoder::new(),
            started: clock.now(),
            clock,
            host,
            curtailer,
            challenges: None,
            counts: Counts::default(),
            next_look: now,
            next_comparison: now,
            next_keeping: now,
            visits_kept: Timestamp::EPOCH,
            keeper: None,
            recorder: None,
            control: None,
            hooks: None,
            board: Board::default(),
            status: Lists::default(),
            reload: None,
            latencies: Latencies::default(),
            service: Service::default(),
            follows_home: false,
        }
    }

    /// Keeps what is told, and takes up what was known before.
    pub fn remember(&mut self, known: Vec<Known>, visits: &[Visit], keeper: Keeper) {
        for Known { service, first, last, clients } in known {
            self.engine.remember(service, (first, last), clients);
        }
        for visit in visits {
            self.engine.recall(visit);
        }
        self.visits_kept = visits.last().map(|visit| visit.last).unwrap_or_default();
        self.keeper = Some(keeper);
    }

    /// Records the frames of incidents.
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Answers what is asked there.
    pub fn listen(&mut self, control: Control) {
        self.control = Some(control);
    }

    /// Takes what is learned by challenges.
    pub fn challenge(&mut self, challenges: Challenges) {
        self.challenges = Some(challenges);
    }

    /// Tells hooks of events.
    pub fn tell_hooks(&mut self, hooks: HookSink) {
        self.hooks = Some(hooks);
    }

    /// Whether the addresses of this machine are what is protected, as they come and go.
    pub fn follow_own_addresses(&mut self, follows: bool) {
        self.follows_home = follows;
    }

    /// How long verdicts and curtailments take.
    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// How settings are read again when a signal asks for it.
    pub fn reload(&mut self, reload: Reload) {
        self.reload = Some(reload);
    }

    /// Where the status is put up, once a second.
    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// The sensor's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What decides about curtailments.
    pub fn curtailer(&mut self) -> &mut Curtailer {
        &mut self.curtailer
    }

    /// What has been counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Watches until it is told to stop.
    ///
    /// # Errors
    /// The rings cannot be read any more, or a sink cannot take an event.
    pub fn run(&mut self, signals: &Signals, sink: &mut dyn Sink) -> Result<()> {
        self.engine.handle_timeout(self.clock.now() - BEHIND);
        let mut packet = Packet::EMPTY;
        while !signals.stop.load(Ordering::Relaxed) {
            if signals.reload.swap(false, Ordering::Relaxed) {
                self.reconfigure(sink)?;
            }
            self.look(sink)?;
            self.answer();
            self.frames(&mut packet)?;
            let now = self.clock.now() - BEHIND;
            self.engine.handle_timeout(now);
            self.take_proofs(now);
            self.drain(sink)?;
        }
        self.service.stopping();
        self.curtailer.keep_challenging(false);
        self.keep();
        if let Some(recorder) = &mut self.recorder {
            recorder.finish(&self.engine, self.clock.now() - BEHIND);
        }
        let troubles = self.hooks.as_mut().map(HookSink::finish);
        self.tell_troubles(troubles, sink)
    }

    /// Tells the detector who answered a challenge, once it has seen what came before `seen`.
    fn take_proofs(&mut self, seen: Timestamp) {
        let Some(challenges) = &mut self.challenges else {
            return;
        };
        while let Some((time, answered)) = challenges.next(&self.clock, seen) {
            self.engine.challenged(answered.source, answered.service, time, &answered.said);
        }
    }

    /// Handles what is there, or waits a little for it.
    fn frames(&mut self, packet: &mut Packet) -> Result<()> {
        // Waits only as long as there is nothing to tell.
        let mut patience = self.patience();
        for _ in 0..FRAMES_PER_LOOK {
            match self.links.live.next(patience).context("cannot wait for frames")? {
                Next::Frame(mut frame, ring) => {
                    frame.time = self.clock.of(frame.time);
                    self.counts.frames += 1;
                    (packet.src, packet.dst) = (Addr::UNSPECIFIED, Addr::UNSPECIFIED);
                    let read = self.decoder.decode_into(&frame, packet);
                    let challenges = self.challenges.as_ref().filter(|_| read == Ok(true));
                    let seen = challenges.map_or(Seen::AsItIs, |to| to.disguise(packet));
                    // Whoever replays a recording knows nothing of our cookies.
                    if seen == Seen::AsItIs
                        && let (Some(recorder), Ok(is_packet)) = (&mut self.recorder, read)
                    {
                        recorder.frame(&frame, packet, is_packet, ring as u16);
                    }
                    if read == Ok(true) && seen != Seen::Not {
                        self.engine.handle(packet);
                    }
                }
                Next::Nothing => return Ok(()),
            }
            patience = Duration::ZERO;
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        let due = self.engine.poll_timeout();
        let until_due = due.map_or(PATIENCE, |due| (due + BEHIND).since(self.clock.now()));
        until_due.min(PATIENCE)
    }
}
