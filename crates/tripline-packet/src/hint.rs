//! FTP control messages that announce a data connection (RFC 959, RFC 2428).

use std::net::IpAddr;

use crate::{Addr, Hint, Tcp};

/// Port of the FTP control connection.
pub(crate) const FTP_PORT: u16 = 21;
/// A line of FTP has no limit; announcements are short.
const MAX_LINE: usize = 256;

/// What the payload of a segment from or to port 21 announces: the client with `PORT` and `EPRT`, the
/// server with its answers 227 and 229. Only messages at the beginning of a segment are read; both
/// sides send them alone.
#[cold]
pub(crate) fn ftp(tcp: &Tcp, payload: &[u8], sender: Addr) -> Hint {
    let line = payload
        .iter()
        .take(MAX_LINE)
        .position(|byte| matches!(byte, b'\r' | b'\n'))
        .map_or(&payload[..payload.len().min(MAX_LINE)], |end| &payload[..end]);
    let Some((word, rest)) = line.split_first_chunk::<4>() else {
        return Hint::None;
    };
    let announced = match word {
        b"227 " if tcp.src_port == FTP_PORT => passive(rest),
        b"229 " if tcp.src_port == FTP_PORT => extended_passive(rest).map(|port| (sender, port)),
        _ if tcp.dst_port != FTP_PORT => None,
        _ if word.eq_ignore_ascii_case(b"PORT") => six_numbers(argument(rest)),
        _ if word.eq_ignore_ascii_case(b"EPRT") => extended_port(argument(rest)),
        _ => None,
    };
    match announced {
        Some((addr, port)) if port != 0 => Hint::FtpData { addr, port },
        _ => Hint::None,
    }
}

/// A command's argument, empty if the command's name goes on.
fn argument(rest: &[u8]) -> &[u8] {
    match rest {
        [b' ', ..] => rest.trim_ascii_start(),
        _ => &[],
    }
}

/// The numbers stand somewhere in the text of the answer, usually in parentheses
/// (RFC 1123 section 4.1.2.6 tells clients to search them).
fn passive(text: &[u8]) -> Option<(Addr, u16)> {
    let begins_number = |at: usize| at == 0 || !text[at - 1].is_ascii_digit();
    (0..text.len())
        .filter(|&at| text[at].is_ascii_digit() && begins_number(at))
        .find_map(|at| six_numbers(&text[at..]))
}

/// `h1,h2,h3,h4,p1,p2` at the beginning of a text.
fn six_numbers(text: &[u8]) -> Option<(Addr, u16)> {
    let mut rest = text;
    let mut numbers = [0; 6];
    for (at, number) in numbers.iter_mut().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(b",")?;
        }
        (*number, rest) = leading_number::<u8>(rest)?;
    }
    let [h1, h2, h3, h4, p1, p2] = numbers;
    let addr = Addr::from_v4_bits(u32::from_be_bytes([h1, h2, h3, h4]));
    Some((addr, u16::from_be_bytes([p1, p2])))
}

/// `|1|192.0.2.7|1025|`, with any delimiter; 1 is IPv4, 2 is IPv6.
fn extended_port(text: &[u8]) -> Option<(Addr, u16)> {
    let (&delimiter, rest) = text.split_first()?;
    let mut fields = rest.split(|&byte| byte == delimiter);
    let family = fields.next()?;
    let addr: IpAddr = str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let (port, _) = leading_number(fields.next()?)?;
    match (family, addr) {
        (b"1", IpAddr::V4(_)) | (b"2", IpAddr::V6(_)) => Some((addr.into(), port)),
        _ => None,
    }
}

/// `(|||6446|)` somewhere in the text of the answer, with any delimiter.
fn extended_passive(text: &[u8]) -> Option<u16> {
    text.windows(3).enumerate().find_map(|(at, delimiters)| {
        let &[first, second, third] = delimiters else {
            return None;
        };
        if first != second || second != third || first.is_ascii_alphanumeric() || first == b' ' {
            return None;
        }
        let (port, behind) = leading_number(&text[at + 3..])?;
        (behind.first() == Some(&first)).then_some(port)
    })
}

/// A decimal number that fits, and what follows it.
fn leading_number<T: std::str::FromStr>(text: &[u8]) -> Option<(T, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    Some((str::from_utf8(number).ok()?.parse().ok()?, rest))
}
