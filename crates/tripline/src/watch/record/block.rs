//! The blocks of a capture file that a recording consists of (pcapng,
//! draft-ietf-opsawg-pcapng): a section header, interfaces, packets.
//!
//! These are three kinds of block, written into memory that is there already. The libraries that can
//! write them allocate for each (`pcap-parser`) or are between versions (`pcap-file`).

use std::sync::Arc;

use tripline_packet::{LinkType, Timestamp};

/// An interface, as a file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedInterface {
    /// Its name.
    pub name: Arc<str>,
    /// What its frames begin with.
    pub link: LinkType,
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const VERSION: [u16; 2] = [1, 0];

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_USER_APPLICATION: u16 = 4;
const OPTION_INTERFACE_NAME: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;
/// A power of ten: nanoseconds.
const NANOSECONDS: u8 = 9;

/// Bytes of a packet's block beside the packet and what fills it up to a multiple of four.
const PACKET_OVERHEAD: usize = 32;

/// The beginning of a file.
pub(super) fn header(comment: &str, interfaces: &[RecordedInterface]) -> Vec<u8> {
    let mut file = Vec::new();
    block(&mut file, SECTION_HEADER, |body| {
        body.extend(BYTE_ORDER.to_le_bytes());
        body.extend(VERSION.iter().flat_map(|part| part.to_le_bytes()));
        // The length of the section is not known beforehand.
        body.extend(u64::MAX.to_le_bytes());
        option(body, OPTION_COMMENT, comment.as_bytes());
        let program = concat!("tripline ", env!("CARGO_PKG_VERSION"));
        option(body, OPTION_USER_APPLICATION, program.as_bytes());
        option(body, OPTION_END, &[]);
    });
    for RecordedInterface { name, link } in interfaces {
        block(&mut file, INTERFACE, |body| {
            body.extend(link.number().to_le_bytes());
            body.extend([0; 2]);
            // No limit of our own: packets tell their lengths.
            body.extend(0u32.to_le_bytes());
            option(body, OPTION_INTERFACE_NAME, name.as_bytes());
            option(body, OPTION_RESOLUTION, &[NANOSECONDS]);
            option(body, OPTION_END, &[]);
        });
    }
    file
}

/// Bytes of the block of a packet with so many bytes.
pub(super) const fn packet_len(captured: usize) -> usize {
    PACKET_OVERHEAD + captured.next_multiple_of(4)
}

/// Adds a packet.
pub(super) fn packet(
    file: &mut Vec<u8>,
    interface: u16,
    time: Timestamp,
    wire_len: u32,
    data: &[u8],
) {
    let total = packet_len(data.len()) as u32;
    // Before 1970 there was no kernel to stamp a frame.
    let ticks = u64::try_from(time.nanos()).unwrap_or_default();
    let fields = [
        ENHANCED_PACKET,
        total,
        interface.into(),
        (ticks >> 32) as u32,
        ticks as u32,
        data.len() as u32,
        wire_len,
    ];
    file.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
    file.extend_from_slice(data);
    fill_up(file, data.len());
    file.extend(total.to_le_bytes());
}

fn block(file: &mut Vec<u8>, kind: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    write(&mut body);
    let total = (12 + body.len()) as u32;
    file.extend(kind.to_le_bytes());
    file.extend(total.to_le_bytes());
    file.append(&mut body);
    file.extend(total.to_le_bytes());
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX) - 3)];
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    fill_up(body, value.len());
}

fn fill_up(file: &mut Vec<u8>, len: usize) {
    file.extend_from_slice(&[0; 3][..len.next_multiple_of(4) - len]);
}
