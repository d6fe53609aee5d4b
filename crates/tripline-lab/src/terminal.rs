//! A terminal, and whoever sits at it.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{OpenptyResult, Winsize, openpty};

use crate::process::Job;

/// How long nobody looks whether he is to read on.
const GLANCE: u16 = 20;

/// The side of a terminal that a person sees: what is written there is read all the time, until
/// [`Terminal::hang`]. When it is dropped, the terminal is gone.
#[derive(Debug)]
pub struct Terminal {
    master: File,
    hangs: Arc<AtomicBool>,
    gone: Arc<AtomicBool>,
}

impl Terminal {
    /// Starts a program on a terminal of 110 columns and 30 rows that is its own. What it writes
    /// there is what the job says.
    ///
    /// # Errors
    /// There is no terminal to be had, or the program cannot be started.
    pub fn start(mut command: Command) -> Result<(Self, Job)> {
        let size = Winsize { ws_row: 30, ws_col: 110, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&size, None).context("make a terminal")?;
        // A program that held the person's side would keep its own terminal from going away.
        fcntl(&master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        fcntl(&slave, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        command
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave));
        let (job, said) = Job::of(command.spawn()?);
        let master = File::from(master);
        let terminal =
            Self { master: master.try_clone()?, hangs: Arc::default(), gone: Arc::default() };
        let (hangs, gone) = (Arc::clone(&terminal.hangs), Arc::clone(&terminal.gone));
        thread::spawn(move || {
            while !gone.load(Ordering::SeqCst) {
                let mut wait = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
                let ready = poll(&mut wait, PollTimeout::from(GLANCE)).is_ok_and(|ready| ready > 0);
                if hangs.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(GLANCE.into()));
                } else if ready && !said.read_from(&master) {
                    break;
                }
            }
        });
        Ok((terminal, job))
    }

    /// Presses keys.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.master.write_all(keys.as_bytes())?)
    }

    /// Reads nothing any more, as a connection that hangs; or reads on.
    pub fn hang(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::SeqCst);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
    }
}
