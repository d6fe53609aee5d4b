//! What the inventory knows of a service, to be told to another one: of a recording, which holds the
//! frames of a few parties only, the facts could not be learned again.

use tripline_packet::{Addr, Timestamp};

use super::Inventory;
use crate::service::Service;
use crate::settings::{Known, KnownService, Replay};

impl Inventory {
    /// Takes up what a sensor knew. Facts with a time to come count from then on.
    pub(super) fn take_up(&mut self, replay: &Replay) {
        if !replay.near.is_empty() {
            self.listening.get_or_insert_default().near.clone_from(&replay.near);
        }
        for Known { host, alive, listens, services } in &replay.known {
            if let Some(listens) = listens {
                let listening = self.listening.get_or_insert_default();
                listening.own.insert(*host);
                let service = |(protocol, port)| Service { host: *host, protocol, port };
                listening.services.extend(listens.iter().copied().map(service));
            }
            if let Some(since) = alive {
                self.alive(*host, *since);
            }
            for KnownService { protocol, port, first, last, clients } in services {
                let service = Service { host: *host, protocol: *protocol, port: *port };
                self.remember(service, (*first, *last), *clients);
            }
        }
    }

    /// The offer of a service, if it was seen to answer.
    pub(crate) fn offer(&self, service: &Service) -> Option<KnownService> {
        let offer = self.offers.get(service)?;
        Some(KnownService {
            protocol: service.protocol,
            port: service.port,
            first: offer.first,
            last: offer.last,
            clients: offer.popularity(),
        })
    }

    /// As [`Inventory::listens`], for others.
    pub(crate) fn is_listened(&self, service: &Service) -> Option<bool> {
        self.listens(service)
    }

    /// Since when a host was seen to live, whenever that was.
    pub(crate) fn lives(&self, host: Addr) -> Option<Timestamp> {
        self.alive.get(&host).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Key;
    use super::*;
    use crate::home::Home;
    use crate::service::{Outcome, Protocol, Standing};
    use crate::settings::Settings;

    #[test]
    fn what_was_known_counts_from_its_time_on() {
        let at = |seconds| Timestamp::from_parts(seconds, 0);
        let host = Addr::from_v4_bits(0xc000_020a);
        let own = Addr::from_v4_bits(0xc000_020b);
        let (protocol, port) = (Protocol::Tcp, 80);
        let offer = KnownService { protocol, port, first: at(20), last: at(90), clients: 7 };
        let known = Known { alive: Some(at(10)), services: vec![offer], ..Known::of(host) };
        let listens = Some(vec![(protocol, 22)]);
        let replay = Replay {
            known: vec![known, Known { listens, ..Known::of(own) }],
            near: vec!["2001:db8:1::/64".parse().unwrap()],
            until: None,
        };
        let inventory = Inventory::new(Key([1, 2]), &Settings { replay, ..Settings::default() });
        let home = Home::new(vec!["192.0.2.0/24".parse().unwrap()]);
        let standing = |host, port, outcome, seconds| {
            let service = Service { host, protocol, port };
            inventory.standing(&home, &service, outcome, at(seconds)).0
        };
        assert_eq!(standing(host, 80, Outcome::Silent, 9), Standing::Dark);
        assert_eq!(standing(host, 80, Outcome::Silent, 19), Standing::Unused);
        assert_eq!(standing(host, 80, Outcome::Silent, 21), Standing::Offered);
        assert_eq!(standing(own, 22, Outcome::Silent, 1), Standing::Offered);
        assert_eq!(standing(own, 23, Outcome::Silent, 1), Standing::Unused);
        assert!(inventory.is_near("2001:db8:1::7".parse::<std::net::IpAddr>().unwrap().into()));
        assert_eq!(inventory.offer(&Service { host, protocol, port }), Some(offer));
    }
}
