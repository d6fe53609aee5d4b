//! The hostile captures: name, how it ends, frames before, bytes.

use crate::build::{NgWriter, PcapWriter};
use crate::frames;
use crate::reading::{gzip, zstd};

/// How reading one of them ends, known from the way it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Read to its end: nothing is wrong with the capture itself.
    Whole,
    /// It ends too early, which is a warning.
    Cut,
    /// It is damaged somewhere behind its start.
    Damaged,
    /// It is no capture that we read; nothing of it counts.
    Refused,
}

use End::{Cut, Damaged, Refused, Whole};

/// A hostile capture.
pub(crate) struct Hostile {
    pub(crate) file: &'static str,
    pub(crate) end: End,
    /// Frames that must be handed out.
    pub(crate) frames: u64,
    pub(crate) bytes: fn() -> Vec<u8>,
}

const fn row(file: &'static str, end: End, frames: u64, bytes: fn() -> Vec<u8>) -> Hostile {
    Hostile { file, end, frames, bytes }
}

pub(crate) const ALL: &[Hostile] = &[
    // Nothing, or something else.
    row("empty.pcap", Refused, 0, Vec::new),
    row("one-byte.pcap", Refused, 0, || vec![0xd4]),
    row("wrong-magic.pcap", Refused, 0, || changed(pcap(2), 0, &[0xd4, 0xc3, 0xb2, 0xa0])),
    row("text.pcap", Refused, 0, || b"10:51:02.1 IP 192.0.2.7.51512 > 198.51.100.1.21: S\n".into()),
    row("bzip2.pcap.bz2", Refused, 0, || b"BZh91AY&SY\x17\x72\x45\x38\x50\x90\0\0\0\0".into()),
    row("gzip-of-gzip.pcap.gz", Refused, 0, || gzip(&gzip(&pcap(2)))),
    row("other-relative.pcap", Refused, 0, || changed(pcap(2), 0, &[0x1c, 0x00, 0x01, 0xac])),
    row("version-543.pcap", Refused, 0, || changed(pcap(2), 4, &[0x1f, 0x02])),
    // Cut in each header and in each body.
    row("cut-file-header.pcap", Cut, 0, || cut(pcap(2), 23)),
    row("no-frames.pcap", Whole, 0, || pcap(0)),
    row("cut-record-header.pcap", Cut, 2, || cut(pcap(3), 24 + 2 * 76 + 7)),
    row("cut-record.pcap", Cut, 2, || cut(pcap(3), 24 + 3 * 76 - 1)),
    row("cut-magic.pcapng", Cut, 0, || cut(ng(2), 11)),
    row("cut-section.pcapng", Cut, 0, || cut(ng(2), 27)),
    row("no-interface.pcapng", Whole, 0, || cut(ng(2), 28)),
    row("cut-interface.pcapng", Cut, 0, || cut(ng(2), 28 + 13)),
    row("cut-block-header.pcapng", Cut, 2, || cut(ng(3), 48 + 2 * 92 + 4)),
    row("cut-block.pcapng", Cut, 2, || cut(ng(3), 48 + 3 * 92 - 1)),
    row("cut-skipped-block.pcapng", Cut, 1, || {
        let mut ng = NgWriter { bytes: ng(1), big_endian: false };
        ng.block(5, &[0; 400]);
        cut(ng.bytes, 48 + 92 + 200)
    }),
    // Lengths and numbers that lie.
    row("absurd-length.pcap", Damaged, 1, || {
        let mut pcap = PcapWriter { bytes: pcap(1), big_endian: false };
        pcap.record(2, 0, u32::MAX, u32::MAX, b"hello").bytes.clone()
    }),
    row("just-too-long.pcap", Damaged, 1, || {
        let mut pcap = PcapWriter { bytes: pcap(1), big_endian: false };
        pcap.record(2, 0, 262_145, 262_145, b"hello").bytes.clone()
    }),
    row("absurd-snap-length.pcap", Damaged, 1, || {
        // A snap length of 4 GiB does not make a record of 2 GiB a record.
        let bytes = changed(pcap(1), 16, &[0xff; 4]);
        let mut pcap = PcapWriter { bytes, big_endian: false };
        pcap.record(2, 0, 1 << 31, 1 << 31, b"hello").bytes.clone()
    }),
    row("absurd-length.pcapng", Damaged, 1, || {
        broken_ng(|ng| _ = ng.block_with(6, 0xffff_fffc, &[0; 20], 0xffff_fffc))
    }),
    row("short-block.pcapng", Damaged, 1, || broken_ng(|ng| _ = ng.block_with(6, 16, &[0; 4], 16))),
    row("zero-block.pcapng", Damaged, 1, || broken_ng(|ng| _ = ng.block_with(0, 0, &[], 0))),
    row("odd-block.pcapng", Damaged, 1, || broken_ng(|ng| _ = ng.block_with(6, 33, &[0; 21], 33))),
    row("ends-differ.pcapng", Damaged, 1, || {
        broken_ng(|ng| _ = ng.block_with(6, 36, &[0; 24], 40))
    }),
    row("skipped-ends-differ.pcapng", Damaged, 1, || {
        broken_ng(|ng| _ = ng.block_with(5, 36, &[0; 24], 32))
    }),
    row("packet-beyond-block.pcapng", Damaged, 1, || {
        broken_ng(|ng| _ = ng.packet_with(0, 2, 61, 61, &[7; 60]))
    }),
    row("unknown-interface.pcapng", Damaged, 1, || broken_ng(|ng| _ = ng.packet(1, 2, b"whose?"))),
    row("unknown-interface-old.pcapng", Damaged, 1, || {
        broken_ng(|ng| _ = ng.old_packet(0xffff, 2, b"whose?"))
    }),
    row("missing-interface.pcapng", Damaged, 0, || {
        NgWriter::new(false).section().simple_packet(4, b"whom").bytes.clone()
    }),
    row("no-byte-order.pcapng", Damaged, 1, || {
        broken_ng(|ng| _ = ng.block_with(0x0a0d_0d0a, 28, &[0; 16], 28))
    }),
    row("future-section.pcapng", Damaged, 1, || {
        let section = NgWriter::new(false).section().bytes.clone();
        [ng(1), changed(section, 12, &[2, 0])].concat()
    }),
    row("interfaces-65537.pcapng.gz", Damaged, 0, || {
        let mut ng = NgWriter::new(false);
        ng.section();
        for _ in 0..65_537 {
            ng.interface(1, 0, &[]);
        }
        gzip(&ng.packet(65_535, 1, b"last").bytes)
    }),
    row("lying-options.pcapng", Whole, 1, || {
        let mut ng = NgWriter::new(false);
        // A resolution whose length points far beyond its block.
        let body = [ng.halves(&[1, 0]), ng.words(&[0]), ng.halves(&[9, 0xffff])].concat();
        ng.section().block(1, &body).packet(0, 1, b"read on").bytes.clone()
    }),
    row("absurd-clock.pcapng", Whole, 2, || {
        let mut ng = NgWriter::new(false);
        ng.section().interface(1, 0, &[(9, &[0xff]), (14, &i64::MIN.to_le_bytes())]);
        ng.interface(1, 0, &[(9, &[0]), (14, &i64::MAX.to_le_bytes())]);
        ng.packet(0, u64::MAX, b"early").packet(1, u64::MAX, b"late").bytes.clone()
    }),
    // Packed, and cut or damaged or out of measure.
    row("cut.pcap.gz", Cut, 2, || {
        let packed = stored_gzip(&pcap(3));
        let cut_at = packed.len() - 8 - 10;
        cut(packed, cut_at)
    }),
    row("cut-header.pcap.gz", Cut, 0, || cut(stored_gzip(&pcap(3)), 6)),
    row("cut-checksum.pcap.gz", Cut, 3, || {
        let packed = stored_gzip(&pcap(3));
        let cut_at = packed.len() - 3;
        cut(packed, cut_at)
    }),
    row("damaged.pcap.gz", Damaged, 3, || {
        // The first member is good; the second starts with a block of the kind that is reserved.
        let mut second = stored_gzip(&pcap(3)[24..]);
        second[10] = 0b111;
        [stored_gzip(&pcap(3)), second].concat()
    }),
    row("damaged-checksum.pcap.gz", Damaged, 3, || {
        let mut packed = stored_gzip(&pcap(3));
        let checksum = packed.len() - 8;
        packed[checksum] ^= 1;
        packed
    }),
    row("bomb.pcap.gz", Whole, 1 << 20, || {
        // 16 MiB of records without a byte in them, a thousandth of it packed.
        gzip(&[pcap(0), vec![0; 16 << 20]].concat())
    }),
    row("cut.pcap.zst", Cut, 2, || {
        // The third frame is in a block of its own, which is cut.
        let pcap = pcap(3);
        let packed = raw_zstd(&[&pcap[..24 + 2 * 76], &pcap[24 + 2 * 76..]]);
        let cut_at = packed.len() - 1;
        cut(packed, cut_at)
    }),
    row("damaged.pcap.zst", Damaged, 2, || {
        let pcap = pcap(3);
        let mut packed = raw_zstd(&[&pcap[..24 + 2 * 76], &pcap[24 + 2 * 76..]]);
        // The second block becomes one of the kind that is reserved.
        let second = packed.len() - 76 - 3;
        packed[second] |= 0b110;
        packed
    }),
    row("cut-checksum.pcap.zst", Cut, 3, || {
        // The header of the frame promises a checksum, and nothing follows the last block.
        changed(raw_zstd(&[&pcap(3)]), 4, &[0b100])
    }),
    row("absurd-window.pcap.zst", Refused, 0, || {
        // The frame asks for a window of 2 TiB.
        changed(raw_zstd(&[&pcap(3)]), 5, &[31 << 3])
    }),
    row("bomb.pcapng.zst", Whole, 2, || {
        // 256 MiB within a block that is passed over, in blocks of one repeated byte.
        const LENGTH: u32 = 256 << 20;
        let start = NgWriter { bytes: ng(1), big_endian: false };
        let length = LENGTH + 12;
        let head = [start.bytes.clone(), start.words(&[0xbad, length])].concat();
        let tail = [start.words(&[length]), ng(1)].concat();
        [raw_zstd(&[&head]), zeros_zstd(LENGTH), raw_zstd(&[&tail])].concat()
    }),
    row("text.zst", Refused, 0, || zstd(b"not everything that is packed is a capture\n")),
    // Odd, and read on.
    row("snap-length-14.pcap", Whole, 3, || {
        let mut pcap = PcapWriter::with_header(0xa1b2_c3d4, false, (2, 4), 14, 1);
        for second in 0..3 {
            pcap.record(1_795_399_583 + second, 0, 14, 60, &frames::syn(21)[..14]);
        }
        pcap.bytes
    }),
    row("zero-length.pcap", Whole, 3, || {
        let mut pcap = PcapWriter::default();
        pcap.record(1, 0, 0, 0, b"").record(2, 0, 0, 1_500, b"").frame(3, 0, &frames::syn(21));
        pcap.bytes
    }),
    row("zero-length.pcapng", Whole, 3, || {
        let mut ng = NgWriter { bytes: ng(0), big_endian: false };
        ng.packet(0, 1, b"").old_packet(0, 2, b"").simple_packet(0, b"").bytes.clone()
    }),
    row("years-1970-and-2106.pcap", Whole, 4, || {
        let syn = frames::syn(21);
        let mut pcap = PcapWriter::default();
        pcap.frame(0, 0, &syn).frame(u32::MAX, 999_999, &syn);
        // More microseconds than a second has, at both ends.
        pcap.frame(0, u32::MAX, &syn).frame(u32::MAX, u32::MAX, &syn).bytes.clone()
    }),
    row("years-1677-and-2262.pcapng", Whole, 2, || {
        let mut ng = NgWriter { bytes: ng(0), big_endian: false };
        ng.interface(1, 0, &[(9, &[9]), (14, &(-20_000_000_000i64).to_le_bytes())]);
        ng.packet(0, u64::MAX, &frames::syn(21)).packet(1, 0, &frames::syn(22)).bytes.clone()
    }),
    row("backwards.pcap", Whole, 3, || {
        let mut pcap = PcapWriter::default();
        for second in [1_795_399_583, 1, 1_795_399_582] {
            pcap.frame(second, 0, &frames::syn(21));
        }
        pcap.bytes
    }),
    row("unknown-link.pcap", Whole, 1, || {
        let mut pcap = PcapWriter::with_header(0xa1b2_c3d4, true, (2, 4), 0, 0xffff);
        pcap.frame(1, 0, &frames::syn(21)).bytes.clone()
    }),
    row("deep-tunnels.pcap", Whole, 2, || {
        PcapWriter::default()
            .frame(1, 0, &frames::tunnels(40))
            .frame(2, 0, &frames::syn(21))
            .bytes
            .clone()
    }),
    row("huge-options.pcap", Whole, 3, || {
        let mut pcap = PcapWriter::default();
        pcap.frame(1, 0, &frames::all_options(1)).frame(2, 0, &frames::all_options(0));
        pcap.frame(3, 0, &frames::extension_headers(180)).bytes.clone()
    }),
];

/// So many frames of 60 bytes, with records of 76.
fn pcap(count: u32) -> Vec<u8> {
    let mut pcap = PcapWriter::default();
    for second in 0..count {
        pcap.frame(1_795_399_583 + second, 0, &frames::syn(21));
    }
    pcap.bytes
}

/// So many frames of 60 bytes, with blocks of 92 after 48 bytes of section and interface.
fn ng(count: u32) -> Vec<u8> {
    let mut ng = NgWriter::new(false);
    ng.section().interface(1, 262_144, &[]);
    for second in 0..count {
        ng.packet(0, (1_795_399_583 + u64::from(second)) * 1_000_000, &frames::syn(21));
    }
    ng.bytes
}

/// A good frame, then what is broken, then a good frame that nobody must guess at.
fn broken_ng(breaks: fn(&mut NgWriter)) -> Vec<u8> {
    let mut writer = NgWriter { bytes: ng(1), big_endian: false };
    breaks(&mut writer);
    writer.packet(0, 3, &frames::syn(22)).bytes.clone()
}

fn cut(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    assert!(at < bytes.len(), "that cuts nothing");
    bytes.truncate(at);
    bytes
}

fn changed(mut bytes: Vec<u8>, at: usize, to: &[u8]) -> Vec<u8> {
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

/// A gzip member of one block that is only stored (RFC 1951, 3.2.4), so that every byte has its
/// known place.
fn stored_gzip(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).expect("one block");
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    member.extend([len.to_le_bytes(), (!len).to_le_bytes()].as_flattened());
    member.extend(bytes);
    member.extend([checksum.sum(), checksum.amount()].map(u32::to_le_bytes).as_flattened());
    member
}

/// A zstd frame header without checksum: a window of 128 KiB (RFC 8878, 3.1.1.1).
const ZSTD_FRAME: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];

/// A zstd frame of blocks that are only stored.
fn raw_zstd(blocks: &[&[u8]]) -> Vec<u8> {
    let mut frame = ZSTD_FRAME.to_vec();
    for (index, block) in blocks.iter().enumerate() {
        let last = u32::from(index + 1 == blocks.len());
        frame.extend(&((block.len() as u32) << 3 | last).to_le_bytes()[..3]);
        frame.extend(*block);
    }
    frame
}

/// A zstd frame of blocks of 128 KiB of zeros in four bytes each.
fn zeros_zstd(length: u32) -> Vec<u8> {
    const BLOCK: u32 = 128 << 10;
    const REPEATED: u32 = 1 << 1;
    let mut frame = ZSTD_FRAME.to_vec();
    for at in (0..length).step_by(BLOCK as usize) {
        let last = u32::from(at + BLOCK >= length);
        frame.extend(&(BLOCK << 3 | REPEATED | last).to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}
