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

use crate::nft::{Challenge, Change, Frame, Held, Ruleset, Sets};
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

/// A verb, with a number by which the answer is known: one that comes late must not pass for that to
/// another question.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    number: u64,
    verb: Verb,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reply {
    number: u64,
    answer: Answer,
}

/// Networks larger than this are never dropped, whoever asks for it.
const LARGEST: [u8; 2] = [8, 19];

/// Does what the lines of `input` say until it ends.
///
/// # Errors
/// The kernel has no nftables, or the answers cannot be written.
pub fn serve(input: impl io::Read, mut output: impl Write) -> io::Result<()> {
    let mut kernel = Kernel::open()?;
    for line in BufReader::new(input).lines() {
        let reply = match serde_json::from_str::<Request>(&line?) {
            Ok(Request { number, verb }) => Reply { number, answer: kernel.answer(verb) },
            Err(error) => Reply {
                number: 0,
                answer: Answer::Failed(format!("not one of the verbs: {error}")),
            },
        };
        writeln!(output, "{}", serde_json::to_string(&reply)?)?;
        output.flush()?;
    }
    Ok(())
}

/// Looks at what others keep changing.
const LOOKS: usize = 10;

/// What the verbs act on.
struct Kernel {
    sets: Sets,
    xdp: Option<Xdp>,
    /// What was installed, and what it was told then.
    frame: Option<Frame>,
    offered: Vec<(Protocol, u16)>,
    spared: Vec<IpAddr>,
    challenges: bool,
}

impl Kernel {
    fn open() -> io::Result<Self> {
        let (offered, spared) = (Vec::new(), Vec::new());
        let sets = Sets::open()?;
        Ok(Self { sets, xdp: None, frame: None, offered, spared, challenges: false })
    }

    fn answer(&mut self, verb: Verb) -> Answer {
        match self.perform(verb) {
            Ok(answer) => answer,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Answer::Missing,
            Err(error) => Answer::Failed(error.to_string()),
        }
    }

    fn perform(&mut self, verb: Verb) -> io::Result<Answer> {
        match verb {
            Verb::Install { capacity, slow_per_minute, challenge } => {
                let challenges = challenge.is_some();
                nft(&Ruleset { capacity, slow_per_minute, challenge }.install())?;
                let xdp = self.xdp.take();
                *self = Self { xdp, challenges, ..Self::open()? };
                self.frame = Some(patiently(|| self.sets.frame())?);
            }
            Verb::Teardown => {
                (self.xdp, self.frame) = (None, None);
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
            Verb::Offered { services } => {
                self.sets.set_offered(&services)?;
                self.offered = services;
            }
            Verb::Spared { addresses } => {
                self.sets.set_spared(&addresses)?;
                self.spared = addresses;
            }
            Verb::Alive { alive } => self.sets.set_alive(alive)?,
            Verb::Read => return patiently(|| self.read()),
            Verb::Xdp { interfaces, capacity } => {
                // An interface has room for one.
                self.xdp = None;
                self.xdp = Some(Xdp::attach(&interfaces, capacity)?);
            }
        }
        Ok(Answer::Done)
    }

    /// Whether all is there that the elements need to have an effect.
    fn stands(&mut self) -> io::Result<bool> {
        Ok(self.frame.as_ref() == Some(&self.sets.frame()?)
            && self.sets.are_offered(&self.offered)?
            && (!self.challenges || self.sets.are_spared(&self.spared)?))
    }

    fn read(&mut self) -> io::Result<Answer> {
        // What others change in just this moment may be told half; so it is looked at again.
        if self.frame.is_some() && !self.stands()? && !self.stands()? {
            return Ok(Answer::Missing);
        }
        let held = self.sets.read()?.into_iter();
        let row = |(target, held): (Target, Held)| {
            let early = self.xdp.as_ref().and_then(|xdp| xdp.dropped(target).ok());
            (target, held.left.as_millis() as u64, held.packets + early.unwrap_or(0))
        };
        Ok(Answer::Held(held.map(row).collect()))
    }
}

/// Others may change tables of theirs while the kernel tells of ours; then it says so.
fn patiently<T>(mut look: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..LOOKS {
        match look() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
    look()
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
    /// The number of the last request.
    number: u64,
    /// Its answer has not come yet.
    is_waiting: bool,
    /// The beginning of a line that has not come whole.
    line: String,
}

/// How long an answer is waited for: a start of nft(8) takes long on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same once one has not come in that time: whoever waits for a helper sees nothing meanwhile.
const BRIEFLY: Duration = Duration::from_millis(100);

impl Helper {
    /// Starts the helper: `command` is the program that calls [`serve`] on its standard input and
    /// output.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let theirs = std::os::fd::OwnedFd::from(theirs);
        command.stdin(theirs.try_clone()?).stdout(theirs);
        let child = command.spawn()?;
        let (reader, line) = (BufReader::new(ours.try_clone()?), String::new());
        Ok(Self { child, reader, writer: ours, number: 0, is_waiting: false, line })
    }

    /// Puts the tables there, empty.
    ///
    /// # Errors
    /// The helper is gone, or the kernel refuses.
    pub fn install(&mut self, ruleset: &Ruleset) -> io::Result<()> {
        let Ruleset { capacity, slow_per_minute, challenge } = ruleset.clone();
        self.ask(Verb::Install { capacity, slow_per_minute, challenge }).map(drop)
    }

    /// Takes the tables away, and with them everything that is in force.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn teardown(&mut self) -> io::Result<()> {
        self.ask(Verb::Teardown).map(drop)
    }

    /// Drops the SYNs of curtailed sources at these interfaces before nftables sees them, for so
    /// many sources of each kind. What is in force already has to be put there anew.
    ///
    /// # Errors
    /// The helper is gone, or the kernel cannot do it: nftables does it alone, as before.
    pub fn shield(&mut self, interfaces: &[u32], capacity: u32) -> io::Result<()> {
        self.ask(Verb::Xdp { interfaces: interfaces.to_vec(), capacity }).map(drop)
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
        Ok(outcome(&self.ask(verb)?))
    }

    /// Tells the kernel what is offered.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn set_offered(&mut self, services: Vec<(Protocol, u16)>) -> io::Result<Outcome> {
        Ok(outcome(&self.ask(Verb::Offered { services })?))
    }

    /// Tells the kernel who, besides friends, is never challenged.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn set_spared(&mut self, addresses: Vec<IpAddr>) -> io::Result<Outcome> {
        Ok(outcome(&self.ask(Verb::Spared { addresses })?))
    }

    /// Lets the kernel hand over openings for the next ten seconds, or no longer.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn set_alive(&mut self, alive: bool) -> io::Result<Outcome> {
        Ok(outcome(&self.ask(Verb::Alive { alive })?))
    }

    /// What the kernel holds; `None` if the tables are gone.
    ///
    /// # Errors
    /// As for [`Helper::install`].
    pub fn read(&mut self) -> io::Result<Option<Vec<(Target, Held)>>> {
        match self.ask(Verb::Read)? {
            Answer::Held(rows) => {
                let held = |(target, millis, packets)| {
                    (target, Held { left: Duration::from_millis(millis), packets })
                };
                Ok(Some(rows.into_iter().map(held).collect()))
            }
            _ => Ok(None),
        }
    }

    fn ask(&mut self, verb: Verb) -> io::Result<Answer> {
        if self.is_waiting {
            // What came of it the next comparison shows.
            self.reply(BRIEFLY)?;
        }
        self.number += 1;
        let request = Request { number: self.number, verb };
        writeln!(self.writer, "{}", serde_json::to_string(&request)?)?;
        self.is_waiting = true;
        match self.reply(PATIENCE)? {
            Answer::Failed(why) => Err(io::Error::other(why)),
            answer => Ok(answer),
        }
    }

    /// The answer to the last request.
    fn reply(&mut self, patience: Duration) -> io::Result<Answer> {
        self.reader.get_ref().set_read_timeout(Some(patience))?;
        loop {
            match self.reader.read_line(&mut self.line) {
                Ok(0) => {
                    let gone = "the helper that changes the firewall is gone";
                    return Err(io::Error::new(io::ErrorKind::BrokenPipe, gone));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let slow = "the helper that changes the firewall does not answer";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, slow));
                }
                Err(error) => return Err(error),
            }
            let reply: Reply = serde_json::from_str(&std::mem::take(&mut self.line))?;
            if reply.number == self.number {
                self.is_waiting = false;
                return Ok(reply.answer);
            }
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
