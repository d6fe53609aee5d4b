//! The page of one catalogue entry.

use tripline_core::catalog::{Class, Entry, NamedPort, Risk};

use crate::prose;
use crate::report::words;
use crate::term::{Ink, Page, Terminal};

/// Renders the page of `entry`.
pub fn page(entry: &Entry, term: Terminal) -> Page {
    let mut page = Page::new(term);
    head(&mut page, entry);
    section(&mut page, "What it is", &entry.description);
    section(&mut page, "What triggers it", &entry.triggers);
    section(&mut page, "Ports", &entry.ports_note);
    names(&mut page, &entry.names);
    section(&mut page, "Risk", risk_in_words(entry.risk));
    section(&mut page, "False positives", &entry.false_positives);
    section(&mut page, "Blind spots", &entry.blind_spots);
    section(&mut page, "Affected systems", &entry.affected);
    section(&mut page, "What to do: investigate", &entry.investigate);
    section(&mut page, "What to do: curtail", &entry.curtail);
    page.heading("References", "");
    for reference in &entry.references {
        let text = page.line().plain(reference);
        let first = page.line().faint("  - ");
        page.fill(first, &text, 4);
    }
    page
}

fn head(page: &mut Page, entry: &Entry) {
    let title = page.line().strong(&entry.title);
    page.paragraph(&title, 0);
    let line = page.line().plain(&entry.summary);
    page.paragraph(&line, 0);
    page.gap();
    let signature = page.line().add(Ink::Accent, &entry.signature).faint(format!("  {}", entry.id));
    page.field("event", &signature);
    if let Some(iss_id) = entry.iss_id {
        let mut line = page.line().plain(iss_id.to_string());
        if let Some(title) = &entry.iss_title {
            line = line.faint(format!("  {title}"));
        }
        page.field("ISS id", &line);
    } else if let Some(title) = &entry.iss_title {
        let line = page.line().plain(title).faint("  (number not known)");
        page.field("ISS name", &line);
    }
    let line = page.line().plain(class_in_words(entry.class));
    page.field("class", &line);
    let line = page.line().add(words::risk_ink(entry.risk), entry.risk.to_string());
    page.field("risk", &line);
    if let Some(ports) = ports(entry) {
        let line = page.line().plain(ports);
        page.field("ports", &line);
    }
    let line = page.line().plain(entry.attack.join(", "));
    page.field("ATT&CK", &line);
}

fn section(page: &mut Page, title: &str, text: &str) {
    page.heading(title, "");
    prose::add(page, text, 2);
}

/// The names behind the ports of an entry that stands for many, in two columns at least.
fn names(page: &mut Page, names: &[NamedPort]) {
    if names.is_empty() {
        return;
    }
    page.gap();
    let mut entries: Vec<_> = names.iter().map(|named| (named.port, &named.name)).collect();
    entries.sort();
    for (port, name) in entries {
        let first = page.line().plain(format!("  {:>11}", port.to_string()));
        let text = page.line().faint(name);
        page.fill(first, &text, 15);
    }
}

/// The ports of a probe entry, or of those that it names one by one.
fn ports(entry: &Entry) -> Option<String> {
    let protocol = entry.protocol?;
    if entry.ports.is_empty() {
        return Some(match (entry.is_catch_all(), entry.names.len()) {
            (true, _) => format!("{protocol}, any that no other event claims"),
            (false, 0) => format!("{protocol}, none"),
            (false, _) => format!("{protocol}, see the table"),
        });
    }
    let ports: Vec<String> = entry.ports.iter().map(ToString::to_string).collect();
    Some(format!("{protocol} {}", ports.join(", ")))
}

fn class_in_words(class: Class) -> &'static str {
    match class {
        Class::Probe => "probe: one attempt at a service that nobody offers",
        Class::Sweep => "sweep: many attempts of one source or set",
        Class::Stealth => "technique or tool",
        Class::Verdict => "verdict or notice",
    }
}

fn risk_in_words(risk: Risk) -> &'static str {
    match risk {
        Risk::Info => "Info: worth knowing, nothing to do.",
        Risk::Low => "Low: deserves a look when there is time.",
        Risk::Medium => "Medium: deserves a look today.",
        Risk::High => "High: deserves a look now.",
    }
}
