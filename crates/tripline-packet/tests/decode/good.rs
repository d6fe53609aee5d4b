//! Honest frames, one of each make: what the properties begin with.

use tripline_packet::LinkType;

use crate::build::{
    ARP, AUTHENTICATION, BRIDGED, DESTINATION, DST, FRAGMENT, GRE, HOP_BY_HOP, ICMP, ICMPV6,
    IP_IN_IP, IPV4, IPV6, Ipv4, MPLS, PPPOE, ROUTING, SCTP, SERVICE_VLAN, SRC, Segment, TCP, UDP,
    V6_IN_IP, VLAN, arp, authentication, cooked_v1, cooked_v2, ethernet, extension, fragment,
    geneve, gre, icmp, ipv4, ipv6, label, len16, outer_ipv4, ppp, pppoe, sctp, syn, tag, udp,
    vxlan,
};

/// Each holds one whole packet; none is padded.
pub(crate) fn frames() -> Vec<(LinkType, Vec<u8>)> {
    let mut frames = links();
    frames.extend(networks().into_iter().map(|packet| (LinkType::RawIp, packet)));
    frames.extend(tunnels().into_iter().map(|packet| (LinkType::RawIp, packet)));
    frames
}

fn links() -> Vec<(LinkType, Vec<u8>)> {
    let v4 = ipv4(TCP, &syn());
    let v6 = ipv6(TCP, &syn());
    let llc = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &v4].concat();
    let length = u16::from_be_bytes(len16(llc.len()));
    vec![
        (LinkType::Ethernet, ethernet(IPV4, &v4)),
        (LinkType::Ethernet, ethernet(IPV6, &v6)),
        (LinkType::Ethernet, ethernet(VLAN, &tag(5, IPV4, &v4))),
        (LinkType::Ethernet, ethernet(SERVICE_VLAN, &tag(5, VLAN, &tag(6, IPV6, &v6)))),
        (LinkType::Ethernet, ethernet(length, &llc)),
        (LinkType::Ethernet, ethernet(MPLS, &label(16, false, &label(17, true, &v4)))),
        (LinkType::Ethernet, ethernet(PPPOE, &pppoe(&ppp(0x21, &v4)))),
        (LinkType::Ethernet, ethernet(ARP, &arp(1, SRC, DST))),
        (LinkType::PppEther, pppoe(&ppp(0x57, &v6))),
        (LinkType::Ppp, [&[0xff, 3, 0, 0x21][..], &v4].concat()),
        (LinkType::Ppp, [&[0x0f, 0, 8, 0][..], &v4].concat()),
        (LinkType::Null, [&[2, 0, 0, 0][..], &v4].concat()),
        (LinkType::Null, [&[0, 0, 0, 30][..], &v6].concat()),
        (LinkType::LinuxSll, cooked_v1(0, 1, IPV4, &v4)),
        (LinkType::LinuxSll2, cooked_v2(0, 1, IPV6, &v6)),
    ]
}

fn networks() -> Vec<Vec<u8>> {
    let data = Segment { flags: 0x18, ..Segment::default() }.around(&[7; 100]);
    let dns = [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'x', 0, 0, 1, 0, 1];
    let chain = extension(ROUTING, 0, &extension(DESTINATION, 1, &extension(TCP, 0, &syn())));
    vec![
        Ipv4 { options: &[1; 40], ..Ipv4::default() }.around(&data),
        ipv4(AUTHENTICATION, &authentication(UDP, &udp(5, 6, b"abc"))),
        ipv4(UDP, &udp(53, 40_000, &dns)),
        ipv4(SCTP, &sctp(1, &[0; 16])),
        ipv4(ICMP, &icmp(8, 0, [0, 1, 0, 2], &[0; 56])),
        ipv4(ICMP, &icmp(3, 3, [0; 4], &ipv4(UDP, &udp(40_000, 161, b"abc")))),
        ipv4(TCP, &Segment { src_port: 21, ..Segment::default() }.around(b"229 (|||6446|)\r\n")),
        ipv6(HOP_BY_HOP, &chain),
        ipv6(FRAGMENT, &fragment(TCP, 0, false, &syn())),
        ipv6(AUTHENTICATION, &authentication(TCP, &syn())),
        ipv6(ICMPV6, &icmp(1, 4, [0; 4], &ipv6(TCP, &syn()))),
        ipv6(ICMPV6, &icmp(135, 0, [0; 4], &crate::build::DST6)),
    ]
}

fn tunnels() -> Vec<Vec<u8>> {
    let v4 = ipv4(TCP, &syn());
    let v6 = ipv6(TCP, &syn());
    let frame = ethernet(IPV4, &v4);
    let erspan = [&[0x10, 0, 0, 0, 0, 0, 0, 0][..], &frame].concat();
    vec![
        outer_ipv4(IP_IN_IP, &v4),
        outer_ipv4(V6_IN_IP, &v6),
        outer_ipv4(GRE, &gre(0, IPV4, &[], &v4)),
        outer_ipv4(GRE, &gre(0x2000, IPV6, &[0; 4], &v6)),
        outer_ipv4(GRE, &gre(0x1000, 0x88be, &[0; 4], &erspan)),
        outer_ipv4(UDP, &vxlan(&frame)),
        outer_ipv4(UDP, &geneve(BRIDGED, &[0, 0, 0, 0], &frame)),
        outer_ipv4(UDP, &vxlan(&ethernet(IPV4, &outer_ipv4(GRE, &gre(0, IPV4, &[], &v4))))),
    ]
}
