//! A sensor without a kernel: the frames of a capture go through decoder, engine and recorder as in
//! the run loop of `watch`.

use std::fs;
use std::path::{Path, PathBuf};

use tripline::run::FrameSource as _;
use tripline::watch::record::{Options, RecordedInterface, Recorder};
use tripline::{capture, data, run, settings};
use tripline_core::event::{Event, Incident};
use tripline_core::settings::Settings;
use tripline_core::{Config, Emit, Engine};
use tripline_packet::{Addr, Decoder, Duration, Frame, LinkType, Packet, Prefix, Timestamp};

/// So long after the last frame the sensor is stopped: everything is silent or answered by then.
const AFTER: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_secs(1);

/// A sensor that records.
pub(crate) struct Sensor {
    pub(crate) engine: Engine,
    pub(crate) recorder: Recorder,
    pub(crate) events: Vec<Event>,
    decoder: Decoder,
    packet: Packet,
    now: Timestamp,
    next_look: Timestamp,
}

impl Sensor {
    pub(crate) fn new(settings: &Settings, options: &Options, link: LinkType) -> Self {
        let interface = RecordedInterface { name: "lab0".into(), link };
        let recorder = Recorder::start(options, &settings.home, vec![interface]).unwrap();
        let engine = Engine::new(Config {
            settings: settings.clone(),
            catalog: data::catalog().unwrap(),
            likelihoods: data::likelihoods().unwrap(),
            tools: data::tools().unwrap(),
            // Another key than `read` has.
            key: [3, 5],
            emit: Emit::Updates,
        });
        Self {
            engine,
            recorder,
            events: Vec::new(),
            decoder: Decoder::new(),
            packet: Packet::EMPTY,
            now: Timestamp::EPOCH,
            next_look: Timestamp::EPOCH,
        }
    }

    pub(crate) fn frame(&mut self, frame: &Frame<'_>) {
        let packet = &mut self.packet;
        (packet.src, packet.dst) = (Addr::UNSPECIFIED, Addr::UNSPECIFIED);
        let read = self.decoder.decode_into(frame, packet);
        if let Ok(is_packet) = read {
            self.recorder.frame(frame, packet, is_packet, 0);
        }
        if let Ok(true) = read {
            self.engine.handle(packet);
        }
        self.now = self.now.max(frame.time);
        self.drain();
        if self.now >= self.next_look {
            self.next_look = self.now + LOOK;
            self.look();
        }
    }

    pub(crate) fn look(&mut self) {
        self.recorder.look(&self.engine, self.now);
        self.events.append(&mut self.recorder.take_events());
    }

    fn drain(&mut self) {
        let mut is_news = false;
        while let Some(event) = self.engine.poll() {
            is_news |= matches!(event, Event::Incident(_));
            self.recorder.event(&event);
            self.events.push(event);
        }
        if is_news {
            self.look();
        }
    }

    /// Lets time pass, and ends. Tells what was told.
    pub(crate) fn finish(mut self) -> (Vec<Event>, Timestamp) {
        self.now = self.now + AFTER;
        self.engine.handle_timeout(self.now);
        self.drain();
        self.look();
        self.recorder.finish(&self.engine, self.now);
        (self.events, self.now)
    }
}

/// A golden case.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) input: PathBuf,
}

/// All golden cases, by name, with the home networks that are inferred where none are set.
pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(folder.join("case.toml")) else {
            continue;
        };
        let form: toml::Table = text.parse().unwrap();
        let own = form.get("settings").map(|own| toml::to_string(own).unwrap());
        let settings = settings::parse(&own.unwrap_or_default(), "case").unwrap().detection;
        let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
        let is_input =
            |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("input.");
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for input in files.filter(is_input) {
            let mut settings = settings.clone();
            settings.home = home(&input, &settings);
            // Without a home, `read` would infer one of the recording.
            if !settings.home.is_empty() {
                cases.push(Case { name: name.clone(), settings, input });
            }
        }
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

fn home(input: &Path, settings: &Settings) -> Vec<Prefix> {
    if !settings.home.is_empty() {
        return settings.home.clone();
    }
    match read(&[input.to_owned()], settings).pop() {
        Some(Event::Summary(summary)) => summary.home,
        _ => Vec::new(),
    }
}

/// What `read` makes of captures.
pub(crate) fn read(paths: &[PathBuf], settings: &Settings) -> Vec<Event> {
    let mut events = Vec::new();
    let mut source = capture::open(paths).unwrap();
    run::run(&mut source, settings.clone(), &mut events, &mut ()).unwrap();
    events
}

/// Hands each frame of a capture to somebody.
pub(crate) fn each_frame(path: &Path, mut take: impl FnMut(&Frame<'_>)) {
    let mut source = capture::open(&[path.to_owned()]).unwrap();
    while let Some(frame) = source.next_frame() {
        take(&frame.unwrap());
    }
}

pub(crate) fn incidents(events: &[Event]) -> Vec<&Incident> {
    let mut incidents = Vec::new();
    for event in events {
        if let Event::Incident(incident) = event {
            incidents.push(&**incident);
        }
    }
    incidents
}

/// The files of a recording.
pub(crate) fn parts(folder: &Path, id: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let is_part = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(id) && name.ends_with(".pcapng")
    };
    let mut parts: Vec<PathBuf> = files.filter(is_part).collect();
    parts.sort();
    parts
}

/// What a recording tells when it is replayed as its settings say.
pub(crate) fn replay(folder: &Path, id: &str) -> Vec<Event> {
    let settings = settings::read(&folder.join(format!("{id}.toml"))).unwrap();
    read(&parts(folder, id), &settings.detection)
}
