//! What holds for every capture: any bytes are survived, what is written is read back, and a cut
//! costs only what is behind it.

#[expect(dead_code, reason = "records are written in full")]
mod build;
#[expect(dead_code, reason = "nothing is merged here")]
mod reading;

use std::io::Cursor;

use build::{NgWriter, PcapWriter};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use reading::{Dribble, Outcome, Seen, gzip, read, read_bytes, zstd};
use tripline_packet::LinkType;

/// A frame to be written.
#[derive(Clone, Debug)]
struct Record {
    seconds: u32,
    micros: u32,
    /// Bytes that were on the wire and are not in the capture.
    snapped: u32,
    data: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Pcap { magic: u32, big_endian: bool },
    Enhanced { big_endian: bool, nanos: bool },
    Obsolete { big_endian: bool },
}

#[derive(Clone, Copy, Debug)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

const FORMS: [Form; 12] = {
    let mut forms = [Form::Obsolete { big_endian: false }; 12];
    let mut at = 1;
    while at < 12 {
        let big_endian = at % 2 == 0;
        forms[at] = match at {
            1 => Form::Obsolete { big_endian: true },
            2..4 => Form::Pcap { magic: 0xa1b2_c3d4, big_endian },
            4..6 => Form::Pcap { magic: 0xa1b2_3c4d, big_endian },
            6..8 => Form::Pcap { magic: 0xa1b2_cd34, big_endian },
            8..10 => Form::Enhanced { big_endian, nanos: false },
            _ => Form::Enhanced { big_endian, nanos: true },
        };
        at += 1;
    }
    forms
};

fn form() -> impl Strategy<Value = Form> {
    prop::sample::select(FORMS.to_vec())
}

fn packing() -> impl Strategy<Value = Packing> {
    prop::sample::select(vec![Packing::Plain, Packing::Gzip, Packing::Zstd])
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let data = prop_oneof![9 => vec(any::<u8>(), 0..100), 1 => vec(any::<u8>(), 0..9_000)];
    let record = (any::<u32>(), 0..1_000_000u32, 0..70_000u32, data);
    let record = record.prop_map(|(seconds, micros, snapped, data)| Record {
        seconds,
        micros,
        snapped,
        data,
    });
    vec(record, 0..12)
}

impl Record {
    fn captured(&self) -> u32 {
        self.data.len() as u32
    }

    fn ticks(&self, nanos: bool) -> u64 {
        let micros = u64::from(self.seconds) * 1_000_000 + u64::from(self.micros);
        if nanos { micros * 1_000 } else { micros }
    }
}

impl Packing {
    fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => gzip(bytes),
            Self::Zstd => zstd(bytes),
        }
    }
}

fn write(form: Form, records: &[Record]) -> Vec<u8> {
    match form {
        Form::Pcap { magic, big_endian } => write_pcap(magic, big_endian, records),
        Form::Enhanced { big_endian, nanos } => {
            let mut ng = NgWriter::new(big_endian);
            ng.section().interface(1, 0, &[(9, &[if nanos { 9 } else { 6 }])]);
            for record in records {
                let (ticks, captured) = (record.ticks(nanos), record.captured());
                ng.packet_with(0, ticks, captured, captured + record.snapped, &record.data);
            }
            ng.bytes
        }
        Form::Obsolete { big_endian } => {
            let mut ng = NgWriter::new(big_endian);
            ng.section().interface(1, 0, &[]);
            for record in records {
                ng.old_packet(0, record.ticks(false), &record.data);
            }
            ng.bytes
        }
    }
}

fn write_pcap(magic: u32, big_endian: bool, records: &[Record]) -> Vec<u8> {
    const NANOS: u32 = 0xa1b2_3c4d;
    const MODIFIED: u32 = 0xa1b2_cd34;
    let mut pcap = PcapWriter::new(magic, big_endian);
    for record in records {
        let fraction = if magic == NANOS { record.micros * 1_000 } else { record.micros };
        let captured = record.captured();
        pcap.record(record.seconds, fraction, captured, captured + record.snapped, &[]);
        if magic == MODIFIED {
            pcap.raw(&[0; 8]);
        }
        pcap.raw(&record.data);
    }
    pcap.bytes
}

/// The frames that were written. Obsolete packets are written whole.
fn expected(form: Form, records: &[Record]) -> Vec<Seen> {
    let snaps = !matches!(form, Form::Obsolete { .. });
    let frame = |record: &Record| Seen {
        time: i64::try_from(record.ticks(true)).expect("32 bits of seconds"),
        link: LinkType::Ethernet,
        wire_len: record.captured() + if snaps { record.snapped } else { 0 },
        data: record.data.clone(),
    };
    records.iter().map(frame).collect()
}

/// Bytes that get past the first look in most cases.
fn almost_a_capture() -> impl Strategy<Value = Vec<u8>> {
    const STARTS: &[&[u8]] = &[
        b"",
        b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0",
        b"\xa1\xb2\x3c\x4d\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
        b"\x34\xcd\xb2\xa1\x02\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0",
        b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0",
        b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d\0\x01\0\0",
        b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
        b"\x28\xb5\x2f\xfd\x04\x58",
        b"\x50\x2a\x4d\x18",
    ];
    (prop::sample::select(STARTS.to_vec()), vec(any::<u8>(), 0..600))
        .prop_map(|(start, rest)| [start, &rest].concat())
}

/// No frame comes out of fewer bytes than its smallest record has.
fn is_plausible(outcome: &Outcome, len: usize) -> bool {
    let held: usize = outcome.frames.iter().map(|frame| frame.data.len() + 16).sum();
    held <= len
}

fn is_packed(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1f, 0x8b, ..] | [0x28, 0xb5, ..] | [_, 0x2a, 0x4d, 0x18, ..])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_024) })]

    #[test]
    fn any_bytes_are_survived(bytes in almost_a_capture()) {
        let outcome = read_bytes(&bytes);
        prop_assert!(is_packed(&bytes) || is_plausible(&outcome, bytes.len()));
    }

    #[test]
    fn a_capture_with_wrong_bytes_is_survived(
        records in records(), form in form(), packing in packing(),
        changes in vec((any::<Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = packing.pack(&write(form, &records));
        for (index, to) in changes {
            let at = index.index(bytes.len());
            bytes[at] = to;
        }
        let outcome = read_bytes(&bytes);
        prop_assert!(is_packed(&bytes) || is_plausible(&outcome, bytes.len()));
    }

    #[test]
    fn what_is_written_is_read_back(
        records in records(), form in form(), packing in packing(), most in 1..5_000usize,
    ) {
        let packed = packing.pack(&write(form, &records));
        let outcome = read("slow", Dribble { bytes: Cursor::new(packed), most });
        prop_assert_eq!(&outcome.error, &None);
        prop_assert_eq!(outcome.frames, expected(form, &records));
    }

    #[test]
    fn a_cut_costs_only_what_is_behind_it(
        records in records(), form in form(), packing in packing(), at in any::<Index>(),
    ) {
        // Fewer than four bytes are not known for a capture.
        const MAGIC: usize = 4;
        let packed = packing.pack(&write(form, &records));
        let at = MAGIC + at.index(packed.len() - MAGIC);
        let outcome = read_bytes(&packed[..at]);
        let all = expected(form, &records);
        prop_assert!(all.starts_with(&outcome.frames));
        if let Some(error) = &outcome.error {
            prop_assert!(error.is_truncation(), "{}", error);
        } else {
            prop_assert!(outcome.frames.len() < all.len() || all.is_empty(), "nothing is missing");
        }
        if let Packing::Plain = packing {
            prop_assert_eq!(outcome.frames.len(), whole_records(form, &records, at));
        }
    }
}

/// How many records end within so many bytes.
fn whole_records(form: Form, records: &[Record], at: usize) -> usize {
    let ends = (0..=records.len()).map(|count| write(form, &records[..count]).len());
    ends.skip(1).take_while(|end| *end <= at).count()
}
