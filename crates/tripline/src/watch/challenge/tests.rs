use std::net::IpAddr;

use tripline_packet::{Addr, Frame, LinkType};

use super::*;

fn packet(bytes: &[u8]) -> Packet {
    let frame = Frame {
        time: Timestamp::EPOCH,
        link: LinkType::RawIp,
        wire_len: bytes.len() as u32,
        data: bytes,
    };
    Decoder::new().decode(&frame).unwrap().unwrap()
}

fn challenges(cookies: Cookies, answered: Receiver<Answered>) -> Challenges {
    let stop = Arc::new(AtomicBool::new(false));
    Challenges { cookies, answered, waiting: VecDeque::new(), stop, thread: None }
}

/// A whole challenge as it passes on the wire, and next to it a session with somebody else.
#[test]
fn the_detector_sees_a_refusal() {
    let cookies = Cookies::new([5, 6]);
    let challenges = challenges(cookies, sync_channel(1).1);
    let mut answerer = Answerer::new(cookies);
    let mut decoder = Decoder::new();
    for (server, client) in [("192.0.2.10", "198.51.100.7"), ("2001:db8::10", "2001:db8:66::7")] {
        let end = |text: &str, port| (Addr::from(text.parse::<IpAddr>().unwrap()), port);
        let (from, to) = (end(client, 40_000), end(server, 23));
        let syn = Segment { from, to, seq: 9, ack: 0, flags: TcpFlags::SYN };
        let mut send = |segment: Segment| {
            let bytes = segment.bytes();
            let received = Received::read(&mut decoder, &bytes).unwrap();
            answerer.take(&received, Instant::now())
        };
        let disguised = |segment: Segment| {
            let mut seen = packet(&segment.bytes());
            (challenges.disguise(&mut seen) != Seen::Not).then_some(seen.body)
        };
        assert!(matches!(disguised(syn), Some(Body::Tcp(tcp)) if tcp.flags.0 == TcpFlags::SYN));
        let syn_ack = send(syn).0.unwrap();
        let Some(Body::Tcp(refusal)) = disguised(syn_ack) else { panic!("withheld") };
        assert_eq!(refusal.flags.0, TcpFlags::RST | TcpFlags::ACK);
        assert_eq!((refusal.seq, refusal.ack, refusal.options.mss), (0, 10, 0));

        let ack = Segment { from, to, seq: 10, ack: syn_ack.seq + 1, flags: TcpFlags::ACK };
        let (sent, told) = send(ack);
        assert_eq!((sent, told.map(|told| told.source)), (None, Some(from.0)));
        assert_eq!(disguised(ack), None);
        let end = Segment { flags: TcpFlags::ACK | TcpFlags::FIN, ..ack };
        let rst = send(end).0.unwrap();
        assert_eq!((disguised(end), disguised(rst)), (None, None));

        // What others say is theirs.
        let other = Segment { seq: 11, ..ack };
        assert!(disguised(other).is_some());
        let served = Segment { seq: syn_ack.seq + 1, ..syn_ack };
        assert!(matches!(disguised(served), Some(Body::Tcp(tcp)) if tcp.flags.0 == syn_ack.flags));
        let refused = Segment { seq: 0, flags: TcpFlags::RST | TcpFlags::ACK, ..syn_ack };
        assert!(disguised(refused).is_some());
    }
}

/// What is learned waits until the detector has seen the opening.
#[test]
fn proofs_come_after_the_packets_before_them() {
    let (told, answered) = sync_channel(1);
    let mut challenges = challenges(Cookies::new([7, 8]), answered);
    let clock = Clock::start();
    let source = Addr::from(IpAddr::from([198, 51, 100, 7]));
    let service =
        tripline_core::Service { host: source, protocol: tripline_core::Protocol::Tcp, port: 23 };
    told.send(Answered { source, service, said: Vec::new(), at: Instant::now() }).unwrap();
    assert_eq!(challenges.next(&clock, clock.now() - Duration::from_secs(1)), None);
    let (_, answered) = challenges.next(&clock, clock.now() + Duration::from_secs(1)).unwrap();
    assert_eq!(answered.source, source);
    assert!(!challenges.is_alive());
}
