//! ICMP and ICMPv6 with the packets they quote, neighbour discovery, ARP.

use tripline_packet::{Addr, Arp, Body, Icmp, LinkType, Malformed, Packet, Quoted, Transport};

use crate::build::{
    self, DESTINATION, DST, DST6, FRAGMENT, ICMP, ICMPV6, IP_IN_IP, Ipv4, MORE, SCTP, SRC, SRC_MAC,
    SRC6, TCP, UDP, arp, ethernet, extension, fragment, icmp, ipv4, ipv6, sctp, syn, tag, udp, v4,
    v6,
};
use crate::reader::{Reader, body, read, why_skipped};

const NONE: Icmp = Icmp {
    kind: 0,
    code: 0,
    id: 0,
    seq: 0,
    payload_len: 0,
    target: Addr::UNSPECIFIED,
    quoted: None,
};

#[test]
fn echo_and_timestamp_have_an_identifier() {
    let rest = [0x12, 0x34, 0, 5];
    for kind in [0, 8, 13, 14, 15, 16, 17, 18] {
        let expected = Icmp { kind, id: 0x1234, seq: 5, payload_len: 12, ..NONE };
        assert_eq!(body(&ipv4(ICMP, &icmp(kind, 0, rest, &[0; 12]))), Body::Icmp(expected));
    }
    for kind in [128, 129] {
        let expected = Icmp { kind, id: 0x1234, seq: 5, payload_len: 12, ..NONE };
        assert_eq!(body(&ipv6(ICMPV6, &icmp(kind, 0, rest, &[0; 12]))), Body::Icmp(expected));
    }
    // The numbers of one family mean nothing in the other.
    let advertisement = Icmp { kind: 9, code: 1, ..NONE };
    assert_eq!(body(&ipv4(ICMP, &icmp(9, 1, rest, &[]))), Body::Icmp(advertisement));
    let report = Icmp { kind: 8, ..NONE };
    assert_eq!(body(&ipv6(ICMPV6, &icmp(8, 0, rest, &[]))), Body::Icmp(report));
}

/// The packet that an error quotes; all of `quote` goes into the message.
#[track_caller]
fn quoted(kind: u8, is_v4: bool, quote: &[u8]) -> Quoted {
    let message = icmp(kind, 3, [0; 4], quote);
    let Body::Icmp(icmp) = body(&if is_v4 { ipv4(ICMP, &message) } else { ipv6(ICMPV6, &message) })
    else {
        panic!()
    };
    assert_eq!((icmp.kind, icmp.code, icmp.id), (kind, 3, 0));
    assert_eq!(usize::from(icmp.payload_len), quote.len());
    icmp.quoted.unwrap()
}

fn quote_v4(transport: Transport, seq: u32) -> Quoted {
    Quoted { src: v4(SRC), dst: v4(DST), transport, seq }
}

fn quote_v6(transport: Transport, seq: u32) -> Quoted {
    Quoted { src: v6(SRC6), dst: v6(DST6), transport, seq }
}

const TCP_PORTS: Transport = Transport::Tcp { src_port: 40_000, dst_port: 22 };
const UDP_PORTS: Transport = Transport::Udp { src_port: 40_000, dst_port: 161 };
const SCTP_PORTS: Transport = Transport::Sctp { src_port: 40_000, dst_port: 36_412 };

#[test]
fn all_errors_of_both_families_quote() {
    for kind in [3, 4, 5, 11, 12] {
        assert_eq!(quoted(kind, true, &ipv4(TCP, &syn())), quote_v4(TCP_PORTS, 1));
    }
    for kind in 1..=4 {
        assert_eq!(quoted(kind, false, &ipv6(TCP, &syn())), quote_v6(TCP_PORTS, 1));
    }
    // Router advertisement and echo: what follows is no packet.
    assert_eq!(body(&ipv4(ICMP, &icmp(9, 0, [0; 4], &ipv4(TCP, &syn())))), {
        Body::Icmp(Icmp { kind: 9, payload_len: 60, ..NONE })
    });
}

#[test]
fn a_quote_of_each_transport() {
    assert_eq!(quoted(3, true, &ipv4(UDP, &udp(40_000, 161, b""))), quote_v4(UDP_PORTS, 0));
    assert_eq!(quoted(3, true, &ipv4(SCTP, &sctp(1, &[0; 16]))), quote_v4(SCTP_PORTS, 0));
    let echo = icmp(8, 0, [0, 9, 0, 1], b"");
    let expected = Transport::Icmp { kind: 8, id: 9 };
    assert_eq!(quoted(11, true, &ipv4(ICMP, &echo)), quote_v4(expected, 0));
    let expected = Transport::Icmp { kind: 128, id: 9 };
    let echo = icmp(128, 0, [0, 9, 0, 1], b"");
    assert_eq!(quoted(3, false, &ipv6(ICMPV6, &echo)), quote_v6(expected, 0));
    let expected = Transport::Other { protocol: IP_IN_IP };
    assert_eq!(quoted(3, true, &ipv4(IP_IN_IP, &[0; 8])), quote_v4(expected, 0));
}

/// RFC 792 asks for eight bytes behind the header; the sequence number just fits.
#[test]
fn a_quote_of_eight_bytes_and_of_fewer() {
    let packet = ipv4(TCP, &syn());
    assert_eq!(quoted(3, true, &packet[..28]), quote_v4(TCP_PORTS, 1));
    assert_eq!(quoted(3, true, &packet[..27]), quote_v4(TCP_PORTS, 0));
    let cut_off = Transport::Other { protocol: TCP };
    assert_eq!(quoted(3, true, &packet[..23]), quote_v4(cut_off, 0));
}

#[test]
fn quotes_through_options_and_extension_headers() {
    let packet = Ipv4 { options: &[1; 8], ..Ipv4::default() }.around(&syn());
    assert_eq!(quoted(3, true, &packet), quote_v4(TCP_PORTS, 1));
    let packet = ipv6(DESTINATION, &extension(UDP, 1, &udp(40_000, 161, b"")));
    assert_eq!(quoted(1, false, &packet), quote_v6(UDP_PORTS, 0));
    let packet = ipv6(FRAGMENT, &fragment(TCP, 0, true, &syn()));
    assert_eq!(quoted(1, false, &packet), quote_v6(TCP_PORTS, 1));
}

/// Only the first piece has ports.
#[test]
fn a_quote_of_a_later_piece_has_no_ports() {
    let cut_off = Transport::Other { protocol: TCP };
    let later = Ipv4 { place: MORE | 1, ..Ipv4::default() }.around(&syn());
    assert_eq!(quoted(11, true, &later), quote_v4(cut_off, 0));
    let first = Ipv4 { place: MORE, ..Ipv4::default() }.around(&syn());
    assert_eq!(quoted(11, true, &first), quote_v4(TCP_PORTS, 1));
    let later = ipv6(FRAGMENT, &fragment(TCP, 8, true, &syn()));
    assert_eq!(quoted(3, false, &later), quote_v6(cut_off, 0));
}

/// Many stacks change the lengths in what they quote.
#[test]
fn lengths_in_a_quote_are_not_believed() {
    for total_len in [0, 21, 9_999] {
        let packet = Ipv4 { total_len: Some(total_len), ..Ipv4::default() }.around(&syn());
        assert_eq!(quoted(3, true, &packet), quote_v4(TCP_PORTS, 1));
    }
}

#[test]
fn a_quote_that_the_capture_cut() {
    let frame = ipv4(ICMP, &icmp(3, 3, [0; 4], &ipv4(TCP, &syn())));
    let mut reader = Reader::default();
    let packet = reader.cut_frame(LinkType::RawIp, &frame[..40], frame.len()).unwrap().unwrap();
    assert_eq!(packet.body, Body::Icmp(Icmp { kind: 3, code: 3, payload_len: 60, ..NONE }));
    assert_eq!(reader.malformed(), []);
}

#[test]
fn neighbour_discovery_names_its_target() {
    for kind in [135, 136] {
        let message = icmp(kind, 0, [0x60, 0, 0, 0], &[&DST6[..], &[1, 1], &SRC_MAC].concat());
        let expected = Icmp { kind, payload_len: 24, target: v6(DST6), ..NONE };
        assert_eq!(body(&ipv6(ICMPV6, &message)), Body::Icmp(expected));
    }
    // Router solicitation has none.
    let message = icmp(133, 0, [0; 4], &DST6);
    let expected = Icmp { kind: 133, payload_len: 16, ..NONE };
    assert_eq!(body(&ipv6(ICMPV6, &message)), Body::Icmp(expected));
}

#[test]
fn arp_requests_and_replies() {
    for operation in [1, 2, 9] {
        for frame in [
            ethernet(build::ARP, &arp(operation, SRC, DST)),
            ethernet(build::VLAN, &tag(4, build::ARP, &arp(operation, SRC, DST))),
        ] {
            let expected = Packet {
                src: v4(SRC),
                dst: v4(DST),
                src_mac: SRC_MAC,
                wire_len: u32::try_from(frame.len()).unwrap(),
                body: Body::Arp(Arp { operation, sender_mac: SRC_MAC }),
                ..Packet::EMPTY
            };
            assert_eq!(read(LinkType::Ethernet, &frame), expected);
        }
    }
}

#[test]
fn arp_for_other_networks_is_passed_over() {
    let mut frame = ethernet(build::ARP, &arp(1, SRC, DST));
    // Linux answers hardware type 6 (IEEE 802) as it answers 1.
    frame[15] = 6;
    assert!(matches!(read(LinkType::Ethernet, &frame).body, Body::Arp(_)));
    frame[15] = 7;
    assert_eq!(why_skipped(LinkType::Ethernet, &frame), "other_arp");
}

/// An error that quotes nothing is kept; what it is about is not known.
#[test]
fn an_error_without_a_quote() {
    let mut reader = Reader::default();
    let frame = ipv4(ICMP, &icmp(3, 1, [0; 4], b"this is no packet at all"));
    let packet = reader.frame(LinkType::RawIp, &frame).unwrap().unwrap();
    assert_eq!(packet.body, Body::Icmp(Icmp { kind: 3, code: 1, payload_len: 24, ..NONE }));
    assert_eq!(reader.malformed(), [(Malformed::IcmpQuote, 1)]);
}
