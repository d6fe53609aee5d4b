//! Where frames come from: capture files, one or many, compressed or not.
//!
//! Formats are recognised by content, never by name. Reading streams through a buffer of 1 MiB;
//! nothing is mapped, so pipes and compressed files are read as plain ones are. Damage is an
//! [`Error`] with file and position, and everything before it counts.

mod error;
mod file;
mod input;
mod pcap;
mod pcapng;
mod set;
mod window;

pub use error::{Error, Kind};
pub use file::{CaptureFile, FileReport, Format};
pub use set::{CaptureSet, Progress};
