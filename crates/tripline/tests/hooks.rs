//! Hooks as they are in a running sensor: the real runner, real commands, a web server on loopback.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

#[expect(dead_code, reason = "other tests use the rest")]
mod rig;
mod web;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rig::{Folder, Pcap, tripline};
use sha2::Sha256;
use tripline::hooks::{HookSink, Pacing, TROUBLE};
use tripline::settings::{self, Hook};
use tripline_core::catalog::Risk;
use tripline_core::event::{Event, Incident, Notice, SCHEMA_VERSION, Verdict};
use web::{Reply, Server};

/// As always, only faster.
const PACING: Pacing = Pacing {
    tries: 3,
    wait: Duration::from_millis(20),
    grace: Duration::from_secs(2),
    troubles: Duration::from_millis(200),
};

fn hooks(text: &str) -> Vec<Hook> {
    settings::parse(text, "hooks.toml").unwrap().hooks
}

/// The hooks of a settings file, with the real runner.
fn start(text: &str) -> HookSink {
    start_with(text, PACING)
}

fn start_with(text: &str, pacing: Pacing) -> HookSink {
    let mut runner = tripline();
    // Nobody's proxy stands between us and loopback.
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        runner.env_remove(name);
    }
    runner.arg("hooks-runner");
    HookSink::start(runner, hooks(text), pacing).unwrap()
}

fn command(script: &str, more: &str) -> String {
    let script = serde_json::to_string(script).unwrap();
    format!(
        "[[hooks]]\nname = \"it\"\nevents = [\"notice\", \"incident\"]\n\
             command = [\"/bin/sh\", \"-c\", {script}]\n{more}\n"
    )
}

fn webhook(url: &str, more: &str) -> String {
    format!("[[hooks]]\nname = \"it\"\nevents = [\"notice\"]\nurl = \"{url}\"\n{more}\n")
}

fn notice(name: &str) -> Event {
    let (name, message) = (name.to_owned(), "said \"so\"".to_owned());
    Event::Notice(Notice { schema: SCHEMA_VERSION, name, time: None, message })
}

fn json(event: &Event) -> String {
    serde_json::to_string(event).unwrap()
}

/// An incident as the engine makes it.
fn incident() -> Incident {
    let folder = Folder::new();
    let path = folder.write("scan.pcap", Pcap::of_a_scan().bytes());
    let mut events: Vec<Event> = Vec::new();
    let mut source = tripline::capture::open(&[path]).unwrap();
    tripline::run::run(&mut source, settings::Settings::default().detection, &mut events, &mut ())
        .unwrap();
    let found = events.into_iter().find_map(|event| match event {
        Event::Incident(incident) => Some(*incident),
        _ => None,
    });
    found.unwrap()
}

/// Waits for the first troubles.
fn troubles(sink: &mut HookSink) -> Vec<String> {
    let began = Instant::now();
    loop {
        let troubles = sink.take_troubles();
        if !troubles.is_empty() {
            return troubles;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "no trouble");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_web_server_that_fails_twice_gets_the_same_signed_event_again() {
    let server =
        Server::start(&[Reply::Status(503, ""), Reply::Status(429, ""), Reply::Status(200, "")]);
    let more = "headers = { Authorization = \"Bearer abc\" }\nsecret = \"0123456789abcdef\"";
    let mut sink = start(&webhook(&server.url, more));
    let event = notice("one");
    sink.event(&event);
    for _ in 0..3 {
        let request = server.next();
        assert_eq!(request.line, "POST /in HTTP/1.1");
        assert_eq!(request.body, json(&event));
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["authorization"], "Bearer abc");
        assert_eq!(request.headers["x-tripline-event"], "notice");
        let signature = request.headers["x-tripline-signature"].strip_prefix("sha256=").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"0123456789abcdef").unwrap();
        mac.update(request.body.as_bytes());
        let bytes = (0..signature.len()).step_by(2);
        let bytes = bytes.map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap());
        mac.verify_slice(&bytes.collect::<Vec<u8>>()).unwrap();
    }
    assert_eq!(sink.finish(), Vec::<String>::new());
    assert!(server.rest().is_empty());
}

#[test]
fn a_web_server_that_never_answers_is_given_up() {
    let server = Server::start(&[Reply::Never]);
    let mut sink = start(&webhook(&server.url, "timeout = \"150ms\""));
    sink.event(&notice("one"));
    let told = "hook `it`: an event was given up after 3 tries: no answer within 150ms";
    assert_eq!(troubles(&mut sink), [told]);
    assert_eq!(server.rest().len(), 3);
}

#[test]
fn what_is_gone_or_moved_is_not_tried_again() {
    let elsewhere = Server::start(&[Reply::Status(200, "")]);
    let moved: &'static str = format!("location: {}\r\n", elsewhere.url).leak();
    for (reply, words) in [
        (Reply::Status(410, ""), "after one try: the answer was 410 Gone"),
        (Reply::Status(307, moved), "the answer was 307 Temporary Redirect; redirects are not"),
    ] {
        let server = Server::start(&[reply]);
        let mut sink = start(&webhook(&server.url, ""));
        sink.event(&notice("one"));
        let told = troubles(&mut sink);
        assert!(told[0].contains(words), "{told:?}");
        assert_eq!(server.rest().len(), 1);
    }
    assert!(elsewhere.rest().is_empty());
}

#[test]
fn nobody_listening_is_told_without_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut sink = start(&webhook(&format!("http://{address}/key-of-ours"), ""));
    sink.event(&notice("one"));
    let told = troubles(&mut sink);
    assert!(told[0].contains("Connection refused"), "{told:?}");
    assert!(!told[0].contains("key-of-ours"), "{told:?}");
}

#[test]
fn a_slow_hook_holds_up_nobody_and_gets_the_latest() {
    let server = Server::start(&[Reply::Slow(700), Reply::Status(200, "")]);
    let folder = Folder::new();
    let file = folder.path().join("told");
    let other = command(&format!("cat >> {}", file.display()), "");
    let text = webhook(&server.url, "").replace("\"it\"", "\"slow\"") + &other;
    let mut sink = start(&text);
    sink.event(&notice("first"));
    let first = server.next();
    assert!(first.body.contains("\"first\""));
    let began = Instant::now();
    // The pace of the hand-over is not what is tested here: in steps, all of it arrives.
    for step in 0..4 {
        for number in 0..100 {
            sink.event(&notice(&format!("n{}", step * 100 + number)));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(began.elapsed() < Duration::from_millis(600));
    let last = std::iter::repeat_with(|| server.next()).find(|one| one.body.contains("\"n399\""));
    assert!(last.is_some());
    let told = troubles(&mut sink);
    let dropped = "hook `slow`: 144 events dropped, because 256 later ones were waiting";
    assert!(told.contains(&dropped.to_owned()), "{told:?}");
    // The other one was not held up. (If it is too slow for a process per event, the latest come.)
    assert!(!lines(&file).is_empty());
}

#[test]
fn a_flood_of_events_does_not_make_the_sensor_wait() {
    // The runner reads nothing at all.
    let mut runner = Command::new("sleep");
    runner.arg("60");
    let text = command("true", "");
    let pacing = Pacing { grace: Duration::from_millis(100), ..PACING };
    let mut sink = HookSink::start(runner, hooks(&text), pacing).unwrap();
    let began = Instant::now();
    for number in 0..20_000 {
        sink.event(&notice(&format!("n{number}")));
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let told = troubles(&mut sink);
    assert!(told[0].ends_with("events came faster than hooks can be told"), "{told:?}");
    // It does not end by itself, either.
    let began = Instant::now();
    sink.finish();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn a_command_gets_the_event_and_nothing_else() {
    let folder = Folder::new();
    let file = folder.path().join("told");
    let script =
        format!("(cat; echo $TRIPLINE_EVENT; env | grep -c ^SECRET) >> {}", file.display());
    let mut runner = tripline();
    runner.arg("hooks-runner").env("SECRET", "of the sensor");
    let mut sink = HookSink::start(runner, hooks(&command(&script, "")), PACING).unwrap();
    let event = notice("one");
    sink.event(&event);
    // grep that finds nothing is a failure, so the command is tried three times.
    let told = troubles(&mut sink);
    assert_eq!(told, ["hook `it`: an event was given up after 3 tries: exit code 1"]);
    let one = [json(&event), "notice".to_owned(), "0".to_owned()];
    assert_eq!(lines(&file), [one.clone(), one.clone(), one].concat());
}

#[test]
fn commands_have_no_rights() {
    let folder = Folder::new();
    let file = folder.path().join("told");
    let script = format!("grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status > {}", file.display());
    let mut sink = start(&command(&script, ""));
    sink.event(&notice("one"));
    assert_eq!(sink.finish(), Vec::<String>::new());
    let lines = lines(&file);
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line.ends_with("\t0000000000000000")), "{lines:?}");
}

#[test]
fn a_command_that_hangs_is_killed_and_tried_again() {
    let folder = Folder::new();
    let file = folder.path().join("told");
    let script = format!("echo x >> {}; echo waiting >&2; sleep 300", file.display());
    let mut sink = start(&command(&script, "timeout = \"200ms\""));
    sink.event(&notice("one"));
    let told = troubles(&mut sink);
    let words = "given up after 3 tries: killed, because it took longer than 200ms: waiting";
    assert!(told[0].ends_with(words), "{told:?}");
    assert_eq!(lines(&file).len(), 3);
}

#[test]
fn an_incident_is_told_again_only_when_it_changes() {
    let folder = Folder::new();
    let (all, grave) = (folder.path().join("all"), folder.path().join("grave"));
    let rename = |text: String| text.replace("name = \"it\"", "name = \"grave\"");
    let text = command(&format!("cat >> {}", all.display()), "")
        + &rename(command(&format!("cat >> {}", grave.display()), "risk = \"high\""));
    let mut sink = start(&text);
    let mut told = incident();
    told.risk = Risk::Medium;
    let mut tell = |change: &dyn Fn(&mut Incident)| {
        told.update += 1;
        change(&mut told);
        sink.event(&Event::Incident(Box::new(told.clone())));
        told.update
    };
    let first = tell(&|_| ());
    for _ in 0..50 {
        tell(&|incident| incident.services += 1);
    }
    let risen = tell(&|incident| incident.risk = Risk::High);
    tell(&|_| ());
    let withdrawn = tell(&|incident| {
        incident.verdict = Verdict::Withdrawn;
        incident.risk = Risk::Low;
    });
    tell(&|_| ());
    // One that only ever was of low risk, and one that was taken back before anybody knew.
    let other = tell(&|incident| {
        incident.id = "I-0000000001".to_owned();
        incident.verdict = Verdict::Sweep;
    });
    tell(&|incident| {
        incident.id = "I-0000000002".to_owned();
        incident.verdict = Verdict::Withdrawn;
    });
    assert_eq!(sink.finish(), Vec::<String>::new());
    let updates = |path: &Path| -> Vec<u64> {
        let of_line = |line: &String| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["update"].as_u64().unwrap()
        };
        lines(path).iter().map(of_line).collect()
    };
    assert_eq!(updates(&all), [first, risen, withdrawn, other].map(u64::from));
    assert_eq!(updates(&grave), [risen, withdrawn].map(u64::from));
}

#[test]
fn trouble_with_hooks_is_told_to_no_hook() {
    let folder = Folder::new();
    let file = folder.path().join("told");
    let mut sink = start(&command(&format!("cat >> {}", file.display()), ""));
    sink.event(&notice(TROUBLE));
    sink.event(&notice("other"));
    assert_eq!(sink.finish(), Vec::<String>::new());
    assert_eq!(lines(&file), [json(&notice("other"))]);
}

#[test]
fn what_waits_at_the_end_is_still_delivered() {
    let folder = Folder::new();
    let file = folder.path().join("told");
    let mut sink = start(&command(&format!("cat >> {}", file.display()), ""));
    let events: Vec<Event> = (0..20).map(|number| notice(&format!("n{number}"))).collect();
    for event in &events {
        sink.event(event);
    }
    assert_eq!(sink.finish(), Vec::<String>::new());
    assert_eq!(lines(&file), events.iter().map(json).collect::<Vec<_>>());
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let server = Server::start(&[Reply::Never]);
    let text = command("sleep 300", "timeout = \"1m\"")
        + &webhook(&server.url, "timeout = \"1m\"").replace("\"it\"", "\"web\"");
    let pacing = Pacing { grace: Duration::from_millis(500), ..PACING };
    let mut sink = start_with(&text, pacing);
    for number in 0..3 {
        sink.event(&notice(&format!("n{number}")));
    }
    server.next();
    let began = Instant::now();
    let told = sink.finish();
    assert!(began.elapsed() < pacing.grace + Duration::from_secs(1), "{:?}", began.elapsed());
    for words in [
        "hook `it`: an event was given up after one try: killed, because the sensor has ended",
        "hook `it`: 2 events not delivered before the end",
        "hook `web`: 3 events not delivered before the end",
    ] {
        assert!(told.iter().any(|one| one == words), "{told:?}");
    }
}

#[test]
fn signals_do_not_end_the_runner_before_the_sensor() {
    let folder = Folder::new();
    let (file, pid) = (folder.path().join("told"), folder.path().join("pid"));
    let mut runner = Command::new("sh");
    let script = "echo $$ > \"$1\"; exec \"$0\" hooks-runner";
    runner.args(["-c", script, env!("CARGO_BIN_EXE_tripline")]).arg(&pid);
    let script = format!("cat >> {}; sleep 0.3", file.display());
    let mut sink = HookSink::start(runner, hooks(&command(&script, "")), PACING).unwrap();
    sink.event(&notice("one"));
    while lines(&file).is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // What a terminal or a service manager sends to all of us; the runner, or its command, runs.
    let pid = lines(&pid).remove(0);
    for signal in ["-INT", "-TERM", "-HUP"] {
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
    sink.event(&notice("two"));
    assert_eq!(sink.finish(), Vec::<String>::new());
    assert_eq!(lines(&file).len(), 2);
}

#[test]
fn a_wait_for_another_try_is_cut_short_at_the_end() {
    let server = Server::start(&[Reply::Status(503, ""), Reply::Status(200, "")]);
    let pacing = Pacing { wait: Duration::from_secs(600), ..PACING };
    let mut sink = start_with(&webhook(&server.url, ""), pacing);
    sink.event(&notice("one"));
    server.next();
    let began = Instant::now();
    assert_eq!(sink.finish(), Vec::<String>::new());
    assert!(began.elapsed() < pacing.grace);
    assert_eq!(server.rest().len(), 1);
}

#[test]
fn a_runner_that_ends_is_told_once() {
    let mut runner = Command::new("sh");
    runner.args(["-c", "read -r line"]);
    let mut sink = HookSink::start(runner, hooks(&command("true", "")), PACING).unwrap();
    let told = troubles(&mut sink);
    assert!(told[0].starts_with("the process that runs the hooks has ended"), "{told:?}");
    for number in 0..1_000 {
        sink.event(&notice(&format!("n{number}")));
    }
    assert_eq!(sink.finish(), Vec::<String>::new());
}

#[test]
fn settings_are_checked_with_their_hooks() {
    let folder = Folder::new();
    let path = folder.write("s.toml", command("true", ""));
    let ran = rig::run(["settings", "--check", path.to_str().unwrap()]);
    assert!(ran.out.ends_with("1 hook\n"), "{}{}", ran.out, ran.err);
    let path = folder.write("s.toml", webhook("https://h/", ""));
    let ran = rig::run(["settings", "--check", path.to_str().unwrap()]);
    assert_eq!(ran.code, Some(if cfg!(feature = "tls") { 0 } else { 2 }));
    assert!(cfg!(feature = "tls") || ran.err.contains("--features tls"), "{}", ran.err);
}
