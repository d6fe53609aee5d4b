//! The engine over a virtual network: what must be found, and what must not.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

mod evasions;
mod rig;

use rig::{ACK, FIN, PSH, RST, Rig, SYN, URG, at_home, ip};
use tripline_core::event::{Action, Order, PaceClass, Proof, Shape, Verdict};
use tripline_core::settings::{Scanner, Settings};
use tripline_core::{Emit, Protocol, Service, Standing, Technique};
use tripline_packet::{Body, Duration, Hint, Tcp, TcpFlags, Timestamp, Transport};

const SCANNER: &str = "198.51.100.66";
const SERVER: &str = "192.0.2.10";

#[test]
fn a_vertical_sweep_after_five_refusals() {
    let mut rig = Rig::new(at_home());
    for port in 1..=100 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(incident.verdict, Verdict::Sweep);
    assert_eq!(incident.shape, Some(Shape::Vertical));
    assert_eq!(incident.order, Some(Order::Sequential));
    assert_eq!(incident.techniques, [Technique::Syn]);
    assert_eq!((incident.hosts, incident.ports), (1, 100));
    assert_eq!(incident.signature, "TCP_Port_Scan");
    assert_eq!(incident.iss_id, Some(2_000_301));
    assert!(incident.attempts_to_verdict <= 5, "{}", incident.attempts_to_verdict);
    assert_eq!(incident.proof, Proof::None);
    assert_eq!(incident.response.action, Action::RateLimit);
    let ftp = report.probes.iter().find(|probe| probe.signature == "TCP_Probe_Ftp").unwrap();
    assert_eq!((ftp.iss_id, ftp.port), (Some(2_003_004), Some(21)));
    assert_eq!(ftp.incident.as_ref(), Some(&incident.id));
}

#[test]
fn one_damaged_timestamp_does_not_stop_the_clock() {
    for (damaged, wild) in [(7, 0), (0, i64::MAX), (7, i64::MAX)] {
        let mut rig = Rig::new(at_home());
        for port in 1..=20 {
            let now = rig.now;
            if port == 1 + damaged {
                rig.now = Timestamp::from_nanos(wild);
            }
            rig.silent(ip(SCANNER), ip(SERVER), port);
            rig.now = now;
            rig.wait_secs(1);
        }
        // Silence is only known once time has gone on.
        rig.wait_secs(100);
        rig.refused(ip("198.51.100.7"), ip(SERVER), 9);
        let report = rig.finish();
        assert_eq!(report.one().ports, 20, "damaged: {damaged}, to {wild}");
        assert!(report.one().pace.seconds < 30.0);
    }
}

#[test]
fn the_end_of_time_is_survived() {
    let mut rig = Rig::new(at_home());
    rig.now = Timestamp::MAX;
    for port in 1..=20 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    rig.silent(ip(SCANNER), ip(SERVER), 21);
    assert_eq!(rig.finish().one().ports, 21);
}

#[test]
fn four_refusals_are_single_probes_only() {
    let mut rig = Rig::new(at_home());
    for port in [21, 22, 23, 79] {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    let report = rig.finish();
    report.silent();
    assert_eq!(report.probes.len(), 4);
    assert!(report.probes.iter().all(|probe| probe.standing == Standing::Unused));
}

#[test]
fn a_horizontal_sweep_over_dark_space() {
    let mut rig = Rig::new(at_home());
    for host in 1..=254u32 {
        let target = tripline_packet::Addr::from_v4_bits(0xc000_0200 | host);
        rig.silent(ip(SCANNER), target, 21);
    }
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(incident.shape, Some(Shape::Horizontal));
    assert_eq!(incident.signature, "TCP_Service_Sweep");
    assert_eq!(incident.hosts, 254);
    assert!(incident.attempts_to_verdict <= 5);
}

#[test]
fn a_connect_sweep_is_proven_and_followed_up() {
    let mut rig = Rig::new(at_home());
    rig.session(ip("198.51.100.20"), ip(SERVER), 22);
    for port in 20..=40 {
        if port == 22 {
            rig.look_in(ip(SCANNER), ip(SERVER), port);
        } else {
            rig.refused(ip(SCANNER), ip(SERVER), port);
        }
    }
    rig.wait_secs(60);
    rig.session(ip(SCANNER), ip(SERVER), 22);
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(incident.verdict, Verdict::FollowUp);
    assert_eq!(incident.found.len(), 1);
    assert!(incident.found[0].follow_up.is_some());
    assert!(matches!(incident.proof, Proof::Proven { .. }));
    assert_eq!(incident.response.action, Action::Curtail);
}

/// A slip at one service proves nothing about a sweep that somebody else does in one's name.
#[test]
fn two_answered_challenges_prove_a_sweep() {
    let mut rig = Rig::emitting(at_home(), Emit::Updates);
    let service = |port| Service { host: ip(SERVER), protocol: Protocol::Tcp, port };
    for port in 1..=10 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    rig.engine.challenged(ip(SCANNER), service(7), rig.now, b"");
    rig.engine.challenged(ip(SCANNER), service(7), rig.now, b"");
    let report = rig.report();
    assert!(report.incidents.iter().all(|incident| incident.proof == Proof::None));
    rig.engine.challenged(ip(SCANNER), service(9), rig.now, b"");
    let report = rig.report();
    let Proof::Proven { how, .. } = &report.one().proof else { panic!("{:?}", report.one()) };
    assert!(how.contains("192.0.2.10:9/tcp, where nobody listens"), "{how}");
    assert_eq!(report.one().response.action, Action::Curtail);
    assert!(report.one().said.is_empty());
    // What it wanted comes a moment later, and is news.
    rig.engine.challenged(ip(SCANNER), service(9), rig.now, b"GET / HTTP/1.0\r\n\0\xff");
    rig.engine.challenged(ip(SCANNER), service(9), rig.now, b"something else");
    let report = rig.report();
    let [said] = &report.one().said[..] else { panic!("{:?}", report.one().said) };
    assert_eq!(said.service, service(9));
    assert_eq!(said.text, "GET / HTTP/1.0\\r\\n\\x00\\xff");
}

#[test]
fn challenges_before_the_verdict_count() {
    let mut rig = Rig::new(at_home());
    let service = |port| Service { host: ip(SERVER), protocol: Protocol::Tcp, port };
    // Nobody: there is nothing that it could prove.
    rig.engine.challenged(ip("198.51.100.9"), service(1), rig.now, b"hello");
    for port in 1..=2 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
        rig.engine.challenged(ip(SCANNER), service(port), rig.now, &[b'a'; 1_000]);
    }
    for port in 3..=10 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    let report = rig.finish();
    assert!(matches!(report.one().proof, Proof::Proven { .. }));
    assert_eq!(report.one().said.len(), 2);
    assert_eq!(report.one().said[0].text.len(), 256);
}

#[test]
fn half_open_finds_are_listed_and_prove_nothing() {
    let mut rig = Rig::new(at_home());
    for port in 1..=30 {
        if port == 22 {
            rig.half_open(ip(SCANNER), ip(SERVER), port);
        } else {
            rig.refused(ip(SCANNER), ip(SERVER), port);
        }
    }
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(incident.found.len(), 1);
    assert_eq!(incident.proof, Proof::None);
    assert_eq!(incident.outcomes.half_open, 1);
}

#[test]
fn stealth_flags_are_told_apart() {
    for (flags, technique) in [
        (0, Technique::Null),
        (FIN, Technique::Fin),
        (FIN | PSH | URG, Technique::Xmas),
        (SYN | FIN, Technique::SynFin),
        (ACK, Technique::Ack),
        (FIN | ACK, Technique::Maimon),
    ] {
        let mut rig = Rig::new(at_home());
        for port in 1..=20u16 {
            let ack = if flags & ACK == 0 { 0 } else { rig.fresh() };
            let seq = rig.fresh();
            rig.tcp((ip(SCANNER), 40_000 + port), (ip(SERVER), port), flags, seq, ack);
            rig.tcp((ip(SERVER), port), (ip(SCANNER), 40_000 + port), RST, ack, 0);
        }
        let report = rig.finish();
        let incident = report.one();
        assert_eq!(incident.techniques, [technique]);
        assert!(incident.attempts_to_verdict <= 5, "{technique}");
    }
}

#[test]
fn a_slow_sweep_is_found_all_the_same() {
    let mut rig = Rig::new(Settings { quiet: Duration::from_secs(3 * 86_400), ..at_home() });
    for port in 1..=6 {
        rig.refused(ip(SCANNER), ip(SERVER), port * 10);
        rig.wait_secs(86_400);
    }
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(incident.pace.class, PaceClass::Slow);
    assert_eq!(incident.signature, "Slow_Port_Scan");
    assert!(incident.attempts_to_verdict <= 5);
}

#[test]
fn good_connections_do_not_hide_a_sweep() {
    let mut rig = Rig::new(at_home());
    for client in 1..=5 {
        let client = tripline_packet::Addr::from_v4_bits(0xc633_6400 | client);
        for port in [80, 443, 25] {
            rig.session(client, ip(SERVER), port);
        }
    }
    for round in 0..7u16 {
        for port in [80, 443, 25] {
            rig.session(ip(SCANNER), ip(SERVER), port);
        }
        rig.refused(ip(SCANNER), ip(SERVER), 1_000 + round);
    }
    let report = rig.finish();
    assert!(report.one().attempts_to_verdict <= 6);
}

#[test]
fn udp_by_port_unreachable() {
    let mut rig = Rig::new(at_home());
    for port in 1..=20u16 {
        rig.udp((ip(SCANNER), 50_000), (ip(SERVER), port));
        let transport = Transport::Udp { src_port: 50_000, dst_port: port };
        rig.icmp_error(ip(SERVER), (3, 3), (ip(SCANNER), ip(SERVER), transport));
    }
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(
        (incident.shape, incident.signature.as_str()),
        (Some(Shape::Vertical), "UDP_Port_Scan")
    );
    assert_eq!(incident.outcomes.unreachable, 20);
}

#[test]
fn two_packets_with_a_tool_formula_suffice() {
    let mut rig = Rig::new(at_home());
    for port in [21u16, 23] {
        let dst = ip(SERVER);
        let seq = rig.fresh();
        let ip_id = (dst.v4_bits().unwrap() ^ u32::from(port) ^ seq) as u16;
        let tcp = Tcp {
            src_port: 41_000,
            dst_port: port,
            seq,
            flags: TcpFlags(SYN),
            window: 1_024,
            ..Tcp::default()
        };
        rig.send_with(ip(SCANNER), dst, Body::Tcp(tcp), |packet| {
            packet.ip_id = ip_id;
        });
        rig.tcp((dst, port), (ip(SCANNER), 41_000), RST | ACK, 0, seq.wrapping_add(1));
    }
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(incident.attempts_to_verdict, 2);
    assert_eq!(incident.tool.as_ref().unwrap().name, "masscan");
}

#[test]
fn arp_sweep_of_a_host_but_not_of_a_router() {
    let sweep = |rig: &mut Rig, from: &str| {
        rig.arp(ip(from), ip("192.0.2.10"), true);
        for host in 100..130u32 {
            let target = tripline_packet::Addr::from_v4_bits(0xc000_0200 | host);
            rig.arp(ip(from), target, false);
        }
    };
    let mut rig = Rig::new(at_home());
    sweep(&mut rig, "192.0.2.66");
    let report = rig.finish();
    assert_eq!(report.one().signature, "ARP_Sweep");

    let mut rig = Rig::new(at_home());
    let udp = tripline_packet::Udp { src_port: 5_000, dst_port: 53, ..Default::default() };
    rig.send_with(ip("203.0.113.9"), ip(SERVER), Body::Udp(udp), |packet| {
        packet.src_mac = [2, 0, 0, 0, 0, 1];
    });
    sweep(&mut rig, "192.0.2.1");
    rig.finish().silent();
}

#[test]
fn decoys_are_one_incident() {
    let mut rig = Rig::new(at_home());
    let sources = ["198.51.100.66", "198.51.100.70", "198.51.100.71"];
    for port in 1..=20u16 {
        for source in sources {
            rig.tcp((ip(source), 45_000), (ip(SERVER), port), SYN, 77_777, 0);
            rig.tcp((ip(SERVER), port), (ip(source), 45_000), RST | ACK, 0, 77_778);
        }
    }
    let report = rig.finish();
    let incident = report.one();
    assert_eq!(incident.sources.len(), 3);
    assert_eq!(incident.signature, "Decoy_Scan");
    assert_ne!(incident.response.action, Action::Curtail);
}

#[test]
fn silent_cases() {
    let client = "198.51.100.20";

    // retransmissions of one attempt, and one dead service over and over
    let mut rig = Rig::new(at_home());
    for _ in 0..30 {
        let sport = rig.port();
        for _ in 0..4 {
            rig.tcp((ip(client), sport), (ip(SERVER), 21), SYN, 99, 0);
            rig.wait_secs(1);
        }
        rig.wait_secs(20);
    }
    let report = rig.finish();
    assert_eq!(report.one().verdict, Verdict::StaleClient);
    assert_eq!(report.probes.len(), 1);
    assert_eq!(report.probes[0].count, 30);

    // an outage of a popular service
    let mut rig = Rig::new(at_home());
    let clients: Vec<_> =
        (1..=20).map(|n| tripline_packet::Addr::from_v4_bits(0xc633_6400 | n)).collect();
    for client in &clients {
        rig.session(*client, ip(SERVER), 443);
    }
    for client in &clients {
        rig.refused(*client, ip(SERVER), 443);
    }
    let report = rig.finish();
    assert_eq!(report.one().verdict, Verdict::Outage);
    assert!(report.probes.is_empty());

    // FTP data connections that were announced and refused
    let mut rig = Rig::new(at_home());
    for port in 30_000..30_030u16 {
        let tcp =
            Tcp { src_port: 21, dst_port: 40_000, flags: TcpFlags(PSH | ACK), ..Tcp::default() };
        rig.send_with(ip(SERVER), ip(client), Body::Tcp(tcp), |packet| {
            packet.hint = Hint::FtpData { addr: ip(SERVER), port };
        });
        rig.refused(ip(client), ip(SERVER), port);
    }
    rig.finish().silent();

    // backscatter: SYN-ACKs and RSTs at hosts that never asked
    let mut rig = Rig::new(at_home());
    for n in 0..200u32 {
        let target = tripline_packet::Addr::from_v4_bits(0xc000_0200 | n);
        let flags = if n % 2 == 0 { SYN | ACK } else { RST | ACK };
        rig.tcp((ip("203.0.113.80"), 80), (target, 1_024 + n as u16), flags, 1, 1);
    }
    let report = rig.finish();
    assert_eq!(report.one().verdict, Verdict::Backscatter);
    assert!(report.probes.is_empty());

    // traceroute: high ports, few hops left
    let mut rig = Rig::new(at_home());
    for port in 33_434..33_450u16 {
        rig.udp_with((ip(client), 51_000), (ip(SERVER), port), |packet| {
            packet.ttl = 2;
        });
        let transport = Transport::Udp { src_port: 51_000, dst_port: port };
        rig.icmp_error(ip(SERVER), (3, 3), (ip(client), ip(SERVER), transport));
    }
    rig.finish().silent();

    // a mail program that tries all mail ports
    let mut rig = Rig::new(at_home());
    for port in [993, 143, 995, 110, 587, 465, 25] {
        rig.refused(ip(client), ip(SERVER), port);
    }
    rig.finish().silent();
}

#[test]
fn late_answers_take_evidence_back() {
    let mut rig = Rig::new(at_home());
    let mut late = Vec::new();
    for port in [80u16, 81, 82, 83] {
        let (seq, sport) = (rig.fresh(), rig.port());
        rig.tcp((ip(SCANNER), sport), (ip(SERVER), port), SYN, seq, 0);
        late.push((sport, port, seq));
    }
    rig.wait_secs(8);
    for (sport, port, seq) in late {
        rig.tcp((ip(SERVER), port), (ip(SCANNER), sport), SYN | ACK, 5, seq.wrapping_add(1));
        rig.tcp((ip(SCANNER), sport), (ip(SERVER), port), ACK, seq.wrapping_add(1), 6);
    }
    // without the answers these would have been enough
    for port in [7_001, 7_002, 7_003] {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    let report = rig.finish();
    report.silent();
    assert_eq!(report.probes.len(), 3, "{:#?}", report.probes);
}

#[test]
fn a_service_that_starts_later_revokes() {
    let mut rig = Rig::emitting(at_home(), Emit::Updates);
    for port in 1..=5 {
        rig.refused(ip(SCANNER), ip(SERVER), port * 100);
    }
    assert_eq!(rig.report().one().verdict, Verdict::Sweep);
    for port in 1..=5 {
        rig.session(ip("198.51.100.20"), ip(SERVER), port * 100);
    }
    let report = rig.report();
    assert!(report.incidents.iter().any(|incident| incident.verdict == Verdict::Withdrawn));
}

#[test]
fn an_authorised_scanner_is_reported_as_such_within_its_scope() {
    let scanner = Scanner {
        name: "audit".to_owned(),
        source: format!("{SCANNER}/32").parse().unwrap(),
        targets: vec!["192.0.2.0/24".parse().unwrap()],
        ports: Vec::new(),
        until: None,
    };
    let settings = Settings { scanners: vec![scanner], ..at_home() };
    let mut rig = Rig::new(settings);
    for port in 1..=20 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
    }
    let report = rig.finish();
    assert_eq!(report.one().verdict, Verdict::Authorised);
    assert_eq!(report.one().response.action, Action::Notify);
}

#[test]
fn time_that_runs_backwards_is_survived() {
    let mut rig = Rig::new(at_home());
    for port in 1..=40u16 {
        rig.refused(ip(SCANNER), ip(SERVER), port);
        rig.now = rig.now - Duration::from_secs(30);
    }
    let report = rig.finish();
    assert_eq!(report.one().shape, Some(Shape::Vertical));
}

#[test]
fn one_way_capture_of_answers_still_shows_the_sweep() {
    let mut rig = Rig::new(at_home());
    for port in 1..=20u16 {
        rig.tcp((ip(SERVER), port), (ip(SCANNER), 45_000), RST | ACK, 0, 1_000);
    }
    let report = rig.finish();
    assert_eq!(report.one().sources, [ip(SCANNER)]);
}

#[test]
fn a_flood_is_not_a_sweep() {
    let mut rig = Rig::new(at_home());
    rig.session(ip("198.51.100.20"), ip(SERVER), 80);
    for n in 0..3_000u32 {
        let source = tripline_packet::Addr::from_v4_bits(0x0b00_0000 + n * 7_919);
        rig.half_open(source, ip(SERVER), 80);
    }
    let report = rig.finish();
    assert_eq!(report.one().verdict, Verdict::Flood);
    assert!(report.probes.is_empty());
}

#[test]
fn ipv6_alike() {
    let mut rig = Rig::new(at_home());
    for port in 1..=30 {
        rig.refused(ip("2001:db8:66::66"), ip("2001:db8:1::10"), port);
    }
    let report = rig.finish();
    assert_eq!(report.one().shape, Some(Shape::Vertical));
    assert!(report.one().attempts_to_verdict <= 5);
}
