//! The list of all events.

use std::io::{self, Write};

use serde::Serialize;
use tripline_core::catalog::{Catalog, Class, Entry};

use crate::report::table::{Column, Table};
use crate::report::words;
use crate::term::{Ink, Page, Terminal};

const CLASSES: [(Class, &str); 4] = [
    (Class::Verdict, "Verdicts and notices"),
    (Class::Sweep, "Sweeps"),
    (Class::Stealth, "Techniques and tools"),
    (Class::Probe, "Probes"),
];

/// Renders the list, grouped by class.
pub fn list(catalog: &Catalog, term: Terminal) -> Page {
    let mut page = Page::new(term);
    for (class, title) in CLASSES {
        let entries = sorted(catalog, class);
        page.heading(title, &entries.len().to_string());
        let mut table = Table::new(&[
            Column::left(""),
            Column::left("signature"),
            Column::left("ISS id"),
            Column::left("risk"),
            Column::left(if class == Class::Probe { "ports" } else { "" }),
            Column::rest("title"),
        ]);
        for entry in entries {
            let line = || page.term.line();
            table.row([
                line().faint(&entry.id),
                line().add(Ink::Accent, &entry.signature),
                line().plain(entry.iss_id.map(|id| id.to_string()).unwrap_or_default()),
                line().add(words::risk_ink(entry.risk), entry.risk.to_string()),
                line().plain(brief_ports(entry)),
                line().plain(&entry.title),
            ]);
        }
        table.add_to(&mut page);
    }
    page.gap();
    let hint =
        page.line().faint("The page of an event: ").add(Ink::Accent, "tripline explain SIGNATURE");
    page.push(hint);
    page
}

/// Writes the list as one JSON object a line.
///
/// # Errors
/// The output cannot be written.
pub fn list_json(catalog: &Catalog, out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Row<'a> {
        id: &'a str,
        signature: &'a str,
        iss_id: Option<u32>,
        class: Class,
        risk: tripline_core::catalog::Risk,
        protocol: Option<tripline_core::Protocol>,
        ports: Vec<String>,
        attack: &'a [String],
        title: &'a str,
        summary: &'a str,
    }
    for (class, _) in CLASSES {
        for entry in sorted(catalog, class) {
            let named = entry.names.iter().map(|named| &named.port);
            let row = Row {
                id: &entry.id,
                signature: &entry.signature,
                iss_id: entry.iss_id,
                class,
                risk: entry.risk,
                protocol: entry.protocol,
                ports: entry.ports.iter().chain(named).map(ToString::to_string).collect(),
                attack: &entry.attack,
                title: &entry.title,
                summary: &entry.summary,
            };
            serde_json::to_writer(&mut *out, &row)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

fn sorted(catalog: &Catalog, class: Class) -> Vec<&Entry> {
    let of_class = catalog.entries().iter().filter(|entry| entry.class == class);
    let mut entries: Vec<&Entry> = of_class.collect();
    entries.sort_by(|a, b| a.id.cmp(&b.id));
    entries
}

/// Ports that fit a column; the protocol is in the signature.
fn brief_ports(entry: &Entry) -> String {
    const MOST: usize = 12;
    if entry.class != Class::Probe {
        return String::new();
    }
    let mut text = String::new();
    for port in &entry.ports {
        let port = port.to_string();
        if !text.is_empty() {
            if text.len() + port.len() >= MOST {
                text.push_str(",…");
                break;
            }
            text.push(',');
        }
        text.push_str(&port);
    }
    match entry.names.len() {
        _ if !text.is_empty() => text,
        0 => "others".to_owned(),
        names => format!("{names} named"),
    }
}
