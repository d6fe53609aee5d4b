//! tcpdump at the tap, and what becomes of its file.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::case::{INPUT_NAMES, Record, UNCOMPRESSED_LIMIT};
use super::lab::Lab;
use super::process::kill;

/// A running tcpdump.
pub(super) struct Capture {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

/// What tcpdump says it saw.
pub(super) struct Counts {
    pub(super) packets: u64,
}

impl Capture {
    /// Starts tcpdump at the tap of `record` and waits until it listens.
    pub(super) fn start(record: &Record, lab: &Lab, file: &Path) -> Result<Self> {
        let tap = record.tap.as_deref().unwrap_or_else(|| lab.default_tap());
        let (host, interface) = tap
            .split_once(':')
            .with_context(|| format!("tap `{tap}`: write it as HOST:INTERFACE"))?;
        let mut child = Command::new("ip")
            .args(["netns", "exec", &lab.namespace(host)?, "tcpdump"])
            .args(["-i", interface, "-U", "-n", "-Z", "root", "-B", "8192"])
            .args(["--immediate-mode", "-s", &record.snaplen.to_string()])
            .arg("-w")
            .arg(file)
            .arg(&record.filter)
            .stderr(Stdio::piped())
            .spawn()
            .context("start tcpdump")?;
        let stderr = child.stderr.take().context("tcpdump without stderr")?;
        let mut stderr = BufReader::new(stderr);
        let mut line = String::new();
        while stderr.read_line(&mut line)? > 0 {
            if line.contains("listening on") {
                return Ok(Self { child, stderr });
            }
        }
        bail!("tcpdump did not start: {line}")
    }

    /// Stops tcpdump; an error when the kernel dropped packets, for then the capture is not whole.
    pub(super) fn stop(mut self) -> Result<Counts> {
        kill("-INT", &self.child.id().to_string());
        let mut packets = 0;
        for line in (&mut self.stderr).lines() {
            let line = line?;
            let number = line.split(' ').next().unwrap_or_default().parse().unwrap_or(0);
            if line.contains("captured") {
                packets = number;
            }
            ensure!(number == 0 || !line.contains("dropped"), "capture is not whole: {line}");
        }
        self.child.wait()?;
        ensure!(packets > 0, "nothing was captured");
        Ok(Counts { packets })
    }
}

/// Moves the capture into the case folder, compressed when it is large, in place of the old one.
pub(super) fn store(file: &Path, folder: &Path) -> Result<PathBuf> {
    let large = fs::metadata(file)?.len() > UNCOMPRESSED_LIMIT;
    for name in INPUT_NAMES {
        let old = folder.join(name);
        if old.exists() {
            fs::remove_file(old)?;
        }
    }
    let target = folder.join(if large { "input.pcap.zst" } else { "input.pcap" });
    if large {
        let status = Command::new("zstd")
            .args(["-q", "-19", "-f", "-o"])
            .args([&target, file])
            .status()
            .context("start zstd")?;
        ensure!(status.success(), "zstd failed");
    } else {
        fs::copy(file, &target)?;
    }
    Ok(target)
}
