//! Second thoughts: late answers, and services that are offered after all.

use tripline_packet::Addr;

use super::Engine;
use crate::event::Verdict;
use crate::evidence::{Case, Nats, Row};
use crate::incident::Subject;
use crate::service::{Outcome, Service};
use crate::tracker::Attempt;
use crate::trail::Step;

/// Evidence is taken back when the service answers within this time.
const REVOKE_SECONDS: u64 = 3_600;

impl Engine {
    /// A late answer changed the outcome of an attempt that has been weighed.
    pub(super) fn revised(&mut self, attempt: &Attempt, from: Outcome) {
        let Attempt { source, service, outcome, .. } = *attempt;
        self.summary.attempts.remove(from);
        self.summary.attempts.add(outcome);
        let Some((at, trail_id)) = self.find_trail(source) else {
            return;
        };
        let step = self.trails.get(trail_id).and_then(|trail| {
            trail.steps.iter().find(|step| step.service == service && !step.revoked).copied()
        });
        if let Some(step) = step {
            let (standing, fact) = self.inventory.standing(&self.home, &service, outcome, self.now);
            let case = Case {
                family_failed: step.row == Row::SameFamily,
                ..self.case(attempt, standing, Some(trail_id))
            };
            let row = self.likelihoods.row(&case);
            let weight = self.likelihoods.weight(case.direction, row);
            let entry = self.sources.entry_mut(at);
            entry.correct(weight - step.weight);
            if let Some(trail) = self.trails.get_mut(trail_id)
                && let Some(kept) = trail.steps.iter_mut().find(|kept| kept.service == service)
            {
                *kept = Step { outcome, standing, fact, row, weight, ..step };
            }
        }
        if outcome.is_success() {
            self.probes.withdraw(source, service);
        } else {
            self.probes.revise(source, service, outcome);
        }
        let subject = Subject::Source(self.leader(source));
        if let Some(incident) = self.incidents.get_mut(&subject) {
            incident.revise(service, from, outcome, self.now);
            self.update(subject);
        }
    }

    /// A service answers: it is offered, and what it gave as evidence while it was thought closed
    /// is taken back.
    pub(super) fn answered(&mut self, service: Service, client: Addr) {
        self.alive(service.host);
        let accused = self.inventory.answered(service, client, self.now);
        for source in accused {
            self.revoke(source, service);
        }
    }

    fn revoke(&mut self, source: Addr, service: Service) {
        let Some((at, trail_id)) = self.find_trail(source) else {
            return;
        };
        let Some(trail) = self.trails.get_mut(trail_id) else {
            return;
        };
        let now = self.now;
        let Some(step) = trail.steps.iter_mut().find(|step| {
            step.service == service
                && step.is_probe()
                && !step.revoked
                && now.since(step.time).as_secs() <= REVOKE_SECONDS
        }) else {
            return;
        };
        step.revoked = true;
        let weight = step.weight;
        let judged = trail.judged;
        let entry = self.sources.entry_mut(at);
        entry.correct(Nats(0) - weight);
        entry.probes = entry.probes.saturating_sub(1);
        let innocent = entry.score() < self.threshold && entry.page() < self.page_threshold;
        self.probes.withdraw(source, service);
        let subject = Subject::Source(self.leader(source));
        if !judged {
            return;
        }
        let Some(incident) = self.incidents.get_mut(&subject) else {
            return;
        };
        incident.revoke(service);
        if innocent && incident.source_count == 1 {
            incident.verdict = Verdict::Withdrawn;
            if let Some(trail) = self.trails.get_mut(trail_id) {
                trail.judged = false;
            }
            self.update(subject);
            self.incidents.remove(&subject);
        }
    }
}
