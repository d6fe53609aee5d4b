//! The complaint as an e-mail in the Abuse Reporting Format: RFC 5965, with the source port of
//! RFC 6692.
//!
//! The format is made for complaints about mail. What it asks for and there is none of, the message
//! complained about, is a header that says so; the type is `other`, as of RFC 5965 section 7.3 nothing
//! else fits.

use std::fmt::Write as _;

use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::mime::MimePart;
use tripline_packet::Timestamp;

use super::lines::{left_out, lines};
use super::{Complaint, ascii, stamp};
use crate::human;

/// Columns of the paragraphs.
const WIDTH: usize = 76;

/// Writes the message.
pub fn write(complaint: &Complaint<'_>) -> String {
    let id = super::xarf::report_id(complaint);
    let reporter = complaint.reporter;
    let parts = vec![
        part("text/plain", &text(complaint), Some("us-ascii")),
        part("message/feedback-report", &machine(complaint), None),
        part("text/rfc822-headers", &no_message(complaint), None),
    ];
    let kind = ContentType::new("multipart/report")
        .attribute("report-type", "feedback-report")
        .attribute("boundary", format!("=_{id}"));
    let mut message = MessageBuilder::new()
        .from((reporter.name.as_str(), reporter.mail.as_str()))
        .subject(complaint.subject())
        .date(seconds(complaint.made))
        .message_id(format!("{id}@{}", reporter.domain()));
    if let Some(to) = complaint.to {
        message = message.to(to.0.as_str());
    }
    let message = message.body(MimePart::new(kind, parts)).write_to_vec();
    // Memory takes everything, and all of it is ASCII.
    String::from_utf8(message.unwrap_or_default()).unwrap_or_default()
}

/// A part as it is: all of it is ASCII in short lines already.
fn part(kind: &'static str, text: &str, charset: Option<&'static str>) -> MimePart<'static> {
    let mut kind = ContentType::new(kind);
    if let Some(charset) = charset {
        kind = kind.attribute("charset", charset);
    }
    let bytes = text.replace('\n', "\r\n").into_bytes();
    MimePart::new(kind, bytes).transfer_encoding("7bit")
}

fn seconds(time: Timestamp) -> i64 {
    time.nanos().div_euclid(1_000_000_000)
}

/// What a person reads.
fn text(complaint: &Complaint<'_>) -> String {
    let mut text = filled("This is a report of a port scan from an address in your network.");
    text.push('\n');
    text.push_str(&filled(&complaint.summary()));
    text.push_str(
        "\nThe attempts (UTC; src, sport: yours; dst, dport: ours; proto: protocol;\n\
         attempt: by what means; outcome: how we answered):\n\n",
    );
    for line in lines(complaint) {
        let _ = writeln!(text, "  {line}");
    }
    match left_out(complaint) {
        0 => {}
        more => {
            let more = human::counted(more, "further service");
            let _ = writeln!(text, "  ({more} tried, not listed)");
        }
    }
    if complaint.mask {
        text.push_str(
            "\nOf our own addresses only the networks are told; ask for more if you need it.\n",
        );
    }
    let _ = writeln!(
        text,
        "\nIncident {}, reported by {}.",
        ascii(&complaint.incident.id),
        complaint.reporter.mail
    );
    text
}

/// What a program reads: RFC 5965 section 3.
fn machine(complaint: &Complaint<'_>) -> String {
    let incident = complaint.incident;
    let mut text = format!(
        "Feedback-Type: other\nUser-Agent: tripline/{}\nVersion: 1\nSource-IP: {}\n",
        env!("CARGO_PKG_VERSION"),
        complaint.source
    );
    if let Some(port) = incident.evidence.iter().find_map(|step| step.source_port) {
        let _ = writeln!(text, "Source-Port: {port}");
    }
    let _ = writeln!(text, "Arrival-Date: {}", Date::new(seconds(incident.first)).to_rfc822());
    let _ = writeln!(text, "Incidents: 1");
    text
}

/// In place of the message that the format asks for.
fn no_message(complaint: &Complaint<'_>) -> String {
    let date = Date::new(seconds(complaint.incident.first)).to_rfc822();
    format!(
        "Date: {date}\nSubject: (no message: network access attempts from {}\n {})\n",
        complaint.source,
        stamp(complaint.incident.first)
    )
}

/// A paragraph in lines.
fn filled(text: &str) -> String {
    let mut filled = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        if column > 0 && column + 1 + word.len() > WIDTH {
            filled.push('\n');
            column = 0;
        } else if column > 0 {
            filled.push(' ');
            column += 1;
        }
        filled.push_str(word);
        column += word.len();
    }
    filled.push('\n');
    filled
}
