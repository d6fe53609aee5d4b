//! Link headers: everything in front of IP and ARP that is no tunnel.

use crate::extent::{Extent, be16};
use crate::malformed::{Malformed, Skipped, Unread};
use crate::{LinkType, Packet};

/// The network layer that a link header leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    Ipv4,
    Ipv6,
    Arp,
}

/// What a link header leads to; the extent stands behind the header then.
pub(crate) type Opened = Result<Network, Unread>;

/// VLAN tags and LLC headers of one frame. Two tags are common, three exist.
const MAX_TAGS: usize = 8;
/// Labels of an MPLS stack; segment routing (RFC 8491) announces limits around 10.
const MAX_LABELS: usize = 16;

// EtherTypes (IEEE registration authority).
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const CUSTOMER_TAG: u16 = 0x8100;
const SERVICE_TAG: u16 = 0x88a8;
/// `QinQ` before IEEE 802.1ad gave it a number of its own.
const OLD_QINQ: [u16; 2] = [0x9100, 0x9200];
const MPLS: [u16; 2] = [0x8847, 0x8848];
const PPPOE_DISCOVERY: u16 = 0x8863;
const PPPOE_SESSION: u16 = 0x8864;
/// Up to here the field is the length of an IEEE 802.3 frame, and LLC follows.
const MAX_802_3_LENGTH: u16 = 1_500;

/// Hardware types of Linux cooked headers (`ARPHRD_*` of `linux/if_arp.h`).
const ARPHRD_ETHER: u16 = 1;
/// Here the protocol field is no `EtherType`: 802.11 with radio headers, netlink.
const ARPHRD_UNREAD: [u16; 4] = [801, 802, 803, 824];

/// Opens the link header of a captured frame.
#[inline]
pub(crate) fn open(link: LinkType, frame: &mut Extent<'_>, draft: &mut Packet) -> Opened {
    match link {
        LinkType::Ethernet => ethernet(frame, draft),
        LinkType::Null => null(frame),
        LinkType::Ppp => hdlc(frame),
        LinkType::PppEther => pppoe(frame),
        LinkType::RawIp => raw_ip(frame),
        LinkType::LinuxSll => cooked_v1(frame, draft),
        LinkType::LinuxSll2 => cooked_v2(frame, draft),
        LinkType::Other(_) => Err(Skipped::LinkType.into()),
    }
}

/// An Ethernet frame, also one inside a tunnel.
#[inline]
pub(crate) fn ethernet(frame: &mut Extent<'_>, draft: &mut Packet) -> Opened {
    let header = frame.take::<14>(Malformed::TruncatedLink)?;
    let [dst, .., _, _, _, _, _, _, _, _, _, kind_high, kind_low] = header;
    draft.link_multicast = dst & 1 != 0;
    draft.src_mac.copy_from_slice(&header[6..12]);
    match u16::from_be_bytes([*kind_high, *kind_low]) {
        IPV4 => Ok(Network::Ipv4),
        other => ether_payload(other, frame),
    }
}

/// What an `EtherType` announces, through VLAN tags, LLC, MPLS and `PPPoE`.
pub(crate) fn ether_payload(mut kind: u16, rest: &mut Extent<'_>) -> Opened {
    // A loop, not a recursion: each turn takes bytes, and their number is limited.
    for _ in 0..=MAX_TAGS {
        match kind {
            IPV4 => return Ok(Network::Ipv4),
            IPV6 => return Ok(Network::Ipv6),
            ARP => return Ok(Network::Arp),
            CUSTOMER_TAG | SERVICE_TAG => kind = vlan(rest)?,
            _ if OLD_QINQ.contains(&kind) => kind = vlan(rest)?,
            0..=MAX_802_3_LENGTH => kind = llc(rest)?,
            _ if MPLS.contains(&kind) => return mpls(rest),
            PPPOE_SESSION => return pppoe(rest),
            PPPOE_DISCOVERY => return Err(Skipped::PppoeDiscovery.into()),
            _ => return Err(Skipped::EtherType.into()),
        }
    }
    Err(Malformed::LinkTags.into())
}

fn vlan(rest: &mut Extent<'_>) -> Result<u16, Unread> {
    let tag = rest.take::<4>(Malformed::TruncatedLink)?;
    Ok(u16::from_be_bytes([tag[2], tag[3]]))
}

/// IEEE 802.2 LLC, of which only IP (SAP 6) and SNAP with an `EtherType` (RFC 1042) are read.
fn llc(rest: &mut Extent<'_>) -> Result<u16, Unread> {
    let header = rest.take::<3>(Malformed::TruncatedLink)?;
    match header {
        [0x06, 0x06, 0x03] => Ok(IPV4),
        [0xaa, 0xaa, 0x03] => {
            let snap = rest.take::<5>(Malformed::TruncatedLink)?;
            match snap {
                // The second organisation code is that of bridges (IEEE 802.1H).
                [0, 0, 0 | 0xf8, high, low] => Ok(u16::from_be_bytes([*high, *low])),
                _ => Err(Skipped::Llc.into()),
            }
        }
        _ => Err(Skipped::Llc.into()),
    }
}

/// MPLS label stack (RFC 3032); the payload tells itself by its IP version.
fn mpls(rest: &mut Extent<'_>) -> Opened {
    for _ in 0..MAX_LABELS {
        let label = rest.take::<4>(Malformed::TruncatedLink)?;
        if label[2] & 1 != 0 {
            return by_version(rest, Skipped::MplsPayload.into());
        }
    }
    Err(Malformed::MplsLabels.into())
}

/// `PPPoE` (RFC 2516). Its length field is not looked at: IP tells its own.
fn pppoe(rest: &mut Extent<'_>) -> Opened {
    let header = rest.take::<6>(Malformed::TruncatedLink)?;
    match header {
        [0x11, 0, ..] => ppp(rest),
        // PADI, PADO, PADR, PADS, PADT: seen here only when the link type is PPPoE itself.
        [0x11, 0x09 | 0x07 | 0x19 | 0x65 | 0xa7, ..] => Err(Skipped::PppoeDiscovery.into()),
        _ => Err(Malformed::PppoeHeader.into()),
    }
}

/// A serial link: PPP, or Cisco's HDLC with an `EtherType`, told apart by the address byte.
fn hdlc(frame: &mut Extent<'_>) -> Opened {
    match frame.data {
        // Neither is a PPP protocol, so one of them alone is what is left of the header.
        [0x0f | 0x8f] | [0x0f | 0x8f, 0, ..] => {
            let header = frame.take::<4>(Malformed::TruncatedLink)?;
            ether_payload(u16::from_be_bytes([header[2], header[3]]), frame)
        }
        _ => ppp(frame),
    }
}

/// PPP (RFC 1661): the address and control bytes of RFC 1662 and the first byte of the protocol
/// may be left out where both ends agreed on it.
pub(crate) fn ppp(frame: &mut Extent<'_>) -> Opened {
    if let [0xff] | [0xff, 0x03, ..] = frame.data {
        frame.skip(2, Malformed::TruncatedLink)?;
    }
    let &[first] = frame.take::<1>(Malformed::TruncatedLink)?;
    let protocol = if first & 1 == 1 {
        u16::from(first)
    } else {
        let &[second] = frame.take::<1>(Malformed::TruncatedLink)?;
        u16::from_be_bytes([first, second])
    };
    match protocol {
        0x0021 => Ok(Network::Ipv4),
        0x0057 => Ok(Network::Ipv6),
        0x0281 | 0x0283 => mpls(frame),
        _ => Err(Skipped::PppControl.into()),
    }
}

fn raw_ip(frame: &mut Extent<'_>) -> Opened {
    by_version(frame, Malformed::IpVersion.into())
}

fn by_version(rest: &mut Extent<'_>, neither: Unread) -> Opened {
    match rest.data.first().map(|byte| byte >> 4) {
        Some(4) => Ok(Network::Ipv4),
        Some(6) => Ok(Network::Ipv6),
        Some(_) => Err(neither),
        None => Err(rest.short(1, Malformed::TruncatedLink)),
    }
}

/// BSD loopback. The family is in the byte order of the capturing host (`OpenBSD`: network order),
/// and `AF_INET6` has a number of its own on nearly every system.
fn null(frame: &mut Extent<'_>) -> Opened {
    let field = frame.take::<4>(Malformed::TruncatedLink)?;
    let family = match u32::from_le_bytes(*field) {
        little @ 0..=0xffff => little,
        _ => u32::from_be_bytes(*field),
    };
    match family {
        2 => Ok(Network::Ipv4),
        // Linux 10, Windows 23, NetBSD and OpenBSD 24, FreeBSD 28, Darwin 30.
        10 | 23 | 24 | 28 | 30 => Ok(Network::Ipv6),
        _ => Err(Skipped::AddressFamily.into()),
    }
}

/// Linux cooked v1: packet type, hardware type, address length, address (8), protocol.
fn cooked_v1(frame: &mut Extent<'_>, draft: &mut Packet) -> Opened {
    let header = frame.take::<16>(Malformed::TruncatedLink)?;
    let field = |at: usize| be16(header, at).unwrap_or(0);
    cooked(draft, field(0), field(2), field(4), &header[6..12]);
    cooked_payload(field(2), field(14), frame)
}

/// Linux cooked v2: protocol, reserved (2), interface (4), hardware type, packet type and address
/// length in a byte each, address (8).
fn cooked_v2(frame: &mut Extent<'_>, draft: &mut Packet) -> Opened {
    let header = frame.take::<20>(Malformed::TruncatedLink)?;
    let field = |at: usize| be16(header, at).unwrap_or(0);
    cooked(draft, header[10].into(), field(8), header[11].into(), &header[12..18]);
    cooked_payload(field(8), field(0), frame)
}

fn cooked(draft: &mut Packet, sent_to: u16, hardware: u16, addr_len: u16, addr: &[u8]) {
    const BROADCAST: u16 = 1;
    const MULTICAST: u16 = 2;
    draft.link_multicast = matches!(sent_to, BROADCAST | MULTICAST);
    if hardware == ARPHRD_ETHER && addr_len == 6 {
        draft.src_mac.copy_from_slice(addr);
    }
}

fn cooked_payload(hardware: u16, protocol: u16, rest: &mut Extent<'_>) -> Opened {
    /// `ETH_P_802_2`: the capturing host saw a length instead of an `EtherType`.
    const LLC: u16 = 0x0004;
    if ARPHRD_UNREAD.contains(&hardware) {
        return Err(Skipped::LinkType.into());
    }
    match protocol {
        LLC => ether_payload(0, rest),
        // Other small numbers are Linux' own (Novell, CAN, …), not lengths.
        0..=MAX_802_3_LENGTH => Err(Skipped::EtherType.into()),
        _ => ether_payload(protocol, rest),
    }
}
