//! The event contract: the only thing that outputs see.
//!
//! Every kind of event is one object; `kind` comes first, `schema` second. Times are RFC 3339 in
//! UTC with nanoseconds. Fields are only ever added within one schema version.

mod incident;

use serde::{Deserialize, Serialize};
use tripline_packet::{Addr, Prefix, Timestamp};

use crate::catalog::Risk;
use crate::service::{Direction, Outcome, Protocol, Standing, Technique};

pub use incident::{
    Action, EvidenceStep, Found, Incident, Order, OutcomeCounts, Pace, PaceClass, Proof, Response,
    Said, Shape, ToolMark, Touch, Verdict,
};

/// Version of the event contract; goes up when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// Something to report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// One or more attempts of a source at one service that nobody offers.
    Probe(Probe),
    /// Everything that one source, or a coordinated set, did.
    Incident(Box<Incident>),
    /// A service of the inventory.
    Service(ServiceEvent),
    /// Something the operator should know about the sensor or its input.
    Notice(Notice),
    /// Something that was done about a source, or would have been.
    Curtailment(Curtailment),
    /// Totals at the end of a run.
    Summary(Box<Summary>),
}

/// Something that was done about a source, or would have been.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Curtailment {
    /// Version of the contract.
    pub schema: u32,
    /// When.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub time: Timestamp,
    /// What.
    pub step: CurtailmentStep,
    /// Whom: an address or a network.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    #[serde(serialize_with = "tripline_packet::short")]
    pub source: Prefix,
    /// What new sessions of the source are held off from: `everything`, a service such as `22/tcp`,
    /// or `unoffered` (no more than a few a minute with services that nobody offers).
    pub from: String,
    /// When it ends by itself.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub until: Option<Timestamp>,
    /// How often the source was curtailed before.
    pub strikes: u32,
    /// The incident that it is about.
    pub incident: Option<String>,
    /// Who decided: `tripline`, or the name of a person.
    pub by: String,
    /// Why, in words.
    pub reason: String,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CurtailmentStep {
    /// It is in force from now on.
    Curtailed,
    /// It would be, if the sensor were allowed to.
    WouldCurtail,
    /// The incident asks for it, and it was not done: see the reason.
    Refused,
    /// It was ended before its time.
    Released,
    /// Its time is over.
    Expired,
    /// The kernel had lost it, or had what nobody asked for; that has been put right.
    Repaired,
    /// It should be in force, and the kernel did not take it: see the reason.
    Failed,
}

impl CurtailmentStep {
    /// As in the events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Curtailed => "curtailed",
            Self::WouldCurtail => "would_curtail",
            Self::Refused => "refused",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Repaired => "repaired",
            Self::Failed => "failed",
        }
    }
}

/// One or more attempts of a source at one service that nobody offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Probe {
    /// Version of the contract.
    pub schema: u32,
    /// Catalogue signature, e.g. `TCP_Probe_Ftp`.
    pub signature: String,
    /// Catalogue id, e.g. `TL-1001`.
    pub event_id: String,
    /// Id in the old ISS catalogue, where one is known.
    pub iss_id: Option<u32>,
    /// Risk.
    pub risk: Risk,
    /// Who tried.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub source: Addr,
    /// At which host.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub target: Addr,
    /// Protocol.
    pub protocol: Protocol,
    /// Port, ICMP type or IP protocol number; null where there is none.
    pub port: Option<u16>,
    /// What is known to live on the port, where the entry stands for many (trojan tables).
    pub port_name: Option<String>,
    /// How it was tried.
    pub technique: Technique,
    /// How it ended (the last time).
    pub outcome: Outcome,
    /// What the service was then.
    pub standing: Standing,
    /// Why it had that standing.
    pub reason: String,
    /// The tool whose mark the packet bore.
    pub tool: Option<String>,
    /// Where source and target stand to the home networks.
    pub direction: Direction,
    /// Attempts, retransmissions not counted.
    pub count: u32,
    /// First attempt.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub first: Timestamp,
    /// Last attempt.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub last: Timestamp,
    /// Id of the incident that it became part of.
    pub incident: Option<String>,
}

/// A service of the inventory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceEvent {
    /// Version of the contract.
    pub schema: u32,
    /// Host.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub host: Addr,
    /// Protocol.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// Standing.
    pub standing: Standing,
    /// Why.
    pub reason: String,
    /// First answer.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub first: Option<Timestamp>,
    /// Last answer.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub last: Option<Timestamp>,
    /// Distinct sources that used it (popularity); sweepers are not counted.
    pub clients: u64,
}

/// Something the operator should know about the sensor or its input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Notice {
    /// Version of the contract.
    pub schema: u32,
    /// Short name: `home_inferred`, `damaged_capture`, `capture_loss`, `probes_suppressed`,
    /// `incidents_dropped`, `detection_floor`.
    pub name: String,
    /// When, in the capture's time; null when it has none.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub time: Option<Timestamp>,
    /// The message.
    pub message: String,
}

/// A name and a count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamedCount {
    /// Name.
    pub name: String,
    /// Count.
    pub count: u64,
}

/// Totals at the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Summary {
    /// Version of the contract.
    pub schema: u32,
    /// Packets that were read and understood.
    pub packets: u64,
    /// Bytes on the wire of those.
    pub bytes: u64,
    /// First packet.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub first: Option<Timestamp>,
    /// Last packet.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub last: Option<Timestamp>,
    /// Packets that came with a time before the latest one seen; handled at the latest.
    pub out_of_order: u64,
    /// The home networks in use.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub home: Vec<Prefix>,
    /// Attempts by how they ended, retransmissions and repetitions not counted.
    pub attempts: OutcomeCounts,
    /// Attempts whose outcome was given up because a table was full.
    pub attempts_dropped: u64,
    /// Distinct probes.
    pub probes: u64,
    /// Probes that were counted but not reported one by one, because there were too many.
    pub probes_suppressed: u64,
    /// First contacts by context and row of the likelihood table, e.g. `inbound.refused`: what the
    /// table is calibrated with when the traffic is known to be benign.
    pub contacts: Vec<NamedCount>,
    /// Incidents by verdict.
    pub incidents: Vec<NamedCount>,
    /// Verdicts that were not reported because too many incidents were open.
    pub incidents_dropped: u64,
    /// Services in the inventory that were seen to answer.
    pub services: u64,
    /// Sources with evidence.
    pub sources: u64,
    /// Sources kept out of the table by the admission filter at first sight.
    pub sources_filtered: u64,
    /// Sources pushed out of the table by others with more evidence.
    pub sources_evicted: u64,
    /// Packets that answered a question nobody asked.
    pub backscatter: u64,
    /// Malformed packets by kind, and frames that were not read by reason.
    pub malformed: Vec<NamedCount>,
}
