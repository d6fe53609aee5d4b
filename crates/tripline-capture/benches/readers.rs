//! What reading a frame costs, ours against `pcap-parser`, on the same files in the same run.
//!
//! `cargo bench -p tripline-capture` writes captures of its own; `-- FILE…` takes those named.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot read its files has no result")]

#[expect(dead_code, reason = "plain packets are all it writes")]
#[path = "../tests/build/mod.rs"]
mod build;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use build::{NgWriter, PcapWriter};
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, LegacyPcapReader, PcapBlockOwned, PcapError, PcapNGReader};
use tripline_capture::{CaptureFile, CaptureSet};
use tripline_packet::Frame;

const CHUNK: usize = 1 << 20;
const ROUNDS: usize = 9;
const FRAMES: u32 = 2_000_000;

fn main() {
    let named: Vec<PathBuf> = std::env::args_os()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .map(PathBuf::from)
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let paths = if named.is_empty() { write_captures(folder.path()) } else { named };
    println!(
        "| file | reader | frames | ns/frame, best of {ROUNDS} | median | GB/s | of pcap-parser |"
    );
    println!("|---|---|---|---|---|---|---|");
    for path in &paths {
        measure(path);
    }
}

/// Frames of 60 bytes, where the cost per frame shows, and of 1500 bytes.
fn write_captures(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (name, len, frames) in [("small", 60, FRAMES), ("full", 1500, FRAMES / 8)] {
        let data: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let mut pcap = PcapWriter::default();
        let mut ng = NgWriter::default();
        ng.section().interface(1, 0, &[]);
        for i in 0..frames {
            pcap.frame(i / 1000, i % 1000 * 1000, &data);
            ng.packet(0, u64::from(i) * 1000, &data);
        }
        for (bytes, extension) in [(pcap.bytes, "pcap"), (ng.bytes, "pcapng")] {
            let path = folder.join(format!("{name}.{extension}"));
            fs::write(&path, bytes).unwrap();
            paths.push(path);
        }
    }
    paths
}

type Reader = (&'static str, fn(&Path) -> (u64, u64));

fn measure(path: &Path) {
    const READERS: [Reader; 3] =
        [("CaptureFile", ours), ("CaptureSet", our_set), ("pcap-parser", theirs)];
    let mut times = [const { Vec::<Duration>::new() }; READERS.len()];
    let mut results = [(0, 0); READERS.len()];
    // Taken in turns, so that a busy moment of the machine does not hit one reader alone.
    for _ in 0..ROUNDS {
        for (index, (_, read)) in READERS.iter().enumerate() {
            let start = Instant::now();
            results[index] = black_box(read(path));
            times[index].push(start.elapsed());
        }
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len()) as f64;
    for times in &mut times {
        times.sort();
    }
    let theirs = times[READERS.len() - 1][0].as_nanos() as f64;
    for (index, (reader, _)) in READERS.iter().enumerate() {
        let (frames, sum) = results[index];
        assert_eq!((frames, sum), results[0], "{reader} reads something else");
        let best = times[index][0].as_nanos() as f64;
        let median = times[index][ROUNDS / 2].as_nanos() as f64;
        println!(
            "| {name} | {reader} | {frames} | {:.1} | {:.1} | {:.2} | {:.2} |",
            best / frames as f64,
            median / frames as f64,
            bytes / best,
            best / theirs
        );
    }
}

/// What every reader does with a frame: a bit of each field, so that nothing is left out.
fn taste(data: &[u8], wire_len: u32) -> u64 {
    data.len() as u64 + u64::from(wire_len) + data.first().map_or(0, |byte| u64::from(*byte))
}

fn ours(path: &Path) -> (u64, u64) {
    let mut file = CaptureFile::open(path).unwrap();
    sum(|| file.next_frame().map(|frame| weigh(frame.unwrap())))
}

fn our_set(path: &Path) -> (u64, u64) {
    let mut set = CaptureSet::open(&[path.to_owned()]).unwrap();
    sum(|| set.next_frame().map(|frame| weigh(frame.unwrap())))
}

fn weigh(frame: Frame<'_>) -> u64 {
    black_box(frame.time);
    taste(frame.data, frame.wire_len)
}

fn sum(mut next: impl FnMut() -> Option<u64>) -> (u64, u64) {
    let (mut frames, mut sum) = (0, 0);
    while let Some(weight) = next() {
        frames += 1;
        sum += weight;
    }
    (frames, sum)
}

fn theirs(path: &Path) -> (u64, u64) {
    let mut first = [0; 4];
    File::open(path).unwrap().read_exact(&mut first).unwrap();
    let file = File::open(path).unwrap();
    if first == [0x0a, 0x0d, 0x0d, 0x0a] {
        drain(PcapNGReader::new(CHUNK, file).unwrap())
    } else {
        drain(LegacyPcapReader::new(CHUNK, file).unwrap())
    }
}

fn drain(mut reader: impl PcapReaderIterator) -> (u64, u64) {
    let (mut frames, mut sum) = (0, 0);
    let mut resolution = 1_000_000;
    loop {
        let used = match reader.next() {
            Ok((used, PcapBlockOwned::Legacy(block))) => {
                black_box(
                    i64::from(block.ts_sec) * 1_000_000_000 + i64::from(block.ts_usec) * 1_000,
                );
                frames += 1;
                sum += taste(block.data, block.origlen);
                used
            }
            Ok((used, PcapBlockOwned::NG(Block::EnhancedPacket(block)))) => {
                black_box(block.decode_ts(0, resolution));
                frames += 1;
                sum += taste(&block.data[..block.caplen as usize], block.origlen);
                used
            }
            Ok((used, PcapBlockOwned::NG(Block::InterfaceDescription(block)))) => {
                resolution = block.ts_resolution().unwrap_or(resolution);
                used
            }
            Ok((used, _)) => used,
            Err(PcapError::Eof) => return (frames, sum),
            Err(PcapError::Incomplete(_)) => {
                reader.refill().unwrap();
                continue;
            }
            Err(error) => panic!("{error:?}"),
        };
        // The fast way of its documentation: nothing is moved until a refill.
        reader.consume_noshift(used);
    }
}
