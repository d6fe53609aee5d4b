//! Captures as a source of frames.

use std::path::PathBuf;

use anyhow::Result;
use tripline_capture::{CaptureSet, Ending, FileSummary};
use tripline_packet::Frame;

use crate::run::{FrameSource, Position};

/// Opens captures and folders of captures; `-` is standard input. Inputs that cannot be read are
/// told of while reading, unless there are no others.
///
/// # Errors
/// None of the inputs can be read.
pub fn open(paths: &[PathBuf]) -> Result<Captures> {
    Ok(Captures(CaptureSet::open(paths)?))
}

/// The captures of a run.
pub struct Captures(CaptureSet);

impl Captures {
    /// Captures among the inputs; other files in a folder do not count.
    pub fn files(&self) -> usize {
        let skipped = |file: &&FileSummary| matches!(file.ending, Ending::Skipped(_));
        self.0.files().filter(|file| !skipped(file)).count()
    }
}

impl FrameSource for Captures {
    #[inline]
    fn next_frame(&mut self) -> Option<Result<Frame<'_>>> {
        let frame = self.0.next_frame()?;
        Some(frame.map_err(anyhow::Error::from))
    }

    fn position(&self) -> Position {
        let progress = self.0.progress();
        Position { read: progress.read, total: progress.total }
    }
}
