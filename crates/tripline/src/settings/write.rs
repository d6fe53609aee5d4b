//! Settings as a file: what a recording is replayed with.

use toml::{Table, Value};
use tripline_core::Protocol;
use tripline_core::catalog::PortRange;
use tripline_core::settings::{Declared, Known, KnownService, Limits, Replay, Scanner, Settings};
use tripline_packet::{Duration, Prefix};

/// The settings of the detector as the text of a settings file; read again, they are the same.
///
/// # Errors
/// Something cannot be said in TOML, which a test rules out.
pub fn to_toml(settings: &Settings) -> Result<String, toml::ser::Error> {
    let mut file = Table::new();
    file.insert("home".to_owned(), networks(&settings.home));
    file.insert("dark".to_owned(), networks(&settings.dark));
    file.insert("friends".to_owned(), networks(&settings.friends));
    file.insert("services".to_owned(), list(&settings.services, declared));
    file.insert("reserved".to_owned(), list(&settings.reserved, declared));
    file.insert("scanners".to_owned(), list(&settings.scanners, scanner));
    file.insert("detection".to_owned(), detection(settings));
    file.insert("limits".to_owned(), limits(&settings.limits));
    file.insert("replay".to_owned(), replay(&settings.replay));
    toml::to_string(&file)
}

fn table<const N: usize>(rows: [(&str, Option<Value>); N]) -> Value {
    let rows = rows.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Table(rows.collect())
}

fn list<T>(all: &[T], value: impl Fn(&T) -> Value) -> Value {
    Value::Array(all.iter().map(value).collect())
}

fn text(value: &impl ToString) -> Value {
    Value::String(value.to_string())
}

/// Counters beyond what TOML can say are far beyond what a table can hold.
fn number(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn networks(networks: &[Prefix]) -> Value {
    list(networks, text)
}

fn declared(declared: &Declared) -> Value {
    let of = |protocol: Protocol| {
        (declared.protocol == protocol).then(|| list::<PortRange>(&declared.ports, text))
    };
    table([
        ("hosts", Some(text(&declared.hosts))),
        ("tcp", of(Protocol::Tcp)),
        ("udp", of(Protocol::Udp)),
        ("sctp", of(Protocol::Sctp)),
    ])
}

fn scanner(scanner: &Scanner) -> Value {
    table([
        ("name", Some(text(&scanner.name))),
        ("source", Some(text(&scanner.source))),
        ("targets", Some(networks(&scanner.targets))),
        ("ports", Some(list::<PortRange>(&scanner.ports, text))),
        ("until", scanner.until.as_ref().map(text)),
    ])
}

fn detection(settings: &Settings) -> Value {
    let span = |span: Duration| Some(Value::String(format!("{}ms", span.as_millis())));
    table([
        ("alpha", Some(Value::Float(settings.alpha))),
        ("silence", span(settings.silence)),
        ("quiet", span(settings.quiet)),
        ("stale_after", span(settings.stale_after)),
    ])
}

fn limits(limits: &Limits) -> Value {
    let size = |size: usize| Some(number(size as u64));
    table([
        ("flows", size(limits.flows)),
        ("sources", size(limits.sources)),
        ("trails", size(limits.trails)),
        ("services", size(limits.services)),
        ("probes", size(limits.probes)),
        ("incidents", size(limits.incidents)),
    ])
}

fn replay(replay: &Replay) -> Value {
    table([
        ("until", replay.until.as_ref().map(text)),
        ("near", Some(networks(&replay.near))),
        ("known", Some(list(&replay.known, known))),
    ])
}

fn known(known: &Known) -> Value {
    table([
        ("host", Some(text(&known.host))),
        ("alive", known.alive.as_ref().map(text)),
        ("listens", known.listens.as_ref().map(|listeners| list(listeners, listener))),
        ("services", Some(list(&known.services, known_service))),
    ])
}

fn listener((protocol, port): &(Protocol, u16)) -> Value {
    table([("protocol", Some(text(protocol))), ("port", Some(number((*port).into())))])
}

fn known_service(service: &KnownService) -> Value {
    table([
        ("protocol", Some(text(&service.protocol))),
        ("port", Some(number(service.port.into()))),
        ("first", Some(text(&service.first))),
        ("last", Some(text(&service.last))),
        ("clients", Some(number(service.clients))),
    ])
}

#[cfg(test)]
mod tests {
    use tripline_packet::{Addr, Timestamp};

    use super::*;
    use crate::settings::parse;

    #[test]
    fn what_is_written_is_read() {
        let time = Timestamp::from_parts(1_795_399_583, 123_456_789);
        let port = |text: &str| text.parse().unwrap();
        let host = Addr::from_v4_bits(0xc000_020a);
        let service = KnownService {
            protocol: Protocol::Icmp,
            port: 8,
            first: time,
            last: time + Duration::from_nanos(1),
            clients: 77,
        };
        let of = |protocol, ports| Declared { hosts: Prefix::new(host, 32), protocol, ports };
        let settings = Settings {
            home: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            dark: vec!["192.0.2.128/25".parse().unwrap()],
            friends: vec!["192.0.2.1".parse().unwrap()],
            services: vec![
                of(Protocol::Tcp, vec![port("22"), port("8000-8010")]),
                of(Protocol::Udp, vec![port("53")]),
            ],
            reserved: vec![of(Protocol::Sctp, vec![port("9")])],
            scanners: vec![Scanner {
                name: "a \"quoted\"\nname".to_owned(),
                source: "192.0.2.250".parse().unwrap(),
                targets: vec!["192.0.2.0/24".parse().unwrap()],
                ports: vec![port("1-1024")],
                until: Some(time),
            }],
            alpha: 3.7e-7,
            silence: Duration::from_millis(4_500),
            quiet: Duration::from_secs(7_200),
            stale_after: Duration::from_secs(86_400),
            limits: Limits { flows: 17, ..Limits::default() },
            replay: Replay {
                known: vec![
                    Known {
                        host,
                        alive: Some(time),
                        listens: Some(vec![(Protocol::Tcp, 22)]),
                        services: vec![service],
                    },
                    Known { listens: Some(Vec::new()), ..Known::of(Addr::from_v4_bits(1)) },
                    Known::of(Addr::from_v4_bits(2)),
                ],
                near: vec!["2001:db8:1::/64".parse().unwrap()],
                until: Some(time),
            },
        };
        let text = to_toml(&settings).unwrap();
        assert_eq!(parse(&text, "written").unwrap().detection, settings, "{text}");
        let defaults = Settings::default();
        assert_eq!(parse(&to_toml(&defaults).unwrap(), "x").unwrap().detection, defaults);
    }
}
