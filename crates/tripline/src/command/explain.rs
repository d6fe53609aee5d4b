//! `tripline explain`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, bail};
use tripline_core::catalog::Catalog;
use tripline_core::event::Event;

use crate::capture;
use crate::cli::ExplainArgs;
use crate::data;
use crate::explain::{self, Subject};
use crate::output::{JsonLines, Sink as _};
use crate::progress::Progress;
use crate::run::run;

use super::{Exit, is_incident_id, print_page, write_out};

pub(super) fn explain(args: &ExplainArgs) -> Result<Exit> {
    let catalog = data::catalog()?;
    let Some(subject) = &args.subject else {
        return list(args, &catalog);
    };
    if let Some(entry) = catalog.find(subject) {
        if !args.files.is_empty() {
            bail!(
                "`{subject}` is an event of the catalogue; leave FILE away to see its page, or \
                 name an incident or an address"
            );
        }
        if args.json {
            let page = data::raw_entry(&entry.id)?;
            return write_out(|out| writeln!(out, "{page}"));
        }
        return print_page(&explain::page(entry, args.display.terminal()));
    }
    let subject_of_replay = Subject::new(subject);
    if args.files.is_empty() {
        bail!("{}", unknown(&catalog, subject, &subject_of_replay));
    }
    replay(args, subject, &subject_of_replay)
}

fn list(args: &ExplainArgs, catalog: &Catalog) -> Result<Exit> {
    if args.json {
        return write_out(|out| explain::list_json(catalog, out));
    }
    print_page(&explain::list(catalog, args.display.terminal()))
}

/// Reads the captures again and shows what led to an incident, or all about an address.
fn replay(args: &ExplainArgs, name: &str, subject: &Subject) -> Result<Exit> {
    let settings = args.settings.layers().resolve()?.detection;
    let mut source = capture::open(&args.files)?;
    let mut progress = Progress::new(true);
    let mut events: Vec<Event> = Vec::new();
    let finished = run(&mut source, settings, &mut events, &mut progress);
    progress.clear();
    finished?;
    if args.json {
        events.retain(|event| subject.is_about(event));
        if events.is_empty() {
            bail!("{}", absent(name, subject, &args.files));
        }
        return write_out(|out| {
            let mut lines = JsonLines(out);
            events.into_iter().try_for_each(|event| lines.event(event))
        });
    }
    match explain::replay(&events, subject, args.display.terminal()) {
        Some(page) => print_page(&page),
        None => bail!("{}", absent(name, subject, &args.files)),
    }
}

/// Why there is nothing to explain without captures.
fn unknown(catalog: &Catalog, name: &str, subject: &Subject) -> String {
    match subject {
        Subject::Address(_) => {
            format!("to explain an address, name the captures: tripline explain {name} FILE")
        }
        Subject::Incident(id) if is_incident_id(id) => {
            format!("to explain an incident, name the captures: tripline explain {name} FILE")
        }
        Subject::Incident(_) => {
            let mut message = format!("no event is called `{name}`");
            let similar = explain::suggest(catalog, name);
            if !similar.is_empty() {
                message.push_str("; did you mean one of these?");
            }
            for entry in similar {
                let _ = write!(message, "\n  {}  {}", entry.signature, entry.title);
            }
            message.push_str("\n`tripline explain --list` shows all");
            message
        }
    }
}

fn absent(name: &str, subject: &Subject, files: &[PathBuf]) -> String {
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let files = files.join(", ");
    match subject {
        Subject::Address(_) => {
            format!("no probe, no service and no incident of {name} in {files}")
        }
        Subject::Incident(_) => format!(
            "no incident `{name}` in {files}; ids depend on the captures and settings: give the \
             same as for `tripline read`"
        ),
    }
}
