//! Whether two openings were sent by one and the same machine.
//!
//! That an address is somebody's own does not prove that a sweep in its name is his: the owner may
//! have a session while a forger sweeps in his name. So a handshake proves something about a sweep
//! only if it was completed by the machine that sweeps. What ties two openings together is a number
//! that a forger does not know: the clock of TCP timestamps (RFC 7323 section 5.4), where a machine
//! keeps one for all it sends to the same peer (Linux from 4.12 to 6.17). Some old stacks have one
//! clock for all peers, which a forger can read if they answer him on a port of theirs.
//!
//! The counter of IPv4 identifications ties nothing: where a stack has a single one for all peers,
//! everybody reads it with a ping (which is what an idle scan is made of), and it has only 65,536
//! values.
//!
//! A different sender on the link, or a different number of hops, tears the tie. So does another
//! way of writing a SYN, which proves little by itself: it can be copied.

use tripline_packet::{Body, Duration, Packet, TcpOptions, Timestamp};

/// What an opening tells of the machine that sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hand {
    mac: [u8; 6],
    ttl: u8,
    /// How a SYN is written: a digest of its options and the don't-fragment bit.
    style: u16,
    /// Value of the TCP timestamp, 0 when there is none.
    clock: u32,
}

/// How much faster than 1000 Hz, the fastest clock in use, a clock may run, and what waiting in
/// queues may shift, in milliseconds.
const FAST: f64 = 1.02;
const SHIFT: f64 = 50.0;
/// The slowest clock in use has 10 Hz (RFC 7323 asks for one tick a second at least).
const SLOW: f64 = 0.01;

impl Hand {
    pub(crate) fn of(packet: &Packet) -> Self {
        let (clock, style) = match packet.body {
            Body::Tcp(tcp) => (tcp.options.ts_value, style(&tcp.options, packet.dont_fragment)),
            _ => (0, 0),
        };
        Self { mac: packet.src_mac, ttl: packet.ttl, style, clock }
    }

    /// Whether nothing tells the two apart: a copy would look the same.
    pub(crate) fn looks_like(self, other: Self) -> bool {
        (self.mac, self.ttl, self.style) == (other.mac, other.ttl, other.style)
    }

    /// Whether an opening to the same host, at another time, was sent by the same machine.
    pub(crate) fn sent_also(self, at: Timestamp, other: Self, other_at: Timestamp) -> bool {
        if !self.looks_like(other) {
            return false;
        }
        let (early, late, between) = if at <= other_at {
            (self, other, other_at.since(at))
        } else {
            (other, self, at.since(other_at))
        };
        early.clock_agrees(late, between)
    }

    fn clock_agrees(self, late: Self, between: Duration) -> bool {
        // A clock that shows zero is no clock: scanners write that.
        if self.clock == 0 || late.clock == 0 {
            return false;
        }
        let ticks = f64::from(late.clock.wrapping_sub(self.clock).cast_signed());
        let millis = between.as_secs_f64() * 1e3;
        (millis * SLOW - SHIFT..=millis * FAST + SHIFT).contains(&ticks)
    }
}

/// Folded by multiplication, which is enough to tell the few styles that are in use apart.
fn style(options: &TcpOptions, dont_fragment: bool) -> u16 {
    let sizes = u64::from(options.mss) << 16 | u64::from(options.window_scale) << 8;
    let folded = [options.layout, sizes | u64::from(dont_fragment)]
        .iter()
        .fold(0, |sum: u64, part| (sum ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (folded >> 48) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand(clock: u32) -> Hand {
        Hand { mac: [2; 6], ttl: 64, style: 7, clock }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_parts(1_000, 0) + Duration::from_millis(millis)
    }

    #[test]
    fn one_clock_ticks_for_all_openings_of_a_machine() {
        let first = hand(u32::MAX - 100);
        // 2 000 ticks later, across the end of the counter; also at a quarter of the pace.
        assert!(first.sent_also(at(0), hand(1_899), at(2_000)));
        assert!(hand(1_899).sent_also(at(2_000), first, at(0)));
        assert!(hand(1_000).sent_also(at(0), hand(1_500), at(2_000)));
        // Another machine, a clock that stands at zero, and a forger who repeats what he knows of
        // last week.
        assert!(!first.sent_also(at(0), hand(700_000), at(2_000)));
        assert!(!hand(0).sent_also(at(0), hand(0), at(2_000)));
        assert!(!hand(1).sent_also(at(0), hand(1), at(604_800_000)));
    }

    #[test]
    fn another_sender_or_another_way_is_another_machine() {
        let one = hand(1_000);
        let other = Hand { mac: [4; 6], ..hand(1_010) };
        assert!(!one.sent_also(at(0), other, at(10)));
        assert!(!one.sent_also(at(0), Hand { style: 8, ..hand(1_010) }, at(10)));
        assert!(!one.sent_also(at(0), Hand { ttl: 63, ..hand(1_010) }, at(10)));
    }
}
