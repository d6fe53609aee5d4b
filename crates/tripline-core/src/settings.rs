//! Settings of the detector, as values. Reading them from a file is the driver's work.

use tripline_packet::{Duration, Prefix, Timestamp};

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
        }
    }
}
