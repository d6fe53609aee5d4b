//! A picture of a sweep: what was tried on one axis, when or where on the other.

use std::collections::BTreeSet;

use tripline_core::Service;
use tripline_core::event::{Found, Incident, Shape, Touch};
use tripline_packet::Timestamp;

use crate::human;
use crate::term::{Ink, Line, Page, Terminal};

use super::points::{Point, of_main_kind};

/// Cells of a picture.
const COLUMNS: usize = 60;
const ROWS: usize = 12;
/// Fewer touches than this are told better in words.
const WORTH_A_PICTURE: usize = 3;

/// Adds the picture of an incident, if there is enough to see.
pub(crate) fn add(page: &mut Page, incident: &Incident) {
    let Some(plot) = Plot::of(incident) else {
        return;
    };
    page.gap();
    let mut title = page.line().faint(format!("  {} × {}", plot.y.name, plot.x.name()));
    if plot.marks.iter().any(|mark| mark.found) {
        title = title.add(Ink::Alarm, "  ●").faint(" found");
    }
    page.push(title);
    plot.draw(page);
}

struct Mark {
    x: usize,
    y: usize,
    found: bool,
}

/// What is drawn: marks in a grid of fine cells, and the labels of the axes.
struct Plot {
    y: Axis<Point>,
    x: XAxis,
    /// Braille has 2 × 4 dots in a cell, else there is one mark in a cell.
    fine: bool,
    rows: usize,
    columns: usize,
    marks: Vec<Mark>,
}

/// Distinct values in order. They are spaced by rank, not by value: sweeps of well-known ports
/// would otherwise crowd in one row below an empty picture.
struct Axis<T> {
    name: &'static str,
    values: Vec<T>,
}

impl Axis<Point> {
    fn new(name: &'static str, touches: &[Touch], point: impl Fn(Service) -> Point) -> Self {
        let values: BTreeSet<Point> = touches.iter().map(|touch| point(touch.service)).collect();
        Self { name, values: values.into_iter().collect() }
    }

    fn rank(&self, point: Point) -> usize {
        self.values.partition_point(|value| *value < point)
    }

    /// The cell of a value when the axis has `cells`.
    fn cell(&self, point: Point, cells: usize) -> usize {
        scale(self.rank(point), self.values.len(), cells)
    }

    /// The label of the value that is drawn in (or next to) row `row` of `rows`.
    fn label(&self, row: usize, rows: usize) -> String {
        let rank =
            if self.values.len() <= rows { row } else { scale_ends(row, rows, self.values.len()) };
        self.values.get(rank).map(|value| value.label()).unwrap_or_default()
    }
}

enum XAxis {
    Time { first: Timestamp, last: Timestamp },
    Points(Axis<Point>),
}

impl XAxis {
    fn name(&self) -> &'static str {
        match self {
            Self::Time { .. } => "time",
            Self::Points(axis) => axis.name,
        }
    }

    fn cell(&self, touch: &Touch, cells: usize) -> usize {
        match self {
            Self::Time { first, last } => {
                let span = last.since(*first).as_nanos().max(1);
                let at = touch.time.since(*first).as_nanos();
                let cell = at.saturating_mul(cells as u128 - 1) / span;
                (cell as usize).min(cells - 1)
            }
            Self::Points(axis) => {
                let point = Point::port(touch.service);
                match cells / axis.values.len() {
                    0 => axis.cell(point, cells),
                    stride => axis.rank(point) * stride,
                }
            }
        }
    }

    /// Labels with the column that each begins in, from left to right; those that would touch
    /// the one before are left out by the drawing.
    fn labels(&self, columns: usize) -> Vec<(usize, String)> {
        match self {
            Self::Time { first, last } => {
                let span = last.since(*first).as_secs_f64();
                let (middle, end) = (human::duration(span / 2.0), human::duration(span));
                let end_at = columns.saturating_sub(end.chars().count() + 1);
                vec![
                    (0, "0".to_owned()),
                    (columns / 2, format!("+{middle}")),
                    (end_at, format!("+{end}")),
                ]
            }
            Self::Points(axis) if axis.values.len() <= columns => {
                let stride = columns / axis.values.len();
                let values = axis.values.iter().enumerate();
                values.map(|(rank, value)| (rank * stride, value.label())).collect()
            }
            Self::Points(axis) => {
                let label = |column| axis.label(column, columns);
                let end = label(columns - 1);
                let end_at = columns.saturating_sub(end.chars().count());
                vec![(0, label(0)), (columns / 2, label(columns / 2)), (end_at, end)]
            }
        }
    }
}

/// Spreads `count` ranks over `cells`, both from 0; the ends meet the ends, as those of the labels.
fn scale(rank: usize, count: usize, cells: usize) -> usize {
    if count <= cells { scale_ends(rank, count, cells) } else { rank * cells / count }
}

/// Spreads so that the ends meet the ends.
fn scale_ends(at: usize, of: usize, count: usize) -> usize {
    at * (count - 1) / (of - 1).max(1)
}

impl Plot {
    fn of(incident: &Incident) -> Option<Self> {
        let touches = of_main_kind(&incident.touches);
        if touches.len() < WORTH_A_PICTURE {
            return None;
        }
        let ports = Axis::new("ports", &touches, Point::port);
        let hosts = Axis::new("hosts", &touches, Point::host);
        let first = touches.iter().map(|touch| touch.time).min()?;
        let last = touches.iter().map(|touch| touch.time).max()?;
        let time = XAxis::Time { first, last };
        let (y, x, point): (_, _, fn(Service) -> Point) =
            match (incident.shape, hosts.values.len(), ports.values.len()) {
                (_, 1, 1) => return None,
                (Some(Shape::Vertical), _, 2..) | (_, 1, _) => (ports, time, Point::port),
                (Some(Shape::Horizontal), 2.., _) | (_, _, 1) => (hosts, time, Point::host),
                _ => (hosts, XAxis::Points(ports), Point::host),
            };
        let fine = y.values.len() > ROWS;
        let rows = y.values.len().min(ROWS);
        let mut plot = Self { y, x, fine, rows, columns: COLUMNS, marks: Vec::new() };
        let marks = touches.iter().map(|touch| plot.mark(touch, point, &incident.found));
        plot.marks = marks.collect();
        Some(plot)
    }

    fn mark(&self, touch: &Touch, point: fn(Service) -> Point, found: &[Found]) -> Mark {
        let (dots_x, dots_y) = if self.fine { (2, 4) } else { (1, 1) };
        let x = self.x.cell(touch, self.columns * dots_x);
        let y = self.y.cell(point(touch.service), self.rows * dots_y);
        let found = touch.answered || found.iter().any(|found| found.service == touch.service);
        Mark { x, y, found }
    }

    fn draw(&self, page: &mut Page) {
        let label_of = |row| self.y.label(row, self.rows);
        let all_labels = !self.fine;
        let labels: Vec<String> = (0..self.rows)
            .map(|row| match row {
                row if all_labels || row == 0 || row + 1 == self.rows || row == self.rows / 2 => {
                    label_of(row)
                }
                _ => String::new(),
            })
            .collect();
        let margin = labels.iter().map(String::len).max().unwrap_or(0);
        let wanted = margin + 5 + self.columns;
        let columns = self.columns - wanted.saturating_sub(page.term.width).min(self.columns - 8);
        let grid = Grid::new(self, columns);
        for (row, label) in labels.iter().enumerate() {
            let line = page
                .line()
                .faint(format!("  {label:>margin$} {}", if label.is_empty() { "│" } else { "┤" }));
            page.push(grid.row(line, row, page.term));
        }
        self.draw_x_axis(page, margin, columns);
    }

    fn draw_x_axis(&self, page: &mut Page, margin: usize, columns: usize) {
        let axis = "─".repeat(columns);
        page.push(page.line().faint(format!("  {:margin$} └{axis}", "")));
        let start = margin + 4;
        let mut line = page.line();
        for (column, label) in self.x.labels(columns) {
            let at = start + column;
            let is_free = line.is_empty() || line.width() < at;
            if is_free && at + label.chars().count() <= page.term.width {
                line = line.pad_to(at).faint(label);
            }
        }
        page.push(line);
    }
}

/// The cells of a plot, filled.
struct Grid {
    columns: usize,
    fine: bool,
    /// For each cell the braille dots (or the number of marks, in the coarse form), and whether
    /// something was found there.
    cells: Vec<(u8, bool)>,
}

impl Grid {
    fn new(plot: &Plot, columns: usize) -> Self {
        let mut cells = vec![(0u8, false); columns * plot.rows];
        let (dots_x, dots_y) = if plot.fine { (2, 4) } else { (1, 1) };
        for mark in &plot.marks {
            // A narrow terminal gets fewer columns than were planned.
            let x = mark.x * columns / plot.columns;
            let cell = &mut cells[mark.y / dots_y * columns + x / dots_x];
            if plot.fine {
                cell.0 |= braille_dot(x % 2, mark.y % 4);
            } else {
                cell.0 = cell.0.saturating_add(1);
            }
            cell.1 |= mark.found;
        }
        Self { columns, fine: plot.fine, cells }
    }

    fn row(&self, mut line: Line, row: usize, term: Terminal) -> Line {
        for &(content, found) in &self.cells[row * self.columns..][..self.columns] {
            let mut glyph = [0; 4];
            line = match (content, found) {
                (0, _) => line.plain(" "),
                (_, true) => line.add(Ink::Alarm, "●"),
                (content, _) if term.unicode && self.fine => {
                    let braille = char::from_u32(0x2800 + u32::from(content)).unwrap_or('•');
                    line.add(Ink::Accent, braille.encode_utf8(&mut glyph))
                }
                (_, _) if term.unicode => line.add(Ink::Accent, "•"),
                (content, _) => line.add(Ink::Accent, self.ascii(content)),
            };
        }
        line
    }

    fn ascii(&self, content: u8) -> &'static str {
        match if self.fine { content.count_ones() } else { content.into() } {
            0 | 1 => ".",
            2 | 3 => ":",
            4 | 5 => "*",
            _ => "#",
        }
    }
}

/// The bit of a dot in the braille block (Unicode 15, section 21.1): the columns of the upper
/// three rows come first, the lowest row was added later.
fn braille_dot(x: usize, y: usize) -> u8 {
    const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    BITS[x][y]
}
