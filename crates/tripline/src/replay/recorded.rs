//! What `tripline watch --record` kept: captures of what incidents touched, and beside each what the
//! sensor knew.
//!
//! Whom nobody told of was not recorded. So it can be known which incidents other settings would lose
//! or change, and not which they would gain among sources that were silent then; nor of incidents
//! whose frames are gone.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tripline_core::settings::{Declared, Settings as Detection};
use tripline_packet::{Prefix, Timestamp};

use crate::record::FOLDER;
use crate::settings;

/// See the module documentation.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The captures, the earliest first.
    pub captures: Vec<PathBuf>,
    /// What was home.
    home: Vec<Prefix>,
    /// What the touched hosts offered.
    offered: Vec<Declared>,
}

impl Recorded {
    /// Looks for what was recorded since then, in a sensor's folder.
    ///
    /// # Errors
    /// There is nothing, or it cannot be read.
    pub fn find(state: &Path, since: Timestamp) -> Result<Self> {
        let folder = state.join(FOLDER);
        let captures = captures(&folder, since)?;
        if captures.is_empty() {
            bail!(
                "no recordings of that time in {}: `tripline watch --record` keeps them; or name captures",
                folder.display()
            );
        }
        let mut recorded = Self { captures, ..Self::default() };
        for capture in recorded.captures.clone() {
            let sidecar = capture.with_extension("toml");
            if sidecar.exists() {
                recorded.know(settings::read(&sidecar)?.detection);
            }
        }
        Ok(recorded)
    }

    fn know(&mut self, known: Detection) {
        // The latest is right about what is home; what was offered once may still be meant.
        if !known.home.is_empty() {
            self.home = known.home;
        }
        for declared in known.services {
            if !self.offered.contains(&declared) {
                self.offered.push(declared);
            }
        }
    }

    /// Settings with what the sensor knew. What they say themselves of a host's services goes first.
    pub fn complete(&self, settings: &mut Detection) {
        if settings.home.is_empty() {
            settings.home.clone_from(&self.home);
        }
        let declared = std::mem::take(&mut settings.services);
        let is_silent = |known: &&Declared| {
            let speaks = |of: &Declared| {
                of.protocol == known.protocol && of.hosts.contains(known.hosts.addr())
            };
            !declared.iter().any(speaks)
        };
        settings.services = self.offered.iter().filter(is_silent).cloned().collect();
        settings.services.extend(declared);
    }
}

/// Captures that may have frames of that time: the names begin with the time of the first frame, and
/// one ends where the next one begins.
fn captures(folder: &Path, since: Timestamp) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot read the folder {}", folder.display()));
        }
    };
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.extension().is_some_and(|kind| kind == "pcap") {
            found.push(path);
        }
    }
    found.sort();
    // Without colons, which file systems do not like.
    let since = since.to_string().replace(':', "-");
    let begins_later = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().as_ref() > since.as_str())
    };
    let later = found.iter().position(begins_later).unwrap_or(found.len());
    Ok(found.split_off(later.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_goes_on_until_the_next_one_begins() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["2026-11-01T00-00-00.5Z", "2026-11-02T00-00-00.5Z", "2026-11-03T00-00-00.5Z"];
        for name in names {
            fs::write(folder.path().join(format!("{name}.pcap")), "").unwrap();
            fs::write(folder.path().join(format!("{name}.toml")), "").unwrap();
        }
        for (since, count) in [
            ("2026-10-01T00:00:00Z", 3),
            ("2026-11-01T12:00:00Z", 3),
            ("2026-11-02T12:00:00Z", 2),
            ("2026-11-04T00:00:00Z", 1),
        ] {
            let found = captures(folder.path(), since.parse().unwrap()).unwrap();
            assert_eq!(found.len(), count, "{since}");
        }
        let error = Recorded::find(folder.path(), Timestamp::EPOCH).unwrap_err().to_string();
        assert!(error.contains("watch --record"), "{error}");
    }

    #[test]
    fn what_settings_say_goes_before_what_was_known() {
        let known = "home = [\"192.0.2.0/24\"]\n\
             [[services]]\nhosts = \"192.0.2.10\"\ntcp = [22, 80]\nudp = [53]\n\
             [[services]]\nhosts = \"192.0.2.11\"\ntcp = [25]\n";
        let mut recorded = Recorded::default();
        recorded.know(settings::parse(known, "known").unwrap().detection);
        let own = "[[services]]\nhosts = \"192.0.2.10\"\ntcp = [443]\n";
        let mut own = settings::parse(own, "own").unwrap().detection;
        recorded.complete(&mut own);
        assert_eq!(own.home, recorded.home);
        let all: Vec<String> = own
            .services
            .iter()
            .flat_map(|of| {
                of.ports.iter().map(|ports| format!("{} {} {ports}", of.hosts.short(), of.protocol))
            })
            .collect();
        assert_eq!(all, ["192.0.2.10 udp 53", "192.0.2.11 tcp 25", "192.0.2.10 tcp 443"]);
    }
}
