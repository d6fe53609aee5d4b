//! What is said while the terminal shows something else: it is kept until it may be written.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::Level;
use tripline_packet::Timestamp;

/// Something that the sensor said about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub time: Timestamp,
    /// How grave it is.
    pub level: Level,
    /// What; without control characters.
    pub text: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.to_string();
        write!(f, "{time:.19}Z {:5} {}", self.level.as_str(), self.text)
    }
}

/// As there is one standard error, there is one of this. `None`: nothing is held back.
static HELD: Mutex<Option<VecDeque<Said>>> = Mutex::new(None);
/// Beyond this many the oldest are forgotten.
const MOST: usize = 200;

/// Holds back what is said from now on.
pub fn hold() {
    lock().get_or_insert_default();
}

/// What is held back, the latest first.
pub fn held() -> Vec<Said> {
    lock().iter().flatten().rev().cloned().collect()
}

/// Writes what was held back to standard error, and holds nothing back any more.
pub fn release() {
    let held = lock().take();
    let mut err = io::stderr().lock();
    for said in held.into_iter().flatten() {
        // If standard error is gone, there is nobody to be told.
        let _ = writeln!(err, "{said}");
    }
}

/// Keeps it, if it is to be held back, or gives it back.
pub(super) fn keep(said: Said) -> Option<Said> {
    match lock().as_mut() {
        Some(held) => {
            if held.len() >= MOST {
                held.pop_front();
            }
            held.push_back(said);
            None
        }
        None => Some(said),
    }
}

fn lock() -> MutexGuard<'static, Option<VecDeque<Said>>> {
    // Whoever panicked has left a whole list or none.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_until_they_may_be_written() {
        let said = |text: String| Said { time: Timestamp::EPOCH, level: Level::WARN, text };
        let first = said("first".to_owned());
        assert_eq!(first.to_string(), "1970-01-01T00:00:00Z WARN  first");
        assert_eq!(keep(first.clone()), Some(first));
        hold();
        for number in 0..=MOST {
            assert_eq!(keep(said(number.to_string())), None);
        }
        assert_eq!(held().len(), MOST);
        assert_eq!(held()[0].text, MOST.to_string());
        release();
        assert_eq!(held(), []);
        assert!(keep(said("last".to_owned())).is_some());
    }
}
