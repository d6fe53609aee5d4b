//! Every format that is understood, in every form it comes in.

mod build;
#[expect(dead_code, reason = "sets are read elsewhere")]
mod reading;

use std::io::{Cursor, Write as _};

use build::{NgWriter, PcapWriter};
use reading::{Dribble, Seen, gzip, read, read_bytes, read_whole, zstd};
use tripline_capture::{Compression, Ending};
use tripline_packet::{LinkType, Timestamp};

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

fn ethernet(time: i64, data: &[u8]) -> Seen {
    Seen { time, link: LinkType::Ethernet, wire_len: data.len() as u32, data: data.to_vec() }
}

#[test]
fn pcap_in_both_units_and_byte_orders() {
    for (magic, big_endian, unit, name) in [
        (MICROS, false, 1_000, "pcap, µs, little-endian"),
        (MICROS, true, 1_000, "pcap, µs, big-endian"),
        (NANOS, false, 1, "pcap, ns, little-endian"),
        (NANOS, true, 1, "pcap, ns, big-endian"),
    ] {
        let mut pcap = PcapWriter::new(magic, big_endian);
        pcap.frame(1_795_399_583, 999_999, b"first").frame(u32::MAX, 1, b"of 2106");
        let (frames, summary) = read_whole(&pcap.bytes);
        let first = ethernet(1_795_399_583_000_000_000 + 999_999 * unit, b"first");
        let last = ethernet(4_294_967_295_000_000_000 + unit, b"of 2106");
        assert_eq!(frames, [first.clone(), last.clone()], "{name}");
        assert_eq!(summary.format, name);
        assert_eq!(summary.ending, Ending::Whole);
        assert_eq!(summary.compression, Compression::None);
        let span = (Timestamp::from_nanos(first.time), Timestamp::from_nanos(last.time));
        assert_eq!(summary.span, Some(span));
    }
}

#[test]
fn modified_pcap_has_longer_record_headers() {
    for (big_endian, name) in
        [(false, "modified pcap, µs, little-endian"), (true, "modified pcap, µs, big-endian")]
    {
        let mut pcap = PcapWriter::new(MODIFIED, big_endian);
        for data in [&b"one"[..], b"two and more"] {
            let len = data.len() as u32;
            // Interface index, protocol, packet type and padding follow the usual sixteen bytes.
            pcap.record(7, 8, len, len, &[0, 0, 0, 2, 8, 0, 4, 0]).raw(data);
        }
        let (frames, summary) = read_whole(&pcap.bytes);
        let time = 7_000_008_000;
        assert_eq!(frames, [ethernet(time, b"one"), ethernet(time, b"two and more")]);
        assert_eq!(summary.format, name);
    }
}

#[test]
fn snap_lengths_cut_and_the_wire_length_stays() {
    for big_endian in [false, true] {
        let mut pcap = PcapWriter::with_header(MICROS, big_endian, (2, 4), 14, 1);
        pcap.record(1, 0, 14, 1_514, &[7; 14]).record(1, 1, 10, 10, &[8; 10]);
        // Some writers leave the original length at 0.
        pcap.record(1, 2, 5, 0, &[9; 5]);
        let (frames, summary) = read_whole(&pcap.bytes);
        let lengths: Vec<_> = frames.iter().map(|f| (f.data.len(), f.wire_len)).collect();
        assert_eq!(lengths, [(14, 1_514), (10, 10), (5, 5)]);
        assert_eq!(summary.snap_len, Some(14));
    }
}

#[test]
fn a_packet_may_be_as_long_as_the_snap_length() {
    let long = vec![0x5a; 3 << 20];
    let mut pcap = PcapWriter::with_header(MICROS, false, (2, 4), 3 << 20, 1);
    pcap.frame(1, 0, &long).frame(2, 0, b"next");
    let (frames, _) = read_whole(&pcap.bytes);
    assert_eq!(frames, [ethernet(1_000_000_000, &long), ethernet(2_000_000_000, b"next")]);
    // Without a limit it may be as long as libpcap's own.
    let long = vec![0x5a; 256 << 10];
    let mut pcap = PcapWriter::with_header(MICROS, false, (2, 4), 0, 1);
    pcap.frame(1, 0, &long);
    assert_eq!(read_whole(&pcap.bytes).0, [ethernet(1_000_000_000, &long)]);
}

#[test]
fn old_versions_have_the_lengths_the_other_way_round() {
    for (version, first, second) in
        [((2, 2), 60, 3), ((2, 3), 60, 3), ((2, 3), 3, 60), ((2, 4), 3, 60)]
    {
        let mut pcap = PcapWriter::with_header(MICROS, false, version, 96, 1);
        pcap.record(1, 0, first, second, b"cut");
        let (frames, _) = read_whole(&pcap.bytes);
        assert_eq!((frames[0].data.len(), frames[0].wire_len), (3, 60), "{version:?}");
    }
}

#[test]
fn link_types_are_told_whatever_stands_above_them() {
    for (field, link) in [
        (0, LinkType::Null),
        (101, LinkType::RawIp),
        (113, LinkType::LinuxSll),
        (276, LinkType::LinuxSll2),
        (147, LinkType::Other(147)),
        // The upper half tells that frames end with a check sequence of four bytes.
        (0x4400_0001, LinkType::Ethernet),
    ] {
        let mut pcap = PcapWriter::with_header(MICROS, false, (2, 4), 96, field);
        pcap.frame(1, 0, b"x");
        let (frames, summary) = read_whole(&pcap.bytes);
        assert_eq!((frames[0].link, &summary.links[..]), (link, &[link][..]));
    }
}

#[test]
fn pcapng_in_both_byte_orders() {
    for (big_endian, name) in [(false, "pcapng, little-endian"), (true, "pcapng, big-endian")] {
        let mut ng = NgWriter::new(big_endian);
        ng.section().interface(1, 96, &[]);
        let mut expected = Vec::new();
        // Lengths of all remainders by four, with their padding.
        for len in 0..9u8 {
            let data = vec![len; usize::from(len)];
            ng.packet(0, 1 << 40 | u64::from(len), &data);
            expected.push(ethernet(((1 << 40) + i64::from(len)) * 1_000, &data));
        }
        ng.packet_with(0, 5, 3, 1_500, b"cut");
        expected.push(Seen { wire_len: 1_500, ..ethernet(5_000, b"cut") });
        let (frames, summary) = read_whole(&ng.bytes);
        assert_eq!(frames, expected);
        assert_eq!((summary.format, summary.snap_len), (name, Some(96)));
    }
}

#[test]
fn every_interface_has_its_own_link_type_and_clock() {
    let offset = 1_000i64.to_le_bytes();
    let mut ng = NgWriter::new(false);
    ng.section()
        .interface(1, 0, &[])
        .interface(101, 96, &[(2, b"tun0"), (IF_TSRESOL, &[9])])
        .interface(113, 65_535, &[(IF_TSRESOL, &[0x80 | 0x0a]), (IF_TSOFFSET, &offset)])
        .interface(276, 0, &[(IF_TSRESOL, &[0])]);
    ng.packet(3, 2_000, b"d").packet(2, 1_536, b"c").packet(1, 77, b"b").packet(0, 77, b"a");
    let (frames, summary) = read_whole(&ng.bytes);
    let links = [LinkType::LinuxSll2, LinkType::LinuxSll, LinkType::RawIp, LinkType::Ethernet];
    let times = [2_000_000_000_000, 1_001_500_000_000, 77, 77_000];
    let expected = links.into_iter().zip(times).zip([b"d", b"c", b"b", b"a"]);
    let expected: Vec<_> =
        expected.map(|((link, time), data)| Seen { link, ..ethernet(time, data) }).collect();
    assert_eq!(frames, expected);
    assert_eq!(summary.links, links.into_iter().rev().collect::<Vec<_>>());
    assert_eq!(summary.snap_len, Some(0), "one of them is not limited");
}

#[test]
fn every_section_starts_anew() {
    let mut first = NgWriter::new(false);
    first.section().interface(1, 0, &[(IF_TSRESOL, &[9])]).interface(1, 0, &[]);
    first.packet(0, 5, b"ns").packet(1, 5, b"us");
    let mut second = NgWriter::new(true);
    second.section().interface(101, 0, &[]).packet(0, 6, b"big");
    let mut third = NgWriter::new(false);
    third.section().interface(113, 0, &[(IF_TSRESOL, &[3])]).packet(0, 7, b"ms");
    let (frames, _) = read_whole(&[first.bytes, second.bytes.clone(), third.bytes].concat());
    assert_eq!(
        frames,
        [
            ethernet(5, b"ns"),
            ethernet(5_000, b"us"),
            Seen { link: LinkType::RawIp, ..ethernet(6_000, b"big") },
            Seen { link: LinkType::LinuxSll, ..ethernet(7_000_000, b"ms") },
        ]
    );
    // An interface of the section before is not one of this.
    second.packet(1, 6, b"?");
    let outcome = read_bytes(&second.bytes);
    assert_eq!(outcome.frames.len(), 1);
    assert!(outcome.message().unwrap().contains("a packet of interface 1"));
}

#[test]
fn simple_packets_have_no_time_and_no_captured_length() {
    for big_endian in [false, true] {
        let mut ng = NgWriter::new(big_endian);
        ng.section().interface(1, 6, &[]).interface(101, 0, &[]);
        ng.simple_packet(4, b"full").packet(1, 9, b"x").simple_packet(1_500, b"snappe");
        let (frames, _) = read_whole(&ng.bytes);
        let snapped = Seen { wire_len: 1_500, ..ethernet(9_000, b"snappe") };
        assert_eq!(frames[0], ethernet(0, b"full"));
        // Six bytes by the snap length of the first interface, without the padding.
        assert_eq!(frames[2], snapped);
    }
    let mut unlimited = NgWriter::new(false);
    unlimited.section().interface(1, 0, &[]).simple_packet(5, b"12345");
    assert_eq!(read_whole(&unlimited.bytes).0, [ethernet(0, b"12345")]);
}

#[test]
fn obsolete_packets_are_read() {
    for big_endian in [false, true] {
        let mut ng = NgWriter::new(big_endian);
        ng.section().interface(1, 0, &[]).interface(101, 0, &[(IF_TSRESOL, &[9])]);
        ng.old_packet(1, 1 << 33, b"old").old_packet(0, 3, b"older");
        let (frames, _) = read_whole(&ng.bytes);
        let old = Seen { link: LinkType::RawIp, ..ethernet(1 << 33, b"old") };
        assert_eq!(frames, [old, ethernet(3_000, b"older")]);
    }
}

#[test]
fn packets_with_options_and_blocks_between_them() {
    let mut ng = NgWriter::new(false);
    ng.section();
    // A custom block that is longer than what is read at a time, before any interface.
    ng.block(0xbad, &vec![0xee; 3 << 20]).interface(1, 0, &[]);
    ng.block(4, &[0; 4]).packet(0, 1, b"a");
    let mut body = ng.words(&[0, 0, 2, 3, 3]);
    // opt_comment after the packet and its padding, then the end of options.
    body.extend(b"abc\0\x01\0\x05\0hello\0\0\0\0\0\0\0");
    ng.block(6, &body).block(5, &[0; 12]);
    let (frames, _) = read_whole(&ng.bytes);
    assert_eq!(frames, [ethernet(1_000, b"a"), ethernet(2_000, b"abc")]);
}

/// The same three frames in each format.
fn samples() -> Vec<(Vec<u8>, Vec<Seen>)> {
    let data = [vec![1; 60], vec![2; 1_500], vec![3; 9_000]];
    let mut pcap = PcapWriter::default();
    let mut ng = NgWriter::new(true);
    ng.section().interface(1, 0, &[]);
    let mut expected = Vec::new();
    for (micros, data) in (0u32..).zip(&data) {
        pcap.frame(0, micros, data);
        ng.packet(0, micros.into(), data);
        expected.push(ethernet(i64::from(micros) * 1_000, data));
    }
    vec![(pcap.bytes, expected.clone()), (ng.bytes, expected)]
}

#[test]
fn packed_captures_are_told_by_content() {
    for (bytes, expected) in samples() {
        for (packed, compression) in
            [(gzip(&bytes), Compression::Gzip), (zstd(&bytes), Compression::Zstd)]
        {
            let (frames, summary) = read_whole(&packed);
            assert_eq!(frames, expected);
            assert_eq!(summary.compression, compression);
        }
    }
}

#[test]
fn several_members_and_frames_are_one_stream() {
    for (bytes, expected) in samples() {
        // Cut in the middle of the second frame, and into an empty piece.
        let pieces = [&bytes[..200], &[], &bytes[200..]];
        let members: Vec<u8> = pieces.iter().flat_map(|piece| gzip(piece)).collect();
        assert_eq!(read_whole(&members).0, expected);
        let mut frames: Vec<u8> = b"\x50\x2a\x4d\x18\x03\0\0\0skp".to_vec();
        for piece in pieces {
            frames.extend(zstd(piece));
            frames.extend(b"\x5f\x2a\x4d\x18\0\0\0\0");
        }
        assert_eq!(read_whole(&frames).0, expected);
    }
}

#[test]
fn streams_give_what_they_like_at_a_time() {
    for (bytes, expected) in samples() {
        for packed in [bytes.clone(), gzip(&bytes), zstd(&bytes)] {
            for most in [1, 7, 4_096] {
                let slow = Dribble { bytes: Cursor::new(packed.clone()), most };
                let outcome = read("slow", slow);
                assert_eq!((outcome.frames, outcome.error), (expected.clone(), None));
            }
        }
    }
}

#[test]
fn a_pipe_is_read_while_it_is_written() {
    let (bytes, expected) = samples().swap_remove(0);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut file = {
        let head = bytes[..100].to_vec();
        writer.write_all(&head).unwrap();
        tripline_capture::CaptureFile::from_reader("-", reader).unwrap()
    };
    // The first frame comes out before the rest is written.
    assert_eq!(Seen::from(file.next_frame().unwrap().unwrap()), expected[0]);
    assert_eq!(file.offset(), 24);
    let writer = std::thread::spawn(move || writer.write_all(&bytes[100..]).unwrap());
    assert_eq!(Seen::from(file.next_frame().unwrap().unwrap()), expected[1]);
    assert_eq!(file.offset(), 24 + 76);
    assert_eq!(Seen::from(file.next_frame().unwrap().unwrap()), expected[2]);
    writer.join().unwrap();
    assert!(file.next_frame().is_none());
    assert_eq!(file.summary().ending, Ending::Whole);
}
