//! What is told about a sweep, and all that it consists of.

use serde::{Deserialize, Serialize};
use tripline_packet::{Addr, Prefix, Timestamp};

use crate::catalog::Risk;
use crate::service::{Direction, Outcome, Service, Standing, Technique};

/// What an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A sweep.
    Sweep,
    /// A sweep whose source came back and used what it found.
    FollowUp,
    /// Many sources, one service, no session: a flood.
    Flood,
    /// Answers to questions that nobody here asked.
    Backscatter,
    /// A service that was offered fails for sources that used it before.
    Outage,
    /// One source that keeps trying one dead service.
    StaleClient,
    /// A sweep by a scanner that the settings authorise.
    Authorised,
    /// A verdict that later facts took back.
    Withdrawn,
}

impl Verdict {
    /// The name in the contract.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sweep => "sweep",
            Self::FollowUp => "follow_up",
            Self::Flood => "flood",
            Self::Backscatter => "backscatter",
            Self::Outage => "outage",
            Self::StaleClient => "stale_client",
            Self::Authorised => "authorised",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The shape of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Many services of one host.
    Vertical,
    /// One service of many hosts.
    Horizontal,
    /// Many services of many hosts.
    Block,
    /// Shared out among several sources.
    Distributed,
}

/// How fast a sweep went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pace {
    /// `fast` or `slow`: slow when the median gap between new services is 10 s or more.
    pub class: PaceClass,
    /// Distinct services per second over the whole sweep; null when all came at one instant.
    pub per_second: Option<f64>,
    /// Seconds from the first to the last attempt.
    pub seconds: f64,
}

/// Fast or slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PaceClass {
    /// New services within seconds.
    Fast,
    /// Minutes or more between new services.
    Slow,
}

/// In which order the targets were tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Mostly upwards (or downwards) without going back.
    Sequential,
    /// No visible order.
    Random,
}

/// Attempts by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutcomeCounts {
    /// Sessions and answers.
    pub established: u64,
    /// Answered, never completed.
    pub half_open: u64,
    /// Refused.
    pub refused: u64,
    /// ICMP errors.
    pub unreachable: u64,
    /// No answer.
    pub silent: u64,
}

impl OutcomeCounts {
    /// Counts one more attempt that ended with `outcome`.
    pub fn add(&mut self, outcome: Outcome) {
        *self.of(outcome) += 1;
    }

    /// Takes one back (a late answer changed it).
    pub fn remove(&mut self, outcome: Outcome) {
        let count = self.of(outcome);
        *count = count.saturating_sub(1);
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.established + self.half_open + self.refused + self.unreachable + self.silent
    }

    fn of(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Established => &mut self.established,
            Outcome::HalfOpen => &mut self.half_open,
            Outcome::Refused => &mut self.refused,
            Outcome::Unreachable { .. } => &mut self.unreachable,
            Outcome::Silent => &mut self.silent,
        }
    }
}

/// What is known about the ownership of a source address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "level", rename_all = "snake_case")]
pub enum Proof {
    /// Nothing that a forger could not have sent.
    None,
    /// The source showed knowledge that only the owner of the address can have.
    Proven {
        /// How, e.g. "acknowledged the initial sequence number of 192.0.2.10:22/tcp".
        how: String,
        /// When.
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        when: Timestamp,
    },
}

/// What should be done about an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Response {
    /// What to do.
    pub action: Action,
    /// Why this and not more.
    pub reason: String,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Cut the source off for a while; its address is proven.
    Curtail,
    /// Limit the source's rate on services nobody offers; its address is not proven.
    RateLimit,
    /// Look into it on the host that the traffic came from.
    Investigate,
    /// Nothing but knowing.
    Notify,
}

/// A service that answered the sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Found {
    /// Which.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub service: Service,
    /// When it answered.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub time: Timestamp,
    /// When the source came back with a session that carried data.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub follow_up: Option<Timestamp>,
}

/// What a source said to a service that nobody offers, after it had completed a handshake with it:
/// a challenge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Said {
    /// To whom it took itself to be speaking.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub service: Service,
    /// When.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub time: Timestamp,
    /// Its first bytes, at most 256, in printable ASCII: all others are escaped as in Rust and C
    /// (`\r`, `\n`, `\x00`).
    pub text: String,
}

/// One step of the evidence: an attempt, what was known about the service, and its weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EvidenceStep {
    /// When the attempt was made.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub time: Timestamp,
    /// The port that it came from: behind an address that many share it tells who it was (RFC 6302).
    pub source_port: Option<u16>,
    /// At what.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub service: Service,
    /// How.
    pub technique: Technique,
    /// How it ended.
    pub outcome: Outcome,
    /// What the service was.
    pub standing: Standing,
    /// The inventory fact behind the standing.
    pub reason: String,
    /// Name of the row of the likelihood table that gave the weight.
    pub row: String,
    /// Weight in nats.
    pub weight: f64,
    /// Weight of a tool formula in nats, and its name, when one matched.
    pub tool: Option<ToolMark>,
    /// Sum of all weights so far, in nats.
    pub score: f64,
    /// The evidence was taken back later, and why.
    pub revoked: Option<String>,
}

/// A tool's mark on a packet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ToolMark {
    /// Name of the tool.
    pub name: String,
    /// What matched, in words.
    pub mark: String,
    /// Weight in nats (0 for a look that proves nothing).
    pub weight: f64,
}

/// One touch of the sweep, for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// When.
    pub time: Timestamp,
    /// What.
    pub service: Service,
    /// Did it answer as a service would?
    pub answered: bool,
}

/// Everything that one source, or a coordinated set, did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Incident {
    /// Version of the contract.
    pub schema: u32,
    /// Id, derived from content: the same input gives the same id.
    pub id: String,
    /// 1 for the first report, one more for each that follows.
    pub update: u32,
    /// What it is.
    pub verdict: Verdict,
    /// Catalogue id.
    pub event_id: String,
    /// Catalogue signature.
    pub signature: String,
    /// Id in the old ISS catalogue, where one is known.
    pub iss_id: Option<u32>,
    /// Risk.
    pub risk: Risk,
    /// Who: the source, or the first 64 of several.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub sources: Vec<Addr>,
    /// How many sources.
    pub source_count: u64,
    /// The name that the settings give to an authorised scanner.
    pub authorised_as: Option<String>,
    /// Where source and targets stand to the home networks.
    pub direction: Direction,
    /// Shape, for sweeps.
    pub shape: Option<Shape>,
    /// Techniques, most used first.
    pub techniques: Vec<Technique>,
    /// The tool, when its marks are consistent.
    pub tool: Option<ToolMark>,
    /// Signatures of other pages of the catalogue that apply: marks of tools, fingerprinting,
    /// fragments.
    pub also: Vec<String>,
    /// How fast.
    pub pace: Pace,
    /// In which order.
    pub order: Option<Order>,
    /// Share of the spanned ports or addresses that was tried, 0 to 1.
    pub coverage: Option<f64>,
    /// Score in nats at the verdict or, if higher, since.
    pub score: f64,
    /// The score at which the verdict is given, in nats: ln(1/alpha).
    pub threshold: f64,
    /// The declared bound on the chance that a benign source is ever called a sweep.
    pub alpha: f64,
    /// Distinct services that nobody offers, up to and including the one that decided.
    pub attempts_to_verdict: u32,
    /// First attempt.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub first: Timestamp,
    /// When the verdict was reached.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub verdict_at: Timestamp,
    /// Last attempt.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub last: Timestamp,
    /// Distinct hosts tried.
    pub hosts: u64,
    /// Distinct ports tried.
    pub ports: u64,
    /// Distinct services tried.
    pub services: u64,
    /// The ports tried, as ranges, e.g. `tcp 1-100,8080`; cut when too many.
    pub port_list: String,
    /// The networks tried, e.g. `192.0.2.0/24`; for one host its address.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub targets: Vec<Prefix>,
    /// Attempts by how they ended.
    pub outcomes: OutcomeCounts,
    /// Services that answered the sweep, at most 256.
    pub found: Vec<Found>,
    /// What it said where nobody listens, to at most 8 services.
    pub said: Vec<Said>,
    /// Is the source address proven?
    pub proof: Proof,
    /// What should be done.
    pub response: Response,
    /// The whole in a sentence or two.
    pub story: String,
    /// The evidence up to the verdict and some after, at most 64 steps.
    pub evidence: Vec<EvidenceStep>,
    /// A sample of the touches, for pictures; not part of the contract.
    #[serde(skip)]
    pub touches: Vec<Touch>,
}
