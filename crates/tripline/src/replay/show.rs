//! The difference, for people and for programs.

use serde::Serialize;
use tripline_core::event::{Curtailment, CurtailmentStep, Incident, SCHEMA_VERSION};
use tripline_respond::Mode;

use super::compare::{Changed, Changes, Difference, Field, length};
use crate::human;
use crate::report::words;
use crate::term::{Ink, Line, Page, Terminal};

/// What was compared.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The settings that were tried.
    pub settings: String,
    /// Those that they were compared with.
    pub against: String,
    /// What was read.
    pub input: Vec<String>,
    /// What cannot be known from it.
    pub unknown: Vec<String>,
}

/// Its form in JSON.
#[derive(Serialize)]
struct Form<'a> {
    kind: &'static str,
    schema: u32,
    #[serde(flatten)]
    compared: &'a Compared,
    #[serde(flatten)]
    difference: &'a Difference,
}

/// Renders it as one JSON object.
///
/// # Errors
/// Never, as far as is known: it has nothing that JSON cannot hold.
pub fn json(compared: &Compared, difference: &Difference) -> serde_json::Result<String> {
    let form = Form { kind: "replay", schema: SCHEMA_VERSION, compared, difference };
    Ok(serde_json::to_string(&form)? + "\n")
}

/// Renders it for a person: `+` is gained, `-` is lost, `~` is changed.
pub fn page(compared: &Compared, difference: &Difference, term: Terminal) -> Page {
    let mut page = Page::new(term);
    page.field("settings", &page.line().strong(&compared.settings));
    page.field("against", &page.line().plain(&compared.against));
    page.field("input", &page.line().plain(compared.input.join(", ")));
    let mut label = "unknown";
    for unknown in &compared.unknown {
        page.field(std::mem::take(&mut label), &page.line().plain(unknown));
    }
    if let Some([before, after]) = difference.mode {
        let line = page.line().plain(format!("{} → {}", mode(before), mode(after)));
        page.field("mode", &line);
    }
    section(&mut page, "Incidents", &difference.incidents, incident);
    section(&mut page, "Curtailments", &difference.curtailments, curtailment);
    if difference.is_empty() {
        page.gap();
        let line = page.line().add(Ink::Good, "Nothing would change.");
        page.push(line);
    }
    page
}

fn section<T>(page: &mut Page, title: &str, changes: &Changes<T>, tell: fn(&mut Page, Line, &T)) {
    let Changes { same, gained, lost, changed } = changes;
    let note = format!(
        "{} as before, {} gained, {} lost, {} changed",
        human::count(*same as u64),
        human::count(gained.len() as u64),
        human::count(lost.len() as u64),
        human::count(changed.len() as u64)
    );
    page.heading(title, &note);
    for one in lost {
        let sign = page.line().add(Ink::Good, "- ");
        tell(page, sign, one);
    }
    for one in gained {
        let sign = page.line().add(Ink::Alarm, "+ ");
        tell(page, sign, one);
    }
    for Changed { after, fields, .. } in changed {
        let sign = page.line().add(Ink::Warn, "~ ");
        tell(page, sign, after);
        for field in fields {
            add_field(page, field);
        }
    }
}

fn add_field(page: &mut Page, field: &Field) {
    let value = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
    let line = page
        .line()
        .faint(format!("{}: ", field.field))
        .plain(value(&field.before))
        .plain(" → ")
        .strong(value(&field.after));
    page.paragraph(&line, 4);
}

fn incident(page: &mut Page, sign: Line, incident: &Incident) {
    let title = sign
        .add(words::risk_ink(incident.risk), incident.risk.to_string().to_uppercase())
        .plain("  ")
        .strong(&incident.signature)
        .plain(format!("  {}", words::verdict(incident.verdict)))
        .faint(format!("  {}", incident.id));
    page.push(title);
    let story = page.line().plain(&incident.story);
    page.paragraph(&story, 4);
}

fn curtailment(page: &mut Page, sign: Line, step: &Curtailment) {
    let line = page.line().strong(step.source.short());
    let at = human::date_time(step.time, 3);
    let line = match (step.step, length(step)) {
        (CurtailmentStep::Refused, _) | (_, None) => {
            line.plain(format!(" not held off: {}", step.reason))
        }
        (_, Some(length)) if step.from == "unoffered" => line
            .plain(format!(" slowed down where nobody offers anything, for {length}, from {at}")),
        (_, Some(length)) => {
            line.plain(format!(" held off from {}, for {length}, from {at}", step.from))
        }
    };
    let line = match &step.incident {
        Some(incident) => line.faint(format!("  {incident}")),
        None => line,
    };
    page.fill(sign, &line, 2);
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "off",
        Mode::Observe => "observe",
        Mode::Enforce => "enforce",
    }
}
