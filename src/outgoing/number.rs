//! Number and date: the next number of the agency's series in the year is entered into the register first, then written into the
//! document's fields. A crash between the two is continued with the same number; a number that nobody has any more stays in the register
//! with the reason. Each line has a MAC, and the next number follows the last line that has one.

use super::{
    act::is_what_was_seen,
    details::Details,
    draft::{DATE, NUMBER},
    issue::fits_package,
    limits::{ADDED_BYTES, REGISTER},
    restored::{self, Register},
    road::{Act, Road, clerk, forged},
    view::{self, OutgoingView},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    fault,
    reader::Task,
    signing,
    store::{self, Transaction},
};
use chuky_model::{
    id::OutgoingId,
    instant::Instant,
    record::{
        outgoing::{OutgoingNumber, designation, number_and_notation},
        state::{NumberState, OutgoingState},
    },
};
use serde::Serialize;

/// One line of the register of outgoing documents.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct NumberLine {
    pub number: i64,
    /// `15/QĐ-UBND`.
    pub code: String,
    /// `given` or `void`.
    pub state: String,
    /// Why nobody has it any more.
    pub void_reason: Option<String>,
    /// RFC 3339.
    pub given_at: String,
    pub given_by: String,
    pub document: String,
    /// Where the document stands, as of [`super::OutgoingView`]: one that was called back keeps its number.
    pub document_state: String,
    pub type_name: String,
    pub subject: String,
    pub recipients: usize,
}

/// Gives number and date, and writes them into the document that was shown, where it is said which that was.
pub async fn give_number(app: &App, by: &Principal, id: OutgoingId, seen: Option<&str>) -> Result<OutgoingView> {
    // 1. A signed document of the clerk's own agency.
    let mut road = Road::load(app, by, id).await?;
    clerk(by)?;
    road.stands(OutgoingState::Numbering)?;
    is_what_was_seen(&road, seen)?;
    let details = Details::of(app, &road.row)?;
    // What could not be sent afterwards gets no number: refusing it now loses nothing.
    if !road.recipients(app).await?.is_empty() {
        fits_package(&signing::of_road(app, road.row.document_id).await?, ADDED_BYTES)?;
    }
    // 2. The number, in the register.
    let number = reserve(app, by, &road).await?;
    fault::point("outgoing.number_reserved");
    // 3. Written into the fields that the signers left open; every signature must stay intact.
    let document = signing::of_road(app, road.row.document_id).await?;
    let values = vec![
        (NUMBER.to_owned(), details.number_text(&road.row, number.number)),
        (DATE.to_owned(), details.date_text(number.given_at)),
    ];
    let filled = signing::extended(app, by, &document, Task::FillFields(values)).await?;
    // 4. The row with the number.
    road.row.year = Some(number.year);
    road.row.number = Some(number.number);
    road.row.issued_at = Some(number.given_at);
    road.moves_to(OutgoingState::Sealing, &details, app.clock.now());
    let act = Act { by, kind: Kind::OutgoingNumbered, note: None };
    road.store_file(app, OutgoingState::Numbering, act, filled).await?;
    view::of_road(app, by, &road).await
}

/// The number that the document has, or the next one, in one transaction with its line in the register and its audit entry.
async fn reserve(app: &App, by: &Principal, road: &Road) -> Result<OutgoingNumber> {
    let row = &road.row;
    let designation = designation(&row.type_code, &row.notation);
    let mut expected = None;
    for _ in 0..TRIES {
        if let Some(number) = of_document(app, row.id).await? {
            let looks_so = number.designation.is_empty() || number.designation == designation;
            if number.unit != row.unit || number.state != NumberState::Given || !looks_so {
                return Err(forged("outgoing_number"));
            }
            return Ok(number);
        }
        // 1. The register that this designation has this year, or the drafter's; its last line, and so the next number.
        let now = app.clock.now();
        let year = year_of(now)?;
        let kept = designated(app, &row.unit, year, &designation).await?;
        let series = kept.map_or_else(|| row.series.clone(), |number| number.series);
        let last = current::row(app, || app.store.last_outgoing_number(&row.unit, year, &series)).await?;
        let floor = restored::floor(app, Register::Outgoing, &row.unit, year, &series).await?;
        let mut number = OutgoingNumber {
            outgoing_id: row.id,
            unit: row.unit.clone(),
            year,
            number: last.map_or(0, |last| last.number).max(floor).saturating_add(1),
            series,
            designation: designation.clone(),
            state: NumberState::Given,
            given_by: by.account,
            given_at: now,
            void_reason: None,
            version: 1,
            mac: Vec::new(),
        };
        attestation::attest(&*app.tokens.subscribers, &mut number).await?;
        // 2. Entered, where it is still the next one.
        if entered(app, by, road, &number).await? {
            return Ok(number);
        }
        // Another clerk gave one in this moment, which moves the last line; or somebody wrote into the counter.
        let tried = (number.series, number.number);
        if expected.as_ref() == Some(&tried) {
            return Err(forged("outgoing_series"));
        }
        expected = Some(tried);
    }
    Err(RequestError::try_again().into())
}

/// Stores the line, unless another was stored since it was made: what the transaction counted is undone then.
async fn entered(app: &App, by: &Principal, road: &Road, number: &OutgoingNumber) -> Result<bool> {
    let mut transaction = app.store.begin().await?;
    // Neither refused nor numbered meanwhile: whoever does so waits for this transaction.
    match transaction.hold_outgoing(&road.row).await {
        Err(store::Error::Stale) => return Err(super::road::moved_on().into()),
        other => other?,
    }
    let next = transaction.next_outgoing_number(&number.unit, number.year, &number.series).await?;
    if next != number.number {
        transaction.rollback().await?;
        return Ok(false);
    }
    match transaction.insert_outgoing_number(number).await {
        Err(store::Error::Conflict(_)) => {
            transaction.rollback().await?;
            return Ok(false);
        }
        other => other?,
    }
    let entry = Entry::of_row(number.given_at, Kind::OutgoingNumberGiven, Actor::Account(by.account), number);
    let content = serde_json::json!({
        "unit": number.unit, "year": number.year, "series": number.series, "number": number.number,
        "designation": number.designation,
    });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    Ok(true)
}

/// The number that a document has or had.
async fn of_document(app: &App, id: OutgoingId) -> Result<Option<OutgoingNumber>> {
    current::row_by_log(app, || app.store.outgoing_number_of(id)).await
}

/// The last number of an agency in a year that something of this designation has: it tells the designation's register.
pub(super) async fn designated(app: &App, unit: &str, year: i64, designation: &str) -> Result<Option<OutgoingNumber>> {
    current::row(app, || app.store.last_outgoing_designated(unit, year, designation)).await
}

/// The number of a document that is refused, void for this reason; `None` where it has none.
pub(super) async fn voided(app: &App, id: OutgoingId, reason: &str) -> Result<Option<OutgoingNumber>> {
    let Some(mut number) = of_document(app, id).await? else { return Ok(None) };
    number.state = NumberState::Void;
    number.void_reason = Some(reason.to_owned());
    attestation::attest_change(&*app.tokens.subscribers, &mut number).await?;
    Ok(Some(number))
}

/// Stores it in the transaction that refuses the document, whose row that transaction holds.
pub(super) async fn store_void(
    transaction: &mut Transaction,
    id: OutgoingId,
    void: Option<OutgoingNumber>,
    (by, now): (&Principal, Instant),
) -> Result<()> {
    let Some(number) = void else {
        // One that was given since it was looked for would stay: the refusal is made again.
        return match transaction.outgoing_number_of(id).await? {
            Some(_) => Err(RequestError::overtaken().into()),
            None => Ok(()),
        };
    };
    transaction.update_outgoing_number(&number).await?;
    let entry = Entry::of_row(now, Kind::OutgoingNumberVoided, Actor::Account(by.account), &number);
    audit::record(transaction, entry).await?;
    Ok(())
}

/// Decree 30/2020/NĐ-CP, article 15: from 1 January to 31 December, by Vietnam's clock.
pub(super) fn year_of(now: Instant) -> Result<i64> {
    let year = now.in_vietnam().map(|moment| i64::from(moment.year()));
    Ok(year.ok_or_else(|| InternalError::other("a time without a year"))?)
}

/// The register of the caller's agency.
pub async fn register(
    app: &App,
    by: &Principal,
    year: Option<i64>,
    series: &str,
    from: i64,
) -> Result<Vec<NumberLine>> {
    clerk(by)?;
    let year = year.map_or_else(|| year_of(app.clock.now()), Ok)?;
    let from = from.max(1);
    let numbers = current::rows(app, || app.store.outgoing_numbers(&by.unit, year, series, from, REGISTER)).await?;
    let mut lines = Vec::new();
    for number in numbers {
        let road = Road::of(app, number.outgoing_id).await?;
        let recipients = road.recipients(app).await?.len();
        let row = road.row;
        let details = Details::of(app, &row)?;
        lines.push(NumberLine {
            number: number.number,
            code: number_and_notation(number.number, &row.type_code, &row.notation),
            state: number.state.name().to_owned(),
            void_reason: number.void_reason,
            given_at: number.given_at.rfc3339(),
            given_by: accounts::name_of(app, number.given_by).await?,
            document: row.id.to_string(),
            document_state: row.state.name().to_owned(),
            type_name: details.type_name,
            subject: details.subject,
            recipients,
        });
    }
    Ok(lines)
}

/// How often a number is asked for while other clerks give theirs; each try that fails is one that another clerk got.
const TRIES: usize = 32;
