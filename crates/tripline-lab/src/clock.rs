//! The clock of the machine that the tests run on, set for a moment.

use anyhow::{Context as _, Result};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};

/// Somebody has set the clock; when this is dropped, it is as right as it was. Namespaces have no
/// wall clock of their own, so it is all programs' clock: set it by seconds, and not for long.
#[derive(Debug)]
pub struct SetClock {
    by: TimeSpec,
}

impl SetClock {
    /// Sets the clock forward by so many seconds, or back if they are negative.
    ///
    /// # Errors
    /// There is no right to (`CAP_SYS_TIME`).
    pub fn by(seconds: i64) -> Result<Self> {
        let by = TimeSpec::new(seconds, 0);
        shift(by).context("set the clock of this machine, for some seconds")?;
        Ok(Self { by })
    }
}

impl Drop for SetClock {
    fn drop(&mut self) {
        // It could be set once, so it can be set back.
        let _ = shift(-self.by);
    }
}

/// Takes some microseconds, by which the clock is late then.
fn shift(by: TimeSpec) -> nix::Result<()> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
    clock_settime(ClockId::CLOCK_REALTIME, now + by)
}
