//! A report as plain tables, for files: one CSV a table, or one workbook with a sheet a table and the definitions on the last.

use super::{DEFINITIONS, OpenData, Place, Report, definition};
use crate::error::{InternalError, Result};
use chuky_model::text::Language;
use chuky_pki::office::workbook_maker::{self, Cell, Sheet};

/// A table with the stable names of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub name: &'static str,
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Value>>,
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Not known, not told, or not there.
    Nothing,
    Number(u64),
    Decimal(f64),
    Text(String),
}

/// Every table of a report.
pub fn tables(report: &Report) -> Vec<Table> {
    vec![
        types(report),
        months(report),
        units(report),
        merged(report),
        outgoing(report),
        booths(report),
        ranking(report),
    ]
}

/// Every table of the open data.
pub fn open_tables(data: &OpenData) -> Vec<Table> {
    let active = data.active.iter().map(|row| {
        vec![text(&data.month), text(&row.unit), text(&row.unit_name), text(row.kind.name()), told(row.active)]
    });
    let issued = data.issued.iter().map(|row| vec![text(&row.month), text(row.kind.name()), told(row.issued)]);
    vec![
        Table {
            name: "active",
            columns: vec!["month", "unit", "unit_name", "type", "open_active"],
            rows: active.collect(),
        },
        Table { name: "issued", columns: vec!["month", "type", "open_issued"], rows: issued.collect() },
    ]
}

/// The tables as a workbook (Office Open XML) with headings in a language, and the definitions on its last sheet.
pub fn workbook(tables: &[Table], language: Language) -> Result<Vec<u8>> {
    let cell = |value: &Value| match value {
        Value::Nothing => Cell::Text(String::new()),
        Value::Number(number) => Cell::Number(number.to_string()),
        Value::Decimal(number) => Cell::Number(number.to_string()),
        Value::Text(text) => Cell::Text(text.clone()),
    };
    let mut sheets: Vec<Sheet> = tables
        .iter()
        .map(|table| {
            let heading = table.columns.iter().map(|name| Cell::Text(titled(name, language))).collect();
            let rows = table.rows.iter().map(|row| row.iter().map(cell).collect());
            Sheet { name: table.name.to_owned(), rows: std::iter::once(heading).chain(rows).collect() }
        })
        .collect();
    let defined = DEFINITIONS.iter().map(|one| {
        let (title, said) = match language {
            Language::Vi => (one.title_vi, one.text_vi),
            Language::En => (one.title_en, one.text_en),
        };
        [one.name, title, said].map(|text| Cell::Text(text.to_owned())).to_vec()
    });
    sheets.push(Sheet { name: "definitions".to_owned(), rows: defined.collect() });
    workbook_maker::make_sheets(&sheets).map_err(|error| InternalError::other(error.to_string()).into())
}

/// The title of a figure, or the column's own name.
fn titled(name: &str, language: Language) -> String {
    definition(name).map_or_else(
        || name.to_owned(),
        |known| match language {
            Language::Vi => known.title_vi.to_owned(),
            Language::En => known.title_en.to_owned(),
        },
    )
}

fn types(report: &Report) -> Table {
    let rows = report.types.iter().map(|row| [vec![text(row.kind.name())], counts(&row.counts)].concat());
    Table { name: "types", columns: [&["type"][..], &COUNTS].concat(), rows: rows.collect() }
}

fn months(report: &Report) -> Table {
    let rows = report.months.iter().map(|row| {
        vec![text(&row.month), text(row.kind.name()), Value::Number(row.issued), Value::Number(row.revoked)]
    });
    Table { name: "months", columns: vec!["month", "type", "issued", "revoked"], rows: rows.collect() }
}

fn units(report: &Report) -> Table {
    let rows = report.units.iter().flat_map(|row| {
        row.types.iter().map(|types| {
            let ended = row.unit.last_day.as_deref().map_or(Value::Nothing, text);
            let named = vec![text(row.unit.standing.name()), ended, text(types.kind.name())];
            [place(Some(&row.unit)), named, counts(&types.counts)].concat()
        })
    });
    let columns = [&["unit", "unit_name", "standing", "last_day", "type"][..], &COUNTS].concat();
    Table { name: "units", columns, rows: rows.collect() }
}

fn merged(report: &Report) -> Table {
    let rows = report.merged.iter().map(|row| {
        let ended = row.former.last_day.as_deref().map_or(Value::Nothing, text);
        [place(Some(&row.unit)), place(Some(&row.former)), vec![ended, Value::Number(row.total)]].concat()
    });
    let columns = vec!["unit", "unit_name", "former", "former_name", "last_day", "total"];
    Table { name: "merged", columns, rows: rows.collect() }
}

fn outgoing(report: &Report) -> Table {
    let percent = |share: Option<f64>| share.map_or(Value::Nothing, Value::Decimal);
    let rows = report.outgoing.iter().map(|row| {
        let of = &row.counts;
        let numbers =
            [of.drafted, of.withdrawn, of.refused, of.signed, of.numbered, of.sent, of.registered, of.registered_void];
        let shares = vec![percent(of.signed_percent), percent(of.sent_percent)];
        [place(row.unit.as_ref()), numbers.map(Value::Number).to_vec(), shares].concat()
    });
    Table { name: "outgoing", columns: [&["unit", "unit_name"][..], &OUTGOING].concat(), rows: rows.collect() }
}

fn booths(report: &Report) -> Table {
    let rows = report.booths.iter().flat_map(|row| {
        (0_u64..)
            .zip(row.hours)
            .map(|(hour, count)| [place(row.unit.as_ref()), vec![Value::Number(hour), Value::Number(count)]].concat())
    });
    Table { name: "booths", columns: vec!["unit", "unit_name", "hour", "requests"], rows: rows.collect() }
}

fn ranking(report: &Report) -> Table {
    let rows = report.rankings.iter().flat_map(|ranking| {
        let measure = text(ranking.measure.name());
        let ranked = ranking.ranked.iter().map({
            let measure = measure.clone();
            move |one| {
                let rank = Value::Number(u64::try_from(one.rank).unwrap_or(u64::MAX));
                let figures = vec![
                    Value::Number(one.active),
                    Value::Number(one.people),
                    text(&one.people_since),
                    Value::Decimal(one.rate),
                ];
                [vec![measure.clone(), rank], place(Some(&one.unit)), figures].concat()
            }
        });
        let unranked = ranking.unranked.iter().map(move |unit| {
            [vec![measure.clone(), Value::Nothing], place(Some(unit)), vec![Value::Nothing; 4]].concat()
        });
        ranked.chain(unranked).collect::<Vec<_>>()
    });
    let columns = vec!["measure", "rank", "unit", "unit_name", "active", "people", "people_since", "rate"];
    Table { name: "ranking", columns, rows: rows.collect() }
}

/// Code and name; nothing for the sum of all units.
fn place(unit: Option<&Place>) -> Vec<Value> {
    unit.map_or_else(|| vec![Value::Nothing; 2], |unit| vec![text(&unit.code), text(&unit.name)])
}

fn counts(counts: &super::CertificateCounts) -> Vec<Value> {
    let each = [
        counts.issued,
        counts.revoked,
        counts.total,
        counts.active,
        counts.suspended,
        counts.revoked_total,
        counts.expired,
    ];
    each.map(Value::Number).to_vec()
}

fn told(count: Option<u64>) -> Value {
    count.map_or(Value::Nothing, Value::Number)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

const COUNTS: [&str; 7] = ["issued", "revoked", "total", "active", "suspended", "revoked_total", "expired"];
const OUTGOING: [&str; 10] = [
    "drafted",
    "withdrawn",
    "refused",
    "signed",
    "numbered",
    "sent",
    "registered",
    "registered_void",
    "signed_percent",
    "sent_percent",
];
