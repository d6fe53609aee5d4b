//! Text for people: inks, lines, pages and the terminal they are meant for.
//!
//! Everything that is shown goes through [`Line::add`], so two promises are kept in one place:
//! no control character of a capture reaches the terminal, and with `unicode` off no character
//! outside ASCII does.

mod clean;
mod fit;

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use clean::clean;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What the output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Escape sequences for colour.
    pub color: bool,
    /// Characters outside ASCII.
    pub unicode: bool,
    /// Columns to fill.
    pub width: usize,
}

/// Lines longer than this are hard to read, however wide the window is.
const WIDEST: usize = 100;
/// Below this, columns and pictures make no sense any more.
const NARROWEST: usize = 40;

impl Terminal {
    /// The terminal behind standard output, with the user's wishes.
    pub fn detect(color: ColorChoice, ascii: bool, width: Option<usize>) -> Self {
        let on_terminal = io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let seen = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Self {
            color: match color {
                ColorChoice::Auto => on_terminal && !plain,
                ColorChoice::Always => true,
                ColorChoice::Never => false,
            },
            unicode: !ascii,
            width: width
                .or_else(|| seen().map(|seen| seen.min(WIDEST)))
                .unwrap_or(WIDEST)
                .max(NARROWEST),
        }
    }

    /// An empty line for this terminal.
    pub fn line(self) -> Line {
        Line { unicode: self.unicode, spans: Vec::new() }
    }
}

/// How a piece of text is shown. Meaning, not colour, so that the palette is in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ink {
    /// As it is.
    #[default]
    Plain,
    /// Names and numbers that matter.
    Strong,
    /// What may be overlooked: labels, units, reasons.
    Faint,
    /// Words to type, ids.
    Accent,
    /// All is well.
    Good,
    /// Deserves a look.
    Warn,
    /// Deserves a look now.
    Alarm,
}

impl Ink {
    /// How it looks on a terminal with colour.
    pub fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Accent => color(AnsiColor::Cyan),
            Self::Good => color(AnsiColor::Green),
            Self::Warn => color(AnsiColor::Yellow).bold(),
            Self::Alarm => color(AnsiColor::Red).bold(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    ink: Ink,
    text: String,
}

/// A line of text in several inks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    unicode: bool,
    spans: Vec<Span>,
}

impl Line {
    /// Adds text; control characters are escaped, and in ASCII mode the rest is spelled out.
    #[must_use]
    pub fn add(mut self, ink: Ink, text: impl AsRef<str>) -> Self {
        let text = clean(text.as_ref(), self.unicode);
        match self.spans.last_mut() {
            Some(last) if last.ink == ink => last.text.push_str(&text),
            _ => self.spans.push(Span { ink, text }),
        }
        self
    }

    /// Adds plain text.
    #[must_use]
    pub fn plain(self, text: impl AsRef<str>) -> Self {
        self.add(Ink::Plain, text)
    }

    /// Adds strong text.
    #[must_use]
    pub fn strong(self, text: impl AsRef<str>) -> Self {
        self.add(Ink::Strong, text)
    }

    /// Adds faint text.
    #[must_use]
    pub fn faint(self, text: impl AsRef<str>) -> Self {
        self.add(Ink::Faint, text)
    }

    /// Adds spaces until the line is `column` wide.
    #[must_use]
    pub fn pad_to(self, column: usize) -> Self {
        let missing = column.saturating_sub(self.width());
        self.plain(" ".repeat(missing))
    }

    /// Adds all of another line.
    #[must_use]
    pub fn append(mut self, other: Self) -> Self {
        for span in other.spans {
            match self.spans.last_mut() {
                Some(last) if last.ink == span.ink => last.text.push_str(&span.text),
                _ => self.spans.push(span),
            }
        }
        self
    }

    /// Columns that the line takes.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| span.text.width()).sum()
    }

    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.spans.iter().all(|span| span.text.is_empty())
    }

    /// Its pieces from left to right, each in one ink.
    pub fn spans(&self) -> impl Iterator<Item = (Ink, &str)> {
        self.spans.iter().map(|span| (span.ink, span.text.as_str()))
    }

    /// The words, each with the number of spaces before it. A word may have several inks.
    fn words(&self) -> Vec<(usize, Self)> {
        let mut words = Vec::new();
        let mut gap = 0;
        let mut is_new = true;
        for span in &self.spans {
            for (index, part) in span.text.split(' ').enumerate() {
                if index > 0 {
                    gap += 1;
                    is_new = true;
                }
                if part.is_empty() {
                    continue;
                }
                if is_new {
                    words.push((std::mem::take(&mut gap), self.empty()));
                    is_new = false;
                }
                if let Some((_, word)) = words.last_mut() {
                    word.spans.push(Span { ink: span.ink, text: part.to_owned() });
                }
            }
        }
        words
    }

    fn empty(&self) -> Self {
        Self { unicode: self.unicode, spans: Vec::new() }
    }

    /// Breaks the line at spaces so that no piece is wider than `width`. What has no space is
    /// broken after a comma, or anywhere. Several spaces stay several, but not at a break.
    pub fn wrap(&self, width: usize) -> Vec<Self> {
        let mut lines = Vec::new();
        let mut current = self.empty();
        for (gap, mut word) in self.words() {
            if !current.is_empty() {
                let left = width.saturating_sub(current.width() + gap);
                if word.width() <= left {
                    current = current.plain(" ".repeat(gap)).append(word);
                    continue;
                }
                // A list that fills lines of its own may as well begin on this one.
                if word.width() > width && left > width / 2 {
                    let (head, tail) = word.split_at_width(left);
                    current = current.plain(" ".repeat(gap)).append(head);
                    word = tail;
                }
                lines.push(std::mem::replace(&mut current, self.empty()));
            }
            while word.width() > width {
                let (head, tail) = word.split_at_width(width);
                lines.push(head);
                word = tail;
            }
            current = word;
        }
        if !current.is_empty() || lines.is_empty() {
            lines.push(current);
        }
        lines
    }

    /// The first columns and the rest, cut after a comma if there is one in the latter half.
    fn split_at_width(self, width: usize) -> (Self, Self) {
        let (mut head, mut tail) = (self.clone(), self.clone());
        let (mut used, mut cut, mut after_comma) = (0, (0, 0), None);
        'spans: for (index, span) in self.spans.iter().enumerate() {
            for (at, letter) in span.text.char_indices() {
                used += letter.width().unwrap_or(0);
                // At least one letter, or a wide one in a narrow column would never fit.
                if used > width.max(1) && (index, at) != (0, 0) {
                    break 'spans;
                }
                cut = (index, at + letter.len_utf8());
                if letter == ',' && used >= width / 2 {
                    after_comma = Some(cut);
                }
            }
        }
        let (index, at) = after_comma.unwrap_or(cut);
        head.spans.truncate(index + 1);
        head.spans[index].text.truncate(at);
        tail.spans.drain(..index);
        tail.spans[0].text.drain(..at);
        tail.spans.retain(|span| !span.text.is_empty());
        (head, tail)
    }

    fn write_to(&self, out: &mut dyn Write, color: bool) -> io::Result<()> {
        let end = self.spans.iter().rposition(|span| !span.text.trim_end().is_empty());
        for (index, span) in self.spans.iter().enumerate() {
            // Nothing but spaces follows: they would only be noise in a pipe.
            let text = match end {
                Some(end) if index < end => span.text.as_str(),
                Some(end) if index == end => span.text.trim_end(),
                _ => break,
            };
            if color && span.ink != Ink::Plain {
                let style = span.ink.style();
                write!(out, "{style}{text}{style:#}")?;
            } else {
                out.write_all(text.as_bytes())?;
            }
        }
        out.write_all(b"\n")
    }
}

/// Columns of a field's label with its margins; see [`Page::field`].
pub const LABEL: usize = 12;

/// Lines on their way to a terminal.
#[derive(Clone, Debug)]
pub struct Page {
    /// What the lines are made for.
    pub term: Terminal,
    lines: Vec<Line>,
}

impl Page {
    /// An empty page.
    pub fn new(term: Terminal) -> Self {
        Self { term, lines: Vec::new() }
    }

    /// An empty line for this page's terminal.
    pub fn line(&self) -> Line {
        self.term.line()
    }

    /// Adds a line as it is.
    pub fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Adds an empty line, unless there is one (or nothing) before.
    pub fn gap(&mut self) {
        if self.lines.last().is_some_and(|last| !last.is_empty()) {
            self.lines.push(self.line());
        }
    }

    /// Adds a section's heading with air around it.
    pub fn heading(&mut self, title: &str, note: &str) {
        self.gap();
        let mut line = self.line().strong(title);
        if !note.is_empty() {
            line = line.faint(format!("  {note}"));
        }
        for line in line.wrap(self.term.width) {
            self.push(line);
        }
    }

    /// Adds text that fills the width; all but the first line are moved in by `indent` columns,
    /// and the first by the width of `first`.
    pub fn fill(&mut self, first: Line, text: &Line, indent: usize) {
        let width = self.term.width.saturating_sub(indent).max(NARROWEST / 2);
        let mut start = Some(first);
        for piece in text.wrap(width) {
            let margin = start.take().unwrap_or_else(|| self.line());
            self.push(margin.pad_to(indent).append(piece));
        }
    }

    /// Adds text in a paragraph that begins at column `indent`.
    pub fn paragraph(&mut self, text: &Line, indent: usize) {
        self.fill(self.line(), text, indent);
    }

    /// Adds a labelled value; the value is wrapped in its own column.
    pub fn field(&mut self, label: &str, value: &Line) {
        self.fill(self.line().faint(format!("  {label}")), value, LABEL);
    }

    /// The lines from top to bottom.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Writes the page.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            line.write_to(out, self.term.color)?;
        }
        Ok(())
    }

    /// Columns of the widest line.
    pub fn widest(&self) -> usize {
        self.lines.iter().map(Line::width).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Terminal = Terminal { color: false, unicode: true, width: 60 };

    fn text(page: &Page) -> String {
        let mut out = Vec::new();
        page.write_to(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn control_characters_never_get_through() {
        assert_eq!(clean("a\x1b[31mb\r\n\u{9b}", true), "a\\u{1b}[31mb\\r\\n\\u{9b}");
        assert_eq!(clean("exe.\u{202e}txt", true), "exe.\\u{202e}txt");
        assert_eq!(clean("café → 日", false), "cafe -> \\u{65e5}");
    }

    #[test]
    fn ascii_mode_is_ascii() {
        let term = Terminal { unicode: false, ..TERM };
        let mut page = Page::new(term);
        page.paragraph(&page.line().plain("α ≤ 5 — “so” ● ⠿ ▌x"), 4);
        assert!(text(&page).is_ascii(), "{}", text(&page));
    }

    #[test]
    fn wraps_in_the_column() {
        let mut page = Page::new(Terminal { width: 40, ..TERM });
        let value = page.line().plain("one two three four five six seven eight nine ten");
        page.field("label", &value);
        let expected =
            "  label     one two three four five six\n            seven eight nine ten\n";
        assert_eq!(text(&page), expected);
    }

    #[test]
    fn long_words_are_cut_after_a_comma() {
        let line = TERM.line().plain("tcp 1,22,333,4444,55555,666666,7777777");
        let pieces: Vec<String> = line
            .wrap(12)
            .iter()
            .map(|piece| piece.spans.iter().map(|span| span.text.as_str()).collect())
            .collect();
        assert_eq!(pieces, ["tcp 1,22,", "333,4444,", "55555,", "666666,", "7777777"]);
    }

    #[test]
    fn every_piece_fits_and_nothing_is_lost() {
        let line =
            TERM.line().plain("äöü ").strong("日本語日本語").faint(" x yy zzzzzzzzz").plain("q");
        for width in 1..20 {
            let pieces = line.wrap(width);
            assert!(pieces.iter().all(|piece| piece.width() <= width.max(2)), "{width}");
            let letters = |line: &Line| -> String {
                let all = line.spans.iter().map(|span| span.text.replace(' ', ""));
                all.collect()
            };
            let joined: String = pieces.iter().map(letters).collect();
            assert_eq!(joined, letters(&line), "{width}");
        }
    }

    #[test]
    fn colour_only_on_request_and_always_closed() {
        let line = TERM.line().add(Ink::Alarm, "HIGH").plain(" x");
        let mut out = Vec::new();
        line.write_to(&mut out, true).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "\x1b[1m\x1b[31mHIGH\x1b[0m x\n");
    }
}
