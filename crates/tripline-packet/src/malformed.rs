//! Why a frame was not understood: kinds to count, never strings.

use std::fmt;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal)*) => {
        /// A packet that lies about itself, or was cut. On the hot path this is only counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Malformed { $($(#[doc = $doc])* $variant),* }

        impl Malformed {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// A stable snake-case name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

kinds! {
    /// The snap length of the capture cut a header that decides.
    CutBySnapLength "cut_by_snap_length"
    /// The frame ends within its link header.
    LinkTruncated "link_truncated"
    /// More VLAN, MPLS or PPP headers than anyone stacks.
    LinkTooDeep "link_too_deep"
    /// The version field does not fit the protocol that carried it.
    IpVersion "ip_version"
    /// The packet ends within its IP header.
    IpTruncated "ip_truncated"
    /// IPv4 header length below 20 bytes or beyond the packet.
    Ipv4HeaderLength "ipv4_header_length"
    /// IPv4 total length below the header length.
    Ipv4TotalLength "ipv4_total_length"
    /// An IPv6 extension header that runs beyond the packet, or too many of them.
    Ipv6Extensions "ipv6_extensions"
    /// A fragment that reaches beyond 65 535 bytes.
    FragmentTooLong "fragment_too_long"
    /// A fragment whose length is no multiple of eight although more follow (RFC 791).
    FragmentLength "fragment_length"
    /// Fragments that cover the same header bytes with different content.
    FragmentOverlap "fragment_overlap"
    /// The packet ends within its transport header.
    TransportTruncated "transport_truncated"
    /// TCP data offset below 20 bytes or beyond the packet.
    TcpHeaderLength "tcp_header_length"
    /// A TCP option that runs beyond the header; the packet is kept.
    TcpOptionLength "tcp_option_length"
    /// UDP length below 8 or beyond the packet; the packet is kept.
    UdpLength "udp_length"
    /// SCTP without a whole first chunk header.
    SctpChunk "sctp_chunk"
    /// ARP for other than Ethernet and IPv4, or cut.
    Arp "arp"
    /// More tunnels in one another than are opened.
    TunnelTooDeep "tunnel_too_deep"
    /// A tunnel header that promises what does not follow; the outer packet is kept.
    TunnelInside "tunnel_inside"
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
