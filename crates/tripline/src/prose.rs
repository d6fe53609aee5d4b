//! The texts of the catalogue: paragraphs, lists and `code`, filled to any width.

use crate::term::{Ink, Line, Page};

/// Adds `text` to the page, moved in by `indent` columns.
pub(crate) fn add(page: &mut Page, text: &str, indent: usize) {
    for block in blocks(text) {
        match block {
            Block::Gap => page.gap(),
            Block::Paragraph(text) => {
                let line = inline(page.line(), &text, page.term.color);
                page.paragraph(&line, indent);
            }
            Block::Item { marker, text } => {
                let first = page.line().pad_to(indent).faint(marker).plain(" ");
                let column = first.width();
                let line = inline(page.line(), &text, page.term.color);
                page.fill(first, &line, column);
            }
        }
    }
}

/// Adds a text's words to a line, `code` in its own ink. Without colour the quotes stay.
pub(crate) fn inline(mut line: Line, text: &str, color: bool) -> Line {
    for (index, part) in text.split('`').enumerate() {
        let is_code = index % 2 == 1;
        line = match (is_code, color) {
            (true, true) => line.add(Ink::Accent, part),
            (true, false) => line.plain(format!("`{part}`")),
            (false, _) => line.plain(part),
        };
    }
    line
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block<'a> {
    Gap,
    Paragraph(String),
    Item { marker: &'a str, text: String },
}

/// The parts of a text.
pub(crate) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    for line in text.trim().lines().map(str::trim) {
        if line.is_empty() {
            blocks.push(Block::Gap);
        } else if let Some((marker, rest)) = item(line) {
            let text = rest.to_owned();
            blocks.push(Block::Item { marker, text });
        } else if let Some(Block::Paragraph(text) | Block::Item { text, .. }) = blocks.last_mut() {
            text.push(' ');
            text.push_str(line);
        } else {
            blocks.push(Block::Paragraph(line.to_owned()));
        }
    }
    blocks
}

/// The marker and text of a line that begins with `- ` or `1. `.
fn item(line: &str) -> Option<(&str, &str)> {
    let (marker, rest) = line.split_once(' ')?;
    let number = marker.strip_suffix('.');
    let is_number = number
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    (marker == "-" || (is_number && marker.len() <= 3)).then(|| (marker, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Terminal;

    #[test]
    fn paragraphs_and_lists() {
        let text = "One\ntwo.\n\n- first\n  goes on\n- second\n1. number\n10.5 is no item\n\nLast.";
        let item = |marker, text: &str| Block::Item { marker, text: text.to_owned() };
        let expected = [
            Block::Paragraph("One two.".to_owned()),
            Block::Gap,
            item("-", "first goes on"),
            item("-", "second"),
            item("1.", "number 10.5 is no item"),
            Block::Gap,
            Block::Paragraph("Last.".to_owned()),
        ];
        assert_eq!(blocks(text), expected);
    }

    #[test]
    fn items_hang() {
        let mut page = Page::new(Terminal { color: false, unicode: true, width: 40 });
        add(&mut page, "- run `tripline explain` and read all of it", 2);
        let mut out = Vec::new();
        page.write_to(&mut out).unwrap();
        let expected = "  - run `tripline explain` and read all\n    of it\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
