//! TCP, UDP and SCTP headers.

use crate::extent::{Extent, Tail};
use crate::malformed::{Malformed, Tally, Unread};
use crate::tcp_options;
use crate::{Sctp, SctpChunk, Tcp, TcpFlags, Udp};

/// Ports, both numbers, header length and flags: what a segment must show to be of use.
const TCP_USEFUL: usize = 14;
const TCP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
/// The common header and the head of the first chunk.
const SCTP_USEFUL: usize = 16;

/// Reads a TCP header (RFC 9293); the second value is where the payload begins.
#[inline]
pub(crate) fn tcp(segment: &Extent<'_>, tally: &mut Tally) -> Result<(Tcp, usize), Unread> {
    let padded;
    let header = match segment.data.first_chunk::<TCP_HEADER>() {
        Some(header) => header,
        None => {
            padded = cut_tcp_header(*segment)?;
            &padded
        }
    };
    let header_len = usize::from(header[12] >> 4) * 4;
    if header_len < TCP_HEADER || segment.is_exceeded_by(header_len) {
        return Err(Malformed::TcpHeaderLength.into());
    }
    let flags = TcpFlags(u16::from_be_bytes([header[12] & 0x0f, header[13]]));
    let mut tcp = Tcp {
        src_port: u16::from_be_bytes([header[0], header[1]]),
        dst_port: u16::from_be_bytes([header[2], header[3]]),
        seq: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        ack: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        flags,
        window: u16::from_be_bytes([header[14], header[15]]),
        urgent: u16::from_be_bytes([header[18], header[19]]),
        payload_len: saturated(segment.len.saturating_sub(header_len)),
        ..Tcp::default()
    };
    // Tools show in what opens or probes; the options of running sessions tell nothing.
    let tells_tools = flags.has(TcpFlags::SYN) || !flags.has(TcpFlags::ACK);
    if tells_tools && header_len > TCP_HEADER {
        tcp.options = tcp_options::read(segment.data, header_len, tally);
    }
    Ok((tcp, header_len))
}

/// What there is of a header that was cut off after the flags; the rest reads as zero.
#[cold]
fn cut_tcp_header(segment: Extent<'_>) -> Result<[u8; TCP_HEADER], Unread> {
    let sent = segment.tail == Tail::Partial || segment.len >= TCP_HEADER;
    if !sent || segment.data.len() < TCP_USEFUL {
        return Err(segment.short(TCP_HEADER, Malformed::TcpTruncated));
    }
    let mut padded = [0; TCP_HEADER];
    for (to, from) in padded.iter_mut().zip(segment.data) {
        *to = *from;
    }
    Ok(padded)
}

/// Reads a UDP header (RFC 768); `is_response` is left to whoever reads the payload. `v4` tells the
/// family of the packet, on which the meaning of a length of zero depends.
#[inline]
pub(crate) fn udp(mut datagram: Extent<'_>, v4: bool) -> Result<Udp, Unread> {
    let whole = datagram;
    let header = datagram.take::<UDP_HEADER>(Malformed::UdpTruncated)?;
    let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    // Zero stands for more than the field can say (RFC 2675). In IPv6 Linux takes it for the length
    // of whatever packet it is in, so a probe may be sent that way; in IPv4 it is dropped.
    let is_jumbo = len == 0 && (!v4 || whole.len > usize::from(u16::MAX));
    if (len < UDP_HEADER && !is_jumbo) || whole.is_exceeded_by(len) {
        return Err(Malformed::UdpLength.into());
    }
    let payload_len = match whole.tail {
        // Of a fragmented datagram only this header knows the length.
        Tail::Partial if !is_jumbo => len - UDP_HEADER,
        Tail::Partial | Tail::Whole | Tail::Cut => datagram.len,
    };
    Ok(Udp {
        src_port: u16::from_be_bytes([header[0], header[1]]),
        dst_port: u16::from_be_bytes([header[2], header[3]]),
        payload_len: saturated(payload_len),
        is_response: false,
    })
}

/// Reads an SCTP common header and the first chunk (RFC 9260 section 3).
pub(crate) fn sctp(mut packet: Extent<'_>) -> Result<Sctp, Unread> {
    const INIT: u8 = 1;
    const INIT_ACK: u8 = 2;
    /// An INIT chunk without parameters.
    const INIT_LEN: usize = 20;
    let header = packet.take::<SCTP_USEFUL>(Malformed::SctpTruncated)?;
    let kind = header[12];
    let chunk_len = usize::from(u16::from_be_bytes([header[14], header[15]]));
    let least = match kind {
        INIT | INIT_ACK => INIT_LEN,
        _ => 4,
    };
    if chunk_len < least || packet.is_exceeded_by(chunk_len - 4) {
        return Err(Malformed::SctpChunk.into());
    }
    let mut sctp = Sctp {
        src_port: u16::from_be_bytes([header[0], header[1]]),
        dst_port: u16::from_be_bytes([header[2], header[3]]),
        tag: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        chunk: sctp_chunk(kind),
        init_tag: 0,
        init_tsn: 0,
    };
    // Initiate tag, window, stream counts, initial TSN; a cut capture may lack them.
    if let (INIT | INIT_ACK, Some(init)) = (kind, packet.data.first_chunk::<16>()) {
        sctp.init_tag = u32::from_be_bytes([init[0], init[1], init[2], init[3]]);
        sctp.init_tsn = u32::from_be_bytes([init[12], init[13], init[14], init[15]]);
    }
    Ok(sctp)
}

fn sctp_chunk(kind: u8) -> SctpChunk {
    match kind {
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
    }
}

/// Lengths beyond 16 bits exist only as offloaded giants; for the detector "much" is enough.
pub(crate) fn saturated(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}
