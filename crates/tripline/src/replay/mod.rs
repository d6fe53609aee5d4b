//! `tripline replay`: what other settings would change.
//!
//! The same frames are judged twice, once by each settings, as a sensor that watches them would
//! ([`hear`]): each update of an incident goes to the policy, which decides as in `observe`
//! ([`decide`]). What came of both is compared ([`compare`]) and shown ([`show`]).

pub mod compare;
pub mod recorded;
pub mod show;

use std::collections::BTreeMap;
use std::io;

use anyhow::Result;
use tripline_capture::host::Protected;
use tripline_core::Emit;
use tripline_core::event::{Curtailment, Event, Incident};
use tripline_core::settings::Settings as Detection;
use tripline_packet::{Prefix, Timestamp};
use tripline_respond::Mode;

use crate::output::Sink;
use crate::run::{Finished, FrameSource, Watch, run_telling};
use crate::settings::Settings;
use crate::watch::curtail::Curtailer;

/// An incident in one of its states, and when it was told.
#[derive(Clone, Debug)]
pub struct Update {
    /// When.
    pub time: Timestamp,
    /// The incident.
    pub incident: Incident,
}

/// What one side's settings make of the frames.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Incidents in their last state, by id.
    pub incidents: BTreeMap<String, Incident>,
    /// What would have been done about sources, in the order of time.
    pub curtailments: Vec<Curtailment>,
    /// How far the sensor might have gone.
    pub mode: Mode,
}

/// What a sensor would have told of all frames of a source.
///
/// # Errors
/// Only if the data that are built in are damaged.
pub fn hear<S: FrameSource>(
    source: &mut S,
    settings: &Detection,
    watch: &mut dyn Watch,
) -> Result<(Vec<Update>, Finished)> {
    let mut heard = Heard::default();
    let finished = run_telling(source, settings.clone(), Emit::Updates, &mut heard, watch)?;
    Ok((heard.updates, finished))
}

/// Decides about what was told, in the order of time; `near` are the networks that the sensor's
/// machine was in.
pub fn decide(settings: &Settings, near: Vec<Prefix>, updates: Vec<Update>) -> Outcome {
    let mut policy = settings.curtail.policy();
    // Nothing is done: where it would be enforced it is decided, and told.
    if policy.mode == Mode::Enforce {
        policy.mode = Mode::Observe;
    }
    let friends = settings.detection.friends.clone();
    let mut curtailer = Curtailer::new(policy, settings.curtail.ruleset(), friends, None);
    curtailer.set_protected(Protected::new(), near, Timestamp::EPOCH);
    let mut outcome = Outcome {
        incidents: BTreeMap::new(),
        curtailments: Vec::new(),
        mode: settings.curtail.mode,
    };
    for Update { time, incident } in updates {
        curtailer.expire(time);
        curtailer.consider(&incident, time);
        outcome.curtailments.extend(curtailer.take_events().into_iter().filter_map(|event| {
            match event {
                Event::Curtailment(step) => Some(step),
                _ => None,
            }
        }));
        outcome.incidents.insert(incident.id.clone(), incident);
    }
    outcome
}

/// Takes events as a sensor would tell them.
#[derive(Default)]
struct Heard {
    updates: Vec<Update>,
    now: Timestamp,
}

impl Sink for Heard {
    fn event(&mut self, event: Event) -> io::Result<()> {
        if let Event::Incident(incident) = event {
            // It is told when it happens.
            self.now = self.now.max(incident.last).max(incident.verdict_at);
            self.updates.push(Update { time: self.now, incident: *incident });
        }
        Ok(())
    }
}
