//! What is shown and where in it one is: keys and news go in, a picture comes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;

use crate::log::held::Said;
use crate::term::{Page, Terminal};
use crate::watch::status::Status;

use super::draw;
use super::keys::Key;
use super::list::{Cursor, List};
use super::panes::{Pane, Seen, Subject};

/// How it looks, and what is said of the sensor that its status does not tell.
#[derive(Clone, Debug)]
pub struct Look {
    /// Colour and characters; the width is that of the picture.
    pub terminal: Terminal,
    /// Before the names of the interfaces, such as `this machine on `.
    pub what: String,
    /// Options with which other commands reach the same sensor, such as ` --settings FILE`.
    pub options: String,
}

/// What comes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It goes on.
    On,
    /// All of it is to be drawn anew, because something else has written over it.
    Redraw,
    /// The end.
    Quit,
}

/// See the module documentation.
#[derive(Debug)]
pub struct App {
    pub(super) look: Look,
    pub(super) status: Option<Arc<Status>>,
    pub(super) said: Vec<Said>,
    /// When the status came, and when it was last looked for another one.
    came: Option<Instant>,
    looked: Option<Instant>,
    /// Frames per second between the last two.
    pub(super) rate: Option<f64>,
    pub(super) pane: Pane,
    cursors: [Cursor; Pane::ALL.len()],
    pub(super) filter: String,
    pub(super) is_typing: bool,
    pub(super) place: Place,
    /// Rows of the last picture that are a page.
    rows: usize,
}

/// Where one is.
#[derive(Debug)]
pub(super) enum Place {
    /// In the list of the pane.
    List,
    /// At one of its things.
    Details(Box<Details>),
    /// At the page about the keys, so many lines down.
    Help(usize),
}

/// A thing that is looked at.
#[derive(Debug)]
pub(super) struct Details {
    pub(super) subject: Subject,
    id: String,
    /// It is in its list, still.
    pub(super) is_listed: bool,
    scroll: usize,
}

/// The longest filter: nobody types more, and who pastes more did not mean to.
const LONGEST_FILTER: usize = 64;
/// The sensor tells once a second; longer than this is worth a word.
const PUNCTUAL: Duration = Duration::from_secs(4);

/// By how much one moves.
#[derive(Clone, Copy, Debug)]
enum Move {
    Up(usize),
    Down(usize),
    Start,
    End,
}

impl Move {
    fn from(self, at: usize) -> usize {
        match self {
            Self::Up(by) => at.saturating_sub(by),
            Self::Down(by) => at.saturating_add(by),
            Self::Start => 0,
            Self::End => usize::MAX,
        }
    }
}

impl App {
    /// Without a status yet.
    pub fn new(look: Look) -> Self {
        Self {
            look,
            status: None,
            said: Vec::new(),
            came: None,
            looked: None,
            rate: None,
            pane: Pane::default(),
            cursors: Default::default(),
            filter: String::new(),
            is_typing: false,
            place: Place::List,
            rows: 1,
        }
    }

    /// Takes what is on the board, and what the sensor said besides.
    pub fn update(&mut self, status: Option<Arc<Status>>, said: Vec<Said>, now: Instant) {
        self.said = said;
        self.looked = Some(now);
        let is_new = match (&self.status, &status) {
            (Some(old), Some(new)) => !Arc::ptr_eq(old, new),
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if is_new && let Some(new) = status {
            self.rate = self.status.as_ref().and_then(|old| rate(old, &new)).or(self.rate);
            self.status = Some(new);
            self.came = Some(now);
        }
        self.look_again();
    }

    /// What the details are about may have changed.
    fn look_again(&mut self) {
        let found = match &self.place {
            Place::Details(details) => {
                self.seen().and_then(|seen| seen.find(self.pane, &details.id))
            }
            Place::List | Place::Help(_) => return,
        };
        if let Place::Details(details) = &mut self.place {
            details.is_listed = found.is_some();
            details.subject = found.unwrap_or_else(|| details.subject.clone());
        }
    }

    /// How long the sensor has not told how it is doing, if that is too long.
    pub(super) fn silence(&self) -> Option<Duration> {
        let silence = self.looked?.saturating_duration_since(self.came?);
        (silence >= PUNCTUAL).then_some(silence)
    }

    pub(super) fn seen(&self) -> Option<Seen<'_>> {
        let (said, term) = (self.said.as_slice(), self.look.terminal);
        self.status.as_deref().map(|status| Seen { status, said, term })
    }

    /// The list of the pane with what the filter leaves of it.
    pub(super) fn list(&self) -> Option<List> {
        let mut list = self.seen()?.list(self.pane);
        if !self.filter.is_empty() {
            list.rows.retain(|row| row.contains(&self.filter));
        }
        Some(list)
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) -> Flow {
        match key {
            Key::Interrupt => return Flow::Quit,
            Key::Redraw => return Flow::Redraw,
            key if self.is_typing && self.type_key(key) => return Flow::On,
            Key::Char('q') => return Flow::Quit,
            Key::Char('?') => self.toggle_help(),
            Key::Char('/') => {
                self.place = Place::List;
                self.is_typing = true;
            }
            Key::Char(digit @ '1'..='5') => self.show(Pane::ALL[digit as usize - '1' as usize]),
            Key::Tab | Key::Right | Key::Char('l') => self.show(self.pane.turn(1)),
            Key::BackTab | Key::Left | Key::Char('h') => {
                self.show(self.pane.turn(Pane::ALL.len() - 1));
            }
            Key::Enter => self.open(),
            Key::Escape | Key::Backspace => self.back(),
            key => {
                if let Some(by) = self.movement(key) {
                    self.go(by);
                }
            }
        }
        Flow::On
    }

    /// A key while the filter is typed; `false` if it has nothing to do with that.
    fn type_key(&mut self, key: Key) -> bool {
        match key {
            Key::Char(letter) if self.filter.chars().count() < LONGEST_FILTER => {
                self.filter.push(letter);
            }
            Key::Char(_) => {}
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Erase => self.filter.clear(),
            Key::Enter => self.is_typing = false,
            Key::Escape => {
                self.is_typing = false;
                self.filter.clear();
            }
            _ => return false,
        }
        true
    }

    fn movement(&self, key: Key) -> Option<Move> {
        let page = self.rows.saturating_sub(1).max(1);
        Some(match key {
            Key::Up | Key::Char('k') => Move::Up(1),
            Key::Down | Key::Char('j') => Move::Down(1),
            Key::PageUp => Move::Up(page),
            Key::PageDown | Key::Char(' ') => Move::Down(page),
            Key::Home | Key::Char('g') => Move::Start,
            Key::End | Key::Char('G') => Move::End,
            _ => return None,
        })
    }

    fn go(&mut self, by: Move) {
        match &mut self.place {
            Place::Details(details) => details.scroll = by.from(details.scroll),
            Place::Help(scroll) => *scroll = by.from(*scroll),
            Place::List => {
                let rows = self.list().map(|list| list.rows).unwrap_or_default();
                let cursor = &mut self.cursors[self.pane as usize];
                cursor.settle(&rows, self.rows);
                cursor.go(by.from(cursor.at()), &rows);
            }
        }
    }

    fn show(&mut self, pane: Pane) {
        self.pane = pane;
        self.place = Place::List;
        self.is_typing = false;
    }

    fn toggle_help(&mut self) {
        self.place = match self.place {
            Place::Help(_) => Place::List,
            Place::List | Place::Details(_) => Place::Help(0),
        };
    }

    fn open(&mut self) {
        let Some(list) = self.list().filter(|_| matches!(self.place, Place::List)) else {
            return;
        };
        let cursor = &mut self.cursors[self.pane as usize];
        cursor.settle(&list.rows, self.rows);
        let id = list.rows.get(cursor.at()).map(|row| row.id.clone());
        let found = id.and_then(|id| {
            let subject = self.seen()?.find(self.pane, &id)?;
            Some(Details { subject, id, is_listed: true, scroll: 0 })
        });
        if let Some(details) = found {
            self.place = Place::Details(Box::new(details));
        }
    }

    fn back(&mut self) {
        match self.place {
            Place::List => self.filter.clear(),
            Place::Details(_) | Place::Help(_) => self.place = Place::List,
        }
    }

    /// The place in the list, settled for so many rows.
    pub(super) fn settle(&mut self, list: &List, rows: usize) -> &Cursor {
        self.rows = rows;
        let cursor = &mut self.cursors[self.pane as usize];
        cursor.settle(&list.rows, rows);
        cursor
    }

    /// The lines of a page that are skipped when so many rows of it are shown; no more than leaves
    /// the rows full.
    pub(super) fn scroll(&mut self, page: &Page, rows: usize) -> usize {
        self.rows = rows;
        let most = page.lines().len().saturating_sub(rows);
        let scroll = match &mut self.place {
            Place::Details(details) => &mut details.scroll,
            Place::Help(scroll) => scroll,
            Place::List => return 0,
        };
        *scroll = (*scroll).min(most);
        *scroll
    }

    /// Draws all of it.
    pub fn draw(&mut self, buffer: &mut Buffer) {
        draw::draw(self, buffer);
    }
}

/// Frames per second between two looks.
fn rate(old: &Status, new: &Status) -> Option<f64> {
    let frames = |status: &Status| -> u64 {
        status.interfaces.iter().fold(0, |sum, one| sum.saturating_add(one.frames))
    };
    let seconds = new.now.since(old.now).as_secs_f64();
    (seconds > 0.0).then(|| frames(new).saturating_sub(frames(old)) as f64 / seconds)
}
