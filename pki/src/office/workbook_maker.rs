//! A workbook with one sheet of texts, as a form to be filled: every cell is formatted as text, so that digits keep their leading zeros.

use crate::error::{Error, Result};
use std::io::{Cursor, Write};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Makes the workbook. Texts only: nothing in it is a formula, whatever it begins with.
pub fn make(rows: &[Vec<String>]) -> Result<Vec<u8>> {
    let failed = |_| Error::Refused("the workbook cannot be written".to_owned());
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default().max(1);
    let mut sheet = format!(
        "{HEAD}<worksheet xmlns=\"{SPREADSHEET}\"><cols><col min=\"1\" max=\"{columns}\" width=\"24\" style=\"1\" \
         customWidth=\"1\"/></cols><sheetData>"
    );
    for (at, row) in (1..).zip(rows) {
        sheet.push_str(&format!("<row r=\"{at}\">"));
        for text in row {
            sheet.push_str(&format!(
                "<c t=\"inlineStr\" s=\"1\"><is><t xml:space=\"preserve\">{}</t></is></c>",
                escaped(text)
            ));
        }
        sheet.push_str("</row>");
    }
    sheet.push_str("</sheetData></worksheet>");
    let parts = [
        ("[Content_Types].xml", format!("{HEAD}{CONTENT_TYPES}")),
        ("_rels/.rels", format!("{HEAD}{PACKAGE}")),
        ("xl/workbook.xml", format!("{HEAD}{WORKBOOK}")),
        ("xl/_rels/workbook.xml.rels", format!("{HEAD}{PARTS}")),
        ("xl/styles.xml", format!("{HEAD}{STYLES}")),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, text) in parts {
        archive.start_file(name, options).map_err(failed)?;
        archive.write_all(text.as_bytes()).map_err(|_| Error::Refused("the workbook cannot be written".to_owned()))?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

fn escaped(text: &str) -> String {
    let kept = text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\t' | '\n'));
    kept.collect::<String>().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const SPREADSHEET: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const CONTENT_TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
<Default Extension=\"xml\" ContentType=\"application/xml\"/>\
<Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>\
<Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/>\
<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>\
</Types>";
const PACKAGE: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/>\
</Relationships>";
const WORKBOOK: &str = "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">\
<sheets><sheet name=\"Danh sách\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
const PARTS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/>\
</Relationships>";
/// Format 49 is text (§18.8.30).
const STYLES: &str = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">\
<fonts count=\"1\"><font><sz val=\"11\"/><name val=\"Times New Roman\"/></font></fonts>\
<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills>\
<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
<cellXfs count=\"2\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>\
<xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/></cellXfs></styleSheet>";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::office::workbook;
    use chuky_model::table::Cell;

    #[test]
    fn what_is_made_is_read_again() {
        let rows =
            vec![vec!["Họ & tên".to_owned(), "Số <12>".into()], vec![], vec!["=1+1".into(), "001190012345".into()]];
        let table = workbook::read(&make(&rows).unwrap()).unwrap();
        assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(table.rows[0].cells, [Cell::Text("Họ & tên".into()), Cell::Text("Số <12>".into())]);
        assert_eq!(table.rows[1].cells, [Cell::Text("=1+1".into()), Cell::Text("001190012345".into())]);
    }
}
