//! A list as it arrives: a file, read by a reader worker under its limits, and the templates to fill in.

use super::{
    Column, TITLE, may_upload,
    row::{Cells, rows_of},
    sealed,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{InternalError, RequestError, RequestErrorKind, Result},
    reader, units,
};
use chuky_model::{
    id::AgencyListId,
    record::{
        agency::{AgencyLine, AgencyList},
        state::AgencyListState,
    },
    table::LONGEST_TABLE,
};
use std::fs::File;
use uuid::Uuid;

/// Bytes of a file.
pub const LARGEST_FILE: u64 = LONGEST_TABLE as u64;

/// Takes a list in as a draft of the caller's, whatever is wrong with its rows.
pub async fn upload(app: &App, by: &Principal, title: &str, file: File) -> Result<AgencyListId> {
    if !may_upload(by) {
        return Err(RequestError::forbidden().into());
    }
    // 1. The rows, read apart from everything else.
    let rows = rows_of(&reader::table::read(app, file).await?).map_err(|wrong| headings(&wrong.0))?;
    if rows.is_empty() {
        return Err(unusable(
            "list_empty",
            "Tệp không có dòng nào dưới tiêu đề.",
            "The file has no row below its headings.",
        )
        .into());
    }
    // 2. The list and its lines, sealed, in one transaction.
    let now = app.clock.now();
    let id = AgencyListId(Uuid::now_v7());
    let title: String = title.trim().chars().filter(|letter| !letter.is_control()).take(LONGEST_TITLE).collect();
    let mut list = AgencyList {
        id,
        state: AgencyListState::Draft,
        unit: units::own_code(app, by).await?,
        title: app.vault.seal(TITLE, &id.to_string(), title.as_bytes())?,
        content_digest: None,
        size: i64::try_from(rows.len()).unwrap_or(i64::MAX),
        entered_by: by.account,
        uploaded_at: now,
        entered_at: None,
        decided_by: None,
        decided_at: None,
        rejection_reason: None,
        finished_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut list).await?;
    let lines = rows.iter().zip(0..).map(|((row, cells), position)| line(app, id, (position, *row), cells));
    let lines = lines.collect::<Result<Vec<_>>>()?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_agency_list(&list).await?;
    for line in &lines {
        transaction.insert_agency_line(line).await?;
    }
    let content = serde_json::json!({ "size": list.size, "unit": list.unit });
    let entry = Entry::of_row(now, Kind::AgencyListUploaded, Actor::Account(by.account), &list);
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    Ok(id)
}

fn line(app: &App, list_id: AgencyListId, (position, row): (i64, u32), cells: &Cells) -> Result<AgencyLine> {
    let mut line = AgencyLine {
        list_id,
        position,
        row_number: i64::from(row),
        fields: Vec::new(),
        outcome: None,
        reason: None,
        request_id: None,
        done_at: None,
    };
    line.fields = sealed(app, &line, cells)?;
    Ok(line)
}

/// The template as CSV, with a byte order mark by which spreadsheets know UTF-8.
pub fn template_csv() -> String {
    let quoted = |texts: Vec<String>| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(",");
    format!("\u{feff}{}\r\n", quoted(template()))
}

/// The template as a workbook whose cells are texts, so that digits keep their leading zeros.
pub fn template_workbook() -> Result<Vec<u8>> {
    let made = chuky_pki::office::workbook_maker::make(&[template()]);
    Ok(made.map_err(|error| InternalError::other(error.to_string()))?)
}

fn template() -> Vec<String> {
    Column::ALL.into_iter().map(|column| column.heading().to_owned()).collect()
}

fn headings(missing: &[&str]) -> RequestError {
    let names = missing.join(", ");
    unusable(
        "list_headings",
        format!("Dòng đầu của tệp cần có mỗi cột sau đúng một lần: {names}. Hãy dùng tệp mẫu."),
        format!("The first row needs each of these columns exactly once: {names}. Use the template."),
    )
}

fn unusable(code: &'static str, vi: impl Into<String>, en: impl Into<String>) -> RequestError {
    RequestError { field: Some("file"), ..RequestError::new(RequestErrorKind::Invalid, code, vi, en) }
}

const LONGEST_TITLE: usize = 120;
