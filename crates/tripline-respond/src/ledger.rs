//! What is in force, since when, until when, and why: the intent that the kernel is held to.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use serde::{Deserialize, Serialize};
use tripline_packet::{Duration, Prefix, Timestamp};

use crate::target::{Scope, Target};

/// Who curtails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The sensor, by its rules.
    Sensor,
    /// A person.
    Operator(String),
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sensor => f.write_str("tripline"),
            Self::Operator(name) => f.write_str(name),
        }
    }
}

/// Somebody who is held off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curtailment {
    /// Whom, and from what.
    #[serde(flatten)]
    pub target: Target,
    /// From when.
    pub since: Timestamp,
    /// Until when; the kernel ends it by itself.
    pub until: Timestamp,
    /// How often the source was curtailed before.
    pub strikes: u32,
    /// By whom.
    pub by: Author,
    /// Why, in words.
    pub because: String,
    /// The incident, if there is one.
    pub incident: Option<String>,
}

/// What is remembered of a source.
#[derive(Clone, Copy, Debug)]
struct Past {
    /// How often it was curtailed.
    count: u32,
    /// When last.
    last: Timestamp,
    /// When that was over, if it is.
    ended: Option<Timestamp>,
}

/// See the module documentation.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    active: BTreeMap<Target, Curtailment>,
    past: BTreeMap<Prefix, Past>,
    /// When the sensor curtailed within the last minute.
    recent: VecDeque<(Timestamp, bool)>,
}

/// After this time without another one, a source's past is forgotten.
const MEMORY: Duration = Duration::from_secs(30 * 86_400);
/// Sources whose past is remembered; beyond that the oldest are forgotten.
const MOST_PAST: usize = 1 << 16;
const MINUTE: Duration = Duration::from_secs(60);

impl Ledger {
    /// All that is in force, by source.
    pub fn active(&self) -> impl Iterator<Item = &Curtailment> {
        self.active.values()
    }

    /// Number of curtailments in force.
    pub fn len(&self) -> usize {
        self.active.len()
    }

    /// Whether nobody is curtailed.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// What holds this target off.
    pub fn get(&self, target: &Target) -> Option<&Curtailment> {
        self.active.get(target)
    }

    /// How often the source has been curtailed in the last thirty days, what is in force now not
    /// counted.
    pub fn strikes(&self, source: Prefix, now: Timestamp) -> u32 {
        if let Some(of_now) = self.of_source(source) {
            return of_now.strikes;
        }
        match self.past.get(&source) {
            Some(past) if now.since(past.last) < MEMORY => past.count,
            _ => 0,
        }
    }

    fn of_source(&self, source: Prefix) -> Option<&Curtailment> {
        self.active.values().find(|active| active.target.source == source)
    }

    /// When the last curtailment of the source was over: what it did before has been dealt with.
    pub fn ended(&self, source: Prefix) -> Option<Timestamp> {
        self.past.get(&source)?.ended
    }

    /// Curtailments in force that count against the same limit as one of this scope. Slowing down
    /// has a limit of its own: what anybody can forge must not use up what the proven need.
    pub fn count(&self, scope: Scope) -> usize {
        let is_slow = scope == Scope::Unoffered;
        self.active.keys().filter(|target| (target.scope == Scope::Unoffered) == is_slow).count()
    }

    /// Curtailments that the sensor decided on in the last minute, counted likewise.
    pub fn in_last_minute(&self, scope: Scope, now: Timestamp) -> usize {
        let kind = scope == Scope::Unoffered;
        let is_meant =
            |(at, is_slow): &&(Timestamp, bool)| *is_slow == kind && now.since(*at) < MINUTE;
        self.recent.iter().filter(is_meant).count()
    }

    /// Puts a curtailment in force; it takes the place of one with the same target.
    pub fn add(&mut self, curtailment: Curtailment) {
        let Curtailment { target, since, .. } = curtailment;
        // Who is held off from more than before has not done it a second time.
        let again = u32::from(self.of_source(target.source).is_none());
        let fresh = Past { count: 0, last: since, ended: None };
        let past = self.past.entry(target.source).or_insert(fresh);
        *past = Past { count: past.count + again, ..fresh };
        if self.past.len() > MOST_PAST {
            let oldest = self.past.iter().min_by_key(|(_, past)| past.last);
            if let Some(oldest) = oldest.map(|(source, _)| *source) {
                self.past.remove(&oldest);
            }
        }
        if curtailment.by == Author::Sensor {
            self.recent.retain(|(at, _)| since.since(*at) < MINUTE);
            self.recent.push_back((since, target.scope == Scope::Unoffered));
        }
        self.active.insert(target, curtailment);
    }

    /// Takes up again what was in force when the sensor stopped.
    pub fn restore(&mut self, curtailments: impl IntoIterator<Item = Curtailment>, now: Timestamp) {
        for curtailment in curtailments {
            let Curtailment { strikes, since, until, .. } = curtailment;
            let ended = (until <= now).then_some(until);
            let past = Past { count: strikes + 1, last: since, ended };
            self.past.insert(curtailment.target.source, past);
            if curtailment.until > now {
                self.active.insert(curtailment.target, curtailment);
            }
        }
    }

    /// Ends a curtailment before its time.
    pub fn release(&mut self, target: &Target, now: Timestamp) -> Option<Curtailment> {
        let ended = self.active.remove(target)?;
        self.note_end(&ended, now);
        Some(ended)
    }

    /// Ends all whose time is over.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Curtailment> {
        let is_over = |_: &Target, curtailment: &mut Curtailment| curtailment.until <= now;
        let ended: Vec<Curtailment> =
            self.active.extract_if(.., is_over).map(|(_, ended)| ended).collect();
        for curtailment in &ended {
            self.note_end(curtailment, curtailment.until);
        }
        ended
    }

    fn note_end(&mut self, ended: &Curtailment, at: Timestamp) {
        if let Some(past) = self.past.get_mut(&ended.target.source) {
            past.ended = Some(at);
        }
    }
}

/// What has to be done so that the kernel holds what the ledger says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// It ought to be in force, and is not.
    Missing(Target),
    /// It is in force, and ought not to be.
    Foreign(Target),
    /// It ends at another time than it ought to.
    Length(Target),
}

/// Difference in length that is nobody's concern: the kernel rounds, and asking takes time.
const TOLERANCE: Duration = Duration::from_secs(5);

impl Ledger {
    /// Compares with what the kernel holds: targets, and how long each will stay.
    pub fn drift(&self, kernel: &BTreeMap<Target, Duration>, now: Timestamp) -> Vec<Drift> {
        let mut drift = Vec::new();
        for (target, curtailment) in &self.active {
            let wanted = curtailment.until.since(now);
            match kernel.get(target) {
                // About to end: it may be gone in the kernel already.
                None if wanted > TOLERANCE => drift.push(Drift::Missing(*target)),
                Some(left) if left.abs_diff(wanted) > TOLERANCE => {
                    drift.push(Drift::Length(*target));
                }
                _ => {}
            }
        }
        let foreign = kernel
            .iter()
            .filter(|(target, left)| !self.active.contains_key(target) && **left > TOLERANCE);
        drift.extend(foreign.map(|(target, _)| Drift::Foreign(*target)));
        drift
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Scope;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    fn target(source: &str) -> Target {
        Target { source: source.parse().unwrap(), scope: Scope::Everything }
    }

    fn curtailment(source: &str, since: i64, until: i64) -> Curtailment {
        Curtailment {
            target: target(source),
            since: at(since),
            until: at(until),
            strikes: 0,
            by: Author::Sensor,
            because: "a sweep".to_owned(),
            incident: None,
        }
    }

    #[test]
    fn strikes_are_counted_and_forgotten() {
        let mut ledger = Ledger::default();
        let source = target("192.0.2.1").source;
        assert_eq!(ledger.strikes(source, at(0)), 0);
        ledger.add(curtailment("192.0.2.1", 0, 300));
        ledger.expire(at(300));
        ledger.add(curtailment("192.0.2.1", 400, 700));
        let more = Target { scope: Scope::Unoffered, ..target("192.0.2.1") };
        ledger.add(Curtailment { target: more, ..curtailment("192.0.2.1", 410, 700) });
        ledger.expire(at(700));
        assert_eq!(ledger.strikes(source, at(800)), 2);
        assert_eq!(ledger.strikes(source, at(410 + 31 * 86_400)), 0);
        assert_eq!(
            (
                ledger.in_last_minute(Scope::Everything, at(411)),
                ledger.in_last_minute(Scope::Everything, at(500)),
                ledger.in_last_minute(Scope::Unoffered, at(411))
            ),
            (1, 0, 1)
        );
    }

    #[test]
    fn all_end_in_time() {
        let mut ledger = Ledger::default();
        ledger.add(curtailment("192.0.2.1", 0, 300));
        ledger.add(curtailment("192.0.2.2", 0, 400));
        assert!(ledger.expire(at(299)).is_empty());
        assert_eq!(ledger.expire(at(300)), [curtailment("192.0.2.1", 0, 300)]);
        assert!(ledger.release(&target("192.0.2.2"), at(301)).is_some());
        assert!(ledger.is_empty());
    }

    #[test]
    fn a_restart_takes_up_what_is_not_over() {
        let mut ledger = Ledger::default();
        let before = [curtailment("192.0.2.1", 0, 300), curtailment("192.0.2.2", 0, 900)];
        ledger.restore(before, at(500));
        assert_eq!(ledger.active().count(), 1);
        assert_eq!(ledger.strikes(target("192.0.2.1").source, at(500)), 1);
    }

    #[test]
    fn drift_in_either_direction_is_seen() {
        let mut ledger = Ledger::default();
        for (last, until) in [(1, 300), (2, 300), (3, 3), (4, 300)] {
            ledger.add(curtailment(&format!("192.0.2.{last}"), 0, until));
        }
        let seconds = Duration::from_secs;
        let kernel = BTreeMap::from([
            (target("192.0.2.1"), seconds(299)),
            (target("192.0.2.4"), seconds(100)),
            (target("192.0.2.9"), seconds(100)),
        ]);
        assert_eq!(
            ledger.drift(&kernel, at(0)),
            [
                Drift::Missing(target("192.0.2.2")),
                Drift::Length(target("192.0.2.4")),
                Drift::Foreign(target("192.0.2.9")),
            ]
        );
    }
}
