//! What can be wrong with a frame, and why a frame was passed over: small values to be counted.

use std::fmt;

/// An enum of plain kinds, each with its counter name and its explanation from one table row.
macro_rules! kinds {
    ($(#[$meta:meta])* $vis:vis enum $kind:ident { $($variant:ident $name:literal: $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $kind {
            $(#[doc = $text] $variant,)+
        }

        impl $kind {
            /// Every kind, in the order of the counters.
            $vis const ALL: [Self; Self::COUNT] = [$(Self::$variant,)+];
            const COUNT: usize = [$($name,)+].len();

            /// The name of its counter, in `snake_case`.
            $vis const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        /// The explanation, as a lower-case fragment.
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $text,)+
                })
            }
        }
    };
}

kinds! {
    /// How a frame lies about itself, one kind for each lie that can be told apart. It is a counter,
    /// never a string: hostile frames must not cost more than honest ones.
    #[non_exhaustive]
    pub enum Malformed {
        SnapLength "snap_length": "the capture's snap length cut the frame inside a header that is needed",
        TruncatedLink "truncated_link": "the frame ends inside its link header",
        LinkTags "link_tags": "more VLAN tags and LLC headers than any network uses",
        MplsLabels "mpls_labels": "an MPLS label stack without an end",
        PppoeHeader "pppoe_header": "a PPPoE session header of an unknown version, type or code",
        ArpTruncated "arp_truncated": "an ARP message that is shorter than its addresses",
        ArpLengths "arp_lengths": "an ARP message for Ethernet and IPv4 with other address lengths",
        IpVersion "ip_version": "the version in the IP header is not what the header below announced",
        Ipv4Truncated "ipv4_truncated": "fewer bytes than an IPv4 header has",
        Ipv4HeaderLength "ipv4_header_length": "an IPv4 header length that is too small or leads out of the packet",
        Ipv4TotalLength "ipv4_total_length": "an IPv4 total length that is smaller than the header",
        Ipv6Truncated "ipv6_truncated": "fewer bytes than an IPv6 header has",
        IpLengthBeyondFrame "ip_length_beyond_frame": "the IP length leads out of the frame (read on with what is there)",
        MappedAddress "mapped_address": "an IPv4-mapped address in an IPv6 header, where it never belongs",
        ExtensionHeaders "extension_headers": "more extension headers than any sender needs",
        ExtensionLength "extension_length": "an extension header that is cut short or has an impossible length",
        FragmentTiny "fragment_tiny": "a first fragment too small for the transport header (the datagram is put together)",
        FragmentOverlap "fragment_overlap": "fragments that overlap with different content (the first seen counts)",
        FragmentLength "fragment_length": "a fragment that is empty, or not the last and no multiple of 8 bytes long",
        FragmentBeyondEnd "fragment_beyond_end": "a fragment that ends beyond the largest datagram",
        FragmentHeader "fragment_header": "fragments whose transport header does not fit the bytes that are kept of them",
        FragmentNested "fragment_nested": "a fragment inside the fragments of the same IPv6 packet",
        FragmentIncomplete "fragment_incomplete": "a fragmented datagram whose header never came, given up",
        TunnelTooDeep "tunnel_too_deep": "more tunnels inside each other than are opened",
        GreHeader "gre_header": "a GRE header of an unknown version, with source routes, or cut short",
        ErspanHeader "erspan_header": "an ERSPAN header of another version than its GRE header announced",
        TcpTruncated "tcp_truncated": "fewer bytes than a TCP header has",
        TcpHeaderLength "tcp_header_length": "a TCP header length that is too small or leads out of the packet",
        TcpOptionLength "tcp_option_length": "a TCP option with an impossible length (the packet is kept)",
        UdpTruncated "udp_truncated": "fewer bytes than a UDP header has",
        UdpLength "udp_length": "a UDP length that is smaller than the header or larger than the packet",
        SctpTruncated "sctp_truncated": "fewer bytes than an SCTP header with one chunk has",
        SctpChunk "sctp_chunk": "an SCTP chunk with an impossible length",
        IcmpTruncated "icmp_truncated": "fewer bytes than an ICMP message has",
        IcmpQuote "icmp_quote": "an ICMP error that quotes no readable packet (the packet is kept)",
        NeighbourTruncated "neighbour_truncated": "a neighbour solicitation or advertisement without its target",
    }
}

impl std::error::Error for Malformed {}

kinds! {
    /// Why a frame holds nothing for the detector although nothing is wrong with it.
    pub(crate) enum Skipped {
        LinkType "other_link_type": "a link type that is not read",
        EtherType "other_ether_type": "another network protocol than IP and ARP",
        Llc "other_llc": "an LLC frame (spanning tree, discovery protocols and the like)",
        AddressFamily "other_address_family": "another address family than IP on a loopback link",
        PppoeDiscovery "pppoe_discovery": "a PPPoE discovery message",
        PppControl "ppp_control": "a PPP control message or a compressed PPP frame",
        MplsPayload "other_mpls_payload": "something else than IP behind an MPLS label stack",
        Arp "other_arp": "ARP for other addresses than Ethernet and IPv4",
        FragmentPiece "fragment_piece": "a piece of a datagram whose header is known or still incomplete",
    }
}

/// Why reading stopped before there was a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    Malformed(Malformed),
    Skipped(Skipped),
    /// The bytes that are needed are in fragments that were not seen yet.
    Incomplete,
}

impl From<Malformed> for Unread {
    fn from(kind: Malformed) -> Self {
        Self::Malformed(kind)
    }
}

impl From<Skipped> for Unread {
    fn from(why: Skipped) -> Self {
        Self::Skipped(why)
    }
}

/// The counters of a decoder.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    malformed: [u64; Malformed::COUNT],
    skipped: [u64; Skipped::COUNT],
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self { malformed: [0; Malformed::COUNT], skipped: [0; Skipped::COUNT] }
    }

    // Hardly any frame is malformed: keep the counting out of the straight path.
    #[cold]
    pub(crate) fn note(&mut self, kind: Malformed) {
        self.malformed[kind as usize] += 1;
    }

    pub(crate) fn skip(&mut self, why: Skipped) {
        self.skipped[why as usize] += 1;
    }

    /// The kinds that were met.
    pub(crate) fn malformed(&self) -> impl Iterator<Item = (Malformed, u64)> + '_ {
        let counts = Malformed::ALL.into_iter().zip(self.malformed);
        counts.filter(|(_, count)| *count > 0)
    }

    /// The reasons that were met.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = (Skipped, u64)> + '_ {
        let counts = Skipped::ALL.into_iter().zip(self.skipped);
        counts.filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_snake_case() {
        let mut names: Vec<_> = Malformed::ALL.map(Malformed::name).into();
        names.extend(Skipped::ALL.map(Skipped::name));
        let total = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), total);
        let snake = |name: &str| {
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        assert!(names.into_iter().all(snake));
    }

    #[test]
    fn a_kind_counts_in_its_own_place() {
        let mut tally = Tally::new();
        for kind in Malformed::ALL {
            tally.note(kind);
        }
        tally.note(Malformed::TcpHeaderLength);
        let kinds = tally.malformed().inspect(|&(kind, count)| {
            assert_eq!(count, 1 + u64::from(kind == Malformed::TcpHeaderLength));
        });
        assert!(kinds.map(|(kind, _)| kind).eq(Malformed::ALL));
    }
}
