//! Makes the first inputs of the targets: `make-seeds REPOSITORY FOLDER` reads the recorded and the
//! hostile captures of the repository and writes `FOLDER/<target>/<name>`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
// Instrumented code calls into it, although nothing is fuzzed here.
use libfuzzer_sys as _;
use tripline_capture::CaptureFile;
use tripline_fuzz::ScriptWriter;

/// A capture above this many bytes is no seed as a file: small inputs find more.
const LONGEST_FILE: usize = 4 << 10;
/// Frames of a capture that go into a script. The verdict on a sweep needs about five probes.
const FRAMES: usize = 48;
/// Bytes that are kept of a frame: all headers, and enough of FTP and DNS.
const FRAME: usize = 160;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [repository, corpus] = arguments.as_slice() else {
        bail!("give the folder of the repository and the one that the seeds go to");
    };
    for target in ["capture_file", "decode", "engine", "settings"] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        hand_made(&repository.join("fuzz/seeds").join(target), &folder)?;
    }
    seed(&corpus.join("settings/default"), tripline::settings::DEFAULT_TOML.as_bytes())?;
    for path in captures(repository)? {
        from_capture(&path, corpus).with_context(|| format!("seeds of {}", path.display()))?;
    }
    Ok(())
}

fn seed(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}

/// Copies the seeds of a target that somebody wrote, if there are any.
fn hand_made(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return Ok(());
    }
    for path in files(from)? {
        let name = path.file_name().context("a file without a name")?;
        fs::copy(&path, to.join(name)).with_context(|| format!("copy {}", path.display()))?;
    }
    Ok(())
}

fn captures(repository: &Path) -> Result<Vec<PathBuf>> {
    let mut all = files(&repository.join("tests/hostile"))?;
    for case in files(&repository.join("tests/cases"))? {
        if case.is_dir() {
            all.extend(files(&case)?);
        }
    }
    all.retain(|path| path.to_string_lossy().contains(".pcap"));
    Ok(all)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The capture as it is, if it is small, and its first frames as a script.
fn from_capture(path: &Path, corpus: &Path) -> Result<()> {
    let bytes = fs::read(path)?;
    let parts = path.components().rev().take(2).map(|part| part.as_os_str().to_string_lossy());
    let name = parts.collect::<Vec<_>>().join("-of-");
    if bytes.len() <= LONGEST_FILE {
        seed(&corpus.join("capture_file").join(&name), &bytes)?;
    }
    if let Some(script) = script(path) {
        seed(&corpus.join("decode").join(&name), &script)?;
        // Home guessed; home and services declared, each update told; small tables and short times.
        for choice in [0x02, 0x85, 0x71] {
            let chosen = [&[choice], script.as_slice()].concat();
            seed(&corpus.join("engine").join(format!("{choice:02x}-{name}")), &chosen)?;
        }
    }
    Ok(())
}

/// `None` if there is no frame to read: many hostile captures are meant to have none.
fn script(path: &Path) -> Option<Vec<u8>> {
    let mut file = CaptureFile::open(path).ok()?;
    let mut writer = None;
    for _ in 0..FRAMES {
        let Some(Ok(frame)) = file.next_frame() else {
            break;
        };
        if writer.is_none() {
            writer = Some(ScriptWriter::new(frame.link)?);
        }
        writer.as_mut()?.add(&frame, FRAME);
    }
    writer.map(ScriptWriter::into_bytes)
}
