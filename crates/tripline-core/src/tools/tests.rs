//! Each fingerprint on packets that bear it, and on packets that nearly do.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;
use tripline_packet::{Addr, Body, Icmp, Packet, Sctp, SctpChunk, Tcp, TcpFlags, TcpOptions, Udp};

use super::{Flags, Layout, Print, Tools};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The mark of the last packet; none is to be found if it is absent.
    mark: Option<String>,
    packets: Vec<Row>,
}

/// One packet; what is absent is as an ordinary client would have it.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Row {
    kind: Kind,
    dst: Option<IpAddr>,
    ttl: Option<u8>,
    ip_id: u16,
    fragmentable: bool,
    src_port: u16,
    dst_port: u16,
    seq: u32,
    ack: u32,
    flags: Option<Flags>,
    window: u16,
    urgent: u16,
    options: Option<Layout>,
    mss: u16,
    ts_value: u32,
    tsn: u32,
    icmp_kind: u8,
    icmp_code: u8,
    payload: u16,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Tcp,
    Udp,
    Sctp,
    Icmp,
}

impl Row {
    fn packet(&self) -> Packet {
        let dst = self.dst.map_or_else(|| Addr::from(Ipv4Addr::new(192, 0, 2, 10)), Addr::from);
        let ttl = self.ttl.unwrap_or(128);
        Packet {
            src: Addr::from(Ipv4Addr::new(198, 51, 100, 7)),
            dst,
            ttl,
            ip_id: self.ip_id,
            dont_fragment: !self.fragmentable,
            body: self.body(),
            ..Packet::EMPTY
        }
    }

    fn body(&self) -> Body {
        let (src_port, dst_port) = (self.src_port, self.dst_port);
        match self.kind {
            Kind::Tcp => Body::Tcp(Tcp {
                src_port,
                dst_port,
                seq: self.seq,
                ack: self.ack,
                flags: TcpFlags(self.flags.map_or(TcpFlags::SYN, |Flags(bits)| bits.into())),
                window: self.window,
                urgent: self.urgent,
                payload_len: self.payload,
                options: TcpOptions {
                    layout: self.options.map_or(0, |Layout(packed)| packed),
                    mss: self.mss,
                    ts_value: self.ts_value,
                    ..TcpOptions::default()
                },
            }),
            Kind::Udp => {
                let payload_len = self.payload;
                Body::Udp(Udp { src_port, dst_port, payload_len, is_response: false })
            }
            Kind::Sctp => Body::Sctp(Sctp {
                src_port,
                dst_port,
                tag: 0,
                chunk: SctpChunk::Init,
                init_tag: 1,
                init_tsn: self.tsn,
            }),
            Kind::Icmp => Body::Icmp(Icmp {
                kind: self.icmp_kind,
                code: self.icmp_code,
                id: 1,
                seq: 1,
                payload_len: self.payload,
                target: Addr::UNSPECIFIED,
                quoted: None,
            }),
        }
    }
}

fn tools() -> Tools {
    toml::from_str(include_str!("../../../../catalog/tools.toml")).unwrap()
}

#[test]
fn marks_are_found_where_they_are_and_nowhere_else() {
    let tools = tools();
    let Cases { case: cases } = toml::from_str(include_str!("cases.toml")).unwrap();
    let mut found = BTreeSet::new();
    for case in &cases {
        let packets: Vec<_> = case.packets.iter().map(Row::packet).collect();
        let (last, before) = packets.split_last().unwrap();
        let previous = before.last().and_then(Print::of);
        let rule = tools.mark(last, previous.as_ref());
        let mark = rule.map(|rule| tools.rules()[usize::from(rule)].mark.as_str());
        assert_eq!(mark, case.mark.as_deref(), "{}", case.name);
        found.extend(mark);
    }
    let all: BTreeSet<_> = tools.rules().iter().map(|rule| rule.mark.as_str()).collect();
    assert_eq!(found, all, "each mark of the catalogue has a case");
    assert!(cases.iter().filter(|case| case.mark.is_none()).count() >= all.len());
}

#[test]
fn a_mark_never_weighs_more_than_twelve_nats_and_its_absence_nearly_nothing() {
    let tools = tools();
    let weights = tools.rules().iter().map(super::ToolRule::weight);
    for weight in weights.clone() {
        assert!((0.0..=12.0).contains(&weight), "{weight}");
    }
    assert!(weights.is_sorted_by(|one, next| one >= next));
    let unmarked = tools.weight(None).to_f64();
    assert!((-0.5..0.0).contains(&unmarked), "{unmarked}");
}
