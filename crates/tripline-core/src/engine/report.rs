//! Reporting: what is told, and when.

use tripline_packet::{Addr, Duration};

use super::{Emit, Engine, judge::VERDICTS};
use crate::event::{Event, Notice, Probe, SCHEMA_VERSION, Verdict};
use crate::evidence::Row;
use crate::incident::{Context, Subject};
use crate::service::Direction;
use crate::trail::Step;

/// So many unanswered services in the last second are worth a word.
const MANY_CUT_SHORT: u64 = 10;

impl Engine {
    /// Tells of an incident if it is live reporting and there is news.
    pub(super) fn update(&mut self, subject: Subject) {
        let withdrawn_news = self
            .incidents
            .get(&subject)
            .is_some_and(|incident| incident.verdict == Verdict::Withdrawn);
        if self.emit == Emit::Updates {
            self.tell(subject);
        } else if withdrawn_news {
            // In a final report a verdict that was taken back is only counted.
            self.count(Verdict::Withdrawn);
        }
    }

    fn tell(&mut self, subject: Subject) {
        let context = Context {
            catalog: &self.catalog,
            tools: &self.tools,
            threshold: self.threshold,
            alpha: self.settings.alpha,
        };
        let Some(incident) = self.incidents.get_mut(&subject) else {
            return;
        };
        if incident.is_news() {
            let report = incident.report(&context);
            self.events.push_back(Event::Incident(Box::new(report)));
        }
    }

    /// Tells how far those incidents have got that went on without anything new in kind.
    pub(super) fn tell_growth(&mut self) {
        if self.emit != Emit::Updates {
            return;
        }
        let context = Context {
            catalog: &self.catalog,
            tools: &self.tools,
            threshold: self.threshold,
            alpha: self.settings.alpha,
        };
        let mut grown: Vec<_> =
            self.incidents.values_mut().filter(|incident| incident.has_grown()).collect();
        grown.sort_unstable_by_key(|incident| (incident.sweep.first, incident.id.clone()));
        for incident in grown {
            let report = incident.report(&context);
            self.events.push_back(Event::Incident(Box::new(report)));
        }
    }

    /// Closes incidents and probes that have been quiet; all of them with `everything`.
    pub(super) fn close(&mut self, everything: bool) {
        let quiet = self.settings.quiet;
        let now = self.now;
        let is_over = |last| everything || now.since(last) >= quiet;
        let mut over: Vec<_> = self
            .incidents
            .iter()
            .filter(|(_, incident)| is_over(incident.last))
            .map(|(subject, incident)| (incident.sweep.first, *subject))
            .collect();
        over.sort_unstable();
        let probes = self.probes.take_closed(now, everything);
        if self.emit == Emit::Final {
            self.events.extend(probes.into_iter().map(Event::Probe));
        }
        for (_, subject) in over {
            self.close_incident(subject);
        }
    }

    fn close_incident(&mut self, subject: Subject) {
        let Some(mut incident) = self.incidents.remove(&subject) else {
            return;
        };
        self.count(incident.verdict);
        for source in &incident.sources {
            if let Some((_, trail)) = self.find_trail(*source)
                && let Some(trail) = self.trails.get_mut(trail)
            {
                trail.close();
            }
        }
        if self.emit == Emit::Final {
            let context = Context {
                catalog: &self.catalog,
                tools: &self.tools,
                threshold: self.threshold,
                alpha: self.settings.alpha,
            };
            let report = incident.report(&context);
            self.events.push_back(Event::Incident(Box::new(report)));
        }
    }

    /// Says which limits were reached, and what that means for the verdicts.
    pub(super) fn note_limits(&mut self) {
        let limits = self.settings.limits;
        if self.probes.suppressed > 0 {
            self.notice("probes_suppressed", format!(
                "{} of {} single probes were counted but not listed, because more than {} were open \
                 at once or they were part of a flood (`probes` under `[limits]`)",
                self.probes.suppressed, self.probes.total, limits.probes,
            ));
        }
        if self.summary.incidents_dropped > 0 {
            self.notice(
                "incidents_dropped",
                format!(
                    "{} verdicts were not reported, because {} incidents were open at once \
                 (`incidents` under `[limits]`)",
                    self.summary.incidents_dropped, limits.incidents,
                ),
            );
        }
        self.note_cut_short();
        let (evicted, dropped) = (self.sources.evicted, self.tracker.dropped);
        if evicted == 0 && dropped == 0 {
            return;
        }
        let stay = self.stay().as_secs_f64();
        self.notice("detection_floor", format!(
            "tables were full: {evicted} sources were displaced and {dropped} attempts given up; a \
             source stayed for about {stay:.0} s, so sweeps slower than that may be missed \
             (`sources` and `flows` under `[limits]`)",
        ));
    }

    /// Says that the clock of the input was set back.
    pub(super) fn clock_notice(&mut self, by: Duration) {
        self.notice(
            "clock_set_back",
            format!(
                "the clock of the input goes back by {:.0} s; from here on times are told as if it \
                 had not, until it has caught up",
                by.as_secs_f64()
            ),
        );
    }

    /// What began in the last second may have been answered after the end, so its silence says
    /// nothing. Whoever began many things there may be at a sweep all the same.
    fn note_cut_short(&mut self) {
        let sources = std::mem::take(&mut self.cut_short);
        let Some((source, most)) = sources.iter().max_by_key(|(_, count)| **count) else {
            return;
        };
        let all: u64 = sources.values().sum();
        if *most >= MANY_CUT_SHORT {
            self.notice(
                "cut_short",
                format!(
                    "the input ends within a second of {all} attempts that nobody had answered yet, \
                     {most} of them by {source}: they count for nothing; a longer capture would tell \
                     whether it is a sweep"
                ),
            );
        }
    }

    fn notice(&mut self, name: &str, message: String) {
        let (name, time) = (name.to_owned(), Some(self.now));
        self.events.push_back(Event::Notice(Notice {
            schema: SCHEMA_VERSION,
            name,
            time,
            message,
        }));
    }

    fn count(&mut self, verdict: Verdict) {
        if let Some(at) = VERDICTS.iter().position(|known| *known == verdict) {
            self.incident_counts[at] += 1;
        }
    }

    /// Tells of a single probe. Of a source under a verdict only the first at each named port is
    /// told by itself; the rest is in its incident.
    pub(super) fn report_probe(&mut self, source: Addr, step: &Step) {
        let direction = self.home.direction(source, step.service.host);
        let ours = matches!(direction, Direction::Inbound | Direction::Internal);
        if !ours || !step.is_probe() || !is_reported(step.row) || !step.service.protocol.has_ports()
        {
            return;
        }
        let Some(entry) = self.catalog.probe(step.service.protocol, step.service.port) else {
            return;
        };
        if self.probes.is_full() {
            self.probes.suppress();
            return;
        }
        let incident = self.incidents.get(&Subject::Source(self.leader(source)));
        if incident.is_some() && entry.is_catch_all() {
            self.probes.count_only();
            return;
        }
        let probe = Probe {
            schema: SCHEMA_VERSION,
            signature: entry.signature.clone(),
            event_id: entry.id.clone(),
            iss_id: entry.iss_id,
            risk: entry.risk,
            source,
            target: step.service.host,
            protocol: step.service.protocol,
            port: Some(step.service.port),
            port_name: entry.name_of(step.service.port).map(str::to_owned),
            technique: step.technique,
            outcome: step.outcome,
            standing: step.standing,
            reason: step.fact.to_string(),
            tool: step.mark.map(|mark| self.tools.rules()[usize::from(mark)].name.clone()),
            direction,
            count: 1,
            first: step.time,
            last: step.time,
            incident: incident.map(|incident| incident.id.clone()),
        };
        if self.emit == Emit::Updates {
            self.events.push_back(Event::Probe(probe.clone()));
        }
        self.probes.add(step.service, probe);
    }
}

/// Is an observation of this kind told as a probe, or does it only weigh?
const fn is_reported(row: Row) -> bool {
    matches!(
        row,
        Row::Refused
            | Row::Prohibited
            | Row::Silent
            | Row::Dark
            | Row::Reserved
            | Row::Impossible
            | Row::StrayRefused
            | Row::SameFamily
    )
}
