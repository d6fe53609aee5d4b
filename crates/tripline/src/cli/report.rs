//! What can be typed after `tripline report`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use tripline_packet::{Duration, Timestamp};

use crate::abuse::{Mail, Reporter};
use crate::settings::Span;

use super::SettingsOptions;

pub(super) const ABOUT: &str = "\
Write a report to hand on: one HTML page that needs nothing else, Markdown or JSON; or a complaint to \
the provider of a source.

About captures, where any are named; else about what the sensor on this machine remembers of a time, \
the last day by default. With the id of an incident it is about that one alone. The same captures give \
the same report, byte for byte.";

pub(super) const MORE: &str = "\
Examples:
  tripline report -o night.html               the last day, as the sensor remembers it
  tripline report --since 7d -o week.md
  tripline report --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z -o november.html
  tripline report scan.pcap -o scan.html      what happened in a capture
  tripline report I-d38d63a307 -o one.html    one incident that the sensor remembers
  tripline report I-d38d63a307 scan.pcap --abuse arf \\
      --reporter 'Example Ltd <noc@example.org>' --to abuse@example.net > complaint.eml

Exit codes: 0 written; 2 error, or there is nothing to write about.";

/// Options of `tripline report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The id of an incident, captures, or both
    #[arg(value_name = "ID|FILE")]
    pub about: Vec<PathBuf>,

    /// From when on, such as 2h, 7d or 2026-11-01T00:00:00Z (without FILE)
    #[arg(long, value_name = "TIME", default_value = "1d")]
    pub since: When,

    /// Until when (default: now; without FILE)
    #[arg(long, value_name = "TIME")]
    pub until: Option<When>,

    /// Which settings are in force.
    #[command(flatten)]
    pub settings: SettingsOptions,

    /// Where to write; its ending tells the form: .html, .md or .json
    ///
    /// With --abuse and several incidents, a folder. Default: standard output.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,

    /// The form, where the name of the output does not tell it
    #[arg(long, value_enum, help_heading = "Output", conflicts_with = "abuse")]
    pub format: Option<Format>,

    /// The heading
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    pub title: Option<String>,

    /// Incidents that are told in full, the gravest first
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Output")]
    pub incidents: usize,

    /// Write complaints for the providers of the sources instead
    #[arg(
        long,
        value_name = "FORM",
        value_enum,
        requires = "reporter",
        help_heading = "Complaints"
    )]
    pub abuse: Option<AbuseForm>,

    /// Who complains, such as 'Example Ltd <noc@example.org>'
    #[arg(long, value_name = "WHO", requires = "abuse", help_heading = "Complaints")]
    pub reporter: Option<Reporter>,

    /// The provider's address for complaints
    #[arg(long, value_name = "MAIL", requires = "abuse", help_heading = "Complaints")]
    pub to: Option<Mail>,

    /// Tell of our own addresses only the networks (/24, /48)
    #[arg(long, requires = "abuse", help_heading = "Complaints")]
    pub mask: bool,
}

/// A form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One page with its pictures, that needs nothing else
    Html,
    /// Text with tables, as `CommonMark` has it
    Markdown,
    /// One object, of the parts of the event contract
    Json,
}

/// A form of a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum AbuseForm {
    /// An e-mail in the Abuse Reporting Format (RFC 5965)
    Arf,
    /// JSON in the eXtended Abuse Reporting Format, version 4
    Xarf,
}

/// A moment: so long ago, or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long before now.
    Ago(Duration),
    /// Then.
    At(Timestamp),
}

impl When {
    /// The moment, as seen from `now`.
    pub fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(length) => now - length,
            Self::At(time) => time,
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("`{text}` is no time; write 2h, 7d or 2026-11-01T00:00:00Z");
        let span = text.parse::<Span>().map(|span| Self::Ago(span.0));
        span.or_else(|_| text.parse().map(Self::At)).map_err(|_: String| bad())
    }
}
