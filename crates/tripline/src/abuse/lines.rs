//! The evidence as lines, one for each attempt.

use tripline_core::event::EvidenceStep;
use tripline_core::{Outcome, Protocol};

use super::{Complaint, ascii, stamp};

/// The attempts in the order of their times: those of the evidence that were not taken back, and each
/// return to what was found.
pub fn lines(complaint: &Complaint<'_>) -> Vec<String> {
    let incident = complaint.incident;
    // What it asked on the local link is nothing that a provider has records of.
    let is_link = |protocol| matches!(protocol, Protocol::Arp | Protocol::Nd);
    let steps = incident
        .evidence
        .iter()
        .filter(|step| step.revoked.is_none() && !is_link(step.service.protocol));
    let attempts = steps.map(|step| (step.time, attempt(complaint, step)));
    let used = incident.found.iter().filter_map(|found| {
        let (time, service) = (found.follow_up?, found.service);
        let port = if service.protocol.has_ports() {
            format!(" dport={}", service.port)
        } else {
            String::new()
        };
        let line = format!(
            "time={} src={} dst={}{port} proto={} attempt=session outcome=used",
            stamp(time),
            complaint.source,
            complaint.shown(service.host),
            service.protocol,
        );
        Some((time, line))
    });
    let mut lines: Vec<_> = attempts.chain(used).collect();
    lines.sort_by_key(|(time, _)| *time);
    lines.into_iter().map(|(_, line)| ascii(&line)).collect()
}

fn attempt(complaint: &Complaint<'_>, step: &EvidenceStep) -> String {
    let service = step.service;
    let sport = step.source_port.map(|port| format!(" sport={port}"));
    let number = match service.protocol {
        protocol if protocol.has_ports() => format!(" dport={}", service.port),
        Protocol::Icmp => format!(" type={}", service.port),
        Protocol::Ip => format!(" number={}", service.port),
        _ => String::new(),
    };
    let outcome = match step.outcome {
        Outcome::Unreachable { .. } => "unreachable",
        outcome => outcome.name(),
    };
    format!(
        "time={} src={}{} dst={}{number} proto={} attempt={} outcome={outcome}",
        stamp(step.time),
        complaint.source,
        sport.unwrap_or_default(),
        complaint.shown(service.host),
        service.protocol,
        step.technique.name().replace(' ', "-"),
    )
}

/// How many attempts the lines do not have.
pub(super) fn left_out(complaint: &Complaint<'_>) -> u64 {
    let kept = complaint.incident.evidence.len() as u64;
    complaint.incident.services.saturating_sub(kept)
}
