//! Agencies' lists of officials: uploaded as a file and read by a reader worker, corrected row by row, entered, and approved by another
//! account over the digest of exactly what was shown. The approved lines become requests, each with its approval and its code, by a
//! job that may stop anywhere. Keys and certificates are made when codes are redeemed, never here.

mod approved;
mod decide;
mod finished;
mod kept;
mod row;
mod run;
mod sheets;
mod upload;
mod view;

pub use approved::ApprovedLists;
pub(super) use approved::check as check_approved;
pub use decide::{decide, decide_line};
pub use kept::Kept;
pub use row::{Column, RowProblem, is_sheet, phone};
pub use run::{run_due, start};
pub use sheets::{CodeSheet, ConfirmationSheet, Lines, Printed, code_sheets, confirmation_sheets};
pub use upload::{LARGEST_FILE, template_csv, template_workbook, upload};
pub use view::{LineView, ListDetail, ListView, Shown, Value, list, lists, people};

use super::Details;
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    store::{self, Transaction},
    units,
};
use chuky_model::{
    id::AgencyListId,
    record::{
        agency::{AgencyLine, AgencyList},
        state::{AgencyListState, CertificateState},
    },
    request::{Hierarchy, RequestState},
    role::Role,
    table::Cell,
    unit::{Area, Units},
};
use finished::Finished;
use row::{Against, Cells, Checked};
use std::{collections::HashMap, sync::Arc};

/// A line with its cells and what is wrong with them, also beside the other lines and the register.
struct CheckedLine {
    line: AgencyLine,
    cells: Cells,
    details: Option<Details>,
    problems: Vec<RowProblem>,
    /// The row of the file that has the same person before, of a draft.
    twice: Option<i64>,
}

/// Puts other texts into a line of one's own draft.
pub async fn correct(
    app: &App,
    by: &Principal,
    id: AgencyListId,
    position: i64,
    texts: &[(Column, String)],
) -> Result<()> {
    let mut list = own_draft(app, by, id).await?;
    let mut line = line_at(app, id, position).await?;
    let mut cells = cells_of(app, &line)?;
    for (column, text) in texts {
        if text.chars().count() > LONGEST_TEXT || text.chars().any(char::is_control) {
            let (vi, en) = ("Nội dung quá dài hoặc có ký tự lạ.", "Too long, or with strange characters.");
            return Err(RequestError::invalid(column.name(), "too_long", vi, en).into());
        }
        cells.set(*column, text);
    }
    line.fields = sealed(app, &line, &cells)?;
    attestation::attest_change(&*app.tokens.subscribers, &mut list).await?;
    let mut transaction = app.store.begin().await?;
    moved(transaction.correct_agency_line(&line).await)?;
    changed(app, transaction, (&list, Kind::AgencyListCorrected, by), serde_json::json!({ "position": position })).await
}

/// Removes a line from one's own draft.
pub async fn remove(app: &App, by: &Principal, id: AgencyListId, position: i64) -> Result<()> {
    let mut list = own_draft(app, by, id).await?;
    attestation::attest_change(&*app.tokens.subscribers, &mut list).await?;
    let mut transaction = app.store.begin().await?;
    moved(transaction.remove_agency_line(id, position).await)?;
    let content = serde_json::json!({ "position": position, "removed": true });
    changed(app, transaction, (&list, Kind::AgencyListCorrected, by), content).await
}

/// Gives one's own list up, as long as nobody has decided on it.
pub async fn drop_list(app: &App, by: &Principal, id: AgencyListId) -> Result<()> {
    let mut list = own(app, by, id).await?;
    if !matches!(list.state, AgencyListState::Draft | AgencyListState::Entered) {
        return Err(moved_on().into());
    }
    list.state = AgencyListState::Dropped;
    attestation::attest_change(&*app.tokens.subscribers, &mut list).await?;
    let transaction = app.store.begin().await?;
    changed(app, transaction, (&list, Kind::AgencyListDropped, by), serde_json::Value::Null).await
}

/// Enters one's own draft, in which nothing is wrong any more: somebody else decides on it.
pub async fn enter(app: &App, by: &Principal, id: AgencyListId) -> Result<()> {
    // 1. Nothing is wrong with any line.
    let mut list = own_draft(app, by, id).await?;
    let lines = checked_lines(app, by, &list).await?;
    let wrong = lines.iter().filter(|line| !line.problems.is_empty()).count();
    if wrong > 0 || lines.is_empty() {
        return Err(RequestError::invalid(
            "list",
            "list_has_problems",
            format!("Còn {wrong} dòng cần sửa. Hãy sửa hoặc bỏ các dòng này rồi gửi duyệt."),
            format!("{wrong} lines are wrong still. Correct or remove them, then hand the list in."),
        )
        .into());
    }
    // 2. What is to be approved, bound by its digest. A correction meanwhile raises the list's version, and this loses.
    let now = app.clock.now();
    list.state = AgencyListState::Entered;
    list.entered_at = Some(now);
    list.size = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    list.content_digest = Some(digest_of(app, &list, &lines)?);
    attestation::attest_change(&*app.tokens.subscribers, &mut list).await?;
    let transaction = app.store.begin().await?;
    let content = serde_json::json!({ "size": list.size, "content": list.content_digest.as_ref().map(hex::encode) });
    changed(app, transaction, (&list, Kind::AgencyListEntered, by), content).await
}

/// Who uploads lists, and sees their own.
pub fn may_upload(by: &Principal) -> bool {
    by.has(Role::Registrar)
}

/// Who decides on lists of others.
pub fn may_decide(by: &Principal) -> bool {
    by.has(Role::Approver)
}

/// The list of that identifier as it is now, its MAC checked.
async fn load(app: &App, id: AgencyListId) -> Result<AgencyList> {
    let list = current::row_by_log(app, || app.store.agency_list_by_id(id)).await?;
    Ok(list.ok_or_else(RequestError::not_found)?)
}

async fn own(app: &App, by: &Principal, id: AgencyListId) -> Result<AgencyList> {
    let list = load(app, id).await?;
    if list.entered_by == by.account { Ok(list) } else { Err(RequestError::not_found().into()) }
}

async fn own_draft(app: &App, by: &Principal, id: AgencyListId) -> Result<AgencyList> {
    let list = own(app, by, id).await?;
    if list.state == AgencyListState::Draft { Ok(list) } else { Err(moved_on().into()) }
}

async fn line_at(app: &App, id: AgencyListId, position: i64) -> Result<AgencyLine> {
    let lines = app.store.agency_lines(id, position.max(0), 1).await?;
    let line = lines.into_iter().next().filter(|line| line.position == position);
    Ok(line.ok_or_else(RequestError::not_found)?)
}

/// Every line of the caller's own draft, each checked by itself, beside the others and against the register.
async fn checked_lines(app: &App, by: &Principal, list: &AgencyList) -> Result<Vec<CheckedLine>> {
    let drafted = Drafted::new(app, by).await?;
    let mut lines = Vec::new();
    // The first row of each personal number.
    let mut first: HashMap<[u8; 32], i64> = HashMap::new();
    for line in app.store.agency_lines(list.id, 0, MOST_LINES).await? {
        let number = cells_of(app, &line)?.number();
        let lookup = number.map(|number| app.vault.lookup("person", number.reveal()));
        let twice = lookup.and_then(|lookup| first.get(&lookup).copied());
        if let Some(lookup) = lookup.filter(|_| twice.is_none()) {
            first.insert(lookup, line.row_number);
        }
        lines.push(drafted.checked(app, line, twice).await?);
    }
    Ok(lines)
}

/// What lines of a draft are checked against.
struct Drafted {
    units: Arc<Units>,
    area: Area,
    today: time::Date,
    day: String,
}

impl Drafted {
    async fn new(app: &App, by: &Principal) -> Result<Self> {
        let units = units::known(app).await?;
        let now = app.clock.now();
        let (today, day) = (now.in_vietnam().map_or(time::Date::MAX, |moment| moment.date()), units::day_of(now));
        Ok(Self { area: units::area_of(&units, by, &day), units, today, day })
    }

    /// A line checked by itself and against the register; `twice` is the row that has its person before.
    async fn checked(&self, app: &App, line: AgencyLine, twice: Option<i64>) -> Result<CheckedLine> {
        let cells = cells_of(app, &line)?;
        let against = Against { units: &self.units, day: &self.day, area: &self.area };
        let Checked { mut details, mut problems } = row::check(&cells, Some(against), self.today);
        if let Some(Err(crate::error::Error::Request(refused))) =
            details.as_ref().map(|details| super::admission::check_age(app, details, self.today))
        {
            problems.push(RowProblem { column: Column::BirthDate.name(), code: refused.code, said: refused.detail });
        }
        match (twice, cells.number()) {
            (Some(row), _) => problems.push(listed_twice(row)),
            (None, Some(number)) => {
                let known = known_person(app, &app.vault.lookup("person", number.reveal())).await?;
                problems.extend(known.map(Known::problem));
            }
            (None, None) => {}
        }
        details = details.filter(|_| problems.is_empty());
        Ok(CheckedLine { line, cells, details, problems, twice })
    }
}

/// What the register knows of a person that keeps them from another certificate of officials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    RequestOpen,
    HasCertificate,
}

impl Known {
    fn problem(self) -> RowProblem {
        match self {
            Self::RequestOpen => {
                let (vi, en) = ("Người này đã có một hồ sơ đang chờ.", "This person has a request under way.");
                RowProblem::new(Column::PersonalNumber, "request_open", vi, en)
            }
            Self::HasCertificate => {
                let vi =
                    "Người này đã có chứng thư cán bộ còn hạn. Nếu thông tin thay đổi, hãy thay đổi trên chứng thư đó.";
                let en = "This person has an official's certificate that is still good. Where information has changed, change it there.";
                RowProblem::new(Column::PersonalNumber, "has_certificate", vi, en)
            }
        }
    }
}

/// What the register knows of a person.
async fn known_person(app: &App, lookup: &[u8]) -> Result<Option<Known>> {
    let now = app.clock.now();
    for request in app.store.requests_of_person(lookup).await? {
        if request.hierarchy != Hierarchy::Officials {
            continue;
        }
        // Seals and devices are somebody's responsibility, not somebody's certificate.
        if super::open(app, &request)?.kind != chuky_model::request::SubjectKind::Person {
            continue;
        }
        if request.state.is_open() {
            return Ok(Some(Known::RequestOpen));
        }
        let Some(certificate) = request.certificate_id.filter(|_| request.state == RequestState::Issued) else {
            continue;
        };
        let certificate = app.store.certificate_by_id(certificate).await?;
        let lives = |state| matches!(state, CertificateState::Issued | CertificateState::Suspended);
        if certificate.is_some_and(|one| lives(one.state) && one.not_after > now) {
            return Ok(Some(Known::HasCertificate));
        }
    }
    Ok(None)
}

fn listed_twice(row: i64) -> RowProblem {
    RowProblem::new(
        Column::PersonalNumber,
        "listed_twice",
        format!("Số định danh này đã có ở dòng {row} của danh sách."),
        format!("This personal number stands in row {row} of the list already."),
    )
}

/// The digest of one line: what an approval of it alone repeats.
fn line_digest(app: &App, list: &AgencyList, line: &AgencyLine, cells: &Cells, details: &Details) -> [u8; 32] {
    let content = serde_json::json!({
        "list": list.id, "position": line.position, "list_unit": list.unit,
        "unit": cells.text(Column::Unit), "details": details,
    });
    app.vault.lookup("agency_line", &zeroize::Zeroizing::new(content.to_string()))
}

/// The digest of every line, in their order.
fn digest_of(app: &App, list: &AgencyList, lines: &[CheckedLine]) -> Result<Vec<u8>> {
    let mut all = String::new();
    for CheckedLine { line, cells, details, .. } in lines {
        let details = details.as_ref().ok_or_else(differs)?;
        all.push_str(&hex::encode(line_digest(app, list, line, cells, details)));
    }
    Ok(app.vault.lookup("agency_list", &all).to_vec())
}

/// The lines of an entered list, read anew; an error where they are not those that were entered, and where a line that has its outcome
/// is said to have none. What the register and the units say by now does not matter here.
async fn entered_lines(app: &App, list: &AgencyList) -> Result<Vec<CheckedLine>> {
    // The log first: a line that is finished meanwhile has its outcome in the row.
    let mut finished = Finished::of(app, list).await?;
    let lines = as_entered(app, list).await?;
    if !lines.iter().all(|line| finished.fits(&line.line)) {
        // And once more after them: one that was rejected meanwhile is told of by now.
        finished.and_then(Finished::of(app, list).await?);
    }
    for line in &lines {
        finished.check(list.id, &line.line)?;
    }
    Ok(lines)
}

/// The lines of an entered list, read anew; an error where they are not those that were entered.
async fn as_entered(app: &App, list: &AgencyList) -> Result<Vec<CheckedLine>> {
    let lines = app.store.agency_lines(list.id, 0, list.size.saturating_add(1)).await?;
    let checked = lines.into_iter().map(|line| line_as_entered(app, list, line)).collect::<Result<Vec<_>>>()?;
    if i64::try_from(checked.len()).ok() != Some(list.size)
        || list.content_digest != Some(digest_of(app, list, &checked)?)
    {
        tracing::error!(event = "agency_list_differs", list = %list.id);
        return Err(differs().into());
    }
    Ok(checked)
}

/// One line, checked as on the day of the list's entry.
fn line_as_entered(app: &App, list: &AgencyList, line: AgencyLine) -> Result<CheckedLine> {
    let entered = list.entered_at.ok_or_else(differs)?;
    let today = entered.in_vietnam().map_or(time::Date::MAX, |moment| moment.date());
    let cells = cells_of(app, &line)?;
    let Checked { details, problems } = row::check(&cells, None, today);
    Ok(CheckedLine { line, cells, details, problems, twice: None })
}

fn differs() -> InternalError {
    InternalError::RowForged { table: "agency_line" }
}

/// Stores a list's next version with its audit entry, and commits.
async fn changed(
    app: &App,
    transaction: Transaction,
    (list, kind, by): (&AgencyList, Kind, &Principal),
    content: serde_json::Value,
) -> Result<()> {
    let entry = Entry::of_row(app.clock.now(), kind, Actor::Account(by.account), list);
    committed(app, transaction, list, entry.with(content)).await
}

/// Stores a list's next version with the entry that tells of it, and commits.
async fn committed(app: &App, mut transaction: Transaction, list: &AgencyList, entry: Entry) -> Result<()> {
    moved(transaction.update_agency_list(list).await)?;
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    current::changed(app, list);
    Ok(())
}

fn moved(outcome: Result<(), store::Error>) -> Result<()> {
    match outcome {
        Err(store::Error::Stale) => Err(moved_on().into()),
        other => Ok(other?),
    }
}

fn moved_on() -> RequestError {
    RequestError::conflict(
        "list_moved_on",
        "Danh sách đã thay đổi hoặc đã được xử lý. Hãy tải lại trang.",
        "The list has changed or was decided. Reload the page.",
    )
}

fn cells_of(app: &App, line: &AgencyLine) -> Result<Cells> {
    let plain = app.vault.open(FIELDS, &place(line), &line.fields)?;
    let cells: Vec<Cell> =
        serde_json::from_slice(&plain).map_err(|_| InternalError::other("a list's line cannot be read"))?;
    Ok(Cells(cells))
}

fn sealed(app: &App, line: &AgencyLine, cells: &Cells) -> Result<Vec<u8>> {
    let plain = serde_json::to_vec(&cells.0).map(zeroize::Zeroizing::new);
    let plain = plain.map_err(|_| InternalError::other("a list's line cannot be written"))?;
    app.vault.seal(FIELDS, &place(line), &plain)
}

fn place(line: &AgencyLine) -> String {
    format!("{}:{}", line.list_id, line.position)
}

const FIELDS: &str = "agency_line.fields";
const TITLE: &str = "agency_list.title";
/// Characters of one cell that somebody types.
const LONGEST_TEXT: usize = 300;
/// As many as a file has rows.
const MOST_LINES: i64 = 20_000;
