//! The tables of single probes and of the inventory.

use std::cmp::Reverse;

use tripline_core::event::{Incident, Probe, ServiceEvent};
use tripline_core::{Protocol, Service, Standing};

use crate::human::{self, Clock};
use crate::term::{Ink, Line, Page};

use super::table::{Column, Table};
use super::{Report, words};

/// Hosts of the inventory that are shown without `--services`.
const MOST_HOSTS: usize = 12;
/// Services of one host that are shown without `--services`.
const MOST_SERVICES: usize = 8;

/// Incidents that get a line each when not all are told in full.
const MOST_BRIEF: usize = 100;

/// The incidents beyond those told in full.
pub(super) fn add_incidents(page: &mut Page, incidents: &[&Incident], clock: &Clock) {
    if incidents.is_empty() {
        return;
    }
    page.gap();
    let mut table = Table::new(&[
        Column::left("first"),
        Column::left("signature"),
        Column::left("source"),
        Column::left("size"),
        Column::right("score"),
        Column::left("incident"),
    ]);
    for incident in incidents.iter().take(MOST_BRIEF) {
        let source = incident.sources.first().map(ToString::to_string).unwrap_or_default();
        table.row([
            page.line().faint(clock.show(incident.first)),
            page.line().add(words::risk_ink(incident.risk), &incident.signature),
            page.line().plain(source),
            page.line().plain(words::size(incident)),
            page.line().plain(format!("{:.0}", incident.score)),
            page.line().faint(&incident.id),
        ]);
    }
    table.add_to(page);
    let more = incidents.len().saturating_sub(MOST_BRIEF);
    if more > 0 {
        let more = human::count(more as u64);
        let line = page.line().faint(format!("and {more} more; --json has all"));
        page.paragraph(&line, 2);
    }
}

/// Keeps the `rows` probes that are most worth a row: those outside of incidents by risk, then of
/// those inside first the ones with a name of their own.
pub(super) fn keep_best(probes: &mut Vec<Probe>, rows: usize) {
    let rank = |probe: &Probe| {
        (
            probe.incident.is_some(),
            probe.incident.is_some() && probe.iss_id.is_none(),
            probe.signature.ends_with("_Other"),
            Reverse(probe.risk),
            probe.first,
        )
    };
    probes.sort_by_key(rank);
    probes.truncate(rows);
}

pub(super) fn add_probes(page: &mut Page, report: &Report, clock: &Clock) {
    let mut best = report.probes.clone();
    keep_best(&mut best, report.options.probes);
    best.sort_by_key(|probe| (probe.first, probe.source, probe.target, probe.port));
    let (inside, single): (Vec<Probe>, Vec<Probe>) =
        best.into_iter().partition(|probe| probe.incident.is_some());
    let [single_seen, inside_seen] = report.probes_seen;
    let note = note(single.len(), single_seen, report.summary.probes_suppressed);
    add_probe_table(page, "Single probes", &note, &single, clock);
    let note = self::note(inside.len(), inside_seen, 0);
    add_probe_table(page, "Probes of the incidents, by name", &note, &inside, clock);
}

/// How many there are, and how many of them are shown.
fn note(shown: usize, reported: u64, suppressed: u64) -> String {
    let mut note = human::count(reported);
    if (shown as u64) < reported {
        note = format!("{note}, showing {shown}; --probes N shows more");
    }
    if suppressed > 0 {
        note = format!("{note}; {} more were only counted", human::count(suppressed));
    }
    note
}

fn add_probe_table(page: &mut Page, title: &str, note: &str, probes: &[Probe], clock: &Clock) {
    let Some(first) = probes.first() else { return };
    // Mostly they are from one source; then its column is better used for the facts.
    let is_shared = probes.iter().all(|probe| probe.source == first.source);
    let note = if is_shared && probes.len() > 1 {
        format!("{note}; all from {}", first.source)
    } else {
        note.to_owned()
    };
    page.heading(title, &note);
    let mut table = Table::new(&[
        Column::left("time"),
        Column::left("source"),
        Column::left("target"),
        Column::left("signature"),
        Column::left("outcome"),
        Column::rest("standing"),
    ]);
    let mut before = None;
    for probe in probes {
        let mut cells = probe_cells(page, probe, clock);
        if is_shared && probes.len() > 1 {
            cells[1] = page.line();
        }
        let fact = (probe.standing, probe.reason.as_str());
        if before.replace(fact) == Some(fact) {
            cells[5] = standing(page, probe, true);
        }
        table.row(cells);
    }
    table.add_to(page);
}

fn probe_cells(page: &Page, probe: &Probe, clock: &Clock) -> [Line; 6] {
    let line = || page.line();
    let service =
        Service { host: probe.target, protocol: probe.protocol, port: probe.port.unwrap_or(0) };
    let mut signature = line().add(words::risk_ink(probe.risk), &probe.signature);
    if let Some(iss_id) = probe.iss_id {
        signature = signature.plain(format!(" {iss_id}"));
    }
    let mut outcome = line().add(words::outcome_ink(probe.outcome), probe.outcome.name());
    if probe.count > 1 {
        outcome = outcome.plain(format!(" ×{}", human::count(probe.count.into())));
    }
    [
        line().faint(clock.show(probe.first)),
        line().plain(probe.source.to_string()),
        line().plain(service.to_string()),
        signature,
        outcome,
        standing(page, probe, false),
    ]
}

/// The standing with its reason, after the name of what is known to live on the port.
fn standing(page: &Page, probe: &Probe, is_repeated: bool) -> Line {
    let mut line = page.line();
    if let Some(name) = &probe.port_name {
        line = line.plain(format!("{name}; "));
    }
    line = line.plain(probe.standing.name());
    if is_repeated {
        return line.faint(", as above");
    }
    line.faint(format!(": {}", probe.reason))
}

pub(super) fn add_services(page: &mut Page, report: &Report, clock: &Clock) {
    let hosts = by_host(&report.services);
    if hosts.is_empty() {
        return;
    }
    let all = report.options.all_services;
    let shown = if all { hosts.len() } else { hosts.len().min(MOST_HOSTS) };
    let services = human::counted(report.services.len() as u64, "service");
    let mut note = format!("{services} of {}", human::counted(hosts.len() as u64, "host"));
    let cut = shown < hosts.len() || hosts.iter().any(|host| host.len() > MOST_SERVICES);
    if cut && !all {
        note.push_str("; --services shows all");
    }
    page.heading("Services learned", &note);
    let mut table = Table::new(&[
        Column::left("host"),
        Column::left("service"),
        Column::right("clients"),
        Column::left("first seen"),
        Column::rest("standing"),
    ]);
    for services in hosts.iter().take(shown) {
        let limit = if all { services.len() } else { MOST_SERVICES };
        for (index, service) in services.iter().take(limit).enumerate() {
            table.row(service_cells(page, service, index == 0, clock));
        }
        if services.len() > limit {
            let more = format!("and {} more", services.len() - limit);
            table.row([page.line(), page.line().faint(more)]);
        }
    }
    table.add_to(page);
}

/// The services by host; hosts with most clients first, and of a host the most used ones.
fn by_host(services: &[ServiceEvent]) -> Vec<Vec<&ServiceEvent>> {
    let mut sorted: Vec<&ServiceEvent> = services.iter().collect();
    sorted.sort_by_key(|service| service.host);
    let mut hosts: Vec<Vec<&ServiceEvent>> =
        sorted.chunk_by(|a, b| a.host == b.host).map(<[_]>::to_vec).collect();
    for host in &mut hosts {
        host.sort_by_key(|service| (Reverse(service.clients), service.protocol, service.port));
    }
    let clients = |host: &[&ServiceEvent]| host.iter().map(|s| s.clients).sum::<u64>();
    hosts.sort_by_key(|host| (Reverse(clients(host)), host[0].host));
    hosts
}

fn service_cells(page: &Page, service: &ServiceEvent, name_host: bool, clock: &Clock) -> [Line; 5] {
    let line = || page.line();
    let host = if name_host { service.host.to_string() } else { String::new() };
    let ink = match service.standing {
        Standing::Offered => Ink::Good,
        Standing::Down => Ink::Warn,
        _ => Ink::Plain,
    };
    let name = match service.protocol {
        Protocol::Icmp => "icmp".to_owned(),
        protocol => format!("{}/{protocol}", service.port),
    };
    [
        line().strong(host),
        line().plain(name),
        line().plain(human::count(service.clients)),
        line().faint(service.first.map(|time| clock.show(time)).unwrap_or_default()),
        line().add(ink, service.standing.name()).faint(format!(": {}", service.reason)),
    ]
}
