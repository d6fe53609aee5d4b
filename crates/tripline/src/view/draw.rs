//! The picture: a line on the sensor, the names of the lists, one of them, and the keys.

use ratatui::buffer::Buffer;
use tripline_respond::Mode;

use crate::human;
use crate::term::{Ink, Line, Page, Terminal};
use crate::watch::status::Status;

use super::app::{App, Place};
use super::details;
use super::list::MARK;
use super::paint::Canvas;
use super::panes::Pane;

/// Rows above the list or page, and below.
const HEAD: usize = 2;
const FOOT: usize = 1;
/// Pages are made for at least so many columns, and cut where there are fewer.
const LEAST_PAGE: usize = 40;

/// Draws all of it.
pub(super) fn draw(app: &mut App, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, app.look.terminal.color);
    let (width, height) = (canvas.width(), canvas.height());
    canvas.put(0, &header(app, width), false);
    canvas.put(1, &tabs(app, width), false);
    let rows = height.saturating_sub(HEAD + FOOT);
    let position = match &app.place {
        Place::List => list(app, &mut canvas, rows),
        Place::Details(found) => {
            let term = Terminal { width: width.max(LEAST_PAGE), ..app.look.terminal };
            let made = app
                .status
                .as_ref()
                .map(|status| details::page(&found.subject, status, term, &app.look.options));
            let note = if found.is_listed { "" } else { "not listed any more  " };
            let made = made.unwrap_or_else(|| Page::new(term));
            format!("{note}{}", page(app, &mut canvas, &made, rows))
        }
        Place::Help(_) => {
            let made = help(Terminal { width: width.max(LEAST_PAGE), ..app.look.terminal });
            page(app, &mut canvas, &made, rows)
        }
    };
    if height > HEAD {
        canvas.put(height - FOOT, &footer(app, width, &position), false);
    }
}

/// A part of a line that is left out where there is no room for it; those of higher rank stay longer.
type Part = (u8, Line);

/// Joins the parts that there is room for.
fn join(line: Line, parts: Vec<Part>, between: &Line, width: usize) -> Line {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(parts[*at].0));
    let (mut left, mut is_shown) = (width + between.width(), vec![false; parts.len()]);
    for at in order {
        let needed = parts[at].1.width() + between.width();
        if needed <= left {
            left -= needed;
            is_shown[at] = true;
        }
    }
    let shown = parts.into_iter().zip(is_shown).filter(|(_, is_shown)| *is_shown);
    shown.fold(line, |line, ((_, part), _)| {
        let line = if line.is_empty() { line } else { line.append(between.clone()) };
        line.append(part)
    })
}

fn header(app: &App, width: usize) -> Line {
    let term = app.look.terminal;
    let line = || term.line();
    let mut parts = vec![(2, line().strong("tripline"))];
    if let Some(silence) = app.silence() {
        let text = format!("NO NEWS for {}", human::duration(silence.as_secs_f64().round()));
        parts.push((9, line().add(Ink::Alarm, text)));
    }
    if let Some(status) = app.status.as_deref() {
        parts.push((5, watched(status, &app.look.what, line())));
        parts.push((7, mode(status.mode, line())));
        let up = human::duration(status.now.since(status.started).as_secs_f64().round());
        parts.push((3, line().plain(format!("up {up}"))));
        if let Some(rate) = app.rate {
            let rate = human::count(rate.round() as u64);
            parts.push((6, line().plain(format!("{rate} packets/s"))));
        }
        parts.extend(losses(status, term));
        let now = human::date_time(status.now, 0);
        let now = now.split_once(' ').map_or(now.as_str(), |(_, of_day)| of_day);
        parts.push((1, line().faint(format!("{now} UTC"))));
    }
    join(line(), parts, &line().faint(" · "), width).cut(width)
}

fn watched(status: &Status, what: &str, line: Line) -> Line {
    let mut line = line.plain(what);
    for (at, interface) in status.interfaces.iter().enumerate() {
        line = line.plain(if at == 0 { "" } else { ", " }).strong(&interface.name);
        if !interface.up {
            line = line.add(Ink::Alarm, " DOWN");
        }
    }
    line
}

fn mode(mode: Mode, line: Line) -> Line {
    match mode {
        Mode::Off => line.plain("off"),
        Mode::Observe => line.plain("observe"),
        Mode::Enforce => line.strong("enforce"),
    }
}

/// What was lost, and what follows from it.
fn losses(status: &Status, term: Terminal) -> Vec<Part> {
    let alarm = |rank, text: String| (rank, term.line().add(Ink::Alarm, text));
    let mut parts = Vec::new();
    match status.interfaces.iter().fold(0, |sum: u64, one| sum.saturating_add(one.drops)) {
        0 => parts.push((4, term.line().plain("0 dropped"))),
        drops => parts.push(alarm(8, format!("{} DROPPED", human::count(drops)))),
    }
    if status.not_kept > 0 {
        parts.push(alarm(8, format!("{} NOT KEPT", human::count(status.not_kept))));
    }
    if let Some(floor) = status.engine.detection_floor {
        let floor = human::duration(floor.as_secs_f64());
        parts.push((4, term.line().add(Ink::Warn, format!("blind to pauses over {floor}"))));
    }
    parts
}

/// The names of the lists; where there is no room, only the numbers of those that are not shown.
fn tabs(app: &App, width: usize) -> Line {
    let all = [true, false].map(|named| {
        let tabs = Pane::ALL.iter().enumerate().map(|(at, pane)| tab(app, at, *pane, named));
        tabs.fold(app.look.terminal.line(), Line::append)
    });
    let [long, short] = all;
    if long.width() <= width { long } else { short.cut(width) }
}

fn tab(app: &App, at: usize, pane: Pane, is_named: bool) -> Line {
    let line = app.look.terminal.line();
    let is_shown = pane == app.pane;
    let count = app.seen().map_or(0, |seen| seen.count(pane));
    let mut name = (at + 1).to_string();
    if is_named || is_shown {
        name = format!("{name} {} {}", pane.name(), human::count(count as u64));
    }
    if is_shown { line.strong(format!("[{name}]")) } else { line.faint(format!(" {name} ")) }
}

/// The list of the pane; returns where in it one is.
fn list(app: &mut App, canvas: &mut Canvas<'_>, rows: usize) -> String {
    let term = app.look.terminal;
    let Some(list) = app.list() else {
        canvas.put(HEAD + 1, &term.line().plain("  The sensor is starting."), false);
        return String::new();
    };
    if list.rows.is_empty() {
        let is_filtered = !app.filter.is_empty();
        let text =
            if is_filtered { "Nothing here has that in it.".to_owned() } else { list.nothing };
        let lines = term.line().plain(text).wrap(canvas.width().saturating_sub(MARK).max(1));
        let room = rows.saturating_sub(1);
        for (row, line) in lines.into_iter().take(room).enumerate() {
            canvas.put(HEAD + 1 + row, &term.line().pad_to(MARK).append(line), false);
        }
        return String::new();
    }
    let widths = list.widths(canvas.width());
    let shown = rows.saturating_sub(1);
    let cursor = app.settle(&list, shown);
    if rows > 0 {
        canvas.put(HEAD, &list.titles(term, &widths), false);
    }
    let visible = list.rows.iter().enumerate().skip(cursor.top()).take(shown);
    for (row, (at, found)) in visible.enumerate() {
        let is_chosen = at == cursor.at();
        let mark = if is_chosen { term.line().strong(">") } else { term.line() };
        canvas.put(HEAD + 1 + row, &list.line(mark, found, &widths), is_chosen);
    }
    let at = human::count(cursor.at() as u64 + 1);
    format!("{at} of {}", human::count(list.rows.len() as u64))
}

/// A page; returns which lines of it are shown.
fn page(app: &mut App, canvas: &mut Canvas<'_>, page: &Page, rows: usize) -> String {
    let scroll = app.scroll(page, rows);
    let lines = page.lines();
    for (row, line) in lines.iter().skip(scroll).take(rows).enumerate() {
        canvas.put(HEAD + row, line, false);
    }
    if lines.len() <= rows {
        return String::new();
    }
    let last = (scroll + rows).min(lines.len());
    format!("lines {}-{last} of {}", scroll + 1, lines.len())
}

fn footer(app: &App, width: usize, position: &str) -> Line {
    let term = app.look.terminal;
    let position = term.line().faint(position);
    let room = width.saturating_sub(position.width() + 2);
    let keys: &[(u8, &str, &str)] = match &app.place {
        _ if app.is_typing => &[(2, "Enter", "keep"), (1, "Esc", "clear")],
        Place::List if app.filter.is_empty() => &[
            (4, "Enter", "details"),
            (3, "/", "filter"),
            (1, "1-5", "lists"),
            (2, "?", "help"),
            (5, "q", "quit"),
        ],
        Place::List => {
            &[(4, "Enter", "details"), (6, "Esc", "show all"), (2, "?", "help"), (5, "q", "quit")]
        }
        Place::Details(_) | Place::Help(_) => {
            &[(6, "Esc", "back"), (4, "j k", "scroll"), (5, "q", "quit")]
        }
    };
    let mut parts: Vec<Part> = Vec::new();
    if app.is_typing || !app.filter.is_empty() {
        let cursor = if app.is_typing { "_" } else { "" };
        let filter = term.line().plain("filter: ").strong(format!("{}{cursor}", app.filter));
        parts.push((9, filter.cut(room)));
    }
    for (rank, key, what) in keys {
        parts.push((*rank, term.line().add(Ink::Accent, *key).plain(format!(" {what}"))));
    }
    let line = join(term.line(), parts, &term.line().plain("  "), room).cut(room);
    let start = width.saturating_sub(position.width());
    line.pad_to(start).append(position).cut(width)
}

fn help(term: Terminal) -> Page {
    let mut page = Page::new(term);
    page.heading("Keys", "");
    for (keys, what) in [
        ("1-5 Tab", "the lists: incidents, sources, services, curtailed, notices"),
        ("j k", "or the arrows: down and up; PgUp, PgDn, Home and End go further"),
        ("Enter", "all that is known of what is chosen; Esc goes back"),
        ("/", "show only what has some letters in it, in any list; Esc shows all again"),
        ("?", "this page"),
        ("Ctrl-L", "draw all of it again"),
        ("q", "or Ctrl-C: end the sensor"),
    ] {
        let first = page.line().plain("  ").add(Ink::Accent, keys);
        page.fill(first, &page.line().plain(what), crate::term::LABEL);
    }
    page.heading("Words", "");
    for (word, what) in [
        ("score", "the evidence against a source, in nats; when the bar is full the verdict falls"),
        ("probes", "services that a source tried and nobody offers"),
        ("standing", "what is known of a service: offered, unused, dark"),
        ("observe", "nothing is done about sweepers, only told what would be"),
        ("enforce", "sweepers are curtailed"),
        ("dropped", "above: frames that the sensor never saw; in the list: packets of a source"),
    ] {
        page.field(word, &page.line().plain(what));
    }
    page.gap();
    let line = page.line().plain(
        "Nothing is changed from here. `tripline curtail` and `tripline release` do that; the \
         details show the line to copy.",
    );
    page.paragraph(&line, 2);
    page
}
