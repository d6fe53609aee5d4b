//! ARP for Ethernet and IPv4 (RFC 826).

use crate::extent::Extent;
use crate::malformed::{Malformed, Skipped, Unread};
use crate::{Addr, Arp, Body, Packet};

/// Ethernet, and IEEE 802 networks (RFC 1042), which hosts take for the same.
const HARDWARE: [[u8; 2]; 2] = [[0, 1], [0, 6]];
const PROTOCOL_IPV4: [u8; 2] = [8, 0];

/// Reads an ARP message into the draft.
pub(crate) fn read(mut message: Extent<'_>, draft: &mut Packet) -> Result<(), Unread> {
    let head = message.take::<8>(Malformed::ArpTruncated)?;
    let &[h0, h1, p0, p1, hardware_len, protocol_len, o0, o1] = head;
    if !HARDWARE.contains(&[h0, h1]) || [p0, p1] != PROTOCOL_IPV4 {
        return Err(Skipped::Arp.into());
    }
    if (hardware_len, protocol_len) != (6, 4) {
        return Err(Malformed::ArpLengths.into());
    }
    let addrs = message.take::<20>(Malformed::ArpTruncated)?;
    let &[m0, m1, m2, m3, m4, m5, s0, s1, s2, s3, _, _, _, _, _, _, t0, t1, t2, t3] = addrs;
    draft.src = Addr::from_v4_bits(u32::from_be_bytes([s0, s1, s2, s3]));
    draft.dst = Addr::from_v4_bits(u32::from_be_bytes([t0, t1, t2, t3]));
    // In a tunnel these would be left over from the packet around it.
    (draft.ttl, draft.ip_id, draft.dont_fragment) = (0, 0, false);
    draft.body = Body::Arp(Arp {
        operation: u16::from_be_bytes([o0, o1]),
        sender_mac: [m0, m1, m2, m3, m4, m5],
    });
    Ok(())
}
