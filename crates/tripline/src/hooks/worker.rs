//! One hook: takes events from its queue and delivers them, one after the other.

use std::sync::Arc;
use std::time::Instant;

use tripline_packet::Duration;

use super::queue::{Popped, Queue};
use super::webhook::Client;
use super::{Failure, Pacing, WAITING, command};
use crate::settings::{EventKind, Hook, Target};

/// An event on its way.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// What it is.
    pub(super) kind: EventKind,
    /// The event in JSON, without a line break.
    pub(super) text: Arc<str>,
}

/// See the module documentation.
pub(super) struct Worker<T: Fn(String)> {
    timeout: Duration,
    channel: Channel,
    queue: Arc<Queue<Letter>>,
    pacing: Pacing,
    report: Report,
    /// Is told what went wrong.
    tell: T,
}

/// How it is delivered.
enum Channel {
    Command(Vec<String>),
    Webhook(Box<Client>),
}

impl<T: Fn(String)> Worker<T> {
    pub(super) fn new(hook: Hook, queue: Arc<Queue<Letter>>, pacing: Pacing, tell: T) -> Self {
        let channel = match hook.target {
            Target::Command(words) => Channel::Command(words),
            Target::Webhook(webhook) => Channel::Webhook(Box::new(Client::new(webhook))),
        };
        let report = Report::new(pacing.troubles);
        Self { timeout: hook.timeout, channel, queue, pacing, report, tell }
    }

    /// Delivers until the queue has ended.
    pub(super) fn run(mut self) {
        loop {
            match self.queue.pop(self.report.patience()) {
                Popped::Entry(letter) => self.deliver(&letter),
                Popped::Nothing => {}
                Popped::Ended => break,
            }
            self.report.dropped += self.queue.take_dropped();
            self.report.message().into_iter().for_each(&self.tell);
        }
        self.report.undelivered = self.queue.len();
        self.report.last_message().into_iter().for_each(&self.tell);
    }

    /// Tries until it is done, or no further try is worth it.
    fn deliver(&mut self, letter: &Letter) {
        for tried in 1.. {
            let is_last = tried >= self.pacing.tries || self.queue.end().is_some();
            let Err(failure) = self.attempt(letter) else {
                return;
            };
            let is_over = self.queue.end().is_some_and(|end| Instant::now() >= end);
            if is_last || is_over || failure.is_final {
                return self.report.give_up(failure.why, tried);
            }
            let wait = backoff(self.pacing.wait, tried, fastrand::f64());
            // At the end the wait is cut short for one last try.
            self.queue.sleep(wait.max(failure.wait.unwrap_or_default()));
        }
    }

    fn attempt(&self, letter: &Letter) -> Result<(), Failure> {
        let left = self.queue.end().map(|end| end.saturating_duration_since(Instant::now()));
        let timeout = self.timeout.min(left.unwrap_or(self.timeout));
        match &self.channel {
            _ if timeout.is_zero() => Err(Failure::lasting("the sensor has ended")),
            Channel::Command(words) => command::run(words, letter, timeout, || self.queue.end()),
            Channel::Webhook(client) => client.post(letter, timeout),
        }
    }
}

/// The wait after so many tries: three times as long each time, and longer or shorter by up to a
/// fifth, so that many sensors do not come back all at once. `chance` is from 0 to 1.
fn backoff(first: Duration, tried: u32, chance: f64) -> Duration {
    let exact = first.saturating_mul(3_u32.saturating_pow(tried.saturating_sub(1)));
    exact.mul_f64(0.8 + 0.4 * chance)
}

/// What went wrong and was not told yet. A hook that fails all the time is told of at once, and then
/// once in a while: the notices are for people.
#[derive(Debug)]
struct Report {
    /// The least time between two messages.
    pause: Duration,
    next: Option<Instant>,
    /// Events that were given up.
    given_up: u64,
    /// Why the last one was, after so many tries.
    last: Option<(String, u32)>,
    /// Events that found no room.
    dropped: u64,
    /// Events that still waited at the end.
    undelivered: usize,
}

impl Report {
    fn new(pause: Duration) -> Self {
        Self { pause, next: None, given_up: 0, last: None, dropped: 0, undelivered: 0 }
    }

    fn give_up(&mut self, why: String, tried: u32) {
        self.given_up += 1;
        self.last = Some((why, tried));
    }

    fn has_news(&self) -> bool {
        self.given_up > 0 || self.dropped > 0
    }

    /// How long to wait for the next event at most, so that no message is late.
    fn patience(&self) -> Option<Duration> {
        let next = self.next.filter(|_| self.has_news())?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// The message that is due.
    fn message(&mut self) -> Option<String> {
        let now = Instant::now();
        if !self.has_news() || self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.next = Some(now + self.pause);
        Some(self.words())
    }

    /// The message for the end, when it is due at once.
    fn last_message(&mut self) -> Option<String> {
        (self.has_news() || self.undelivered > 0).then(|| self.words())
    }

    fn words(&mut self) -> String {
        let mut parts = Vec::new();
        if let Some((why, tried)) = self.last.take() {
            let tries = if tried == 1 { "one try".to_owned() } else { format!("{tried} tries") };
            parts.push(match self.given_up {
                1 => format!("an event was given up after {tries}: {why}"),
                many => format!("{many} events were given up, the last one after {tries}: {why}"),
            });
        }
        if self.dropped > 0 {
            let events = crate::human::counted(self.dropped, "event");
            parts.push(format!("{events} dropped, because {WAITING} later ones were waiting"));
        }
        if self.undelivered > 0 {
            let events = crate::human::counted(self.undelivered as u64, "event");
            parts.push(format!("{events} not delivered before the end"));
        }
        (self.given_up, self.dropped, self.undelivered) = (0, 0, 0);
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_scatter() {
        let first = Pacing::default().wait;
        let waits = (1..5).map(|tried| backoff(first, tried, 0.5).as_secs_f64().round());
        assert_eq!(waits.collect::<Vec<_>>(), [7.0, 21.0, 63.0, 189.0]);
        assert!((backoff(first, 1, 0.0).as_secs_f64() - 5.6).abs() < 1e-9);
        assert!((backoff(first, 1, 1.0).as_secs_f64() - 8.4).abs() < 1e-9);
    }

    #[test]
    fn trouble_is_told_at_once_and_then_summed_up() {
        let mut report = Report::new(Duration::from_secs(600));
        assert_eq!((report.message(), report.patience()), (None, None));
        report.give_up("exit code 1".to_owned(), 5);
        let first = report.message().unwrap();
        assert_eq!(first, "an event was given up after 5 tries: exit code 1");
        report.give_up("exit code 1".to_owned(), 5);
        report.give_up("exit code 2".to_owned(), 1);
        report.dropped = 3;
        assert_eq!(report.message(), None);
        assert!(report.patience().unwrap() > Duration::from_secs(500));
        assert_eq!(
            report.last_message().unwrap(),
            "2 events were given up, the last one after one try: exit code 2; 3 events dropped, \
             because 256 later ones were waiting"
        );
        assert_eq!(report.last_message(), None);
    }
}
