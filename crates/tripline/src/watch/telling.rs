//! From events to those who are told of them: the memory first, then the kernel, then people.

use anyhow::{Context as _, Result};
use tripline_core::event::{Event, Incident, Notice, SCHEMA_VERSION, ServiceEvent};
use tripline_core::{Service, Standing};
use tripline_packet::Timestamp;

use super::Sensor;
use crate::hooks;
use crate::metrics;
use crate::output::Sink;

impl Sensor {
    /// Hands over what there is to tell.
    pub(super) fn drain(&mut self, sink: &mut dyn Sink) -> Result<()> {
        while let Some(event) = self.engine.poll() {
            self.keep_event(&event);
            if let Event::Incident(incident) = &event {
                self.decide(incident);
                self.keep_frames(incident);
            }
            self.hand_over(event, sink)?;
        }
        for event in self.curtailer.take_events() {
            self.tell(event, sink)?;
        }
        Ok(())
    }

    /// Decides what is done about an incident, and notes how long all of it took.
    fn decide(&mut self, incident: &Incident) {
        let now = self.clock.now();
        if incident.update == 1 {
            metrics::observe(&self.latencies.verdict, now.since(incident.verdict_at));
        }
        if self.curtailer.consider(incident, now) {
            metrics::observe(&self.latencies.kernel, self.clock.now().since(now));
        }
    }

    /// Keeps the frames of an incident, and what is known about whom it touched.
    fn keep_frames(&mut self, incident: &Incident) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        let seen = self.engine.services();
        let seen = seen.iter().filter(|event| event.standing == Standing::Offered);
        let seen = seen.map(|ServiceEvent { host, protocol, port, .. }| Service {
            host: *host,
            protocol: *protocol,
            port: *port,
        });
        let offered: Vec<Service> = seen.chain(self.listening.iter().copied()).collect();
        recorder.incident(incident, self.engine.settings(), &offered);
    }

    pub(super) fn tell(&mut self, event: Event, sink: &mut dyn Sink) -> Result<()> {
        self.keep_event(&event);
        self.hand_over(event, sink)
    }

    /// Remembers what is about to be told.
    fn keep_event(&mut self, event: &Event) {
        if let Some(keeper) = &mut self.keeper {
            keeper.event(event);
        }
    }

    fn hand_over(&mut self, event: Event, sink: &mut dyn Sink) -> Result<()> {
        self.counts.events += 1;
        self.status.note(&event);
        if let Some(hooks) = &mut self.hooks {
            hooks.event(&event);
        }
        sink.event(event).context("cannot write an event")
    }

    /// Tells what went wrong with hooks; to everybody but hooks, which see to that themselves.
    pub(super) fn tell_troubles(
        &mut self,
        troubles: Option<Vec<String>>,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let now = self.clock.now();
        let notices = troubles.into_iter().flatten();
        let mut notices = notices.map(|message| notice(hooks::TROUBLE, Some(now), message));
        notices.try_for_each(|notice| self.tell(notice, sink))
    }
}

pub(crate) fn notice(name: &str, time: Option<Timestamp>, message: String) -> Event {
    Event::Notice(Notice { schema: SCHEMA_VERSION, name: name.to_owned(), time, message })
}
