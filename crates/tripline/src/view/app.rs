//! What is shown, and what keys do to it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::term::Terminal;
use crate::watch::status::Status;

use super::rows::{self, Row};

/// The pages, in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Incidents,
    Sources,
    Services,
    Curtailed,
    Notices,
}

pub(super) const TABS: [(Tab, &str); 5] = [
    (Tab::Incidents, "Incidents"),
    (Tab::Sources, "Sources"),
    (Tab::Services, "Services"),
    (Tab::Curtailed, "Curtailed"),
    (Tab::Notices, "Notices"),
];

/// What lies over the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Nothing,
    Help,
    /// The row in full: its lines, and how many of them were scrolled past.
    Detail {
        lines: Vec<String>,
        from: usize,
    },
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    Quit,
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct App {
    pub(super) options: Terminal,
    pub(super) status: Option<Status>,
    /// Packets a second, between the last two states.
    pub(super) rate: f64,
    pub(super) tab: Tab,
    pub(super) rows: Vec<Row>,
    pub(super) selected: usize,
    /// Rows that a page has; known when it was drawn.
    pub(super) height: usize,
    pub(super) filter: String,
    /// The filter is being typed.
    pub(super) typing: bool,
    pub(super) over: Over,
}

impl App {
    pub(super) fn new(options: Terminal) -> Self {
        Self {
            options,
            status: None,
            rate: 0.0,
            tab: Tab::Incidents,
            rows: Vec::new(),
            selected: 0,
            height: 10,
            filter: String::new(),
            typing: false,
            over: Over::Nothing,
        }
    }

    /// A new state of the sensor, or the same again.
    pub(super) fn take(&mut self, status: Option<Status>) {
        let Some(status) = status else { return };
        if let Some(before) = &self.status
            && status.now > before.now
        {
            let packets =
                status.engine.summary.packets.saturating_sub(before.engine.summary.packets);
            self.rate = packets as f64 / status.now.since(before.now).as_secs_f64();
        }
        self.status = Some(status);
        self.refresh();
    }

    /// Keeps the same row selected, if it is still there.
    fn refresh(&mut self) {
        let key = self.rows.get(self.selected).map(|row| row.key.clone());
        self.rows = match &self.status {
            Some(status) => rows::of(status, self.tab, &self.filter, self.options),
            None => Vec::new(),
        };
        let same = key.and_then(|key| self.rows.iter().position(|row| row.key == key));
        // At the top one wants to see what is new.
        if self.selected > 0 {
            self.selected = same.unwrap_or(self.selected).min(self.rows.len().saturating_sub(1));
        }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Next {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Next::Quit;
        }
        if self.typing {
            self.type_filter(key.code);
            return Next::GoOn;
        }
        if self.over != Over::Nothing {
            self.look_over(key.code);
            return Next::GoOn;
        }
        let last = self.rows.len().saturating_sub(1);
        match key.code {
            KeyCode::Char('q') => return Next::Quit,
            KeyCode::Char('?') => self.over = Over::Help,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char(digit @ '1'..='5') => self.go(digit as usize - '1' as usize),
            KeyCode::Tab | KeyCode::Right => self.go(self.at() + 1),
            KeyCode::BackTab | KeyCode::Left => self.go(self.at() + TABS.len() - 1),
            KeyCode::Down | KeyCode::Char('j') => self.selected = (self.selected + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::PageDown => self.selected = (self.selected + self.height).min(last),
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(self.height),
            KeyCode::Home | KeyCode::Char('g') => self.selected = 0,
            KeyCode::End | KeyCode::Char('G') => self.selected = last,
            KeyCode::Enter => self.open(),
            KeyCode::Esc => {
                self.filter.clear();
                self.refresh();
            }
            _ => {}
        }
        Next::GoOn
    }

    fn at(&self) -> usize {
        TABS.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0)
    }

    fn go(&mut self, to: usize) {
        self.tab = TABS[to % TABS.len()].0;
        self.selected = 0;
        self.rows.clear();
        self.refresh();
    }

    fn open(&mut self) {
        if let (Some(row), Some(status)) = (self.rows.get(self.selected), &self.status) {
            let lines = rows::detail(status, self.tab, row, self.options);
            self.over = Over::Detail { lines, from: 0 };
        }
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(letter) => self.filter.push(letter),
            _ => {}
        }
        self.selected = 0;
        self.refresh();
    }

    fn look_over(&mut self, code: KeyCode) {
        let height = self.height;
        let Over::Detail { lines, from } = &mut self.over else {
            self.over = Over::Nothing;
            return;
        };
        let last = lines.len().saturating_sub(height);
        match code {
            KeyCode::Down | KeyCode::Char('j') => *from = (*from + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => *from = from.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => *from = (*from + height).min(last),
            KeyCode::PageUp => *from = from.saturating_sub(height),
            KeyCode::Home => *from = 0,
            KeyCode::End => *from = last,
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q') => self.over = Over::Nothing,
            _ => {}
        }
    }
}
