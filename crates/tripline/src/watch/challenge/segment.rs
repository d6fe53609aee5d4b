//! Segments that are sent, and those that are read, both from the IP header on.

use std::net::IpAddr;

use tripline_packet::{Addr, Body, Decoder, Frame, LinkType, Packet, Tcp, TcpFlags, Timestamp};

/// A segment to be sent (RFC 9293, RFC 791, RFC 8200).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Sender.
    pub from: (Addr, u16),
    /// Receiver.
    pub to: (Addr, u16),
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags.
    pub flags: u16,
}

const TCP: u8 = 6;
const TCP_HEADER: usize = 20;
const V4_HEADER: usize = 20;
const HOPS: u8 = 64;
/// Room that is offered to a client: a bit more than is kept of what it says.
const WINDOW: u16 = 1_024;
/// The largest segments that every host of the internet must take (RFC 9293 section 3.7.1, and the
/// least MTU of IPv6 without its headers), so they fit whatever is in between.
const MSS_V4: u16 = 536;
const MSS_V6: u16 = 1_220;

impl Segment {
    /// The bytes of the packet.
    pub fn bytes(&self) -> Vec<u8> {
        match (IpAddr::from(self.from.0), IpAddr::from(self.to.0)) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let (from, to) = (from.octets(), to.octets());
                let segment = self.tcp(&from, &to, MSS_V4);
                let length = (V4_HEADER + segment.len()) as u16;
                let mut packet = vec![0x45, 0];
                packet.extend(length.to_be_bytes());
                // No identification; it must not be fragmented.
                packet.extend([0, 0, 0x40, 0, HOPS, TCP, 0, 0]);
                packet.extend(from.into_iter().chain(to));
                let sum = checksum(&packet, 0);
                packet[10..12].copy_from_slice(&sum.to_be_bytes());
                packet.extend(segment);
                packet
            }
            (from, to) => {
                let (from, to) = (octets(from), octets(to));
                let segment = self.tcp(&from, &to, MSS_V6);
                let mut packet = vec![0x60, 0, 0, 0];
                packet.extend((segment.len() as u16).to_be_bytes());
                packet.extend([TCP, HOPS]);
                packet.extend(from.into_iter().chain(to));
                packet.extend(segment);
                packet
            }
        }
    }

    fn tcp(&self, from: &[u8], to: &[u8], mss: u16) -> Vec<u8> {
        let opens = self.flags & TcpFlags::SYN != 0;
        let options = if opens { [[2, 4], mss.to_be_bytes()].concat() } else { Vec::new() };
        let length = TCP_HEADER + options.len();
        let window = if opens { WINDOW } else { 0 };
        let mut segment = Vec::with_capacity(length);
        segment.extend(self.from.1.to_be_bytes());
        segment.extend(self.to.1.to_be_bytes());
        segment.extend(self.seq.to_be_bytes());
        segment.extend(self.ack.to_be_bytes());
        segment.extend([(length as u8 / 4) << 4, self.flags as u8]);
        segment.extend(window.to_be_bytes());
        segment.extend([0; 4]);
        segment.extend(options);
        let pseudo = [from, to, &[0, TCP], &(length as u16).to_be_bytes()].concat();
        let sum = checksum(&segment, sum(&pseudo));
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        segment
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// The checksum of the internet (RFC 1071); `more` is the sum of what else it covers.
fn checksum(bytes: &[u8], more: u32) -> u16 {
    let mut sum = sum(bytes) + more;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(2).map(|word| [word[0], word.get(1).copied().unwrap_or(0)]);
    words.map(|word| u32::from(u16::from_be_bytes(word))).sum()
}

/// A segment that came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Received<'a> {
    /// Sender.
    pub from: (Addr, u16),
    /// Receiver.
    pub to: (Addr, u16),
    /// Its header.
    pub tcp: Tcp,
    /// What it carries; of a packet that was cut off, what there is.
    pub payload: &'a [u8],
}

impl<'a> Received<'a> {
    /// Reads a packet that begins with its IP header. `None` if it is no whole TCP segment.
    pub fn read(decoder: &mut Decoder, bytes: &'a [u8]) -> Option<Self> {
        let length = match bytes.first()? >> 4 {
            4 => usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
            _ => 40 + usize::from(u16::from_be_bytes(*bytes.get(4..)?.first_chunk()?)),
        };
        let link = LinkType::RawIp;
        let frame = Frame { time: Timestamp::EPOCH, link, wire_len: length as u32, data: bytes };
        let Packet { src, dst, body, tunnel_depth: 0, reassembled: false, .. } =
            decoder.decode(&frame).ok()??
        else {
            return None;
        };
        let Body::Tcp(tcp) = body else { return None };
        let begin = length.checked_sub(tcp.payload_len.into())?;
        let payload = bytes.get(begin..length.min(bytes.len())).unwrap_or(&[]);
        Some(Self { from: (src, tcp.src_port), to: (dst, tcp.dst_port), tcp, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(from: &str, to: &str, flags: u16) -> Segment {
        let addr = |text: &str| Addr::from(text.parse::<IpAddr>().unwrap());
        Segment { from: (addr(from), 23), to: (addr(to), 40_000), seq: 7, ack: 1 << 31, flags }
    }

    /// What is covered by a checksum, checksum included, adds up to nothing.
    fn adds_up(bytes: &[u8], more: u32) -> bool {
        checksum(bytes, more) == 0
    }

    #[test]
    fn what_is_sent_is_well_formed() {
        let syn_ack = TcpFlags::SYN | TcpFlags::ACK;
        let mut decoder = Decoder::new();
        for (from, to, header) in [
            ("192.0.2.10", "198.51.100.7", 20),
            ("192.0.2.10", "255.254.253.252", 20),
            ("2001:db8:1::10", "2001:db8:66::7", 40),
        ] {
            for (flags, mss, window) in [
                (syn_ack, if header == 20 { 536 } else { 1_220 }, 1_024),
                (TcpFlags::RST | TcpFlags::ACK, 0, 0),
            ] {
                let sent = segment(from, to, flags);
                let bytes = sent.bytes();
                let read = Received::read(&mut decoder, &bytes).unwrap();
                assert_eq!((read.from, read.to), (sent.from, sent.to));
                let tcp = read.tcp;
                assert_eq!((tcp.seq, tcp.ack, tcp.flags.0), (7, 1 << 31, flags));
                assert_eq!((tcp.window, tcp.payload_len, read.payload), (window, 0, &[][..]));
                let read_mss = if flags == syn_ack { tcp.options.mss } else { 0 };
                assert_eq!(read_mss, mss);
                let addresses = &bytes[if header == 20 { 12..20 } else { 8..40 }];
                let length = bytes.len() - header;
                let more = sum(addresses) + u32::from(TCP) + length as u32;
                assert!(adds_up(&bytes[header..], more), "{from}");
                assert!(header == 40 || adds_up(&bytes[..header], 0), "{from}");
            }
        }
        assert_eq!(decoder.malformed().count(), 0);
    }

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // The example of RFC 1071 section 3.
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&bytes, 0), !0xddf2);
        assert_eq!(checksum(&[0xff], 0), !0xff00);
    }

    #[test]
    fn what_is_said_is_read_also_where_it_was_cut_off() {
        let mut decoder = Decoder::new();
        let mut bytes = segment("192.0.2.10", "198.51.100.7", TcpFlags::ACK).bytes();
        bytes.extend(b"GET / HTTP/1.0");
        bytes[3] += 14;
        bytes.extend(b"padding");
        let read = Received::read(&mut decoder, &bytes).unwrap();
        assert_eq!(read.payload, b"GET / HTTP/1.0");
        let read = Received::read(&mut decoder, &bytes[..45]).unwrap();
        assert_eq!(read.payload, b"GET /");
        assert_eq!(Received::read(&mut decoder, &bytes[..40]).unwrap().payload, b"");
        for length in 0..33 {
            assert_eq!(Received::read(&mut decoder, &bytes[..length]), None, "{length}");
        }
    }
}
