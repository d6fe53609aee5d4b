//! What can be typed after `tripline replay`.

use std::path::PathBuf;

use clap::Args;

use super::DisplayOptions;
use super::report::When;

pub(super) const ABOUT: &str = "\
Show what other settings would change, before they are in force.

Judges the same frames twice, by the settings in force and by those of --settings, and shows the \
difference: incidents gained (+), lost (-) and changed (~), and the same of curtailments, decided as \
`tripline watch` decides them. Nothing is done about anybody.

The frames are those of captures, where any are named; else those that `tripline watch --record` kept \
of what its incidents touched. Of sources that nobody told of nothing was kept, so what the new \
settings would find among them cannot be known; the output says so.";

pub(super) const MORE: &str = "\
Examples:
  tripline replay --settings new.toml monday.pcap tuesday.pcap
  tripline replay --settings new.toml --against old.toml captures/
  tripline replay --settings new.toml --since 7d
  tripline replay --settings new.toml --json scan.pcap | jq '.incidents.lost[].story'

Exit codes: 0 compared; 1 with --exit-code: something would change; 2 error.";

/// Options of `tripline replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Captures, or folders of captures
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The settings to try
    #[arg(long, value_name = "FILE")]
    pub settings: PathBuf,

    /// The settings to compare with (default: the file that `TRIPLINE_SETTINGS` names, else the
    /// built-in defaults)
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,

    /// From when on, such as 7d or 2026-11-01T00:00:00Z (without FILE)
    #[arg(long, value_name = "TIME", default_value = "7d", conflicts_with = "files")]
    pub since: When,

    /// Exit with 1 when something would change
    #[arg(long, help_heading = "Output")]
    pub exit_code: bool,

    /// Write one JSON object
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// How it looks.
    #[command(flatten)]
    pub display: DisplayOptions,
}
