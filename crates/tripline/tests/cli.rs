//! The program as its users meet it: what they type, what they get, how it exits.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

mod rig;
mod schema;

use std::ffi::OsString;
use std::process::Stdio;

use rig::{Folder, Pcap, run, run_with_input, tripline};
use serde_json::Value;

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn help_tells_examples_and_exit_codes() {
    for (args, words) in [
        (vec!["--help"], vec!["read", "explain", "settings", "schema", "Examples:"]),
        (
            vec!["read", "--help"],
            vec!["Examples:", "Exit codes:", "--exit-code", "TRIPLINE_SETTINGS"],
        ),
        (vec!["explain", "--help"], vec!["2003004", "Exit codes:"]),
        (vec!["settings", "--help"], vec!["--check", "Exit codes:"]),
    ] {
        let ran = run(&args);
        assert_eq!(ran.code, Some(0), "{args:?}");
        for word in words {
            assert!(ran.out.contains(word), "{args:?} says nothing of {word}:\n{}", ran.out);
        }
        assert!(ran.err.is_empty());
    }
}

#[test]
fn version_is_one_line() {
    let ran = run(["--version"]);
    assert_eq!(ran.out, format!("tripline {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        vec![],
        vec!["raed"],
        vec!["read", "--bogus"],
        vec!["read", "--home", "300.0.0.0/8"],
        vec!["read", "--json", "--quiet", "x"],
        vec!["watch", "--json", "--plain"],
        vec!["explain"],
    ] {
        let ran = run(&args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(!ran.err.is_empty(), "{args:?}");
    }
    let ran = run(["read", "--home", "300.0.0.0/8"]);
    assert!(ran.err.contains("write 192.0.2.0/24"), "{}", ran.err);
}

#[test]
fn a_scan_is_reported_with_its_ftp_probe() {
    let folder = Folder::new();
    let scan = folder.write("scan.pcap", Pcap::of_a_scan().bytes());
    let ran = run([OsString::from("read"), scan.clone().into()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for word in [
        "Incidents  1",
        "198.51.100.7",
        "TCP_Port_Scan",
        "vertical",
        "TCP_Probe_Ftp 2003004",
        "192.0.2.10:21/tcp",
    ] {
        assert!(ran.out.contains(word), "no {word} in\n{}", ran.out);
    }
    assert!(ran.err.is_empty(), "{}", ran.err);
    assert!(!ran.out.contains('\x1b'), "no colour in a pipe");
}

#[test]
fn exit_code_1_only_when_asked_for_and_found() {
    let folder = Folder::new();
    let scan: OsString = folder.write("scan.pcap", Pcap::of_a_scan().bytes()).into();
    let peace: OsString = folder.write("peace.pcap", Pcap::of_peace().bytes()).into();
    let read = || OsString::from("read");
    assert_eq!(run([read(), scan.clone()]).code, Some(0));
    assert_eq!(run([read(), "--exit-code".into(), scan.clone()]).code, Some(1));
    assert_eq!(run([read(), "--exit-code".into(), "--json".into(), scan]).code, Some(1));
    assert_eq!(run([read(), "--exit-code".into(), peace]).code, Some(0));
}

#[test]
fn peace_is_said_clearly() {
    let ran = run_with_input(&["read"], Pcap::of_peace().bytes());
    assert_eq!(ran.code, Some(0));
    assert!(ran.out.contains("No incidents"), "{}", ran.out);
    assert!(ran.out.contains("standard input"), "{}", ran.out);
    let ran = run_with_input(&["read", "-q", "-"], Pcap::of_peace().bytes());
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
}

#[test]
fn json_follows_the_schema_and_is_the_same_each_time() {
    let scan = Pcap::of_a_scan();
    let ran = run_with_input(&["read", "--json"], scan.bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let schema = schema::Schema::of_events();
    let events = events(&ran.out);
    for event in &events {
        schema.check(event).unwrap_or_else(|problem| panic!("{problem}\nin {event}"));
    }
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"notice"));
    assert_eq!(kinds.last(), Some(&"summary"));
    let rank = |kind: &&str| ["incident", "service", "summary"].iter().position(|k| k == kind);
    let late: Vec<_> = kinds.iter().filter_map(rank).collect();
    assert!(late.is_sorted(), "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "incident").count(), 1);
    assert_eq!(run_with_input(&["read", "--json"], scan.bytes()).out, ran.out);
}

#[test]
fn home_networks_can_be_given() {
    let ran =
        run_with_input(&["read", "--json", "--home", "192.0.2.0/24"], Pcap::of_a_scan().bytes());
    let events = events(&ran.out);
    assert!(events.iter().all(|event| event["name"] != "home_inferred"));
    let summary = events.last().unwrap();
    assert_eq!(summary["home"], serde_json::json!(["192.0.2.0/24"]));
    let incident = events.iter().find(|event| event["kind"] == "incident").unwrap();
    assert_eq!(incident["direction"], "inbound");
}

#[test]
fn a_bad_file_among_good_ones_is_a_warning() {
    let folder = Folder::new();
    let good = folder.write("a-scan.pcap", Pcap::of_a_scan().bytes());
    let bad = folder.write("b\x1b[31m.pcap", "no capture at all, but long enough to be looked at");
    let ran = run([OsString::from("read"), "--json".into(), good.into(), bad.into()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.starts_with("warning: "), "{}", ran.err);
    assert!(!ran.err.contains('\x1b'), "file names are shown safely: {}", ran.err);
    let events = events(&ran.out);
    assert!(events.iter().any(|event| event["name"] == "damaged_capture"), "{}", ran.out);
    assert!(events.iter().any(|event| event["kind"] == "incident"));
}

#[test]
fn what_was_read_before_damage_counts() {
    let scan = Pcap::of_a_scan();
    let cut = &scan.bytes()[..scan.bytes().len() - 20];
    let ran = run_with_input(&["read"], cut);
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("warning: ") && ran.err.contains("at byte "), "{}", ran.err);
    assert!(ran.out.contains("Incidents  1") && ran.out.contains("note"), "{}", ran.out);
}

#[test]
fn nothing_readable_exits_with_2() {
    let folder = Folder::new();
    let text = folder.write("text.pcap", "this is no capture, whatever its name says");
    let empty = folder.write("empty.pcap", "");
    for path in [text, empty, folder.path().join("absent.pcap")] {
        let ran = run([OsString::from("read"), path.clone().into()]);
        assert_eq!(ran.code, Some(2), "{}", path.display());
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(ran.err.contains(name.as_ref()), "the message names the file: {}", ran.err);
        assert!(ran.out.is_empty(), "{}", ran.out);
    }
}

#[test]
fn a_capture_of_no_packets_is_read() {
    let ran = run_with_input(&["read"], Pcap::new().bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("No packets"), "{}", ran.out);
}

#[test]
fn folders_are_searched() {
    let folder = Folder::new();
    folder.write("one.pcap", Pcap::of_a_scan().bytes());
    folder.write("two.pcap", Pcap::of_peace().bytes());
    let ran = run([OsString::from("read"), folder.path().into()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("(2 files)"), "{}", ran.out);
}

#[test]
fn the_reader_may_go_away() {
    for args in [vec!["explain", "--list"], vec!["read", "--json"], vec!["settings"]] {
        let mut command = tripline();
        command.args(&args).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut input = child.stdin.take().unwrap();
        // The child may be gone before all is written; that is no failure here.
        let _ = std::io::Write::write_all(&mut input, Pcap::of_a_scan().bytes());
        drop(input);
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn colour_and_letters_are_as_asked_for() {
    let scan = Pcap::of_a_scan();
    let colored = run_with_input(&["read", "--color", "always"], scan.bytes());
    assert!(colored.out.contains("\x1b[1m"));
    let plain = run_with_input(&["read", "--ascii", "--width", "72"], scan.bytes());
    assert!(plain.out.is_ascii());
    assert!(plain.out.lines().all(|line| line.len() <= 72), "{}", plain.out);
    assert!(!run_with_input(&["read"], scan.bytes()).out.is_ascii());
}

#[test]
fn settings_are_printed_and_checked() {
    let folder = Folder::new();
    let printed = run(["settings"]);
    assert_eq!(printed.out, tripline::settings::DEFAULT_TOML);
    let check = |name: &str, text: &str| {
        let path = folder.write(name, text);
        run([OsString::from("settings"), "--check".into(), path.into()])
    };
    assert_eq!(check("good.toml", &printed.out).code, Some(0));
    let bad = check("bad.toml", "[detection]\nalpa = 1e-6\n");
    assert_eq!(bad.code, Some(2));
    assert!(bad.err.contains("bad.toml:2:1: `detection.alpa`"), "{}", bad.err);
    assert!(bad.err.contains("did you mean `alpha`?"), "{}", bad.err);
}

#[test]
fn settings_come_from_the_option_or_the_environment() {
    let folder = Folder::new();
    let allowed = folder.write(
        "allowed.toml",
        "home = [\"192.0.2.0/24\"]\n[[scanners]]\nname = \"ours\"\nsource = \"198.51.100.7\"\n",
    );
    let broken = folder.write("broken.toml", "hom = []");
    let scan = folder.write("scan.pcap", Pcap::of_a_scan().bytes());
    let read = |variable: Option<&std::path::Path>, option: Option<&std::path::Path>| {
        let mut command = tripline();
        if let Some(path) = variable {
            command.env("TRIPLINE_SETTINGS", path);
        }
        command.arg("read").arg("--json").arg(&scan);
        if let Some(path) = option {
            command.arg("--settings").arg(path);
        }
        rig::Ran::from(command.output().unwrap())
    };
    for ran in [read(Some(&allowed), None), read(Some(&broken), Some(&allowed))] {
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let events = events(&ran.out);
        let incident = events.iter().find(|event| event["kind"] == "incident").unwrap();
        assert_eq!(incident["verdict"], "authorised");
        assert_eq!(incident["authorised_as"], "ours");
    }
    let ran = read(Some(&broken), None);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("broken.toml:1:1: `hom`"), "{}", ran.err);
}

#[test]
fn the_schema_is_printed() {
    let ran = run(["schema"]);
    assert_eq!(ran.out, tripline::command::SCHEMA);
}

#[test]
fn pages_are_found_by_every_name() {
    let pages = ["TCP_Probe_Ftp", "tcp_probe_ftp", "TL-1001", "2003004"].map(|name| {
        let ran = run(["explain", name]);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.err);
        ran.out
    });
    assert!(pages.iter().all(|page| *page == pages[0]));
    for section in [
        "What it is",
        "What triggers it",
        "Ports",
        "Risk",
        "False positives",
        "Blind spots",
        "Affected systems",
        "What to do: investigate",
        "What to do: curtail",
        "References",
        "2003004",
        "T1046",
    ] {
        assert!(pages[0].contains(section), "{section} is not in\n{}", pages[0]);
    }
    assert!(pages[0].lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn every_page_can_be_shown() {
    let listed = run(["explain", "--list", "--json"]);
    let entries = events(&listed.out);
    assert!(entries.len() > 100, "{}", entries.len());
    for entry in &entries {
        let id = entry["id"].as_str().unwrap();
        let ran = run(["explain", "--ascii", "--width", "60", id]);
        assert_eq!(ran.code, Some(0), "{id}: {}", ran.err);
        assert!(ran.out.contains(entry["signature"].as_str().unwrap()), "{id}");
        assert!(ran.out.is_ascii(), "{id}");
        let long = ran.out.lines().find(|line| line.len() > 60);
        assert_eq!(long, None, "{id}");
    }
    let human = run(["explain", "--list"]);
    for entry in &entries {
        assert!(human.out.contains(entry["id"].as_str().unwrap()), "{entry}");
    }
}

#[test]
fn unknown_subjects_get_suggestions() {
    let ran = run(["explain", "TCP_Prob_Ftp"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("TCP_Probe_Ftp") && ran.err.contains("--list"), "{}", ran.err);
    for subject in ["I-0123456789", "198.51.100.7"] {
        let ran = run(["explain", subject]);
        assert_eq!(ran.code, Some(2));
        assert!(ran.err.contains(&format!("tripline explain {subject} FILE")), "{}", ran.err);
    }
    let ran = run(["explain", "TCP_Probe_Ftp", "x.pcap"]);
    assert_eq!(ran.code, Some(2));
}

#[test]
fn incidents_and_addresses_are_replayed() {
    let folder = Folder::new();
    let scan: OsString = folder.write("scan.pcap", Pcap::of_a_scan().bytes()).into();
    let json = run([OsString::from("read"), "--json".into(), scan.clone()]);
    let events = events(&json.out);
    let incident = events.iter().find(|event| event["kind"] == "incident").unwrap();
    let id = incident["id"].as_str().unwrap();
    let steps = incident["evidence"].as_array().unwrap();
    assert!(!steps.is_empty());

    let ran = run([OsString::from("explain"), id.into(), scan.clone()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for step in steps {
        let service = step["service"].as_str().unwrap();
        assert!(ran.out.contains(service), "{service} is not in\n{}", ran.out);
    }
    for word in ["Evidence, step by step", "verdict", "What would clear it", "[[scanners]]"] {
        assert!(ran.out.contains(word), "no {word} in\n{}", ran.out);
    }
    let of_source = run([OsString::from("explain"), "198.51.100.7".into(), scan.clone()]);
    assert!(of_source.out.contains(id), "{}", of_source.out);
    let of_host = run([OsString::from("explain"), "192.0.2.10".into(), scan.clone()]);
    assert!(of_host.out.contains("80/tcp"), "{}", of_host.out);
    let lines = run([OsString::from("explain"), "--json".into(), id.into(), scan.clone()]);
    assert_eq!(lines.out.lines().count(), 1);
    for nobody in ["I-0000000000", "203.0.113.99"] {
        let ran = run([OsString::from("explain"), nobody.into(), scan.clone()]);
        assert_eq!(ran.code, Some(2), "{nobody}");
        assert!(ran.err.contains(nobody), "{}", ran.err);
    }
}
