//! What is known of an incident, as labels and texts, for every form.

use tripline_core::event::{Incident, Proof};

use crate::human::{self, Clock};
use crate::report::words;

/// Sources, targets, found services and words said beyond these are only counted.
const MOST: usize = 12;

/// One thing that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub label: &'static str,
    /// Its lines, the first one first.
    pub lines: Vec<String>,
}

/// All that is known of an incident but its evidence.
pub fn facts(incident: &Incident, clock: &Clock) -> Vec<Fact> {
    let facts = [
        ("Source", source(incident)),
        ("Tried", tried(incident)),
        ("Time (UTC)", time(incident, clock)),
        ("Manner", manner(incident)),
        ("Outcomes", outcomes(incident)),
        ("Found", found(incident, clock)),
        ("Said", said(incident)),
        ("Certainty", certainty(incident, clock)),
        ("Proof of the address", vec![proof(incident, clock)]),
        ("Advice", vec![advice(incident)]),
    ];
    let facts = facts.into_iter().map(|(label, lines)| Fact { label, lines });
    facts.filter(|fact| fact.lines.iter().any(|line| !line.is_empty())).collect()
}

fn source(incident: &Incident) -> Vec<String> {
    let names: Vec<String> = incident.sources.iter().map(ToString::to_string).collect();
    let mut lines = vec![
        listed(&names, incident.source_count),
        words::direction(incident.direction).to_owned(),
    ];
    if let Some(name) = &incident.authorised_as {
        lines.push(format!("known to the settings as \u{201c}{name}\u{201d}"));
    }
    lines
}

/// The first of several names, and how many more there are of `all`.
fn listed(names: &[String], all: u64) -> String {
    let shown = names.len().min(MOST);
    let list = names[..shown].join(", ");
    match all.saturating_sub(shown as u64) {
        0 => list,
        more => format!("{list} and {} more", human::count(more)),
    }
}

fn tried(incident: &Incident) -> Vec<String> {
    let size = words::size(incident);
    let shape = incident.shape.map(|shape| format!("{}, ", words::shape(shape)));
    let targets: Vec<String> = incident.targets.iter().map(|net| net.short()).collect();
    let lines = [
        format!("{}{size}", shape.unwrap_or_default()),
        listed(&targets, targets.len() as u64),
        incident.port_list.clone(),
    ];
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

fn time(incident: &Incident, clock: &Clock) -> Vec<String> {
    let pace = &incident.pace;
    let within = human::duration(pace.seconds);
    let rate = pace
        .per_second
        .map(|rate| format!(", {} ({})", human::rate(rate), words::pace(pace.class)));
    vec![
        clock.full_span(incident.first, incident.last),
        format!("new services within {within}{}", rate.unwrap_or_default()),
    ]
}

fn manner(incident: &Incident) -> Vec<String> {
    let names: Vec<&str> = incident.techniques.iter().map(|technique| technique.name()).collect();
    let mut line = names.join(", ");
    if let Some(order) = incident.order {
        line = format!("{line}, {}", words::order(order));
    }
    if let Some(coverage) = incident.coverage {
        let percent = (coverage * 100.0).clamp(0.0, 100.0);
        let decimals = usize::from(percent < 9.95);
        line = format!("{line}, {percent:.decimals$} % of the span tried");
    }
    let tool = incident.tool.as_ref().map(|tool| format!("marks of {}: {}", tool.name, tool.mark));
    [Some(line), tool].into_iter().flatten().collect()
}

fn outcomes(incident: &Incident) -> Vec<String> {
    let counts = incident.outcomes;
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
    vec![parts.join(", ")]
}

fn found(incident: &Incident, clock: &Clock) -> Vec<String> {
    // Those that were used come first: they decide what to do tonight.
    let mut found: Vec<_> = incident.found.iter().collect();
    found.sort_by_key(|found| (found.follow_up.is_none(), found.time, found.service));
    let line = |found: &&tripline_core::event::Found| match found.follow_up {
        Some(time) => format!("{}: came back and used it at {}", found.service, clock.show(time)),
        None => format!("{}: answered at {}", found.service, clock.show(found.time)),
    };
    let mut lines: Vec<String> = found.iter().take(MOST).map(line).collect();
    if found.len() > MOST {
        lines.push(format!("and {} more", human::count((found.len() - MOST) as u64)));
    }
    lines
}

fn said(incident: &Incident) -> Vec<String> {
    let line = |said: &tripline_core::event::Said| {
        format!("\u{201c}{}\u{201d} to {}, where nobody listens", said.text, said.service)
    };
    incident.said.iter().map(line).collect()
}

fn certainty(incident: &Incident, clock: &Clock) -> Vec<String> {
    if incident.evidence.is_empty() {
        return Vec::new();
    }
    let delay = incident.verdict_at.since(incident.first).as_secs_f64();
    vec![
        format!(
            "score {} where {:.1} decides: nominally one benign source in {} ever gets there",
            human::score(incident.score),
            incident.threshold,
            human::count((1.0 / incident.alpha).round() as u64),
        ),
        format!(
            "decided at {}, {} after the first attempt",
            clock.show(incident.verdict_at),
            human::duration(delay)
        ),
    ]
}

fn proof(incident: &Incident, clock: &Clock) -> String {
    match &incident.proof {
        Proof::None => "none: nothing that a forger of the address could not have sent".to_owned(),
        Proof::Proven { how, when } => {
            format!("proven: {how}, at {}", clock.show(*when))
        }
    }
}

fn advice(incident: &Incident) -> String {
    format!("{}: {}", words::action(incident.response.action), incident.response.reason)
}
