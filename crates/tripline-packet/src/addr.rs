//! Network addresses: IPv4 and IPv6 in one 16-byte value.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

/// An IPv4 or IPv6 address, kept as 128 bits with IPv4 in the mapped range `::ffff:0:0/96`
/// (RFC 4291 section 2.5.5.2). One size and one hash for both families; shown in the usual form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr(u128);

const V4_MAPPED: u128 = 0xffff_0000_0000;

impl Addr {
    /// `::`, the address of nothing (frames without a network layer).
    pub const UNSPECIFIED: Self = Self(0);

    /// An IPv4 address from its 32 bits in host order.
    pub const fn from_v4_bits(bits: u32) -> Self {
        Self(V4_MAPPED | bits as u128)
    }

    /// An IPv6 (or mapped IPv4) address from its 128 bits in host order.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// All 128 bits in host order, IPv4 mapped.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The 32 bits of an IPv4 address in host order, `None` for IPv6.
    pub const fn v4_bits(self) -> Option<u32> {
        if self.is_v4() { Some(self.0 as u32) } else { None }
    }

    /// Is this an IPv4 address?
    pub const fn is_v4(self) -> bool {
        self.0 >> 32 == 0xffff
    }

    /// Multicast of either family (RFC 5771, RFC 4291 section 2.7).
    pub const fn is_multicast(self) -> bool {
        match self.v4_bits() {
            Some(bits) => bits >> 28 == 0xe,
            None => self.0 >> 120 == 0xff,
        }
    }

    /// The limited broadcast address 255.255.255.255 (RFC 919).
    pub const fn is_limited_broadcast(self) -> bool {
        self.0 == V4_MAPPED | 0xffff_ffff
    }

    /// The unspecified address of either family.
    pub const fn is_unspecified(self) -> bool {
        self.0 == 0 || self.0 == V4_MAPPED
    }

    /// Loopback of either family.
    pub const fn is_loopback(self) -> bool {
        match self.v4_bits() {
            Some(bits) => bits >> 24 == 127,
            None => self.0 == 1,
        }
    }

    /// Link-local unicast of either family (169.254.0.0/16, `fe80::/10`).
    pub const fn is_link_local(self) -> bool {
        match self.v4_bits() {
            Some(bits) => bits >> 16 == 0xa9fe,
            None => self.0 >> 118 == 0b11_1111_1010,
        }
    }

    /// Addresses that are only used inside a site: RFC 1918, RFC 6598 (shared), RFC 4193 (`fc00::/7`)
    /// and link-local.
    pub const fn is_private(self) -> bool {
        match self.v4_bits() {
            Some(bits) => {
                bits >> 24 == 10
                    || bits >> 20 == 0xac1
                    || bits >> 16 == 0xc0a8
                    || bits >> 22 == 0x191
                    || self.is_link_local()
            }
            None => self.0 >> 121 == 0b111_1110 || self.is_link_local(),
        }
    }
}

impl From<IpAddr> for Addr {
    fn from(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => Self(v6.to_bits()),
        }
    }
}

impl From<Ipv4Addr> for Addr {
    fn from(addr: Ipv4Addr) -> Self {
        Self::from_v4_bits(addr.to_bits())
    }
}

impl From<Addr> for IpAddr {
    fn from(addr: Addr) -> Self {
        match addr.v4_bits() {
            Some(bits) => Self::V4(Ipv4Addr::from_bits(bits)),
            None => Self::V6(Ipv6Addr::from_bits(addr.0)),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        IpAddr::from(*self).fmt(f)
    }
}

impl Serialize for Addr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Addr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IpAddr::deserialize(deserializer).map(Self::from)
    }
}

/// A network prefix in CIDR notation; the host bits are always zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    bits: u128,
    /// Length over the 128 mapped bits (an IPv4 /24 is 120 here).
    mapped_len: u8,
}

impl Prefix {
    /// The prefix of `addr` with `len` bits of its own family (0–32 or 0–128); longer is cut.
    pub fn new(addr: Addr, len: u8) -> Self {
        let mapped_len = if addr.is_v4() { 96 + len.min(32) } else { len.min(128) };
        Self { bits: addr.bits() & mask(mapped_len), mapped_len }
    }

    /// Is `addr` inside?
    pub fn contains(self, addr: Addr) -> bool {
        addr.bits() & mask(self.mapped_len) == self.bits
    }

    /// The first address.
    pub fn addr(self) -> Addr {
        Addr(self.bits)
    }

    /// Prefix length in bits of its own family.
    pub fn len(self) -> u8 {
        if self.addr().is_v4() && self.mapped_len >= 96 {
            self.mapped_len - 96
        } else {
            self.mapped_len
        }
    }

    /// Is this the prefix of everything (length zero)?
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Number of addresses inside, as a float (a /64 has more than fit in 64 bits).
    pub fn size(self) -> f64 {
        2f64.powi(i32::from(128 - self.mapped_len))
    }

    /// As text: a single address without its length.
    pub fn short(self) -> String {
        if self.mapped_len == 128 { self.addr().to_string() } else { self.to_string() }
    }

    /// The last address; for IPv4 networks up to /30 this is the directed broadcast address.
    pub fn last(self) -> Addr {
        Addr(self.bits | !mask(self.mapped_len))
    }
}

const fn mask(len: u8) -> u128 {
    if len == 0 { 0 } else { u128::MAX << (128 - len as u32) }
}

/// Writes a single address without its length, for those who are told of an address.
///
/// # Errors
/// The serializer's.
pub fn short<S: Serializer>(prefix: &Prefix, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&prefix.short())
}

impl std::str::FromStr for Prefix {
    type Err = String;

    /// Reads `192.0.2.0/24`, `2001:db8::/32` or a single address.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad =
            || format!("`{text}` is no network; write 192.0.2.0/24, 2001:db8::/32 or an address");
        let (addr, len) = match text.split_once('/') {
            Some((addr, len)) => (addr, Some(len.parse::<u8>().map_err(|_| bad())?)),
            None => (text, None),
        };
        let addr: Addr = addr.parse::<IpAddr>().map_err(|_| bad())?.into();
        let longest = if addr.is_v4() { 32 } else { 128 };
        match len.unwrap_or(longest) {
            len if len <= longest => Ok(Self::new(addr, len)),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr(), self.len())
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Addr {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn classes() {
        assert!(addr("224.0.0.251").is_multicast() && addr("ff02::1").is_multicast());
        assert!(addr("10.1.2.3").is_private() && addr("172.31.0.1").is_private());
        assert!(addr("100.64.0.1").is_private() && addr("fd00::1").is_private());
        assert!(addr("fe80::1").is_private() && addr("169.254.9.9").is_private());
        assert!(!addr("172.32.0.1").is_private() && !addr("2001:db8::1").is_private());
        assert!(addr("::1").is_loopback() && addr("127.9.9.9").is_loopback());
        assert!(addr("255.255.255.255").is_limited_broadcast());
    }

    #[test]
    fn prefixes() {
        let net = Prefix::new(addr("192.0.2.77"), 24);
        assert_eq!(net.to_string(), "192.0.2.0/24");
        assert!(net.contains(addr("192.0.2.255")) && !net.contains(addr("192.0.3.0")));
        assert_eq!(net.last(), addr("192.0.2.255"));
        let v6 = Prefix::new(addr("2001:db8:0:1:2::3"), 64);
        assert_eq!(v6.to_string(), "2001:db8:0:1::/64");
        assert!(!v6.contains(addr("192.0.2.1")));
    }
}
