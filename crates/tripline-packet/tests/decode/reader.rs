//! A decoder that is handed one frame after the other.

use tripline_packet::{Body, Decoder, Duration, Frame, LinkType, Malformed, Packet, Timestamp};

#[derive(Default)]
pub(crate) struct Reader {
    decoder: Decoder,
    pub(crate) time: Timestamp,
}

pub(crate) type Outcome = Result<Option<Packet>, Malformed>;

impl Reader {
    pub(crate) fn frame(&mut self, link: LinkType, data: &[u8]) -> Outcome {
        self.cut_frame(link, data, data.len())
    }

    /// A frame of which the capture has not all.
    pub(crate) fn cut_frame(&mut self, link: LinkType, data: &[u8], wire_len: usize) -> Outcome {
        let wire_len = u32::try_from(wire_len).unwrap();
        self.decoder.decode(&Frame { time: self.time, link, wire_len, data })
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.time = self.time + Duration::from_secs(seconds);
    }

    pub(crate) fn malformed(&self) -> Vec<(Malformed, u64)> {
        self.decoder.malformed().collect()
    }

    pub(crate) fn skipped(&self) -> Vec<(&'static str, u64)> {
        self.decoder.skipped().collect()
    }
}

/// The packet in an honest frame.
#[track_caller]
pub(crate) fn read(link: LinkType, frame: &[u8]) -> Packet {
    let mut reader = Reader::default();
    let packet = reader.frame(link, frame).unwrap().unwrap();
    assert_eq!(reader.malformed(), []);
    assert_eq!(reader.skipped(), []);
    packet
}

/// What an honest IP packet carries.
#[track_caller]
pub(crate) fn body(packet: &[u8]) -> Body {
    read(LinkType::RawIp, packet).body
}

/// Why an honest frame is passed over.
#[track_caller]
pub(crate) fn why_skipped(link: LinkType, frame: &[u8]) -> &'static str {
    let mut reader = Reader::default();
    assert_eq!(reader.frame(link, frame), Ok(None));
    assert_eq!(reader.malformed(), []);
    let [(why, 1)] = reader.skipped()[..] else {
        panic!("{:?}", reader.skipped());
    };
    why
}
