//! What the engine is made of when it is fuzzed: the shipped data, and settings that one byte
//! chooses.

use std::sync::LazyLock;

use tripline_core::catalog::{Catalog, Entry, PortRange};
use tripline_core::evidence::Likelihoods;
use tripline_core::home::HomeInference;
use tripline_core::settings::{Declared, Limits, Scanner, Settings};
use tripline_core::tools::Tools;
use tripline_core::{Config, Emit, Protocol};
use tripline_packet::{Addr, Duration, Packet, Prefix};

/// The home networks are those of the recorded cases.
const AT_HOME: u8 = 0x01;
/// The home networks are guessed from the packets. With neither bit nobody knows them.
const INFER_HOME: u8 = 0x02;
/// Services, reserved ports, dark networks and scanners are declared.
const DECLARED: u8 = 0x04;
/// Some sources are friends.
const FRIENDS: u8 = 0x08;
/// Every table has a handful of entries, so that pushing out is the rule.
const TINY: u8 = 0x10;
/// Attempts, incidents and services grow old within seconds.
const HASTY: u8 = 0x20;
/// A verdict falls at the least suspicion.
const JUMPY: u8 = 0x40;
/// Each update is told, as it is live.
const UPDATES: u8 = 0x80;

/// The shipped data, read once.
static DATA: LazyLock<(Catalog, Likelihoods, Tools)> = LazyLock::new(|| {
    let catalog = tripline::data::catalog().expect("shipped with the program");
    // The engine never looks at the texts, and each one has its own copy of the catalogue.
    let entries = catalog.entries().iter().cloned().map(without_page).collect();
    let catalog = Catalog::new(entries).expect("it was one before");
    let likelihoods = tripline::data::likelihoods().expect("shipped with the program");
    (catalog, likelihoods, tripline::data::tools().expect("shipped with the program"))
});

/// An engine's parts, as `choice` wants them.
pub fn config(choice: u8, packets: &[Packet]) -> Config {
    let (catalog, likelihoods, tools) = DATA.clone();
    let emit = if choice & UPDATES == 0 { Emit::Final } else { Emit::Updates };
    let settings = settings(choice, packets);
    Config { settings, catalog, likelihoods, tools, key: [1, 2], emit }
}

fn settings(choice: u8, packets: &[Packet]) -> Settings {
    let mut settings = Settings { limits: limits(choice & TINY != 0), ..Settings::default() };
    if choice & AT_HOME != 0 {
        settings.home = prefixes(&["192.0.2.0/24", "2001:db8:1::/64"]);
    } else if choice & INFER_HOME != 0 {
        let mut inference = HomeInference::default();
        packets.iter().for_each(|packet| inference.observe(packet));
        settings.home = inference.infer().home;
    }
    if choice & DECLARED != 0 {
        declare(&mut settings);
    }
    if choice & FRIENDS != 0 {
        settings.friends = prefixes(&["198.51.100.64/30", "2001:db8:2::/64"]);
    }
    if choice & HASTY != 0 {
        settings.silence = Duration::from_millis(500);
        settings.quiet = Duration::from_secs(10);
        settings.stale_after = Duration::from_secs(60);
    }
    if choice & JUMPY != 0 {
        settings.alpha = 0.5;
    }
    settings
}

fn declare(settings: &mut Settings) {
    let hosts = prefix("192.0.2.10/32");
    let tcp = |first, last| Declared {
        hosts,
        protocol: Protocol::Tcp,
        ports: vec![PortRange { first, last }],
    };
    settings.services = vec![tcp(22, 22), tcp(80, 90)];
    settings.reserved = vec![tcp(23, 23)];
    settings.dark = prefixes(&["192.0.2.128/25"]);
    settings.scanners = vec![Scanner {
        name: "audit".to_owned(),
        source: prefix("198.51.100.68/30"),
        targets: prefixes(&["192.0.2.0/28"]),
        ports: Vec::new(),
        until: None,
    }];
}

fn limits(tiny: bool) -> Limits {
    let size = if tiny { 4 } else { 1 << 10 };
    Limits {
        flows: size,
        sources: size,
        trails: size,
        services: size,
        probes: size,
        incidents: size,
    }
}

fn prefixes(texts: &[&str]) -> Vec<Prefix> {
    texts.iter().map(|text| prefix(text)).collect()
}

fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix that is written above")
}

/// Is this one of the addresses that [`Settings::friends`] names?
pub fn is_friend(config: &Config, addr: Addr) -> bool {
    config.settings.friends.iter().any(|friends| friends.contains(addr))
}

fn without_page(entry: Entry) -> Entry {
    Entry {
        title: String::new(),
        iss_title: None,
        attack: Vec::new(),
        summary: String::new(),
        description: String::new(),
        triggers: String::new(),
        ports_note: String::new(),
        false_positives: String::new(),
        blind_spots: String::new(),
        affected: String::new(),
        investigate: String::new(),
        curtail: String::new(),
        references: Vec::new(),
        ..entry
    }
}
