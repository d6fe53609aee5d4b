//! How the detector is doing: for a live view and for metrics.

use serde::Serialize;
use tripline_packet::{Addr, Duration, Timestamp};

use crate::event::Summary;

use super::Engine;

/// A table's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// Entries in use.
    pub used: u64,
    /// Entries that there are.
    pub capacity: u64,
}

/// A source with evidence against it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Suspect {
    /// The source; of an IPv6 source the first address of its /64.
    pub source: Addr,
    /// Its score, in nats.
    pub score: f64,
    /// The score at which the verdict falls.
    pub threshold: f64,
    /// Distinct services that it tried and nobody offers.
    pub probes: u32,
    /// Distinct services that it tried.
    pub services: u32,
    /// A verdict was given.
    pub judged: bool,
    /// Its last attempt.
    pub last: Option<Timestamp>,
}

/// See the module documentation.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Totals so far.
    pub summary: Summary,
    /// Flows that are followed.
    pub flows: Fill,
    /// Sources with evidence.
    pub sources: Fill,
    /// Services in the inventory that were seen to answer.
    pub services: Fill,
    /// Incidents that are open.
    pub incidents: Fill,
    /// Sweeps with a longer pause between two attempts than this may be missed, because sources
    /// are pushed out of the full table; `None`: no source was.
    pub detection_floor: Option<Duration>,
    /// The sources with the most evidence against them, most first.
    pub suspects: Vec<Suspect>,
}

impl Engine {
    /// How the detector is doing, with at most so many suspects.
    pub fn status(&self, suspects: usize) -> Status {
        let limits = self.settings.limits;
        let fill =
            |used: usize, capacity: usize| Fill { used: used as u64, capacity: capacity as u64 };
        Status {
            summary: self.summary(),
            flows: fill(self.tracker.open_flows(), limits.flows),
            sources: fill(self.sources.used as usize, self.sources.capacity()),
            services: fill(self.inventory.len(), limits.services),
            incidents: fill(self.incidents.len(), limits.incidents),
            detection_floor: (self.sources.evicted > 0).then(|| self.stay()),
            suspects: self.suspects(suspects),
        }
    }

    /// How long a source stays in the full table: its places, over the sources that came in per
    /// second.
    pub(super) fn stay(&self) -> Duration {
        let (used, evicted) = (self.sources.used as f64, self.sources.evicted as f64);
        let seconds = self.summary.first.map_or(0.0, |first| self.now.since(first).as_secs_f64());
        Duration::from_secs_f64(seconds * used / (used + evicted).max(1.0))
    }

    fn suspects(&self, most: usize) -> Vec<Suspect> {
        let mut found: Vec<Suspect> =
            self.trails.all().filter_map(|trail| self.suspect(trail.source)).collect();
        found.sort_by(|one, other| {
            other.score.total_cmp(&one.score).then(one.source.cmp(&other.source))
        });
        found.dedup_by_key(|suspect| suspect.source);
        found.truncate(most);
        found
    }

    fn suspect(&self, source: Addr) -> Option<Suspect> {
        // A trail that nobody has any more is not found from its source.
        let (at, id) = self.find_trail(source)?;
        let trail = self.trails.get(id).filter(|trail| trail.source == source)?;
        let entry = self.sources.entry(at);
        (entry.probes > 0).then(|| Suspect {
            source,
            score: entry.score().to_f64(),
            threshold: self.threshold.to_f64(),
            probes: entry.probes.into(),
            services: entry.services.into(),
            judged: trail.judged,
            last: trail.steps.last().map(|step| step.time),
        })
    }
}
