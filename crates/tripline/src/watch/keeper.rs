//! Writes down what is told, in a thread of its own: a slow disk must not make the sensor blind.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tripline_core::event::{Event, ServiceEvent};
use tripline_core::settings::Visit;
use tripline_store::{Error, Store};

/// Events that wait for the disk. Incidents and curtailments are few; single probes are not kept.
const WAITING: usize = 4_096;
/// A disk that takes nothing is tried again after this time.
const AGAIN: Duration = Duration::from_secs(1);
/// What must not be lost is waited for so long; after that it is told all the same.
const PATIENCE: Duration = Duration::from_millis(250);

/// See the module documentation.
#[derive(Debug)]
pub struct Keeper {
    sender: Option<SyncSender<Entry>>,
    thread: Option<JoinHandle<()>>,
    /// What could not be written down.
    lost: u64,
}

#[derive(Debug)]
enum Entry {
    Event(Box<Event>),
    Services(Vec<ServiceEvent>),
    Visits(Vec<Visit>),
    /// Say when all that came before is written down.
    Flush(SyncSender<()>),
}

impl Keeper {
    /// Starts the thread. `trouble` is told when nothing can be written down, and again when it can
    /// (with `None`).
    pub fn start(store: Store, trouble: impl Fn(Option<&Error>) + Send + 'static) -> Self {
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::spawn(move || write_all(store, &receiver, trouble));
        Self { sender: Some(sender), thread: Some(thread), lost: 0 }
    }

    /// Keeps an event that is worth it. A new incident is written down before this returns, unless
    /// the disk takes too long: what has been told is remembered, whatever becomes of us.
    pub fn event(&mut self, event: &Event) {
        if matches!(event, Event::Incident(_) | Event::Curtailment(_) | Event::Notice(_)) {
            self.send(Entry::Event(Box::new(event.clone())));
        }
        if matches!(event, Event::Incident(incident) if incident.update == 1) {
            let (written, wait) = sync_channel(1);
            self.send(Entry::Flush(written));
            // Too late or not at all: it is in the queue.
            let _ = wait.recv_timeout(PATIENCE);
        }
    }

    /// Keeps the inventory.
    pub fn services(&mut self, services: Vec<ServiceEvent>) {
        self.send(Entry::Services(services));
    }

    /// Keeps who visits what.
    pub fn visits(&mut self, visits: Vec<Visit>) {
        self.send(Entry::Visits(visits));
    }

    /// What the disk was too slow for.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn send(&mut self, entry: Entry) {
        if let Some(sender) = &self.sender
            && let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
                sender.try_send(entry)
        {
            self.lost += 1;
        }
    }
}

/// Writes until nobody sends any more. What the disk does not take is tried again.
fn write_all(mut store: Store, receiver: &Receiver<Entry>, trouble: impl Fn(Option<&Error>)) {
    let mut waiting = VecDeque::new();
    let mut in_trouble = false;
    loop {
        // As long as nothing more fits, what comes waits in the channel.
        if waiting.len() >= WAITING {
            std::thread::sleep(AGAIN);
        } else {
            match receiver.recv_timeout(AGAIN) {
                Ok(entry) => queue(&mut waiting, entry),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let result = write_waiting(&mut store, &mut waiting);
        if result.is_err() != std::mem::replace(&mut in_trouble, result.is_err()) {
            trouble(result.err().as_ref());
        }
    }
    if let Err(error) = write_waiting(&mut store, &mut waiting) {
        trouble(Some(&error));
    }
}

/// A new state of the inventory takes the place of an older one.
fn queue(waiting: &mut VecDeque<Entry>, entry: Entry) {
    if matches!(entry, Entry::Services(_)) {
        waiting.retain(|old| !matches!(old, Entry::Services(_)));
    }
    waiting.push_back(entry);
}

fn write_waiting(store: &mut Store, waiting: &mut VecDeque<Entry>) -> Result<(), Error> {
    while let Some(entry) = waiting.front() {
        write(store, entry)?;
        waiting.pop_front();
    }
    Ok(())
}

fn write(store: &mut Store, entry: &Entry) -> Result<(), Error> {
    match entry {
        Entry::Event(event) => match &**event {
            Event::Incident(incident) => store.put_incident(incident),
            Event::Curtailment(told) => store.log_curtailment(told),
            Event::Notice(notice) => store.log_notice(notice),
            Event::Probe(_) | Event::Service(_) | Event::Summary(_) => Ok(()),
        },
        Entry::Services(services) => store.put_services(services),
        Entry::Visits(visits) => store.put_visits(visits),
        Entry::Flush(written) => {
            // Whoever asked may not wait any more.
            let _ = written.try_send(());
            Ok(())
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The thread ends when it has written what waits.
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
