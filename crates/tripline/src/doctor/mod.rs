//! `tripline doctor`: whether a sensor can do its work here, and what it would do.

mod checks;

use serde::Serialize;

use crate::settings::Settings;
use crate::term::{Ink, Page, Terminal};

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// As it should be.
    Ok,
    /// Something works less well than it could.
    Warning,
    /// Something does not work.
    Problem,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: `rights`, `interfaces`, …
    pub about: &'static str,
    /// How it is to be taken.
    pub level: Level,
    /// What it is, and what to do about it.
    pub text: String,
}

impl Finding {
    fn new(about: &'static str, level: Level, text: impl Into<String>) -> Self {
        Self { about, level, text: text.into() }
    }
}

/// Looks at everything.
pub fn examine(settings: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    checks::rights(&mut found);
    checks::interfaces(settings, &mut found);
    checks::firewall(&mut found);
    checks::clock(&mut found);
    checks::sensor(settings, &mut found);
    checks::memory(settings, &mut found);
    checks::protected(settings, &mut found);
    found
}

/// Columns before the text of a finding.
const INDENT: usize = 6;

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a person is shown.
pub fn page(found: &[Finding], term: Terminal) -> Page {
    let mut page = Page::new(term);
    let mut about = "";
    for finding in found {
        if finding.about != about {
            about = finding.about;
            page.heading(&capital(about), "");
        }
        let first = match finding.level {
            Level::Info => page.line().plain("      "),
            Level::Ok => page.line().add(Ink::Good, "  ok  "),
            Level::Warning => page.line().add(Ink::Warn, "  but "),
            Level::Problem => page.line().add(Ink::Alarm, "  BAD "),
        };
        page.fill(first, &page.line().plain(&finding.text), INDENT);
    }
    page
}
