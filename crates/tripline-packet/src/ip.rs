//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use crate::bytes::Bytes;
use crate::{Addr, Malformed};

/// An IP packet after its headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ip<'a> {
    pub(crate) src: Addr,
    pub(crate) dst: Addr,
    pub(crate) ttl: u8,
    pub(crate) dont_fragment: bool,
    pub(crate) identification: u16,
    /// Protocol of the payload.
    pub(crate) protocol: u8,
    /// Captured payload, without padding of the link.
    pub(crate) payload: Bytes<'a>,
    /// Length of the payload according to the header.
    pub(crate) payload_len: usize,
    /// Where the payload belongs, if it is a fragment.
    pub(crate) fragment: Option<Fragment>,
}

/// The fragment fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) id: u32,
    /// In bytes.
    pub(crate) offset: u32,
    pub(crate) more: bool,
}

pub(crate) fn v4(bytes: Bytes<'_>) -> Result<Ip<'_>, Malformed> {
    let head: [u8; 20] = bytes.array(0).ok_or(Malformed::IpTruncated)?;
    if head[0] >> 4 != 4 {
        return Err(Malformed::IpVersion);
    }
    let header = usize::from(head[0] & 0xf) * 4;
    if header < 20 {
        return Err(Malformed::Ipv4HeaderLength);
    }
    let total = match u16::from_be_bytes([head[2], head[3]]) {
        // Segmentation offload leaves zero: the rest of the frame is meant.
        0 => bytes.len(),
        total => usize::from(total),
    };
    if total < header {
        return Err(Malformed::Ipv4TotalLength);
    }
    let captured = bytes.0.get(..total.min(bytes.len())).unwrap_or(bytes.0);
    let payload = captured.get(header..).ok_or(Malformed::IpTruncated)?;
    let flags = u16::from_be_bytes([head[6], head[7]]);
    let identification = u16::from_be_bytes([head[4], head[5]]);
    let (more, offset) = (flags & 0x2000 != 0, u32::from(flags & 0x1fff) * 8);
    let fragment = (more || offset > 0).then_some(Fragment {
        id: identification.into(),
        offset,
        more,
    });
    Ok(Ip {
        src: Addr::from_v4_bits(u32::from_be_bytes([head[12], head[13], head[14], head[15]])),
        dst: Addr::from_v4_bits(u32::from_be_bytes([head[16], head[17], head[18], head[19]])),
        ttl: head[8],
        dont_fragment: flags & 0x4000 != 0,
        identification,
        protocol: head[9],
        payload: Bytes(payload),
        payload_len: total - header,
        fragment,
    })
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;
/// Extension headers that are followed. Honest packets have one or two.
const MOST_EXTENSIONS: usize = 12;

pub(crate) fn v6(bytes: Bytes<'_>) -> Result<Ip<'_>, Malformed> {
    let head: [u8; 40] = bytes.array(0).ok_or(Malformed::IpTruncated)?;
    if head[0] >> 4 != 6 {
        return Err(Malformed::IpVersion);
    }
    let claimed = match u16::from_be_bytes([head[4], head[5]]) {
        // A jumbogram (RFC 2675) or offloading: the rest of the frame is meant.
        0 if head[6] == HOP_BY_HOP || bytes.len() > 40 + 8 => bytes.len() - 40,
        len => usize::from(len),
    };
    let address = |at| Addr::from_bits(bytes.u128(at).unwrap_or_default());
    let captured = bytes
        .0
        .get(40..(40 + claimed).min(bytes.len()))
        .unwrap_or_default();
    let mut ip = Ip {
        src: address(8),
        dst: address(24),
        ttl: head[7],
        dont_fragment: false,
        identification: 0,
        protocol: head[6],
        payload: Bytes(captured),
        payload_len: claimed,
        fragment: None,
    };
    extensions(&mut ip)?;
    Ok(ip)
}

/// Steps over the extension headers.
fn extensions(ip: &mut Ip<'_>) -> Result<(), Malformed> {
    for _ in 0..MOST_EXTENSIONS {
        let bytes = ip.payload;
        let len = match ip.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HIP | SHIM6 => {
                bytes.u8(1).map(|len| (usize::from(len) + 1) * 8)
            }
            AUTHENTICATION => bytes.u8(1).map(|len| (usize::from(len) + 2) * 4),
            FRAGMENT => {
                let (Some(place), Some(id)) = (bytes.u16(2), bytes.u32(4)) else {
                    return Err(Malformed::Ipv6Extensions);
                };
                let (offset, more) = (u32::from(place & 0xfff8), place & 1 != 0);
                // An atomic fragment (RFC 6946) is a whole packet.
                if more || offset > 0 {
                    ip.fragment = Some(Fragment { id, offset, more });
                }
                Some(8)
            }
            _ => return Ok(()),
        };
        // Protocol scans send extension headers with nothing behind: say so, not more.
        let (Some(next), Some(len)) = (bytes.u8(0), len) else {
            return Err(Malformed::Ipv6Extensions);
        };
        ip.payload = bytes.from(len).ok_or(Malformed::Ipv6Extensions)?;
        ip.payload_len = ip.payload_len.saturating_sub(len);
        ip.protocol = next;
        // What follows the header of a later fragment is data.
        if ip.fragment.is_some_and(|fragment| fragment.offset > 0) {
            return Ok(());
        }
    }
    Err(Malformed::Ipv6Extensions)
}
