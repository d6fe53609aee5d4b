//! The form of the settings file.
//!
//! Each value checks itself while it is read, so that an error can point at the place.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use tripline_core::Protocol;
use tripline_core::catalog::PortRange;
use tripline_core::settings::{Declared, Limits, Scanner};
use tripline_packet::{Duration, Prefix, Timestamp};
use tripline_respond::Mode;

use super::hooks::Hooks;
use super::replay::ReplayTable;
use super::{Bytes, Curtail, Watch};

/// The whole file. What is absent keeps the value of the layer below.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsFile {
    home: Option<Vec<Network>>,
    dark: Option<Vec<Network>>,
    friends: Option<Vec<Network>>,
    services: Option<Vec<ServiceTable>>,
    reserved: Option<Vec<ServiceTable>>,
    scanners: Option<Vec<ScannerTable>>,
    #[serde(default)]
    detection: DetectionTable,
    #[serde(default)]
    limits: LimitsTable,
    replay: Option<ReplayTable>,
    #[serde(default)]
    watch: WatchTable,
    #[serde(default)]
    curtail: CurtailTable,
    hooks: Option<Hooks>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WatchTable {
    interfaces: Option<Vec<String>>,
    admin_ports: Option<Vec<Ports>>,
    admin_after: Option<Span>,
    state: Option<Folder>,
    record: Option<bool>,
    record_size: Option<Bytes>,
    metrics: Option<Metrics>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CurtailTable {
    mode: Option<Mode>,
    lengths: Option<Lengths>,
    most: Option<Size>,
    per_minute: Option<Size>,
    slow_per_minute: Option<Size>,
    xdp: Option<bool>,
    challenge: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceTable {
    hosts: Network,
    #[serde(default)]
    tcp: Vec<Ports>,
    #[serde(default)]
    udp: Vec<Ports>,
    #[serde(default)]
    sctp: Vec<Ports>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScannerTable {
    name: String,
    source: Network,
    #[serde(default)]
    targets: Vec<Network>,
    #[serde(default)]
    ports: Vec<Ports>,
    until: Option<Instant>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DetectionTable {
    alpha: Option<Alpha>,
    silence: Option<Span>,
    quiet: Option<Span>,
    stale_after: Option<Span>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    flows: Option<Size>,
    sources: Option<Size>,
    trails: Option<Size>,
    services: Option<Size>,
    probes: Option<Size>,
    incidents: Option<Size>,
}

impl SettingsFile {
    /// Lays the file over `settings`.
    pub(super) fn apply(self, all: &mut super::Settings) {
        self.watch.apply(&mut all.watch);
        self.curtail.apply(&mut all.curtail);
        set(&mut all.hooks, self.hooks.map(|hooks| hooks.0));
        let settings = &mut all.detection;
        set(&mut settings.home, self.home.map(networks));
        set(&mut settings.dark, self.dark.map(networks));
        set(&mut settings.friends, self.friends.map(networks));
        set(&mut settings.services, self.services.map(declared));
        set(&mut settings.reserved, self.reserved.map(declared));
        let scanners = |tables: Vec<ScannerTable>| tables.into_iter().map(scanner).collect();
        set(&mut settings.scanners, self.scanners.map(scanners));
        let detection = self.detection;
        set(&mut settings.alpha, detection.alpha.map(|alpha| alpha.0));
        set(&mut settings.silence, detection.silence.map(|span| span.0));
        set(&mut settings.quiet, detection.quiet.map(|span| span.0));
        set(&mut settings.stale_after, detection.stale_after.map(|span| span.0));
        self.limits.apply(&mut settings.limits);
        set(&mut settings.replay, self.replay.map(ReplayTable::into_replay));
    }
}

impl WatchTable {
    fn apply(self, watch: &mut Watch) {
        set(&mut watch.interfaces, self.interfaces);
        set(&mut watch.admin_ports, self.admin_ports.map(ports));
        set(&mut watch.admin_after, self.admin_after.map(|span| span.0));
        set(&mut watch.state, self.state.map(|folder| folder.0));
        set(&mut watch.record, self.record);
        set(&mut watch.record_size, self.record_size.map(|size| size.0));
        set(&mut watch.metrics, self.metrics.map(|metrics| metrics.0));
    }
}

impl CurtailTable {
    fn apply(self, curtail: &mut Curtail) {
        set(&mut curtail.mode, self.mode);
        set(&mut curtail.lengths, self.lengths.map(|lengths| lengths.0));
        set(&mut curtail.most, self.most.map(|size| size.0));
        set(&mut curtail.per_minute, self.per_minute.map(|size| size.0));
        set(&mut curtail.slow_per_minute, self.slow_per_minute.map(|size| size.0));
        set(&mut curtail.xdp, self.xdp);
        set(&mut curtail.challenge, self.challenge);
    }
}

impl LimitsTable {
    fn apply(self, limits: &mut Limits) {
        set(&mut limits.flows, self.flows.map(|size| size.0));
        set(&mut limits.sources, self.sources.map(|size| size.0));
        set(&mut limits.trails, self.trails.map(|size| size.0));
        set(&mut limits.services, self.services.map(|size| size.0));
        set(&mut limits.probes, self.probes.map(|size| size.0));
        set(&mut limits.incidents, self.incidents.map(|size| size.0));
    }
}

fn set<T>(value: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *value = new;
    }
}

fn networks(networks: Vec<Network>) -> Vec<Prefix> {
    networks.into_iter().map(|network| network.0).collect()
}

fn ports(ports: Vec<Ports>) -> Vec<PortRange> {
    ports.into_iter().map(|ports| ports.0).collect()
}

/// One entry for each protocol that a table names.
fn declared(tables: Vec<ServiceTable>) -> Vec<Declared> {
    let of_table = |table: ServiceTable| {
        let hosts = table.hosts.0;
        [(Protocol::Tcp, table.tcp), (Protocol::Udp, table.udp), (Protocol::Sctp, table.sctp)]
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .map(move |(protocol, list)| Declared { hosts, protocol, ports: ports(list) })
    };
    tables.into_iter().flat_map(of_table).collect()
}

fn scanner(table: ScannerTable) -> Scanner {
    Scanner {
        name: table.name,
        source: table.source.0,
        targets: networks(table.targets),
        ports: ports(table.ports),
        until: table.until.map(|until| until.0),
    }
}

/// A network or a single address.
#[derive(Debug)]
pub(super) struct Network(pub(super) Prefix);

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// A port or a range; as text, or a single port as a number.
#[derive(Debug)]
struct Ports(PortRange);

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PortVisitor;
        impl Visitor<'_> for PortVisitor {
            type Value = Ports;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port such as \"21\" or a range such as \"6881-6889\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Ports, E> {
                text.parse().map(Ports).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Ports, E> {
                let port = u16::try_from(number)
                    .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))?;
                Ok(Ports(PortRange { first: port, last: port }))
            }
        }
        deserializer.deserialize_any(PortVisitor)
    }
}

/// An address with its port, or nothing.
#[derive(Debug)]
struct Metrics(Option<SocketAddr>);

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        let problem = format!("`{text}` is no address; write 127.0.0.1:9717, or \"\" for none");
        text.parse().map(|address| Self(Some(address))).map_err(|_| D::Error::custom(problem))
    }
}

/// A folder.
#[derive(Debug)]
struct Folder(PathBuf);

impl<'de> Deserialize<'de> for Folder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = PathBuf::deserialize(deserializer)?;
        if path.as_os_str().is_empty() {
            return Err(D::Error::custom("it names no folder; write \"/var/lib/tripline\""));
        }
        Ok(Self(path))
    }
}

/// The bound on false alerts.
#[derive(Debug)]
struct Alpha(f64);

impl<'de> Deserialize<'de> for Alpha {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let alpha = f64::deserialize(deserializer)?;
        if alpha > 0.0 && alpha < 1.0 {
            return Ok(Self(alpha));
        }
        let problem = "alpha is a probability between 0 and 1; write 1e-5 for one in 100,000";
        Err(D::Error::custom(problem))
    }
}

/// A number of table entries.
#[derive(Debug)]
struct Size(usize);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let size = i64::deserialize(deserializer)?;
        // More than 2^31 entries of any table would be hundreds of gigabytes: a slip of the pen.
        if (1..=1 << 31).contains(&size) {
            return Ok(Self(size as usize));
        }
        let problem =
            format!("{size} is too small or too large; write a number from 1 to 2147483648");
        Err(D::Error::custom(problem))
    }
}

/// A length of time, written like `5m`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_span(text).map(Self).ok_or_else(|| {
            format!("`{text}` is no length of time; write 500ms, 5s, 10m, 1h or 30d")
        })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Reads `500ms`, `5s`, `10m`, `1h`, `30d`; more than nothing and at most 100 years.
fn parse_span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let millis_per_unit = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(millis_per_unit)?;
    (1..=36_500 * 86_400_000).contains(&millis).then(|| Duration::from_millis(millis))
}

/// Lengths of curtailments: one at least, none above a week.
#[derive(Debug)]
struct Lengths(Vec<Duration>);

impl<'de> Deserialize<'de> for Lengths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const WEEK: Duration = Duration::from_secs(7 * 86_400);
        let lengths: Vec<Duration> =
            Vec::<Span>::deserialize(deserializer)?.into_iter().map(|span| span.0).collect();
        if lengths.is_empty() || lengths.iter().any(|length| *length > WEEK) {
            return Err(D::Error::custom("one length at least, and none above a week (`7d`)"));
        }
        Ok(Self(lengths))
    }
}

/// A point in time, as text or as a TOML date and time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instant(pub(super) Timestamp);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            toml::Value::Datetime(time) => time.to_string(),
            other => other.to_string(),
        };
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, millis) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("10m", 600_000),
            ("10 min", 600_000),
            ("1h", 3_600_000),
            ("30d", 2_592_000_000),
        ] {
            assert_eq!(parse_span(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "-5s", "5 weeks", "0s", "99999999999999999999d", "40000d"] {
            assert_eq!(parse_span(text), None, "{text}");
        }
    }
}
