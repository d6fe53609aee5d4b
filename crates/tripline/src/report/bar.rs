//! A score as a bar that fills up to the threshold.

use crate::term::{Ink, Line};

/// Adds a bar of so many cells to a line.
pub(crate) fn add(line: Line, score: f64, threshold: f64, cells: usize) -> Line {
    let share = if threshold > 0.0 { (score / threshold).clamp(0.0, 1.0) } else { 0.0 };
    let filled = ((share * cells as f64).floor() as usize).min(cells);
    let ink = if score >= threshold { Ink::Alarm } else { Ink::Accent };
    line.add(ink, "█".repeat(filled)).faint("░".repeat(cells - filled))
}
