//! Fragmented datagrams: the packet is told once, as soon as its transport header is there.

use tripline_packet::{Body, Decoder, Frame, LinkType, Malformed, Packet, Tcp, Timestamp};

use crate::build::{
    DESTINATION, FRAGMENT, IP_IN_IP, Ipv4, MORE, TCP, UDP, extension, fragment, ipv4, ipv6,
    outer_ipv4, syn, syn_fields, syn_v4, syn_v6, udp,
};
use crate::reader::{Outcome, Reader};

/// A piece of the IPv4 datagram with this identification.
fn piece_of(id: u16, datagram: &[u8], from: usize, to: usize) -> Vec<u8> {
    let more = if to < datagram.len() { MORE } else { 0 };
    let place = more | u16::try_from(from / 8).unwrap();
    Ipv4 { id, place, ..Ipv4::default() }.around(&datagram[from..to])
}

fn piece(datagram: &[u8], from: usize, to: usize) -> Vec<u8> {
    piece_of(7, datagram, from, to)
}

fn piece6(datagram: &[u8], from: usize, to: usize) -> Vec<u8> {
    let offset = u16::try_from(from).unwrap();
    ipv6(FRAGMENT, &fragment(TCP, offset, to < datagram.len(), &datagram[from..to]))
}

fn segment_of(len: usize) -> Vec<u8> {
    [syn(), vec![0x77; len]].concat()
}

/// The SYN with `payload_len` bytes, as far as the pieces were seen.
fn told(frame: &[u8], payload_len: u16, reassembled: bool) -> Packet {
    let body = Body::Tcp(Tcp { payload_len, ..syn_fields() });
    Packet { dont_fragment: false, reassembled, body, ..syn_v4(frame) }
}

const RAW: LinkType = LinkType::RawIp;

#[test]
fn the_first_piece_tells_the_packet_and_the_others_nothing() {
    let datagram = segment_of(960);
    let (first, second, last) =
        (piece(&datagram, 0, 400), piece(&datagram, 400, 800), piece(&datagram, 800, 1_000));
    let mut reader = Reader::default();
    assert_eq!(reader.frame(RAW, &first), Ok(Some(told(&first, 360, false))));
    assert_eq!(reader.frame(RAW, &second), Ok(None));
    assert_eq!(reader.frame(RAW, &last), Ok(None));
    assert_eq!(reader.skipped(), [("fragment_piece", 2)]);
    assert_eq!(reader.malformed(), []);
}

#[test]
fn later_pieces_may_come_first() {
    let datagram = segment_of(960);
    let (first, last) = (piece(&datagram, 0, 400), piece(&datagram, 400, 1_000));
    let mut reader = Reader::default();
    assert_eq!(reader.frame(RAW, &last), Ok(None));
    assert_eq!(reader.frame(RAW, &first), Ok(Some(told(&first, 960, false))));
    assert_eq!(reader.malformed(), []);
}

/// As `nmap -f` sends it: eight bytes a piece.
#[test]
fn a_header_in_tiny_pieces_is_put_together() {
    let datagram = syn();
    let pieces: Vec<_> = (0..5).map(|at| piece(&datagram, 8 * at, 8 * at + 8)).collect();
    let mut reader = Reader::default();
    assert_eq!(reader.frame(RAW, &pieces[0]), Ok(None));
    assert_eq!(reader.malformed(), [(Malformed::FragmentTiny, 1)]);
    // Ports, numbers and flags are there now; window and options are read if they are, too.
    let Ok(Some(packet)) = reader.frame(RAW, &pieces[1]) else { panic!() };
    let Body::Tcp(tcp) = packet.body else { panic!("{packet:?}") };
    assert_eq!((tcp.src_port, tcp.dst_port), (40_000, 22));
    assert_eq!((tcp.seq, tcp.flags), (1, syn_fields().flags));
    // Options that are still to come.
    assert_eq!(tcp.options.layout, 9);
    assert!(packet.reassembled);
    for piece in &pieces[2..] {
        assert_eq!(reader.frame(RAW, piece), Ok(None));
    }
    assert_eq!(reader.malformed(), [(Malformed::FragmentTiny, 1)]);
}

/// Whatever the order, the whole header is the header.
#[test]
fn tiny_pieces_backwards() {
    let datagram = syn();
    let pieces: Vec<_> = (0..5).map(|at| piece(&datagram, 8 * at, 8 * at + 8)).collect();
    let mut reader = Reader::default();
    for piece in pieces[1..].iter().rev() {
        assert_eq!(reader.frame(RAW, piece), Ok(None));
    }
    assert_eq!(reader.frame(RAW, &pieces[0]), Ok(Some(told(&pieces[0], 0, true))));
}

#[test]
fn ipv6_pieces() {
    let datagram = segment_of(60);
    let (first, last) = (piece6(&datagram, 0, 8), piece6(&datagram, 8, 100));
    let mut reader = Reader::default();
    assert_eq!(reader.frame(RAW, &first), Ok(None));
    let body = Body::Tcp(Tcp { payload_len: 60, ..syn_fields() });
    let expected = Packet { reassembled: true, body, ..syn_v6(&last) };
    assert_eq!(reader.frame(RAW, &last), Ok(Some(expected)));
    assert_eq!(reader.malformed(), [(Malformed::FragmentTiny, 1)]);
}

/// RFC 8200: the options for the destination belong to what is put together.
#[test]
fn ipv6_extension_headers_inside_the_pieces() {
    let datagram = extension(TCP, 3, &syn());
    let frame = |from: usize, to: usize| {
        let more = to < datagram.len();
        let offset = u16::try_from(from).unwrap();
        ipv6(FRAGMENT, &fragment(DESTINATION, offset, more, &datagram[from..to]))
    };
    let (first, last) = (frame(0, 24), frame(24, datagram.len()));
    let mut reader = Reader::default();
    assert_eq!(reader.frame(RAW, &first), Ok(None));
    let expected = Packet { reassembled: true, ..syn_v6(&last) };
    assert_eq!(reader.frame(RAW, &last), Ok(Some(expected)));
}

/// Of a UDP datagram the header tells the whole length.
#[test]
fn the_length_of_a_fragmented_udp_datagram() {
    let datagram = udp(40_000, 53, &[1; 2_000]);
    let place = MORE;
    let first = Ipv4 { protocol: UDP, place, ..Ipv4::default() }.around(&datagram[..1_480]);
    let mut reader = Reader::default();
    let Ok(Some(packet)) = reader.frame(RAW, &first) else { panic!() };
    let Body::Udp(udp) = packet.body else { panic!("{packet:?}") };
    assert_eq!((udp.dst_port, udp.payload_len), (53, 2_000));
}

#[test]
fn a_tunnel_in_pieces() {
    let inside = ipv4(TCP, &syn());
    let outer = outer_ipv4(IP_IN_IP, &inside);
    let piece = |from: usize, to: usize, place: u16| {
        let mut frame = [&outer[..20], &inside[from..to]].concat();
        frame[2..4].copy_from_slice(&u16::try_from(20 + to - from).unwrap().to_be_bytes());
        frame[6..8].copy_from_slice(&place.to_be_bytes());
        frame
    };
    let (first, last) = (piece(0, 24, MORE), piece(24, 60, 3));
    let mut reader = Reader::default();
    assert_eq!(reader.frame(RAW, &first), Ok(None));
    let expected = Packet { tunnel_depth: 1, reassembled: true, ..syn_v4(&last) };
    assert_eq!(reader.frame(RAW, &last), Ok(Some(expected)));
}

/// What differs in any of source, target, identification and protocol is another datagram.
#[test]
fn pieces_of_different_datagrams_do_not_mix() {
    let datagram = syn();
    let mut reader = Reader::default();
    assert_eq!(reader.frame(RAW, &piece_of(1, &datagram, 0, 8)), Ok(None));
    assert_eq!(reader.frame(RAW, &piece_of(2, &datagram, 8, 40)), Ok(None));
    let mut from_another = piece_of(1, &datagram, 8, 40);
    from_another[15] ^= 1;
    assert_eq!(reader.frame(RAW, &from_another), Ok(None));
    let mut other_protocol = piece_of(1, &datagram, 8, 40);
    other_protocol[9] = UDP;
    assert_eq!(reader.frame(RAW, &other_protocol), Ok(None));
    let last = piece_of(1, &datagram, 8, 40);
    assert!(matches!(reader.frame(RAW, &last), Ok(Some(packet)) if packet.ip_id == 1));
}

/// RFC 1858: a later piece that would change what the first one told. The first bytes seen count.
#[test]
fn an_overlap_does_not_change_the_packet() {
    let good = segment_of(40);
    let mut evil = good.clone();
    evil[2..4].copy_from_slice(&23u16.to_be_bytes());
    let mut reader = Reader::default();
    assert_eq!(reader.frame(RAW, &piece(&good, 0, 8)), Ok(None));
    assert_eq!(reader.frame(RAW, &piece(&evil, 0, 8)), Ok(None));
    let last = piece(&good, 8, 80);
    assert_eq!(reader.frame(RAW, &last), Ok(Some(told(&last, 40, true))));
    let expected = [(Malformed::FragmentTiny, 1), (Malformed::FragmentOverlap, 1)];
    assert_eq!(reader.malformed(), expected);
}

/// An overlap that tells the same bytes is how a network repeats a piece.
#[test]
fn a_piece_twice_is_no_lie() {
    let datagram = syn();
    let (first, last) = (piece(&datagram, 0, 8), piece(&datagram, 8, 40));
    let mut reader = Reader::default();
    assert_eq!(reader.frame(RAW, &last), Ok(None));
    assert_eq!(reader.frame(RAW, &last), Ok(None));
    assert_eq!(reader.frame(RAW, &first), Ok(Some(told(&first, 0, true))));
    assert_eq!(reader.malformed(), [(Malformed::FragmentTiny, 1)]);
}

/// A scanner that always takes the same identification does not hide its later probes.
#[test]
fn the_same_identification_again_is_a_datagram_of_its_own() {
    let mut reader = Reader::default();
    for port in 22..32u16 {
        let mut datagram = segment_of(40);
        datagram[2..4].copy_from_slice(&port.to_be_bytes());
        let Ok(Some(packet)) = reader.frame(RAW, &piece(&datagram, 0, 40)) else { panic!() };
        assert!(matches!(packet.body, Body::Tcp(tcp) if tcp.dst_port == port));
        assert_eq!(reader.frame(RAW, &piece(&datagram, 40, 80)), Ok(None));
    }
    assert_eq!(reader.malformed(), []);
}

/// The same while pieces of the earlier datagram are missing, in whatever order the next one comes.
#[test]
fn the_same_identification_again_before_the_end() {
    let earlier = segment_of(40);
    let mut next = segment_of(40);
    next[2..4].copy_from_slice(&23u16.to_be_bytes());
    next[16..40].fill(1);
    let told_port = |outcome: Outcome| match outcome {
        Ok(Some(Packet { body: Body::Tcp(tcp), .. })) => Some(tcp.dst_port),
        _ => None,
    };
    let mut reader = Reader::default();
    assert_eq!(told_port(reader.frame(RAW, &piece(&earlier, 0, 40))), Some(22));
    assert_eq!(told_port(reader.frame(RAW, &piece(&earlier, 0, 40))), Some(22));
    assert_eq!(told_port(reader.frame(RAW, &piece(&next, 8, 72))), None);
    assert_eq!(told_port(reader.frame(RAW, &piece(&next, 0, 8))), Some(23));
}

/// A packet that is used again keeps nothing of the one before.
#[test]
fn what_was_put_together_does_not_show_in_the_next_packet() {
    let datagram = syn();
    let whole = ipv4(TCP, &datagram);
    let mut decoder = Decoder::new();
    let mut packet = Packet::EMPTY;
    let mut read = |data: &[u8]| {
        let wire_len = u32::try_from(data.len()).unwrap();
        let frame = Frame { time: Timestamp::EPOCH, link: RAW, wire_len, data };
        decoder.decode_into(&frame, &mut packet).unwrap().then_some(packet.reassembled)
    };
    assert_eq!(read(&piece(&datagram, 0, 8)), None);
    assert_eq!(read(&piece(&datagram, 8, 40)), Some(true));
    assert_eq!(read(&whole), Some(false));
}

/// 128 bytes: 112 of an extension header, 14 of TCP that are needed.
#[test]
fn as_much_of_the_beginning_is_kept_as_is_promised() {
    let datagram = extension(TCP, 13, &syn());
    let frame = |from: usize, to: usize| {
        let offset = u16::try_from(from).unwrap();
        let more = to < datagram.len();
        ipv6(FRAGMENT, &fragment(DESTINATION, offset, more, &datagram[from..to]))
    };
    let mut reader = Reader::default();
    assert_eq!(reader.frame(RAW, &frame(96, datagram.len())), Ok(None));
    assert!(matches!(reader.frame(RAW, &frame(0, 96)), Ok(Some(packet)) if packet.reassembled));
}

/// After 30 s a host waits no longer; then the two halves are not one datagram.
#[test]
fn pieces_are_waited_for_as_long_as_hosts_wait() {
    let datagram = syn();
    for (seconds, is_told) in [(30, true), (31, false)] {
        let mut reader = Reader::default();
        assert_eq!(reader.frame(RAW, &piece(&datagram, 0, 8)), Ok(None));
        reader.wait(seconds);
        let last = reader.frame(RAW, &piece(&datagram, 8, 40)).unwrap();
        assert_eq!(last.is_some(), is_told, "{seconds} s");
    }
}

/// 4096 datagrams are remembered: one more puts the oldest out.
#[test]
fn a_flood_of_pieces_costs_the_oldest() {
    let datagram = syn();
    for (others, is_told) in [(4_095, true), (4_096, false)] {
        let mut reader = Reader::default();
        for id in 0..=others {
            assert_eq!(reader.frame(RAW, &piece_of(id, &datagram, 0, 8)), Ok(None));
        }
        let last = reader.frame(RAW, &piece_of(0, &datagram, 8, 40)).unwrap();
        assert_eq!(last.is_some(), is_told, "{others} others");
    }
}

/// Who records the frames of a party needs those of its datagrams whose header is not known yet.
#[test]
fn the_addresses_of_a_piece_are_known() {
    let (whole, data) = (Reader::default().frame(RAW, &piece(&syn(), 0, 40)), piece(&syn(), 0, 8));
    let whole = whole.unwrap().unwrap();
    let mut packet = Packet::EMPTY;
    let time = Timestamp::EPOCH;
    let frame = Frame { time, link: RAW, wire_len: data.len() as u32, data: &data };
    assert_eq!(Decoder::new().decode_into(&frame, &mut packet), Ok(false));
    assert_eq!((packet.src, packet.dst), (whole.src, whole.dst));
}
