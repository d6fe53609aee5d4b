//! Frames that `etherparse` wrote, with random fields: what went in must come out.

use etherparse::{
    IpFragOffset, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv4Options, Ipv6Extensions,
    Ipv6FlowLabel, Ipv6FragmentHeader, Ipv6Header, Ipv6RawExtHeader, LinuxSllPacketType, NetSlice,
    PacketBuilder, SlicedPacket, TcpHeader, TcpOptionElement, TransportSlice, VlanId,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use tripline_packet::{
    Addr, Body, Icmp, LinkType, Malformed, Packet, Tcp, TcpFlags, TcpOptions, Udp,
};

use crate::build::{DST_MAC, SRC_MAC};
use crate::reader::{Reader, read};

/// How the packet is framed.
#[derive(Clone, Copy, Debug)]
enum Link {
    Raw,
    Ethernet,
    Vlan(u16),
    TwoVlans(u16, u16),
    Cooked,
}

/// Headers that go in, and the packet that must come out.
#[derive(Clone, Debug)]
struct Network {
    headers: IpHeaders,
    expected: Packet,
}

#[derive(Clone, Debug)]
enum Transport {
    Tcp(Box<TcpHeader>),
    Udp(u16, u16),
    /// Request or reply, identifier, sequence number.
    Echo(bool, u16, u16),
}

#[derive(Clone, Debug)]
struct Made {
    link: Link,
    network: Network,
    transport: Transport,
    options: Vec<TcpOptionElement>,
    payload: Vec<u8>,
}

fn link() -> impl Strategy<Value = Link> {
    let id = 0..4_096u16;
    prop_oneof![
        Just(Link::Raw),
        Just(Link::Ethernet),
        id.clone().prop_map(Link::Vlan),
        (id.clone(), id).prop_map(|(outer, inner)| Link::TwoVlans(outer, inner)),
        Just(Link::Cooked),
    ]
}

fn ipv4() -> impl Strategy<Value = Network> {
    let fields = (any::<[u8; 4]>(), any::<[u8; 4]>(), any::<u8>(), any::<u16>(), any::<bool>());
    (fields, vec(any::<[u8; 4]>(), 0..=10)).prop_map(|((src, dst, ttl, id, df), options)| {
        let header = Ipv4Header {
            source: src,
            destination: dst,
            time_to_live: ttl,
            identification: id,
            dont_fragment: df,
            options: Ipv4Options::try_from(options.concat().as_slice()).unwrap(),
            ..Ipv4Header::default()
        };
        let expected = Packet {
            src: Addr::from_v4_bits(u32::from_be_bytes(src)),
            dst: Addr::from_v4_bits(u32::from_be_bytes(dst)),
            ttl,
            ip_id: id,
            dont_fragment: df,
            ..Packet::EMPTY
        };
        Network { headers: IpHeaders::Ipv4(header, Ipv4Extensions::default()), expected }
    })
}

/// Options of 6 to 262 bytes, in steps of 8.
fn extension() -> impl Strategy<Value = Option<Ipv6RawExtHeader>> {
    let header = |units: usize| Ipv6RawExtHeader::new_raw(IpNumber::TCP, &vec![0; 6 + 8 * units]);
    option::of((0..32usize).prop_map(move |units| header(units).unwrap()))
}

fn ipv6() -> impl Strategy<Value = Network> {
    let addr = || any::<[u8; 16]>().prop_filter("mapped", |addr| addr[..12] != MAPPED);
    let fields = (addr(), addr(), any::<u8>(), 0..0x10_0000u32);
    let extensions = (extension(), extension(), any::<bool>());
    (fields, extensions).prop_map(|((src, dst, ttl, flow), (hops, options, atomic))| {
        let header = Ipv6Header {
            source: src,
            destination: dst,
            hop_limit: ttl,
            flow_label: Ipv6FlowLabel::try_new(flow).unwrap(),
            ..Ipv6Header::default()
        };
        let fragment = Ipv6FragmentHeader::new(IpNumber::TCP, IpFragOffset::ZERO, false, flow);
        let extensions = Ipv6Extensions {
            hop_by_hop_options: hops,
            destination_options: options,
            fragment: atomic.then_some(fragment),
            ..Ipv6Extensions::default()
        };
        let expected = Packet {
            src: Addr::from_bits(u128::from_be_bytes(src)),
            dst: Addr::from_bits(u128::from_be_bytes(dst)),
            ttl,
            ..Packet::EMPTY
        };
        Network { headers: IpHeaders::Ipv6(header, extensions), expected }
    })
}

const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

fn tcp_option() -> impl Strategy<Value = TcpOptionElement> {
    use TcpOptionElement as Option;
    prop_oneof![
        Just(Option::Noop),
        any::<u16>().prop_map(Option::MaximumSegmentSize),
        any::<u8>().prop_map(Option::WindowScale),
        Just(Option::SelectiveAcknowledgementPermitted),
        any::<(u32, u32)>()
            .prop_map(|b| Option::SelectiveAcknowledgement(b, [Some(b), None, None])),
        any::<(u32, u32)>().prop_map(|(value, echo)| Option::Timestamp(value, echo)),
    ]
}

fn transport() -> impl Strategy<Value = Transport> {
    let numbers = (any::<u16>(), any::<u16>(), any::<u32>(), any::<u32>());
    let rest = (0..512u16, any::<u16>(), any::<u16>());
    let tcp = (numbers, rest).prop_map(|((src, dst, seq, ack), (flags, window, urgent))| {
        let bit = |bit: u16| flags >> bit & 1 == 1;
        Transport::Tcp(Box::new(TcpHeader {
            acknowledgment_number: ack,
            fin: bit(0),
            syn: bit(1),
            rst: bit(2),
            psh: bit(3),
            ack: bit(4),
            urg: bit(5),
            ece: bit(6),
            cwr: bit(7),
            ns: bit(8),
            urgent_pointer: urgent,
            ..TcpHeader::new(src, dst, seq, window)
        }))
    });
    // What goes to the port of a tunnel may be one.
    let port = || any::<u16>().prop_filter("tunnel", |port| ![4_789, 6_081].contains(port));
    prop_oneof![
        2 => tcp,
        1 => (port(), port()).prop_map(|(src, dst)| Transport::Udp(src, dst)),
        1 => any::<(bool, u16, u16)>().prop_map(|(is_request, id, seq)| {
            Transport::Echo(is_request, id, seq)
        }),
    ]
}

fn made(link: impl Strategy<Value = Link>) -> impl Strategy<Value = Made> {
    let network = prop_oneof![ipv4().boxed(), ipv6().boxed()];
    let options = vec(tcp_option(), 0..6);
    let payload = vec(any::<u8>(), 0..600);
    (link, network, transport(), options, payload).prop_map(
        |(link, network, mut transport, mut options, payload)| {
            if let Transport::Tcp(tcp) = &mut transport {
                while tcp.set_options(&options).is_err() {
                    options.pop();
                }
            }
            Made { link, network, transport, options, payload }
        },
    )
}

impl Made {
    fn is_v4(&self) -> bool {
        matches!(self.network.headers, IpHeaders::Ipv4(..))
    }

    fn frame(&self) -> (LinkType, Vec<u8>) {
        let headers = self.network.headers.clone();
        let ethernet = || PacketBuilder::ethernet2(SRC_MAC, DST_MAC);
        let id = |id: u16| VlanId::try_new(id).unwrap();
        let (link, step) = match self.link {
            Link::Raw => (LinkType::RawIp, PacketBuilder::ip(headers)),
            Link::Ethernet => (LinkType::Ethernet, ethernet().ip(headers)),
            Link::Vlan(vlan) => (LinkType::Ethernet, ethernet().single_vlan(id(vlan)).ip(headers)),
            Link::TwoVlans(outer, inner) => {
                (LinkType::Ethernet, ethernet().double_vlan(id(outer), id(inner)).ip(headers))
            }
            Link::Cooked => {
                let sent_to = LinuxSllPacketType::OTHERHOST;
                let mut addr = [0; 8];
                addr[..6].copy_from_slice(&SRC_MAC);
                let step = PacketBuilder::linux_sll(sent_to, 6, addr);
                (LinkType::LinuxSll, step.ip(headers))
            }
        };
        let mut frame = Vec::new();
        match &self.transport {
            Transport::Tcp(header) => {
                step.tcp_header((**header).clone()).write(&mut frame, &self.payload).unwrap();
            }
            Transport::Udp(src, dst) => {
                step.udp(*src, *dst).write(&mut frame, &self.payload).unwrap();
            }
            Transport::Echo(is_request, id, seq) => match (self.is_v4(), is_request) {
                (true, true) => {
                    step.icmpv4_echo_request(*id, *seq).write(&mut frame, &self.payload)
                }
                (true, false) => step.icmpv4_echo_reply(*id, *seq).write(&mut frame, &self.payload),
                (false, true) => {
                    step.icmpv6_echo_request(*id, *seq).write(&mut frame, &self.payload)
                }
                (false, false) => {
                    step.icmpv6_echo_reply(*id, *seq).write(&mut frame, &self.payload)
                }
            }
            .unwrap(),
        }
        (link, frame)
    }

    /// What must be read; whether the payload is an answer and what it announces is not looked at.
    fn expected(&self, frame: &[u8], read: &Packet) -> Packet {
        let payload_len = u16::try_from(self.payload.len()).unwrap();
        let body = match &self.transport {
            Transport::Tcp(header) => Body::Tcp(self.tcp(header, payload_len)),
            Transport::Udp(src_port, dst_port) => {
                let is_response = matches!(read.body, Body::Udp(udp) if udp.is_response);
                let (src_port, dst_port) = (*src_port, *dst_port);
                Body::Udp(Udp { src_port, dst_port, payload_len, is_response })
            }
            Transport::Echo(is_request, id, seq) => Body::Icmp(Icmp {
                kind: match (self.is_v4(), is_request) {
                    (true, true) => 8,
                    (true, false) => 0,
                    (false, true) => 128,
                    (false, false) => 129,
                },
                code: 0,
                id: *id,
                seq: *seq,
                payload_len,
                target: Addr::UNSPECIFIED,
                quoted: None,
            }),
        };
        let src_mac = if matches!(self.link, Link::Raw) { [0; 6] } else { SRC_MAC };
        let wire_len = u32::try_from(frame.len()).unwrap();
        Packet { wire_len, src_mac, body, hint: read.hint, ..self.network.expected }
    }

    fn tcp(&self, header: &TcpHeader, payload_len: u16) -> Tcp {
        let flags = [
            header.fin, header.syn, header.rst, header.psh, header.ack, header.urg, header.ece,
            header.cwr, header.ns,
        ];
        let bits = flags.into_iter().enumerate().map(|(bit, is_set)| u16::from(is_set) << bit);
        let options =
            if header.syn || !header.ack { self.options() } else { TcpOptions::default() };
        Tcp {
            src_port: header.source_port,
            dst_port: header.destination_port,
            seq: header.sequence_number,
            ack: header.acknowledgment_number,
            flags: TcpFlags(bits.sum()),
            window: header.window_size,
            urgent: header.urgent_pointer,
            payload_len,
            options,
        }
    }

    /// The options that went in, and the end of the list where there is room left.
    fn options(&self) -> TcpOptions {
        let mut options = TcpOptions::default();
        let mut codes = Vec::new();
        let mut len = 0;
        for element in &self.options {
            let (code, option_len) = match element {
                TcpOptionElement::Noop => (2, 1),
                TcpOptionElement::MaximumSegmentSize(mss) => {
                    options.mss = *mss;
                    (3, 4)
                }
                TcpOptionElement::WindowScale(shift) => {
                    options.window_scale = *shift;
                    (4, 3)
                }
                TcpOptionElement::SelectiveAcknowledgementPermitted => (5, 2),
                TcpOptionElement::SelectiveAcknowledgement(..) => (6, 18),
                TcpOptionElement::Timestamp(value, echo) => {
                    (options.ts_value, options.ts_echo) = (*value, *echo);
                    (7, 10)
                }
            };
            codes.push(code);
            len += option_len;
        }
        if len % 4 != 0 {
            codes.push(1);
        }
        for (place, code) in codes.into_iter().enumerate() {
            options.layout |= code << (4 * place);
        }
        options
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn what_etherparse_wrote_is_read(made in made(link())) {
        let (link, frame) = made.frame();
        let packet = read(link, &frame);
        prop_assert_eq!(packet, made.expected(&frame, &packet));
    }

    /// Where a changed frame is still a segment or datagram for both, it is the same one.
    #[test]
    fn what_etherparse_still_reads_is_the_same(
        made in made(Just(Link::Vlan(5))),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let (link, mut frame) = made.frame();
        // Changes in the payload change nothing.
        let headers = frame.len() - made.payload.len();
        for (at, byte) in changes {
            frame[at.index(headers)] = byte;
        }
        let Some(theirs) = theirs(&frame) else { return Ok(()) };
        let outcome = Reader::default().frame(link, &frame);
        match outcome {
            Ok(Some(packet)) => prop_assert_eq!(ours(&packet), Some(theirs)),
            // A length of zero, which they take for any: hosts drop it in IPv4.
            other => prop_assert_eq!((other, theirs.0.is_v4()), (Err(Malformed::UdpLength), true)),
        }
    }
}

/// Addresses, ports, flags.
type Sight = (Addr, Addr, u16, u16, u16);

fn ours(packet: &Packet) -> Option<Sight> {
    if packet.tunnel_depth > 0 {
        return None;
    }
    match packet.body {
        Body::Tcp(tcp) => {
            let flags = tcp.flags.0 & 0x1ff;
            Some((packet.src, packet.dst, tcp.src_port, tcp.dst_port, flags))
        }
        Body::Udp(udp) => Some((packet.src, packet.dst, udp.src_port, udp.dst_port, 0)),
        _ => None,
    }
}

fn theirs(frame: &[u8]) -> Option<Sight> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let (src, dst) = match packet.net? {
        NetSlice::Ipv4(ip) => {
            let addr = |bytes: [u8; 4]| Addr::from_v4_bits(u32::from_be_bytes(bytes));
            (addr(ip.header().source()), addr(ip.header().destination()))
        }
        NetSlice::Ipv6(ip) => {
            let addr = |bytes: [u8; 16]| Addr::from_bits(u128::from_be_bytes(bytes));
            (addr(ip.header().source()), addr(ip.header().destination()))
        }
        NetSlice::Arp(_) => return None,
    };
    match packet.transport? {
        TransportSlice::Tcp(tcp) => {
            let [.., high, low] = *tcp.slice().first_chunk::<14>()?;
            let flags = u16::from_be_bytes([high & 1, low]);
            Some((src, dst, tcp.source_port(), tcp.destination_port(), flags))
        }
        TransportSlice::Udp(udp) => Some((src, dst, udp.source_port(), udp.destination_port(), 0)),
        _ => None,
    }
}
