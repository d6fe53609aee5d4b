//! The document as Markdown (`CommonMark` with tables).
//!
//! Whatever comes from outside is text: [`plain`] takes every meaning from it that Markdown, or HTML
//! inside it, could give it.

use tripline_core::catalog::Catalog;
use tripline_core::event::Incident;

use crate::human::{self, Clock};
use crate::report::incident::full_weight;
use crate::report::{picture, words};
use crate::term::{Page, Terminal, clean};

use super::{Document, READING, entry, facts};

/// Steps of evidence that are shown of each incident, and rows of the tables.
const MOST_STEPS: usize = 12;
const MOST_ROWS: usize = 100;

/// Renders the document.
pub fn write(document: &Document, catalog: &Catalog) -> String {
    let mut text = String::new();
    let clock = document.clock();
    head(&mut text, document, &clock);
    let full = document.scope.most.min(document.incidents.len());
    overview(&mut text, &document.incidents, &clock);
    for incident in &document.incidents[..full] {
        tell(&mut text, incident, catalog, &clock);
    }
    done(&mut text, document, &clock);
    apart(&mut text, &document.apart, &clock);
    services(&mut text, document);
    notices(&mut text, document);
    line(&mut text, "## How to read this\n");
    for (label, words) in READING {
        line(&mut text, &format!("**{label}.** {}\n", plain(words)));
    }
    line(&mut text, &format!("Made by tripline {}", env!("CARGO_PKG_VERSION")));
    text
}

fn line(text: &mut String, words: &str) {
    text.push_str(words);
    text.push('\n');
}

fn head(text: &mut String, document: &Document, clock: &Clock) {
    line(text, &format!("# {}\n", plain(&document.title())));
    if let Some((first, last)) = document.span() {
        line(text, &format!("{} UTC\n", plain(&clock.full_span(first, last))));
    }
    if !document.scope.input.is_empty() {
        line(text, &format!("Read: {}\n", plain(&super::few(&document.scope.input))));
    }
    for sentence in document.in_short() {
        line(text, &format!("{}\n", plain(&sentence)));
    }
}

fn overview(text: &mut String, incidents: &[Incident], clock: &Clock) {
    if incidents.len() < 2 {
        return;
    }
    let rows = incidents.iter().map(|incident| {
        let source = incident.sources.first().map(ToString::to_string).unwrap_or_default();
        [
            incident.risk.to_string().to_uppercase(),
            clock.show(incident.first),
            source,
            incident.signature.clone(),
            words::size(incident),
            incident.id.clone(),
        ]
    });
    line(text, "## Overview\n");
    table(text, ["Risk", "First", "Source", "Event", "Tried", "Incident"], rows);
}

/// A table; the cells are made plain.
fn table<const N: usize>(
    text: &mut String,
    heads: [&str; N],
    rows: impl ExactSizeIterator<Item = [String; N]>,
) {
    let all = rows.len();
    line(text, &format!("| {} |", heads.join(" | ")));
    line(text, &format!("|{}", "---|".repeat(N)));
    for row in rows.take(MOST_ROWS) {
        line(text, &format!("| {} |", row.map(|cell| plain(&cell)).join(" | ")));
    }
    if all > MOST_ROWS {
        line(
            text,
            &format!("\n{} more are left out here.", human::count((all - MOST_ROWS) as u64)),
        );
    }
    text.push('\n');
}

fn tell(text: &mut String, incident: &Incident, catalog: &Catalog, clock: &Clock) {
    let risk = incident.risk.to_string().to_uppercase();
    let (signature, verdict) = (plain(&incident.signature), words::verdict(incident.verdict));
    line(text, &format!("## {risk} {signature}: {verdict} ({})\n", plain(&incident.id)));
    line(text, &format!("{}\n", plain(&incident.story)));
    drawing(text, incident);
    for fact in facts(incident, clock) {
        let lines: Vec<String> = fact.lines.iter().map(|line| plain(line)).collect();
        line(text, &format!("- **{}:** {}", fact.label, lines.join("; ")));
    }
    text.push('\n');
    evidence(text, incident);
    if let Some(entry) = entry(catalog, incident) {
        line(text, &format!("### What it means: {}\n\n{}\n", entry.title, entry.summary));
        line(text, &format!("### What to do\n\n{}\n", entry.investigate.trim()));
        line(text, &format!("### Innocent causes\n\n{}\n", entry.false_positives.trim()));
    }
}

/// The picture that is drawn on terminals: nothing but numbers and addresses.
fn drawing(text: &mut String, incident: &Incident) {
    let mut page = Page::new(Terminal { color: false, unicode: true, width: 84 });
    picture::add(&mut page, incident);
    let mut drawn = Vec::new();
    // Memory takes everything.
    if page.write_to(&mut drawn).is_ok() && drawn.len() > 1 {
        let drawn = String::from_utf8_lossy(&drawn);
        line(text, &format!("```text\n{}\n```\n", drawn.trim_matches('\n')));
    }
}

fn evidence(text: &mut String, incident: &Incident) {
    if incident.evidence.is_empty() {
        return;
    }
    line(text, "### Evidence\n");
    let clock = crate::html::incident::evidence_clock(incident, MOST_STEPS);
    let steps = &incident.evidence[..incident.evidence.len().min(MOST_STEPS)];
    let rows = steps.iter().map(|step| {
        let revoked = step.revoked.as_ref().map(|why| format!("; taken back: {why}"));
        [
            clock.show(step.time),
            step.service.to_string(),
            format!("{}, {}", step.technique, step.outcome),
            format!("{}: {}{}", step.standing, step.reason, revoked.unwrap_or_default()),
            format!("{:+.1}", full_weight(step)),
            human::score(step.score),
        ]
    });
    table(
        text,
        ["Time (UTC)", "Service", "Attempt", "What is known of the service", "Weight", "Score"],
        rows,
    );
    if let Some(more) = crate::html::incident::more(incident, MOST_STEPS) {
        line(text, &format!("{more}\n"));
    }
}

fn done(text: &mut String, document: &Document, clock: &Clock) {
    if document.curtailments.is_empty() {
        return;
    }
    line(text, "## What was done\n");
    let rows = document.curtailments.iter().map(|step| {
        [
            clock.show(step.time),
            step.source.short(),
            words::step(step.step).to_owned(),
            words::held_from(&step.from).to_owned(),
            step.until.map(|until| clock.show(until)).unwrap_or_default(),
            step.reason.clone(),
        ]
    });
    table(text, ["Time", "Source", "What", "From", "Until", "Why"], rows);
}

fn apart(text: &mut String, others: &[Incident], clock: &Clock) {
    if others.is_empty() {
        return;
    }
    line(text, "## Looked like a sweep, and is none\n");
    let rows = others.iter().map(|other| {
        let verdict = words::verdict(other.verdict).to_owned();
        [verdict, clock.show(other.first), other.story.clone()]
    });
    table(text, ["What", "First", "Why"], rows);
}

fn services(text: &mut String, document: &Document) {
    if document.services.is_empty() {
        return;
    }
    line(text, "## Services that are offered\n");
    let rows = document.services.iter().map(|service| {
        [
            service.host.to_string(),
            format!("{}/{}", service.port, service.protocol),
            format!("{}: {}", service.standing, service.reason),
            human::count(service.clients),
        ]
    });
    table(text, ["Host", "Service", "Standing", "Clients"], rows);
}

fn notices(text: &mut String, document: &Document) {
    if document.notices.is_empty() {
        return;
    }
    line(text, "## Notes on the input\n");
    for notice in document.notices.iter().take(MOST_ROWS) {
        line(text, &format!("- {}", plain(&notice.message)));
    }
    text.push('\n');
}

/// Text without any meaning for Markdown: no markup, no HTML, no link, no line of its own.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in clean(text, true).chars() {
        match letter {
            // In any renderer, whatever it makes of a backslash.
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '$' => {
                // Names such as TCP_Port_Scan need no escape: between letters it has no meaning.
                let is_name = letter == '_' && plain.ends_with(char::is_alphanumeric);
                if !is_name {
                    plain.push('\\');
                }
                plain.push(letter);
            }
            letter => plain.push(letter),
        }
    }
    // Bare addresses of pages and mail become links in some dialects.
    plain.replace("://", "&#58;//").replace('@', "&#64;").replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_text() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("a | b\n# c", "a \\| b\\\\n\\# c"),
            ("![x](https://example.org)", "\\!\\[x\\](https&#58;//example.org)"),
            ("`a` *b* __c__", "\\`a\\` \\*b\\* \\_\\_c_\\_"),
            ("TCP_Port_Scan", "TCP_Port_Scan"),
            (
                "&lt; www.example.org a@example.org",
                "&amp;lt; www&#46;example.org a&#64;example.org",
            ),
            ("\u{202e}gpj.exe\u{7}\r\n", "\\\\u{202e}gpj.exe\\\\u{7}\\\\r\\\\n"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }
}
