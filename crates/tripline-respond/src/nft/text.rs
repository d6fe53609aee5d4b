//! The tables as nft(8) reads them: what is installed can be read, and undone by hand.

use std::fmt::Write as _;

use super::challenge::Challenge;

/// The family of the tables.
pub const FAMILY: &str = "inet";
/// The table for single sources.
pub const TABLE: &str = "tripline";
/// The table for networks. It stands alone because every change of a table with large interval
/// sets makes nft(8) read all of it.
pub const NETS_TABLE: &str = "tripline_nets";

/// What addresses of a /64 have in common.
const SITE: &str = "ffff:ffff:ffff:ffff::";

/// Without neighbour discovery (RFC 4861), which is not tracked, sessions that are up would end.
const NEIGHBOURS: &str = "\t\ticmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n";

/// What was dropped of somebody is counted at least as long as he is slowed down.
const COUNTED: &str = "1d";

/// What is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruleset {
    /// Elements that each set can hold.
    pub capacity: u32,
    /// New sessions a minute at services that nobody offers, for a source that is slowed.
    pub slow_per_minute: u32,
    /// Whether, and how, those are challenged who try services that nobody offers.
    pub challenge: Option<Challenge>,
}

impl Default for Ruleset {
    fn default() -> Self {
        Self { capacity: 65_536, slow_per_minute: 6, challenge: None }
    }
}

impl Ruleset {
    /// Text that makes the tables, whatever was there before.
    ///
    /// Sessions that are up are accepted first, so nobody who works is cut off. It runs before the
    /// addresses are translated, so that ports of containers are those that the world sees.
    pub fn install(&self) -> String {
        let mut text = self.teardown();
        let Self { capacity, slow_per_minute, challenge } = self;
        let plain = |text: &mut String, name: &str, kind: &str, counter: &str| {
            let _ = writeln!(
                text,
                "\tset {name} {{\n\t\ttype {kind}\n\t\tsize {capacity}\n\t\tflags dynamic,timeout{counter}\n\t}}\n"
            );
        };
        let set =
            |text: &mut String, name: &str, kind: &str| plain(text, name, kind, "\n\t\tcounter");
        let excuse = challenge.as_ref().map_or_else(String::new, |_| Challenge::excuse());
        let _ = writeln!(text, "table {FAMILY} {TABLE} {{");
        text.extend(challenge.iter().map(Challenge::install));
        set(&mut text, "hosts4", "ipv4_addr");
        set(&mut text, "hosts6", "ipv6_addr");
        set(&mut text, "nets64", "ipv6_addr");
        set(&mut text, "ports4", "ipv4_addr . inet_proto . inet_service");
        set(&mut text, "ports6", "ipv6_addr . inet_proto . inet_service");
        set(&mut text, "ports64", "ipv6_addr . inet_proto . inet_service");
        // A counter here would count what passes, too.
        plain(&mut text, "slow4", "ipv4_addr", "");
        plain(&mut text, "slowed4", "ipv4_addr", "");
        plain(&mut text, "slow6", "ipv6_addr", "");
        plain(&mut text, "slowed6", "ipv6_addr", "");
        plain(&mut text, "slow64", "ipv6_addr", "");
        plain(&mut text, "slowed64", "ipv6_addr", "");
        let _ = writeln!(
            text,
            "\tset offered {{\n\t\ttype inet_proto . inet_service\n\t}}\n
\tset rate4 {{\n\t\ttype ipv4_addr\n\t\tsize {capacity}\n\t\tflags dynamic,timeout\n\t\ttimeout 10m\n\t}}\n
\tset rate6 {{\n\t\ttype ipv6_addr\n\t\tsize {capacity}\n\t\tflags dynamic,timeout\n\t\ttimeout 10m\n\t}}\n
\tchain before {{
\t\ttype filter hook prerouting priority mangle; policy accept;
\t\tct state established,related accept
{NEIGHBOURS}\t\tip saddr @hosts4 drop
\t\tip6 saddr @hosts6 drop
\t\tip6 saddr & {SITE} @nets64 drop
\t\tip saddr . meta l4proto . th dport @ports4 drop
\t\tip6 saddr . meta l4proto . th dport @ports6 drop
\t\tip6 saddr & {SITE} . meta l4proto . th dport @ports64 drop
\t\tip saddr @slow4 jump slow
\t\tip6 saddr @slow6 jump slow
\t\tip6 saddr & {SITE} @slow64 jump slow64
\t}}\n
\tchain slow {{
\t\tmeta l4proto != {{ tcp, udp, sctp }} return
\t\tfib daddr type != local return
\t\tmeta l4proto . th dport @offered return
{excuse}\t\tupdate @rate4 {{ ip saddr limit rate over {slow_per_minute}/minute burst {slow_per_minute} packets }} update @slowed4 {{ ip saddr timeout {COUNTED} counter }} drop
\t\tupdate @rate6 {{ ip6 saddr limit rate over {slow_per_minute}/minute burst {slow_per_minute} packets }} update @slowed6 {{ ip6 saddr timeout {COUNTED} counter }} drop
\t}}\n
\tchain slow64 {{
\t\tmeta l4proto != {{ tcp, udp, sctp }} return
\t\tfib daddr type != local return
\t\tmeta l4proto . th dport @offered return
{excuse}\t\tupdate @rate6 {{ ip6 saddr & {SITE} limit rate over {slow_per_minute}/minute burst {slow_per_minute} packets }} update @slowed64 {{ ip6 saddr & {SITE} timeout {COUNTED} counter }} drop
\t}}
}}
table {FAMILY} {NETS_TABLE} {{
\tset nets4 {{\n\t\ttype ipv4_addr\n\t\tsize {capacity}\n\t\tflags interval,timeout\n\t\tcounter\n\t}}\n
\tset nets6 {{\n\t\ttype ipv6_addr\n\t\tsize {capacity}\n\t\tflags interval,timeout\n\t\tcounter\n\t}}\n
\tchain before {{
\t\ttype filter hook prerouting priority mangle; policy accept;
\t\tct state established,related accept
{NEIGHBOURS}\t\tip saddr @nets4 drop
\t\tip6 saddr @nets6 drop
\t}}
}}"
        );
        text
    }

    /// Text that takes everything away, and does not mind if nothing is there.
    pub fn teardown(&self) -> String {
        // `add` before `delete`: deleting what is not there is an error in older versions.
        [TABLE, NETS_TABLE].iter().fold(String::new(), |mut text, table| {
            let _ = writeln!(text, "add table {FAMILY} {table}\ndelete table {FAMILY} {table}");
            text
        })
    }
}
