//! A progress bar for long input.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::run::{Position, Watch};
use crate::term;

/// Input that is read faster than this needs no bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// Time between two looks of the bar.
const REFRESH: Duration = Duration::from_millis(100);

/// Shows how far a run is, and says what could not be read, on standard error.
#[derive(Debug)]
pub(crate) struct Progress {
    is_wanted: bool,
    started: Instant,
    shown: Option<(ProgressBar, Instant)>,
}

impl Progress {
    /// A bar, if it is wanted and standard error is a terminal.
    pub(crate) fn new(is_wanted: bool) -> Self {
        Self {
            is_wanted: is_wanted && io::stderr().is_terminal(),
            started: Instant::now(),
            shown: None,
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Some((bar, _)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Progress {
    fn position(&mut self, position: Position) {
        if !self.is_wanted {
            return;
        }
        let now = Instant::now();
        match &mut self.shown {
            Some((bar, last)) if now.duration_since(*last) >= REFRESH => {
                *last = now;
                if let Some(total) = position.total {
                    bar.set_length(total.max(position.read));
                }
                bar.set_position(position.read);
            }
            Some(_) => {}
            None if now.duration_since(self.started) >= PATIENCE => {
                self.shown = Some((bar(position), now));
            }
            None => {}
        }
    }

    fn trouble(&mut self, message: &str) {
        let message = term::clean(message, true);
        let say = || {
            // Nothing is left to be done when not even this can be said.
            let _ = writeln!(io::stderr(), "warning: {message}");
        };
        match &self.shown {
            Some((bar, _)) => bar.suspend(say),
            None => say(),
        }
    }
}

fn bar(position: Position) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let (bar, template) = match position.total {
        Some(total) => (
            ProgressBar::with_draw_target(Some(total), target),
            "{bar:40} {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
        ),
        None => {
            (ProgressBar::with_draw_target(None, target), "{spinner} {bytes} read  {bytes_per_sec}")
        }
    };
    bar.set_position(position.read);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
