//! Hooks: commands and web servers that are told of events while they happen.
//!
//! ```text
//! sensor ──▶ HookSink ══ pipe ══▶ runner ──▶ queue ──▶ worker ──▶ command or web server
//!    ▲           │                             (one of each for every hook)   │
//!    └─ notices ─┘◀══════════════ pipe ═══════════════ troubles ◀─────────────┘
//! ```
//!
//! The runner is a process of its own, because the sensor gives up the right to start programs and
//! to speak to the network. It is started while the sensor still has its rights, and gives up all
//! capabilities before it does anything. Nothing on the way waits for somebody else: each queue has
//! an end, and when it is full its oldest entry is dropped and counted.

mod command;
mod queue;
pub mod runner;
mod select;
mod sink;
mod webhook;
mod worker;

use serde::{Deserialize, Serialize};
use tripline_packet::Duration;

use crate::settings::{EventKind, Hook};

pub use sink::HookSink;

/// Name of the notice that tells of trouble with a hook. No hook is ever told of it: trouble would
/// make trouble.
pub const TROUBLE: &str = "hook_trouble";

/// Events that wait, in each queue.
const WAITING: usize = 256;

/// How often and how long it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pacing {
    /// Tries of one event, at least one.
    pub tries: u32,
    /// The wait after the first try; each further wait is three times the one before.
    pub wait: Duration,
    /// How long deliveries go on after the sensor has ended.
    pub grace: Duration,
    /// The least time between two troubles of a hook; what comes in between is summed up.
    pub troubles: Duration,
}

impl Default for Pacing {
    /// Five tries with 7, 21, 63 and 189 seconds between them: a restart of the other side, or a
    /// page of its administrator, fits in between.
    fn default() -> Self {
        Self {
            tries: 5,
            wait: Duration::from_secs(7),
            grace: Duration::from_secs(3),
            troubles: Duration::from_secs(60),
        }
    }
}

/// A line from the sensor to the runner.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// Once, as the first line.
    Start { hooks: Vec<Hook>, pacing: Pacing },
    /// An event, as a line of JSON, for the hooks at these places of the list.
    Tell { to: Vec<usize>, kind: EventKind, event: String },
}

/// A line from the runner to the sensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trouble {
    /// Name of the hook.
    hook: String,
    /// What happened.
    message: String,
}

/// Why a try failed.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    /// In words, without secrets.
    why: String,
    /// Another try would end the same.
    is_final: bool,
    /// The other side asks to wait so long.
    wait: Option<Duration>,
}

impl Failure {
    /// One that another try may do better.
    fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_final: false, wait: None }
    }

    /// One that another try cannot change.
    fn lasting(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_final: true, wait: None }
    }
}
