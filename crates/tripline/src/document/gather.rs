//! From events to a document.

use std::io;

use tripline_core::event::Event;

use crate::output::Sink;
use crate::report::words;

use super::{Document, Scope};

impl Document {
    /// A document about nothing yet.
    pub fn new(scope: Scope) -> Self {
        Self { scope, ..Self::default() }
    }

    /// Takes the next event, if the document is about it.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Incident(incident) if self.is_about(&incident.id) => {
                if words::is_alert(incident.verdict) || self.scope.only.is_some() {
                    self.incidents.push(*incident);
                } else {
                    self.apart.push(*incident);
                }
            }
            Event::Curtailment(step) if self.is_of(step.incident.as_deref()) => {
                self.curtailments.push(step);
            }
            Event::Notice(notice) if self.scope.only.is_none() => self.notices.push(notice),
            Event::Service(service) if self.scope.only.is_none() => self.services.push(service),
            Event::Summary(summary) => self.summary = Some(*summary),
            // Single probes are for who looks closer: `tripline read`.
            _ => {}
        }
    }

    fn is_about(&self, id: &str) -> bool {
        self.scope.only.as_deref().is_none_or(|only| only.eq_ignore_ascii_case(id))
    }

    /// Is a step about what the document is about? What a person decided is about no incident.
    fn is_of(&self, incident: Option<&str>) -> bool {
        incident.map_or(self.scope.only.is_none(), |id| self.is_about(id))
    }

    /// Puts all of it in order.
    pub fn finish(&mut self) {
        self.incidents.sort_by(|a, b| {
            (b.risk.cmp(&a.risk))
                .then(b.verdict.cmp(&a.verdict))
                .then(a.first.cmp(&b.first))
                .then(a.id.cmp(&b.id))
        });
        self.apart.sort_by(|a, b| (a.verdict, a.first, &a.id).cmp(&(b.verdict, b.first, &b.id)));
        self.services.sort_by_key(|service| (service.host, service.protocol, service.port));
        self.curtailments.sort_by_key(|step| step.time);
    }
}

impl Sink for Document {
    fn event(&mut self, event: Event) -> io::Result<()> {
        self.take(event);
        Ok(())
    }
}
