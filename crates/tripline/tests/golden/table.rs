//! The table of results: how many attempts each verdict took, and that the silent cases are silent.

use std::fmt::Write as _;

use tripline_core::event::Incident;

use super::compare::{incidents, is_about, shape, single_probes, spelled};
use super::{Golden, Ran, folder};

const FILE: &str = "RESULTS.md";

const HEAD: &str = "\
# Results of the golden cases

Written by the case runner (`TRIPLINE_BLESS=1 cargo test -p tripline --test cases`), compared by
every run of it. One row for each incident that is expected, one for each case that is to be
silent. *Attempts* are the distinct services that nobody offers up to and including the one that
decided; *score* is in nats, at the verdict or, if higher, since.

| case | verdict | shape | techniques | tool | attempts | score | hosts | ports | found |
|---|---|---|---|---|---:|---:|---:|---:|---:|
";

/// Compares the table with the kept one, or writes it.
pub(crate) fn check(cases: &[Golden]) -> Result<(), String> {
    let mut got = HEAD.to_owned();
    for case in cases {
        match case.ran() {
            Ok(ran) => add_rows(&mut got, case, ran),
            Err(error) => {
                let _ = writeln!(got, "| {} | error: {error} | | | | | | | | |", case.name);
            }
        }
    }
    let path = folder().join(FILE);
    if std::env::var_os("TRIPLINE_BLESS").is_some() {
        return std::fs::write(&path, got).map_err(|error| error.to_string());
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept == got {
        return Ok(());
    }
    let mut text = format!("{FILE} differs (- kept, + got):\n");
    let (kept, got): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), got.lines().collect());
    for (sign, lines, others) in [('-', &kept, &got), ('+', &got, &kept)] {
        for line in lines.iter().filter(|line| !others.contains(line)) {
            let _ = writeln!(text, "{sign} {line}");
        }
    }
    Err(text)
}

fn add_rows(table: &mut String, case: &Golden, ran: &Ran) {
    let incidents = incidents(&ran.events);
    if case.form.expect.incidents.is_empty() {
        let verdict = match incidents.len() {
            0 => format!("silent, {} single probes", single_probes(&ran.events)),
            number => format!("**not silent: {number} incidents**"),
        };
        let _ = writeln!(table, "| {} | {verdict} | | | | | | | | |", case.name);
        return;
    }
    for expected in &case.form.expect.incidents {
        let found = incidents.iter().find(|incident| is_about(expected, incident));
        match found {
            Some(incident) => add_row(table, &case.name, incident),
            None => {
                let what = if expected.optional { "none (optional)" } else { "**missing**" };
                let _ = writeln!(
                    table,
                    "| {} | {what}: {} | {} | | | | | | | |",
                    case.name,
                    expected.verdict,
                    expected.shape.as_deref().unwrap_or("")
                );
            }
        }
    }
}

fn add_row(table: &mut String, name: &str, incident: &Incident) {
    let techniques: Vec<String> = incident.techniques.iter().map(spelled).collect();
    let _ = writeln!(
        table,
        "| {name} | {} | {} | {} | {} | {} | {:.1} | {} | {} | {} |",
        incident.verdict.name(),
        shape(incident).unwrap_or_default(),
        techniques.join(", "),
        incident.tool.as_ref().map_or("", |tool| &tool.name),
        incident.attempts_to_verdict,
        incident.score,
        incident.hosts,
        incident.ports,
        incident.found.len()
    );
}
