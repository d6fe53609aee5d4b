//! What the fuzz targets share: a form in which bytes are a sequence of frames with times, and the
//! parts of an engine.
//!
//! `docs/fuzzing.md` tells what each target checks and how they are run.

pub mod setup;

use tripline_packet::{Duration, Frame, LinkType, Timestamp};

/// The link types, one after the other, that the first byte of a script chooses from.
const LINKS: [u16; 8] = [1, 101, 113, 276, 0, 9, 51, 147];

/// When the first frame of a script was captured. Not zero, so that time can run backwards.
const START: Timestamp = Timestamp::from_parts(1_795_399_583, 0);

/// In the first byte of a frame: the frame was longer on the wire than it is here.
const CUT: u8 = 0x80;
/// In the first byte of a frame: the step in time is one back.
const BACK: u8 = 0x40;
/// In the first byte of a frame: the step is two to the power of this in nanoseconds; 0 is none.
const STEP: u8 = 0x3f;

/// Frames with times, read from any bytes whatever.
///
/// The first byte chooses the link type. Each frame is one byte for step and cut, two for its
/// length (big-endian), and the frame; the last one ends where the bytes do. Steps are powers of
/// two, so one changed byte goes from nanoseconds to years.
#[derive(Clone, Debug)]
pub struct Script<'a> {
    link: LinkType,
    time: Timestamp,
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    /// The frames in `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        let (&link, rest) = bytes.split_first().unwrap_or((&0, bytes));
        let number = LINKS[usize::from(link) % LINKS.len()];
        Self { link: LinkType::from_number(number), time: START, rest }
    }
}

impl<'a> Iterator for Script<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let (&[control, high, low], rest) = self.rest.split_first_chunk()?;
        let wire_len = u16::from_be_bytes([high, low]);
        let (data, rest) = rest.split_at_checked(wire_len.into()).unwrap_or((rest, &[]));
        self.rest = rest;
        self.time = match control & STEP {
            0 => self.time,
            power if control & BACK == 0 => self.time + Duration::from_nanos(1 << power),
            power => self.time - Duration::from_nanos(1 << power),
        };
        let cut_off = if control & CUT == 0 { 0 } else { 1_000 };
        let wire_len = u32::from(wire_len) + cut_off;
        Some(Frame { time: self.time, link: self.link, wire_len, data })
    }
}

/// Writes a [`Script`] of real frames, for the seeds.
#[derive(Debug)]
pub struct ScriptWriter {
    bytes: Vec<u8>,
    last: Option<Timestamp>,
}

impl ScriptWriter {
    /// A script without frames; `None` if scripts have no such link type.
    pub fn new(link: LinkType) -> Option<Self> {
        let at = LINKS.iter().position(|number| LinkType::from_number(*number) == link)?;
        Some(Self { bytes: vec![at as u8], last: None })
    }

    /// Adds a frame, of which at most `most` bytes are kept.
    pub fn add(&mut self, frame: &Frame<'_>, most: usize) {
        let kept = &frame.data[..frame.data.len().min(most).min(usize::from(u16::MAX))];
        let cut = if (kept.len() as u64) < u64::from(frame.wire_len) { CUT } else { 0 };
        self.bytes.push(cut | self.step(frame.time));
        self.bytes.extend((kept.len() as u16).to_be_bytes());
        self.bytes.extend(kept);
        self.last = Some(frame.time);
    }

    /// The whole script.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The largest step that does not go further than the frame did.
    fn step(&self, time: Timestamp) -> u8 {
        let last = self.last.unwrap_or(time);
        let power = |step: Duration| step.as_nanos().checked_ilog2().unwrap_or(0) as u8;
        if time >= last { power(time.since(last)) } else { BACK | power(last.since(time)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let time = Timestamp::from_parts(7, 0);
        let first = Frame { time, link: LinkType::RawIp, wire_len: 3, data: b"abc" };
        let second = Frame {
            time: time + Duration::from_nanos(1_500),
            wire_len: 90,
            data: b"defg",
            ..first
        };
        let third =
            Frame { time: second.time - Duration::from_nanos(4), wire_len: 0, data: b"", ..first };
        let mut writer = ScriptWriter::new(LinkType::RawIp).unwrap();
        for frame in [first, second, third] {
            writer.add(&frame, 3);
        }
        let bytes = writer.into_bytes();
        let read: Vec<_> = Script::new(&bytes).collect();
        assert_eq!(
            read.iter().map(|frame| frame.data).collect::<Vec<_>>(),
            [&b"abc"[..], b"def", b""]
        );
        assert_eq!(read.iter().map(|frame| frame.wire_len).collect::<Vec<_>>(), [3, 1_003, 0]);
        let steps = read.iter().map(|frame| frame.time.nanos() - START.nanos());
        assert_eq!(steps.collect::<Vec<_>>(), [0, 1_024, 1_020]);
        assert!(read.iter().all(|frame| frame.link == LinkType::RawIp));
    }

    #[test]
    fn any_bytes_are_a_script() {
        assert_eq!(Script::new(b"").count(), 0);
        assert_eq!(Script::new(&[0; 3]).count(), 0);
        let cut: Vec<_> = Script::new(&[0, BACK | STEP, 0xff, 0xff, 9]).collect();
        assert_eq!((cut[0].data, cut[0].wire_len), (&[9][..], 65_535));
        assert!(cut[0].time < START);
    }
}
