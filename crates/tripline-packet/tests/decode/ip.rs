//! IPv4 and IPv6 headers and what stands between them and the transport.

use tripline_packet::{Body, LinkType, Malformed, Packet, Tcp};

use crate::build::{
    AUTHENTICATION, DESTINATION, FRAGMENT, HOP_BY_HOP, IPV4, Ipv4, Ipv6, MORE, ROUTING, SRC_MAC,
    TCP, UDP, authentication, ethernet, extension, fragment, ipv4, ipv6, syn, syn_fields, syn_v4,
    syn_v6, udp,
};
use crate::reader::{Reader, body, read};

#[test]
fn ipv4_options_are_stepped_over() {
    for words in 0..=10 {
        let frame = Ipv4 { options: &vec![1; 4 * words], ..Ipv4::default() }.around(&syn());
        assert_eq!(read(LinkType::RawIp, &frame), syn_v4(&frame), "{words} words");
    }
}

#[test]
fn fields_of_the_ipv4_header() {
    let mut frame = Ipv4 { id: 0xbeef, place: 0, ..Ipv4::default() }.around(&syn());
    frame[8] = 3;
    let expected = Packet { ip_id: 0xbeef, dont_fragment: false, ttl: 3, ..syn_v4(&frame) };
    assert_eq!(read(LinkType::RawIp, &frame), expected);
}

/// Ethernet fills short packets up; the filling is no payload.
#[test]
fn padding_is_no_payload() {
    let mut frame = ethernet(IPV4, &ipv4(TCP, &syn()));
    frame.extend([0xee; 20]);
    let expected = Packet { src_mac: SRC_MAC, ..syn_v4(&frame) };
    assert_eq!(read(LinkType::Ethernet, &frame), expected);
}

/// Segments that the card will cut to size carry a length of zero.
#[test]
fn a_length_of_zero_means_up_to_the_end() {
    let segment = [syn(), vec![7; 300]].concat();
    let tcp = Body::Tcp(Tcp { payload_len: 300, ..syn_fields() });
    let v4 = Ipv4 { total_len: Some(0), ..Ipv4::default() }.around(&segment);
    assert_eq!(body(&v4), tcp);
    let v6 = Ipv6 { payload_len: Some(0), ..Ipv6::default() }.around(&segment);
    assert_eq!(body(&v6), tcp);
    // But six bytes behind an IPv6 header are how Ethernet fills an empty packet.
    let next = DESTINATION;
    let empty = Ipv6 { payload_len: Some(0), next, ..Ipv6::default() }.around(&[1; 6]);
    assert_eq!(body(&empty), Body::Other { protocol: next });
}

#[test]
fn other_protocols_are_told_by_number() {
    for protocol in [0, 2, 50, 89, 103, 112, 253, 255] {
        assert_eq!(body(&ipv4(protocol, &[0; 20])), Body::Other { protocol });
    }
    // ICMP belongs to IPv4 and ICMPv6 to IPv6.
    assert_eq!(body(&ipv4(58, &[128, 0, 0, 0, 0, 0, 0, 0])), Body::Other { protocol: 58 });
    assert_eq!(body(&ipv6(1, &[8, 0, 0, 0, 0, 0, 0, 0])), Body::Other { protocol: 1 });
    assert_eq!(body(&ipv6(59, &[])), Body::Other { protocol: 59 });
}

#[test]
fn authentication_headers_in_both_families() {
    let frame = ipv4(AUTHENTICATION, &authentication(TCP, &syn()));
    assert_eq!(read(LinkType::RawIp, &frame), syn_v4(&frame));
    let frame = ipv6(AUTHENTICATION, &authentication(TCP, &syn()));
    assert_eq!(read(LinkType::RawIp, &frame), syn_v6(&frame));
}

/// What follows it is not known then; that is no probe of protocol 51.
#[test]
fn an_authentication_header_that_is_missing() {
    let frame = ipv4(AUTHENTICATION, &authentication(TCP, &syn()));
    for captured in [20, 21, 43] {
        let cut = Reader::default().cut_frame(LinkType::RawIp, &frame[..captured], frame.len());
        assert_eq!(cut, Err(Malformed::SnapLength), "{captured}");
    }
    let piece = |from: usize, to: usize, place: u16| {
        Ipv4 { protocol: AUTHENTICATION, place, ..Ipv4::default() }.around(&frame[20..][from..to])
    };
    let mut reader = Reader::default();
    assert_eq!(reader.frame(LinkType::RawIp, &piece(0, 16, MORE)), Ok(None));
    let last = piece(16, 64, 2);
    let expected = Packet { dont_fragment: false, reassembled: true, ..syn_v4(&last) };
    assert_eq!(reader.frame(LinkType::RawIp, &last), Ok(Some(expected)));
}

/// nmap probes protocol numbers with packets that are empty behind the IP header.
#[test]
fn an_announced_header_of_no_bytes_is_a_protocol_probe() {
    for protocol in [HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION] {
        assert_eq!(body(&ipv4(protocol, &[])), Body::Other { protocol });
        assert_eq!(body(&ipv6(protocol, &[])), Body::Other { protocol });
    }
}

#[test]
fn ipv6_extension_headers_in_their_usual_order() {
    let transport = extension(TCP, 1, &syn());
    let chain = extension(ROUTING, 0, &extension(DESTINATION, 2, &transport));
    let frame = ipv6(HOP_BY_HOP, &chain);
    assert_eq!(read(LinkType::RawIp, &frame), syn_v6(&frame));
}

#[test]
fn eight_extension_headers_and_no_more_are_walked() {
    let chain = |count: usize| {
        let inside = (1..count)
            .fold(extension(TCP, 0, &syn()), |inside, _| extension(DESTINATION, 0, &inside));
        ipv6(DESTINATION, &inside)
    };
    for count in 1..=8 {
        let frame = chain(count);
        assert_eq!(read(LinkType::RawIp, &frame), syn_v6(&frame), "{count}");
    }
    // Nine are in `malformed`.
}

/// RFC 6946: a fragment header on a packet that is whole.
#[test]
fn an_atomic_fragment_is_whole() {
    let frame = ipv6(FRAGMENT, &fragment(TCP, 0, false, &syn()));
    assert_eq!(read(LinkType::RawIp, &frame), syn_v6(&frame));
    let chain = fragment(DESTINATION, 0, false, &extension(UDP, 0, &udp(5, 6, b"x")));
    let Body::Udp(udp) = body(&ipv6(FRAGMENT, &chain)) else { panic!() };
    assert_eq!((udp.src_port, udp.dst_port, udp.payload_len), (5, 6, 1));
}
