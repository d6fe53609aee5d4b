//! One thing on a page of its own.

use std::collections::BTreeMap;

use tripline_core::Suspect;
use tripline_core::event::{Incident, Notice, ServiceEvent};
use tripline_packet::{Addr, Prefix, Timestamp};
use tripline_respond::Mode;

use crate::explain;
use crate::human::{self, Clock};
use crate::report::{bar, curtailed, incident, picture, words};
use crate::term::{Ink, Line, Page, Terminal};
use crate::watch::control::InForce;
use crate::watch::status::Status;

use super::panes::{Subject, is_by, network, service};

/// Hosts and incidents beyond these are only counted.
const MOST_HOSTS: usize = 32;
const MOST_INCIDENTS: usize = 20;
/// Cells of the bar of a score.
const BAR: usize = 24;

/// The page of a thing. `options` are those of the command line with which the sensor is reached.
pub(super) fn page(subject: &Subject, status: &Status, term: Terminal, options: &str) -> Page {
    let mut page = Page::new(term);
    let mut writer = Writer { page: &mut page, status, options };
    match subject {
        Subject::Incident(incident) => writer.incident(incident),
        Subject::Source(suspect) => writer.source(suspect),
        Subject::Service(event) => writer.service(event),
        Subject::Curtailed(in_force) => writer.curtailed(in_force),
        Subject::Notice(notice) => writer.notice(notice),
    }
    page
}

struct Writer<'a> {
    page: &'a mut Page,
    status: &'a Status,
    options: &'a str,
}

impl Writer<'_> {
    fn incident(&mut self, incident: &Incident) {
        let clock = self.clock(incident.first, incident.last.max(incident.verdict_at));
        incident::add_facts(self.page, incident, &clock);
        let sources = &incident.sources;
        let of_it = |one: &&InForce| {
            one.curtailment.incident.as_ref() == Some(&incident.id)
                || sources.iter().any(|source| one.curtailment.target.source.contains(*source))
        };
        let in_force: Vec<&InForce> = self.status.curtailed.iter().filter(of_it).collect();
        let only = match sources.as_slice() {
            [source] => Some(Prefix::new(*source, 128)),
            _ => None,
        };
        self.held_off(&in_force, only);
        self.command("read on", &format!("tripline explain {}", incident.signature));
        picture::add(self.page, incident);
        if !incident.evidence.is_empty() {
            self.page.heading("Evidence, step by step", clock.day().unwrap_or_default());
            explain::add_steps(self.page, incident, &clock);
        }
        self.touched(incident);
    }

    /// What is done about a source, if it is one, and how to change that.
    fn held_off(&mut self, in_force: &[&InForce], only: Option<Prefix>) {
        let mut label = "held off";
        for one in in_force.iter().take(MOST_INCIDENTS) {
            let left = human::duration(one.left as f64);
            let line = self.page.line().strong(one.curtailment.target.to_string());
            let line = match (one.kernel, self.status.mode) {
                (Some((_, packets)), _) => {
                    let packets = human::counted(packets, "packet");
                    line.plain(format!(", {left} to go, {packets} dropped"))
                }
                (None, Mode::Enforce) => line.add(Ink::Alarm, ", but the kernel does not hold it"),
                (None, _) => line.plain(format!(" would be, {left} to go; only told")),
            };
            self.page.field(std::mem::take(&mut label), &line);
        }
        match (in_force, only) {
            ([first, ..], _) => {
                let source = first.curtailment.target.source.short();
                self.command("", &format!("sudo tripline release {source}"));
            }
            ([], Some(source)) if self.status.mode == Mode::Enforce => {
                let source = source.short();
                let command = format!("sudo tripline curtail {source} --because REASON");
                self.command("hold off", &command);
            }
            _ => {}
        }
    }

    /// Every service that it touched, as far as it is remembered.
    fn touched(&mut self, incident: &Incident) {
        let mut hosts: BTreeMap<Addr, BTreeMap<(String, u16), bool>> = BTreeMap::new();
        for touch in &incident.touches {
            let service = touch.service;
            let key = (service.protocol.to_string(), service.port);
            *hosts.entry(service.host).or_default().entry(key).or_default() |= touch.answered;
        }
        if hosts.is_empty() {
            return;
        }
        let shown: usize = hosts.values().map(BTreeMap::len).sum();
        let note = format!("{} of {}", human::count(shown as u64), human::count(incident.services));
        self.page.heading("Touched", &format!("{note}; those with + answered"));
        for (host, services) in hosts.iter().take(MOST_HOSTS) {
            let mut line = self.page.line();
            for ((protocol, port), answered) in services {
                line = if *answered {
                    line.add(Ink::Warn, format!("{port}/{protocol}+ "))
                } else {
                    line.plain(format!("{port}/{protocol} "))
                };
            }
            let first = self.page.line().plain("  ").strong(host.to_string());
            self.page.push(first);
            self.page.paragraph(&line, 6);
        }
        self.and_more(hosts.len(), MOST_HOSTS, "host");
    }

    fn source(&mut self, suspect: &Suspect) {
        let title = self.page.line().strong(suspect.source.to_string());
        self.page.push(title);
        self.page.gap();
        let score =
            format!(" {} where {:.1} decides", human::score(suspect.score), suspect.threshold);
        let line = bar::add(self.page.line(), suspect.score, suspect.threshold, BAR);
        self.field("score", &line.plain(score));
        let services = human::counted(suspect.services.into(), "service");
        let line = self.page.line().plain(format!(
            "{services}, {} of them offered by nobody",
            human::count(suspect.probes.into())
        ));
        self.field("tried", &line);
        if let Some(last) = suspect.last {
            self.when("last", last);
        }
        let incidents = self.status.incidents.iter();
        let of_it: Vec<&Incident> = incidents.filter(|one| is_by(one, suspect.source)).collect();
        if of_it.is_empty() {
            let text = if suspect.judged { "given; the incident is older" } else { "none yet" };
            let line = self.page.line().plain(text);
            self.field("verdict", &line);
        }
        let source = network(suspect.source);
        let overlaps = |one: &&InForce| {
            let held = one.curtailment.target.source;
            held.contains(source.addr()) || source.contains(held.addr())
        };
        let in_force: Vec<&InForce> = self.status.curtailed.iter().filter(overlaps).collect();
        self.held_off(&in_force, Some(source));
        self.incidents("Incidents", &of_it);
    }

    fn service(&mut self, event: &ServiceEvent) {
        let title = self.page.line().strong(service(event).to_string());
        self.page.push(title);
        self.page.gap();
        let line =
            self.page.line().strong(event.standing.name()).plain(format!(": {}", event.reason));
        self.field("standing", &line);
        let line = self.page.line().plain(human::counted(event.clients, "client"));
        self.field("used by", &line);
        for (label, time) in [("first", event.first), ("last", event.last)] {
            if let Some(time) = time {
                self.when(label, time);
            }
        }
        let this = service(event);
        let touched = |one: &&Incident| {
            one.touches.iter().any(|touch| touch.service == this)
                || one.found.iter().any(|found| found.service == this)
        };
        let of_it: Vec<&Incident> = self.status.incidents.iter().filter(touched).collect();
        self.incidents("Incidents that touched it", &of_it);
    }

    fn curtailed(&mut self, in_force: &InForce) {
        curtailed::add(self.page, in_force);
        self.when("since", in_force.curtailment.since);
        self.when("until", in_force.curtailment.until);
        let source = in_force.curtailment.target.source.short();
        self.command("end it", &format!("sudo tripline release {source}"));
        let incidents = self.status.incidents.iter();
        let id = in_force.curtailment.incident.as_ref();
        let of_it: Vec<&Incident> = incidents.filter(|one| Some(&one.id) == id).collect();
        self.incidents("Incident", &of_it);
    }

    fn notice(&mut self, notice: &Notice) {
        let title = self.page.line().add(Ink::Warn, &notice.name);
        self.page.push(title);
        self.page.gap();
        let line = self.page.line().plain(&notice.message);
        self.page.paragraph(&line, 2);
        if let Some(time) = notice.time {
            self.page.gap();
            self.when("time", time);
        }
    }

    fn incidents(&mut self, title: &str, incidents: &[&Incident]) {
        if incidents.is_empty() {
            return;
        }
        self.page.heading(title, "");
        for one in incidents.iter().take(MOST_INCIDENTS) {
            let clock = self.clock(one.first, one.last);
            let line = incident::title(self.page, one);
            self.page.paragraph(&line, 2);
            let line =
                self.page.line().faint(format!("{}  ", clock.show(one.first))).plain(&one.story);
            self.page.paragraph(&line, 4);
            let line = self.page.line().strong(words::action(one.response.action));
            self.page.paragraph(&line, 4);
        }
        self.and_more(incidents.len(), MOST_INCIDENTS, "incident");
    }

    fn and_more(&mut self, all: usize, shown: usize, noun: &str) {
        if let Some(more) = all.checked_sub(shown).filter(|more| *more > 0) {
            let more = human::counted(more as u64, noun);
            let line = self.page.line().faint(format!("  and {more} more"));
            self.page.push(line);
        }
    }

    fn field(&mut self, label: &str, line: &Line) {
        self.page.field(label, line);
    }

    fn when(&mut self, label: &str, time: Timestamp) {
        let line = self.page.line().plain(format!("{} UTC", human::date_time(time, 0)));
        self.field(label, &line);
    }

    /// A line to copy.
    fn command(&mut self, label: &str, command: &str) {
        let options = if command.starts_with("sudo") { self.options } else { "" };
        let line = self.page.line().add(Ink::Accent, format!("{command}{options}"));
        self.field(label, &line);
    }

    /// Shows the date only if it is not today's.
    fn clock(&self, first: Timestamp, last: Timestamp) -> Clock {
        let is_today = Clock::new(first, self.status.now).day().is_some();
        Clock::new(first, if is_today { last } else { self.status.now })
    }
}
