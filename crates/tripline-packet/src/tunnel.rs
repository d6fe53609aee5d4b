//! Tunnel headers: what is inside GRE, VXLAN and GENEVE.

use crate::Packet;
use crate::extent::{Extent, be16};
use crate::link::{self, Opened};
use crate::malformed::{Malformed, Unread};

/// Tunnels inside each other that are opened. Real networks nest two, rarely three.
pub(crate) const MAX_DEPTH: u8 = 4;

/// UDP port of VXLAN (RFC 7348).
pub(crate) const VXLAN_PORT: u16 = 4789;
/// UDP port of GENEVE (RFC 8926).
pub(crate) const GENEVE_PORT: u16 = 6081;

/// `EtherType` of a bridged Ethernet frame ("transparent Ethernet bridging").
const ETHERNET: u16 = 0x6558;
/// `EtherType` of PPP.
const PPP: u16 = 0x880b;
/// `EtherType` of ERSPAN types I and II.
const ERSPAN: u16 = 0x88be;

// GRE flags (RFC 2784, RFC 2890, RFC 1701 for the source routes, RFC 2637 for the last).
const CHECKSUM: u16 = 0x8000;
const SOURCE_ROUTES: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;

/// What a GRE packet carries.
pub(crate) fn gre(packet: &mut Extent<'_>, draft: &mut Packet) -> Opened {
    let header = packet.take::<4>(Malformed::GreHeader)?;
    let flags = u16::from_be_bytes([header[0], header[1]]);
    let kind = u16::from_be_bytes([header[2], header[3]]);
    match flags & VERSION {
        0 if flags & SOURCE_ROUTES == 0 => gre_v0(flags, kind, packet, draft),
        1 if kind == PPP && flags & KEY != 0 => gre_pptp(flags, packet),
        _ => Err(Malformed::GreHeader.into()),
    }
}

fn gre_v0(flags: u16, kind: u16, rest: &mut Extent<'_>, draft: &mut Packet) -> Opened {
    let fields = (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones() as usize;
    rest.skip(4 * fields, Malformed::GreHeader)?;
    match kind {
        ETHERNET => link::ethernet(rest, draft),
        PPP => link::ppp(rest),
        // Type I has no header of its own, and no sequence number (draft-foschiano-erspan).
        ERSPAN if flags & SEQUENCE == 0 => link::ethernet(rest, draft),
        ERSPAN => erspan_v2(rest, draft),
        _ => link::ether_payload(kind, rest),
    }
}

/// ERSPAN type II: version (1) and VLAN, flags and session, reserved and index.
fn erspan_v2(rest: &mut Extent<'_>, draft: &mut Packet) -> Opened {
    let header = rest.take::<8>(Malformed::ErspanHeader)?;
    if header[0] >> 4 != 1 {
        return Err(Malformed::ErspanHeader.into());
    }
    link::ethernet(rest, draft)
}

/// The enhanced GRE of PPTP (RFC 2637); the key holds the length of the payload and the call.
fn gre_pptp(flags: u16, rest: &mut Extent<'_>) -> Opened {
    let key = rest.take::<4>(Malformed::GreHeader)?;
    let fields = (flags & (SEQUENCE | ACKNOWLEDGEMENT)).count_ones() as usize;
    rest.skip(4 * fields, Malformed::GreHeader)?;
    let payload_len = usize::from(u16::from_be_bytes([key[0], key[1]]));
    if rest.is_exceeded_by(payload_len) {
        return Err(Malformed::GreHeader.into());
    }
    rest.limit(payload_len);
    link::ppp(rest)
}

/// What a VXLAN datagram carries; `None` if the header is not one, which leaves plain UDP.
///
/// The rules are stricter than a receiver's (reserved bits must be as the RFC tells senders),
/// because here a wrong guess would hide a probe of the port.
pub(crate) fn vxlan(payload: &mut Extent<'_>, draft: &mut Packet) -> Option<Opened> {
    /// The network identifier is valid.
    const VALID: u8 = 0x08;
    /// The same with a group policy in the reserved bits (draft-smith-vxlan-group-policy).
    const VALID_WITH_POLICY: u8 = 0x88;
    let (header, _) = payload.data.split_first_chunk::<8>()?;
    let is_vxlan = matches!(header, [VALID, 0, 0, 0, .., 0] | [VALID_WITH_POLICY, .., 0]);
    is_vxlan.then(|| {
        payload.skip(8, Malformed::TruncatedLink)?;
        link::ethernet(payload, draft)
    })
}

/// What a GENEVE datagram carries; `None` if the header is not one, which leaves plain UDP.
pub(crate) fn geneve(payload: &mut Extent<'_>, draft: &mut Packet) -> Option<Opened> {
    let (header, _) = payload.data.split_first_chunk::<8>()?;
    let version = header[0] >> 6;
    let reserved = header[1] & 0x3f | header[7];
    if version != 0 || reserved != 0 {
        return None;
    }
    let options_len = usize::from(header[0] & 0x3f) * 4;
    let kind = be16(header, 2)?;
    let is_known = kind == ETHERNET || matches!(kind, 0x0800 | 0x86dd);
    let is_there = !payload.is_exceeded_by(8 + options_len);
    (is_known && is_there).then(|| {
        payload.skip(8 + options_len, Malformed::TruncatedLink)?;
        match kind {
            ETHERNET => link::ethernet(payload, draft),
            _ => link::ether_payload(kind, payload),
        }
    })
}

/// The error of a tunnel that would be one too many.
pub(crate) fn check_depth(draft: &Packet) -> Result<(), Unread> {
    if draft.tunnel_depth >= MAX_DEPTH {
        return Err(Malformed::TunnelTooDeep.into());
    }
    Ok(())
}
