//! What `tripline read` shows to a person.

pub(crate) mod bar;
#[cfg(target_os = "linux")]
pub(crate) mod curtailed;
pub mod incident;
pub(crate) mod picture;
pub(crate) mod points;
pub mod stream;
pub mod table;
mod tables;
mod totals;
pub mod words;

use tripline_core::event::{Event, Incident, Notice, Probe, ServiceEvent, Summary};
use tripline_packet::Timestamp;

use crate::human::{self, Clock};
use crate::term::{Ink, Page, Terminal};

/// Incidents of other verdicts that are shown.
const MOST_TOLD_APART: usize = 50;

/// What to show.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Only the incidents.
    pub quiet: bool,
    /// Incidents that are told in full.
    pub incidents: usize,
    /// Rows of the table of single probes.
    pub probes: usize,
    /// All services of the inventory, not only the most used.
    pub all_services: bool,
}

/// The events of a run, collected for a person.
#[derive(Debug)]
pub struct Report {
    options: Options,
    /// What was read, in the words to type.
    input: Vec<String>,
    /// How many files that turned out to be.
    files: usize,
    incidents: Vec<Incident>,
    probes: Vec<Probe>,
    /// Outside of incidents, and inside.
    probes_seen: [u64; 2],
    services: Vec<ServiceEvent>,
    notices: Vec<Notice>,
    summary: Summary,
}

impl Report {
    /// An empty report about `input` (file names).
    pub fn new(input: Vec<String>, options: Options) -> Self {
        Self {
            options,
            files: input.len(),
            input,
            incidents: Vec::new(),
            probes: Vec::new(),
            probes_seen: [0; 2],
            services: Vec::new(),
            notices: Vec::new(),
            summary: Summary::default(),
        }
    }

    /// Tells how many files were read, where folders were named.
    pub fn set_files(&mut self, files: usize) {
        self.files = files;
    }

    /// Takes the next event.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Incident(incident) => self.incidents.push(*incident),
            Event::Probe(probe) => {
                self.probes_seen[usize::from(probe.incident.is_some())] += 1;
                self.probes.push(probe);
                // Only the best rows are shown: do not keep what cannot become one of them.
                if self.probes.len() >= 4 * self.options.probes.max(1024) {
                    tables::keep_best(&mut self.probes, self.options.probes);
                }
            }
            Event::Service(service) => self.services.push(service),
            Event::Notice(notice) => self.notices.push(notice),
            Event::Summary(summary) => self.summary = *summary,
            // Files are read, not acted on.
            Event::Curtailment(_) => {}
        }
    }

    /// Was there anything that somebody has to look at?
    pub fn has_alerts(&self) -> bool {
        self.alerts().next().is_some()
    }

    fn alerts(&self) -> impl Iterator<Item = &Incident> {
        let incidents = self.incidents.iter();
        incidents.filter(|incident| words::is_alert(incident.verdict))
    }

    /// Renders the report.
    pub fn page(&self, term: Terminal) -> Page {
        let mut page = Page::new(term);
        let clock = self.clock();
        if !self.options.quiet {
            self.add_header(&mut page, &clock);
        }
        self.add_incidents(&mut page, &clock);
        if !self.options.quiet {
            tables::add_probes(&mut page, self, &clock);
            tables::add_services(&mut page, self, &clock);
            self.add_told_apart(&mut page, &clock);
            totals::add(&mut page, self);
        }
        page
    }

    fn clock(&self) -> Clock {
        let first = self.summary.first.unwrap_or(Timestamp::EPOCH);
        Clock::new(first, self.summary.last.unwrap_or(first))
    }

    /// What to type to read the same input again.
    fn input_words(&self) -> &str {
        match self.input.as_slice() {
            [only] => only,
            _ => "FILE...",
        }
    }

    fn add_header(&self, page: &mut Page, clock: &Clock) {
        totals::add_input(page, self, clock);
        let inferred = self.notices.iter().find(|notice| notice.name == HOME_INFERRED);
        let home: Vec<String> = self.summary.home.iter().map(ToString::to_string).collect();
        let line = match (inferred, home.as_slice()) {
            (Some(notice), _) => {
                page.line().plain(notice.message.trim_start_matches("home networks "))
            }
            (None, []) => page.line().plain("not known"),
            (None, home) => page.line().plain(home.join(", ")).faint(" (as set)"),
        };
        page.field("home", &line);
        for notice in self.notices.iter().filter(|notice| notice.name != HOME_INFERRED) {
            let line = page.line().plain(&notice.message);
            let label = page.line().plain("  ").add(Ink::Warn, "note");
            page.fill(label, &line, crate::term::LABEL);
        }
    }

    fn add_incidents(&self, page: &mut Page, clock: &Clock) {
        let mut alerts: Vec<&Incident> = self.alerts().collect();
        // Gravest first; of equals the one that somebody followed up, then the earlier.
        alerts.sort_by(|a, b| {
            (b.risk.cmp(&a.risk))
                .then(b.verdict.cmp(&a.verdict))
                .then(a.first.cmp(&b.first))
                .then(a.id.cmp(&b.id))
        });
        if alerts.is_empty() {
            if !self.options.quiet {
                totals::add_all_quiet(page, self);
            }
            return;
        }
        let (full, brief) = alerts.split_at(self.options.incidents.min(alerts.len()));
        if !self.options.quiet {
            let mut note = human::count(alerts.len() as u64);
            if !brief.is_empty() {
                let shown = full.len();
                note = format!("{note}, {shown} of them in full; --incidents N shows more");
            }
            page.heading("Incidents", &note);
        }
        for alert in full {
            incident::add(page, alert, clock, self.input_words());
        }
        tables::add_incidents(page, brief, clock);
    }

    /// What looked like a sweep and is something else.
    fn add_told_apart(&self, page: &mut Page, clock: &Clock) {
        let others = self.incidents.iter();
        let mut others: Vec<_> = others.filter(|other| !words::is_alert(other.verdict)).collect();
        if others.is_empty() {
            return;
        }
        others.sort_by(|a, b| (a.verdict, a.first, &a.id).cmp(&(b.verdict, b.first, &b.id)));
        page.heading("Told apart", "no sweeps, and why");
        for other in others.iter().take(MOST_TOLD_APART) {
            incident::add_brief(page, other, clock);
        }
        let more = others.len().saturating_sub(MOST_TOLD_APART);
        if more > 0 {
            let line = page
                .line()
                .faint(format!("and {} more; --json has all", human::count(more as u64)));
            page.paragraph(&line, 2);
        }
    }
}

/// Name of the notice that tells the inferred home networks.
pub const HOME_INFERRED: &str = "home_inferred";
