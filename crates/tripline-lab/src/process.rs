//! Programs on machines.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What a program gave.
#[derive(Clone, Debug)]
pub struct Output {
    /// Whether it ended well.
    pub success: bool,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        Self {
            success: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A program that runs beside the test. It is ended when the job is dropped.
#[derive(Debug)]
pub struct Job {
    child: Child,
    said: Said,
}

/// What a program has said so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said(Arc<Mutex<String>>);

impl Said {
    /// Adds what can be read now; `false`: that was all.
    pub(crate) fn read_from(&self, mut stream: impl std::io::Read) -> bool {
        let mut buffer = [0; 4_096];
        let Ok(length @ 1..) = stream.read(&mut buffer) else {
            return false;
        };
        let text = String::from_utf8_lossy(&buffer[..length]);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
        true
    }
}

impl Job {
    /// Starts it; what it says, on either stream, is kept.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut job, said) = Self::of(command.spawn()?);
        let streams: [Option<Box<dyn std::io::Read + Send>>; 2] = [
            job.child.stdout.take().map(|stream| Box::new(stream) as _),
            job.child.stderr.take().map(|stream| Box::new(stream) as _),
        ];
        for mut stream in streams.into_iter().flatten() {
            let said = said.clone();
            thread::spawn(move || while said.read_from(&mut stream) {});
        }
        Ok(job)
    }

    /// A program that runs already, and where to put what it says.
    pub(crate) fn of(child: Child) -> (Self, Said) {
        let said = Said::default();
        (Self { child, said: said.clone() }, said)
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        self.said.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has said something that `wanted` accepts.
    ///
    /// # Errors
    /// It does not, in the time given; the message has what it said instead.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        time: Duration,
        wanted: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + time;
        loop {
            if let Some(found) = wanted(&self.said()) {
                return Ok(found);
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                bail!("waited for {what} in vain ({ended:?}); it said:\n{}", self.said());
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).context("send a signal")
    }

    /// Ends it politely, waits, and gives what it said.
    ///
    /// # Errors
    /// It does not end within ten seconds.
    pub fn stop(mut self) -> Result<String> {
        self.signal(Signal::SIGTERM)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("it does not end; it said:\n{}", self.said());
            }
            sleep(Duration::from_millis(10));
        }
        // The last words are on their way.
        sleep(Duration::from_millis(50));
        Ok(self.said())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
