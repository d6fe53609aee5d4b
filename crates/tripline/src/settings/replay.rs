//! The part of a settings file that comes with a recording: what its frames do not show.

use serde::Deserialize;
use std::net::IpAddr;
use tripline_core::Protocol;
use tripline_core::settings::{Known, KnownService, Replay};
use tripline_packet::Prefix;

use super::file::Instant;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayTable {
    until: Option<Instant>,
    #[serde(default)]
    near: Vec<Prefix>,
    #[serde(default)]
    known: Vec<KnownTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownTable {
    host: IpAddr,
    alive: Option<Instant>,
    listens: Option<Vec<ListenerTable>>,
    #[serde(default)]
    services: Vec<KnownServiceTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenerTable {
    protocol: Protocol,
    port: u16,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownServiceTable {
    protocol: Protocol,
    port: u16,
    first: Instant,
    last: Instant,
    clients: u64,
}

impl ReplayTable {
    pub(super) fn into_replay(self) -> Replay {
        Replay {
            until: self.until.map(|until| until.0),
            near: self.near,
            known: self.known.into_iter().map(known).collect(),
        }
    }
}

fn known(table: KnownTable) -> Known {
    let listener = |listener: ListenerTable| (listener.protocol, listener.port);
    let listeners = |all: Vec<ListenerTable>| all.into_iter().map(listener).collect();
    Known {
        host: table.host.into(),
        alive: table.alive.map(|since| since.0),
        listens: table.listens.map(listeners),
        services: table.services.into_iter().map(known_service).collect(),
    }
}

fn known_service(table: KnownServiceTable) -> KnownService {
    KnownService {
        protocol: table.protocol,
        port: table.port,
        first: table.first.0,
        last: table.last.0,
        clients: table.clients,
    }
}
