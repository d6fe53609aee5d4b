//! `tripline report`: the forms of real captures and of hand-made events against kept texts in
//! `tests/report/`, and that nothing which a source says comes out as more than text. Run with
//! `TRIPLINE_BLESS=1` to write the texts anew, then read the difference, and look at the pages.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

mod fixture;
#[expect(dead_code, reason = "the captures are there already")]
mod rig;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tripline::abuse::{self, Complaint, Mail, Reporter, Unfit};
use tripline::document::{Document, Scope, to_html, to_json, to_markdown};
use tripline::html::picture::{self, Width};
use tripline::{capture, data, run};
use tripline_core::Direction;
use tripline_core::event::{Event, Incident, Verdict};
use tripline_store::Store;

/// Compares with the kept text, or writes it. The version is left out of both.
fn check(name: &str, got: &str) {
    let got = got.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report").join(name);
    if std::env::var_os("TRIPLINE_BLESS").is_some() {
        std::fs::write(&path, got).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == got, "{name} differs; expected:\n{expected}\ngot:\n{got}");
}

fn case(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases").join(name);
    folder.join("input.pcap")
}

fn scope(input: &str) -> Scope {
    Scope { input: vec![input.to_owned()], most: 20, ..Scope::default() }
}

fn document(events: Vec<Event>, scope: Scope) -> Document {
    let mut document = Document::new(scope);
    for event in events {
        document.take(event);
    }
    document.finish();
    document
}

/// What is in a recorded case.
fn of_case(name: &str) -> Document {
    let mut source = capture::open(&[case(name)]).unwrap();
    let mut events: Vec<Event> = Vec::new();
    let settings = tripline_core::settings::Settings::default();
    run::run(&mut source, settings, &mut events, &mut ()).unwrap();
    document(events, scope(&format!("{name}.pcap")))
}

#[test]
fn cases_in_every_form() {
    let catalog = data::catalog().unwrap();
    for name in ["follow-up-ssh", "masscan-block"] {
        let document = of_case(name);
        check(&format!("{name}.html"), &to_html(&document, &catalog));
        check(&format!("{name}.md"), &to_markdown(&document, &catalog));
    }
    check("follow-up-ssh.json", &to_json(&of_case("follow-up-ssh")).unwrap());
}

#[test]
fn all_kinds_of_events() {
    let catalog = data::catalog().unwrap();
    let document = document(fixture::events(), scope("a.pcap"));
    check("events.html", &to_html(&document, &catalog));
    check("events.md", &to_markdown(&document, &catalog));
}

#[test]
fn pictures_are_svg() {
    for name in ["follow-up-ssh", "masscan-block", "nmap-horizontal-ftp", "stealth-mix"] {
        for incident in of_case(name).incidents {
            let pictures = picture::of(&incident);
            assert!(!pictures.is_empty(), "{name}");
            for (number, picture) in pictures.iter().enumerate() {
                for width in [Width::Wide, Width::Narrow] {
                    let file = picture.file(width);
                    let document = roxmltree::Document::parse(&file).unwrap();
                    let svg = document.root_element();
                    assert_eq!(svg.attribute("role"), Some("img"));
                    let title = svg.first_element_child().unwrap();
                    assert_eq!(title.text(), Some(picture.caption.as_str()));
                    let named = svg.attribute("aria-labelledby").unwrap();
                    let id =
                        |id| document.descendants().any(|node| node.attribute("id") == Some(id));
                    assert!(named.split(' ').all(id), "{named}");
                }
                if name == "follow-up-ssh" {
                    check(&format!("{name}-{number}.svg"), &picture.file(Width::Wide));
                }
            }
        }
    }
}

/// What is stored has no touches, and is drawn all the same.
#[test]
fn a_stored_incident_has_its_picture() {
    let document = of_case("follow-up-ssh");
    let fresh = &document.incidents[0];
    let stored: Incident = serde_json::from_str(&serde_json::to_string(fresh).unwrap()).unwrap();
    assert!(stored.touches.is_empty() && !fresh.touches.is_empty());
    let drawn = |incident: &Incident| picture::of(incident)[0].file(Width::Wide);
    // All twenty services are among the steps of evidence, so nothing is missing.
    assert_eq!(drawn(&stored), drawn(fresh));
}

#[test]
fn reports_come_out_of_the_store() {
    let folder = rig::Folder::new();
    let store = Store::open(folder.path()).unwrap();
    let incident = of_case("follow-up-ssh").incidents.remove(0);
    store.put_incident(&incident).unwrap();
    drop(store);
    let state = folder.path().display();
    let settings = folder.write("s.toml", format!("[watch]\nstate = \"{state}\"\n"));
    let report = |more: &[&str]| {
        let mut command = rig::tripline();
        command.args(["report", "--settings"]).arg(&settings).args(more);
        rig::Ran::from(command.output().unwrap())
    };
    let ran = report(&["--since", "2026-11-23T00:00:00Z", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["incidents"][0]["id"], incident.id.as_str());
    assert_eq!(told["first"], "2026-11-23T00:00:00.000000000Z");

    let before = ["--since", "2026-11-01T00:00:00Z", "--until", "2026-11-02T00:00:00Z"];
    let ran = report(&[before.as_slice(), &["--format", "json"]].concat());
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["incidents"], serde_json::json!([]));

    let ran = report(&[&incident.id, "--format", "markdown"]);
    assert!(ran.out.starts_with(&format!("# Incident {}", incident.id)), "{}{}", ran.out, ran.err);
    let ran = report(&["I-0000000000", "--format", "markdown"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("`tripline incidents` lists them"), "{}", ran.err);
    let ran = report(&["-o", "report.txt"]);
    assert!(ran.err.contains("does not tell the form"), "{}", ran.err);
}

/// What somebody might say to harm whoever reads it.
const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    "\" onload=\"alert(1)' autofocus='",
    "]]></svg><svg onload=alert(1)>",
    "<!-- --> &lt; &#60;script&#62;",
    "\u{202e}gnp.exe\u{2066}\u{200f}",
    "a\u{0}b\u{7}\u{1b}[31mc\u{9b}d",
    "x\r\nSubject: forged\r\n\r\nbody\n.\n",
    "![x](https://example.org/x) [y](javascript:alert(1)) | # `z` **b** www.example.org",
    "--=_boundary\r\n```\r\n</code>",
];

/// An incident that says it wherever anything from outside may stand.
fn hostile(text: &str) -> Incident {
    let mut incident = fixture::vertical();
    let own = || text.to_owned();
    incident.id = format!("I-1{text}");
    incident.authorised_as = Some(own());
    incident.story = own();
    incident.port_list = own();
    incident.signature = own();
    incident.response.reason = own();
    incident.proof = tripline_core::event::Proof::Proven { how: own(), when: incident.verdict_at };
    for said in &mut incident.said {
        said.text = own();
    }
    if let Some(mark) = &mut incident.tool {
        (mark.name, mark.mark) = (own(), own());
    }
    for step in &mut incident.evidence {
        step.reason = own();
        step.row = own();
        step.revoked = step.revoked.is_some().then(own);
        if let Some(tool) = &mut step.tool {
            (tool.name, tool.mark) = (own(), own());
        }
    }
    incident
}

fn hostile_document(text: &str) -> Document {
    let mut events = fixture::events();
    for event in &mut events {
        match event {
            Event::Notice(notice) => text.clone_into(&mut notice.message),
            Event::Service(service) => text.clone_into(&mut service.reason),
            Event::Curtailment(step) => {
                (step.reason, step.by, step.from) =
                    (text.to_owned(), text.to_owned(), text.to_owned());
            }
            _ => {}
        }
    }
    events.push(Event::Incident(Box::new(hostile(text))));
    let title = Some(text.to_owned());
    document(events, Scope { title, ..scope(text) })
}

fn has_controls(text: &str) -> bool {
    text.chars().any(|letter| {
        let turns_text = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        (letter.is_control() && letter != '\n') || turns_text
    })
}

/// The names of all elements and attributes in order: what there is besides text.
fn bones(html: &str) -> Vec<String> {
    // The page is HTML that is XML as well, but for its first line and its elements without an end.
    let html = html.replacen("<!DOCTYPE html>", "", 1);
    let closed = html.replace("initial-scale=1\">", "initial-scale=1\"/>");
    let mut xml = String::new();
    for part in closed.split_inclusive('>') {
        let is_open = part.contains("<meta ") && !part.ends_with("/>");
        if is_open {
            xml.push_str(part.strip_suffix('>').unwrap());
            xml.push_str("/>");
        } else {
            xml.push_str(part);
        }
    }
    let document = roxmltree::Document::parse(&xml).unwrap_or_else(|why| panic!("{why}\n{xml}"));
    let nodes = document.descendants().filter(roxmltree::Node::is_element);
    nodes
        .map(|node| {
            let attributes: Vec<&str> = node.attributes().map(|of| of.name()).collect();
            format!("{} {}", node.tag_name().name(), attributes.join(" "))
        })
        .collect()
}

#[test]
fn hostile_text_is_text_in_html_and_svg() {
    let catalog = data::catalog().unwrap();
    let harmless = bones(&to_html(&hostile_document("harmless"), &catalog));
    assert!(harmless.iter().all(|bone| !bone.starts_with("script")));
    for text in HOSTILE {
        let html = to_html(&hostile_document(text), &catalog);
        assert!(!has_controls(&html), "{text:?}");
        assert_eq!(bones(&html), harmless, "{text:?}");
        for picture in picture::of(&hostile(text)) {
            let svg = picture.file(Width::Wide);
            assert!(!has_controls(&svg), "{text:?}");
            let svg = roxmltree::Document::parse(&svg).unwrap();
            let is_known =
                |name: &str| ["svg", "title", "desc", "style", "text", "path"].contains(&name);
            let mut elements = svg.descendants().filter(roxmltree::Node::is_element);
            assert!(elements.all(|node| is_known(node.tag_name().name())), "{text:?}");
        }
    }
}

#[test]
fn hostile_text_is_text_in_markdown() {
    use pulldown_cmark::{Event as Part, Options, Parser, Tag};

    let catalog = data::catalog().unwrap();
    let count = |markdown: &str| {
        let parts = Parser::new_ext(markdown, Options::ENABLE_TABLES);
        parts
            .filter(|part| !matches!(part, Part::Text(_) | Part::SoftBreak | Part::Code(_)))
            .map(|part| format!("{part:?}"))
            .collect::<Vec<_>>()
    };
    let harmless = count(&to_markdown(&hostile_document("harmless"), &catalog));
    for text in HOSTILE {
        let markdown = to_markdown(&hostile_document(text), &catalog);
        assert!(!has_controls(&markdown), "{text:?}");
        for part in Parser::new_ext(&markdown, Options::ENABLE_TABLES) {
            let is_active = matches!(
                part,
                Part::Html(_)
                    | Part::InlineHtml(_)
                    | Part::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock)
            );
            assert!(!is_active, "{text:?}: {part:?}");
        }
        assert_eq!(count(&markdown), harmless, "{text:?}");
    }
}

fn reporter() -> Reporter {
    "Example Ltd <noc@example.org>".parse().unwrap()
}

/// A complaint with nothing left out.
fn complaint<'a>(incident: &'a Incident, reporter: &'a Reporter, to: &'a Mail) -> Complaint<'a> {
    let mut complaint = Complaint::new(incident, reporter, fixture::at(0)).unwrap();
    complaint.to = Some(to);
    complaint
}

#[test]
fn complaints_of_a_case() {
    let document = of_case("follow-up-ssh");
    let (reporter, to) = (reporter(), "abuse@example.net".parse().unwrap());
    let mut complaint = complaint(&document.incidents[0], &reporter, &to);
    check("follow-up-ssh.eml", &abuse::to_arf(&complaint).replace("\r\n", "\n"));
    complaint.mask = true;
    check("follow-up-ssh.xarf.json", &abuse::to_xarf(&complaint).unwrap());
    for written in [abuse::to_arf(&complaint), abuse::lines(&complaint).join("\n")] {
        assert!(written.contains("dst=192.0.2.0/24"), "{written}");
        assert!(!written.contains("192.0.2.10"), "{written}");
    }
}

/// Tells the structure of a message as Python's own parser sees it.
const STRUCTURE: &str = "
import email, email.policy, json, sys
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
report = message.get_payload()[1].get_payload()[0]
print(json.dumps({
    'types': [part.get_content_type() for part in message.get_payload()],
    'headers': sorted(message.keys()),
    'fields': sorted(report.keys()),
    'kind': message.get_param('report-type'),
    'feedback': report['Feedback-Type'],
    'defects': [str(defect) for part in message.walk() for defect in part.defects],
}))";

fn structure(message: &str) -> serde_json::Value {
    let mut python = Command::new("python3")
        .args(["-c", STRUCTURE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed to read the message as others do");
    python.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn hostile_text_changes_no_complaint() {
    let (reporter, to) = (reporter(), "abuse@example.net".parse().unwrap());
    let expected = serde_json::json!({
        "types": ["text/plain", "message/feedback-report", "text/rfc822-headers"],
        "headers": ["Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"],
        "fields": [
            "Arrival-Date", "Feedback-Type", "Incidents", "Source-IP", "Source-Port", "User-Agent",
            "Version",
        ],
        "kind": "feedback-report",
        "feedback": "other",
        "defects": [],
    });
    for text in HOSTILE {
        let incident = hostile(text);
        let complaint = complaint(&incident, &reporter, &to);
        let message = abuse::to_arf(&complaint);
        assert!(message.is_ascii(), "{text:?}");
        assert!(!has_controls(&message.replace("\r\n", "\n")), "{text:?}");
        assert!(message.lines().all(|line| line.len() < 998), "{text:?}");
        assert_eq!(structure(&message), expected, "{text:?}");
        let xarf: serde_json::Value =
            serde_json::from_str(&abuse::to_xarf(&complaint).unwrap()).unwrap();
        assert!(!has_controls(xarf["description"].as_str().unwrap()), "{text:?}");
    }
}

#[test]
fn nobody_innocent_is_complained_about() {
    let reporter = reporter();
    let unfit = |change: fn(&mut Incident)| {
        let mut incident = fixture::vertical();
        change(&mut incident);
        Complaint::new(&incident, &reporter, fixture::at(0)).map(drop)
    };
    assert_eq!(unfit(|_| {}), Ok(()));
    assert_eq!(unfit(|one| one.verdict = Verdict::Flood), Err(Unfit::Verdict(Verdict::Flood)));
    assert_eq!(unfit(|one| one.direction = Direction::Outbound), Err(Unfit::Ours));
    assert_eq!(unfit(|one| one.sources = vec![fixture::addr("10.0.0.9")]), Err(Unfit::Private));
    assert_eq!(unfit(|one| one.source_count = 2), Err(Unfit::SeveralSources));
    // One household may use many addresses of its /64.
    let v6 = |last: &[u16]| last.iter().map(|n| fixture::addr(&format!("2001:db8::{n}"))).collect();
    let mut incident = Incident { sources: v6(&[1, 2]), source_count: 2, ..fixture::vertical() };
    assert!(Complaint::new(&incident, &reporter, fixture::at(0)).is_ok());
    incident.sources = vec![fixture::addr("2001:db8::1"), fixture::addr("2001:db8:1::1")];
    assert!(Complaint::new(&incident, &reporter, fixture::at(0)).is_err());
}

#[test]
fn reporters_need_a_name_and_an_address() {
    assert_eq!(reporter().domain(), "example.org");
    for wrong in [
        "noc@example.org",
        "<noc@example.org>",
        "Example <noc>",
        "Example <noc@exa mple.org>",
        "Exa\r\nBcc: x@example.org <noc@example.org>",
        "Example <noc@example.org>\r\nBcc: x@example.org",
        "Example <noc@example.org\r\nBcc:x>",
    ] {
        let error = wrong.parse::<Reporter>().unwrap_err();
        assert!(error.contains("noc@example.org"), "{error}");
    }
    assert!("abuse@example.net\r\nX: y".parse::<Mail>().is_err());
}

#[test]
fn several_complaints_need_a_folder() {
    let folder = rig::Folder::new();
    let run = |more: &[&str]| {
        let mut command = rig::tripline();
        command.args(["report", "--home", "192.0.2.0/24", "--abuse", "xarf"]);
        command.args(["--reporter", "Example Ltd <noc@example.org>"]).args(more);
        command.arg(case("two-scanners"));
        rig::Ran::from(command.output().unwrap())
    };
    let ran = run(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("name a folder"), "{}", ran.err);
    let out = folder.path().join("complaints");
    let ran = run(&["--output", out.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let files: Vec<_> = std::fs::read_dir(&out).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        // What the schemas of the format require.
        for field in [
            "xarf_version",
            "report_id",
            "timestamp",
            "reporter",
            "sender",
            "source_identifier",
            "category",
            "type",
            "protocol",
            "first_seen",
            "source_port",
        ] {
            assert!(!report[field].is_null(), "{field}");
        }
    }
}
