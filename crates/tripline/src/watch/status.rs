//! What a running sensor tells about itself: for the live view, the metrics and whoever asks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tripline_core::event::{Event, Incident, Notice, ServiceEvent};
use tripline_packet::Timestamp;
use tripline_respond::Mode;

use super::control::InForce;

/// See the module documentation.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// When the sensor was started.
    pub started: Timestamp,
    /// The sensor's time.
    pub now: Timestamp,
    /// How far the sensor may go.
    pub mode: Mode,
    /// What is watched.
    pub interfaces: Vec<InterfaceStatus>,
    /// Events that were told.
    pub events: u64,
    /// Events that could not be written down.
    pub not_kept: u64,
    /// How the detector is doing.
    pub engine: tripline_core::Status,
    /// The last incidents in their last state, the latest first.
    pub incidents: VecDeque<Incident>,
    /// The inventory; looked at once in a while.
    pub services: Vec<ServiceEvent>,
    /// Who is held off.
    pub curtailed: Vec<InForce>,
    /// The last notices, the latest first.
    pub notices: VecDeque<Notice>,
}

/// An interface that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// Whether it is up.
    pub up: bool,
    /// Frames that passed the filter, those that were dropped among them.
    pub frames: u64,
    /// Frames that the kernel had no room for.
    pub drops: u64,
}

/// Where the sensor puts its status, and others look at it.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<Option<Arc<Status>>>>);

impl Board {
    /// Puts up a new one.
    pub fn put(&self, status: Status) {
        *self.lock() = Some(Arc::new(status));
    }

    /// The last one; `None` before the first. It is not copied: who looks must not keep the sensor
    /// from putting up the next one.
    pub fn get(&self) -> Option<Arc<Status>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Status>>> {
        // Whoever panicked has left a whole status or none.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Incidents, notices, services and suspects in a status.
const SHOWN_INCIDENTS: usize = 100;
const SHOWN_NOTICES: usize = 50;
pub(super) const SHOWN_SERVICES: usize = 1_000;
pub(super) const SHOWN_SUSPECTS: usize = 50;

/// What a status has of what was told.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) incidents: VecDeque<Incident>,
    pub(super) notices: VecDeque<Notice>,
    pub(super) services: Vec<ServiceEvent>,
}

impl Lists {
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Incident(new) => {
                let same = |old: &Incident| old.id == new.id;
                latest(&mut self.incidents, Incident::clone(new), SHOWN_INCIDENTS, same);
            }
            Event::Notice(new) => {
                latest(&mut self.notices, new.clone(), SHOWN_NOTICES, |_| false);
            }
            _ => {}
        }
    }
}

/// Adds to the front, or puts in the place of the one that is the same, and keeps so many.
fn latest<T>(list: &mut VecDeque<T>, new: T, most: usize, same: impl Fn(&T) -> bool) {
    list.retain(|one| !same(one));
    list.push_front(new);
    list.truncate(most);
}
