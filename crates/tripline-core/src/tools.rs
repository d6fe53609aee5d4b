//! Tool fingerprints: what scanners leave on the wire.
//!
//! The rules are data (`catalog/tools.toml`): a *look* is a set of header values that must all
//! agree; a *formula* is a relation between header fields, or between two packets of one source,
//! named here in `Formula` because it has to be computed.

use serde::Deserialize;
use tripline_packet::{Addr, Body, Packet, SctpChunk};

use crate::evidence::Nats;

#[cfg(test)]
mod tests;

/// All fingerprints.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Table")]
pub struct Tools {
    /// The heaviest first, so that the first one that fits is the one to tell.
    rules: Vec<ToolRule>,
    /// By rule.
    weights: Vec<Nats>,
    unmarked: Nats,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    tool: Vec<ToolRule>,
}

/// One fingerprint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolRule {
    /// Name of the tool.
    pub name: String,
    /// Catalogue signature of its page.
    pub signature: String,
    /// What matched, in words.
    pub mark: String,
    /// Share of a sweeper's openings that match.
    pub p_sweeper: f64,
    /// Share of benign openings that match by accident.
    pub p_benign: f64,
    /// Where the fact comes from.
    pub source: String,
    #[serde(default)]
    formula: Option<Formula>,
    #[serde(default)]
    look: Look,
}

/// Relations that have to be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Formula {
    /// ip.id = destination address ^ destination port ^ sequence number, low 16 bits (IPv4).
    MasscanIpId,
    /// Sequence number = destination address (IPv4).
    MiraiSeq,
    /// Same source port and sequence number (or acknowledgement number) at another target.
    NmapEqualSeq,
    /// Two tries: the difference of the sequence numbers repeats in its halves.
    NmapRetry,
    /// Same target, sequence number and IP identification, source port one higher.
    ZmapRepeat,
    /// seq1 ^ seq2 = bswap(dst1) ^ bswap(dst2) ^ (dport1 << 16 + sport1) ^ (dport2 << 16 + sport2).
    Unicornscan,
    /// Sequence numbers count up from zero.
    NaabuCount,
}

/// Header values that must all agree; what is absent does not matter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Look {
    /// Exactly these TCP flags, as letters of `FSRPAUEC`, `-` for none.
    flags: Option<Flags>,
    window: Option<u16>,
    /// TCP option kinds in order, e.g. `MSS,NOP,WS`; empty for none.
    options: Option<Layout>,
    mss: Option<u16>,
    ts_value: Option<u32>,
    urgent: Option<u16>,
    ip_id: Option<u16>,
    dont_fragment: Option<bool>,
    ttl_min: Option<u8>,
    ttl_max: Option<u8>,
    ack_nonzero: Option<bool>,
    udp_payload: Option<u16>,
    sctp_tsn: Option<u32>,
    icmp_kind: Option<u8>,
    icmp_code: Option<u8>,
    icmp_payload: Option<u16>,
}

/// The low eight TCP flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Flags(u8);

/// The packed form of option names; see [`tripline_packet::TcpOptions::layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Layout(u64);

/// What is kept of a source's previous opening, for formulas over two packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Print {
    seq: u32,
    ack: u32,
    src_port: u16,
    dst_port: u16,
    dst: Addr,
    ip_id: u16,
}

impl Print {
    /// The print of a TCP packet.
    pub(crate) fn of(packet: &Packet) -> Option<Self> {
        let Body::Tcp(tcp) = &packet.body else {
            return None;
        };
        Some(Self {
            seq: tcp.seq,
            ack: tcp.ack,
            src_port: tcp.src_port,
            dst_port: tcp.dst_port,
            dst: packet.dst,
            ip_id: packet.ip_id,
        })
    }

    fn same_target(&self, other: &Self) -> bool {
        self.dst == other.dst && self.dst_port == other.dst_port
    }
}

impl Tools {
    /// The rules, the heaviest first; the index is what `Tools::mark` returns.
    pub fn rules(&self) -> &[ToolRule] {
        &self.rules
    }

    /// What it adds to the evidence that a rule's mark is borne, or that none is.
    pub(crate) fn weight(&self, mark: Option<u8>) -> Nats {
        mark.map_or(self.unmarked, |mark| self.weights[usize::from(mark)])
    }

    /// The heaviest rule that an opening packet matches, given the source's previous one.
    pub(crate) fn mark(&self, packet: &Packet, previous: Option<&Print>) -> Option<u8> {
        let print = Print::of(packet);
        let fits = |rule: &ToolRule| {
            rule.formula.is_none_or(|formula| {
                print.is_some_and(|print| formula.holds(packet, &print, previous))
            }) && rule.look.fits(packet)
        };
        self.rules.iter().position(fits).map(|index| index as u8)
    }
}

impl TryFrom<Table> for Tools {
    type Error = String;

    fn try_from(Table { tool: mut rules }: Table) -> Result<Self, String> {
        if rules.len() > usize::from(u8::MAX) {
            return Err("there can be at most 255 rules".to_owned());
        }
        rules.sort_by(|one, other| other.weight().total_cmp(&one.weight()));
        // What is left of the rules is the sweeper without any mark.
        let unmarked = 1.0 - rules.iter().map(|rule| rule.p_sweeper).sum::<f64>();
        if unmarked <= 0.0 {
            return Err("the `p_sweeper` of all rules together must be less than 1".to_owned());
        }
        let weights = rules.iter().map(|rule| Nats::from_f64(rule.weight())).collect();
        Ok(Self { rules, weights, unmarked: Nats::from_f64(unmarked.ln()) })
    }
}

impl TryFrom<String> for Flags {
    type Error = String;

    fn try_from(letters: String) -> Result<Self, String> {
        let bit = |letter| "FSRPAUEC".find(letter).map(|bit| 1 << bit);
        let bits = match letters.as_str() {
            "-" => Some(0),
            letters => letters.chars().try_fold(0, |bits, letter| Some(bits | bit(letter)?)),
        };
        bits.map(Self)
            .ok_or_else(|| format!("`{letters}`: flags are letters of `FSRPAUEC`, or `-`"))
    }
}

impl TryFrom<String> for Layout {
    type Error = String;

    fn try_from(names: String) -> Result<Self, String> {
        const NAMES: [&str; 7] = ["EOL", "NOP", "MSS", "WS", "SACKOK", "SACK", "TS"];
        let mut packed = 0;
        for (at, name) in names.split(',').filter(|name| !name.is_empty()).enumerate() {
            let known = NAMES.iter().position(|known| *known == name.trim());
            let code = known.ok_or_else(|| format!("`{name}` is none of {NAMES:?}"))? as u64 + 1;
            packed |= code << (4 * at);
        }
        Ok(Self(packed))
    }
}

/// Whatever its formula's chance, one packet never weighs more: a mark can be forged.
const HEAVIEST: f64 = 12.0;

impl ToolRule {
    /// Weight of a match in nats: ln(P(match | sweeper) / P(match | benign)), cut at 12.
    pub fn weight(&self) -> f64 {
        (self.p_sweeper / self.p_benign).ln().min(HEAVIEST)
    }
}

impl Formula {
    fn holds(self, packet: &Packet, print: &Print, previous: Option<&Print>) -> bool {
        let v4 = packet.dst.v4_bits();
        match self {
            Self::MasscanIpId => v4.is_some_and(|dst| {
                let expected = dst ^ u32::from(print.dst_port) ^ print.seq;
                print.ip_id == expected as u16
            }),
            Self::MiraiSeq => v4 == Some(print.seq),
            _ => previous.is_some_and(|previous| self.holds_for_two(print, previous)),
        }
    }

    fn holds_for_two(self, print: &Print, previous: &Print) -> bool {
        let xor = print.seq ^ previous.seq;
        match self {
            Self::MasscanIpId | Self::MiraiSeq => false,
            Self::NmapEqualSeq => {
                // Either number may be the constant one; zero is no number that anyone chose.
                let same_seq = xor == 0 && print.seq != 0;
                let same_ack = print.ack == previous.ack && print.ack != 0;
                (same_seq || same_ack)
                    && print.src_port == previous.src_port
                    && !print.same_target(previous)
            }
            Self::NmapRetry => {
                xor != 0
                    && xor >> 16 == xor & 0xffff
                    && print.src_port.wrapping_sub(previous.src_port) <= 10
            }
            Self::ZmapRepeat => {
                xor == 0
                    && print.same_target(previous)
                    && print.ip_id == previous.ip_id
                    && print.src_port == previous.src_port.wrapping_add(1)
            }
            Self::Unicornscan => {
                let part = |print: &Print| {
                    let ports = u32::from(print.dst_port) << 16 | u32::from(print.src_port);
                    print.dst.v4_bits().map(|dst| dst.swap_bytes() ^ ports)
                };
                !print.same_target(previous)
                    && part(print).zip(part(previous)).is_some_and(|(a, b)| xor == a ^ b)
            }
            Self::NaabuCount => print.seq == previous.seq.wrapping_add(1) && print.seq < 1 << 20,
        }
    }
}

impl Look {
    fn fits(&self, packet: &Packet) -> bool {
        fn agrees<T: PartialEq>(wanted: Option<&T>, found: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        agrees(self.ip_id.as_ref(), &packet.ip_id)
            && agrees(self.dont_fragment.as_ref(), &packet.dont_fragment)
            && self.ttl_min.is_none_or(|least| packet.ttl >= least)
            && self.ttl_max.is_none_or(|most| packet.ttl <= most)
            && self.fits_body(&packet.body)
    }

    fn fits_body(&self, body: &Body) -> bool {
        let wants_tcp = self.flags.is_some() || self.window.is_some() || self.options.is_some();
        let wants_icmp = self.icmp_kind.is_some();
        match body {
            Body::Tcp(tcp) => {
                let same = |wanted: Option<u64>, found: u64| wanted.is_none_or(|w| w == found);
                self.udp_payload.is_none()
                    && self.sctp_tsn.is_none()
                    && !wants_icmp
                    && self.flags.is_none_or(|Flags(bits)| u16::from(bits) == tcp.flags.0 & 0xff)
                    && same(self.window.map(u64::from), tcp.window.into())
                    && same(self.urgent.map(u64::from), tcp.urgent.into())
                    && same(self.mss.map(u64::from), tcp.options.mss.into())
                    && same(self.ts_value.map(u64::from), tcp.options.ts_value.into())
                    && same(self.options.map(|Layout(packed)| packed), tcp.options.layout)
                    && self.ack_nonzero.is_none_or(|wanted| wanted == (tcp.ack != 0))
            }
            Body::Udp(udp) => self.udp_payload == Some(udp.payload_len),
            Body::Sctp(sctp) => {
                sctp.chunk == SctpChunk::Init && self.sctp_tsn == Some(sctp.init_tsn)
            }
            Body::Icmp(icmp) => {
                !wants_tcp
                    && self.icmp_kind == Some(icmp.kind)
                    && self.icmp_code.is_none_or(|code| code == icmp.code)
                    && self.icmp_payload.is_none_or(|len| len == icmp.payload_len)
            }
            Body::Arp(_) | Body::Other { .. } => false,
        }
    }
}
