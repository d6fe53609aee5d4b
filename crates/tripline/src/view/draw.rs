//! The picture.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, List, ListItem, ListState, Paragraph};
use tripline_respond::Mode;

use crate::human;
use crate::term::Ink;
use crate::watch::status::Status;

use super::app::{App, Over, TABS, Tab};

pub(super) fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let rows =
        [Constraint::Length(2), Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)];
    let [head, tabs, body, foot] = Layout::vertical(rows).areas(frame.area());
    app.height = usize::from(body.height).max(1);
    draw_head(frame, app, head);
    draw_tabs(frame, app, tabs);
    match app.over.clone() {
        Over::Nothing => draw_rows(frame, app, body),
        Over::Help => draw_lines(frame, body, HELP.iter().copied()),
        Over::Detail { lines, from } => {
            draw_lines(frame, body, lines.iter().skip(from).map(String::as_str));
        }
    }
    draw_foot(frame, app, foot);
}

const HELP: [&str; 11] = [
    "1 … 5, Tab, arrows   the pages",
    "j k, arrows, PgUp …  move",
    "Enter                all about a row; Esc leads back",
    "/                    show only rows that contain …; Esc shows all",
    "q, Ctrl-C            end the sensor, and this view",
    "",
    "A source's bar is full when the verdict falls: then a benign source gets so",
    "far with the chance that `alpha` names.",
    "",
    "To let somebody in again:  tripline release ADDRESS",
    "To see who is never touched, and why:  tripline doctor",
];

fn style(app: &App, ink: Ink) -> Style {
    let style = Style::new();
    let colored = |color| if app.options.color { style.fg(color) } else { style };
    match ink {
        Ink::Plain => style,
        Ink::Strong => style.add_modifier(Modifier::BOLD),
        Ink::Faint => style.add_modifier(Modifier::DIM),
        Ink::Accent => colored(Color::Cyan),
        Ink::Good => colored(Color::Green),
        Ink::Warn => colored(Color::Yellow),
        Ink::Alarm => colored(Color::Red).add_modifier(Modifier::BOLD),
    }
}

fn draw_head(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let Some(status) = &app.status else {
        return frame.render_widget(Paragraph::new("starting …"), area);
    };
    let mode = match status.mode {
        Mode::Off => ("off", Ink::Faint),
        Mode::Observe => ("observe", Ink::Warn),
        Mode::Enforce => ("enforce", Ink::Good),
    };
    let first = Line::from(vec![
        Span::styled("tripline ", style(app, Ink::Strong)),
        Span::styled(mode.0, style(app, mode.1)),
        Span::raw(format!("  {}", interfaces(status))),
    ]);
    let drops: u64 = status.interfaces.iter().map(|interface| interface.drops).sum();
    let up = human::duration(status.now.since(status.started).as_secs_f64());
    let summary = &status.engine.summary;
    let lost = match drops {
        0 => Span::raw("none lost"),
        _ => Span::styled(format!("{} LOST", human::count(drops)), style(app, Ink::Alarm)),
    };
    let second = Line::from(vec![
        Span::raw(format!("up {up}  {} packets/s, ", human::count(app.rate.round() as u64))),
        lost,
        Span::raw(format!(
            "  {} probes  {} sources  {} held off",
            human::count(summary.probes),
            human::count(status.engine.sources.used),
            human::count(status.curtailed.len() as u64)
        )),
    ]);
    frame.render_widget(Paragraph::new(vec![first, second]), area);
}

fn interfaces(status: &Status) -> String {
    let state = |up: bool| if up { "" } else { " DOWN" };
    let names: Vec<String> = status
        .interfaces
        .iter()
        .map(|interface| format!("{}{}", interface.name, state(interface.up)))
        .collect();
    names.join(", ")
}

fn draw_tabs(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let short = area.width < 70;
    let spans = TABS.iter().enumerate().map(|(at, (tab, name))| {
        let name = if short { &name[..3] } else { name };
        let text = format!(" {} {name}{} ", at + 1, count(app, *tab));
        let is_here = *tab == app.tab;
        let style =
            if is_here { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
        Span::styled(text, style)
    });
    frame.render_widget(Paragraph::new(spans.collect::<Line<'_>>()), area);
}

fn count(app: &App, tab: Tab) -> String {
    let Some(status) = &app.status else {
        return String::new();
    };
    let count = match tab {
        Tab::Incidents => status.incidents.len(),
        Tab::Sources => status.engine.suspects.len(),
        Tab::Services => status.services.len(),
        Tab::Curtailed => status.curtailed.len(),
        Tab::Notices => status.notices.len(),
    };
    format!(" {count}")
}

fn draw_rows(frame: &mut Frame<'_>, app: &App, area: Rect) {
    if app.rows.is_empty() {
        let text = match app.tab {
            _ if !app.filter.is_empty() => "nothing that contains the filter",
            Tab::Incidents => "no incidents so far",
            Tab::Sources => "nobody has tried what nobody offers",
            Tab::Services => "no service was seen to answer yet",
            Tab::Curtailed => "nobody is held off",
            Tab::Notices => "nothing to tell",
        };
        return frame.render_widget(Paragraph::new(text).style(style(app, Ink::Faint)), area);
    }
    let items = app.rows.iter().map(|row| {
        let mark = Span::styled(row.mark.0.clone(), style(app, row.mark.1));
        ListItem::new(Line::from(vec![mark, Span::raw("  "), Span::raw(row.text.clone())]))
    });
    let list = List::new(items).highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = ListState::default().with_selected(Some(app.selected));
    frame.render_stateful_widget(list, area, &mut state);
}

fn draw_lines<'a>(frame: &mut Frame<'_>, area: Rect, lines: impl Iterator<Item = &'a str>) {
    let lines: Vec<Line<'_>> = lines.take(usize::from(area.height)).map(Line::from).collect();
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_foot(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let text = if app.typing {
        format!("/{}_", app.filter)
    } else if !app.filter.is_empty() {
        format!("only what contains `{}`; Esc shows all", app.filter)
    } else {
        "Enter details  / filter  ? help  q quit".to_owned()
    };
    frame.render_widget(Paragraph::new(text).style(style(app, Ink::Faint)), area);
}
