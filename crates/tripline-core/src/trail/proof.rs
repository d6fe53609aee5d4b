//! Proof: whether it is the owner of an address who sweeps in its name.

use tripline_packet::{Addr, Duration, Timestamp};

use super::{Step, Trail};
use crate::event;
use crate::service::Service;
use crate::tracker::Handshake;

/// A handshake that the owner of an address completed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Completed {
    handshake: Handshake,
    /// He closed it at once, without a word, and had never been there before.
    looked_in: bool,
    /// When he had completed or closed it.
    when: Timestamp,
}

/// What shows that the owner of an address is the one who sweeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proved {
    /// The service whose initial sequence number he acknowledged.
    pub(crate) service: Service,
    pub(crate) when: Timestamp,
    /// Nobody offers the service: it was the sensor that answered.
    pub(crate) challenged: bool,
}

/// A handshake that the owner of an address completed with a service that nobody offers, because
/// the sensor answered there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenge {
    source: Addr,
    service: Service,
    when: Timestamp,
}

/// What was said where nobody listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) service: Service,
    pub(crate) time: Timestamp,
    pub(crate) bytes: Box<[u8]>,
}

impl Said {
    pub(crate) fn event(&self) -> event::Said {
        let text = self.bytes.escape_ascii().to_string();
        event::Said { service: self.service, time: self.time, text }
    }
}

/// After this time somebody who has said something speaks no longer.
const SPEAKING: Duration = Duration::from_secs(60);
/// What a sweep finds it finds between probes, so long after or before one of them at most.
const AMID: Duration = Duration::from_millis(1_500);
/// And so long after it began at most: a forger who waits for a visit of the one in whose name he
/// sweeps would have to be lucky.
const AT_FIRST: Duration = Duration::from_secs(30);
/// After a longer pause it begins anew.
const PAUSE: Duration = Duration::from_secs(240);
/// Handshakes that are remembered.
const MOST_HANDSHAKES: usize = 4;
/// Challenges that are remembered of a source.
pub(crate) const MOST_CHALLENGES: usize = 8;
/// Bytes that are kept of what is said in one.
const MOST_SAID: usize = 256;
/// Distinct services that nobody offers: who completes handshakes with so many sweeps. A single one
/// may be the slip of somebody in whose name another one sweeps.
const LEAST_CHALLENGES: usize = 2;
/// Probes that must have been sent by the machine of a handshake, besides most of them.
const LEAST_TIED: usize = 2;

impl Trail {
    /// Remembers when a probe came.
    pub(crate) fn probed(&mut self, time: Timestamp) {
        self.burst = match self.burst {
            Some((first, last)) if time.since(last) <= PAUSE => Some((first, last.max(time))),
            _ => Some((time, time)),
        };
    }

    /// Remembers that the owner of the address completed a handshake; `looked_in`: and that he
    /// closed it at once, without a word, and had never been there before.
    pub(crate) fn handshake(&mut self, handshake: Handshake, looked_in: bool, now: Timestamp) {
        self.handshakes.retain(|known| known.handshake != handshake);
        self.handshakes.truncate(MOST_HANDSHAKES - 1);
        self.handshakes.push_front(Completed { handshake, looked_in, when: now });
        self.look_for_proof();
    }

    /// The services that it looked in at: if it is a sweep, these were no visits.
    pub(crate) fn looks(&self) -> impl Iterator<Item = (Addr, Service)> {
        let looks = self.handshakes.iter().filter(|known| known.looked_in);
        looks.map(|known| (known.handshake.source, known.handshake.service))
    }

    /// Whether the owner of the address completed a handshake.
    pub(crate) fn is_used(&self) -> bool {
        !self.handshakes.is_empty()
    }

    /// Does one of the handshakes prove that it is the owner of the address who sweeps? The latest
    /// one counts: what was done about him on an earlier one may be over.
    pub(super) fn look_for_proof(&mut self) {
        let tied = self.handshakes.iter().find(|known| self.is_tied(known));
        let tied = tied.map(|known| (known.handshake.service, known.when, false));
        let found = tied.into_iter().chain(self.proving_challenge()).max_by_key(|found| found.1);
        let found = found.map(|(service, when, challenged)| Proved { service, when, challenged });
        if let Some(found) = found
            && self.proof.is_none_or(|proof| proof.when < found.when)
        {
            self.proof = Some(found);
        }
    }

    /// The owner of the address completed a handshake with a service that nobody offers, and said
    /// something there or nothing.
    pub(crate) fn challenged(
        &mut self,
        source: Addr,
        service: Service,
        said: &[u8],
        when: Timestamp,
    ) {
        let is_it = |known: &Challenge| (known.source, known.service) == (source, service);
        let known = self.challenges.iter().position(is_it).map(|at| self.challenges.remove(at));
        if known.is_some() || self.challenges.len() < MOST_CHALLENGES {
            self.challenges.push(Challenge { source, service, when });
            self.look_for_proof();
        }
        let was_heard = self.said.iter().any(|known| known.service == service);
        if !said.is_empty() && !was_heard && self.said.len() < MOST_CHALLENGES {
            let bytes = said[..said.len().min(MOST_SAID)].into();
            self.said.push(Said { service, time: when, bytes });
        }
    }

    /// A challenge proves something if its source answered another one too, or sent most of the
    /// probes itself.
    fn proving_challenge(&self) -> Option<(Service, Timestamp, bool)> {
        let opening = |challenge: &Challenge| {
            let of_it =
                |step: &&Step| (step.source, step.service) == (challenge.source, challenge.service);
            self.steps.iter().find(of_it).map(Handshake::of_step)
        };
        let proves = |challenge: &&Challenge| {
            let same = self.challenges.iter().filter(|other| other.source == challenge.source);
            same.count() >= LEAST_CHALLENGES
                || opening(challenge).is_some_and(|handshake| self.ties_most(&handshake))
        };
        let last = self.challenges.iter().rev().find(proves)?;
        Some((last.service, last.when, true))
    }

    /// A handshake proves something about the sweep only if whoever completed it also sent most of
    /// the probes at that host (see [`crate::hand`]).
    fn is_tied(&self, known: &Completed) -> bool {
        let Completed { handshake, .. } = *known;
        // A handshake with a service that nobody offers is itself a probe.
        self.probes_near(&handshake).any(|step| step.service == handshake.service)
            || self.ties_most(&handshake)
            || (self.only_looks(known)
                && self.is_most(&handshake, |step| handshake.hand.looks_like(step.hand)))
    }

    /// Whether whoever completed a handshake also sent most of the probes at its host.
    fn ties_most(&self, handshake: &Handshake) -> bool {
        // No stack of an innocent writes what a scanner does.
        self.is_most(handshake, |step| handshake.mark.is_some() && step.mark == handshake.mark)
            || self.is_most(handshake, |step| {
                handshake.hand.sent_also(handshake.opened, step.hand, step.time)
            })
    }

    fn is_most(&self, handshake: &Handshake, ties: impl Fn(&Step) -> bool) -> bool {
        let probes = || self.probes_near(handshake);
        let tied = probes().filter(|step| ties(step)).count();
        tied >= LEAST_TIED && 2 * tied > probes().count()
    }

    /// The probes of the source of a handshake at its host; the handshake's own opening is none of
    /// them unless it was one.
    fn probes_near(&self, handshake: &Handshake) -> impl Iterator<Item = &Step> {
        let near = (handshake.source, handshake.service.host);
        let probes = self.steps.iter().filter(|step| step.is_probe());
        probes.filter(move |step| (step.source, step.service.host) == near)
    }

    /// Whoever has business with a service says something, and whoever watches it comes again and
    /// again. A first visit amid the probes, without a word, by one who speaks with nobody here, is
    /// one of the sweep.
    fn only_looks(&self, known: &Completed) -> bool {
        let Completed { handshake, looked_in, when } = *known;
        let speaks = self.spoke.is_some_and(|spoke| when.since(spoke) < SPEAKING);
        looked_in && !speaks && self.is_amid(handshake.opened)
    }

    /// Was a session opened between two probes, or next to one?
    fn is_amid(&self, opened: Timestamp) -> bool {
        let is_close = |time: Timestamp| opened.since(time).max(time.since(opened)) <= AMID;
        let probes = || self.steps.iter().filter(|step| step.is_probe()).map(|step| step.time);
        let in_burst = self.burst.is_some_and(|(first, last)| {
            first <= opened + AMID && opened.since(first) <= AT_FIRST && is_close(last)
        });
        in_burst || (!self.judged && probes().any(is_close))
    }
}
