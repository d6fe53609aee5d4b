//! A lie of each kind, and beside it the nearest frame that tells the truth.

use tripline_packet::{LinkType, Malformed};

use crate::build::{
    self, AUTHENTICATION, DESTINATION, FRAGMENT, GRE, HOP_BY_HOP, ICMP, ICMPV6, IP_IN_IP, IPV4,
    Ipv4, Ipv6, MORE, MPLS, PPPOE, SCTP, Segment, TCP, UDP, VLAN, arp, ethernet, extension,
    fragment, gre, icmp, ipv4, ipv6, label, len16, outer_ipv4, ppp, pppoe, sctp, syn, tag, udp,
};
use crate::reader::Reader;

/// What becomes of the last frame that holds the lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// There is no packet.
    Refused,
    /// The packet is told all the same.
    Kept,
    /// The lie is about a packet that was told or may still come.
    Passed,
}

use End::{Kept, Passed, Refused};

struct Example {
    link: LinkType,
    end: End,
    /// All but the last are honest.
    lie: Vec<Vec<u8>>,
    honest: Vec<Vec<u8>>,
    /// Bytes that the capture lacks of each frame.
    missing: usize,
    /// Seconds before the last frame.
    pause: u64,
    /// A lie that this one never comes without.
    with: Option<Malformed>,
}

#[test]
fn each_kind_is_counted_once_and_alone() {
    for kind in Malformed::ALL {
        let example = example(kind);
        let (reader, last) = example.run(&example.lie);
        let expected: Vec<_> =
            example.with.into_iter().chain([kind]).map(|kind| (kind, 1)).collect();
        assert_eq!(reader.malformed(), expected, "{kind:?}");
        assert_eq!(last, Some(example.end), "{kind:?}");
    }
}

#[test]
fn beside_each_lie_is_a_truth_that_is_not_counted() {
    for kind in Malformed::ALL {
        let example = example(kind);
        let (reader, last) = example.run(&example.honest);
        assert_eq!(reader.malformed(), [], "{kind:?}");
        assert_ne!(last, Some(Refused), "{kind:?}");
    }
}

impl Example {
    fn run(&self, frames: &[Vec<u8>]) -> (Reader, Option<End>) {
        let mut reader = Reader::default();
        let mut last = None;
        for (at, frame) in frames.iter().enumerate() {
            if at + 1 == frames.len() {
                reader.wait(self.pause);
            }
            let outcome = reader.cut_frame(self.link, frame, frame.len() + self.missing);
            last = Some(match outcome {
                Err(_) => Refused,
                Ok(Some(_)) => Kept,
                Ok(None) => Passed,
            });
        }
        (reader, last)
    }
}

fn frames(link: LinkType, end: End, lie: &[&[u8]], honest: &[&[u8]]) -> Example {
    let [lie, honest] = [lie, honest].map(|list| list.iter().map(|frame| frame.to_vec()).collect());
    Example { link, end, lie, honest, missing: 0, pause: 0, with: None }
}

fn over_ethernet(lie: &[u8], honest: &[u8]) -> Example {
    frames(LinkType::Ethernet, Refused, &[lie], &[honest])
}

fn raw(end: End, lie: &[u8], honest: &[u8]) -> Example {
    frames(LinkType::RawIp, end, &[lie], &[honest])
}

/// An IPv4 packet of one protocol with a payload that lies, and with one that does not.
fn payload(end: End, protocol: u8, lie: &[u8], honest: &[u8]) -> Example {
    raw(end, &ipv4(protocol, lie), &ipv4(protocol, honest))
}

fn example(kind: Malformed) -> Example {
    match kind {
        Malformed::SnapLength => Example {
            missing: 30,
            ..raw(Refused, &ipv4(TCP, &syn())[..30], &ipv4(TCP, &syn())[..40])
        },
        Malformed::TruncatedLink => over_ethernet(
            &ethernet(VLAN, &[0, 1, 8]),
            &ethernet(VLAN, &tag(1, IPV4, &ipv4(TCP, &syn()))),
        ),
        Malformed::LinkTags => over_ethernet(&tags(9), &tags(8)),
        Malformed::MplsLabels => over_ethernet(&labels(17), &labels(16)),
        Malformed::PppoeHeader => pppoe_header(),
        Malformed::ArpTruncated => {
            let message = ethernet(build::ARP, &arp(1, build::SRC, build::DST));
            over_ethernet(&message[..14 + 27], &message)
        }
        Malformed::ArpLengths => arp_lengths(),
        Malformed::IpVersion
        | Malformed::Ipv4Truncated
        | Malformed::Ipv4HeaderLength
        | Malformed::Ipv4TotalLength
        | Malformed::Ipv6Truncated
        | Malformed::IpLengthBeyondFrame
        | Malformed::MappedAddress
        | Malformed::ExtensionHeaders
        | Malformed::ExtensionLength => network(kind),
        Malformed::FragmentTiny
        | Malformed::FragmentOverlap
        | Malformed::FragmentLength
        | Malformed::FragmentBeyondEnd
        | Malformed::FragmentHeader
        | Malformed::FragmentNested
        | Malformed::FragmentIncomplete => fragments(kind),
        Malformed::TunnelTooDeep => raw(Kept, &tunnels(5), &tunnels(4)),
        Malformed::GreHeader => {
            let gre = |flags: u16| gre(flags, IPV4, &[], &ipv4(TCP, &syn()));
            payload(Kept, GRE, &gre(0x4000), &gre(0))
        }
        Malformed::ErspanHeader => payload(Kept, GRE, &erspan(2), &erspan(1)),
        Malformed::TcpTruncated
        | Malformed::TcpHeaderLength
        | Malformed::TcpOptionLength
        | Malformed::UdpTruncated
        | Malformed::UdpLength
        | Malformed::SctpTruncated
        | Malformed::SctpChunk
        | Malformed::IcmpTruncated
        | Malformed::IcmpQuote
        | Malformed::NeighbourTruncated => transport(kind),
        new => panic!("no frame tells the lie {new:?}: write one"),
    }
}

fn tags(count: usize) -> Vec<u8> {
    let inside =
        (1..count).fold(tag(1, IPV4, &ipv4(TCP, &syn())), |inside, _| tag(1, VLAN, &inside));
    ethernet(VLAN, &inside)
}

fn labels(count: usize) -> Vec<u8> {
    let inside = label(1, true, &ipv4(TCP, &syn()));
    ethernet(MPLS, &(1..count).fold(inside, |inside, _| label(1, false, &inside)))
}

fn tunnels(depth: usize) -> Vec<u8> {
    (0..depth).fold(ipv4(TCP, &syn()), |inside, _| outer_ipv4(IP_IN_IP, &inside))
}

fn erspan(version: u8) -> Vec<u8> {
    let header = [version << 4, 0, 0, 0, 0, 0, 0, 0];
    let frame = ethernet(IPV4, &ipv4(TCP, &syn()));
    gre(0x1000, 0x88be, &[0; 4], &[&header[..], &frame].concat())
}

fn pppoe_header() -> Example {
    let honest = pppoe(&ppp(0x21, &ipv4(TCP, &syn())));
    let mut lie = honest.clone();
    lie[0] = 0x12;
    over_ethernet(&ethernet(PPPOE, &lie), &ethernet(PPPOE, &honest))
}

fn arp_lengths() -> Example {
    let honest = ethernet(build::ARP, &arp(1, build::SRC, build::DST));
    let mut lie = honest.clone();
    lie[14 + 5] = 16;
    over_ethernet(&lie, &honest)
}

fn network(kind: Malformed) -> Example {
    let v4 = ipv4(TCP, &syn());
    let v6 = ipv6(TCP, &syn());
    match kind {
        Malformed::IpVersion => over_ethernet(&ethernet(IPV4, &v6), &ethernet(IPV4, &v4)),
        Malformed::Ipv4Truncated => raw(Refused, &v4[..19], &v4),
        Malformed::Ipv4HeaderLength => {
            let lie = Ipv4 { header_len: Some(4), ..Ipv4::default() };
            raw(Refused, &lie.around(&syn()), &v4)
        }
        Malformed::Ipv4TotalLength => {
            let [lie, honest] = [19, 20].map(|len| {
                Ipv4 { total_len: Some(len), protocol: 89, ..Ipv4::default() }.around(&[0; 4])
            });
            raw(Refused, &lie, &honest)
        }
        Malformed::Ipv6Truncated => raw(Refused, &v6[..39], &v6),
        Malformed::IpLengthBeyondFrame => {
            let lie = Ipv4 { total_len: Some(61), ..Ipv4::default() };
            raw(Kept, &lie.around(&syn()), &v4)
        }
        Malformed::MappedAddress => {
            let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 66];
            let [lie, honest] =
                [mapped, build::SRC6].map(|src| Ipv6 { src, ..Ipv6::default() }.around(&syn()));
            raw(Refused, &lie, &honest)
        }
        Malformed::ExtensionHeaders => {
            let chain = |count: usize| {
                let inside = (1..count).fold(extension(TCP, 0, &syn()), |inside, _| {
                    extension(DESTINATION, 0, &inside)
                });
                ipv6(DESTINATION, &inside)
            };
            raw(Refused, &chain(9), &chain(8))
        }
        Malformed::ExtensionLength => {
            let honest = extension(TCP, 0, &syn());
            let mut lie = honest.clone();
            lie[1] = 6;
            raw(Refused, &ipv6(HOP_BY_HOP, &lie), &ipv6(HOP_BY_HOP, &honest))
        }
        other => unreachable!("{other:?} is no lie of the network layer"),
    }
}

/// A piece at an offset in units of eight bytes.
fn piece(protocol: u8, at: u16, more: bool, bytes: &[u8]) -> Vec<u8> {
    let place = at | if more { MORE } else { 0 };
    Ipv4 { protocol, place, ..Ipv4::default() }.around(bytes)
}

fn fragments(kind: Malformed) -> Example {
    let segment = syn();
    let several =
        |end: End, lie: &[&[u8]], honest: &[&[u8]]| frames(LinkType::RawIp, end, lie, honest);
    match kind {
        Malformed::FragmentTiny => {
            raw(Passed, &piece(TCP, 0, true, &segment[..8]), &piece(TCP, 0, true, &segment[..16]))
        }
        Malformed::FragmentOverlap => {
            let first = piece(TCP, 0, true, &segment[..32]);
            let same = piece(TCP, 1, true, &segment[8..32]);
            let other = piece(TCP, 1, true, &[0xee; 24]);
            several(Passed, &[&first, &other], &[&first, &same])
        }
        Malformed::FragmentLength => {
            raw(Kept, &piece(TCP, 0, true, &segment[..39]), &piece(TCP, 0, false, &segment[..40]))
        }
        Malformed::FragmentBeyondEnd => {
            raw(Refused, &piece(TCP, 8_191, false, &[0; 8]), &piece(TCP, 8_191, false, &[0; 7]))
        }
        Malformed::FragmentHeader => fragment_header(),
        Malformed::FragmentNested => {
            let [lie, honest] = [true, false].map(|more| {
                let inside = fragment(TCP, 0, more, &syn());
                ipv6(FRAGMENT, &fragment(FRAGMENT, 0, true, &inside))
            });
            raw(Refused, &lie, &honest)
        }
        Malformed::FragmentIncomplete => {
            let later = piece(TCP, 4, true, &[7; 8]);
            let unrelated = ipv6(FRAGMENT, &fragment(TCP, 8, false, &[0; 8]));
            let told = piece(TCP, 0, true, &segment[..32]);
            Example {
                pause: 31,
                ..several(Passed, &[&later, &unrelated], &[&told, &later, &unrelated])
            }
        }
        other => unreachable!("{other:?} is no lie of fragments"),
    }
}

/// Of a datagram in pieces 128 bytes are kept: extension headers that are longer lead beyond, unless
/// the first piece holds them all.
fn fragment_header() -> Example {
    let datagram = extension(TCP, 20, &syn());
    let piece = |from: usize, to: usize| {
        let offset = u16::try_from(from).unwrap();
        let more = to < datagram.len();
        ipv6(FRAGMENT, &fragment(DESTINATION, offset, more, &datagram[from..to]))
    };
    let lie = [piece(96, datagram.len()), piece(0, 96)];
    let honest = [piece(200, datagram.len()), piece(0, 200)];
    let [lie, honest] = [&lie, &honest].map(|pieces| pieces.each_ref().map(Vec::as_slice));
    Example {
        with: Some(Malformed::FragmentTiny),
        ..frames(LinkType::RawIp, Refused, &lie, &honest)
    }
}

fn transport(kind: Malformed) -> Example {
    let segment = syn();
    match kind {
        Malformed::TcpTruncated => payload(Refused, TCP, &[0x50; 19], &[0x50; 20]),
        Malformed::TcpHeaderLength => {
            let mut lie = segment.clone();
            lie[12] = 0xb0;
            payload(Refused, TCP, &lie, &segment)
        }
        Malformed::TcpOptionLength => {
            let with = |options: &[u8]| Segment { options, ..Segment::default() }.around(b"data");
            payload(Kept, TCP, &with(&[1, 1, 1, 2]), &with(&[2, 4, 5, 0xb4]))
        }
        Malformed::UdpTruncated => payload(Refused, UDP, &[0; 7], &udp(1, 2, b"")),
        Malformed::UdpLength => {
            let honest = udp(1, 2, b"abc");
            let mut lie = honest.clone();
            lie[4..6].copy_from_slice(&len16(12));
            payload(Refused, UDP, &lie, &honest)
        }
        Malformed::SctpTruncated => payload(Refused, SCTP, &sctp(0, b"")[..15], &sctp(0, b"")),
        Malformed::SctpChunk => payload(Refused, SCTP, &sctp(1, &[0; 12]), &sctp(1, &[0; 16])),
        Malformed::IcmpTruncated => payload(Refused, ICMP, &[8; 7], &[8; 8]),
        Malformed::IcmpQuote => {
            let quote = ipv4(TCP, &segment);
            let error = |quote: &[u8]| icmp(3, 3, [0; 4], quote);
            payload(Kept, ICMP, &error(&quote[..19]), &error(&quote[..20]))
        }
        Malformed::NeighbourTruncated => {
            let [lie, honest] =
                [15, 16].map(|len| ipv6(ICMPV6, &icmp(135, 0, [0; 4], &build::DST6[..len])));
            raw(Refused, &lie, &honest)
        }
        other => unreachable!("{other:?} is no lie of a transport"),
    }
}

/// Every field that tells a length, told wrong in each direction.
#[test]
fn lengths_one_below_and_one_above() {
    let check = |frame: Vec<u8>, expected: Result<Option<Malformed>, Malformed>| {
        let mut reader = Reader::default();
        let outcome = reader.frame(LinkType::RawIp, &frame);
        let noted = reader.malformed();
        match expected {
            Ok(kept) => {
                assert!(matches!(outcome, Ok(Some(_))), "{outcome:?}");
                assert_eq!(noted, kept.map(|kind| (kind, 1)).into_iter().collect::<Vec<_>>());
            }
            Err(kind) => {
                assert_eq!(outcome, Err(kind));
                assert_eq!(noted, [(kind, 1)]);
            }
        }
    };
    let datagram = |len: u16| {
        let mut datagram = udp(1, 2, b"abc");
        datagram[4..6].copy_from_slice(&len.to_be_bytes());
        ipv4(UDP, &datagram)
    };
    check(datagram(7), Err(Malformed::UdpLength));
    check(datagram(8), Ok(None));
    check(datagram(11), Ok(None));
    check(datagram(0), Err(Malformed::UdpLength));
    let segment = |units: u8| {
        let mut segment = syn();
        segment[12] = units << 4;
        ipv4(TCP, &segment)
    };
    check(segment(4), Err(Malformed::TcpHeaderLength));
    check(segment(10), Ok(None));
    check(segment(11), Err(Malformed::TcpHeaderLength));
    let v6 = |len: u16| Ipv6 { payload_len: Some(len), ..Ipv6::default() }.around(&syn());
    check(v6(40), Ok(None));
    check(v6(41), Ok(Some(Malformed::IpLengthBeyondFrame)));
    check(v6(39), Err(Malformed::TcpHeaderLength));
    let chunk = |len: u16| {
        let mut packet = sctp(6, b"");
        packet[14..16].copy_from_slice(&len.to_be_bytes());
        ipv4(SCTP, &packet)
    };
    check(chunk(3), Err(Malformed::SctpChunk));
    check(chunk(4), Ok(None));
    check(chunk(5), Err(Malformed::SctpChunk));
    // A header of 8 bytes cannot hold what RFC 4302 asks for; in IPv4 it may be a protocol probe.
    check(ipv6(AUTHENTICATION, &[TCP, 0, 0, 0, 0, 0, 0, 0]), Err(Malformed::ExtensionLength));
    check(ipv4(AUTHENTICATION, &[TCP, 0, 0, 0, 0, 0, 0, 0]), Ok(None));
}
