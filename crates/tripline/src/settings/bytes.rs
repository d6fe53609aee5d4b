//! A number of bytes, written like `256MB`.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Units, the largest first: those of powers of 1000 (SI) and of 1024 (IEC 80000-13).
const UNITS: [(&str, u64); 8] = [
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("kB", 1_000),
    ("KiB", 1 << 10),
];
/// Less than this holds no recording worth it; more is a slip of the pen.
const LEAST: u64 = 1_000_000;
const MOST: u64 = 100_000_000_000_000;

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(Self).ok_or_else(|| {
            format!("`{text}` is no size from 1MB to 100TB; write 64MB, 256MiB or 2GB")
        })
    }
}

fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let unit = unit.trim_start();
    let (_, each) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let bytes = number.parse::<u64>().ok()?.checked_mul(*each)?;
    (LEAST..=MOST).contains(&bytes).then_some(bytes)
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// In the largest unit of which there is at least one, e.g. `1.5 GB`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut decimal = UNITS.iter().filter(|(name, _)| !name.contains('i'));
        match decimal.find(|(_, each)| self.0 >= *each) {
            Some((name, each)) if self.0.is_multiple_of(*each) => {
                write!(f, "{} {name}", self.0 / each)
            }
            Some((name, each)) => write!(f, "{:.1} {name}", self.0 as f64 / *each as f64),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("256MB", 256_000_000),
            ("256 MiB", 256 << 20),
            ("2gb", 2_000_000_000),
            ("1000kB", 1_000_000),
            ("1TiB", 1 << 40),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "256", "256 M", "0MB", "10kB", "-1GB", "1.5GB", "101TB", "99999999999TB"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert_eq!(Bytes(256_000_000).to_string(), "256 MB");
        assert_eq!(Bytes(1_500_000_000).to_string(), "1.5 GB");
        assert_eq!(Bytes(7).to_string(), "7 bytes");
    }
}
