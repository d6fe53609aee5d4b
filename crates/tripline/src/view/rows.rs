//! From the sensor's status to rows of text.

use tripline_core::event::{Incident, Notice, ServiceEvent};
use tripline_core::{Service, Suspect};
use tripline_packet::Timestamp;
use tripline_respond::Scope;

use crate::human::{self, Clock};
use crate::report::{incident, words};
use crate::term::{Ink, Page, Terminal, clean};
use crate::watch::control::InForce;
use crate::watch::status::Status;

use super::app::Tab;

/// A row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// What it is about; the same as long as it is shown.
    pub(super) key: String,
    /// A word at its beginning that stands out, and how.
    pub(super) mark: (String, Ink),
    /// The rest.
    pub(super) text: String,
}

/// The rows of a page that contain the filter.
pub(super) fn of(status: &Status, tab: Tab, filter: &str, options: Terminal) -> Vec<Row> {
    let rows: Vec<Row> = match tab {
        Tab::Incidents => status.incidents.iter().map(of_incident).collect(),
        Tab::Sources => status.engine.suspects.iter().map(|one| of_suspect(one, options)).collect(),
        Tab::Services => status.services.iter().map(of_service).collect(),
        Tab::Curtailed => status.curtailed.iter().map(of_curtailed).collect(),
        Tab::Notices => status.notices.iter().map(of_notice).collect(),
    };
    let filter = filter.to_lowercase();
    let is_wanted = |row: &Row| {
        let text = format!("{} {} {}", row.key, row.mark.0, row.text).to_lowercase();
        text.contains(&filter)
    };
    // What comes from outside must not be able to speak to the terminal.
    let inert = |row: Row| Row { text: clean(&row.text, options.unicode), ..row };
    rows.into_iter().filter(is_wanted).map(inert).collect()
}

fn of_incident(incident: &Incident) -> Row {
    let risk = incident.risk.to_string().to_uppercase();
    let time = time(incident.last);
    let verdict = words::verdict(incident.verdict);
    let text = format!("{time}  {}  {verdict}: {}", incident.signature, incident.story);
    let ink = words::risk_ink(incident.risk);
    Row { key: incident.id.clone(), mark: (format!("{risk:6}"), ink), text }
}

/// How near to a verdict, as a bar.
const BAR: usize = 10;

fn of_suspect(suspect: &Suspect, options: Terminal) -> Row {
    let share = (suspect.score / suspect.threshold).clamp(0.0, 1.0);
    let full = (share * BAR as f64).round() as usize;
    let (on, off) = if options.unicode { ("█", "░") } else { ("#", "-") };
    let bar = on.repeat(full) + &off.repeat(BAR - full);
    let last = suspect.last.map_or_else(|| " ".repeat(8), time);
    let judged = if suspect.judged { "  a verdict was given" } else { "" };
    let text = format!(
        "{last}  {:39}  {:5.1} of {:.1}  {} of {} services are unused{judged}",
        suspect.source.to_string(),
        suspect.score,
        suspect.threshold,
        suspect.probes,
        suspect.services,
    );
    let ink = if suspect.judged { Ink::Alarm } else { Ink::Warn };
    Row { key: suspect.source.to_string(), mark: (bar, ink), text }
}

fn of_service(event: &ServiceEvent) -> Row {
    let service = name(event);
    let text = format!("{service:45}  {:5} clients  {}", event.clients, event.reason);
    let standing = event.standing.to_string();
    Row { key: service, mark: (format!("{standing:8}"), Ink::Plain), text }
}

fn name(event: &ServiceEvent) -> String {
    let ServiceEvent { host, protocol, port, .. } = *event;
    Service { host, protocol, port }.to_string()
}

fn of_curtailed(one: &InForce) -> Row {
    let curtailment = &one.curtailment;
    let from = match curtailment.target.scope {
        Scope::Everything => "everything".to_owned(),
        Scope::Service { protocol, port } => format!("{port}/{protocol}"),
        Scope::Unoffered => "what nobody offers".to_owned(),
    };
    let kernel = match one.kernel {
        Some((_, packets)) => format!("{} dropped", human::counted(packets, "packet")),
        None => "not in the kernel".to_owned(),
    };
    let left = human::duration(one.left as f64);
    let source = curtailment.target.source.short();
    let text = format!("{source:39}  from {from}  {left} to go  {kernel}  {}", curtailment.because);
    let ink = if one.kernel.is_some() { Ink::Good } else { Ink::Warn };
    Row { key: curtailment.target.to_string(), mark: (format!("{:8}", "held off"), ink), text }
}

fn of_notice(notice: &Notice) -> Row {
    let time = notice.time.map_or_else(|| " ".repeat(8), time);
    let key = format!("{} {time}", notice.name);
    Row { key, mark: (time, Ink::Faint), text: format!("{}: {}", notice.name, notice.message) }
}

/// The time of day, to the second.
fn time(time: Timestamp) -> String {
    human::date_time(time, 0).chars().skip(11).take(8).collect()
}

/// All that is known about a row.
pub(super) fn detail(status: &Status, tab: Tab, row: &Row, options: Terminal) -> Vec<String> {
    let mut page = Page::new(Terminal { color: false, ..options });
    let found = status.incidents.iter().find(|incident| incident.id == row.key);
    if let (Tab::Incidents, Some(found)) = (tab, found) {
        incident::add(&mut page, found, &Clock::new(found.first, found.last), "");
        page.gap();
        for source in &found.sources {
            let line = page.line().plain(format!("tripline release {source}"));
            page.field("let in", &line);
        }
    } else {
        let line = page.line().strong(&row.mark.0).plain("  ").plain(&row.text);
        page.paragraph(&line, 2);
    }
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = page.write_to(&mut text);
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}
