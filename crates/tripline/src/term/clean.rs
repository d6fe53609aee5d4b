//! Text that may be shown: no control characters, and ASCII where only that is wanted.

/// Makes text safe to show: control characters, and those that turn the direction of writing, are
/// escaped; without `unicode` the rest is put into ASCII as well as it goes.
pub fn clean(text: &str, unicode: bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for letter in text.chars() {
        let turns_text = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if letter.is_control() || turns_text {
            clean.extend(letter.escape_default());
        } else if letter.is_ascii() || unicode {
            clean.push(letter);
        } else {
            match ascii(letter) {
                Some(spelled) => clean.push_str(spelled),
                None => clean.extend(letter.escape_default()),
            }
        }
    }
    clean
}

/// The spelling of the characters that this program and its catalogue use.
fn ascii(letter: char) -> Option<&'static str> {
    Some(match letter {
        '–' | '—' | '─' | '·' => "-",
        '→' => "->",
        '…' => "...",
        '×' => "x",
        '≤' => "<=",
        '≥' => ">=",
        '≈' => "~",
        '‘' | '’' => "'",
        '“' | '”' | '„' => "\"",
        '│' | '┤' | '▌' => "|",
        '┼' | '└' | '┬' | '┴' => "+",
        '█' => "#",
        '░' => ".",
        '●' => "@",
        '•' => "*",
        '✓' => "ok",
        '✗' => "x",
        'α' => "alpha",
        'µ' => "u",
        'ä' => "ae",
        'ö' => "oe",
        'ü' => "ue",
        'é' | 'è' => "e",
        _ => return None,
    })
}
