//! Captures as a source of frames.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tripline_capture::CaptureSet;
use tripline_packet::Frame;

use crate::run::{FrameSource, Position};

/// Opens captures and folders of captures; `-` is standard input.
///
/// # Errors
/// A named file does not exist, or none is a capture.
pub fn open(paths: &[PathBuf]) -> Result<Captures> {
    let set = CaptureSet::open(paths).context("cannot read the captures")?;
    Ok(Captures(set))
}

/// The captures of a run.
#[derive(Debug)]
pub struct Captures(CaptureSet);

impl FrameSource for Captures {
    fn next_frame(&mut self) -> Option<Result<Frame<'_>>> {
        let frame = self.0.next_frame()?;
        Some(frame.map_err(anyhow::Error::from))
    }

    fn position(&self) -> Position {
        let progress = self.0.progress();
        Position {
            read: progress.read,
            total: progress.total,
        }
    }
}
