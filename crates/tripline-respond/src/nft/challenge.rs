//! Where the kernel hands openings to the sensor, for it to answer in place of nobody.
//!
//! The chain stands at the end of the input hook: what comes there was routed here, was let through
//! by the firewall of the machine, and its address is translated already, so ports that are
//! published for containers never come. It stands behind IPVS too, which takes packets for services
//! without a socket at 98 and 99.
//!
//! Whether somebody listens the kernel itself looks up, for each packet, at the moment it comes: a
//! service that is started is reachable at once, whether or not the sensor knows of it yet. What is
//! too much is left to the kernel, which refuses as ever; so a flood never reaches the sensor, and
//! to those beyond the limits nothing looks different.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use tripline_packet::Prefix;

/// Challenges of those who try services that nobody offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The group of the kernel's log (NFLOG) that the sensor reads.
    pub group: u16,
    /// Networks that are never challenged.
    pub friends: Vec<Prefix>,
}

/// Openings a second of one source (of IPv6, of one /64) that are challenged, and how many at once.
const OF_A_SOURCE: u32 = 20;
/// The same of all sources together.
const OF_ALL: (u32, u32) = (200, 50);
/// Other segments a second that the sensor is shown. Each challenge has two or three of them.
const SEGMENTS: (u32, u32) = (1_000, 200);
/// Bytes of a packet that the sensor is shown: all headers, and what it keeps.
const SHOWN: u32 = 512;
/// Acknowledgements a second of a source that is slowed down, and how many at once: it may prove its
/// address all the same. The kernel takes each for the beginning of a session.
const ANSWERS: (u32, u32) = (1, 20);
/// Sources whose pace is kept; beyond them only the limit for all holds.
const SOURCES: u32 = 16_384;
/// The chain is in force as long as somebody keeps the set `alive` filled.
pub(super) const ALIVE_SECONDS: u32 = 10;
/// Behind everything that may still take a packet (see the module documentation), and before the
/// kernel confirms the session that the packet would begin.
const PRIORITY: i32 = 250;

impl Challenge {
    /// Sets and chains of the table.
    pub(super) fn install(&self) -> String {
        let Self { group, friends } = self;
        let friends = |v4: bool| {
            let networks = friends.iter().filter(|network| network.addr().is_v4() == v4);
            let networks: Vec<String> = networks.map(ToString::to_string).collect();
            let elements = format!("elements = {{ {} }}", networks.join(", "));
            if networks.is_empty() { String::new() } else { elements }
        };
        let (friends4, friends6) = (friends(true), friends(false));
        let (of_all, at_once) = OF_ALL;
        let (segments, segments_at_once) = SEGMENTS;
        let shown = format!("log group {group} snaplen {SHOWN}");
        let mut text = String::new();
        let _ = writeln!(
            text,
            "\tset alive {{\n\t\ttype inet_proto\n\t\ttimeout {ALIVE_SECONDS}s\n\t}}\n
\tset friends4 {{\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\tauto-merge\n\t\t{friends4}\n\t}}\n
\tset friends6 {{\n\t\ttype ipv6_addr\n\t\tflags interval\n\t\tauto-merge\n\t\t{friends6}\n\t}}\n
\tset spared4 {{\n\t\ttype ipv4_addr\n\t}}\n
\tset spared6 {{\n\t\ttype ipv6_addr\n\t}}\n
\tset pace4 {{\n\t\ttype ipv4_addr\n\t\tsize {SOURCES}\n\t\tflags dynamic,timeout\n\t\ttimeout 1m\n\t}}\n
\tset pace6 {{\n\t\ttype ipv6_addr\n\t\tsize {SOURCES}\n\t\tflags dynamic,timeout\n\t\ttimeout 1m\n\t}}\n
\tset answers4 {{\n\t\ttype ipv4_addr\n\t\tsize {SOURCES}\n\t\tflags dynamic,timeout\n\t\ttimeout 1m\n\t}}\n
\tset answers6 {{\n\t\ttype ipv6_addr\n\t\tsize {SOURCES}\n\t\tflags dynamic,timeout\n\t\ttimeout 1m\n\t}}\n
\tchain challenge {{
\t\ttype filter hook input priority {PRIORITY}; policy accept;
\t\tmeta l4proto != @alive accept
\t\tiifname \"lo\" accept
\t\tct state established,related accept
\t\tip saddr @friends4 accept
\t\tip6 saddr @friends6 accept
\t\tip saddr @spared4 accept
\t\tip6 saddr @spared6 accept
\t\tmeta l4proto . th dport @offered accept
\t\tfib daddr type != local accept
\t\tsocket transparent {{ 0, 1 }} accept
\t\ttcp flags & (fin | syn | rst | ack) == syn jump opening
\t\ttcp flags & (syn | rst | ack) == ack limit rate {segments}/second burst {segments_at_once} packets {shown} drop
\t}}\n
\tchain opening {{
\t\tupdate @pace4 {{ ip saddr limit rate over {OF_A_SOURCE}/second burst {OF_A_SOURCE} packets }} accept
\t\tupdate @pace6 {{ ip6 saddr & ffff:ffff:ffff:ffff:: limit rate over {OF_A_SOURCE}/second burst {OF_A_SOURCE} packets }} accept
\t\tlimit rate {of_all}/second burst {at_once} packets {shown} drop
\t}}\n"
        );
        text
    }
    /// What in the chain of those who are slowed down comes before their limit.
    pub(super) fn excuse() -> String {
        let (answers, at_once) = ANSWERS;
        [("4", "ip saddr"), ("6", "ip6 saddr")].iter().fold(String::new(), |mut text, (set, key)| {
            let _ = writeln!(
                text,
                "\t\tmeta l4proto @alive tcp flags & (syn | rst | ack) == ack update @answers{set} \
                 {{ {key} limit rate {answers}/second burst {at_once} packets }} return"
            );
            text
        })
    }
}
