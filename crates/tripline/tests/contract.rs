//! The event contract: what is written is what `docs/event.schema.json` says.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

mod fixture;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tripline::output::{JsonLines, Sink as _};
use tripline_core::event::{Event, Incident, Proof};
use tripline_core::{Outcome, Service, Technique};

fn lines(events: Vec<Event>) -> Vec<String> {
    let mut lines = JsonLines(Vec::new());
    for event in events {
        lines.event(event).unwrap();
    }
    let text = String::from_utf8(lines.0).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_kind_is_valid() {
    let schema = schema::Schema::of_events();
    let mut kinds = BTreeSet::new();
    for line in lines(fixture::events()) {
        let event: Value = serde_json::from_str(&line).unwrap();
        schema.check(&event).unwrap_or_else(|problem| panic!("{problem}\nin {line}"));
        kinds.insert(event["kind"].as_str().unwrap().to_owned());
    }
    let all = ["curtailment", "incident", "notice", "probe", "service", "summary"];
    assert!(kinds.iter().eq(all), "{kinds:?}");
}

#[test]
fn kind_and_schema_come_first() {
    for line in lines(fixture::events()) {
        let rest = line.strip_prefix("{\"kind\":\"").unwrap();
        let (_, rest) = rest.split_once('"').unwrap();
        assert!(rest.starts_with(",\"schema\":1,"), "{line}");
    }
}

/// A stored event is whole: but for the sample of touches, which is not part of the contract.
#[test]
fn what_is_written_can_be_read_again() {
    for line in lines(fixture::events()) {
        let read: Event = serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}\n{line}"));
        assert_eq!(serde_json::to_string(&read).unwrap(), line);
    }
    // Written before `source_port` was added.
    let mut older = serde_json::to_value(fixture::vertical()).unwrap();
    for step in older["evidence"].as_array_mut().unwrap() {
        step.as_object_mut().unwrap().remove("source_port").unwrap();
    }
    let read: Incident = serde_json::from_value(older).unwrap();
    assert!(read.evidence.iter().all(|step| step.source_port.is_none()));
}

#[test]
fn services_are_read_as_they_are_shown() {
    for text in [
        "192.0.2.10:21/tcp",
        "[2001:db8::1]:53/udp",
        "[2001:db8::1]:5060/sctp",
        "192.0.2.10 icmp type 8",
        "2001:db8::1 ip protocol 47",
        "192.0.2.10 arp",
        "fe80::1 nd",
    ] {
        assert_eq!(text.parse::<Service>().unwrap().to_string(), text);
    }
    for text in
        ["", "192.0.2.10", "192.0.2.10:21", "192.0.2.10:99999/tcp", "x:1/tcp", "192.0.2.10 icmp 8"]
    {
        assert!(text.parse::<Service>().is_err(), "{text}");
    }
}

#[test]
fn every_outcome_and_technique_is_valid() {
    let schema = schema::Schema::of_events();
    let techniques = [
        Technique::Syn,
        Technique::Connect,
        Technique::Maimon,
        Technique::SynFin,
        Technique::Stray,
        Technique::IpProtocol,
    ];
    let outcomes = [
        Outcome::Established,
        Outcome::HalfOpen,
        Outcome::Refused,
        Outcome::Unreachable { kind: 3, code: 13 },
        Outcome::Silent,
    ];
    for (technique, outcome) in techniques.into_iter().zip(outcomes) {
        let mut incident = fixture::vertical();
        incident.techniques = vec![technique];
        incident.proof = Proof::None;
        for step in &mut incident.evidence {
            (step.technique, step.outcome) = (technique, outcome);
        }
        let line = lines(vec![Event::Incident(Box::new(incident))]).remove(0);
        let event = serde_json::from_str(&line).unwrap();
        schema.check(&event).unwrap_or_else(|problem| panic!("{problem}\nin {line}"));
    }
}

/// The check itself must be able to fail.
#[test]
fn damage_is_noticed() {
    let schema = schema::Schema::of_events();
    let good = lines(fixture::events());
    let probe = good.iter().find(|line| line.contains("\"kind\":\"probe\"")).unwrap();
    for (from, to) in [
        ("\"kind\":\"probe\"", "\"kind\":\"prob\""),
        ("\"risk\":\"low\"", "\"risk\":\"lowest\""),
        ("\"count\":3", "\"count\":\"3\""),
        ("\"count\":3", "\"count\":-3"),
        ("\"port\":21", "\"port\":65536"),
        ("\"source\":", "\"sauce\":"),
        ("\"outcome\":\"refused\"", "\"outcome\":{\"refused\":{}}"),
        ("\"port_name\":null", "\"port_name\":7"),
    ] {
        let bad = probe.replace(from, to);
        assert_ne!(bad, *probe, "{from} is not in {probe}");
        let bad = serde_json::from_str(&bad).unwrap();
        assert!(schema.check(&bad).is_err(), "{to} was not noticed");
    }
}

/// The fields of each kind of event, as the schema names them.
fn fields_by_kind() -> BTreeMap<String, Vec<String>> {
    let schema: Value = serde_json::from_str(tripline::command::SCHEMA).unwrap();
    let of_kind = |kind: &Value| {
        let name = kind["properties"]["kind"]["const"].as_str().unwrap();
        let target = kind["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let fields = schema["$defs"][target]["properties"].as_object().unwrap();
        (name.to_owned(), fields.keys().cloned().collect())
    };
    schema["oneOf"].as_array().unwrap().iter().map(of_kind).collect()
}

#[test]
fn the_page_for_users_shows_every_field() {
    let page = include_str!("../../../docs/events.md");
    assert_eq!(fields_by_kind().len(), 6);
    for (kind, fields) in fields_by_kind() {
        let section = page.split(&format!("\n## `{kind}`")).nth(1);
        let section = section.unwrap_or_else(|| panic!("no section on `{kind}`"));
        let section = section.split("\n## ").next().unwrap();
        for field in fields {
            assert!(section.contains(&format!("`{field}`")), "{kind}: no word on `{field}`");
        }
    }
}

/// The examples of the page are events too.
#[test]
fn examples_of_the_page_are_valid() {
    let page = include_str!("../../../docs/events.md");
    let schema = schema::Schema::of_events();
    let mut kinds = BTreeSet::new();
    for block in page.split("```json\n").skip(1) {
        let example = block.split("```").next().unwrap();
        let event: Value =
            serde_json::from_str(example).unwrap_or_else(|e| panic!("{e}: {example}"));
        schema.check(&event).unwrap_or_else(|problem| panic!("{problem}\nin {example}"));
        kinds.insert(event["kind"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}
