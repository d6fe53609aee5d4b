//! Statuses such as a sensor puts up, made from recorded captures by the real detector.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tripline::run::FrameSource as _;
use tripline::watch::control::InForce;
use tripline::watch::status::{InterfaceStatus, Status};
use tripline::{capture, data};
use tripline_core::event::{Event, Incident, Notice, SCHEMA_VERSION};
use tripline_core::{Config, Emit, Engine};
use tripline_packet::{Decoder, Duration, Packet, Timestamp};
use tripline_respond::{Decision, Ledger, Mode, Policy};

/// Nobody does anything that he should not.
pub(crate) fn quiet() -> Status {
    static STATUS: LazyLock<Status> = LazyLock::new(|| watched(&["http-browsing"]));
    STATUS.clone()
}

/// A sweep that finds something, and comes back for it.
pub(crate) fn one() -> Status {
    static STATUS: LazyLock<Status> = LazyLock::new(|| {
        let mut status = watched(&["follow-up-ssh"]);
        hold_off(&mut status);
        status
    });
    STATUS.clone()
}

/// A bad day.
pub(crate) fn many() -> Status {
    static STATUS: LazyLock<Status> = LazyLock::new(|| {
        let mut status = watched(&[
            "probe-ftp-once",
            "outage",
            "nmap-decoys",
            "nmap6-syn",
            "distributed-four",
            "zmap-icmp",
            "masscan-horizontal-80",
            "nmap-udp-vertical",
            "lan-arping-sweep",
            "follow-up-ssh",
        ]);
        hold_off(&mut status);
        status.curtailed.truncate(6);
        let lost = "12 of 3,817 frames of the last 1 s on eth0 were lost (0.3 %): the sensor is too \
                    slow for them; attempts may be missed, and the silence of a service proves less";
        let told = [("interface_up", "the interface eth0 is up again"), ("capture_loss", lost)];
        for (at, (name, message)) in told.into_iter().enumerate() {
            status.notices.push_front(Notice {
                schema: SCHEMA_VERSION,
                name: name.to_owned(),
                time: Some(status.now - Duration::from_secs(90 - at as u64)),
                message: message.to_owned(),
            });
        }
        status
    });
    STATUS.clone()
}

/// The sensor's status after these captures, one after the other.
fn watched(cases: &[&str]) -> Status {
    let mut all: Option<Status> = None;
    for case in cases {
        let status = after(case);
        let Some(all) = &mut all else {
            all = Some(status);
            continue;
        };
        for incident in status.incidents.into_iter().rev() {
            all.incidents.push_front(incident);
        }
        all.engine.suspects.extend(status.engine.suspects);
        all.services.extend(status.services);
        (all.now, all.started) = (status.now, status.started);
    }
    let mut all = all.unwrap();
    // Recorded at different times, but the sensor tells the latest first.
    all.incidents.make_contiguous().sort_by_key(|incident| std::cmp::Reverse(incident.last));
    let suspects = &mut all.engine.suspects;
    suspects.sort_by(|one, other| other.score.total_cmp(&one.score));
    let mut seen = HashSet::new();
    suspects.retain(|suspect| seen.insert(suspect.source));
    let mut seen = HashSet::new();
    all.services.retain(|service| seen.insert((service.host, service.protocol, service.port)));
    all.services.sort_by_key(|service| (service.host, service.protocol, service.port));
    let latest = all.incidents.iter().map(|incident| incident.last).max();
    all.now = latest.unwrap_or(all.now).max(all.now) + Duration::from_secs(20);
    all.started = all.now - Duration::from_secs(7_380);
    all
}

fn input(case: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases").join(case);
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.to_string_lossy().contains("input.pcap")).unwrap()
}

fn engine() -> Engine {
    let homes = ["192.0.2.0/24", "2001:db8::/64"];
    let home = homes.iter().map(|home| home.parse().unwrap()).collect();
    let settings = tripline_core::settings::Settings { home, ..Default::default() };
    Engine::new(Config {
        settings,
        catalog: data::catalog().unwrap(),
        likelihoods: data::likelihoods().unwrap(),
        tools: data::tools().unwrap(),
        key: [1, 2],
        emit: Emit::Updates,
    })
}

fn after(case: &str) -> Status {
    let (mut engine, mut decoder) = (engine(), Decoder::new());
    let (mut packet, mut now, mut frames) = (Packet::EMPTY, Timestamp::EPOCH, 0);
    let mut incidents: VecDeque<Incident> = VecDeque::new();
    let mut events = 0;
    let mut drain = |engine: &mut Engine| {
        while let Some(event) = engine.poll() {
            events += 1;
            if let Event::Incident(new) = event {
                incidents.retain(|old| old.id != new.id);
                incidents.push_front(*new);
            }
        }
    };
    let mut source = capture::open(&[input(case)]).unwrap();
    while let Some(frame) = source.next_frame() {
        let frame = frame.unwrap();
        (now, frames) = (frame.time, frames + 1);
        if let Ok(true) = decoder.decode_into(&frame, &mut packet) {
            engine.handle(&packet);
        }
        drain(&mut engine);
    }
    now = now + Duration::from_secs(10);
    engine.handle_timeout(now);
    drain(&mut engine);
    Status {
        started: now,
        now,
        mode: Mode::Enforce,
        interfaces: vec![InterfaceStatus {
            name: "eth0".to_owned(),
            up: true,
            frames: 3_600_000 + frames,
            drops: 0,
        }],
        events,
        not_kept: 0,
        engine: engine.status(50),
        incidents,
        services: engine.services(),
        curtailed: Vec::new(),
        notices: VecDeque::new(),
    }
}

/// What the policy does about the incidents.
fn hold_off(status: &mut Status) {
    let policy = Policy { mode: Mode::Enforce, ..Policy::default() };
    let mut ledger = Ledger::default();
    for (at, incident) in status.incidents.iter().enumerate() {
        let since = status.now - Duration::from_secs(20 + at as u64);
        if let Decision::Curtail(found) = policy.decide(incident, &ledger, |_| None, since) {
            ledger.add(found.clone());
            let left = found.until.since(status.now).as_secs();
            let kernel = (at != 1).then_some((left, 17 * at as u64));
            status.curtailed.push(InForce { curtailment: found, enforced: true, left, kernel });
        }
    }
}
