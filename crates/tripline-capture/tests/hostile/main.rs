//! Captures that were made to hurt: each ends with the frames and the message that it should.
//!
//! They lie as files in `tests/hostile/` at the root of the workspace, with `EXPECTED.toml` beside
//! them, so that the tests of the command read the same ones. `captures.rs` makes them and knows
//! how many frames each must give and how it must end; the words of the message are in
//! `EXPECTED.toml`. `TRIPLINE_BLESS=1` writes the files anew.

#[path = "../build/mod.rs"]
mod build;
mod captures;
mod frames;
#[path = "../reading/mod.rs"]
#[expect(dead_code, reason = "nothing dribbles and nothing is merged here")]
mod reading;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use captures::{ALL, End, Hostile};
use reading::Outcome;
use serde::{Deserialize, Serialize};
use tripline_capture::{CaptureFile, Ending};

const EXPECTED: &str = "EXPECTED.toml";
const HEAD: &str = "\
# What reading each of these captures must give: how many frames, how it ends (whole, cut, damaged
# or refused), and the full message, in which the file has no folder before its name.
# Written by `TRIPLINE_BLESS=1 cargo test -p tripline-capture --test hostile`, held by it otherwise.

";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectations {
    capture: Vec<Expectation>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    file: String,
    frames: u64,
    ending: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[test]
fn each_ends_as_it_is_expected_to() {
    let found = Expectations { capture: ALL.iter().map(expectation).collect() };
    let path = folder().join(EXPECTED);
    if blessing() {
        for hostile in ALL {
            fs::write(folder().join(hostile.file), (hostile.bytes)()).unwrap();
        }
        fs::write(&path, HEAD.to_owned() + &toml::to_string(&found).unwrap()).unwrap();
    }
    let expected: Expectations = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for (found, expected) in found.capture.iter().zip(&expected.capture) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.capture.len(), expected.capture.len());
}

#[test]
fn the_files_are_those_that_are_made_here() {
    if blessing() {
        return;
    }
    let names: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != EXPECTED)
        .collect();
    assert_eq!(names, ALL.iter().map(|hostile| hostile.file.to_owned()).collect());
    for hostile in ALL {
        let file = File::open(folder().join(hostile.file)).unwrap();
        let lies = reading::read(hostile.file, file);
        // Packed bytes may differ with the version of the packer, what is in them may not.
        assert!(lies == outcome(hostile), "{} is not what is made here", hostile.file);
    }
}

#[test]
fn opened_by_name_they_end_the_same_way() {
    if blessing() {
        return;
    }
    for hostile in ALL {
        let path = folder().join(hostile.file);
        let message = match CaptureFile::open(&path) {
            Ok(mut file) => last_error(&mut file),
            Err(error) => Some(error.to_string()),
        };
        let message = message.map(|text| text.replace(&format!("{}/", folder().display()), ""));
        assert_eq!(message, outcome(hostile).message());
    }
}

fn last_error(file: &mut CaptureFile) -> Option<String> {
    let mut last = None;
    while let Some(next) = file.next_frame() {
        last = next.err().map(|error| error.to_string());
    }
    last
}

/// What reading it gives, after a look at whether that is what it must.
fn expectation(hostile: &Hostile) -> Expectation {
    let outcome = outcome(hostile);
    let file = hostile.file;
    assert_eq!(outcome.frames.len() as u64, hostile.frames, "frames of {file}: {outcome:.0?}");
    assert_eq!(end(&outcome), hostile.end, "end of {file}: {:?}", outcome.error);
    let message = outcome.message();
    assert!(
        message.iter().all(|text| text.starts_with(&format!("{file}: ")) && text.contains("; "))
    );
    Expectation {
        file: file.to_owned(),
        frames: hostile.frames,
        ending: format!("{:?}", hostile.end).to_lowercase(),
        message,
    }
}

fn outcome(hostile: &Hostile) -> Outcome {
    reading::read(hostile.file, std::io::Cursor::new((hostile.bytes)()))
}

fn end(outcome: &Outcome) -> End {
    match (&outcome.error, &outcome.summary) {
        (None, Some(summary)) => {
            assert_eq!(summary.ending, Ending::Whole);
            End::Whole
        }
        (Some(error), _) if error.is_truncation() => End::Cut,
        (Some(_), Some(_)) => End::Damaged,
        (_, None) => End::Refused,
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hostile")
}

fn blessing() -> bool {
    std::env::var_os("TRIPLINE_BLESS").is_some()
}
