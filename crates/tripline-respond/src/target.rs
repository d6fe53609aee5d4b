//! Whom a curtailment holds off, and from what.

use std::fmt;

use serde::{Deserialize, Serialize};
use tripline_core::Protocol;
use tripline_packet::Prefix;

/// What the source is held off from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scope")]
pub enum Scope {
    /// New sessions with everything.
    Everything,
    /// New sessions with one service, wherever it is.
    Service {
        /// Its protocol.
        protocol: Protocol,
        /// Its port.
        port: u16,
    },
    /// More than a few new sessions a minute with services that nobody offers. Harmless to
    /// somebody whose address was forged: he has no business there.
    Unoffered,
}

/// Whom a curtailment holds off, and from what. There is at most one for each target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// An address, or a network.
    #[serde(serialize_with = "tripline_packet::short")]
    pub source: Prefix,
    /// From what.
    #[serde(flatten)]
    pub scope: Scope,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source.short())?;
        match self.scope {
            Scope::Everything => Ok(()),
            Scope::Service { protocol, port } => write!(f, " from {port}/{protocol}"),
            Scope::Unoffered => f.write_str(" from what nobody offers"),
        }
    }
}
