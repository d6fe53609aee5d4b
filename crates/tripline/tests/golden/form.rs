//! The form of `case.toml`.

use serde::Deserialize;
use tripline_core::Technique;

/// A case. What is under `[record]` is for the command that records it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Form {
    #[expect(dead_code, reason = "for people")]
    pub(crate) title: String,
    #[expect(dead_code, reason = "for people")]
    pub(crate) origin: String,
    #[expect(dead_code, reason = "for the recorder")]
    pub(crate) record: Option<toml::Table>,
    /// As in a settings file.
    #[serde(default)]
    pub(crate) settings: toml::Table,
    pub(crate) expect: Expect,
}

/// What is expected; nothing at all means silence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    #[serde(default, rename = "incident")]
    pub(crate) incidents: Vec<ExpectedIncident>,
    #[serde(default)]
    pub(crate) probes: ExpectedProbes,
}

/// One incident. What is absent may be anything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedIncident {
    /// `sweep` is also met by `follow_up`.
    pub(crate) verdict: String,
    /// Whoever is reported must be among these.
    pub(crate) sources: Vec<String>,
    pub(crate) shape: Option<String>,
    /// All of these must be reported; a single one must be the first.
    #[serde(default)]
    pub(crate) techniques: Vec<Technique>,
    pub(crate) tool: Option<String>,
    pub(crate) ports: Option<u64>,
    pub(crate) hosts: Option<u64>,
    /// Attempts to the verdict at most.
    pub(crate) max_attempts: Option<u32>,
    /// Services that must be among those found.
    #[serde(default)]
    pub(crate) found: Vec<String>,
    /// It need not be reported.
    #[serde(default)]
    pub(crate) optional: bool,
}

/// Single probes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedProbes {
    /// Signatures that must be reported, inside or outside of an incident.
    #[serde(default)]
    pub(crate) contains: Vec<String>,
    /// Probes outside of incidents at most.
    pub(crate) max: Option<u64>,
}
