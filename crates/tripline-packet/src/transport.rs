//! TCP, UDP and SCTP headers.

use crate::bytes::Bytes;
use crate::fragment::DECIDES;
use crate::{Body, Malformed, Sctp, SctpChunk, Tcp, TcpFlags, TcpOptions, Udp};

/// IP protocol numbers.
pub(crate) mod number {
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const SCTP: u8 = 132;
}

/// A header that was read, with what was wrong in it without spoiling it.
pub(crate) type Read<T> = Result<(T, Option<Malformed>), Malformed>;

/// What to say when a header does not fit: was it cut by the capture, or does the packet end?
fn too_short(bytes: Bytes<'_>, claimed: usize) -> Malformed {
    if claimed > bytes.len() {
        Malformed::CutBySnapLength
    } else {
        Malformed::TransportTruncated
    }
}

/// Reads a TCP header; `claimed` is the length of the segment according to the IP header. With a
/// short snap length 14 bytes are enough to know ports, numbers and flags.
pub(crate) fn tcp(bytes: Bytes<'_>, claimed: usize) -> Read<Body> {
    let head: [u8; DECIDES] = match bytes.array(0) {
        Some(head) if claimed >= 20 => head,
        _ => return Err(too_short(bytes, claimed)),
    };
    let header = usize::from(head[12] >> 4) * 4;
    if header < 20 || header > claimed {
        return Err(Malformed::TcpHeaderLength);
    }
    let flags = TcpFlags(u16::from(head[12] & 0xf) << 8 | u16::from(head[13]));
    let mut tcp = Tcp {
        src_port: u16::from_be_bytes([head[0], head[1]]),
        dst_port: u16::from_be_bytes([head[2], head[3]]),
        seq: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ack: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        flags,
        window: bytes.u16(14).unwrap_or(0),
        urgent: bytes.u16(18).unwrap_or(0),
        payload_len: (claimed - header).min(0xffff) as u16,
        options: TcpOptions::default(),
    };
    let mut flaw = None;
    if flags.0 & TcpFlags::SYN != 0 || flags.0 & TcpFlags::ACK == 0 {
        let captured = header.min(bytes.len());
        let (options, whole) = tcp_options(bytes.0.get(20..captured).unwrap_or_default());
        tcp.options = options;
        flaw = (!whole && captured == header).then_some(Malformed::TcpOptionLength);
    }
    Ok((Body::Tcp(tcp), flaw))
}

/// Reads the options; false if one runs beyond the header.
fn tcp_options(mut bytes: &[u8]) -> (TcpOptions, bool) {
    let mut options = TcpOptions::default();
    for at in 0..16 {
        let Some((&kind, rest)) = bytes.split_first() else {
            return (options, true);
        };
        let (code, len) = match kind {
            0 => (1, 1),
            1 => (2, 1),
            _ => {
                let Some(len) = rest.first().map(|&len| usize::from(len)) else {
                    return (options, false);
                };
                let Some(value) = bytes.get(2..len).map(Bytes) else {
                    return (options, false);
                };
                (tcp_option(kind, value, &mut options), len)
            }
        };
        options.layout |= code << (4 * at);
        if kind == 0 {
            return (options, true);
        }
        bytes = bytes.get(len..).unwrap_or_default();
    }
    (options, true)
}

/// Notes the value of an option; returns the code of its kind.
fn tcp_option(kind: u8, value: Bytes<'_>, options: &mut TcpOptions) -> u64 {
    match kind {
        2 => {
            options.mss = value.u16(0).unwrap_or(0);
            3
        }
        3 => {
            options.window_scale = value.u8(0).unwrap_or(0);
            4
        }
        4 => 5,
        5 => 6,
        8 => {
            options.ts_value = value.u32(0).unwrap_or(0);
            options.ts_echo = value.u32(4).unwrap_or(0);
            7
        }
        _ => 8,
    }
}

/// Reads a UDP header.
pub(crate) fn udp(bytes: Bytes<'_>, claimed: usize) -> Read<Udp> {
    let head: [u8; 8] = match bytes.array(0) {
        Some(head) if claimed >= 8 => head,
        _ => return Err(too_short(bytes, claimed)),
    };
    let len = usize::from(u16::from_be_bytes([head[4], head[5]]));
    // Zero stands for "to the end" in jumbograms and behind offloading.
    let sound = len == 0 || (8..=claimed).contains(&len);
    let payload_len = if sound && len != 0 {
        len - 8
    } else {
        claimed - 8
    };
    let udp = Udp {
        src_port: u16::from_be_bytes([head[0], head[1]]),
        dst_port: u16::from_be_bytes([head[2], head[3]]),
        payload_len: payload_len.min(0xffff) as u16,
        is_response: false,
    };
    Ok((udp, (!sound).then_some(Malformed::UdpLength)))
}

/// Reads an SCTP common header and its first chunk.
pub(crate) fn sctp(bytes: Bytes<'_>, claimed: usize) -> Read<Body> {
    let (Some(src_port), Some(dst_port), Some(tag)) = (bytes.u16(0), bytes.u16(2), bytes.u32(4))
    else {
        return Err(too_short(bytes, claimed));
    };
    let Some(kind) = bytes.u8(12) else {
        return Err(if claimed > bytes.len() {
            Malformed::CutBySnapLength
        } else {
            Malformed::SctpChunk
        });
    };
    let chunk = match kind {
        0 | 64 => SctpChunk::Data,
        1 => SctpChunk::Init,
        2 => SctpChunk::InitAck,
        3 => SctpChunk::Sack,
        4 | 5 => SctpChunk::Heartbeat,
        6 => SctpChunk::Abort,
        7 | 8 | 14 => SctpChunk::Shutdown,
        10 => SctpChunk::CookieEcho,
        11 => SctpChunk::CookieAck,
        other => SctpChunk::Other(other),
    };
    let opens = matches!(chunk, SctpChunk::Init | SctpChunk::InitAck);
    let field = |at| if opens { bytes.u32(at).unwrap_or(0) } else { 0 };
    let (init_tag, init_tsn) = (field(16), field(28));
    Ok((
        Body::Sctp(Sctp {
            src_port,
            dst_port,
            tag,
            chunk,
            init_tag,
            init_tsn,
        }),
        None,
    ))
}
