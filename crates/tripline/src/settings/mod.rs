//! Settings: the built-in defaults, a file over them, options of the command line on top.

mod bytes;
mod file;
mod hooks;
mod locate;
mod replay;
mod write;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tripline_core::catalog::PortRange;
use tripline_core::settings::Settings as Detection;
use tripline_packet::{Duration, Prefix};
use tripline_respond::nft::Ruleset;
use tripline_respond::{Mode, Policy};

pub use bytes::Bytes;
use file::SettingsFile;
pub use file::Span;
pub use hooks::{EventKind, Hook, Secret, Target, Webhook, check as check_hooks};
pub use write::to_toml;

/// Every key with its default and a comment, as printed by `tripline settings`.
pub const DEFAULT_TOML: &str = include_str!("default.toml");

/// The environment variable that names a settings file.
pub const VARIABLE: &str = "TRIPLINE_SETTINGS";

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// What is judged, and how.
    pub detection: Detection,
    /// What is watched, and where the sensor keeps what it knows.
    pub watch: Watch,
    /// What is done about a sweeper.
    pub curtail: Curtail,
    /// Who is told of events.
    pub hooks: Vec<Hook>,
}

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Interfaces; none: this machine itself, on the interfaces that lead outside.
    pub interfaces: Vec<String>,
    /// Ports where administrators come in. Who has a session there is never touched.
    pub admin_ports: Vec<PortRange>,
    /// How long a session there must have been, so that whoever has it must have logged in.
    pub admin_after: Duration,
    /// Folder of what outlives a restart.
    pub state: PathBuf,
    /// Whether captures of what incidents touched are kept, and how many bytes of them at most.
    pub record: bool,
    /// See `record`.
    pub record_size: u64,
    /// Where metrics can be asked for; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            admin_ports: vec![PortRange { first: 22, last: 22 }],
            admin_after: Duration::from_secs(150),
            state: PathBuf::from("/var/lib/tripline"),
            record: false,
            record_size: 256_000_000,
            metrics: Some(SocketAddr::from(([127, 0, 0, 1], 9717))),
        }
    }
}

/// What is done about a sweeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curtail {
    /// How far the sensor may go.
    pub mode: Mode,
    /// How long the first, the second, … curtailment of a source lasts.
    pub lengths: Vec<Duration>,
    /// Curtailments in force at a time, at most.
    pub most: usize,
    /// Curtailments that the sensor may decide on in a minute.
    pub per_minute: usize,
    /// New sessions a minute, at services that nobody offers, for who is slowed down.
    pub slow_per_minute: usize,
    /// Drop the SYNs of those who are cut off at the network driver, before nftables.
    pub xdp: bool,
    /// Whether those are challenged who try services that nobody offers: this machine only, and only
    /// where it is enforced.
    pub challenge: bool,
}

impl Default for Curtail {
    fn default() -> Self {
        let policy = Policy::default();
        let ruleset = Ruleset::default();
        Self {
            mode: policy.mode,
            lengths: policy.lengths,
            most: policy.most,
            per_minute: policy.per_minute,
            slow_per_minute: ruleset.slow_per_minute as usize,
            xdp: false,
            challenge: false,
        }
    }
}

impl Curtail {
    /// The rules by which it is decided; the networks of this machine are the driver's to add.
    pub fn policy(&self) -> Policy {
        Policy {
            mode: self.mode,
            lengths: self.lengths.clone(),
            most: self.most,
            per_minute: self.per_minute,
            links: Vec::new(),
        }
    }

    /// The tables of the kernel.
    pub fn ruleset(&self) -> Ruleset {
        Ruleset { slow_per_minute: self.slow_per_minute as u32, ..Ruleset::default() }
    }
}

/// The layers above the defaults.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The settings file.
    pub file: Option<PathBuf>,
    /// Home networks; if there are any, they replace those of the file.
    pub home: Vec<Prefix>,
}

impl Layers {
    /// The settings that are in force.
    ///
    /// # Errors
    /// The file cannot be read, or says something that makes no sense.
    pub fn resolve(&self) -> Result<Settings> {
        let mut settings = match &self.file {
            Some(path) => read(path)?,
            None => Settings::default(),
        };
        if !self.home.is_empty() {
            settings.detection.home.clone_from(&self.home);
        }
        Ok(settings)
    }
}

/// The settings file that the environment names.
pub fn file_from_environment() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The settings of the sensor of this machine, where its package puts them.
const SYSTEM_FILE: &str = "/etc/tripline/tripline.toml";

/// The settings file of the machine, if there is one.
pub fn file_of_system() -> Option<PathBuf> {
    Some(PathBuf::from(SYSTEM_FILE)).filter(|path| path.exists())
}

/// Reads a settings file and lays it over the defaults.
///
/// # Errors
/// The file cannot be read or says something that makes no sense; the message names the place.
pub fn read(path: &Path) -> Result<Settings> {
    let problem = || format!("cannot read the settings file {}", path.display());
    // Whoever reads a pipe again waits for ever.
    let is_file = std::fs::metadata(path).with_context(problem)?.is_file();
    anyhow::ensure!(is_file, "{}: it is not a regular file", problem());
    let text = std::fs::read_to_string(path).with_context(problem)?;
    parse(&text, &path.display().to_string())
}

/// Lays the settings in `text` over the defaults; `name` is used in messages.
///
/// # Errors
/// The text is no TOML, has a key that does not exist, or a value that makes no sense.
pub fn parse(text: &str, name: &str) -> Result<Settings> {
    let file: SettingsFile = toml::from_str(text)
        .map_err(|error| anyhow::anyhow!("{}", locate::describe(name, text, &error)))?;
    let mut settings = Settings::default();
    file.apply(&mut settings);
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use tripline_core::Protocol;
    use tripline_packet::Duration;

    use super::*;

    /// The default file with its examples switched on. An example replaces the default of the
    /// same key, which stands on the line before it.
    fn with_examples() -> String {
        let mut lines: Vec<&str> = Vec::new();
        for line in DEFAULT_TOML.lines() {
            match line.strip_prefix('#') {
                Some(example) if !example.is_empty() && !example.starts_with(' ') => {
                    let key = example.split('=').next().map(str::trim);
                    let previous = lines.last().and_then(|last| last.split('=').next());
                    if key == previous.map(str::trim) {
                        lines.pop();
                    }
                    lines.push(example);
                }
                _ => lines.push(line),
            }
        }
        lines.join("\n")
    }

    #[test]
    fn printed_defaults_are_the_built_in_ones() {
        assert_eq!(parse(DEFAULT_TOML, "default").unwrap(), Settings::default());
    }

    #[test]
    fn every_key_of_the_default_file_matters() {
        // A key that is spelled wrong in the comments would be an unknown field here.
        let changed = DEFAULT_TOML
            .replace("alpha = 1e-5", "alpha = 1e-3")
            .replace("\"5s\"\n", "\"6s\"\n")
            .replace("\"1h\"\n", "\"2h\"\n")
            .replace("\"30d\"\n", "\"31d\"\n")
            .replace("262144", "1000")
            .replace("16384", "2000")
            .replace("131072", "3000")
            .replace("2048", "4000");
        let settings = parse(&changed, "changed").unwrap();
        assert!((settings.detection.alpha - 1e-3).abs() < 1e-12);
        assert_eq!(settings.detection.silence, Duration::from_secs(6));
        assert_eq!(settings.detection.quiet, Duration::from_secs(7_200));
        assert_eq!(settings.detection.stale_after, Duration::from_secs(31 * 86_400));
        let limits = settings.detection.limits;
        assert_eq!((limits.flows, limits.sources), (1000, 1000));
        assert_eq!((limits.trails, limits.probes), (2000, 2000));
        assert_eq!((limits.services, limits.incidents), (3000, 4000));
    }

    #[test]
    fn examples_are_valid() {
        let settings = parse(&with_examples(), "examples").unwrap();
        assert_eq!(settings.detection.home.len(), 2);
        assert_eq!(settings.detection.dark.len(), 1);
        assert_eq!(settings.detection.friends.len(), 2);
        let declared: Vec<_> = settings.detection.services.iter().map(|d| d.protocol).collect();
        assert_eq!(declared, [Protocol::Tcp, Protocol::Udp]);
        assert_eq!(settings.detection.services[0].ports.len(), 3);
        assert_eq!(settings.detection.reserved[0].ports.len(), 2);
        let scanner = &settings.detection.scanners[0];
        assert_eq!(scanner.until.unwrap().to_string(), "2026-12-31T00:00:00.000000000Z");
        assert_eq!(scanner.targets.len(), 1);
        let [page, web] = &settings.hooks[..] else {
            panic!("{:?}", settings.hooks);
        };
        assert_eq!(page.events.len(), 2);
        assert!(matches!(&page.target, Target::Command(words) if words.len() == 2));
        assert!(matches!(&web.target, Target::Webhook(web) if web.headers.len() == 1));
    }

    #[test]
    fn ports_may_be_numbers_and_times_toml() {
        let text = "[[scanners]]\nname = \"x\"\nsource = \"192.0.2.1\"\nports = [22, \"80-90\"]\n\
                    until = 2026-12-31T00:00:00Z";
        let settings = parse(text, "x").unwrap();
        let ports: Vec<String> =
            settings.detection.scanners[0].ports.iter().map(ToString::to_string).collect();
        assert_eq!(ports, ["22", "80-90"]);
        assert!(settings.detection.scanners[0].until.is_some());
    }

    #[test]
    fn command_line_wins_over_file() {
        let layers = Layers { file: None, home: vec!["198.51.100.0/24".parse().unwrap()] };
        assert_eq!(layers.resolve().unwrap().detection.home, layers.home);
    }

    /// Each message must name file, line, column and key, and tell what to write instead.
    #[test]
    fn errors_point_at_the_place() {
        for (text, place, words) in [
            (
                "home = [\"192.0.2.0/24\",\n  \"192.0.2.0/33\"]",
                "s.toml:2:3: `home`",
                "write 192.0.2.0/24",
            ),
            ("hom = []", "s.toml:1:1: `hom`", "did you mean `home`?"),
            ("[detection]\nalpha = 2.0", "s.toml:2:9: `detection.alpha`", "between 0 and 1"),
            ("[detection]\nsilence = \"soon\"", "s.toml:2:11: `detection.silence`", "write 500ms"),
            ("[detection]\nsilence = 5", "s.toml:2:11: `detection.silence`", "expected a string"),
            ("[limits]\nflows = 0", "s.toml:2:9: `limits.flows`", "from 1 to"),
            (
                "[[services]]\nhosts = \"192.0.2.1\"\ntcp = [\"99999\"]",
                "s.toml:3:8: `services.tcp`",
                "write 21",
            ),
            ("[[services]]\ntcp = [\"9\"]", "s.toml:1:1: `services`", "missing field `hosts`"),
            (
                "[[scanners]]\nname = \"a\"\nsource = \"::1\"\nuntil = \"2026-12-31\"",
                "s.toml:4:9: `scanners.until`",
                "2026-12-31T00:00:00Z",
            ),
            (
                "[watch]\nrecord_size = \"256\"",
                "s.toml:2:15: `watch.record_size`",
                "write 64MB, 256MiB or 2GB",
            ),
            (
                "[[replay.known]]\nhost = \"nobody\"",
                "s.toml:2:8: `replay.known.host`",
                "invalid IP",
            ),
            ("home = [", "s.toml:1:", ""),
        ] {
            let error = parse(text, "s.toml").unwrap_err().to_string();
            assert!(error.starts_with(place), "{text}\n{error}");
            assert!(error.contains(words), "{text}\n{error}");
        }
    }
}
