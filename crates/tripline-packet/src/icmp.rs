//! ICMP (RFC 792) and ICMPv6 (RFC 4443), with the packets that errors quote and the targets of
//! neighbour discovery (RFC 4861).

use crate::extent::{Extent, Tail, be16, be32};
use crate::ip::{self, protocol, v6_addr};
use crate::malformed::{Malformed, Tally, Unread};
use crate::transport::saturated;
use crate::{Addr, Icmp, Quoted, Transport};

const HEADER: usize = 8;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

/// Reads an ICMP message; `v4` tells which of the two numberings its type is of.
pub(crate) fn read(mut message: Extent<'_>, v4: bool, tally: &mut Tally) -> Result<Icmp, Unread> {
    let header = message.take::<HEADER>(Malformed::IcmpTruncated)?;
    let mut rest = message;
    let kind = header[0];
    let (id, seq) = if has_id(kind, v4) {
        (u16::from_be_bytes([header[4], header[5]]), u16::from_be_bytes([header[6], header[7]]))
    } else {
        (0, 0)
    };
    let target = match (v4, kind) {
        (false, NEIGHBOUR_SOLICITATION | NEIGHBOUR_ADVERTISEMENT) => {
            let target = rest.take::<16>(Malformed::NeighbourTruncated)?;
            v6_addr(target, 0).ok_or(Malformed::MappedAddress)?
        }
        _ => Addr::UNSPECIFIED,
    };
    Ok(Icmp {
        kind,
        code: header[1],
        id,
        seq,
        payload_len: saturated(message.len),
        target,
        quoted: if is_error(kind, v4) { quoted(message, tally)? } else { None },
    })
}

/// Echo, timestamp, information and address mask, request and reply.
fn has_id(kind: u8, v4: bool) -> bool {
    if v4 { matches!(kind, 0 | 8 | 13..=18) } else { matches!(kind, 128 | 129) }
}

/// Unreachable, quench, redirect, time exceeded, parameter problem; in ICMPv6 also too big.
fn is_error(kind: u8, v4: bool) -> bool {
    if v4 { matches!(kind, 3 | 4 | 5 | 11 | 12) } else { matches!(kind, 1..=4) }
}

fn quoted(rest: Extent<'_>, tally: &mut Tally) -> Result<Option<Quoted>, Unread> {
    let Some(quote) = ip::quote(rest.data) else {
        return match rest.tail {
            Tail::Partial => Err(Unread::Incomplete),
            Tail::Cut => Ok(None),
            Tail::Whole => {
                tally.note(Malformed::IcmpQuote);
                Ok(None)
            }
        };
    };
    let data = quote.transport;
    let is_tcp = quote.protocol == protocol::TCP;
    Ok(Some(Quoted {
        src: quote.src,
        dst: quote.dst,
        transport: transport(quote.protocol, data),
        seq: be32(data, 4).filter(|_| is_tcp).unwrap_or(0),
    }))
}

fn transport(protocol: u8, data: &[u8]) -> Transport {
    let cut_off = Transport::Other { protocol };
    if matches!(protocol, protocol::ICMP | protocol::ICMPV6) {
        return match data.first() {
            Some(&kind) => Transport::Icmp {
                kind,
                id: be16(data, 4).filter(|_| has_id(kind, protocol == protocol::ICMP)).unwrap_or(0),
            },
            None => cut_off,
        };
    }
    let (Some(src_port), Some(dst_port)) = (be16(data, 0), be16(data, 2)) else {
        return cut_off;
    };
    match protocol {
        protocol::TCP => Transport::Tcp { src_port, dst_port },
        protocol::UDP => Transport::Udp { src_port, dst_port },
        protocol::SCTP => Transport::Sctp { src_port, dst_port },
        _ => cut_off,
    }
}
