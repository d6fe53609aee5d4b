//! Whether the clock of this machine is kept right by somebody.
#![expect(unsafe_code, reason = "the state of the clock has no safe interface")]

use std::io;
use std::time::Duration;

/// What the kernel knows about its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronised {
    /// A time service disciplines it, and estimates how far it is off at most.
    Yes {
        /// So far.
        error: Duration,
    },
    /// Nobody does.
    No,
}

/// Asks the kernel (adjtimex(2)).
///
/// # Errors
/// It does not tell.
pub fn synchronised() -> io::Result<Synchronised> {
    // SAFETY: all bits zero is a valid request, which changes nothing.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure lives as long as the call.
    let answer = unsafe { libc::adjtimex(&raw mut state) };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    if answer == libc::TIME_ERROR || state.status & libc::STA_UNSYNC != 0 {
        return Ok(Synchronised::No);
    }
    let error = Duration::from_micros(state.maxerror.cast_unsigned());
    Ok(Synchronised::Yes { error })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_tells() {
        super::synchronised().unwrap();
    }
}
