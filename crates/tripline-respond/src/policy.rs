//! Whether a source is curtailed, from what, and for how long.

use std::fmt;

use serde::{Deserialize, Serialize};
use tripline_core::event::{Action, Incident, Proof, Shape, Verdict};
use tripline_packet::{Addr, Duration, Prefix, Timestamp};

use crate::ledger::{Author, Curtailment, Ledger};
use crate::target::{Scope, Target};

/// How far the sensor may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing is decided.
    Off,
    /// It is decided and told, and nothing is done.
    #[default]
    Observe,
    /// It is done.
    Enforce,
}

/// The rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How far the sensor may go.
    pub mode: Mode,
    /// How long the first, the second, … curtailment of a source lasts; the last one goes for all
    /// that follow. Never empty.
    pub lengths: Vec<Duration>,
    /// Curtailments in force at a time, at most.
    pub most: usize,
    /// Curtailments that the sensor may decide on in a minute.
    pub per_minute: usize,
    /// Networks that this machine is in: of an IPv6 network of ours a single address is curtailed,
    /// of any other the whole /64, which is one household or one server.
    pub links: Vec<Prefix>,
}

impl Default for Policy {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            mode: Mode::Observe,
            lengths: vec![minutes(5), minutes(60), minutes(24 * 60)],
            most: 10_000,
            per_minute: 60,
            links: Vec::new(),
        }
    }
}

/// Why a source is not curtailed, although its incident asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is an address that must never be touched.
    Protected(String),
    /// Several sources: all but one of them are forged, or each has its own owner.
    SeveralSources,
    /// As many are in force as may be.
    Full,
    /// As many were decided on in the last minute as may be.
    TooFast,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protected(why) => write!(f, "never touched: {why}"),
            Self::SeveralSources => f.write_str("several sources, of which most may be forged"),
            Self::Full => f.write_str("as many are curtailed as the settings allow"),
            Self::TooFast => {
                f.write_str("as many were curtailed in the last minute as the settings allow")
            }
        }
    }
}

/// What is to be done about an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: the incident does not ask for it, or it is done already.
    Nothing,
    /// This.
    Curtail(Curtailment),
    /// Nothing, although the incident asks for it.
    Refuse(Refusal),
}

/// Length of the network that an IPv6 source is one of.
const SITE: u8 = 64;

impl Policy {
    /// Decides about an incident. `protected` tells why an address must not be touched.
    pub fn decide(
        &self,
        incident: &Incident,
        ledger: &Ledger,
        protected: impl Fn(Prefix) -> Option<String>,
        now: Timestamp,
    ) -> Decision {
        if self.mode == Mode::Off {
            return Decision::Nothing;
        }
        let scope = match (incident.response.action, &incident.proof) {
            (Action::Curtail, Proof::Proven { .. }) => scope(incident),
            // Without proof nobody loses more than what he has no business with.
            (Action::Curtail | Action::RateLimit, _) => Scope::Unoffered,
            (Action::Investigate | Action::Notify, _) => return Decision::Nothing,
        };
        let Some(source) = self.party(&incident.sources) else {
            return Decision::Refuse(Refusal::SeveralSources);
        };
        let target = Target { source: self.network(source), scope };
        if let Some(why) = protected(target.source) {
            return Decision::Refuse(Refusal::Protected(why));
        }
        if ledger.get(&target).is_some() || covers(ledger, target) {
            return Decision::Nothing;
        }
        // Only what it does from then on counts.
        if ledger.ended(target.source).is_some_and(|ended| incident.last <= ended) {
            return Decision::Nothing;
        }
        if ledger.len() >= self.most {
            return Decision::Refuse(Refusal::Full);
        }
        if ledger.in_last_minute(now) >= self.per_minute {
            return Decision::Refuse(Refusal::TooFast);
        }
        let strikes = ledger.strikes(target.source, now);
        Decision::Curtail(Curtailment {
            target,
            since: now,
            until: now + self.length(strikes),
            strikes,
            by: Author::Sensor,
            because: incident.story.clone(),
            incident: Some(incident.id.clone()),
        })
    }

    /// How long a source is curtailed that has been so often before.
    pub fn length(&self, strikes: u32) -> Duration {
        let last = self.lengths.len().saturating_sub(1);
        self.lengths.get(last.min(strikes as usize)).copied().unwrap_or_default()
    }

    /// The one who sweeps; several addresses are one only if they are of one /64 that is not ours.
    fn party(&self, sources: &[Addr]) -> Option<Addr> {
        let (first, others) = sources.split_first()?;
        let site = self.network(*first);
        others.iter().all(|other| site.contains(*other)).then_some(*first)
    }

    fn network(&self, source: Addr) -> Prefix {
        let is_near = self.links.iter().any(|link| link.contains(source));
        let is_alone = source.is_v4() || is_near;
        Prefix::new(source, if is_alone { 128 } else { SITE })
    }
}

/// What a proven source is held off from. Who looks for one service everywhere has made himself
/// unwelcome there; who tries all of a host's doors, or came back for what he found, everywhere.
fn scope(incident: &Incident) -> Scope {
    let of_one_service = incident.shape == Some(Shape::Horizontal)
        && incident.verdict == Verdict::Sweep
        && incident.ports == 1;
    match incident.touches.first().map(|touch| touch.service) {
        Some(service) if of_one_service && service.protocol.has_ports() => {
            Scope::Service { protocol: service.protocol, port: service.port }
        }
        _ => Scope::Everything,
    }
}

/// Whether somebody who is held off from everything need not be slowed down besides.
fn covers(ledger: &Ledger, target: Target) -> bool {
    let everything = Target { scope: Scope::Everything, ..target };
    ledger.get(&everything).is_some()
}

#[cfg(test)]
mod tests;
