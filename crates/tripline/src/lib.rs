//! The program around the detector: command line, settings, run loop, output.
//!
//! ```text
//! captures ──[capture]──▶ Frame ──[run]──▶ Event ──[output]──▶ JSON lines
//!                                            └───▶ [report] ──▶ a page for a person
//! ```
//!
//! The judging is done in `tripline-core`; this crate opens files, reads settings, and shows what
//! came of it. [`run::run`] is the way through all of it, and what both `tripline read` and the
//! golden cases call. Outputs see nothing but events.
#![forbid(unsafe_code)]

pub mod abuse;
pub mod capture;
pub mod cli;
pub mod command;
pub mod data;
#[cfg(target_os = "linux")]
pub mod doctor;
pub mod document;
pub mod explain;
#[cfg(target_os = "linux")]
pub mod hooks;
pub mod html;
pub mod human;
#[cfg(target_os = "linux")]
pub mod log;
#[cfg(target_os = "linux")]
pub mod metrics;
pub mod output;
mod progress;
mod prose;
#[cfg(target_os = "linux")]
pub mod replay;
pub mod report;
pub mod run;
pub mod settings;
pub mod term;
#[cfg(target_os = "linux")]
pub mod view;
#[cfg(target_os = "linux")]
pub mod watch;
