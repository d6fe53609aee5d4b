//! `tripline report`: what happened, to hand on: as a page, as Markdown, as JSON.
//!
//! A document is made of events alone, fresh from a run or out of the store.

mod facts;
mod gather;
mod html;
mod json;
mod markdown;

use std::collections::{BTreeMap, BTreeSet};

use tripline_core::catalog::{Catalog, Entry};
use tripline_core::event::{Curtailment, Incident, Notice, ServiceEvent, Summary, Verdict};
use tripline_packet::Timestamp;

use crate::human::{self, Clock};
use crate::report::words;

pub use facts::{Fact, facts};
pub use html::page as to_html;
pub use json::write as to_json;
pub use markdown::write as to_markdown;

/// What a document is about, and how much of it is told.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The heading; without one it is made of what the document is about.
    pub title: Option<String>,
    /// Captures that were read, as they were named.
    pub input: Vec<String>,
    /// The time that was asked for, of what a sensor remembers.
    pub period: Option<(Timestamp, Timestamp)>,
    /// Only this incident.
    pub only: Option<String>,
    /// Incidents that are told in full.
    pub most: usize,
}

/// See the module documentation.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// What it is about.
    pub scope: Scope,
    /// What somebody has to look at, gravest first.
    pub incidents: Vec<Incident>,
    /// What looked like a sweep and is something else.
    pub apart: Vec<Incident>,
    /// The inventory.
    pub services: Vec<ServiceEvent>,
    /// What was done about sources, or would have been, the earliest first.
    pub curtailments: Vec<Curtailment>,
    /// What the operator should know.
    pub notices: Vec<Notice>,
    /// Totals, of captures.
    pub summary: Option<Summary>,
}

impl Document {
    /// The heading.
    pub fn title(&self) -> String {
        match (&self.scope.title, &self.scope.only) {
            (Some(title), _) => title.clone(),
            (None, Some(id)) => format!("Incident {id}"),
            (None, None) => "Access attempts at services that nobody offers".to_owned(),
        }
    }

    /// The first and the last moment that it speaks of.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let all = || self.incidents.iter().chain(&self.apart);
        let of_summary = self.summary.as_ref().and_then(|summary| summary.first.zip(summary.last));
        let of_incidents = || {
            let first = all().map(|incident| incident.first).min()?;
            Some((first, all().map(|incident| incident.last).max()?))
        };
        match &self.scope.only {
            Some(_) => of_incidents(),
            None => self.scope.period.or(of_summary).or_else(of_incidents),
        }
    }

    fn clock(&self) -> Clock {
        let (first, last) = self.span().unwrap_or_default();
        Clock::new(first, last)
    }

    /// What it comes to, in a few sentences.
    pub fn in_short(&self) -> Vec<String> {
        let mut short = vec![self.count_sentence()];
        let used: BTreeSet<_> = self
            .incidents
            .iter()
            .flat_map(|incident| incident.found.iter().filter(|found| found.follow_up.is_some()))
            .map(|found| found.service)
            .collect();
        let used: Vec<String> = used.iter().map(ToString::to_string).collect();
        if !used.is_empty() {
            let names = few(&used);
            short.push(format!("Somebody came back and used what the sweep had found: {names}."));
        }
        let proven = self.incidents.iter().filter(|incident| is_proven(incident)).count();
        short.extend(match (proven, self.incidents.len()) {
            (_, 0) => None,
            (0, _) => Some("No sender is proven to own the address that it used.".to_owned()),
            (1, 1) => Some("The address is proven to be the sender\u{2019}s own.".to_owned()),
            (proven, all) => Some(format!(
                "Of {} incidents, {} came from an address that is proven to be the sender\u{2019}s own.",
                human::count(all as u64),
                human::count(proven as u64)
            )),
        });
        short
    }

    fn count_sentence(&self) -> String {
        let mut kinds: BTreeMap<Verdict, u64> = BTreeMap::new();
        for incident in &self.incidents {
            *kinds.entry(incident.verdict).or_default() += 1;
        }
        let counted = |(verdict, count): (&Verdict, &u64)| match verdict {
            Verdict::FollowUp if *count == 1 => "1 sweep with follow-up".to_owned(),
            Verdict::FollowUp => format!("{} sweeps with follow-up", human::count(*count)),
            verdict => human::counted(*count, words::verdict(*verdict)),
        };
        let kinds: Vec<String> = kinds.iter().map(counted).collect();
        let apart = match self.apart.len() {
            0 => String::new(),
            count => format!(
                "; {} looked like one and {} something else",
                human::count(count as u64),
                if count == 1 { "is" } else { "are" }
            ),
        };
        match kinds.as_slice() {
            [] => format!("No sweep, no follow-up and no flood was found{apart}."),
            kinds => format!("Found: {}{apart}.", kinds.join(", ")),
        }
    }
}

fn is_proven(incident: &Incident) -> bool {
    matches!(incident.proof, tripline_core::event::Proof::Proven { .. })
}

/// The first of several names, and how many more there are.
fn few(names: &[String]) -> String {
    const MOST: usize = 6;
    let shown = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {} more", human::count(more as u64)),
    }
}

/// What the catalogue says about an incident.
fn entry<'a>(catalog: &'a Catalog, incident: &Incident) -> Option<&'a Entry> {
    catalog.find(&incident.signature)
}

/// How to read it: the same in every form.
const READING: [(&str, &str); 4] = [
    (
        "What counts",
        "An access attempt at a service that nobody offers: a closed or filtered port, an address where \
         nobody lives. Each first attempt of a source at such a service adds to its score the \
         logarithm of how much likelier it is for a sweeper than for anybody else.",
    ),
    (
        "How sure it is",
        "An incident is told when the score reaches a threshold, ln(1/\u{3b1}): nominally, one benign \
         source in 1/\u{3b1} ever gets there, however long it is watched. The tables of evidence show \
         each weight and the fact behind it.",
    ),
    (
        "Whose address it is",
        "Addresses can be forged. \u{201c}Proven\u{201d} means that the sender completed a handshake with \
         a number that only the owner of the address can have seen, and that this is tied to the sweep. \
         Where it is not proven, the address says where answers went, not who sent the packets.",
    ),
    (
        "What it does not say",
        "Payload is not judged, and what was outside the captures, or lost, is not known. Times are \
         UTC, as the sensor\u{2019}s clock had them.",
    ),
];
