//! Writes down what is told, in a thread of its own: a slow disk must not make the sensor blind.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tripline_core::event::{Event, ServiceEvent};
use tripline_store::{Error, Store};

/// Events that wait for the disk. Incidents and curtailments are few; single probes are not kept.
const WAITING: usize = 4_096;

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
}

impl Keeper {
    /// Starts the thread. `trouble` is told what cannot be written down.
    pub fn start(mut store: Store, trouble: impl Fn(&Error) + Send + 'static) -> Self {
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::spawn(move || {
            for entry in receiver {
                if let Err(error) = write(&mut store, entry) {
                    trouble(&error);
                }
            }
        });
        Self { sender: Some(sender), thread: Some(thread), lost: 0 }
    }

    /// Keeps an event that is worth it.
    pub fn event(&mut self, event: &Event) {
        if matches!(event, Event::Incident(_) | Event::Curtailment(_) | Event::Notice(_)) {
            self.send(Entry::Event(Box::new(event.clone())));
        }
    }

    /// Keeps the inventory.
    pub fn services(&mut self, services: Vec<ServiceEvent>) {
        self.send(Entry::Services(services));
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

fn write(store: &mut Store, entry: Entry) -> Result<(), Error> {
    match entry {
        Entry::Event(event) => match *event {
            Event::Incident(incident) => store.put_incident(&incident),
            Event::Curtailment(told) => store.log_curtailment(&told),
            Event::Notice(notice) => store.log_notice(&notice),
            Event::Probe(_) | Event::Service(_) | Event::Summary(_) => Ok(()),
        },
        Entry::Services(services) => store.put_services(&services),
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
