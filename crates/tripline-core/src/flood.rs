//! Floods: many openings of one service that come to nothing.

use tripline_packet::{Duration, Timestamp};

use crate::keyed::{Key, Map};
use crate::service::Service;

/// Counts failed openings per service in windows of capture time.
#[derive(Debug)]
pub(crate) struct Floods {
    windows: Map<Service, Window>,
    since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    failed: u32,
    established: u32,
    reported: bool,
}

const WINDOW: Duration = Duration::from_secs(10);
/// Failed openings in a window from which on it may be a flood.
const FAILED: u32 = 500;
/// At most one session in so many openings.
const ONE_SESSION_IN: u32 = 50;
/// Services that are counted at a time; a sweep over more of them is no flood of any.
const MOST_SERVICES: usize = 1 << 14;

impl Floods {
    pub(crate) fn new(key: Key) -> Self {
        Self { windows: Map::with_hasher(key.map_state()), since: None }
    }

    /// Counts an attempt's end; true when a flood against `service` has just become visible.
    pub(crate) fn count(&mut self, service: Service, established: bool, now: Timestamp) -> bool {
        let since = *self.since.get_or_insert(now);
        if now.since(since) >= WINDOW {
            self.windows.clear();
            self.since = Some(now);
        }
        if self.windows.len() >= MOST_SERVICES && !self.windows.contains_key(&service) {
            return false;
        }
        let window = self.windows.entry(service).or_default();
        if established {
            window.established += 1;
            return false;
        }
        window.failed += 1;
        let begins = !window.reported
            && window.failed >= FAILED
            && window.established.saturating_mul(ONE_SESSION_IN) <= window.failed;
        window.reported |= begins;
        begins
    }
}
