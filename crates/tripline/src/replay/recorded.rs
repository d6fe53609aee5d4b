//! What `tripline watch --record` kept: captures of incidents, and beside each what the sensor knew.
//!
//! Whom nobody told of was not recorded. So it can be known which incidents other settings would lose
//! or change, and not which they would gain among sources that were silent then; nor what would become
//! of incidents whose frames are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tripline_core::settings::{Replay, Settings as Detection};
use tripline_packet::{Prefix, Timestamp};

use super::Update;
use crate::settings;
use crate::watch::record::FOLDER;

/// The recording of one incident.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The incident.
    pub id: String,
    /// Its captures, in order.
    pub captures: Vec<PathBuf>,
    /// What was home.
    home: Vec<Prefix>,
    /// What the frames do not show.
    replay: Replay,
}

/// Looks for what was recorded since then, in a sensor's folder.
///
/// # Errors
/// There is nothing, or it cannot be read.
pub fn find(state: &Path, since: Timestamp) -> Result<Vec<Recording>> {
    let folder = state.join(FOLDER);
    let mut found = Vec::new();
    for (id, captures) in captures(&folder, since)? {
        let beside = folder.join(format!("{id}.toml"));
        let known = settings::read(&beside)?.detection;
        found.push(Recording { id, captures, home: known.home, replay: known.replay });
    }
    if found.is_empty() {
        bail!(
            "no recordings of that time in {}: `tripline watch --record` keeps them; or name captures",
            folder.display()
        );
    }
    Ok(found)
}

impl Recording {
    /// Settings with what the sensor knew besides.
    pub fn complete(&self, settings: &Detection) -> Detection {
        let mut settings = settings.clone();
        if settings.home.is_empty() {
            settings.home.clone_from(&self.home);
        }
        settings.replay.clone_from(&self.replay);
        settings
    }

    /// Networks that the sensor's machine was in.
    pub fn near(&self) -> &[Prefix] {
        &self.replay.near
    }
}

/// The captures of each recording that was still written then.
fn captures(folder: &Path, since: Timestamp) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let mut fresh = BTreeSet::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot read the folder {}", folder.display()));
        }
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        let path = entry.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        let is_part = path.extension().is_some_and(|kind| kind == "pcapng");
        let id = name.as_deref().and_then(|name| name.rsplit_once('-')).filter(|_| is_part);
        let Some((id, _)) = id else { continue };
        let written = entry.metadata().and_then(|about| about.modified());
        let written = written.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        // Frames are written after they were seen.
        if written.is_none_or(|written| Timestamp::EPOCH + written >= since) {
            fresh.insert(id.to_owned());
        }
        found.entry(id.to_owned()).or_default().push(path);
    }
    found.retain(|id, _| fresh.contains(id));
    for captures in found.values_mut() {
        captures.sort();
    }
    Ok(found)
}

/// What was told of several recordings, as if it had been one: an incident counts in its own recording,
/// else in the first that has it.
pub fn merge(told: Vec<(&Recording, Vec<Update>)>) -> Vec<Update> {
    let own: BTreeSet<String> = told.iter().map(|(recording, _)| recording.id.clone()).collect();
    let mut claimed: BTreeMap<String, String> = BTreeMap::new();
    let mut merged = Vec::new();
    for (recording, updates) in told {
        for update in updates {
            let id = &update.incident.id;
            let of = own.get(id).unwrap_or(&recording.id);
            if *claimed.entry(id.clone()).or_insert_with(|| of.clone()) == recording.id {
                merged.push(update);
            }
        }
    }
    merged.sort_by_key(|update| update.time);
    merged
}
