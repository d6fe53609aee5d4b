//! What `watch --record` writes: replayed, it gives the same incidents; and it keeps its bounds.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

mod frames;
mod rig;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration as Wait;

use serde_json::Value;
use tripline::watch::record::Options;
use tripline_core::event::{Event, Incident, Verdict};
use tripline_core::settings::Settings;
use tripline_core::{Listening, Protocol, Service, Standing};
use tripline_packet::{Addr, Duration, LinkType};

use rig::{Case, Sensor};

const MUCH: u64 = 256_000_000;

/// Records a case; tells what `read` makes of the whole capture, with the same time to end.
fn record(case: &Case, options: &Options) -> Vec<Event> {
    let mut settings = case.settings.clone();
    let mut link = LinkType::Ethernet;
    rig::each_frame(&case.input, |frame| link = frame.link);
    let mut sensor = Sensor::new(&settings, options, link);
    rig::each_frame(&case.input, |frame| sensor.frame(frame));
    let (events, end) = sensor.finish();
    let notices = events.iter().filter(|event| matches!(event, Event::Notice(_)));
    assert_eq!(notices.count(), 0, "{}: {events:?}", case.name);
    settings.replay.until = Some(end);
    rig::read(std::slice::from_ref(&case.input), &settings)
}

/// An incident as it is told, without the words for why a service had its standing: they name times
/// at which others had used it, or at which the sensor had been started.
fn without_reasons(incident: &Incident) -> Value {
    let mut value = serde_json::to_value(incident).unwrap();
    for step in value["evidence"].as_array_mut().unwrap() {
        step["reason"].take();
    }
    value
}

/// What is wrong with the recording of an incident.
fn compare(folder: &Path, expected: &Incident) -> Result<(), String> {
    let told = rig::replay(folder, &expected.id);
    let told: Vec<Value> = rig::incidents(&told).into_iter().map(without_reasons).collect();
    let expected = without_reasons(expected);
    if told == [expected.clone()] {
        return Ok(());
    }
    Err(format!("expected {expected:#}\ngot {told:#?}"))
}

#[test]
fn every_incident_of_the_golden_cases_is_told_again() {
    let mut compared = 0;
    for case in rig::cases() {
        let folder = tempfile::tempdir().unwrap();
        let truth = record(&case, &Options::new(folder.path().to_owned(), MUCH));
        for expected in rig::incidents(&truth) {
            compare(folder.path(), expected).unwrap_or_else(|why| panic!("{}: {why}", case.name));
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared} incidents");
}

/// The ring goes back to the attempt before, and not to the first.
#[test]
fn slow_sweeps_are_put_aside_before_they_are_forgotten() {
    for (name, seconds) in [("nmap-t0", 400), ("nmap-t1", 20), ("masscan-slow", 20)] {
        let case = rig::cases().into_iter().find(|case| case.name == name).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let usual = Options::new(folder.path().to_owned(), MUCH);
        let truth = record(&case, &Options { age: Duration::from_secs(seconds), ..usual });
        let told = rig::incidents(&truth);
        assert!(told[0].pace.seconds > 2.0 * seconds as f64, "{name}: {:?}", told[0].pace);
        compare(folder.path(), told[0]).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

const HOST: u32 = 0xc000_020a;
const SWEEPER: u32 = 0xcb00_7107;

fn at_home() -> Settings {
    Settings { home: vec!["192.0.2.0/24".parse().unwrap()], ..Settings::default() }
}

fn sensor(options: &Options) -> Sensor {
    Sensor::new(&at_home(), options, frames::LINK)
}

/// Many ports of the host, refused, from a time on in milliseconds.
fn sweep(sensor: &mut Sensor, source: u32, from: u64, ports: u16) {
    for port in 1..=ports {
        let [syn, reset] = frames::refused(source, HOST, port);
        let at = from + u64::from(port) * 10;
        sensor.frame(&frames::frame(at, &syn));
        sensor.frame(&frames::frame(at + 1, &reset));
    }
}

fn ids(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    names.map(|name| name.to_string_lossy()[..12].to_owned()).collect()
}

fn notices(events: &[Event]) -> Vec<&str> {
    let mut names = Vec::new();
    for event in events {
        if let Event::Notice(notice) = event {
            names.push(notice.name.as_str());
        }
    }
    names
}

/// On the machine itself the kernel says what is offered, and no frame does.
#[test]
fn who_listens_is_told_beside_the_frames() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = sensor(&Options::new(folder.path().to_owned(), MUCH));
    let host = Addr::from_v4_bits(HOST);
    let service = |port| Service { host, protocol: Protocol::Tcp, port };
    let services = BTreeSet::from([service(3), service(5)]);
    sensor.engine.set_listening(Listening {
        own: BTreeSet::from([host]),
        services,
        ..Listening::default()
    });
    for port in 1..=60 {
        let syn = frames::silent(SWEEPER, HOST, port);
        sensor.frame(&frames::frame(u64::from(port) * 500, &syn));
    }
    let (events, _) = sensor.finish();
    let live = rig::incidents(&events);
    let last = live.last().unwrap();
    assert_eq!(last.verdict, Verdict::Sweep);
    let told = rig::replay(folder.path(), &last.id);
    let told = rig::incidents(&told);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].verdict, told[0].id.as_str()), (last.verdict, last.id.as_str()));
    assert_eq!((told[0].services, told[0].verdict_at), (60, last.verdict_at));
    let standings = |incident: &Incident| -> Vec<(Standing, String)> {
        let steps = incident.evidence.iter().take(last.evidence.len());
        steps.map(|step| (step.standing, step.reason.clone())).collect()
    };
    assert_eq!(standings(told[0]), standings(last));
    assert!(standings(told[0]).iter().any(|(_, why)| why.contains("no program")));
}

/// Traffic of others, as much as makes the ring forget, is not recorded, and what it taught is kept.
#[test]
fn nobody_elses_frames_are_in_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = sensor(&Options::new(folder.path().to_owned(), MUCH));
    let [_, reset] = frames::refused(SWEEPER + 1, HOST, 9);
    sensor.frame(&frames::frame(0, &reset));
    for number in 0..3_000 {
        let [syn, reset] = frames::refused(SWEEPER + 1, HOST + 1 + number % 3, 22);
        sensor.frame(&frames::frame(1 + u64::from(number), &syn));
        sensor.frame(&frames::frame(1 + u64::from(number), &reset));
    }
    sweep(&mut sensor, SWEEPER, 10_000, 200);
    let (events, _) = sensor.finish();
    let swept = rig::incidents(&events)
        .into_iter()
        .find(|incident| incident.sources == [Addr::from_v4_bits(SWEEPER)]);
    let parts = rig::parts(folder.path(), &swept.unwrap().id);
    let mut frames = 0;
    for part in parts {
        rig::each_frame(&part, |frame| {
            let address =
                |at: usize| u32::from_be_bytes(frame.data[at..at + 4].try_into().unwrap());
            assert!([address(12), address(16)].contains(&SWEEPER));
            frames += 1;
        });
    }
    assert_eq!(frames, 400);
}

#[test]
fn the_oldest_recordings_make_room() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.txt"), "not a recording").unwrap();
    let most = 1_000_000;
    let mut sensor = sensor(&Options::new(folder.path().to_owned(), most));
    // Each sweep makes about 90 kB.
    for number in 0..30 {
        sweep(&mut sensor, SWEEPER + number, u64::from(number) * 20_000, 600);
    }
    let (events, _) = sensor.finish();
    let mut told: Vec<String> = Vec::new();
    for incident in rig::incidents(&events) {
        if !told.contains(&incident.id) {
            told.push(incident.id.clone());
        }
    }
    assert_eq!(told.len(), 30);
    fs::remove_file(folder.path().join("mine.txt")).unwrap();
    let kept = ids(folder.path());
    assert!((7..=11).contains(&kept.len()), "{kept:?}");
    let latest: BTreeSet<String> = told[30 - kept.len()..].iter().cloned().collect();
    assert_eq!(kept, latest);
    let sizes = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap());
    assert!(sizes.map(|about| about.len()).sum::<u64>() <= most);
    // What is kept is whole.
    assert_eq!(rig::incidents(&rig::replay(folder.path(), told.last().unwrap())).len(), 1);
}

#[test]
fn a_long_recording_has_parts_and_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = sensor(&Options::new(folder.path().to_owned(), 1_000_000));
    sweep(&mut sensor, SWEEPER, 0, 5_000);
    let (events, _) = sensor.finish();
    assert_eq!(notices(&events), ["record_full"]);
    let id = &rig::incidents(&events)[0].id;
    let parts = rig::parts(folder.path(), id);
    assert_eq!(parts.len(), 4, "{parts:?}");
    let sizes = parts.iter().map(|part| fs::metadata(part).unwrap().len());
    assert!(sizes.sum::<u64>() <= 252_000);
    let told = rig::replay(folder.path(), id);
    assert_eq!(rig::incidents(&told)[0].services, 250_000 / 72 / 2);
}

/// `/dev/full` takes the place of a file on a disk that is full.
#[test]
fn a_full_disk_is_told_once_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let usual = Options::new(folder.path().to_owned(), MUCH);
    let options = Options { retry: Wait::from_millis(50), ..usual };
    let mut first = sensor(&options);
    sweep(&mut first, SWEEPER, 0, 50);
    let (events, _) = first.finish();
    let id = rig::incidents(&events)[0].id.clone();
    let part = rig::parts(folder.path(), &id).remove(0);
    fs::remove_file(&part).unwrap();
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();

    let mut sensor = sensor(&options);
    sweep(&mut sensor, SWEEPER, 0, 50);
    sensor.look();
    let mut told = Vec::new();
    while told.is_empty() {
        std::thread::sleep(Wait::from_millis(20));
        sensor.look();
        told = notices(&sensor.events);
    }
    assert_eq!(told, ["record_failed"]);
    for round in 1..5 {
        sweep(&mut sensor, SWEEPER, round * 1_000, 50);
        std::thread::sleep(Wait::from_millis(60));
        sensor.look();
    }
    assert_eq!(notices(&sensor.events), ["record_failed"]);
    fs::remove_file(&part).unwrap();
    for round in 5..50 {
        sweep(&mut sensor, SWEEPER, round * 1_000, 50);
        std::thread::sleep(Wait::from_millis(20));
        sensor.look();
        if notices(&sensor.events).len() > 1 {
            break;
        }
    }
    sweep(&mut sensor, SWEEPER, 60_000, 100);
    let (events, _) = sensor.finish();
    assert_eq!(notices(&events), ["record_failed", "record_again"]);
    // What was written then is a file like any other.
    let mut frames = 0;
    rig::each_frame(&part, |_| frames += 1);
    assert!(frames >= 200, "{frames}");
}

#[test]
fn a_torn_end_costs_the_last_frame_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut sensor = sensor(&Options::new(folder.path().to_owned(), MUCH));
    sweep(&mut sensor, SWEEPER, 0, 50);
    let (events, _) = sensor.finish();
    let id = &rig::incidents(&events)[0].id;
    let part = rig::parts(folder.path(), id).remove(0);
    let len = fs::metadata(&part).unwrap().len();
    fs::OpenOptions::new().write(true).open(&part).unwrap().set_len(len - 30).unwrap();
    let told = rig::replay(folder.path(), id);
    assert_eq!(notices(&told)[0], "damaged_capture");
    assert_eq!(rig::incidents(&told)[0].id, *id);
    let Some(Event::Summary(summary)) = told.last() else { panic!("no summary") };
    assert_eq!(summary.packets, 99);
}

/// Somebody else's reader takes the files, too.
#[test]
fn the_files_are_as_the_format_wants_them() {
    use pcap_parser::traits::PcapNGPacketBlock as _;
    use pcap_parser::{Block, OptionCode, parse_pcapng};

    let folder = tempfile::tempdir().unwrap();
    let mut sensor = sensor(&Options::new(folder.path().to_owned(), MUCH));
    sweep(&mut sensor, SWEEPER, 0, 50);
    let (events, _) = sensor.finish();
    let id = &rig::incidents(&events)[0].id;
    let bytes = fs::read(rig::parts(folder.path(), id).remove(0)).unwrap();
    let (rest, file) = parse_pcapng(&bytes).unwrap();
    assert!(rest.is_empty());
    let mut packets = 0;
    for block in file.sections.into_iter().flat_map(|section| section.blocks) {
        match block {
            Block::SectionHeader(section) => {
                let comment = section.options.iter().find(|one| one.code == OptionCode::Comment);
                let comment = String::from_utf8_lossy(&comment.unwrap().value).into_owned();
                assert!(comment.contains("192.0.2.0/24") && comment.contains(id), "{comment}");
            }
            Block::InterfaceDescription(interface) => {
                assert_eq!((interface.linktype.0, interface.if_tsresol), (101, 9));
            }
            Block::EnhancedPacket(packet) => {
                let expected = frames::refused(SWEEPER, HOST, 1 + packets / 2);
                assert_eq!(packet.packet_data(), expected[usize::from(packets % 2)]);
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let millis = u64::from(1 + packets / 2) * 10 + u64::from(packets % 2);
                assert_eq!(ticks, (1_795_399_000_000 + millis) * 1_000_000);
                packets += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(packets, 100);
}
