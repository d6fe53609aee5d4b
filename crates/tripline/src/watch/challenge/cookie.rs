//! Numbers that only who received our answer can know, and that need not be remembered: after an
//! idea of Bernstein and Schenk (SYN cookies, 1996; RFC 4987 section 3.6).

use std::hash::{Hash as _, Hasher as _};
use std::time::Instant;

use siphasher::sip::SipHasher24;
use tripline_packet::Addr;

/// Makes cookies, and knows its own again for one to two minutes.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    key: [u64; 2],
    started: Instant,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ends {
    /// Address and port of who opens it.
    pub client: (Addr, u16),
    /// Address and port that it opens.
    pub server: (Addr, u16),
}

const MINUTE: u64 = 60;

impl Cookies {
    /// With a key that nobody can foresee.
    pub fn new(key: [u64; 2]) -> Self {
        Self { key, started: Instant::now() }
    }

    /// The initial sequence number of our answer to an opening with the sequence number `isn`.
    pub fn make(&self, ends: Ends, isn: u32, now: Instant) -> u32 {
        self.of_minute(ends, isn, self.minute(now))
    }

    /// Whether a number is the one that was made for that opening, in this minute or the last one.
    pub fn knows(&self, cookie: u32, ends: Ends, isn: u32, now: Instant) -> bool {
        let minute = self.minute(now);
        cookie == self.of_minute(ends, isn, minute)
            || minute.checked_sub(1).is_some_and(|last| cookie == self.of_minute(ends, isn, last))
    }

    fn minute(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs() / MINUTE
    }

    fn of_minute(&self, ends: Ends, isn: u32, minute: u64) -> u32 {
        let mut hasher = SipHasher24::new_with_keys(self.key[0], self.key[1]);
        (ends.client.0.bits(), ends.client.1).hash(&mut hasher);
        (ends.server.0.bits(), ends.server.1).hash(&mut hasher);
        (isn, minute).hash(&mut hasher);
        hasher.finish() as u32
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_connection_and_for_a_while() {
        let addr = |text: &str| Addr::from(text.parse::<IpAddr>().unwrap());
        let (one, other) = (addr("198.51.100.7"), addr("2001:db8::7"));
        let ends = Ends { client: (one, 40_000), server: (addr("192.0.2.10"), 23) };
        let cookies = Cookies::new([1, 2]);
        let now = cookies.started + Duration::from_secs(59);
        let cookie = cookies.make(ends, 77, now);
        let knows = |ends, isn, now| cookies.knows(cookie, ends, isn, now);
        assert!(knows(ends, 77, now));
        assert!(knows(ends, 77, now + Duration::from_secs(60)), "the last minute");
        assert!(!knows(ends, 77, now + Duration::from_secs(62)), "too old");
        assert!(!knows(ends, 78, now));
        assert!(!knows(Ends { client: (one, 40_001), ..ends }, 77, now));
        assert!(!knows(Ends { client: (other, 40_000), ..ends }, 77, now));
        assert!(!knows(Ends { server: (ends.server.0, 24), ..ends }, 77, now));
        assert!(!knows(Ends { server: (other, 23), ..ends }, 77, now));
        assert!(!Cookies { key: [1, 3], ..cookies }.knows(cookie, ends, 77, now));
        // Before any minute is over there is no last one.
        assert!(!cookies.knows(cookie.wrapping_add(1), ends, 77, cookies.started));
    }
}
