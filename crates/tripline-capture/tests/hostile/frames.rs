//! Frames for hostile captures: honest ones, and some that go to the limits of their headers.

/// A TCP SYN from 192.0.2.7 to this port of 198.51.100.1, padded to the 60 bytes of Ethernet.
pub(crate) fn syn(port: u16) -> Vec<u8> {
    let mut frame = ethernet(0x0800);
    frame.extend(ipv4(6, 5, 20));
    frame.extend(tcp(port, 5));
    frame.resize(60, 0);
    frame
}

/// A SYN within so many IPv4 headers, each the payload of the one before.
pub(crate) fn tunnels(depth: u16) -> Vec<u8> {
    let mut frame = ethernet(0x0800);
    for left in (1..=depth).rev() {
        frame.extend(ipv4(4, 5, 20 * left + 20));
    }
    frame.extend(ipv4(6, 5, 20));
    frame.extend(tcp(21, 5));
    frame
}

/// A SYN with 40 bytes of options in its IPv4 and its TCP header, all of this kind: 1 does
/// nothing, 0 ends the list.
pub(crate) fn all_options(kind: u8) -> Vec<u8> {
    let mut frame = ethernet(0x0800);
    frame.extend(ipv4(6, 15, 60));
    frame.extend([kind; 40]);
    frame.extend(tcp(21, 15));
    frame.extend([kind; 40]);
    frame
}

/// A SYN behind so many IPv6 headers of destination options (RFC 8200, 4.6).
pub(crate) fn extension_headers(count: u16) -> Vec<u8> {
    const OPTIONS: u8 = 60;
    let address = |last| [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let mut frame = ethernet(0x86dd);
    frame.extend([0x60, 0, 0, 0]);
    frame.extend((count * 8 + 20).to_be_bytes());
    frame.extend([OPTIONS, 64]);
    frame.extend([address(7), address(1)].as_flattened());
    for left in (0..count).rev() {
        let next = if left == 0 { 6 } else { OPTIONS };
        // The rest is one option that pads.
        frame.extend([next, 0, 1, 4, 0, 0, 0, 0]);
    }
    frame.extend(tcp(21, 5));
    frame
}

fn ethernet(kind: u16) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7];
    frame.extend(kind.to_be_bytes());
    frame
}

/// The fixed 20 bytes of a header of so many words. Checksums stay 0: as captured on the way out of
/// a machine that leaves them to its network card, they tell nothing.
fn ipv4(protocol: u8, words: u8, payload: u16) -> [u8; 20] {
    let mut header = [0; 20];
    header[0] = 0x40 | words;
    header[2..4].copy_from_slice(&(u16::from(words) * 4 + payload).to_be_bytes());
    header[8] = 64;
    header[9] = protocol;
    header[12..16].copy_from_slice(&[192, 0, 2, 7]);
    header[16..20].copy_from_slice(&[198, 51, 100, 1]);
    header
}

fn tcp(port: u16, words: u8) -> [u8; 20] {
    let mut header = [0; 20];
    header[..2].copy_from_slice(&51_512u16.to_be_bytes());
    header[2..4].copy_from_slice(&port.to_be_bytes());
    header[4..8].copy_from_slice(&0x1234_5678u32.to_be_bytes());
    header[12] = words << 4;
    header[13] = 0x02;
    header[14..16].copy_from_slice(&64_240u16.to_be_bytes());
    header
}
