use tripline_core::Direction;
use tripline_core::Protocol;
use tripline_core::Service;
use tripline_core::catalog::Risk;
use tripline_core::event::{OutcomeCounts, Pace, PaceClass, Response, SCHEMA_VERSION, Touch};

use super::*;

fn now() -> Timestamp {
    Timestamp::from_parts(1_800_000_000, 0)
}

fn addr(text: &str) -> Addr {
    text.parse::<std::net::IpAddr>().unwrap().into()
}

/// A vertical sweep whose source is proven.
fn proven(source: &str) -> Incident {
    let service = Service { host: addr("192.0.2.10"), protocol: Protocol::Tcp, port: 21 };
    Incident {
        schema: SCHEMA_VERSION,
        id: "I-1".to_owned(),
        update: 1,
        verdict: Verdict::Sweep,
        event_id: "TL-3001".to_owned(),
        signature: "TCP_Port_Scan".to_owned(),
        iss_id: None,
        risk: Risk::Medium,
        sources: vec![addr(source)],
        source_count: 1,
        authorised_as: None,
        direction: Direction::Inbound,
        shape: Some(Shape::Vertical),
        techniques: Vec::new(),
        tool: None,
        also: Vec::new(),
        pace: Pace { class: PaceClass::Fast, per_second: Some(10.0), seconds: 0.4 },
        order: None,
        coverage: None,
        score: 12.0,
        threshold: 11.5,
        alpha: 1e-5,
        attempts_to_verdict: 5,
        first: now(),
        verdict_at: now(),
        last: now(),
        hosts: 1,
        ports: 5,
        services: 5,
        port_list: "tcp 21-25".to_owned(),
        targets: Vec::new(),
        outcomes: OutcomeCounts::default(),
        found: Vec::new(),
        said: Vec::new(),
        proof: Proof::Proven { how: "acknowledged".to_owned(), when: now() },
        response: Response { action: Action::Curtail, reason: String::new() },
        story: "a sweep".to_owned(),
        evidence: Vec::new(),
        touches: vec![Touch { time: now(), service, answered: false }],
    }
}

fn unproven(source: &str) -> Incident {
    Incident {
        proof: Proof::None,
        response: Response { action: Action::RateLimit, reason: String::new() },
        ..proven(source)
    }
}

fn decide(policy: &Policy, incident: &Incident, ledger: &Ledger) -> Decision {
    policy.decide(incident, ledger, |_| None, now())
}

fn target(decision: Decision) -> String {
    match decision {
        Decision::Curtail(curtailment) => curtailment.target.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_proven_source_is_cut_off_and_an_unproven_one_only_slowed_down() {
    let (policy, ledger) = (Policy::default(), Ledger::default());
    let proven = proven("198.51.100.7");
    assert_eq!(target(decide(&policy, &proven, &ledger)), "198.51.100.7");
    let slowed = target(decide(&policy, &unproven("198.51.100.7"), &ledger));
    assert_eq!(slowed, "198.51.100.7 from what nobody offers");
    // Whatever the response asks for: without proof it is no more.
    let forged = Incident { proof: Proof::None, ..proven };
    assert_eq!(target(decide(&policy, &forged, &ledger)), slowed);
}

#[test]
fn the_scope_follows_the_shape() {
    let (policy, ledger) = (Policy::default(), Ledger::default());
    let horizontal =
        Incident { shape: Some(Shape::Horizontal), ports: 1, ..proven("198.51.100.7") };
    assert_eq!(target(decide(&policy, &horizontal, &ledger)), "198.51.100.7 from 21/tcp");
    let came_back = Incident { verdict: Verdict::FollowUp, ..horizontal };
    assert_eq!(target(decide(&policy, &came_back, &ledger)), "198.51.100.7");
}

#[test]
fn of_ipv6_a_site_is_cut_off_unless_it_is_our_own_network() {
    let ledger = Ledger::default();
    let policy = Policy { links: vec!["2001:db8:1::/64".parse().unwrap()], ..Policy::default() };
    let far = proven("2001:db8:66::5:6");
    assert_eq!(target(decide(&policy, &far, &ledger)), "2001:db8:66::/64");
    assert_eq!(target(decide(&policy, &proven("2001:db8:1::9"), &ledger)), "2001:db8:1::9");
    let slowed = target(decide(&policy, &unproven("2001:db8:66::5:6"), &ledger));
    assert_eq!(slowed, "2001:db8:66::/64 from what nobody offers");
}

#[test]
fn who_must_not_be_touched_is_not() {
    let (policy, ledger) = (Policy::default(), Ledger::default());
    let gateway = |source: Prefix| {
        source.contains(addr("192.0.2.1")).then(|| "a gateway of this machine".to_owned())
    };
    let refused = policy.decide(&proven("192.0.2.1"), &ledger, gateway, now());
    assert_eq!(refused, Decision::Refuse(Refusal::Protected("a gateway of this machine".into())));
    let decoys = Incident {
        sources: vec![addr("198.51.100.7"), addr("198.51.100.8")],
        ..proven("198.51.100.7")
    };
    assert_eq!(decide(&policy, &decoys, &ledger), Decision::Refuse(Refusal::SeveralSources));
    for action in [Action::Notify, Action::Investigate] {
        let response = Response { action, reason: String::new() };
        let incident = Incident { response, ..proven("198.51.100.7") };
        assert_eq!(decide(&policy, &incident, &ledger), Decision::Nothing);
    }
    let off = Policy { mode: Mode::Off, ..Policy::default() };
    assert_eq!(decide(&off, &proven("198.51.100.7"), &ledger), Decision::Nothing);
}

#[test]
fn repetition_takes_longer_and_nothing_goes_over_the_limits() {
    let policy = Policy { most: 3, per_minute: 2, ..Policy::default() };
    let mut ledger = Ledger::default();
    let mut lengths = Vec::new();
    let mut time = now();
    for round in 0..4 {
        // It goes on each time that it is let in again.
        let last = time + Duration::from_secs(round);
        let incident = Incident { last, ..proven("198.51.100.7") };
        let Decision::Curtail(curtailment) = policy.decide(&incident, &ledger, |_| None, last)
        else {
            panic!("not curtailed");
        };
        lengths.push(curtailment.until.since(curtailment.since).as_secs());
        time = curtailment.until;
        ledger.add(curtailment);
        assert_eq!(
            policy.decide(&proven("198.51.100.7"), &ledger, |_| None, time),
            Decision::Nothing,
            "once is enough"
        );
        ledger.expire(time);
    }
    assert_eq!(lengths, [300, 3_600, 86_400, 86_400]);
    let add = |last: u8, ledger: &mut Ledger| {
        let decision = policy.decide(&proven(&format!("203.0.113.{last}")), ledger, |_| None, time);
        if let Decision::Curtail(curtailment) = &decision {
            ledger.add(curtailment.clone());
        }
        decision
    };
    assert!(matches!(add(1, &mut ledger), Decision::Curtail(_)));
    assert!(matches!(add(2, &mut ledger), Decision::Curtail(_)));
    assert_eq!(add(3, &mut ledger), Decision::Refuse(Refusal::TooFast));
    time = time + Duration::from_secs(61);
    let add = |last: u8, ledger: &mut Ledger| {
        let decision = policy.decide(&proven(&format!("203.0.113.{last}")), ledger, |_| None, time);
        if let Decision::Curtail(curtailment) = &decision {
            ledger.add(curtailment.clone());
        }
        decision
    };
    assert!(matches!(add(3, &mut ledger), Decision::Curtail(_)));
    assert_eq!(add(4, &mut ledger), Decision::Refuse(Refusal::Full));
}

#[test]
fn who_was_let_in_again_must_do_something_new() {
    let policy = Policy::default();
    let mut ledger = Ledger::default();
    let mut incident = proven("198.51.100.7");
    let Decision::Curtail(first) = policy.decide(&incident, &ledger, |_| None, now()) else {
        panic!("not curtailed");
    };
    let target = first.target;
    ledger.add(first);
    let later = now() + Duration::from_secs(60);
    ledger.release(&target, later);
    assert_eq!(policy.decide(&incident, &ledger, |_| None, later), Decision::Nothing);
    incident.last = later + Duration::from_secs(1);
    let again = policy.decide(&incident, &ledger, |_| None, later + Duration::from_secs(2));
    assert!(matches!(again, Decision::Curtail(Curtailment { strikes: 1, .. })), "{again:?}");
}

#[test]
fn addresses_of_one_site_are_one_source() {
    let mut incident = proven("2001:db8:66:1::1");
    incident.sources.push(addr("2001:db8:66:1::2"));
    let decision = Policy::default().decide(&incident, &Ledger::default(), |_| None, now());
    assert!(
        matches!(&decision, Decision::Curtail(curtailment)
        if curtailment.target.to_string() == "2001:db8:66:1::/64"),
        "{decision:?}"
    );
    incident.sources.push(addr("2001:db8:66:2::1"));
    let decision = Policy::default().decide(&incident, &Ledger::default(), |_| None, now());
    assert_eq!(decision, Decision::Refuse(Refusal::SeveralSources));
}
