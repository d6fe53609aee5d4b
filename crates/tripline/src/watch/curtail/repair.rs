//! The kernel is held to the ledger: what is missing comes back, what nobody asked for goes.

use std::io;

use tripline_core::event::CurtailmentStep;
use tripline_packet::{Duration, Timestamp};
use tripline_respond::helper::Outcome;
use tripline_respond::nft::Change;
use tripline_respond::{Author, Curtailment, Drift, Target};

use super::Curtailer;
use crate::watch::telling::notice;

impl Curtailer {
    /// Compares the kernel with the ledger, and puts right what differs.
    pub fn reconcile(&mut self, now: Timestamp) {
        let Some(helper) = &mut self.helper else {
            return;
        };
        match helper.read() {
            Ok(Some(held)) => self.held = held,
            Ok(None) => return self.rebuild(now),
            Err(error) => return self.tell_trouble(&error, now),
        }
        let kernel = self.held.iter().map(|(target, held)| (*target, held.left)).collect();
        for drift in self.ledger.drift(&kernel, now) {
            self.put_right(drift, now);
        }
    }

    fn put_right(&mut self, drift: Drift, now: Timestamp) {
        let (target, result, why) = match drift {
            Drift::Missing(target) => {
                (target, self.add_again(&target, now), "the kernel had lost it; it is back")
            }
            Drift::Length(target) => {
                (target, self.add_again(&target, now), "its end was moved by somebody; moved back")
            }
            Drift::Foreign(target) => (
                target,
                self.change(Change::Remove(target)),
                "the kernel dropped what nobody asked for; removed",
            ),
        };
        match result {
            Ok(_) => {
                let curtailment = self.ledger.get(&target).cloned();
                let curtailment = curtailment.unwrap_or_else(|| unknown(target, now));
                self.tell(CurtailmentStep::Repaired, &curtailment, why, now);
            }
            result => self.report_failure(target, result, now),
        }
    }

    fn add_again(&mut self, target: &Target, now: Timestamp) -> io::Result<Outcome> {
        let until = self.ledger.get(target).map_or(now, |curtailment| curtailment.until);
        self.change(Change::Add(*target, until.since(now)))
    }

    /// The tables are gone, or not what they were.
    fn rebuild(&mut self, now: Timestamp) {
        if !self.install(now) {
            return;
        }
        let message = "somebody removed or changed the tables of tripline in the kernel; they are \
                       there again";
        self.events.push(notice("tables_repaired", Some(now), message.to_owned()));
        let all: Vec<Curtailment> = self.ledger.active().cloned().collect();
        for curtailment in all {
            let why = "somebody removed or changed the tables in the kernel; they are there again";
            self.tell(CurtailmentStep::Repaired, &curtailment, why, now);
        }
    }

    pub(super) fn put_back(&mut self, now: Timestamp) {
        self.tell_offered();
        self.tell_spared();
        let all: Vec<Curtailment> = self.ledger.active().cloned().collect();
        for Curtailment { target, until, .. } in all {
            let result = self.change(Change::Add(target, until.since(now)));
            self.report_failure(target, result, now);
        }
    }

    pub(super) fn report_failure(
        &mut self,
        target: Target,
        result: io::Result<Outcome>,
        now: Timestamp,
    ) {
        if let Err(error) = result {
            let curtailment = self.ledger.get(&target).cloned();
            let curtailment = curtailment.unwrap_or_else(|| unknown(target, now));
            self.tell(CurtailmentStep::Failed, &curtailment, &error.to_string(), now);
        }
    }

    pub(super) fn tell_trouble(&mut self, error: &io::Error, now: Timestamp) {
        self.is_helpless |= error.kind() == io::ErrorKind::BrokenPipe;
        if self.told_trouble.is_some_and(|told| now.since(told) < Duration::from_secs(60)) {
            return;
        }
        self.told_trouble = Some(now);
        self.events.push(notice(
            "curtailment_trouble",
            Some(now),
            format!("the kernel's tables cannot be compared with what is in force: {error}"),
        ));
    }
}

/// Something in the kernel that is in no ledger.
fn unknown(target: Target, now: Timestamp) -> Curtailment {
    Curtailment {
        target,
        since: now,
        until: now,
        strikes: 0,
        by: Author::Operator("unknown".to_owned()),
        because: String::new(),
        incident: None,
    }
}
