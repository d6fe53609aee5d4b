//! The captures that are measured on: the same bytes on every machine.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes the frames of one kind of capture.
type Fill = fn(&mut Capture) -> io::Result<()>;

/// Writes the captures into `folder`.
pub(crate) fn write(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let kinds: [(&str, Fill); 3] = [("a-small", small), ("b-full", full), ("c-sources", sources)];
    let mut paths = Vec::new();
    for (name, fill) in kinds {
        let path = folder.join(name).with_extension("pcap");
        let mut capture = Capture::create(&path)?;
        fill(&mut capture)?;
        capture.out.flush()?;
        paths.push(path);
    }
    Ok(paths)
}

const SERVER: u32 = 0xc000_020a;
const SYN: u8 = 2;
const RST_ACK: u8 = 0x14;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const FIN_ACK: u8 = 0x11;

/// 4 million frames of 60 to 74 bytes: 100 000 sessions of 40 segments each, 64 at a time.
fn small(capture: &mut Capture) -> io::Result<()> {
    sessions(capture, 100_000, 36, 8)
}

/// 600 000 frames of full size: 1 000 downloads of 600 segments each, 64 at a time.
fn full(capture: &mut Capture) -> io::Result<()> {
    sessions(capture, 1_000, 596, 1_460)
}

/// One of 4001 clients of 16 networks, with a port that it has not used for a while.
fn client(session: u32) -> (u32, u16) {
    let number = session % 4_001;
    (0xcb00_7100 | (number % 256) | (number / 256) << 16, 1_024 + (session % 60_000) as u16)
}

/// Sessions of three segments to open, `segments` with data and answer, and one to end.
fn sessions(capture: &mut Capture, count: u32, segments: u32, payload: u16) -> io::Result<()> {
    const AT_A_TIME: u32 = 64;
    for batch in 0..count / AT_A_TIME {
        for step in 0..segments + 4 {
            for session in batch * AT_A_TIME..(batch + 1) * AT_A_TIME {
                let client = client(session);
                let server = (SERVER + session % 8, 443);
                match step {
                    0 => capture.open(client, server, SYN)?,
                    1 => capture.open(server, client, SYN_ACK)?,
                    2 => capture.tcp(client, server, ACK, 0)?,
                    last if last == segments + 3 => capture.tcp(client, server, FIN_ACK, 0)?,
                    odd if odd % 3 == 0 => capture.tcp(client, server, ACK, 0)?,
                    _ => capture.tcp(server, client, ACK, payload)?,
                }
            }
        }
    }
    Ok(())
}

/// 2 million SYN from a million sources to a /24, half of them refused.
fn sources(capture: &mut Capture) -> io::Result<()> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2_000_000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let source = (0x1400_0000 | (random % 1_000_000) as u32, 40_000);
        let target = (
            0xc000_0200 | (random >> 20) as u32 & 0xff,
            [22, 23, 80, 443, 3_389][(random >> 30) as usize % 5],
        );
        capture.tcp(source, target, SYN, 0)?;
        if target.0 & 1 == 1 {
            capture.tcp(target, source, RST_ACK, 0)?;
        }
    }
    Ok(())
}

/// A capture that is being written: pcap with nanoseconds, Ethernet.
pub(crate) struct Capture {
    out: BufWriter<File>,
    nanos: u64,
}

impl Capture {
    fn create(path: &Path) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            out.write_all(&word.to_le_bytes())?;
        }
        Ok(Self { out, nanos: 1_700_000_000_000_000_000 })
    }

    fn tcp(&mut self, from: (u32, u16), to: (u32, u16), flags: u8, payload: u16) -> io::Result<()> {
        self.segment(from, to, flags, &[], &PAYLOAD[..payload.into()])
    }

    /// A segment that opens a session as Linux does.
    fn open(&mut self, from: (u32, u16), to: (u32, u16), flags: u8) -> io::Result<()> {
        /// MSS, SACK permitted, timestamps, window scale.
        const OPTIONS: [u8; 20] = [2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];
        self.segment(from, to, flags, &OPTIONS, &[])
    }

    fn segment(
        &mut self,
        from: (u32, u16),
        to: (u32, u16),
        flags: u8,
        options: &[u8],
        payload: &[u8],
    ) -> io::Result<()> {
        self.nanos += 10_000;
        let ip_len = 40 + options.len() + payload.len();
        let frame_len = (14 + ip_len).max(60);
        let seconds = (self.nanos / 1_000_000_000) as u32;
        let rest = (self.nanos % 1_000_000_000) as u32;
        for word in [seconds, rest, frame_len as u32, frame_len as u32] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        let mut head = [0; 54];
        head[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        head[14] = 0x45;
        head[16..18].copy_from_slice(&(ip_len as u16).to_be_bytes());
        // Don't fragment, as all stacks do today.
        head[20] = 0x40;
        head[22] = 60;
        head[23] = 6;
        head[26..30].copy_from_slice(&from.0.to_be_bytes());
        head[30..34].copy_from_slice(&to.0.to_be_bytes());
        let sum = checksum(&head[14..34]);
        head[24..26].copy_from_slice(&sum.to_be_bytes());
        head[34..36].copy_from_slice(&from.1.to_be_bytes());
        head[36..38].copy_from_slice(&to.1.to_be_bytes());
        // Numbers that follow from the ends, so that handshakes are complete.
        let number = |end: (u32, u16)| end.0.rotate_left(7) ^ u32::from(end.1);
        let next = u32::from(flags & SYN == 0);
        head[38..42].copy_from_slice(&(number(from) + next).to_be_bytes());
        if flags & ACK != 0 {
            head[42..46].copy_from_slice(&(number(to) + 1).to_be_bytes());
        }
        head[46] = (5 + options.len() as u8 / 4) << 4;
        head[47] = flags;
        head[48..50].copy_from_slice(&64_240_u16.to_be_bytes());
        self.out.write_all(&head)?;
        self.out.write_all(options)?;
        self.out.write_all(payload)?;
        self.out.write_all(&PAYLOAD[..frame_len - 14 - ip_len])
    }
}

/// The checksum of a header (RFC 1071): bridges with a firewall drop what has a wrong one.
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks_exact(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

const PAYLOAD: [u8; 1_500] = [b'x'; 1_500];
