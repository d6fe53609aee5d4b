//! What the service manager is told (`sd_notify(3)`): that the sensor is ready, that it lives, how it
//! is doing. Without a service manager nobody is told.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::status::Status;

/// See the module documentation.
#[derive(Debug)]
pub struct Service {
    next_status: Instant,
    is_ready: bool,
}

/// How often the status line is told.
const PERIOD: Duration = Duration::from_secs(60);

impl Default for Service {
    fn default() -> Self {
        Self { next_status: Instant::now(), is_ready: false }
    }
}

impl Service {
    /// The run loop turns: ready, if this is the first time; alive, in any case.
    pub fn turn(&mut self, status: &Status) {
        if !std::mem::replace(&mut self.is_ready, true) {
            tell(&[NotifyState::Ready]);
        }
        tell(&[NotifyState::Watchdog]);
        let now = Instant::now();
        if now >= self.next_status {
            self.next_status = now + PERIOD;
            tell(&[NotifyState::Status(&line(status))]);
        }
    }

    /// Settings are read again; ready when [`Service::turn`] is called next.
    pub fn reloading(&mut self) {
        self.is_ready = false;
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            tell(&[NotifyState::Reloading, now]);
        }
    }

    /// The end has begun.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

/// A service manager that does not listen is no reason not to watch.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager cannot be told: {error}");
    }
}

/// One line on how the sensor is doing.
fn line(status: &Status) -> String {
    let drops: u64 = status.interfaces.iter().map(|interface| interface.drops).sum();
    format!(
        "{} packets, {drops} lost, {} incidents, {} curtailed",
        status.engine.summary.packets,
        status.incidents.len(),
        status.curtailed.len()
    )
}
