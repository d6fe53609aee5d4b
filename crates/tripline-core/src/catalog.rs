//! The catalogue: what an event is called, how grave it is, and its page.
//!
//! The entries are data (`catalog/*.toml`), handed in by the driver. This module only knows their
//! form and finds the right one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::service::Protocol;

/// How grave an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Worth knowing, nothing to do.
    Info,
    /// Deserves a look.
    Low,
    /// Deserves a look today.
    Medium,
    /// Deserves a look now.
    High,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// What kind of event an entry describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// One attempt at a service that nobody offers.
    Probe,
    /// A sweep, by its shape.
    Sweep,
    /// A technique or a tool.
    Stealth,
    /// Another verdict, or a notice.
    Verdict,
}

/// One name of a table entry, such as a trojan and its port.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedPort {
    /// A port or a range `first-last`.
    pub port: PortRange,
    /// What is known to live there.
    pub name: String,
}

/// A port or an inclusive range of ports, written `21` or `6881-6889`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// First port.
    pub first: u16,
    /// Last port, inclusive.
    pub last: u16,
}

impl PortRange {
    /// Is `port` inside?
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

impl std::str::FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let parse = |part: &str| {
            part.trim().parse::<u16>().map_err(|_| {
                format!("`{text}` is no port or range of ports; write 21 or 6881-6889")
            })
        };
        let range = Self { first: parse(first)?, last: parse(last)? };
        if range.first > range.last {
            return Err(format!("the range `{text}` runs backwards"));
        }
        Ok(range)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One entry of the catalogue; the form is described in `catalog/README.md`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Our stable id, e.g. `TL-1001`.
    pub id: String,
    /// The signature, e.g. `TCP_Probe_Ftp`.
    pub signature: String,
    /// The title of the page.
    pub title: String,
    /// What kind of event it is.
    pub class: Class,
    /// Default risk.
    pub risk: Risk,
    /// The id in the old ISS catalogue, where it is known for certain.
    pub iss_id: Option<u32>,
    /// The title in the old ISS catalogue, where it is known.
    pub iss_title: Option<String>,
    /// Protocol of a probe.
    pub protocol: Option<Protocol>,
    /// Ports of a probe; a probe entry without ports is the catch-all of its protocol.
    #[serde(default)]
    pub ports: Vec<PortRange>,
    /// ATT&CK technique ids.
    pub attack: Vec<String>,
    /// One sentence.
    pub summary: String,
    /// What it is.
    pub description: String,
    /// What makes tripline report it.
    pub triggers: String,
    /// What lives on the ports.
    pub ports_note: String,
    /// Innocent causes.
    pub false_positives: String,
    /// What escapes.
    pub blind_spots: String,
    /// Which systems are concerned.
    pub affected: String,
    /// What to look at, in order.
    pub investigate: String,
    /// What may be done against the source.
    pub curtail: String,
    /// Where to read on.
    pub references: Vec<String>,
    /// Names by port, where one entry stands for many.
    #[serde(default)]
    pub names: Vec<NamedPort>,
}

/// One file of the catalogue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogFile {
    /// Its entries.
    #[serde(rename = "event")]
    pub events: Vec<Entry>,
}

/// All entries, and the way from a service to its probe signature.
#[derive(Clone, Debug)]
pub struct Catalog {
    entries: Vec<Entry>,
    /// (protocol, first port, last port, index), sorted.
    by_port: Vec<(Protocol, u16, u16, usize)>,
    /// Index of the catch-all of each protocol.
    other: Vec<(Protocol, usize)>,
}

/// Why a catalogue cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogError(String);

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CatalogError {}

impl Catalog {
    /// A catalogue of `entries`.
    ///
    /// # Errors
    ///
    /// When two entries share an id, a signature or a port of the same protocol.
    pub fn new(entries: Vec<Entry>) -> Result<Self, CatalogError> {
        let mut by_port = Vec::new();
        let mut other = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let twin = entries[..index].iter().find(|before| {
                before.id == entry.id || before.signature.eq_ignore_ascii_case(&entry.signature)
            });
            if let Some(twin) = twin {
                return Err(CatalogError(format!(
                    "{} {} and {} {} share an id or a signature",
                    twin.id, twin.signature, entry.id, entry.signature
                )));
            }
            let (Class::Probe, Some(protocol)) = (entry.class, entry.protocol) else {
                continue;
            };
            let ranges = entry.ports.iter().chain(entry.names.iter().map(|named| &named.port));
            by_port.extend(ranges.map(|range| (protocol, range.first, range.last, index)));
            if entry.is_catch_all() {
                other.push((protocol, index));
            }
        }
        by_port.sort_unstable();
        for pair in by_port.windows(2) {
            let ((protocol, _, last, one), (next_protocol, first, _, two)) = (pair[0], pair[1]);
            if protocol == next_protocol && first <= last {
                return Err(CatalogError(format!(
                    "{} and {} both claim {protocol} port {first}",
                    entries[one].signature, entries[two].signature
                )));
            }
        }
        Ok(Self { entries, by_port, other })
    }

    /// All entries in the order of the files.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry with this signature (any case), our id or ISS id.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        let number = name.parse::<u32>().ok();
        self.entries.iter().find(|entry| {
            entry.signature.eq_ignore_ascii_case(name)
                || entry.id.eq_ignore_ascii_case(name)
                || (number.is_some() && entry.iss_id == number)
        })
    }

    /// The probe entry for a service: the one that claims the port, else the catch-all of the
    /// protocol; `None` for protocols without ports.
    pub fn probe(&self, protocol: Protocol, port: u16) -> Option<&Entry> {
        self.claimed(protocol, port).or_else(|| {
            let (_, index) = self.other.iter().find(|(other, _)| *other == protocol)?;
            Some(&self.entries[*index])
        })
    }

    /// The probe entry that names this port, without falling back to the catch-all.
    pub fn claimed(&self, protocol: Protocol, port: u16) -> Option<&Entry> {
        let at = self.by_port.partition_point(|&(p, first, _, _)| (p, first) <= (protocol, port));
        let &(found, _, last, index) = self.by_port.get(at.checked_sub(1)?)?;
        (found == protocol && port <= last).then(|| &self.entries[index])
    }
}

impl Entry {
    /// Whether this is the entry for all ports of its protocol that no other one claims: without
    /// ports, and called so. A historical name whose port is lost has no ports, either.
    pub fn is_catch_all(&self) -> bool {
        self.ports.is_empty() && self.names.is_empty() && self.signature.ends_with("_Other")
    }

    /// The name that a table entry gives to `port`, such as a trojan's.
    pub fn name_of(&self, port: u16) -> Option<&str> {
        let named = self.names.iter().find(|named| named.port.contains(port))?;
        Some(&named.name)
    }
}
