//! Comma separated values (RFC 4180) that a spreadsheet opens without running anything that stands in them.

use super::tables::{Table, Value};

/// The table with its headings. UTF-8 with a byte order mark, without which spreadsheets read Vietnamese letters wrongly.
pub fn csv(table: &Table) -> Vec<u8> {
    let mut text = String::from("\u{feff}");
    let headings: Vec<Value> = table.columns.iter().map(|name| Value::Text((*name).to_owned())).collect();
    for row in std::iter::once(&headings).chain(&table.rows) {
        let fields: Vec<String> = row.iter().map(field).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text.into_bytes()
}

fn field(value: &Value) -> String {
    match value {
        Value::Nothing => String::new(),
        Value::Number(number) => number.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Text(text) => quoted(&harmless(text)),
    }
}

/// A text that begins as a formula would gets an apostrophe in front (OWASP, "CSV Injection"): programs then show it and evaluate nothing.
fn harmless(text: &str) -> String {
    match text.trim_start_matches([' ', '\u{a0}', '\u{feff}']).starts_with(FORMULA) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// The full-width forms are read as their narrow ones by some programs.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let text = |text: &str| Value::Text(text.to_owned());
        let rows = vec![
            vec![text("=HYPERLINK(\"http://x\",\"y\")"), Value::Number(7)],
            vec![text(" +1"), Value::Decimal(71.4)],
            vec![text("-2"), Value::Nothing],
            vec![text("@SUM(A1)"), Value::Number(0)],
            vec![text("Phường Văn Miếu - Quốc Tử Giám"), Value::Number(1_234)],
            vec![text("\t=1"), Value::Nothing],
        ];
        let made = csv(&Table { name: "units", columns: vec!["unit", "active"], rows });
        assert_eq!(
            String::from_utf8_lossy(&made),
            "\u{feff}unit,active\r\n\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",7\r\n' +1,71.4\r\n'-2,\r\n'@SUM(A1),0\r\n\
             Phường Văn Miếu - Quốc Tử Giám,1234\r\n'\t=1,\r\n"
        );
    }
}
