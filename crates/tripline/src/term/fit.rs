//! Lines that must not be longer than the place they are shown in.

use unicode_width::UnicodeWidthChar as _;

use super::{Ink, Line};

impl Line {
    /// The line, cut to `width` columns; a line that is cut says so at its end.
    #[must_use]
    pub fn cut(self, width: usize) -> Self {
        if self.width() <= width {
            return self;
        }
        let mark = self.empty().add(Ink::Faint, "…");
        let mut left = width.saturating_sub(mark.width());
        let mut cut = self.empty();
        'spans: for span in self.spans {
            for (at, letter) in span.text.char_indices() {
                let columns = letter.width().unwrap_or(0);
                if columns > left {
                    cut = cut.add(span.ink, &span.text[..at]);
                    break 'spans;
                }
                left -= columns;
            }
            cut = cut.add(span.ink, &span.text);
        }
        // In a column or two there is no room to say that something was cut.
        if mark.width() > width { cut } else { cut.append(mark) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Line, Terminal};

    fn cut(line: Line, width: usize) -> String {
        let cut = line.cut(width);
        assert!(cut.width() <= width, "{} of {width}", cut.width());
        cut.spans().map(|(_, text)| text).collect()
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let term = Terminal { color: false, unicode: true, width: 80 };
        let line = || term.line().strong("one").plain(" two ").faint("日本語");
        assert_eq!(cut(line(), 14), "one two 日本語");
        assert_eq!(cut(line(), 13), "one two 日本…");
        assert_eq!(cut(line(), 12), "one two 日…");
        assert_eq!(cut(line(), 4), "one…");
        assert_eq!(cut(line(), 1), "…");
        assert_eq!(cut(line(), 0), "");
        let ascii = Terminal { unicode: false, ..term };
        assert_eq!(cut(ascii.line().plain("longer"), 5), "lo...");
        assert_eq!(cut(ascii.line().plain("longer"), 2), "");
    }
}
