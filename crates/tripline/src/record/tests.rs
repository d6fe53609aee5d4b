use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tripline_capture::CaptureFile;
use tripline_core::event::{Event, Incident};
use tripline_core::{Config, Emit, Engine, Service};
use tripline_packet::{Decoder, Packet};

use super::*;
use crate::{data, settings};

fn engine(settings: Settings, emit: Emit) -> Engine {
    Engine::new(Config {
        settings,
        catalog: data::catalog().unwrap(),
        likelihoods: data::likelihoods().unwrap(),
        tools: data::tools().unwrap(),
        key: [3, 4],
        emit,
    })
}

/// Runs a capture through an engine; `look` sees each frame and what it gave.
fn run(
    path: &Path,
    engine: &mut Engine,
    mut look: impl FnMut(&Frame<'_>, &Packet, Vec<Event>, &Engine),
) {
    let mut file = CaptureFile::open(path).unwrap();
    let (mut decoder, mut packet) = (Decoder::new(), Packet::EMPTY);
    while let Some(frame) = file.next_frame() {
        let frame = frame.unwrap();
        if let Ok(true) = decoder.decode_into(&frame, &mut packet) {
            engine.handle(&packet);
            let events = std::iter::from_fn(|| engine.poll()).collect();
            look(&frame, &packet, events, engine);
        }
    }
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "pcap"))
        .collect();
    found.sort();
    found
}

fn case(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases").join(name);
    ["input.pcap", "input.pcap.zst"]
        .map(|file| folder.join(file))
        .into_iter()
        .find(|path| path.exists())
        .unwrap()
}

/// What must be the same of an incident that is read again.
fn gist(incident: &Incident) -> String {
    format!(
        "{} {:?} {:?} {:?} {:?} {} {:?} {}",
        incident.id,
        incident.verdict,
        incident.shape,
        incident.techniques,
        incident.sources,
        incident.port_list,
        incident.proof,
        incident.first,
    )
}

fn home() -> Settings {
    Settings { home: vec!["192.0.2.0/24".parse().unwrap()], ..Settings::default() }
}

#[test]
fn what_is_recorded_tells_the_same_incidents() {
    for name in ["follow-up-ssh", "nmap-connect-vertical", "nmap-fin-vertical", "masscan-banners"] {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::start(folder.path(), 1 << 30).unwrap();
        let mut live = engine(home(), Emit::Updates);
        let mut told = BTreeMap::new();
        run(&case(name), &mut live, |frame, packet, events, engine| {
            recorder.frame(frame, packet);
            for event in events {
                if let Event::Incident(incident) = event {
                    let offered: Vec<Service> = engine
                        .services()
                        .iter()
                        .map(|event| Service {
                            host: event.host,
                            protocol: event.protocol,
                            port: event.port,
                        })
                        .collect();
                    recorder.incident(&incident, &home(), &offered);
                }
            }
        });
        // The last word on each, as a file is told.
        let mut whole = engine(home(), Emit::Final);
        run(&case(name), &mut whole, |_, _, _, _| {});
        whole.finish();
        for event in std::iter::from_fn(|| whole.poll()) {
            if let Event::Incident(incident) = event {
                told.insert(incident.id.clone(), gist(&incident));
            }
        }
        let written = recorder.finish();
        assert!(written.frames > 0 && written.lost == 0, "{name}: {written:?}");
        let files = captures(folder.path());
        assert_eq!(files.len(), 1, "{name}");
        let settings = settings::read(&files[0].with_extension("toml")).unwrap().detection;
        let mut again = engine(settings, Emit::Final);
        run(&files[0], &mut again, |_, _, _, _| {});
        again.finish();
        let read: BTreeMap<String, String> = std::iter::from_fn(|| again.poll())
            .filter_map(|event| match event {
                Event::Incident(incident) => Some((incident.id.clone(), gist(&incident))),
                _ => None,
            })
            .collect();
        assert!(!told.is_empty(), "{name} tells nothing");
        assert_eq!(read, told, "{name}");
    }
}

fn order(files: &mut Files, second: i64, data: &[u8]) {
    let mut frames = Frames::default();
    frames.add(&Frame {
        time: Timestamp::from_parts(1_800_000_000 + second, 0),
        link: tripline_packet::LinkType::Ethernet,
        wire_len: data.len() as u32,
        data,
    });
    files.order(Order::Frames(frames));
}

#[test]
fn the_oldest_files_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let most = 64 << 10;
    let mut files = Files::start(folder.path(), most).unwrap();
    for second in 0..2_000 {
        order(&mut files, second, &[7; 100]);
    }
    let written = files.finish();
    assert_eq!(written, Written { frames: 2_000, lost: 0 });
    let found = captures(folder.path());
    let all: u64 = found.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert!(found.len() > 4 && all <= most, "{} files, {all} bytes", found.len());
    // Each is whole, and the last frame is there.
    let mut last = None;
    for path in &found {
        let mut file = CaptureFile::open(path).unwrap();
        while let Some(frame) = file.next_frame() {
            last = Some(frame.unwrap().time);
        }
    }
    assert_eq!(last, Some(Timestamp::from_parts(1_800_001_999, 0)));
}

#[test]
fn a_folder_that_is_gone_is_told_and_costs_only_the_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("record");
    let mut files = Files::start(&path, 1 << 20).unwrap();
    std::fs::remove_dir(&path).unwrap();
    order(&mut files, 1, &[7; 100]);
    let began = std::time::Instant::now();
    let trouble = loop {
        if let Some(trouble) = files.trouble() {
            break trouble;
        }
        assert!(began.elapsed().as_secs() < 10, "no trouble was told");
        std::thread::yield_now();
    };
    assert!(trouble.contains("cannot record"), "{trouble}");
    std::fs::create_dir(&path).unwrap();
    order(&mut files, 2, &[7; 100]);
    assert_eq!(files.finish(), Written { frames: 1, lost: 1 });
}
