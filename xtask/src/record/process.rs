//! Processes inside the lab, stopped by their id.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How a command ended.
pub(super) enum Finished {
    Success,
    Failure,
    TimedOut,
}

/// A shell command that runs on a host of the lab, in a process group of its own.
pub(super) struct Job {
    child: Child,
    /// What it printed, both streams.
    pub(super) log: PathBuf,
}

impl Job {
    /// Starts `command` with bash in a namespace, in the working folder; `$LAB` is the folder of
    /// the lab's own scripts. The log is named after `host`.
    pub(super) fn start(namespace: &str, host: &str, command: &str, work: &Path) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let log = work.join(format!("{number:02}-{host}.log"));
        let out = File::create(&log)?;
        let child = Command::new("ip")
            .args(["netns", "exec", namespace, "bash", "-c", command])
            .current_dir(work)
            .env("LAB", super::root().join("xtask/lab"))
            .env("HOME", work)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start `{command}`"))?;
        Ok(Self { child, log })
    }

    /// Waits for its end, at most until `deadline`; then it is stopped.
    pub(super) fn wait_until(mut self, deadline: Instant) -> Result<Finished> {
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(Finished::Success),
                Some(_) => return Ok(Finished::Failure),
                None if Instant::now() > deadline => break,
                None => sleep(Duration::from_millis(20)),
            }
        }
        self.stop();
        Ok(Finished::TimedOut)
    }

    /// Has it ended by itself?
    pub(super) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Ends the whole group: politely, and after two seconds by force.
    pub(super) fn stop(mut self) {
        let group = format!("-{}", self.child.id());
        for signal in ["-TERM", "-KILL"] {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            kill(signal, &group);
            for _ in 0..100 {
                if matches!(self.child.try_wait(), Ok(Some(_))) {
                    return;
                }
                sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Sends `signal` to one process, or to a group when `target` begins with `-`.
pub(super) fn kill(signal: &str, target: &str) {
    // a process that is gone already is what we wanted
    let _gone = Command::new("kill").args([signal, "--", target]).stderr(Stdio::null()).status();
}
