//! Curtailment: whether, whom, for how long, and how the kernel is told.
//!
//! ```text
//! Incident ──Policy──▶ Decision ──Ledger──▶ Curtailment ──helper──▶ sets of nftables
//! ```
//!
//! A wrong block is the worst that a sensor can do. So nothing is cut off on suspicion: the source
//! must have proven that the address is its own, must not be one that this machine needs, and
//! everything that is done ends by itself, in the kernel, even if nobody is left to end it.

#[cfg(target_os = "linux")]
pub mod helper;
mod ledger;
pub mod nft;
mod policy;
mod target;
#[cfg(target_os = "linux")]
pub mod xdp;

pub use ledger::{Author, Curtailment, Drift, Ledger};
pub use policy::{Decision, Mode, Policy, Refusal};
pub use target::{Scope, Target};
