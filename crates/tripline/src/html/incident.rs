//! The parts of an incident's page.

use maud::{Markup, html};
use tripline_core::catalog::{Entry, Risk};
use tripline_core::event::{EvidenceStep, Incident};

use crate::document::facts;
use crate::human::{self, Clock};
use crate::report::incident::full_weight;
use crate::report::words;

use super::{picture, prose};

/// How grave it is, in a word that does not need its colour.
pub fn risk(risk: Risk) -> Markup {
    let name = risk.to_string();
    html! { span.risk.(name) { (name.to_uppercase()) } }
}

/// Risk, signature, verdict.
pub fn title(incident: &Incident) -> Markup {
    html! {
        (risk(incident.risk)) " " (incident.signature)
        @if let Some(iss_id) = incident.iss_id { " (" (iss_id) ")" }
        " " span.quiet { (words::verdict(incident.verdict)) }
    }
}

/// What is known of it, as a list of labels and texts.
pub fn facts_list(incident: &Incident, clock: &Clock) -> Markup {
    html! {
        dl.facts {
            @for fact in facts(incident, clock) {
                dt { (fact.label) }
                dd { @for line in fact.lines { p { (line) } } }
            }
        }
    }
}

/// The evidence, step by step: at most `most` steps, and how many more are kept.
pub fn evidence(incident: &Incident, most: usize) -> Markup {
    let steps = &incident.evidence;
    let clock = &evidence_clock(incident, most);
    let decisive = steps.iter().position(|step| step.score >= incident.threshold);
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Evidence of " (incident.id) } {
            table.evidence {
                thead {
                    tr {
                        th scope="col" { "Time (UTC)" }
                        th scope="col" { "Service" }
                        th scope="col" { "Attempt" }
                        th scope="col" { "What is known of the service" }
                        th.number scope="col" { "Weight" }
                        th.number scope="col" { "Score" }
                    }
                }
                tbody {
                    @for (index, step) in steps.iter().take(most).enumerate() {
                        (row(step, clock, decisive == Some(index)))
                    }
                }
            }
        }
        @if let Some(more) = more(incident, most) {
            p.quiet { (more) }
        }
    }
}

fn row(step: &EvidenceStep, clock: &Clock, is_decisive: bool) -> Markup {
    html! {
        tr.decisive[is_decisive].revoked[step.revoked.is_some()] {
            td.time { (clock.show(step.time)) }
            td.short-cell { (step.service) }
            td.short-cell { (step.technique) ", " (step.outcome) }
            td {
                (step.standing) ": " (step.reason)
                @if let Some(tool) = &step.tool { "; mark of " (tool.name) }
                @if let Some(why) = &step.revoked { "; taken back: " (why) }
                @if is_decisive { " " strong { "Here the verdict fell." } }
            }
            td.number { (format!("{:+.1}", full_weight(step))) }
            td.number { (human::score(step.score)) }
        }
    }
}

/// Fine enough to tell its steps apart.
pub fn evidence_clock(incident: &Incident, most: usize) -> Clock {
    let times = || incident.evidence.iter().take(most).map(|step| step.time);
    let first = times().min().unwrap_or(incident.first);
    Clock::new(first, times().max().unwrap_or(first))
}

/// What of the evidence is not shown.
pub fn more(incident: &Incident, most: usize) -> Option<String> {
    let shown = incident.evidence.len().min(most) as u64;
    match incident.services.saturating_sub(shown) {
        0 => None,
        more => Some(format!("{} not shown here.", human::counted(more, "further service"))),
    }
}

/// All of it: story, pictures, facts, evidence, and what the catalogue says.
pub fn article(incident: &Incident, entry: Option<&Entry>, clock: &Clock, steps: usize) -> Markup {
    html! {
        article.incident id=(incident.id) {
            h3 { (title(incident)) }
            p.id { (incident.id) }
            p.story { (incident.story) }
            (picture::figures(incident))
            (facts_list(incident, clock))
            @if !incident.evidence.is_empty() {
                h4 { "Evidence" }
                (evidence(incident, steps))
            }
            @if let Some(entry) = entry { (meaning(entry)) }
        }
    }
}

/// What the catalogue says about the event.
fn meaning(entry: &Entry) -> Markup {
    html! {
        h4 { "What it means: " (entry.title) }
        p { (entry.summary) }
        h4 { "What to do" }
        (prose::of(&entry.investigate))
        h4 { "Innocent causes" }
        (prose::of(&entry.false_positives))
    }
}
