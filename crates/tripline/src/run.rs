//! The run loop: frames in, events out.
//!
//! This is the only place that knows both where frames come from and where events go. It opens
//! nothing itself: frames come from a [`FrameSource`], events go to a [`Sink`], and whoever
//! watches hears of progress and trouble through a [`Watch`].

use anyhow::Result;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher as _;

use tripline_core::event::{Event, NamedCount, Notice, SCHEMA_VERSION};
use tripline_core::home::{HomeInference, InferredHome};
use tripline_core::settings::Settings;
use tripline_core::{Config, Emit, Engine};
use tripline_packet::{Decoder, Frame, Packet, Timestamp};

use crate::data;
use crate::output::Sink;
use crate::report::{HOME_INFERRED, words};

/// Where frames come from.
pub trait FrameSource {
    /// The next frame, or why there is none here; the run goes on after an error. `None` at the
    /// end.
    fn next_frame(&mut self) -> Option<Result<Frame<'_>>>;

    /// How far it is.
    fn position(&self) -> Position;
}

/// How far a source is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes read.
    pub read: u64,
    /// Bytes to read, where that is known.
    pub total: Option<u64>,
}

/// Somebody who watches a run.
pub trait Watch {
    /// How far it is; called every few thousand frames.
    fn position(&mut self, position: Position);

    /// A part of the input could not be read.
    fn trouble(&mut self, message: &str);
}

/// Nobody.
impl Watch for () {
    fn position(&mut self, _: Position) {}

    fn trouble(&mut self, _: &str) {}
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// Frames that were read.
    pub frames: u64,
    /// Parts of the input that could not be read.
    pub troubles: u64,
    /// Incidents that somebody has to look at: sweeps, follow-ups, floods.
    pub alerts: u64,
}

/// Frames between two reports of progress. Few enough to be smooth (a millisecond or so), many
/// enough that the clock of the watcher costs nothing.
const FRAMES_PER_REPORT: u64 = 4_096;
/// Frames that make the hash key.
const FRAMES_PER_KEY: u64 = 1_024;

/// Reads `source` to its end, judges what is in it, and hands the events to `sink`.
///
/// # Errors
/// The sink cannot take an event. Trouble with the input is no error: see [`Finished::troubles`].
pub fn run<S: FrameSource>(
    source: &mut S,
    settings: Settings,
    sink: &mut dyn Sink,
    watch: &mut dyn Watch,
) -> Result<Finished> {
    run_telling(source, settings, Emit::Final, sink, watch)
}

/// As [`run`], telling each update of an incident as a sensor does, or its final state alone.
///
/// # Errors
/// As of [`run`].
pub fn run_telling<S: FrameSource>(
    source: &mut S,
    mut settings: Settings,
    emit: Emit,
    sink: &mut dyn Sink,
    watch: &mut dyn Watch,
) -> Result<Finished> {
    let mut intake = Intake::new(source, watch);
    let infer = settings.home.is_empty();
    let wanted = if infer { HomeInference::SAMPLE } else { FRAMES_PER_KEY as usize };
    let (sample, inferred) = intake.sample(wanted, infer, sink)?;
    if let Some(inferred) = inferred {
        sink.event(home_notice(&inferred, intake.now))?;
        settings.home = inferred.home;
    }

    let mut engine = engine(settings, intake.key(), emit)?;
    let mut alerts = 0;
    for packet in &sample {
        engine.handle(packet);
        alerts += drain(&mut engine, sink)?;
    }
    drop(sample);
    let mut packet = Packet::EMPTY;
    while intake.next(&mut packet, sink)? {
        engine.handle(&packet);
        alerts += drain(&mut engine, sink)?;
    }
    engine.finish();
    alerts += drain(&mut engine, sink)?;
    for service in engine.services() {
        sink.event(Event::Service(service))?;
    }
    let mut summary = engine.summary();
    summary.malformed = intake.unread();
    sink.event(Event::Summary(Box::new(summary)))?;
    Ok(Finished { frames: intake.frames, troubles: intake.troubles, alerts })
}

fn engine(settings: Settings, key: [u64; 2], emit: Emit) -> Result<Engine> {
    Ok(Engine::new(Config {
        settings,
        catalog: data::catalog()?,
        likelihoods: data::likelihoods()?,
        tools: data::tools()?,
        key,
        emit,
    }))
}

/// Hands over what the engine has to report; returns how many incidents of it are alerts.
fn drain(engine: &mut Engine, sink: &mut dyn Sink) -> Result<u64> {
    let mut alerts = 0;
    while let Some(event) = engine.poll() {
        if let Event::Incident(incident) = &event {
            alerts += u64::from(words::is_alert(incident.verdict));
        }
        sink.event(event)?;
    }
    Ok(alerts)
}

fn home_notice(inferred: &InferredHome, time: Option<Timestamp>) -> Event {
    let networks: Vec<String> = inferred.home.iter().map(ToString::to_string).collect();
    let networks = match networks.as_slice() {
        [] => "none".to_owned(),
        networks => networks.join(", "),
    };
    notice(
        HOME_INFERRED,
        time,
        format!(
            "home networks inferred as {networks}: {} (--home overrides this)",
            inferred.reason
        ),
    )
}

fn notice(name: &str, time: Option<Timestamp>, message: String) -> Event {
    Event::Notice(Notice { schema: SCHEMA_VERSION, name: name.to_owned(), time, message })
}

/// Frames become packets here, and everything that does not is counted.
struct Intake<'a, S> {
    source: &'a mut S,
    watch: &'a mut dyn Watch,
    decoder: Decoder,
    hasher: SipHasher13,
    frames: u64,
    troubles: u64,
    /// Time of the last frame.
    now: Option<Timestamp>,
}

impl<'a, S: FrameSource> Intake<'a, S> {
    fn new(source: &'a mut S, watch: &'a mut dyn Watch) -> Self {
        Self {
            source,
            watch,
            decoder: Decoder::new(),
            hasher: SipHasher13::new(),
            frames: 0,
            troubles: 0,
            now: None,
        }
    }

    /// The first `wanted` packets, and the home networks that they suggest.
    fn sample(
        &mut self,
        wanted: usize,
        infer: bool,
        sink: &mut dyn Sink,
    ) -> Result<(Vec<Packet>, Option<InferredHome>)> {
        let mut sample = Vec::new();
        let mut inference = HomeInference::default();
        let mut packet = Packet::EMPTY;
        while sample.len() < wanted && self.next(&mut packet, sink)? {
            if infer {
                inference.observe(&packet);
            }
            sample.push(packet);
        }
        Ok((sample, infer.then(|| inference.infer())))
    }

    /// The hash key, made of the first frames with their times.
    ///
    /// It must be the same each time the same input is read, so it cannot come from the machine's
    /// randomness. An attacker who wants addresses that collide has to know it beforehand; for
    /// that he would have to know all that the capture begins with, to the nanosecond.
    fn key(&self) -> [u64; 2] {
        let hash = self.hasher.finish128();
        [hash.h1, hash.h2]
    }

    /// Reads the next packet; `false` at the end. Frames that are none are counted, trouble is told.
    #[inline]
    fn next(&mut self, packet: &mut Packet, sink: &mut dyn Sink) -> Result<bool> {
        loop {
            if self.frames.is_multiple_of(FRAMES_PER_REPORT) {
                self.watch.position(self.source.position());
            }
            let frame = match self.source.next_frame() {
                None => return Ok(false),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    self.troubles += 1;
                    let message = format!("{error:#}");
                    self.watch.trouble(&message);
                    sink.event(notice("damaged_capture", self.now, message))?;
                    continue;
                }
            };
            if self.frames < FRAMES_PER_KEY {
                self.hasher.write_i64(frame.time.nanos());
                self.hasher.write_u32(frame.wire_len);
                self.hasher.write(frame.data);
            }
            self.frames += 1;
            self.now = Some(frame.time);
            // The decoder counts what it does not understand.
            if let Ok(true) = self.decoder.decode_into(&frame, packet) {
                return Ok(true);
            }
        }
    }

    /// What was not read, by reason.
    fn unread(&self) -> Vec<NamedCount> {
        unread(&self.decoder)
    }
}

/// What a decoder did not read, by reason.
pub fn unread(decoder: &Decoder) -> Vec<NamedCount> {
    let malformed = decoder.malformed().map(|(kind, count)| (kind.name(), count));
    let counts = malformed.chain(decoder.skipped());
    counts.map(|(name, count)| NamedCount { name: name.to_owned(), count }).collect()
}
