//! TCP, UDP, SCTP, and where a snap length leaves them.

use tripline_packet::{Body, LinkType, Malformed, Packet, Sctp, SctpChunk, Tcp, TcpFlags, Udp};

use crate::build::{SCTP, Segment, TCP, UDP, ipv4, ipv6, sctp, syn, syn_fields, syn_v4, udp};
use crate::reader::{Reader, body};

#[test]
fn every_flag_of_a_segment() {
    for bit in 0..12 {
        let flags = 1 << bit;
        let segment = Segment { flags, options: &[], ..Segment::default() }.around(b"");
        let Body::Tcp(tcp) = body(&ipv4(TCP, &segment)) else { panic!() };
        assert_eq!(tcp.flags, TcpFlags(flags));
    }
}

/// Options are read where they tell tools apart: in what opens or probes.
#[test]
fn options_are_read_unless_a_session_runs() {
    for (flags, are_read) in [
        (TcpFlags::SYN, true),
        (TcpFlags::SYN | TcpFlags::ACK, true),
        (TcpFlags::FIN, true),
        (0, true),
        (TcpFlags::ACK, false),
        (TcpFlags::RST | TcpFlags::ACK, false),
    ] {
        let segment = Segment { flags, ..Segment::default() }.around(b"abc");
        let Body::Tcp(tcp) = body(&ipv6(TCP, &segment)) else { panic!() };
        assert_eq!(tcp.payload_len, 3);
        let expected = if are_read { syn_fields().options } else { Tcp::default().options };
        assert_eq!(tcp.options, expected, "{flags:#x}");
    }
}

#[test]
fn every_option_has_its_place_in_the_layout() {
    for (options, layout) in [
        (&[0, 0, 0, 0][..], 0x1),
        (&[1, 1, 1, 0], 0x1222),
        (&[2, 4, 0, 9], 0x3),
        (&[3, 3, 9, 0], 0x14),
        (&[4, 2, 4, 2], 0x55),
        (&[5, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1], 0x226),
        (&[8, 10, 0, 0, 0, 3, 0, 0, 0, 4, 1, 1], 0x227),
        (&[34, 2, 254, 2], 0x88),
        (&[1; 20], 0x2222_2222_2222_2222),
    ] {
        let segment = Segment { options, ..Segment::default() }.around(b"");
        let Body::Tcp(tcp) = body(&ipv4(TCP, &segment)) else { panic!() };
        assert_eq!(tcp.options.layout, layout, "{options:?}");
    }
}

#[test]
fn datagrams() {
    for len in [0, 1, 1_000] {
        let expected =
            Udp { src_port: 40_000, dst_port: 161, payload_len: len, is_response: false };
        let datagram = udp(40_000, 161, &vec![9; len.into()]);
        assert_eq!(body(&ipv4(UDP, &datagram)), Body::Udp(expected));
        assert_eq!(body(&ipv6(UDP, &datagram)), Body::Udp(expected));
    }
}

/// Linux takes it for the length of the packet in IPv6 and drops it in IPv4.
#[test]
fn a_udp_length_of_zero() {
    let mut datagram = udp(40_000, 161, b"abc");
    datagram[4..6].fill(0);
    let expected = Udp { src_port: 40_000, dst_port: 161, payload_len: 3, is_response: false };
    assert_eq!(body(&ipv6(UDP, &datagram)), Body::Udp(expected));
    let in_v4 = Reader::default().frame(LinkType::RawIp, &ipv4(UDP, &datagram));
    assert_eq!(in_v4, Err(Malformed::UdpLength));
}

#[test]
fn the_first_chunk_of_sctp() {
    let none = Sctp {
        src_port: 40_000,
        dst_port: 36_412,
        tag: 3,
        chunk: SctpChunk::Data,
        init_tag: 0,
        init_tsn: 0,
    };
    for (kind, chunk) in [
        (0, SctpChunk::Data),
        (64, SctpChunk::Data),
        (3, SctpChunk::Sack),
        (4, SctpChunk::Heartbeat),
        (5, SctpChunk::Heartbeat),
        (6, SctpChunk::Abort),
        (7, SctpChunk::Shutdown),
        (8, SctpChunk::Shutdown),
        (14, SctpChunk::Shutdown),
        (10, SctpChunk::CookieEcho),
        (11, SctpChunk::CookieAck),
        (9, SctpChunk::Other(9)),
    ] {
        let packet = ipv4(SCTP, &sctp(kind, &[0xee; 16]));
        assert_eq!(body(&packet), Body::Sctp(Sctp { chunk, ..none }));
    }
    let init = [0, 0, 0, 5, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 6];
    for (kind, chunk) in [(1, SctpChunk::Init), (2, SctpChunk::InitAck)] {
        let expected = Sctp { chunk, init_tag: 5, init_tsn: 6, ..none };
        assert_eq!(body(&ipv6(SCTP, &sctp(kind, &init))), Body::Sctp(expected));
    }
}

/// A capture with a snap length of 34 has 14 bytes of the segment, up to the flags.
#[test]
fn a_segment_that_the_capture_cut() {
    let frame = ipv4(TCP, &[syn(), vec![7; 500]].concat());
    for (captured, expected) in [
        (33, Err(Malformed::SnapLength)),
        (34, Ok((0, 0, 0x9))),
        (36, Ok((64_240, 0, 0x9))),
        (40, Ok((64_240, 5, 0x9))),
        (44, Ok((64_240, 5, 0x93))),
        (58, Ok((64_240, 5, 0x9_2753))),
        (60, Ok((64_240, 5, 0x4_2753))),
    ] {
        let mut reader = Reader::default();
        let packet = reader.cut_frame(LinkType::RawIp, &frame[..captured], frame.len());
        let fields = packet.map(|packet| {
            let packet = packet.unwrap();
            let Body::Tcp(tcp) = packet.body else { panic!("{packet:?}") };
            assert_eq!(Packet { body: packet.body, ..syn_v4(&frame) }, packet);
            assert_eq!((tcp.dst_port, tcp.flags, tcp.payload_len), (22, syn_fields().flags, 500));
            (tcp.window, tcp.urgent, tcp.options.layout)
        });
        assert_eq!(fields, expected, "{captured} bytes");
        assert!(reader.malformed().iter().all(|(kind, _)| *kind == Malformed::SnapLength));
    }
}

#[test]
fn a_datagram_that_the_capture_cut() {
    let frame = ipv4(UDP, &udp(40_000, 53, &[1; 500]));
    let mut reader = Reader::default();
    let cut = reader.cut_frame(LinkType::RawIp, &frame[..28], frame.len()).unwrap().unwrap();
    assert!(matches!(cut.body, Body::Udp(udp) if udp.dst_port == 53 && udp.payload_len == 500));
    assert_eq!(reader.malformed(), []);
    let cut = reader.cut_frame(LinkType::RawIp, &frame[..27], frame.len());
    assert_eq!(cut, Err(Malformed::SnapLength));
}

/// The detector's word for a flag set.
#[test]
fn flags_are_shown_by_their_letters() {
    assert_eq!(TcpFlags(TcpFlags::SYN | TcpFlags::ACK).to_string(), "SA");
    assert_eq!(TcpFlags(0xff).to_string(), "FSRPAUEC");
    assert_eq!(TcpFlags(0x100).to_string(), "-");
}
