//! The lists of the view: what is in them, and in which columns.

use tripline_core::event::{Incident, Notice, ServiceEvent, Verdict};
use tripline_core::{Service, Suspect};
use tripline_packet::{Addr, Prefix, Timestamp};
use tripline_respond::{Mode, Scope};

use crate::human;
use crate::log::held::Said;
use crate::report::{bar, words};
use crate::term::{Ink, Line, Terminal};
use crate::watch::control::InForce;
use crate::watch::status::Status;

use super::list::{Column, List, Row};

/// A list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pane {
    /// The last incidents.
    #[default]
    Incidents,
    /// Sources with evidence against them.
    Sources,
    /// The inventory.
    Services,
    /// Who is held off.
    Curtailed,
    /// What the operator should know.
    Notices,
}

impl Pane {
    pub(super) const ALL: [Self; 5] =
        [Self::Incidents, Self::Sources, Self::Services, Self::Curtailed, Self::Notices];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Incidents => "Incidents",
            Self::Sources => "Sources",
            Self::Services => "Services",
            Self::Curtailed => "Curtailed",
            Self::Notices => "Notices",
        }
    }

    /// The one that follows `by` places later, or before.
    pub(super) fn turn(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) status: &'a Status,
    /// What the sensor said about itself since the view is up, the latest first.
    pub(super) said: &'a [Said],
    pub(super) term: Terminal,
}

/// A thing of which there are details.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    Incident(Box<Incident>),
    Source(Suspect),
    Service(Box<ServiceEvent>),
    Curtailed(Box<InForce>),
    Notice(Box<Notice>),
}

impl Seen<'_> {
    /// How much there is in a list.
    pub(super) fn count(self, pane: Pane) -> usize {
        let Status { engine, incidents, services, curtailed, notices, .. } = self.status;
        match pane {
            Pane::Incidents => incidents.len(),
            Pane::Sources => engine.suspects.len(),
            Pane::Services => services.len(),
            Pane::Curtailed => curtailed.len(),
            Pane::Notices => notices.len() + self.said.len(),
        }
    }

    /// A list.
    pub(super) fn list(self, pane: Pane) -> List {
        match pane {
            Pane::Incidents => self.incidents(),
            Pane::Sources => self.sources(),
            Pane::Services => self.services(),
            Pane::Curtailed => self.curtailed(),
            Pane::Notices => self.notices(),
        }
    }

    /// What a row of a list is about.
    pub(super) fn find(self, pane: Pane, id: &str) -> Option<Subject> {
        let Status { engine, incidents, services, curtailed, .. } = self.status;
        match pane {
            Pane::Incidents => {
                let found = incidents.iter().find(|one| one.id == id)?;
                Some(Subject::Incident(Box::new(found.clone())))
            }
            Pane::Sources => {
                let found = engine.suspects.iter().find(|one| one.source.to_string() == id)?;
                Some(Subject::Source(*found))
            }
            Pane::Services => {
                let found = services.iter().find(|one| service(one).to_string() == id)?;
                Some(Subject::Service(Box::new(found.clone())))
            }
            Pane::Curtailed => {
                let found = curtailed.iter().find(|one| id_of_curtailed(one) == id)?;
                Some(Subject::Curtailed(Box::new(found.clone())))
            }
            Pane::Notices => {
                let found = self.all_notices().into_iter().find(|one| id_of_notice(one) == id)?;
                Some(Subject::Notice(Box::new(found)))
            }
        }
    }

    fn incidents(self) -> List {
        let row = |incident: &Incident| Row {
            id: incident.id.clone(),
            cells: vec![
                self.time(incident.last.max(incident.verdict_at)),
                self.line()
                    .add(words::risk_ink(incident.risk), incident.risk.to_string().to_uppercase()),
                self.source(incident),
                self.line().plain(&incident.signature),
                self.story(incident),
            ],
        };
        let summary = &self.status.engine.summary;
        List {
            columns: vec![
                Column::left("time", 6),
                Column::left("risk", 8),
                Column::left("source", 9),
                Column::left("event", 7),
                Column::rest("story", 5, 16),
            ],
            rows: self.status.incidents.iter().map(row).collect(),
            nothing: format!(
                "No incidents. {} looked at, {} with evidence.",
                human::counted(summary.attempts.total(), "access attempt"),
                human::counted(summary.sources, "source"),
            ),
        }
    }

    fn sources(self) -> List {
        /// Cells of the bar of the score.
        const BAR: usize = 10;
        let row = |suspect: &Suspect| {
            let score = format!(" {:>5}", human::score(suspect.score));
            let score = bar::add(self.line(), suspect.score, suspect.threshold, BAR).plain(score);
            Row {
                id: suspect.source.to_string(),
                cells: vec![
                    self.line().strong(suspect.source.to_string()),
                    score,
                    self.line().plain(human::count(suspect.probes.into())),
                    self.line().plain(human::count(suspect.services.into())),
                    suspect.last.map_or_else(|| self.line(), |time| self.time(time)),
                    self.standing(suspect),
                ],
            }
        };
        List {
            columns: vec![
                Column::left("source", 9),
                Column::left("score", 8),
                Column::right("probes", 6),
                Column::right("services", 4),
                Column::left("last", 5),
                Column::rest("verdict", 7, 14),
            ],
            rows: self.status.engine.suspects.iter().map(row).collect(),
            nothing: "No evidence against anybody.".to_owned(),
        }
    }

    fn services(self) -> List {
        let row = |event: &ServiceEvent| Row {
            id: service(event).to_string(),
            cells: vec![
                self.line().strong(event.host.to_string()),
                self.line().plain(format!("{}/{}", event.port, event.protocol)),
                self.line().plain(event.standing.name()),
                self.line().plain(human::count(event.clients)),
                event.last.map_or_else(|| self.line(), |time| self.time(time)),
                self.line().faint(&event.reason),
            ],
        };
        List {
            columns: vec![
                Column::left("host", 9),
                Column::left("service", 8),
                Column::left("standing", 7),
                Column::right("clients", 6),
                Column::left("last", 5),
                Column::rest("because", 4, 16),
            ],
            rows: self.status.services.iter().map(row).collect(),
            nothing: "No service is known yet. The list is made anew once a minute.".to_owned(),
        }
    }

    fn curtailed(self) -> List {
        let row = |in_force: &InForce| Row {
            id: id_of_curtailed(in_force),
            cells: vec![
                self.line().strong(source(in_force)),
                self.line().plain(match in_force.curtailment.target.scope {
                    Scope::Everything => "everything".to_owned(),
                    Scope::Service { protocol, port } => format!("{port}/{protocol}"),
                    Scope::Unoffered => "unoffered".to_owned(),
                }),
                self.line().plain(human::duration(in_force.left as f64)),
                self.kernel(in_force),
                self.line().faint(without(&in_force.curtailment.because, &source(in_force))),
            ],
        };
        List {
            columns: vec![
                Column::left("source", 9),
                Column::left("from", 7),
                Column::left("to go", 8),
                Column::right("dropped", 6),
                Column::rest("because", 5, 16),
            ],
            rows: self.status.curtailed.iter().map(row).collect(),
            nothing: match self.status.mode {
                Mode::Off => "Nobody is curtailed: nothing is decided about sweepers.",
                Mode::Observe => "Nobody would be curtailed.",
                Mode::Enforce => "Nobody is curtailed.",
            }
            .to_owned(),
        }
    }

    fn notices(self) -> List {
        let row = |notice: &Notice| Row {
            id: id_of_notice(notice),
            cells: vec![
                notice.time.map_or_else(|| self.line(), |time| self.time(time)),
                self.line().add(Ink::Warn, &notice.name),
                self.line().plain(&notice.message),
            ],
        };
        List {
            columns: vec![
                Column::left("time", 8),
                Column::left("name", 7),
                Column::rest("message", 9, 16),
            ],
            rows: self.all_notices().iter().map(row).collect(),
            nothing: "Nothing to note.".to_owned(),
        }
    }

    /// What was told and what was said, the latest first.
    fn all_notices(self) -> Vec<Notice> {
        let of_said = |said: &Said| Notice {
            schema: tripline_core::event::SCHEMA_VERSION,
            name: said.level.as_str().to_lowercase(),
            time: Some(said.time),
            message: said.text.clone(),
        };
        let told = self.status.notices.iter().cloned();
        let mut all: Vec<Notice> = self.said.iter().map(of_said).chain(told).collect();
        all.sort_by_key(|notice| std::cmp::Reverse(notice.time));
        all
    }

    fn line(self) -> Line {
        self.term.line()
    }

    fn time(self, time: Timestamp) -> Line {
        self.line().faint(moment(time, self.status.now))
    }

    fn source(self, incident: &Incident) -> Line {
        let source = incident.sources.first().map(ToString::to_string).unwrap_or_default();
        let line = self.line().strong(source);
        match incident.source_count {
            0 | 1 => line,
            count => line.plain(format!(" +{}", human::count(count - 1))),
        }
    }

    /// The story, behind what it is if it is no plain sweep, and without its source, which has a
    /// column of its own.
    fn story(self, incident: &Incident) -> Line {
        let line = match incident.verdict {
            Verdict::Sweep | Verdict::Flood => self.line(),
            Verdict::FollowUp => self.line().add(Ink::Alarm, "came back: "),
            other => self.line().strong(format!("{}: ", words::verdict(other))),
        };
        let source = incident.sources.first().map(ToString::to_string).unwrap_or_default();
        line.plain(without(&incident.story, &source))
    }

    /// How far a source is from its verdict.
    fn standing(self, suspect: &Suspect) -> Line {
        let mut incidents = self.status.incidents.iter();
        match incidents.find(|incident| is_by(incident, suspect.source)) {
            Some(incident) => self.line().add(Ink::Alarm, words::verdict(incident.verdict)),
            None if suspect.judged => self.line().add(Ink::Alarm, "judged"),
            None => {
                let left = (suspect.threshold - suspect.score).max(0.0);
                self.line().faint(format!("none, {left:.1} short"))
            }
        }
    }

    fn kernel(self, in_force: &InForce) -> Line {
        match (in_force.kernel, self.status.mode) {
            (Some((_, packets)), _) => self.line().plain(human::count(packets)),
            (None, Mode::Enforce) => self.line().add(Ink::Alarm, "not held"),
            (None, Mode::Observe | Mode::Off) => self.line().faint("only told"),
        }
    }
}

/// A service of the inventory as others name it.
pub(super) fn service(event: &ServiceEvent) -> Service {
    Service { host: event.host, protocol: event.protocol, port: event.port }
}

/// The network that a suspect is told by: its address, or its /64.
pub(super) fn network(suspect: Addr) -> Prefix {
    Prefix::new(suspect, if suspect.is_v4() { 128 } else { 64 })
}

/// Whether a suspect is among the sources of an incident.
pub(super) fn is_by(incident: &Incident, suspect: Addr) -> bool {
    incident.sources.iter().any(|source| network(suspect).contains(*source))
}

fn source(in_force: &InForce) -> String {
    in_force.curtailment.target.source.short()
}

/// A story without the source that it begins with, where that has a column of its own.
fn without<'a>(story: &'a str, source: &str) -> &'a str {
    story.strip_prefix(source).and_then(|rest| rest.strip_prefix(' ')).unwrap_or(story)
}

fn id_of_curtailed(in_force: &InForce) -> String {
    in_force.curtailment.target.to_string()
}

fn id_of_notice(notice: &Notice) -> String {
    let time = notice.time.map(|time| time.to_string()).unwrap_or_default();
    format!("{time} {} {}", notice.name, notice.message)
}

/// The time of day, or the day with the minute if it was another one.
fn moment(time: Timestamp, now: Timestamp) -> String {
    let (text, now) = (human::date_time(time, 0), human::date_time(now, 0));
    match (text.split_once(' '), now.split_once(' ')) {
        (Some((day, of_day)), Some((today, _))) if day == today => of_day.to_owned(),
        // 2026-11-23 02:06:23
        _ => text.get(5..16).unwrap_or(&text).to_owned(),
    }
}
