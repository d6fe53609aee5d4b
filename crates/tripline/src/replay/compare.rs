//! What differs between two outcomes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tripline_core::event::{Curtailment, CurtailmentStep, Incident, Proof};
use tripline_packet::Timestamp;
use tripline_respond::Mode;

use super::Outcome;
use crate::human;
use crate::report::words;

/// See the module documentation.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// How far the sensor may go, if that differs.
    pub mode: Option<[Mode; 2]>,
    /// Incidents.
    pub incidents: Changes<Incident>,
    /// Curtailments, and those that the policy refuses.
    pub curtailments: Changes<Curtailment>,
}

/// What became of things of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Changes<T> {
    /// How many are as before.
    pub same: usize,
    /// Those that are new.
    pub gained: Vec<T>,
    /// Those that are gone.
    pub lost: Vec<T>,
    /// Those that are another way.
    pub changed: Vec<Changed<T>>,
}

/// Something that is another way.
#[derive(Clone, Debug, Serialize)]
pub struct Changed<T> {
    /// As it was.
    pub before: T,
    /// As it is.
    pub after: T,
    /// In what it differs.
    pub fields: Vec<Field>,
}

/// In what something differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// What.
    pub field: &'static str,
    /// As it was.
    pub before: String,
    /// As it is.
    pub after: String,
}

impl Difference {
    /// Compares what was with what would be.
    pub fn new(before: &Outcome, after: &Outcome) -> Self {
        let modes = [before.mode, after.mode];
        Self {
            mode: (modes[0] != modes[1]).then_some(modes),
            incidents: incidents(before, after),
            curtailments: curtailments(&before.curtailments, &after.curtailments),
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.mode.is_none() && self.incidents.is_empty() && self.curtailments.is_empty()
    }
}

impl<T> Changes<T> {
    /// Whether all is as before.
    pub fn is_empty(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && self.changed.is_empty()
    }

    fn sort(
        pairs: Vec<(T, T)>,
        gained: Vec<T>,
        lost: Vec<T>,
        fields: fn(&T, &T) -> Vec<Field>,
    ) -> Self {
        let mut all = Self { same: 0, gained, lost, changed: Vec::new() };
        for (before, after) in pairs {
            match fields(&before, &after) {
                fields if fields.is_empty() => all.same += 1,
                fields => all.changed.push(Changed { before, after, fields }),
            }
        }
        all
    }
}

/// Incidents are the same by id, else by one of their sources in the same time: the id comes from the
/// attempt that it began with, and other settings may let it begin with another one.
fn incidents(before: &Outcome, after: &Outcome) -> Changes<Incident> {
    let (mut pairs, mut lost) = (Vec::new(), Vec::new());
    let mut rest: BTreeMap<&String, &Incident> = after.incidents.iter().collect();
    let mut unmatched = Vec::new();
    for (id, incident) in &before.incidents {
        match rest.remove(id) {
            Some(same) => pairs.push((incident.clone(), same.clone())),
            None => unmatched.push(incident),
        }
    }
    for incident in unmatched {
        let other = rest.iter().find(|(_, other)| is_alike(incident, other)).map(|(id, _)| *id);
        match other.and_then(|id| rest.remove(id)) {
            Some(other) => pairs.push((incident.clone(), other.clone())),
            None => lost.push(incident.clone()),
        }
    }
    let mut gained: Vec<Incident> = rest.into_values().cloned().collect();
    gained.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
    lost.sort_by(|a, b| (a.first, &a.id).cmp(&(b.first, &b.id)));
    pairs.sort_by(|(a, _), (b, _)| (a.first, &a.id).cmp(&(b.first, &b.id)));
    Changes::sort(pairs, gained, lost, incident_fields)
}

fn is_alike(one: &Incident, other: &Incident) -> bool {
    let sources: BTreeSet<_> = one.sources.iter().collect();
    let in_time = one.first <= other.last && other.first <= one.last;
    in_time && other.sources.iter().any(|source| sources.contains(source))
}

/// What matters of an incident. The score is left out: another bound alone moves it.
fn incident_fields(before: &Incident, after: &Incident) -> Vec<Field> {
    let of = |incident: &Incident| {
        let found: Vec<String> = incident.found.iter().map(|one| one.service.to_string()).collect();
        [
            ("verdict", words::verdict(incident.verdict).to_owned()),
            ("event", incident.signature.clone()),
            ("risk", incident.risk.to_string()),
            ("authorised as", incident.authorised_as.clone().unwrap_or_default()),
            ("sources", human::count(incident.source_count)),
            ("services tried", human::count(incident.services)),
            ("found", found.join(", ")),
            ("decided after", unused(incident)),
            ("decided at", incident.verdict_at.to_string()),
            ("address", proof(incident).to_owned()),
            ("advice", words::action(incident.response.action).to_owned()),
        ]
    };
    fields(of(before), of(after))
}

fn unused(incident: &Incident) -> String {
    human::counted(incident.attempts_to_verdict.into(), "unused service")
}

fn proof(incident: &Incident) -> &'static str {
    match incident.proof {
        Proof::None => "not proven",
        Proof::Proven { .. } => "proven",
    }
}

fn fields<const N: usize>(
    before: [(&'static str, String); N],
    after: [(&'static str, String); N],
) -> Vec<Field> {
    let both = before.into_iter().zip(after);
    let differ = both.filter(|((_, before), (_, after))| before != after);
    differ.map(|((field, before), (_, after))| Field { field, before, after }).collect()
}

/// Curtailments are the same if the same source is held off from the same, for the first, second, …
/// time.
fn curtailments(before: &[Curtailment], after: &[Curtailment]) -> Changes<Curtailment> {
    let mut rest = numbered(after);
    let (mut pairs, mut lost) = (Vec::new(), Vec::new());
    for (key, step) in numbered(before) {
        match rest.remove(&key) {
            Some(same) => pairs.push((step.clone(), same.clone())),
            None => lost.push(step.clone()),
        }
    }
    let mut gained: Vec<Curtailment> = rest.into_values().cloned().collect();
    gained.sort_by_key(|step| (step.time, step.source));
    lost.sort_by_key(|step| (step.time, step.source));
    Changes::sort(pairs, gained, lost, curtailment_fields)
}

type Key<'a> = (tripline_packet::Prefix, &'a str, bool, usize);

fn numbered(steps: &[Curtailment]) -> BTreeMap<Key<'_>, &Curtailment> {
    let mut numbered = BTreeMap::new();
    // What is over by itself is no decision.
    let decided = |step: &&Curtailment| {
        matches!(step.step, CurtailmentStep::WouldCurtail | CurtailmentStep::Refused)
    };
    for step in steps.iter().filter(decided) {
        let is_refused = step.step == CurtailmentStep::Refused;
        let mut number = 0;
        while numbered.contains_key(&(step.source, step.from.as_str(), is_refused, number)) {
            // The same refusal, told with each update of one incident, is one.
            if is_refused {
                break;
            }
            number += 1;
        }
        numbered.entry((step.source, step.from.as_str(), is_refused, number)).or_insert(step);
    }
    numbered
}

fn curtailment_fields(before: &Curtailment, after: &Curtailment) -> Vec<Field> {
    let of = |step: &Curtailment| {
        [("from", step.time.to_string()), ("for", length(step).unwrap_or_default())]
    };
    fields(of(before), of(after))
}

/// For how long somebody is held off.
pub(super) fn length(step: &Curtailment) -> Option<String> {
    let until: Timestamp = step.until?;
    Some(human::duration(until.since(step.time).as_secs_f64()))
}
