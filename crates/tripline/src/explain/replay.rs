//! Why somebody was reported: the evidence of an incident, step by step.

use std::net::IpAddr;

use tripline_core::event::{Event, EvidenceStep, Incident, Probe, ServiceEvent};
use tripline_packet::Addr;

use crate::human::{self, Clock};
use crate::report::incident::{add_said, full_weight, title};
use crate::report::{bar, words};
use crate::term::{Ink, Page, Terminal};

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The incident with this id.
    Incident(String),
    /// Everything that this address did, or that was done to it.
    Address(Addr),
}

impl Subject {
    /// An address if it reads as one, else an incident id.
    pub fn new(text: &str) -> Self {
        match text.parse::<IpAddr>() {
            Ok(addr) => Self::Address(addr.into()),
            Err(_) => Self::Incident(text.to_owned()),
        }
    }

    /// Is this event about the subject?
    pub fn is_about(&self, event: &Event) -> bool {
        match (event, self) {
            (Event::Incident(incident), _) => self.is_in(incident),
            (Event::Probe(probe), Self::Address(addr)) => {
                probe.source == *addr || probe.target == *addr
            }
            (Event::Service(service), Self::Address(addr)) => service.host == *addr,
            _ => false,
        }
    }

    fn is_in(&self, incident: &Incident) -> bool {
        match self {
            Self::Incident(id) => incident.id.eq_ignore_ascii_case(id),
            Self::Address(addr) => {
                incident.sources.contains(addr)
                    || incident.targets.iter().any(|target| target.contains(*addr))
            }
        }
    }
}

/// Columns of the bar that shows the score against the threshold.
const BAR: usize = 16;
/// Narrower terminals get no bar.
const ROOM_FOR_BAR: usize = 80;
/// Probes and services of an address beyond these are only counted.
const MOST_ROWS: usize = 40;

/// Renders what the events of a run say about `subject`; `None` when they say nothing.
pub fn replay(events: &[Event], subject: &Subject, term: Terminal) -> Option<Page> {
    let mut page = Page::new(term);
    let clock = clock(events);
    let mut incidents: Vec<&Incident> = Vec::new();
    let mut probes: Vec<&Probe> = Vec::new();
    let mut services: Vec<&ServiceEvent> = Vec::new();
    for event in events.iter().filter(|event| subject.is_about(event)) {
        match event {
            Event::Incident(incident) => incidents.push(incident),
            Event::Probe(probe) => probes.push(probe),
            Event::Service(service) => services.push(service),
            Event::Notice(_) | Event::Summary(_) | Event::Curtailment(_) => {}
        }
    }
    if incidents.is_empty() && probes.is_empty() && services.is_empty() {
        return None;
    }
    for incident in incidents {
        add_incident(&mut page, incident, &clock);
    }
    add_services(&mut page, &services);
    add_probes(&mut page, &probes, &clock);
    Some(page)
}

fn clock(events: &[Event]) -> Clock {
    let span = events.iter().find_map(|event| match event {
        Event::Summary(summary) => summary.first.zip(summary.last),
        _ => None,
    });
    let (first, last) = span.unwrap_or_default();
    Clock::new(first, last)
}

fn add_incident(page: &mut Page, incident: &Incident, clock: &Clock) {
    page.gap();
    let line = title(page, incident);
    page.paragraph(&line, 0);
    let line = page.line().plain(&incident.story);
    page.paragraph(&line, 2);
    if !incident.said.is_empty() {
        page.gap();
        add_said(page, incident);
    }
    if incident.evidence.is_empty() {
        page.gap();
        let line = page.line().plain(
            "This verdict does not rest on the sum of single attempts, so there are no steps to show.",
        );
        page.paragraph(&line, 2);
        return;
    }
    page.heading("Evidence, step by step", clock.day().unwrap_or_default());
    let line = page.line().faint(format!(
        "Each first attempt at a service adds ln(P(outcome | sweeper) / P(outcome | benign)) to the \
         score of its source. Two sums are kept, with and without the marks of tools; the score is \
         the larger less ln 2, the price of the choice. At {:.1}, which is ln(1/alpha) for alpha = \
         {}, the verdict falls.",
        incident.threshold, incident.alpha
    ));
    page.paragraph(&line, 2);
    page.gap();
    add_steps(page, incident, clock);
    add_clearing(page, incident);
}

/// Adds the evidence of an incident, step by step.
pub(crate) fn add_steps(page: &mut Page, incident: &Incident, clock: &Clock) {
    let decisive = decisive_step(incident);
    for (index, step) in incident.evidence.iter().enumerate() {
        add_step(page, index + 1, step, incident.threshold, clock);
        if decisive == Some(index) {
            let line = page.line().add(Ink::Alarm, "▌ verdict").plain(format!(
                ": {} at {}, after {}",
                words::verdict(incident.verdict),
                clock.show(incident.verdict_at),
                human::counted(incident.attempts_to_verdict.into(), "unused service"),
            ));
            page.paragraph(&line, 7);
        }
    }
    let shown = incident.evidence.len() as u64;
    if incident.services > shown {
        let more = human::counted(incident.services - shown, "further service");
        let line = page.line().faint(format!("{more} not kept step by step"));
        page.paragraph(&line, 7);
    }
}

/// The step at which the score reached the threshold.
fn decisive_step(incident: &Incident) -> Option<usize> {
    let reached = |step: &EvidenceStep| step.score >= incident.threshold;
    let in_time = |step: &EvidenceStep| step.time >= incident.verdict_at;
    let steps = &incident.evidence;
    steps.iter().position(reached).or_else(|| steps.iter().position(in_time))
}

fn add_step(page: &mut Page, number: usize, step: &EvidenceStep, threshold: f64, clock: &Clock) {
    let weight_ink = match full_weight(step) {
        _ if step.revoked.is_some() => Ink::Faint,
        weight if weight > 0.0 => Ink::Strong,
        _ => Ink::Good,
    };
    let line = page
        .line()
        .faint(format!("  {number:>3}  {}  ", clock.show(step.time)))
        .add(weight_ink, format!("{:>+5.1}", full_weight(step)))
        .plain(format!(" {:>6} ", human::score(step.score)));
    let line = match page.term.width {
        // The service and its outcome are worth more than a picture of the score.
        0..ROOM_FOR_BAR => line,
        _ => bar::add(line, step.score, threshold, BAR),
    };
    let indent = line.width() + 2;
    let what = page.line().plain(format!("{} {} {}", step.service, step.technique, step.outcome));
    if indent + what.width() <= page.term.width {
        page.push(line.plain("  ").append(what));
    } else {
        page.push(line);
        page.paragraph(&what, 7);
    }
    let fact = page
        .line()
        .plain(step.standing.name())
        .faint(format!(": {} (row {})", step.reason, step.row));
    page.paragraph(&fact, 7);
    if let Some(tool) = &step.tool {
        let mark = page
            .line()
            .add(Ink::Accent, &tool.name)
            .faint(format!(" ({:+.1} of it): {}", tool.weight, tool.mark));
        page.paragraph(&mark, 7);
    }
    if let Some(why) = &step.revoked {
        let line = page.line().add(Ink::Good, "taken back").plain(format!(": {why}"));
        page.paragraph(&line, 7);
    }
}

/// What the source, or somebody who knows better, would have to do to be cleared.
fn add_clearing(page: &mut Page, incident: &Incident) {
    page.heading("What would clear it", "");
    let item = |page: &mut Page, text: String| {
        let line = crate::prose::inline(page.line(), &text, page.term.color);
        let first = page.line().faint("  - ");
        page.fill(first, &line, 4);
    };
    let needed = steps_to_clear(incident);
    if needed > 0 {
        let steps = match needed {
            1 => "heaviest step".to_owned(),
            needed => format!("{needed} heaviest steps"),
        };
        item(
            page,
            format!(
                "Without the {steps} the score would have stayed below {:.1}.",
                incident.threshold
            ),
        );
    }
    let mut standings: Vec<_> = incident.evidence.iter().map(|step| step.standing).collect();
    standings.sort_unstable();
    standings.dedup();
    for standing in standings.into_iter().filter(|standing| standing.is_probe()) {
        item(page, format!("For what was {standing}: {}.", words::remedy(standing)));
    }
    item(
        page,
        "If the source may scan, say so in the settings; it is then reported as authorised:"
            .to_owned(),
    );
    page.gap();
    let source = incident.sources.first().map(ToString::to_string).unwrap_or_default();
    let targets: Vec<String> =
        incident.targets.iter().map(|target| format!("\"{target}\"")).collect();
    for code in [
        "[[scanners]]".to_owned(),
        "name = \"who runs it, and why\"".to_owned(),
        format!("source = \"{source}\""),
        format!("targets = [{}]", targets.join(", ")),
    ] {
        let line = page.line().add(Ink::Accent, code);
        page.paragraph(&line, 6);
    }
}

/// How many of the heaviest steps have to go before the score falls below the threshold.
fn steps_to_clear(incident: &Incident) -> usize {
    let mut weights: Vec<f64> =
        incident.evidence.iter().filter(|step| step.revoked.is_none()).map(full_weight).collect();
    weights.sort_by(f64::total_cmp);
    // As in the detector: the choice between two sums costs ln 2.
    let mut score = weights.iter().sum::<f64>() - std::f64::consts::LN_2;
    let mut taken = 0;
    while score >= incident.threshold {
        let Some(heaviest) = weights.pop().filter(|weight| *weight > 0.0) else {
            break;
        };
        score -= heaviest;
        taken += 1;
    }
    taken
}

fn add_services(page: &mut Page, services: &[&ServiceEvent]) {
    if services.is_empty() {
        return;
    }
    page.heading("Services of this host", "");
    for service in services.iter().take(MOST_ROWS) {
        let first = page.line().plain(format!("  {:>6}/{}", service.port, service.protocol));
        let line = page
            .line()
            .plain(format!("{}, {}", service.standing, human::counted(service.clients, "client")))
            .faint(format!(": {}", service.reason));
        page.fill(first, &line, 15);
    }
    add_rest(page, services.len());
}

fn add_probes(page: &mut Page, probes: &[&Probe], clock: &Clock) {
    if probes.is_empty() {
        return;
    }
    page.heading("Single probes", clock.day().unwrap_or_default());
    for probe in probes.iter().take(MOST_ROWS) {
        let first = page.line().faint(format!("  {}", clock.show(probe.first)));
        let column = first.width() + 2;
        let port = probe.port.map(|port| format!(" port {port}")).unwrap_or_default();
        let line = page
            .line()
            .strong(&probe.signature)
            .plain(format!(
                "  {} → {} {}{port}, {} {}",
                probe.source, probe.target, probe.protocol, probe.technique, probe.outcome
            ))
            .faint(format!("  {}: {}", probe.standing, probe.reason));
        page.fill(first, &line, column);
    }
    add_rest(page, probes.len());
}

fn add_rest(page: &mut Page, all: usize) {
    if all > MOST_ROWS {
        let line = page.line().faint(format!("  and {} more; --json has all", all - MOST_ROWS));
        page.push(line);
    }
}
