//! What can be attempted: services, and the words for how an attempt went.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tripline_packet::Addr;

/// The protocol of a service. The last four have no ports; see [`Service::port`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP or ICMPv6 requests.
    Icmp,
    /// Any other IP protocol.
    Ip,
    /// ARP requests.
    Arp,
    /// IPv6 neighbour solicitations.
    Nd,
}

impl Protocol {
    /// The lower-case name, as in the event contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
            Self::Ip => "ip",
            Self::Arp => "arp",
            Self::Nd => "nd",
        }
    }

    /// Does a service of this protocol have a port number?
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::Sctp)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A service: something that a host may or may not offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service {
    /// The host.
    pub host: Addr,
    /// The protocol.
    pub protocol: Protocol,
    /// The port of TCP, UDP and SCTP; the request type of ICMP; the protocol number of IP;
    /// 0 for ARP and neighbour discovery.
    pub port: u16,
}

/// `192.0.2.10:21/tcp`, `[2001:db8::1]:53/udp`, `192.0.2.10 icmp type 8`, `192.0.2.10 ip protocol 47`.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            protocol if protocol.has_ports() => {
                if self.host.is_v4() {
                    write!(f, "{}:{}/{protocol}", self.host, self.port)
                } else {
                    write!(f, "[{}]:{}/{protocol}", self.host, self.port)
                }
            }
            Protocol::Icmp => write!(f, "{} icmp type {}", self.host, self.port),
            Protocol::Ip => write!(f, "{} ip protocol {}", self.host, self.port),
            protocol => write!(f, "{} {protocol}", self.host),
        }
    }
}

impl Serialize for Service {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads what [`Display`](fmt::Display) writes.
impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("`{text}` is no service; write 192.0.2.10:21/tcp");
        let addr = |text: &str| text.parse::<IpAddr>().map(Addr::from).map_err(|_| bad());
        let number = |text: &str| text.parse::<u16>().map_err(|_| bad());
        let named = |(host, rest): (&str, &str)| {
            let (protocol, port) = match rest.split_once(' ') {
                Some(("icmp", number)) => (Protocol::Icmp, number.strip_prefix("type ")),
                Some(("ip", number)) => (Protocol::Ip, number.strip_prefix("protocol ")),
                None if rest == "arp" => (Protocol::Arp, Some("0")),
                None if rest == "nd" => (Protocol::Nd, Some("0")),
                _ => return Err(bad()),
            };
            let port = number(port.ok_or_else(bad)?)?;
            Ok(Self { host: addr(host)?, protocol, port })
        };
        if let Some(parts) = text.split_once(' ') {
            return named(parts);
        }
        let (socket, protocol) = text.rsplit_once('/').ok_or_else(bad)?;
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            _ => return Err(bad()),
        };
        let (host, port) = socket.rsplit_once(':').ok_or_else(bad)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        Ok(Self { host: addr(bare.unwrap_or(host))?, protocol, port: number(port)? })
    }
}

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The handshake completed, or a request was answered.
    Established,
    /// The target answered the opening, the source never completed it.
    HalfOpen,
    /// RST, SCTP ABORT.
    Refused,
    /// An ICMP error came back.
    Unreachable {
        /// ICMP type in the numbering of the target's address family.
        #[serde(rename = "type")]
        kind: u8,
        /// ICMP code.
        code: u8,
    },
    /// No answer in the time allowed.
    Silent,
}

impl Outcome {
    /// Did the target answer as a service would?
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Established | Self::HalfOpen)
    }

    /// One word for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::HalfOpen => "half-open",
            Self::Refused => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Silent => "silent",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { kind, code } => write!(f, "unreachable ({kind}/{code})"),
            other => f.pad(other.name()),
        }
    }
}

/// What is known about a service, and so whether an attempt at it is a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Declared, listening or seen to answer.
    Offered,
    /// Answered once, but not for a long time.
    Stale,
    /// Offered, but failing now for several sources that used it before: an outage.
    Down,
    /// The host lives and does not offer it.
    Unused,
    /// Declared never to be used.
    Reserved,
    /// Nobody lives at the address.
    Dark,
    /// Not enough is known: the host is outside the home networks, or answers cannot be seen.
    Unknown,
}

impl Standing {
    /// Is an attempt at such a service a probe?
    pub const fn is_probe(self) -> bool {
        matches!(self, Self::Unused | Self::Reserved | Self::Dark | Self::Unknown)
    }

    /// One word for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Stale => "stale",
            Self::Down => "down",
            Self::Unused => "unused",
            Self::Reserved => "reserved",
            Self::Dark => "dark",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The means by which an attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Technique {
    /// TCP SYN, never completed by the source.
    Syn,
    /// TCP handshake completed.
    Connect,
    /// TCP segment with FIN alone.
    Fin,
    /// TCP segment without any flag.
    Null,
    /// TCP segment with FIN, PSH and URG.
    Xmas,
    /// TCP segment with SYN and FIN.
    SynFin,
    /// TCP segment with ACK alone that belongs to no session. A "window" scan looks the same.
    Ack,
    /// TCP segment with FIN and ACK that belongs to no session.
    Maimon,
    /// Any other impossible combination of TCP flags.
    Stray,
    /// UDP datagram.
    Udp,
    /// SCTP INIT.
    Sctp,
    /// ICMP request.
    Icmp,
    /// ARP request.
    Arp,
    /// IPv6 neighbour solicitation.
    Nd,
    /// A packet of an IP protocol that nobody uses here.
    IpProtocol,
}

impl Technique {
    /// The name as people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "SYN",
            Self::Connect => "connect",
            Self::Fin => "FIN",
            Self::Null => "NULL",
            Self::Xmas => "Xmas",
            Self::SynFin => "SYN+FIN",
            Self::Ack => "ACK/window",
            Self::Maimon => "Maimon",
            Self::Stray => "stray flags",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP INIT",
            Self::Icmp => "ICMP",
            Self::Arp => "ARP",
            Self::Nd => "ND",
            Self::IpProtocol => "IP protocol",
        }
    }

    /// Is this a TCP segment that no honest stack opens a session with?
    pub const fn is_stealth(self) -> bool {
        matches!(
            self,
            Self::Fin
                | Self::Null
                | Self::Xmas
                | Self::SynFin
                | Self::Ack
                | Self::Maimon
                | Self::Stray
        )
    }
}

impl fmt::Display for Technique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where source and target stand to the home networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From outside to home.
    Inbound,
    /// From home to home.
    Internal,
    /// From home to outside.
    Outbound,
    /// Between strangers.
    Transit,
}
