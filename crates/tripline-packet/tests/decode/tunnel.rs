//! One test for each tunnel; what is inside is the packet, and what cannot be opened is kept.

use tripline_packet::{Body, LinkType, Malformed, Packet};

use crate::build::{
    BRIDGED, GRE, INNER_MAC, IP_IN_IP, IPV4, IPV6, OUTER_DST, OUTER_SRC, SRC_MAC, TCP, UDP,
    V6_IN_IP, VLAN, ethernet, ethernet_from, geneve, gre, ipv4, ipv6, outer_ipv4, ppp, syn, syn_v4,
    syn_v6, tag, udp, v4, vxlan,
};
use crate::reader::{Reader, read};

const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const CHECKSUM: u16 = 0x8000;

fn inner() -> Vec<u8> {
    ipv4(TCP, &syn())
}

fn inner_ethernet() -> Vec<u8> {
    ethernet_from(INNER_MAC, IPV4, &inner())
}

/// The frame holds the SYN behind one tunnel header.
#[track_caller]
fn opens(frame: &[u8]) {
    assert_eq!(read(LinkType::RawIp, frame), Packet { tunnel_depth: 1, ..syn_v4(frame) });
}

/// The same with an Ethernet frame around the packet in the tunnel.
#[track_caller]
fn opens_ethernet(frame: &[u8]) {
    let expected = Packet { tunnel_depth: 1, src_mac: INNER_MAC, ..syn_v4(frame) };
    assert_eq!(read(LinkType::RawIp, frame), expected);
}

#[test]
fn ip_in_ip_in_all_four_ways() {
    opens(&outer_ipv4(IP_IN_IP, &inner()));
    opens(&ipv6(IP_IN_IP, &inner()));
    for frame in [outer_ipv4(V6_IN_IP, &ipv6(TCP, &syn())), ipv6(V6_IN_IP, &ipv6(TCP, &syn()))] {
        let expected = Packet { tunnel_depth: 1, ..syn_v6(&frame) };
        assert_eq!(read(LinkType::RawIp, &frame), expected);
    }
}

#[test]
fn gre_with_every_set_of_fields() {
    for flags in [0, KEY, SEQUENCE, CHECKSUM, KEY | SEQUENCE, KEY | SEQUENCE | CHECKSUM] {
        let fields = vec![0xee; 4 * flags.count_ones() as usize];
        opens(&outer_ipv4(GRE, &gre(flags, IPV4, &fields, &inner())));
    }
    let frame = outer_ipv4(GRE, &gre(KEY, IPV6, &[0; 4], &ipv6(TCP, &syn())));
    let expected = Packet { tunnel_depth: 1, ..syn_v6(&frame) };
    assert_eq!(read(LinkType::RawIp, &frame), expected);
}

#[test]
fn gre_around_ethernet_and_ppp() {
    opens_ethernet(&outer_ipv4(GRE, &gre(0, BRIDGED, &[], &inner_ethernet())));
    opens_ethernet(&outer_ipv4(GRE, &gre(KEY, BRIDGED, &[0; 4], &inner_ethernet())));
    opens(&outer_ipv4(GRE, &gre(0, 0x880b, &[], &ppp(0x21, &inner()))));
}

#[test]
fn gre_of_pptp() {
    let payload = ppp(0x21, &inner());
    let call = [0, u8::try_from(payload.len()).unwrap(), 0, 1];
    opens(&outer_ipv4(GRE, &gre(KEY | 1, 0x880b, &call, &payload)));
    let fields = [&call[..], &[0; 8]].concat();
    opens(&outer_ipv4(GRE, &gre(KEY | SEQUENCE | 0x80 | 1, 0x880b, &fields, &payload)));
}

#[test]
fn erspan_of_types_i_and_ii() {
    opens_ethernet(&outer_ipv4(GRE, &gre(0, 0x88be, &[], &inner_ethernet())));
    let header = [0x10, 1, 0, 1, 0, 0, 0, 0];
    let payload = [&header[..], &inner_ethernet()].concat();
    opens_ethernet(&outer_ipv4(GRE, &gre(SEQUENCE, 0x88be, &[0; 4], &payload)));
}

#[test]
fn vxlan_with_and_without_a_tag_inside() {
    opens_ethernet(&outer_ipv4(UDP, &vxlan(&inner_ethernet())));
    let tagged = ethernet_from(INNER_MAC, VLAN, &tag(5, IPV4, &inner()));
    opens_ethernet(&outer_ipv4(UDP, &vxlan(&tagged)));
}

#[test]
fn geneve_with_and_without_options() {
    opens_ethernet(&outer_ipv4(UDP, &geneve(BRIDGED, &[], &inner_ethernet())));
    opens_ethernet(&outer_ipv4(
        UDP,
        &geneve(BRIDGED, &[0, 1, 0, 1, 9, 9, 9, 9], &inner_ethernet()),
    ));
    opens(&outer_ipv4(UDP, &geneve(IPV4, &[], &inner())));
}

/// The way a probe of the tunnel's port looks: it must not vanish in the tunnel.
#[test]
fn a_datagram_to_a_tunnel_port_that_is_no_tunnel() {
    let mut reserved_bit = vxlan(&inner_ethernet());
    reserved_bit[8 + 1] = 1;
    let mut later_version = geneve(IPV4, &[], &inner());
    later_version[8] = 0x40;
    for (datagram, port) in [
        (udp(50_000, 4_789, b"nmap"), 4_789),
        (udp(50_000, 6_081, b""), 6_081),
        (reserved_bit, 4_789),
        (later_version, 6_081),
        (geneve(0x0806, &[], &[0; 28]), 6_081),
    ] {
        let packet = read(LinkType::RawIp, &outer_ipv4(UDP, &datagram));
        let Body::Udp(udp) = packet.body else { panic!("{packet:?}") };
        assert_eq!((udp.dst_port, packet.tunnel_depth), (port, 0));
        assert_eq!((packet.src, packet.dst), (v4(OUTER_SRC), v4(OUTER_DST)));
    }
}

#[test]
fn a_tunnel_with_rubbish_inside_is_told_itself() {
    let frame = ethernet(IPV4, &outer_ipv4(IP_IN_IP, &[0x45, 0, 0]));
    let mut reader = Reader::default();
    let packet = reader.frame(LinkType::Ethernet, &frame).unwrap().unwrap();
    assert_eq!(packet.body, Body::Other { protocol: IP_IN_IP });
    assert_eq!((packet.src, packet.src_mac), (v4(OUTER_SRC), SRC_MAC));
    assert_eq!((packet.tunnel_depth, packet.ttl), (0, 57));
    assert_eq!(reader.malformed(), [(Malformed::Ipv4Truncated, 1)]);
    // Nothing is wrong with another protocol inside.
    let other = read(LinkType::RawIp, &outer_ipv4(GRE, &gre(0, 0x88cc, &[], &[0; 40])));
    assert_eq!((other.body, other.src), (Body::Other { protocol: GRE }, v4(OUTER_SRC)));
}

#[test]
fn tunnels_of_different_kinds_inside_each_other() {
    let gre = outer_ipv4(GRE, &gre(0, IPV4, &[], &outer_ipv4(IP_IN_IP, &inner())));
    let frame = outer_ipv4(UDP, &vxlan(&ethernet_from(INNER_MAC, IPV4, &gre)));
    let expected = Packet { tunnel_depth: 3, src_mac: INNER_MAC, ..syn_v4(&frame) };
    assert_eq!(read(LinkType::RawIp, &frame), expected);
}

#[test]
fn four_tunnels_are_opened_and_no_more() {
    let nested = |depth: usize| (0..depth).fold(inner(), |inside, _| outer_ipv4(IP_IN_IP, &inside));
    for depth in 0..=4 {
        let frame = nested(depth);
        let tunnel_depth = u8::try_from(depth).unwrap();
        assert_eq!(read(LinkType::RawIp, &frame), Packet { tunnel_depth, ..syn_v4(&frame) });
    }
    for depth in [5, 6, 60] {
        let mut reader = Reader::default();
        let packet = reader.frame(LinkType::RawIp, &nested(depth)).unwrap().unwrap();
        assert_eq!((packet.tunnel_depth, packet.src), (4, v4(OUTER_SRC)));
        assert_eq!(packet.body, Body::Other { protocol: IP_IN_IP });
        assert_eq!(reader.malformed(), [(Malformed::TunnelTooDeep, 1)]);
    }
}
