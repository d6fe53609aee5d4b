//! `cargo xtask measure`: what the detector makes of captures whose content is known.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use tripline::{capture, run};
use tripline_core::event::{Event, Incident, Summary};
use tripline_core::settings::Settings;

/// Read captures of known content.
///
/// Each capture is read by itself, as `tripline read` does. Those with incidents are named, and the
/// first contacts of all are counted by row of the likelihood table: over benign traffic that is
/// what its benign column claims.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Captures, or folders with captures in and below them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut files = Vec::new();
    for path in &args.files {
        collect(path, &mut files)?;
    }
    files.sort();
    let mut contacts = BTreeMap::new();
    let (mut read, mut with_incidents) = (0, 0);
    for file in &files {
        let Some((incidents, summary)) = judge(file) else { continue };
        read += 1;
        with_incidents += usize::from(!incidents.is_empty());
        for incident in incidents {
            println!("{}: {} {}", file.display(), incident.signature, incident.story);
        }
        for contact in summary.contacts {
            *contacts.entry(contact.name).or_default() += contact.count;
        }
    }
    println!("\n{read} captures read, {with_incidents} of them with incidents\n");
    print_contacts(&contacts);
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    for entry in entries {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

/// `None` for what is no capture.
fn judge(file: &Path) -> Option<(Vec<Incident>, Summary)> {
    let mut source = capture::open(&[file.to_owned()]).ok()?;
    let mut events: Vec<Event> = Vec::new();
    run::run(&mut source, Settings::default(), &mut events, &mut ()).ok()?;
    let mut incidents = Vec::new();
    let mut summary = Summary::default();
    for event in events {
        match event {
            Event::Incident(incident) => incidents.push(*incident),
            Event::Summary(totals) => summary = *totals,
            _ => {}
        }
    }
    Some((incidents, summary))
}

fn print_contacts(contacts: &BTreeMap<String, u64>) {
    println!("| row | first contacts | share of its context | upper 95 % limit |");
    println!("|---|---:|---:|---:|");
    let context = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let mut totals: BTreeMap<String, u64> = BTreeMap::new();
    for (name, count) in contacts.iter().filter(|(name, _)| !name.ends_with(".nothing")) {
        *totals.entry(context(name)).or_default() += count;
    }
    for (name, &count) in contacts.iter().filter(|(name, _)| !name.ends_with(".nothing")) {
        let total = totals[&context(name)] as f64;
        let (share, limit) = (count as f64 / total, upper_limit(count) / total);
        println!("| {name} | {count} | {share:.4} | {:.4} |", limit.min(1.0));
    }
}

/// The upper end of the two-sided 95 % interval of a count (score interval of a Poisson rate).
fn upper_limit(count: u64) -> f64 {
    const Z: f64 = 1.96;
    let count = count as f64;
    count + Z * Z / 2.0 + Z * (count + Z * Z / 4.0).sqrt()
}
