//! What `watch --record` writes: replayed, it gives the same incidents; and it keeps its bounds.
#![cfg(target_os = "linux")]

mod rig;

use std::path::Path;

use tripline::watch::record::Options;
use tripline_core::event::{Event, Incident};
use tripline_packet::LinkType;

use rig::Sensor;

fn differences(one: &Incident, other: &Incident) -> Vec<String> {
    let value = |incident: &Incident| serde_json::to_value(incident).unwrap();
    let (one, other) = (value(one), value(other));
    let (one, other) = (one.as_object().unwrap(), other.as_object().unwrap());
    let differing = one.iter().filter(|(key, value)| other[*key] != **value);
    differing.map(|(key, value)| format!("{key}: {value} | {}", other[key])).collect()
}

#[test]
fn survey() {
    for case in rig::cases() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = case.settings.clone();
        let events = rig::read(std::slice::from_ref(&case.input), &settings);
        let Some(Event::Summary(summary)) = events.last() else { panic!() };
        settings.home = summary.home.clone();
        if settings.home.is_empty() { println!("{}: no home", case.name); continue; }
        let mut link = LinkType::Ethernet;
        rig::each_frame(&case.input, |frame| link = frame.link);
        let options = Options::new(folder.path().to_owned(), 256_000_000);
        let mut sensor = Sensor::new(&settings, &options, link);
        rig::each_frame(&case.input, |frame| sensor.frame(frame));
        let (events, end) = sensor.finish();
        for event in &events { if let Event::Notice(notice) = event { println!("{}: notice {}", case.name, notice.message); } }
        settings.replay.until = Some(end);
        let truth = rig::read(std::slice::from_ref(&case.input), &settings);
        for expected in rig::incidents(&truth) {
            survey_one(&case.name, folder.path(), expected);
        }
    }
}

fn survey_one(name: &str, folder: &Path, expected: &Incident) {
    let id = &expected.id;
    let what = format!("{name} {} {id}", expected.verdict.name());
    if !folder.join(format!("{id}.toml")).exists() { println!("{what}: MISSING"); return; }
    let got = rig::replay(folder, id);
    let got = rig::incidents(&got);
    let others: Vec<&str> = got.iter().filter(|i| i.id != *id).map(|i| i.verdict.name()).collect();
    let Some(same) = got.iter().find(|got| got.id == *id) else { println!("{what}: NOT FOUND; others {others:?}"); return; };
    println!("{what}: others {others:?}");
    for one in differences(expected, same) {
        let one: String = one.chars().take(600).collect();
        println!("      {one}");
    }
}
