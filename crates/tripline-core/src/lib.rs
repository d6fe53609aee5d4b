//! The detection core of tripline: from packets to explained incidents.
//!
//! ```text
//! Packet ──tracker──▶ Attempt ──inventory──▶ Probe ──evidence──▶ Sweep ──▶ Incident ──▶ Event
//! ```
//!
//! The core is sans-IO. It opens nothing, reads no clock and starts no thread: packets, time,
//! settings and catalogue are handed to the [`Engine`], events are taken from it. The same packets
//! give the same events, byte for byte.
#![forbid(unsafe_code)]

pub mod catalog;
pub mod engine;
pub mod event;
pub mod evidence;
mod flood;
mod flow;
mod hand;
pub mod home;
mod incident;
mod inventory;
mod keyed;
mod probes;
mod recent;
mod seen;
mod service;
pub mod settings;
mod source;
mod story;
mod sweep;
pub mod tools;
mod tracker;
mod trail;

pub use engine::{Config, Emit, Engine, Facts, Fill, Open, Status, Suspect};
pub use inventory::Listening;
pub use service::{Direction, Outcome, Protocol, Service, Standing, Technique};
