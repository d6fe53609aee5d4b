//! What is answered to a segment that nobody would take.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tripline_core::{Protocol, Service};
use tripline_packet::{Addr, TcpFlags};

use super::cookie::{Cookies, Ends};
use super::segment::{Received, Segment};

/// Decides about segments one by one. Nothing is remembered of who has not proven his address.
#[derive(Debug)]
pub struct Answerer {
    cookies: Cookies,
    silent: VecDeque<Silent>,
}

/// A handshake that somebody completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Who.
    pub source: Addr,
    /// With which service, which nobody offers.
    pub service: Service,
    /// What he said; nothing so far if it is empty.
    pub said: Vec<u8>,
    /// When.
    pub at: Instant,
}

/// Somebody who has proven his address and said nothing yet.
#[derive(Clone, Copy, Debug)]
struct Silent {
    ends: Ends,
    /// The segment that ends the connection.
    end: Segment,
    until: Instant,
}

/// Those who are given time to say something. Beyond, connections are ended at once.
const MOST_SILENT: usize = 1_024;
/// How long. Who has something to say without being asked says it at once.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes that are kept of what is said.
const MOST_SAID: usize = 256;

impl Answerer {
    /// Nobody has been answered yet.
    pub fn new(cookies: Cookies) -> Self {
        Self { cookies, silent: VecDeque::new() }
    }

    /// Takes a segment; gives what to send, and what was learned.
    pub fn take(
        &mut self,
        received: &Received<'_>,
        now: Instant,
    ) -> (Option<Segment>, Option<Answered>) {
        const OPENERS: u16 = TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK | TcpFlags::FIN;
        match received.tcp.flags.0 & OPENERS {
            TcpFlags::SYN => (Some(self.challenge(received, now)), None),
            some if some & (TcpFlags::SYN | TcpFlags::RST) != 0 => (None, None),
            some if some & TcpFlags::ACK != 0 => self.goes_on(received, now),
            _ => (None, None),
        }
    }

    /// Those who have said nothing in time: what ends their connections.
    pub fn expire(&mut self, now: Instant) -> Option<Segment> {
        self.silent.pop_front_if(|silent| silent.until <= now).map(|silent| silent.end)
    }

    /// When [`Answerer::expire`] has something next.
    pub fn due(&self) -> Option<Instant> {
        self.silent.front().map(|silent| silent.until)
    }

    fn challenge(&self, received: &Received<'_>, now: Instant) -> Segment {
        let isn = received.tcp.seq;
        Segment {
            from: received.to,
            to: received.from,
            seq: self.cookies.make(ends(received), isn, now),
            ack: isn.wrapping_add(1),
            flags: TcpFlags::SYN | TcpFlags::ACK,
        }
    }

    /// An acknowledgement, perhaps with data, perhaps the last one.
    fn goes_on(
        &mut self,
        received: &Received<'_>,
        now: Instant,
    ) -> (Option<Segment>, Option<Answered>) {
        let ends = ends(received);
        let is_final = !received.payload.is_empty() || received.tcp.flags.has(TcpFlags::FIN);
        if let Some(at) = self.silent.iter().position(|silent| silent.ends == ends) {
            if !is_final {
                return (None, None);
            }
            let end = self.silent.remove(at).map(|silent| silent.end);
            let has_said = !received.payload.is_empty();
            return (end, has_said.then(|| answered(received, now)));
        }
        let cookie = received.tcp.ack.wrapping_sub(1);
        if !self.cookies.knows(cookie, ends, received.tcp.seq.wrapping_sub(1), now) {
            return (Some(refusal(received)), None);
        }
        let end = end(received);
        if is_final || self.silent.len() >= MOST_SILENT {
            return (Some(end), Some(answered(received, now)));
        }
        self.silent.push_back(Silent { ends, end, until: now + PATIENCE });
        (None, Some(answered(received, now)))
    }
}

fn ends(received: &Received<'_>) -> Ends {
    Ends { client: received.from, server: received.to }
}

fn answered(received: &Received<'_>, now: Instant) -> Answered {
    let (host, port) = received.to;
    let said = &received.payload[..received.payload.len().min(MOST_SAID)];
    Answered {
        source: received.from.0,
        service: Service { host, protocol: Protocol::Tcp, port },
        said: said.to_vec(),
        at: now,
    }
}

/// Ends a challenge. It acknowledges the opening and nothing of what was said, so that its cookie
/// can be told from its numbers alone.
fn end(received: &Received<'_>) -> Segment {
    Segment {
        from: received.to,
        to: received.from,
        seq: received.tcp.ack,
        ack: received.tcp.seq,
        flags: TcpFlags::RST | TcpFlags::ACK,
    }
}

/// What the kernel sends to a segment of a connection that it does not know (RFC 9293 section
/// 3.10.7.1).
fn refusal(received: &Received<'_>) -> Segment {
    Segment {
        from: received.to,
        to: received.from,
        seq: received.tcp.ack,
        ack: 0,
        flags: TcpFlags::RST,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tripline_packet::Tcp;

    use super::*;

    const ISN: u32 = 1_000;

    fn received(port: u16, flags: u16, seq: u32, ack: u32, payload: &[u8]) -> Received<'_> {
        let addr = |text: &str| Addr::from(text.parse::<IpAddr>().unwrap());
        let tcp = Tcp { seq, ack, flags: TcpFlags(flags), ..Tcp::default() };
        let (from, to) = ((addr("198.51.100.7"), port), (addr("192.0.2.10"), 23));
        Received { from, to, tcp, payload }
    }

    /// The number to acknowledge in order to complete a handshake.
    fn open(answerer: &mut Answerer, port: u16, now: Instant) -> u32 {
        let (sent, told) = answerer.take(&received(port, TcpFlags::SYN, ISN, 0, b""), now);
        let sent = sent.unwrap();
        assert_eq!((sent.flags, sent.ack), (TcpFlags::SYN | TcpFlags::ACK, ISN + 1));
        assert_eq!((told, sent.to.1), (None, port));
        sent.seq.wrapping_add(1)
    }

    fn answerer() -> (Answerer, Instant) {
        (Answerer::new(Cookies::new([3, 4])), Instant::now())
    }

    const ACK: u16 = TcpFlags::ACK;

    #[test]
    fn who_says_nothing_is_heard_out_and_sent_away() {
        let (mut answerer, now) = answerer();
        let ack = open(&mut answerer, 1, now);
        assert_eq!(answerer.due(), None, "nothing is remembered of an opening");
        let (sent, told) = answerer.take(&received(1, ACK, ISN + 1, ack, b""), now);
        assert_eq!((sent, told.map(|told| told.said)), (None, Some(Vec::new())));
        // A keep-alive changes nothing.
        let again = answerer.take(&received(1, ACK, ISN, ack, b""), now);
        assert_eq!(again, (None, None));
        assert_eq!(answerer.expire(now + PATIENCE / 2), None);
        let end = answerer.expire(now + PATIENCE).unwrap();
        assert_eq!((end.flags, end.seq, end.ack), (TcpFlags::RST | ACK, ack, ISN + 1));
        assert_eq!((answerer.expire(now + PATIENCE), answerer.due()), (None, None));
    }

    #[test]
    fn what_is_said_is_kept_with_the_handshake_or_after_it() {
        let (mut answerer, now) = answerer();
        let ack = open(&mut answerer, 1, now);
        let long = [b'x'; 400];
        let (sent, told) = answerer.take(&received(1, ACK, ISN + 1, ack, &long), now);
        assert_eq!(sent.map(|end| end.seq), Some(ack));
        assert_eq!(told.map(|told| told.said.len()), Some(256));
        let ack = open(&mut answerer, 2, now);
        answerer.take(&received(2, ACK, ISN + 1, ack, b""), now);
        let (sent, told) = answerer.take(&received(2, ACK, ISN + 1, ack, b"hello"), now);
        assert_eq!(sent.map(|end| end.flags), Some(TcpFlags::RST | ACK));
        assert_eq!(told.map(|told| told.said), Some(b"hello".to_vec()));
        // Who goes without a word is let go.
        let ack = open(&mut answerer, 3, now);
        answerer.take(&received(3, ACK, ISN + 1, ack, b""), now);
        let (sent, told) = answerer.take(&received(3, ACK | TcpFlags::FIN, ISN + 1, ack, b""), now);
        assert_eq!((sent.is_some(), told, answerer.due()), (true, None, None));
    }

    #[test]
    fn who_guesses_proves_nothing_and_is_refused_as_by_the_kernel() {
        let (mut answerer, now) = answerer();
        let ack = open(&mut answerer, 1, now);
        for (port, seq, ack) in
            [(1, ISN + 1, ack + 1), (1, ISN + 2, ack), (2, ISN + 1, ack), (1, 0, 0)]
        {
            let (sent, told) = answerer.take(&received(port, ACK, seq, ack, b"let me in"), now);
            let sent = sent.unwrap();
            assert_eq!((sent.flags, sent.seq, told), (TcpFlags::RST, ack, None));
        }
        for flags in [TcpFlags::RST, TcpFlags::RST | ACK, TcpFlags::SYN | ACK, TcpFlags::FIN, 0] {
            assert_eq!(answerer.take(&received(1, flags, ISN + 1, ack, b""), now), (None, None));
        }
        let late = now + Duration::from_secs(130);
        let (_, told) = answerer.take(&received(1, ACK, ISN + 1, ack, b""), late);
        assert_eq!(told, None, "an old cookie");
    }

    #[test]
    fn no_more_than_so_many_are_waited_for() {
        let (mut answerer, now) = answerer();
        for port in 1..=MOST_SILENT as u16 + 10 {
            let ack = open(&mut answerer, port, now);
            let (sent, told) = answerer.take(&received(port, ACK, ISN + 1, ack, b""), now);
            assert!(told.is_some());
            assert_eq!(sent.is_some(), port > MOST_SILENT as u16);
        }
        let ended = std::iter::from_fn(|| answerer.expire(now + PATIENCE)).count();
        assert_eq!(ended, MOST_SILENT);
    }
}
