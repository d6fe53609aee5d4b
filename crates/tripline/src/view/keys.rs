//! From the bytes that a terminal sends to keys.
//!
//! Read here and not by a library, because those that there are go on reading a terminal that has
//! gone away for ever.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Enter.
    Enter,
    /// Tabulator.
    Tab,
    /// Shift and tabulator.
    BackTab,
    /// Erases a character.
    Backspace,
    /// Control-U: erases all.
    Erase,
    /// Escape.
    Escape,
    /// Control-C, which is no signal while the terminal is in raw mode.
    Interrupt,
    /// Control-L: draw all of it again.
    Redraw,
}

const ESCAPE: u8 = 0x1b;

/// The keys in `bytes`. What has no meaning here is left out. Keys that are in two pieces are not put
/// together: terminals send a key at once, and whoever types a character a second later means that
/// character.
pub(super) fn parse(bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (key, length) = first(rest);
        keys.extend(key);
        rest = &rest[length.clamp(1, rest.len())..];
    }
    keys
}

/// The first key, if it is one, and the bytes that it takes.
fn first(bytes: &[u8]) -> (Option<Key>, usize) {
    match bytes {
        [ESCAPE, b'[' | b'O', ..] => sequence(bytes),
        // Two keys at once; a key with Alt looks the same.
        [ESCAPE, ..] => (Some(Key::Escape), 1),
        [byte, ..] if byte.is_ascii() => (control_or_letter(*byte), 1),
        _ => letter(bytes),
    }
}

fn control_or_letter(byte: u8) -> Option<Key> {
    Some(match byte {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x7f | 0x08 => Key::Backspace,
        0x03 => Key::Interrupt,
        0x0c => Key::Redraw,
        0x15 => Key::Erase,
        byte if byte.is_ascii_control() => return None,
        byte => Key::Char(byte.into()),
    })
}

/// A character of several bytes.
fn letter(bytes: &[u8]) -> (Option<Key>, usize) {
    let chunk = bytes.utf8_chunks().next();
    match chunk.and_then(|chunk| chunk.valid().chars().next()) {
        // Control characters of the upper half begin sequences, too; nobody types them.
        Some(letter) if letter.is_control() => (None, letter.len_utf8()),
        Some(letter) => (Some(Key::Char(letter)), letter.len_utf8()),
        None => (None, 1),
    }
}

/// A control sequence (ECMA-48, 5.4): introducer, parameters, final byte.
fn sequence(bytes: &[u8]) -> (Option<Key>, usize) {
    let parameters = bytes[2..].iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
    let Some(last) = bytes.get(2 + parameters) else {
        // Alt and a bracket, or cut off: no key of ours.
        return (None, bytes.len());
    };
    // What follows a semicolon tells of Shift and its kin.
    let number = bytes[2..2 + parameters].split(|byte| *byte == b';').next();
    let key = match (last, number) {
        (b'A', _) => Some(Key::Up),
        (b'B', _) => Some(Key::Down),
        (b'C', _) => Some(Key::Right),
        (b'D', _) => Some(Key::Left),
        (b'H', _) | (b'~', Some(b"1" | b"7")) => Some(Key::Home),
        (b'F', _) | (b'~', Some(b"4" | b"8")) => Some(Key::End),
        (b'M', _) if bytes[1] == b'O' => Some(Key::Enter),
        (b'Z', _) => Some(Key::BackTab),
        (b'~', Some(b"5")) => Some(Key::PageUp),
        (b'~', Some(b"6")) => Some(Key::PageDown),
        _ => None,
    };
    (key, 3 + parameters)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_of_common_terminals() {
        for (bytes, keys) in [
            (&b"jk"[..], &[Key::Char('j'), Key::Char('k')][..]),
            (b"\x1b[A\x1bOB\x1b[1;5C\x1bOD", &[Key::Up, Key::Down, Key::Right, Key::Left]),
            (b"\x1b[5~\x1b[6~\x1b[6;3~", &[Key::PageUp, Key::PageDown, Key::PageDown]),
            (
                b"\x1b[H\x1b[1~\x1b[7~\x1bOF\x1b[4~",
                &[Key::Home, Key::Home, Key::Home, Key::End, Key::End],
            ),
            (b"\x1b", &[Key::Escape]),
            (b"\x1bq", &[Key::Escape, Key::Char('q')]),
            (b"\x1b[Z\t\r\n", &[Key::BackTab, Key::Tab, Key::Enter, Key::Enter]),
            (b"\x03\x15\x7f\x08", &[Key::Interrupt, Key::Erase, Key::Backspace, Key::Backspace]),
            ("ä日".as_bytes(), &[Key::Char('ä'), Key::Char('日')]),
            (b"\xe6\x97q", &[Key::Char('q')]),
            (b"\x1b[200~\x1b[?1;2c\x1b[", &[]),
            ("\u{9b}".as_bytes(), &[]),
        ] {
            assert_eq!(parse(bytes), keys, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_keys_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let keys = parse(&bytes);
            prop_assert!(keys.len() <= bytes.len());
            let is_inert = |key: &Key| !matches!(key, Key::Char(letter) if letter.is_control());
            prop_assert!(keys.iter().all(is_inert));
        }
    }
}
