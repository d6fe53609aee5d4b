//! The drawing itself: places from 0 to 1 become coordinates.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};

use super::Kind;
use super::scale::{Ranks, Tick, Times};

/// How wide a picture is drawn. Letters keep their size, so each has its own labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// For paper and large screens.
    Wide,
    /// For a phone.
    Narrow,
}

/// What is drawn: marks at (across, up), both from 0 to 1, and the axes.
pub(super) struct Plot {
    pub(super) marks: Vec<(f64, f64, Kind)>,
    /// Where the verdict fell.
    pub(super) verdict: Option<f64>,
    pub(super) across_name: String,
    pub(super) up_name: String,
    pub(super) up: Ranks,
    pub(super) across: Across,
}

/// The axis from left to right.
pub(super) enum Across {
    Times(Times),
    Points(Ranks),
}

/// Units of a letter of 12 units, on average and with some room.
const LETTER: f64 = 7.0;
/// Above the plot are the legend and the name of the axis, below it labels and name.
const ABOVE: f64 = 46.0;
const BELOW: f64 = 42.0;
/// Of a value that has a row for itself, and of the whole if they have not.
const ROW: f64 = 17.0;
const LEAST_HEIGHT: f64 = 90.0;
const MOST_HEIGHT: f64 = 344.0;
/// Marks of rows that are lower than this are drawn smaller.
const DENSE: f64 = 9.0;

/// The plot's place in the picture.
struct Frame {
    left: f64,
    width: f64,
    height: f64,
    whole: f64,
    letters: usize,
}

impl Frame {
    fn new(plot: &Plot, width: Width) -> Self {
        let (whole, letters) = match width {
            Width::Wide => (720.0, 26),
            Width::Narrow => (360.0, 13),
        };
        let letters = plot.up.widest().min(letters);
        let left = letters as f64 * LETTER + 14.0;
        let height = (plot.up.len() as f64 * ROW).clamp(LEAST_HEIGHT, MOST_HEIGHT);
        Self { left, width: whole - left - 14.0, height, whole, letters }
    }

    fn x(&self, across: f64) -> f64 {
        self.left + 8.0 + across * (self.width - 16.0)
    }

    fn y(&self, up: f64) -> f64 {
        ABOVE + up * self.height
    }
}

/// The element. `words` are title and description; with `css` it carries its own colours.
pub(super) fn svg(
    plot: &Plot,
    width: Width,
    id: &str,
    words: [&str; 2],
    css: Option<&str>,
) -> Markup {
    let frame = Frame::new(plot, width);
    let size = if width == Width::Wide { "wide" } else { "narrow" };
    // In a file of its own it is not one of two that take turns.
    let class = if css.is_some() { "" } else { size };
    let bottom = frame.y(1.0);
    let (title, description) = (format!("{id}-{size}-t"), format!("{id}-{size}-d"));
    let view = format!("0 0 {} {}", frame.whole, bottom + BELOW);
    html! {
        svg.sweep.(class) xmlns="http://www.w3.org/2000/svg" viewBox=(view) role="img"
            aria-labelledby={ (title) " " (description) }
        {
            title id=(title) { (words[0]) }
            desc id=(description) { (words[1]) }
            @if let Some(css) = css {
                style { (PreEscaped(css)) }
            }
            (legend(plot))
            text.name x="3" y=(round(ABOVE - 9.0)) { (plot.up_name) }
            (rows(plot, &frame))
            (columns(plot, &frame))
            @if let Some(at) = plot.verdict {
                path.verdict d=(format!("M{} {ABOVE}V{}", round(frame.x(at)), round(bottom))) {}
            }
            (marks(plot, &frame))
            text.name x=(round(frame.left + frame.width / 2.0)) y=(round(bottom + BELOW - 5.0))
                text-anchor="middle" { (plot.across_name) }
        }
    }
}

/// Values upwards with a line for each label.
fn rows(plot: &Plot, frame: &Frame) -> Markup {
    let most = (frame.height / ROW) as usize;
    // Few labels are read more easily than many, if not every value can have one.
    let ticks = plot.up.ticks(if plot.up.len() > most { 5 } else { most });
    let mut lines = String::new();
    for tick in &ticks {
        let (y, end) = (round(frame.y(tick.at)), round(frame.left + frame.width));
        let _ = write!(lines, "M{} {y}H{end}", round(frame.left));
    }
    html! {
        path.grid d=(lines) {}
        @for tick in ticks {
            text.label x=(round(frame.left - 6.0)) y=(round(frame.y(tick.at) + 4.0))
                text-anchor="end" { (tail(&tick.label, frame.letters)) }
        }
    }
}

/// The axis below, with its labels.
fn columns(plot: &Plot, frame: &Frame) -> Markup {
    let ticks = match &plot.across {
        Across::Times(times) => times.ticks(if frame.whole > 400.0 { 6 } else { 3 }),
        Across::Points(ranks) => {
            let room = (ranks.widest() + 2) as f64 * LETTER;
            ranks.ticks((frame.width / room) as usize)
        }
    };
    let bottom = frame.y(1.0);
    let end = frame.left + frame.width;
    let mut lines = format!("M{} {ABOVE}V{}H{}", round(frame.left), round(bottom), round(end));
    for tick in &ticks {
        let _ = write!(lines, "M{} {}v4", round(frame.x(tick.at)), round(bottom));
    }
    html! {
        path.axis d=(lines) {}
        @for tick in &ticks {
            text.label x=(round(frame.x(tick.at))) y=(round(bottom + 17.0))
                text-anchor=(anchor(tick, frame)) { (tick.label) }
        }
    }
}

/// Labels at the right end must not go beyond the picture.
fn anchor(tick: &Tick, frame: &Frame) -> &'static str {
    let half = tick.label.chars().count() as f64 * LETTER / 2.0;
    if frame.x(tick.at) + half > frame.whole { "end" } else { "middle" }
}

/// One path for each kind: thousands of marks stay a small file.
fn marks(plot: &Plot, frame: &Frame) -> Markup {
    let is_dense = frame.height / plot.up.len() as f64 <= DENSE || plot.marks.len() > 400;
    let path = |wanted: Kind, form: &str| {
        let mut places: Vec<(String, String)> = plot
            .marks
            .iter()
            .filter(|(.., kind)| *kind == wanted)
            .map(|(across, up, _)| (round(frame.x(*across)), round(frame.y(*up))))
            .collect();
        places.sort();
        places.dedup();
        let mut path = String::new();
        for (x, y) in places {
            let _ = write!(path, "M{x} {y}{form}");
        }
        path
    };
    let tried = if is_dense { "tried dense" } else { "tried" };
    html! {
        path class=(tried) d=(path(Kind::Tried, DOT)) {}
        path.answered d=(path(Kind::Answered, DIAMOND)) {}
        path.used d=(path(Kind::Used, RING)) {}
        path.answered d=(path(Kind::Used, DIAMOND)) {}
    }
}

/// A line of no length with round ends; a diamond; a ring: each around its place.
const DOT: &str = "h0";
const DIAMOND: &str = "m0-5l5 5l-5 5l-5-5z";
const RING: &str = "m-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0z";

fn legend(plot: &Plot) -> Markup {
    let has = |wanted: Kind| plot.marks.iter().any(|(.., kind)| *kind == wanted);
    let items = [
        (has(Kind::Tried), "tried", "tried"),
        (has(Kind::Answered) || has(Kind::Used), "answered", "answered"),
        (has(Kind::Used), "used", "came back"),
        (plot.verdict.is_some(), "verdict", "verdict"),
    ];
    let mut x = 10.0;
    html! {
        @for (_, class, name) in items.into_iter().filter(|(is_there, ..)| *is_there) {
            @match class {
                "tried" => path.tried d=(format!("M{x} 12{DOT}")) {},
                "answered" => path.answered d=(format!("M{x} 12{DIAMOND}")) {},
                "used" => {
                    path.used d=(format!("M{x} 12{RING}")) {}
                    path.answered d=(format!("M{x} 12{DIAMOND}")) {}
                },
                _ => path.verdict d=(format!("M{x} 3V21")) {},
            }
            text.label x=(x + 14.0) y="16" { (name) }
            ({ x += 42.0 + name.len() as f64 * LETTER; "" })
        }
    }
}

/// The end of a label that is too long: addresses differ there.
fn tail(label: &str, most: usize) -> String {
    let letters = label.chars().count();
    if letters <= most {
        return label.to_owned();
    }
    let kept: String = label.chars().skip(letters + 1 - most).collect();
    format!("…{kept}")
}

/// A coordinate with one decimal, if it needs one.
fn round(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
