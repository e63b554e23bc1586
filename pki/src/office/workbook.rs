//! The first visible sheet of an office workbook (ISO/IEC 29500-1 §18) as a table of texts. Formulas are never evaluated and the values kept
//! beside them never believed; nothing outside of the package is looked at, and a workbook that shows such things is refused.

use super::{ContentTypes, Relationship, limits, part, relationship};
use crate::asic::{Archive, ContainerError};
use crate::error::Error;
use crate::xml::document::{Document, NodeId};
use crate::xml::encoding;
use chuky_model::table::{Cell, MOST_COLUMNS, MOST_ROWS, Table, TableRow, TableUnreadable};
use std::borrow::Cow;

type Result<T> = std::result::Result<T, TableUnreadable>;

/// Whether the bytes begin as an archive does.
pub fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Reads the table of a workbook.
pub fn read(bytes: &[u8]) -> Result<Table> {
    if bytes.len() > chuky_model::table::LONGEST_TABLE {
        return Err(TableUnreadable::TooLong);
    }
    let package = Package { archive: Archive::open(bytes).map_err(|error| container(&error))? };
    let types =
        ContentTypes::parse(&package.part("[content_types].xml", limits::MARKUP)?).map_err(|error| markup(&error))?;
    let relationships = package.relationships("")?;
    let main = relationships.iter().find(|one| one.word() == "officeDocument").and_then(|one| one.part(""));
    let main = main.ok_or(TableUnreadable::Malformed)?;
    let has_macros = package.names().any(|name| name.ends_with("vbaproject.bin"));
    match types.of(&main) {
        Some(kind) if has_macros || kind.contains("macroEnabled") => return Err(TableUnreadable::Macros),
        Some(kind) if kind.contains("spreadsheetml.sheet.main") => {}
        _ => return Err(TableUnreadable::Malformed),
    }
    let parts = package.relationships(&main)?;
    let sheet = first_sheet(&package.part(&main, limits::MARKUP)?)?;
    let at = parts.iter().find(|one| one.id == sheet).and_then(|one| one.part(&main));
    let at = at.ok_or(TableUnreadable::Malformed)?;
    package.relationships(&at)?;
    let strings = match parts.iter().find(|one| one.word() == "sharedStrings").and_then(|one| one.part(&main)) {
        Some(strings) => shared_strings(&package.part(&strings, limits::SHEET)?)?,
        None => Vec::new(),
    };
    rows(&package.part(&at, limits::SHEET)?, &strings)
}

struct Package<'a> {
    archive: Archive<'a>,
}

impl Package<'_> {
    fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.archive.entries().iter().map(|entry| part::key(&entry.label()))
    }

    fn find(&self, key: &str) -> Option<usize> {
        self.names().position(|name| name == key)
    }

    fn part(&self, key: &str, longest: usize) -> Result<Cow<'_, [u8]>> {
        let at = self.find(key).ok_or(TableUnreadable::Malformed)?;
        if self.archive.entries().get(at).is_none_or(|entry| entry.size > longest) {
            return Err(TableUnreadable::Bounds);
        }
        Ok(Cow::Borrowed(self.archive.content(at).map_err(|error| container(&error))?))
    }

    /// The relationships of a part; none where it has no such part. Refused where one shows what lies outside.
    fn relationships(&self, source: &str) -> Result<Vec<Relationship>> {
        let (folder, name) = source.rsplit_once('/').unwrap_or(("", source));
        let key = if folder.is_empty() { format!("_rels/{name}.rels") } else { format!("{folder}/_rels/{name}.rels") };
        if self.find(&key).is_none() {
            return Ok(Vec::new());
        }
        let read = relationship::parse(&self.part(&key, limits::MARKUP)?).map_err(|error| markup(&error))?;
        let outside = |one: &Relationship| one.shows_what_lies_outside() || one.word() == "externalLink";
        if read.iter().any(outside) { Err(TableUnreadable::External) } else { Ok(read) }
    }
}

/// The relationship of the first sheet that is shown.
fn first_sheet(bytes: &[u8]) -> Result<String> {
    let text = decoded(bytes)?;
    let document = parsed(&text)?;
    let root = document.document_element();
    let sheets =
        document.children(root).find(|node| is(&document, *node, "sheets")).ok_or(TableUnreadable::Malformed)?;
    let shown = |node: &NodeId| !matches!(document.attribute(*node, "state"), Some("hidden" | "veryHidden"));
    let sheet = document.children(sheets).filter(|node| is(&document, *node, "sheet")).find(shown);
    let sheet = sheet.ok_or(TableUnreadable::Malformed)?;
    let id = document.attributes(sheet).iter().find(|one| one.local == "id").map(|one| one.value.to_string());
    id.ok_or(TableUnreadable::Malformed)
}

fn shared_strings(bytes: &[u8]) -> Result<Vec<String>> {
    let text = decoded(bytes)?;
    let document = parsed(&text)?;
    let root = document.document_element();
    let items = document.children(root).filter(|node| is(&document, *node, "si"));
    Ok(items.map(|node| rich_text(&document, node)).collect())
}

/// The text of a string item: its runs, without the reading aids of phonetic runs (§18.4.6).
fn rich_text(document: &Document<'_>, item: NodeId) -> String {
    let mut text = String::new();
    for node in document.children(item) {
        match document.local_name(node) {
            "t" => text.push_str(&document.text(node)),
            "r" => {
                for run in document.children(node).filter(|run| is(document, *run, "t")) {
                    text.push_str(&document.text(run));
                }
            }
            _ => {}
        }
    }
    text
}

fn rows(bytes: &[u8], strings: &[String]) -> Result<Table> {
    let text = decoded(bytes)?;
    // Counted before the document is taken apart: empty rows are left out later, but not without end.
    if text.matches("<row").take(MOST_ROWS.saturating_mul(4)).count() >= MOST_ROWS.saturating_mul(4) {
        return Err(TableUnreadable::TooManyRows);
    }
    let document = parsed(&text)?;
    let root = document.document_element();
    let data =
        document.children(root).find(|node| is(&document, *node, "sheetData")).ok_or(TableUnreadable::Malformed)?;
    let (mut table, mut number, mut budget) = (Table::default(), 0_u32, limits::CELLS_TEXT);
    for row in document.children(data).filter(|node| is(&document, *node, "row")) {
        let stated = document.attribute(row, "r").and_then(|text| text.parse::<u32>().ok());
        let next = stated.unwrap_or(number.saturating_add(1));
        if next <= number {
            return Err(TableUnreadable::Malformed);
        }
        number = next;
        let cells = cells(&document, row, strings)?;
        for text in cells.iter().filter_map(Cell::text) {
            budget = budget.checked_sub(text.len()).ok_or(TableUnreadable::Bounds)?;
        }
        table.push(TableRow { number, cells })?;
    }
    Ok(table)
}

fn cells(document: &Document<'_>, row: NodeId, strings: &[String]) -> Result<Vec<Cell>> {
    let (mut cells, mut next): (Vec<Cell>, usize) = (Vec::new(), 0);
    for node in document.children(row).filter(|node| is(document, *node, "c")) {
        let at = match document.attribute(node, "r") {
            Some(place) => column(place).ok_or(TableUnreadable::Malformed)?,
            None => next,
        };
        // Two cells of one place: readers might show either.
        if at < next {
            return Err(TableUnreadable::Malformed);
        }
        next = at.saturating_add(1);
        let cell = cell(document, node, strings)?;
        if matches!(&cell, Cell::Text(text) if text.is_empty()) {
            continue;
        }
        if at >= MOST_COLUMNS {
            return Err(TableUnreadable::TooManyColumns);
        }
        cells.resize(at, Cell::Text(String::new()));
        cells.push(cell);
    }
    Ok(cells)
}

/// What stands in a cell (§18.3.1.4, §18.18.11).
fn cell(document: &Document<'_>, node: NodeId, strings: &[String]) -> Result<Cell> {
    if document.children(node).any(|child| is(document, child, "f")) {
        return Ok(Cell::Formula);
    }
    let value = document.children(node).find(|child| is(document, *child, "v")).map(|child| document.text(child));
    let value = value.as_deref().map(str::trim).unwrap_or_default();
    let text = match document.attribute(node, "t") {
        Some("s") if value.is_empty() => String::new(),
        Some("s") => {
            let index = value.parse::<usize>().map_err(|_| TableUnreadable::Malformed)?;
            strings.get(index).ok_or(TableUnreadable::Malformed)?.clone()
        }
        Some("inlineStr") => {
            let item = document.children(node).find(|child| is(document, *child, "is"));
            item.map(|item| rich_text(document, item)).unwrap_or_default()
        }
        None | Some("n") if !value.is_empty() => return Ok(Cell::Number(value.to_owned())),
        // What formulas gave: texts, errors, truth values.
        _ => value.to_owned(),
    };
    Ok(Cell::Text(text.trim().to_owned()))
}

/// `B3` is 1.
fn column(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_uppercase);
    let (mut column, mut count) = (0_usize, 0);
    for letter in letters {
        column = column.checked_mul(26)?.checked_add(usize::from(letter - b'A') + 1)?;
        count += 1;
    }
    if count == 0 || count > 3 { None } else { column.checked_sub(1) }
}

fn is(document: &Document<'_>, node: NodeId, local: &str) -> bool {
    document.local_name(node) == local && SPREADSHEET.contains(&document.namespace(node))
}

fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>> {
    encoding::decode(bytes).map_err(|error| markup(&error))
}

fn parsed<'a>(text: &'a str) -> Result<Document<'a>> {
    Document::parse(text).map_err(|error| markup(&error))
}

fn container(error: &ContainerError) -> TableUnreadable {
    match error {
        ContainerError::Limit(_) => TableUnreadable::Bounds,
        _ => TableUnreadable::Malformed,
    }
}

fn markup(error: &Error) -> TableUnreadable {
    match error {
        Error::Limit(_) => TableUnreadable::Bounds,
        _ => TableUnreadable::Malformed,
    }
}

/// The transitional and the strict namespace (ISO/IEC 29500-4 and -1).
const SPREADSHEET: [&str; 2] =
    ["http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main"];
