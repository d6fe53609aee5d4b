//! What payloads announce: FTP data connections, names, and that they are answers.

use crate::bytes::Bytes;
use crate::{Addr, Hint, Tcp, Udp};

const FTP: u16 = 21;

/// What a TCP payload announces.
pub(crate) fn of_tcp(tcp: &Tcp, payload: &[u8], src: Addr) -> Hint {
    if payload.len() < 6 || (tcp.src_port != FTP && tcp.dst_port != FTP) {
        return Hint::None;
    }
    ftp(payload, src).unwrap_or_default()
}

/// FTP control messages (RFC 959, RFC 2428). EPSV answers carry no address: it is the sender's.
fn ftp(payload: &[u8], src: Addr) -> Option<Hint> {
    let line = payload
        .split(|&byte| byte == b'\r' || byte == b'\n')
        .next()?;
    let line = std::str::from_utf8(line.get(..line.len().min(128))?).ok()?;
    let starts = |word: &str| {
        line.get(..word.len())
            .is_some_and(|w| w.eq_ignore_ascii_case(word))
    };
    if starts("PORT ") {
        host_port(&line[5..])
    } else if starts("227 ") {
        // The text before the numbers is free; they begin with the first digit after it.
        let rest = &line[4..];
        host_port(&rest[rest.find(|c: char| c.is_ascii_digit())?..])
    } else if starts("EPRT ") {
        extended(&line[5..], None)
    } else if starts("229 ") {
        let rest = &line[4..];
        extended(&rest[rest.find('(')? + 1..], Some(src))
    } else {
        None
    }
}

/// `h1,h2,h3,h4,p1,p2`
fn host_port(text: &str) -> Option<Hint> {
    let mut numbers = [0u8; 6];
    let mut parts = text.split(',');
    for number in &mut numbers {
        let part = parts.next()?.trim();
        let digits = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        *number = part[..digits].parse().ok()?;
    }
    let [a, b, c, d, high, low] = numbers;
    let addr = Addr::from_v4_bits(u32::from_be_bytes([a, b, c, d]));
    Some(Hint::FtpData {
        addr,
        port: u16::from_be_bytes([high, low]),
    })
}

/// `|1|192.0.2.1|6275|`, or `|||6446|` with the address of the sender.
fn extended(text: &str, sender: Option<Addr>) -> Option<Hint> {
    let separator = text.chars().next()?;
    let mut parts = text.split(separator).skip(2);
    let addr = parts.next()?;
    let port = parts.next()?.parse().ok()?;
    let addr = match addr.parse::<std::net::IpAddr>() {
        Ok(addr) => addr.into(),
        Err(_) => sender?,
    };
    Some(Hint::FtpData { addr, port })
}

/// Is a UDP payload an answer of the protocol that lives on its source port? Only where the
/// payload itself says so: choosing a source port must not hide a probe.
pub(crate) fn is_response(udp: &Udp, payload: &[u8]) -> bool {
    let bytes = Bytes(payload);
    let byte = |at| bytes.u8(at).unwrap_or(0);
    match udp.src_port {
        // DNS, NetBIOS names, multicast DNS, LLMNR: 12 bytes of header, QR set (RFC 1035).
        53 | 137 | 5353 | 5355 => payload.len() >= 12 && byte(2) & 0x80 != 0,
        // BOOTREPLY (RFC 951) from the server.
        67 => byte(0) == 2 && payload.len() >= 236,
        // Symmetric passive, server, broadcast (RFC 5905).
        123 => payload.len() >= 48 && matches!(byte(0) & 7, 2 | 4 | 5),
        161 => snmp_response(bytes),
        // A CLDAP message with a search result (RFC 4511: entry 4, done 5, reference 19).
        389 => payload.len() > 8 && byte(0) == 0x30 && ldap_result(payload),
        // QUIC long header with a known version or version negotiation (RFC 8999), or short.
        443 => payload.len() >= 20 && byte(0) & 0xc0 != 0,
        // IKE: the response flag of version 2, or a filled responder cookie.
        500 => payload.len() >= 28 && (byte(19) & 0x20 != 0 || bytes.array(8) != Some([0; 8])),
        // Access-Accept, -Reject, -Challenge, Accounting-Response (RFC 2865, 2866).
        1_812 | 1_813 => payload.len() >= 20 && matches!(byte(0), 2 | 3 | 5 | 11),
        1_900 => payload.starts_with(b"HTTP/1.1 200"),
        // Binding success or error with the magic cookie (RFC 8489).
        3_478 => matches!(bytes.u16(0), Some(0x0101 | 0x0111)) && bytes.u32(4) == Some(0x2112_a442),
        5_060 => payload.starts_with(b"SIP/2.0 "),
        // memcached's UDP frame header, then a text answer.
        11_211 => payload.len() > 8 && payload.get(8).is_some_and(u8::is_ascii_uppercase),
        _ => false,
    }
}

/// An SNMP message whose PDU is a `GetResponse` (0xa2): version and community come before it.
fn snmp_response(bytes: Bytes<'_>) -> bool {
    let inner = || {
        let (_, at) = ber_header(bytes, 0, 0x30)?;
        let (version, at) = ber_header(bytes, at, 0x02)?;
        let (community, at) = ber_header(bytes, at + version, 0x04)?;
        bytes.u8(at + community)
    };
    inner() == Some(0xa2)
}

/// Length of a BER value with `tag` at `at`, and where the value begins.
fn ber_header(bytes: Bytes<'_>, at: usize, tag: u8) -> Option<(usize, usize)> {
    if bytes.u8(at)? != tag {
        return None;
    }
    match bytes.u8(at + 1)? {
        len @ 0..=0x7f => Some((len.into(), at + 2)),
        0x81 => Some((bytes.u8(at + 2)?.into(), at + 3)),
        0x82 => Some((bytes.u16(at + 2)?.into(), at + 4)),
        _ => None,
    }
}

fn ldap_result(payload: &[u8]) -> bool {
    payload
        .iter()
        .take(12)
        .any(|byte| matches!(byte, 0x64 | 0x65 | 0x73))
}

/// Records of the answer section that are looked through.
const MOST_RECORDS: u16 = 32;

/// The addresses of a DNS answer.
pub(crate) fn dns_answer(payload: &[u8]) -> Hint {
    let mut addrs = [Addr::UNSPECIFIED; 4];
    match dns_addresses(Bytes(payload), &mut addrs) {
        Some(found) if found > 0 => Hint::DnsAnswer { addrs },
        _ => Hint::None,
    }
}

fn dns_addresses(bytes: Bytes<'_>, addrs: &mut [Addr; 4]) -> Option<usize> {
    let (questions, answers) = (bytes.u16(4)?, bytes.u16(6)?);
    let mut at = 12;
    for _ in 0..questions.min(4) {
        at = skip_name(bytes, at)? + 4;
    }
    let mut found = 0;
    for _ in 0..answers.min(MOST_RECORDS) {
        at = skip_name(bytes, at)?;
        let Some((kind, len)) = bytes.u16(at).zip(bytes.u16(at + 8)) else {
            break;
        };
        let addr = match (kind, len) {
            (1, 4) => bytes.u32(at + 10).map(Addr::from_v4_bits),
            (28, 16) => bytes.u128(at + 10).map(Addr::from_bits),
            _ => None,
        };
        if let (Some(addr), Some(place)) = (addr, addrs.get_mut(found)) {
            *place = addr;
            found += 1;
        }
        at += 10 + usize::from(len);
    }
    Some(found)
}

/// Where a name ends. A compression pointer is its end; it need not be followed.
fn skip_name(bytes: Bytes<'_>, mut at: usize) -> Option<usize> {
    for _ in 0..128 {
        match bytes.u8(at)? {
            0 => return Some(at + 1),
            len @ 1..=63 => at += 1 + usize::from(len),
            0xc0..=0xff => return Some(at + 2),
            _ => return None,
        }
    }
    None
}
