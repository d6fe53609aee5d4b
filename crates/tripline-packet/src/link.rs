//! Link layers: from the first header of a frame to the network layer.

use crate::bytes::Bytes;
use crate::{Frame, LinkType, Malformed};

/// `EtherType` of IPv4.
pub(crate) const IPV4: u16 = 0x0800;
/// `EtherType` of ARP.
pub(crate) const ARP: u16 = 0x0806;
/// `EtherType` of IPv6.
pub(crate) const IPV6: u16 = 0x86dd;
const MPLS_UNICAST: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;
/// Transparent Ethernet bridging, in GRE and GENEVE.
pub(crate) const BRIDGED: u16 = 0x6558;
/// PPP in GRE (PPTP).
pub(crate) const PPP: u16 = 0x880b;

/// The network layer of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network<'a> {
    /// What follows, as an `EtherType`.
    pub(crate) ethertype: u16,
    pub(crate) bytes: Bytes<'a>,
    pub(crate) src_mac: [u8; 6],
    pub(crate) multicast: bool,
}

/// Headers of one kind that are followed before it is called a lie: VLAN tags and MPLS labels.
const MOST_TAGS: usize = 8;

/// Opens the link layer of a frame. `None`: a link type or protocol that holds no IP.
pub(crate) fn open<'a>(frame: &Frame<'a>) -> Result<Option<Network<'a>>, Malformed> {
    let bytes = Bytes(frame.data);
    match frame.link {
        LinkType::Ethernet => ethernet(bytes),
        LinkType::RawIp => raw_ip(bytes),
        LinkType::Null => null(bytes),
        LinkType::LinuxSll => cooked(bytes, 14, 0, 4, 6, 16),
        LinkType::LinuxSll2 => cooked(bytes, 0, 10, 11, 12, 20),
        LinkType::Ppp => ppp(bytes),
        LinkType::PppEther => pppoe(bytes),
        LinkType::Other(_) => Ok(None),
    }
}

fn bare(ethertype: u16, bytes: Bytes<'_>) -> Network<'_> {
    Network {
        ethertype,
        bytes,
        src_mac: [0; 6],
        multicast: false,
    }
}

/// Ethernet II, 802.3 with LLC/SNAP, and whatever tags stand in between.
pub(crate) fn ethernet(bytes: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    let (Some(dst), Some(src_mac), Some(ethertype)) = (bytes.u8(0), bytes.array(6), bytes.u16(12))
    else {
        return Err(Malformed::LinkTruncated);
    };
    let rest = bytes.from(14).ok_or(Malformed::LinkTruncated)?;
    let network = tagged(ethertype, rest)?;
    Ok(network.map(|network| Network {
        src_mac,
        multicast: dst & 1 == 1,
        ..network
    }))
}

/// Follows tags and labels until a network protocol or something else stands there.
pub(crate) fn tagged(
    mut ethertype: u16,
    mut bytes: Bytes<'_>,
) -> Result<Option<Network<'_>>, Malformed> {
    for _ in 0..MOST_TAGS {
        match ethertype {
            IPV4 | IPV6 | ARP => return Ok(Some(bare(ethertype, bytes))),
            // 802.1Q, 802.1ad and the older numbers for stacked tags.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                ethertype = bytes.u16(2).ok_or(Malformed::LinkTruncated)?;
                bytes = bytes.from(4).ok_or(Malformed::LinkTruncated)?;
            }
            MPLS_UNICAST | MPLS_MULTICAST => return mpls(bytes),
            PPPOE_SESSION => return pppoe(bytes),
            // 802.3: a length stands in place of the type.
            0..0x0600 => match snap(bytes) {
                Some((inner, rest)) => (ethertype, bytes) = (inner, rest),
                None => return Ok(None),
            },
            _ => return Ok(None),
        }
    }
    Err(Malformed::LinkTooDeep)
}

/// LLC with SNAP and organisation code zero (RFC 1042): the `EtherType` and what follows.
fn snap(bytes: Bytes<'_>) -> Option<(u16, Bytes<'_>)> {
    if bytes.array::<6>(0)? != [0xaa, 0xaa, 3, 0, 0, 0] {
        return None;
    }
    let ethertype = bytes.u16(6).filter(|&ethertype| ethertype >= 0x0600)?;
    Some((ethertype, bytes.from(8)?))
}

fn mpls(mut bytes: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    for _ in 0..MOST_TAGS {
        let label = bytes.u32(0).ok_or(Malformed::LinkTruncated)?;
        bytes = bytes.from(4).ok_or(Malformed::LinkTruncated)?;
        if label & 0x100 != 0 {
            // Nothing says what a label carries; the first nibble tells IP from the rest, as
            // routers do for load balancing (RFC 4928).
            return match bytes.u8(0).map(|first| first >> 4) {
                Some(4 | 6) => raw_ip(bytes),
                // A pseudowire control word, then Ethernet (RFC 4448).
                Some(0) if bytes.len() > 4 + 14 => {
                    ethernet(bytes.from(4).ok_or(Malformed::LinkTruncated)?)
                }
                _ => Ok(None),
            };
        }
    }
    Err(Malformed::LinkTooDeep)
}

fn pppoe(bytes: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    match (bytes.u8(0), bytes.u8(1)) {
        // Version 1, type 1, code 0: session data (RFC 2516). Others are discovery.
        (Some(0x11), Some(0)) => ppp_protocol(bytes.from(6).ok_or(Malformed::LinkTruncated)?),
        (Some(_), Some(_)) => Ok(None),
        _ => Err(Malformed::LinkTruncated),
    }
}

/// PPP with or without the HDLC address and control bytes (RFC 1662).
pub(crate) fn ppp(bytes: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    match bytes.array::<2>(0) {
        Some([0xff, 3]) => ppp_protocol(bytes.from(2).ok_or(Malformed::LinkTruncated)?),
        Some(_) => ppp_protocol(bytes),
        None => Err(Malformed::LinkTruncated),
    }
}

fn ppp_protocol(bytes: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    let first = bytes.u8(0).ok_or(Malformed::LinkTruncated)?;
    // An odd first byte is a compressed protocol field (RFC 1661 section 6.5).
    let (protocol, len) = match first & 1 {
        1 => (u16::from(first), 1),
        _ => (bytes.u16(0).ok_or(Malformed::LinkTruncated)?, 2),
    };
    let rest = bytes.from(len).ok_or(Malformed::LinkTruncated)?;
    match protocol {
        0x0021 => Ok(Some(bare(IPV4, rest))),
        0x0057 => Ok(Some(bare(IPV6, rest))),
        0x0281 | 0x0283 => mpls(rest),
        _ => Ok(None),
    }
}

/// IP without any link header: the version tells which.
pub(crate) fn raw_ip(bytes: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    match bytes.u8(0).map(|first| first >> 4) {
        Some(4) => Ok(Some(bare(IPV4, bytes))),
        Some(6) => Ok(Some(bare(IPV6, bytes))),
        Some(_) => Err(Malformed::IpVersion),
        None => Err(Malformed::LinkTruncated),
    }
}

/// BSD loopback: an address family in the byte order of the capturing host.
fn null(bytes: Bytes<'_>) -> Result<Option<Network<'_>>, Malformed> {
    let family = bytes.u32(0).ok_or(Malformed::LinkTruncated)?;
    let rest = bytes.from(4).ok_or(Malformed::LinkTruncated)?;
    let family = if family > 0xffff {
        family.swap_bytes()
    } else {
        family
    };
    Ok(match family {
        2 => Some(bare(IPV4, rest)),
        // AF_INET6 of Linux, NetBSD/OpenBSD, FreeBSD and macOS.
        10 | 24 | 28 | 30 => Some(bare(IPV6, rest)),
        _ => None,
    })
}

/// Linux cooked captures; the arguments are the offsets of the fields.
fn cooked(
    bytes: Bytes<'_>,
    protocol_at: usize,
    kind_at: usize,
    len_at: usize,
    address_at: usize,
    header: usize,
) -> Result<Option<Network<'_>>, Malformed> {
    let (Some(protocol), Some(rest)) = (bytes.u16(protocol_at), bytes.from(header)) else {
        return Err(Malformed::LinkTruncated);
    };
    // Version 1 keeps packet type and address length in two bytes each, version 2 in one.
    let narrow = kind_at != 0;
    let kind = if narrow {
        bytes.u8(kind_at).map(u16::from)
    } else {
        bytes.u16(kind_at)
    };
    let len = if narrow {
        bytes.u8(len_at).map(u16::from)
    } else {
        bytes.u16(len_at)
    };
    let src_mac = match len {
        Some(6) => bytes.array(address_at).unwrap_or_default(),
        _ => [0; 6],
    };
    let multicast = matches!(kind, Some(1 | 2));
    let network = tagged(protocol, rest)?;
    Ok(network.map(|network| Network {
        src_mac,
        multicast,
        ..network
    }))
}
