//! A frame as captured: bytes, time, link type.

use std::fmt;

use crate::Timestamp;

/// One captured frame. The bytes stay in the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// What the first header is.
    pub link: LinkType,
    /// Length on the wire in bytes; more than `data.len()` when the capture cut it (snap length).
    pub wire_len: u32,
    /// The captured bytes.
    pub data: &'a [u8],
}

/// What the first header of a frame is, in the numbering of the pcap `LINKTYPE_` registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// BSD loopback: a 4-byte address family in the capturing host's byte order (0, also 108).
    Null,
    /// Ethernet (1).
    Ethernet,
    /// PPP, with or without HDLC framing, or Cisco's HDLC (9, 50, 104).
    Ppp,
    /// PPPoE session packets without Ethernet (51).
    PppEther,
    /// IPv4 or IPv6 with no link header (101; also 12, 14, 228, 229).
    RawIp,
    /// Linux "cooked" v1 (113).
    LinuxSll,
    /// Linux "cooked" v2 (276).
    LinuxSll2,
    /// Anything else; the frames are counted, not read.
    Other(u16),
}

impl LinkType {
    /// The link type of a number in the pcap `LINKTYPE_` registry.
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 | 108 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 | 104 => Self::Ppp,
            51 => Self::PppEther,
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            other => Self::Other(other),
        }
    }

    /// Its number in the pcap `LINKTYPE_` registry; where several mean the same, the common one.
    pub const fn number(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Ppp => 9,
            Self::PppEther => 51,
            Self::RawIp => 101,
            Self::LinuxSll => 113,
            Self::LinuxSll2 => 276,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null/loopback"),
            Self::Ethernet => f.write_str("Ethernet"),
            Self::Ppp => f.write_str("PPP"),
            Self::PppEther => f.write_str("PPPoE"),
            Self::RawIp => f.write_str("raw IP"),
            Self::LinuxSll => f.write_str("Linux cooked v1"),
            Self::LinuxSll2 => f.write_str("Linux cooked v2"),
            Self::Other(number) => write!(f, "link type {number}"),
        }
    }
}
