//! Makes the first inputs of the targets: `make-seeds REPOSITORY FOLDER` reads the recorded and the
//! hostile captures of the repository and writes `FOLDER/<target>/<name>`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
// Instrumented code calls into it, although nothing is fuzzed here.
use libfuzzer_sys as _;
use tripline_capture::CaptureFile;
use tripline_fuzz::{Script, ScriptWriter};
use tripline_packet::{Decoder, Duration, Frame, LinkType, Timestamp};

/// A capture above this many bytes is no seed as a file: small inputs find more.
const LONGEST_FILE: usize = 4 << 10;
/// Frames of a capture that go into a script. The verdict on a sweep needs about five probes.
const FRAMES: usize = 32;
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
    }
    for path in files(&repository.join("fuzz/seeds/settings"))? {
        seed(
            &corpus.join("settings").join(path.file_name().unwrap_or_default()),
            &fs::read(&path)?,
        )?;
    }
    seed(&corpus.join("settings/default.toml"), tripline::settings::DEFAULT_TOML.as_bytes())?;
    hand_made(&repository.join("fuzz/seeds/frames.txt"), corpus)?;
    for path in captures(repository)? {
        from_capture(&path, corpus).with_context(|| format!("seeds of {}", path.display()))?;
    }
    Ok(())
}

/// Scripts of the frames that somebody wrote down.
fn hand_made(list: &Path, corpus: &Path) -> Result<()> {
    let text = fs::read_to_string(list).with_context(|| format!("read {}", list.display()))?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let name_of = |line: &&str| line.split(' ').next().map(str::to_owned);
    let lines: Vec<&str> = lines.collect();
    for script in lines.chunk_by(|one, next| name_of(one) == name_of(next)) {
        let name = name_of(&script[0]).unwrap_or_default();
        let bytes = written(script).with_context(|| format!("`{name}` of {}", list.display()))?;
        let mut decoder = Decoder::new();
        if !Script::new(&bytes).any(|frame| matches!(decoder.decode(&frame), Ok(Some(_)))) {
            bail!("`{name}` of {} gives no packet", list.display());
        }
        scripted(&name, &bytes, corpus)?;
    }
    Ok(())
}

/// The script of lines `name link-type hex`.
fn written(lines: &[&str]) -> Result<Vec<u8>> {
    let mut writer = None;
    for (at, line) in lines.iter().enumerate() {
        let [_, link, hex] = line.split(' ').collect::<Vec<_>>()[..] else {
            bail!("`{line}` is not `name link-type hex`");
        };
        let link = LinkType::from_number(link.parse()?);
        if writer.is_none() {
            writer = ScriptWriter::new(link);
        }
        let data = unhex(hex).with_context(|| format!("`{hex}` is not hex"))?;
        let time = Timestamp::EPOCH + Duration::from_millis(at as u64);
        let frame = Frame { time, link, wire_len: data.len() as u32, data: &data };
        writer.as_mut().context("scripts have no such link type")?.add(&frame, data.len());
    }
    Ok(writer.context("no frames")?.into_bytes())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2).map(|at| text.get(at..at + 2));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

fn seed(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
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
        scripted(&name, &script, corpus)?;
    }
    Ok(())
}

/// A script as input of the decoder, and with several settings as input of the engine.
fn scripted(name: &str, script: &[u8], corpus: &Path) -> Result<()> {
    seed(&corpus.join("decode").join(name), script)?;
    // Home guessed; home and services declared, each update told; small tables and short times.
    for choice in [0x02, 0x85, 0x71] {
        let chosen = [&[choice], script].concat();
        seed(&corpus.join("engine").join(format!("{choice:02x}-{name}")), &chosen)?;
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
