//! The run loop of a sensor: frames from the kernel's rings in, events out, curtailments done.
//!
//! ```text
//! rings ──▶ Frame ──▶ Packet ──▶ Engine ──▶ Event ──▶ sinks
//!             host ──▶ listening ──┘           ├──▶ Curtailer ──▶ helper ──▶ kernel
//!                                              └──▶ hooks
//! ```
//!
//! One thread does all of it, so nothing needs a lock. What takes longer than a few microseconds
//! (reading the socket table, comparing the kernel's sets) is done once in a while.

mod chores;
pub mod clock;
pub mod confine;
pub mod control;
pub mod curtail;
pub mod host;
pub mod keeper;
pub mod links;
pub mod reload;
pub mod service;
pub mod status;
mod telling;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result};
use tripline_capture::live::{Live, Next};
use tripline_core::{Engine, Service as CoreService};
use tripline_packet::{Decoder, Duration, Packet, Timestamp};

use crate::hooks::HookSink;
use crate::metrics::Latencies;
use crate::output::Sink;
use crate::record::Recorder;

use tripline_store::Known;

use clock::Clock;
use control::Control;
use curtail::Curtailer;
use host::Host;
use keeper::Keeper;
use links::Links;
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
    counts: Counts,
    next_look: Instant,
    next_comparison: Instant,
    next_keeping: Instant,
    keeper: Option<Keeper>,
    control: Option<Control>,
    hooks: Option<HookSink>,
    board: Board,
    status: Lists,
    reload: Option<Reload>,
    recorder: Option<Recorder>,
    /// Who listens on this machine, as it was last seen.
    listening: Vec<CoreService>,
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
            counts: Counts::default(),
            next_look: now,
            next_comparison: now,
            next_keeping: now,
            keeper: None,
            control: None,
            hooks: None,
            board: Board::default(),
            status: Lists::default(),
            reload: None,
            recorder: None,
            listening: Vec::new(),
            latencies: Latencies::default(),
            service: Service::default(),
            follows_home: false,
        }
    }

    /// Keeps what is told, and takes up what was known before.
    pub fn remember(&mut self, known: Vec<Known>, keeper: Keeper) {
        for Known { service, first, last, clients } in known {
            self.engine.remember(service, (first, last), clients);
        }
        self.keeper = Some(keeper);
    }

    /// Answers what is asked there.
    pub fn listen(&mut self, control: Control) {
        self.control = Some(control);
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

    /// Keeps captures of what incidents touch.
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
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
            self.drain(sink)?;
        }
        self.service.stopping();
        self.keep();
        let troubles = self.hooks.as_mut().map(HookSink::finish);
        self.tell_troubles(troubles, sink)
    }

    /// Handles what is there, or waits a little for it.
    fn frames(&mut self, packet: &mut Packet) -> Result<()> {
        for _ in 0..FRAMES_PER_LOOK {
            match self.links.live.next(self.patience()).context("cannot wait for frames")? {
                Next::Frame(mut frame) => {
                    self.counts.frames += 1;
                    frame.time = self.clock.of(frame.time);
                    if let Ok(true) = self.decoder.decode_into(&frame, packet) {
                        if let Some(recorder) = &mut self.recorder {
                            recorder.frame(&frame, packet);
                        }
                        self.engine.handle(packet);
                    }
                }
                Next::Nothing => return Ok(()),
            }
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        let due = self.engine.poll_timeout();
        let until_due = due.map_or(PATIENCE, |due| (due + BEHIND).since(self.clock.now()));
        until_due.min(PATIENCE)
    }
}
