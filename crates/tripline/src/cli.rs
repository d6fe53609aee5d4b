//! The command line: what can be typed, and its help.

#[cfg(target_os = "linux")]
pub mod replay;
pub mod report;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tripline_packet::Prefix;

#[cfg(target_os = "linux")]
pub use replay::ReplayArgs;
pub use report::ReportArgs;

use crate::settings::{self, Layers, Span};
use crate::term::{ColorChoice, Terminal};

/// Who swept us, what did they find, and why do you think so?
///
/// tripline learns which services a network really offers, notices every access attempt at a
/// service that nobody offers, weighs the attempts of each source with a declared bound on false
/// alerts, and reports one explained incident for each sweeper.
#[derive(Debug, Parser)]
#[command(
    name = "tripline",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "`tripline COMMAND --help` shows options, examples and exit codes of a command.",
    after_long_help = "\
Examples:
  tripline read scan.pcap           what happened in a capture
  tripline read --json *.pcapng.gz  the same as events, one JSON object a line
  tripline explain TCP_Probe_Ftp    what an event means and what to do about it
  tripline explain I-4f2a91c07d scan.pcap
                                    the evidence behind an incident, step by step
  tripline settings > tripline.toml all settings with their defaults, to start from"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read captures and report who swept what
    #[command(long_about = READ_ABOUT, after_help = READ_EXITS, after_long_help = READ_MORE)]
    Read(ReadArgs),
    /// Watch a network, or this machine, and curtail who sweeps it
    #[cfg(target_os = "linux")]
    #[command(long_about = WATCH_ABOUT, after_long_help = WATCH_MORE)]
    Watch(WatchArgs),
    /// List the incidents that the sensor remembers
    #[cfg(target_os = "linux")]
    Incidents(IncidentsArgs),
    /// Hold a source off, by the running sensor
    #[cfg(target_os = "linux")]
    Curtail(CurtailArgs),
    /// End what holds a source off
    #[cfg(target_os = "linux")]
    Release(ReleaseArgs),
    /// Show who is held off: what was decided, and what the kernel does
    #[cfg(target_os = "linux")]
    Curtailed(CurtailedArgs),
    /// Look whether a sensor can do its work here, and what it would do
    #[cfg(target_os = "linux")]
    #[command(long_about = DOCTOR_ABOUT)]
    Doctor(DoctorArgs),
    /// Change the firewall as the lines on standard input say (for `watch` alone)
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Enforcer {
        /// Keep the right to drop packets at the driver, too
        #[arg(long)]
        xdp: bool,
    },
    /// Tell hooks what the lines on standard input say (for `watch` alone)
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    HooksRunner,
    /// Explain an event, an incident or an address
    #[command(long_about = EXPLAIN_ABOUT, after_long_help = EXPLAIN_MORE)]
    Explain(ExplainArgs),
    /// Write a report to hand on, or a complaint to a provider
    #[command(long_about = report::ABOUT, after_long_help = report::MORE)]
    Report(ReportArgs),
    /// Show what other settings would change
    #[cfg(target_os = "linux")]
    #[command(long_about = replay::ABOUT, after_long_help = replay::MORE)]
    Replay(ReplayArgs),
    /// Print all settings with their defaults, or check a settings file
    #[command(long_about = SETTINGS_ABOUT, after_long_help = SETTINGS_MORE)]
    Settings(SettingsArgs),
    /// Print the JSON Schema of the events that `--json` writes
    #[command(long_about = SCHEMA_ABOUT)]
    Schema,
}

const READ_ABOUT: &str = "\
Read captures and report who swept what.

Reads pcap and pcapng files, plain or compressed with gzip or zstd, one after the other in the \
order of their packets' times, and prints for a person: the incidents, gravest first, each with \
its evidence and a picture; the single probes; the services learned; what was told apart from \
sweeps, and the totals. The same input gives the same output, byte for byte.";

const READ_EXITS: &str = "\
Exit codes: 0 finished; 1 incidents found (only with --exit-code); 2 error, nothing could be read.";

const READ_MORE: &str = "\
Examples:
  tripline read scan.pcap
  tripline read --home 192.0.2.0/24 --home 2001:db8::/32 captures/
  tripline read --quiet --exit-code night.pcapng.zst || page-the-operator
  ssh gateway tcpdump -w - -c 100000 | tripline read
  tripline read --json scan.pcap | jq 'select(.kind == \"incident\") | .story'

Exit codes:
  0  finished, whatever was found
  1  with --exit-code: a sweep, a follow-up or a flood was found
  2  error: wrong usage or settings, or no input could be read

A damaged file among good ones is a warning, and what was read before the damage counts.";

const WATCH_ABOUT: &str = "\
Watch a network, or this machine, and curtail who sweeps it.

Without an interface it watches this machine: the kernel's table of sockets says what is offered, \
and everything else is what nobody offers. With -i it watches what passes by on an interface, such \
as a span port, and learns what is offered from the answers.

A source that sweeps is told at once. By default nothing is done about it, but what would be done is \
told, too; with --enforce it is done: a source that has proven its address is cut off for a while, \
one that has not is slowed down at services that nobody offers. Sessions that are up stay up, and \
gateways, name servers, time servers, administrators and friends are never touched.

Needs the rights CAP_NET_RAW and, with --enforce, CAP_NET_ADMIN; it gives up all rights when its \
sockets are open.";

const WATCH_MORE: &str = "\
Examples:
  tripline watch                      this machine, and only tell
  tripline watch --enforce            this machine, and curtail
  tripline watch -i eth1 --home 192.0.2.0/24
                                      a span port
  tripline watch --plain              events as lines, not the live view
  tripline watch --record             keep captures of what incidents touched
  tripline watch --json | logger -t tripline

On a terminal it shows a live view: incidents, sources, services, who is curtailed, notices; `?` \
tells the keys, `q` ends it. Ends on SIGTERM and SIGINT, too. Exit codes: 0 ended as told; 2 error.";

const DOCTOR_ABOUT: &str = "\
Look whether a sensor can do its work here, and what it would do.

Looks at the rights, the interfaces and what was lost on them, the firewall, the clock, the sensor \
that runs and its memory; lists what was curtailed in the last day, or would have been with \
--enforce, and the addresses that are never touched, each with the reason. Changes nothing.

Exit codes: 0 nothing is wrong; 1 something does not work; 2 error.";

const EXPLAIN_ABOUT: &str = "\
Explain an event, an incident or an address.

With the signature, TL id or ISS id of an event: its page (what it is, what triggers it, ports, \
risk, false positives, blind spots, affected systems, what to do). With the id of an incident or \
an address, and the captures it came from: the evidence step by step, each with its weight and \
the fact about the service behind it, and what would clear the source.";

const EXPLAIN_MORE: &str = "\
Examples:
  tripline explain TCP_Probe_Ftp
  tripline explain 2003004
  tripline explain --list
  tripline explain I-4f2a91c07d scan.pcap
  tripline explain 198.51.100.7 monday.pcap tuesday.pcap

Give the same --settings and --home as for `read`, or the incident may have another id.

Exit codes: 0 explained; 2 error, or nothing is known about SUBJECT.";

const SETTINGS_ABOUT: &str = "\
Print all settings with their defaults and a comment on each, to start a settings file from; or \
check a settings file. Files are named with --settings or in TRIPLINE_SETTINGS.";

const SETTINGS_MORE: &str = "\
Examples:
  tripline settings > tripline.toml
  tripline settings --check tripline.toml

Exit codes: 0 printed, or the file is right; 2 the file is wrong, and the message says where.";

const SCHEMA_ABOUT: &str = "\
Print the JSON Schema of the events that `read --json` writes. Fields are only ever added within \
one schema version; every event carries the version it was written in.";

/// Options of `tripline read`.
#[derive(Debug, Args)]
pub struct ReadArgs {
    /// Captures, or folders of captures; `-` is standard input
    ///
    /// Folders are searched for captures with all that is in them. Without FILE, a capture is
    /// read from standard input, if something is piped in.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Which settings are in force.
    #[command(flatten)]
    pub settings: SettingsOptions,

    /// Write events as JSON, one object a line
    ///
    /// The form is documented by `tripline schema`. The order is: notices, probes and incidents
    /// as they close, then the services, then one summary.
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Show nothing but the incidents
    #[arg(short, long, help_heading = "Output", conflicts_with = "json")]
    pub quiet: bool,

    /// Exit with 1 when a sweep, a follow-up or a flood was found
    #[arg(long, help_heading = "Output")]
    pub exit_code: bool,

    /// Incidents that are told in full, the gravest first; the next hundred get a line each
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Output")]
    pub incidents: usize,

    /// Rows of the table of single probes
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Output")]
    pub probes: usize,

    /// Show all services learned, not only the most used
    #[arg(long, help_heading = "Output")]
    pub services: bool,

    /// Show no progress bar
    ///
    /// There is one only when standard error is a terminal and reading takes a while.
    #[arg(long, help_heading = "Output")]
    pub no_progress: bool,

    /// How it looks.
    #[command(flatten)]
    pub display: DisplayOptions,
}

/// Options of `tripline watch`.
#[derive(Clone, Debug, Args)]
pub struct WatchArgs {
    /// Watch what passes by on this interface; may be given several times
    #[arg(short, long, value_name = "IF")]
    pub interface: Vec<String>,

    /// Do what is decided about sweepers, instead of only telling
    #[arg(long)]
    pub enforce: bool,

    /// See every frame whole, not only what decides attempts
    ///
    /// Costs much on a busy link. Captures of --record are then whole, too.
    #[arg(long)]
    pub whole: bool,

    /// Keep captures of what incidents touch, in the folder `record` of the sensor's own
    #[arg(long)]
    pub record: bool,

    /// How much the sensor says about itself, on standard error
    #[arg(long, value_name = "LEVEL", env = "TRIPLINE_LOG", value_enum, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,

    /// Which settings are in force.
    #[command(flatten)]
    pub settings: SettingsOptions,

    /// Write events as lines, as they happen, instead of the live view
    ///
    /// The view is shown when standard input and output are a terminal; otherwise there are lines in
    /// any case.
    #[arg(long, help_heading = "Output", conflicts_with = "json")]
    pub plain: bool,

    /// Write events as JSON, one object a line
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// How it looks.
    #[command(flatten)]
    pub display: DisplayOptions,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    /// What keeps the sensor from its work.
    Error,
    /// What makes its work worse.
    Warn,
    /// What it does.
    Info,
    /// What it is about.
    Debug,
}

#[cfg(target_os = "linux")]
impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// Options of `tripline incidents`.
#[derive(Debug, Args)]
pub struct IncidentsArgs {
    /// Only this one
    #[arg(value_name = "ID")]
    pub id: Option<String>,

    /// Those of the last while, such as 2h or 7d
    #[arg(long, value_name = "TIME", default_value = "1d", conflicts_with = "id")]
    pub since: Span,

    /// Which settings are in force.
    #[command(flatten)]
    pub settings: SettingsOptions,

    /// Write JSON, one object a line
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// How it looks.
    #[command(flatten)]
    pub display: DisplayOptions,
}

/// Options of `tripline curtail`.
#[derive(Debug, Args)]
pub struct CurtailArgs {
    /// An address or a network
    #[arg(value_name = "SOURCE")]
    pub source: Prefix,

    /// For how long, such as 30m or 2h
    #[arg(long = "for", value_name = "TIME", default_value = "1h")]
    pub length: Span,

    /// Why: whoever finds it tomorrow wants to know
    #[arg(long, value_name = "REASON")]
    pub because: String,

    /// Which settings are in force.
    #[command(flatten)]
    pub settings: SettingsOptions,
}

/// Options of `tripline release`.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// An address or a network
    #[arg(value_name = "SOURCE", required_unless_present = "all")]
    pub source: Option<Prefix>,

    /// Everybody
    #[arg(long, conflicts_with = "source")]
    pub all: bool,

    /// Why
    #[arg(long, value_name = "REASON")]
    pub because: Option<String>,

    /// Which settings are in force.
    #[command(flatten)]
    pub settings: SettingsOptions,
}

/// Options of `tripline curtailed`.
#[derive(Debug, Args)]
pub struct CurtailedArgs {
    /// Which settings are in force.
    #[command(flatten)]
    pub settings: SettingsOptions,

    /// Write JSON, one object a line
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Write what is or would be in the kernel as text for nft(8), with nothing done
    ///
    /// All that `watch --enforce` installs by these settings, what is offered, and who is held off
    /// now, or would be with `mode = "observe"`. `nft -c -f -` checks it.
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    pub nft: bool,

    /// How it looks.
    #[command(flatten)]
    pub display: DisplayOptions,
}

/// Options of `tripline doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Which settings are in force.
    #[command(flatten)]
    pub settings: SettingsOptions,

    /// Write JSON, one object a line
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// How it looks.
    #[command(flatten)]
    pub display: DisplayOptions,
}

/// Options of `tripline explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A signature, TL id or ISS id; an incident id; or an address
    #[arg(value_name = "SUBJECT", required_unless_present = "list")]
    pub subject: Option<String>,

    /// The captures that the incident or address is in
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// List all events
    #[arg(long, conflicts_with = "subject")]
    pub list: bool,

    /// Write JSON, one object a line
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Which settings are in force.
    #[command(flatten)]
    pub settings: SettingsOptions,

    /// How it looks.
    #[command(flatten)]
    pub display: DisplayOptions,
}

/// Options of `tripline settings`.
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// Check this settings file instead
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
}

/// Which settings are in force.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsOptions {
    /// Settings file (default: the one that `TRIPLINE_SETTINGS` names, if any)
    ///
    /// Without either, a sensor and what concerns it have those of `/etc/tripline/tripline.toml`, if
    /// that file is there; what is read from files does not depend on the machine. What the file does not mention keeps its default; `tripline settings` prints them all.
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,

    /// A network to protect; may be given several times
    ///
    /// Replaces the home networks of the settings file. Without any, they are inferred from the
    /// first packets, and the report says so. Several may also be separated by commas.
    #[arg(long, value_name = "NET", value_delimiter = ',')]
    pub home: Vec<Prefix>,
}

impl SettingsOptions {
    /// The layers over the built-in defaults.
    pub fn layers(&self) -> Layers {
        Layers {
            file: self.settings.clone().or_else(settings::file_from_environment),
            home: self.home.clone(),
        }
    }

    /// The same for a sensor of this machine, and for what asks it.
    pub fn sensor_layers(&self) -> Layers {
        let mut layers = self.layers();
        layers.file = layers.file.or_else(settings::file_of_system);
        layers
    }
}

/// How it looks.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Display")]
pub struct DisplayOptions {
    /// When to use colour
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,

    /// Use no characters outside ASCII
    #[arg(long)]
    pub ascii: bool,

    /// Columns to fill (default: the terminal's, at most 100)
    #[arg(long, value_name = "N")]
    pub width: Option<usize>,
}

impl DisplayOptions {
    /// The terminal, as detected and as wished.
    pub fn terminal(&self) -> Terminal {
        Terminal::detect(self.color, self.ascii, self.width)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn homes_may_be_listed_and_repeated() {
        let args =
            ["tripline", "read", "--home", "192.0.2.0/24,::1", "--home", "10.0.0.0/8", "a.pcap"];
        let Command::Read(read) = Cli::parse_from(args).command else {
            panic!("not read");
        };
        assert_eq!(read.settings.home.len(), 3);
        assert_eq!(read.files, [PathBuf::from("a.pcap")]);
    }
}
