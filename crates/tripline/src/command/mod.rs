//! The commands.

#[cfg(target_os = "linux")]
mod control;
mod explain;
mod read;
#[cfg(target_os = "linux")]
mod replay;
mod report;
#[cfg(target_os = "linux")]
mod watch;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use tripline_packet::Timestamp;

#[cfg(target_os = "linux")]
use crate::cli::DoctorArgs;
use crate::cli::{Cli, Command, SettingsArgs};
#[cfg(target_os = "linux")]
use crate::doctor;
use crate::settings;
use crate::term::{self, Page};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Finished.
    Fine = 0,
    /// Incidents were found, and somebody asked to be told by the exit code.
    Found = 1,
    /// Something is wrong with what was asked, or nothing could be read.
    Error = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The JSON Schema of the events; written by `cargo xtask schema`.
pub const SCHEMA: &str = include_str!("../../../../docs/event.schema.json");

/// Runs the program with the arguments of the command line, the program's name first.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(message) => {
            // Help and version are "errors" for clap, but not for whoever asked for them. If the
            // terminal is gone, there is nobody to be told.
            let _ = message.print();
            return if message.use_stderr() { Exit::Error } else { Exit::Fine };
        }
    };
    match run(cli) {
        Ok(exit) => exit,
        Err(error) if is_broken_pipe(&error) => Exit::Fine,
        Err(error) => {
            let message = format!("{error:#}");
            let lines = message.lines().map(|line| term::clean(line, true));
            let message = lines.collect::<Vec<_>>().join("\n");
            let _ = writeln!(io::stderr(), "error: {message}");
            Exit::Error
        }
    }
}

fn run(cli: Cli) -> Result<Exit> {
    match cli.command {
        Command::Read(args) => read::read(&args),
        #[cfg(target_os = "linux")]
        Command::Watch(args) => watch::watch(&args),
        #[cfg(target_os = "linux")]
        Command::Incidents(args) => control::incidents(&args),
        #[cfg(target_os = "linux")]
        Command::Curtail(args) => control::curtail(&args),
        #[cfg(target_os = "linux")]
        Command::Release(args) => control::release(&args),
        #[cfg(target_os = "linux")]
        Command::Curtailed(args) => control::curtailed(&args),
        #[cfg(target_os = "linux")]
        Command::Doctor(args) => doctor(&args),
        #[cfg(target_os = "linux")]
        Command::Enforcer { xdp } => watch::enforcer(xdp),
        #[cfg(target_os = "linux")]
        Command::HooksRunner => watch::hooks_runner(),
        Command::Explain(args) => explain::explain(&args),
        Command::Report(args) => report::report(&args),
        #[cfg(target_os = "linux")]
        Command::Replay(args) => replay::replay(&args),
        Command::Settings(args) => print_or_check_settings(&args),
        Command::Schema => print(SCHEMA),
    }
}

#[cfg(target_os = "linux")]
fn doctor(args: &DoctorArgs) -> Result<Exit> {
    let found = doctor::examine(&args.settings.sensor_layers().resolve()?);
    if args.json {
        let lines: Result<Vec<String>, _> = found.iter().map(serde_json::to_string).collect();
        print(&lines?.iter().fold(String::new(), |text, line| text + line + "\n"))?;
    } else {
        print_page(&doctor::page(&found, args.display.terminal()))?;
    }
    let is_wrong = found.iter().any(|finding| finding.level == doctor::Level::Problem);
    Ok(if is_wrong { Exit::Found } else { Exit::Fine })
}

fn print_or_check_settings(args: &SettingsArgs) -> Result<Exit> {
    let Some(path) = &args.check else {
        return print(settings::DEFAULT_TOML);
    };
    let settings = settings::read(path)?;
    settings::check_hooks(&settings.hooks)?;
    let (settings, hooks) = (settings.detection, settings.hooks.len());
    let declared = settings.services.len() + settings.reserved.len();
    print(&format!(
        "{} is right: {}, {}, {}, {}\n",
        path.display(),
        crate::human::counted(settings.home.len() as u64, "home network"),
        crate::human::counted(declared as u64, "service declaration"),
        crate::human::counted(settings.scanners.len() as u64, "authorised scanner"),
        crate::human::counted(hooks as u64, "hook"),
    ))
}

fn print(text: &str) -> Result<Exit> {
    write_out(|out| out.write_all(text.as_bytes()))
}

fn print_page(page: &Page) -> Result<Exit> {
    write_out(|out| page.write_to(out))
}

fn write_out(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Exit> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    write(&mut out).and_then(|()| out.flush()).context("cannot write to standard output")?;
    Ok(Exit::Fine)
}

/// The wall's time.
fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH + since
}

/// `I-` and ten hexadecimal digits.
fn is_incident_id(text: &str) -> bool {
    let digits = text.strip_prefix("I-").or_else(|| text.strip_prefix("i-"));
    digits.is_some_and(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()))
}

/// Has the reader of our output gone away? `tripline read … | head` is no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let of_io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let of_json =
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        of_io.or(of_json) == Some(io::ErrorKind::BrokenPipe)
    })
}
