//! Rows in columns: as many columns as there is room for, and the place of whoever looks at them.

use crate::term::{Line, Terminal};

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    title: &'static str,
    align: Align,
    /// Columns with a higher rank are shown first where there is no room for all.
    rank: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
    /// Takes what width is left, but no less than this.
    Rest(usize),
}

impl Column {
    /// Text.
    pub(super) const fn left(title: &'static str, rank: u8) -> Self {
        Self { title, align: Align::Left, rank }
    }

    /// Numbers.
    pub(super) const fn right(title: &'static str, rank: u8) -> Self {
        Self { title, align: Align::Right, rank }
    }

    /// Long text in the last column, of no less than so many columns.
    pub(super) const fn rest(title: &'static str, rank: u8, least: usize) -> Self {
        Self { title, align: Align::Rest(least), rank }
    }
}

/// A row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What stays the same when the list changes around it.
    pub(super) id: String,
    /// A cell for each column.
    pub(super) cells: Vec<Line>,
}

impl Row {
    /// Whether this is in one of its cells, letters great or small.
    pub(super) fn contains(&self, wanted: &str) -> bool {
        let wanted = wanted.to_lowercase();
        self.cells.iter().any(|cell| {
            let text: String = cell.spans().map(|(_, text)| text).collect();
            text.to_lowercase().contains(&wanted)
        })
    }
}

/// Rows with their columns.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row>,
    /// What is said where there are no rows.
    pub(super) nothing: String,
}

/// Between two columns.
const GAP: usize = 2;
/// Before the rows, with the mark of the one that is chosen.
pub(super) const MARK: usize = 2;
/// A column is no wider than this, if there are others.
const WIDEST: usize = 24;

/// How wide the columns are; `None`: not shown.
pub(super) type Widths = Vec<Option<usize>>;

impl List {
    /// The widths for a place of `width` columns.
    pub(super) fn widths(&self, width: usize) -> Widths {
        let wanted: Vec<usize> = (0..self.columns.len()).map(|at| self.wanted(at)).collect();
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.columns[*at].rank));
        let mut left = (width + GAP).saturating_sub(MARK);
        let mut widths: Widths = vec![None; self.columns.len()];
        for at in order {
            let needed = wanted[at] + GAP;
            // The first one is shown in any case: a part of it is better than nothing.
            if needed <= left || widths.iter().all(Option::is_none) {
                widths[at] = Some(wanted[at].min(left.saturating_sub(GAP)));
                left = left.saturating_sub(needed);
            }
        }
        self.give_away(&mut widths, left);
        widths
    }

    /// Gives what is left to the column that takes it.
    fn give_away(&self, widths: &mut Widths, left: usize) {
        let last = self.columns.iter().zip(widths).rev();
        for (column, width) in last {
            if let (Align::Rest(_), Some(width)) = (column.align, width) {
                *width += left;
            }
        }
    }

    fn wanted(&self, at: usize) -> usize {
        let column = &self.columns[at];
        if let Align::Rest(least) = column.align {
            return least;
        }
        let cells = self.rows.iter().filter_map(|row| row.cells.get(at));
        let widest = cells.map(Line::width).max().unwrap_or(0);
        widest.max(column.title.len()).min(WIDEST)
    }

    /// The titles.
    pub(super) fn titles(&self, term: Terminal, widths: &Widths) -> Line {
        let titles = self.columns.iter().map(|column| term.line().faint(column.title));
        self.join(term.line().pad_to(MARK), titles, widths)
    }

    /// A row behind its mark.
    pub(super) fn line(&self, mark: Line, row: &Row, widths: &Widths) -> Line {
        self.join(mark.pad_to(MARK), row.cells.iter().cloned(), widths)
    }

    fn join(&self, mut line: Line, cells: impl Iterator<Item = Line>, widths: &Widths) -> Line {
        let mut start = MARK;
        for ((cell, column), width) in cells.zip(&self.columns).zip(widths) {
            let Some(width) = *width else {
                continue;
            };
            let cell = cell.cut(width);
            let margin = match column.align {
                Align::Right => width.saturating_sub(cell.width()),
                Align::Left | Align::Rest(_) => 0,
            };
            line = line.pad_to(start + margin).append(cell);
            start += width + GAP;
        }
        line
    }
}

/// The place of whoever looks at a list. It stays with its row when the list changes, but at the top
/// as long as nobody has moved it.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    id: Option<String>,
    at: usize,
    top: usize,
}

impl Cursor {
    /// The row that it is on.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The first row that is shown.
    pub(super) fn top(&self) -> usize {
        self.top
    }

    /// Moves to a row, or to the next that there is.
    pub(super) fn go(&mut self, at: usize, rows: &[Row]) {
        self.at = at.min(rows.len().saturating_sub(1));
        // At the top it follows what is new.
        self.id = rows.get(self.at).filter(|_| self.at > 0).map(|row| row.id.clone());
    }

    /// Finds its row again, and what is to be shown so that it is seen in `height` rows.
    pub(super) fn settle(&mut self, rows: &[Row], height: usize) {
        let found = self.id.as_ref().and_then(|id| {
            // Two rows may be the same in all that is known of them.
            let is_here = rows.get(self.at).is_some_and(|row| row.id == *id);
            if is_here { Some(self.at) } else { rows.iter().position(|row| row.id == *id) }
        });
        let at = match (&self.id, found) {
            (None, _) => 0,
            (Some(_), Some(found)) => found,
            (Some(_), None) => self.at,
        };
        if found != Some(self.at) {
            self.go(at, rows);
        }
        let height = height.max(1);
        let last_top = rows.len().saturating_sub(height);
        self.top = self.top.clamp((self.at + 1).saturating_sub(height), self.at).min(last_top);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Terminal = Terminal { color: false, unicode: true, width: 80 };

    fn rows(ids: &[&str]) -> Vec<Row> {
        ids.iter().map(|id| Row { id: (*id).to_owned(), cells: Vec::new() }).collect()
    }

    #[test]
    fn the_cursor_stays_with_its_row() {
        let mut cursor = Cursor::default();
        let mut all = rows(&["a", "b", "c", "d"]);
        cursor.settle(&all, 2);
        assert_eq!((cursor.at(), cursor.top()), (0, 0));
        cursor.go(2, &all);
        cursor.settle(&all, 2);
        assert_eq!((cursor.at(), cursor.top()), (2, 1));
        all.insert(0, rows(&["new"]).remove(0));
        cursor.settle(&all, 2);
        assert_eq!((cursor.at(), cursor.top()), (3, 2));
        // Its row went away: the one in its place.
        all.remove(3);
        cursor.settle(&all, 2);
        assert_eq!(cursor.at(), 3);
        cursor.go(0, &all);
        all.insert(0, rows(&["newer"]).remove(0));
        cursor.settle(&all, 2);
        assert_eq!((cursor.at(), cursor.top()), (0, 0));
        cursor.settle(&[], 0);
        assert_eq!((cursor.at(), cursor.top()), (0, 0));
    }

    #[test]
    fn columns_go_by_rank() {
        let cells = ["1234567890", "12345", "and so on, and so on"];
        let row =
            Row { id: String::new(), cells: cells.map(|cell| TERM.line().plain(cell)).to_vec() };
        let columns =
            vec![Column::left("one", 3), Column::right("number", 1), Column::rest("rest", 2, 8)];
        let list = List { columns, rows: vec![row], nothing: String::new() };
        let shown = |width| {
            let widths = list.widths(width);
            let line = list.line(TERM.line().plain(">"), &list.rows[0], &widths);
            assert!(line.width() <= width.max(MARK), "{width}");
            line.spans().map(|(_, text)| text).collect::<String>()
        };
        assert_eq!(shown(42), "> 1234567890   12345  and so on, and so on");
        assert_eq!(shown(30), "> 1234567890   12345  and so …");
        assert_eq!(shown(29), "> 1234567890  and so on, and…");
        assert_eq!(shown(21), "> 1234567890   12345");
        assert_eq!(shown(8), "> 12345…");
        for width in 0..60 {
            shown(width);
        }
    }
}
