//! Frames built layer by layer. Every function puts a header in front of a payload.

use tripline_packet::{Addr, Body, Packet, Tcp, TcpFlags, TcpOptions};

pub(crate) const SRC: [u8; 4] = [198, 51, 100, 66];
pub(crate) const DST: [u8; 4] = [192, 0, 2, 10];
/// `2001:db8:2::66`
pub(crate) const SRC6: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x66];
/// `2001:db8:1::10`
pub(crate) const DST6: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10];
/// The ends of a tunnel.
pub(crate) const OUTER_SRC: [u8; 4] = [203, 0, 113, 1];
pub(crate) const OUTER_DST: [u8; 4] = [203, 0, 113, 2];

pub(crate) const SRC_MAC: [u8; 6] = [2, 0, 0x5e, 0, 1, 1];
pub(crate) const DST_MAC: [u8; 6] = [2, 0, 0x5e, 0, 1, 0x0a];
/// Of Ethernet frames inside a tunnel.
pub(crate) const INNER_MAC: [u8; 6] = [2, 0, 0x5e, 0, 2, 2];

/// `EtherType`s.
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const VLAN: u16 = 0x8100;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const MPLS: u16 = 0x8847;
pub(crate) const SERVICE_VLAN: u16 = 0x88a8;
pub(crate) const PPPOE: u16 = 0x8864;
/// `EtherType` of an Ethernet frame inside a tunnel.
pub(crate) const BRIDGED: u16 = 0x6558;

/// IP protocols.
pub(crate) const HOP_BY_HOP: u8 = 0;
pub(crate) const ICMP: u8 = 1;
pub(crate) const IP_IN_IP: u8 = 4;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const V6_IN_IP: u8 = 41;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const FRAGMENT: u8 = 44;
pub(crate) const GRE: u8 = 47;
pub(crate) const AUTHENTICATION: u8 = 51;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const DESTINATION: u8 = 60;
pub(crate) const SCTP: u8 = 132;

pub(crate) fn v4(bytes: [u8; 4]) -> Addr {
    Addr::from_v4_bits(u32::from_be_bytes(bytes))
}

pub(crate) fn v6(bytes: [u8; 16]) -> Addr {
    Addr::from_bits(u128::from_be_bytes(bytes))
}

/// A length as it stands in a header.
pub(crate) fn len16(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap().to_be_bytes()
}

// Link headers.

pub(crate) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    ethernet_from(SRC_MAC, kind, payload)
}

pub(crate) fn ethernet_from(src: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    [&DST_MAC, &src, &kind.to_be_bytes()[..], payload].concat()
}

/// What follows the `EtherType` of a VLAN: the tag, the next `EtherType`, the payload.
pub(crate) fn tag(id: u16, kind: u16, payload: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &kind.to_be_bytes(), payload].concat()
}

/// An MPLS label.
pub(crate) fn label(number: u32, is_last: bool, payload: &[u8]) -> Vec<u8> {
    let entry = number << 12 | u32::from(is_last) << 8 | 64;
    [&entry.to_be_bytes()[..], payload].concat()
}

/// A `PPPoE` session header.
pub(crate) fn pppoe(payload: &[u8]) -> Vec<u8> {
    [&[0x11, 0, 0, 1], &len16(payload.len())[..], payload].concat()
}

pub(crate) fn ppp(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [&protocol.to_be_bytes()[..], payload].concat()
}

pub(crate) fn cooked_v1(sent_to: u16, hardware: u16, kind: u16, payload: &[u8]) -> Vec<u8> {
    let [sent_to, hardware, kind] = [sent_to, hardware, kind].map(u16::to_be_bytes);
    [&sent_to, &hardware, &[0, 6], &SRC_MAC[..], &[0, 0], &kind, payload].concat()
}

pub(crate) fn cooked_v2(sent_to: u8, hardware: u16, kind: u16, payload: &[u8]) -> Vec<u8> {
    let [hardware, kind] = [hardware, kind].map(u16::to_be_bytes);
    let interface = [0, 0, 0, 2];
    [&kind, &[0, 0], &interface[..], &hardware, &[sent_to, 6], &SRC_MAC, &[0, 0], payload].concat()
}

// The network layer.

pub(crate) struct Ipv4<'a> {
    pub(crate) src: [u8; 4],
    pub(crate) dst: [u8; 4],
    pub(crate) protocol: u8,
    pub(crate) id: u16,
    /// Flags and offset in units of 8 bytes.
    pub(crate) place: u16,
    pub(crate) options: &'a [u8],
    /// When it is not the true one.
    pub(crate) total_len: Option<u16>,
    /// When it is not the true one.
    pub(crate) header_len: Option<u8>,
}

/// Flags of [`Ipv4::place`].
pub(crate) const DONT_FRAGMENT: u16 = 0x4000;
pub(crate) const MORE: u16 = 0x2000;

impl Default for Ipv4<'_> {
    fn default() -> Self {
        Self {
            src: SRC,
            dst: DST,
            protocol: TCP,
            id: 7,
            place: DONT_FRAGMENT,
            options: &[],
            total_len: None,
            header_len: None,
        }
    }
}

impl Ipv4<'_> {
    pub(crate) fn around(&self, payload: &[u8]) -> Vec<u8> {
        let header_len = 20 + self.options.len();
        let units = self.header_len.unwrap_or(u8::try_from(header_len / 4).unwrap());
        let total_len =
            self.total_len.map_or_else(|| len16(header_len + payload.len()), u16::to_be_bytes);
        let mut packet = vec![0x40 | units, 0];
        packet.extend(total_len);
        packet.extend(self.id.to_be_bytes());
        packet.extend(self.place.to_be_bytes());
        packet.extend([57, self.protocol, 0, 0]);
        packet.extend(self.src);
        packet.extend(self.dst);
        packet.extend(self.options);
        packet.extend(payload);
        packet
    }
}

pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    Ipv4 { protocol, ..Ipv4::default() }.around(payload)
}

/// Between the ends of the tunnel.
pub(crate) fn outer_ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    Ipv4 { src: OUTER_SRC, dst: OUTER_DST, protocol, ..Ipv4::default() }.around(payload)
}

pub(crate) struct Ipv6 {
    pub(crate) src: [u8; 16],
    pub(crate) next: u8,
    /// When it is not the true one.
    pub(crate) payload_len: Option<u16>,
}

impl Default for Ipv6 {
    fn default() -> Self {
        Self { src: SRC6, next: TCP, payload_len: None }
    }
}

impl Ipv6 {
    pub(crate) fn around(&self, payload: &[u8]) -> Vec<u8> {
        let payload_len = self.payload_len.map_or_else(|| len16(payload.len()), u16::to_be_bytes);
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(payload_len);
        packet.extend([self.next, 57]);
        packet.extend(self.src);
        packet.extend(DST6);
        packet.extend(payload);
        packet
    }
}

pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    Ipv6 { next, ..Ipv6::default() }.around(payload)
}

/// A hop-by-hop, routing or destination header of 8 bytes and `units` times 8.
pub(crate) fn extension(next: u8, units: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 8 + 8 * usize::from(units)];
    header[..2].copy_from_slice(&[next, units]);
    header.extend(payload);
    header
}

/// An authentication header with 12 bytes of checksum.
pub(crate) fn authentication(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 24];
    header[..2].copy_from_slice(&[next, 4]);
    header.extend(payload);
    header
}

/// An IPv6 fragment header; `offset` in bytes.
pub(crate) fn fragment(next: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let place = offset | u16::from(more);
    [&[next, 0], &place.to_be_bytes()[..], &[0, 0, 0, 9], payload].concat()
}

pub(crate) fn arp(operation: u16, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4];
    [&head, &operation.to_be_bytes()[..], &SRC_MAC, &sender, &[0; 6], &target].concat()
}

// Transports.

pub(crate) struct Segment<'a> {
    pub(crate) flags: u16,
    pub(crate) options: &'a [u8],
    pub(crate) src_port: u16,
    pub(crate) dst_port: u16,
}

impl Default for Segment<'_> {
    fn default() -> Self {
        Self { flags: TcpFlags::SYN, options: SYN_OPTIONS, src_port: 40_000, dst_port: 22 }
    }
}

/// MSS 1460, SACK permitted, timestamps, no-op, window scale 7: as Linux sends them.
pub(crate) const SYN_OPTIONS: &[u8] =
    &[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7];

impl Segment<'_> {
    pub(crate) fn around(&self, payload: &[u8]) -> Vec<u8> {
        let units = u16::try_from(5 + self.options.len() / 4).unwrap();
        let mut segment = Vec::new();
        segment.extend(self.src_port.to_be_bytes());
        segment.extend(self.dst_port.to_be_bytes());
        segment.extend(1u32.to_be_bytes());
        segment.extend(0x0a0b_0c0du32.to_be_bytes());
        segment.extend((units << 12 | self.flags).to_be_bytes());
        segment.extend(64_240u16.to_be_bytes());
        segment.extend([0, 0, 0, 5]);
        segment.extend(self.options);
        segment.extend(payload);
        segment
    }
}

/// 40000 to 22, with the options of Linux.
pub(crate) fn syn() -> Vec<u8> {
    Segment::default().around(&[])
}

pub(crate) fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let [src_port, dst_port] = [src_port, dst_port].map(u16::to_be_bytes);
    [&src_port, &dst_port, &len16(8 + payload.len()), &[0, 0][..], payload].concat()
}

/// `rest` are the four bytes behind the checksum.
pub(crate) fn icmp(kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    [&[kind, code, 0, 0], &rest[..], payload].concat()
}

/// A common header and one chunk; 40000 to 36412.
pub(crate) fn sctp(kind: u8, body: &[u8]) -> Vec<u8> {
    let ports_and_tag = [0x9c, 0x40, 0x8e, 0x3c, 0, 0, 0, 3];
    [&ports_and_tag, &[0; 4][..], &[kind, 0], &len16(4 + body.len()), body].concat()
}

// Tunnels.

pub(crate) fn gre(flags: u16, kind: u16, fields: &[u8], payload: &[u8]) -> Vec<u8> {
    [&flags.to_be_bytes()[..], &kind.to_be_bytes(), fields, payload].concat()
}

/// A VXLAN datagram around an Ethernet frame.
pub(crate) fn vxlan(inner: &[u8]) -> Vec<u8> {
    udp(50_000, 4_789, &[&[8, 0, 0, 0, 0, 0, 1, 0][..], inner].concat())
}

/// A GENEVE datagram; `options` in whole units of four bytes.
pub(crate) fn geneve(kind: u16, options: &[u8], inner: &[u8]) -> Vec<u8> {
    let units = u8::try_from(options.len() / 4).unwrap();
    let head = [units, 0];
    udp(50_000, 6_081, &[&head[..], &kind.to_be_bytes(), &[0, 0, 1, 0], options, inner].concat())
}

// What comes out.

/// The packet of [`syn`] in an IPv4 packet of the defaults, in a frame of this length.
pub(crate) fn syn_v4(frame: &[u8]) -> Packet {
    Packet {
        src: v4(SRC),
        dst: v4(DST),
        wire_len: u32::try_from(frame.len()).unwrap(),
        ttl: 57,
        dont_fragment: true,
        ip_id: 7,
        body: Body::Tcp(syn_fields()),
        ..Packet::EMPTY
    }
}

/// The same in an IPv6 packet.
pub(crate) fn syn_v6(frame: &[u8]) -> Packet {
    Packet { src: v6(SRC6), dst: v6(DST6), dont_fragment: false, ip_id: 0, ..syn_v4(frame) }
}

pub(crate) fn syn_fields() -> Tcp {
    Tcp {
        src_port: 40_000,
        dst_port: 22,
        seq: 1,
        ack: 0x0a0b_0c0d,
        flags: TcpFlags(TcpFlags::SYN),
        window: 64_240,
        urgent: 5,
        payload_len: 0,
        options: TcpOptions {
            // From the right: MSS, SACK permitted, timestamps, no-op, window scale.
            layout: 0x4_2753,
            mss: 1_460,
            window_scale: 7,
            ts_value: 1,
            ts_echo: 0,
        },
    }
}
