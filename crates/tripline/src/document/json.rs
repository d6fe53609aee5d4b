//! The document for programs.

use serde::Serialize;
use tripline_core::event::{Curtailment, Incident, Notice, SCHEMA_VERSION, ServiceEvent, Summary};
use tripline_packet::Timestamp;

use super::Document;

/// Its form: the parts are those of the event contract.
#[derive(Serialize)]
struct Form<'a> {
    kind: &'static str,
    schema: u32,
    title: String,
    input: &'a [String],
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    in_short: Vec<String>,
    incidents: &'a [Incident],
    apart: &'a [Incident],
    curtailments: &'a [Curtailment],
    services: &'a [ServiceEvent],
    notices: &'a [Notice],
    summary: Option<&'a Summary>,
}

/// Renders the document as one JSON object.
///
/// # Errors
/// Never, as far as is known: the contract has nothing that JSON cannot hold.
pub fn write(document: &Document) -> serde_json::Result<String> {
    let span = document.span();
    let form = Form {
        kind: "report",
        schema: SCHEMA_VERSION,
        title: document.title(),
        input: &document.scope.input,
        first: span.map(|(first, _)| first),
        last: span.map(|(_, last)| last),
        in_short: document.in_short(),
        incidents: &document.incidents,
        apart: &document.apart,
        curtailments: &document.curtailments,
        services: &document.services,
        notices: &document.notices,
        summary: document.summary.as_ref(),
    };
    let mut text = serde_json::to_string_pretty(&form)?;
    text.push('\n');
    Ok(text)
}
