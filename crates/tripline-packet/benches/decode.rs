//! What decoding a frame costs, ours against `etherparse`, on the same frames in the same run.
//!
//! `cargo bench -p tripline-packet` makes its frames in memory. Every decoder must tell the same
//! addresses, ports and flags of each, or the run fails.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot read its frames has no result")]
#![expect(clippy::disallowed_types, reason = "a benchmark measures time")]

#[expect(dead_code, reason = "a few kinds of frames are all it needs")]
#[path = "../tests/decode/build.rs"]
mod build;

use std::hint::black_box;
use std::time::{Duration, Instant};

use build::{
    IPV4, IPV6, Segment, TCP, UDP, VLAN, ethernet, ipv4, ipv6, outer_ipv4, syn, tag, vxlan,
};
use etherparse::{
    LaxNetSlice, LaxSlicedPacket, NetHeaders, NetSlice, PacketHeaders, SlicedPacket, TcpSlice,
    TransportHeader, TransportSlice,
};
use tripline_packet::{Body, Decoder, Frame, LinkType, Packet, Timestamp};

/// Frames of a kind, which differ in their ports.
const FRAMES: u16 = 512;
const ROUNDS: usize = 61;
/// How often the frames are read in one round.
const PASSES: usize = 40;
const VXLAN_PORT: u16 = 4_789;

/// Reads all frames and sums up what it tells of each.
type Read = fn(&mut Decoder, &[Vec<u8>]) -> u64;

const DECODERS: [(&str, Read); 5] = [
    ("Decoder::decode_into", in_place),
    ("Decoder::decode", anew),
    ("etherparse SlicedPacket", sliced),
    ("etherparse LaxSlicedPacket", lax),
    ("etherparse PacketHeaders", headers),
];

fn main() {
    println!("| frames | decoder | ns/frame, best of {ROUNDS} | median | of SlicedPacket |");
    println!("|---|---|---:|---:|---:|");
    for (name, make) in KINDS {
        measure(name, &(0..FRAMES).map(|at| make(20_000 + at)).collect::<Vec<_>>());
    }
}

/// A frame from a port.
type Make = fn(u16) -> Vec<u8>;

const KINDS: [(&str, Make); 6] = [
    ("SYN", |port| ethernet(IPV4, &ipv4(TCP, &syn_from(port)))),
    ("full segment", |port| ethernet(IPV4, &ipv4(TCP, &data_from(port)))),
    ("SYN, VLAN", |port| ethernet(VLAN, &tag(7, IPV4, &ipv4(TCP, &syn_from(port))))),
    ("SYN, IPv6", |port| ethernet(IPV6, &ipv6(TCP, &syn_from(port)))),
    ("SYN in VXLAN", |port| {
        let inner = ethernet(IPV4, &ipv4(TCP, &syn_from(port)));
        ethernet(IPV4, &outer_ipv4(UDP, &vxlan(&inner)))
    }),
    ("all of them in turn", |port| KINDS[usize::from(port) % 5].1(port)),
];

fn syn_from(src_port: u16) -> Vec<u8> {
    let mut segment = syn();
    segment[..2].copy_from_slice(&src_port.to_be_bytes());
    segment
}

/// As a download has them: no-ops and timestamps, 1448 bytes.
fn data_from(src_port: u16) -> Vec<u8> {
    let options = &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    Segment { flags: 0x10, options, src_port, ..Segment::default() }.around(&[0x5a; 1_448])
}

fn measure(name: &str, frames: &[Vec<u8>]) {
    let mut times = [const { Vec::<Duration>::new() }; DECODERS.len()];
    let mut ours = Decoder::new();
    let expected = in_place(&mut ours, frames);
    assert_ne!(expected, 0);
    // Taken in turns, so that a busy moment of the machine does not hit one decoder alone.
    for _ in 0..ROUNDS {
        for (index, (decoder, read)) in DECODERS.iter().enumerate() {
            let start = Instant::now();
            for _ in 0..PASSES {
                let sum = black_box(read(&mut ours, black_box(frames)));
                assert_eq!(sum, expected, "{decoder} tells something else of {name}");
            }
            times[index].push(start.elapsed());
        }
    }
    let per_frame = |time: Duration| time.as_nanos() as f64 / (frames.len() * PASSES) as f64;
    for times in &mut times {
        times.sort();
    }
    let theirs = per_frame(times[2][0]);
    for ((decoder, _), times) in DECODERS.iter().zip(&times) {
        let (best, median) = (per_frame(times[0]), per_frame(times[ROUNDS / 2]));
        println!("| {name} | {decoder} | {best:.1} | {median:.1} | {:.2} |", best / theirs);
    }
}

/// What every decoder tells of a segment, in one number.
#[inline]
fn weigh(src: u64, dst: u64, ports: [u16; 2], flags: u16, payload_len: usize) -> u64 {
    let ports = u64::from(ports[0]) << 16 | u64::from(ports[1]);
    (src ^ dst.rotate_left(7) ^ ports.rotate_left(23))
        .wrapping_add(u64::from(flags))
        .wrapping_add((payload_len as u64) << 40)
}

fn fold4(addr: [u8; 4]) -> u64 {
    u32::from_be_bytes(addr).into()
}

fn fold16(addr: [u8; 16]) -> u64 {
    let bits = u128::from_be_bytes(addr);
    (bits >> 64) as u64 ^ bits as u64
}

// Ours.

fn frame_of(data: &[u8]) -> Frame<'_> {
    let wire_len = data.len() as u32;
    Frame { time: Timestamp::EPOCH, link: LinkType::Ethernet, wire_len, data }
}

fn weigh_ours(packet: &Packet) -> u64 {
    let Body::Tcp(tcp) = &packet.body else { return 0 };
    let fold = |addr: tripline_packet::Addr| match addr.v4_bits() {
        Some(bits) => bits.into(),
        None => (addr.bits() >> 64) as u64 ^ addr.bits() as u64,
    };
    let ports = [tcp.src_port, tcp.dst_port];
    weigh(fold(packet.src), fold(packet.dst), ports, tcp.flags.0, tcp.payload_len.into())
}

fn in_place(decoder: &mut Decoder, frames: &[Vec<u8>]) -> u64 {
    let mut packet = Packet::EMPTY;
    frames.iter().fold(0, |sum: u64, data| {
        assert!(decoder.decode_into(&frame_of(data), &mut packet).unwrap());
        sum.wrapping_add(weigh_ours(&packet))
    })
}

fn anew(decoder: &mut Decoder, frames: &[Vec<u8>]) -> u64 {
    frames.iter().fold(0, |sum: u64, data| {
        let packet = decoder.decode(&frame_of(data)).unwrap().unwrap();
        sum.wrapping_add(weigh_ours(&packet))
    })
}

// Theirs.

fn sliced(_: &mut Decoder, frames: &[Vec<u8>]) -> u64 {
    frames.iter().fold(0, |sum: u64, data| sum.wrapping_add(weigh_sliced(data)))
}

fn weigh_sliced(data: &[u8]) -> u64 {
    let packet = SlicedPacket::from_ethernet(data).unwrap();
    match packet.transport {
        Some(TransportSlice::Tcp(tcp)) => match packet.net {
            Some(NetSlice::Ipv4(ip)) => {
                let ip = ip.header();
                weigh_tcp_slice(fold4(ip.source()), fold4(ip.destination()), &tcp)
            }
            Some(NetSlice::Ipv6(ip)) => {
                let ip = ip.header();
                weigh_tcp_slice(fold16(ip.source()), fold16(ip.destination()), &tcp)
            }
            _ => 0,
        },
        Some(TransportSlice::Udp(udp)) if udp.destination_port() == VXLAN_PORT => {
            weigh_sliced(&udp.payload()[8..])
        }
        _ => 0,
    }
}

fn weigh_tcp_slice(src: u64, dst: u64, tcp: &TcpSlice<'_>) -> u64 {
    let slice = tcp.slice();
    let flags = u16::from_be_bytes([slice[12] & 0x0f, slice[13]]);
    let ports = [tcp.source_port(), tcp.destination_port()];
    weigh(src, dst, ports, flags, tcp.payload().len())
}

fn lax(_: &mut Decoder, frames: &[Vec<u8>]) -> u64 {
    frames.iter().fold(0, |sum: u64, data| sum.wrapping_add(weigh_lax(data)))
}

fn weigh_lax(data: &[u8]) -> u64 {
    let packet = LaxSlicedPacket::from_ethernet(data).unwrap();
    match packet.transport {
        Some(TransportSlice::Tcp(tcp)) => match packet.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let ip = ip.header();
                weigh_tcp_slice(fold4(ip.source()), fold4(ip.destination()), &tcp)
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let ip = ip.header();
                weigh_tcp_slice(fold16(ip.source()), fold16(ip.destination()), &tcp)
            }
            _ => 0,
        },
        Some(TransportSlice::Udp(udp)) if udp.destination_port() == VXLAN_PORT => {
            weigh_lax(&udp.payload()[8..])
        }
        _ => 0,
    }
}

fn headers(_: &mut Decoder, frames: &[Vec<u8>]) -> u64 {
    frames.iter().fold(0, |sum: u64, data| sum.wrapping_add(weigh_headers(data)))
}

fn weigh_headers(data: &[u8]) -> u64 {
    let packet = PacketHeaders::from_ethernet_slice(data).unwrap();
    let (src, dst) = match &packet.net {
        Some(NetHeaders::Ipv4(ip, _)) => (fold4(ip.source), fold4(ip.destination)),
        Some(NetHeaders::Ipv6(ip, _)) => (fold16(ip.source), fold16(ip.destination)),
        _ => return 0,
    };
    let payload = packet.payload.slice();
    match &packet.transport {
        Some(TransportHeader::Tcp(tcp)) => {
            let flags =
                [tcp.fin, tcp.syn, tcp.rst, tcp.psh, tcp.ack, tcp.urg, tcp.ece, tcp.cwr, tcp.ns];
            let bits = flags.into_iter().enumerate();
            let flags = bits.fold(0, |all, (bit, is_set)| all | u16::from(is_set) << bit);
            weigh(src, dst, [tcp.source_port, tcp.destination_port], flags, payload.len())
        }
        Some(TransportHeader::Udp(udp)) if udp.destination_port == VXLAN_PORT => {
            weigh_headers(&payload[8..])
        }
        _ => 0,
    }
}
