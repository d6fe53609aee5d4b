//! Head and foot of the report: what was read, and how it was counted.

use tripline_core::event::{NamedCount, OutcomeCounts};

use crate::human::{self, Clock};
use crate::term::{Ink, Page};

use super::Report;

/// File names beyond these are only counted.
const MOST_FILES: usize = 3;

pub(super) fn add_input(page: &mut Page, report: &Report, clock: &Clock) {
    let summary = &report.summary;
    let files = match report.input.as_slice() {
        files if files.len() <= MOST_FILES => files.join(", "),
        files => {
            format!("{} and {} more", files[..MOST_FILES].join(", "), files.len() - MOST_FILES)
        }
    };
    let mut line = page.line().strong(files);
    if report.files > report.input.len() {
        line = line.plain(format!(" ({})", human::counted(report.files as u64, "file")));
    }
    page.field("input", &line);
    let line = page.line().plain(format!(
        "{}, {}",
        human::counted(summary.packets, "packet"),
        human::bytes(summary.bytes)
    ));
    page.field("", &line);
    if let (Some(first), Some(last)) = (summary.first, summary.last) {
        let span = human::duration(last.since(first).as_secs_f64());
        let line = page.line().plain(format!("{} UTC, {span}", clock.full_span(first, last)));
        page.field("time", &line);
    }
}

/// Nothing found: say so, and what was looked at.
pub(super) fn add_all_quiet(page: &mut Page, report: &Report) {
    let summary = &report.summary;
    page.gap();
    if summary.packets == 0 {
        let line = page
            .line()
            .add(Ink::Warn, "No packets")
            .plain(" that could be judged were found in the input.");
        page.push(line);
        return;
    }
    let line = page.line().add(Ink::Good, "No incidents").plain(format!(
        ": {} looked at, no sweep, no follow-up and no flood among them.",
        human::counted(summary.attempts.total(), "access attempt"),
    ));
    page.paragraph(&line, 0);
}

/// The totals.
pub(super) fn add(page: &mut Page, report: &Report) {
    let summary = &report.summary;
    if summary.packets == 0 && summary.malformed.is_empty() {
        return;
    }
    page.heading("Totals", "");
    let total = human::counted(summary.attempts.total(), "attempt");
    let line = page.line().plain(outcomes(&total, &summary.attempts));
    page.field("attempts", &line);
    let line = page.line().plain(format!(
        "{} with evidence, {} that answered",
        human::counted(summary.sources, "source"),
        human::counted(summary.services, "service"),
    ));
    page.field("seen", &line);
    let parts: Vec<String> = [
        (summary.probes, "probe", ""),
        (summary.probes_suppressed, "probe", " only counted"),
        (summary.backscatter, "backscatter packet", ""),
        (summary.out_of_order, "packet", " out of order"),
        (summary.attempts_dropped, "attempt", " given up (table full)"),
        (summary.sources_filtered, "source", " held back at first sight"),
        (summary.sources_evicted, "source", " displaced (table full)"),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, noun, rest)| format!("{}{rest}", human::counted(number, noun)))
    .collect();
    if !parts.is_empty() {
        let line = page.line().plain(parts.join(", "));
        page.field("besides", &line);
    }
    add_malformed(page, &summary.malformed);
}

fn outcomes(total: &str, counts: &OutcomeCounts) -> String {
    let parts: Vec<String> = [
        (counts.established, "established"),
        (counts.half_open, "half-open"),
        (counts.refused, "refused"),
        (counts.unreachable, "unreachable"),
        (counts.silent, "silent"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, name)| format!("{} {name}", human::count(count)))
    .collect();
    match parts.as_slice() {
        [] => total.to_owned(),
        parts => format!("{total}: {}", parts.join(", ")),
    }
}

fn add_malformed(page: &mut Page, kinds: &[NamedCount]) {
    let mut kinds: Vec<&NamedCount> = kinds.iter().filter(|kind| kind.count > 0).collect();
    kinds.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    if kinds.is_empty() {
        return;
    }
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|kind| format!("{} {}", human::count(kind.count), kind.name.replace('_', " ")))
        .collect();
    let line = page.line().plain(parts.join(", "));
    page.field("not read", &line);
}
