//! The sensor's end: hands events over without ever waiting, and collects what went wrong.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tripline_core::event::Event;
use tripline_packet::Duration;

use super::queue::{Popped, Queue};
use super::select::Selector;
use super::{Order, Pacing, Trouble, WAITING};
use crate::settings::{EventKind, Hook};

/// What the end of the runner may take beyond the time for deliveries.
const MARGIN: Duration = Duration::from_secs(1);
/// How often it is looked whether the runner has ended.
const LOOK: Duration = Duration::from_millis(10);

/// The hooks, as the sensor sees them.
#[derive(Debug)]
pub struct HookSink {
    selector: Selector,
    outgoing: Arc<Queue<Outgoing>>,
    /// In words.
    troubles: Arc<Queue<String>>,
    child: Child,
    threads: Vec<JoinHandle<()>>,
    pacing: Pacing,
    /// When it is told next what was lost on the way to the runner.
    next_loss: Instant,
}

/// An event for the hooks at these places of the list.
#[derive(Debug)]
struct Outgoing {
    to: Vec<usize>,
    kind: EventKind,
    event: Event,
}

impl HookSink {
    /// Starts the runner: `command` is the program that calls [`super::runner::serve`] on its
    /// standard input and output.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command, hooks: Vec<Hook>, pacing: Pacing) -> io::Result<Self> {
        let selector = Selector::new(&hooks);
        let first = serde_json::to_string(&Order::Start { hooks, pacing })?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut sink = Self {
            selector,
            outgoing: Arc::new(Queue::new(WAITING)),
            troubles: Arc::new(Queue::new(WAITING)),
            child,
            threads: Vec::new(),
            pacing,
            next_loss: Instant::now(),
        };
        // From here on the runner is ended, whatever happens.
        if let (Some(mut input), Some(output)) = (input, output) {
            writeln!(input, "{first}")?;
            let (outgoing, troubles) = (Arc::clone(&sink.outgoing), Arc::clone(&sink.troubles));
            sink.spawn("hooks out", move || write(input, &outgoing))?;
            let outgoing = Arc::clone(&sink.outgoing);
            sink.spawn("hooks in", move || read(output, &outgoing, &troubles))?;
        }
        Ok(sink)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(work)?);
        Ok(())
    }

    /// Hands an event over to the hooks that want it.
    pub fn event(&mut self, event: &Event) {
        let Some(kind) = EventKind::of(event) else {
            return;
        };
        let to = self.selector.choose(event, kind);
        if !to.is_empty() {
            self.outgoing.push(Outgoing { to, kind, event: event.clone() });
        }
    }

    /// What went wrong since this was asked the last time, in words.
    pub fn take_troubles(&mut self) -> Vec<String> {
        let mut troubles: Vec<String> = std::iter::from_fn(|| self.troubles.take()).collect();
        let now = Instant::now();
        if now >= self.next_loss {
            let lost = self.outgoing.take_dropped();
            if lost > 0 {
                self.next_loss = now + self.pacing.troubles;
                let events = crate::human::counted(lost, "event");
                troubles.push(format!("{events} came faster than hooks can be told"));
            }
        }
        troubles
    }

    /// Gives the hooks a little time for what waits, and ends them. Returns the last troubles.
    pub fn finish(&mut self) -> Vec<String> {
        let end = Instant::now() + self.pacing.grace;
        self.outgoing.close(end);
        // An error means that it has ended and was asked before.
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() >= end + MARGIN {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            thread::sleep(LOOK);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.next_loss = Instant::now();
        self.take_troubles()
    }
}

impl Drop for HookSink {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Writes what is handed over; a runner that does not read must hold up nobody but this thread.
fn write(mut input: impl Write, outgoing: &Queue<Outgoing>) {
    while let Popped::Entry(Outgoing { to, kind, event }) = outgoing.pop(None) {
        let Ok(event) = serde_json::to_string(&event) else {
            continue;
        };
        let Ok(line) = serde_json::to_string(&Order::Tell { to, kind, event }) else {
            continue;
        };
        if writeln!(input, "{line}").is_err() {
            // The other thread tells that the runner has gone.
            return;
        }
    }
}

/// Collects the troubles until the runner ends.
fn read(output: impl Read, outgoing: &Queue<Outgoing>, troubles: &Queue<String>) {
    for line in BufReader::new(output).lines() {
        let Ok(line) = line else { break };
        if let Ok(Trouble { hook, message }) = serde_json::from_str(&line) {
            troubles.push(format!("hook `{hook}`: {message}"));
        }
    }
    if outgoing.end().is_none() {
        let message = "the process that runs the hooks has ended; no hook is told anything until \
                       tripline is started anew";
        troubles.push(message.to_owned());
        outgoing.close(Instant::now());
    }
}
