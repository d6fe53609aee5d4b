//! What holds for the page that a person is shown, on any terminal.

use tripline::report::{Options, Report};
use tripline::term::Terminal;
use tripline_core::event::Event;

use crate::Told;

const OPTIONS: Options = Options { quiet: false, incidents: 2, probes: 5, all_services: true };

/// Panics where rendering does, or where something reaches the terminal that is not text.
pub(crate) fn check(told: Told) {
    let mut report = Report::new(vec!["any.pcap".to_owned()], OPTIONS);
    let width = 40 + told.events.len() * 7 % 160;
    for event in told.events {
        report.take(event);
    }
    report.take(Event::Summary(Box::new(told.summary)));
    let unicode = width.is_multiple_of(2);
    let mut text = Vec::new();
    let page = report.page(Terminal { color: false, unicode, width });
    page.write_to(&mut text).expect("memory takes everything");
    let text = String::from_utf8(text).expect("lines are text");
    assert!(!text.lines().any(|line| line.contains(char::is_control)), "{text}");
    assert!(unicode || text.is_ascii(), "{text}");
}
