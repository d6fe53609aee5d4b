//! What holds for any bytes, and for any honest frame that is cut or changed.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tripline_packet::{
    Body, Decoder, Duration, Frame, LinkType, Malformed, Packet, Sctp, Tcp, TcpFlags, Timestamp,
    Transport, Udp,
};

use crate::build::{
    AUTHENTICATION, FRAGMENT, Ipv4, MORE, OUTER_DST, OUTER_SRC, TCP, fragment, ipv6, syn, v4,
};
use crate::good;
use crate::reader::{Reader, read};

/// A frame as the strategies make it, with the nanoseconds since the one before.
type Made = (LinkType, Vec<u8>, u32, i64);

fn link() -> impl Strategy<Value = LinkType> {
    const NUMBERS: [u16; 10] = [0, 1, 9, 12, 51, 101, 108, 113, 147, 276];
    prop_oneof![4 => select(&NUMBERS[..]), 1 => any::<u16>()].prop_map(LinkType::from_number)
}

/// Half of them the length on the wire of the captured bytes, half of them any other.
fn wire_len(len: usize) -> impl Strategy<Value = u32> {
    prop_oneof![Just(u32::try_from(len).unwrap()), 0..2_000u32, any::<u32>()]
}

fn any_frame() -> impl Strategy<Value = Made> {
    (link(), vec(any::<u8>(), 0..200), any::<i64>()).prop_flat_map(|(link, bytes, step)| {
        wire_len(bytes.len()).prop_map(move |wire_len| (link, bytes.clone(), wire_len, step))
    })
}

/// An honest frame with a few bytes changed and the end cut off or not.
fn changed_frame() -> impl Strategy<Value = Made> {
    let changes = vec((any::<Index>(), any::<u8>()), 0..6);
    let good = (select(good::frames()), changes, prop::option::of(any::<Index>()));
    good.prop_flat_map(|((link, mut bytes), changes, end)| {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let whole = bytes.len();
        bytes.truncate(end.map_or(whole, |end| end.index(whole)));
        (Just(link), wire_len(bytes.len()), 0..4_000_000_000i64)
            .prop_map(move |(link, wire_len, step)| (link, bytes.clone(), wire_len, step))
    })
}

fn counts(decoder: &Decoder) -> (Vec<(Malformed, u64)>, u64) {
    (decoder.malformed().collect(), decoder.skipped().map(|(_, count)| count).sum())
}

fn count_of(counts: &[(Malformed, u64)], kind: Malformed) -> u64 {
    counts.iter().find(|(found, _)| *found == kind).map_or(0, |(_, count)| *count)
}

/// Reads frames twice, in place and anew, and checks how each is accounted for.
fn check(frames: &[Made]) -> Result<(), TestCaseError> {
    let (mut anew, mut in_place) = (Decoder::new(), Decoder::new());
    let mut time = Timestamp::EPOCH;
    let mut used_again = Packet::EMPTY;
    for (link, data, wire_len, step) in frames {
        time = Timestamp::from_nanos(time.nanos().saturating_add(*step));
        let frame = Frame { time, link: *link, wire_len: *wire_len, data };
        let (malformed, skipped) = counts(&anew);
        let outcome = anew.decode(&frame);
        let again = in_place.decode_into(&frame, &mut used_again);
        prop_assert_eq!(outcome, again.map(|is_packet| is_packet.then_some(used_again)));
        let (malformed_now, skipped_now) = counts(&anew);
        prop_assert_eq!(skipped_now - skipped, u64::from(outcome == Ok(None)));
        if let Err(kind) = outcome {
            prop_assert_eq!(count_of(&malformed_now, kind), count_of(&malformed, kind) + 1);
        }
        if let Ok(Some(packet)) = outcome {
            prop_assert_eq!((packet.time, packet.wire_len), (time, *wire_len));
        }
    }
    prop_assert_eq!(counts(&anew), counts(&in_place));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_bytes_are_read_alike_and_accounted_for(frames in vec(any_frame(), 1..12)) {
        check(&frames)?;
    }

    #[test]
    fn changed_frames_are_read_alike_and_accounted_for(frames in vec(changed_frame(), 1..12)) {
        check(&frames)?;
    }

    /// One datagram cut anywhere, with the pieces in any order, is one packet with the header that
    /// the datagram had.
    #[test]
    fn pieces_in_any_order_are_one_packet(
        units in vec(1..6usize, 1..12),
        order in any::<proptest::sample::Selector>(),
        is_v4 in any::<bool>(),
    ) {
        let mut pieces = pieces(&units, is_v4);
        // A shuffle: repeatedly one of those that are left.
        let mut shuffled = Vec::new();
        while !pieces.is_empty() {
            let at = order.select(0..pieces.len());
            shuffled.push(pieces.swap_remove(at));
        }
        let mut reader = Reader::default();
        let mut told = Vec::new();
        for piece in &shuffled {
            told.extend(reader.frame(LinkType::RawIp, piece).unwrap());
        }
        let [packet] = told[..] else { panic!("{told:?}") };
        let Body::Tcp(tcp) = packet.body else { panic!("{packet:?}") };
        prop_assert_eq!((tcp.src_port, tcp.dst_port, tcp.seq, tcp.flags.0), (40_000, 22, 1, 2));
        prop_assert_eq!(packet.src.is_v4(), is_v4);
        let lies = reader.malformed().into_iter().map(|(kind, _)| kind);
        prop_assert!(lies.into_iter().all(|kind| kind == Malformed::FragmentTiny));
    }
}

/// The SYN with some data, in pieces of so many units of eight bytes, and the rest.
fn pieces(units: &[usize], is_v4: bool) -> Vec<Vec<u8>> {
    let datagram = [syn(), vec![7; 8 * units.iter().sum::<usize>()]].concat();
    let mut from = 0;
    let mut pieces = Vec::new();
    for to in units.iter().map(|units| 8 * units).chain([datagram.len()]) {
        let to = (from + to).min(datagram.len());
        let bytes = &datagram[from..to];
        let more = to < datagram.len();
        let offset = u16::try_from(from).unwrap();
        pieces.push(if is_v4 {
            let place = (offset / 8) | if more { MORE } else { 0 };
            Ipv4 { place, ..Ipv4::default() }.around(bytes)
        } else {
            ipv6(FRAGMENT, &fragment(TCP, offset, more, bytes))
        });
        from = to;
    }
    pieces
}

/// What may not change when the end of a frame is missing.
#[derive(Debug, PartialEq, Eq)]
enum Essence {
    Ports(Transport, TcpFlags),
    Icmp(u8, u8, u16),
    Arp(u16),
}

fn essence(body: &Body) -> Essence {
    let none = TcpFlags(0);
    match *body {
        Body::Tcp(Tcp { src_port, dst_port, flags, .. }) => {
            Essence::Ports(Transport::Tcp { src_port, dst_port }, flags)
        }
        Body::Udp(Udp { src_port, dst_port, .. }) => {
            Essence::Ports(Transport::Udp { src_port, dst_port }, none)
        }
        Body::Sctp(Sctp { src_port, dst_port, .. }) => {
            Essence::Ports(Transport::Sctp { src_port, dst_port }, none)
        }
        Body::Other { protocol } => Essence::Ports(Transport::Other { protocol }, none),
        Body::Icmp(icmp) => Essence::Icmp(icmp.kind, icmp.code, icmp.id),
        Body::Arp(arp) => Essence::Arp(arp.operation),
    }
}

fn is_packet_around(packet: &Packet, whole: &Packet) -> bool {
    packet.tunnel_depth < whole.tunnel_depth
        && (packet.src, packet.dst) == (v4(OUTER_SRC), v4(OUTER_DST))
}

fn is_same(packet: &Packet, whole: &Packet) -> bool {
    (packet.src, packet.dst, packet.ttl, packet.src_mac, packet.tunnel_depth)
        == (whole.src, whole.dst, whole.ttl, whole.src_mac, whole.tunnel_depth)
        && essence(&packet.body) == essence(&whole.body)
}

/// A snap length is no lie: nothing else is ever counted for it, and no wrong packet comes of it.
#[test]
fn every_honest_frame_cut_by_the_capture_at_every_byte() {
    for (link, frame) in good::frames() {
        let whole = read(link, &frame);
        for captured in 0..frame.len() {
            let mut reader = Reader::default();
            let outcome = reader.cut_frame(link, &frame[..captured], frame.len());
            let place = format!("{captured} of {frame:x?}: {outcome:?}");
            let kinds = reader.malformed();
            assert!(kinds.iter().all(|count| *count == (Malformed::SnapLength, 1)), "{place}");
            match outcome {
                Ok(Some(packet)) if is_same(&packet, &whole) => assert_eq!(kinds, [], "{place}"),
                Ok(Some(packet)) => assert!(is_packet_around(&packet, &whole), "{place}"),
                Ok(None) => panic!("{place}"),
                Err(kind) => assert_eq!(kind, Malformed::SnapLength),
            }
        }
    }
}

/// A frame that was sent too short is always counted, and no wrong packet comes of it.
#[test]
fn every_honest_frame_sent_too_short_by_any_number_of_bytes() {
    for (link, frame) in good::frames() {
        let whole = read(link, &frame);
        for sent in 0..frame.len() {
            let mut reader = Reader::default();
            let outcome = reader.frame(link, &frame[..sent]);
            let place = format!("{sent} of {frame:x?}: {outcome:?}");
            assert_ne!(reader.malformed(), [], "{place}");
            match outcome {
                Ok(Some(packet)) => {
                    // What is left of an authentication header may be a probe of its protocol.
                    let is_probe = packet.body == Body::Other { protocol: AUTHENTICATION };
                    let is_told = is_same(&packet, &whole) || is_packet_around(&packet, &whole);
                    assert!(is_told || is_probe, "{place}");
                }
                Ok(None) => panic!("{place}"),
                Err(kind) => assert_ne!(kind, Malformed::SnapLength, "{place}"),
            }
        }
    }
}

/// Time may run backwards and jump: what is remembered of fragments stays bounded and in order.
#[test]
fn the_time_of_a_capture_may_run_backwards() {
    let pieces = pieces(&[1, 1, 1], true);
    for seconds in [-1, -3_600, i64::MIN / 1_000_000_000] {
        let mut decoder = Decoder::new();
        let mut told = 0;
        let mut time = Timestamp::from_parts(1_000_000, 0);
        for piece in &pieces {
            let frame =
                Frame { time, link: LinkType::RawIp, wire_len: piece.len() as u32, data: piece };
            told += u32::from(decoder.decode(&frame).unwrap().is_some());
            time = time - Duration::from_secs(seconds.unsigned_abs());
        }
        assert_eq!(told, 1, "{seconds}");
    }
}
