//! A virtual network with a virtual clock: packets are made, not captured.
#![expect(clippy::disallowed_methods, reason = "the test reads the shipped data; the core may not")]

use std::net::IpAddr;
use std::path::Path;

use tripline_core::catalog::{Catalog, CatalogFile};
use tripline_core::event::{Event, Incident, Notice, Probe};
use tripline_core::settings::Settings;
use tripline_core::{Config, Emit, Engine};
use tripline_packet::{
    Addr, Arp, Body, Duration, Hint, Icmp, Packet, Quoted, Tcp, TcpFlags, TcpOptions, Timestamp,
    Transport, Udp,
};

pub(crate) const SYN: u16 = TcpFlags::SYN;
pub(crate) const ACK: u16 = TcpFlags::ACK;
pub(crate) const RST: u16 = TcpFlags::RST;
pub(crate) const FIN: u16 = TcpFlags::FIN;
pub(crate) const PSH: u16 = TcpFlags::PSH;
pub(crate) const URG: u16 = TcpFlags::URG;

/// An address from text.
pub(crate) fn ip(text: &str) -> Addr {
    text.parse::<IpAddr>().unwrap().into()
}

/// Settings with 192.0.2.0/24 and `2001:db8:1::/64` at home.
pub(crate) fn at_home() -> Settings {
    Settings {
        home: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8:1::/64".parse().unwrap()],
        ..Settings::default()
    }
}

/// The shipped data.
pub(crate) fn config(settings: Settings, emit: Emit) -> Config {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../catalog/");
    let read = |name: &str| std::fs::read_to_string(format!("{root}{name}")).unwrap();
    let names = std::fs::read_dir(root).unwrap().map(|file| file.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let is_pages = |name: &String| {
        Path::new(name).extension().is_some_and(|end| end == "toml")
            && name != "likelihood.toml"
            && name != "tools.toml"
    };
    let mut entries = Vec::new();
    for name in names.filter(is_pages) {
        entries.extend(toml::from_str::<CatalogFile>(&read(&name)).unwrap().events);
    }
    Config {
        settings,
        catalog: Catalog::new(entries).unwrap(),
        likelihoods: toml::from_str(&read("likelihood.toml")).unwrap(),
        tools: toml::from_str(&read("tools.toml")).unwrap(),
        key: [7, 11],
        emit,
    }
}

/// The engine, the clock and the wire.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) now: Timestamp,
    seq: u32,
}

impl Rig {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::emitting(settings, Emit::Final)
    }

    pub(crate) fn emitting(settings: Settings, emit: Emit) -> Self {
        let engine = Engine::new(config(settings, emit));
        Self { engine, now: Timestamp::from_parts(1_800_000_000, 0), seq: 12_345 }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    pub(crate) fn wait_secs(&mut self, seconds: u64) {
        self.wait(Duration::from_secs(seconds));
    }

    /// A number that no two openings share, and no formula relates.
    pub(crate) fn fresh(&mut self) -> u32 {
        self.seq = self.seq.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.seq
    }

    pub(crate) fn send(&mut self, src: Addr, dst: Addr, body: Body) {
        self.send_with(src, dst, body, |_| {});
    }

    pub(crate) fn send_with(
        &mut self,
        src: Addr,
        dst: Addr,
        body: Body,
        change: impl FnOnce(&mut Packet),
    ) {
        let mut packet = Packet {
            time: self.now,
            src,
            dst,
            wire_len: 60,
            ttl: 57,
            dont_fragment: true,
            ip_id: 4_321,
            tunnel_depth: 0,
            reassembled: false,
            src_mac: [0; 6],
            link_multicast: false,
            body,
            hint: Hint::None,
        };
        change(&mut packet);
        self.engine.handle(&packet);
        self.now = self.now + Duration::from_micros(200);
    }

    /// A TCP segment.
    pub(crate) fn tcp(
        &mut self,
        from: (Addr, u16),
        to: (Addr, u16),
        flags: u16,
        seq: u32,
        ack: u32,
    ) {
        self.tcp_data(from, to, flags, seq, ack, 0);
    }

    pub(crate) fn tcp_data(
        &mut self,
        from: (Addr, u16),
        to: (Addr, u16),
        flags: u16,
        seq: u32,
        ack: u32,
        payload_len: u16,
    ) {
        let tcp = Tcp {
            src_port: from.1,
            dst_port: to.1,
            seq,
            ack,
            flags: TcpFlags(flags),
            window: 64_240,
            urgent: 0,
            payload_len,
            options: TcpOptions::default(),
        };
        self.send(from.0, to.0, Body::Tcp(tcp));
    }

    /// A SYN and the RST that a closed port answers.
    pub(crate) fn refused(&mut self, src: Addr, dst: Addr, port: u16) {
        let (seq, sport) = (self.fresh(), self.port());
        self.tcp((src, sport), (dst, port), SYN, seq, 0);
        self.tcp((dst, port), (src, sport), RST | ACK, 0, seq.wrapping_add(1));
    }

    /// A SYN that nobody answers.
    pub(crate) fn silent(&mut self, src: Addr, dst: Addr, port: u16) {
        let (seq, sport) = (self.fresh(), self.port());
        self.tcp((src, sport), (dst, port), SYN, seq, 0);
    }

    /// A whole session with data both ways.
    pub(crate) fn session(&mut self, src: Addr, dst: Addr, port: u16) {
        let (seq, iss, sport) = (self.fresh(), self.fresh(), self.port());
        let (client, server) = ((src, sport), (dst, port));
        self.tcp(client, server, SYN, seq, 0);
        self.tcp(server, client, SYN | ACK, iss, seq.wrapping_add(1));
        self.tcp(client, server, ACK, seq.wrapping_add(1), iss.wrapping_add(1));
        let (seq, iss) = (seq.wrapping_add(1), iss.wrapping_add(1));
        self.tcp_data(client, server, PSH | ACK, seq, iss, 100);
        self.tcp_data(server, client, PSH | ACK, iss, seq.wrapping_add(100), 500);
        self.tcp(client, server, FIN | ACK, seq.wrapping_add(100), iss.wrapping_add(500));
        self.tcp(server, client, FIN | ACK, iss.wrapping_add(500), seq.wrapping_add(101));
    }

    /// A session that is closed at once, without a word, as a connect scanner does.
    pub(crate) fn look_in(&mut self, src: Addr, dst: Addr, port: u16) {
        let (seq, iss, sport) = (self.fresh(), self.fresh(), self.port());
        let (client, server) = ((src, sport), (dst, port));
        self.tcp(client, server, SYN, seq, 0);
        self.tcp(server, client, SYN | ACK, iss, seq.wrapping_add(1));
        self.tcp(client, server, ACK, seq.wrapping_add(1), iss.wrapping_add(1));
        self.tcp(client, server, RST | ACK, seq.wrapping_add(1), iss.wrapping_add(1));
    }

    /// A SYN, its SYN-ACK, and the RST of a half-open scanner.
    pub(crate) fn half_open(&mut self, src: Addr, dst: Addr, port: u16) {
        let (seq, iss, sport) = (self.fresh(), self.fresh(), self.port());
        self.tcp((src, sport), (dst, port), SYN, seq, 0);
        self.tcp((dst, port), (src, sport), SYN | ACK, iss, seq.wrapping_add(1));
        self.tcp((src, sport), (dst, port), RST, seq.wrapping_add(1), 0);
    }

    pub(crate) fn port(&mut self) -> u16 {
        33_000 + (self.fresh() >> 18) as u16
    }

    pub(crate) fn udp(&mut self, from: (Addr, u16), to: (Addr, u16)) {
        self.udp_with(from, to, |_| {});
    }

    pub(crate) fn udp_with(
        &mut self,
        from: (Addr, u16),
        to: (Addr, u16),
        change: impl FnOnce(&mut Packet),
    ) {
        let udp = Udp { src_port: from.1, dst_port: to.1, payload_len: 20, is_response: false };
        self.send_with(from.0, to.0, Body::Udp(udp), change);
    }

    /// The ICMP error of `sender` about a UDP or TCP packet.
    pub(crate) fn icmp_error(
        &mut self,
        sender: Addr,
        (kind, code): (u8, u8),
        asked: (Addr, Addr, Transport),
    ) {
        let (src, dst, transport) = asked;
        let quoted = Some(Quoted { src, dst, transport, seq: 0 });
        let icmp =
            Icmp { kind, code, id: 0, seq: 0, payload_len: 28, target: Addr::UNSPECIFIED, quoted };
        self.send(sender, src, Body::Icmp(icmp));
    }

    /// An ARP request, answered or not.
    pub(crate) fn arp(&mut self, src: Addr, target: Addr, answered: bool) {
        let arp = |operation| Body::Arp(Arp { operation, sender_mac: [2, 0, 0, 0, 0, 1] });
        self.send(src, target, arp(1));
        if answered {
            self.send(target, src, arp(2));
        }
    }

    /// Ends the input and takes all events.
    pub(crate) fn finish(mut self) -> Report {
        self.wait_secs(10);
        self.engine.handle_timeout(self.now);
        self.engine.finish();
        self.report()
    }

    /// Takes the events so far.
    pub(crate) fn report(&mut self) -> Report {
        let mut report = Report::default();
        while let Some(event) = self.engine.poll() {
            match event {
                Event::Incident(incident) => report.incidents.push(*incident),
                Event::Probe(probe) => report.probes.push(probe),
                Event::Notice(notice) => report.notices.push(notice),
                _ => {}
            }
        }
        report
    }
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) incidents: Vec<Incident>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) notices: Vec<Notice>,
}

impl Report {
    /// The only incident.
    pub(crate) fn one(&self) -> &Incident {
        assert_eq!(self.incidents.len(), 1, "{self:#?}");
        &self.incidents[0]
    }

    pub(crate) fn silent(&self) {
        assert!(self.incidents.is_empty(), "{:#?}", self.incidents);
    }
}
