//! The summary of a packet: what the detector may know about it.

use std::fmt;

use crate::{Addr, Timestamp};

/// The header fields that decide about access attempts, of the innermost packet of a frame.
///
/// For ARP, `src` is the sender's protocol address and `dst` the target's. Small and `Copy`;
/// nothing here points into the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packet {
    /// When it was captured.
    pub time: Timestamp,
    /// Source address (the tunnelled one where a tunnel was opened).
    pub src: Addr,
    /// Destination address.
    pub dst: Addr,
    /// Length of the frame on the wire in bytes.
    pub wire_len: u32,
    /// IPv4 time to live or IPv6 hop limit; 0 for ARP.
    pub ttl: u8,
    /// IPv4 "don't fragment".
    pub dont_fragment: bool,
    /// IPv4 identification; 0 for IPv6 and ARP.
    pub ip_id: u16,
    /// How many tunnel headers were opened to get here.
    pub tunnel_depth: u8,
    /// The transport header was put together from IP fragments.
    pub reassembled: bool,
    /// Source address of the nearest Ethernet header around the packet (in a tunnel that carries
    /// Ethernet the inner one), or the sender's address of a cooked header; zero where the frame
    /// has none (raw IP, …). Tells a router, which forwards for many, from a host.
    pub src_mac: [u8; 6],
    /// It was sent to a link-layer broadcast or multicast address (the same header as `src_mac`).
    pub link_multicast: bool,
    /// What came after the IP header.
    pub body: Body,
    /// What the payload announces, when it is of use.
    pub hint: Hint,
}

impl Packet {
    /// A packet of which nothing is known, for [`crate::Decoder::decode_into`] to write over.
    pub const EMPTY: Self = Self {
        time: Timestamp::EPOCH,
        src: Addr::UNSPECIFIED,
        dst: Addr::UNSPECIFIED,
        wire_len: 0,
        ttl: 0,
        dont_fragment: false,
        ip_id: 0,
        tunnel_depth: 0,
        reassembled: false,
        src_mac: [0; 6],
        link_multicast: false,
        body: Body::Other { protocol: 0 },
        hint: Hint::None,
    };
}

/// The layer above IP (or ARP, which stands beside it).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Body {
    /// TCP (RFC 9293).
    Tcp(Tcp),
    /// UDP (RFC 768).
    Udp(Udp),
    /// SCTP (RFC 9260).
    Sctp(Sctp),
    /// ICMP (RFC 792) or ICMPv6 (RFC 4443); the address family of the packet tells which.
    Icmp(Icmp),
    /// ARP (RFC 826).
    Arp(Arp),
    /// Another IP protocol, by its number.
    Other {
        /// The protocol number of the IPv4 header, or the last next-header value of IPv6.
        protocol: u8,
    },
}

/// TCP header fields.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tcp {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number (meaningful only with ACK, but scanners fill it anyway).
    pub ack: u32,
    /// Flags.
    pub flags: TcpFlags,
    /// Window, unscaled.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Payload bytes according to the IP length (not to what was captured); of a fragmented
    /// datagram as far as its pieces were seen.
    pub payload_len: u16,
    /// Options; read only for segments that carry SYN or that lack ACK, empty for others.
    pub options: TcpOptions,
}

/// TCP flags: the low eight are FIN, SYN, RST, PSH, ACK, URG, ECE, CWR; bit 8 is the old NS/now
/// accurate-ECN bit, 9–11 are reserved.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u16);

impl TcpFlags {
    /// FIN.
    pub const FIN: u16 = 0x01;
    /// SYN.
    pub const SYN: u16 = 0x02;
    /// RST.
    pub const RST: u16 = 0x04;
    /// PSH.
    pub const PSH: u16 = 0x08;
    /// ACK.
    pub const ACK: u16 = 0x10;
    /// URG.
    pub const URG: u16 = 0x20;
    /// ECN echo.
    pub const ECE: u16 = 0x40;
    /// Congestion window reduced.
    pub const CWR: u16 = 0x80;

    /// Are all of `bits` set?
    pub const fn has(self, bits: u16) -> bool {
        self.0 & bits == bits
    }

    /// The six classic flags without ECN and reserved bits.
    pub const fn classic(self) -> u16 {
        self.0 & 0x3f
    }
}

/// The letters of the set flags in the order `FSRPAUEC`, e.g. `SA`; `-` for none.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.to_be_bytes()[1] == 0 {
            return f.write_str("-");
        }
        for (bit, letter) in "FSRPAUEC".chars().enumerate() {
            if self.0 & (1 << bit) != 0 {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpFlags({self})")
    }
}

/// TCP options as far as tools are told apart by them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// The kinds in their order, four bits each, first option in the lowest bits; at most 16.
    /// 1 end of list, 2 no-op, 3 MSS, 4 window scale, 5 SACK permitted, 6 SACK, 7 timestamps,
    /// 8 any other kind, 9 the rest of the options was not captured (snap length, or a fragment
    /// still to come); 0 ends the sequence.
    pub layout: u64,
    /// Maximum segment size, 0 when absent.
    pub mss: u16,
    /// Window scale shift, 0 when absent.
    pub window_scale: u8,
    /// Timestamp value, 0 when absent.
    pub ts_value: u32,
    /// Timestamp echo, 0 when absent.
    pub ts_echo: u32,
}

/// UDP header fields.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Udp {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Payload bytes according to the IP length; of a fragmented datagram to the UDP length.
    pub payload_len: u16,
    /// The payload reads as an answer of the protocol that lives on the *source* port (DNS with
    /// QR set, NTP server mode, SNMP response, STUN success, …): a reply, never an attempt.
    pub is_response: bool,
}

/// SCTP common header and first chunk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sctp {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Verification tag.
    pub tag: u32,
    /// Kind of the first chunk.
    pub chunk: SctpChunk,
    /// Initiate tag of INIT and INIT ACK, else 0.
    pub init_tag: u32,
    /// Initial TSN of INIT and INIT ACK, else 0.
    pub init_tsn: u32,
}

/// Kind of an SCTP chunk (RFC 9260 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SctpChunk {
    /// DATA (0) or I-DATA (64).
    Data,
    /// INIT (1).
    Init,
    /// INIT ACK (2).
    InitAck,
    /// SACK (3).
    Sack,
    /// HEARTBEAT and its ACK (4, 5).
    Heartbeat,
    /// ABORT (6).
    Abort,
    /// SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE (7, 8, 14).
    Shutdown,
    /// COOKIE ECHO (10).
    CookieEcho,
    /// COOKIE ACK (11).
    CookieAck,
    /// Any other kind.
    Other(u8),
}

/// ICMP or ICMPv6 fields.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Icmp {
    /// Type; the numbering is that of the packet's address family.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier of echo and timestamp messages, else 0.
    pub id: u16,
    /// Sequence number of echo and timestamp messages, else 0.
    pub seq: u16,
    /// Bytes after the 8-byte header according to the IP length; of a fragmented datagram as far
    /// as its pieces were seen.
    pub payload_len: u16,
    /// Target of a neighbour solicitation or advertisement (RFC 4861), else unspecified.
    pub target: Addr,
    /// The packet that an error message quotes.
    pub quoted: Option<Quoted>,
}

/// Header fields of the packet that an ICMP error quotes (RFC 792, RFC 4443 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Source of the quoted packet.
    pub src: Addr,
    /// Destination of the quoted packet.
    pub dst: Addr,
    /// Its transport.
    pub transport: Transport,
    /// Its TCP sequence number, 0 for others and when cut off.
    pub seq: u32,
}

/// Transport protocol and ports of a packet; for portless protocols what stands in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP ports.
    Tcp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
    },
    /// UDP ports.
    Udp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
    },
    /// SCTP ports.
    Sctp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
    },
    /// ICMP (either version) type, and identifier where the type has one.
    Icmp {
        /// Type.
        kind: u8,
        /// Identifier.
        id: u16,
    },
    /// Another protocol, or one whose header was cut off.
    Other {
        /// IP protocol number.
        protocol: u8,
    },
}

/// ARP fields beyond the two protocol addresses of [`Packet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1 request, 2 reply (RFC 826); others exist and are kept.
    pub operation: u16,
    /// Sender hardware address.
    pub sender_mac: [u8; 6],
}

/// What a payload announces about other traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Hint {
    /// Nothing of use.
    #[default]
    None,
    /// An FTP control message names the address and port of a data connection: `PORT`, `EPRT`
    /// (the sender will listen there) or a 227/229 answer (RFC 959, RFC 2428). An EPSV answer
    /// carries no address; then it is the sender's.
    FtpData {
        /// Who will listen.
        addr: Addr,
        /// On which TCP port.
        port: u16,
    },
    /// A DNS answer that carries addresses: up to four of them, the rest unspecified (RFC 1035).
    DnsAnswer {
        /// The addresses that the name resolved to.
        addrs: [Addr; 4],
    },
}
