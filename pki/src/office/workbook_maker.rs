//! Workbooks (ISO/IEC 29500-1 §18): a form of texts to be filled, in which digits keep their leading zeros, and sheets of figures. Nothing in
//! them is a formula, whatever it begins with.

use crate::error::{Error, Result};
use std::{
    fmt::Write as _,
    io::{Cursor, Write},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// What stands in one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Text(String),
    /// Decimal digits, perhaps with a point.
    Number(String),
}

/// One sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// At most 31 characters, none of `[]:*?/\`; unlike every other.
    pub name: String,
    pub rows: Vec<Vec<Cell>>,
}

/// Makes a workbook with one sheet of texts, whose every cell is formatted as text, whatever is entered later.
pub fn make(rows: &[Vec<String>]) -> Result<Vec<u8>> {
    let text = |row: &Vec<String>| row.iter().cloned().map(Cell::Text).collect();
    let sheet = Sheet { name: "Danh sách".to_owned(), rows: rows.iter().map(text).collect() };
    archived(&[sheet], " style=\"1\"")
}

/// Makes a workbook with these sheets.
pub fn make_sheets(sheets: &[Sheet]) -> Result<Vec<u8>> {
    archived(sheets, "")
}

fn archived(sheets: &[Sheet], column_style: &str) -> Result<Vec<u8>> {
    let failed = |_| Error::Refused("the workbook cannot be written".to_owned());
    let (mut types, mut names, mut places) = (String::new(), String::new(), String::new());
    for (at, sheet) in (1..).zip(sheets) {
        let name = escaped(&sheet.name).replace('"', "&quot;");
        let _ = write!(types, "<Override PartName=\"/xl/worksheets/sheet{at}.xml\" ContentType=\"{SHEET_TYPE}\"/>");
        let _ = write!(names, "<sheet name=\"{name}\" sheetId=\"{at}\" r:id=\"rId{at}\"/>");
        let _ = write!(
            places,
            "<Relationship Id=\"rId{at}\" Type=\"{RELATED}/worksheet\" Target=\"worksheets/sheet{at}.xml\"/>"
        );
    }
    let last = sheets.len() + 1;
    let mut parts = vec![
        ("[Content_Types].xml".to_owned(), format!("{HEAD}{CONTENT_TYPES}{types}</Types>")),
        ("_rels/.rels".to_owned(), format!("{HEAD}{PACKAGE}")),
        ("xl/workbook.xml".to_owned(), format!("{HEAD}{WORKBOOK}<sheets>{names}</sheets></workbook>")),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!(
                "{HEAD}<Relationships xmlns=\"{RELATIONSHIPS}\">{places}<Relationship Id=\"rId{last}\" \
                 Type=\"{RELATED}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        ),
        ("xl/styles.xml".to_owned(), format!("{HEAD}{STYLES}")),
    ];
    for (at, sheet) in (1..).zip(sheets) {
        parts.push((format!("xl/worksheets/sheet{at}.xml"), markup(sheet, column_style)));
    }
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, text) in parts {
        archive.start_file(name, options).map_err(failed)?;
        archive.write_all(text.as_bytes()).map_err(|_| Error::Refused("the workbook cannot be written".to_owned()))?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

fn markup(sheet: &Sheet, column_style: &str) -> String {
    let columns = sheet.rows.iter().map(Vec::len).max().unwrap_or_default().max(1);
    let mut markup = format!(
        "{HEAD}<worksheet xmlns=\"{SPREADSHEET}\"><cols><col min=\"1\" max=\"{columns}\" width=\"24\"{column_style} \
         customWidth=\"1\"/></cols><sheetData>"
    );
    for (at, row) in (1..).zip(&sheet.rows) {
        let _ = write!(markup, "<row r=\"{at}\">");
        for cell in row {
            markup.push_str(&match cell {
                Cell::Text(text) => format!(
                    "<c t=\"inlineStr\" s=\"{}\"><is><t xml:space=\"preserve\">{}</t></is></c>",
                    if text.starts_with(['=', '+', '-', '@', '\t']) { 2 } else { 1 },
                    escaped(text)
                ),
                Cell::Number(number) => format!("<c><v>{}</v></c>", escaped(number)),
            });
        }
        markup.push_str("</row>");
    }
    markup.push_str("</sheetData></worksheet>");
    markup
}

fn escaped(text: &str) -> String {
    let kept = text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\t' | '\n'));
    kept.collect::<String>().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const SPREADSHEET: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const SHEET_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml";
const RELATED: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const CONTENT_TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
<Default Extension=\"xml\" ContentType=\"application/xml\"/>\
<Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>\
<Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/>";
const PACKAGE: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/>\
</Relationships>";
const WORKBOOK: &str = "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">";
/// Format 49 is text (§18.8.30); with the prefix (§18.8.45, quotePrefix) a program keeps it text when it is edited.
const STYLES: &str = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
<fonts count=\"1\"><font><sz val=\"11\"/><name val=\"Times New Roman\"/></font></fonts>\
<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills>\
<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
<cellXfs count=\"3\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>\
<xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>\
<xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\" quotePrefix=\"1\"/></cellXfs></styleSheet>";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::office::workbook;
    use chuky_model::table::Cell as Read;

    #[test]
    fn what_is_made_is_read_again() {
        let rows =
            vec![vec!["Họ & tên".to_owned(), "Số <12>".into()], vec![], vec!["=1+1".into(), "001190012345".into()]];
        let table = workbook::read(&make(&rows).unwrap()).unwrap();
        assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(table.rows[0].cells, [Read::Text("Họ & tên".into()), Read::Text("Số <12>".into())]);
        assert_eq!(table.rows[1].cells, [Read::Text("=1+1".into()), Read::Text("001190012345".into())]);
    }

    #[test]
    fn figures_are_numbers_and_texts_are_no_formulas() {
        let sheet = |name: &str, rows| Sheet { name: name.to_owned(), rows };
        let text = |text: &str| Cell::Text(text.to_owned());
        let first = vec![vec![text("=1+1"), text("-3")], vec![Cell::Number("71.4".into()), Cell::Number("12".into())]];
        let made = make_sheets(&[sheet("types", first), sheet("units", vec![vec![text("khác")]])]).unwrap();
        let table = workbook::read(&made).unwrap();
        assert_eq!(table.rows[0].cells, [Read::Text("=1+1".into()), Read::Text("-3".into())]);
        assert_eq!(table.rows[1].cells, [Read::Number("71.4".into()), Read::Number("12".into())]);
    }
}
