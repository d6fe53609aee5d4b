//! Where frames come from: capture files.
//!
//! ```text
//! paths ──CaptureSet──▶ CaptureFile ──▶ Frame (borrowed from the buffer, in the order of time)
//! ```
//!
//! A [`CaptureFile`] is one file in pcap or pcapng, plain or packed with gzip or zstd, told by its
//! content and never by its name. A [`CaptureSet`] is many of them, merged in the order of time.
//!
//! Both lend frames: a [`Frame`] lies in the buffer of its file until the next one is asked for.
//! Nothing is allocated or copied for a frame of a plain file. A file that is cut or damaged ends
//! with an [`Error`] that tells the byte; what came before it has been handed out, and nothing
//! behind it is guessed at. `docs/capture.md` has the reasons and the measurements.
//!
//! [`Frame`]: tripline_packet::Frame

mod buffer;
mod clock;
mod error;
mod file;
#[cfg(target_os = "linux")]
pub mod host;
mod inputs;
#[cfg(target_os = "linux")]
pub mod live;
mod pcap;
mod pcapng;
mod record;
mod set;
mod source;
mod zstd;

pub use error::{Error, ErrorKind, FirstBytes};
pub use file::{CaptureFile, Ending, FileSummary};
pub use set::{CaptureSet, Progress};
pub use source::Compression;
