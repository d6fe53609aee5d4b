//! What people see: the report and the explanation of hand-made events, against texts in
//! `tests/human/`. Run with `TRIPLINE_BLESS=1` to write them anew, then read the difference.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

mod fixture;

use std::path::Path;

use tripline::explain::{self, Subject};
use tripline::report::{Options, Report};
use tripline::term::{Page, Terminal};

const WIDE: Terminal = Terminal { color: false, unicode: true, width: 100 };

fn text(page: &Page) -> String {
    let mut out = Vec::new();
    page.write_to(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn report(quiet: bool, events: Vec<tripline_core::event::Event>) -> Report {
    let options = Options { quiet, incidents: 20, probes: 20, all_services: false };
    let mut report = Report::new(vec!["a.pcap".to_owned(), "b.pcap".to_owned()], options);
    for event in events {
        report.take(event);
    }
    report
}

/// Compares with the kept text, or writes it.
fn check(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/human").join(name);
    if std::env::var_os("TRIPLINE_BLESS").is_some() {
        std::fs::write(&path, got).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == got, "{name} differs; expected:\n{expected}\ngot:\n{got}");
}

#[test]
fn report_wide() {
    check("read-100.txt", &text(&report(false, fixture::events()).page(WIDE)));
}

#[test]
fn report_narrow_and_ascii() {
    let term = Terminal { unicode: false, width: 72, ..WIDE };
    let text = text(&report(false, fixture::events()).page(term));
    assert!(text.is_ascii());
    check("read-72-ascii.txt", &text);
}

#[test]
fn quiet_shows_incidents_alone() {
    let all = text(&report(false, fixture::events()).page(WIDE));
    let quiet = text(&report(true, fixture::events()).page(WIDE));
    assert!(quiet.starts_with("HIGH  TCP_Port_Scan"), "{quiet}");
    assert!(all.contains(quiet.trim_end()), "the blocks are the same in both");
    assert!(!quiet.contains("Services learned"));
}

#[test]
fn nothing_found_is_said_clearly() {
    let mut events = fixture::events();
    events.retain(|event| !matches!(event, tripline_core::event::Event::Incident(_)));
    let shown = text(&report(false, events.clone()).page(WIDE));
    assert!(shown.contains("No incidents: 1,338 access attempts looked at"), "{shown}");
    assert_eq!(text(&report(true, events).page(WIDE)), "");
}

#[test]
fn explanation_of_an_incident() {
    let subject = Subject::new("I-4F2A91C07D");
    let page = explain::replay(&fixture::events(), &subject, WIDE).unwrap();
    check("explain-incident.txt", &text(&page));
}

#[test]
fn explanation_of_an_address() {
    let subject = Subject::new("2001:db8::dead:beef");
    let page = explain::replay(&fixture::events(), &subject, WIDE).unwrap();
    check("explain-address.txt", &text(&page));
    let nobody = Subject::new("203.0.113.99");
    assert!(explain::replay(&fixture::events(), &nobody, WIDE).is_none());
}

#[test]
fn every_line_fits_and_no_escape_gets_through() {
    for width in [40, 60, 80, 100, 140] {
        for unicode in [true, false] {
            let term = Terminal { color: false, unicode, width };
            let page = report(false, fixture::events()).page(term);
            assert!(page.widest() <= width, "{} in {width}:\n{}", page.widest(), text(&page));
            let subject = Subject::new("i-4f2a91c07d");
            let page = explain::replay(&fixture::events(), &subject, term).unwrap();
            assert!(page.widest() <= width, "{} in {width}:\n{}", page.widest(), text(&page));
        }
    }
    let colored = Terminal { color: true, ..WIDE };
    assert!(text(&report(false, fixture::events()).page(colored)).contains("\\u{1b}[31mscan"));
}
