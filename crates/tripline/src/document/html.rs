//! The document as one page that needs nothing else: no script, no picture, no font from anywhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use tripline_core::Standing;
use tripline_core::catalog::Catalog;
use tripline_core::event::{Curtailment, Incident, ServiceEvent};

use crate::html::{CSS, incident, inert, picture};
use crate::human::{self, Clock};
use crate::report::words;

use super::{Document, READING, entry};

/// Steps of evidence that are shown of each incident.
const MOST_STEPS: usize = 12;
/// Rows of the tables; the rest is only counted.
const MOST_ROWS: usize = 100;

/// Renders the page.
pub fn page(document: &Document, catalog: &Catalog) -> String {
    let clock = document.clock();
    let title = document.title();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Whatever were to get into the page all the same can load and run nothing.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="generator" content={ "tripline " (env!("CARGO_PKG_VERSION")) };
                title { (title) }
                style { (PreEscaped(CSS)) (PreEscaped(picture::CSS)) }
            }
            body {
                (head(document, &title, &clock))
                main {
                    (incidents(document, catalog, &clock))
                    (curtailments(&document.curtailments, &clock))
                    (apart(&document.apart, &clock))
                    (services(&document.services, &clock))
                    (notices(document))
                    (reading())
                }
                footer { p { "Made by tripline " (env!("CARGO_PKG_VERSION")) } }
            }
        }
    };
    inert(&markup.into_string())
}

fn head(document: &Document, title: &str, clock: &Clock) -> Markup {
    html! {
        header {
            h1 { (title) }
            @if let Some((first, last)) = document.span() {
                p.quiet { (clock.full_span(first, last)) " UTC" }
            }
            @if !document.scope.input.is_empty() {
                p.quiet { "Read: " (super::few(&document.scope.input)) }
            }
            @for sentence in document.in_short() { p.short { (sentence) } }
            @if let Some(summary) = &document.summary {
                p.quiet {
                    (human::counted(summary.packets, "packet")) ", "
                    (human::counted(summary.attempts.total(), "access attempt")) ", "
                    (human::counted(summary.services, "service")) " that answered"
                    @if !summary.home.is_empty() {
                        ". Home: "
                        (summary.home.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
                    }
                }
            }
        }
    }
}

fn incidents(document: &Document, catalog: &Catalog, clock: &Clock) -> Markup {
    let all = &document.incidents;
    let full = &all[..document.scope.most.min(all.len())];
    html! {
        @if all.len() > 1 {
            section {
                h2 { "Overview" }
                (overview(all, full.len(), clock))
            }
        }
        @if !full.is_empty() {
            section {
                h2 { @if all.len() > 1 { "Incidents" } @else { "The incident" } }
                @for one in full {
                    (incident::article(one, entry(catalog, one), clock, MOST_STEPS))
                }
            }
        }
    }
}

/// One row for each incident; those that are told in full are links.
fn overview(all: &[Incident], full: usize, clock: &Clock) -> Markup {
    let row = |index: usize, incident: &Incident| {
        let source = incident.sources.first().map(ToString::to_string).unwrap_or_default();
        let more = incident.source_count.saturating_sub(1);
        html! {
            tr {
                td { (incident::risk(incident.risk)) }
                td.time { (clock.show(incident.first)) }
                td { (source) @if more > 0 { " +" (human::count(more)) } }
                td {
                    @if index < full {
                        a href={ "#" (incident.id) } { (incident.signature) }
                    } @else { (incident.signature) }
                }
                td { (words::size(incident)) }
                td.number { (incident.found.len()) }
            }
        }
    };
    let rows = all.iter().take(MOST_ROWS).enumerate().map(|(index, one)| row(index, one));
    table(&["Risk", "First", "Source", "Event", "Tried", "Found"], rows, all.len())
}

/// A table that scrolls by itself where it is too wide.
fn table(heads: &[&str], rows: impl Iterator<Item = Markup>, all: usize) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(heads.join(", ")) {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for row in rows { (row) } }
            }
        }
        @if all > MOST_ROWS {
            p.quiet { (human::count((all - MOST_ROWS) as u64)) " more are left out here." }
        }
    }
}

fn curtailments(steps: &[Curtailment], clock: &Clock) -> Markup {
    let row = |step: &Curtailment| {
        html! {
            tr {
                td.time { (clock.show(step.time)) }
                td { (step.source.short()) }
                td { (words::step(step.step)) }
                td { (words::held_from(&step.from)) }
                td.time { @if let Some(until) = step.until { (clock.show(until)) } }
                td { (step.reason) @if step.by != "tripline" { " (by " (step.by) ")" } }
            }
        }
    };
    let rows = steps.iter().take(MOST_ROWS).map(row);
    html! {
        @if !steps.is_empty() {
            section {
                h2 { "What was done" }
                (table(&["Time", "Source", "What", "From", "Until", "Why"], rows, steps.len()))
            }
        }
    }
}

fn apart(others: &[Incident], clock: &Clock) -> Markup {
    let row = |other: &Incident| {
        html! {
            tr {
                td { (words::verdict(other.verdict)) }
                td.time { (clock.show(other.first)) }
                td {
                    (other.story)
                    @if let Some(name) = &other.authorised_as {
                        " (authorised as \u{201c}" (name) "\u{201d})"
                    }
                }
            }
        }
    };
    let rows = others.iter().take(MOST_ROWS).map(row);
    html! {
        @if !others.is_empty() {
            section {
                h2 { "Looked like a sweep, and is none" }
                (table(&["What", "First", "Why"], rows, others.len()))
            }
        }
    }
}

fn services(services: &[ServiceEvent], clock: &Clock) -> Markup {
    let shown = || services.iter().filter(|service| service.standing != Standing::Unknown);
    let row = |service: &ServiceEvent| {
        html! {
            tr {
                td { (service.host) }
                td { (service.port) "/" (service.protocol) }
                td { (service.standing) ": " (service.reason) }
                td.number { (human::count(service.clients)) }
                td.time { @if let Some(last) = service.last { (clock.show(last)) } }
            }
        }
    };
    let count = shown().count();
    html! {
        @if count > 0 {
            section {
                h2 { "Services that are offered" }
                (table(
                    &["Host", "Service", "Standing", "Clients", "Last answer"],
                    shown().take(MOST_ROWS).map(row),
                    count,
                ))
            }
        }
    }
}

fn notices(document: &Document) -> Markup {
    html! {
        @if !document.notices.is_empty() {
            section {
                h2 { "Notes on the input" }
                ul {
                    @for notice in document.notices.iter().take(MOST_ROWS) { li { (notice.message) } }
                }
            }
        }
    }
}

fn reading() -> Markup {
    html! {
        section.reading {
            h2 { "How to read this" }
            dl.facts {
                @for (label, text) in READING {
                    dt { (label) }
                    dd { p { (text) } }
                }
            }
        }
    }
}
