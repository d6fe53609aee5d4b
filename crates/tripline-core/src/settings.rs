//! Settings of the detector, as values. Reading them from a file is the driver's work.

use tripline_packet::{Addr, Duration, Prefix, Timestamp};

use crate::catalog::PortRange;
use crate::service::Protocol;

/// Everything that an operator can set about detection.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The networks that are protected. Empty: the driver infers them ([`crate::home`]).
    pub home: Vec<Prefix>,
    /// Services that are offered. If any is declared for a host, all its others of the same
    /// protocol are unused.
    pub services: Vec<Declared>,
    /// Services that must never be used; an attempt at them is a probe even if something answers.
    pub reserved: Vec<Declared>,
    /// Networks where nobody lives.
    pub dark: Vec<Prefix>,
    /// Addresses that are never reported as sources of anything and never curtailed.
    pub friends: Vec<Prefix>,
    /// Scanners that are allowed to scan; reported as such.
    pub scanners: Vec<Scanner>,
    /// Bound on the chance that a benign source is ever called a sweep, 0 < alpha < 1.
    pub alpha: f64,
    /// How long an attempt may stay without an answer before it counts as silent.
    pub silence: Duration,
    /// How long a source must be quiet before its incident, or a single probe, is closed.
    pub quiet: Duration,
    /// How long a service that answered once stays offered.
    pub stale_after: Duration,
    /// Table sizes.
    pub limits: Limits,
    /// What a recording cannot show; nothing for other input.
    pub replay: Replay,
}

/// A declared service or reserved port of the hosts in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Whose.
    pub hosts: Prefix,
    /// Protocol.
    pub protocol: Protocol,
    /// Ports.
    pub ports: Vec<PortRange>,
}

/// What a recording cannot show with its frames, because it holds those of some parties only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// What the sensor knew of hosts from frames that are not in the recording.
    pub known: Vec<Known>,
    /// Networks that the sensor's own machine was in.
    pub near: Vec<Prefix>,
    /// The sensor watched at least until then, though the last frame may be older: what had no
    /// answer then was silent.
    pub until: Option<Timestamp>,
}

/// What a sensor knew of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The host.
    pub host: Addr,
    /// Since when it was seen to live; `None`: it was not.
    pub alive: Option<Timestamp>,
    /// Of an address of the sensor's own machine: what is listened on; `None`: another machine.
    pub listens: Option<Vec<(Protocol, u16)>>,
    /// What it was seen to offer.
    pub services: Vec<KnownService>,
}

impl Known {
    /// A host of which nothing is known yet.
    pub const fn of(host: Addr) -> Self {
        Self { host, alive: None, listens: None, services: Vec::new() }
    }
}

/// A service that was seen to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownService {
    /// Protocol.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// First answer.
    pub first: Timestamp,
    /// Last answer.
    pub last: Timestamp,
    /// Distinct sources that used it.
    pub clients: u64,
}

/// An authorised scanner and its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanner {
    /// Its name, for the report.
    pub name: String,
    /// Where it scans from.
    pub source: Prefix,
    /// Which networks it may scan; empty: all.
    pub targets: Vec<Prefix>,
    /// Which ports it may scan; empty: all.
    pub ports: Vec<PortRange>,
    /// Until when; `None`: without end.
    pub until: Option<Timestamp>,
}

/// Table sizes. Memory is fixed at start; these are the numbers of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Flows that are followed at a time (128 bytes each).
    pub flows: usize,
    /// Sources with evidence (48 bytes each).
    pub sources: usize,
    /// Sources whose evidence is kept step by step.
    pub trails: usize,
    /// Services and closed ports in the inventory.
    pub services: usize,
    /// Single probes that wait to be reported.
    pub probes: usize,
    /// Incidents that are open at a time.
    pub incidents: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows: 1 << 18,
            sources: 1 << 18,
            trails: 1 << 14,
            services: 1 << 17,
            probes: 1 << 14,
            incidents: 1 << 11,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            home: Vec::new(),
            services: Vec::new(),
            reserved: Vec::new(),
            dark: Vec::new(),
            friends: Vec::new(),
            scanners: Vec::new(),
            alpha: 1e-5,
            silence: Duration::from_secs(5),
            quiet: Duration::from_secs(3_600),
            stale_after: Duration::from_secs(30 * 86_400),
            limits: Limits::default(),
            replay: Replay::default(),
        }
    }
}
