//! ICMP (RFC 792), ICMPv6 (RFC 4443), and the packet that an error quotes.

use crate::bytes::Bytes;
use crate::transport::number;
use crate::{Addr, Body, Icmp, Malformed, Quoted, Transport, ip};

/// Reads an ICMP message of either version.
pub(crate) fn icmp(bytes: Bytes<'_>, claimed: usize, v6: bool) -> Result<Body, Malformed> {
    let (Some(kind), Some(code)) = (bytes.u8(0), bytes.u8(1)) else {
        return Err(if claimed > bytes.len() {
            Malformed::CutBySnapLength
        } else {
            Malformed::TransportTruncated
        });
    };
    let numbered = if v6 {
        matches!(kind, 128 | 129)
    } else {
        matches!(kind, 0 | 8 | 13..=18)
    };
    let field = |at| {
        if numbered {
            bytes.u16(at).unwrap_or(0)
        } else {
            0
        }
    };
    let neighbour = v6 && matches!(kind, 135 | 136);
    let target = if neighbour {
        bytes.u128(8).map(Addr::from_bits)
    } else {
        None
    };
    let is_error = if v6 {
        kind < 128
    } else {
        matches!(kind, 3 | 4 | 5 | 11 | 12)
    };
    let quoted = if is_error {
        bytes.from(8).and_then(|inner| quoted(inner, v6))
    } else {
        None
    };
    Ok(Body::Icmp(Icmp {
        kind,
        code,
        id: field(4),
        seq: field(6),
        payload_len: claimed.saturating_sub(8).min(0xffff) as u16,
        target: target.unwrap_or_default(),
        quoted,
    }))
}

/// The quoted packet. Routers may cut it after 8 bytes of transport, so only ports and the TCP
/// sequence number are certain.
fn quoted(bytes: Bytes<'_>, v6: bool) -> Option<Quoted> {
    let packet = if v6 { ip::v6(bytes) } else { ip::v4(bytes) }.ok()?;
    let (src, dst) = (packet.src, packet.dst);
    let later = packet.fragment.is_some_and(|fragment| fragment.offset > 0);
    let other = Transport::Other {
        protocol: packet.protocol,
    };
    let inner = packet.payload;
    let ports = inner.u16(0).zip(inner.u16(2)).filter(|_| !later);
    let transport = match (packet.protocol, ports) {
        (number::TCP, Some((src_port, dst_port))) => Transport::Tcp { src_port, dst_port },
        (number::UDP, Some((src_port, dst_port))) => Transport::Udp { src_port, dst_port },
        (number::SCTP, Some((src_port, dst_port))) => Transport::Sctp { src_port, dst_port },
        (number::ICMP | number::ICMPV6, Some(_)) => Transport::Icmp {
            kind: inner.u8(0).unwrap_or(0),
            id: inner.u16(4).unwrap_or(0),
        },
        _ => other,
    };
    let seq = match transport {
        Transport::Tcp { .. } => inner.u32(4).unwrap_or(0),
        _ => 0,
    };
    Some(Quoted {
        src,
        dst,
        transport,
        seq,
    })
}
