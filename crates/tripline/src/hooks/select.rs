//! Which hooks are told of an event.
//!
//! The sensor tells of an incident again and again while it goes on. A hook is told the first time,
//! and then only when its verdict, its risk or what should be done about it has changed: whoever is
//! paged a hundred times by one sweep does not look at the hundred and first.

use std::collections::{HashMap, VecDeque};

use tripline_core::catalog::Risk;
use tripline_core::event::{Action, Event, Incident, Verdict};

use super::TROUBLE;
use crate::settings::{EventKind, Hook};

/// Incidents that are remembered for each hook; the one that was told longest ago is forgotten first.
const MOST: usize = 4_096;

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Selector(Vec<Rule>);

/// What one hook wants, and what it has got.
#[derive(Debug)]
struct Rule {
    events: Vec<EventKind>,
    risk: Risk,
    told: HashMap<String, State>,
    /// The ids in `told`, the one that was told longest ago first.
    order: VecDeque<String>,
}

/// What is worth telling again when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    verdict: Verdict,
    risk: Risk,
    action: Action,
}

impl Selector {
    pub(super) fn new(hooks: &[Hook]) -> Self {
        let rule = |hook: &Hook| Rule {
            events: hook.events.clone(),
            risk: hook.risk,
            told: HashMap::new(),
            order: VecDeque::new(),
        };
        Self(hooks.iter().map(rule).collect())
    }

    /// The places, in the list of hooks, of those that are to be told.
    pub(super) fn choose(&mut self, event: &Event, kind: EventKind) -> Vec<usize> {
        if matches!(event, Event::Notice(notice) if notice.name == TROUBLE) {
            return Vec::new();
        }
        let rules = self.0.iter_mut().enumerate().filter(|(_, rule)| rule.events.contains(&kind));
        let wants = |(place, rule): (usize, &mut Rule)| match event {
            Event::Incident(incident) => rule.wants(incident).then_some(place),
            _ => Some(place),
        };
        rules.filter_map(wants).collect()
    }
}

impl Rule {
    fn wants(&mut self, incident: &Incident) -> bool {
        let state = State {
            verdict: incident.verdict,
            risk: incident.risk,
            action: incident.response.action,
        };
        if let Some(before) = self.told.get_mut(&incident.id) {
            // Less risk than asked for is news, too, for who knows of more.
            return std::mem::replace(before, state) != state;
        }
        // Nobody needs to take back what he was never told.
        if incident.risk < self.risk || incident.verdict == Verdict::Withdrawn {
            return false;
        }
        if self.told.len() >= MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.told.remove(&oldest);
        }
        self.order.push_back(incident.id.clone());
        self.told.insert(incident.id.clone(), state);
        true
    }
}
