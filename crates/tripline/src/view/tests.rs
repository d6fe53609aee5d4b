use std::collections::VecDeque;

use proptest::prelude::*;
use ratatui::Terminal as Screen;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tripline_core::event::{Event, Notice, SCHEMA_VERSION};
use tripline_core::{Config, Emit, Engine};
use tripline_packet::{Decoder, Packet, Timestamp};
use tripline_respond::{Author, Curtailment, Mode, Scope, Target};

use super::app::{App, Next};
use super::draw::draw;
use crate::data;
use crate::term::Terminal;
use crate::watch::control::InForce;
use crate::watch::status::{InterfaceStatus, Status};

const OPTIONS: Terminal = Terminal { color: false, unicode: true, width: 80 };

/// The status of a sensor that saw a recorded sweep.
fn status() -> Status {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases/follow-up-ssh/input.pcap");
    let mut reader = tripline_capture::CaptureFile::open(std::path::Path::new(path)).unwrap();
    let home = vec!["192.0.2.0/24".parse().unwrap()];
    let settings = tripline_core::settings::Settings { home, ..Default::default() };
    let mut engine = Engine::new(Config {
        settings,
        catalog: data::catalog().unwrap(),
        likelihoods: data::likelihoods().unwrap(),
        tools: data::tools().unwrap(),
        key: [1, 2],
        emit: Emit::Updates,
    });
    let (mut decoder, mut packet) = (Decoder::new(), Packet::EMPTY);
    while let Some(frame) = reader.next_frame() {
        let frame = frame.unwrap();
        if let Ok(true) = decoder.decode_into(&frame, &mut packet) {
            engine.handle(&packet);
        }
    }
    let mut incidents = VecDeque::new();
    while let Some(event) = engine.poll() {
        if let Event::Incident(incident) = event {
            incidents.push_front(*incident);
        }
    }
    incidents.truncate(1);
    let started = engine.summary().first.unwrap();
    let now = engine.summary().last.unwrap();
    Status {
        started,
        now,
        mode: Mode::Enforce,
        interfaces: vec![InterfaceStatus {
            name: "eth0".to_owned(),
            up: true,
            frames: 100,
            drops: 0,
        }],
        events: 3,
        not_kept: 0,
        engine: engine.status(10),
        incidents,
        services: engine.services(),
        curtailed: vec![in_force(now)],
        notices: VecDeque::from([Notice {
            schema: SCHEMA_VERSION,
            name: "store_trouble".to_owned(),
            time: Some(now),
            message: "the disk is full\u{1b}[2J".to_owned(),
        }]),
    }
}

fn in_force(now: Timestamp) -> InForce {
    let target = Target { source: "198.51.100.66".parse().unwrap(), scope: Scope::Everything };
    InForce {
        curtailment: Curtailment {
            target,
            since: now,
            until: now,
            strikes: 0,
            by: Author::Sensor,
            because: "it tried 20 ports".to_owned(),
            incident: None,
        },
        left: 300,
        kernel: Some((300, 7)),
    }
}

fn press(app: &mut App, keys: &str) {
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\u{1b}' => KeyCode::Esc,
            letter => KeyCode::Char(letter),
        };
        assert_eq!(app.key(KeyEvent::new(code, KeyModifiers::NONE)), Next::GoOn);
    }
}

/// What is on a screen of that size after these keys.
fn screen(status: Option<Status>, size: (u16, u16), keys: &str) -> String {
    let mut app = App::new(OPTIONS);
    let mut screen = Screen::new(TestBackend::new(size.0, size.1)).unwrap();
    app.take(status);
    screen.draw(|frame| draw(frame, &mut app)).unwrap();
    press(&mut app, keys);
    screen.draw(|frame| draw(frame, &mut app)).unwrap();
    screen.backend().to_string()
}

#[track_caller]
fn shows(screen: &str, words: &[&str]) {
    for word in words {
        assert!(screen.contains(word), "no `{word}` in:\n{screen}");
    }
}

#[test]
fn it_starts_with_the_incidents() {
    let first = screen(Some(status()), (80, 24), "");
    shows(&first, &["enforce", "eth0", "none lost", "1 Incidents 1", "Follow_Up", "HIGH"]);
    shows(&screen(None, (80, 24), ""), &["starting"]);
}

#[test]
fn every_page_shows_what_it_is_for() {
    shows(&screen(Some(status()), (100, 24), "2"), &["198.51.100.66", "of 11.5", "█"]);
    shows(&screen(Some(status()), (100, 24), "3"), &["192.0.2.10:22/tcp", "offered"]);
    shows(&screen(Some(status()), (100, 24), "4"), &["held off", "everything", "7 packets"]);
    let notices = screen(Some(status()), (100, 24), "5");
    shows(&notices, &["store_trouble", "the disk is full"]);
    assert!(!notices.contains('\u{1b}'), "a notice speaks to the terminal");
}

#[test]
fn details_have_the_evidence_and_lead_back() {
    let details = screen(Some(status()), (100, 60), "\n");
    shows(&details, &["why", "proof", "score", "tripline release 198.51.100.66"]);
    let back = screen(Some(status()), (100, 60), "\n\u{1b}");
    assert_eq!(back, screen(Some(status()), (100, 60), ""));
}

#[test]
fn a_filter_hides_the_rest() {
    shows(&screen(Some(status()), (80, 24), "/follow\n"), &["Follow_Up", "only what contains"]);
    shows(&screen(Some(status()), (80, 24), "/nobody\n"), &["nothing that contains"]);
    shows(&screen(Some(status()), (80, 24), "/nobody\u{1b}"), &["Follow_Up"]);
    shows(&screen(Some(status()), (80, 24), "?"), &["end the sensor"]);
}

#[test]
fn a_loss_stands_out() {
    let mut status = status();
    status.interfaces[0].drops = 1_234;
    status.interfaces[0].up = false;
    shows(&screen(Some(status), (80, 24), ""), &["1,234 LOST", "DOWN"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_size_and_no_key_is_too_much(
        width in 1u16..150, height in 1u16..60, keys in "[1-5jkgG/?a-p\n\t\u{1b}]{0,30}",
    ) {
        screen(Some(status()), (width, height), &keys);
    }
}
