//! Made frames: a source that tries ports of a host, which refuses.

use tripline_packet::{Frame, LinkType, Timestamp};

/// The link type of all of them.
pub(crate) const LINK: LinkType = LinkType::RawIp;

const SYN: u8 = 0x02;
const RST_ACK: u8 = 0x14;

/// A segment of TCP without data in IPv4.
fn segment(src: (u32, u16), dst: (u32, u16), flags: u8, seq: u32, ack: u32) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 40, 0, 7, 0x40, 0, 64, 6, 0, 0];
    bytes.extend(src.0.to_be_bytes());
    bytes.extend(dst.0.to_be_bytes());
    bytes.extend(src.1.to_be_bytes());
    bytes.extend(dst.1.to_be_bytes());
    bytes.extend(seq.to_be_bytes());
    bytes.extend(ack.to_be_bytes());
    bytes.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    bytes
}

/// A try at a port, and the refusal.
pub(crate) fn refused(source: u32, host: u32, port: u16) -> [Vec<u8>; 2] {
    let (client, server) = ((source, 0x9c40 ^ port), (host, port));
    let seq = source.wrapping_mul(2_654_435_761) ^ u32::from(port) << 8;
    [segment(client, server, SYN, seq, 0), segment(server, client, RST_ACK, 0, seq.wrapping_add(1))]
}

/// A try at a port without an answer.
pub(crate) fn silent(source: u32, host: u32, port: u16) -> Vec<u8> {
    let [syn, _] = refused(source, host, port);
    syn
}

/// A frame at so many milliseconds.
pub(crate) fn frame(millis: u64, data: &[u8]) -> Frame<'_> {
    let time = Timestamp::from_parts(1_795_399_000, 0) + std::time::Duration::from_millis(millis);
    Frame { time, link: LINK, wire_len: data.len() as u32, data }
}
