//! What holds for the events of any input.

use std::collections::BTreeMap;

use tripline_core::event::{Action, Event, Incident, Probe, Proof, ServiceEvent, Summary, Verdict};
use tripline_core::{Config, Emit};
use tripline_fuzz::setup;
use tripline_packet::Addr;

use crate::Told;

// Limits that the contract states (`docs/event.schema.json`).
const MOST_SOURCES: usize = 64;
const MOST_FOUND: usize = 256;
const MOST_STEPS: usize = 64;

/// The lines that `--json` prints.
pub(crate) fn lines(told: &Told) -> Vec<String> {
    let summary = Event::Summary(Box::new(told.summary.clone()));
    let events = told.events.iter().chain(std::iter::once(&summary));
    events.map(|event| serde_json::to_string(event).expect("every event has a line")).collect()
}

/// Panics where the events contradict the contract, the settings or each other.
pub(crate) fn check(told: &Told, config: &Config, packets: usize) {
    for line in lines(told) {
        assert!(!line.contains(char::is_control), "{line}");
        assert!(line.starts_with(r#"{"kind":""#), "{line}");
    }
    check_summary(&told.summary, config, packets);
    let mut updates: BTreeMap<&str, u32> = BTreeMap::new();
    let mut services = Vec::new();
    for event in &told.events {
        match event {
            Event::Probe(probe) => check_probe(probe, config),
            Event::Incident(incident) => {
                check_incident(incident, config);
                // One that was quiet long enough to be closed begins anew under its old name.
                let last = updates.insert(&incident.id, incident.update).unwrap_or(0);
                let most = if config.emit == Emit::Updates { last + 1 } else { 1 };
                assert!((1..=most).contains(&incident.update), "after {last}: {incident:?}");
            }
            Event::Service(service) => {
                check_service(service);
                services.push((service.host, service.protocol, service.port));
            }
            Event::Notice(_) => {}
            Event::Curtailment(told) => panic!("only the driver tells the {told:?}"),
            Event::Summary(summary) => panic!("only the driver tells the {summary:?}"),
        }
    }
    assert_eq!(services.len() as u64, told.summary.services);
    assert!(services.is_sorted() && services.windows(2).all(|pair| pair[0] != pair[1]));
}

fn check_summary(summary: &Summary, config: &Config, packets: usize) {
    assert_eq!(summary.packets, packets as u64);
    assert!(summary.first.is_some() == (packets > 0) && summary.first <= summary.last);
    assert!(summary.out_of_order < summary.packets.max(1));
    assert!(summary.probes_suppressed <= summary.probes, "{summary:?}");
    assert!(summary.services <= config.settings.limits.services as u64, "{summary:?}");
    assert_eq!(summary.home, config.settings.home);
}

fn check_probe(probe: &Probe, config: &Config) {
    assert!(probe.count > 0 && probe.first <= probe.last, "{probe:?}");
    assert!(is_source(probe.source, config), "{probe:?}");
}

fn check_incident(incident: &Incident, config: &Config) {
    assert!(incident.first <= incident.last, "{incident:?}");
    assert!(incident.first <= incident.verdict_at, "{incident:?}");
    assert!(incident.sources.len() <= MOST_SOURCES, "{incident:?}");
    assert!(incident.sources.len() as u64 <= incident.source_count, "{incident:?}");
    assert!(incident.found.len() <= MOST_FOUND, "{incident:?}");
    assert!(incident.evidence.len() <= MOST_STEPS, "{incident:?}");
    assert!(incident.hosts <= incident.services, "{incident:?}");
    assert!(incident.ports <= incident.services, "{incident:?}");
    assert!(incident.coverage.is_none_or(|share| (0.0..=1.0).contains(&share)), "{incident:?}");
    assert!(incident.score.is_finite(), "{incident:?}");
    assert!(incident.pace.seconds.is_finite() && incident.pace.seconds >= 0.0, "{incident:?}");
    assert!(incident.pace.per_second.is_none_or(f64::is_finite), "{incident:?}");
    for step in &incident.evidence {
        assert!(step.weight.is_finite() && step.score.is_finite(), "{step:?}");
    }
    if is_sweep(incident.verdict) {
        assert!(!incident.sources.is_empty() && incident.services >= 1, "{incident:?}");
        assert!(incident.sources.iter().all(|source| is_source(*source, config)), "{incident:?}");
    }
    // Nobody may be cut off for what another can send in his name.
    if incident.response.action == Action::Curtail {
        assert!(is_sweep(incident.verdict), "{incident:?}");
        assert!(matches!(incident.proof, Proof::Proven { .. }), "{incident:?}");
        let home = |source: &Addr| config.settings.home.iter().any(|home| home.contains(*source));
        assert!(!incident.sources.iter().any(home), "{incident:?}");
    }
}

const fn is_sweep(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Sweep | Verdict::FollowUp)
}

/// Can this address be the source of anything that is told?
fn is_source(addr: Addr, config: &Config) -> bool {
    !addr.is_unspecified() && !addr.is_multicast() && !setup::is_friend(config, addr)
}

fn check_service(service: &ServiceEvent) {
    assert!(service.first <= service.last, "{service:?}");
}
