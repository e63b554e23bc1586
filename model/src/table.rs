//! Tables as people hand them in: rows of cells with the line each stands on, and the reader of comma separated values (RFC 4180).
//! A cell says what it was; what it means is for whoever asked for the table.

use serde::{Deserialize, Serialize};

/// Most rows of a table, headings included.
pub const MOST_ROWS: usize = 20_001;
/// Most cells of one row.
pub const MOST_COLUMNS: usize = 64;
/// Longest cell, characters.
pub const LONGEST_CELL: usize = 1_000;
/// Longest file, octets.
pub const LONGEST_TABLE: usize = 16 << 20;

/// What stands in one cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// As it was written, without outer white space; empty where nothing was.
    Text(String),
    /// A number as a spreadsheet keeps it: leading zeros are lost, and a date is a count of days.
    Number(String),
    /// A formula, which is never evaluated, nor is the value kept beside it believed.
    Formula,
}

impl Cell {
    /// The text, `None` of a formula.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Formula => None,
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

/// One row that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRow {
    /// Its line or row number in the file, from 1 on.
    pub number: u32,
    pub cells: Vec<Cell>,
}

/// The rows of a file, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub rows: Vec<TableRow>,
}

/// Why a file is not read as a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum TableUnreadable {
    #[error("the file is longer than {LONGEST_TABLE} octets")]
    TooLong,
    #[error("more than {MOST_ROWS} rows")]
    TooManyRows,
    #[error("more than {MOST_COLUMNS} columns")]
    TooManyColumns,
    #[error("a cell has more than {LONGEST_CELL} characters")]
    CellTooLong,
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    Encoding,
    /// A quotation mark that nothing closes, or text behind a closing one.
    #[error("a quotation mark is out of place")]
    Quotes,
    /// Neither CSV nor an office workbook that can be read.
    #[error("neither CSV nor an XLSX workbook")]
    Malformed,
    /// A workbook that shows what lies outside of it.
    #[error("the workbook refers to other files")]
    External,
    /// Macros have no place in a list.
    #[error("the workbook holds macros")]
    Macros,
    /// The archive or a part of it becomes larger than its bounds.
    #[error("the workbook is larger than its bounds")]
    Bounds,
}

impl Table {
    /// Adds a row, unless every cell is empty.
    pub fn push(&mut self, row: TableRow) -> Result<(), TableUnreadable> {
        if row.cells.iter().all(Cell::is_empty) {
            return Ok(());
        }
        if row.cells.len() > MOST_COLUMNS {
            return Err(TableUnreadable::TooManyColumns);
        }
        if row.cells.iter().any(|cell| cell.text().is_some_and(|text| text.chars().nth(LONGEST_CELL).is_some())) {
            return Err(TableUnreadable::CellTooLong);
        }
        if self.rows.len() >= MOST_ROWS {
            return Err(TableUnreadable::TooManyRows);
        }
        self.rows.push(row);
        Ok(())
    }

    /// Reads comma separated values in UTF-8: separated by comma, semicolon or tab, whichever the first line has most of; a quoted field
    /// may hold separators, line ends and doubled quotation marks. Every cell is text.
    pub fn of_csv(bytes: &[u8]) -> Result<Self, TableUnreadable> {
        if bytes.len() > LONGEST_TABLE {
            return Err(TableUnreadable::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TableUnreadable::Encoding)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.contains('\0') {
            return Err(TableUnreadable::Encoding);
        }
        let mut reader =
            CsvReader { table: Self::default(), line: 1, began: 1, cells: Vec::new(), field: Field::default() };
        reader.read(text, separator(text))?;
        Ok(reader.table)
    }
}

/// The separator that the first line has most of.
fn separator(text: &str) -> char {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: char| first.chars().filter(|one| *one == separator).count();
    [',', ';', '\t'].into_iter().rev().max_by_key(|one| count(*one)).unwrap_or(',')
}

#[derive(Default)]
struct Field {
    text: String,
    /// It began with a quotation mark.
    quoted: bool,
    /// The quotation mark is closed.
    closed: bool,
}

struct CsvReader {
    table: Table,
    line: u32,
    /// The line on which the row began.
    began: u32,
    cells: Vec<Cell>,
    field: Field,
}

impl CsvReader {
    fn read(&mut self, text: &str, separator: char) -> Result<(), TableUnreadable> {
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            let inside = self.field.quoted && !self.field.closed;
            match letter {
                '"' if inside && letters.peek() == Some(&'"') => {
                    letters.next();
                    self.field.text.push('"');
                }
                '"' if inside => self.field.closed = true,
                '"' if !self.field.quoted && self.field.text.trim().is_empty() => {
                    self.field = Field { quoted: true, ..Field::default() };
                }
                '\n' if !inside => self.end_row()?,
                '\r' if !inside && letters.peek() == Some(&'\n') => {}
                '\r' if !inside => self.end_row()?,
                one if one == separator && !inside => self.end_field()?,
                ' ' if self.field.closed => {}
                _ if self.field.closed => return Err(TableUnreadable::Quotes),
                other => {
                    if other == '\n' {
                        self.line = self.line.saturating_add(1);
                    }
                    self.field.text.push(other);
                }
            }
        }
        if self.field.quoted && !self.field.closed {
            return Err(TableUnreadable::Quotes);
        }
        self.end_row()
    }

    fn end_field(&mut self) -> Result<(), TableUnreadable> {
        if self.cells.len() >= MOST_COLUMNS {
            return Err(TableUnreadable::TooManyColumns);
        }
        let field = std::mem::take(&mut self.field);
        self.cells.push(Cell::Text(field.text.trim().to_owned()));
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), TableUnreadable> {
        self.end_field()?;
        let cells = std::mem::take(&mut self.cells);
        self.table.push(TableRow { number: self.began, cells })?;
        self.line = self.line.saturating_add(1);
        self.began = self.line;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn texts(csv: &str) -> Vec<(u32, Vec<String>)> {
        let table = Table::of_csv(csv.as_bytes()).unwrap();
        let text = |cell: &Cell| cell.text().unwrap_or_default().to_owned();
        table.rows.iter().map(|row| (row.number, row.cells.iter().map(text).collect())).collect()
    }

    #[test]
    fn separators_quotes_and_line_ends() {
        for csv in
            ["\u{feff}a,b\r\n\r\n1, \"x, \"\"y\"\"\"\n", "a;b\n\n1;\"x, \"\"y\"\"\"", "a\tb\n\n1\t\"x, \"\"y\"\"\" "]
        {
            let expected = [(1, vec!["a".to_owned(), "b".into()]), (3, vec!["1".into(), "x, \"y\"".into()])];
            assert_eq!(texts(csv), expected, "{csv:?}");
        }
        assert_eq!(texts("a,b\n\"two\nlines\",c\nd,e")[2].0, 4);
        assert_eq!(Table::of_csv(b"a,\"b"), Err(TableUnreadable::Quotes));
        assert_eq!(Table::of_csv(b"a,\"b\"c"), Err(TableUnreadable::Quotes));
        assert_eq!(Table::of_csv(&[0xff, 0xfe, b'a', 0]), Err(TableUnreadable::Encoding));
        assert_eq!(Table::of_csv("a,".repeat(80).as_bytes()), Err(TableUnreadable::TooManyColumns));
        assert_eq!(Table::of_csv("x".repeat(LONGEST_CELL + 1).as_bytes()), Err(TableUnreadable::CellTooLong));
        assert_eq!(Table::of_csv("x\n".repeat(MOST_ROWS + 1).as_bytes()), Err(TableUnreadable::TooManyRows));
        assert_eq!(Table::of_csv(&vec![b' '; LONGEST_TABLE + 1]), Err(TableUnreadable::TooLong));
    }
}
