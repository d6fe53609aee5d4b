//! Frames as they come in: rings that the kernel fills, one for each interface.
//!
//! ```text
//! interface ──Filter (in the kernel)──▶ Ring ──Live──▶ Frame (borrowed from the ring)
//! ```

mod filter;
mod interface;
mod ring;
mod sys;

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
    /// A frame.
    Frame(Frame<'a>),
    /// Nothing within the time that was given: let timers run.
    Nothing,
    /// The interface with this number is gone; its ring has been closed.
    Gone(Interface),
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
            if let Some(gone) = self.wait(timeout)? {
                return Ok(Next::Gone(gone));
            }
            ready = self.earliest();
        }
        // A frame that is there may be passed over (loopback), so there may be none after all.
        let frame = ready.and_then(|at| self.rings[at].next_frame());
        Ok(frame.map_or(Next::Nothing, Next::Frame))
    }

    fn earliest(&mut self) -> Option<usize> {
        let times = self.rings.iter_mut().enumerate();
        let times = times.filter_map(|(at, ring)| Some((ring.next_time()?, at)));
        times.min().map(|(_, at)| at)
    }

    /// Waits for any of the rings; returns an interface that went away.
    fn wait(&mut self, timeout: Duration) -> io::Result<Option<Interface>> {
        let poll_of = |ring: &Ring| libc::pollfd {
            fd: std::os::fd::AsFd::as_fd(ring).as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let mut fds: Vec<libc::pollfd> = self.rings.iter().map(poll_of).collect();
        if sys::wait(&mut fds, timeout)? == 0 {
            return Ok(None);
        }
        let failed = fds.iter().position(|fd| fd.revents & (libc::POLLERR | libc::POLLHUP) != 0);
        Ok(failed.map(|at| self.rings.remove(at).interface().clone()))
    }
}
