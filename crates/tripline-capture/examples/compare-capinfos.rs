//! Reads captures as we do and as Wireshark's `capinfos` does, and tells where the two differ.
//!
//! ```sh
//! cargo run --release -p tripline-capture --example compare-capinfos -- FOLDER…
//! ```
//!
//! Compared are the number of frames and the earliest and latest time, to the nanosecond. Exit code
//! 1 when they differ in a file. `docs/capture.md` explains the differences that are known.
#![expect(clippy::print_stdout, reason = "it prints what it finds")]

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use tripline_capture::{CaptureFile, CaptureSet, Ending, FileSummary};

/// Names on one command line of `capinfos`.
const AT_ONCE: usize = 100;

/// What was found of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    frames: u64,
    /// Earliest and latest time, in nanoseconds since the epoch; none without frames.
    span: Option<(i128, i128)>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let names: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if names.is_empty() {
        return Err("name files or folders of captures".into());
    }
    let ours = read_each(&names)?;
    let paths: Vec<&Path> = ours.iter().map(|summary| summary.path.as_path()).collect();
    let mut theirs = HashMap::new();
    for some in paths.chunks(AT_ONCE) {
        theirs.extend(capinfos(some)?);
    }
    Ok(compare(&ours, &theirs))
}

/// Reads every file by itself, so that an error in one is not an error of another.
fn read_each(names: &[PathBuf]) -> Result<Vec<FileSummary>, Box<dyn Error>> {
    let set = CaptureSet::open(names)?;
    let mut summaries = Vec::new();
    for listed in set.files() {
        match CaptureFile::open(&listed.path) {
            Ok(mut file) => {
                while file.next_frame().is_some() {}
                summaries.push(file.summary().clone());
            }
            Err(_) => summaries.push(listed.clone()),
        }
    }
    summaries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(summaries)
}

/// What `capinfos` finds; files that it cannot read are left out.
fn capinfos(paths: &[&Path]) -> Result<HashMap<PathBuf, Found>, Box<dyn Error>> {
    // A table without header: name, packets, earliest, latest; the times in seconds.
    let options = ["-T", "-r", "-c", "-a", "-e", "-S"];
    let output = Command::new("capinfos")
        .args(options)
        .args(paths)
        .output()
        .map_err(|error| format!("capinfos cannot be started ({error}), is it installed?"))?;
    let mut found = HashMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        if let [name, packets, first, last] = fields[..] {
            let span = nanos(first).zip(nanos(last));
            found.insert(PathBuf::from(name), Found { frames: packets.parse()?, span });
        }
    }
    Ok(found)
}

/// Seconds with decimals as nanoseconds. `capinfos` says `n/a` without a time.
fn nanos(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let seconds: i128 = seconds.parse().ok()?;
    let fraction: i128 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(sign * (seconds * 1_000_000_000 + fraction))
}

fn compare(ours: &[FileSummary], theirs: &HashMap<PathBuf, Found>) -> ExitCode {
    let (mut same, mut differ, mut unread, mut others) = (0, 0, 0, 0);
    for summary in ours {
        if let Ending::Skipped(_) = summary.ending {
            others += 1;
            continue;
        }
        let our = found(summary);
        let path = summary.path.display();
        match theirs.get(&summary.path) {
            Some(their) if *their == our => same += 1,
            Some(their) => {
                differ += 1;
                println!("{path}: {our:?}, capinfos {their:?}; {}", summary.ending);
            }
            None => {
                unread += 1;
                println!("{path}: {} frames, capinfos stops; {}", our.frames, summary.ending);
            }
        }
    }
    println!(
        "{same} captures the same, {differ} differ, {unread} where capinfos stops, \
         {others} other files"
    );
    ExitCode::from(u8::from(differ > 0))
}

fn found(summary: &FileSummary) -> Found {
    let nanos = |(first, last): (tripline_packet::Timestamp, tripline_packet::Timestamp)| {
        (i128::from(first.nanos()), i128::from(last.nanos()))
    };
    Found { frames: summary.frames, span: summary.span.map(nanos) }
}
