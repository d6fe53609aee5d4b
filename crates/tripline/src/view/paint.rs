//! From lines in inks to the cells of a terminal.

use anstyle::{AnsiColor, Color as AnyColor, Effects};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::term::{Ink, Line};

/// Where lines are put.
pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    color: bool,
}

impl<'a> Canvas<'a> {
    /// On this part of a buffer.
    pub(super) fn new(buffer: &'a mut Buffer, color: bool) -> Self {
        let area = buffer.area;
        Self { buffer, area, color }
    }

    pub(super) fn width(&self) -> usize {
        self.area.width.into()
    }

    pub(super) fn height(&self) -> usize {
        self.area.height.into()
    }

    /// Puts a line into a row, as much of it as there is room for; the one that is chosen looks so.
    pub(super) fn put(&mut self, row: usize, line: &Line, is_chosen: bool) {
        let Some(row) = u16::try_from(row).ok().filter(|row| *row < self.area.height) else {
            return;
        };
        let (mut x, y) = (self.area.x, self.area.y + row);
        let mut base = Style::new();
        if is_chosen {
            base = base.add_modifier(Modifier::REVERSED);
            self.buffer.set_style(Rect { y, height: 1, ..self.area }, base);
        }
        for (ink, text) in line.spans() {
            let left = self.area.right().saturating_sub(x);
            if left == 0 {
                return;
            }
            let style = base.patch(style(ink, self.color));
            (x, _) = self.buffer.set_stringn(x, y, text, left.into(), style);
        }
    }
}

/// Without colour bold and faint text stay: they are no colours.
fn style(ink: Ink, color: bool) -> Style {
    let wanted = ink.style();
    let effects = wanted.get_effects();
    let mut style = Style::new();
    for (effect, modifier) in [(Effects::BOLD, Modifier::BOLD), (Effects::DIMMED, Modifier::DIM)] {
        if effects.contains(effect) {
            style = style.add_modifier(modifier);
        }
    }
    match wanted.get_fg_color() {
        Some(AnyColor::Ansi(found)) if color => style.fg(of_terminal(found)),
        _ => style,
    }
}

/// The colours that inks have; what they look like is the terminal's business.
fn of_terminal(color: AnsiColor) -> Color {
    match color {
        AnsiColor::Red => Color::Red,
        AnsiColor::Yellow => Color::Yellow,
        AnsiColor::Green => Color::Green,
        AnsiColor::Cyan => Color::Cyan,
        _ => Color::Reset,
    }
}
