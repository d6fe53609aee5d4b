//! The interfaces that are watched: whether they are there, and what of their frames was lost.

use std::io;

use tripline_capture::live::{Interface, Live, Ring, Statistics};
use tripline_core::event::Event;
use tripline_packet::{Duration, Timestamp};

use super::status::InterfaceStatus;
use super::telling::notice;

/// See the module documentation.
#[derive(Debug)]
pub struct Links {
    /// The rings.
    pub live: Live,
    states: Vec<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    seen: Statistics,
    up: bool,
}

/// What a look at the links brought.
#[derive(Debug, Default)]
pub struct Look {
    /// What there is to tell.
    pub events: Vec<Event>,
    /// Frames may have been lost: silence proves nothing for a while.
    pub lossy: bool,
}

impl Links {
    /// Of these rings; all are taken to be up.
    pub fn new(mut live: Live) -> Self {
        let states = live.rings().iter().map(|_| State { up: true, ..State::default() }).collect();
        Self { live, states }
    }

    /// The state of each.
    pub fn status(&mut self) -> Vec<InterfaceStatus> {
        let status = |(ring, state): (&mut Ring, &State)| InterfaceStatus {
            name: ring.interface().name.to_string(),
            up: state.up,
            frames: state.seen.frames,
            drops: state.seen.drops,
        };
        self.live.rings().iter_mut().zip(&self.states).map(status).collect()
    }

    /// Their numbers; that of an interface which is gone is its last one.
    pub fn indices(&mut self) -> Vec<u32> {
        self.live.rings().iter().map(|ring| ring.interface().index).collect()
    }

    /// Frames that were lost since the start.
    pub fn drops(&self) -> u64 {
        self.states.iter().map(|state| state.seen.drops).sum()
    }

    /// Looks at the rings' counters, and whether the interfaces are there.
    ///
    /// # Errors
    /// The kernel does not tell which there are.
    pub fn look(&mut self, now: Timestamp, span: Duration) -> io::Result<Look> {
        let all = Interface::all()?;
        let mut look = Look::default();
        for (ring, state) in self.live.rings().iter_mut().zip(&mut self.states) {
            // A ring without an interface has nothing to count.
            let seen = ring.statistics().unwrap_or(state.seen);
            let frames = seen.frames - state.seen.frames;
            let drops = seen.drops - state.seen.drops;
            state.seen = seen;
            if drops > 0 {
                look.lossy = true;
                look.events.push(loss(ring.interface(), drops, frames, now, span));
            }
            let found = all.iter().find(|found| found.name == ring.interface().name);
            if let Some(event) = follow(ring, state, found, now) {
                look.lossy = true;
                look.events.push(event);
            }
        }
        Ok(look)
    }
}

/// Takes up an interface that was taken away and is back, and tells of those that come and go.
fn follow(
    ring: &mut Ring,
    state: &mut State,
    found: Option<&Interface>,
    now: Timestamp,
) -> Option<Event> {
    if let Some(found) = found
        && found.index != ring.interface().index
        && let Err(error) = ring.rebind(found)
    {
        let message = format!("the interface {} is back, but not to be had: {error}", found.name);
        return Some(notice("interface_trouble", Some(now), message));
    }
    let up = found.is_some_and(|found| found.running);
    if up == std::mem::replace(&mut state.up, up) {
        return None;
    }
    let name = &ring.interface().name;
    Some(match (up, found) {
        (true, _) => notice("interface_up", Some(now), format!("the interface {name} is up again")),
        (false, Some(_)) => {
            let message = format!("the interface {name} is down: nothing is seen on it");
            notice("interface_down", Some(now), message)
        }
        (false, None) => {
            let message = format!("the interface {name} is gone; when it is back, it is watched");
            notice("interface_down", Some(now), message)
        }
    })
}

fn loss(interface: &Interface, drops: u64, frames: u64, now: Timestamp, span: Duration) -> Event {
    let share = 100.0 * drops as f64 / frames.max(1) as f64;
    let message = format!(
        "{drops} of {frames} frames of the last {:.0} s on {} were lost ({share:.1} %): the sensor is \
         too slow for them; attempts may be missed, and the silence of a service proves less",
        span.as_secs_f64(),
        interface.name
    );
    notice("capture_loss", Some(now), message)
}
