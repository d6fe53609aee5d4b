//! Tables whose columns are as wide as their content.

use crate::term::{Line, Page};

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    align: Align,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
    /// Takes what width is left, and is wrapped in it.
    Rest,
}

impl Column {
    /// Text.
    pub const fn left(title: &'static str) -> Self {
        Self { title, align: Align::Left }
    }

    /// Numbers.
    pub const fn right(title: &'static str) -> Self {
        Self { title, align: Align::Right }
    }

    /// Long text; only the last column can be this.
    pub const fn rest(title: &'static str) -> Self {
        Self { title, align: Align::Rest }
    }
}

/// Rows on their way to a page.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Line>>,
}

/// Columns before the table and between its columns.
const MARGIN: usize = 2;
/// A last column narrower than this goes to lines of its own.
const NARROW: usize = 20;

impl Table {
    /// An empty table.
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; cells without a column are not shown.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Line>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds the table to a page.
    pub fn add_to(mut self, page: &mut Page) {
        if self.rows.is_empty() {
            return;
        }
        let widths = self.widths(page.term.width);
        let rest = page.term.width - MARGIN * widths.len() - widths.iter().sum::<usize>();
        if widths.iter().any(|&width| width > 0) {
            self.rows.insert(0, self.titles(page, &widths, rest));
        }
        for row in self.rows {
            if fits(&row, &self.columns, &widths) {
                add_row(page, &self.columns, &widths, row, rest);
            } else {
                add_flowing(page, row);
            }
        }
    }

    /// The titles of the columns that are shown; none if no column has one.
    fn titles(&self, page: &Page, widths: &[usize], rest: usize) -> Vec<Line> {
        let shown = |(column, width): (&Column, &usize)| match column.align {
            Align::Left | Align::Right if *width == 0 => page.line(),
            Align::Rest if rest < NARROW + MARGIN => page.line(),
            _ => page.line().faint(column.title),
        };
        self.columns.iter().zip(widths).map(shown).collect()
    }

    /// Width of each column, 0 for empty ones and for the rest; all are 0 if no table fits. Rows
    /// that are too wide for any table (IPv6 addresses) do not count.
    fn widths(&self, page_width: usize) -> Vec<usize> {
        let mut limit = page_width;
        loop {
            let rows: Vec<&Vec<Line>> =
                self.rows.iter().filter(|row| self.fixed_width(row) <= limit).collect();
            let widths: Vec<usize> =
                (0..self.columns.len()).map(|index| self.column_width(index, &rows)).collect();
            if widths.iter().map(|width| width + MARGIN).sum::<usize>() <= page_width {
                return widths;
            }
            // Together they are too wide: try without the widest.
            let widest = rows.iter().map(|row| self.fixed_width(row)).max();
            limit = widest.unwrap_or(1) - 1;
        }
    }

    /// Columns that a row needs without what stands in the last one.
    fn fixed_width(&self, row: &[Line]) -> usize {
        let cells = row.iter().zip(&self.columns);
        let cells = cells.filter(|(_, column)| column.align != Align::Rest);
        cells.map(|(cell, _)| cell.width() + MARGIN).sum()
    }

    fn column_width(&self, index: usize, rows: &[&Vec<Line>]) -> usize {
        let column = &self.columns[index];
        let cells = rows.iter().filter_map(|row| row.get(index));
        match cells.map(Line::width).max() {
            _ if column.align == Align::Rest => 0,
            // A column of nothing but its title is not worth its place.
            None | Some(0) => 0,
            Some(width) => width.max(column.title.len()),
        }
    }
}

fn fits(row: &[Line], columns: &[Column], widths: &[usize]) -> bool {
    let mut cells = row.iter().zip(columns).zip(widths);
    cells.all(|((cell, column), &width)| column.align == Align::Rest || cell.width() <= width)
}

/// A row that fits no table, as filled text.
fn add_flowing(page: &mut Page, row: Vec<Line>) {
    let mut line = page.line();
    for cell in row.into_iter().filter(|cell| !cell.is_empty()) {
        line = line.append(cell).plain("  ");
    }
    let width = page.term.width - 3 * MARGIN;
    for (index, piece) in line.wrap(width).into_iter().enumerate() {
        let indent = if index == 0 { MARGIN } else { 3 * MARGIN };
        page.push(page.line().pad_to(indent).append(piece));
    }
}

fn add_row(page: &mut Page, columns: &[Column], widths: &[usize], row: Vec<Line>, rest: usize) {
    let mut line = page.line();
    let mut column_at = 0;
    let mut long = None;
    for ((cell, column), &width) in row.into_iter().zip(columns).zip(widths) {
        match column.align {
            Align::Rest => {
                long = Some(cell);
                continue;
            }
            _ if width == 0 => continue,
            Align::Left => line = line.pad_to(column_at + MARGIN).append(cell),
            Align::Right => {
                let start = column_at + MARGIN + width - cell.width();
                line = line.pad_to(start).append(cell);
            }
        }
        column_at += MARGIN + width;
    }
    match long.filter(|long| !long.is_empty()) {
        Some(long) if rest >= MARGIN + NARROW.min(long.width()) => {
            page.fill(line, &long, column_at + MARGIN);
        }
        Some(long) => {
            page.push(line);
            page.paragraph(&long, 3 * MARGIN);
        }
        None if line.is_empty() => {}
        None => page.push(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Terminal;

    fn render(width: usize, host: &str) -> String {
        let term = Terminal { color: false, unicode: true, width };
        let mut page = Page::new(term);
        let mut table = Table::new(&[
            Column::left("host"),
            Column::left("never"),
            Column::right("count"),
            Column::rest("why"),
        ]);
        let why = "because it is so and not otherwise";
        for count in ["1", "1,000"] {
            let cells = [host, "", count, why];
            table.row(cells.map(|cell| term.line().plain(cell)));
        }
        table.add_to(&mut page);
        let mut out = Vec::new();
        page.write_to(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_fit_their_content_and_empty_ones_vanish() {
        let expected = "  host  count  why\n\
                        \u{20} a         1  because it is so and not\n\
                        \u{20}              otherwise\n\
                        \u{20} a     1,000  because it is so and not\n\
                        \u{20}              otherwise\n";
        assert_eq!(render(41, "a"), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 50, 80] {
            for host in ["a", "2001:db8:1111:2222:3333:4444:5555:6666"] {
                let text = render(width, host);
                let widest = text.lines().map(|line| line.chars().count()).max();
                assert!(widest.unwrap() <= width, "{width}:\n{text}");
            }
        }
    }
}
