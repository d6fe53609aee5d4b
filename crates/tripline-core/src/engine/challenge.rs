//! Proof by challenge: the sensor answered where nobody listens, and was answered.

use tripline_packet::{Addr, Timestamp};

use super::Engine;
use crate::incident::Subject;
use crate::service::Service;

impl Engine {
    /// Tells that the owner of `source` completed a handshake at `time` with a service that nobody
    /// offers, and what he said first: nothing (`said` is empty) or, perhaps in a later call for
    /// the same handshake, some bytes, of which 256 are kept.
    ///
    /// The packets of the challenge must not be handed over; instead of the answer that the sensor
    /// gave, hand over the refusal that the kernel would have sent. They must come first: a
    /// challenge proves something about the probes that are known.
    pub fn challenged(&mut self, source: Addr, service: Service, time: Timestamp, said: &[u8]) {
        if !self.home.is_empty() && !self.home.contains(service.host) {
            return;
        }
        let Some((_, trail)) = self.find_trail(source) else {
            return;
        };
        let Some(trail) = self.trails.get_mut(trail) else {
            return;
        };
        trail.challenged(source, service, said, time.min(self.now));
        if !trail.judged {
            return;
        }
        let (proof, said) = (trail.proof, trail.said.clone());
        let subject = Subject::Source(self.leader(source));
        if let Some(incident) = self.incidents.get_mut(&subject) {
            incident.prove(proof);
            incident.hear(&said);
            self.update(subject);
        }
    }
}
