//! Any bytes, as a capture file read to its end.
#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io::{Cursor, Read, Result};

use libfuzzer_sys::fuzz_target;
use tripline_capture::{CaptureFile, Ending, Error, FileSummary};

const NAME: &str = "any.pcap";

/// No packet is kept that is longer than this, whatever snap length the file announces.
const LONGEST: usize = 16 << 20;

/// How a gzip file starts (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b];

fuzz_target!(|bytes: &[u8]| {
    let at_once = read(Cursor::new(bytes.to_vec()));
    // How many bytes a read brings is chance; what is read must not depend on it.
    let size = bytes.last().map_or(1, |last| 1 + usize::from(last % 7));
    let in_bits = read(Dribble { inner: Cursor::new(bytes.to_vec()), size });
    match (at_once, in_bits) {
        (Ok(one), Ok(other)) if one.1.ending == other.1.ending => assert_eq!(one, other),
        // Where a deflate stream is damaged, up to 32 KiB of what was unpacked before the damage
        // are lost, and how many depends on the reads.
        _ if bytes.starts_with(GZIP) => {}
        (Ok(one), Ok(other)) => panic!("{one:?} at once, {other:?} in bits"),
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        (one, other) => panic!("{one:?} at once, {other:?} in bits"),
    }
});

/// What came of a file: a hash of its frames, and its summary.
fn read(bytes: impl Read + Send + 'static) -> std::result::Result<(u64, FileSummary), Error> {
    let mut file = CaptureFile::from_reader(NAME, bytes)?;
    let mut hasher = DefaultHasher::new();
    let (mut frames, mut offset, mut span) = (0, 0, None);
    let mut failure = None;
    while let Some(next) = file.next_frame() {
        assert!(failure.is_none(), "a file goes on after {failure:?}");
        match next {
            Ok(frame) => {
                assert!(frame.data.len() <= LONGEST);
                (frame.time, frame.link, frame.wire_len, frame.data).hash(&mut hasher);
                let (first, last) = span.unwrap_or((frame.time, frame.time));
                span = Some((first.min(frame.time), last.max(frame.time)));
                frames += 1;
                assert!(file.offset() > offset || frames == 1, "two frames at byte {offset}");
                offset = file.offset();
            }
            Err(error) => failure = Some(error),
        }
    }
    assert!(file.next_frame().is_none());
    let summary = file.summary();
    assert_eq!((summary.frames, summary.span), (frames, span));
    match (&summary.ending, &failure) {
        (Ending::Whole, None) => {}
        (Ending::Failed(kept), Some(told)) => {
            assert_eq!(kept, told);
            assert!(told.to_string().starts_with(NAME), "{told}");
            assert!(told.offset().is_some_and(|at| at >= offset), "{told}, after {offset}");
        }
        other => panic!("ended as {other:?}"),
    }
    Ok((hasher.finish(), summary.clone()))
}

/// A stream that brings a few bytes at a time.
struct Dribble {
    inner: Cursor<Vec<u8>>,
    size: usize,
}

impl Read for Dribble {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let most = into.len().min(self.size);
        self.inner.read(&mut into[..most])
    }
}
