//! What was expected against what was reported.

use std::fmt::Write as _;

use tripline_core::event::{Event, Incident, Probe};

use super::form::{Expect, ExpectedIncident};

/// Single probes that are printed for a case that fails.
const MOST_PROBES: usize = 12;

/// What is wrong, in words; empty when all is as expected.
pub(crate) fn problems(expect: &Expect, events: &[Event]) -> Vec<String> {
    let incidents = incidents(events);
    let mut problems = Vec::new();
    for expected in &expect.incidents {
        let about = |incident: &&&Incident| is_about(expected, incident);
        let candidates: Vec<&&Incident> = incidents.iter().filter(about).collect();
        match candidates.as_slice() {
            [] if expected.optional => {}
            [] => problems.push(format!("missing: {}", describe_expected(expected))),
            [one] => problems.extend(differences(expected, one)),
            several => problems.push(format!(
                "reported {} times instead of once: {}",
                several.len(),
                describe_expected(expected)
            )),
        }
    }
    for incident in &incidents {
        if !expect.incidents.iter().any(|expected| is_about(expected, incident)) {
            problems.push(format!("not expected: {}", describe(incident)));
        }
    }
    problems.extend(probe_problems(expect, events));
    problems
}

fn probe_problems(expect: &Expect, events: &[Event]) -> Vec<String> {
    let mut problems = Vec::new();
    for signature in &expect.probes.contains {
        if !probes(events).any(|probe| probe.signature == *signature) {
            problems.push(format!("no probe {signature}"));
        }
    }
    let single = single_probes(events);
    if let Some(max) = expect.probes.max.filter(|max| single > *max) {
        problems.push(format!("{single} single probes where at most {max} are expected"));
    }
    problems
}

pub(crate) fn incidents(events: &[Event]) -> Vec<&Incident> {
    let mut incidents = Vec::new();
    for event in events {
        if let Event::Incident(incident) = event {
            incidents.push(incident.as_ref());
        }
    }
    incidents
}

fn probes(events: &[Event]) -> impl Iterator<Item = &Probe> {
    events.iter().filter_map(|event| match event {
        Event::Probe(probe) => Some(probe),
        _ => None,
    })
}

/// Probes outside of incidents.
pub(crate) fn single_probes(events: &[Event]) -> u64 {
    probes(events).filter(|probe| probe.incident.is_none()).count() as u64
}

/// Which expectation an incident belongs to is decided by verdict, sources and shape; the rest is
/// then compared, so that a difference can be told.
pub(crate) fn is_about(expected: &ExpectedIncident, incident: &Incident) -> bool {
    let verdict = incident.verdict.name();
    let same_verdict =
        verdict == expected.verdict || (expected.verdict == "sweep" && verdict == "follow_up");
    let is_expected = |source: &String| expected.sources.contains(source);
    let sources: Vec<String> = incident.sources.iter().map(ToString::to_string).collect();
    // A flood is expected from anyone: its sources are forged at random.
    let anyone = expected.sources.is_empty();
    let same_sources = anyone || (!sources.is_empty() && sources.iter().all(is_expected));
    let same_shape = expected.shape.is_none() || expected.shape == shape(incident);
    same_verdict && same_sources && same_shape
}

/// The shape as the contract spells it.
pub(crate) fn shape(incident: &Incident) -> Option<String> {
    incident.shape.map(|shape| spelled(&shape))
}

/// A word of the contract as it is spelled there.
pub(crate) fn spelled(word: &impl serde::Serialize) -> String {
    let word = serde_json::to_value(word).expect("a word of the contract");
    word.as_str().expect("a word of the contract").to_owned()
}

fn differences(expected: &ExpectedIncident, got: &Incident) -> Vec<String> {
    let mut differences = Vec::new();
    let mut differ = |what: &str, expected: String, got: String| {
        differences.push(format!("{what}: expected {expected}, got {got}"));
    };
    let technique_missing = expected.techniques.iter().any(|one| !got.techniques.contains(one));
    let first_is_other = match expected.techniques.as_slice() {
        [only] => got.techniques.first() != Some(only),
        _ => false,
    };
    if technique_missing || first_is_other {
        let (expected, got) = (&expected.techniques, &got.techniques);
        differ("techniques", format!("{expected:?}"), format!("{got:?}"));
    }
    let tool = got.tool.as_ref().map(|tool| tool.name.as_str());
    if expected.tool.is_some() && expected.tool.as_deref() != tool {
        differ("tool", format!("{:?}", expected.tool), format!("{tool:?}"));
    }
    for (what, expected, got) in
        [("ports", expected.ports, got.ports), ("hosts", expected.hosts, got.hosts)]
    {
        if let Some(expected) = expected.filter(|expected| *expected != got) {
            differ(what, expected.to_string(), got.to_string());
        }
    }
    let attempts = got.attempts_to_verdict;
    if let Some(max) = expected.max_attempts.filter(|max| attempts > *max) {
        differ("attempts to verdict", format!("at most {max}"), attempts.to_string());
    }
    let found: Vec<String> = got.found.iter().map(|found| found.service.to_string()).collect();
    let missing: Vec<&String> = expected.found.iter().filter(|one| !found.contains(one)).collect();
    if !missing.is_empty() {
        differ("found", format!("{missing:?} among them"), format!("{found:?}"));
    }
    differences
}

fn describe_expected(expected: &ExpectedIncident) -> String {
    format!(
        "{} by {} shape {} techniques {:?}",
        expected.verdict,
        expected.sources.join(", "),
        expected.shape.as_deref().unwrap_or("any"),
        expected.techniques
    )
}

fn describe(incident: &Incident) -> String {
    format!(
        "{} {} {} by {:?}, shape {}, techniques {:?}, tool {:?}, {} hosts, {} ports, {} attempts to \
         the verdict, score {:.1} of {:.1}: {}",
        incident.id,
        incident.signature,
        incident.verdict.name(),
        incident.sources.iter().map(ToString::to_string).collect::<Vec<_>>(),
        shape(incident).as_deref().unwrap_or("none"),
        incident.techniques,
        incident.tool.as_ref().map(|tool| &tool.name),
        incident.hosts,
        incident.ports,
        incident.attempts_to_verdict,
        incident.score,
        incident.threshold,
        incident.story
    )
}

/// Everything somebody needs who has to find out why a case fails.
pub(crate) fn explain(problems: &[String], expect: &Expect, events: &[Event]) -> String {
    let mut text = String::from("not as expected:\n");
    for problem in problems {
        let _ = writeln!(text, "  - {problem}");
    }
    text.push_str("expected:\n");
    for expected in &expect.incidents {
        let _ = writeln!(text, "  {expected:?}");
    }
    let _ = writeln!(text, "  {:?}", expect.probes);
    text.push_str("got:\n");
    for event in events {
        match event {
            Event::Incident(incident) => {
                let _ = writeln!(text, "  {}", describe(incident));
                for step in incident.evidence.iter().take(6) {
                    let _ = writeln!(
                        text,
                        "      {} {} {} {}: {} ({}) {:+.1} tool {:?} -> {:.1}",
                        step.service,
                        step.technique,
                        step.outcome,
                        step.standing,
                        step.reason,
                        step.row,
                        step.weight,
                        step.tool.as_ref().map(|tool| (&tool.name, tool.weight)),
                        step.score
                    );
                }
            }
            Event::Notice(notice) => {
                let _ = writeln!(text, "  notice {}: {}", notice.name, notice.message);
            }
            Event::Summary(summary) => {
                let _ = writeln!(text, "  {summary:?}");
            }
            Event::Probe(_) | Event::Service(_) | Event::Curtailment(_) => {}
        }
    }
    for probe in probes(events).filter(|probe| probe.incident.is_none()).take(MOST_PROBES) {
        let _ = writeln!(
            text,
            "  probe {} {} -> {} {} port {:?} {} {}: {} x{}",
            probe.signature,
            probe.source,
            probe.target,
            probe.protocol,
            probe.port,
            probe.outcome,
            probe.standing,
            probe.reason,
            probe.count
        );
    }
    text
}
