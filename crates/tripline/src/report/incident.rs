//! One incident as a block of text.

use tripline_core::event::{EvidenceStep, Incident, Proof, Verdict};

use crate::human::{self, Clock};
use crate::term::{Ink, LABEL, Line, Page};

use super::{picture, words};

/// Sources and found services beyond these are only counted; `--json` has them all.
const MOST_SOURCES: usize = 4;
const MOST_FOUND: usize = 12;
/// The same of what it said, and of each the beginning.
const MOST_SAID: usize = 3;
const MOST_SAID_LETTERS: usize = 120;
/// The heaviest pieces of evidence that are shown; `tripline explain` shows all.
const MOST_EVIDENCE: usize = 3;

/// Adds the block of an incident. `input` is what to type to read the same input again.
pub fn add(page: &mut Page, incident: &Incident, clock: &Clock, input: &str) {
    add_facts(page, incident, clock);
    add_hints(page, incident, input);
    picture::add(page, incident);
}

/// Adds what is known of an incident, without what to type and without its picture.
pub fn add_facts(page: &mut Page, incident: &Incident, clock: &Clock) {
    page.gap();
    let title = title(page, incident);
    page.paragraph(&title, 0);
    let story = page.line().plain(&incident.story);
    page.paragraph(&story, 2);
    page.gap();
    add_who(page, incident);
    add_size(page, incident);
    add_time(page, incident, clock);
    add_how(page, incident);
    add_outcomes(page, incident);
    add_found(page, incident, clock);
    add_said(page, incident);
    add_certainty(page, incident, clock);
    add_response(page, incident, clock);
}

/// Risk, signature, verdict, id.
pub fn title(page: &Page, incident: &Incident) -> Line {
    let risk = incident.risk.to_string().to_uppercase();
    let mut line = page
        .line()
        .add(words::risk_ink(incident.risk), risk)
        .plain("  ")
        .strong(&incident.signature);
    if let Some(iss_id) = incident.iss_id {
        line = line.plain(format!(" ({iss_id})"));
    }
    line.plain(format!("  {}", words::verdict(incident.verdict)))
        .faint(format!("  {}", incident.id))
}

fn add_who(page: &mut Page, incident: &Incident) {
    let shown = incident.sources.iter().take(MOST_SOURCES);
    let names: Vec<String> = shown.map(ToString::to_string).collect();
    let mut line = page.line().strong(names.join(", "));
    let more = incident.source_count.saturating_sub(names.len() as u64);
    if more > 0 {
        line = line.plain(format!(" and {} more", human::count(more)));
    }
    line = line.plain(format!(" ({})", words::direction(incident.direction)));
    if let Some(name) = &incident.authorised_as {
        let (ink, what) = match incident.verdict {
            Verdict::Authorised => (Ink::Good, "authorised as"),
            _ => (Ink::Warn, "beyond what is allowed to"),
        };
        line = line.add(ink, format!(", {what} \u{201c}{name}\u{201d}"));
    }
    page.field("who", &line);
}

fn add_size(page: &mut Page, incident: &Incident) {
    let mut line = page.line();
    if let Some(shape) = incident.shape {
        line = line.strong(words::shape(shape)).plain(", ");
    }
    line = line.plain(words::size(incident));
    page.field("what", &line);
    let targets: Vec<String> = incident.targets.iter().map(host_or_network).collect();
    if !targets.is_empty() {
        let line = page.line().plain(targets.join(", "));
        page.field("", &line);
    }
    if !incident.port_list.is_empty() {
        let line = page.line().plain(&incident.port_list);
        page.field("", &line);
    }
}

/// A network, or an address without its full-length prefix.
fn host_or_network(prefix: &tripline_packet::Prefix) -> String {
    if prefix.addr() == prefix.last() { prefix.addr().to_string() } else { prefix.to_string() }
}

fn add_time(page: &mut Page, incident: &Incident, clock: &Clock) {
    let pace = &incident.pace;
    let mut line = page.line().plain(clock.span(incident.first, incident.last));
    line = line.plain(" UTC");
    // It may go on long after the last service that was new to it.
    line = line.plain(format!(", new services within {}", human::duration(pace.seconds)));
    if let Some(rate) = pace.per_second {
        let class = words::pace(pace.class);
        line = line.plain(format!(", {} ({class})", human::rate(rate)));
    }
    page.field("when", &line);
}

fn add_how(page: &mut Page, incident: &Incident) {
    let techniques: Vec<&str> =
        incident.techniques.iter().map(|technique| technique.name()).collect();
    if techniques.is_empty() {
        return;
    }
    let mut line = page.line().strong(techniques.join(", "));
    if let Some(order) = incident.order {
        line = line.plain(format!(", {}", words::order(order)));
    }
    if let Some(coverage) = incident.coverage {
        let percent = (coverage * 100.0).clamp(0.0, 100.0);
        let decimals = usize::from(percent < 9.95);
        line = line.plain(format!(", {percent:.decimals$} % of the span tried"));
    }
    page.field("how", &line);
    if let Some(tool) = &incident.tool {
        let line = page.line().strong(&tool.name).plain(format!(": {}", tool.mark));
        page.field("tool", &line);
    }
}

fn add_outcomes(page: &mut Page, incident: &Incident) {
    let counts = incident.outcomes;
    let parts = [
        (counts.established, "established", Ink::Warn),
        (counts.half_open, "half-open", Ink::Warn),
        (counts.refused, "refused", Ink::Plain),
        (counts.unreachable, "unreachable", Ink::Plain),
        (counts.silent, "silent", Ink::Plain),
    ];
    let mut line = page.line();
    for (number, name, ink) in parts.into_iter().filter(|(number, ..)| *number > 0) {
        if !line.is_empty() {
            line = line.plain(", ");
        }
        line = line.add(ink, human::count(number)).plain(format!(" {name}"));
    }
    if !line.is_empty() {
        page.field("outcomes", &line);
    }
}

fn add_found(page: &mut Page, incident: &Incident, clock: &Clock) {
    // Those that were used come first: they decide what to do tonight.
    let mut found: Vec<_> = incident.found.iter().collect();
    found.sort_by_key(|found| (found.follow_up.is_none(), found.time, found.service));
    let names = found.iter().take(MOST_FOUND).map(|found| found.service.to_string());
    let widest = names.map(|name| name.len()).max().unwrap_or(0);
    let mut label = "found";
    for found in found.iter().take(MOST_FOUND) {
        let name = page.line().add(Ink::Warn, found.service.to_string()).pad_to(widest + 2);
        let line = match found.follow_up {
            Some(time) => {
                name.add(Ink::Alarm, format!("came back and used it at {}", clock.show(time)))
            }
            None => name.faint(format!("answered at {}", clock.show(found.time))),
        };
        page.field(std::mem::take(&mut label), &line);
    }
    if found.len() > MOST_FOUND {
        let more = human::count((found.len() - MOST_FOUND) as u64);
        let line = page.line().faint(format!("and {more} more"));
        page.field("", &line);
    }
}

/// What it said where nobody listens.
pub(crate) fn add_said(page: &mut Page, incident: &Incident) {
    let mut label = "said";
    for said in incident.said.iter().take(MOST_SAID) {
        let text: String = said.text.chars().take(MOST_SAID_LETTERS).collect();
        let more = if text.len() < said.text.len() { "…" } else { "" };
        let line = page.line().strong(format!("{text}{more}"));
        let line = line.faint(format!("  to {}, where nobody listens", said.service));
        page.field(std::mem::take(&mut label), &line);
    }
}

fn add_certainty(page: &mut Page, incident: &Incident, clock: &Clock) {
    if incident.evidence.is_empty() {
        return;
    }
    let line =
        page.line().strong(format!("score {}", human::score(incident.score))).plain(format!(
            " where {:.1} decides: nominally one benign source in {} ever gets there",
            incident.threshold,
            human::count((1.0 / incident.alpha).round() as u64),
        ));
    page.field("sure", &line);
    let delay = incident.verdict_at.since(incident.first).as_secs_f64();
    // Outside nobody knows what is unused; there it is the failures that decide.
    let by = match incident.attempts_to_verdict {
        0 => "decided".to_owned(),
        count => format!("decided by {},", human::counted(count.into(), "unused service")),
    };
    let line = page.line().plain(format!(
        "{by} at {} ({} after the first attempt)",
        clock.show(incident.verdict_at),
        human::duration(delay),
    ));
    page.field("", &line);
    let mut label = "why";
    for step in heaviest(incident) {
        let line = page
            .line()
            .strong(format!("{:+.1}", full_weight(step)))
            .plain(format!("  {} {}", step.service, step.outcome))
            .faint(format!("  {}: {}", step.standing, step.reason));
        page.field(std::mem::take(&mut label), &line);
    }
}

/// What a step added to the score, the tool's mark included.
pub(crate) fn full_weight(step: &EvidenceStep) -> f64 {
    step.weight + step.tool.as_ref().map_or(0.0, |tool| tool.weight)
}

fn heaviest(incident: &Incident) -> Vec<&EvidenceStep> {
    let mut steps: Vec<&EvidenceStep> = incident
        .evidence
        .iter()
        .filter(|step| step.revoked.is_none() && full_weight(step) > 0.0)
        .collect();
    // The sort is stable: of equal weights the earlier comes first.
    steps.sort_by(|a, b| full_weight(b).total_cmp(&full_weight(a)));
    steps.truncate(MOST_EVIDENCE);
    steps
}

fn add_response(page: &mut Page, incident: &Incident, clock: &Clock) {
    let line = match &incident.proof {
        Proof::None => {
            page.line().plain("none: nothing that a forger of the address could not have sent")
        }
        Proof::Proven { how, when } => page
            .line()
            .strong("the address is its own")
            .plain(format!(": {how}, at {}", clock.show(*when))),
    };
    page.field("proof", &line);
    let response = &incident.response;
    let line =
        page.line().strong(words::action(response.action)).plain(format!(": {}", response.reason));
    page.field("do", &line);
}

fn add_hints(page: &mut Page, incident: &Incident, input: &str) {
    let hint = |page: &Page, command: String, what: &str| {
        let command = page.line().add(Ink::Accent, command);
        // A long path is wrapped already; the remark is not worth another line.
        if command.width() + what.len() + LABEL > page.term.width {
            command
        } else {
            command.faint(what)
        }
    };
    let signature = format!("tripline explain {}", incident.signature);
    let line = hint(page, signature, "  what this event is");
    page.field("read on", &line);
    if !incident.also.is_empty() {
        let line = page.line().plain(format!("also {}", incident.also.join(", ")));
        page.field("", &line);
    }
    let replay = format!("tripline explain {} {input}", incident.id);
    let line = hint(page, replay, "  the evidence, step by step");
    page.field("", &line);
}

/// One line for what is told apart from incidents.
pub fn add_brief(page: &mut Page, incident: &Incident, clock: &Clock) {
    let title =
        page.line().strong(words::verdict(incident.verdict)).faint(format!("  {}", incident.id));
    page.paragraph(&title, 2);
    let mut line =
        page.line().plain(format!("{}  ", clock.show(incident.first))).plain(&incident.story);
    if let Some(name) = &incident.authorised_as {
        line = line.faint(format!(" (authorised as \u{201c}{name}\u{201d})"));
    }
    page.paragraph(&line, 4);
}
