//! The process that runs the hooks. It is told events on its standard input, one a line, and tells
//! troubles on its standard output. When its input ends, it delivers what waits for a little while
//! and ends, too.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Write};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use tripline_packet::Duration;

use super::queue::Queue;
use super::worker::{Letter, Worker};
use super::{Order, Pacing, Trouble, WAITING};
use crate::settings::Hook;

/// What killing a command may take, and telling of it.
const MARGIN: Duration = Duration::from_millis(300);

/// Does what the lines of `input` say until it ends.
///
/// # Errors
/// The first line is not what a sensor sends, or the system has no more threads.
pub fn serve(input: impl Read, output: impl Write + Send + 'static) -> io::Result<()> {
    let mut lines = BufReader::new(input).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(());
    };
    let Order::Start { hooks, pacing } = serde_json::from_str(&first)? else {
        return Err(io::Error::new(ErrorKind::InvalidData, "the first line names no hooks"));
    };
    let output = Arc::new(Mutex::new(output));
    let (working, ended) = channel();
    let names: Vec<String> = hooks.iter().map(|hook| hook.name.clone()).collect();
    let queues = hooks
        .into_iter()
        .map(|hook| start(hook, pacing, &output, working.clone()))
        .collect::<io::Result<Vec<_>>>()?;
    drop(working);
    for line in lines {
        // A line that breaks off is the end of the sensor as well.
        let Ok(order) = line.and_then(|line| Ok(serde_json::from_str(&line)?)) else {
            break;
        };
        let Order::Tell { to, kind, event } = order else {
            continue;
        };
        let letter = Letter { kind, text: event.into() };
        for queue in to.into_iter().filter_map(|place| queues.get(place)) {
            queue.push(letter.clone());
        }
    }
    let end = Instant::now() + pacing.grace;
    for queue in &queues {
        queue.close(end);
    }
    // Nothing is ever sent: it is over when the last worker has gone.
    let _ = ended.recv_timeout(pacing.grace + MARGIN);
    for (hook, queue) in names.into_iter().zip(&queues) {
        // Its worker still holds it, and waits for an answer. It ends with this process.
        if Arc::strong_count(queue) > 1 {
            let events = crate::human::counted(1 + queue.len() as u64, "event");
            let message = format!("{events} not delivered before the end");
            tell(&output, &Trouble { hook, message });
        }
    }
    Ok(())
}

/// Starts the thread of a hook, which lets go of `working` when it ends.
fn start<W: Write + Send + 'static>(
    hook: Hook,
    pacing: Pacing,
    output: &Arc<Mutex<W>>,
    working: Sender<()>,
) -> io::Result<Arc<Queue<Letter>>> {
    let queue = Arc::new(Queue::new(WAITING));
    let (name, output) = (hook.name.clone(), Arc::clone(output));
    let tell = move |message| tell(&output, &Trouble { hook: name.clone(), message });
    let worker_queue = Arc::clone(&queue);
    thread::Builder::new().name(format!("hook {}", hook.name)).spawn(move || {
        let _working = working;
        Worker::new(hook, worker_queue, pacing, tell).run();
    })?;
    Ok(queue)
}

fn tell<W: Write>(output: &Mutex<W>, trouble: &Trouble) {
    let Ok(line) = serde_json::to_string(trouble) else {
        return;
    };
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    // If the sensor has gone, there is nobody to be told.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
