//! Frames as they come in: rings that the kernel fills, one for each interface.
//!
//! ```text
//! interface ──Filter (in the kernel)──▶ Ring ──Live──▶ Frame (borrowed from the ring)
//! ```

mod filter;
mod interface;
mod ring;
pub(crate) mod sys;

use std::io;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use tripline_packet::Frame;

pub use filter::Filter;
pub use interface::{Interface, Medium};
pub use ring::{Options, Ring, Statistics};

/// The rings of several interfaces, read as one.
#[derive(Debug, Default)]
pub struct Live {
    rings: Vec<Ring>,
}

/// What waiting brought.
#[derive(Debug)]
pub enum Next<'a> {
    /// A frame, and the number of the ring that it lies in.
    Frame(Frame<'a>, usize),
    /// Nothing within the time that was given: let timers run.
    Nothing,
}

impl Live {
    /// Adds a ring.
    pub fn add(&mut self, ring: Ring) {
        self.rings.push(ring);
    }

    /// The rings.
    pub fn rings(&mut self) -> &mut [Ring] {
        &mut self.rings
    }

    /// The next frame: of all rings that have one the earliest. Waits at most so long for it.
    ///
    /// # Errors
    /// The kernel does not let us wait.
    pub fn next(&mut self, timeout: Duration) -> io::Result<Next<'_>> {
        let mut ready = self.earliest();
        if ready.is_none() {
            self.wait(timeout)?;
            ready = self.earliest();
        }
        // A frame that is there may be passed over (loopback), so there may be none after all.
        let frame = ready.and_then(|at| Some((self.rings[at].next_frame()?, at)));
        Ok(frame.map_or(Next::Nothing, |(frame, ring)| Next::Frame(frame, ring)))
    }

    fn earliest(&mut self) -> Option<usize> {
        let times = self.rings.iter_mut().enumerate();
        let times = times.filter_map(|(at, ring)| Some((ring.next_time()?, at)));
        times.min().map(|(_, at)| at)
    }

    /// Waits for any of the rings.
    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        let poll_of = |ring: &Ring| libc::pollfd {
            fd: std::os::fd::AsFd::as_fd(ring).as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let mut fds: Vec<libc::pollfd> = self.rings.iter().map(poll_of).collect();
        if sys::wait(&mut fds, timeout)? == 0 {
            return Ok(());
        }
        for (ring, fd) in self.rings.iter().zip(&fds) {
            // An interface that goes down says so once; when it is up again, frames come as before.
            if fd.revents & libc::POLLERR != 0
                && let Some(error) = ring.take_error()?
                && error.raw_os_error() != Some(libc::ENETDOWN)
            {
                return Err(error);
            }
        }
        Ok(())
    }
}
