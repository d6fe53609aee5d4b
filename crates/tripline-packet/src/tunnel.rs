//! Tunnels: what stands inside GRE, VXLAN, GENEVE and IP in IP.

use crate::bytes::Bytes;
use crate::ip::Ip;
use crate::link::{self, BRIDGED, IPV4, IPV6, Network, PPP};
use crate::transport::number;
use crate::{Malformed, Udp};

/// Tunnels in tunnels that are opened.
pub(crate) const MOST_DEPTH: u8 = 4;

const VXLAN: u16 = 4_789;
/// Linux took this port before one was assigned.
const VXLAN_LINUX: u16 = 8_472;
const GENEVE: u16 = 6_081;

/// Opens a tunnel that is an IP protocol.
pub(crate) fn over_ip<'a>(ip: &Ip<'a>) -> Result<Option<Network<'a>>, Malformed> {
    match ip.protocol {
        number::IPV4 => Ok(bare(IPV4, ip.payload)),
        number::IPV6 => Ok(bare(IPV6, ip.payload)),
        number::GRE => gre(ip.payload),
        _ => Ok(None),
    }
}

/// A protocol scan sends the bare number with nothing behind it.
fn bare(ethertype: u16, bytes: Bytes<'_>) -> Option<Network<'_>> {
    (bytes.len() > 0).then_some(Network {
        ethertype,
        bytes,
        src_mac: [0; 6],
        multicast: false,
    })
}

/// Opens a tunnel over UDP, if the datagram really is one: a probe at a tunnel's port is not.
pub(crate) fn over_udp<'a>(
    udp: &Udp,
    payload: Bytes<'a>,
) -> Result<Option<Network<'a>>, Malformed> {
    match udp.dst_port {
        VXLAN | VXLAN_LINUX => vxlan(payload),
        GENEVE => geneve(payload),
        _ => Ok(None),
    }
}

/// RFC 7348: flags with only the I bit, reserved bytes zero, then Ethernet.
fn vxlan(payload: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    match (payload.u32(0), payload.u8(7), payload.from(8)) {
        (Some(0x0800_0000), Some(0), Some(inner)) if inner.len() >= 14 => link::ethernet(inner),
        _ => Ok(None),
    }
}

/// RFC 8926: version 0, options in words of four bytes, then what the protocol type says.
fn geneve(payload: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    let (Some(first), Some(ethertype), Some(0)) = (payload.u8(0), payload.u16(2), payload.u8(7))
    else {
        return Ok(None);
    };
    if first >> 6 != 0 {
        return Ok(None);
    }
    let header = 8 + usize::from(first & 0x3f) * 4;
    match payload.from(header) {
        Some(inner) => by_ethertype(ethertype, inner),
        None => Err(Malformed::TunnelInside),
    }
}

fn by_ethertype(ethertype: u16, inner: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    match ethertype {
        BRIDGED => link::ethernet(inner),
        PPP => link::ppp(inner),
        other => link::tagged(other, inner),
    }
}

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const ERSPAN: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;

/// GRE (RFC 2784, RFC 2890), its PPTP variant (RFC 2637), and ERSPAN.
fn gre(bytes: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    let (Some(flags), Some(protocol)) = (bytes.u16(0), bytes.u16(2)) else {
        return Ok(None);
    };
    let version = flags & 7;
    // Source routes (RFC 1701) have been given up for good.
    if version > 1 || flags & ROUTING != 0 {
        return Ok(None);
    }
    let has = |bit| usize::from(flags & bit != 0) * 4;
    let acknowledgement = if version == 1 {
        has(ACKNOWLEDGEMENT)
    } else {
        0
    };
    let header = 4 + has(CHECKSUM) + has(KEY) + has(SEQUENCE) + acknowledgement;
    let inner = bytes.from(header).ok_or(Malformed::TunnelInside)?;
    if inner.len() == 0 {
        // A PPTP acknowledgement, or a keepalive.
        return Ok(None);
    }
    match protocol {
        // Type I has no header of its own and no sequence number; type II has eight bytes.
        ERSPAN if flags & SEQUENCE == 0 => link::ethernet(inner),
        ERSPAN => link::ethernet(inner.from(8).ok_or(Malformed::TunnelInside)?),
        ERSPAN_III => link::ethernet(inner.from(12).ok_or(Malformed::TunnelInside)?),
        other => by_ethertype(other, inner),
    }
}
