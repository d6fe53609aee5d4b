//! What is in force is written down before it is done: who is killed in between does it when he is
//! started again.

use tripline_packet::{Duration, Timestamp};
use tripline_respond::Curtailment;

use super::Curtailer;
use crate::watch::telling::notice;

impl Curtailer {
    pub(super) fn write_down(&mut self, curtailment: &Curtailment, now: Timestamp) {
        if let Some(journal) = &self.journal
            && let Err(error) = journal.put_curtailment(curtailment)
        {
            self.unwritten.insert(curtailment.target);
            self.tell_journal(&error, now);
        }
    }

    /// Tries again what the disk did not take.
    pub(super) fn write_again(&mut self, now: Timestamp) {
        for target in std::mem::take(&mut self.unwritten) {
            if let Some(curtailment) = self.ledger.get(&target).cloned() {
                self.write_down(&curtailment, now);
            }
        }
    }

    pub(super) fn note_end(&mut self, ended: &Curtailment, now: Timestamp) {
        if let Some(journal) = &self.journal
            && let Err(error) = journal.end_curtailment(ended)
        {
            self.tell_journal(&error, now);
        }
    }

    /// A full disk is no reason to let a sweeper go on, but after a restart he would be forgotten.
    fn tell_journal(&mut self, error: &tripline_store::Error, now: Timestamp) {
        if self.told_journal.is_some_and(|told| now.since(told) < Duration::from_secs(60)) {
            return;
        }
        self.told_journal = Some(now);
        let message = format!("who is curtailed cannot be written down: {error}");
        self.events.push(notice("store_trouble", Some(now), message));
    }
}
