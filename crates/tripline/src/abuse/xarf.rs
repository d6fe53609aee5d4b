//! The complaint as JSON in the eXtended Abuse Reporting Format, version 4 (category `connection`,
//! type `port_scan`), as its JSON Schemas of version 4.2.0 have it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tripline_core::Protocol;

use super::lines::{left_out, lines};
use super::{Complaint, stamp};

/// Version of the format.
const VERSION: &str = "4.2.0";

/// Writes the report; `None` if it is of a protocol that the format does not know.
pub fn write(complaint: &Complaint<'_>) -> Option<String> {
    let incident = complaint.incident;
    let protocol = main_protocol(complaint)?;
    let mut steps = incident.evidence.iter();
    let first = steps.find(|step| step.service.protocol == protocol)?;
    let contact = json!({
        "org": complaint.reporter.name,
        "contact": complaint.reporter.mail,
        "domain": complaint.reporter.domain(),
    });
    let mut report = Map::new();
    let mut put = |key: &str, value: Value| report.insert(key.to_owned(), value);
    put("xarf_version", VERSION.into());
    put("report_id", report_id(complaint).into());
    put("timestamp", stamp(incident.first).into());
    put("reporter", contact.clone());
    put("sender", contact);
    put("source_identifier", complaint.source.to_string().into());
    if let Some(port) = incident.evidence.iter().find_map(|step| step.source_port) {
        put("source_port", port.into());
    }
    put("category", "connection".into());
    put("type", "port_scan".into());
    put("evidence_source", "ids_detection".into());
    put("protocol", protocol.name().into());
    put("first_seen", stamp(incident.first).into());
    put("last_seen", stamp(incident.last).into());
    if !complaint.mask && incident.hosts == 1 {
        put("destination_ip", first.service.host.to_string().into());
    }
    if incident.ports == 1 && first.service.protocol.has_ports() {
        put("destination_port", first.service.port.into());
    }
    put("description", complaint.summary().chars().take(1_000).collect::<String>().into());
    put("tags", json!([if complaint.is_proven() { "address:proven" } else { "address:unproven" }]));
    put("evidence", json!([evidence(complaint)]));
    let mut text = serde_json::to_string_pretty(&report).ok()?;
    text.push('\n');
    Some(text)
}

/// The protocol of most steps, of those that the format knows.
fn main_protocol(complaint: &Complaint<'_>) -> Option<Protocol> {
    let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp];
    let steps = &complaint.incident.evidence;
    let count = |of: &Protocol| steps.iter().filter(|step| step.service.protocol == *of).count();
    let main = known.into_iter().rev().max_by_key(count)?;
    (count(&main) > 0).then_some(main)
}

fn evidence(complaint: &Complaint<'_>) -> Value {
    let payload = lines(complaint).iter().fold(String::new(), |text, line| text + line + "\n");
    let more = match left_out(complaint) {
        0 => String::new(),
        more => format!("; {more} further services were tried"),
    };
    json!({
        "content_type": "text/plain",
        "description": format!("Attempts, one a line, times in UTC{more}"),
        "payload": STANDARD.encode(&payload),
        "hash": format!("sha256:{}", hex(&Sha256::digest(&payload))),
        "size": payload.len(),
    })
}

/// The same for the same incident and reporter, so that it is known when it is sent twice: a UUID of
/// version 8 (RFC 9562 section 5.8), made of a digest.
pub(super) fn report_id(complaint: &Complaint<'_>) -> String {
    let incident = complaint.incident;
    let what = format!("{} {} {}", incident.id, incident.update, complaint.reporter.mail);
    let mut bytes: [u8; 16] = Sha256::digest(what)[..16].try_into().unwrap_or_default();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
