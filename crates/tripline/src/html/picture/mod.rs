//! Pictures of a sweep as SVG: what was tried over time, and at which hosts.
//!
//! They are made of the event alone: of the touches, where the incident comes fresh from the engine,
//! else of the steps of evidence, which is what is stored. Nothing in them is styled in place, so they
//! stand under a strict content security policy; [`CSS`] has the colours, light and dark.

mod draw;
mod scale;

use std::fmt::Write as _;

use maud::{Markup, html};
use tripline_core::event::{Incident, Touch};

use crate::human::{self, Clock};
use crate::report::points::{Point, of_main_kind};

pub use draw::Width;
use draw::{Across, Plot};
use scale::{Ranks, Times};

/// The colours: blues against vermillion and orange, of the palette by Okabe and Ito ("Color Universal
/// Design", 2008), which differ for every kind of colour vision. What was found differs by its form,
/// too.
pub const CSS: &str = include_str!("../picture.css");

/// Fewer touches than this are told better in words.
const WORTH_A_PICTURE: usize = 3;
/// Found services that the text in place of a picture names.
const MOST_NAMED: usize = 12;

/// A picture of an incident.
pub struct Picture {
    /// What it shows, as a caption.
    pub caption: String,
    /// The same, and what came of it, for those who do not see it.
    description: String,
    id: String,
    plot: Plot,
}

/// Where a mark stands, and what it stands for.
struct Mark {
    touch: Touch,
    kind: Kind,
}

/// In the order of drawing: what matters most comes last, and is on top.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Tried,
    Answered,
    Used,
}

/// The pictures of an incident that are worth drawing, at most two: ports (or hosts, of a sweep for
/// one port) over time, and hosts over ports.
pub fn of(incident: &Incident) -> Vec<Picture> {
    let marks = marks(incident);
    if marks.len() < WORTH_A_PICTURE {
        return Vec::new();
    }
    [over_time(incident, &marks), over_ports(incident, &marks)].into_iter().flatten().collect()
}

/// All pictures of an incident with captions and a legend; empty if there are none.
pub fn figures(incident: &Incident) -> Markup {
    html! {
        @for picture in of(incident) {
            figure.picture {
                (picture.svg(Width::Wide))
                (picture.svg(Width::Narrow))
                figcaption { (picture.caption) }
            }
        }
    }
}

impl Picture {
    /// The SVG element.
    pub fn svg(&self, width: Width) -> Markup {
        draw::svg(&self.plot, width, &self.id, [&self.caption, &self.description], None)
    }

    /// An SVG file of its own, with its colours.
    pub fn file(&self, width: Width) -> String {
        let words = [self.caption.as_str(), &self.description];
        super::inert(&draw::svg(&self.plot, width, &self.id, words, Some(CSS)).into_string())
    }
}

/// What is drawn: a sample of what was tried, and all that was found.
fn marks(incident: &Incident) -> Vec<Mark> {
    let touches = of_main_kind(&touches(incident));
    let found = |touch: &Touch| incident.found.iter().find(|one| one.service == touch.service);
    let tried = touches.into_iter().map(|touch| {
        let is_found = touch.answered || found(&touch).is_some();
        Mark { touch, kind: if is_found { Kind::Answered } else { Kind::Tried } }
    });
    let used = incident.found.iter().filter_map(|found| {
        let touch = Touch { time: found.follow_up?, service: found.service, answered: true };
        Some(Mark { touch, kind: Kind::Used })
    });
    tried.chain(used).collect()
}

/// The touches, or what the event itself tells of them.
fn touches(incident: &Incident) -> Vec<Touch> {
    if !incident.touches.is_empty() {
        return incident.touches.clone();
    }
    let steps = incident.evidence.iter().map(|step| Touch {
        time: step.time,
        service: step.service,
        answered: step.outcome.is_success(),
    });
    let found = incident.found.iter().map(|found| Touch {
        time: found.time,
        service: found.service,
        answered: true,
    });
    let mut touches: Vec<Touch> = steps.chain(found).collect();
    touches.sort_by_key(|touch| (touch.service, !touch.answered, touch.time));
    touches.dedup_by_key(|touch| touch.service);
    touches.sort_by_key(|touch| (touch.time, touch.service));
    touches
}

fn over_time(incident: &Incident, marks: &[Mark]) -> Option<Picture> {
    let ports = Ranks::new(marks.iter().map(|mark| Point::port(mark.touch.service)));
    let hosts = Ranks::new(marks.iter().map(|mark| Point::host(mark.touch.service)));
    let (name, point, ranks): (_, fn(_) -> _, _) = match (ports.len(), hosts.len()) {
        (1, 1) => return None,
        (1, _) => ("host", Point::host, hosts),
        _ => (port_name(marks), Point::port, ports),
    };
    let decided = !incident.evidence.is_empty();
    let verdict = decided.then_some(incident.verdict_at);
    let times = Times::new(marks.iter().map(|mark| mark.touch.time).chain(verdict))?;
    let scale = if times.is_logarithmic() { ", logarithmic" } else { "" };
    let started = human::date_time(times.first(), 3);
    let places = marks.iter().map(|mark| {
        (times.place(mark.touch.time), ranks.place(point(mark.touch.service)), mark.kind)
    });
    let plot = Plot {
        marks: places.collect(),
        verdict: verdict.map(|time| times.place(time)),
        across_name: format!("time after {started} UTC{scale}"),
        up_name: name.to_owned(),
        up: ranks,
        across: Across::Times(times),
    };
    let what = format!("{name}s over time");
    Some(picture(incident, marks, "time", &what, plot))
}

fn over_ports(incident: &Incident, marks: &[Mark]) -> Option<Picture> {
    let ports = Ranks::new(marks.iter().map(|mark| Point::port(mark.touch.service)));
    let hosts = Ranks::new(marks.iter().map(|mark| Point::host(mark.touch.service)));
    if ports.len() < 2 || hosts.len() < 2 {
        return None;
    }
    let places = marks.iter().map(|mark| {
        let service = mark.touch.service;
        (ports.place(Point::port(service)), hosts.place(Point::host(service)), mark.kind)
    });
    let plot = Plot {
        marks: places.collect(),
        verdict: None,
        across_name: format!("{}, each that was tried", port_name(marks)),
        up_name: "host".to_owned(),
        up: hosts,
        across: Across::Points(ports),
    };
    let what = format!("hosts by {}", port_name(marks));
    Some(picture(incident, marks, "ports", &what, plot))
}

fn picture(incident: &Incident, marks: &[Mark], name: &str, what: &str, plot: Plot) -> Picture {
    let drawn = marks.iter().filter(|mark| mark.kind != Kind::Used).count() as u64;
    let sample = match incident.services {
        services if services > drawn => {
            format!("; a sample of {} of {} services", human::count(drawn), human::count(services))
        }
        _ => String::new(),
    };
    let caption = format!("What was tried: {what}{sample}");
    let id: String = incident.id.chars().filter(char::is_ascii_alphanumeric).collect();
    Picture { caption, description: description(incident), id: format!("{name}-{id}"), plot }
}

/// What the picture tells, in words.
fn description(incident: &Incident) -> String {
    let clock = Clock::new(incident.first, incident.last);
    let mut text = incident.story.clone();
    for found in incident.found.iter().take(MOST_NAMED) {
        let answered = clock.show(found.time);
        let _ = write!(text, " {} answered at {answered} UTC", found.service);
        match found.follow_up {
            Some(time) => {
                let _ = write!(text, ", used at {} UTC.", clock.show(time));
            }
            None => text.push('.'),
        }
    }
    text
}

/// What the ports are ports of.
fn port_name(marks: &[Mark]) -> &'static str {
    let mut protocols: Vec<_> = marks.iter().map(|mark| mark.touch.service.protocol).collect();
    protocols.sort_unstable();
    protocols.dedup();
    match protocols.as_slice() {
        [tripline_core::Protocol::Tcp] => "TCP port",
        [tripline_core::Protocol::Udp] => "UDP port",
        [tripline_core::Protocol::Sctp] => "SCTP port",
        [tripline_core::Protocol::Icmp] => "ICMP type",
        [tripline_core::Protocol::Ip] => "IP protocol",
        _ => "port",
    }
}
