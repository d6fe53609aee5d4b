//! Challenges: where nobody listens, the sensor answers, to see whether whoever calls is there.
//!
//! ```text
//! SYN ──▶ kernel: nobody listens ──NFLOG──▶ Answerer ──▶ SYN-ACK with a cookie
//! ACK ──▶ kernel: nobody listens ──NFLOG──▶ Answerer ──▶ proven; what is said; RST
//! ```
//!
//! A sweep that never completes a handshake proves nothing about its address. Who answers our answer
//! does. Which packets come here the kernel decides ([`tripline_respond::nft::Challenge`]): none for
//! a service that is offered, none of a friend, and no more than a few hundred a second.
//!
//! A thread of its own answers, so that nobody waits for the detector. The detector sees the frames
//! of a challenge on the wire as everybody does; [`Challenges::disguise`] gives it what it would have
//! seen otherwise.

mod answerer;
mod cookie;
mod segment;
mod sender;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use tripline_capture::host::Log;
use tripline_packet::{Body, Decoder, Duration, Packet, Tcp, TcpFlags, TcpOptions, Timestamp};

use super::clock::Clock;

pub use answerer::{Answered, Answerer};
pub use cookie::{Cookies, Ends};
pub use segment::{Received, Segment};
pub use sender::Sender;

/// What is opened while there is the right to.
#[derive(Debug)]
pub struct Opened {
    log: Log,
    sender: Sender,
    cookies: Cookies,
}

/// The run loop's end.
#[derive(Debug)]
pub struct Challenges {
    cookies: Cookies,
    answered: Receiver<Answered>,
    /// Those that wait until the detector has seen what came before them.
    waiting: VecDeque<(Timestamp, Answered)>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Bytes of a packet that are read: all headers, and what is kept of what is said.
const MOST_BYTES: u32 = 512;
/// Proofs that wait for the detector. There are a few hundred a second at most.
const MOST_WAITING: usize = 1_024;
/// The longest wait of the thread for a packet.
const PATIENCE: Duration = Duration::from_millis(500);

impl Opened {
    /// Opens the way in and out; needs the rights `CAP_NET_ADMIN` and `CAP_NET_RAW`.
    ///
    /// # Errors
    /// No right, or a kernel without NFLOG.
    pub fn open(key: [u64; 2]) -> io::Result<Self> {
        let log = Log::open(MOST_BYTES)?;
        Ok(Self { log, sender: Sender::open()?, cookies: Cookies::new(key) })
    }

    /// The group of the log by which packets come.
    pub fn group(&self) -> u16 {
        self.log.group()
    }

    /// Starts to answer. The thread has the rights of the caller, and needs none.
    pub fn start(self) -> Challenges {
        let (told, answered) = sync_channel(MOST_WAITING);
        let stop = Arc::new(AtomicBool::new(false));
        let (cookies, stopped) = (self.cookies, Arc::clone(&stop));
        let thread = std::thread::spawn(move || answer(self, &told, &stopped));
        Challenges { cookies, answered, waiting: VecDeque::new(), stop, thread: Some(thread) }
    }
}

/// Answers until it is told to stop. What cannot be read or sent is lost, as packets are.
fn answer(opened: Opened, told: &SyncSender<Answered>, stop: &AtomicBool) {
    let Opened { mut log, sender, cookies } = opened;
    let mut answerer = Answerer::new(cookies);
    let mut decoder = Decoder::new();
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        while let Some(end) = answerer.expire(now) {
            sender.send(&end, 0);
        }
        let due = answerer.due().map_or(PATIENCE, |due| due.saturating_duration_since(now));
        let read = log.read(due.min(PATIENCE), |logged| {
            let Some(received) = Received::read(&mut decoder, logged.bytes) else { return };
            let (segment, answered) = answerer.take(&received, Instant::now());
            if let Some(segment) = segment {
                sender.send(&segment, logged.interface);
            }
            if let Some(answered) = answered {
                // If nobody takes them, there are more than enough.
                let _ = told.try_send(answered);
            }
        });
        if read.is_err() {
            return;
        }
    }
}

impl Challenges {
    /// Whether somebody answers. If not, the kernel must not hand packets over any longer.
    pub fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// The next handshake that was completed, and when, if the detector has seen all that came
    /// before `seen`.
    pub fn next(&mut self, clock: &Clock, seen: Timestamp) -> Option<(Timestamp, Answered)> {
        while let Ok(answered) = self.answered.try_recv() {
            let time = clock.now() - answered.at.elapsed();
            self.waiting.push_back((time, answered));
        }
        self.waiting.pop_front_if(|(time, _)| *time < seen)
    }

    /// Makes of a packet of a challenge what there would be without: of our answer the refusal that
    /// the kernel would have sent.
    pub fn disguise(&self, packet: &mut Packet) -> Seen {
        const SYN_ACK: u16 = TcpFlags::SYN | TcpFlags::ACK;
        const RST_ACK: u16 = TcpFlags::RST | TcpFlags::ACK;
        let Body::Tcp(tcp) = packet.body else { return Seen::AsItIs };
        let (src, dst) = ((packet.src, tcp.src_port), (packet.dst, tcp.dst_port));
        let (inward, outward) =
            (Ends { client: src, server: dst }, Ends { client: dst, server: src });
        let (before_seq, before_ack) = (tcp.seq.wrapping_sub(1), tcp.ack.wrapping_sub(1));
        let knows = |cookie, ends, isn| self.cookies.knows(cookie, ends, isn, Instant::now());
        match tcp.flags.0 & (SYN_ACK | RST_ACK) {
            SYN_ACK if knows(tcp.seq, outward, before_ack) => {
                packet.body = Body::Tcp(Tcp {
                    seq: 0,
                    flags: TcpFlags(RST_ACK),
                    window: 0,
                    options: TcpOptions::default(),
                    ..tcp
                });
                Seen::AsRefusal
            }
            // Our end of it.
            RST_ACK if knows(before_seq, outward, before_ack) => Seen::Not,
            TcpFlags::ACK if knows(before_ack, inward, before_seq) => Seen::Not,
            _ => Seen::AsItIs,
        }
    }
}

/// How the detector sees a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is none of a challenge.
    AsItIs,
    /// As the refusal that would have been there.
    AsRefusal,
    /// There would have been none.
    Not,
}

impl Drop for Challenges {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
