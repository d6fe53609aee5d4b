//! From frame to packet: the way through link, network, tunnels and fragments to the transport.

use crate::extent::{Extent, Tail};
use crate::fragment::{Fragments, HEAD, Key, Piece};
use crate::ip::{self, Fragment, protocol};
use crate::link::{self, Network};
use crate::malformed::{Malformed, Skipped, Tally, Unread};
use crate::{Addr, Body, Frame, Hint, Packet, Tcp, Udp};
use crate::{answer, arp, dns, hint, icmp, transport, tunnel};

/// Reads frames. One decoder per stream of frames: it remembers fragmented datagrams (in a fixed
/// amount of memory, about 2 MiB when full) and counts what it could not read.
#[derive(Debug)]
pub struct Decoder {
    fragments: Fragments,
    tally: Tally,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self { fragments: Fragments::new(), tally: Tally::new() }
    }

    /// The packet in a frame: the innermost one where tunnels could be opened, else the one around
    /// them. `Ok(None)` if there is nothing for the detector: another network protocol than IP and
    /// ARP, or a piece of a datagram whose header is known already or still incomplete.
    ///
    /// # Errors
    ///
    /// The kind of lie, or [`Malformed::SnapLength`] if the capture lacks what is needed. It is
    /// counted here; the caller need not.
    #[inline]
    pub fn decode(&mut self, frame: &Frame<'_>) -> Result<Option<Packet>, Malformed> {
        let mut packet = Packet::EMPTY;
        Ok(self.decode_into(frame, &mut packet)?.then_some(packet))
    }

    /// As [`Self::decode`], into a packet that is used again for each frame: that saves the copies
    /// on the way up, which would cost as much as reading the headers. `false` stands for
    /// `Ok(None)`; then, and after an error, what `packet` holds is of no use, but for the addresses:
    /// of a piece of a datagram they are those of the piece, and where no network header was read they
    /// are left as they were.
    ///
    /// # Errors
    ///
    /// The same.
    #[inline]
    pub fn decode_into(
        &mut self,
        frame: &Frame<'_>,
        packet: &mut Packet,
    ) -> Result<bool, Malformed> {
        packet.time = frame.time;
        packet.wire_len = frame.wire_len;
        packet.tunnel_depth = 0;
        packet.reassembled = false;
        packet.hint = Hint::None;
        // What the link and network layers may leave alone.
        packet.src_mac = [0; 6];
        packet.link_multicast = false;
        packet.ttl = 0;
        packet.dont_fragment = false;
        packet.ip_id = 0;
        match self.frame(frame, packet) {
            Ok(()) => Ok(true),
            Err(unread) => self.account(unread),
        }
    }

    /// How often each kind of malformation was met, without those never met. A frame may count
    /// under several kinds, also when a packet was read from it.
    pub fn malformed(&self) -> impl Iterator<Item = (Malformed, u64)> + '_ {
        self.tally.malformed()
    }

    /// How many frames gave `Ok(None)`: the name of each reason and its count, without those never
    /// met.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let counts = self.tally.skipped();
        counts.map(|(why, count)| (why.name(), count))
    }

    #[cold]
    fn account(&mut self, unread: Unread) -> Result<bool, Malformed> {
        let why = match unread {
            Unread::Malformed(kind) => {
                self.tally.note(kind);
                return Err(kind);
            }
            Unread::Skipped(why) => why,
            Unread::Incomplete => Skipped::FragmentPiece,
        };
        self.tally.skip(why);
        Ok(false)
    }

    #[inline]
    fn frame(&mut self, frame: &Frame<'_>, draft: &mut Packet) -> Result<(), Unread> {
        let mut rest = Extent::of_frame(frame);
        let network = link::open(frame.link, &mut rest, draft)?;
        self.network(network, &mut rest, draft)
    }

    #[inline]
    fn network(
        &mut self,
        network: Network,
        rest: &mut Extent<'_>,
        draft: &mut Packet,
    ) -> Result<(), Unread> {
        let payload = match network {
            Network::Ipv4 => ip::ipv4(rest, draft, &mut self.tally)?,
            Network::Ipv6 => ip::ipv6(rest, draft, &mut self.tally)?,
            Network::Arp => return arp::read(*rest, draft),
        };
        match payload.fragment {
            None => self.transport(payload.protocol, rest, draft),
            Some(fragment) => self.fragment(payload.protocol, *rest, fragment, draft),
        }
    }

    #[inline]
    fn transport(
        &mut self,
        protocol: u8,
        rest: &Extent<'_>,
        draft: &mut Packet,
    ) -> Result<(), Unread> {
        let v4 = draft.src.is_v4();
        match protocol {
            protocol::TCP => {
                let (tcp, payload_at) = transport::tcp(rest, &mut self.tally)?;
                draft.hint = tcp_hint(&tcp, rest.data, payload_at, draft.src);
                draft.body = Body::Tcp(tcp);
                Ok(())
            }
            protocol::UDP => self.udp(*rest, draft),
            protocol::SCTP => {
                draft.body = Body::Sctp(transport::sctp(*rest)?);
                Ok(())
            }
            protocol::ICMP if v4 => self.icmp(*rest, draft),
            protocol::ICMPV6 if !v4 => self.icmp(*rest, draft),
            protocol::IPV4 | protocol::IPV6 | protocol::GRE => {
                self.ip_tunnel(protocol, *rest, draft)
            }
            protocol => {
                draft.body = Body::Other { protocol };
                Ok(())
            }
        }
    }

    fn icmp(&mut self, rest: Extent<'_>, draft: &mut Packet) -> Result<(), Unread> {
        let v4 = draft.src.is_v4();
        draft.body = Body::Icmp(icmp::read(rest, v4, &mut self.tally)?);
        Ok(())
    }

    #[inline]
    fn udp(&mut self, datagram: Extent<'_>, draft: &mut Packet) -> Result<(), Unread> {
        let mut udp = transport::udp(datagram, draft.src.is_v4())?;
        let mut payload = datagram;
        payload.skip(8, Malformed::UdpTruncated)?;
        udp.is_response = answer::is_answer(&udp, payload.data);
        draft.hint = udp_hint(&udp, payload.data);
        draft.body = Body::Udp(udp);
        match udp.dst_port {
            tunnel::VXLAN_PORT | tunnel::GENEVE_PORT => {
                self.udp_tunnel(udp.dst_port, payload, draft)
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn udp_tunnel(
        &mut self,
        port: u16,
        mut payload: Extent<'_>,
        draft: &mut Packet,
    ) -> Result<(), Unread> {
        let outer = *draft;
        let opened = match port {
            tunnel::VXLAN_PORT => tunnel::vxlan(&mut payload, draft),
            _ => tunnel::geneve(&mut payload, draft),
        };
        match opened {
            Some(opened) => self.enter(opened, payload, &outer, draft),
            None => Ok(()),
        }
    }

    #[cold]
    fn ip_tunnel(
        &mut self,
        protocol: u8,
        mut rest: Extent<'_>,
        draft: &mut Packet,
    ) -> Result<(), Unread> {
        draft.body = Body::Other { protocol };
        let outer = *draft;
        let opened = match protocol {
            protocol::IPV4 => Ok(Network::Ipv4),
            protocol::IPV6 => Ok(Network::Ipv6),
            _ => tunnel::gre(&mut rest, draft),
        };
        self.enter(opened, rest, &outer, draft)
    }

    /// Reads what is inside a tunnel. If that fails, the packet around it is what was seen:
    /// otherwise a probe of the tunnel's own port or protocol could hide behind rubbish.
    fn enter(
        &mut self,
        opened: link::Opened,
        rest: Extent<'_>,
        outer: &Packet,
        draft: &mut Packet,
    ) -> Result<(), Unread> {
        let inner = tunnel::check_depth(draft).and(opened).and_then(|network| {
            draft.tunnel_depth += 1;
            draft.hint = Hint::None;
            self.inside(network, rest, draft)
        });
        match inner {
            Err(Unread::Malformed(kind)) => self.tally.note(kind),
            Err(Unread::Skipped(why)) if why != Skipped::FragmentPiece => {}
            held_or_read => return held_or_read,
        }
        *draft = *outer;
        Ok(())
    }

    /// Apart from the way of plain packets, which the compiler lays out as one piece.
    #[inline(never)]
    fn inside(
        &mut self,
        network: Network,
        mut rest: Extent<'_>,
        draft: &mut Packet,
    ) -> Result<(), Unread> {
        self.network(network, &mut rest, draft)
    }

    /// A piece of a datagram: the packet is told once, as soon as its transport header is there.
    #[cold]
    fn fragment(
        &mut self,
        protocol: u8,
        rest: Extent<'_>,
        fragment: Fragment,
        draft: &mut Packet,
    ) -> Result<(), Unread> {
        let piece = Piece::new(protocol, rest, fragment, &mut self.tally)?;
        let key = Key::new(draft, protocol, fragment.id);
        let added = self.fragments.add(key, &piece, draft.time, &mut self.tally);
        let Some(known) = added else {
            return Err(Skipped::FragmentPiece.into());
        };
        let bare = *draft;
        let mut read = Err(Unread::Incomplete);
        if piece.offset == 0 && !known.contradicted {
            // The piece itself may hold more of the payload than is kept of it.
            read = self.assembled(known.protocol, piece.beginning(known.len), draft);
            if read == Err(Unread::Incomplete) && piece.bytes.tail == Tail::Whole {
                self.tally.note(Malformed::FragmentTiny);
            }
        }
        if read == Err(Unread::Incomplete) {
            *draft = bare;
            draft.reassembled = known.pieces > 1;
            read = self.assembled(known.protocol, known.extent(), draft);
        }
        if read == Err(Unread::Incomplete) {
            if known.run < HEAD {
                return Err(Skipped::FragmentPiece.into());
            }
            read = Err(Malformed::FragmentHeader.into());
        }
        self.fragments.finish(&known);
        read
    }

    /// The transport of what is known of a fragmented datagram.
    fn assembled(
        &mut self,
        protocol: u8,
        mut rest: Extent<'_>,
        draft: &mut Packet,
    ) -> Result<(), Unread> {
        let payload = if draft.src.is_v4() {
            ip::behind_v4(protocol, &mut rest)?
        } else {
            ip::extensions(protocol, &mut rest)?
        };
        match payload.fragment {
            Some(_) => Err(Malformed::FragmentNested.into()),
            None => self.transport(payload.protocol, &rest, draft),
        }
    }
}

#[inline]
fn tcp_hint(tcp: &Tcp, segment: &[u8], payload_at: usize, sender: Addr) -> Hint {
    let is_ftp = tcp.src_port == hint::FTP_PORT || tcp.dst_port == hint::FTP_PORT;
    match segment.get(payload_at..) {
        Some(payload) if is_ftp && !payload.is_empty() => hint::ftp(tcp, payload, sender),
        _ => Hint::None,
    }
}

#[inline]
fn udp_hint(udp: &Udp, payload: &[u8]) -> Hint {
    if udp.is_response && answer::is_dns_port(udp.src_port) {
        dns::addresses(payload, udp.payload_len.into())
    } else {
        Hint::None
    }
}

#[cfg(test)]
mod tests;
