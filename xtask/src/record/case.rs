//! The form of `case.toml`, its list and its check.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::{lab, servers};

/// The names that a case's input may have.
pub(super) const INPUT_NAMES: [&str; 3] = ["input.pcap", "input.pcap.zst", "input.pcap.gz"];
/// Captures above this size (bytes) are stored compressed.
pub(super) const UNCOMPRESSED_LIMIT: u64 = 60_000;
/// Bound of one input, in bytes.
const INPUT_LIMIT: u64 = 400_000;
/// Bound of all inputs together, in bytes.
const TOTAL_LIMIT: u64 = 6_000_000;

const VERDICTS: [&str; 7] =
    ["sweep", "follow_up", "flood", "backscatter", "outage", "stale_client", "authorised"];
const SHAPES: [&str; 4] = ["vertical", "horizontal", "block", "distributed"];
const TECHNIQUES: [&str; 15] = [
    "syn",
    "connect",
    "fin",
    "null",
    "xmas",
    "syn_fin",
    "ack",
    "window",
    "maimon",
    "udp",
    "sctp",
    "icmp",
    "arp",
    "nd",
    "ip_protocol",
];
const STRAY: &str = "stray";

/// One golden case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    #[serde(skip)]
    pub(super) name: String,
    title: String,
    origin: String,
    pub(super) record: Record,
    #[serde(default)]
    settings: toml::Table,
    expect: Expect,
}

/// What it takes to record the input again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// Which lab, see [`lab::Lab::build`].
    pub(super) lab: String,
    /// Servers as `NAME` (on `main`) or `NAME@HOST`.
    #[serde(default)]
    pub(super) servers: Vec<String>,
    /// Seconds after which a recording is given up.
    pub(super) timeout: u64,
    /// Where tcpdump listens, `HOST:INTERFACE`; the lab's default tap when absent.
    pub(super) tap: Option<String>,
    /// Bytes kept of a packet.
    #[serde(default = "whole_packets")]
    pub(super) snaplen: u32,
    /// Capture filter in the language of pcap-filter(7).
    #[serde(default)]
    pub(super) filter: String,
    /// Commands, in order.
    pub(super) run: Vec<Run>,
}

/// One command of a recording.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    /// Where it runs.
    pub(super) host: String,
    /// What bash executes.
    pub(super) command: String,
    /// Goes on while the next commands run; stopped at the end.
    #[serde(default)]
    pub(super) background: bool,
    /// Runs before the capture is switched on.
    #[serde(default)]
    pub(super) before_capture: bool,
    /// Its exit code is no matter (a client that is meant to fail).
    #[serde(default)]
    pub(super) may_fail: bool,
}

/// The truth.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    #[serde(default)]
    incident: Vec<Incident>,
    probes: Option<Probes>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incident {
    verdict: String,
    sources: Vec<IpAddr>,
    shape: Option<String>,
    #[serde(default)]
    techniques: Vec<String>,
    #[serde(rename = "tool")]
    _tool: Option<String>,
    ports: Option<u32>,
    hosts: Option<u32>,
    max_attempts: Option<u32>,
    #[serde(default)]
    found: Vec<String>,
    #[serde(default)]
    optional: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probes {
    #[serde(default)]
    contains: Vec<String>,
    #[serde(rename = "max")]
    _max: Option<u32>,
}

fn whole_packets() -> u32 {
    262_144
}

impl Case {
    /// Reads the case in `folder`.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("case.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let mut case: Self = toml::from_str(&text).context("case.toml")?;
        let name = folder.file_name().unwrap_or_default();
        case.name = name.to_string_lossy().into_owned();
        Ok(case)
    }

    fn check(&self, folder: &Path) -> Result<u64> {
        ensure!(
            self.name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')),
            "the folder's name may hold lower-case letters, digits and hyphens only"
        );
        ensure!(!self.title.is_empty() && !self.origin.is_empty(), "title or origin is empty");
        ensure!(
            self.settings.values().all(|value| !value.to_string().is_empty()),
            "an empty setting"
        );
        self.record.check()?;
        for incident in &self.expect.incident {
            incident.check()?;
        }
        for name in self.expect.probes.iter().flat_map(|probes| &probes.contains) {
            ensure!(name.contains("_Probe_"), "`{name}` is no signature of a single probe");
        }
        let readme = fs::read_to_string(folder.join("README.md")).context("README.md")?;
        ensure!(readme.len() > 80, "README.md says too little");
        input_size(folder)
    }

    /// The verdicts that must come, in short; `silent` when none must.
    fn verdicts(&self) -> String {
        let required = self.expect.incident.iter().filter(|incident| !incident.optional);
        let names: BTreeSet<&str> = required.map(|incident| incident.verdict.as_str()).collect();
        if names.is_empty() {
            return "silent".into();
        }
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

impl Record {
    fn check(&self) -> Result<()> {
        lab::check_name(&self.lab)?;
        for server in &self.servers {
            servers::find(server)?;
        }
        ensure!(!self.run.is_empty(), "no command to run");
        for run in &self.run {
            lab::check_host(&self.lab, &run.host)?;
        }
        ensure!(self.timeout > 0 && self.snaplen > 0, "timeout and snaplen must be positive");
        Ok(())
    }
}

impl Incident {
    fn check(&self) -> Result<()> {
        one_of(&self.verdict, &VERDICTS, "verdict")?;
        if let Some(shape) = &self.shape {
            one_of(shape, &SHAPES, "shape")?;
        }
        for technique in self.techniques.iter().filter(|name| *name != STRAY) {
            one_of(technique, &TECHNIQUES, "technique")?;
        }
        ensure!(
            !self.sources.is_empty() || self.optional || self.verdict != "sweep",
            "a sweep needs its sources"
        );
        ensure!(
            self.max_attempts.is_none_or(|most| (1..=5).contains(&most)),
            "max_attempts is above the bar of five"
        );
        ensure!(self.ports != Some(0) && self.hosts != Some(0), "ports and hosts count from one");
        for service in &self.found {
            let (address, protocol) = service.rsplit_once('/').unwrap_or_default();
            ensure!(
                address.contains(':') && ["tcp", "udp", "sctp"].contains(&protocol),
                "`{service}`: write a found service as ADDRESS:PORT/PROTOCOL"
            );
        }
        Ok(())
    }
}

fn one_of(value: &str, known: &[&str], what: &str) -> Result<()> {
    ensure!(known.contains(&value), "unknown {what} `{value}`; known: {}", known.join(", "));
    Ok(())
}

/// The size of the one input of a case, after a look at its first bytes.
fn input_size(folder: &Path) -> Result<u64> {
    let found: Vec<PathBuf> =
        INPUT_NAMES.iter().map(|name| folder.join(name)).filter(|path| path.exists()).collect();
    let [input] = found.as_slice() else {
        bail!("{} inputs instead of one of {}", found.len(), INPUT_NAMES.join(", "));
    };
    let bytes = fs::read(input)?;
    let start = bytes.get(..4).unwrap_or_default();
    let right = match input.extension().and_then(|extension| extension.to_str()) {
        Some("zst") => start == [0x28, 0xb5, 0x2f, 0xfd],
        Some("gz") => start.starts_with(&[0x1f, 0x8b]),
        _ => start == [0xd4, 0xc3, 0xb2, 0xa1] && bytes.len() as u64 <= UNCOMPRESSED_LIMIT,
    };
    ensure!(right, "{} is not a capture of its kind, or too large for it", input.display());
    let size = bytes.len() as u64;
    ensure!(size <= INPUT_LIMIT, "the input of {size} bytes is above {INPUT_LIMIT}");
    Ok(size)
}

/// All case folders, by name.
fn folders(cases: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(cases).with_context(|| format!("read {}", cases.display()))?;
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Prints name, required verdicts and title of each case.
pub(super) fn list(cases: &Path) -> Result<()> {
    for folder in folders(cases)? {
        let case = Case::load(&folder).with_context(|| folder.display().to_string())?;
        println!("{:<32} {:<10} {}", case.name, case.verdicts(), case.title);
    }
    Ok(())
}

/// Checks all cases and tells every fault, not only the first.
pub(super) fn check(cases: &Path) -> Result<()> {
    let mut faults = Vec::new();
    let (mut count, mut silent, mut total) = (0, 0, 0);
    for folder in folders(cases)? {
        let checked = Case::load(&folder).and_then(|case| Ok((case.check(&folder)?, case)));
        match checked {
            Ok((size, case)) => {
                count += 1;
                silent += usize::from(case.verdicts() == "silent");
                total += size;
            }
            Err(error) => faults.push(format!("{}: {error:#}", folder.display())),
        }
    }
    if total > TOTAL_LIMIT {
        faults.push(format!("all inputs together have {total} bytes, above {TOTAL_LIMIT}"));
    }
    ensure!(faults.is_empty(), "{} faulty cases:\n{}", faults.len(), faults.join("\n"));
    println!("{count} cases ({silent} silent), {total} bytes: complete");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        title = "t"
        origin = "o"
        [record]
        lab = "routed"
        servers = ["sshd", "nginx@web"]
        timeout = 5
        [[record.run]]
        host = "scanner"
        command = "true"
        [expect]
        [[expect.incident]]
        verdict = "sweep"
        sources = ["2001:db8:66::66"]
        shape = "vertical"
        techniques = ["syn", "stray"]
        max_attempts = 5
        found = ["[2001:db8:1::10]:22/tcp"]
    "#;

    fn fault(text: &str) -> String {
        let case: Case = match toml::from_str(text) {
            Ok(case) => case,
            Err(error) => return error.to_string(),
        };
        let checked = case
            .record
            .check()
            .and_then(|()| case.expect.incident.iter().try_for_each(Incident::check));
        checked.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_good_case_has_no_fault() {
        assert_eq!(fault(GOOD), "");
    }

    #[test]
    fn each_fault_is_named() {
        for (good, bad, message) in [
            ("sweep", "swept", "unknown verdict `swept`"),
            ("vertical", "upright", "unknown shape `upright`"),
            ("stray", "loud", "unknown technique `loud`"),
            ("routed", "moon", "unknown lab `moon`"),
            ("scanner", "nobody", "no host `nobody`"),
            ("nginx@web", "gopherd", "unknown server `gopherd`"),
            ("max_attempts = 5", "max_attempts = 50", "above the bar"),
            ("::10]:22/tcp", "::10]:22", "ADDRESS:PORT/PROTOCOL"),
            ("timeout = 5", "timeout = 5\ncolour = 1", "unknown field `colour`"),
        ] {
            let found = fault(&GOOD.replace(good, bad));
            assert!(found.contains(message), "`{bad}` gives `{found}`");
        }
    }

    #[test]
    fn a_case_without_required_incident_is_silent() {
        let optional = GOOD.replace("max_attempts = 5", "optional = true");
        let case: Case = toml::from_str(&optional).unwrap();
        assert_eq!(case.verdicts(), "silent");
        let case: Case = toml::from_str(GOOD).unwrap();
        assert_eq!(case.verdicts(), "sweep");
    }
}
