//! The program on captures that were made to hurt, one by one and all at once.
//!
//! `tests/hostile/EXPECTED.toml` has what each must give; the capture crate's tests write it.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

#[expect(dead_code, reason = "the captures are there already")]
mod rig;

use std::path::{Path, PathBuf};

use rig::Ran;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Expectations {
    capture: Vec<Expectation>,
}

#[derive(Deserialize)]
struct Expectation {
    file: String,
    frames: u64,
    ending: String,
    message: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hostile")
}

fn expectations() -> Vec<Expectation> {
    let text = std::fs::read_to_string(folder().join("EXPECTED.toml")).unwrap();
    let captures = toml::from_str::<Expectations>(&text).unwrap().capture;
    assert!(captures.len() >= 20, "{} captures are left", captures.len());
    captures
}

fn read(options: &[&str], files: &[PathBuf]) -> Ran {
    let mut command = rig::tripline();
    command.arg("read").args(options).args(files);
    command.output().unwrap().into()
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many packets are in files, none if they cannot be read.
fn packets(files: &[PathBuf]) -> u64 {
    let events = events(&read(&["--json"], files));
    events.last().map_or(0, |summary| summary["packets"].as_u64().unwrap())
}

#[test]
fn each_gives_its_frames_and_its_message() {
    for expected in expectations() {
        let file = &expected.file;
        let ran = read(&["--json"], &[folder().join(file)]);
        let nothing = expected.ending != "whole" && expected.frames == 0;
        assert_eq!(ran.code, Some(if nothing { 2 } else { 0 }), "{file}: {}", ran.err);
        match expected.message.filter(|_| expected.ending != "whole") {
            Some(message) => assert!(ran.err.contains(&message), "{file}: {}", ran.err),
            None => assert_eq!(ran.err, "", "{file}"),
        }
        if nothing {
            // What could not even be opened has no totals.
            assert!(ran.out.lines().count() <= 3, "{file}: {}", ran.out);
            continue;
        }
        let events = events(&ran);
        let summary = events.last().unwrap();
        assert_eq!(summary["kind"], "summary", "{file}");
        let malformed = summary["malformed"].as_array().unwrap();
        let malformed: u64 = malformed.iter().map(|kind| kind["count"].as_u64().unwrap()).sum();
        let packets = summary["packets"].as_u64().unwrap();
        assert!(packets <= expected.frames, "{file}: {summary}");
        // Some kinds are counted and read on, so a frame may be both.
        assert!(packets + malformed >= expected.frames, "{file}: {summary}");
    }
}

/// What is wrong with one file is no reason to lose another.
#[test]
fn together_they_give_what_they_give_alone() {
    let expected = expectations();
    let files: Vec<_> = expected.iter().map(|capture| folder().join(&capture.file)).collect();
    let ran = read(&["--json"], &files);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let events = events(&ran);
    let alone: u64 = expected.iter().map(|capture| packets(&[folder().join(&capture.file)])).sum();
    assert_eq!(events.last().unwrap()["packets"].as_u64(), Some(alone), "{}", ran.err);
    for capture in expected.iter().filter(|capture| capture.ending != "whole") {
        let message = capture.message.as_ref().unwrap();
        assert!(ran.err.contains(message), "{message} is missing in {}", ran.err);
    }
    let again = read(&["--json"], &files);
    assert_eq!((again.out, again.err), (ran.out, ran.err));
}

/// The page for people is made of any of them, too.
#[test]
fn each_has_a_page() {
    for expected in expectations().iter().filter(|capture| capture.frames > 0) {
        let ran = read(&[], &[folder().join(&expected.file)]);
        assert_eq!(ran.code, Some(0), "{}: {}", expected.file, ran.err);
        assert!(ran.out.contains("Totals"), "{}", ran.out);
    }
}
