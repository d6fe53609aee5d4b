//! Events as they happen: a few lines for each, for a terminal or a journal.

use std::collections::HashMap;
use std::io::{self, Write};

use tripline_core::Service;
use tripline_core::event::{
    Action, Curtailment, CurtailmentStep, Event, Incident, Notice, Probe, Proof, Verdict,
};
use tripline_packet::{Duration, Timestamp};

use crate::human;
use crate::output::Sink;
use crate::term::{Ink, Line, Page, Terminal};

use super::{incident, words};

/// Writes what a person should know while it happens.
#[derive(Debug)]
pub struct Stream<W: Write> {
    out: W,
    terminal: Terminal,
    /// What was told of each incident.
    told: HashMap<String, Telling>,
    probes: Budget,
}

/// Single probes that are listed. Strangers decide how many there are, and forged sources cost them
/// nothing; nobody reads thousands of lines.
#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    /// The minute that is counted began then.
    since: Timestamp,
    count: u64,
}

impl Budget {
    /// Counts one. Returns its number within the minute, and how many of the minute before were not
    /// listed.
    fn count(&mut self, now: Timestamp) -> (u64, u64) {
        let mut unlisted = 0;
        if now.since(self.since) >= MINUTE {
            unlisted = self.count.saturating_sub(MOST_PROBES);
            *self = Self { since: now, count: 0 };
        }
        self.count += 1;
        (self.count, unlisted)
    }
}

/// What is worth a line when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Telling {
    verdict: Verdict,
    is_proven: bool,
    found: usize,
    said: usize,
    action: Action,
}

/// Incidents whose state is remembered.
const MOST: usize = 4_096;
/// Single probes that are listed in a minute.
const MOST_PROBES: u64 = 30;
const MINUTE: Duration = Duration::from_secs(60);

impl<W: Write> Stream<W> {
    /// Writes to `out`, as the terminal wants it.
    pub fn new(out: W, terminal: Terminal) -> Self {
        Self { out, terminal, told: HashMap::new(), probes: Budget::default() }
    }

    fn probe(&mut self, page: &mut Page, event: &Probe) {
        let (number, unlisted) = self.probes.count(event.last);
        if unlisted > 0 {
            note(
                page,
                event.last,
                &format!("{unlisted} more probes of that minute are not listed"),
            );
        }
        if number <= MOST_PROBES {
            probe(page, event);
        } else if number == MOST_PROBES + 1 {
            let text = format!(
                "more than {MOST_PROBES} single probes in a minute: the others are counted, not \
                 listed (--json lists all)"
            );
            note(page, event.last, &text);
        }
    }

    fn incident(&mut self, page: &mut Page, incident: &Incident) {
        let telling = Telling {
            verdict: incident.verdict,
            is_proven: matches!(incident.proof, Proof::Proven { .. }),
            found: incident.found.len(),
            said: incident.said.len(),
            action: incident.response.action,
        };
        let before = self.told.insert(incident.id.clone(), telling);
        if self.told.len() > MOST {
            self.told.retain(|id, _| *id == incident.id);
        }
        if before == Some(telling) {
            return;
        }
        let time = stamp(page, incident.last.max(incident.verdict_at));
        let title = incident::title(page, incident);
        page.fill(time, &title, STAMP);
        let story = page.line().plain(&incident.story);
        page.paragraph(&story, STAMP);
        if before.is_none_or(|before| before.said < telling.said) {
            incident::add_said(page, incident);
        }
        if before.is_none_or(|before| before.action != telling.action) {
            let action = words::action(incident.response.action);
            let why = format!(": {}", incident.response.reason);
            let line = page.line().strong(action).faint(why);
            page.paragraph(&line, STAMP);
        }
    }
}

/// Columns of a time of day and two blanks.
const STAMP: usize = 10;

fn stamp(page: &Page, time: Timestamp) -> Line {
    let text = human::date_time(time, 0);
    let of_day = text.split_once(' ').map_or(text.as_str(), |(_, of_day)| of_day);
    page.line().faint(of_day).plain("  ")
}

fn service(probe: &Probe) -> Service {
    let port = probe.port.unwrap_or_default();
    Service { host: probe.target, protocol: probe.protocol, port }
}

fn probe(page: &mut Page, probe: &Probe) {
    let line = page
        .line()
        .plain("probe  ")
        .strong(&probe.signature)
        .plain(format!("  {} tried {}", probe.source, service(probe)))
        .faint(format!("  {}", probe.reason));
    page.fill(stamp(page, probe.last), &line, STAMP);
}

fn curtailment(page: &mut Page, told: &Curtailment) {
    let (ink, what) = match told.step {
        CurtailmentStep::Curtailed => (Ink::Alarm, "curtailed"),
        CurtailmentStep::WouldCurtail => (Ink::Warn, "would curtail"),
        CurtailmentStep::Refused => (Ink::Warn, "not curtailed"),
        CurtailmentStep::Released => (Ink::Good, "released"),
        CurtailmentStep::Expired => (Ink::Good, "curtailment over"),
        CurtailmentStep::Repaired => (Ink::Warn, "curtailment repaired"),
        CurtailmentStep::Failed => (Ink::Alarm, "curtailment FAILED"),
    };
    let mut line = page.line().add(ink, what).strong(format!("  {}", told.source.short()));
    line = match told.from.as_str() {
        "everything" => line,
        "unoffered" => line.plain(" at services that nobody offers"),
        service => line.plain(format!(" from {service}")),
    };
    let is_for_a_time =
        matches!(told.step, CurtailmentStep::Curtailed | CurtailmentStep::WouldCurtail);
    if let Some(until) = told.until.filter(|_| is_for_a_time) {
        let seconds = until.since(told.time).as_secs_f64();
        line = line.plain(format!(" for {}", human::duration(seconds.round())));
    } else {
        line = line.plain(format!(": {}", told.reason));
    }
    page.fill(stamp(page, told.time), &line, STAMP);
}

fn notice(page: &mut Page, notice: &Notice) {
    let time = notice.time.map_or_else(|| page.line(), |time| stamp(page, time));
    remark(page, time, &notice.message);
}

fn note(page: &mut Page, time: Timestamp, text: &str) {
    let time = stamp(page, time);
    remark(page, time, text);
}

fn remark(page: &mut Page, time: Line, text: &str) {
    let line = page.line().add(Ink::Warn, "note").plain(format!("  {text}"));
    page.fill(time.pad_to(STAMP), &line, STAMP);
}

impl<W: Write> Sink for Stream<W> {
    fn event(&mut self, event: Event) -> io::Result<()> {
        let mut page = Page::new(self.terminal);
        match &event {
            Event::Incident(incident) => self.incident(&mut page, incident),
            // What belongs to an incident is told by its story.
            Event::Probe(event) if event.incident.is_some() => return Ok(()),
            Event::Probe(event) => self.probe(&mut page, event),
            Event::Curtailment(event) => curtailment(&mut page, event),
            Event::Notice(event) => notice(&mut page, event),
            Event::Service(_) | Event::Summary(_) => {}
        }
        page.write_to(&mut self.out)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use tripline_core::catalog::Risk;
    use tripline_core::event::SCHEMA_VERSION;
    use tripline_core::{Direction, Outcome, Protocol, Standing, Technique};
    use tripline_packet::Addr;

    use super::*;

    fn attempt(number: u32, second: i64) -> Event {
        let time = Timestamp::from_parts(1_800_000_000 + second, 0);
        Event::Probe(Probe {
            schema: SCHEMA_VERSION,
            signature: "TCP_Probe_Ftp".to_owned(),
            event_id: "2003004".to_owned(),
            iss_id: None,
            risk: Risk::Low,
            source: Addr::from_v4_bits(0xcb00_7100 + number),
            target: Addr::from_v4_bits(0xc000_020a),
            protocol: Protocol::Tcp,
            port: Some(21),
            port_name: None,
            technique: Technique::Syn,
            outcome: Outcome::Refused,
            standing: Standing::Unused,
            reason: "nobody listens".to_owned(),
            tool: None,
            direction: Direction::Inbound,
            count: 1,
            first: time,
            last: time,
            incident: None,
        })
    }

    #[test]
    fn a_flood_of_single_probes_is_counted_not_listed() {
        let mut text = Vec::new();
        let terminal = Terminal { color: false, unicode: false, width: 100 };
        let mut stream = Stream::new(&mut text, terminal);
        for number in 0..200 {
            stream.event(attempt(number, 0)).unwrap();
        }
        stream.event(attempt(200, 61)).unwrap();
        let text = String::from_utf8(text).unwrap();
        let listed =
            |text: &str| text.lines().filter(|line| line.contains("TCP_Probe_Ftp")).count();
        assert_eq!(listed(&text), 31, "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("note")).count(), 2, "{text}");
        assert!(text.contains("170 more probes of that minute are not listed"), "{text}");
        assert!(text.contains("203.0.113.200"), "{text}");
    }
}
