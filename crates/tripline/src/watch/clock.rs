//! The time of a sensor that runs: the wall's when it started, and from then on one that never goes
//! back.
//!
//! Somebody may set the machine's clock. Forward is no harm: time was lost, timers run. Backward
//! would let flows and incidents live as long again, so the sensor's time goes on as it was, and is
//! ahead of the wall's until the sensor is started anew; the operator is told.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tripline_packet::{Duration, Timestamp};

/// Differences below this are what clocks are disciplined by.
const TOLERANCE: Duration = Duration::from_millis(500);

/// See the module documentation.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// A moment, and the sensor's time at it.
    origin: (Instant, Timestamp),
    /// By how much the sensor's time is ahead of the wall's.
    ahead: Duration,
}

/// The machine's clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// Forward by so much: the sensor goes along.
    Forward(Duration),
    /// Backward by so much: the sensor's time goes on.
    Backward(Duration),
}

impl Clock {
    /// A clock that starts at the wall's time.
    pub fn start() -> Self {
        Self { origin: (Instant::now(), wall()), ahead: Duration::ZERO }
    }

    /// The sensor's time.
    pub fn now(&self) -> Timestamp {
        let (moment, time) = self.origin;
        time + moment.elapsed()
    }

    /// The sensor's time of something that the kernel stamped with the wall's.
    pub fn of(&self, stamp: Timestamp) -> Timestamp {
        stamp + self.ahead
    }

    /// Looks at the wall, and takes note of how it has moved.
    pub fn check(&mut self) -> Option<Jump> {
        self.compare(Instant::now(), wall())
    }

    fn compare(&mut self, moment: Instant, wall: Timestamp) -> Option<Jump> {
        let now = self.origin.1 + moment.saturating_duration_since(self.origin.0);
        let shown = wall + self.ahead;
        // Small differences are taken over, so that they do not add up.
        if shown > now {
            let by = shown.since(now);
            // What the wall has won makes good what it had lost.
            self.ahead = self.ahead.saturating_sub(by);
            self.origin = (moment, now.max(wall + self.ahead));
            return (by > TOLERANCE).then_some(Jump::Forward(by));
        }
        let by = now.since(shown);
        if by > TOLERANCE {
            self.ahead += by;
            return Some(Jump::Backward(by));
        }
        None
    }
}

fn wall() -> Timestamp {
    // Before 1970 is not a time that a running machine has.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH + since
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn time_never_goes_back() {
        let start = Instant::now();
        let time = |at: u64| Timestamp::EPOCH + seconds(at);
        let mut clock = Clock { origin: (start, time(1_000)), ahead: Duration::ZERO };
        assert_eq!(clock.compare(start + seconds(10), time(1_010)), None);
        let back = clock.compare(start + seconds(20), time(920));
        assert_eq!(back, Some(Jump::Backward(seconds(100))));
        assert_eq!(clock.of(time(921)), time(1_021));
        assert_eq!(clock.compare(start + seconds(30), time(930)), None);
        // Put right again: nothing was lost, and frames are stamped as before.
        let forth = clock.compare(start + seconds(40), time(1_040));
        assert_eq!(forth, Some(Jump::Forward(seconds(100))));
        assert_eq!(clock.of(time(1_041)), time(1_041));
        assert_eq!(clock.compare(start + seconds(50), time(1_050)), None);
        // Forward on its own.
        let forth = clock.compare(start + seconds(60), time(5_060));
        assert_eq!(forth, Some(Jump::Forward(seconds(4_000))));
        assert_eq!(clock.of(time(5_061)), time(5_061));
        assert_eq!(clock.compare(start + seconds(70), time(5_070)), None);
    }
}
