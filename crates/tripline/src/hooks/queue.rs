//! A queue between two threads that never makes the one who fills it wait.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tripline_packet::Duration;

/// Keeps the latest entries: when it is full, the oldest is dropped and counted.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    bell: Condvar,
    room: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    dropped: u64,
    /// Nothing is added any more, and nothing is taken after that moment.
    end: Option<Instant>,
}

/// What came of waiting for an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Popped<T> {
    /// The oldest entry.
    Entry(T),
    /// None came in time.
    Nothing,
    /// None will come any more.
    Ended,
}

impl<T> Queue<T> {
    /// With room for so many entries.
    pub(super) fn new(room: usize) -> Self {
        let state = State { waiting: VecDeque::with_capacity(room), dropped: 0, end: None };
        Self { state: Mutex::new(state), bell: Condvar::new(), room }
    }

    /// Adds an entry.
    pub(super) fn push(&self, entry: T) {
        let mut state = self.lock();
        if state.end.is_some() {
            return;
        }
        if state.waiting.len() == self.room {
            state.waiting.pop_front();
            state.dropped += 1;
        }
        state.waiting.push_back(entry);
        self.bell.notify_one();
    }

    /// Takes the oldest entry, and waits for one if there is none; without `patience` as long as it
    /// takes.
    pub(super) fn pop(&self, patience: Option<Duration>) -> Popped<T> {
        let due = patience.map(|patience| Instant::now() + patience);
        let mut state = self.lock();
        loop {
            let is_over = state.end.is_some_and(|end| Instant::now() >= end);
            if is_over {
                return Popped::Ended;
            }
            if let Some(entry) = state.waiting.pop_front() {
                return Popped::Entry(entry);
            }
            if state.end.is_some() {
                return Popped::Ended;
            }
            state = match due.map(|due| due.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Popped::Nothing,
                Some(left) => {
                    self.bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.bell.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Takes the oldest entry, if there is one.
    pub(super) fn take(&self) -> Option<T> {
        self.lock().waiting.pop_front()
    }

    /// Sleeps so long, or until the queue is closed.
    pub(super) fn sleep(&self, time: Duration) {
        let state = self.lock();
        let woken = self.bell.wait_timeout_while(state, time, |state| state.end.is_none());
        drop(woken.unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes no more entries, and gives out what waits until `end` at the latest.
    pub(super) fn close(&self, end: Instant) {
        self.lock().end.get_or_insert(end);
        self.bell.notify_all();
    }

    /// When it ends, if it was closed.
    pub(super) fn end(&self) -> Option<Instant> {
        self.lock().end
    }

    /// Entries that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Entries that were dropped since this was asked the last time.
    pub(super) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.lock().dropped)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // No step in between leaves anything half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Option<Duration> = Some(Duration::from_millis(1));

    #[test]
    fn the_oldest_goes_first_out_and_first_away() {
        let queue = Queue::new(2);
        for entry in 1..=5 {
            queue.push(entry);
        }
        assert_eq!((queue.pop(None), queue.pop(None)), (Popped::Entry(4), Popped::Entry(5)));
        assert_eq!((queue.take_dropped(), queue.take_dropped()), (3, 0));
        assert_eq!(queue.pop(SOON), Popped::Nothing);
    }

    #[test]
    fn what_waits_is_given_out_until_the_end() {
        let later = Instant::now() + Duration::from_secs(600);
        let queue = Queue::new(2);
        queue.push(1);
        queue.close(later);
        queue.push(2);
        // Would take ten minutes, were it not closed.
        queue.sleep(Duration::from_secs(600));
        assert_eq!((queue.pop(None), queue.pop(None)), (Popped::Entry(1), Popped::Ended));

        let queue = Queue::new(2);
        queue.push(1);
        queue.close(Instant::now());
        assert_eq!((queue.pop(None), queue.len()), (Popped::Ended, 1));
    }

    #[test]
    fn closing_wakes_who_waits() {
        let queue = Queue::<u8>::new(1);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.pop(None));
            queue.close(Instant::now());
            assert_eq!(waiting.join().unwrap(), Popped::Ended);
        });
    }
}
