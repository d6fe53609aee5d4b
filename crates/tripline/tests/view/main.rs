//! The live view on terminals that are none: what is seen, against the screens in
//! `tests/view/screens/`, and that no key and no news make it panic. Run with `TRIPLINE_BLESS=1` to
//! write them anew, then read the difference.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

mod real;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use tracing::Level;
use tripline::log::held::Said;
use tripline::term::Terminal;
use tripline::view::{App, Flow, Key, Look};
use tripline::watch::status::Status;
use tripline_packet::Duration as Span;

const TERM: Terminal = Terminal { color: true, unicode: true, width: 80 };

/// A view of a status, and of one a second before it.
fn app(status: Status, terminal: Terminal) -> App {
    let what = "this machine on ".to_owned();
    let mut app = App::new(Look { terminal, what, options: " --settings my.toml".to_owned() });
    let start = Instant::now();
    let mut before = status.clone();
    before.now = before.now - Span::from_secs(1);
    before.interfaces[0].frames = before.interfaces[0].frames.saturating_sub(1_234);
    app.update(Some(Arc::new(before)), Vec::new(), start);
    let said = Said {
        time: status.now - Span::from_secs(5),
        level: Level::WARN,
        text: "the disk is full; it is tried again".to_owned(),
    };
    app.update(Some(Arc::new(status)), vec![said], start + Duration::from_secs(1));
    app
}

fn picture(app: &mut App, width: u16, height: u16) -> Buffer {
    let mut terminal = ratatui::Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| app.draw(frame.buffer_mut())).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let rows = (0..buffer.area.height).map(|y| {
        let cells = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol());
        format!("{}\n", cells.collect::<String>().trim_end())
    });
    rows.collect()
}

fn press(app: &mut App, keys: &str) {
    for letter in keys.chars() {
        let key = match letter {
            '\n' => Key::Enter,
            letter => Key::Char(letter),
        };
        assert_eq!(app.key(key), Flow::On);
    }
}

/// Compares with the kept screen, or writes it.
fn check(name: &str, app: &mut App, (width, height): (u16, u16)) {
    let got = text(&picture(app, width, height));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/view/screens");
    let path = path.join(format!("{name}-{width}x{height}.txt"));
    if std::env::var_os("TRIPLINE_BLESS").is_some() {
        std::fs::write(&path, got).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == got, "{name} differs; expected:\n{expected}\ngot:\n{got}");
}

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (40, 10)];

#[test]
fn before_the_first_news() {
    let look = Look { terminal: TERM, what: String::new(), options: String::new() };
    check("starting", &mut App::new(look), (80, 24));
}

#[test]
fn nothing_happened() {
    for size in SIZES {
        check("quiet", &mut app(real::quiet(), TERM), size);
    }
}

#[test]
fn one_incident() {
    for size in SIZES {
        let mut app = app(real::one(), TERM);
        check("one", &mut app, size);
        press(&mut app, "\n");
        check("details", &mut app, size);
        assert_eq!(app.key(Key::End), Flow::On);
        check("details-end", &mut app, size);
    }
}

#[test]
fn many_incidents() {
    for size in SIZES {
        let mut app = app(real::many(), TERM);
        press(&mut app, "jjj");
        check("many", &mut app, size);
    }
}

#[test]
fn other_lists() {
    for (pane, name) in [(2, "sources"), (3, "services"), (4, "curtailed"), (5, "notices")] {
        for size in SIZES {
            let mut app = app(real::many(), TERM);
            press(&mut app, &pane.to_string());
            check(name, &mut app, size);
        }
    }
}

#[test]
fn details_of_other_lists() {
    for (pane, name) in [(2, "source"), (3, "service"), (4, "held-off"), (5, "notice")] {
        let mut app = app(real::many(), TERM);
        press(&mut app, &format!("{pane}\n"));
        check(name, &mut app, (80, 24));
    }
}

#[test]
fn the_filter() {
    for size in SIZES {
        let mut app = app(real::many(), TERM);
        press(&mut app, "/PORT_scanx");
        assert_eq!(app.key(Key::Backspace), Flow::On);
        check("filter", &mut app, size);
    }
    let mut app = app(real::many(), TERM);
    press(&mut app, "/no such thing\n");
    check("filter-nothing", &mut app, (80, 24));
    assert_eq!(app.key(Key::Escape), Flow::On);
    assert!(text(&picture(&mut app, 80, 24)).contains("1 of "));
    // While it is typed, letters are letters.
    press(&mut app, "/q?1");
    assert!(text(&picture(&mut app, 80, 24)).contains("filter: q?1_"));
}

#[test]
fn the_help() {
    let mut app = app(real::many(), TERM);
    press(&mut app, "?");
    check("help", &mut app, (80, 24));
}

/// The screens in the manual are those that there are.
#[test]
fn screens_of_the_manual() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/watch.md");
    let manual = std::fs::read_to_string(&path).unwrap();
    let mut renewed = manual.clone();
    for (name, keys, status, height) in
        [("incidents", "jj", real::many(), 16), ("details", "\n", real::one(), 40)]
    {
        let mut app = app(status, TERM);
        press(&mut app, keys);
        let start = format!("<!-- screen: {name} -->\n```text\n");
        let (before, rest) = renewed.split_once(&start).unwrap();
        let (_, after) = rest.split_once("```\n").unwrap();
        let screen = text(&picture(&mut app, 100, height));
        renewed = format!("{before}{start}{screen}```\n{after}");
    }
    if std::env::var_os("TRIPLINE_BLESS").is_some() {
        std::fs::write(&path, renewed).unwrap();
    } else {
        assert!(manual == renewed, "the screens of docs/watch.md are old; it should be\n{renewed}");
    }
}

#[test]
fn ascii_is_ascii() {
    let term = Terminal { unicode: false, ..TERM };
    for keys in ["", "\n", "2", "2\n", "3\n", "4\n", "5", "?", "/x"] {
        let mut app = app(real::many(), term);
        press(&mut app, keys);
        let text = text(&picture(&mut app, 100, 200));
        assert!(text.is_ascii(), "{keys}:\n{text}");
    }
}

#[test]
fn colour_is_a_help_and_never_the_only_sign() {
    let mut status = real::many();
    status.interfaces[0].drops = 1_234;
    status.interfaces[0].up = false;
    for color in [true, false] {
        let mut app = app(status.clone(), Terminal { color, ..TERM });
        let buffer = picture(&mut app, 120, 24);
        let text = text(&buffer);
        assert!(text.contains("1,234 DROPPED") && text.contains("eth0 DOWN"), "{text}");
        let is_red = |cell: &ratatui::buffer::Cell| cell.fg == Color::Red;
        assert_eq!(buffer.content.iter().any(is_red), color);
        let plain = [Color::Reset];
        assert!(color || buffer.content.iter().all(|cell| plain.contains(&cell.fg)));
        // The row that is chosen has a mark besides.
        let chosen: Vec<u16> =
            (0..24).filter(|y| buffer[(0, *y)].modifier.contains(Modifier::REVERSED)).collect();
        assert_eq!(chosen, [3]);
        assert_eq!(buffer[(0, 3)].symbol(), ">");
    }
}

#[test]
fn what_strangers_wrote_is_inert() {
    let mut status = real::many();
    let hostile = "\x1b[2J\u{9b}31m\u{202e}日本\u{200d}語\r\n\t\0";
    for incident in &mut status.incidents {
        incident.story = hostile.to_owned();
        incident.signature = hostile.to_owned();
    }
    status.notices[0].message = hostile.to_owned();
    status.interfaces[0].name = hostile.to_owned();
    for keys in ["", "\n", "4", "5", "5\n"] {
        let mut app = app(status.clone(), TERM);
        press(&mut app, keys);
        let text = text(&picture(&mut app, 120, 40));
        let is_inert = |letter: char| letter == '\n' || !letter.is_control();
        assert!(text.chars().all(is_inert) && !text.contains('\u{202e}'), "{text:?}");
        assert!(text.contains("\\u{1b}[2J"), "{text}");
    }
}

#[test]
fn details_stay_when_their_thing_goes() {
    let mut app = app(real::one(), TERM);
    press(&mut app, "\n");
    let mut later = real::one();
    later.incidents.clear();
    app.update(Some(Arc::new(later)), Vec::new(), Instant::now());
    let text = text(&picture(&mut app, 80, 24));
    assert!(text.contains("not listed any more") && text.contains("came back and used"), "{text}");
}

#[test]
fn a_sensor_that_tells_nothing_is_told() {
    let start = Instant::now();
    let mut app = app(real::one(), TERM);
    app.update(None, Vec::new(), start + Duration::from_secs(60));
    let text = text(&picture(&mut app, 80, 24));
    assert!(text.contains("NO NEWS for 59 s"), "{text}");
}

#[test]
fn whoever_quits_quits() {
    for keys in ["", "\n", "?", "5", "/abc\n"] {
        let mut app = app(real::one(), TERM);
        press(&mut app, keys);
        assert_eq!(app.key(Key::Char('q')), Flow::Quit);
    }
    let mut app = app(real::one(), TERM);
    press(&mut app, "/abc");
    assert_eq!(app.key(Key::Interrupt), Flow::Quit);
}

fn key() -> impl Strategy<Value = Key> {
    let letters = prop::sample::select("jkhlgG/?12345 q0xé日".chars().collect::<Vec<_>>());
    prop_oneof![
        letters.prop_map(Key::Char),
        prop::sample::select(vec![
            Key::Up,
            Key::Down,
            Key::PageUp,
            Key::PageDown,
            Key::Home,
            Key::End,
            Key::Enter,
            Key::Tab,
            Key::BackTab,
            Key::Backspace,
            Key::Erase,
            Key::Escape,
        ]),
    ]
}

/// What happens to a view: a key, news with so many of everything, another size.
#[derive(Clone, Debug)]
enum Step {
    Key(Key),
    News([usize; 5], String, u64),
    Size(u16, u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => key().prop_map(Step::Key),
        1 => (prop::array::uniform5(0_usize..40), any::<String>(), any::<u64>())
            .prop_map(|(sizes, words, number)| Step::News(sizes, words, number)),
        1 => (1_u16..130, 1_u16..50).prop_map(|(width, height)| Step::Size(width, height)),
    ]
}

/// The status with so many of everything, and with these words and this number in it.
fn news(base: &Status, sizes: [usize; 5], words: &str, number: u64) -> Status {
    let mut status = base.clone();
    let [incidents, suspects, services, curtailed, notices] = sizes;
    status.incidents = base.incidents.iter().cycle().take(incidents).cloned().collect();
    for (at, incident) in status.incidents.iter_mut().enumerate() {
        incident.id = format!("I-{}", at as u64 ^ (number & 7));
        words.clone_into(&mut incident.story);
        incident.services = number;
    }
    let of_base = &base.engine.suspects;
    status.engine.suspects = of_base.iter().cycle().take(suspects).copied().collect();
    for suspect in &mut status.engine.suspects {
        suspect.score = f64::from_bits(number);
    }
    status.services = base.services.iter().cycle().take(services).cloned().collect();
    status.curtailed = base.curtailed.iter().cycle().take(curtailed).cloned().collect();
    for one in &mut status.curtailed {
        one.left = number;
        one.kernel = Some((number, number));
        words.clone_into(&mut one.curtailment.because);
    }
    status.notices = base.notices.iter().cycle().take(notices).cloned().collect();
    for one in &mut status.notices {
        words.clone_into(&mut one.name);
    }
    words.clone_into(&mut status.interfaces[0].name);
    status.interfaces[0].drops = number;
    status.interfaces[0].frames = number;
    status.not_kept = number;
    status
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn nothing_makes_it_panic(
        steps in prop::collection::vec(step(), 1..60),
        unicode in any::<bool>(),
    ) {
        let base = real::many();
        let mut app = app(base.clone(), Terminal { unicode, ..TERM });
        let (mut width, mut height) = (80, 24);
        for step in steps {
            match step {
                Step::Key(key) => {
                    app.key(key);
                }
                Step::News(sizes, words, number) => {
                    let status = news(&base, sizes, &words, number);
                    app.update(Some(Arc::new(status)), Vec::new(), Instant::now());
                }
                Step::Size(new_width, new_height) => (width, height) = (new_width, new_height),
            }
            picture(&mut app, width, height);
        }
    }
}
