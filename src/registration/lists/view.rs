//! What a registrar or approver is shown of a list: its progress, and its lines with what is wrong in place. Personal numbers are masked,
//! except to who may decide on the list, and in the cell of one's own draft that is to be corrected.

use super::{
    CheckedLine, Column, Drafted, RowProblem, TITLE, differs,
    kept::{self, Whole},
    line_as_entered, line_digest, load, may_decide, may_upload, moved_on,
};
use crate::{
    accounts::{self, Principal},
    app::App,
    current,
    error::{Error, RequestError, Result},
    registration::Details,
    units,
};
use chuky_model::{
    id::{AgencyListId, RequestId},
    instant::Instant,
    record::{
        Cursor,
        agency::{AgencyLine, AgencyList},
        state::{AgencyLineOutcome, AgencyListState},
    },
};
use serde::Serialize;
use std::collections::BTreeSet;

/// A list as it is shown and answered.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ListView {
    #[schema(value_type = String)]
    pub id: AgencyListId,
    /// `draft`, `entered`, `approved`, `done`, `rejected` or `dropped`.
    #[schema(value_type = String)]
    pub state: AgencyListState,
    pub title: String,
    pub unit: String,
    /// What the unit was called when the list was uploaded; empty where that is not known.
    pub unit_name: String,
    pub size: i64,
    /// Lines without an outcome yet.
    pub open: i64,
    /// What an approval must repeat; absent of a draft.
    pub content_digest: Option<String>,
    /// Display names, and RFC 3339.
    pub entered_by: String,
    pub uploaded_at: String,
    pub entered_at: Option<String>,
    pub decided_by: Option<String>,
    pub decided_at: Option<String>,
    pub rejection_reason: Option<String>,
    pub finished_at: Option<String>,
    /// Whether the reader may correct, enter or drop it.
    pub own: bool,
    /// Whether the reader may decide it: a second pair of eyes.
    pub decidable: bool,
}

/// One cell as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Value {
    pub column: &'static str,
    pub text: String,
}

/// One line.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LineView {
    pub position: i64,
    /// The row of the file.
    pub row: i64,
    pub values: Vec<Value>,
    pub problems: Vec<RowProblem>,
    /// What an approval of this line alone must repeat; absent of a draft and of a decided line.
    pub content_digest: Option<String>,
    #[schema(value_type = Option<String>)]
    pub outcome: Option<AgencyLineOutcome>,
    pub reason: Option<String>,
    #[schema(value_type = Option<String>)]
    pub request: Option<RequestId>,
}

/// A list with some of its lines.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ListDetail {
    #[serde(flatten)]
    pub list: ListView,
    /// Lines of a draft that something is wrong with.
    pub wrong: usize,
    pub lines: Vec<LineView>,
    /// The position of the next line, to be passed as `from`; absent on the last page.
    pub next: Option<i64>,
}

/// Which lines to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    #[default]
    All,
    /// Only those that something is wrong with.
    Wrong,
    /// Only those without an outcome.
    Open,
}

/// Lists that the caller may see, newest first, before a cursor; with the cursor of the next page.
pub async fn lists(app: &App, by: &Principal, before: Cursor) -> Result<(Vec<ListView>, Option<Cursor>)> {
    let rows = current::rows(app, || app.store.list_agency_lists(before, PAGE)).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| full).map(|last| Cursor { at: last.uploaded_at, id: last.id.0 });
    let mut views = Vec::new();
    for row in rows.iter().filter(|row| may_see(by, row)) {
        views.push(view(app, by, row).await?);
    }
    Ok((views, next))
}

/// One list with its lines from a position on.
pub async fn list(app: &App, by: &Principal, id: AgencyListId, shown: Shown, from: i64) -> Result<ListDetail> {
    let list = load(app, id).await?;
    if !may_see(by, &list) {
        return Err(RequestError::not_found().into());
    }
    let view = view(app, by, &list).await?;
    let whole = match list.state {
        AgencyListState::Dropped => None,
        _ => Some(kept::whole(app, by, &list).await?),
    };
    let wrong = whole.as_ref().map(|whole| &whole.wrong);
    let mut rows = match (shown, wrong) {
        (Shown::Wrong, wrong) => rows_at(app, id, wrong.into_iter().flat_map(|wrong| wrong.range(from..))).await?,
        (Shown::All, _) => app.store.agency_lines(id, from, ONE_MORE).await?,
        (Shown::Open, _) => open_rows(app, id, from).await?,
    };
    if let Some(whole) = whole.as_ref().filter(|_| shown == Shown::All)
        && !whole.follow(from, &rows, LINES + 1)
    {
        return Err(changed_meanwhile(&list));
    }
    let next = rows.get(LINES).map(|line| line.position);
    rows.truncate(LINES);
    let wrong = wrong.map_or(0, BTreeSet::len);
    let page = checked(app, by, &list, (whole.as_deref(), rows)).await?;
    let lines = page.iter().map(|line| line_view(app, &view, &list, line)).collect::<Result<_>>()?;
    Ok(ListDetail { list: view, wrong, lines, next })
}

/// The officials of a page of a list that was handed in, in full, without the lines that were rejected; with the position of the next
/// page. For who uploaded it, and for who may decide on it.
pub async fn people(app: &App, by: &Principal, id: AgencyListId, from: i64) -> Result<(Vec<Details>, Option<i64>)> {
    let list = load(app, id).await?;
    if !may_see(by, &list) {
        return Err(RequestError::not_found().into());
    }
    if !(view(app, by, &list).await?.decidable || list.entered_by == by.account) {
        return Err(RequestError::forbidden().into());
    }
    if matches!(list.state, AgencyListState::Draft | AgencyListState::Rejected | AgencyListState::Dropped) {
        return Err(RequestError::conflict(
            "list_not_entered",
            "Chỉ lập biểu mẫu từ danh sách đã nộp và không bị từ chối.",
            "Forms are filled from a list that was handed in and not rejected.",
        )
        .into());
    }
    let whole = kept::whole(app, by, &list).await?;
    let mut rows = app.store.agency_lines(id, from, ONE_MORE).await?;
    if !whole.follow(from, &rows, LINES + 1) {
        return Err(changed_meanwhile(&list));
    }
    let next = rows.get(LINES).map(|line| line.position);
    rows.truncate(LINES);
    let lines = checked(app, by, &list, (Some(&whole), rows)).await?;
    let lines = lines.into_iter().filter(|one| one.line.outcome != Some(AgencyLineOutcome::Rejected));
    let people = lines.map(|one| one.details.ok_or_else(|| differs().into())).collect::<Result<_>>()?;
    Ok((people, next))
}

/// The lines of a page, each of them one that was there when all were looked at.
async fn checked(
    app: &App,
    by: &Principal,
    list: &AgencyList,
    (whole, rows): (Option<&Whole>, Vec<AgencyLine>),
) -> Result<Vec<CheckedLine>> {
    let Some(whole) = whole else { return rows.into_iter().map(|line| unchecked(app, line)).collect() };
    let is_draft = list.state == AgencyListState::Draft;
    if rows.iter().any(|line| !whole.knows(line)) {
        return Err(changed_meanwhile(list));
    }
    if !is_draft {
        return rows.into_iter().map(|line| line_as_entered(app, list, line)).collect();
    }
    let drafted = Drafted::new(app, by).await?;
    let mut lines = Vec::with_capacity(rows.len());
    for line in rows {
        let twice = whole.twice(line.position);
        lines.push(drafted.checked(app, line, twice).await?);
    }
    Ok(lines)
}

/// A draft may be corrected in this moment; what was handed in stands still.
fn changed_meanwhile(list: &AgencyList) -> Error {
    if list.state == AgencyListState::Draft {
        return moved_on().into();
    }
    tracing::error!(event = "agency_line_differs", list = %list.id);
    differs().into()
}

fn unchecked(app: &App, line: AgencyLine) -> Result<CheckedLine> {
    Ok(CheckedLine { cells: super::cells_of(app, &line)?, line, details: None, problems: Vec::new(), twice: None })
}

/// The rows of the first of those positions, a page and one more.
async fn rows_at(app: &App, id: AgencyListId, positions: impl Iterator<Item = &i64>) -> Result<Vec<AgencyLine>> {
    let mut rows = Vec::new();
    for position in positions.take(LINES + 1) {
        let there = app.store.agency_lines(id, *position, 1).await?;
        rows.extend(there.into_iter().filter(|line| line.position == *position));
    }
    Ok(rows)
}

/// The rows without an outcome from a position on, a page and one more. They are read without being opened.
async fn open_rows(app: &App, id: AgencyListId, from: i64) -> Result<Vec<AgencyLine>> {
    let (mut open, mut from) = (Vec::new(), from);
    loop {
        let rows = app.store.agency_lines(id, from, ROWS_AT_A_TIME).await?;
        let last = rows.last().map(|line| line.position).filter(|_| i64::try_from(rows.len()) == Ok(ROWS_AT_A_TIME));
        open.extend(rows.into_iter().filter(|line| line.outcome.is_none()));
        match last {
            Some(last) if open.len() <= LINES => from = last.saturating_add(1),
            _ => {
                open.truncate(LINES + 1);
                return Ok(open);
            }
        }
    }
}

fn line_view(app: &App, view: &ListView, list: &AgencyList, checked: &CheckedLine) -> Result<LineView> {
    let CheckedLine { line, cells, details, problems, .. } = checked;
    let value = |column: Column| {
        let in_place = view.own && problems.iter().any(|problem| problem.column == column.name());
        let text = match cells.number() {
            // Whoever decides compares the whole number with the papers: it is what the certificate carries.
            Some(number) if column == Column::PersonalNumber && !in_place && !view.decidable => number.masked(),
            _ => cells.text(column),
        };
        Value { column: column.name(), text }
    };
    let content_digest = match list.state {
        AgencyListState::Entered if line.outcome.is_none() => {
            let details = details.as_ref().ok_or_else(differs)?;
            Some(hex::encode(line_digest(app, list, line, cells, details)))
        }
        _ => None,
    };
    Ok(LineView {
        position: line.position,
        row: line.row_number,
        values: Column::ALL.into_iter().map(value).collect(),
        problems: problems.clone(),
        content_digest,
        outcome: line.outcome,
        reason: line.reason.clone(),
        request: line.request_id,
    })
}

async fn view(app: &App, by: &Principal, list: &AgencyList) -> Result<ListView> {
    let title = app.vault.open(TITLE, &list.id.to_string(), &list.title)?;
    let decided_by = match list.decided_by {
        Some(account) => Some(accounts::name_of(app, account).await?),
        None => None,
    };
    let unit = units::unit_at(app, &list.unit, list.uploaded_at).await?;
    let own = list.entered_by == by.account;
    Ok(ListView {
        id: list.id,
        state: list.state,
        title: String::from_utf8_lossy(&title).into_owned(),
        unit: list.unit.clone(),
        unit_name: unit.map(|unit| unit.name).unwrap_or_default(),
        size: list.size,
        open: app.store.count_open_agency_lines(list.id).await?,
        content_digest: list.content_digest.as_ref().map(hex::encode),
        entered_by: accounts::name_of(app, list.entered_by).await?,
        uploaded_at: list.uploaded_at.rfc3339(),
        entered_at: list.entered_at.map(Instant::rfc3339),
        decided_by,
        decided_at: list.decided_at.map(Instant::rfc3339),
        rejection_reason: list.rejection_reason.clone(),
        finished_at: list.finished_at.map(Instant::rfc3339),
        own,
        decidable: list.state == AgencyListState::Entered && may_decide(by) && !own,
    })
}

/// Who uploaded it sees it always, who decides once it is entered.
fn may_see(by: &Principal, list: &AgencyList) -> bool {
    (may_upload(by) && list.entered_by == by.account) || (may_decide(by) && list.entered_at.is_some())
}

/// Lists a page.
const PAGE: i64 = 50;
/// Lines a page.
const LINES: usize = 100;
/// By which the next page is known.
const ONE_MORE: i64 = 101;
/// Rows that are looked through for open ones together.
const ROWS_AT_A_TIME: i64 = 1_000;
