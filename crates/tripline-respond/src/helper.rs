//! The process that keeps the right to change the firewall. It knows a closed set of verbs, one a
//! line on its standard input, and answers each with a line; what reads packets has no other way to
//! the kernel's tables.
//!
//! It ends when the line to the sensor is cut. What it put into the kernel then runs out there.

use std::io::{self, BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};
use tripline_core::Protocol;
use tripline_packet::Duration;

use crate::nft::{Challenge, Change, Held, Ruleset, Sets};
use crate::target::{Scope, Target};
use crate::xdp::Xdp;

/// What the helper can do. Nothing else.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verb {
    /// Puts the tables there, empty.
    Install { capacity: u32, slow_per_minute: u32, challenge: Option<Challenge> },
    /// Takes them away.
    Teardown,
    /// In force for so many milliseconds.
    Add { target: Target, millis: u64 },
    /// No longer in force.
    Remove { target: Target },
    /// What is offered.
    Offered { services: Vec<(Protocol, u16)> },
    /// Who, besides friends, is never challenged.
    Spared { addresses: Vec<IpAddr> },
    /// Challenge for the next seconds, or no longer.
    Alive { alive: bool },
    /// What the kernel holds.
    Read,
    /// Drop the SYNs of curtailed sources at these interfaces, too; for so many sources.
    Xdp { interfaces: Vec<u32>, capacity: u32 },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done,
    Held(Vec<(Target, u64, u64)>),
    /// The tables, or what was to be removed, are not there.
    Missing,
    Failed(String),
}

/// Networks larger than this are never dropped, whoever asks for it.
const LARGEST: [u8; 2] = [8, 19];

/// Does what the lines of `input` say until it ends.
///
/// # Errors
/// The kernel has no nftables, or the answers cannot be written.
pub fn serve(input: impl io::Read, mut output: impl Write) -> io::Result<()> {
    let mut kernel = Kernel { sets: Sets::open()?, xdp: None };
    for line in BufReader::new(input).lines() {
        let answer = match serde_json::from_str(&line?) {
            Ok(verb) => match kernel.perform(verb) {
                Ok(answer) => answer,
                Err(error) if error.kind() == io::ErrorKind::NotFound => Answer::Missing,
                Err(error) => Answer::Failed(error.to_string()),
            },
            Err(error) => Answer::Failed(format!("not one of the verbs: {error}")),
        };
        writeln!(output, "{}", serde_json::to_string(&answer)?)?;
        output.flush()?;
    }
    Ok(())
}

/// What the verbs act on.
struct Kernel {
    sets: Sets,
    xdp: Option<Xdp>,
}

impl Kernel {
    fn perform(&mut self, verb: Verb) -> io::Result<Answer> {
        match verb {
            Verb::Install { capacity, slow_per_minute, challenge } => {
                nft(&Ruleset { capacity, slow_per_minute, challenge }.install())?;
            }
            Verb::Teardown => {
                self.xdp = None;
                nft(&Ruleset::default().teardown())?;
            }
            Verb::Add { target, .. } if is_too_large(target) => {
                return Err(io::Error::other(format!("{target} is too large a network")));
            }
            Verb::Add { target, millis } => {
                let time = Duration::from_millis(millis);
                self.sets.change(Change::Add(target, time))?;
                // The sets hold it; that the shield before them is full is no failure.
                let _ = self.xdp.as_ref().map(|xdp| xdp.add(target, time));
            }
            Verb::Remove { target } => {
                // First what drops first.
                self.xdp.as_ref().map_or(Ok(()), |xdp| xdp.remove(target))?;
                self.sets.change(Change::Remove(target))?;
            }
            Verb::Offered { services } => self.sets.set_offered(&services)?,
            Verb::Spared { addresses } => self.sets.set_spared(&addresses)?,
            Verb::Alive { alive } => self.sets.set_alive(alive)?,
            Verb::Read => return self.read(),
            Verb::Xdp { interfaces, capacity } => {
                // An interface has room for one.
                self.xdp = None;
                self.xdp = Some(Xdp::attach(&interfaces, capacity)?);
            }
        }
        Ok(Answer::Done)
    }

    fn read(&mut self) -> io::Result<Answer> {
        let held = self.sets.read()?.into_iter();
        let row = |(target, held): (Target, Held)| {
            let early = self.xdp.as_ref().and_then(|xdp| xdp.dropped(target).ok());
            (target, held.left.as_millis() as u64, held.packets + early.unwrap_or(0))
        };
        Ok(Answer::Held(held.map(row).collect()))
    }
}

fn is_too_large(target: Target) -> bool {
    let [v4, v6] = LARGEST;
    let is_v4 = target.source.addr().is_v4();
    target.scope == Scope::Everything && target.source.len() < if is_v4 { v4 } else { v6 }
}

/// Hands text to nft(8).
fn nft(text: &str) -> io::Result<()> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .env_clear()
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::other("nft is missing (package nftables)"),
            _ => error,
        })?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("nft: {}", said.lines().next().unwrap_or("failed").trim())))
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// The tables, or what was to be removed, are not there.
    Missing,
}

/// The sensor's end of the line.
#[derive(Debug)]
pub struct Helper {
    child: Child,
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Helper {
    /// Starts the helper: `command` is the program that calls [`serve`] on its standard input and
    /// output.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(Duration::from_secs(30)))?;
        let theirs = std::os::fd::OwnedFd::from(theirs);
        command.stdin(theirs.try_clone()?).stdout(theirs);
        let child = command.spawn()?;
        Ok(Self { child, reader: BufReader::new(ours.try_clone()?), writer: ours })
    }

    /// Puts the tables there, empty.
    ///
    /// # Errors
    /// The helper is gone, or the kernel refuses.
    pub fn install(&mut self, ruleset: &Ruleset) -> io::Result<()> {
        let Ruleset { capacity, slow_per_minute, challenge } = ruleset.clone();
        self.ask(&Verb::Install { capacity, slow_per_minute, challenge }).map(drop)
    }

    /// Takes the tables away, and with them everything that is in force.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn teardown(&mut self) -> io::Result<()> {
        self.ask(&Verb::Teardown).map(drop)
    }

    /// Drops the SYNs of curtailed sources at these interfaces before nftables sees them, for so
    /// many sources of each kind. What is in force already has to be put there anew.
    ///
    /// # Errors
    /// The helper is gone, or the kernel cannot do it: nftables does it alone, as before.
    pub fn shield(&mut self, interfaces: &[u32], capacity: u32) -> io::Result<()> {
        self.ask(&Verb::Xdp { interfaces: interfaces.to_vec(), capacity }).map(drop)
    }

    /// Makes a change.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn change(&mut self, change: Change) -> io::Result<Outcome> {
        let verb = match change {
            Change::Add(target, time) => Verb::Add { target, millis: time.as_millis() as u64 },
            Change::Remove(target) => Verb::Remove { target },
        };
        Ok(outcome(&self.ask(&verb)?))
    }

    /// Tells the kernel what is offered.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn set_offered(&mut self, services: Vec<(Protocol, u16)>) -> io::Result<Outcome> {
        Ok(outcome(&self.ask(&Verb::Offered { services })?))
    }

    /// Tells the kernel who, besides friends, is never challenged.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn set_spared(&mut self, addresses: Vec<IpAddr>) -> io::Result<Outcome> {
        Ok(outcome(&self.ask(&Verb::Spared { addresses })?))
    }

    /// Lets the kernel hand over openings for the next ten seconds, or no longer.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn set_alive(&mut self, alive: bool) -> io::Result<Outcome> {
        Ok(outcome(&self.ask(&Verb::Alive { alive })?))
    }

    /// What the kernel holds; `None` if the tables are gone.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn read(&mut self) -> io::Result<Option<Vec<(Target, Held)>>> {
        match self.ask(&Verb::Read)? {
            Answer::Held(rows) => {
                let held = |(target, millis, packets)| {
                    (target, Held { left: Duration::from_millis(millis), packets })
                };
                Ok(Some(rows.into_iter().map(held).collect()))
            }
            _ => Ok(None),
        }
    }

    fn ask(&mut self, verb: &Verb) -> io::Result<Answer> {
        writeln!(self.writer, "{}", serde_json::to_string(verb)?)?;
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            let gone = "the helper that changes the firewall is gone";
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, gone));
        }
        match serde_json::from_str(&line)? {
            Answer::Failed(why) => Err(io::Error::other(why)),
            answer => Ok(answer),
        }
    }
}

fn outcome(answer: &Answer) -> Outcome {
    if matches!(answer, Answer::Missing) { Outcome::Missing } else { Outcome::Done }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // The line is cut, so it ends by itself.
        let _ = self.writer.shutdown(std::net::Shutdown::Both);
        let _ = self.child.wait();
    }
}
