//! Where in a settings file something is wrong, and how to put it right.

use std::fmt::Write as _;
use std::ops::Range;

/// A message with file, line, column, key, the line itself and a remedy.
pub(super) fn describe(name: &str, text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else {
        return format!("{name}: {}", error.message().trim());
    };
    let at = Place::of(text, &narrow(text, span, error.message()));
    let mut message = format!("{name}:{}:{}: ", at.line, at.column);
    if !at.key.is_empty() {
        let _ = write!(message, "`{}`: ", at.key);
    }
    message.push_str(error.message().trim());
    if let Some(remedy) = remedy(error.message()) {
        let _ = write!(message, "; {remedy}");
    }
    let number = at.line.to_string();
    let margin = " ".repeat(number.len());
    let before = " ".repeat(at.column - 1);
    let marks = "^".repeat(at.marked);
    let _ = write!(message, "\n{margin} |\n{number} | {}\n{margin} | {before}{marks}", at.source);
    message
}

/// The parser gives the range of a whole list when one of its values is wrong: the part of it that
/// the message quotes.
fn narrow(text: &str, span: Range<usize>, message: &str) -> Range<usize> {
    let quoted = message.split('`').nth(1).filter(|quoted| !quoted.is_empty());
    let found = quoted.and_then(|quoted| {
        let at = span.start + text.get(span.clone())?.find(&format!("\"{quoted}\""))?;
        Some(at..at + quoted.len() + 2)
    });
    found.unwrap_or(span)
}

/// The place of a byte range, for people.
struct Place<'a> {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// Characters of the range on its first line, at least 1.
    marked: usize,
    /// The line itself.
    source: &'a str,
    /// The dotted key that the range belongs to; empty where there is none.
    key: String,
}

impl<'a> Place<'a> {
    fn of(text: &'a str, span: &Range<usize>) -> Self {
        let start = floor_char(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let source = text[line_start..].lines().next().unwrap_or("");
        let end = floor_char(text, span.end).clamp(start, (line_start + source.len()).max(start));
        Self {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            marked: text[start..end].chars().count().max(1),
            source,
            key: key_of(text, start),
        }
    }
}

fn floor_char(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The key on whose line, or in whose value, the byte `at` is: the nearest `key =` that begins a
/// line at or before it, under the nearest `[table]`. Good enough for a form without nested
/// tables and multi-line strings, such as ours.
fn key_of(text: &str, at: usize) -> String {
    let line_end = text[at..].find('\n').map_or(text.len(), |rest| at + rest);
    let (mut table, mut key) = ("", "");
    for line in text[..line_end].lines().map(str::trim) {
        if line.starts_with('[') && !line.contains('"') {
            table = line.trim_matches(['[', ']', ' ']);
            key = "";
        } else if let Some((name, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            key = name.trim();
        }
    }
    match (table, key) {
        ("", key) => key.to_owned(),
        (table, "") => table.to_owned(),
        (table, key) => format!("{table}.{key}"),
    }
}

/// For an unknown key the one that was probably meant.
fn remedy(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field `")?;
    let (wrong, known) = rest.split_once('`')?;
    let known = known.split('`').skip(1).step_by(2);
    let similar = |name: &str| strsim::jaro_winkler(wrong, name);
    let best = known.max_by(|a, b| similar(a).total_cmp(&similar(b)))?;
    (similar(best) > 0.7).then(|| format!("did you mean `{best}`?"))
}
