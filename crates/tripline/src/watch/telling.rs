//! From events to those who are told of them: the memory first, then the kernel, then people.

use anyhow::{Context as _, Result};
use tripline_core::event::{Event, Incident, Notice, SCHEMA_VERSION};
use tripline_packet::Timestamp;

use super::record::Recorder;
use super::{BEHIND, Sensor};
use crate::hooks;
use crate::metrics;
use crate::output::Sink;

impl Sensor {
    /// Hands over what there is to tell.
    pub(super) fn drain(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let mut is_news = false;
        while let Some(event) = self.engine.poll() {
            self.keep_event(&event);
            if let Event::Incident(incident) = &event {
                self.decide(incident);
                is_news = true;
            }
            if let Some(recorder) = &mut self.recorder {
                recorder.event(&event);
            }
            self.hand_over(event, sink)?;
        }
        if is_news {
            self.look_at_recordings();
        }
        let of_recorder = self.recorder.as_mut().map(Recorder::take_events).unwrap_or_default();
        for event in self.curtailer.take_events().into_iter().chain(of_recorder) {
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

    /// Lets the recorder see which incidents are open.
    pub(super) fn look_at_recordings(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.look(&self.engine, self.clock.now() - BEHIND);
        }
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
