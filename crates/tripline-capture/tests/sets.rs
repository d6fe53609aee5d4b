//! Many captures as one: folders, links, order of time, too many at once.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

#[expect(dead_code, reason = "one format is enough here")]
mod build;
#[expect(dead_code, reason = "single files are read elsewhere")]
mod reading;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use build::{NgWriter, PcapWriter};
use reading::{gzip, read_set, zstd};
use tempfile::TempDir;
use tripline_capture::{CaptureSet, Ending, ErrorKind};

/// A capture with a frame at each of these seconds; the frame says who wrote it.
fn capture(writer: u16, seconds: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut pcap = PcapWriter::default();
    for second in seconds {
        pcap.frame(second, 0, &writer.to_be_bytes());
    }
    pcap.bytes
}

/// Second and writer of each frame.
fn order(paths: &[PathBuf]) -> Vec<(u32, u16)> {
    let (frames, errors, _) = read_set(paths);
    assert_eq!(errors, []);
    summary_of(&frames)
}

fn summary_of(frames: &[reading::Seen]) -> Vec<(u32, u16)> {
    let second = |time: i64| u32::try_from(time / 1_000_000_000).unwrap();
    frames.iter().map(|f| (second(f.time), u16::from_be_bytes([f.data[0], f.data[1]]))).collect()
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn endings(set: &CaptureSet, folder: &Path) -> Vec<(String, String)> {
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    let mut endings: Vec<_> =
        set.files().map(|file| (name(&file.path), file.ending.to_string())).collect();
    endings.sort();
    endings
}

#[test]
fn files_are_ordered_by_their_first_frame_not_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let late = write(&folder, "a.pcap", &capture(1, [20, 21]));
    let early = write(&folder, "b.pcap.gz", &gzip(&capture(2, [10, 11])));
    let last = write(&folder, "c.zst", &zstd(&capture(3, [30])));
    let expected = [(10, 2), (11, 2), (20, 1), (21, 1), (30, 3)];
    assert_eq!(order(&[late, early, last]), expected);
    assert_eq!(order(&[folder.path().to_owned()]), expected);
}

#[test]
fn overlapping_files_are_merged_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    let one = write(&folder, "one", &capture(1, [10, 13, 16, 16, 30]));
    let two = write(&folder, "two", &capture(2, [11, 13, 16, 20]));
    let mut ng = NgWriter::new(true);
    ng.section().interface(1, 0, &[(9, &[0])]);
    for second in [12, 13, 40] {
        ng.packet(0, second, &3u16.to_be_bytes());
    }
    let three = write(&folder, "three", &ng.bytes);
    let merged = order(&[one.clone(), two.clone(), three.clone()]);
    assert_eq!(
        merged,
        [
            (10, 1),
            (11, 2),
            (12, 3),
            // At the same time the file under hand goes on, then the one named first.
            (13, 3),
            (13, 1),
            (13, 2),
            (16, 2),
            (16, 1),
            (16, 1),
            (20, 2),
            (30, 1),
            (40, 3)
        ]
    );
    let turned = order(&[three, two, one]);
    assert_eq!(turned[3..6], [(13, 3), (13, 2), (13, 1)]);
}

#[test]
fn time_that_runs_backwards_keeps_the_order_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let odd = write(&folder, "odd", &capture(1, [10, 50, 20, 60]));
    let even = write(&folder, "even", &capture(2, [15, 30, 55]));
    let merged = order(&[odd, even]);
    assert_eq!(merged, [(10, 1), (15, 2), (30, 2), (50, 1), (20, 1), (55, 2), (60, 1)]);
}

#[test]
fn folders_may_hold_other_things() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "deep/er/b.pcap", &capture(2, [2]));
    let one = write(&folder, "a", &capture(1, [1]));
    write(&folder, "README.md", b"# Captures of the week, and what they hold\n");
    write(&folder, "empty", b"");
    write(&folder, "packed.gz", &gzip(b"some text that was packed"));
    write(&folder, "no-frames.pcap", &capture(9, []));
    symlink(&one, folder.path().join("linked")).unwrap();
    symlink(folder.path(), folder.path().join("deep/circle")).unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    let pipe = Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
    assert!(pipe.success());

    let (frames, errors, set) = read_set(&[folder.path().to_owned()]);
    assert_eq!(errors, []);
    assert_eq!(summary_of(&frames), [(1, 1), (1, 1), (2, 2)]);
    let text = "skipped: not a capture: it starts with 23 20 43 61 70 74 75 72 65 73 20 6f 66 20 \
                74 68 and looks like text";
    let packed = "skipped: not a capture: it starts with 73 6f 6d 65 20 74 65 78 74 20 74 68 61 \
                  74 20 77 and looks like text";
    let expected = [
        ("README.md", text),
        ("a", "whole"),
        ("deep/er/b.pcap", "whole"),
        ("empty", "skipped: empty"),
        ("linked", "whole"),
        ("no-frames.pcap", "whole"),
        ("packed.gz", packed),
    ];
    let expected = expected.map(|(name, ending)| (name.to_owned(), ending.to_owned()));
    assert_eq!(endings(&set, folder.path()), expected);
}

#[test]
fn what_was_named_must_be_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(&folder, "good", &capture(1, [1, 2]));
    let text = write(&folder, "notes.txt", b"remember the milk");
    let missing = folder.path().join("missing");
    let (frames, errors, set) = read_set(&[text.clone(), missing.clone(), good]);
    assert_eq!(summary_of(&frames), [(1, 1), (2, 1)]);
    let kinds: Vec<_> = errors.iter().map(|error| (error.path(), error.kind())).collect();
    assert!(matches!(
        kinds[..],
        [(first, ErrorKind::NotACapture { known: Some("text"), .. }), (second, ErrorKind::NotFound)]
            if first == text && second == missing
    ));
    assert_eq!(set.files().filter(|file| matches!(file.ending, Ending::Failed(_))).count(), 2);
}

#[test]
fn nothing_to_read_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = write(&folder, "only/notes.txt", b"remember the milk");
    let message = |paths: &[PathBuf]| CaptureSet::open(paths).unwrap_err().to_string();
    let only = text.parent().unwrap().to_owned();
    assert_eq!(
        message(std::slice::from_ref(&only)),
        format!(
            "{}: no capture in this folder, 1 files looked at; name the folder that holds the \
             captures",
            only.display()
        )
    );
    let missing = folder.path().join("missing");
    assert_eq!(
        message(std::slice::from_ref(&missing)),
        format!("{}: no such file or folder; check the name", missing.display())
    );
    assert_eq!(
        message(&[missing.clone(), text]),
        format!(
            "{}: this and 1 more cannot be read: no such file or folder; check the name",
            missing.display()
        )
    );
}

#[test]
fn a_damaged_file_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut damaged = capture(1, [1, 3]);
    damaged.extend([0xff; 16]);
    let cut = capture(3, [2, 5]);
    write(&folder, "damaged", &damaged);
    write(&folder, "cut", &cut[..cut.len() - 1]);
    write(&folder, "whole", &capture(2, [2, 4]));
    let (frames, errors, _) = read_set(&[folder.path().to_owned()]);
    assert_eq!(summary_of(&frames), [(1, 1), (2, 3), (2, 2), (3, 1), (4, 2)]);
    let told: Vec<_> = errors.iter().map(|e| (e.offset(), e.is_truncation())).collect();
    assert_eq!(told, [(Some(24 + 18), true), (Some(24 + 2 * 18), false)]);
}

#[test]
fn a_thousand_rotated_files_are_read_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    for file in 0..1_000u32 {
        // Each overlaps with the next.
        let start = file * 10;
        write(&folder, &format!("{file:04}"), &capture(file as u16, [start, start + 12]));
    }
    let (frames, errors, set) = read_set(&[folder.path().to_owned()]);
    assert_eq!((frames.len(), errors.len()), (2_000, 0));
    assert!(frames.is_sorted_by_key(|frame| frame.time));
    assert!(set.files().all(|file| !file.late && file.ending == Ending::Whole));
    let progress = set.progress();
    assert_eq!(progress.total, Some(1_000 * (24 + 2 * 18)));
    assert_eq!(progress.total, Some(progress.read));
}

#[test]
fn sixty_four_overlap_in_order_and_the_next_ones_come_late() {
    for (files, late) in [(64u16, 0), (65, 1), (100, 36)] {
        let folder = tempfile::tempdir().unwrap();
        for file in 0..files {
            let start = u32::from(file);
            write(&folder, &format!("{file:03}"), &capture(file, [start, start + 500, 1_000]));
        }
        let (frames, errors, set) = read_set(&[folder.path().to_owned()]);
        assert_eq!((frames.len(), errors.len()), (3 * usize::from(files), 0), "nothing is lost");
        assert_eq!(set.files().filter(|file| file.late).count(), late, "of {files}");
        assert_eq!(frames.is_sorted_by_key(|frame| frame.time), late == 0);
    }
}

#[test]
fn progress_is_of_the_bytes_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let packed = gzip(&capture(1, 0..10_000));
    let path = write(&folder, "packed", &packed);
    let mut set = CaptureSet::open(std::slice::from_ref(&path)).unwrap();
    let total = Some(packed.len() as u64);
    assert_eq!((set.progress().read, set.progress().total), (0, total));
    let mut before = 0;
    while let Some(frame) = set.next_frame() {
        frame.unwrap();
        let progress = set.progress();
        assert!(before <= progress.read && Some(progress.read) <= total);
        assert_eq!(progress.file, Some(path.as_path()));
        before = progress.read;
    }
    assert_eq!(Some(set.progress().read), total);
}
