//! Who is in the lab: segments, hosts and their addresses (RFC 5737, RFC 3849).

/// One broadcast domain.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Segment {
    /// Name of the namespace that holds its bridge `br0`.
    pub(super) name: &'static str,
    /// First three octets of the IPv4 network.
    pub(super) v4: &'static str,
    /// Prefix of the IPv6 network, up to the double colon.
    pub(super) v6: &'static str,
    /// Fifth byte of its hardware addresses, in hexadecimal.
    pub(super) mac: &'static str,
}

const INSIDE: Segment = Segment { name: "inside", v4: "192.0.2", v6: "2001:db8:1", mac: "01" };
const OUTSIDE: Segment =
    Segment { name: "outside", v4: "198.51.100", v6: "2001:db8:66", mac: "66" };
const HOME: Segment = Segment { name: "home", v4: "203.0.113", v6: "2001:db8:3", mac: "03" };

/// An interface of a host.
pub(super) struct Port {
    pub(super) interface: &'static str,
    pub(super) segment: Segment,
    /// Last number of its addresses; in IPv6 the same digits are read as hexadecimal.
    pub(super) number: u8,
    /// More numbers that it answers for, as an inclusive range.
    pub(super) more: Option<(u8, u8)>,
}

/// A host and its interfaces; the default route leads to number 1 of the first segment.
pub(super) struct Host {
    pub(super) name: &'static str,
    pub(super) ports: &'static [Port],
}

const fn port(interface: &'static str, segment: Segment, number: u8) -> Port {
    Port { interface, segment, number, more: None }
}

const fn ports(interface: &'static str, segment: Segment, number: u8, more: (u8, u8)) -> Port {
    Port { interface, segment, number, more: Some(more) }
}

const fn host(name: &'static str, ports: &'static [Port]) -> Host {
    Host { name, ports }
}

/// Protected network, router, outside, and a household behind address translation.
const ROUTED: &[Host] = &[
    host("router", &[port("in0", INSIDE, 1), port("out0", OUTSIDE, 1)]),
    host("main", &[port("eth0", INSIDE, 10)]),
    host("web", &[port("eth0", INSIDE, 11)]),
    host("mail", &[port("eth0", INSIDE, 12)]),
    host("bare", &[port("eth0", INSIDE, 13)]),
    host("desk", &[port("eth0", INSIDE, 50)]),
    host("scanner", &[port("eth0", OUTSIDE, 66)]),
    host("client", &[ports("eth0", OUTSIDE, 20, (101, 140))]),
    host("decoy", &[ports("eth0", OUTSIDE, 67, (68, 70))]),
    host("zombie", &[port("eth0", OUTSIDE, 71)]),
    host("far", &[ports("eth0", OUTSIDE, 80, (201, 235))]),
    host("nat", &[port("eth0", OUTSIDE, 40), port("eth1", HOME, 1)]),
    host("household", &[ports("eth0", HOME, 2, (101, 140))]),
];

/// Everybody in one broadcast domain.
const LAN: &[Host] = &[
    host("gateway", &[port("eth0", INSIDE, 1)]),
    host("main", &[port("eth0", INSIDE, 10)]),
    host("web", &[port("eth0", INSIDE, 11)]),
    host("mail", &[port("eth0", INSIDE, 12)]),
    host("bare", &[port("eth0", INSIDE, 13)]),
    host("desk", &[port("eth0", INSIDE, 50)]),
    host("client", &[port("eth0", INSIDE, 20)]),
    host("peer1", &[port("eth0", INSIDE, 21)]),
    host("peer2", &[port("eth0", INSIDE, 22)]),
    host("peer3", &[port("eth0", INSIDE, 23)]),
    host("peer4", &[port("eth0", INSIDE, 24)]),
    host("scanner", &[port("eth0", INSIDE, 66)]),
];

/// The labs: name, hosts, and where a capture is taken unless the case says otherwise.
pub(super) const LABS: &[(&str, &[Host], &str)] =
    &[("routed", ROUTED, "router:in0"), ("lan", LAN, "inside:br0")];
