//! What is looked at.

use std::process::{Command, Stdio};

use caps::{CapSet, Capability};
use serde_json::Value;
use tripline_capture::host::{self, Synchronised};
use tripline_capture::live::Interface;
use tripline_packet::Duration;
use tripline_respond::Mode;
use tripline_store::Store;

use super::{Finding, Level};
use crate::human;
use crate::settings::Settings;
use crate::watch::clock::Clock;
use crate::watch::control::{Answer, Request, ask};
use crate::watch::host::{guard, leads_outside};

const DAY: Duration = Duration::from_secs(86_400);

/// Whether somebody who starts a sensor now may do what it needs.
pub(super) fn rights(found: &mut Vec<Finding>) {
    for (right, what) in [
        (Capability::CAP_NET_RAW, "see packets"),
        (Capability::CAP_NET_ADMIN, "change the firewall (only with --enforce)"),
    ] {
        let (level, text) = match caps::has_cap(None, CapSet::Effective, right) {
            Ok(true) => (Level::Ok, format!("{right}: may {what}")),
            _ => (
                Level::Warning,
                format!("without {right} nobody can {what}: run this, and the sensor, as root"),
            ),
        };
        found.push(Finding::new("rights", level, text));
    }
}

/// What would be watched.
pub(super) fn interfaces(settings: &Settings, found: &mut Vec<Finding>) {
    const ABOUT: &str = "interfaces";
    let all = match Interface::all() {
        Ok(all) => all,
        Err(error) => {
            let text = format!("the kernel does not list them: {error}");
            return found.push(Finding::new(ABOUT, Level::Problem, text));
        }
    };
    let named = &settings.watch.interfaces;
    for name in named.iter().filter(|name| all.iter().all(|found| *found.name != ***name)) {
        let text = format!("{name} of the settings is not there");
        found.push(Finding::new(ABOUT, Level::Problem, text));
    }
    let is_watched = |interface: &&Interface| {
        let is_named = named.iter().any(|name| **name == *interface.name);
        is_named || (named.is_empty() && leads_outside(interface))
    };
    let mut watched = all.iter().filter(is_watched).peekable();
    if watched.peek().is_none() && named.is_empty() {
        let text = "none leads outside; name one with -i or under [watch]";
        found.push(Finding::new(ABOUT, Level::Problem, text));
    }
    for interface in watched {
        let addresses: Vec<String> =
            interface.addresses.iter().map(|(address, _)| address.to_string()).collect();
        let text = format!("{} is watched: {}", interface.name, addresses.join(", "));
        let finding = if interface.running {
            Finding::new(ABOUT, Level::Ok, text)
        } else {
            Finding::new(ABOUT, Level::Warning, format!("{text}; but it is down"))
        };
        found.push(finding);
    }
}

/// Whether the firewall can be changed, and whether it was.
pub(super) fn firewall(found: &mut Vec<Finding>) {
    const ABOUT: &str = "firewall";
    let mut nft = Command::new("nft");
    let listed = nft.args(["list", "tables"]).stdin(Stdio::null()).output();
    let finding = match listed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Finding::new(
            ABOUT,
            Level::Warning,
            "nft is missing, so nothing can be enforced: install the package nftables",
        ),
        Err(error) => Finding::new(ABOUT, Level::Problem, format!("nft does not start: {error}")),
        Ok(output) if output.status.success() => {
            let tables = String::from_utf8_lossy(&output.stdout);
            let is_there = tables.lines().any(|line| line == "table inet tripline");
            let text = if is_there {
                "the tables of tripline are in the kernel (`nft list table inet tripline`)"
            } else {
                "nftables is there; no table of tripline is in the kernel"
            };
            Finding::new(ABOUT, Level::Ok, text)
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or("no reason given");
            Finding::new(ABOUT, Level::Warning, format!("nft cannot list tables: {said}"))
        }
    };
    found.push(finding);
}

/// Whether the times of events can be trusted.
pub(super) fn clock(found: &mut Vec<Finding>) {
    let (level, text) = match host::synchronised() {
        Ok(Synchronised::Yes { error }) => {
            (Level::Ok, format!("synchronised, off by {} ms at most", error.as_millis()))
        }
        Ok(Synchronised::No) => (
            Level::Warning,
            "not synchronised: times of events will not match those of other machines".to_owned(),
        ),
        Err(error) => (Level::Warning, format!("the kernel does not tell: {error}")),
    };
    found.push(Finding::new("clock", level, text));
}

/// Whether a sensor runs, and how it is doing.
pub(super) fn sensor(settings: &Settings, found: &mut Vec<Finding>) {
    const ABOUT: &str = "sensor";
    let status = match ask(&settings.watch.state, &Request::Status) {
        Ok(Answer::Status(status)) => *status,
        Ok(_) => Value::Null,
        Err(_) => {
            let text =
                format!("none is running with its state in {}", settings.watch.state.display());
            return found.push(Finding::new(ABOUT, Level::Info, text));
        }
    };
    let mode = status["mode"].as_str().unwrap_or("of an unknown mode");
    let packets = status["engine"]["summary"]["packets"].as_u64().unwrap_or(0);
    let started = status["started"].as_str().unwrap_or("an unknown time");
    let text = format!("runs in mode {mode} since {started:.19}, {}", counted(packets, "packet"));
    found.push(Finding::new(ABOUT, Level::Ok, text));
    for interface in status["interfaces"].as_array().into_iter().flatten() {
        found.push(of_interface(interface));
    }
    for table in ["flows", "sources", "services", "incidents"] {
        let fill = &status["engine"][table];
        let (used, capacity) = (fill["used"].as_u64(), fill["capacity"].as_u64());
        if let (Some(used), Some(capacity @ 1..)) = (used, capacity) {
            let share = 100 * used / capacity;
            let level = if share >= 90 { Level::Warning } else { Level::Info };
            let text = format!("table of {table}: {used} of {capacity}, {share} %");
            found.push(Finding::new(ABOUT, level, text));
        }
    }
    if let Some(1..) = status["not_kept"].as_u64() {
        let text = format!("{} events could not be written down", status["not_kept"]);
        found.push(Finding::new(ABOUT, Level::Problem, text));
    }
}

fn of_interface(interface: &Value) -> Finding {
    let name = interface["name"].as_str().unwrap_or("?");
    let number = |key: &str| interface[key].as_u64().unwrap_or(0);
    let (frames, drops) = (number("frames"), number("drops"));
    let (level, state) = match (interface["up"].as_bool(), drops) {
        (Some(false), _) => (Level::Warning, "down".to_owned()),
        (_, 0) => (Level::Ok, "no frame lost".to_owned()),
        _ => (Level::Warning, format!("{} lost", counted(drops, "frame"))),
    };
    Finding::new("sensor", level, format!("{name}: {}, {state}", counted(frames, "frame")))
}

/// What is remembered, and what enforcement would have done.
pub(super) fn memory(settings: &Settings, found: &mut Vec<Finding>) {
    const ABOUT: &str = "memory";
    let folder = &settings.watch.state;
    if !folder.join(tripline_store::FILE).exists() {
        let text = format!("no sensor has ever run in {}", folder.display());
        return found.push(Finding::new(ABOUT, Level::Info, text));
    }
    let result = Store::open(folder).and_then(|store| {
        let damage = store.check()?;
        let since = Clock::start().now() - DAY;
        let incidents = store.incidents(since)?.len();
        Ok((damage, incidents, store.logged("curtailment", since)?))
    });
    let (damage, incidents, log) = match result {
        Ok(found) => found,
        Err(error) => return found.push(Finding::new(ABOUT, Level::Problem, error.to_string())),
    };
    let level = if damage.is_some() { Level::Problem } else { Level::Ok };
    let state = damage.unwrap_or_else(|| "in order".to_owned());
    let path = folder.join(tripline_store::FILE);
    found.push(Finding::new(ABOUT, level, format!("{}: {state}", path.display())));
    let text = format!("{} of the last day", counted(incidents as u64, "incident"));
    found.push(Finding::new(ABOUT, Level::Info, text));
    last_day(&log, found);
}

/// What was done in the last day, and what would have been.
fn last_day(log: &[String], found: &mut Vec<Finding>) {
    const ABOUT: &str = "last day";
    let steps: Vec<Value> = log.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for (step, what) in [
        ("would_curtail", "would have been curtailed with --enforce"),
        ("curtailed", "curtailed"),
        ("refused", "not curtailed although the incident asks for it"),
        ("failed", "could not be curtailed"),
    ] {
        let of_step: Vec<&Value> = steps.iter().filter(|told| told["step"] == step).collect();
        if of_step.is_empty() {
            continue;
        }
        let text = format!("{} {what}:", counted(of_step.len() as u64, "time"));
        found.push(Finding::new(ABOUT, Level::Info, text));
        for told in of_step.iter().rev().take(SHOWN) {
            let text = |key: &str| told[key].as_str().unwrap_or_default();
            let line = format!(
                "{:.19}  {} from {}: {}",
                text("time"),
                text("source"),
                text("from"),
                text("reason")
            );
            found.push(Finding::new(ABOUT, Level::Info, line));
        }
    }
    if steps.is_empty() {
        let text = "nobody was curtailed, and nobody would have been with --enforce";
        found.push(Finding::new(ABOUT, Level::Info, text));
    }
}

/// Entries of a list that are shown.
const SHOWN: usize = 5;

/// Who is never touched, and why.
pub(super) fn protected(settings: &Settings, found: &mut Vec<Finding>) {
    const ABOUT: &str = "never touched";
    let friends = settings.detection.friends.iter();
    let friends = friends.map(|friend| (friend.short(), "a friend by the settings".to_owned()));
    match guard(&settings.watch).read() {
        Ok(all) => {
            let all = all.iter().map(|(address, why)| (address.to_string(), why.to_string()));
            found.extend(all.chain(friends).map(|(address, why)| {
                Finding::new(ABOUT, Level::Info, format!("{address}: {why}"))
            }));
        }
        Err(error) => {
            let text = format!("the kernel does not tell: {error}; nothing would be enforced");
            found.push(Finding::new(ABOUT, Level::Problem, text));
        }
    }
    if settings.curtail.mode == Mode::Off {
        let text = "the mode is off: nobody is touched";
        found.push(Finding::new(ABOUT, Level::Info, text));
    }
}

fn counted(count: u64, noun: &str) -> String {
    human::counted(count, noun)
}
