//! Who visits which service, so that a first visit can be told from one of many.
//!
//! A scan that finds an open port and closes it at once does what a monitor does, too. But the
//! monitor has come before, and comes again.

use tripline_packet::{Addr, Duration, Timestamp};

use crate::keyed::Key;
use crate::recent::Recent;
use crate::service::Service;
use crate::settings::Visit;

/// See the module documentation. The memory is bounded; whoever has not come for the longest time is
/// forgotten first.
#[derive(Debug)]
pub(crate) struct Visitors {
    /// When it came first.
    known: Recent<(Addr, Service), Timestamp>,
}

const MOST: usize = 16_384;
const LIFETIME: Duration = Duration::from_secs(90 * 86_400);

impl Visitors {
    /// With those who are known already, the earliest `last` first.
    pub(crate) fn of(key: Key, visits: &[Visit]) -> Self {
        let mut visitors = Self { known: Recent::new(key, MOST, LIFETIME) };
        for visit in visits {
            visitors.recall(visit);
        }
        visitors
    }

    /// A source completed a handshake that it began at `opened`. Returns whether it had never
    /// visited the service before that.
    pub(crate) fn visit(
        &mut self,
        source: Addr,
        service: Service,
        opened: Timestamp,
        now: Timestamp,
    ) -> bool {
        let key = (source, service);
        let first = self.known.get(now, &key).unwrap_or(opened);
        self.known.insert(now, key, first);
        first >= opened
    }

    /// When a source first visited a service.
    pub(crate) fn first(
        &self,
        source: Addr,
        service: Service,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.known.get(now, &(source, service))
    }

    /// It was no visit, but part of a sweep.
    pub(crate) fn forget(&mut self, source: Addr, service: Service) {
        self.known.remove(&(source, service));
    }

    /// Takes up what was known before; the earliest `last` first.
    pub(crate) fn recall(&mut self, visit: &Visit) {
        self.known.insert(visit.last, (visit.source, visit.service), visit.first);
    }

    /// Those who have come since then, the earliest first. A visitor who comes often is among them
    /// once in three weeks.
    pub(crate) fn since(&self, since: Timestamp) -> Vec<Visit> {
        let visit = |((source, service), last, first)| Visit { source, service, first, last };
        let mut visits: Vec<_> = self.known.since(since).map(visit).collect();
        visits.reverse();
        visits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Protocol;

    #[test]
    fn a_first_visit_is_one_until_it_is_known_and_again_when_it_was_none() {
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let source = Addr::from_v4_bits(0xc633_6407);
        let service =
            Service { host: Addr::from_v4_bits(0xc000_020a), protocol: Protocol::Tcp, port: 80 };
        let mut visitors = Visitors::of(Key([1, 2]), &[]);
        assert!(visitors.visit(source, service, at(10), at(11)));
        assert!(visitors.visit(source, service, at(10), at(12)), "the same session, at its end");
        assert!(!visitors.visit(source, service, at(70), at(71)));
        assert!(visitors.visit(source, Service { port: 22, ..service }, at(70), at(71)));
        // Told to another one, it is known there, too.
        let told = visitors.since(at(0));
        assert_eq!(told.len(), 2);
        assert_eq!(told[0], Visit { source, service, first: at(10), last: at(11) });
        assert!(visitors.since(at(12)).iter().all(|visit| visit.service.port == 22));
        let mut others = Visitors::of(Key([3, 4]), &told);
        assert!(!others.visit(source, service, at(130), at(131)));
        others.forget(source, service);
        assert!(others.visit(source, service, at(190), at(191)));
    }
}
