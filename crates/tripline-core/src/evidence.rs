//! Evidence: what an observation weighs.
//!
//! Weights are log-likelihood ratios in fixed point (1/256 nat), so sums are exact and the same on
//! every machine. The table is data; see `catalog/likelihood.toml`.

mod nats;

use std::fmt;

use serde::Deserialize;

use crate::catalog::PortRange;
use crate::event::NamedCount;
use crate::flow::Circumstance;
use crate::inventory::{Unreachable, unreachable};
use crate::service::{Direction, Outcome, Protocol, Service, Standing, Technique};

pub(crate) use nats::Nats;

macro_rules! rows {
    ($($variant:ident $name:literal)*) => {
        /// A kind of observation: a row of the likelihood table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Row { $($variant),* }

        impl Row {
            const ALL: &[Self] = &[$(Self::$variant),*];

            /// Is there an innocent explanation, so that it weighs little by itself?
            pub(crate) const fn is_excuse(self) -> bool {
                matches!(
                    self,
                    Self::Acquainted
                        | Self::AnswerLike
                        | Self::FtpDataLike
                        | Self::OneWay
                        | Self::Unseen
                        | Self::StraySilent
                        | Self::Web
                        | Self::OtherPort
                )
            }

            /// The name in the table.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

rows! {
    SuccessPopular "success_popular"
    SuccessRare "success_rare"
    HalfOpen "half_open"
    OfferedFailed "offered_failed"
    StaleFailed "stale_failed"
    Refused "refused"
    Prohibited "prohibited"
    Silent "silent"
    Dark "dark"
    Reserved "reserved"
    Impossible "impossible"
    StrayRefused "stray_refused"
    StraySilent "stray_silent"
    StrayOffered "stray_offered"
    Acquainted "acquainted"
    AnswerLike "answer_like"
    FtpDataLike "ftp_data_like"
    OneWay "one_way"
    SameFamily "same_family"
    Unseen "unseen"
    Named "named"
    Admin "admin"
    Web "web"
    OtherPort "other_port"
    SameHost "same_host"
    SilentUdp "silent_udp"
    CutShort "cut_short"
    HostAnswered "host_answered"
    Nothing "nothing"
}

/// The likelihood table, as read from `catalog/likelihood.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Table")]
pub struct Likelihoods {
    calibration: String,
    /// Weights by context and row; absent ones are zero.
    weights: [Vec<Nats>; 3],
    families: Vec<Family>,
    web: Vec<PortRange>,
    admin: Vec<PortRange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    calibration: String,
    row: Vec<TableRow>,
    family: Vec<Family>,
    outbound: OutboundPorts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableRow {
    name: String,
    context: Context,
    p_benign: f64,
    p_sweeper: f64,
    #[expect(dead_code, reason = "for the reader of the data file")]
    note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Context {
    Inbound,
    Internal,
    Outbound,
}

impl Context {
    const ALL: [Self; 3] = [Self::Inbound, Self::Internal, Self::Outbound];

    const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Internal => "internal",
            Self::Outbound => "outbound",
        }
    }
}

/// How often each row of the table was met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contacts([[u64; Row::ALL.len()]; 3]);

impl Contacts {
    pub(crate) fn count(&mut self, direction: Direction, row: Row) {
        self.0[Context::from(direction) as usize][row as usize] += 1;
    }

    pub(crate) fn counts(&self) -> Vec<NamedCount> {
        let all = Context::ALL.iter().flat_map(|&context| {
            Row::ALL.iter().map(move |&row| (context, row, self.0[context as usize][row as usize]))
        });
        all.filter(|(.., count)| *count > 0)
            .map(|(context, row, count)| NamedCount {
                name: format!("{}.{}", context.name(), row.name()),
                count,
            })
            .collect()
    }
}

impl From<Direction> for Context {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Inbound => Self::Inbound,
            Direction::Internal => Self::Internal,
            Direction::Outbound | Direction::Transit => Self::Outbound,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    #[expect(dead_code, reason = "for the reader of the data file")]
    name: String,
    ports: Vec<PortRange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutboundPorts {
    web: Vec<PortRange>,
    admin: Vec<PortRange>,
}

/// Why a likelihood table cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError(String);

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<Table> for Likelihoods {
    type Error = TableError;

    fn try_from(table: Table) -> Result<Self, TableError> {
        let mut weights = Context::ALL.map(|_| vec![Nats::default(); Row::ALL.len()]);
        for context in Context::ALL {
            let rows = table.row.iter().filter(|row| row.context == context);
            let (mut benign, mut sweeper) = (0.0, 0.0);
            for row in rows {
                let at = Row::ALL.iter().position(|known| known.name() == row.name).ok_or_else(
                    || TableError(format!("`{}` is no row that the detector knows", row.name)),
                )?;
                if !(row.p_benign > 0.0 && row.p_sweeper > 0.0) {
                    let message = format!("probabilities of `{}` must be above zero", row.name);
                    return Err(TableError(message));
                }
                benign += row.p_benign;
                sweeper += row.p_sweeper;
                weights[context as usize][at] = Nats::from_f64((row.p_sweeper / row.p_benign).ln());
            }
            // More than 1 would make the declared bound a lie.
            if benign > 1.0 || sweeper > 1.0 {
                return Err(TableError(format!(
                    "the columns of context {context:?} add up to {benign:.4} and {sweeper:.4}; \
                     neither may exceed 1"
                )));
            }
        }
        Ok(Self {
            calibration: table.calibration,
            weights,
            families: table.family,
            web: table.outbound.web,
            admin: table.outbound.admin,
        })
    }
}

/// What is known about an attempt when it is weighed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) direction: Direction,
    pub(crate) service: Service,
    pub(crate) standing: Standing,
    pub(crate) outcome: Outcome,
    pub(crate) technique: Technique,
    pub(crate) circumstance: Circumstance,
    /// Distinct clients of the service.
    pub(crate) popularity: u64,
    /// A port of the same family failed for this source at this host before.
    pub(crate) family_failed: bool,
    /// Distinct ports that failed for this source at this host before.
    pub(crate) failed_at_host: usize,
    /// Could an answer on the local link be seen from here?
    pub(crate) answers_visible: bool,
}

/// Clients from which on a service counts as popular.
const POPULAR: u64 = 3;
/// Failed ports at one outside host from which on more of them weigh.
const MANY_PORTS: usize = 3;

impl Likelihoods {
    /// How the table was calibrated, in words.
    pub fn calibration(&self) -> &str {
        &self.calibration
    }

    pub(crate) fn weight(&self, direction: Direction, row: Row) -> Nats {
        self.weights[Context::from(direction) as usize][row as usize]
    }

    /// Did a port of the same family fail before, and hardly any other? A client that looks for
    /// its mail server tries mail ports only; whoever tried other things too is not looking.
    pub(crate) fn only_family_failed(&self, port: u16, failed: impl Iterator<Item = u16>) -> bool {
        let (mut kin, mut others) = (0, 0);
        for before in failed.filter(|&before| before != port) {
            if self.same_family(before, port) {
                kin += 1;
            } else {
                others += 1;
            }
        }
        kin > 0 && others <= 1
    }

    fn same_family(&self, one: u16, other: u16) -> bool {
        self.families
            .iter()
            .any(|family| within(&family.ports, one) && within(&family.ports, other))
    }

    /// The row that a case belongs to.
    pub(crate) fn row(&self, case: &Case) -> Row {
        if case.circumstance == Circumstance::Expected {
            return Row::Nothing;
        }
        if case.standing == Standing::Reserved {
            return Row::Reserved;
        }
        if is_impossible(case.technique) {
            return Row::Impossible;
        }
        if case.technique.is_stealth() {
            return stray(case);
        }
        if case.outcome.is_success() {
            return success(case);
        }
        if let Some(row) = excuse(case) {
            return row;
        }
        match (Context::from(case.direction), case.standing) {
            (_, Standing::Offered | Standing::Down) => Row::OfferedFailed,
            (_, Standing::Stale) => Row::StaleFailed,
            (Context::Outbound, _) => self.outbound(case),
            _ => home(case),
        }
    }

    fn outbound(&self, case: &Case) -> Row {
        let port = case.service.port;
        match case.service.protocol {
            _ if case.circumstance == Circumstance::Named => Row::Named,
            Protocol::Tcp | Protocol::Udp if case.failed_at_host >= MANY_PORTS => Row::SameHost,
            Protocol::Tcp if within(&self.admin, port) => Row::Admin,
            Protocol::Tcp | Protocol::Udp if within(&self.web, port) => Row::Web,
            _ => Row::OtherPort,
        }
    }
}

fn within(ranges: &[PortRange], port: u16) -> bool {
    ranges.iter().any(|range| range.contains(port))
}

const fn is_impossible(technique: Technique) -> bool {
    matches!(
        technique,
        Technique::Fin | Technique::Null | Technique::Xmas | Technique::SynFin | Technique::Stray
    )
}

fn stray(case: &Case) -> Row {
    match case.outcome {
        _ if !case.standing.is_probe() => Row::StrayOffered,
        _ if case.circumstance == Circumstance::CutShort => Row::CutShort,
        Outcome::Refused | Outcome::Unreachable { .. } => Row::StrayRefused,
        _ => Row::StraySilent,
    }
}

fn success(case: &Case) -> Row {
    match case.outcome {
        Outcome::HalfOpen => Row::HalfOpen,
        // That a host answers a ping or a look-up on the link says nothing about the asker.
        _ if !case.service.protocol.has_ports() => Row::HostAnswered,
        _ if case.popularity >= POPULAR => Row::SuccessPopular,
        _ => Row::SuccessRare,
    }
}

/// Innocent explanations of a failed attempt.
fn excuse(case: &Case) -> Option<Row> {
    match case.circumstance {
        Circumstance::Plain | Circumstance::Named | Circumstance::Expected => None,
        Circumstance::Traceroute => Some(Row::Nothing),
        // Where nobody was ever seen nobody would have answered later either.
        Circumstance::CutShort if case.standing == Standing::Dark => None,
        Circumstance::CutShort => Some(Row::CutShort),
        Circumstance::Acquainted => Some(Row::Acquainted),
        Circumstance::AnswerLike => Some(Row::AnswerLike),
        // A living host that refuses was not waiting for data: an FTP bounce, or a chosen port.
        Circumstance::FtpDataLike if case.outcome != Outcome::Silent => None,
        Circumstance::FtpDataLike => Some(Row::FtpDataLike),
        Circumstance::OneWay => Some(Row::OneWay),
    }
}

/// A failed attempt at a service of ours that is not offered.
fn home(case: &Case) -> Row {
    let on_link = matches!(case.service.protocol, Protocol::Arp | Protocol::Nd);
    if on_link && !case.answers_visible {
        return Row::Unseen;
    }
    if case.family_failed {
        return Row::SameFamily;
    }
    match (case.standing, case.outcome) {
        (Standing::Dark, _) => Row::Dark,
        (_, Outcome::Refused) => Row::Refused,
        (_, Outcome::Unreachable { kind, code }) => {
            match unreachable(case.service.host.is_v4(), kind, code) {
                Unreachable::Port => Row::Refused,
                Unreachable::Host => Row::Dark,
                Unreachable::Rejected => Row::Prohibited,
            }
        }
        // UDP that is not answered may well be served: syslog, traps, flow records.
        _ if case.service.protocol == Protocol::Udp => Row::SilentUdp,
        _ => Row::Silent,
    }
}
