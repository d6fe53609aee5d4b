//! DNS messages (RFC 1035) and their kin, as far as answers are concerned.

use crate::extent::{be16, be32};
use crate::ip::v6_addr;
use crate::{Addr, Hint};

const HEADER: usize = 12;
/// The least a resource record takes: root name, type, class, lifetime, length.
const LEAST_RECORD: usize = 11;
/// Records that are searched for addresses.
const MAX_RECORDS: u16 = 64;
/// A name has at most 255 bytes, so 127 labels.
const MAX_LABELS: usize = 127;

const RESPONSE: u16 = 0x8000;
const CLASS_INTERNET: u16 = 1;
/// The top bit of a class has another meaning in multicast DNS (RFC 6762 section 10.2, 5.4).
const CLASS_MASK: u16 = 0x7fff;

/// Is this an answer of a DNS, multicast DNS or LLMNR server? `len` is the length of the payload on
/// the wire. Random bytes pass about once in a billion.
pub(crate) fn is_response(payload: &[u8], len: usize) -> bool {
    /// Must be zero (RFC 6895 section 2).
    const ZERO: u16 = 0x0040;
    let Some(counts) = counts(payload, len) else {
        return false;
    };
    let flags = counts.flags;
    // Query, inverse query, status, notify, update, stateful (RFC 6895, RFC 8490).
    let is_known = matches!(flags >> 11 & 0xf, 0 | 1 | 2 | 4 | 5 | 6);
    if flags & RESPONSE == 0 || flags & ZERO != 0 || !is_known {
        return false;
    }
    counts.questions == 0 || question(payload, len).is_some()
}

/// Is this an answer of the NetBIOS name service (RFC 1002 section 4.2)? It holds no question, and
/// its first name is always 32 letters.
pub(crate) fn is_netbios_response(payload: &[u8], len: usize) -> bool {
    const NAME: usize = 32;
    let Some(counts) = counts(payload, len) else {
        return false;
    };
    let name = payload.get(HEADER + 1..).unwrap_or_default();
    counts.flags & RESPONSE != 0
        && counts.questions == 0
        && counts.answers >= 1
        && payload.get(HEADER) == Some(&(NAME as u8))
        && name.iter().take(NAME).all(|byte| (b'A'..=b'P').contains(byte))
}

/// The addresses of the answer section; what cannot be read ends the search.
pub(crate) fn addresses(payload: &[u8], len: usize) -> Hint {
    let mut addrs = [Addr::UNSPECIFIED; 4];
    let mut places = addrs.iter_mut();
    let mut found = false;
    for addr in Answers::of(payload, len) {
        let Some(place) = places.next() else { break };
        *place = addr;
        found = true;
    }
    if found { Hint::DnsAnswer { addrs } } else { Hint::None }
}

struct Counts {
    flags: u16,
    questions: u16,
    answers: u16,
}

/// The header, if the sections that it announces fit the message.
fn counts(payload: &[u8], len: usize) -> Option<Counts> {
    let header = payload.first_chunk::<HEADER>()?;
    let [questions, answers, authorities, additional] =
        [4, 6, 8, 10].map(|at| be16(header, at).unwrap_or(u16::MAX));
    let records = usize::from(answers) + usize::from(authorities) + usize::from(additional);
    let room = len.saturating_sub(HEADER) / LEAST_RECORD;
    (questions <= 1 && records <= room).then_some(Counts {
        flags: be16(header, 2)?,
        questions,
        answers,
    })
}

/// Where the only question ends, if it can be one.
fn question(payload: &[u8], len: usize) -> Option<usize> {
    let name_end = skip_name(payload, HEADER)?;
    let end = name_end + 4;
    if end > len {
        return None;
    }
    match be16(payload, name_end + 2) {
        // Internet, Chaos, Hesiod, none, any.
        Some(class) => matches!(class & CLASS_MASK, 1 | 3 | 4 | 254 | 255).then_some(end),
        None => Some(end),
    }
}

/// Where a name ends, which may lie beyond the captured bytes; `None` if it is none. Pointers are not
/// followed: they end a name (RFC 1035 section 4.1.4).
fn skip_name(payload: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..=MAX_LABELS {
        match payload.get(at) {
            None => return Some(at + 1),
            Some(0) => return Some(at + 1),
            Some(&label @ 1..=63) => at += 1 + usize::from(label),
            Some(0xc0..) => return Some(at + 2),
            Some(_) => return None,
        }
    }
    None
}

/// The IPv4 and IPv6 addresses among the answers.
struct Answers<'a> {
    payload: &'a [u8],
    at: usize,
    left: u16,
}

impl<'a> Answers<'a> {
    fn of(payload: &'a [u8], len: usize) -> Self {
        let counts = counts(payload, len);
        let at = match &counts {
            Some(counts) if counts.questions == 1 => question(payload, len),
            _ => Some(HEADER),
        };
        Self {
            payload,
            at: at.unwrap_or(payload.len()),
            left: counts.map_or(0, |counts| counts.answers.min(MAX_RECORDS)),
        }
    }

    /// Kind, class and data of the next record.
    fn record(&mut self) -> Option<(u16, u16, &'a [u8])> {
        let fixed = skip_name(self.payload, self.at)?;
        let kind = be16(self.payload, fixed)?;
        let class = be16(self.payload, fixed + 2)? & CLASS_MASK;
        let data_len = usize::from(be16(self.payload, fixed + 8)?);
        let data = self.payload.get(fixed + 10..)?.get(..data_len)?;
        self.at = fixed + 10 + data_len;
        Some((kind, class, data))
    }
}

impl Iterator for Answers<'_> {
    type Item = Addr;

    fn next(&mut self) -> Option<Addr> {
        const A: u16 = 1;
        const AAAA: u16 = 28;
        while self.left > 0 {
            self.left -= 1;
            let addr = match self.record()? {
                (A, CLASS_INTERNET, data @ [_, _, _, _]) => be32(data, 0).map(Addr::from_v4_bits),
                (AAAA, CLASS_INTERNET, data) if data.len() == 16 => v6_addr(data, 0),
                _ => None,
            };
            if addr.is_some() {
                return addr;
            }
        }
        None
    }
}
