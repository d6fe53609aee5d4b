//! What a capture that unpacks to far more than it is takes of memory. A process of its own, because
//! the high-water mark is that of the whole process.

#[expect(dead_code, reason = "two ways to write are enough")]
mod build;
#[expect(dead_code, reason = "everything is whole and single here")]
mod reading;

use std::fs;

use build::{NgWriter, PcapWriter};
use reading::gzip;
use tripline_capture::CaptureFile;

const MIB: u64 = 1 << 20;
/// A buffer of 1 MiB and the decompressor are less; the smaller bomb unpacks to 128 MiB.
const BOUND: u64 = 16 * MIB;

#[test]
fn a_bomb_is_read_in_bounded_memory() {
    if high_water_mark().is_none() {
        // Not told by every system.
        return;
    }
    // 128 MiB of records without a byte in them, in 8 members of 16 KiB.
    let mut zeros = gzip(&PcapWriter::default().bytes);
    let member = gzip(&vec![0; 16 << 20]);
    for _ in 0..8 {
        zeros.extend(&member);
    }
    assert!(zeros.len() < 1 << 20);
    // And one block of 3.9 GiB that is passed over, as far as it is there.
    let mut block = NgWriter::new(false);
    block.section().interface(1, 0, &[]);
    let head = block.words(&[0xbad, 0xf000_0000]);
    let mut skipped = gzip(&block.raw(&head).bytes);
    for _ in 0..32 {
        skipped.extend(&member);
    }
    for (packed, frames, whole) in [(zeros, 8 << 20, true), (skipped, 0, false)] {
        let before = high_water_mark().unwrap_or_default();
        let mut file = CaptureFile::from_reader("bomb", std::io::Cursor::new(packed)).unwrap();
        let mut error = None;
        while let Some(next) = file.next_frame() {
            error = next.err();
        }
        assert_eq!(file.summary().frames, frames);
        assert_eq!(error.is_none(), whole, "{error:?}");
        let grown = high_water_mark().unwrap_or_default() - before;
        assert!(grown < BOUND, "{} MiB more than before", grown / MIB);
    }
}

/// The most memory that this process has had resident, in bytes.
fn high_water_mark() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}
