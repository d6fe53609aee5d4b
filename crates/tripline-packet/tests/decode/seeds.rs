//! The hand-written frames that the fuzz targets begin with: what is around it, the SYN is found.

use tripline_packet::{Addr, Body, Hint, LinkType, Packet, Transport};

use crate::build::{DST, DST6, SRC, SRC6, v4, v6};
use crate::reader::Reader;

const LIST: &str = include_str!("../../../../fuzz/seeds/frames.txt");

struct Seed {
    name: &'static str,
    link: LinkType,
    frame: Vec<u8>,
}

fn seeds() -> impl Iterator<Item = Seed> {
    LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let [name, link, hex] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        Seed {
            name,
            link: LinkType::from_number(link.parse().unwrap()),
            frame: (0..hex.len()).step_by(2).map(digit).collect(),
        }
    })
}

/// Each name with the packets of its frames.
fn packets() -> Vec<(&'static str, Vec<Packet>)> {
    let mut scripts: Vec<(&str, Reader, Vec<Packet>)> = Vec::new();
    for Seed { name, link, frame } in seeds() {
        if scripts.last().is_none_or(|(last, ..)| *last != name) {
            scripts.push((name, Reader::default(), Vec::new()));
        }
        let (_, reader, packets) = scripts.last_mut().unwrap();
        packets.extend(reader.frame(link, &frame).unwrap());
    }
    scripts.into_iter().map(|(name, _, packets)| (name, packets)).collect()
}

#[test]
fn every_seed_holds_one_packet() {
    let mut syns = 0;
    for (name, packets) in packets() {
        let [packet] = packets[..] else { panic!("{name}: {packets:?}") };
        let is_v4 = packet.src.is_v4();
        let (src, dst) = if is_v4 { (v4(SRC), v4(DST)) } else { (v6(SRC6), v6(DST6)) };
        assert_eq!((packet.src, packet.dst), (src, dst), "{name}");
        match (name, packet.body) {
            ("sctp-init", Body::Sctp(sctp)) => assert_eq!(sctp.init_tsn, 0x5678),
            ("unreachable" | "unreachable-v6", Body::Icmp(icmp)) => {
                let transport = icmp.quoted.unwrap().transport;
                assert_eq!(transport, Transport::Udp { src_port: 40_000, dst_port: 161 }, "{name}");
            }
            ("solicitation", Body::Icmp(icmp)) => assert_ne!(icmp.target, Addr::UNSPECIFIED),
            ("dns-answer", Body::Udp(udp)) => {
                assert!(udp.is_response && matches!(packet.hint, Hint::DnsAnswer { .. }));
            }
            ("ftp-passive" | "ftp-extended", Body::Tcp(_)) => {
                assert!(matches!(packet.hint, Hint::FtpData { .. }), "{name}: {packet:?}");
            }
            (_, Body::Tcp(tcp)) => {
                let ports_and_flags = (tcp.src_port, tcp.dst_port, tcp.flags.0);
                assert_eq!(ports_and_flags, (40_000, 22, 2), "{name}");
                syns += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(syns >= 20, "{syns}");
}
