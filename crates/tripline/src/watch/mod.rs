//! The run loop of a sensor: frames from the kernel's rings in, events out, curtailments done.
//!
//! ```text
//! rings ──▶ Frame ──▶ Packet ──▶ Engine ──▶ Event ──▶ sinks
//!   │         host ──▶ listening ──┘           └──▶ Curtailer ──▶ helper ──▶ kernel
//!   └──▶ Recorder ──▶ capture files of incidents
//! ```
//!
//! One thread does all of it, so nothing needs a lock. What takes longer than a few microseconds
//! (reading the socket table, comparing the kernel's sets) is done once in a while.

pub mod clock;
pub mod control;
pub mod curtail;
pub mod host;
pub mod keeper;
pub mod links;
pub mod record;
pub mod status;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result};
use tripline_capture::live::{Live, Next};
use tripline_core::Engine;
use tripline_core::event::{Event, Incident, Notice, SCHEMA_VERSION, ServiceEvent};
use tripline_packet::{Addr, Decoder, Duration, Packet, Timestamp};

use crate::output::Sink;

use tripline_store::Known;

use clock::{Clock, Jump};
use control::Control;
use curtail::Curtailer;
use host::Host;
use keeper::Keeper;
use links::Links;
use record::Recorder;
use status::{Board, Status};

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
    recorder: Option<Recorder>,
    control: Option<Control>,
    board: Board,
    status: Lists,
}

/// What the status has of what was told.
#[derive(Debug, Default)]
struct Lists {
    incidents: VecDeque<Incident>,
    notices: VecDeque<Notice>,
    services: Vec<ServiceEvent>,
}

impl Lists {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Incident(new) => {
                let same = |old: &Incident| old.id == new.id;
                status::latest(&mut self.incidents, Incident::clone(new), SHOWN_INCIDENTS, same);
            }
            Event::Notice(new) => {
                status::latest(&mut self.notices, new.clone(), SHOWN_NOTICES, |_| false);
            }
            _ => {}
        }
    }
}

/// Incidents, notices, services and suspects in the status.
const SHOWN_INCIDENTS: usize = 100;
const SHOWN_NOTICES: usize = 50;
const SHOWN_SERVICES: usize = 1_000;
const SHOWN_SUSPECTS: usize = 50;

/// How often the inventory is kept.
const KEEPING: Duration = Duration::from_secs(60);
/// How often the sensor looks at what changes slowly: who listens, who is protected, what was lost.
const LOOK: Duration = Duration::from_secs(1);
/// How often the kernel's sets are compared with what is in force.
const COMPARISON: Duration = Duration::from_secs(2);
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
            recorder: None,
            control: None,
            board: Board::default(),
            status: Lists::default(),
        }
    }

    /// Keeps what is told, and takes up what was known before.
    pub fn remember(&mut self, known: Vec<Known>, keeper: Keeper) {
        for Known { service, first, last, clients } in known {
            self.engine.remember(service, (first, last), clients);
        }
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
            self.look(sink)?;
            self.answer();
            self.frames(&mut packet)?;
            let now = self.clock.now() - BEHIND;
            self.engine.handle_timeout(now);
            self.drain(sink)?;
        }
        self.keep();
        if let Some(recorder) = &mut self.recorder {
            recorder.finish(&self.engine, self.clock.now() - BEHIND);
        }
        Ok(())
    }

    /// Keeps the inventory.
    fn keep(&mut self) {
        let services = self.engine.services();
        self.status.services = services.iter().take(SHOWN_SERVICES).cloned().collect();
        if let Some(keeper) = &mut self.keeper {
            keeper.services(services);
        }
    }

    /// Handles what is there, or waits a little for it.
    fn frames(&mut self, packet: &mut Packet) -> Result<()> {
        for _ in 0..FRAMES_PER_LOOK {
            match self.links.live.next(self.patience()).context("cannot wait for frames")? {
                Next::Frame(mut frame, ring) => {
                    self.counts.frames += 1;
                    frame.time = self.clock.of(frame.time);
                    (packet.src, packet.dst) = (Addr::UNSPECIFIED, Addr::UNSPECIFIED);
                    let read = self.decoder.decode_into(&frame, packet);
                    if let (Some(recorder), Ok(is_packet)) = (&mut self.recorder, read) {
                        recorder.frame(&frame, packet, is_packet, ring as u16);
                    }
                    if let Ok(true) = read {
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

    /// Answers what was asked on the control socket.
    fn answer(&mut self) {
        while let Some(question) = self.control.as_ref().and_then(Control::next) {
            let now = self.clock.now();
            let answer =
                control::answer(&question.request, &question.who, &mut self.curtailer, now);
            question.reply(answer);
        }
    }

    /// Looks at what changes slowly.
    fn look(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let moment = Instant::now();
        if moment < self.next_look {
            return Ok(());
        }
        self.next_look = moment + LOOK;
        if let Some(jump) = self.clock.check() {
            self.tell(jumped(jump, self.clock.now()), sink)?;
        }
        let now = self.clock.now();
        if let Err(error) = self.look_at_host(now) {
            let message = format!("the kernel does not tell what this machine offers: {error}");
            self.tell(notice("host_unknown", Some(now), message), sink)?;
        }
        self.look_at_links(now, sink)?;
        self.look_at_recordings();
        self.curtailer.expire(now);
        if moment >= self.next_keeping {
            self.next_keeping = moment + KEEPING;
            self.keep();
        }
        if moment >= self.next_comparison {
            self.next_comparison = moment + COMPARISON;
            self.curtailer.reconcile(now);
        }
        self.publish(now);
        Ok(())
    }

    fn look_at_host(&mut self, now: Timestamp) -> io::Result<()> {
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        let listening = host.listening()?;
        self.curtailer.set_offered(&listening);
        self.engine.set_listening(listening);
        self.curtailer.set_protected(host.protected()?, host::links()?, now);
        Ok(())
    }

    /// Tells of frames that were lost, and of interfaces that come and go.
    fn look_at_links(&mut self, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let look = match self.links.look(now, LOOK) {
            Ok(look) => look,
            Err(error) => {
                let message = format!("the kernel does not tell of its interfaces: {error}");
                return self.tell(notice("interface_trouble", Some(now), message), sink);
            }
        };
        if look.lossy {
            self.engine.frames_lost();
        }
        self.counts.drops = self.links.drops();
        look.events.into_iter().try_for_each(|event| self.tell(event, sink))
    }

    fn look_at_recordings(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.look(&self.engine, self.clock.now() - BEHIND);
        }
    }

    /// Puts up how the sensor is doing.
    fn publish(&mut self, now: Timestamp) {
        let control::Answer::InForce(curtailed) =
            control::answer(&control::Request::Curtailed, "", &mut self.curtailer, now)
        else {
            return;
        };
        self.board.put(Status {
            started: self.started,
            now,
            mode: self.curtailer.mode(),
            interfaces: self.links.status(),
            events: self.counts.events,
            not_kept: self.keeper.as_ref().map_or(0, Keeper::lost),
            engine: self.engine.status(SHOWN_SUSPECTS),
            incidents: self.status.incidents.clone(),
            services: self.status.services.clone(),
            curtailed,
            notices: self.status.notices.clone(),
        });
    }

    /// Hands over what there is to tell.
    fn drain(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let mut is_news = false;
        while let Some(event) = self.engine.poll() {
            if let Event::Incident(incident) = &event {
                self.curtailer.consider(incident, self.clock.now());
                is_news = true;
            }
            if let Some(recorder) = &mut self.recorder {
                recorder.event(&event);
            }
            self.tell(event, sink)?;
        }
        if is_news {
            self.look_at_recordings();
        }
        let of_recorder = self.recorder.as_mut().map(Recorder::take_events).unwrap_or_default();
        for event in self.curtailer.take_events().into_iter().chain(of_recorder) {
            self.tell(event, sink)?;
        }
        Ok(())
    }

    fn tell(&mut self, event: Event, sink: &mut dyn Sink) -> Result<()> {
        self.counts.events += 1;
        self.status.note(&event);
        if let Some(keeper) = &mut self.keeper {
            keeper.event(&event);
        }
        sink.event(event).context("cannot write an event")
    }
}

pub(crate) fn notice(name: &str, time: Option<Timestamp>, message: String) -> Event {
    Event::Notice(Notice { schema: SCHEMA_VERSION, name: name.to_owned(), time, message })
}

fn jumped(jump: Jump, now: Timestamp) -> Event {
    let message = match jump {
        Jump::Forward(by) => format!(
            "the clock of this machine was set forward by {:.1} s; timers of that time have run",
            by.as_secs_f64()
        ),
        Jump::Backward(by) => format!(
            "the clock of this machine was set back by {:.1} s; times of events go on as before \
             until tripline is started anew",
            by.as_secs_f64()
        ),
    };
    notice("clock_set", Some(now), message)
}
