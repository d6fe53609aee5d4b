//! Tricks: what a sweeper may try so as not to be seen, and what he may try so that somebody else
//! is; and innocents who look like him for a while.

use tripline_core::event::{Action, Proof, Verdict};
use tripline_core::settings::{Scanner, Settings, Visit};
use tripline_core::{Emit, Protocol, Service};
use tripline_packet::{Addr, Body, Duration, Icmp, Quoted, Transport, Udp};

use crate::rig::{ACK, FIN, PSH, Rig, SYN, at_home, ip};
use crate::{SCANNER, SERVER};

const ROUTER: &str = "203.0.113.1";
const HOP_LIMIT: (u8, u8) = (11, 0);

/// An opening that ran out of hops excuses a traceroute to that port, and nothing else.
#[test]
fn a_lost_hop_hides_no_sweep() {
    let mut rig = Rig::new(at_home());
    rig.tcp((ip(SCANNER), 40_000), (ip(SERVER), 80), SYN, 1, 0);
    let asked = Transport::Tcp { src_port: 40_000, dst_port: 80 };
    rig.icmp_error(ip(ROUTER), HOP_LIMIT, (ip(SCANNER), ip(SERVER), asked));
    for port in 1..=20 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    assert_eq!(rig.finish().one().sources, [ip(SCANNER)]);
}

/// An error that is not sent to whoever sent what it quotes.
fn misdirected(rig: &mut Rig, from: Addr, to: Addr, kind: (u8, u8), quoted: Quoted) {
    let icmp = Icmp {
        kind: kind.0,
        code: kind.1,
        id: 0,
        seq: 0,
        payload_len: 28,
        target: Addr::UNSPECIFIED,
        quoted: Some(quoted),
    };
    rig.send(from, to, Body::Icmp(icmp));
}

#[test]
fn nobody_is_framed_by_errors_that_quote_him() {
    let mut rig = Rig::new(at_home());
    let innocent = ip("203.0.113.77");
    for port in 1..=40 {
        let transport = Transport::Udp { src_port: 40_000, dst_port: port };
        let quoted = Quoted { src: innocent, dst: ip(SERVER), transport, seq: 0 };
        misdirected(&mut rig, ip(SCANNER), ip(SERVER), (3, 3), quoted);
    }
    rig.finish().silent();
}

#[test]
fn answers_that_nobody_asked_for_are_excused_only_now_and_then() {
    let response = |packet: &mut tripline_packet::Packet| {
        if let Body::Udp(Udp { is_response, .. }) = &mut packet.body {
            *is_response = true;
        }
    };
    let mut rig = Rig::new(at_home());
    for port in 2_000..2_040 {
        rig.udp_with((ip(SCANNER), 53), (ip(SERVER), port), response);
        let asked = Transport::Udp { src_port: 53, dst_port: port };
        rig.icmp_error(ip(SERVER), (3, 3), (ip(SCANNER), ip(SERVER), asked));
    }
    assert_eq!(rig.finish().one().sources, [ip(SCANNER)]);
    // A resolver whose answers come too late.
    let mut rig = Rig::new(at_home());
    for port in 0..3 {
        rig.udp_with((ip(SCANNER), 53), (ip(SERVER), 40_000 + port), response);
        let asked = Transport::Udp { src_port: 53, dst_port: 40_000 + port };
        rig.icmp_error(ip(SERVER), (3, 3), (ip(SCANNER), ip(SERVER), asked));
    }
    rig.finish().silent();
}

#[test]
fn going_on_as_if_answered_hides_no_sweep() {
    let mut rig = Rig::new(at_home());
    rig.session(ip("198.51.100.20"), ip(SERVER), 443);
    for port in 1..=20 {
        let sport = rig.port();
        rig.tcp((ip(SCANNER), sport), (ip(SERVER), port), SYN, 99, 0);
        rig.tcp((ip(SCANNER), sport), (ip(SERVER), port), ACK, 100, 1);
    }
    rig.wait_secs(10);
    assert_eq!(rig.finish().one().sources, [ip(SCANNER)]);
}

#[test]
fn sessions_of_which_only_one_direction_is_seen_are_no_sweep() {
    let mut rig = Rig::new(at_home());
    for port in 1..=30 {
        let (client, server) = ((ip(SCANNER), rig.port()), (ip(SERVER), port));
        rig.tcp(client, server, SYN, 99, 0);
        rig.tcp(client, server, ACK, 100, 7_000);
        rig.tcp_data(client, server, PSH | ACK, 100, 7_000, 300);
    }
    rig.wait_secs(10);
    rig.finish().silent();
}

#[test]
fn a_new_address_for_every_packet_hides_no_sweep() {
    let mut rig = Rig::new(at_home());
    for port in 1..=20_u16 {
        let source = ip(&format!("2001:db8:66::{port:x}"));
        rig.refused(source, ip("2001:db8:1::10"), port);
    }
    let report = rig.finish();
    let incident = report.one();
    assert_eq!((incident.source_count, incident.ports), (20, 20));
    assert_eq!(incident.signature, "TCP_Port_Scan", "no decoys: one household");
    // The same from twenty households is nobody's sweep.
    let mut rig = Rig::new(at_home());
    for port in 1..=20_u16 {
        rig.refused(ip(&format!("2001:db8:{port:x}::1")), ip("2001:db8:1::10"), port);
    }
    assert!(rig.finish().incidents.is_empty());
}

fn audit(ports: (u16, u16)) -> Settings {
    let (first, last) = ports;
    let scanner = Scanner {
        name: "audit".to_owned(),
        source: format!("{SCANNER}/32").parse().unwrap(),
        targets: vec![format!("{SERVER}/32").parse().unwrap()],
        ports: vec![tripline_core::catalog::PortRange { first, last }],
        until: None,
    };
    Settings { scanners: vec![scanner], ..at_home() }
}

#[test]
fn an_authorised_scanner_that_goes_too_far_is_told() {
    let mut rig = Rig::new(audit((1, 100)));
    for port in 1..=20 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    for port in [3_389, 5_900] {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(incident.verdict, Verdict::Sweep);
    assert_eq!(incident.authorised_as.as_deref(), Some("audit"));
    assert_eq!(incident.response.action, Action::Investigate);
}

/// Many live behind one address: what others do with services that everybody uses is no return.
#[test]
fn ordinary_use_after_a_sweep_is_no_follow_up() {
    let mut rig = Rig::new(at_home());
    let web = ip("192.0.2.20");
    for last in 1..=6 {
        rig.session(ip(&format!("198.51.100.{last}")), web, 443);
    }
    rig.session(ip(SCANNER), web, 443);
    for port in 1..=20 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    rig.session(ip(SCANNER), web, 443);
    rig.wait_secs(1_800);
    rig.session(ip(SCANNER), ip("192.0.2.21"), 443);
    rig.session(ip(SCANNER), ip("192.0.2.21"), 443);
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(incident.verdict, Verdict::Sweep);
    assert!(incident.found.is_empty(), "{:?}", incident.found);
}

#[test]
fn who_comes_back_after_hours_opens_a_new_incident_of_what_he_does_then() {
    let mut rig = Rig::new(at_home());
    for port in 1..=10 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    rig.wait(Duration::from_secs(3 * 3_600));
    for port in 101..=110 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    rig.wait(Duration::from_secs(3 * 3_600));
    // One attempt is no sweep, whoever makes it.
    rig.refused(ip(SCANNER), ip(SERVER), 201);
    let report = rig.finish();
    let lists: Vec<_> = report.incidents.iter().map(|one| one.port_list.as_str()).collect();
    assert_eq!(lists, ["tcp 1-10", "tcp 101-110"]);
    assert_ne!(report.incidents[0].id, report.incidents[1].id);
}

#[test]
fn a_clock_that_is_set_back_hides_no_sweep() {
    let mut rig = Rig::new(at_home());
    let client = ip("198.51.100.20");
    rig.session(client, ip(SERVER), 443);
    rig.now = rig.now - Duration::from_secs(3_600);
    for _ in 0..10 {
        rig.session(client, ip(SERVER), 443);
    }
    for port in 1..=20 {
        rig.silent(ip(SCANNER), ip(SERVER), port);
    }
    rig.wait_secs(60);
    for _ in 0..10 {
        rig.session(client, ip(SERVER), 443);
    }
    let report = rig.finish();
    assert_eq!(report.one().sources, [ip(SCANNER)]);
    assert!(report.notices.iter().any(|notice| notice.name == "clock_set_back"));
}

/// Somebody sweeps in the name of a client; the client goes on as before.
fn framed(visit: impl Fn(&mut Rig, Addr)) {
    let mut rig = Rig::new(at_home());
    let client = ip("203.0.113.77");
    visit(&mut rig, client);
    rig.wait_secs(5);
    for port in 1..=20 {
        rig.refused(client, ip(SERVER), port);
    }
    visit(&mut rig, client);
    rig.wait_secs(30);
    visit(&mut rig, client);
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(incident.response.action, Action::RateLimit);
    assert!(incident.response.reason.contains("in his name"), "{}", incident.response.reason);
}

#[test]
fn who_uses_a_service_is_not_framed() {
    framed(|rig, client| rig.session(client, ip(SERVER), 80));
}

/// A check of health: it connects and hangs up, again and again.
#[test]
fn who_watches_a_service_is_not_framed() {
    framed(|rig, client| rig.look_in(client, ip(SERVER), 80));
}

/// The first check of a new monitor comes while somebody sweeps in its name, but hardly ever just
/// when that began, or between two of the probes.
#[test]
fn who_comes_for_the_first_time_is_not_framed() {
    let client = ip("203.0.113.77");
    for (pause, gap) in [(35_000, 100), (2_000, 2_000)] {
        let mut rig = Rig::new(at_home());
        let mut swept = 0;
        for port in 1_000.. {
            rig.refused(client, ip(SERVER), port);
            rig.wait(Duration::from_millis(gap));
            swept += gap;
            if swept >= pause {
                break;
            }
        }
        rig.wait(Duration::from_millis(gap.min(1_000)));
        rig.look_in(client, ip(SERVER), 80);
        rig.wait(Duration::from_millis(gap.min(1_000)));
        for port in 10..=20 {
            rig.wait(Duration::from_millis(gap));
            rig.refused(client, ip(SERVER), port);
        }
        assert_eq!(rig.finish().one().response.action, Action::RateLimit, "{gap} ms");
    }
}

/// Who was known before the sensor was started comes back, and is swept with at the same time.
#[test]
fn who_was_known_before_is_not_framed() {
    let client = ip("203.0.113.77");
    let service = Service { host: ip(SERVER), protocol: Protocol::Tcp, port: 80 };
    let sweep = |known: bool| {
        let mut rig = Rig::new(at_home());
        let before = rig.now - Duration::from_secs(3_600);
        if known {
            rig.engine.recall(&Visit { source: client, service, first: before, last: before });
        }
        for port in 1..=20 {
            rig.refused(client, ip(SERVER), port);
            if port == 10 {
                rig.look_in(client, ip(SERVER), 80);
            }
        }
        rig.finish().one().response.action
    };
    assert_eq!(sweep(true), Action::RateLimit);
    assert_eq!(sweep(false), Action::Curtail, "who is new and does the same sweeps");
}

/// What a sweep looked in at is no visit: when it comes again, it is no regular.
#[test]
fn who_sweeps_again_is_proven_again() {
    let mut rig = Rig::emitting(at_home(), Emit::Updates);
    let mut proven = Vec::new();
    for round in 0..3u16 {
        for port in 1..=20 {
            rig.refused(ip(SCANNER), ip(SERVER), 100 * round + port);
        }
        rig.look_in(ip(SCANNER), ip(SERVER), 80);
        for incident in rig.report().incidents {
            if let Proof::Proven { when, .. } = incident.proof {
                proven.push(when);
            }
        }
        rig.wait_secs(600);
    }
    proven.dedup();
    assert_eq!(proven.len(), 3, "{proven:?}");
}

/// Who is a regular of a service goes on using it while others sweep in his name: no follow-up.
#[test]
fn who_goes_on_as_before_is_no_follow_up() {
    let client = ip("203.0.113.77");
    let sweep = |knows_it: bool| {
        let mut rig = Rig::new(at_home());
        if knows_it {
            rig.session(client, ip(SERVER), 80);
            rig.wait_secs(100_000);
        }
        for port in 1..=20 {
            rig.refused(client, ip(SERVER), port);
        }
        rig.half_open(client, ip(SERVER), 80);
        rig.wait_secs(60);
        rig.session(client, ip(SERVER), 80);
        rig.finish().one().verdict
    };
    assert_eq!(sweep(true), Verdict::Sweep);
    assert_eq!(sweep(false), Verdict::FollowUp);
}

/// A browser that opens a connection in advance, beside the one that it uses.
#[test]
fn who_prepares_a_visit_is_not_framed() {
    let mut rig = Rig::new(at_home());
    let client = ip("203.0.113.77");
    for port in 1..=20 {
        rig.refused(client, ip(SERVER), port);
    }
    rig.session(client, ip(SERVER), 443);
    rig.look_in(client, ip(SERVER), 80);
    assert_eq!(rig.finish().one().response.action, Action::RateLimit);
}

/// The look at an open port that a connect scan is after comes late in it.
#[test]
fn a_late_find_proves_the_sweeper() {
    let mut rig = Rig::new(at_home());
    for port in 100..=160 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    rig.look_in(ip(SCANNER), ip(SERVER), 161);
    assert_eq!(rig.finish().one().response.action, Action::Curtail);
}

/// A service that hangs up on whoever says nothing, before he does.
#[test]
fn who_hangs_up_first_does_not_matter() {
    let mut rig = Rig::new(at_home());
    for port in 100..=120 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    let (client, server) = ((ip(SCANNER), 40_000), (ip(SERVER), 121));
    rig.tcp(client, server, SYN, 1_000, 0);
    rig.tcp(server, client, SYN | ACK, 5_000, 1_001);
    rig.tcp(client, server, ACK, 1_001, 5_001);
    rig.tcp(server, client, FIN | ACK, 5_001, 1_001);
    rig.tcp(client, server, FIN | ACK, 1_001, 5_002);
    assert_eq!(rig.finish().one().response.action, Action::Curtail);
}
