//! IPv4 and IPv6 headers, and the headers that may stand between them and the transport.

use crate::extent::{Extent, Tail, be16};
use crate::malformed::{Malformed, Tally, Unread};
use crate::{Addr, Packet};

/// IP protocol numbers (IANA) that are read.
pub(crate) mod protocol {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const AUTHENTICATION: u8 = 51;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const DESTINATION: u8 = 60;
    pub(crate) const SCTP: u8 = 132;
}

/// Extension headers of one packet. RFC 8200 section 4.1 has a place for seven.
const MAX_EXTENSIONS: usize = 8;
/// Ethernet fills an empty IPv6 packet up to 46 bytes.
const IPV6_PADDING: usize = 6;

/// What an IP packet carries behind the headers that were read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload {
    pub(crate) protocol: u8,
    /// Set for a piece of a larger datagram.
    pub(crate) fragment: Option<Fragment>,
}

/// Where a piece belongs (RFC 791, RFC 8200 section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// In bytes.
    pub(crate) offset: u16,
    /// Is this not the last piece?
    pub(crate) more: bool,
    pub(crate) id: u32,
}

/// Reads an IPv4 header (RFC 791) into the draft.
#[inline]
pub(crate) fn ipv4(
    packet: &mut Extent<'_>,
    draft: &mut Packet,
    tally: &mut Tally,
) -> Result<Payload, Unread> {
    let Some(header) = packet.data.first_chunk::<20>() else {
        return Err(packet.short(20, Malformed::Ipv4Truncated));
    };
    if header[0] >> 4 != 4 {
        return Err(Malformed::IpVersion.into());
    }
    let header_len = usize::from(header[0] & 0x0f) * 4;
    if header_len < 20 || packet.is_exceeded_by(header_len) {
        return Err(Malformed::Ipv4HeaderLength.into());
    }
    let total_len = match usize::from(u16::from_be_bytes([header[2], header[3]])) {
        // Written by the card after the capture (TCP segmentation offload): up to the end.
        0 => packet.len,
        len if len < header_len => return Err(Malformed::Ipv4TotalLength.into()),
        len => len,
    };
    note_length(*packet, total_len, tally);
    draft.src = v4_addr([header[12], header[13], header[14], header[15]]);
    draft.dst = v4_addr([header[16], header[17], header[18], header[19]]);
    draft.ttl = header[8];
    draft.ip_id = u16::from_be_bytes([header[4], header[5]]);
    let place = u16::from_be_bytes([header[6], header[7]]);
    draft.dont_fragment = place & 0x4000 != 0;
    packet.limit(total_len);
    packet.skip(header_len, Malformed::Ipv4HeaderLength)?;
    match v4_fragment(place, draft.ip_id) {
        None => behind_v4(header[9], packet),
        fragment => Ok(Payload { protocol: header[9], fragment }),
    }
}

/// What follows an IPv4 header, through an authentication header.
#[inline]
pub(crate) fn behind_v4(protocol: u8, rest: &mut Extent<'_>) -> Result<Payload, Unread> {
    let protocol = match protocol {
        protocol::AUTHENTICATION => match authentication(rest) {
            // One that was never a header may be a try whether the protocol is answered.
            Err(Unread::Malformed(Malformed::ExtensionLength)) => protocol,
            known_or_missing => known_or_missing?,
        },
        other => other,
    };
    Ok(Payload { protocol, fragment: None })
}

#[inline]
fn v4_addr(bytes: [u8; 4]) -> Addr {
    Addr::from_v4_bits(u32::from_be_bytes(bytes))
}

#[inline]
fn v4_fragment(place: u16, id: u16) -> Option<Fragment> {
    const MORE: u16 = 0x2000;
    const OFFSET: u16 = 0x1fff;
    (place & (MORE | OFFSET) != 0).then(|| Fragment {
        offset: (place & OFFSET) * 8,
        more: place & MORE != 0,
        id: id.into(),
    })
}

/// A length that leads out of the frame is a lie or a damaged frame. Hosts drop it; what is there is
/// read all the same, because captures are often cut by tools that forget the length on the wire.
#[inline]
fn note_length(packet: Extent<'_>, claimed: usize, tally: &mut Tally) {
    if packet.is_exceeded_by(claimed) {
        tally.note(Malformed::IpLengthBeyondFrame);
    }
}

/// Reads an IPv6 header (RFC 8200) and its extension headers into the draft.
#[inline]
pub(crate) fn ipv6(
    packet: &mut Extent<'_>,
    draft: &mut Packet,
    tally: &mut Tally,
) -> Result<Payload, Unread> {
    let header = packet.take::<40>(Malformed::Ipv6Truncated)?;
    if header[0] >> 4 != 6 {
        return Err(Malformed::IpVersion.into());
    }
    draft.src = v6_addr(header, 8).ok_or(Malformed::MappedAddress)?;
    draft.dst = v6_addr(header, 24).ok_or(Malformed::MappedAddress)?;
    draft.ttl = header[7];
    draft.ip_id = 0;
    draft.dont_fragment = false;
    let payload_len = match usize::from(u16::from_be_bytes([header[4], header[5]])) {
        // A jumbogram (RFC 2675) or segmentation offload, unless it is just padding.
        0 if packet.len > IPV6_PADDING => packet.len,
        len => len,
    };
    note_length(*packet, payload_len, tally);
    packet.limit(payload_len);
    extensions(header[6], packet)
}

/// The IPv6 address at an offset; `None` for an IPv4-mapped one. Those never belong on a wire
/// (RFC 6890 section 2.2.3), and here one would pass for the IPv4 address itself.
#[inline]
pub(crate) fn v6_addr(header: &[u8], at: usize) -> Option<Addr> {
    let bytes = header.get(at..)?.first_chunk::<16>()?;
    let addr = Addr::from_bits(u128::from_be_bytes(*bytes));
    (!addr.is_v4()).then_some(addr)
}

/// Walks IPv6 extension headers up to the transport, a fragment or something unknown.
#[inline]
pub(crate) fn extensions(mut next: u8, rest: &mut Extent<'_>) -> Result<Payload, Unread> {
    for _ in 0..MAX_EXTENSIONS {
        // A header that is announced but has no byte: a probe for the protocol number itself.
        let ends = rest.len == 0 && rest.tail != Tail::Partial;
        match next {
            _ if ends => break,
            protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION => {
                next = extension(rest)?;
            }
            protocol::AUTHENTICATION => next = authentication(rest)?,
            protocol::FRAGMENT => {
                let header = rest.take::<8>(Malformed::ExtensionLength)?;
                next = header[0];
                let fragment = v6_fragment(header);
                if fragment.is_some() {
                    return Ok(Payload { protocol: next, fragment });
                }
            }
            _ => break,
        }
    }
    if is_extension(next) && rest.len > 0 {
        return Err(Malformed::ExtensionHeaders.into());
    }
    Ok(Payload { protocol: next, fragment: None })
}

/// `None` for an "atomic" fragment, which is whole (RFC 6946).
fn v6_fragment(header: &[u8; 8]) -> Option<Fragment> {
    let place = u16::from_be_bytes([header[2], header[3]]);
    let more = place & 1 != 0;
    (place & 0xfff8 != 0 || more).then(|| Fragment {
        offset: place & 0xfff8,
        more,
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
    })
}

const fn is_extension(next: u8) -> bool {
    matches!(
        next,
        protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::AUTHENTICATION
            | protocol::DESTINATION
    )
}

/// Hop-by-hop, routing and destination options share their form: next header, length in units of
/// 8 bytes without the first 8.
fn extension(rest: &mut Extent<'_>) -> Result<u8, Unread> {
    let Some(&[next, units]) = rest.data.first_chunk::<2>() else {
        return Err(rest.short(2, Malformed::ExtensionLength));
    };
    rest.skip((usize::from(units) + 1) * 8, Malformed::ExtensionLength)?;
    Ok(next)
}

/// RFC 4302: length in units of 4 bytes without the first 8; at least the 12 fixed bytes. Nothing is
/// taken if it cannot be read.
fn authentication(rest: &mut Extent<'_>) -> Result<u8, Unread> {
    let Some(&[next, units]) = rest.data.first_chunk::<2>() else {
        return Err(rest.short(2, Malformed::ExtensionLength));
    };
    if units < 1 {
        return Err(Malformed::ExtensionLength.into());
    }
    rest.skip((usize::from(units) + 2) * 4, Malformed::ExtensionLength)?;
    Ok(next)
}

/// The transport of a packet that an ICMP error quotes, of which rarely more than the beginning is
/// there: the protocol, and its first bytes if they belong to it.
pub(crate) struct Quote<'a> {
    pub(crate) src: Addr,
    pub(crate) dst: Addr,
    pub(crate) protocol: u8,
    pub(crate) transport: &'a [u8],
}

/// Reads the headers of a quoted packet. Its length fields are not believed: many stacks change them
/// in the quote (nmap tells systems apart by that).
pub(crate) fn quote(data: &[u8]) -> Option<Quote<'_>> {
    match data.first()? >> 4 {
        4 => quote_v4(data),
        6 => quote_v6(data),
        _ => None,
    }
}

fn quote_v4(data: &[u8]) -> Option<Quote<'_>> {
    let header = data.first_chunk::<20>()?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let place = be16(header, 6)?;
    let is_first = v4_fragment(place, 0).is_none_or(|fragment| fragment.offset == 0);
    let transport = match data.get(header_len..) {
        Some(transport) if is_first && header_len >= 20 => transport,
        _ => &[],
    };
    Some(Quote {
        src: v4_addr([header[12], header[13], header[14], header[15]]),
        dst: v4_addr([header[16], header[17], header[18], header[19]]),
        protocol: header[9],
        transport,
    })
}

fn quote_v6(data: &[u8]) -> Option<Quote<'_>> {
    let header = data.first_chunk::<40>()?;
    let rest = Extent { data: &data[40..], len: data.len() - 40, tail: Tail::Whole };
    let (protocol, transport) = quoted_transport(header[6], rest);
    Some(Quote { src: v6_addr(header, 8)?, dst: v6_addr(header, 24)?, protocol, transport })
}

fn quoted_transport(next: u8, mut rest: Extent<'_>) -> (u8, &[u8]) {
    let mut payload = extensions(next, &mut rest);
    // The options for the destination of the whole may follow in the first piece.
    if let Ok(Payload { protocol, fragment: Some(Fragment { offset: 0, .. }) }) = payload {
        payload = extensions(protocol, &mut rest);
    }
    match payload {
        Ok(Payload { protocol, fragment: None }) => (protocol, rest.data),
        Ok(payload) => (payload.protocol, &[]),
        Err(_) => (next, &[]),
    }
}
