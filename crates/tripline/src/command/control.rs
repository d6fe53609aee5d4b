//! `tripline curtail`, `release`, `curtailed`: what people ask of a running sensor.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tripline_core::event::Incident;
use tripline_respond::nft::{self, Challenge, Ruleset};

use crate::cli::{CurtailArgs, CurtailedArgs, ReleaseArgs, SettingsOptions};
use crate::human::{self, Clock};
use crate::report;
use crate::term::{Page, Terminal};
use crate::watch::control::{Answer, InForce, Request, ask};
use crate::watch::host::Host;

use super::{Exit, print, print_page};

pub(super) fn curtail(args: &CurtailArgs) -> Result<Exit> {
    let request = Request::Curtail {
        source: args.source,
        seconds: args.length.0.as_secs(),
        because: args.because.clone(),
    };
    changed(&args.settings, &request, "curtailed")
}

pub(super) fn release(args: &ReleaseArgs) -> Result<Exit> {
    let request = Request::Release {
        source: args.source,
        because: args.because.clone().unwrap_or_else(|| "released by hand".to_owned()),
    };
    changed(&args.settings, &request, "released")
}

fn changed(settings: &SettingsOptions, request: &Request, what: &str) -> Result<Exit> {
    match sensor(settings, request)? {
        Answer::Done(0) => bail!("nobody of that address is curtailed"),
        Answer::Done(count) => {
            let noun = if count == 1 { "source" } else { "sources" };
            print(&format!("{} {noun} {what}\n", human::count(count as u64)))
        }
        Answer::Refused(why) => bail!("{why}"),
        Answer::InForce(_) | Answer::Status(_) => {
            bail!("the sensor does not understand; is it of another version?")
        }
    }
}

pub(super) fn curtailed(args: &CurtailedArgs) -> Result<Exit> {
    if args.nft {
        return print(&nft_text(&args.settings)?);
    }
    let Answer::InForce(all) = sensor(&args.settings, &Request::Curtailed)? else {
        bail!("the sensor does not understand; is it of another version?");
    };
    if args.json {
        let lines: Result<Vec<String>, _> = all.iter().map(serde_json::to_string).collect();
        return print(&lines?.iter().fold(String::new(), |text, line| text + line + "\n"));
    }
    print_page(&page(&all, args.display.terminal()))
}

/// All that is in the kernel, or would be.
fn nft_text(options: &SettingsOptions) -> Result<String> {
    let settings = options.sensor_layers().resolve()?;
    let friends = settings.detection.friends.clone();
    let challenge = settings.curtail.challenge.then_some(Challenge { group: 0, friends });
    let ruleset = Ruleset { challenge, ..settings.curtail.ruleset() };
    let group = ruleset.challenge.as_ref().map(|_| ", with a log group that is free instead of 0");
    let title = format!(
        "# What `tripline watch --enforce` puts into the kernel by these settings{}.\n",
        group.unwrap_or_default()
    );
    let offered = match Host::open(&settings.watch).and_then(|mut host| host.listening()) {
        Ok(listening) => {
            let mut services: Vec<_> =
                listening.services.iter().map(|service| (service.protocol, service.port)).collect();
            services.sort_unstable();
            services.dedup();
            format!("\n# What programs of this machine listen on.\n{}", nft::offered(&services))
        }
        Err(error) => format!("\n# What this machine offers is not known: {error}.\n"),
    };
    let held = match ask(&settings.watch.state, &Request::Curtailed) {
        Ok(Answer::InForce(all)) => {
            let element = |held: &InForce| {
                nft::element(held.curtailment.target, Duration::from_secs(held.left))
            };
            let elements: String = all.iter().map(element).collect();
            format!("\n# Who is held off, or would be.\n{elements}")
        }
        Ok(_) => bail!("the sensor does not understand; is it of another version?"),
        Err(error) => {
            let why = explained(&error, &settings.watch.state);
            format!("\n# Who is held off is not known: {why}.\n")
        }
    };
    let undo: String = ruleset.teardown().lines().flat_map(|line| ["# ", line, "\n"]).collect();
    let undo = format!("\n# To take all of it away:\n{undo}");
    Ok([title, ruleset.install(), offered, held, undo].concat())
}

fn page(all: &[InForce], term: Terminal) -> Page {
    let mut page = Page::new(term);
    if all.is_empty() {
        page.push(page.line().plain("Nobody is curtailed."));
    }
    for in_force in all {
        report::curtailed::add(&mut page, in_force);
    }
    page
}

/// The folder of the sensor that the settings speak of.
pub(super) fn state(settings: &SettingsOptions) -> Result<PathBuf> {
    Ok(settings.sensor_layers().resolve()?.watch.state)
}

fn sensor(settings: &SettingsOptions, request: &Request) -> Result<Answer> {
    let folder = state(settings)?;
    ask(&folder, request).map_err(|error| explained(&error, &folder))
}

fn explained(error: &io::Error, folder: &Path) -> anyhow::Error {
    let folder = folder.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => anyhow::anyhow!(
            "no sensor is running in {folder} (`state` under [watch]); start `tripline watch`"
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!(
                "no right to ask the sensor in {folder}; run this as its owner, or root"
            )
        }
        _ => anyhow::anyhow!("the sensor in {folder} does not answer: {error}"),
    }
}

/// What the sensor remembers.
pub(super) fn open_store(settings: &SettingsOptions) -> Result<tripline_store::Store> {
    let folder = state(settings)?;
    if !folder.join(tripline_store::FILE).exists() {
        bail!("no sensor has ever run in {} (`state` under [watch])", folder.display());
    }
    Ok(tripline_store::Store::open(&folder)?)
}

/// Lists what the sensor remembers.
pub(super) fn incidents(args: &crate::cli::IncidentsArgs) -> Result<Exit> {
    let store = open_store(&args.settings)?;
    let now = crate::watch::clock::Clock::start().now();
    let found = match &args.id {
        Some(id) => store.incident(id)?.into_iter().collect(),
        None => store.incidents(now - args.since.0)?,
    };
    if args.id.is_some() && found.is_empty() {
        bail!("no incident of that id is remembered; `tripline incidents` lists them");
    }
    if args.json {
        return print(&found.iter().fold(String::new(), |text, one| text + &one.json + "\n"));
    }
    let mut page = Page::new(args.display.terminal());
    if found.is_empty() {
        page.push(page.line().plain("No incidents."));
    }
    for one in &found {
        let incident: Incident =
            serde_json::from_str(&one.json).context("a damaged incident in the store")?;
        if args.id.is_some() {
            let clock = Clock::new(incident.first, incident.last.max(incident.verdict_at));
            report::incident::add_facts(&mut page, &incident, &clock);
            continue;
        }
        let when = human::date_time(incident.last, 0);
        let line = page.line().faint(format!("{when}  "));
        let title = report::incident::title(&page, &incident);
        page.push(line.append(title));
        let story = page.line().plain(&incident.story);
        page.paragraph(&story, 4);
    }
    print_page(&page)
}
