//! The decoder: one frame in, at most one packet out.

use crate::bytes::Bytes;
use crate::fragment::{Assembly, DECIDES, Fragments};
use crate::ip::{self, Ip};
use crate::link::{self, ARP, IPV4, IPV6, Network};
use crate::transport::{self, number};
use crate::{
    Addr, Arp, Body, Frame, Hint, LinkType, Malformed, Packet, TcpFlags, hint, icmp, tunnel,
};

/// Turns frames into packets and counts what it cannot understand.
///
/// Holds the little state that this needs: headers of fragmented datagrams (a fixed store), and
/// counters.
#[derive(Clone, Debug)]
pub struct Decoder {
    fragments: Fragments,
    malformed: [u64; Malformed::ALL.len()],
    other_link: u64,
    other_protocol: u64,
    later_fragments: u64,
}

/// What a packet inherits from its frame.
#[derive(Clone, Copy)]
struct Outside {
    depth: u8,
    reassembled: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self {
            fragments: Fragments::new(),
            malformed: [0; Malformed::ALL.len()],
            other_link: 0,
            other_protocol: 0,
            later_fragments: 0,
        }
    }

    /// Reads a frame. `Ok(None)` means that it holds nothing for the detector: no IP and no ARP,
    /// or a later piece of a fragmented datagram.
    ///
    /// # Errors
    ///
    /// The kind of damage, which is also counted.
    pub fn decode(&mut self, frame: &Frame<'_>) -> Result<Option<Packet>, Malformed> {
        let result = link::open(frame).and_then(|network| match network {
            Some(network) => self.network(
                frame,
                &network,
                Outside {
                    depth: 0,
                    reassembled: false,
                },
            ),
            None => {
                let counter = match frame.link {
                    LinkType::Other(_) => &mut self.other_link,
                    _ => &mut self.other_protocol,
                };
                *counter += 1;
                Ok(None)
            }
        });
        result.map_err(|kind| {
            let cut = frame.data.len() < frame.wire_len as usize && is_shortage(kind);
            self.count(if cut {
                Malformed::CutBySnapLength
            } else {
                kind
            })
        })
    }

    /// How often each kind of damage was met, without those never met. Damage that spoilt only a
    /// part (an option, the inside of a tunnel) is counted too, although the packet was kept.
    pub fn malformed(&self) -> impl Iterator<Item = (Malformed, u64)> {
        let counts = Malformed::ALL.iter().zip(self.malformed);
        counts
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| (*kind, count))
    }

    /// Frames that hold nothing for the detector, by reason, without those never met.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("other_link_type", self.other_link),
            ("other_network_protocol", self.other_protocol),
            ("later_fragment", self.later_fragments),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }

    fn count(&mut self, kind: Malformed) -> Malformed {
        self.malformed[kind as usize] += 1;
        kind
    }

    fn network(
        &mut self,
        frame: &Frame<'_>,
        network: &Network<'_>,
        outside: Outside,
    ) -> Result<Option<Packet>, Malformed> {
        let mut packet = match network.ethertype {
            IPV4 => self.ip(frame, &ip::v4(network.bytes)?, outside)?,
            IPV6 => self.ip(frame, &ip::v6(network.bytes)?, outside)?,
            ARP => Some(arp(frame, network.bytes)?),
            _ => None,
        };
        if let Some(packet) = &mut packet
            && outside.depth == 0
        {
            packet.src_mac = network.src_mac;
            packet.link_multicast |= network.multicast;
        }
        Ok(packet)
    }

    fn ip(
        &mut self,
        frame: &Frame<'_>,
        ip: &Ip<'_>,
        outside: Outside,
    ) -> Result<Option<Packet>, Malformed> {
        let Some(fragment) = ip.fragment else {
            return self.transport(frame, ip, outside);
        };
        let whole_header = ip.payload.len() >= first_fragment_needs(ip);
        if fragment.offset == 0 && whole_header {
            return self.transport(frame, ip, outside);
        }
        match self.fragments.add(ip, frame.time) {
            Ok(Assembly::Header {
                bytes,
                len,
                payload_len,
            }) => {
                let whole = Ip {
                    payload: Bytes(bytes.get(..len).unwrap_or_default()),
                    payload_len,
                    fragment: None,
                    ..*ip
                };
                self.transport(
                    frame,
                    &whole,
                    Outside {
                        reassembled: true,
                        ..outside
                    },
                )
            }
            Ok(Assembly::Nothing) => {
                self.later_fragments += 1;
                Ok(None)
            }
            Err(kind) => Err(kind),
        }
    }

    fn transport(
        &mut self,
        frame: &Frame<'_>,
        ip: &Ip<'_>,
        outside: Outside,
    ) -> Result<Option<Packet>, Malformed> {
        let tunnel = tunnel::over_ip(ip);
        if let Some(inner) = self.inside(frame, tunnel, outside) {
            return Ok(Some(inner));
        }
        let bytes = ip.payload;
        let mut said = Hint::None;
        let body = match ip.protocol {
            number::TCP => {
                let (body, flaw) = transport::tcp(bytes, ip.payload_len)?;
                flaw.map(|kind| self.count(kind));
                said = tcp_hint(&body, bytes, ip.src);
                body
            }
            number::UDP => {
                let (mut udp, flaw) = transport::udp(bytes, ip.payload_len)?;
                flaw.map(|kind| self.count(kind));
                let payload = bytes.from(8).unwrap_or(Bytes(&[]));
                let tunnel = tunnel::over_udp(&udp, payload);
                if let Some(inner) = self.inside(frame, tunnel, outside) {
                    return Ok(Some(inner));
                }
                udp.is_response = hint::is_response(&udp, payload.0);
                if udp.is_response && matches!(udp.src_port, 53 | 5353 | 5355) {
                    said = hint::dns_answer(payload.0);
                }
                Body::Udp(udp)
            }
            number::SCTP => transport::sctp(bytes, ip.payload_len)?.0,
            number::ICMP if ip.src.is_v4() => icmp::icmp(bytes, ip.payload_len, false)?,
            number::ICMPV6 if !ip.src.is_v4() => icmp::icmp(bytes, ip.payload_len, true)?,
            protocol => Body::Other { protocol },
        };
        Ok(Some(Packet {
            dont_fragment: ip.dont_fragment,
            ttl: ip.ttl,
            ip_id: ip.identification,
            tunnel_depth: outside.depth,
            reassembled: outside.reassembled,
            hint: said,
            ..blank(frame, ip.src, ip.dst, body)
        }))
    }

    /// The packet inside a tunnel. Whatever spoils it is counted, and the outer packet stands.
    fn inside(
        &mut self,
        frame: &Frame<'_>,
        tunnel: Result<Option<Network<'_>>, Malformed>,
        outside: Outside,
    ) -> Option<Packet> {
        let network = match tunnel {
            Ok(network) => network?,
            Err(_) => {
                self.count(Malformed::TunnelInside);
                return None;
            }
        };
        if outside.depth >= tunnel::MOST_DEPTH {
            self.count(Malformed::TunnelTooDeep);
            return None;
        }
        let outside = Outside {
            depth: outside.depth + 1,
            ..outside
        };
        match self.network(frame, &network, outside) {
            Ok(packet) => packet,
            Err(_) => {
                self.count(Malformed::TunnelInside);
                None
            }
        }
    }
}

/// Does this kind mean that bytes are missing?
const fn is_shortage(kind: Malformed) -> bool {
    matches!(
        kind,
        Malformed::LinkTruncated
            | Malformed::IpTruncated
            | Malformed::Ipv6Extensions
            | Malformed::TransportTruncated
            | Malformed::SctpChunk
            | Malformed::Arp
    )
}

/// Bytes that the first fragment must carry to be understood by itself.
fn first_fragment_needs(ip: &Ip<'_>) -> usize {
    match ip.protocol {
        number::TCP => {
            let header = ip
                .payload
                .u8(12)
                .map_or(0, |byte| usize::from(byte >> 4) * 4);
            header.max(20)
        }
        number::SCTP => 32,
        number::UDP | number::ICMP | number::ICMPV6 => 8,
        _ => DECIDES,
    }
}

fn tcp_hint(body: &Body, bytes: Bytes<'_>, src: Addr) -> Hint {
    let Body::Tcp(tcp) = body else {
        return Hint::None;
    };
    if tcp.payload_len == 0 || !tcp.flags.has(TcpFlags::ACK) {
        return Hint::None;
    }
    let header = bytes.u8(12).map_or(20, |byte| usize::from(byte >> 4) * 4);
    hint::of_tcp(tcp, bytes.0.get(header..).unwrap_or_default(), src)
}

/// RFC 826 over Ethernet and IPv4.
fn arp(frame: &Frame<'_>, bytes: Bytes<'_>) -> Result<Packet, Malformed> {
    const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
    let (Some(ETHERNET_IPV4), Some(operation), Some(sender_mac), Some(sender), Some(target)) = (
        bytes.array(0),
        bytes.u16(6),
        bytes.array(8),
        bytes.u32(14),
        bytes.u32(24),
    ) else {
        return Err(Malformed::Arp);
    };
    let (src, dst) = (Addr::from_v4_bits(sender), Addr::from_v4_bits(target));
    Ok(blank(
        frame,
        src,
        dst,
        Body::Arp(Arp {
            operation,
            sender_mac,
        }),
    ))
}

fn blank(frame: &Frame<'_>, src: Addr, dst: Addr, body: Body) -> Packet {
    Packet {
        time: frame.time,
        src,
        dst,
        wire_len: frame.wire_len,
        ttl: 0,
        dont_fragment: false,
        ip_id: 0,
        tunnel_depth: 0,
        reassembled: false,
        src_mac: [0; 6],
        link_multicast: false,
        body,
        hint: Hint::None,
    }
}
