//! Whole frames through the decoder.

use super::*;
use crate::{LinkType, TcpFlags, Timestamp};

pub(crate) fn frame(link: LinkType, data: &[u8]) -> Frame<'_> {
    Frame { time: Timestamp::EPOCH, link, wire_len: data.len() as u32, data }
}

/// 192.0.2.1:40000 to 198.51.100.2:21, SYN.
pub(crate) const SYN: [u8; 54] = [
    0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00, //
    0x45, 0, 0, 40, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2, //
    0x9c, 0x40, 0, 21, 1, 2, 3, 4, 0, 0, 0, 0, 0x50, 0x02, 0x04, 0x00, 0, 0, 0, 0,
];

#[test]
fn a_syn_over_ethernet() {
    let packet = Decoder::new().decode(&frame(LinkType::Ethernet, &SYN)).unwrap().unwrap();
    assert_eq!(packet.src, Addr::from_v4_bits(0xc000_0201));
    assert_eq!(packet.dst, Addr::from_v4_bits(0xc633_6402));
    assert_eq!((packet.ttl, packet.ip_id, packet.dont_fragment), (64, 0x1234, true));
    assert_eq!(packet.src_mac, [2, 0, 0, 0, 0, 1]);
    let Body::Tcp(tcp) = packet.body else { panic!("{:?}", packet.body) };
    assert_eq!((tcp.src_port, tcp.dst_port), (40_000, 21));
    assert_eq!(tcp.flags, TcpFlags(TcpFlags::SYN));
    assert_eq!((tcp.seq, tcp.window, tcp.payload_len), (0x0102_0304, 1024, 0));
}
