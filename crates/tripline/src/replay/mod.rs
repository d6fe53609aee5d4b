//! `tripline replay`: what other settings would change.
//!
//! The same frames are judged twice, once by each settings, as a sensor that watches them would: each
//! update of an incident goes to the policy, which decides as in `observe`. What came of both is
//! compared ([`compare`]) and shown ([`show`]).

pub mod compare;
pub mod recorded;
pub mod show;

use std::collections::BTreeMap;
use std::io;

use anyhow::Result;
use tripline_core::Emit;
use tripline_core::event::{Curtailment, Event, Incident, Summary};
use tripline_packet::Timestamp;
use tripline_respond::Mode;

use crate::output::Sink;
use crate::run::{Finished, FrameSource, Watch, run_telling};
use crate::settings::Settings;
use crate::watch::curtail::Curtailer;

/// What one side's settings make of the frames.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Incidents in their last state, by id.
    pub incidents: BTreeMap<String, Incident>,
    /// What would have been done about sources, in the order of time.
    pub curtailments: Vec<Curtailment>,
    /// How far the sensor might have gone.
    pub mode: Mode,
    /// Totals.
    pub summary: Summary,
}

/// Judges all frames of a source by some settings.
///
/// # Errors
/// Only if the data that are built in are damaged.
pub fn judge<S: FrameSource>(
    source: &mut S,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<(Outcome, Finished)> {
    let mut judged = Judged::new(settings);
    let detection = settings.detection.clone();
    let finished = run_telling(source, detection, Emit::Updates, &mut judged, watch)?;
    Ok((judged.finish(), finished))
}

/// Takes events as the sensor would.
struct Judged {
    outcome: Outcome,
    curtailer: Curtailer,
    now: Timestamp,
}

impl Judged {
    fn new(settings: &Settings) -> Self {
        let mut policy = settings.curtail.policy();
        // Nothing is done: where it would be enforced it is decided, and told.
        if policy.mode == Mode::Enforce {
            policy.mode = Mode::Observe;
        }
        let friends = settings.detection.friends.clone();
        Self {
            outcome: Outcome {
                incidents: BTreeMap::new(),
                curtailments: Vec::new(),
                mode: settings.curtail.mode,
                summary: Summary::default(),
            },
            curtailer: Curtailer::new(policy, settings.curtail.ruleset(), friends, None),
            now: Timestamp::EPOCH,
        }
    }

    fn incident(&mut self, incident: Incident) {
        // The sensor hears of it when it happens.
        self.now = self.now.max(incident.last).max(incident.verdict_at);
        self.curtailer.expire(self.now);
        self.curtailer.consider(&incident, self.now);
        self.take_curtailments();
        self.outcome.incidents.insert(incident.id.clone(), incident);
    }

    fn take_curtailments(&mut self) {
        for event in self.curtailer.take_events() {
            if let Event::Curtailment(step) = event {
                self.outcome.curtailments.push(step);
            }
        }
    }

    fn finish(self) -> Outcome {
        self.outcome
    }
}

impl Sink for Judged {
    fn event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Incident(incident) => self.incident(*incident),
            Event::Summary(summary) => self.outcome.summary = *summary,
            _ => {}
        }
        Ok(())
    }
}
