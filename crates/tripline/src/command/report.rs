//! `tripline report`.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tripline_core::event::Incident;
use tripline_packet::Timestamp;

use crate::abuse::{self, Complaint, Reporter};
use crate::cli::report::{AbuseForm, Format, ReportArgs};
use crate::document::{Document, Scope, to_html, to_json, to_markdown};
use crate::progress::Progress;
use crate::run::run;
use crate::{capture, data};

use super::{Exit, is_incident_id, print, read, wall_clock};

pub(super) fn report(args: &ReportArgs) -> Result<Exit> {
    let (id, files) = split(&args.about);
    // Asked before anything is read: an hour of captures must not end in a wrong name.
    let format = if args.abuse.is_none() { Some(format(args)?) } else { None };
    let mut document = Document::new(Scope {
        title: args.title.clone(),
        only: id.clone(),
        most: args.incidents,
        ..Scope::default()
    });
    if files.is_empty() {
        remembered(args, &mut document)?;
    } else {
        captured(args, files, &mut document)?;
    }
    document.finish();
    if let Some(id) = &id
        && document.incidents.is_empty()
    {
        bail!("{}", absent(id, files));
    }
    match (args.abuse, format) {
        (Some(form), _) => complain(args, form, &document.incidents),
        (None, format) => write(args, format.unwrap_or(Format::Html), &document),
    }
}

/// The id of an incident, if the first word is one, and the captures.
fn split(about: &[PathBuf]) -> (Option<String>, &[PathBuf]) {
    match about.split_first() {
        Some((first, files)) if !first.exists() => match first.to_str() {
            Some(id) if is_incident_id(id) => (Some(id.to_owned()), files),
            _ => (None, about),
        },
        _ => (None, about),
    }
}

fn absent(id: &str, files: &[PathBuf]) -> String {
    if files.is_empty() {
        return format!("no incident `{id}` is remembered; `tripline incidents` lists them");
    }
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    format!(
        "no incident `{id}` in {}; ids depend on the captures and settings: give the same as for \
         `tripline read`",
        files.join(", ")
    )
}

fn captured(args: &ReportArgs, files: &[PathBuf], document: &mut Document) -> Result<()> {
    let settings = args.settings.layers().resolve()?.detection;
    let mut source = capture::open(files)?;
    let mut progress = Progress::new(true);
    let finished = run(&mut source, settings, document, &mut progress);
    progress.clear();
    if !read::is_readable(finished?) {
        bail!("nothing could be read");
    }
    document.scope.input = files.iter().map(|path| read::name(path)).collect();
    Ok(())
}

#[cfg(target_os = "linux")]
fn remembered(args: &ReportArgs, document: &mut Document) -> Result<()> {
    use tripline_core::event::{Curtailment, Event, Notice};

    fn part<T: serde::de::DeserializeOwned>(json: &str) -> Result<T> {
        serde_json::from_str(json).context("the store has an event that this version cannot read")
    }
    let store = super::control::open_store(&args.settings)?;
    let now = wall_clock();
    let until = args.until.map_or(now, |until| until.seen_from(now));
    let since = args.since.seen_from(now);
    if since >= until {
        bail!("--since {since} is not before --until {until}");
    }
    let (found, since) = match &document.scope.only {
        Some(id) => (store.incident(id)?.into_iter().collect(), Timestamp::EPOCH),
        None => (store.incidents(since)?, since),
    };
    for stored in found {
        let incident: Incident = part(&stored.json)?;
        if document.scope.only.is_some() || incident.first <= until {
            document.take(Event::Incident(Box::new(incident)));
        }
    }
    for json in store.logged("curtailment", since)? {
        let step: Curtailment = part(&json)?;
        if step.time <= until {
            document.take(Event::Curtailment(step));
        }
    }
    for json in store.logged("notice", since)? {
        let notice: Notice = part(&json)?;
        if notice.time.is_none_or(|time| time <= until) {
            document.take(Event::Notice(notice));
        }
    }
    if document.scope.only.is_none() {
        document.scope.period = Some((since, until));
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn remembered(_: &ReportArgs, _: &mut Document) -> Result<()> {
    bail!("name captures: only a sensor has a memory, and it runs on Linux")
}

/// What was wished, or what the name of the output tells.
fn format(args: &ReportArgs) -> Result<Format> {
    let ending =
        args.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    let told = match ending {
        Some("html" | "htm") => Some(Format::Html),
        Some("md" | "markdown") => Some(Format::Markdown),
        Some("json") => Some(Format::Json),
        _ => None,
    };
    match (args.format.or(told), &args.output) {
        (Some(format), _) => Ok(format),
        (None, Some(path)) => bail!(
            "the name {} does not tell the form; end it in .html, .md or .json, or give --format",
            path.display()
        ),
        (None, None) if io::stdout().is_terminal() => {
            bail!("a page is nothing for a terminal; give -o FILE.html, or --format markdown")
        }
        (None, None) => Ok(Format::Html),
    }
}

fn write(args: &ReportArgs, format: Format, document: &Document) -> Result<Exit> {
    let catalog = data::catalog()?;
    let text = match format {
        Format::Html => to_html(document, &catalog),
        Format::Markdown => to_markdown(document, &catalog),
        Format::Json => to_json(document)?,
    };
    put(args.output.as_deref(), &text)
}

fn put(output: Option<&Path>, text: &str) -> Result<Exit> {
    let Some(path) = output else {
        return print(text);
    };
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Exit::Fine)
}

/// Writes a complaint about each incident that is fit for one, and tells why others are not.
fn complain(args: &ReportArgs, form: AbuseForm, incidents: &[Incident]) -> Result<Exit> {
    let Some(reporter) = &args.reporter else {
        bail!("--abuse needs --reporter");
    };
    let mut written = Vec::new();
    for incident in incidents {
        match complaint(args, form, incident, reporter) {
            Ok(text) => written.push((incident, text)),
            Err(why) => warn(&format!("no complaint about {}: {why}", incident.id)),
        }
    }
    match written.as_slice() {
        [] => bail!("there is nothing to complain about with a provider"),
        [(_, text)] if !args.output.as_deref().is_some_and(Path::is_dir) => {
            put(args.output.as_deref(), text)
        }
        several => {
            let Some(folder) = &args.output else {
                bail!(
                    "{} complaints: name a folder with --output, or the id of one incident",
                    several.len()
                );
            };
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            for (incident, text) in several {
                let ending = if form == AbuseForm::Arf { "eml" } else { "json" };
                // The id came from a store or a capture: no path may be in it.
                let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
                let id: String = incident.id.chars().filter(is_plain).collect();
                put(Some(&folder.join(format!("{id}.{ending}"))), text)?;
            }
            Ok(Exit::Fine)
        }
    }
}

fn complaint(
    args: &ReportArgs,
    form: AbuseForm,
    incident: &Incident,
    reporter: &Reporter,
) -> Result<String, String> {
    let mut complaint =
        Complaint::new(incident, reporter, wall_clock()).map_err(|why| why.to_string())?;
    complaint.to = args.to.as_ref();
    complaint.mask = args.mask;
    match form {
        AbuseForm::Arf => Ok(abuse::to_arf(&complaint)),
        AbuseForm::Xarf => abuse::to_xarf(&complaint).ok_or_else(|| {
            "the format knows tcp, udp, sctp and icmp alone; arf takes it".to_owned()
        }),
    }
}

fn warn(message: &str) {
    // If standard error is gone, there is nobody to be told.
    let _ = writeln!(io::stderr(), "warning: {}", crate::term::clean(message, true));
}
