//! The folder of recordings: files of each incident, bounded in total, the oldest incident first to go.
//!
//! ```text
//! I-4f2a91c07d-001.pcapng  I-4f2a91c07d-002.pcapng  I-4f2a91c07d.toml
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    most: u64,
    recordings: BTreeMap<String, Sizes>,
    /// Counts up with each use: who has the least was used the longest ago.
    clock: u64,
}

/// The files of a recording and their sizes.
#[derive(Debug, Default)]
struct Sizes {
    used: u64,
    files: BTreeMap<String, u64>,
}

/// What a file takes up at least. So many small ones cannot fill a disk unseen.
const LEAST: u64 = 4_096;

impl Shelf {
    /// Takes up what is in the folder, which is made if it is not there.
    pub(super) fn open(folder: &Path, most: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(recording) = recording_of(&name) else {
                continue;
            };
            let about = entry.metadata()?;
            let time = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            found.push((time, recording.to_owned(), name, about.len()));
        }
        found.sort();
        let (folder, recordings) = (folder.to_owned(), BTreeMap::new());
        let mut shelf = Self { folder, most, recordings, clock: 0 };
        for (_, recording, name, size) in found {
            shelf.set(&recording, &name, size);
        }
        Ok(shelf)
    }

    /// The way to a file.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether there is anything of a recording.
    pub(super) fn has(&self, recording: &str) -> bool {
        self.recordings.contains_key(recording)
    }

    /// The size of a file.
    pub(super) fn size(&self, recording: &str, name: &str) -> u64 {
        let sizes = self.recordings.get(recording);
        sizes.and_then(|sizes| sizes.files.get(name)).copied().unwrap_or_default()
    }

    /// Notes the size of a file.
    pub(super) fn set(&mut self, recording: &str, name: &str, size: u64) {
        self.clock += 1;
        let sizes = self.recordings.entry(recording.to_owned()).or_default();
        sizes.used = self.clock;
        sizes.files.insert(name.to_owned(), size);
    }

    /// Makes room for so many bytes of a recording: those that were used the longest ago go. Tells
    /// whether there is room.
    ///
    /// # Errors
    /// A file cannot be deleted.
    pub(super) fn make_room(&mut self, recording: &str, bytes: u64) -> io::Result<bool> {
        let mut total = self.total();
        while total + bytes > self.most {
            let others = self.recordings.iter().filter(|(name, _)| *name != recording);
            let Some(oldest) = others.min_by_key(|(_, sizes)| sizes.used) else {
                return Ok(false);
            };
            let name = oldest.0.clone();
            total -= oldest.1.taken();
            self.delete(&name)?;
        }
        Ok(true)
    }

    /// Bytes that all recordings take up.
    fn total(&self) -> u64 {
        self.recordings.values().map(Sizes::taken).sum()
    }

    fn delete(&mut self, recording: &str) -> io::Result<()> {
        let Some(sizes) = self.recordings.remove(recording) else {
            return Ok(());
        };
        for name in sizes.files.keys() {
            match fs::remove_file(self.path(name)) {
                // Somebody was faster.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Sizes {
    fn taken(&self) -> u64 {
        self.files.values().map(|size| size.next_multiple_of(LEAST).max(LEAST)).sum()
    }
}

/// The file of a part; parts count from 1.
pub(super) fn part_name(recording: &str, part: u32) -> String {
    format!("{recording}-{part:03}.pcapng")
}

/// The file of the settings that a recording is replayed with.
pub(super) fn settings_name(recording: &str) -> String {
    format!("{recording}.toml")
}

/// The recording that a file belongs to; `None`: it is not ours, and not ours to delete.
fn recording_of(name: &str) -> Option<&str> {
    let (stem, end) = name.rsplit_once('.')?;
    let id = match end {
        "toml" => stem,
        "pcapng" => {
            let (id, part) = stem.rsplit_once('-')?;
            part.bytes().all(|digit| digit.is_ascii_digit()).then_some(id)?
        }
        _ => return None,
    };
    let digits = id.strip_prefix("I-")?;
    let is_id = digits.len() == 10 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_id.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_recordings_are_ours() {
        assert_eq!(recording_of("I-4f2a91c07d-001.pcapng"), Some("I-4f2a91c07d"));
        assert_eq!(recording_of("I-4f2a91c07d-12345.pcapng"), Some("I-4f2a91c07d"));
        assert_eq!(recording_of("I-4f2a91c07d.toml"), Some("I-4f2a91c07d"));
        for other in
            ["I-4f2a91c07d.pcapng", "notes.toml", "I-x-001.pcapng", "I-4f2a91c07d", ".toml"]
        {
            assert_eq!(recording_of(other), None, "{other}");
        }
    }
}
