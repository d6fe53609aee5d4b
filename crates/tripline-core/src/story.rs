//! An incident in a sentence or two, for a person.

use std::fmt::Write as _;

use crate::event::{Incident, Order, PaceClass, Shape, Verdict};

/// Tells the story of a report.
pub(crate) fn tell(report: &Incident, decoys: bool) -> String {
    match report.verdict {
        Verdict::Sweep | Verdict::FollowUp | Verdict::Authorised => sweep(report, decoys),
        Verdict::Withdrawn => format!(
            "{} was taken for a sweep, but the services it tried turned out to be offered.",
            who(report)
        ),
        Verdict::Flood => format!(
            "{} opened {} sessions to {} in {} and completed almost none of them: a flood.",
            crowd(report),
            report.outcomes.total(),
            target(report),
            span(report.pace.seconds)
        ),
        Verdict::Backscatter => format!(
            "{} sent answers to {} that {} had never asked for: somebody forges our addresses \
             against them.",
            crowd(report),
            plural(report.hosts, "host"),
            if report.hosts == 1 { "it" } else { "they" }
        ),
        Verdict::Outage => {
            format!("{} stopped answering sources that had used it before.", target(report))
        }
        Verdict::StaleClient => format!(
            "{} keeps trying {}, which nobody offers, and nothing else: most likely an old \
             configuration.",
            who(report),
            target(report)
        ),
    }
}

fn sweep(report: &Incident, decoys: bool) -> String {
    let mut text = who(report);
    if decoys {
        let _ =
            write!(text, " (the same packets came from all of them: decoys around one scanner)");
    }
    let _ = write!(text, " tried {}", extent(report));
    let _ = write!(text, " in {}", span(report.pace.seconds));
    if let Some(rate) = report.pace.per_second.filter(|_| report.services > 2) {
        let _ = write!(text, " ({})", rate_text(rate));
    }
    let mut manner: Vec<String> = Vec::new();
    if report.pace.class == PaceClass::Slow {
        manner.push("slowly".to_owned());
    }
    match report.order {
        Some(Order::Sequential) => manner.push("one after the other".to_owned()),
        Some(Order::Random) => manner.push("in random order".to_owned()),
        None => {}
    }
    let techniques: Vec<_> = report.techniques.iter().take(3).map(|t| t.name()).collect();
    manner.push(format!("by {}", techniques.join(", ")));
    if let Some(tool) = &report.tool {
        manner.push(format!("with the marks of {}", tool.name));
    }
    let _ = write!(text, ", {}. ", manner.join(", "));
    text.push_str(&results(report));
    text
}

fn results(report: &Incident) -> String {
    let mut text = String::new();
    match report.found.as_slice() {
        [] => text.push_str("Nothing answered as a service."),
        [one] => {
            let _ = write!(text, "One service answered: {}.", one.service);
        }
        several => {
            let names: Vec<_> = several.iter().take(6).map(|f| f.service.to_string()).collect();
            let more = if several.len() > 6 { ", …" } else { "" };
            let _ =
                write!(text, "{} services answered: {}{more}.", several.len(), names.join(", "));
        }
    }
    let used: Vec<_> = report.found.iter().filter(|found| found.follow_up.is_some()).collect();
    match used.as_slice() {
        [] => {}
        [one] => {
            let _ = write!(text, " It came back and used {}, in a session with data.", one.service);
        }
        [first, ..] => {
            let _ = write!(
                text,
                " It came back and used {} of them, {} first, in sessions with data.",
                used.len(),
                first.service
            );
        }
    }
    text
}

fn who(report: &Incident) -> String {
    match (report.sources.as_slice(), &report.authorised_as) {
        ([one], Some(name)) if report.verdict == Verdict::Authorised => {
            format!("{one} (authorised scanner {name})")
        }
        ([one], Some(name)) => format!("{one} (scanner {name}, beyond what it is allowed)"),
        ([one], None) => one.to_string(),
        _ => crowd(report),
    }
}

fn crowd(report: &Incident) -> String {
    match report.sources.as_slice() {
        [one] if report.source_count <= 1 => one.to_string(),
        _ => plural(report.source_count, "source"),
    }
}

fn extent(report: &Incident) -> String {
    let ports = match report.techniques.first() {
        Some(crate::Technique::Arp | crate::Technique::Nd) => None,
        Some(crate::Technique::Icmp) => None,
        Some(crate::Technique::IpProtocol) => Some(plural(report.ports, "IP protocol")),
        _ => Some(plural(report.ports, "port")),
    };
    match (report.shape, ports) {
        (Some(Shape::Vertical), Some(ports)) => format!("{ports} of {}", target(report)),
        (_, Some(ports)) => {
            format!("{ports} on {} ({})", plural(report.hosts, "host"), nets(report))
        }
        (_, None) => format!("{} ({})", plural(report.hosts, "address"), nets(report)),
    }
}

fn target(report: &Incident) -> String {
    match (report.evidence.first(), report.targets.as_slice()) {
        (Some(step), _) if report.services == 1 => step.service.to_string(),
        (_, [one]) if report.hosts == 1 => one.addr().to_string(),
        _ => nets(report),
    }
}

fn nets(report: &Incident) -> String {
    let names: Vec<_> = report.targets.iter().take(3).map(net_name).collect();
    let more = if report.targets.len() > 3 { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

fn net_name(net: &tripline_packet::Prefix) -> String {
    let single = net.len() == if net.addr().is_v4() { 32 } else { 128 };
    if single { net.addr().to_string() } else { net.to_string() }
}

fn plural(count: u64, noun: &str) -> String {
    match (count, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "address") => format!("{count} addresses"),
        _ => format!("{count} {noun}s"),
    }
}

fn span(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => "an instant".to_owned(),
        s if s < 1.0 => format!("{:.0} ms", s * 1_000.0),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn rate_text(per_second: f64) -> String {
    match per_second {
        r if r >= 10.0 => format!("{} a second", grouped(r.round() as u64)),
        r if r >= 1.0 => format!("{r:.1} a second"),
        r if r * 60.0 >= 1.0 => format!("{:.1} a minute", r * 60.0),
        r => format!("{:.1} an hour", r * 3_600.0),
    }
}
