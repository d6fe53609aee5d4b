//! The real catalogue: complete, free of contradictions, and true to the old numbers.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the assertion")]

use std::collections::{BTreeMap, BTreeSet};

use tripline::data;
use tripline_core::Protocol;
use tripline_core::catalog::{Catalog, Class, Entry, Risk};

/// The whole probe family of the old catalogue.
const OLD_PROBES: [&str; 42] = [
    "TCP_Probe_Ftp",
    "TCP_Probe_Telnet",
    "TCP_Probe_SMTP",
    "TCP_Probe_DNS",
    "TCP_Probe_Finger",
    "TCP_Probe_HTTP",
    "TCP_Probe_LinuxConf",
    "TCP_Probe_POP3",
    "TCP_Probe_SunRPC",
    "TCP_Probe_Ident",
    "TCP_Probe_NNTP",
    "TCP_Probe_MSRPC",
    "TCP_Probe_NetBIOS",
    "TCP_Probe_Imap4",
    "TCP_Probe_Rlogin",
    "TCP_Probe_Lpr",
    "TCP_Probe_Socks",
    "TCP_Probe_SQL",
    "TCP_Probe_PPTP",
    "TCP_Probe_Proxy",
    "TCP_Probe_XWindows",
    "TCP_Probe_IRC",
    "TCP_Probe_Gnutella",
    "TCP_Probe_BitTorrent",
    "TCP_Probe_Netbus",
    "TCP_Probe_Sub7",
    "TCP_Probe_T0rn",
    "TCP_Probe_Trojan",
    "TCP_Probe_Other",
    "UDP_Probe_Echo",
    "UDP_Probe_Qotd",
    "UDP_Probe_CharGen",
    "UDP_Probe_DNS",
    "UDP_Probe_TFTP",
    "UDP_Probe_MSRPC",
    "UDP_Probe_SNMP",
    "UDP_Probe_NFS",
    "UDP_Probe_NFS_Lockd",
    "UDP_Probe_Norton_AV",
    "UDP_Probe_MSDNS",
    "UDP_Probe_Trojan",
    "UDP_Probe_Other",
];

/// The numbers of the old catalogue that are known for certain, with the old name. An entry may
/// have no other number, and none of these for something else.
const OLD_NUMBERS: [(u32, &str); 25] = [
    (2_000_101, "Trace_Route"),
    (2_000_105, "ICMP_Subnet_Mask_Request"),
    (2_000_106, "Ping_Sweep"),
    (2_000_109, "Echo_Reply_Without_Request"),
    (2_000_113, "ICMP_Timestamp_Request"),
    (2_000_201, "UDP_Port_Scan"),
    (2_000_301, "TCP_Port_Scan"),
    (2_000_302, "SYNFlood"),
    (2_000_305, "TCP_FIN_Scan"),
    (2_000_308, "TCP_Xmas_Scan"),
    (2_000_309, "TCP_Null_Scan"),
    (2_000_310, "TCP_ACK_Ping"),
    (2_000_313, "TCP_OS_Fingerprint"),
    (2_000_314, "Nmap_OS_Fingerprint"),
    (2_003_001, "TCP_Probe_HTTP"),
    (2_003_004, "TCP_Probe_Ftp"),
    (2_003_101, "TCP_Probe_Trojan"),
    (2_003_102, "TCP_Probe_Other"),
    (2_003_502, "UDP_Probe_Other"),
    (2_102_043, "TCP_Network_Scan"),
    (2_102_044, "UDP_Network_Scan"),
    (2_102_045, "TCP_Network_Sweep"),
    (2_102_046, "UDP_Network_Sweep"),
    (2_103_006, "TCP_Service_Sweep"),
    (2_103_024, "UDP_Service_Sweep"),
];

fn catalog() -> Catalog {
    data::catalog().unwrap()
}

/// A text without case and punctuation.
fn plain(text: &str) -> String {
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    letters.collect::<String>().to_ascii_lowercase()
}

#[test]
fn everything_built_in_can_be_read() {
    data::catalog().unwrap();
    data::likelihoods().unwrap();
    data::tools().unwrap();
}

#[test]
fn the_whole_old_probe_family_is_there() {
    let catalog = catalog();
    let missing: Vec<&str> = OLD_PROBES
        .into_iter()
        .filter(|name| catalog.find(name).is_none_or(|entry| entry.class != Class::Probe))
        .collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}

#[test]
fn the_ftp_probe_is_what_it_was() {
    let catalog = catalog();
    let entry = catalog.find("2003004").unwrap();
    assert_eq!(entry.signature, "TCP_Probe_Ftp");
    assert_eq!(entry.risk, Risk::Low);
    assert_eq!(catalog.probe(Protocol::Tcp, 21).unwrap().iss_id, Some(2_003_004));
}

#[test]
fn no_old_number_is_invented() {
    let known: BTreeMap<u32, &str> = OLD_NUMBERS.into_iter().collect();
    let mut used = BTreeSet::new();
    for entry in catalog().entries() {
        let Some(number) = entry.iss_id else { continue };
        let name = known.get(&number);
        let name = name.unwrap_or_else(|| panic!("{} has {number}", entry.signature));
        assert!(used.insert(number), "{number} is used twice");
        let is_probe = name.contains("_Probe_");
        assert_eq!(
            is_probe,
            entry.class == Class::Probe,
            "{number} was {name}, not {}",
            entry.signature
        );
        if is_probe {
            assert_eq!(*name, entry.signature);
        }
    }
    assert!(used.contains(&2_003_004));
}

#[test]
fn every_section_is_filled() {
    for entry in catalog().entries() {
        for (section, text, least) in sections(entry) {
            assert!(
                text.trim().len() >= least,
                "{} {}: {section} says too little: `{text}`",
                entry.id,
                entry.signature
            );
        }
        assert!(!entry.attack.is_empty() || entry.class == Class::Verdict, "{}", entry.signature);
        assert!(!entry.references.is_empty(), "{}: no references", entry.signature);
    }
}

fn sections(entry: &Entry) -> [(&'static str, &str, usize); 9] {
    [
        ("title", &entry.title, 10),
        ("summary", &entry.summary, 20),
        ("description", &entry.description, 60),
        ("triggers", &entry.triggers, 40),
        ("false_positives", &entry.false_positives, 40),
        ("blind_spots", &entry.blind_spots, 30),
        ("affected", &entry.affected, 10),
        ("investigate", &entry.investigate, 40),
        ("curtail", &entry.curtail, 20),
    ]
}

/// Pages that only swap the name would be no help at night.
#[test]
fn no_page_is_a_copy_of_another() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for entry in catalog().entries() {
        let name = entry.signature.rsplit('_').next().unwrap().to_ascii_lowercase();
        // Short ones may be alike by chance.
        for (section, text, _) in sections(entry).into_iter().filter(|(_, text, _)| text.len() > 60)
        {
            let key = plain(text).replace(&name, "");
            if let Some(other) = seen.insert(key, entry.signature.clone()) {
                panic!(
                    "{section} of {} and {other} differ by their names at most",
                    entry.signature
                );
            }
        }
    }
}

#[test]
fn ids_follow_the_plan() {
    for entry in catalog().entries() {
        let number = entry.id.strip_prefix("TL-").and_then(|digits| digits.parse::<u32>().ok());
        let number = number.unwrap_or_else(|| panic!("{}: odd id {}", entry.signature, entry.id));
        let class = match number {
            1_000..=2_999 => Class::Probe,
            3_000..=3_999 => Class::Sweep,
            4_000..=4_999 => Class::Stealth,
            5_000..=5_999 => Class::Verdict,
            _ => panic!("{}: no block has {number}", entry.signature),
        };
        assert_eq!(entry.class, class, "{} {}", entry.id, entry.signature);
        if class == Class::Probe {
            assert!(entry.protocol.is_some_and(Protocol::has_ports), "{}", entry.signature);
        }
    }
}

#[test]
fn every_port_has_a_probe() {
    let catalog = catalog();
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
        for port in 0..=u16::MAX {
            assert!(catalog.probe(protocol, port).is_some(), "{protocol} {port}");
        }
    }
}
