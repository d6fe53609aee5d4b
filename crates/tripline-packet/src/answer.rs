//! Does a UDP payload read as an answer? Then the datagram is a late or unmatched reply and no
//! attempt to reach the port that it was sent to.
//!
//! A port alone never decides: who scans from source port 53 sends nothing that a name server would.
//! Each check is cheap and rests on at least 16 bits that must agree, so that random payload does
//! not pass by accident. What is not certain is no answer: session traffic of QUIC and `IKEv1`, for
//! instance, looks the same in both directions, and the flow it belongs to explains it anyway.

use crate::Udp;
use crate::dns;
use crate::extent::{be16, be32};

/// Ports of DNS, multicast DNS and LLMNR.
pub(crate) fn is_dns_port(port: u16) -> bool {
    matches!(port, 53 | 5353 | 5355)
}

/// Is the payload an answer of the protocol that lives on the datagram's source port? The length on
/// the wire is taken from the header, because the capture may have cut the payload.
#[inline]
pub(crate) fn is_answer(udp: &Udp, payload: &[u8]) -> bool {
    let len = usize::from(udp.payload_len);
    payload.len() >= 4
        && (is_answer_from_its_port(udp, payload, len)
            || is_answer_from_anywhere(udp, payload, len))
}

#[inline]
fn is_answer_from_its_port(udp: &Udp, payload: &[u8], len: usize) -> bool {
    match udp.src_port {
        53 | 5353 | 5355 => dns::is_response(payload, len),
        67 => is_dhcp_reply(payload),
        69 => is_tftp_reply(payload, len),
        123 => is_ntp_answer(payload, len),
        137 => dns::is_netbios_response(payload, len),
        161 => is_snmp_response(payload),
        389 => is_ldap_result(payload),
        443 => udp.dst_port != 443 && is_quic_handshake(payload),
        500 => is_ike_response(payload, len),
        4500 => match payload.split_first_chunk::<4>() {
            // IKE is marked by zeros on the port that it shares with ESP (RFC 3948).
            Some((&[0, 0, 0, 0], ike)) => is_ike_response(ike, len.saturating_sub(4)),
            _ => false,
        },
        1645 | 1646 | 1812 | 1813 => is_radius_answer(payload, len),
        11211 => is_memcached_answer(payload),
        _ => false,
    }
}

/// Protocols whose servers answer from other ports than the one they were asked at.
#[inline]
fn is_answer_from_anywhere(udp: &Udp, payload: &[u8], len: usize) -> bool {
    match payload {
        // SSDP devices answer the search, which went to a group, from any port.
        [b'H', ..] => payload.starts_with(b"HTTP/1.1 200"),
        [b'S', ..] => payload.starts_with(b"SIP/2.0 "),
        [0, 3..=6, ..] => {
            udp.src_port >= 1024 && udp.dst_port >= 1024 && is_tftp_first(payload, len)
        }
        [0x01, ..] => is_stun_response(payload, len),
        _ => false,
    }
}

/// BOOTREPLY with the DHCP cookie (RFC 2131).
fn is_dhcp_reply(payload: &[u8]) -> bool {
    const REPLY: u8 = 2;
    payload[0] == REPLY && be32(payload, 236) == Some(0x6382_5363)
}

/// DATA, ACK, ERROR, OACK (RFC 1350, RFC 2347) from the port of the server itself, as servers that
/// make do with one port send them.
fn is_tftp_reply(payload: &[u8], len: usize) -> bool {
    match payload {
        [0, 3, ..] => be16(payload, 2) != Some(0),
        [0, 4, ..] => len == 4,
        _ => is_tftp_first(payload, len),
    }
}

/// The first answer of a TFTP transfer. It comes from a port that the server chose for it, so only
/// the message tells: DATA with block 1, ACK of block 0, an error with its text, or the accepted
/// options. These are 32 bits that must agree or a word; what follows belongs to the flow that the
/// first answer opened, so it need not be recognised.
fn is_tftp_first(payload: &[u8], len: usize) -> bool {
    const OPTIONS: [&[u8]; 5] =
        [b"blksize\0", b"tsize\0", b"timeout\0", b"windowsize\0", b"multicast\0"];
    match payload {
        [0, 3, 0, 1, ..] => true,
        [0, 4, 0, 0] => len == 4,
        [0, 5, 0, 0..=8, text @ ..] => {
            let printable = |byte: &u8| matches!(byte, b' '..=b'~');
            text.split_last().is_some_and(|(&last, text)| last == 0 && text.iter().all(printable))
        }
        [0, 6, options @ ..] => OPTIONS.iter().any(|name| {
            options.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
        }),
        _ => false,
    }
}

/// Symmetric passive, server or broadcast mode (RFC 5905), with values that a clock can have.
fn is_ntp_answer(payload: &[u8], len: usize) -> bool {
    let Some(header) = payload.first_chunk::<12>() else {
        return false;
    };
    let (version, mode) = (header[0] >> 3 & 7, header[0] & 7);
    let (stratum, root_delay, root_dispersion) = (header[1], header[4], header[8]);
    len >= 48
        && (1..=4).contains(&version)
        && matches!(mode, 2 | 4 | 5)
        && stratum <= 16
        // Seconds with 16 bits before the point: the top byte of a delay is its sign.
        && matches!(root_delay, 0 | 0xff)
        && root_dispersion == 0
}

/// `SEQUENCE { INTEGER version, OCTET STRING community, GetResponse … }` of SNMP v1 and v2c
/// (RFC 1157, RFC 1901). In version 3 the kind of message may be encrypted.
fn is_snmp_response(payload: &[u8]) -> bool {
    const GET_RESPONSE: u8 = 0xa2;
    let pdu = || {
        let (_, rest) = ber(payload, 0x30)?;
        let (1, [0 | 1, rest @ ..]) = ber(rest, 0x02)? else {
            return None;
        };
        let (community_len, rest) = ber(rest, 0x04)?;
        rest.get(community_len).copied()
    };
    pdu() == Some(GET_RESPONSE)
}

/// `SEQUENCE { INTEGER message, … }` with a search result (RFC 4511, connectionless in RFC 1798).
fn is_ldap_result(payload: &[u8]) -> bool {
    const ENTRY: u8 = 0x64;
    const DONE: u8 = 0x65;
    let operation = || {
        let (_, rest) = ber(payload, 0x30)?;
        let (id_len @ 1..=4, rest) = ber(rest, 0x02)? else {
            return None;
        };
        rest.get(id_len).copied()
    };
    matches!(operation(), Some(ENTRY | DONE))
}

/// Length of a BER element with this tag (X.690), and what follows the length.
fn ber(data: &[u8], tag: u8) -> Option<(usize, &[u8])> {
    let (&found, rest) = data.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    match first {
        0..=0x7f => Some((first.into(), rest)),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let len = bytes.iter().fold(0, |len, &byte| len << 8 | usize::from(byte));
            Some((len, rest))
        }
        _ => None,
    }
}

/// A long header, with which a server answers at first, of a version that is in use (RFC 9000,
/// RFC 9369, drafts), or a version negotiation.
fn is_quic_handshake(payload: &[u8]) -> bool {
    const LONG: u8 = 0x80;
    const FIXED: u8 = 0x40;
    let is_long = payload[0] & LONG != 0;
    match be32(payload, 1) {
        Some(1 | 0x6b33_43cf | 0xff00_0000..=0xff00_00ff) => is_long && payload[0] & FIXED != 0,
        // Version 0 stands for the negotiation; connection identifiers have at most 20 bytes.
        Some(0) => is_long && payload.get(5).is_some_and(|&len| (1..=20).contains(&len)),
        _ => false,
    }
}

/// Version 2 with the response flag (RFC 7296 section 3.1). Version 1 has no such flag.
fn is_ike_response(message: &[u8], len: usize) -> bool {
    const VERSION_2: u8 = 0x20;
    const RESPONSE: u8 = 0x20;
    let Some(header) = message.first_chunk::<28>() else {
        return false;
    };
    header[17] == VERSION_2 && header[19] & RESPONSE != 0 && be32(header, 24) == Some(len as u32)
}

/// Accept, Reject, Accounting-Response, Challenge (RFC 2865, RFC 2866).
fn is_radius_answer(payload: &[u8], len: usize) -> bool {
    matches!(payload[0], 2 | 3 | 5 | 11)
        && len >= 20
        && be16(payload, 2).is_some_and(|told| usize::from(told) == len)
}

/// The UDP frame header of memcached (request, sequence, count, reserved) and a word of an answer.
fn is_memcached_answer(payload: &[u8]) -> bool {
    const WORDS: [&[u8]; 7] =
        [b"VALUE ", b"STAT ", b"END\r", b"ERROR", b"STORED", b"VERSION ", b"NOT_"];
    match payload {
        [_, _, 0, 0, _, _, 0, 0, text @ ..] => WORDS.iter().any(|word| text.starts_with(word)),
        _ => false,
    }
}

/// A success or error response of STUN (RFC 8489), of whose type the first byte is then 1; from
/// whatever port: peers ask each other.
fn is_stun_response(payload: &[u8], len: usize) -> bool {
    const COOKIE: u32 = 0x2112_a442;
    let told = be16(payload, 2).map(usize::from);
    be32(payload, 4) == Some(COOKIE) && told.is_some_and(|told| told % 4 == 0 && told + 20 == len)
}
